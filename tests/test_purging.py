"""Purging through the whole cache: what goes, what stays, what never comes back (RFC 9875)."""

from __future__ import annotations

import inspect
import logging
import random
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cachelib import SimpleCache
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.urls import iri_to_uri

from tests.conftest import MakeScene
from tests.controls.declaring import view
from tests.rig.gates import interrupting, together
from tests.rules.messages import answer
from tests.scene import FakeClock, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy, cache_groups, operating
from wsgicache.controls.routes import Route
from wsgicache.purging import Purged, Purging
from wsgicache.rules.groups import groups_of, invalidated_groups, names_of
from wsgicache.rules.keys import Key, key_of_url, target_key
from wsgicache.rules.response import Response
from wsgicache.stores import StoreError, store_from_url
from wsgicache.stores.cachelib import CachelibStore

URL = "http://example.org/"
TOKEN = "an unguessable token"


# ── by URL ───────────────────────────────────────────────────────────────────────────────────────


def test_a_purged_url_is_a_miss(scene: Scene) -> None:
    scene.app(200, "old", cache_control="max-age=60")
    scene.get("/")
    assert scene.get("/").hit
    assert scene.cache.purge(URL) == Purged((URL,), 1, False)
    scene.app(200, "new", cache_control="max-age=60")
    assert scene.get("/").text == "new"
    assert scene.get("/").hit


