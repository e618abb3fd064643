"""Off, at once: by attribute, environment variable or file; and for one request."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.rig.app import App, Turn, page
from tests.rig.gates import Crowd, Gate, Waiters
from tests.scene import Environ, Exchange, FakeClock, Reply, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.switch import OffFile


class Stage:
    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = FakeClock()
        self.app = App()
        self.cache = CacheMiddleware(self.app, policy=policy, clock=self.clock)

    def ask(self, method: str = "GET", bypass: bool | None = None) -> Exchange:
        return exchange(self.cache, environ_for(method, changes={"wsgicache.bypass": bypass}))


def test_the_attribute_switches_at_once_and_back() -> None:
    stage = Stage()
    assert stage.cache.enabled
    stage.ask()
    assert stage.ask().hit
    stage.cache.enabled = False
    for _ in range(3):
        assert stage.ask().cache_status == "wsgicache; fwd=bypass; detail=off"
    assert stage.app.count == 4
    stage.cache.enabled = True
    assert stage.ask().hit, "what was stored is still there"
    assert len(stage.cache._flights) == 0


@pytest.mark.parametrize("status", [200, 204, 303])
def test_what_is_changed_meanwhile_does_not_come_back(status: int) -> None:
    stage = Stage()
    stage.app.plays(page(b"old"))
    stage.ask()
    stage.cache.enabled = False
    stage.app.plays(Reply(status))
    assert stage.ask("POST").code == status
    stage.cache.enabled = True
    stage.app.plays(page(b"new"))
    assert stage.ask().body == b"new"


def test_a_request_that_passes_is_the_apps_own() -> None:
    """The same environ, the very body: nothing of the cache is between."""
    seen: list[Environ] = []
    body = [b"page"]

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    cache = CacheMiddleware(app, policy=Policy(cache_status=False))
    cache.enabled = False
    environ = environ_for()
    given = dict(environ)
    heads: list[Any] = []

    def start_response(*head: Any) -> Any:
        heads.append(head)
        return body.append

    assert cache(environ, start_response) is body
    assert seen[0] is environ
    assert environ == given
    assert heads == [("200 OK", [("Content-Type", "text/plain")])]


@pytest.mark.parametrize(
    ("value", "enabled"),
    [
        ("off", False),
        ("OFF ", False),
        ("0", False),
        ("no", False),
        ("false", False),
        ("", True),
        ("on", True),
        ("1", True),
        ("offline", True),
    ],
)
def test_the_environment_switches_at_start(
    value: str, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSGICACHE", value)
    stage = Stage()
    assert stage.cache.enabled is enabled
    stage.ask()
    assert stage.ask().hit is enabled
    monkeypatch.delenv("WSGICACHE")
    assert stage.cache.enabled is enabled, "it is asked at start only"


def test_the_file_switches_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    looks: list[str] = []
    exists = os.path.exists

    def looked(path: str) -> bool:
        looks.append(path)
        return exists(path)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(os.path, "exists", looked)
    path = tmp_path / "off"
    stage = Stage(Policy(off_file=str(path)))
    stage.ask()
    assert stage.ask().hit
    path.touch()
    assert stage.ask().hit, "it was not looked for again yet"
    now += 1
    assert stage.ask().detail == "off"
    path.unlink()
    now += 0.9
    assert stage.ask().detail == "off"
    now += 0.1
    assert stage.ask().hit
    assert looks == [str(path)] * 3


@pytest.mark.parametrize("token", [None, "an unguessable token"])
@pytest.mark.parametrize("method", ["PURGE", "GET", "POST"])
def test_while_it_is_off_all_but_a_purge_goes_to_the_app(method: str, token: str | None) -> None:
    app = App(page(b"the app's"))
    cache = CacheMiddleware(app, purge_token=token)
    cache.enabled = False
    got = exchange(cache, environ_for(method, headers=[("Authorization", f"Bearer {token}")]))
    if token is not None and method == "PURGE":
        assert (got.code, app.count) == (200, 0)
    else:
        assert (got.text, got.detail, app.count) == ("the app's", "off", 1)


@pytest.mark.parametrize("off", [True, False])
def test_while_a_file_is_there_nothing_is_refreshed(tmp_path: Path, off: bool) -> None:
    path = tmp_path / "off"
    if off:
        path.touch()
    stage = Stage(Policy(off_file=str(path)))
    stage.cache.refresh("http://example.org/")
    assert stage.app.count == (not off)


@pytest.mark.parametrize("path", ["/no/such/directory/off", "\0", "x" * 5000])
def test_a_file_that_cannot_be_is_not_there(path: str) -> None:
    assert not OffFile(path).is_there()


def test_no_file_is_looked_for_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: pytest.fail("it was"))
    stage = Stage()
    stage.ask()
    assert stage.ask().hit


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_request_passes_by(method: str) -> None:
    """Neither answered from the store nor kept in it: whoever sets the key is in front of us."""
    stage = Stage()
    stage.app.plays(page(b"stored"), page(b"other"))
    stage.ask()
    got = stage.ask(method, bypass=True)
    assert got.cache_status == "wsgicache; fwd=bypass; detail=bypass"
    assert stage.app.count == 2
    assert stage.ask().body == b"stored"
    assert stage.ask(bypass=False).hit


def test_no_client_can_switch_or_pass_by() -> None:
    """Fields arrive as HTTP_…: none is our key."""
    stage = Stage()
    stage.ask()
    for name in ("wsgicache.bypass", "Wsgicache-Bypass", "WSGICACHE"):
        headers = [(name, "1")]
        assert exchange(stage.cache, environ_for(headers=headers)).hit, name


def test_off_while_requests_are_under_way() -> None:
    """Whoever waits is answered, and no flight is left."""
    stage, gate = Stage(Policy(collapse_timeout=3600)), Gate()
    waiters = Waiters(stage.cache)
    stage.app.plays(Turn(before=gate), page(b"alone"))
    crowd = Crowd(stage.cache, [environ_for() for _ in range(5)])
    waiters.until(4)
    stage.cache.enabled = False
    assert stage.ask().body == b"alone"
    gate.open()
    assert {answer.body for answer in crowd.answers()} == {b"page"}
    assert len(stage.cache._flights) == 0
