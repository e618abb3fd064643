"""What the operator says by path, method, host, status and content type; and before the look-up."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import MakeScene
from tests.controls.declaring import NEVER, StartResponse, with_routes
from tests.scene import Environ, Reply, Scene, environ_for, exchange, steps
from wsgicache import (
    CacheMiddleware,
    Control,
    MemoryStore,
    Policy,
    Route,
    cache_control,
    cache_for,
    cached,
    json_never_stale,
    no_cache,
    vary,
)
from wsgicache.controls.routes import Pattern
from wsgicache.rules import queries

WORDS = cache_control(max_age=7)

# ── Patterns ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a", "/ab", False),
        ("/a/*", "/a/", True),
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/a", False),
        ("/a*", "/a", True),
        ("*", "", True),
        ("*", "/x", True),
        ("**", "/x", True),
        ("*.css", "/x/y.css", True),
        ("*.css", "/x.css/y", False),
        ("/*/list", "/a/b/list", True),
        ("/*/list", "/list", False),
        ("/a*b*c", "/a-b-b-c", True),
        ("/a*b*c", "/a-c-b", False),
        ("/ab*ba", "/aba", False),
        ("/ab*ba", "/abba", True),
        ("/a*bc*bc", "/abc", False),
        ("/a*bc*bc", "/abcbc", True),
        ("/[ab]?.x", "/[ab]?.x", True),
        ("/[ab]?.x", "/a1.x", False),
        ("/A", "/a", False),
    ],
)
def test_a_pattern(glob: str, text: str, matches: bool) -> None:
    assert Pattern(glob).matches(text) == matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
@settings(max_examples=300)
def test_a_pattern_is_what_fnmatch_says_too(glob: str, text: str) -> None:
    from fnmatch import fnmatchcase

    assert Pattern(glob).matches(text) == fnmatchcase(text, glob)


def test_matching_is_linear() -> None:
    """The classic that ruins backtracking; work is counted, not time."""
    pattern = Pattern("/" + "a*" * 50 + "b")
    short, long = "/" + "a" * 500, "/" + "a" * 5000
    assert not pattern.matches(long)
    assert steps(lambda: pattern.matches(long)) == steps(lambda: pattern.matches(short))


@pytest.mark.parametrize(
    ("route", "asked", "matches"),
    [
        (Route("/p", WORDS), {}, True),
        (Route(WORDS), {}, True),
        (Route("/P", WORDS), {}, False),
        (Route("/m/*", WORDS), {"environ": {"SCRIPT_NAME": "/m", "PATH_INFO": "/p"}}, True),
        (Route("/p", WORDS), {"environ": {"SCRIPT_NAME": "/m", "PATH_INFO": "/p"}}, False),
        (Route("/ü", WORDS), {"environ": {"PATH_INFO": "/Ã¼"}}, True),
        (Route(WORDS, host="example.org"), {}, True),
        (Route(WORDS, host="EXAMPLE.org"), {"host": "Example.ORG:80"}, True),
        (Route(WORDS, host="example.org"), {"host": "example.org:8080"}, True),
        (Route(WORDS, host="example.org:8080"), {"host": "example.org:8080"}, True),
        (Route(WORDS, host="example.org:8080"), {"host": "example.org"}, False),
        (Route(WORDS, host="*.example.org"), {"host": "www.example.org"}, True),
        (Route(WORDS, host="*.example.org"), {}, False),
        (Route(WORDS, host="example.org"), {"host": "example.org."}, True),
        (Route(WORDS, host="example.org"), {"host": "example.org.:8080"}, True),
        (Route(WORDS, host="example.org."), {"host": "example.org"}, True),
        (Route(WORDS, host="example.org.:8080"), {"host": "example.org:8080"}, True),
        (Route(WORDS, host="example.org:8080"), {"host": "example.org.:8080"}, True),
        (Route(WORDS, host="*.org"), {"host": "example.org."}, True),
        (Route(WORDS, host="example.org"), {"host": "example.org.evil"}, False),
        (Route(WORDS, host="[::1]"), {"host": "[::1]:8080"}, True),
        (Route(WORDS, host="[::1]:8080"), {"host": "[::1]:8080"}, True),
        (Route(WORDS, host="*"), {"host": "not a host"}, False),
        (Route(WORDS, method="GET"), {}, True),
        (Route(WORDS, method="GET"), {"method": "HEAD"}, True),
        (Route(WORDS, method="GET"), {"method": "POST"}, False),
        (Route(WORDS, method=("PUT", "POST")), {"method": "POST"}, True),
        (Route(WORDS, method="HEAD"), {}, False),
        (Route(WORDS, status=200), {}, True),
        (Route(WORDS, status=("4xx", 500)), {}, False),
        (Route(WORDS, content_type="text/plain"), {}, True),
        (Route(WORDS, content_type="TEXT/*"), {}, True),
        (Route(WORDS, content_type="text/html"), {}, False),
    ],
    ids=lambda row: str(row).replace("cache_control(max_age=7)", ""),
)
def test_where_a_route_is_heard(
    bare_scene: Scene, route: Route, asked: dict[str, Any], matches: bool
) -> None:
    with_routes(bare_scene, route).app(200, "x", content_type="Text/Plain; charset=utf-8")
    method = asked.pop("method", "GET")
    got = bare_scene.request(method, "/p", **asked)
    assert got.header("Cache-Control") == ("max-age=7" if matches else None)


@pytest.mark.parametrize("status", [404, 500, 301])
def test_a_route_names_statuses_that_its_controls_do_not(scene: Scene, status: int) -> None:
    with_routes(scene, Route(cache_for(seconds=5), status=status)).app(status, "x", location="/y")
    assert scene.get().header("Cache-Control") == "max-age=5"
    scene.app(200, "x")
    assert scene.get("/other").header("Cache-Control") is None


def test_of_several_routes_the_first_that_speaks_is_heard(scene: Scene) -> None:
    with_routes(
        scene,
        Route(vary("X-A")),
        Route("/a/*", cache_control(max_age=1)),
        Route("/*", cache_control(max_age=2), vary("X-B")),
        Route("/b", WORDS, cache_control(public=True), override=True, method="PUT"),
    ).app(200, "x")
    assert scene.get("/a/x").header("Cache-Control") == "max-age=1"
    assert scene.get("/a/x").header("Vary") == "X-A, X-B"
    assert scene.get("/b").header("Cache-Control") == "max-age=2"
    assert scene.request("PUT", "/b").header("Cache-Control") == "max-age=7, public"


def test_a_route_for_a_folder_does_not_lose_to_one_for_an_extension(scene: Scene) -> None:
    """Web cache deception: `/account/x.css` is the account page, whatever its name ends with."""
    with_routes(
        scene,
        Route("*.css", cache_for(days=1)),
        Route("/account*", no_cache),
    ).app(200, "account of alice", content_type="text/css")
    for _ in range(2):
        assert scene.get("/account/x.css").header("Cache-Control") == NEVER["Cache-Control"]
    assert scene.get("/style.css").stored


# ── paths that mean another ──────────────────────────────────────────────────────────────────────

ODD = [
    "/static/..%2Faccount",
    "/static/%2e%2e/account",
    "/static/../account",
    "/static/a..b",
    "/static//account",
    "/static/.%2faccount",
    "/static/%5caccount",
    "/static/\\account",
    "/static/a;x.css",
    "/static/a%3bx.css",
    "/static/a%00.css",
    "/static/a%0a.css",
    "/static/a%0d%0a.css",
    "/static/a%7f.css",
    "/static/.",
]


@pytest.mark.parametrize("override", [False, True])
@pytest.mark.parametrize("target", ODD)
def test_nobody_means_such_a_path(bare_scene: Scene, target: str, override: bool) -> None:
    with_routes(bare_scene, Route("/static/*", cache_for(days=1), override=override)).app(
        200, "account of alice"
    )
    got = bare_scene.get(target)
    assert got.header("Cache-Control") is None
    assert not got.stored
    assert not bare_scene.get(target).hit
    assert bare_scene.get("/static/a.css").stored


@pytest.mark.parametrize("target", ["/account;x.css", "/account%00.css", "/account/x.css"])
def test_another_folder_is_another_folder(bare_scene: Scene, target: str) -> None:
    with_routes(bare_scene, Route("/static/*", cache_for(days=1))).app(200, "account")
    assert not bare_scene.get(target).stored


@pytest.mark.parametrize("target", ODD)
def test_a_route_may_opt_in(bare_scene: Scene, target: str) -> None:
    with_routes(bare_scene, Route("/static/*", cache_for(days=1), odd_paths=True)).app(200, "x")
    assert bare_scene.get(target).stored


@pytest.mark.parametrize("forbidding", [no_cache, cache_control(private=True, max_age=9)], ids=str)
@pytest.mark.parametrize("target", ODD)
def test_what_a_route_forbids_no_odd_path_escapes(
    bare_scene: Scene, target: str, forbidding: Control
) -> None:
    with_routes(bare_scene, Route("/static/*", forbidding)).app(200, "x", cache_control="max-age=9")
    got = bare_scene.get(target)
    assert not got.stored
    assert not bare_scene.get(target).hit


@pytest.mark.parametrize("target", ODD)
def test_nothing_is_trimmed_there_either(bare_scene: Scene, target: str) -> None:
    with_routes(bare_scene, Route("/static/*", query=(), cookies=())).app(200, "x")
    bare_scene.get(f"{target}?a=1", cookie="b=2")
    assert (bare_scene.calls[-1].query, bare_scene.calls[-1].header("Cookie")) == ("a=1", "b=2")


# ── Nothing inherited by nothing ─────────────────────────────────────────────────────────────────


def lazily_nothing(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b""


@pytest.mark.parametrize("by", ["route", "override", "default"])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(204),
        Reply(200, ""),
        Reply(200, [], length=False),
        Reply(200, [b"", b""], length=False),
    ],
    ids=["204", "no length", "no body", "nothing in it"],
)
def test_an_empty_response_inherits_no_lifetime(
    make_scene: MakeScene, by: str, reply: Reply
) -> None:
    scene = make_scene(Policy(default=cache_for(days=1) if by == "default" else None), lint=False)
    if by != "default":
        with_routes(scene, Route(cache_for(days=1), override=by == "override"))
    scene.answers(reply)
    for _ in range(2):
        got = scene.get()
        assert got.header("Cache-Control") is None
        assert not got.hit
    scene.wsgi(lazily_nothing)
    for _ in range(2):  # known too late for what is said, not for what is stored
        assert not scene.get("/lazy").hit


def test_its_own_lifetime_and_a_prohibition_count(scene: Scene) -> None:
    with_routes(scene, Route("/never", no_cache), Route("/*", cache_for(days=1)))
    scene.app(200, "", cache_control="max-age=9")
    assert scene.get().stored
    scene.app(200, "")
    assert scene.get("/never").header("Cache-Control") == NEVER["Cache-Control"]
    assert scene.get("/x", environ={"REQUEST_METHOD": "HEAD"}).header("Cache-Control") is None


def test_an_empty_body_is_what_head_has(scene: Scene) -> None:
    with_routes(scene, Route(cache_for(seconds=7))).app(200, "page", length=False)
    assert scene.head().header("Cache-Control") == "max-age=7"


# ── Static files of a framework that says no-cache ───────────────────────────────────────────────


def test_override_comes_before_the_responses_own_words(scene: Scene) -> None:
    with_routes(scene, Route("/static/*", cache_for(days=30), override=True))
    scene.resource("body", cache_control="no-cache", expires="0", pragma="no-cache")
    got = scene.get("/static/app.js")
    assert got.header("Cache-Control") == "max-age=2592000"
    assert got.header("Expires") == scene.clock.date(30 * 86400)
    assert got.header("Pragma") is None
    assert scene.get("/static/app.js").verdict["ttl"] == 2592000
    scene.after(2592001)
    assert scene.get("/static/app.js").cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert scene.get("/static/app.js").verdict["ttl"] == 2592000


# ── Query parameters ─────────────────────────────────────────────────────────────────────────────


def echo(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """All that an app may look at for the query, in one body."""
    seen = [environ.get(key, "") for key in ("QUERY_STRING", "RAW_URI", "REQUEST_URI")]
    body = " | ".join(seen).encode()
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")]
    start_response("200 OK", fields)
    return [body]


QUERIES: list[tuple[str, str]] = [
    ("", ""),
    ("cb=ok", "cb=ok"),
    ("utm_content=x", ""),
    ("cb=ok&utm_content=x", "cb=ok"),
    ("utm_content=x&cb=ok&page=2", "cb=ok&page=2"),
    ("page=2&cb=ok", "cb=ok&page=2"),
    ("page=2&cb=b&page=1&cb=a", "cb=b&cb=a&page=2&page=1"),
    ("page=2&%63b=ok", "%63b=ok&page=2"),
    ("cb=ok&utm_content=x;cb=evil", "cb=ok"),
    ("cb=ok&utm_content=x;cb=evil&cb=2", "cb=ok&cb=2"),
    ("utm_content;cb=evil&cb=ok", "cb=ok"),
    ("cb;page=evil&cb=ok", "cb=ok"),
    ("cb=ok&%75tm_content=x", "cb=ok"),
    ("%63b=ok", "%63b=ok"),
    ("%63%62=ok&UTM_content=x&CB=no", "%63%62=ok"),
    ("cb=1&cb=2&cb=1", "cb=1&cb=2&cb=1"),
    ("=x&cb=ok&=", "cb=ok"),
    ("&&cb=ok&", "cb=ok"),
    ("cb", "cb"),
    ("cb=", "cb="),
    ("cb%00=evil&cb=ok", "cb=ok"),
    ("cb%26page=evil&cb=ok", "cb=ok"),
    ("cb%3Dx=evil&cb=ok", "cb=ok"),
    ("+cb=evil&cb+=evil&cb=ok", "cb=ok"),
    ("two+words=1&two%20words=2", "two+words=1&two%20words=2"),
    ("cb%FF=evil&%FF=1&cb=ok", "cb=ok"),
    ("cb%=evil&cb=ok", "cb=ok"),
    ("cb=ok%26utm_content=x", "cb=ok%26utm_content=x"),
    ("cb=ok=more", "cb=ok=more"),
    ("cb[]=evil&cb=ok", "cb=ok"),
    ("\xe9=1&cb=ok", "cb=ok"),
]


@pytest.mark.parametrize(("query", "left"), QUERIES, ids=[row[0] or "none" for row in QUERIES])
def test_the_other_parameters_are_gone_from_key_and_environ(
    bare_scene: Scene, query: str, left: str
) -> None:
    with_routes(bare_scene, Route("/js", query=("cb", "page", "two words"))).wsgi(echo)
    target = f"/js?{query}" if query else "/js"
    for method, raw in itertools.product(("GET", "HEAD"), ("RAW_URI", "REQUEST_URI", None)):
        calls = len(bare_scene.calls)
        bare_scene.after(1)
        environ = {"QUERY_STRING": query, "HTTP_CACHE_CONTROL": "no-cache"}
        bare_scene.request(method, "/js", environ={**environ, **({raw: target} if raw else {})})
        seen = bare_scene.calls[calls].environ
        assert seen["QUERY_STRING"] == left
        assert raw is None or seen[raw] == (f"/js?{left}" if left else "/js")


def test_a_cloaked_parameter_poisons_nothing(scene: Scene) -> None:
    """The app splits at semicolons too, as Python once did."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        query = environ["QUERY_STRING"].replace(";", "&")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return [parse_qs(query).get("cb", ["none"])[-1].encode()]

    with_routes(scene, Route("/js", query=("cb",))).wsgi(app)
    for attack in ("utm_content=x;cb=evil", "%75tm_content=x;cb=evil", "utm_content;cb=evil"):
        assert scene.get(f"/js?cb=ok&{attack}").text == "ok"
        assert scene.get("/js?cb=ok").text == "ok"
    # In a parameter that counts, it is part of the key.
    assert scene.get("/js?cb=ok;cb=evil").text == "evil"
    assert scene.get("/js?cb=ok").text == "ok"


