"""What tells a request apart from all that had something stored: a row per field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import SAFE, added, asked, rows
from wsgicache.rules.differing import difference, says_why_asked, wish
from wsgicache.rules.model import CacheEntry
from wsgicache.rules.request import Request
from wsgicache.rules.variants import selector_of

Fields = dict[str, Any]


def entry_of(vary: str | None, *requests: Request, **fields: Any) -> CacheEntry:
    entry = None
    for request in requests:
        entry, _ = added(entry, request, vary=vary, **fields)
    assert entry is not None
    return entry


def salted(entry: CacheEntry, requests: list[Request]) -> CacheEntry:
    """Return *entry* as a shared store has it: under digests."""
    (kind,) = entry.kinds
    selectors = (selector_of(request, kind, b"salt", SAFE) for request in requests)
    return CacheEntry(dict(zip(selectors, entry.responses.values(), strict=True)), salt=b"salt")


ABC = "Accept-Language, Cookie, X"


@pytest.mark.parametrize(
    ("vary", "stored", "presented", "field", "shared"),
    rows(
        ("§4.1 the only field", "Cookie", {"cookie": "a=1"}, {"cookie": "a=2"}, "cookie", "cookie"),
        ("§4.1 an absent one", "X", {"x": "1"}, {}, "x", "x"),
        (
            "§4.1 of several the one that differs",
            ABC,
            {"accept_language": "de", "cookie": "a=1", "x": "1"},
            {"accept_language": "en", "cookie": "a=1", "x": "1"},
            "accept-language",
            "cookie",  # by a digest the field with most values
        ),
        (
            "§4.1 of several the one that is carried",
            "Accept-Language, X",
            {"accept_language": "de", "x": "1"},
            {"x": "2"},
            "accept-language",
            "x",
        ),
        (
            "§4.1 what is offered more",
            "Accept-Encoding",
            {"accept_encoding": "gzip"},
            {"accept_encoding": "gzip, br"},
            "accept-encoding",
            "accept-encoding",
        ),
        ("§2 a forwarded host", None, {}, {"x_forwarded_host": "a"}, *["x-forwarded-host"] * 2),
        ("§2 no forwarded host", None, {"x_forwarded_host": "a"}, {}, "forwarded", "target"),
        (
            "§2 a cookie for the language",
            None,
            {},
            {"cookie": "django_language=de"},
            *["cookie"] * 2,
        ),
        ("§2 Forwarded", None, {}, {"forwarded": "host=a"}, *["forwarded"] * 2),
        ("§4.1 nothing", "X", {"x": "1"}, {"x": "1"}, None, "x"),
    ),
)
def test_the_field_that_differs(
    vary: str | None, stored: Fields, presented: Fields, field: str | None, shared: str
) -> None:
    given, request = asked(**stored), asked(**presented)
    entry = entry_of(vary, given)
    found = difference(request, entry, SAFE)
    assert (None if found is None else found.field) == field
    found = difference(request, salted(entry, [given]), SAFE)
    assert found is not None
    assert found.field == shared
    # A digest hides which of several differs.
    alone = vary is not None and "," not in vary and request.forwarded is None
    assert found.is_sure == alone


@pytest.mark.parametrize(
    ("key", "value", "field"),
    rows(
        ("§2 the raw target", "RAW_URI", "/%2F", "target"),
        ("§2 its other name", "REQUEST_URI", "/%2F", "target"),
        ("§2 the mount point", "SCRIPT_NAME", "/a", "mount"),
    ),
)
def test_what_always_selects_may_differ(key: str, value: str, field: str) -> None:
    found = difference(asked(environ={key: value}), entry_of(None, asked()), SAFE)
    assert found is not None
    assert found.field == field


@pytest.mark.parametrize(
    ("presented", "field", "value"),
    rows(
        ("§2 a forwarded host", {"x_forwarded_host": "a"}, "x-forwarded-host", "a"),
        ("§2 Forwarded", {"forwarded": "for=b;host=a"}, "forwarded", "for=b;host=a"),
        (
            "§2 of the cookies that for the language",
            {"cookie": "sid=secret; django_language=de"},
            "cookie",
            "django_language=de",
        ),
    ),
)
def test_what_selects_without_vary_has_one_value(presented: Fields, field: str, value: str) -> None:
    """Those of others are not known."""
    entry = entry_of(None, asked(), asked(x_forwarded_host="b"))
    found = difference(asked(**presented), entry, SAFE)
    assert found is not None
    assert found[:3] == (field, 2, (value,))


def test_a_text_of_the_author_may_differ() -> None:
    request = asked()
    request.forwarded = ("vary_by", "phone")
    found = difference(request, entry_of(None, asked()), SAFE)
    assert found is not None
    assert found[:3] == ("vary-by", 1, (None,))


def test_the_nearest_response_tells_what_differs() -> None:
    far, near = asked(x="1", y="1"), asked(x="2", y="2")
    found = difference(asked(x="2", y="3"), entry_of("X, Y", far, near), SAFE)
    assert found is not None
    assert found[:3] == ("y", 2, ("3", "1", "2"))


def test_what_vary_names_comes_before_what_is_implied() -> None:
    found = difference(asked(x="2", x_host="a"), entry_of("X", asked(x="1")), SAFE)
    assert found is not None
    assert found[:3] == ("x", 1, ("2", "1"))


def test_some_values_are_told() -> None:
    requests = [asked(x=str(number)) for number in range(9)]
    entry = entry_of("X", *requests)
    found = difference(asked(x="new"), entry, SAFE)
    assert found is not None
    assert found[:3] == ("x", 9, ("new", "0", "1", "2"))
    found = difference(asked(x="new"), salted(entry, requests), SAFE)
    assert found is not None
    assert found[:3] == ("x", 9, ("new",))


def test_offers_are_told() -> None:
    entry = entry_of("Accept-Encoding", asked(accept_encoding="br, gzip;q=1"))
    found = difference(asked(accept_encoding="zstd"), entry, SAFE)
    assert found is not None
    assert found[:3] == ("accept-encoding", 1, ("zstd", "br,gzip"))


@pytest.mark.parametrize(
    ("detail", "why_asked"),
    rows(
        ("a field", "vary-cookie", True),
        ("a directive", "max-age", True),
        ("a reason not to store", "vary", False),
        ("another one", "no-store", False),
    ),
)
def test_why_asked_is_no_reason_not_to_store(detail: str, why_asked: bool) -> None:
    assert says_why_asked(detail) is why_asked


@pytest.mark.parametrize(
    ("directives", "name"),
    rows(
        ("§5.2.1.4", {"no-cache": None, "max-age": "0"}, "no-cache"),
        ("§5.2.1.1", {"max-stale": None, "max-age": "0"}, "max-age"),
        ("§5.2.1.3", {"min-fresh": "9"}, "min-fresh"),
        ("§5.2.1 none", {"only-if-cached": None}, ""),
    ),
)
def test_what_a_client_asks_for(directives: dict[str, str | None], name: str) -> None:
    assert wish(directives) == name
