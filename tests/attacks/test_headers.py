"""Attacks through header fields, and errors that must not stick."""

from __future__ import annotations

import http
import io
import itertools
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.scene import Environ, Reply, Scene, environ_for, exchange, steps
from wsgicache import CacheMiddleware, Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
Lines = list[tuple[str, str]]


def raw(headers: Any, body: bytes = b"page", status: str = "200 OK") -> Callable[..., Any]:
    """An app that says exactly this."""

    def app(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app


def shown(value: object) -> str:
    """A value in short, as the id of a test."""
    text = repr(value)
    return text if len(text) <= 64 else f"{text[:40]}... {len(text)} long"


# ── response splitting ───────────────────────────────────────────────────────────────────────────

TOKEN = "!#$%&'*+-.^_`|~" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("place", ["name", "value", "only value"])
def test_control_characters_pass_and_are_not_stored(bare_scene: Scene, place: str) -> None:
    """Over all of U+0000 to U+00FF, and a few beyond."""
    scene = bare_scene
    for code in [*range(256), 0x100, 0x20AC, 0xD800, 0x1F600]:
        character = chr(code)
        name = f"X{character}A" if place == "name" else "X-A"
        value = {"name": "v", "value": f"a{character}b", "only value": character}[place]
        sent = [("Cache-Control", "max-age=60"), (name, value), ("Content-Type", "text/plain")]
        scene.wsgi(raw(sent))
        target = f"/{code}"
        for _ in range(2):
            got = scene.get(target)
            assert got.text == "page"
            assert got.headers[:3] == sent or got.hit, code
        forbidden = (
            character in "\r\n\0" or code > 255 or (place == "name" and character not in TOKEN)
        )
        if forbidden:
            assert not got.hit, f"U+{code:04X} in a {place} was stored"


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x=1", "a\nb", "\0", "\u20ac", "a\rb"])
def test_what_the_cache_adds_never_holds_bytes_of_the_request(bare_scene: Scene, text: str) -> None:
    scene = bare_scene
    scene.app(200, "page", vary="X-Any", **FRESH)
    hostile = {
        "HTTP_X_ANY": text,
        "HTTP_IF_NONE_MATCH": text,
        "HTTP_RANGE": text,
        "HTTP_CACHE_CONTROL": text,
        "PATH_INFO": "/" + text,
        "QUERY_STRING": text,
    }
    for keys in itertools.chain([[k] for k in hostile], [list(hostile)]):
        for _ in range(2):
            got = scene.get("/", environ={key: hostile[key] for key in keys})
            for name, value in got.headers:
                assert text not in name + value
                assert not set(name + value) & set("\r\n\0")


# ── hop-by-hop fields ────────────────────────────────────────────────────────────────────────────

HOP_BY_HOP: list[tuple[str, Lines, str]] = [
    ("connection", [("Connection", "close")], "connection"),
    ("keep-alive", [("Keep-Alive", "timeout=5")], "keep-alive"),
    ("te", [("TE", "trailers")], "te"),
    ("transfer-encoding", [("Transfer-Encoding", "chunked")], "transfer-encoding"),
    ("upgrade", [("Upgrade", "h2c")], "upgrade"),
    ("proxy-authenticate", [("Proxy-Authenticate", "Basic")], "proxy-authenticate"),
    ("proxy-connection", [("Proxy-Connection", "close")], "proxy-connection"),
    (
        "proxy-authentication-info",
        [("Proxy-Authentication-Info", "x")],
        "proxy-authentication-info",
    ),
    ("listed", [("Connection", "X-Mine"), ("X-Mine", "1")], "x-mine"),
    ("listed-in-a-list", [("Connection", "close, X-Mine ,x"), ("X-Mine", "1")], "x-mine"),
    ("listed-case", [("connection", "x-MINE"), ("X-Mine", "1")], "x-mine"),
    (
        "listed-in-a-second-line",
        [("Connection", "close"), ("Connection", "X-Mine"), ("X-Mine", "1")],
        "x-mine",
    ),
]


@pytest.mark.parametrize(
    ("lines", "name"), [row[1:] for row in HOP_BY_HOP], ids=[row[0] for row in HOP_BY_HOP]
)
def test_hop_by_hop_fields_end_here(bare_scene: Scene, lines: Lines, name: str) -> None:
    """Neither stored nor sent on (RFC 9110 §7.6.1)."""
    scene = bare_scene
    sent = [("Cache-Control", "max-age=60"), ("X-All", "1"), ("X-Other", "2"), *lines]
    scene.wsgi(raw(sent))
    for hit in (False, True):
        got = scene.get("/")
        assert (got.hit, got.text) == (hit, "page")
        if hit or not name.startswith("proxy-authenti"):  # those concern the next hop only
            assert not got.names & {name, "connection"}
        assert (got.header("X-All"), got.header("X-Other")) == ("1", "2")
    if not name.startswith("proxy-authenti"):
        assert name not in scene.post("/").names


def test_a_chunked_response_is_stored_with_its_length_only(bare_scene: Scene) -> None:
    bare_scene.wsgi(raw([("Cache-Control", "max-age=60"), ("Transfer-Encoding", "chunked")]))
    bare_scene.get("/")
    got = bare_scene.get("/")
    assert got.hit
    assert "transfer-encoding" not in got.names
    assert got.header("Content-Length") in ("4", None)


@pytest.mark.parametrize("name", ["Cache-Control", "Vary", "Set-Cookie", "ETag", "Expires"])
def test_connection_cannot_hide_what_the_rules_read(scene: Scene, name: str) -> None:
    """A response that lists its own Cache-Control as hop-by-hop is still bound by it."""
    fields = {
        "Cache-Control": {"cache_control": "no-store"},
        "Vary": {"vary": "*", **FRESH},
        "Set-Cookie": {"set_cookie": "a=1", **FRESH},
        "ETag": {"etag": '"v1"', "cache_control": "max-age=0"},
        "Expires": {"expires": "0"},
    }[name]
    scene.app(200, "page", connection=name, **fields)
    scene.get("/")
    assert not scene.get("/").hit


# ── names that look like ours ────────────────────────────────────────────────────────────────────

INTERNAL = [
    "X-Body-File",
    "X-Content-Digest",
    "X-Body-Eval",
    "X-Wsgicache",
    "Wsgicache",
    "Wsgicache-Generated-At",
    "Wsgicache-Freshness-Lifetime",
    "X-Status",
    "Generated-At",
    "Selecting-Fields",
    "X-Accel-Redirect",
    "X-Sendfile",
    "Warning",
    "Surrogate-Key",
    "Cache-Tag",
]


@pytest.mark.parametrize("name", INTERNAL)
def test_a_field_like_metadata_is_an_ordinary_field(scene: Scene, name: str) -> None:
    scene.app(200, "page", (name, "/etc/passwd"), **FRESH)
    for hit in (False, True):
        got = scene.get("/")
        assert (got.hit, got.text, got.header(name)) == (hit, "page", "/etc/passwd")


def test_cache_status_of_the_app_is_no_verdict_of_ours(scene: Scene) -> None:
    """An app that reflects input into Cache-Status cannot make it ours."""
    scene.app(
        200, "page", cache_status="wsgicache; hit; ttl=99999", age="5", cache_control="no-store"
    )
    for _ in range(2):
        got = scene.get("/")
        assert not got.hit
        assert got.fwd == "uri-miss"


@pytest.mark.parametrize("value", ["&&&", "a;b;;", "\xe9", '"unterminated', ",", "", "x; y=(1"])
def test_a_broken_cache_status_of_the_app_does_not_break_ours(
    bare_scene: Scene, value: str
) -> None:
    """What is no list is not joined."""
    bare_scene.app(200, "page", cache_status=value, **FRESH)
    for hit in (False, True):
        got = bare_scene.get("/")  # which reads the field as a structured one
        assert (got.text, got.hit) == ("page", hit)


# ── Content-Length and Content-Type ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "lengths",
    [
        ["+4"],
        ["4, 4"],
        ["\u0664"],
        ["4", "4"],
        ["4", "5"],
        ["5"],
        ["3"],
        ["-4"],
        ["4.0"],
        ["0x4"],
        [""],
        ["4a"],
        ["9" * 5000],
        ["\xb2"],
        ["4;"],
    ],
    ids=shown,
)
def test_an_odd_content_length_is_not_stored(bare_scene: Scene, lengths: list[str]) -> None:
    lines = [("Content-Length", length) for length in lengths]
    bare_scene.wsgi(raw([("Cache-Control", "max-age=60"), *lines]))
    for _ in range(2):
        got = bare_scene.get("/")
        assert (got.text, got.hit, got.lines("Content-Length")) == ("page", False, lengths)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [("Content-Type", "")],
        [("Content-Type", " ")],
        [("Content-Type", ";")],
        [("Content-Type", "/")],
        [("Content-Type", "\xff")],
        [("Content-Type", "text/plain"), ("Content-Type", "text/html")],
        [("Content-Type", "a" * 10_000)],
    ],
    ids=[
        *("CVE-2014-3581-none", "GHSA-fp3c-hq6w-q3rf-empty", "blank", "semicolon", "slash"),
        *("beyond-ascii", "two-lines", "long"),
    ],
)
def test_any_content_type(bare_scene: Scene, lines: Lines) -> None:
    scene = bare_scene
    scene.wsgi(raw([("Cache-Control", "max-age=60"), ("ETag", '"v1"'), *lines], b"0123"))
    for hit in (False, True):
        got = scene.get("/")
        assert (got.hit, got.text) == (hit, "0123")
        assert [line for line in got.headers if line[0] == "Content-Type"] == lines
    assert scene.get("/", if_none_match='"v1"').code == 304
    assert scene.get("/", range="bytes=0-0,2-2").code in (200, 206)
    assert scene.head("/").code == 200


