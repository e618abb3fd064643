"""A request on its way says once how it ended."""

from __future__ import annotations

from tests.rules.messages import asked
from wsgicache.origin.flights import Outcome
from wsgicache.origin.trip import Trip
from wsgicache.rules.model import URI_MISS


class Flight:
    """One that notes how it ended."""

    def __init__(self) -> None:
        self.told: list[tuple[Outcome, str | None, int | None]] = []

    def land(self, outcome: Outcome, why: str | None, code: int | None) -> None:
        self.told.append((outcome, why, code))


def test_a_flight_lands_once() -> None:
    trip, flight = Trip(asked(), URI_MISS), Flight()
    trip.land("kept")  # it leads none
    trip.flight = flight
    trip.land("kept", "because")
    trip.land("failed")
    assert flight.told == [("kept", "because", None)]
