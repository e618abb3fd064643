"""Validation that nobody waits for, refreshing ahead, and stale answers where the app fails."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.app import App, Turn, page
from tests.rig.gates import Crowd, Gate, interrupting
from tests.running import DEADLINE, eventually
from tests.scene import Environ, Exchange, FakeClock, Field, Reply, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.origin import background
from wsgicache.origin.background import Job, Threads
from wsgicache.rules.keys import target_key

SWR = "max-age=10, stale-while-revalidate=60"


class Later:
    """A runner that keeps its jobs for the test to run."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, job: Job) -> None:
        self.jobs.append(job)

    def run(self) -> None:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()


class Stage:
    """A scripted app behind a cache whose background is in the test's hands."""

    def __init__(self, policy: Policy | None = None, runner: Any = None) -> None:
        self.clock = FakeClock()
        self.app = App()
        self.runner = Later() if runner is None else runner
        self.cache = CacheMiddleware(self.app, policy=policy, clock=self.clock, runner=self.runner)

    def get(self, target: str = "/", *fields: Field, **changes: Any) -> Exchange:
        return exchange(self.cache, environ_for("GET", target, fields, changes=changes))

    def stale(self, *replies: Reply | Turn, **named: Any) -> None:
        """The page is stored and stale by a second; *replies* are what the app says from now on."""
        self.app.plays(page(b"old", SWR, **named))
        assert self.get().stored
        self.clock.advance(11)
        if replies:
            self.app.plays(*replies)


# ── one at a time ────────────────────────────────────────────────────────────────────────────────


def test_a_stale_page_is_validated_once_at_a_time() -> None:
    stage = Stage()
    stage.stale(page(b"new", SWR))
    assert [stage.get().body for _ in range(5)] == [b"old"] * 5
    assert stage.app.count == 1
    assert len(stage.runner.jobs) == 1
    stage.runner.run()
    assert stage.app.count == 2
    assert stage.get().body == b"new"
    assert not stage.runner.jobs
    stage.clock.advance(11)
    assert stage.get().body == b"new"
    assert len(stage.runner.jobs) == 1, "the next time is another"


def test_a_hundred_at_once_are_one_job() -> None:
    stage = Stage()
    stage.stale()
    with interrupting(1e-6):
        for _ in range(20):
            crowd = Crowd(stage.cache, [environ_for() for _ in range(20)])
            assert {answer.body for answer in crowd.answers()} == {b"old"}
            assert len(stage.runner.jobs) == 1
            stage.runner.jobs.clear()
            stage.clock.advance(1)
            stage.cache._background.begin_in_child()


def test_each_variant_has_a_job_of_its_own() -> None:
    stage = Stage(Policy(refresh_ahead=5))
    stage.app.plays(page(vary="Accept-Language"))
    english, german = ("Accept-Language", "en"), ("Accept-Language", "de")
    stage.get("/", english)
    stage.get("/", german)
    stage.clock.advance(56)
    for _ in range(2):
        assert stage.get("/", english).hit
        assert stage.get("/", german).hit
    assert [job.fields["Accept-Language"] for job in stage.runner.jobs] == ["en", "de"]


