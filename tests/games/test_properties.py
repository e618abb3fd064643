"""Properties that hold for every request and every app, not for examples only.

More caution never shares more; what is not stored is not changed in any way; a part of a stored
response is that part; and waiting makes nothing fresh.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.games.strategies import directives, environs, examples, header_value, latin1_text, styled
from tests.rfc9111.test_ranges import parts_of
from tests.scene import Environ, Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.rules import fields, keys

# ── caution ──────────────────────────────────────────────────────────────────────────────────────

CAUTIONS: dict[str, tuple[list[tuple[str, str]], Environ]] = {
    "no-store": ([("Cache-Control", "no-store")], {}),
    "private": ([("Cache-Control", "private")], {}),
    "no-cache": ([("Cache-Control", "no-cache")], {}),
    "vary": ([("Vary", "*")], {}),
    "set-cookie": ([("Set-Cookie", "a=1")], {}),
    "authorization": ([], {"HTTP_AUTHORIZATION": "Basic YQ=="}),
    "remote user": ([], {"REMOTE_USER": "alice"}),
}


def is_shared(lines: list[tuple[str, str]], changes: Environ, policy: Policy) -> bool:
    """Whether the response to one client is given to the next, an anonymous one."""

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", list(lines))
        return [b"page"]

    cache = CacheMiddleware(app, policy=policy)
    exchange(cache, environ_for(changes=changes))
    return exchange(cache, environ_for()).hit


@examples(80)
@given(
    said=directives(),
    style=st.integers(0, 4),
    caution=st.sampled_from(sorted(CAUTIONS)),
    first=st.booleans(),
    rfc=st.booleans(),
    more=st.none() | header_value,
)
def test_more_caution_never_shares_more(
    said: Any, style: int, caution: str, first: bool, rfc: bool, more: str | None
) -> None:
    policy = Policy.rfc() if rfc else Policy()
    base = [("Cache-Control", styled(said, style))]
    if more is not None and set(more).isdisjoint("\r\n\0"):
        base.append(("Cache-Control", more))
    lines, changes = CAUTIONS[caution]
    if is_shared([*lines, *base] if first else [*base, *lines], changes, policy):
        assert is_shared(base, {}, policy)
        # What is said outright cannot be outweighed at all.
        understood = "must-understand" in str(base).lower()
        assert caution not in ("private", "no-cache", "vary")
        assert caution != "no-store" or understood
        assert caution != "set-cookie" or rfc


@examples(80)
@given(
    word=st.sampled_from(["no-store", "private", "no-cache"]),
    argument=st.sampled_from(["", "=", "=1", '=""', '="', '="x', "=x y", " ", ";x", " x", "=,"]),
    before=header_value,
    after=header_value,
    case=st.sampled_from([str, str.upper, str.title]),
)
def test_a_restrictive_word_holds_among_rubble(
    word: str, argument: str, before: str, after: str, case: Callable[[str], str]
) -> None:
    """Unless what stands before swallows it in a quoted string, as the grammar has it."""
    if before.count('"'):
        before = before.replace('"', "")
    text = f"max-age=60, {before}, {case(word)}{argument}, {after}"
    if not set(text).isdisjoint("\r\n\0"):
        return
    shared = is_shared([("Cache-Control", text)], {}, Policy())
    # With field names in it, `private="x"` keeps those back, not the response.
    names = fields.parse_cache_control(text).get(word)
    assert not shared or names or "must-understand" in text.lower()


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────

TELLING = (
    "wsgi.url_scheme",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REQUEST_URI",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_COOKIE",
    "CONTENT_TYPE",
)


def page_of(environ: Environ) -> str:
    return json.dumps([environ.get(key) for key in TELLING])


@examples(60)
@given(st.lists(environs(), min_size=2, max_size=8))
def test_every_request_has_the_page_that_the_app_makes_for_it(requests: list[Environ]) -> None:
    """Whatever the order: an app whose page is a function of the target and what Vary names."""

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response(
            "200 OK",
            [
                ("Cache-Control", "public, max-age=60"),
                ("Vary", "Accept-Encoding, Cookie, Content-Type"),
            ],
        )
        return [page_of(environ).encode("utf-8", "surrogatepass")]

    cache = CacheMiddleware(app)
    for environ in itertools.chain(requests, requests):
        if environ.get("REQUEST_METHOD") == "HEAD":
            continue
        got = exchange(cache, dict(environ))
        if got.status != "200 OK":
            assert environ.get("HTTP_CACHE_CONTROL") or got.code in (206, 304, 416)
            continue
        seen, sent = json.loads(got.body), json.loads(page_of(environ))
        assert bare(seen[:-3]) == bare(sent[:-3])
        # White space round the commas of what Vary names does not count (§4.1).
        assert bare(seen[-3:]) == bare(sent[-3:])


def bare(values: list[str | None]) -> list[str | None]:
    return [None if v is None else re.sub(r"[ \t]*,[ \t]*", ",", v).strip(" \t") for v in values]


@examples(60)
@given(environ=environs(), order=st.randoms())
def test_a_key_depends_on_nothing_else(environ: Environ, order: Any) -> None:
    """Neither on the order of the environ nor on headers that are nobody's."""
    assume("wsgi.url_scheme" in environ)  # without which it raises
    key = keys.target_key(environ)
    items = [*environ.items(), ("HTTP_X_UNHEARD_OF", "1"), ("x.y", object())]
    order.shuffle(items)
    assert keys.target_key(dict(items)) == key
    if key is not None:  # canonical once is canonical for ever
        assert keys.target_key({**environ, "HTTP_HOST": key[1]}) == key


