"""A few seconds of the soak of the long run, with a fault of memcached every half second."""

from __future__ import annotations

from tests.processes.soak import FAULTS, soaked
from tests.running import eventually


def test_faults_of_the_store_reach_no_client() -> None:
    with soaked("memcached") as (soak, proxy):
        soak.run(0.5 * len(FAULTS), proxy, every=0.5, lasts=0.25)
        eventually(soak.is_hit, "the store has not healed")
    assert soak.failed == []
    assert soak.faults >= len(FAULTS)
    assert soak.states[-1].flights == 0