def test_what_is_waited_for_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many jobs as may be that are never heard of; one more is done by who asks. They pass."""
    assert background._MOST == 10_000
    monkeypatch.setattr(background, "_MOST", 50)
    stage = Stage()
    stage.app.script = lambda environ, place: Turn(reply=page(cache_control=SWR))
    for number in range(51):
        stage.get(f"/{number}")
    stage.clock.advance(11)
    for number in range(50):
        assert stage.get(f"/{number}").hit
    assert stage.get("/50").fwd == "stale"
    assert len(stage.runner.jobs) == len(stage.cache._background._given) == 50
    stage.clock.advance(31)
    assert stage.get("/50").hit
    assert len(stage.cache._background._given) == 1


def test_a_runner_that_never_runs_stops_nothing_for_ever() -> None:
    stage = Stage()
    stage.stale()
    for _ in range(10):
        stage.get()
        stage.clock.advance(1)
    assert len(stage.runner.jobs) == 1
    stage.clock.advance(25)
    assert stage.get().body == b"old"
    assert len(stage.runner.jobs) == 2, "it may be given out again"
    stage.clock.advance(30)
    assert stage.get().fwd == "stale", "beyond the window nothing is served unasked"


def test_another_process_may_have_done_it() -> None:
    """What a job was about is no longer there: the next one waits for nothing."""
    stage = Stage()
    stage.stale(page(b"new", "max-age=5, stale-while-revalidate=60"))
    stage.get()
    (job,) = stage.runner.jobs
    stage.cache.refresh(job.url, job.fields, job.mount)
    stage.clock.advance(6)
    assert stage.get().body == b"new"
    assert len(stage.runner.jobs) == 2


@pytest.mark.parametrize("error", [RuntimeError("the queue is full"), OSError("no broker")])
def test_a_runner_that_raises_has_the_client_wait(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def runner(job: Job) -> None:
        raise error

    stage = Stage(runner=runner)
    stage.stale(page(b"new"))
    got = stage.get()
    assert (got.body, got.fwd) == (b"new", "stale")
    assert "could not be started" in caplog.text
    assert stage.cache._background._given == {}


def test_a_runner_that_runs_at_once() -> None:
    stage = Stage(runner=lambda job: job())
    stage.stale(page(b"new"))
    assert stage.get().body == b"old"
    assert stage.get().body == b"new"
    assert stage.app.count == 2


# ── refreshing ahead ─────────────────────────────────────────────────────────────────────────────


def test_refresh_ahead_once_per_window() -> None:
    stage = Stage(Policy(refresh_ahead=10))
    stage.app.plays(page(b"1"), page(b"2"), page(b"3"))
    stage.get()
    stage.clock.advance(49)
    assert stage.get().hit
    assert not stage.runner.jobs
    for _ in range(5):
        stage.clock.advance(1)
        assert stage.get().body == b"1"
    stage.runner.run()
    assert stage.app.count == 2
    for _ in range(50):
        stage.clock.advance(1)
        got = stage.get()
        assert (got.body, got.hit) == (b"2", True)
    assert len(stage.runner.jobs) == 1, "the window of the next"
    stage.runner.run()
    assert stage.get().body == b"3"


def test_refresh_ahead_that_fails_is_tried_once_per_window(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The page stays what it is until it is stale; then it is validated in front of the client."""
    stage = Stage(Policy(refresh_ahead=10, stale_if_raised=0))
    stage.app.plays(page(b"old"), Turn(raises=ValueError("on purpose")), page(b"new"))
    stage.get()
    stage.clock.advance(51)
    for _ in range(8):
        assert stage.get().body == b"old"
        stage.runner.run()
        stage.clock.advance(1)
    assert stage.app.count == 2
    stage.clock.advance(1)
    got = stage.get()
    assert (got.body, got.fwd) == (b"new", "stale")
    assert [r.message for r in caplog.records].count("a background validation failed") == 1


def test_refresh_ahead_and_then_stale() -> None:
    """An attempt before the end of freshness does not stand in the way of those after it."""
    stage = Stage(Policy(refresh_ahead=5))
    stage.app.plays(page(b"old", SWR), Turn(raises=ValueError("on purpose")), page(b"new", SWR))
    stage.get()
    stage.clock.advance(6)
    assert stage.get().hit
    stage.runner.run()
    stage.clock.advance(5)
    assert stage.get().body == b"old"
    assert len(stage.runner.jobs) == 1
    stage.runner.run()
    assert stage.get().body == b"new"


def test_refresh_ahead_never_fills_a_life() -> None:
    """A window longer than the life begins half-way, and collapsing still works."""
    stage = Stage(Policy(refresh_ahead=600))
    stage.app.plays(page(cache_control="max-age=10"))
    stage.get()
    stage.clock.advance(4)
    assert stage.get().hit
    assert not stage.runner.jobs
    stage.clock.advance(2)
    assert stage.get().hit
    assert len(stage.runner.jobs) == 1


def test_refresh_ahead_is_off_unless_asked_for() -> None:
    stage = Stage()
    stage.app.plays(page())
    stage.get()
    stage.clock.advance(59)
    assert stage.get().hit
    assert not stage.runner.jobs


# ── what comes of it ─────────────────────────────────────────────────────────────────────────────