def test_one_response_for_every_order_of_the_parameters(scene: Scene) -> None:
    with_routes(scene, Route("/js", query=("a", "b"))).wsgi(echo)
    for query in ("a=1&b=2", "b=2&a=1", "b=2&utm=3&a=1"):
        assert scene.get(f"/js?{query}").text == "a=1&b=2 |  | "
    assert scene.count == 1
    scene.post("/js?b=2&a=1")
    assert not scene.get("/js?a=1&b=2").hit
    for query in ("a=1&a=2", "a=2&a=1"):  # of one name the order may mean something
        assert scene.get(f"/js?{query}").stored


def test_one_response_for_all_that_is_left_out(scene: Scene) -> None:
    with_routes(scene, Route("/js", query=("cb",))).wsgi(echo)
    for number in range(5):
        target = f"/js?utm={number}&cb=1"
        got = scene.get(target, environ={"RAW_URI": target})
        assert got.text == "cb=1 | /js?cb=1 | "
    assert scene.count == 1
    assert scene.get("/other?utm=1").stored
    assert scene.calls[-1].query == "utm=1"


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        ("/js?cb=1#utm", "/js?cb=1"),
        ("http://example.org/js?utm=1&cb=1", "http://example.org/js?cb=1"),
        ("/js", "/js"),
        ("/js?cb=1&a=1?b", "/js?cb=1"),
    ],
)
def test_the_raw_target_follows(bare_scene: Scene, raw: str, left: str) -> None:
    with_routes(bare_scene, Route("/js", query=("cb",))).wsgi(echo)
    bare_scene.get("/js?cb=1", environ={"RAW_URI": raw})
    assert bare_scene.calls[-1].environ["RAW_URI"] == left


