"""An explanation names every reason, and a cure does what it promises."""

from __future__ import annotations

import json
import logging
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache
from click.testing import CliRunner

import wsgicache
from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy, Route, current, never_cache
from wsgicache.cli import main
from wsgicache.stores import CachelibStore
from wsgicache.why.explain import Explanation, explain

Line = tuple[str, str]
URL = "http://example.org/page"
FRESH: Line = ("Cache-Control", "max-age=60")


class App:
    """An app that answers with *fields*, says *controls*, and counts how often it is asked."""

    def __init__(
        self, *fields: Line, status: str = "200 OK", content: bytes = b"page", controls: Any = ()
    ) -> None:
        self.status, self.fields, self.content, self.controls = status, fields, content, controls
        self.asked = 0

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked += 1
        current().say(*self.controls)
        start_response(self.status, [("Content-Type", "text/html"), *self.fields])
        return [self.content]


def tokens(explanation: Explanation) -> list[tuple[str, str]]:
    return [(reason.token, reason.by) for reason in explanation.reasons]


@pytest.mark.parametrize(
    ("vary", "second", "outcome", "token"),
    [
        ("X", [("X", "2")], "stored", "vary-x"),
        ("", [("Cache-Control", "no-cache")], "validated", "no-cache"),
    ],
    ids=["vary", "no-cache"],
)
def test_why_the_app_is_asked_is_told_from_why_nothing_is_stored(
    vary: str, second: list[Line], outcome: str, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        known = environ.get("HTTP_IF_NONE_MATCH") == '"1"'
        start_response(
            "304 Not Modified" if known else "200 OK",
            [FRESH, ("ETag", '"1"')] + ([("Vary", vary)] if vary else []),
        )
        return [] if known else [b"page"]

    clock = FakeClock()
    cache = CacheMiddleware(app, clock=clock)
    exchange(cache, environ_for(target="/page", headers=[("X", "1")]))
    clock.advance(5)
    explanation = explain(cache, URL, dict(second))
    assert (explanation.outcome, tokens(explanation)) == (outcome, [(token, "request")])


REASONS: list[tuple[App, list[Line], dict[str, Any], list[tuple[str, str]]]] = [
    (App(), [], {}, [("freshness", "response")]),
    (
        App(("Set-Cookie", "a=b")),
        [("Cookie", "sessionid=1")],
        {},
        [("freshness", "response"), ("cookie", "request"), ("set-cookie", "response")],
    ),
    (App(FRESH), [("Authorization", "Basic YTpi")], {}, [("authorization", "request")]),
    (App(FRESH, ("Vary", "*")), [], {}, [("vary", "response")]),
    (
        App(("Cache-Control", "no-store, max-age=60")),
        [],
        {"routes": [Route("/page", never_cache)]},
        [("no-store", "route 1"), ("no-store", "response")],
    ),
    (App(FRESH, controls=[never_cache]), [], {}, [("no-store", "decorator")]),
    (App(("Cache-Control", "private, max-age=9")), [], {}, [("private", "response")]),
    (App(FRESH), [], {"policy": Policy(max_content=3)}, [("too-large", "policy")]),
    (App(FRESH), [], {"policy": Policy(exempt=["/page"])}, [("exempt", "policy")]),
    (App(FRESH), [("If-Match", '"a"')], {}, [("precondition", "request")]),
    (App(FRESH), [("Cache-Control", "no-store")], {}, [("request-no-store", "request")]),
    (App(FRESH, status="415 No"), [], {}, [("status", "response")]),
    (App(FRESH, ("CDN-Cache-Control", "no-store")), [], {}, [("cdn-cache-control", "response")]),
]


@pytest.mark.parametrize(("app", "fields", "options", "expected"), REASONS)
def test_every_reason_is_named(
    app: App, fields: list[Line], options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    app.asked = 0
    cache = CacheMiddleware(app, **options)
    explanation = explain(cache, URL, fields)
    assert tokens(explanation) == expected
    assert explanation.outcome == ("bypass" if expected[0][0] in BYPASSING else "refused")
    assert app.asked == 1
    assert isinstance(cache.store, MemoryStore)
    assert cache.store.bytes == 0


BYPASSING = ("exempt", "precondition")
CURABLE = [
    (App(), []),
    (App(), [("Cookie", "theme=dark")]),
    (App(FRESH), [("Cookie", "theme=dark")]),
    (App(FRESH), [("Cookie", "sessionid=1")]),
    (App(("Cache-Control", "max-age=0")), []),
    (App(FRESH), [("Authorization", "Basic YTpi")]),
    (App(FRESH, content=b"x" * 20_000_000), []),
]


@pytest.mark.parametrize(("app", "fields"), CURABLE)
def test_each_cure_does_what_it_promises(app: App, fields: list[Line]) -> None:
    cures = explain(CacheMiddleware(app), URL, fields).cures
    assert cures
    for cure in cures:
        change = eval(cure.what, vars(wsgicache))
        options = {"policy": change} if isinstance(change, Policy) else {"routes": [change]}
        cache = CacheMiddleware(app, **options)
        environ = environ_for(target="/page", headers=fields)
        assert not exchange(cache, dict(environ)).hit
        assert exchange(cache, dict(environ)).hit
        stranger = environ_for(target="/page")
        assert exchange(cache, stranger).hit or not cure.for_others


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "no lifetime"),
        (
            [("Expires", "Tue, 14 Nov 2023 23:13:20 -0000")],
            "Expires: Tue, 14 Nov 2023 23:13:20 -0000 (no HTTP date, which ends in GMT)",
        ),
        (
            [("Cache-Control", "public"), ("Expires", "0")],
            "Cache-Control: public; Expires: 0 (no HTTP date, which ends in GMT)",
        ),
        (
            [("Expires", "Tue, 14 Nov 2023 21:13:20 GMT")],
            "Expires: Tue, 14 Nov 2023 21:13:20 GMT",
        ),
        ([("Cache-Control", "max-age=0"), ("Expires", "0")], "Cache-Control: max-age=0"),
    ],
)
def test_the_field_that_gives_no_lifetime_is_named(fields: list[Line], said: str) -> None:
    cache = CacheMiddleware(App(*fields), clock=FakeClock())
    (reason,) = cache.explain(URL).reasons
    assert (reason.token, reason.said) == ("freshness", said)


