"""What two visitors get of one page, and in what that differs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from wsgicache import CacheMiddleware, cached
from wsgicache.why.visitors import Comparison, compare, visit

App = Callable[[dict[str, Any], Any], list[bytes]]
TEXT = "text/html; charset=utf-8"


def compared(
    page: Callable[[str], bytes], kind: str = TEXT, *fields: tuple[str, str]
) -> Comparison:
    """What differs for alice, of the page that an app makes of the cookies."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", kind), *fields])
        return [page(environ.get("HTTP_COOKIE", ""))]

    cache = CacheMiddleware(app)
    first, again = (visit(cache, "http://localhost/", []) for _ in range(2))
    return compare(first, again, visit(cache, "http://localhost/", [("Cookie", "a=1")]))


def lines(found: Comparison) -> list[str]:
    return [f"{line.sign}{line.text}" for line in found.lines]


def test_the_way_is_that_of_any_request_and_nothing_is_stored() -> None:
    seen: list[dict[str, Any]] = []

    @cached(client=60, server=600, everybody=True)
    def view(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(dict(environ))
        start_response("200 OK", [("Content-Type", TEXT), ("Set-Cookie", "b=secret; Path=/")])
        return [b"page"]

    cache = CacheMiddleware(view)
    found = visit(cache, "http://localhost/p?q=1", [("Cookie", "_ga=1; a=2")], "192.0.2.1")
    assert [(one["QUERY_STRING"], one["REMOTE_ADDR"]) for one in seen] == [("q=1", "192.0.2.1")]
    assert seen[0]["HTTP_COOKIE"] == "a=2"  # what the policy hides is hidden
    assert (found.outcome.detail, found.answer.content) == ("set-cookie", b"page")
    assert found.value("cache-control") == "max-age=60"
    assert found.value("set-cookie") == "b=…; Path=/"
    assert found.value("cache-status") == "wsgicache; fwd=uri-miss; detail=set-cookie"
    assert (cache.stats().count, cache.store.holding().entries) == (0, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (
            lambda who: b"<p>a</p>\n<p>%b</p>\n<p>c</p>\n" % who.encode(),
            ["-<p></p>", "+<p>a=1</p>"],
        ),
        (lambda who: b"a\nb\n" if who else b"b\n", ["+a"]),
        (lambda who: b"a\nb" if who else b"a\nb\n\n\n", ["-", "-"]),
        # One long line is cut behind its tags, or anywhere.
        (
            lambda who: b"<i>" * 99 + b"<p>%b</p>" % who.encode() + b"<b>" * 99,
            ["-</p>", "+a=1</p>"],
        ),
        (lambda who: b"x" * 500 + who.encode(), [f"-{'x' * 20}", f"+{'x' * 20}a=1"]),
    ],
)
def test_the_lines_that_differ(page: Callable[[str], bytes], shown: list[str]) -> None:
    found = compared(page)
    assert [found.is_same, found.differs_by_itself, found.only_by_itself] == [False] * 3
    assert [line for line in lines(found) if line[:1] in ("-", "+")] == shown


def test_what_differs_by_itself() -> None:
    number = count()

    def page(who: str) -> bytes:
        return f"<p>same</p>\n<p>token {next(number)}</p>\n<p>{who[:0]}</p>\n".encode()

    found = compared(page)
    assert (found.is_same, found.differs_by_itself, found.only_by_itself) == (False, True, True)

    # What differs in fewer places differs by itself.
    texts = iter((b"a\nb\nc\n", b"x\nb\ny\n", b"z\nb\nc\n"))
    assert compared(lambda who: next(texts)).only_by_itself

    def other(who: str) -> bytes:
        return page(who) + f"<p>{who}</p>\n".encode()

    found = compared(other)
    assert (found.differs_by_itself, found.only_by_itself) == (True, False)


def test_fields_that_differ() -> None:
    number = count()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        who = environ.get("HTTP_COOKIE", "")
        fields = [("Content-Type", TEXT), ("X-Number", str(next(number))), ("ETag", f'"{who}"')]
        start_response("200 OK", [*fields, ("Set-Cookie", f"c={who}; Path=/")])
        return [b"same"]

    cache = CacheMiddleware(app)
    first, again = (visit(cache, "http://localhost/", []) for _ in range(2))
    found = compare(first, again, visit(cache, "http://localhost/", [("Cookie", "a=1")]))
    told = {one.name: (one.first, one.other, one.by_itself) for one in found.fields}
    assert told == {"ETag": ('""', '"a=1"', False), "X-Number": ("0", "2", True)}
    assert found.is_same


@pytest.mark.parametrize(
    ("page", "kind", "fields", "why"),
    [
        (lambda who: b"\x89PNG" + who.encode(), "image/png", [], "image/png is no text"),
        (lambda who: b"\0" + who.encode(), "text/plain", [], "text/plain is no text"),
        (lambda who: b"x" + who.encode(), "", [], "content without a type is no text"),
        (
            lambda who: b"x" + who.encode(),
            "text/plain",
            [("Content-Encoding", "br")],
            "the content is coded as br",
        ),
        (
            lambda who: b"x\n" * 150_000 + who.encode(),
            "text/plain",
            [],
            "they are the same for the first 262,144 bytes",
        ),
    ],
)
def test_why_no_lines_are_shown(
    page: Callable[[str], bytes], kind: str, fields: list[tuple[str, str]], why: str
) -> None:
    found = compared(page, kind, *fields)
    assert [found.is_same, found.only_by_itself] == [False, False]
    assert found.why_not.startswith(why)
    assert not found.lines


def test_what_gzip_hides_and_other_charsets() -> None:
    found = compared(
        lambda who: gzip.compress(f"ä {who}\n".encode("latin-1")),
        "text/plain; charset=latin-1",
        ("Content-Encoding", "gzip"),
    )
    assert lines(found) == ["-ä ", "+ä a=1"]
    for charset in ("rot13", "none", "utf-7\0"):
        found = compared(lambda who: b"\xff" + who.encode(), f"text/plain; charset={charset}")
        assert lines(found)[-1].endswith("a=1")


def test_large_pages_take_bounded_steps() -> None:
    """Thousands of lines that repeat are the worst that can be aligned."""
    found = compared(
        lambda who: "\n".join(str((n * (7 if who else 1)) % 97) for n in range(20_000)).encode()
    )
    assert len(found.lines) == 300
    assert 600 <= found.left_out <= 1200


def test_an_app_that_raises() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise ValueError("no")

    found = visit(CacheMiddleware(app), "http://localhost/", [])
    assert (found.outcome.detail, str(found.answer.raised)) == ("raised", "no")


@pytest.mark.parametrize("charset", ["punycode", "Punycode"])
def test_the_charset_of_host_names_is_none_of_pages(charset: str) -> None:
    found = compared(lambda who: b"xn--a-" + who.encode(), f"text/plain; charset={charset}")
    assert lines(found) == ["-xn--a-", "+xn--a-a=1"]
