"""The nouns that know something of themselves."""

from __future__ import annotations

from tests.rules.messages import asked


class Flight:
    """One that is told how it ended."""

    def __init__(self) -> None:
        self.told: list[tuple[object, str | None]] = []

    def land(self, outcome: object, why: str | None = None) -> None:
        self.told.append((outcome, why))


def test_a_flight_lands_once() -> None:
    request, flight = asked(), Flight()
    request.land("nothing")  # it leads none
    request.flight = flight
    request.land("kept", "because")
    request.land("failed")
    assert flight.told == [("kept", "because")]