# ── locations ────────────────────────────────────────────────────────────────────────────────────

BROKEN_URLS = [
    "http://[",
    "http://[::1",
    "http://\u2100/",
    "http://example.org:99999/",
    "http://example.org:x/",
    "http://example.org:/",
    "//",
    "///",
    "http:///",
    "http:",
    ":",
    "",
    "\0",
    "\r\n",
    "http://ex ample.org/",
    "http://\ud800/",
    "?" * 10_000,
    "http://example.org\\@evil/",
    "http://[v1.x]/",
    "http://[::1]x/",
    "http://example.org:-1/",
    "http://example.org:\u0668\u0660/",
]


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize("url", BROKEN_URLS, ids=shown)
def test_a_broken_location_is_delivered(bare_scene: Scene, name: str, url: str) -> None:
    scene = bare_scene
    scene.app(200, "page", **FRESH)
    scene.get("/other")
    scene.wsgi(raw([(name, url), ("Content-Type", "text/plain")], b"made", "201 Created"))
    got = scene.post("/form")
    assert (got.code, got.text, got.lines(name)) == (201, "made", [url])
    assert scene.get("/other").hit


# ── dates and ages ───────────────────────────────────────────────────────────────────────────────

ODD_DATES = [
    "Mon, " + "1" * 4000 + " Nov 2033 22:13:20 GMT",
    "Mon, 14 Nov 2033 22:13:20 -0000",
    "Mon, 14 Nov 99999 22:13:20 GMT",
    "Mon, 14 Nov 0000 22:13:20 GMT",
    "Mon, 14 Nov 2033 22:13:61 GMT",
    "Mon, 14 Nov 2033 22:13:20",
    "14 Nov 2033 22:13:20 GMT",
    "Mon, 14 Nov 2033 22:13:20 EST",
    "Mon, 14 Nov 2033 22:13:20 GMT trailing",
    "Mon, 14 Nov 2033 22:13:20 GMT\n",
    "Mon, 1\u0664 Nov 2033 22:13:20 GMT",
    "Mon, 00 Nov 2033 22:13:20 GMT",
    "Mon, 14 Foo 2033 22:13:20 GMT",
    "Mon,14 Nov 2033 22:13:20 GMT",
    "2033-11-14T22:13:20Z",
    "9999999999",
    "0",
    "",
    "\xff\xfe",
    "Mon Nov 14 22:13:20 20333",
    "Mon, 30 Feb 2032 22:13:20 GMT",
]