def test_all_variants_methods_and_pieces_go(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(200, "page", cache_control="max-age=60", vary="Accept")
    for accept in ("a", "b", "c"):
        scene.get("/", accept=accept)
    scene.app(206, "01", cache_control="max-age=60", content_range="bytes 0-1/9", vary="Accept")
    scene.get("/", accept="d", range="bytes=0-1")
    assert scene.cache.purge(URL).responses == 4
    scene.app(404, "gone")
    for accept in ("a", "b", "c", "d"):
        assert scene.head("/", accept=accept).fwd == "uri-miss"
        assert scene.get("/", accept=accept).code == 404


def test_a_purge_of_what_is_not_stored(scene: Scene) -> None:
    assert scene.cache.purge("http://example.org/nothing").responses == 0


@pytest.mark.parametrize(
    ("asked", "purged", "nearby"),
    [
        ("http://example.org/a/", "http://example.org/a", ["http://example.org/a/"]),
        ("http://example.org/a?b", "http://example.org/a/?b", ["http://example.org/a?b"]),
        ("https://example.org/a", "http://example.org/a", ["https://example.org/a"]),
        ("http://www.example.org/a", "http://example.org/a", ["http://www.example.org/a"]),
        ("https://example.org/a", "http://www.example.org/a/", ["https://example.org/a"]),
        ("http://example.org/a", "http://localhost:8000/a", ["http://example.org/a"]),
        ("https://example.org/", "http://127.0.0.1", ["https://example.org/"]),
        ("http://example.org/a", "http://example.org/b", []),
        ("http://example.org/a?b", "http://example.org/a", []),
    ],
)
def test_a_purge_that_finds_nothing_says_what_is_nearby(
    scene: Scene, asked: str, purged: str, nearby: list[str]
) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    parts = urlsplit(asked)
    changes = {"HTTP_HOST": parts.netloc, "wsgi.url_scheme": parts.scheme}
    target = asked.partition(parts.netloc)[2]
    for one in (target, "/other"):
        scene.get(one, environ=changes)
    done = scene.cache.purge(purged)
    assert (done.responses, list(done.nearby)) == (0, nearby)
    assert scene.get(target, environ=changes).hit
    # What was purged is not nearby itself, and what was found needs none.
    assert scene.cache.purge(asked).nearby == ()
    assert scene.cache.purge(purged).nearby == ()


@pytest.mark.parametrize(
    ("stored", "purged", "nearby"),
    [
        ("127.0.0.1:8000", "http://localhost/a", ["http://127.0.0.1:8000/a"]),
        ("localhost:9999", "http://127.0.0.1:9999/a", ["http://localhost:9999/a"]),
        ("localhost", "http://[::1]:5000/a", ["http://localhost/a"]),
        ("example.org", "http://example.org:8000/a", ["http://example.org/a"]),
        ("example.org:8000", "http://example.org/a", []),
        ("127.0.0.1:8000", "http://example.org/a", []),
    ],
)
def test_a_process_that_has_served_nobody_knows_the_names_of_its_machine(
    scene: Scene, stored: str, purged: str, nearby: list[str]
) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/a", host=stored)
    done = Purging(CachelibStore(SimpleCache()), scene.clock)
    done.store = scene.cache.store
    assert list(done.purge(purged).nearby) == nearby


def test_a_purge_in_a_process_that_serves_nobody_says_so(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """As from a shell: the memory of the processes that serve is out of its reach."""
    for purge in PURGES.values():
        purge(scene.cache)
    (record,) = caplog.records
    assert "its MemoryStore is its own" in record.getMessage()
    caplog.clear()
    cache = CacheMiddleware(lambda e, s: [], store=CachelibStore(SimpleCache()))
    cache.purge(URL)
    scene.app(200, "page")
    scene.get("/")
    scene.cache.purge(URL)
    assert caplog.records == []


def test_other_urls_stay(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    targets = ["/", "/?", "/?a", "/a", "//", "/%2F"]
    for target in targets:
        scene.get(target)
    scene.cache.purge("http://example.org/?a")
    hits = {target: scene.get(target).hit for target in targets}
    assert hits == {**dict.fromkeys(targets, True), "/?a": False}


def test_both_schemes_on_request(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    https = {"wsgi.url_scheme": "https"}

    def fill() -> None:
        scene.get("/")
        scene.get("/", environ=https)

    fill()
    scene.cache.purge(URL)
    assert scene.get("/", environ=https).hit
    fill()
    assert scene.cache.purge("https://example.org/", both_schemes=True).responses == 2
    assert scene.get("/").fwd == scene.get("/", environ=https).fwd == "uri-miss"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "example.org/",
        "//example.org/",
        "ftp://example.org/",
        "http://",
        "http://[",
        "http://a b/",
        "http://example.org:x/",
        "http://user@example.org/",
        None,
        7,
    ],
)
def test_what_is_no_url_is_said_so(scene: Scene, url: Any) -> None:
    for purge in (scene.cache.purge, scene.cache.purge_prefix):
        with pytest.raises(ValueError, match="the URL must be an absolute http or https URL"):
            purge(url)


PATHS = st.text("abcZ09/%?#&=+;:@~!'()*,.-_\\ <>é€", max_size=20) | st.sampled_from(
    "a%2Fb a%3Fb=1 %ff %C3%A9 a?b?c ? a%00 %0d%0a caf\xe9 a//b a/../b".split()
)


@given(
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["example.org", "EXAMPLE.org:80", "a:443", "[::1]:8080", "b\xfccher.example"]),
    PATHS,
)
def test_the_key_of_a_url_is_that_of_a_request(scheme: str, host: str, path: str) -> None:
    check_url(f"{scheme}://{host}/{path}")


def check_url(url: str) -> None:
    """A client asks for *url* with a request that is filed where a purge looks for it."""
    asked = urlsplit(iri_to_uri(url))  # what a client makes of what was typed
    if key_of_url(iri_to_uri(url)) is None:
        return
    target = (asked.path or "/") + (f"?{asked.query}" if asked.query else "")
    environ = environ_for(
        "GET",
        target,
        changes={"HTTP_HOST": asked.netloc, "wsgi.url_scheme": asked.scheme},
    )
    purged: list[Key] = []

    class Noting(MemoryStore):
        def update(self, key: Key, change: Any) -> None:
            purged.append(key)

    Purging(Noting(), FakeClock()).purge(url)
    assert purged[0] == target_key(environ)
    assert all(key[:3] == purged[0][:3] for key in purged)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("f[]=1", ["f[]=1", "f%5B%5D=1"]),
        ("a={b}|^`\\", ["a={b}|^`\\", "a=%7Bb%7D%7C%5E%60%5C"]),
        ("a='b'", ["a=%27b%27", "a='b'"]),
        ('a=<"b c">', ["a=%3C%22b%20c%22%3E"]),
        ("q=\xe9[]", ["q=%C3%A9[]", "q=%C3%A9%5B%5D"]),
        ("f%5B%5D=%zz%27", ["f%5B%5D=%zz%27"]),
    ],
)
def test_a_purge_finds_a_query_as_browsers_and_others_send_it(
    scene: Scene, written: str, sent: list[str]
) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    for query in sent:
        scene.get(f"/?{query}")
    assert scene.cache.purge(f"http://example.org/?{written}").responses == len(sent)


def test_a_purge_finds_what_routes_file_elsewhere(scene: Scene) -> None:
    cache = CacheMiddleware(scene._app, clock=scene.clock, routes=[Route("/", query=("a",))])
    scene.front = cache
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/?utm=1&a=2")
    assert cache.purge("http://example.org/?a=2&utm=3").responses == 1


# ── what never comes back ────────────────────────────────────────────────────────────────────────

