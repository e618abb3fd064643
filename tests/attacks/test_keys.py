"""Attacks on the cache key: no two requests that the app can tell apart share a response."""

from __future__ import annotations

import io
import itertools
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.conftest import MakeScene
from tests.scene import Environ, Exchange, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}

SEEN = (
    "wsgi.url_scheme",
    "HTTP_HOST",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REQUEST_URI",
)


def tell(environ: Environ) -> Reply:
    """An app whose page is everything it can know of the target."""
    return Reply(200, json.dumps({key: environ.get(key) for key in SEEN}), **FRESH)


def told(got: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(got.body)
    return found


# ── the target URI ───────────────────────────────────────────────────────────────────────────────

Parts = tuple[str, str, str, str]  # Host, SCRIPT_NAME, PATH_INFO, QUERY_STRING

COLLISIONS: list[tuple[str, Parts, Parts]] = [
    ("%3F", ("h", "", "/a?b=1", ""), ("h", "", "/a", "b=1")),
    ("%3F-twice", ("h", "", "/a?b?c", ""), ("h", "", "/a?b", "c")),
    ("%23", ("h", "", "/a#b", ""), ("h", "", "/a", "")),
    ("%3B", ("h", "", "/a;b", ""), ("h", "", "/a", "b")),
    ("host-path", ("h/a", "", "/x", ""), ("h", "", "/a/x", "")),
    ("host-query", ("h", "", "/", "x"), ("h/?x", "", "", "")),
    ("nul", ("h", "", "/a\0", "b"), ("h", "", "/a", "\0b")),
    ("newline", ("h", "", "/a\n", "b"), ("h", "", "/a", "\nb")),
    ("separators", ("h", "", "/a|b", "c"), ("h", "", "/a", "b|c")),
    ("CVE-2026-39972-underscore", ("h", "", "/a_b", "c"), ("h", "", "/a", "b_c")),
    ("CVE-2026-25480-nfkd", ("h", "", "/\u00ef\u00ac\u0081", ""), ("h", "", "/fi", "")),
    ("CVE-2026-25480-ord", ("h", "", "/-", ""), ("h", "", "/45", "")),
    ("kelvin", ("h", "", "/\u00e2\u0084\u00aa", ""), ("h", "", "/K", "")),
    ("nfc-nfd", ("h", "", "/\u00c3\u00a9", ""), ("h", "", "/e\u00cc\u0081", "")),
    ("case", ("h", "", "/A", ""), ("h", "", "/a", "")),
    ("GHSA-35hp-hqmv-8qg8-path-only", ("h", "", "/a", "x=1"), ("h", "", "/a", "")),
    ("mount", ("h", "/a", "/b", ""), ("h", "", "/a/b", "")),
    ("mount-empty-path", ("h", "/a", "", ""), ("h", "", "/a", "")),
    ("double-slash", ("h", "", "//a", ""), ("h", "", "/a", "")),
    ("trailing-slash", ("h", "", "/a/", ""), ("h", "", "/a", "")),
    ("dot", ("h", "", "/./a", ""), ("h", "", "/a", "")),
    ("dot-dot", ("h", "", "/b/../a", ""), ("h", "", "/a", "")),
    ("backslash", ("h", "", "/b\\a", ""), ("h", "", "/b/a", "")),
    ("params", ("h", "", "/a;x.css", ""), ("h", "", "/a", "")),
    ("nul-before-a-suffix", ("h", "", "/a\0.css", ""), ("h", "", "/a", "")),
    ("newline-before-a-suffix", ("h", "", "/a\n.css", ""), ("h", "", "/a", "")),
    ("crlf", ("h", "", "/a\r\nb", ""), ("h", "", "/a", "b")),
    ("tab", ("h", "", "/a\t", ""), ("h", "", "/a", "")),
    ("space", ("h", "", "/a ", ""), ("h", "", "/a", "")),
    ("fragment-in-path", ("h", "", "/x#frag", ""), ("h", "", "/x", "")),
    ("CVE-2026-34475-star", ("h", "", "*", ""), ("h", "", "/", "")),
    ("CVE-2026-34475-absolute", ("h", "", "http://h/", ""), ("h", "", "/", "")),
    ("CVE-2026-34475-empty", ("h", "", "", ""), ("h", "", "/", "")),
    ("CVE-2026-34475-no-slash", ("h", "", "x", ""), ("h", "", "/x", "")),
]


@pytest.mark.parametrize("swap", [False, True], ids=["", "reverse"])
@pytest.mark.parametrize(
    ("one", "other"), [row[1:] for row in COLLISIONS], ids=[row[0] for row in COLLISIONS]
)
def test_targets_that_must_not_share(
    bare_scene: Scene, one: Parts, other: Parts, swap: bool
) -> None:
    check_each_has_its_own(bare_scene, *((other, one) if swap else (one, other)))


def check_each_has_its_own(scene: Scene, one: Parts, other: Parts) -> None:
    """Two targets, asked for in turn, have each their own page, from the app and from the store."""
    scene.app(tell)
    for host, script, path, query in (one, other, one, other):
        changes = {
            "HTTP_HOST": host,
            "SCRIPT_NAME": script,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        seen = told(scene.get("/", environ=changes))
        assert {key: seen[key] for key in changes} == changes


def test_a_poisoned_404_does_not_hide_the_page(scene: Scene) -> None:
    def answer(environ: Environ) -> Reply:
        if environ["PATH_INFO"] == "/a?b=1":
            return Reply(404, "not here", **FRESH)
        return Reply(200, "page", **FRESH)

    scene.app(answer)
    assert scene.get("/a%3Fb=1").code == 404
    assert scene.get("/a?b=1").code == 200
    assert scene.count == 2


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(
    ("row", "path", "one", "other"),
    [
        ("%2F", "/a/b", "/a%2Fb", "/a/b"),
        ("%2E", "/a.b", "/a%2Eb", "/a.b"),
        ("absolute", "/a", "http://evil.example/a", "/a"),
        ("%ff-%fe", "/\u00ef\u00bf\u00bd", "/%ff", "/%fe"),
        ("replacement", "/\ufffd", "/%ff", "/%fe"),
        ("CVE-2021-27577-fragment", "/x", "/x#frag", "/x"),
        ("fragments", "/x", "/x#one", "/x#two"),
        ("CVE-2026-34475-slashes", "/", "//", "/"),
    ],
)
def test_the_raw_target_tells_apart_what_decoding_joins(
    bare_scene: Scene, key: str, row: str, path: str, one: str, other: str
) -> None:
    scene = bare_scene
    scene.app(tell)
    for raw in (one, other, one, other):
        got = scene.get("/", environ={"PATH_INFO": path, key: raw})
        assert told(got)[key] == raw
    # A server that tells nothing asks for what the decoded path says; `other` may be that.
    usual = other if other == path else None
    assert told(scene.get("/", environ={"PATH_INFO": path}))[key] == usual


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
def test_a_server_that_gives_the_raw_target_has_hits_too(scene: Scene, key: str) -> None:
    scene.app(200, "page", **FRESH)
    for hit in (False, True, True):
        assert scene.get("/a?b=1", environ={key: "/a?b=1"}).hit is hit


@pytest.mark.parametrize(
    "key", ["PATH_INFO", "QUERY_STRING", "HTTP_HOST", "SCRIPT_NAME", "RAW_URI"]
)
@pytest.mark.parametrize("text", ["/\u20ac", "/\ud800", "/\U0001f600", "/\u0131\u212a"])
def test_what_no_server_sends_is_no_exception(bare_scene: Scene, key: str, text: str) -> None:
    bare_scene.app(200, "page", **FRESH)
    for _ in range(2):
        assert bare_scene.get("/", environ={key: text}).text == "page"


QUERIES = ["a=1&a=2", "a=2&a=1", "a=1;a=2", "a", "a=", "a=%41", "a=A"]


def test_the_query_counts_byte_by_byte(scene: Scene) -> None:
    scene.app(tell)
    for _ in range(2):
        for query in QUERIES:
            assert told(scene.get(f"/?{query}"))["QUERY_STRING"] == query
    assert scene.count == len(QUERIES)
    assert scene.get("/?a=A").hit


def test_an_empty_query_is_consistent(scene: Scene) -> None:
    """WSGI tells `/p?` from `/p` at most by the raw target."""
    scene.app(200, "page", **FRESH)
    scene.get("/p")
    outcomes = {scene.get("/p?").hit for _ in range(3)}
    assert scene.count in (1, 2)
    assert True in outcomes


HOSTILE_VALUES = [
    "a", "b", "ab", "a_b", "a:b", "a|b", "a, b", "a,b", "a\x1eb", "a\x1fb", "a=b", "a;b", "1:a",
    "'a', 'b'", "None", "null", "", " ", '"', '"a"', "a::b", "%61", "\u00e9", "e",
    "0" * 32, "d41d8cd98f00b204e9800998ecf8427e", "()", "('a',)", "\\", "\\x00", "A",
]  # fmt: skip


def test_selecting_values_are_told_apart(bare_scene: Scene) -> None:
    """Two nominated fields with every pair of awkward values (CVE-2026-39972, APISIX 13831)."""

    def answer(environ: Environ) -> Reply:
        said = json.dumps([environ.get("HTTP_X_A"), environ.get("HTTP_X_B")])
        return Reply(200, said, vary="X-A, X-B", **FRESH)

    bare_scene.app(answer)
    for one, two in itertools.product(HOSTILE_VALUES, repeat=2):
        got = bare_scene.get("/", ("X-A", one), ("X-B", two))
        seen_one, seen_two = json.loads(got.body)
        # White space round commas is none of the value's (RFC 9111 §4.1).
        assert [bare(seen_one), bare(seen_two)] == [bare(one), bare(two)]


def bare(value: str) -> str:
    return ",".join(part.strip(" \t") for part in value.split(","))


@pytest.mark.parametrize(
    "path", ["/victim::{}", "/victim::__vary", "/victim:{}", "/victim\0{}", "/victim/{}"]
)
def test_no_url_is_the_key_of_a_variant(bare_scene: Scene, path: str) -> None:
    """APISIX kept a variant under `<uri>::<md5(vary)>`, a URL that anybody can ask for."""
    scene = bare_scene

    def answer(environ: Environ) -> Reply:
        said = environ["PATH_INFO"] + "|" + environ.get("HTTP_X_A", "")
        return Reply(200, said, vary="X-A", **FRESH)

    scene.app(answer)
    for digest in ("d41d8cd98f00b204e9800998ecf8427e", "", "X-A", "x-a=1", "1"):
        target = path.format(digest)
        scene.get("/victim", x_a="1")
        got = scene.get("/", x_a="1", environ={"PATH_INFO": target})
        assert got.text == f"{target}|1"
        assert scene.get("/victim", x_a="1").text == "/victim|1"


def adversarial_parts(random_: random.Random) -> Parts:
    """A target made of a few pieces that like to collide."""
    pool = ["", "a", "b", "/", "?", "#", ";", "&", "=", "%2F", "\0", "\n", ":", "h", "_", "\u00e9"]

    def some() -> str:
        return "".join(random_.choice(pool) for _ in range(random_.randrange(4)))

    return (random_.choice(["h", "g", "h.example", "h:81"]), some(), "/" + some(), some())


def collisions(rounds: int, seed: int = 1) -> int:
    """How often a response came that was made for another target."""
    scene = Scene(store=MemoryStore(max_bytes=1 << 23), lint=False)
    random_ = random.Random(seed)
    wrong = 0

    def answer(environ: Environ) -> Reply:
        scene.calls.clear()
        scene.bodies.clear()
        parts = [environ[key] for key in ("HTTP_HOST", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")]
        return Reply(200, json.dumps(parts), **FRESH)

    scene.app(answer)
    for _ in range(rounds):
        host, script, path, query = parts = adversarial_parts(random_)
        changes = {
            "HTTP_HOST": host,
            "SCRIPT_NAME": script,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        got = exchange(scene.cache, environ_for("GET", "/", changes=changes))
        wrong += json.loads(got.body) != list(parts)
    return wrong


def test_many_adversarial_targets_never_collide() -> None:
    assert collisions(4000) == 0


# ── a body on GET ────────────────────────────────────────────────────────────────────────────────

FAT: list[tuple[str, Environ]] = [
    ("length", {"CONTENT_LENGTH": "9"}),
    ("chunked", {"HTTP_TRANSFER_ENCODING": "chunked"}),
    ("chunked-case", {"HTTP_TRANSFER_ENCODING": "Chunked"}),
    ("both", {"CONTENT_LENGTH": "9", "HTTP_TRANSFER_ENCODING": "chunked"}),
    ("unknown-coding", {"HTTP_TRANSFER_ENCODING": "xchunked"}),
    ("identity", {"HTTP_TRANSFER_ENCODING": "identity", "CONTENT_LENGTH": "9"}),
    ("terminated", {"CONTENT_LENGTH": "9", "wsgi.input_terminated": True}),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("changes", [row[1] for row in FAT], ids=[row[0] for row in FAT])
def test_a_request_with_a_body_is_passed(scene: Scene, method: str, changes: Environ) -> None:
    def answer(environ: Environ) -> Reply:
        return Reply(200, "evil" if changes.items() <= environ.items() else "good", **FRESH)

    scene.app(answer)
    fat = {"wsgi.input": io.BytesIO(b"cb=evil!!"), **changes}
    got = scene.request(method, "/", environ=fat)
    assert (got.fwd, got.stored) == ("bypass", False)
    assert scene.get("/").text == "good"
    got = scene.request(method, "/", environ=fat)  # nor is it looked up
    assert (got.fwd, got.stored) == ("bypass", False)
    assert scene.count == 3
    assert scene.get("/").hit
    assert scene.get("/").text == "good"


def test_an_empty_content_length_is_no_body(scene: Scene) -> None:
    """wsgiref sets it so."""
    scene.app(200, "page", **FRESH)
    for length in ("", "0"):
        scene.get("/")
        assert scene.get("/", environ={"CONTENT_LENGTH": length}).hit


@pytest.mark.parametrize(
    "length", ["abc", "-1", "+5", "9" * 5000, "\u0665", "\u00b2", "1_0", " 0", "0x0", "1e1", "00"]
)
def test_an_odd_content_length_never_raises(bare_scene: Scene, length: str) -> None:
    bare_scene.app(200, "page", **FRESH)
    for _ in range(2):
        got = bare_scene.get("/", environ={"CONTENT_LENGTH": length})
        assert got.text == "page"
    assert bare_scene.get("/").code == 200


# ── headers that make the URL ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attack", "scheme"),
    [
        ("H.EXAMPLE", "http"),
        ("h.example:80", "http"),
        ("h.example:443", "http"),
        ("h.example:1337", "http"),
        ("h.example.", "http"),
        ("a@h.example", "http"),
        ("h.example,evil", "http"),
        ("h.example:", "http"),
        ("h.example:80:80", "http"),
        ("h.example:0x50", "http"),
        ("h.example:\u0665", "http"),
        ("", "http"),
        (None, "http"),
        ("h.example\0", "http"),
        (" h.example", "http"),
        ("h.example\n", "http"),
        ("h.example/evil", "http"),
        ("h.example?evil", "http"),
        ("h.example#evil", "http"),
        ("h.example\\evil", "http"),
        ("h" * 300, "http"),
        ("[::1]:8080", "http"),
        ("[::1", "http"),
        ("evil.example", "http"),
        ("h\u00e9.example", "http"),
        ("h.example:443", "https"),
        ("h.example:80", "https"),
        ("H.Example:443", "https"),
    ],
)
def test_no_host_reaches_the_page_of_another(
    bare_scene: Scene, attack: str | None, scheme: str
) -> None:
    """Whatever is normalised for the key is normalised for the app, too."""
    scene = bare_scene
    scene.app(lambda environ: Reply(200, f"<{environ.get('HTTP_HOST')}>", **FRESH))
    for _ in range(2):
        got = scene.get("/", environ={"HTTP_HOST": attack, "wsgi.url_scheme": scheme})
        assert got.code == 200
    victim = scene.get("/", environ={"HTTP_HOST": "h.example", "wsgi.url_scheme": scheme})
    assert victim.text == "<h.example>"


@pytest.mark.parametrize(
    ("one", "other", "scheme", "same"),
    [
        ("h.example", "H.Example", "http", True),
        ("h.example", "h.example:80", "http", True),
        ("h.example", "h.example:443", "https", True),
        ("h.example", "h.example:443", "http", False),
        ("h.example", "h.example:80", "https", False),
        ("h.example", "h.example:8080", "http", False),
        ("h.example:8080", "H.EXAMPLE:8080", "http", True),
        ("[::1]:8080", "[::1]:8080", "http", True),
        ("[::1]", "[::1]:80", "http", True),
        ("127.0.0.1:5000", "127.0.0.1:5000", "http", True),
        ("h.example", None, "http", False),
        ("example.org", None, "http", True),
        ("example.org", None, "https", False),
        ("h.example", "h.example.", "http", False),
    ],
)
def test_which_hosts_share(
    scene: Scene, one: str, other: str | None, scheme: str, same: bool
) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/", environ={"HTTP_HOST": one, "wsgi.url_scheme": scheme})
    got = scene.get("/", environ={"HTTP_HOST": other, "wsgi.url_scheme": scheme})
    assert got.hit is same


@pytest.mark.parametrize(
    "host", ["h,evil", "a@h", "h\0", "h/x", "h x", "h\n", "[::1", "h:80:80", "h:x", "\u00e9" * 9]
)
def test_a_host_that_is_none_is_passed(bare_scene: Scene, host: str) -> None:
    bare_scene.app(200, "page", **FRESH)
    for _ in range(2):
        got = bare_scene.get("/", environ={"HTTP_HOST": host})
        assert (got.fwd, got.stored, got.text) == ("bypass", False, "page")


def test_on_a_pass_the_app_sees_the_host_as_it_came(bare_scene: Scene) -> None:
    bare_scene.app(tell)
    got = bare_scene.get("/", environ={"HTTP_HOST": "a@h"})
    assert told(got)["HTTP_HOST"] == "a@h"


def test_a_redirect_to_https_is_not_sent_over_https(scene: Scene) -> None:
    def answer(environ: Environ) -> Reply:
        if environ["wsgi.url_scheme"] == "http":
            return Reply(301, "", location="https://example.org/", **FRESH)
        return Reply(200, "secure", **FRESH)

    scene.app(answer)
    assert scene.get("/").code == 301
    for _ in range(2):
        assert scene.get("/", environ={"wsgi.url_scheme": "https"}).text == "secure"


IMPLIED = [
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Host",
]


def reflecting(name: str) -> Callable[[Environ], Reply]:
    key = "HTTP_" + name.upper().replace("-", "_")
    return lambda environ: Reply(200, f"<{environ.get(key)}>", **FRESH)


@pytest.mark.parametrize(
    "name",
    IMPLIED,
    ids=[n + ("-CVE-2021-41267" * (n == "X-Forwarded-Prefix")) for n in IMPLIED],
)
def test_a_forwarding_header_poisons_its_own_partition(scene: Scene, name: str) -> None:
    scene.app(reflecting(name))
    for value in ("evil", "https", "", "443"):
        for hit in (False, True):
            got = scene.get("/", (name, value))
            assert (got.text, got.hit) == (f"<{value}>", hit)
    for hit in (False, True):
        got = scene.get("/")
        assert (got.text, got.hit) == ("<None>", hit)


@pytest.mark.parametrize("name", IMPLIED)
def test_a_clean_entry_is_not_given_to_a_forwarded_request(scene: Scene, name: str) -> None:
    scene.app(reflecting(name))
    assert scene.get("/").text == "<None>"
    assert scene.get("/", (name, "proxy.example")).text == "<proxy.example>"


@pytest.mark.parametrize(
    "value",
    [
        "host=evil",
        "for=1.2.3.4;host=evil",
        'for="[::1]";HOST="evil"',
        "proto=https",
        "for=1.2.3.4, for=5.6.7.8;host=evil",
        "for=1.2.3.4 ; host=evil",
        'for="a;host=good";host=evil',
        'for="unterminated;host=evil',
        "host =evil",
        "host=evil;host=good",
        "Host=evil;Proto=https",
        'by="x,host=y";host=evil',
        "for=x;,host=evil",
        "h\u00f6st=x;host=evil",
    ],
)
def test_forwarded_host_and_proto_partition(bare_scene: Scene, value: str) -> None:
    bare_scene.app(reflecting("Forwarded"))
    bare_scene.get("/", ("Forwarded", value))
    assert bare_scene.get("/").text == "<None>"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP"])
def test_client_addresses_neither_select_nor_vanish(scene: Scene, name: str) -> None:
    scene.app(200, "page", **FRESH)
    assert not scene.get("/", (name, "1.2.3.4")).hit
    assert scene.calls[-1].header(name) == "1.2.3.4"
    assert scene.get("/", (name, "5.6.7.8")).hit
    assert scene.get("/").hit


def test_the_client_address_in_forwarded_does_not_select(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    assert not scene.get("/", forwarded="for=1.2.3.4;host=a.example").hit
    assert scene.get("/", forwarded="for=5.6.7.8;host=a.example").hit
    assert not scene.get("/", forwarded="for=5.6.7.8;host=b.example").hit


REWRITING = [
    ("X-Original-URL", "/admin"),
    ("X-Rewrite-URL", "/admin"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-HTTP-Method-Override", "HEAD"),
    ("X-HTTP-Method-Override", "PURGE"),
    ("X-HTTP-Method", "POST"),
    ("X-Method-Override", "PUT"),
]


@pytest.mark.parametrize(("name", "value"), REWRITING, ids=[f"{n}-{v}" for n, v in REWRITING])
def test_a_request_that_rewrites_itself_is_passed(scene: Scene, name: str, value: str) -> None:
    key = "HTTP_" + name.upper().replace("-", "_")
    scene.app(lambda environ: Reply(200, "evil" if key in environ else "home", **FRESH))
    got = scene.get("/home", (name, value))
    assert (got.fwd, got.stored, got.text) == ("bypass", False, "evil")
    assert scene.get("/home").text == "home"
    assert scene.get("/home", (name, value)).text == "evil"  # not looked up
    got = scene.get("/home")  # nothing stored, nothing purged
    assert (got.hit, got.text) == (True, "home")


# ── mount points ─────────────────────────────────────────────────────────────────────────────────


def page_of_urls(environ: Environ, start_response: Any) -> Any:
    said = f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}|{environ['HTTP_HOST']}"
    headers = [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")]
    start_response("200 OK", headers)
    return [said.encode("latin-1")]


def test_mounted_apps_do_not_share(scene: Scene) -> None:
    dispatched = DispatcherMiddleware(page_of_urls, {"/a": page_of_urls})
    cache = CacheMiddleware(page_of_urls)
    for _ in range(2):
        root = exchange(cache, environ_for("GET", "/a/b"))
        changes = {"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}
        mounted = exchange(cache, environ_for("GET", "/", changes=changes))
        assert root.text.startswith("|/a/b|")
        assert mounted.text.startswith("/a|/b|")
    outside = CacheMiddleware(dispatched)
    for _ in range(2):
        assert exchange(outside, environ_for("GET", "/a/b")).text.startswith("/a|/b|")


def test_a_mount_and_its_root_share_nothing_but_are_dropped_together(scene: Scene) -> None:
    """What a URL tells is one key, so that one POST clears it however it is mounted."""
    scene.app(tell)
    mounted = {"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}
    scene.get("/a/b")
    scene.get("/", environ=mounted)
    assert scene.get("/a/b").hit
    assert scene.get("/", environ=mounted).hit
    scene.post("/a/b")
    assert not scene.get("/a/b").hit
    assert not scene.get("/", environ=mounted).hit


@pytest.mark.parametrize("inside", [True, False])
def test_proxy_fix_in_either_order(inside: bool) -> None:
    if inside:
        app: Any = CacheMiddleware(ProxyFix(page_of_urls, x_host=1, x_prefix=1, x_proto=1))
    else:
        app = ProxyFix(CacheMiddleware(page_of_urls), x_host=1, x_prefix=1, x_proto=1)
    evil = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Prefix", "/evil")]
    for _ in range(2):
        got = exchange(app, environ_for("GET", "/x", evil))
        assert got.text == "/evil|/x|evil.example"
        assert exchange(app, environ_for("GET", "/x")).text == "|/x|example.org"


# ── what WSGI makes of fields, and methods ───────────────────────────────────────────────────────


@pytest.mark.parametrize("vary", ["X_A", "X_a", "Accept, X_A", "X-A, X_A"])
def test_an_underscore_in_vary_never_gives_another_variant(scene: Scene, vary: str) -> None:
    scene.app(lambda environ: Reply(200, environ.get("HTTP_X_A", "-"), vary=vary, **FRESH))
    for value in ("1", "2", "1"):
        assert scene.get("/", x_a=value).text == value
    assert scene.get("/").text == "-"


def test_a_folded_header_stays_out_of_sight(
    bare_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folded = "a\r\n b: injected"
    bare_scene.app(lambda environ: Reply(200, repr(environ.get("HTTP_X_A")), vary="X-A", **FRESH))
    for value in (folded, "a b: injected", "a", folded):
        got = bare_scene.get("/", environ={"HTTP_X_A": value})
        assert got.text == repr(value)
        assert not any("\r" in v or "\n" in v or "injected" in v for _, v in got.headers)
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        assert "\r" not in record.getMessage()


def test_content_type_is_read_where_wsgi_keeps_it(scene: Scene) -> None:
    scene.app(
        lambda environ: Reply(200, environ.get("CONTENT_TYPE", "-"), vary="Content-Type", **FRESH)
    )
    for _ in range(2):
        for kind in ("text/plain", "application/json"):
            assert scene.get("/", content_type=kind).text == kind
        assert scene.get("/").text == "-"
    assert scene.count == 3


def test_content_length_is_read_where_wsgi_keeps_it(scene: Scene) -> None:
    scene.app(
        lambda environ: Reply(
            200, environ.get("CONTENT_LENGTH", "-"), vary="Content-Length", **FRESH
        )
    )
    assert scene.get("/", environ={"CONTENT_LENGTH": "0"}).text == "0"
    assert scene.get("/").text == "-"


def test_a_content_type_on_a_get_is_no_body(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    assert scene.get("/", content_type="application/json").code == 200


IDENTITIES = ["REMOTE_USER", "AUTH_TYPE", "SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN"]


@pytest.mark.parametrize("key", IDENTITIES)
def test_an_identity_in_the_environ_is_an_authorization(scene: Scene, key: str) -> None:
    scene.app(lambda environ: Reply(200, f"hello {environ.get(key) or 'you'}", **FRESH))
    got = scene.get("/", environ={key: "alice"})
    assert (got.text, got.stored, got.detail) == ("hello alice", False, "authorization")
    assert scene.get("/", environ={key: "bob"}).text == "hello bob"
    assert scene.get("/").text == "hello you"
    assert scene.get("/").hit
    assert scene.get("/", environ={key: "alice"}).text == "hello alice"
    assert scene.get("/", environ={key: ""}).text == "hello you"


@pytest.mark.parametrize("key", IDENTITIES)
def test_what_is_public_is_public(scene: Scene, key: str) -> None:
    scene.app(200, "all", cache_control="s-maxage=60")
    assert scene.get("/", environ={key: "alice"}).stored
    assert scene.get("/").hit
    assert scene.get("/", environ={key: "bob"}).hit


METHODS = [
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "get",
    "Get",
    "GET ",
    " GET",
    "FOO",
    "QUERY",
    "",
    "head",
]


@pytest.mark.parametrize("method", METHODS, ids=[f"CVE-2026-85008-{m!r}" for m in METHODS])
def test_only_get_and_head_are_answered(bare_scene: Scene, method: str) -> None:
    scene = bare_scene
    scene.app(
        lambda environ: Reply(
            200, environ["REQUEST_METHOD"], cache_control="public, s-maxage=60, max-age=60"
        )
    )
    scene.get("/")
    for _ in range(2):
        got = scene.request(method, "/")
        assert (got.text, got.fwd, got.stored) == (method, "method", False)
    assert scene.count == 3
    assert scene.get("/").text == "GET"


def test_trace_and_options_are_not_stored(scene: Scene) -> None:
    scene.app(lambda environ: Reply(200, environ["REQUEST_METHOD"], **FRESH))
    for method in ("OPTIONS", "TRACE"):
        for _ in range(2):
            assert scene.request(method, "/").text == method
        assert scene.get("/").text == "GET"


# ── the same for every policy ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other"), [row[1:] for row in COLLISIONS[:6]], ids=[row[0] for row in COLLISIONS[:6]]
)
def test_keys_do_not_depend_on_the_policy(make_scene: MakeScene, one: Parts, other: Parts) -> None:
    check_each_has_its_own(make_scene(Policy.rfc(), lint=False), one, other)