def test_a_prohibition_has_no_cure() -> None:
    app = App(("Cache-Control", "no-store"), ("Set-Cookie", "a=b"))
    assert explain(CacheMiddleware(app), URL).cures == ()


def test_what_is_stored_is_found_and_stays_as_it_is() -> None:
    app = App(FRESH, ("Vary", "Accept-Language"))
    cache = CacheMiddleware(app)
    exchange(cache, environ_for(target="/page", headers=[("Accept-Language", "de")]))
    found = explain(cache, URL, {"Accept-Language": "de"}, then={"Accept-Language": "en"})
    assert (found.outcome, found.forward, found.selecting) == (
        "hit",
        None,
        {"Accept-Language": "de"},
    )
    assert found.then is not None
    assert (found.then.outcome, found.then.differing) == ("stored", ("Accept-Language",))
    assert explain(cache, URL, {"Accept-Language": "en"}).outcome == "stored"


def test_an_app_that_is_not_to_be_asked_is_not() -> None:
    app = App(FRESH)
    assert explain(CacheMiddleware(app), URL, ask=False).outcome == "unknown"
    assert explain(CacheMiddleware(app), URL, method="POST").outcome == "bypass"
    assert app.asked == 0


def test_the_command_prints_sentences_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "explained_site.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/html')])\n"
        "    return [b'page']\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = ["explain", "explained_site:app", "/page", "-H", "Cookie: a=b"]
    said = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert "because of freshness" in said.stdout
    assert "cure: " in said.stdout
    data = json.loads(CliRunner().invoke(main, [*asked, "--json"]).stdout)
    assert [reason["token"] for reason in data["reasons"]] == ["freshness", "cookie"]
    assert data["url"] == "http://localhost/page"
    for arguments, text in (
        ([*asked[:3], "-H", "Cookie"], "-H must be"),
        ([*asked[:3], "-H", "A Cookie: a=b"], "-H must be"),
        ([*asked[:3], "--then", "Cookie"], "--then must be"),
        ([*asked[:3], "--origin", "example.org"], "it must be a scheme and a host"),
        ([*asked[:3], "--store", "none://"], "the URL of a store must be"),
        ([*asked[:3], "--store", "lmdb:///none/here"], "--store must be a directory that exists"),
        ([*asked[:2], "page"], "URL must be a path such as '/page', or begin with http"),
    ):
        wrong = CliRunner().invoke(main, arguments)
        assert wrong.exit_code == 2
        assert text in wrong.stderr