PURGES: dict[str, Callable[[Any], object]] = {
    "url": lambda cache: cache.purge(URL),
    "soft url": lambda cache: cache.purge(URL, soft=True),
    "group": lambda cache: cache.purge_groups("a"),
    "soft group": lambda cache: cache.purge_groups("a", soft=True),
    "origin": lambda cache: cache.purge_groups("a", origin="http://example.org"),
    "all": lambda cache: cache.purge_all(),
    "soft all": lambda cache: cache.purge_all(soft=True),
    "prefix": lambda cache: cache.purge_prefix(URL),
    "soft prefix": lambda cache: cache.purge_prefix(URL, soft=True),
}


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_a_slow_fill_from_before_is_not_kept(scene: Scene, purge: Callable[[Any], object]) -> None:
    def purged_meanwhile(environ: Any) -> Reply:
        purge(scene.cache)
        return Reply(200, "old", cache_control="max-age=60", cache_tag="a")

    scene.app(purged_meanwhile)
    assert scene.get("/").text == "old"
    scene.app(200, "new", cache_control="max-age=60", cache_tag="a")
    assert scene.get("/").text == "new"
    assert scene.get("/").hit


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_nor_is_one_whose_body_is_slow(scene: Scene, purge: Callable[[Any], object]) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Cache-Tag", "a")])
        yield b"o"
        purge(scene.cache)
        yield b"ld"

    scene.lint = False
    scene.wsgi(app)
    scene.get("/")
    scene.app(200, "new", cache_control="max-age=60")
    assert scene.get("/").text == "new"


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_a_304_brings_nothing_back(scene: Scene, purge: Callable[[Any], object]) -> None:
    scene.app(200, "old", cache_control="max-age=1", etag='"v1"', cache_tag="a")
    scene.get("/")
    scene.after(5)

    def purged_meanwhile(environ: Any) -> Reply:
        purge(scene.cache)
        return Reply(304, b"", cache_control="max-age=60", etag='"v1"', cache_tag="a")

    scene.app(purged_meanwhile)
    assert scene.get("/").text == "old"
    scene.app(200, "new", cache_control="max-age=60", etag='"v2"', cache_tag="a")
    assert scene.get("/").text == "new"


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_a_background_validation_brings_nothing_back(
    scene: Scene, purge: Callable[[Any], object]
) -> None:
    said = "max-age=1, stale-while-revalidate=60"
    scene.app(200, "old", cache_control=said, cache_tag="a")
    scene.get("/")
    scene.after(5)
    purged = threading.Event()

    def purged_meanwhile(environ: Any) -> Reply:
        purge(scene.cache)
        purged.set()
        return Reply(200, "older still", cache_control="max-age=60", cache_tag="a")

    scene.app(purged_meanwhile)
    assert scene.get("/").text == "old"
    assert purged.wait(30)
    scene.settle()
    scene.app(200, "new", cache_control="max-age=60", cache_tag="a")
    if "older still" in (texts := {scene.get("/").text for _ in range(2)}):
        pytest.fail("what was asked for before the purge is served after it")
    scene.settle()
    assert scene.get("/").text == "new", texts


def test_a_post_that_was_overtaken_is_not_kept(make_scene: MakeScene) -> None:
    for purge in PURGES.values():
        scene = make_scene(Policy.rfc())

        def purged_meanwhile(environ: Any, purge: Any = purge, scene: Any = scene) -> Reply:
            purge(scene.cache)
            said: Any = {"cache_control": "max-age=60", "content_location": "/", "cache_tag": "a"}
            return Reply(200, "old", **said)

        scene.app(purged_meanwhile)
        scene.post("/")
        scene.app(200, "new", cache_control="max-age=60")
        assert scene.get("/").text == "new"


def test_what_could_not_be_shared_is_forgotten(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(max_content=10))
    scene.app(200, [b"much ", b"too large"], length=False, cache_control="max-age=60")
    scene.get("/")
    assert scene.get("/").detail == "too-large"
    scene.app(200, [b"just ", b"right"], length=False, cache_control="max-age=60")
    assert scene.get("/").detail == "too-large"
    scene.cache.purge(URL)
    assert scene.get("/").stored
    assert scene.get("/").hit


# ── soft ─────────────────────────────────────────────────────────────────────────────────────────

SOFT = [pytest.param(purge, id=name) for name, purge in PURGES.items() if name.startswith("soft")]


