"""Several workers on one machine, without a server for their pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.processes.machine import SERVERS, play
from tests.running import refuse
from tests.servers.rows import program


@pytest.mark.parametrize("name", SERVERS)
def test_workers_behave_as_one(name: str, tmp_path: Path) -> None:
    if program(name) is None:
        refuse(f"{name} is not installed", optional=name == "uwsgi")
    played = play(name, tmp_path, 10)
    workers = SERVERS[name].workers
    assert played.asked == played.hits == 10 * workers
    assert (played.stale, played.made_again) == (0, 0)
    assert played.began_with == Counter({True: workers})