@given(
    st.lists(
        st.sampled_from(["cb", "%63b", "utm", "Cb", "", "cb;utm", "utm;cb", "c+b"]), max_size=4
    ),
    st.lists(st.sampled_from(["", "=", "=1", "=1;cb=2", "=%26cb=3", "=+"]), min_size=4, max_size=4),
    st.sampled_from(["&", "&&", ";"]),
)
@settings(max_examples=100)
def test_the_app_is_a_function_of_the_key(
    names: list[str], values: list[str], separator: str
) -> None:
    """However a query is written: the cache's answer is what the app says to what is left of it."""
    query = separator.join(name + value for name, value in zip(names, values, strict=False))
    scene = with_routes(Scene(), Route("/", query=("cb",)))
    scene.wsgi(echo)
    first = scene.get("/?" + query).text
    left = scene.calls[0].query
    assert scene.get("/?" + left).text == first
    assert scene.get("/?" + query + "&utm=5").text == first
    assert scene.count == 1
    assert all(name == "cb" for name in parse_qs(left, keep_blank_values=True))


def test_a_post_invalidates_what_its_url_is_filed_under(scene: Scene) -> None:
    with_routes(scene, Route("/list", query=("page",))).wsgi(echo)
    scene.get("/list?page=1&utm=2")
    assert scene.get("/list?page=1").hit
    scene.post("/list?utm=3&page=1")
    assert scene.calls[-1].query == "utm=3&page=1"  # what is sent to change something stays whole
    assert not scene.get("/list?page=1&utm=4").hit