def test_where_the_application_raises_is_said() -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        raise KeyError("password")

    (reason,) = CacheMiddleware(broken).explain("/page").reasons
    assert (reason.token, reason.by) == ("raised", "application")
    line = broken.__code__.co_firstlineno + 1
    assert reason.said == f"KeyError at {__file__}:{line}"


def test_what_the_response_said_is_quoted_as_a_whole() -> None:
    both: Line = ("Cache-Control", "no-store, private")
    app = App(both, ("Set-Cookie", " a=b"), ("Location", "/login"), status="302 Found")
    explained = CacheMiddleware(app).explain("/page")
    assert explained.url == "http://localhost/page"
    said = {reason.token: reason.said for reason in explained.reasons}
    assert said["no-store"] == said["private"] == "Cache-Control: no-store, private"
    assert said["set-cookie"] == "Set-Cookie: a=b"
    assert "  it answers 302 Found, to /login" in list(explained.lines())
    wrong: Any = ["Cookie: a=b"]
    with pytest.raises(ValueError, match="URL must be a path"):
        CacheMiddleware(app).explain("page")
    with pytest.raises(TypeError, match="each of headers must be the name and the value"):
        CacheMiddleware(app).explain("/page", wrong)


def test_an_explanation_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What it tries is no request."""
    caplog.set_level(logging.DEBUG)
    explanation = CacheMiddleware(App()).explain(URL, [("Cookie", "a=1")])
    assert explanation.reasons
    assert caplog.messages == []


def test_each_response_of_a_shared_store_is_described() -> None:
    app = App(FRESH, ("Vary", "X"), content=b"x" * 5000)
    cache = CacheMiddleware(app, store=CachelibStore(SimpleCache()))
    for value in "abcd":
        exchange(cache, environ_for(target="/page", headers=[("X", value)]))
    stored = explain(cache, URL, {"X": "a"}).stored
    assert [one["status"] for one in stored] == ["200 OK"] * 4


def test_an_equivalent_url_is_named() -> None:
    said = {"/list": 'params=("utm")', "/other": "key-order"}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        value = said[environ["PATH_INFO"]]
        start_response("200 OK", [FRESH, ("No-Vary-Search", value)])
        return [b"page"]

    site, cache = "http://example.org", CacheMiddleware(app)
    first = explain(cache, f"{site}/list?utm=1&b=2", then_url=f"{site}/list?b=2&utm=3")
    assert first.outcome == "stored"
    assert first.then is not None
    assert first.then.outcome == "hit"
    for target in ("/list?utm=1&b=2", "/other?b=&a="):
        exchange(cache, environ_for(target=target))
    for target, filed in (("/list?b=2&utm=7", "/list?b=2"), ("/other?b&a", "/other?a=&b=")):
        told = explain(cache, site + target, ask=False)
        assert (told.outcome, told.equivalent) == ("hit", True)
        assert f"  filed under {site}{filed}, which is the same by No-Vary-Search" in told.lines()
    assert not explain(cache, f"{site}/list?b=2").equivalent
    store = CachelibStore(SimpleCache())
    assert tokens(explain(CacheMiddleware(app, store=store), f"{site}/list?b")) == [
        ("new-search", "response")
    ]


SHARING = """
from wsgicache import CacheMiddleware, MemoryStore, store_from_url

def inside(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")])
    return [b"page"]

app = CacheMiddleware(inside, store=store_from_url("lmdb://{folder}/cache"))
alone = CacheMiddleware(inside, store=MemoryStore())
"""


def test_the_command_looks_into_the_store_that_processes_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sharing_site.py").write_text(SHARING.format(folder=tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sharing = import_module("sharing_site")
    for app in (sharing.app, sharing.alone):
        exchange(app, environ_for(target="/page", headers=[("Host", "127.0.0.1:8000")]))

    def said(*asked: str) -> list[str]:
        done = CliRunner().invoke(main, ["explain", *asked], catch_exceptions=False)
        return done.stdout.splitlines()

    there = "http://127.0.0.1:8000/page"
    assert said("sharing_site:app", there)[0] == f"{there}: a hit, the cache answers"
    assert said("sharing_site:app", "/page")[-1] == f"what is stored is for {there}"
    assert exchange(sharing.app, environ_for(target="/page")).fwd == "uri-miss"
    alone = said("sharing_site:alone", there)
    assert "  stored: nothing" in alone
    assert alone[-1].startswith("the store is the memory of each process, so")
    empty = said("sharing_site:app", there, "--store", "memory://")
    assert empty[-1] == "  the same request again: hit"
