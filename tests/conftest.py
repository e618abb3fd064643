"""Fixtures: the stage, with the lint on both sides or, for rows that break the rules, without."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests.scene import Scene
from wsgicache import Policy, clock

if TYPE_CHECKING:
    from tests.stores.servers import Server

# Below a shell's background job or nohup these are ignored, also by servers that tests signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# All that tests ask is on this machine, whatever proxy its user goes through.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"

# Assertions that stand in modules without tests; pytest explains them too. Others than the servers'
# own tests import these, and may be collected earlier.
pytest.register_assert_rewrite(
    *(f"tests.servers.{room}" for room in "bodies connections process reuse site wire".split())
)

# One profile for everybody: no deadline, since no test here may depend on the machine's speed; and
# the same examples every time, but for the long runs, which look for new ones.
settings.register_profile(
    "normal",
    deadline=None,
    derandomize="WSGICACHE_EXAMPLES" not in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("normal")

MakeScene = Callable[..., Scene]


def server(name: str, *options: str, folder: Path | None = None) -> Server:
    """A server of stores, not started. Its module is imported now: pytest explains what it asserts
    only if it was named above first."""
    from tests.stores.servers import Server

    return Server(name, *options, folder=folder)


@pytest.fixture
def make_scene() -> Iterator[MakeScene]:
    """Scenes with a policy of one's own; at the end all their bodies were closed once."""
    scenes: list[Scene] = []

    def make(policy: Policy | None = None, **options: Any) -> Scene:
        scenes.append(Scene(policy, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.settle()
        scene.check_closed()


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    """The safe policy, lint on both sides."""
    return make_scene()


@pytest.fixture
def rfc_scene(make_scene: MakeScene) -> Scene:
    """Policy.rfc(), lint on both sides."""
    return make_scene(Policy.rfc())


@pytest.fixture
def bare_scene(make_scene: MakeScene) -> Scene:
    """No lint: for what breaks PEP 3333 or HTTP on purpose."""
    return make_scene(lint=False)


# ── Servers that all tests share, each test in a namespace of its own on them ──────────────────


@pytest.fixture(scope="session")
def memcached() -> Iterator[Server]:
    started = server("memcached")
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="session")
def memcached_cluster() -> Iterator[list[Server]]:
    servers = [server("memcached") for _ in range(3)]
    for one in servers:
        one.start()
    yield servers
    for one in servers:
        one.kill()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = server("redis-server", folder=tmp_path_factory.mktemp("redis"))
    started.start()
    yield started
    started.kill()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of a test's own, which it may kill."""
    servers: list[Server] = []

    def start(name: str, *options: str) -> Server:
        servers.append(server(name, *options, folder=tmp_path))
        servers[-1].start()
        return servers[-1]

    yield start
    for one in servers:
        one.kill()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system's clock go on by a microsecond whenever it is asked, and by no more."""
    began, turns = clock._elapsed(), count()

    def elapsed() -> float:
        return began + next(turns) / 1e6

    wall = SimpleNamespace(time=lambda: elapsed() + clock.SYSTEM_CLOCK._offset)
    monkeypatch.setattr(clock, "_elapsed", elapsed)
    monkeypatch.setattr(clock, "time", wall)


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex[:12]}"