@pytest.mark.parametrize("name", ["Expires", "Date", "Last-Modified", "If-Modified-Since"])
@pytest.mark.parametrize("date", ODD_DATES, ids=shown)
def test_odd_dates_are_the_past(make_scene: MakeScene, name: str, date: str) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy, lint=False)
        if name == "If-Modified-Since":
            scene.app(200, "page", last_modified="Tue, 14 Nov 2023 20:13:20 GMT", **FRESH)
            scene.get("/")
            assert scene.get("/", (name, date)).code == 200
            continue
        lines = [(name, date)]
        if name == "Date":
            lines.append(("Cache-Control", "max-age=60"))
        scene.wsgi(raw(lines))
        scene.get("/")
        got = scene.get("/")
        assert got.code == 200
        if name == "Date":  # an invalid Date counts as the time of receipt
            sound = all("\n" != c < "\u0100" for c in date)  # else it is not stored
            assert (got.hit, got.age) == (sound, 0 if sound else None)
        else:
            assert not got.hit


def test_a_leap_second_is_a_time(scene: Scene) -> None:
    """RFC 9110 §5.6.7's grammar knows second 60; whatever it is taken for, it is no exception."""
    scene.app(200, "page", expires="Sat, 31 Dec 2033 23:59:60 GMT")
    scene.get("/")
    assert scene.get("/").code == 200


