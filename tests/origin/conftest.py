"""What holds for every test of how the application is asked."""

from __future__ import annotations

import pytest

from wsgicache.origin import turns

LEASE_SECONDS = 3600.0


@pytest.fixture(autouse=True)
def longer_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a lease that is not given back waits for ever, and never too short a time
    on a busy machine."""
    monkeypatch.setattr(turns, "LEASE_SECONDS", LEASE_SECONDS)