paths = st.lists(
    st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=6), max_size=4
)


@examples(60)
@given(one=st.tuples(paths, latin1_text), other=st.tuples(paths, latin1_text))
def test_keys_are_injective(one: tuple[list[str], str], other: tuple[list[str], str]) -> None:
    def key(parts: tuple[list[str], str]) -> Any:
        path, query = parts
        return keys.target_key(
            {
                "wsgi.url_scheme": "http",
                "HTTP_HOST": "h",
                "SCRIPT_NAME": "",
                "PATH_INFO": "/" + "/".join(path),
                "QUERY_STRING": query,
            }
        )

    same = ("/".join(one[0]), one[1]) == ("/".join(other[0]), other[1])
    assert (key(one) == key(other)) is same


def test_a_key_is_the_same_in_every_process() -> None:
    """PYTHONHASHSEED moves sets and dicts, not keys and not entity tags."""
    program = (
        "from tests.scene import Scene, environ_for\n"
        "from wsgicache.rules.keys import target_key\n"
        "s = Scene()\n"
        "s.app(200, 'page', vary='B, A, C', cache_control='max-age=60')\n"
        "s.get('/x?y', a='1', b='2')\n"
        "print(target_key(environ_for('GET', '/x?y')), s.get('/x?y', a='1', b='2').headers)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


# ── what passes is not touched ───────────────────────────────────────────────────────────────────


@st.composite
def behaviours(draw: st.DrawFn) -> dict[str, Any]:
    """What an app may do, right or wrong."""
    return {
        "status": draw(
            st.sampled_from(["200 OK", "404 Not Found", "204 No Content", "301 M", "500 E"])
        ),
        "headers": draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["X-A", "X-B", "Vary", "ETag", "Expires", "Set-Cookie"]),
                    latin1_text.map(lambda text: re.sub(r"[\r\n\0]", "", text)),
                ),
                max_size=4,
            )
        ),
        "chunks": draw(st.lists(st.binary(max_size=5), max_size=5)),
        "writes": draw(st.lists(st.binary(max_size=5), max_size=2)),
        "start": draw(st.sampled_from(["eager", "lazy", "late"])),
        "raise_at": draw(st.none() | st.none() | st.integers(0, 5)),
        "close_raises": draw(st.sampled_from([False, False, False, True])),
    }