@pytest.mark.parametrize(
    ("lines", "age"),
    [
        (["-5"], 0),
        (["5.5"], 0),
        (["5 "], 5),
        (["+5"], 0),
        (["1e1"], 0),
        (["5, 10"], 5),
        (["x, 10"], 0),
        (["5", "10"], 5),
        (["10", "5"], 10),
        ([""], 0),
        ([",5"], None),
        (["\xb2"], 0),
        (["\u0665"], 0),
        (["1_0"], 0),
        (["00007"], 7),
        (['"5"'], 0),
        (["5;x"], 0),
    ],
    ids=shown,
)
def test_which_age_is_read(bare_scene: Scene, lines: list[str], age: int | None) -> None:
    """§5.1: the first member of the list, or no age at all."""
    bare_scene.app(200, "page", age=lines, **FRESH)
    bare_scene.get("/")
    got = bare_scene.get("/")
    if age is None:
        assert got.code == 200
    elif any(ord(c) > 255 for c in "".join(lines)):
        assert not got.hit
    else:
        assert (got.hit, got.age) == (True, age)


@pytest.mark.parametrize("age", ["2147483648", "2147483649", "9" * 30, "9" * 5000])
def test_a_huge_age_is_stale(scene: Scene, age: str) -> None:
    scene.app(200, "page", age=age, cache_control="max-age=2147483648", etag='"v1"')
    scene.get("/")
    got = scene.get("/", cache_control="max-stale")
    assert got.age is None or got.age <= 2**31
    assert scene.get("/").code == 200
    assert not scene.get("/").hit


@pytest.mark.parametrize("value", ["9" * 5000, "2147483648", "4294967301", "1" + "0" * 30])
@pytest.mark.parametrize(
    "name", ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]
)
def test_huge_seconds_last_long(scene: Scene, name: str, value: str) -> None:
    lifetime = "" if name.endswith("age") else "max-age=1, "
    scene.app(200, "page", cache_control=f"{lifetime}{name}={value}")
    scene.get("/")
    scene.after(1000)
    if name == "stale-if-error":
        scene.app(503, "broken")
    got = scene.get("/")
    assert got.text == "page"
    scene.settle()


# ── entity tags ──────────────────────────────────────────────────────────────────────────────────

ODD_TAGS = [
    '"', "", "W/", "v1", '"unterminated', 'W/"', 'w/"x"', '""', 'W/""', '"a" "b"', '"\xff"',
    '"a\\"b"', "*", '"' + "x" * 65_000 + '"'
]  # fmt: skip