def test_a_post_is_not_stored_where_a_get_would_be_trimmed(rfc_scene: Scene) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        location = "/list?" + environ["QUERY_STRING"]
        fields = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")]
        start_response("200 OK", [*fields, ("Content-Location", location)])
        return [environ["REQUEST_METHOD"].encode()]

    with_routes(rfc_scene, Route("/list", query=("page",))).wsgi(app)
    assert rfc_scene.post("/list?page=1").stored
    assert rfc_scene.get("/list?page=1").hit
    assert not rfc_scene.post("/list?page=1&utm=1").stored
    assert not rfc_scene.get("/list?page=1").hit
    with_routes(rfc_scene, Route("/list", fields=()))
    assert not rfc_scene.post("/list?page=1").stored


def test_a_request_that_passes_by_is_trimmed_too(bare_scene: Scene) -> None:
    with_routes(bare_scene, Route("/js", query=("cb",))).wsgi(echo)
    got = bare_scene.get("/js?cb=1&utm=2", if_match='"1"')
    assert (got.detail, bare_scene.calls[-1].query) == ("precondition", "cb=1")


TUNED = Policy(ignore_query=("utm_*", "gclid"), sort_query=True)


def test_what_the_policy_ignores_leaves_key_and_environ(make_scene: MakeScene) -> None:
    scene = make_scene(TUNED)
    scene.wsgi(echo)
    for query in ("b=2&a=1", "utm_x=1&a=1&b=2", "gclid=5&b=2&a=1"):
        target = f"/js?{query}"
        assert scene.get(target, environ={"RAW_URI": target}).text == "a=1&b=2 | /js?a=1&b=2 | "
    assert scene.count == 1
    assert scene.cache.purge("http://example.org/js?gclid=6&b=2&a=1").responses == 1
    assert scene.get("/js?b=2&a=1&utm_z").stored
    scene.post("/js?utm_x=1&b=2&a=1")
    assert scene.calls[-1].query == "utm_x=1&b=2&a=1"
    assert not scene.get("/js?a=1&b=2").hit
    # … after a plain path is known to have no route, too
    assert [scene.get(target).hit for target in ("/js", "/js?utm_x=2")] == [False, True]