class Acting:
    """An app that does what it is told, and the record of how it was treated."""

    def __init__(self, how: dict[str, Any]) -> None:
        self.how = how
        self.closes = 0

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        self.start_response = start_response
        if self.how["start"] == "eager":
            self.begin()
        return self

    def begin(self) -> None:
        headers = [*self.how["headers"], ("Cache-Control", "no-store")]
        write = self.start_response(self.how["status"], headers)
        for data in self.how["writes"]:
            write(data)

    def __iter__(self) -> Iterator[bytes]:
        if self.how["start"] == "late":
            yield b""
        if self.how["start"] != "eager":
            self.begin()
        for n, chunk in enumerate(self.how["chunks"]):
            if n == self.how["raise_at"]:
                raise LookupError("told to")
            yield chunk

    def close(self) -> None:
        self.closes += 1
        if self.how["close_raises"]:
            raise ArithmeticError("told to")


def seen_by_a_server(app: Any, environ: Environ, take: int | None) -> tuple[Any, ...]:
    """Everything that a server sees of an exchange, exceptions too."""
    heads: list[Any] = []
    chunks: list[bytes] = []
    failed: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        kept = [line for line in headers if line[0] != "Cache-Status"]
        heads.append((status, kept))
        return lambda data: chunks.append(b"write " + data)

    try:
        body = app(environ, start_response)
        try:
            for chunk in itertools.islice(body, take):
                chunks.append(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()
    except (LookupError, ArithmeticError) as error:
        failed.append(repr(error))
    return heads, chunks, failed


@examples(100)
@given(
    how=behaviours(),
    environ=environs(),
    take=st.none() | st.integers(0, 3),
)
def test_what_is_not_stored_is_as_without_a_cache(
    how: dict[str, Any], environ: Environ, take: int | None
) -> None:
    """Bytes, heads, block boundaries, exceptions, close(): all the same as from the bare app."""
    environ.pop("HTTP_CACHE_CONTROL", None)  # only-if-cached is ours to answer
    bare_app, cached_app = Acting(how), Acting(how)
    heads, chunks, failed = seen_by_a_server(bare_app, dict(environ), take)
    got_heads, got_chunks, got_failed = seen_by_a_server(
        CacheMiddleware(cached_app), dict(environ), take
    )
    if how["start"] == "eager":
        assert (got_heads, got_chunks) == (heads, chunks)
    else:
        # To have its head, a lazy app is taken as far as its first chunk: so it may be further on
        # than without a cache, and bytes that it wrote till then go out as a chunk.
        assert got_heads[: len(heads)] == heads or failed
        if how["writes"]:
            chunks, got_chunks = ([b"".join(c)] for c in map(unwritten, (chunks, got_chunks)))
            assert got_chunks[0].startswith(chunks[0]) or take is not None
        elif take == 1 and how["start"] == "late" and how["raise_at"] == 0 and how["chunks"]:
            # Its client leaves with the b"" from before the head. The cache asks for the head
            # first and meets what the bare app would have raised at the next step.
            *_, failed = seen_by_a_server(Acting(how), dict(environ), 2)
            assert (got_chunks, got_failed) == ([], failed)
        elif failed:  # at its first chunk, perhaps: then empty ones before it are swallowed
            assert b"".join(got_chunks) == b"".join(chunks)
        else:
            assert got_chunks == chunks
    assert got_failed == failed or take is not None
    assert cached_app.closes == bare_app.closes


def unwritten(chunks: list[bytes]) -> list[bytes]:
    return [chunk.removeprefix(b"write ") for chunk in chunks]


@examples(80)
@given(
    chunks=st.lists(st.binary(max_size=20), max_size=8),
    length=st.booleans(),
    kind=st.sampled_from(["list", "tuple", "generator", "write"]),
    limit=st.sampled_from([10, 40, 1000]),
)
def test_a_stored_body_is_the_apps_body(
    chunks: list[bytes], length: bool, kind: str, limit: int
) -> None:
    """The first client gets chunk for chunk what the app made, the second gets the same bytes."""

    def app(environ: Environ, start_response: Any) -> Any:
        lines = [("Cache-Control", "max-age=60")]
        if length:
            lines.append(("Content-Length", str(sum(map(len, chunks)))))
        write = start_response("200 OK", lines)
        if kind == "write":
            for chunk in chunks:
                write(chunk)
            return []
        return tuple(chunks) if kind == "tuple" else iter(chunks) if kind == "generator" else chunks

    cache = CacheMiddleware(app, policy=Policy(max_content=limit))
    first, second = (exchange(cache, environ_for()) for _ in range(2))
    assert first.chunks == chunks
    assert second.body == first.body
    assert second.hit is (len(first.body) <= limit)


# ── parts, conditions, HEAD ──────────────────────────────────────────────────────────────────────

number = st.integers(0, 60)
specs = st.one_of(
    st.tuples(number, number),
    st.tuples(number, st.none()),
    st.tuples(st.none(), number),
)


def slices(
    wanted: list[tuple[int | None, int | None]], body: bytes
) -> list[tuple[int, int]] | None:
    """RFC 9110 §14.1.2 naively: the satisfiable ranges, or None where one is invalid."""
    found = []
    for first, last in wanted:
        if first is None:
            assert last is not None
            if last and body:
                found.append((max(0, len(body) - last), len(body)))
        elif last is not None and last < first:
            return None
        elif first < len(body):
            found.append((first, len(body) if last is None else min(last + 1, len(body))))
    return found


@examples(120)
@given(
    body=st.binary(max_size=50),
    wanted=st.lists(specs, min_size=1, max_size=5),
    separator=st.sampled_from([",", ", ", " , ", ",,", "\t,"]),
)
def test_a_range_is_that_slice(
    body: bytes, wanted: list[tuple[int | None, int | None]], separator: str
) -> None:
    scene = Scene()
    scene.app(200, body, cache_control="max-age=60")
    scene.get("/")
    text = separator.join(
        f"{'' if first is None else first}-{'' if last is None else last}" for first, last in wanted
    )
    got = scene.get("/", range=f"bytes={text}")
    assert got.hit
    expected = slices(wanted, body)
    if expected is None or sum(end - start for start, end in expected) > len(body):
        assert (got.code, got.body) == (200, body)
    elif not expected:
        assert got.code in ((416, 200) if not body else (416,))
        if got.code == 416:
            assert got.header("Content-Range") == f"bytes */{len(body)}"
    elif len(expected) == 1:
        [(start, end)] = expected
        assert (got.code, got.body) == (206, body[start:end])
        assert got.header("Content-Range") == f"bytes {start}-{end - 1}/{len(body)}"
    else:
        assert got.code == 206
        assert parts_of(got) == [
            (f"bytes {start}-{end - 1}/{len(body)}", body[start:end]) for start, end in expected
        ]
    if got.code == 206:
        assert got.header("Content-Length") == str(len(got.body))


tag = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc"]).filter(
        lambda c: c not in '"'
    )
).map(lambda text: f'"{text}"')