@pytest.mark.parametrize("tag", ODD_TAGS, ids=shown)
def test_an_odd_tag_is_no_exception(bare_scene: Scene, tag: str) -> None:
    """None of them is an exception, and only a real tag can be matched."""
    scene = bare_scene
    scene.app(200, "page", etag=tag, **FRESH)
    for _ in range(2):
        assert scene.get("/").text == "page"
    for condition in (tag, '"other"', f'"x", {tag}', '"', "W/", ",", '"unterminated, "v1'):
        got = scene.get("/", ("If-None-Match", condition))
        assert got.code in (200, 304)
        if condition == '"other"':
            assert got.code == 200
    scene.after(61)
    assert scene.get("/").text == "page"


@pytest.mark.parametrize("tag", ['"', "v1", '"unterminated', "W/", ""])
def test_what_is_no_tag_matches_nothing(bare_scene: Scene, tag: str) -> None:
    bare_scene.app(200, "page", etag=tag, **FRESH)
    bare_scene.get("/")
    assert bare_scene.get("/", ("If-None-Match", tag)).code == 200


def test_ten_thousand_tags(scene: Scene) -> None:
    scene.app(200, "page", etag='"v1"', **FRESH)
    scene.get("/")
    many = ", ".join(f'"t{n}"' for n in range(10_000))
    assert scene.get("/", if_none_match=many).code == 200
    assert scene.get("/", if_none_match=f'{many}, "v1"').code == 304