GONE = {
    "private": page(b"x", "private, max-age=60"),
    "no-store": page(b"x", "no-store"),
    "set-cookie": page(b"x", "public, max-age=60", set_cookie="sid=1"),
    "vary-all": page(b"x", "max-age=60", vary="*"),
    "no-lifetime": page(b"x", None),
    "too-large": page(b"x" * 100, "max-age=60"),
    "403": Reply(403, "x"),
    "404": Reply(404, "x"),
}


@pytest.mark.parametrize("reply", GONE.values(), ids=GONE)
def test_what_may_not_be_stored_any_more_is_dropped(reply: Reply) -> None:
    stage = Stage(Policy(max_content=50))
    stage.stale(reply)
    assert stage.get().body == b"old"
    stage.runner.run()
    stage.app.plays(page(b"asked"))
    got = stage.get()
    assert (got.body, got.fwd) == (b"asked", "uri-miss"), "the old page outlived its successor"


@pytest.mark.parametrize("status", [404, 410, 301])
def test_another_status_replaces(status: int) -> None:
    stage = Stage()
    stage.stale(Reply(status, "gone", cache_control="max-age=60", location=None))
    stage.get()
    stage.runner.run()
    got = stage.get()
    assert (got.code, got.hit) == (status, True)


@pytest.mark.parametrize(
    "failure",
    [Turn(raises=ValueError("on purpose")), Turn(reply=Reply(503, "busy")), Turn(cut=0)],
    ids=["raises", "503", "cut"],
)
def test_a_failure_keeps_the_page_until_its_windows_end(
    failure: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    """And is told once a minute."""
    stage = Stage(Policy(stale_if_raised=0))
    stage.stale(failure)
    for _ in range(20):
        assert stage.get().body == b"old"
        stage.runner.run()
        stage.clock.advance(2)
    assert stage.app.count == 21
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) <= 1
    stage.clock.advance(20)
    with suppress(ValueError):  # where the app raises it, nobody stands in any more
        got = stage.get()
        assert got.body != b"old"


@pytest.mark.parametrize("status", [500, 501, 503, 599])
@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_an_error_with_a_lifetime_does_not_replace_the_page(status: int, policy: Policy) -> None:
    """RFC 5861 §3: within the window it is discarded, and after it it counts."""
    stage = Stage(policy)
    error = Reply(status, "busy", cache_control="public, max-age=60")
    stage.stale(error, error)
    for _ in range(2):
        got = stage.get()
        assert (got.code, got.body) == (200, b"old")
        stage.runner.run()
    assert stage.app.count == 3
    stage.clock.advance(3600)
    assert stage.get().code == status


def test_nor_ahead_of_its_end() -> None:
    stage = Stage(Policy(refresh_ahead=10))
    error = Reply(503, "busy", cache_control="public, max-age=60")
    stage.app.plays(page(b"old", "max-age=60, must-revalidate"), error)
    stage.get()
    stage.clock.advance(55)
    stage.get()
    stage.runner.run()
    assert stage.app.count == 2
    assert stage.get().body == b"old"


def test_an_unsafe_request_dooms_a_refresh_under_way() -> None:
    gate = Gate()
    stage = Stage(runner=Threads())
    stage.stale(Turn(before=gate, reply=page(b"old again")), Reply(204), page(b"new"))
    stage.get()
    gate.until(1)
    assert exchange(stage.cache, environ_for("POST")).code == 204
    gate.open()
    eventually(lambda: not stage.cache._background._given, "the refresh does not end")
    assert stage.get().body == b"new"


def test_no_window_where_the_response_forbids_it() -> None:
    for words in ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"):
        stage = Stage()
        stage.app.plays(page(b"old", f"{SWR}, {words}, public"), page(b"new"))
        stage.get()
        stage.clock.advance(11)
        assert stage.get().body == b"new", words
        assert not stage.runner.jobs