@examples(80)
@given(
    mine=tag,
    others=st.lists(tag, max_size=4),
    weak=st.booleans(),
    asked_weakly=st.booleans(),
    there=st.booleans(),
    separator=st.sampled_from([",", ", ", " ,\t", ",,"]),
)
def test_if_none_match_is_membership(
    mine: str, others: list[str], weak: bool, asked_weakly: bool, there: bool, separator: str
) -> None:
    scene = Scene()
    stored = "W/" * weak + mine
    scene.app(200, "page", etag=stored, content_language="en", cache_control="max-age=60")
    scene.get("/")
    asked = [*others, "W/" * asked_weakly + mine] if there else others
    got = scene.get("/", ("If-None-Match", separator.join(asked)))
    matched = there or mine in others
    assert got.code == (304 if matched else 200)
    assert got.body == (b"" if matched else b"page")
    full = scene.get("/")
    assert set(got.headers) <= {*full.headers}
    head = scene.head("/")
    assert (head.headers, head.body) == (full.headers, b"")


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────


@examples(100)
@given(
    said=directives(),
    style=st.integers(0, 4),
    wish=st.sampled_from(["", ", max-age=20", ", min-fresh=5", ", max-stale=20", ", max-stale"]),
    expires=st.none() | st.integers(-5, 60),
    date=st.none() | st.integers(-20, 20),
    age=st.none() | st.integers(0, 20),
    modified=st.none() | st.integers(0, 1000),
    status=st.sampled_from([200, 404, 500]),
    waits=st.lists(st.integers(0, 40), min_size=1, max_size=8),
    rfc=st.booleans(),
)
def test_waiting_makes_nothing_fresh(
    said: Any,
    style: int,
    wish: str,
    expires: int | None,
    date: int | None,
    age: int | None,
    modified: int | None,
    status: int,
    waits: list[int],
    rfc: bool,
) -> None:
    """What was refused once is refused from then on; and the age only grows."""
    scene = Scene(Policy.rfc() if rfc else Policy())
    calm = tuple(member for member in said if member[0] != "stale-while-revalidate")
    clock = scene.clock
    scene.app(
        status,
        "page",
        cache_control=styled(calm, style),
        expires=None if expires is None else clock.date(expires),
        date=None if date is None else clock.date(date),
        age=age,
        last_modified=None if modified is None else clock.date(-modified),
    )
    scene.get("/")
    usable, oldest = True, -1
    for wait in [0, *waits]:
        scene.after(wait)
        got = scene.get("/", cache_control="only-if-cached" + wish)
        if got.code == 504 and not got.hit:
            usable = False
            continue
        assert usable, "it was stale and is fresh again"
        assert got.hit
        assert got.age is not None
        assert got.age >= oldest
        oldest = got.age
    assert scene.count == 1