def test_a_route_that_names_parameters_comes_before_the_policy(make_scene: MakeScene) -> None:
    scene = make_scene(TUNED)
    with_routes(scene, Route("/ads", query=("utm_x",))).wsgi(echo)
    scene.get("/ads?b=2&utm_x=1")
    scene.get("/news?b=2&utm_x=1")
    assert [call.query for call in scene.calls] == ["utm_x=1", "b=2"]


@pytest.mark.parametrize(
    ("path", "kind", "own", "said"),
    [
        ("/list", "application/json", None, 'key-order, except=("page")'),
        ("/list", "text/html", "params=()", "params=()"),
        ("/", "text/html; charset=utf-8", None, 'key-order, params=("gclid")'),
        ("/", "application/json", None, None),
    ],
)
def test_browsers_hear_what_counts_of_a_query(
    make_scene: MakeScene, path: str, kind: str, own: str | None, said: str | None
) -> None:
    """By what the app says itself, if it does; of every page where people follow links to it."""
    scene = with_routes(make_scene(TUNED), Route("/list", query=("page",)))
    scene.app(200, "x", content_type=kind, no_vary_search=own, cache_control="max-age=60")
    for _ in range(2):
        assert scene.get(path).header("No-Vary-Search") == said
    assert scene.post(path).header("No-Vary-Search") == own


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "asked",
    [{"cache_control": "no-cache"}, {"cache_control": "max-age=0"}, {"pragma": "no-cache"}],
    ids=["no-cache", "max-age=0", "Pragma"],
)
def test_a_route_can_say_that_request_directives_do_not_count(
    scene: Scene, method: str, asked: dict[str, Any]
) -> None:
    """Browsers check service workers so, and everything while their tools are open."""
    with_routes(scene, Route("/sw.js", request_directives=False))
    scene.app(200, "x", cache_control="max-age=60")
    for path in ("/sw.js", "/other.js"):
        scene.get(path)
    scene.after(1)
    assert scene.request(method, "/sw.js", **asked).hit
    assert not scene.request(method, "/other.js", **asked).hit
    # … and they make no credentials go away
    assert not scene.request(method, "/sw.js", authorization="Basic QTpC", **asked).hit


# ── Cookies ──────────────────────────────────────────────────────────────────────────────────────