HOSTILE_TAGS = {
    "quotes": lambda n: '"' * n,
    "commas": lambda n: "," * n,
    "open": lambda n: '"a,' * (n // 3),
    "weak": lambda n: "W/" * (n // 2),
    "spaces": lambda n: '"a"' + " " * n,
    "tags": lambda n: '"a",' * (n // 4),
    "slashes": lambda n: 'W/"' * (n // 3),
}


@pytest.mark.parametrize("shape", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS.keys())
def test_reading_tags_is_linear(scene: Scene, shape: Callable[[int], str]) -> None:
    scene.app(200, "page", etag='"v1"', **FRESH)
    scene.get("/")
    work = [steps(partial(scene.get, "/", ("If-None-Match", shape(n)))) for n in (2_000, 4_000)]
    assert work[1] <= 2.2 * work[0] + 1_000
    assert scene.get("/", ("If-None-Match", shape(65_536))).code in (200, 304)


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────

TEXT = bytes(range(256)) * 4


@pytest.mark.parametrize(
    "spec",
    [
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 40, 2)),
        "bytes=" + "0-0," * 10_000,
        "bytes=" + "0-," * 100,
        "bytes=" + "0-," * 30_000,
        "bytes=" + ",".join(["0-1023"] * 17),
        "bytes=" + ",".join(["-1024"] * 17),
    ],
    ids=lambda spec: f"CVE-2018-8005-{shown(spec)}",
)
def test_more_than_sixteen_ranges_are_the_whole(scene: Scene, spec: str) -> None:
    scene.app(200, TEXT, **FRESH)
    scene.get("/")
    got = scene.get("/", range=spec)
    assert (got.code, got.body == TEXT) == (200, True)


@pytest.mark.parametrize(
    "spec",
    [
        "bytes=0-,0-",
        "bytes=0-1023,0-1023",
        "bytes=" + ",".join(["0-"] * 16),
        "bytes=0-600,500-1023",
        "bytes=-1000,0-1000",
        "bytes=0-999,999-1023",
        "bytes=" + ",".join(f"{n}-" for n in range(16)),
    ],
    ids=shown,
)
def test_no_request_gets_more_than_the_body(scene: Scene, spec: str) -> None:
    """Overlapping ranges are merged, refused or answered by the whole."""
    scene.app(200, TEXT, **FRESH)
    scene.get("/")
    got = scene.get("/", range=spec)
    assert got.code in (200, 206, 416)
    if got.code == 206 and "multipart" not in (got.header("Content-Type") or ""):
        assert len(got.body) <= len(TEXT)
    else:
        assert sum(map(len, got.chunks)) <= len(TEXT) + 16 * 200


ODD_RANGES = [
    "bytes=1-0",
    "bytes=\u0661-\u0662",
    "bytes=\xb2-\xb3",
    "bytes=0-0\n",
    "bytes=+0-1",
    "bytes=0_0-1",
    "bytes=0x0-1",
    "bytes= 0-1",
    "bytes=0 -1",
    "bytes=--1",
    "bytes=0-1-2",
    "bytes=,",
    "bytes=0-1,x",
    "bytes\t=0-1",
    "=0-1",
    "bytes=0-" + "9" * 5000,
    "bytes=" + "9" * 5000 + "-",
    "bytes=-" + "9" * 5000,
    "bytes=0-0" + " " * 60_000,
]


@pytest.mark.parametrize("spec", ODD_RANGES, ids=shown)
def test_an_odd_range_is_no_exception(bare_scene: Scene, spec: str) -> None:
    bare_scene.app(200, TEXT, **FRESH)
    bare_scene.get("/")
    got = bare_scene.get("/", environ={"HTTP_RANGE": spec})
    assert got.code in (200, 206, 416)
    if got.code == 200:
        assert got.body == TEXT
    if got.code == 206:
        assert got.body in (TEXT[0:1], TEXT[0:2], TEXT)


HOSTILE_RANGES = {
    "digits": lambda n: "bytes=" + "1" * n,
    "digits-dash": lambda n: "bytes=" + "1" * (n // 2) + "-" + "1" * (n // 2),
    "commas": lambda n: "bytes=" + "," * n,
    "dashes": lambda n: "bytes=" + "-" * n,
    "spaces": lambda n: "bytes=" + " " * n + "x",
    "ranges": lambda n: "bytes=" + "0-1," * (n // 4),
    "open": lambda n: "bytes=" + "0-," * (n // 3),
    "blank members": lambda n: "bytes=0-1" + " ," * (n // 2),
}


@pytest.mark.parametrize(
    "shape",
    HOSTILE_RANGES.values(),
    ids=[f"CVE-2025-62727-{name}" for name in HOSTILE_RANGES],
)
def test_reading_ranges_is_linear(scene: Scene, shape: Callable[[int], str]) -> None:
    scene.app(200, TEXT, **FRESH)
    scene.get("/")
    work = [steps(partial(scene.get, "/", range=shape(n))) for n in (2_000, 4_000)]
    assert work[1] <= 2.2 * work[0] + 1_000
    assert scene.get("/", range=shape(65_536)).code in (200, 206, 416)


# ── sizes and framing ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "lines",
    [
        [("X-Big", "x" * 66_000)],
        [(f"X-{n}", "x" * 100) for n in range(1000)],
        [("X" * 66_000, "v")],
        [("X-A", "")] * 20_000,
    ],
    ids=["value", "lines", "name", "empty-lines"],
)
def test_a_head_over_64_kib_is_not_stored(scene: Scene, lines: Lines) -> None:
    scene.app(200, "page", *lines, **FRESH)
    for _ in range(2):
        got = scene.get("/")
        assert (got.hit, got.text) == (False, "page")
        assert got.headers[: len(lines)] == lines


def test_a_head_of_32_kib_is_stored(scene: Scene) -> None:
    lines = [(f"X-{n}", "x" * 320) for n in range(100)]
    scene.app(200, "page", *lines, **FRESH)
    scene.get("/")
    got = scene.get("/")
    assert got.hit
    assert [line for line in got.headers if line in lines] == lines


@pytest.mark.parametrize("name", ["Accept-Language", "X-Any", "User-Agent"])
def test_a_huge_request_field_selects_like_any(scene: Scene, name: str) -> None:
    key = "HTTP_" + name.upper().replace("-", "_")
    scene.app(lambda environ: Reply(200, environ.get(key, "-")[-1:], vary=name, **FRESH))
    for last in "aba":
        assert scene.get("/", (name, "x" * 100_000 + last)).text == last


@pytest.mark.parametrize(
    "changes",
    [
        {"CONTENT_LENGTH": "0", "HTTP_TRANSFER_ENCODING": "chunked"},
        {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"HTTP_TRANSFER_ENCODING": "unknown"},
        {"HTTP_TRANSFER_ENCODING": "\x0bchunked"},
        {"HTTP_TRANSFER_ENCODING": ""},
    ],
    ids=shown,
)
def test_ambiguous_framing_passes(bare_scene: Scene, changes: Environ) -> None:
    bare_scene.app(200, "page", **FRESH)
    got = bare_scene.get("/", environ=changes)
    if changes["HTTP_TRANSFER_ENCODING"]:
        assert (got.fwd, got.stored) == ("bypass", False)
        assert not bare_scene.get("/").hit
    assert got.text == "page"


# ── cached errors ────────────────────────────────────────────────────────────────────────────────

ERRORS = sorted(s.value for s in http.HTTPStatus if s.value >= 400)
LASTING = {404, 410}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": "public, max-age=3600"},
        {"cache_control": "s-maxage=3600"},
        {"expires": "Tue, 14 Nov 2033 22:13:20 GMT"},
        {"wsgicache_cache_control": "max-age=3600"},
    ],
    ids=["max-age", "s-maxage", "expires", "targeted"],
)
def test_an_error_lasts_ten_seconds_at_most(
    scene: Scene, status: int, fields: dict[str, Any]
) -> None:
    """An error provoked by one request is not what the others see for an hour."""
    scene.app(status, "poison", **fields)
    assert scene.get("/").code == status
    scene.app(200, "page", **FRESH)
    scene.after(9)
    within = scene.get("/")
    assert within.text in ("poison", "page")
    if within.hit and status not in LASTING:
        assert within.verdict["ttl"] <= 1
    scene.after(2)
    after = scene.get("/").text
    assert after == ("poison" if status in LASTING else "page")


@pytest.mark.parametrize("status", ERRORS)
def test_an_error_is_never_heuristically_fresh(scene: Scene, status: int) -> None:
    scene.app(status, "poison", last_modified=scene.clock.date(-100_000))
    scene.get("/")
    scene.app(200, "page")
    assert scene.get("/").text == "page"


@pytest.mark.parametrize("seconds", [0, 3, None])
def test_the_clip_is_the_policys(make_scene: MakeScene, seconds: int | None) -> None:
    scene = make_scene(Policy(error_lifetime=seconds))
    scene.app(500, "poison", cache_control="max-age=3600")
    scene.get("/")
    scene.app(200, "page")
    scene.after(2)
    assert scene.get("/").text == ("page" if seconds == 0 else "poison")
    scene.after(2)
    assert scene.get("/").text == ("poison" if seconds is None else "page")


def test_the_clip_allows_no_window_beyond(scene: Scene) -> None:
    """Neither stale-while-revalidate nor stale-if-error makes a stored error last."""
    scene.app(
        500, "poison", cache_control="max-age=9, stale-while-revalidate=900, stale-if-error=900"
    )
    scene.get("/")
    scene.app(503, "answer")
    scene.after(11)
    got = scene.get("/")
    scene.settle()
    assert (got.code, got.text) == (503, "answer")


# ── errors that one client could bring about ─────────────────────────────────────────────────────

FLIPPING: list[tuple[str, Environ]] = [
    ("if-match", {"HTTP_IF_MATCH": '"x"'}),
    ("if-unmodified-since", {"HTTP_IF_UNMODIFIED_SINCE": "Tue, 14 Nov 2000 22:13:20 GMT"}),
    ("range", {"HTTP_RANGE": "bytes=999999-"}),
    ("range-garbage", {"HTTP_RANGE": "garbage"}),
    ("expect", {"HTTP_EXPECT": "100-continue"}),
    ("expect-garbage", {"HTTP_EXPECT": "tea"}),
    ("upgrade", {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}),
    ("body", {"CONTENT_LENGTH": "1"}),
    ("transfer-encoding", {"HTTP_TRANSFER_ENCODING": "x"}),
]


@pytest.mark.parametrize("changes", [row[1] for row in FLIPPING], ids=[row[0] for row in FLIPPING])
@pytest.mark.parametrize("status", [200, 404, 412, 416, 500])
def test_such_requests_never_populate(make_scene: MakeScene, status: int, changes: Environ) -> None:
    scene = make_scene(Policy(whole_for_range=0))  # else the app would see no range
    changes = {**changes, "wsgi.input": io.BytesIO(b"x")}
    scene.app(status, "flipped", cache_control="public, max-age=3600")
    got = scene.get("/", environ=changes)
    assert (got.text, got.stored) == ("flipped", False)
    scene.app(200, "page", **FRESH)
    assert scene.get("/").text == "page"
    assert scene.head("/").hit


@pytest.mark.parametrize("changes", [row[1] for row in FLIPPING], ids=[row[0] for row in FLIPPING])
def test_nor_do_they_drop_what_is_stored(scene: Scene, changes: Environ) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    scene.app(400, "flipped")
    scene.get("/", environ={**changes, "wsgi.input": io.BytesIO(b"x")})
    got = scene.get("/")
    assert (got.hit, got.text) == (True, "page")


def test_an_accept_that_flips_is_not_stored(scene: Scene) -> None:
    """A 406 that forgot its Vary and says an hour."""
    scene.app(406, "no", cache_control="public, max-age=3600")
    assert not scene.get("/", accept="garbage").stored
    scene.app(200, "page", **FRESH)
    assert scene.get("/").text == "page"


@pytest.mark.parametrize("status", [406, 408, 411, 413, 414, 415, 417, 421, 422, 425, 426, 431])
@pytest.mark.parametrize("wish", [None, "no-cache"])
def test_nor_does_such_an_error_drop_what_is_stored(
    scene: Scene, status: int, wish: str | None
) -> None:
    scene.app(200, "page", cache_control="public, max-age=60, stale-if-error=60")
    scene.get("/")
    scene.after(0 if wish else 61)
    scene.app(status, "no", cache_control="public, max-age=3600")
    scene.after(1)
    assert scene.get("/", accept="garbage", cache_control=wish).code == status
    scene.app(503, "down")
    assert scene.get("/").text == "page"


def error_page(environ: Environ, start_response: Any) -> Any:
    """What a debugging middleware makes of an exception."""
    try:
        raise RuntimeError("secret variable")
    except RuntimeError as error:
        start_response("500 Internal Server Error", [("Content-Type", "text/html")])
        return [f"<pre>{error}</pre>".encode()]


def test_the_error_page_of_a_debugger_is_not_stored(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.wsgi(error_page)
        assert scene.get("/").code == 500
        scene.app(200, "page", **FRESH)
        assert scene.get("/").text == "page"


@pytest.mark.parametrize("debug", [True, False])
def test_a_page_that_flask_broke_is_not_stored(make_scene: MakeScene, debug: bool) -> None:
    import flask

    app = flask.Flask("shop")
    app.logger.disabled = True
    broken = True

    @app.get("/")
    def page() -> Any:
        if broken:
            raise RuntimeError("secret variable")
        return "page", {"Cache-Control": "max-age=60"}

    wsgi: Any = app
    if debug:
        from werkzeug.debug import DebuggedApplication

        app.testing = True  # the exception reaches the debugger
        wsgi = DebuggedApplication(app, evalex=False)
    scene = make_scene(lint=False)
    scene.wsgi(wsgi)
    got = scene.get("/")
    assert (got.code, got.stored) == (500, False)
    broken = False
    assert scene.get("/").text == "page"


def test_stale_if_error_does_not_extend_itself(scene: Scene) -> None:
    """Errors for ten times the window: stale only inside the first one."""
    scene.app(200, "old", cache_control="max-age=10, stale-if-error=20")
    scene.get("/")
    scene.app(503, "broken")
    for second in range(1, 200):
        scene.after(1)
        got = scene.get("/")
        assert got.text == (
            "old" if second < 30 or (second == 30 and got.code == 200) else "broken"
        )


def test_nor_does_a_crash_nor_a_background_failure(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    scene.app(200, "old", cache_control="max-age=10, stale-while-revalidate=20")
    scene.get("/")

    def crash(environ: Environ) -> Reply:
        raise RuntimeError("no origin")

    scene.app(crash)
    for _ in range(29):
        scene.after(1)
        assert scene.get("/").text == "old"
        scene.settle()
    scene.after(2)
    with pytest.raises(RuntimeError, match="no origin"):
        scene.get("/")


def test_a_policy_of_ones_own_reaches_a_bare_middleware() -> None:
    cache = CacheMiddleware(raw([("Cache-Control", "max-age=60")]), policy=Policy(name="own"))
    assert exchange(cache, environ_for(), name="own").cache_status == "own; fwd=uri-miss; stored"