@examples(80)
@given(environ=environs())
def test_no_environ_is_an_exception(environ: Environ) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("ETag", '"v1"')])
        return [b"page"]

    cache = CacheMiddleware(app)
    for _ in range(3):
        assert exchange(cache, dict(environ)).code in (200, 206, 304, 416, 504)


@examples(80)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(
                ["Cache-Control", "Vary", "ETag", "Expires", "Date", "Age", "Last-Modified",
                 "Content-Length", "Connection", "Location", "Content-Range", "Cache-Status",
                 "Wsgicache-Cache-Control", "Content-Type", "Set-Cookie"]
            ),
            header_value,
        ),
        max_size=5,
    ),
    status=st.sampled_from(["200 OK", "206 Partial Content", "304 Not Modified", "404 Not Found"]),
    rfc=st.booleans(),
)  # fmt: skip
def test_no_response_is_an_exception(lines: list[tuple[str, str]], status: str, rfc: bool) -> None:
    """Whatever fields an app sends: its own client gets them, with its content."""

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response(status, list(lines))
        return [b"page"]

    cache = CacheMiddleware(app, policy=Policy.rfc() if rfc else Policy())
    for method, changes in itertools.product(
        ("GET", "HEAD", "POST", "GET"),
        ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_IF_NONE_MATCH": "*"}),
    ):
        got = exchange(cache, environ_for(method, changes=dict(changes)))
        assert got.code in (200, 206, 304, 404, 416, 504)


def test_the_reply_of_the_stage_is_what_it_says() -> None:
    """The scripted app is believed by hundreds of tests; it says what it is told."""
    reply = Reply(404, "no", ("X-A", "1"), cache_control="max-age=1", x_list=["1", "2"])
    assert reply.status == "404 Not Found"
    assert reply.chunks == [b"no"]
    assert reply.fields == [
        ("X-A", "1"),
        ("Cache-Control", "max-age=1"),
        ("X-List", "1"),
        ("X-List", "2"),
        ("Content-Type", "text/plain"),
        ("Content-Length", "2"),
    ]