def greet(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
    return [environ.get("HTTP_COOKIE", "none").encode()]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("theme=dark", "theme=dark"),
        ("session=s; theme=dark; _ga=1", "theme=dark"),
        ("lang=de;theme=dark", "theme=dark; lang=de"),
        ("theme=a; theme=b", "theme=a; theme=b"),
        ("session=s", "none"),
        ("Theme=dark", "none"),
        ("  theme = dark ", "theme = dark"),
        ("theme", "theme"),
        ('x="; theme=evil"', 'theme=evil"'),
        ("", "none"),
    ],
)
def test_only_the_named_cookies_are_seen(bare_scene: Scene, sent: str, seen: str) -> None:
    with_routes(bare_scene, Route("/", cookies=("theme", "lang"))).wsgi(greet)
    for _ in range(2):
        got = bare_scene.get(cookie=sent)
        assert (got.text, got.header("Vary")) == (seen, "Cookie")
    assert bare_scene.count == 1


def test_named_cookies_tell_requests_apart(scene: Scene) -> None:
    with_routes(scene, Route("/", cookies=("theme",))).wsgi(greet)
    for session in ("a", "b", "c"):
        assert scene.get(cookie=f"session={session}; theme=dark").text == "theme=dark"
        assert scene.get(cookie=f"theme=light; session={session}").text == "theme=light"
        assert scene.get(cookie=f"session={session}").text == "none"
    assert scene.count == 3
    scene.post(cookie="session=a; theme=dark")
    assert scene.calls[-1].header("Cookie") == "session=a; theme=dark"


def test_a_route_that_names_cookies_comes_before_the_policy(make_scene: MakeScene) -> None:
    """Also where a write ends what is stored for them."""
    scene = make_scene(Policy(only_cookies=("sid",)), lint=False)
    with_routes(scene, Route("/shop", cookies=("_ga",)))
    scene.app(
        lambda environ: Reply(200, environ.get("HTTP_COOKIE", "none"), cache_control="max-age=9")
    )
    both = "sid=1; _ga=2"
    assert [scene.get(path, cookie=both).text for path in ("/shop", "/")] == ["_ga=2", "sid=1"]
    assert scene.cache._routes.cookies({"HTTP_COOKIE": both}) == ["sid=1", "_ga=2"]


def test_no_cookies_at_all(scene: Scene) -> None:
    with_routes(scene, Route("/", cookies=())).wsgi(greet)
    assert scene.get(cookie="a=1").header("Vary") is None
    assert scene.get(cookie="b=2").hit


# ── fields ───────────────────────────────────────────────────────────────────────────────────────