@pytest.mark.parametrize("purge", SOFT)
def test_what_was_purged_softly_may_stand_in(scene: Scene, purge: Callable[[Any], object]) -> None:
    scene.app(200, "old", cache_control="max-age=60, stale-if-error=30", cache_tag="a")
    scene.get("/")
    scene.after(10)
    purge(scene.cache)
    scene.app(503, "sorry")
    got = scene.get("/")
    assert (got.text, got.verdict["fwd-status"]) == ("old", 503)
    scene.after(29)
    assert scene.get("/").text == "old"
    scene.after(2)
    assert scene.get("/").text == "sorry"


@pytest.mark.parametrize("purge", SOFT)
def test_what_was_purged_softly_is_validated(scene: Scene, purge: Callable[[Any], object]) -> None:
    scene.resource("page", etag='"v1"', cache_control="max-age=60", cache_tag="a")
    scene.get("/")
    purge(scene.cache)
    got = scene.get("/")
    assert (got.fwd, got.verdict["fwd-status"]) == ("stale", 304)
    assert scene.get("/").hit


@pytest.mark.parametrize("purge", SOFT)
def test_what_was_purged_softly_is_served_while_it_is_validated(
    scene: Scene, purge: Callable[[Any], object]
) -> None:
    said = "max-age=60, stale-while-revalidate=30"
    scene.app(200, "old", cache_control=said, cache_tag="a")
    scene.get("/")
    scene.after(11)
    assert scene.get("/").age == 11
    purge(scene.cache)
    scene.app(200, "new", cache_control=said, cache_tag="a")
    got = scene.get("/")
    assert (got.text, got.age, got.verdict["ttl"]) == ("old", 60, 0), "stale for everybody"
    scene.settle()
    got = scene.get("/")
    assert got.hit
    assert (got.text, got.age) == ("new", 0)


def test_max_stale_does_not_bring_back_what_was_purged(scene: Scene) -> None:
    scene.app(200, "old", cache_control="max-age=60", cache_tag="a")
    for purge in ("url", "group", "all", "prefix"):
        scene.get("/")
        PURGES[purge](scene.cache)
        assert scene.get("/", cache_control="max-stale=99999").fwd == "uri-miss"


