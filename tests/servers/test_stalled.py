"""A client that stops reading keeps nobody else waiting, at the servers with threads."""

from __future__ import annotations

import pytest

from tests.running import refuse
from tests.servers import stalled

pytestmark = pytest.mark.network


@pytest.mark.parametrize(
    ("server", "begins"),
    [
        ("gunicorn", ("cold", "stale")),
        ("cheroot", ("cold",)),
        ("granian", ("stale",)),
        ("waitress", ("cold",)),
        ("gevent", ("stale",)),
    ],
)
def test_who_comes_after_one_that_stopped_reading(server: str, begins: tuple[str, ...]) -> None:
    if not stalled.is_installed(server):
        refuse(f"{server} is not installed")
    stalled.play(server, begins, 1, readers=2)