def show_fields(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """All request fields that an app sees."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
    seen = [key for key in environ if key.startswith("HTTP_") or key == "CONTENT_TYPE"]
    return [" ".join(sorted(seen)).encode()]


SENT = {
    "Accept": "text/html",
    "Authorization": "Basic YTpi",
    "Cache-Control": "min-fresh=1",
    "Content-Type": "text/x; charset=x",
    "HX-Request": "true",
    "If-None-Match": '"other"',
    "Sec-GPC": "1",
    "Upgrade": "h2c",
    "X-Api-Key": "k",
    "X-Forwarded-Host": "evil.example",
}


@pytest.mark.parametrize(
    ("options", "seen", "named"),
    [
        ({"fields": ()}, "HTTP_HOST", None),
        ({"fields": ("sec-gpc",)}, "HTTP_HOST HTTP_SEC_GPC", "sec-gpc"),
        ({"fields": ("Content-Type",)}, "CONTENT_TYPE HTTP_HOST", "Content-Type"),
        ({"fields": ("Upgrade",)}, "HTTP_HOST HTTP_UPGRADE", "Upgrade"),
    ],
)
def test_only_the_named_fields_are_seen_and_select(
    bare_scene: Scene, options: dict[str, Any], seen: str, named: str | None
) -> None:
    with_routes(bare_scene, Route("/", vary("X-Else"), **options)).wsgi(show_fields)
    assert bare_scene.get("/", *SENT.items()).text == seen
    sent = [line for line in SENT.items() if line[0].lower() == (named or "").lower()]
    again = bare_scene.get("/", *sent)
    assert again.hit
    assert named is None or named in str(again.header("Vary")).split(", ")
    assert bare_scene.get("/", (named or "Sec-GPC", "TLS/1.0")).hit is (named is None)


def test_the_outcome_of_what_is_negotiated_is_seen(scene: Scene) -> None:
    with_routes(scene, Route("/", fields=(), accept=("text/plain", "text/html")))
    scene.app(lambda environ: Reply(200, environ["HTTP_ACCEPT"], cache_control="max-age=60"))
    assert scene.get(accept="text/html;q=0.9").text == "text/html"
    assert scene.get(accept="text/plain").text == "text/plain"


def test_the_cache_reads_what_it_hides(scene: Scene) -> None:
    """Conditions, ranges and directives count; what passes by is seen as it came."""
    with_routes(scene, Route("/", fields=())).app(
        lambda environ: Reply(
            200, " ".join(environ), cache_control="max-age=60", etag='"1"', vary="Cookie"
        )
    )
    first = scene.get(cookie="a=1", x="1")
    assert "HTTP_COOKIE" in first.text
    scene.after(5)
    assert scene.get(cookie="a=1", if_none_match='"1"').code == 304
    assert scene.get(cookie="a=1", range="bytes=0-1").body == first.body[:2]
    assert scene.get(cookie="a=1", cache_control="no-cache").detail == "no-cache"
    passing = scene.get(if_match='"1"', x="1")
    assert (passing.detail, "HTTP_X" in passing.text) == ("precondition", True)
    assert "HTTP_X" in scene.post(x="1").text


# ── vary_by ──────────────────────────────────────────────────────────────────────────────────────


def device(environ: Environ) -> str:
    return "phone" if "Mobile" in environ.get("HTTP_USER_AGENT", "") else "desk"


def by_device(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
    return [device(environ).encode()]


def test_vary_by_tells_requests_apart(scene: Scene) -> None:
    with_routes(scene, Route("/", vary_by=device)).wsgi(by_device)
    for agent, expected in (
        ("A Mobile", "phone"),
        ("B", "desk"),
        ("C Mobile", "phone"),
        ("D", "desk"),
    ):
        assert scene.get(environ={"HTTP_USER_AGENT": agent}).text == expected
    assert scene.count == 2


def test_vary_by_and_what_proxies_say_are_not_mixed_up(bare_scene: Scene) -> None:
    with_routes(bare_scene, Route("/", vary_by=lambda environ: environ.get("HTTP_X_A", "")))
    bare_scene.app(lambda environ: Reply(200, "x", cache_control="max-age=60"))
    bare_scene.get(x_forwarded_host="a", x_a="b")
    for named in (
        {"x_forwarded_host": "a"},
        {"x_a": "b"},
        {"x_forwarded_host": "vary_by", "x_a": "b"},
    ):
        assert bare_scene.get(**named).stored
    assert bare_scene.get(x_forwarded_host="a", x_a="b").hit


@pytest.mark.parametrize(
    "wrong", [lambda environ: 1 / 0, lambda environ: None], ids=["raises", "None"]
)
def test_a_vary_by_that_fails_costs_the_cache_only(
    scene: Scene, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with_routes(scene, Route("/", vary_by=wrong)).wsgi(by_device)
    for _ in range(2):
        assert scene.get().cache_status == "wsgicache; fwd=bypass; detail=request"
    assert scene.count == 2
    assert "could not be read" in caplog.text


@pytest.mark.parametrize("stays", [True, False])
def test_nobody_asks_in_the_background_for_what_he_is_not(
    make_scene: MakeScene, stays: bool
) -> None:
    """A background validation has no cookies: it may not stand for those who have."""
    seen: list[str] = []

    def plan(environ: Environ) -> str:
        key = "HTTP_ACCEPT_LANGUAGE" if stays else "HTTP_COOKIE"
        return environ.get(key, "free")

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        seen.append(plan(environ))
        words = "public, max-age=60, stale-while-revalidate=60"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", words)])
        return [plan(environ).encode()]

    scene = with_routes(make_scene(), Route("/", vary_by=plan))
    scene.wsgi(app)
    sent = {"accept_language": "paid"} if stays else {"cookie": "paid"}
    assert scene.get(**sent).text == "paid"
    assert scene.get().text == "free"
    scene.after(61)
    got = scene.get(**sent)
    scene.settle()
    assert got.text == "paid"
    assert got.hit == stays
    assert seen == ["paid", "free", "paid"]
    assert scene.get(**sent).hit


def test_collapse_can_be_switched_off_for_a_route(scene: Scene) -> None:
    """Both are inside the app at the same time, else the barrier breaks."""
    barrier = threading.Barrier(2, timeout=30)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        barrier.wait()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return [b"x"]

    cache = CacheMiddleware(app, routes=[Route("/", collapse=False)])
    threads = [threading.Thread(target=exchange, args=(cache, environ_for())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not barrier.broken


# ── Exempt ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_what_is_exempt_is_left_alone(make_scene: MakeScene, method: str) -> None:
    store = MemoryStore()
    scene = make_scene(Policy(exempt=["/admin/"], default=cache_for(days=1)), store=store)
    with_routes(scene, Route(cache_for(days=1), override=True), Route("/*", query=(), cookies=()))
    scene.app(200, "x", cache_control="max-age=9")
    for _ in range(2):
        got = scene.request(method, "/admin/x?a=1", cookie="b=2")
        assert got.cache_status == "wsgicache; fwd=bypass; detail=exempt"
        assert got.header("Cache-Control") == "max-age=9"
        assert (scene.calls[-1].query, scene.calls[-1].header("Cookie")) == ("a=1", "b=2")
    entry = store.get(("http", "example.org", "/admin/x", "a=1"))
    assert entry is None or not entry.responses
    assert scene.get("/administration").header("Cache-Control") == "max-age=86400"


def test_what_is_changed_below_an_exempt_path_is_invalidated(make_scene: MakeScene) -> None:
    """§4.4, RFC 9875 §3: where pages are edited they are not cached."""
    scene = make_scene(Policy(exempt=["/admin/"]))
    fields: dict[str, Any] = {"cache_control": "public, max-age=60"}
    for target, group in (("/items", None), ("/news", '"news"')):
        scene.app(200, "old", cache_groups=group, **fields)
        scene.get(target)
    scene.app(303, "", location="/items", cache_group_invalidation='"news"')
    assert scene.post("/admin/edit").detail == "exempt"
    scene.app(200, "new", **fields)
    assert [scene.get(target).text for target in ("/items", "/news")] == ["new", "new"]


@pytest.mark.parametrize("off", ["off", "bypass"])
def test_what_passes_by_is_left_whole(make_scene: MakeScene, off: str) -> None:
    scene = with_routes(make_scene(), Route("/*", query=("q",), cookies=("c",)))
    scene.app(200, "x")
    scene.cache.enabled = off != "off"
    environ = {"wsgicache.bypass": True} if off == "bypass" else {}
    scene.request("GET", "/?a=1", ("cookie", "b=2"), environ=environ)
    assert (scene.calls[-1].query, scene.calls[-1].header("Cookie")) == ("a=1", "b=2")


def test_an_app_may_empty_its_environ(make_scene: MakeScene) -> None:
    scene = with_routes(make_scene(lint=False), Route("/*", cache_for(seconds=5)))

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        environ.clear()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    assert scene.post("/").text == scene.get("/").text == "x"


def test_a_view_that_is_exempt_still_speaks_to_browsers(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(exempt=("/admin/",)))

    @no_cache
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    scene.wsgi(app)
    assert scene.get("/admin/").header("Pragma") == "no-cache"


def test_the_cache_switched_off_still_lets_views_speak(scene: Scene) -> None:
    with_routes(scene, Route("/api/*", no_cache)).app(200, "x")
    scene.cache.enabled = False
    assert scene.get("/api/x").header("Pragma") == "no-cache"


# ── What it costs ────────────────────────────────────────────────────────────────────────────────


def hit_steps(routes: list[Route], target: str = "/page?q=1") -> int:
    """Bytecode steps of a hit in the package: work that no machine changes."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return [b"x"]

    cache = CacheMiddleware(app, routes=routes)
    got = [exchange(cache, environ_for(target=target)) for _ in range(3)]
    assert [one.hit for one in got] == [False, True, True]
    environ = environ_for(target=target)
    return steps(lambda: exchange(cache, environ))


def test_routes_cost_nothing_on_a_hit() -> None:
    plain = [Route(f"/{number}/*", cache_for(minutes=1), override=True) for number in range(64)]
    assert hit_steps(plain) == hit_steps([])
    said = Route("/p*", vary("X"))
    here = [Route(f"/pag*e{number}", no_cache) for number in range(64)] + [said]
    assert hit_steps(here) == hit_steps([said])


def test_a_path_of_which_nothing_is_said_early_is_remembered_so() -> None:
    """Though a route with controls matches it."""
    routes = [Route("/a*", cache_for(minutes=5)), Route("/b", query=("q",))]
    cache = CacheMiddleware(lambda environ, start: [], routes=routes)
    for path in ("/a", "/b"):
        cache._routes.read(environ_for(target=path), "GET", cache.policy)
    assert cache._routes._plain == {"/a"}


def test_many_early_routes_cost_no_more_than_one() -> None:
    many = [Route(f"/{number}/*", query=("q",), cookies=()) for number in range(64)]
    assert hit_steps(many) == hit_steps(many[:1])
    assert hit_steps([*many, Route("/page", query=("q",))]) == hit_steps(
        [Route("/page", query=("q",))]
    )


def test_what_routes_remember_is_bounded() -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return []

    cache = CacheMiddleware(app, routes=[Route("/a*", no_cache), Route("/b*", query=("q",))])
    most = 0
    for number in range(2500):
        exchange(cache, environ_for(target=f"/{number}" + "x" * (1000 if number % 10 else 2000)))
        exchange(cache, environ_for(target=f"/b?q={number}&r"))
        most = max(most, len(cache._routes._plain))
    assert len(cache._routes._remembered) <= 2048
    assert most == 2048
    assert max(map(len, cache._routes._plain)) <= 1024
    assert len(queries._remembered) <= 2048
    cache._routes._remembered.clear()
    cache._routes.matching(environ_for(method="X" * 2000))
    cache._routes.matching(environ_for(headers=[("Host", "h" * 2000)]))
    assert not cache._routes._remembered


# ── The default ──────────────────────────────────────────────────────────────────────────────────


def test_the_default_comes_last(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(default=json_never_stale))
    with_routes(scene, Route("/open/*", cached(client=5, server=60)))
    scene.app(200, "[]", content_type="application/json")
    assert scene.get("/closed").header("Cache-Control") == NEVER["Cache-Control"]
    assert scene.get("/open/x").header("Cache-Control") == "max-age=5"