# ── groups (RFC 9875) ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "groups"),
    [
        ({}, ()),
        ({"cache_groups": '"a"'}, ("a",)),
        ({"cache_groups": '"a", "b";x=1 ,  "a"'}, ("a", "b")),
        ({"cache_groups": ['"a"', '"b"']}, ("a", "b")),
        ({"cache_groups": '"A b, \\"c\\""'}, ('A b, "c"',)),
        ({"cache_groups": "a, b"}, ()),
        ({"cache_groups": '"a", b'}, ()),
        ({"cache_groups": '"a", ("b")'}, ()),
        ({"cache_groups": '"a" "b"'}, ()),
        ({"cache_groups": '"a'}, ()),
        ({"cache_groups": '"é"'}, ()),
        ({"cache_groups": ""}, ()),
        ({"cache_groups": '""'}, ()),
        ({"cache_tag": "a"}, ("a",)),
        ({"cache_tag": " a, b c ,,a"}, ("a", "b c")),
        ({"cache_tag": ["a", "b,c"]}, ("a", "b", "c")),
        ({"surrogate_key": "a  b\tc"}, ("a", "b", "c")),
        ({"surrogate_key": ["a b", "c"]}, ("a", "b", "c")),
        ({"cache_groups": '"a"', "cache_tag": "b,a", "surrogate_key": "c b"}, ("a", "b", "c")),
        ({"cache_tag": ",".join(map(str, range(128)))}, tuple(map(str, range(128)))),
        ({"cache_tag": ",".join(map(str, range(129)))}, None),
        ({"cache_tag": "x" * 16_384}, ("x" * 16_384,)),
        ({"cache_tag": "x" * 16_385}, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_rfc_9875_2_groups_of_a_response(fields: Any, groups: Any) -> None:
    assert groups_of(answer(200, **fields)) == groups


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_field_is_too_odd(text: str) -> None:
    names = ("Cache-Groups", "Cache-Tag", "Surrogate-Key", "Cache-Group-Invalidation")
    response = Response("200 OK", [(name, text) for name in names], (), 0.0, 0.0, 0.0)
    groups_of(response)
    invalidated_groups(response)


@given(*[st.tuples(st.sampled_from(["http", "https"]), st.sampled_from("ab"), st.text())] * 2)
def test_groups_of_different_origins_have_different_names(one: Any, other: Any) -> None:
    names = [set(names_of((s, h, "/", ""), [group])) for s, h, group in (one, other)]
    common = names[0] & names[1]
    assert bool(common) == (one[2] == other[2])
    assert (len(common) == 2) == (one == other)


def test_a_response_with_too_many_groups_is_not_stored(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60", cache_tag=",".join(map(str, range(200))))
    assert scene.get("/").detail == "groups"
    assert not scene.get("/").hit


@pytest.mark.parametrize("by", ["control", "field"])
@pytest.mark.parametrize("name", ["café", "日本", "a\nb", "caf%C3%A9"])
def test_a_group_has_any_name(scene: Scene, by: str, name: str) -> None:
    """Whatever a framework makes of it: what goes out is bytes, in WSGI as Latin-1."""
    said: dict[str, Any] = {"cache_control": "max-age=60"}
    if by == "field":
        said["cache_tag"] = name.replace("\n", "%0A").encode().decode("latin-1")
    reply = Reply(200, "x", **said)
    scene.wsgi(view(reply, *([cache_groups(name)] if by == "control" else [])))
    assert scene.get().stored
    assert scene.get().hit
    assert scene.cache.purge_groups("caf").what == ("caf",)
    assert scene.get().hit
    scene.cache.purge_groups(name)
    assert scene.get().stored


def test_a_group_is_purged_everywhere(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60", cache_groups='"a"')
    for host in ("one.example", "two.example"):
        scene.get("/", host=host)
    scene.cache.purge_groups("a", origin="http://one.example")
    assert not scene.get("/", host="one.example").hit
    assert scene.get("/", host="two.example").hit
    assert scene.cache.purge_groups("a", "b") == Purged(("a", "b"), None, False)
    for host in ("one.example", "two.example"):
        assert not scene.get("/", host=host).hit


def test_rfc_9875_3_an_unsafe_request_invalidates_groups_of_its_origin(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60", cache_groups='"a", "b"')
    targets = [("one.example", "/1"), ("one.example", "/2"), ("two.example", "/1")]
    for host, target in targets:
        scene.get(target, host=host)
    scene.app(200, "page", cache_control="max-age=60", cache_groups='"c"')
    scene.get("/3", host="one.example")
    scene.app(200, "done", cache_group_invalidation='"b", "x"')
    scene.post("/elsewhere", host="one.example")
    hits = [scene.get(t, host=h).hit for h, t in [*targets, ("one.example", "/3")]]
    assert hits == [False, False, True, True]


def test_rfc_9875_3_not_on_safe_requests(scene: Scene) -> None:
    scene.app(
        200, "p", cache_control="max-age=60", cache_groups='"a"', cache_group_invalidation='"a"'
    )
    scene.get("/1")
    scene.get("/2")
    scene.request("OPTIONS", "/2")
    assert scene.get("/1").hit
    assert scene.get("/2").hit


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 503])
def test_not_by_an_error(scene: Scene, status: int) -> None:
    scene.app(200, "page", cache_control="max-age=60", cache_groups='"a"')
    scene.get("/1")
    scene.app(status, "no", cache_group_invalidation='"a"')
    scene.post("/2")
    assert scene.get("/1").hit


def test_a_response_to_post_may_be_stored_and_invalidate_its_own_group(
    make_scene: MakeScene,
) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(200, "old", cache_control="max-age=60", cache_groups='"a"')
    scene.get("/")
    scene.get("/2")
    scene.app(
        200,
        "new",
        cache_control="max-age=60",
        cache_groups='"a"',
        cache_group_invalidation='"a"',
        content_location="/",
    )
    scene.post("/")
    assert scene.get("/").text == "new"
    assert scene.get("/").hit
    assert not scene.get("/2").hit


def test_groups_named_by_a_field_that_does_not_leave(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(strip=("Cache-Tag",)))
    scene.resource("page", etag='"v1"', cache_control="max-age=1", cache_tag="a")
    assert "cache-tag" not in scene.get("/").names
    scene.after(5)
    scene.app(304, b"", etag='"v1"', cache_control="max-age=60")
    scene.get("/")
    assert scene.get("/").hit
    scene.cache.purge_groups("a")
    assert scene.get("/").fwd == "uri-miss"


@pytest.mark.parametrize(
    ("groups", "kind"),
    [((), ValueError), (("",), ValueError), ((7,), TypeError), ((["a"],), TypeError)],
)
def test_what_is_no_group_is_said_so(scene: Scene, groups: Any, kind: type[Exception]) -> None:
    with pytest.raises(
        kind, match=r"the groups of purge_groups\(\) must be (a name|one or more), .*, got"
    ):
        scene.cache.purge_groups(*groups)


@pytest.mark.parametrize(
    ("verb", "what", "option"),
    [
        ("purge", ["http://example.org/"], "soft"),
        ("purge", ["http://example.org/"], "both_schemes"),
        ("purge_groups", ["a"], "soft"),
        ("purge_prefix", ["http://example.org/"], "soft"),
        ("purge_all", [], "soft"),
    ],
)
def test_what_is_neither_true_nor_false_is_said_so(
    scene: Scene, verb: str, what: list[str], option: str
) -> None:
    """A text such as "no" is true in Python, and a soft purge is not what it says."""
    with pytest.raises(TypeError, match=f"^{option} of {verb}.. must be True or False, got 'no'$"):
        getattr(scene.cache, verb)(*what, **{option: "no"})


@pytest.mark.parametrize("soft", [False, True])
def test_purged_groups_are_not_remembered_for_ever(soft: bool) -> None:
    store, clock = MemoryStore(), FakeClock()
    scene = Scene(store=store, clock=clock)
    scene.app(200, "page", cache_control="max-age=60", cache_tag="kept")
    scene.get("/")
    store.bump([f"* {number}" for number in range(10_001)], clock.now(), soft=soft)
    assert len(store._groups) <= 10_000
    assert not scene.get("/").hit  # rather too much ends than too little
    assert scene.get("/").hit


# ── everything, and by prefix ────────────────────────────────────────────────────────────────────


def test_everything_at_once(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    for number in range(50):
        scene.get(f"/{number}")
    assert scene.cache.purge_all() == Purged((), None, False)
    assert not any(scene.get(f"/{number}").hit for number in range(50))
    assert all(scene.get(f"/{number}").hit for number in range(50))


def test_by_prefix(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    targets = ["/blog/", "/blog/1", "/blog/%32?a", "/blogs", "/"]
    for target in targets:
        scene.get(target)
    done = scene.cache.purge_prefix("http://example.org/blog/")
    assert done.responses == 3
    assert sorted(done.what) == [
        f"http://example.org{t}" for t in ("/blog/", "/blog/1", "/blog/2?a")
    ]
    assert [scene.get(target).hit for target in targets] == [False, False, False, True, True]


def test_a_prefix_has_no_query(scene: Scene) -> None:
    with pytest.raises(ValueError, match="without a query"):
        scene.cache.purge_prefix("http://example.org/?a")


class Plain:
    """No more than a store must have."""

    def __init__(self) -> None:
        self.entries: dict[Any, Any] = {}

    def get(self, key: Any) -> Any:
        return self.entries.get(key)

    def content(self, stored: Any) -> Any:
        return None

    def update(self, key: Any, change: Any) -> None:
        self.entries[key] = change(self.entries.get(key))


def test_a_store_that_cannot_says_so(make_scene: MakeScene) -> None:
    scene = make_scene(store=Plain())
    scene.app(200, "page", cache_control="max-age=60", cache_tag="a")
    scene.get("/")
    for purge in ("group", "all", "prefix"):
        with pytest.raises(StoreError, match="Plain"):
            PURGES[purge](scene.cache)
    assert scene.get("/").hit
    assert scene.cache.purge(URL).responses == 1
    assert not scene.get("/").hit


class Broken(MemoryStore):
    def update(self, key: Any, change: Any) -> None:
        if key[0] == "http":
            raise OSError("no route")
        super().update(key, change)


def test_a_purge_that_fails_says_what_it_did_not_reach(make_scene: MakeScene) -> None:
    scene = make_scene(store=Broken())
    with pytest.raises(StoreError, match=r"http://example.org/ \(OSError: no route\)"):
        scene.cache.purge(URL, both_schemes=True)


# ── PURGE over HTTP ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def guarded(make_scene: MakeScene) -> Scene:
    scene = make_scene(lint=False)
    scene.cache = CacheMiddleware(
        scene._app, clock=scene.clock, store=MemoryStore(), purge_token=TOKEN
    )
    scene.front = scene.cache
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/")
    return scene


def test_purge_is_off_by_default(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/")
    scene.app(405, "the app knows no PURGE")
    got = scene.request("PURGE", "/", authorization=f"Bearer {TOKEN}")
    assert (got.code, got.text) == (405, "the app knows no PURGE")
    assert scene.get("/").hit


def test_purge_with_the_token(guarded: Scene) -> None:
    got = guarded.request("PURGE", "/", authorization=f"Bearer {TOKEN}")
    assert (got.code, got.text) == (200, "purged 1 response\n")
    assert got.header("Cache-Control") == "no-store"
    assert len(guarded.calls) == 1
    assert not guarded.get("/").hit


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/", {}),
        ("/", {"authorization": "Bearer"}),
        ("/", {"authorization": "Bearer wrong"}),
        ("/", {"authorization": f"Bearer {TOKEN}x"}),
        ("/", {"authorization": f"Bearer {TOKEN[:-1]}"}),
        ("/", {"authorization": f"Basic {TOKEN}"}),
        ("/", {"authorization": TOKEN}),
        ("/", {"authorization": "Bearer é"}),
        ("/", {"authorization": "Bearer \ud800"}),
        ("/", {"x_purge_token": TOKEN}),
        ("/", {"cookie": f"token={TOKEN}"}),
        ("/", {"x_forwarded_for": "127.0.0.1"}),
        ("/?token=an%20unguessable%20token", {}),
    ],
    ids=repr,
)
def test_purge_without_the_token(guarded: Scene, target: str, fields: Any) -> None:
    got = guarded.request("PURGE", target, **fields)
    assert (got.status, got.text) == ("403 Forbidden", "PURGE needs the token\n")
    assert len(guarded.calls) == 1
    assert guarded.get("/").hit


@pytest.mark.parametrize("method", ["purge", "Purge", "BAN", "PURGEKEYS"])
def test_no_other_method_purges(guarded: Scene, method: str) -> None:
    guarded.app(405, "no")
    guarded.request(method, "/", authorization=f"Bearer {TOKEN}")
    assert len(guarded.calls) == 2
    assert guarded.get("/").hit


def test_no_override_purges(guarded: Scene) -> None:
    guarded.get("/", x_http_method_override="PURGE", authorization=f"Bearer {TOKEN}")
    assert guarded.get("/").hit


@pytest.mark.parametrize(
    ("words", "purged", "left"),
    [
        (None, 1, ["uri-miss", None]),
        ("soft", 1, ["stale", None]),
        ("both-schemes", 2, ["uri-miss", "uri-miss"]),
        ("soft,\tboth-schemes", 2, ["stale", "stale"]),
    ],
)
@pytest.mark.parametrize("swap", [False, True], ids=["http", "https"])
def test_what_purge_is_asked_for(
    guarded: Scene, words: str | None, purged: int, left: list[str | None], swap: bool
) -> None:
    schemes = ["https", "http"] if swap else ["http", "https"]
    environs = [{"wsgi.url_scheme": scheme} for scheme in schemes]
    for environ in environs:
        guarded.get("/", environ=environ)
    got = guarded.request(
        "PURGE",
        "/",
        authorization=f"Bearer   {TOKEN} ",
        wsgicache_purge=words,
        environ=environs[0],
    )
    assert (got.status, got.text) == ("200 OK", f"purged {purged} response{'s' * (purged > 1)}\n")
    assert got.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(got.body))),
        ("Cache-Control", "no-store"),
    ]
    assert [guarded.get("/", environ=environ).fwd for environ in environs] == left


@pytest.mark.parametrize(
    ("target", "said"),
    [("/a", ""), ("//", ", only for http://example.org/")],
    ids=["nothing near", "something near"],
)
def test_purge_of_what_is_not_there(guarded: Scene, target: str, said: str) -> None:
    got = guarded.request("PURGE", target, authorization=f"Bearer {TOKEN}")
    assert got.text == f"purged 0 responses: nothing is stored there{said}\n"


def test_purge_of_what_is_never_cached(guarded: Scene) -> None:
    got = guarded.request("PURGE", "/", host="a b", authorization=f"Bearer {TOKEN}")
    assert (got.status, got.text) == ("400 Bad Request", "this target is never cached\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("no route"), "OSError: no route"),
        (StoreError("no route"), "no route"),
    ],
)
def test_purge_that_fails_says_so(
    guarded: Scene,
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(guarded.cache.store, "update", fail)
    got = guarded.request("PURGE", "/", authorization=f"Bearer {TOKEN}")
    assert got.status == "502 Bad Gateway"
    assert got.text == f"not purged: http://example.org/ ({said})\n"
    assert caplog.messages == ["a purge over HTTP failed"]


def test_purge_that_fails_for_a_name_that_is_no_text(
    guarded: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise StoreError("\udcff")

    monkeypatch.setattr(guarded.cache.store, "update", fail)
    # What is logged would stand in the test's report, which has to be text.
    monkeypatch.setattr(logging.getLogger("wsgicache"), "propagate", False)
    monkeypatch.setattr(logging, "lastResort", None)
    got = guarded.request("PURGE", "/", authorization=f"Bearer {TOKEN}")
    assert got.text == "not purged: http://example.org/ (?)\n"


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_a_process_that_serves_nobody_is_warned_once(
    purge: Callable[[Any], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Those of others have memories of their own."""
    done: list[str] = []
    purging = Purging(MemoryStore(), FakeClock(), purged=lambda: done.append("purged"))
    for _ in range(2):
        purge(purging)
    assert (done, len(caplog.messages)) == (["purged"] * 2, 1)


def test_one_that_has_served_is_not(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.app(200, "page")
    scene.get("/")
    scene.cache.purge_all()
    assert scene.cache._purging.origin == ("http", "example.org")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("url", "several", "warned"),
    [
        ("memory://", True, "each has its own MemoryStore"),
        ("memory://", False, ""),
        ("file://", True, "may lose one of two changes"),
        ("file://", False, ""),
        ("lmdb://", True, ""),
    ],
)
def test_several_processes_are_told_of_a_store_that_is_right_for_them(
    url: str,
    several: bool,
    warned: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once a server, whatever the number of its processes and caches."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for place in "ab":
        store = store_from_url(url if "memory" in url else f"{url}{tmp_path}/{place}")
        cache = CacheMiddleware(Scene()._app, store=store)
        for _ in range(2):
            exchange(cache, environ_for(changes={"wsgi.multiprocess": several}))
    assert len(caplog.messages) == bool(warned)
    for message in caplog.messages:
        assert warned in message
        assert "lmdb:///" in message


WRONG: dict[str, tuple[Callable[[Purging], object], str]] = {
    "no group": (lambda one: one.purge_groups(), r"one or more, as in purge_groups\('news'\)"),
    "an empty group": (lambda one: one.purge_groups(""), "a name, such as 'news', got"),
    "no URL": (lambda one: one.purge("x"), "an absolute .* URL, such as 'http://host/path', got"),
}


@pytest.mark.parametrize(("purge", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(purge: Callable[[Purging], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        purge(Purging(MemoryStore(), FakeClock()))


def test_a_token_has_sixteen_characters() -> None:
    assert operating.checked_token("0123456789abcdef") == "0123456789abcdef"
    with pytest.raises(ValueError, match="16 or more"):
        operating.checked_token("0123456789abcde")


def test_purge_works_while_the_cache_is_off(guarded: Scene) -> None:
    guarded.cache.enabled = False
    got = guarded.request("PURGE", "/", authorization=f"Bearer {TOKEN}")
    assert got.code == 200
    guarded.cache.enabled = True
    assert not guarded.get("/").hit


@pytest.mark.parametrize(
    "token", ["short", "x" * 15, "é" * 20, "x" * 20 + "\n", " " + "x" * 20, "x" * 20 + " "]
)
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"^purge_token must be 16 or more printable ASCII characters, .*, got others$",
    ) as caught:
        CacheMiddleware(lambda e, s: [], purge_token=token)
    assert token not in str(caught.value)


def test_the_token_is_compared_in_constant_time() -> None:
    assert "compare_digest(" in inspect.getsource(operating._purged)
    assert "== token" not in inspect.getsource(operating)


# ── at once, and from many threads ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_a_purge_keeps_no_hit_waiting(scene: Scene, purge: Callable[[Any], object]) -> None:
    """It holds the memory's lock while it is under way; a hit takes none."""
    scene.app(200, "page", cache_control="max-age=60")
    scene.get("/other")
    assert scene.get("/other").hit
    store: Any = scene.cache.store
    purging = threading.Thread(target=purge, args=(scene.cache,))
    hits: list[bool] = []
    asking = threading.Thread(target=lambda: hits.append(scene.get("/other").hit))
    with store._lock:
        for thread in (purging, asking):
            thread.start()
        asking.join(30)
        assert hits == [True]
        assert purging.is_alive()
    purging.join(30)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_older_than_a_purge_is_served_after_it(seed: int) -> None:
    """The app's page changes, then it is purged: from then on nobody sees an older one."""
    page = purged = 0

    def app(environ: Any, start_response: Any) -> Any:
        content = str(page).encode()
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Cache-Tag", "a")])
        return [content]

    cache = CacheMiddleware(app)
    wrong: list[tuple[int, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            least = purged
            got = int(exchange(cache, environ_for()).text)
            if got < least:
                wrong.append((got, least))

    def purge() -> None:
        nonlocal page, purged
        rng = random.Random(seed)
        for number in range(1, 100):
            page = number
            PURGES[rng.choice(["url", "group", "origin", "all", "prefix"])](cache)
            purged = number

    def work(number: int) -> None:
        try:
            read() if number else purge()
        finally:
            done.set()

    with interrupting(1e-4):
        together(5, work)
    assert not wrong