@pytest.mark.parametrize("word", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"])
@pytest.mark.parametrize(
    "failure",
    [Turn(reply=Reply(503, "busy")), Turn(raises=ValueError("busy"))],
    ids=["503", "raises"],
)
def test_nothing_stands_in_where_the_response_forbids_it(word: str, failure: Turn) -> None:
    """Neither by its own stale-if-error nor by the policy's windows."""
    stage = Stage(Policy(stale_if_error=60, stale_if_raised=60))
    stage.app.plays(page(b"old", f"max-age=10, stale-if-error=60, public, {word}"), failure)
    assert stage.get().stored
    stage.clock.advance(11)
    if failure.raises is None:
        assert stage.get().code == 503
    else:
        with pytest.raises(ValueError, match="busy"):
            stage.get()


# ── as an anonymous client ────────────────────────────────────────────────────────────────────────

PERSONAL: list[Field] = [
    ("Cookie", "sid=alice"),
    ("Cache-Control", "x"),
    ("Pragma", "x"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("Proxy-Authorization", "Basic eDp5"),
]


def test_the_app_is_asked_as_by_nobody() -> None:
    stage = Stage(Policy(public_releases=True))
    stage.app.plays(page(b"old", f"public, {SWR}"))
    stage.get()
    stage.clock.advance(11)
    seen: list[Environ] = []

    def personal(environ: Environ, place: int) -> Turn:
        seen.append(environ)
        return Turn(reply=page(f"for {environ.get('HTTP_COOKIE', 'nobody')}", f"public, {SWR}"))

    stage.app.script = personal
    sockets = {
        "gunicorn.socket": object(),
        "werkzeug.socket": object(),
        "werkzeug.request": object(),
        "uwsgi.node": b"x",
        "mod_wsgi.version": (1, 0),
        "waitress.client_disconnected": lambda: False,
        "wsgi.file_wrapper": iter,
        "wsgi.early_hints": lambda fields: None,
        "beaker.session": {"user": "alice"},
        "SSL_CLIENT_VERIFY": "NONE",
    }
    assert stage.get("/", *PERSONAL, **sockets).body == b"old"
    stage.runner.run()
    assert stage.get().body == b"for nobody"
    (environ,) = seen
    for name, _ in PERSONAL:
        assert f"HTTP_{name.upper().replace('-', '_')}" not in environ
    assert not sockets.keys() & environ.keys()
    assert environ["wsgi.input"].read() == b""
    assert environ["wsgi.errors"] is sys.stderr
    assert "CONTENT_LENGTH" not in environ
    assert environ["REQUEST_METHOD"] == "GET"


ABOUT_THE_CLIENT: dict[str, dict[str, Any]] = {
    "authorization": {"HTTP_AUTHORIZATION": "Basic eDp5"},
    "cookie": {"HTTP_COOKIE": "sid=alice"},
    "remote-user": {"REMOTE_USER": "alice", "AUTH_TYPE": "Basic"},
    "certificate": {"SSL_CLIENT_CERT": "alice's", "SSL_CLIENT_S_DN": "CN=alice"},
    "range": {"HTTP_RANGE": "bytes=0-1"},
    "if-range": {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": '"x"'},
    "if-none-match": {"HTTP_IF_NONE_MATCH": '"x"'},
    "if-modified-since": {"HTTP_IF_MODIFIED_SINCE": "Mon, 13 Nov 2023 22:13:20 GMT"},
    "directives": {"HTTP_CACHE_CONTROL": "no-transform"},
    "address": {"HTTP_X_FORWARDED_FOR": "10.0.0.1", "HTTP_X_REAL_IP": "10.0.0.1"},
}


@pytest.mark.parametrize("shown", ABOUT_THE_CLIENT.values(), ids=ABOUT_THE_CLIENT)
def test_what_is_about_the_client_stays_behind(shown: dict[str, Any]) -> None:
    """Whatever the one who finds it stale shows, the app is not asked with it."""
    stage = Stage(Policy(public_releases=True))
    stage.app.plays(page(b"old", f"public, {SWR}"), page(b"new", f"public, {SWR}"))
    stage.get()
    stage.clock.advance(11)
    assert stage.get("/", **shown).code in (200, 206)
    (job,) = stage.runner.jobs
    stage.runner.run()
    environ = stage.app.calls[-1].environ
    assert {key: environ.get(key) for key in shown if environ.get(key) == shown[key]} == {}
    assert not set(shown.values()) & set(job.fields.values())
    assert stage.get().body == b"new"


@pytest.mark.parametrize(("user", "word"), [("Authorization", "public"), ("Cookie", "public")])
def test_credentials_come_along_where_vary_names_them(user: str, word: str) -> None:
    """A variant is validated with the values that selected it."""
    stage = Stage(Policy(public_releases=True))
    stage.app.script = lambda environ, place: Turn(
        reply=page(
            f"{place} for {environ.get('HTTP_' + user.upper())}", f"{SWR}, {word}", vary=user
        )
    )
    for name in ("alice", "bob"):
        stage.get("/", (user, name))
    stage.clock.advance(11)
    for name in ("alice", "bob"):
        stage.get("/", (user, name))
    stage.runner.run()
    assert stage.get("/", (user, "alice")).text == "2 for alice"
    assert stage.get("/", (user, "bob")).text == "3 for bob"
    assert stage.get("/").text == "4 for None"


def test_forwarded_names_nobody() -> None:
    """Forwarded tells of the client, and of the host it asked for: the latter selects."""
    stage = Stage()
    forwarded = "for=10.0.0.1;host=a.example"
    stage.app.plays(page(b"old", SWR))
    stage.get("/", ("Forwarded", forwarded))
    stage.clock.advance(11)
    stage.app.plays(page(b"new", SWR))
    assert stage.get("/", ("Forwarded", forwarded)).body == b"old"
    stage.runner.run()
    assert stage.get("/", ("Forwarded", forwarded)).body == b"new"
    assert "10.0.0.1" not in (stage.app.calls[-1].header("Forwarded") or "")


def test_a_server_that_clears_the_environ() -> None:
    """The job has what it needs of its own."""
    stage = Stage()
    stage.stale(page(b"new"))
    environ = environ_for("GET", "/")
    exchange(stage.cache, environ)
    environ.clear()
    stage.runner.run()
    assert stage.get().body == b"new"


def test_a_context_of_its_own() -> None:
    """What the request has put into context variables is not there."""
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")
    stage = Stage(runner=Threads())
    stage.stale()
    seen: list[str] = []
    asked = threading.Event()

    def script(environ: Environ, place: int) -> Turn:
        seen.append(user.get())
        asked.set()
        return Turn(reply=page())

    stage.app.script = script
    token = user.set("alice")
    try:
        stage.get()
        assert asked.wait(DEADLINE)
    finally:
        user.reset(token)
    assert seen == ["nobody"]


# ── a job describes itself ───────────────────────────────────────────────────────────────────────


def test_a_job_says_what_it_is_about() -> None:
    stage = Stage()
    stage.app.plays(page(b"old", SWR, vary="Accept-Language"))
    fields = [("Accept-Language", "en"), ("Cookie", "sid=1"), ("Accept", "text/html")]
    target = "/caf%C3%A9/a%20b?x=%2F&y"
    stage.get(target, *fields[:1])
    stage.clock.advance(11)
    stage.get(target, fields[0])
    (job,) = stage.runner.jobs
    assert (job.method, job.url, job.mount) == ("GET", "http://example.org" + target, "")
    assert job.fields["Accept-Language"] == "en"
    assert "Cookie" not in job.fields
    assert "Host" not in job.fields


SERVERS = {
    "plain": {},
    "gunicorn": {"RAW_URI": "/a%2Fb?q"},
    "uwsgi": {"REQUEST_URI": "/a%2Fb?q"},
    "werkzeug": {"RAW_URI": "/a%2Fb?q", "REQUEST_URI": "/a%2Fb?q"},
}


@pytest.mark.parametrize("changes", SERVERS.values(), ids=SERVERS)
def test_a_job_is_done_by_another_process_as_its_url_says(changes: dict[str, str]) -> None:
    """Whatever the server of the request tells of the target, the stored response is replaced."""
    stage = Stage()
    stage.app.plays(page(b"old", SWR), page(b"new", SWR))
    stage.get("/a%2Fb?q", **changes)
    stage.clock.advance(11)
    assert stage.get("/a%2Fb?q", **changes).body == b"old"
    (job,) = stage.runner.jobs
    stage.cache.refresh(job.url, dict(job.fields), job.mount)
    assert stage.app.count == 2
    assert stage.get("/a%2Fb?q", **changes).body == b"new"


@pytest.mark.parametrize("target", ["/", "/a?b=1&c", "/caf%C3%A9", "/a%2Fb", "/%7Ejoe", "/a|b?"])
@pytest.mark.parametrize("keys", [(), ("RAW_URI",), ("REQUEST_URI",), ("RAW_URI", "REQUEST_URI")])
def test_what_is_refreshed_by_its_url_is_a_hit_for_clients(
    keys: tuple[str, ...], target: str
) -> None:
    """Whatever the server tells of the target; what it does not tell the URL must not need."""
    usual = target in ("/", "/a?b=1&c", "/caf%C3%A9")
    stage = Stage()
    stage.app.plays(page(b"old"), page(b"new"))
    told = dict.fromkeys(keys, target)
    for content in (b"old", b"new"):
        stage.cache.refresh(f"http://example.org{target}")
        if keys or usual:
            got = stage.get(target, **told)
            assert (got.hit, got.body) == (True, content)
    assert stage.app.count == 2


texts = st.text(st.sampled_from('ab/%?#;&= +.~\xe9\xff\\"<[]'), max_size=8)


@given(mount=texts, path=texts, query=st.text(st.sampled_from("ab%&=?/;+2F"), max_size=8))
def test_a_job_is_about_the_same_request(mount: str, path: str, query: str) -> None:
    """For whatever path: what another process asks has the same key and the same mount."""
    mount = "/" + mount.strip("/") if mount.strip("/") else ""
    path = "/" + path if path or not mount else ""
    changes = {"SCRIPT_NAME": mount, "PATH_INFO": path, "QUERY_STRING": query}
    stage = Stage()
    stage.app.plays(page(b"old", SWR), page(b"new", SWR))
    if not stage.get("/", **changes).stored:
        return
    stage.clock.advance(11)
    stage.get("/", **changes)
    (job,) = stage.runner.jobs
    stage.cache.refresh(job.url, job.fields, job.mount)
    first, again = stage.app.calls
    assert target_key(again.environ) == target_key(first.environ)
    assert again.environ.get("SCRIPT_NAME", "") == mount
    assert again.environ["PATH_INFO"] == path
    assert stage.get("/", **changes).body == b"new"


@pytest.mark.parametrize(
    "url", ["", "http://", "ftp://example.org/", "/only/a/path", "http://a/#b"]
)
def test_refresh_of_what_is_no_url(url: str) -> None:
    with pytest.raises(
        ValueError, match="must be one that begins with http:// or https:// and a host, got"
    ):
        Stage().cache.refresh(url)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((None,), ValueError, r"url of refresh\(\) must be one that begins .*, got None"),
        (
            ("http://a/", "Accept"),
            TypeError,
            r"fields of refresh\(\) must be a dict of names and values, got 'Accept'",
        ),
        (("http://a/", {5: "x"}), TypeError, "must be a dict of names and values, got {5: 'x'}"),
        (
            ("http://a/", {}, None),
            TypeError,
            r"must be the path where the app is mounted, such as '/shop', got",
        ),
    ],
)
def test_refresh_with_what_it_does_not_take(
    arguments: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Stage().cache.refresh(*arguments)


def test_refresh_may_be_the_first_to_ask() -> None:
    """Whoever wants a page to be there before anybody asks needs no job."""
    stage = Stage()
    stage.cache.refresh("http://example.org/page?x=1")
    assert stage.get("/page?x=1").hit
    stage.cache.refresh("https://[::1]:8443/")
    assert stage.app.calls[-1].environ["SERVER_PORT"] == "8443"
    stage.app.plays(Turn(raises=ValueError("on purpose")))
    stage.cache.refresh("http://example.org/page?x=1")
    assert stage.get("/page?x=1").hit


# ── stale where the app fails (RFC 5861 §4) ──────────────────────────────────────────────────────


def test_failures_do_not_renew_the_window() -> None:
    """Ten windows of failures: the stale page is served in the first one only."""
    stage = Stage()
    stage.app.plays(page(b"old", "max-age=10, stale-if-error=20"), Reply(503, "busy"))
    stage.get()
    served = []
    for second in range(200):
        stage.clock.advance(1)
        served.append(stage.get().body)
        assert (served[-1] == b"old") == (second + 1 < 30), second
    stage.app.plays(page(b"new"))
    assert stage.get().body == b"new"


@pytest.mark.parametrize(
    ("status", "stands_in"),
    [(500, True), (502, True), (503, True), (504, True), (501, False), (505, False), (404, False)],
)
def test_stale_if_error_is_for_an_origin_that_fails(status: int, stands_in: bool) -> None:
    stage = Stage()
    stage.app.plays(page(b"old", "max-age=10, stale-if-error=60"), Reply(status, "x"))
    stage.get()
    stage.clock.advance(11)
    got = stage.get()
    assert (got.body == b"old") is stands_in
    assert got.verdict.get("fwd-status", status) == status


def test_stale_if_error_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.app.plays(page(b"old", "max-age=10, stale-if-error=60"), Reply(503, "busy"))
    stage.get()
    stage.clock.advance(11)
    for _ in range(50):
        assert stage.get().cache_status == "wsgicache; fwd=stale; fwd-status=503"
    messages = [record.message for record in caplog.records]
    assert messages == ["the app answered 503: a stale response stands in"]
    stage.clock.advance(60)
    stage.app.plays(Turn(raises=ValueError("on purpose")))
    with pytest.raises(ValueError, match="on purpose"):
        stage.get()


def test_debug_shows_errors() -> None:
    """Under a debugger nothing stands in: exceptions and 5xx reach whoever looks for them."""
    stage = Stage(Policy(debug=True, stale_if_error=100))
    stage.app.plays(page(b"old"), Turn(raises=ValueError("on purpose")), Reply(503, "busy"))
    stage.get()
    stage.clock.advance(61)
    with pytest.raises(ValueError, match="on purpose"):
        stage.get()
    assert stage.get().code == 503


# ── in whose name ────────────────────────────────────────────────────────────────────────────────


def naming(who: Callable[[Environ], str], said: str = SWR) -> Callable[..., list[bytes]]:
    """An app that tells, for ten seconds, who asks."""

    def site(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", said)])
        return [who(environ).encode()]

    return site


def test_what_an_authenticating_proxy_says_is_not_repeated() -> None:
    """The page that alice has validated in the background is not alice's."""
    clock, later = FakeClock(), Later()
    app = naming(lambda environ: environ.get("HTTP_X_FORWARDED_USER", "nobody"), f"public, {SWR}")
    policy = Policy(public_releases=True, private_cookies=False)
    cache = CacheMiddleware(app, policy=policy, clock=clock, runner=later)
    exchange(cache, environ_for())
    clock.advance(15)
    alice = environ_for(headers=[("cookie", "sid=1"), ("x-forwarded-user", "alice")])
    assert exchange(cache, alice).body == b"nobody"
    assert "alice" not in repr(later.jobs[0].fields)
    later.run()
    got = exchange(cache, environ_for(headers=[("cookie", "sid=2")]))
    assert (got.hit, got.age, got.body) == (True, 0, b"nobody")


def test_who_may_be_named_in_the_environ_waits() -> None:
    clock = FakeClock()
    app = naming(lambda environ: environ.get("myauth.user", "nobody"))
    cache = CacheMiddleware(app, clock=clock, runner=lambda job: job())
    exchange(cache, environ_for())
    clock.advance(15)
    alice = environ_for(headers=[("cookie", "sid=1")], changes={"myauth.user": "alice"})
    got = exchange(cache, alice)
    assert (got.body, got.detail) == (b"alice", "cookie")
    assert exchange(cache, environ_for(headers=[("cookie", "sid=2")])).body == b"nobody"


def test_a_job_sees_no_contextvar_whoever_calls_it() -> None:
    user = contextvars.ContextVar("user", default="nobody")
    clock = FakeClock()
    cache = CacheMiddleware(naming(lambda _: user.get()), clock=clock, runner=lambda job: job())
    exchange(cache, environ_for())
    clock.advance(15)
    token = user.set("alice")
    try:
        exchange(cache, environ_for())
    finally:
        user.reset(token)
    got = exchange(cache, environ_for())
    assert (got.hit, got.age, got.body) == (True, 0, b"nobody")


def test_a_job_asks_nothing_while_the_cache_is_off() -> None:
    stage = Stage()
    stage.stale(page(b"new", SWR))
    stage.get()
    stage.cache.enabled = False
    stage.runner.run()
    assert stage.app.count == 1


@pytest.mark.parametrize("status", [206, 401, 407, 412, 416, 429])
def test_an_answer_about_who_asks_ends_nothing(status: int) -> None:
    stage = Stage(Policy(refresh_ahead=5, unstored_statuses=()))
    stage.app.plays(page(b"old", SWR))
    stage.get()
    stage.clock.advance(6)
    stage.app.plays(Reply(status, "x"))
    stage.get()
    stage.runner.run()
    assert stage.get().body == b"old"


# ── what is described, and what a job says ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "mount", "where"),
    [
        ("http://example.org", "", ["example.org", "80", "http", "/", "", "/"]),
        ("https://example.org?q", "", ["example.org", "443", "https", "/", "q", "/?q"]),
        ("http://h:8080/a%20b", "/a", ["h", "8080", "http", " b", "", "/a%20b"]),
        ("http://[::1]/%e9?a=b", "", ["[::1]", "80", "http", "/\xe9", "a=b", "/%e9?a=b"]),
    ],
)
def test_what_is_described(url: str, mount: str, where: list[str]) -> None:
    fields = {"Accept-Language": "de", "CONTENT_TYPE": "a/b"}
    environ = background.described(url, fields, mount)
    name, port, scheme, path, query, target = where
    assert environ.pop("wsgi.input").read() == b""
    assert environ.pop("wsgi.errors") is sys.stderr
    assert environ == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": mount,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.split("/")[2].split("?")[0],
        "HTTP_ACCEPT_LANGUAGE": "de",
        "CONTENT_TYPE": "a/b",
        "RAW_URI": target,
        "REQUEST_URI": target,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def test_what_a_job_says() -> None:
    stage = Stage()
    stage.app.plays(page(b"old", SWR, vary="Accept"))
    for seconds in (0, 11):
        stage.clock.advance(seconds)
        stage.get("/", ("Accept", "x"), HTTPS="on", SCRIPT_NAME=None)
    (job,) = stage.runner.jobs
    fields = {"Accept": "x", "User-Agent": "Scene/1"}
    assert (job.url, job.fields, job.mount) == ("http://example.org/", fields, "")


@pytest.mark.parametrize("why", ["raises", "nobody else could ask"])
def test_what_cannot_be_asked_in_the_background_is_asked_at_once(
    why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def environ(*args: object) -> None:
        if why == "raises":
            raise KeyError

    monkeypatch.setattr(background, "background_environ", environ)
    stage = Stage()
    stage.stale(page(b"new"))
    assert (stage.get().body, stage.runner.jobs) == (b"new", [])
    assert len(caplog.messages) == (why == "raises")


def test_a_runner_of_ones_own_works_where_threads_do_not() -> None:
    stage = Stage()
    stage.stale()
    changes: Environ = {"wsgi.multithread": False, "wsgi.run_once": True}
    stage.get("/", **changes)
    assert len(stage.runner.jobs) == 1


def test_each_variant_has_a_job() -> None:
    stage = Stage()
    languages = [("Accept-Language", language) for language in ("de", "en", "fr")]
    stage.app.plays(page(b"old", SWR, vary="Accept-Language"))
    for language in languages:
        stage.get("/", language)
    stage.clock.advance(11)
    for language in languages * 2:
        assert stage.get("/", language).hit
    assert len(stage.runner.jobs) == 3


@pytest.mark.parametrize("most", [1, 10_000], ids=["full", "not full"])
def test_when_a_job_may_be_given_out_again(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_MOST", most)
    stage = Stage()
    stage.app.plays(page(b"old", SWR))
    other = "/other" if most == 1 else "/"
    for target in {"/", other}:
        stage.get(target)
    stage.clock.advance(11)
    stage.get("/")
    stage.clock.advance(background._LONGEST - 1)
    stage.get("/")
    assert len(stage.runner.jobs) == 1
    stage.clock.advance(1)
    stage.get(other)
    assert len(stage.runner.jobs) == 2


def test_a_window_covers_up_no_error_to_a_client_that_waits() -> None:
    def full(job: Job) -> None:
        raise RuntimeError

    stage = Stage(runner=full)
    stage.stale(Reply(503, "busy"))
    assert stage.get().code == 503
