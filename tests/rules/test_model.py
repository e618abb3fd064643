"""The nouns that know something of themselves."""

from __future__ import annotations

from tests.rules.messages import asked
from wsgicache.rules.request import Outcome


class Flight:
    """One that is told how it ended."""

    def __init__(self) -> None:
        self.told: list[tuple[Outcome, str | None, int | None]] = []

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        self.told.append((outcome, why, code))


def test_a_flight_lands_once() -> None:
    request, flight = asked(), Flight()
    request.land("kept")  # it leads none
    request.flight = flight
    request.land("kept", "because")
    request.land("failed")
    assert flight.told == [("kept", "because", None)]
