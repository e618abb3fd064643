"""Which of the offered values a client prefers: a row per clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.games.strategies import examples, latin1_text
from tests.rules.messages import rows
from wsgicache import Header
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.preferences import (
    Negotiated,
    by_coding,
    by_language,
    by_media_type,
    checked_codings,
    checked_languages,
    checked_media_types,
    offers_of,
)


@pytest.mark.parametrize(
    ("offered", "value", "chosen"),
    rows(
        ("9110 §12.5.4 the one", "en de", "de", "de"),
        ("9110 §12.5.4 without the field", "en de", None, "en"),
        ("9110 §12.5.4 an empty one", "en de", "", "en"),
        ("9110 §12.5.4 none that suits", "en de", "fr, it", "en"),
        ("9110 §12.4.2 by weight", "en de", "en;q=0.3, de;q=0.9", "de"),
        ("9110 §12.4.2 of equal weights the first", "en de", "de, en", "de"),
        ("9110 §12.4.2 an invalid weight", "en de", "de;q=2, en;q=0.1", "en"),
        ("9110 §12.4.2 a capital Q", "en de", "en;Q=0.1, de", "de"),
        ("4647 §2 case", "en pt-BR", "PT-br", "pt-BR"),
        ("4647 §3.3.1 a range for a longer tag", "en pt-BR", "pt", "pt-BR"),
        ("4647 §3.3.1 not a part of a subtag", "en den", "de", "en"),
        ("4647 §3.4 shortened", "en de", "de-AT", "de"),
        ("4647 §3.4 shortened twice", "en zh", "zh-Hant-TW, en;q=0.9", "zh"),
        ("4647 §3.4 before what is wanted less", "en de", "de-AT, en;q=0.9, de;q=0.1", "de"),
        ("4647 §3.4 to what is offered only", "en de-CH", "de-AT, en;q=0.5", "en"),
        ("9110 §12.5.4 refused", "en de", "en;q=0, *", "de"),
        ("9110 §12.5.4 refused with all below", "en-GB de", "en;q=0, *", "de"),
        ("9110 §12.5.4 but for one", "en-US en-GB", "en;q=0, en-GB;q=0.1", "en-GB"),
        ("9110 §12.5.4 all refused", "en de", "*;q=0", "en"),
        ("9110 §12.5.4 all but one refused", "en de", "*;q=0, de;q=0.1", "de"),
        ("4647 §3.4 a refused range is not shortened", "en de", "de-AT;q=0, de", "de"),
        ("4647 §2.1 any", "en de", "fr, *;q=0.5", "en"),
        ("4647 §2.1 any other", "en de", "en;q=0.1, *;q=0.5", "de"),
        ("9110 §5.6.1 empty members", "en de", ",, de ,", "de"),
        ("longer than is read", "en de", "de," + " " * LONGEST, "en"),
        ("nothing is offered", "", "de", None),
    ),
)
def test_languages(offered: str, value: str | None, chosen: str | None) -> None:
    assert by_language(tuple(offered.split())).outcome[value] == chosen


@pytest.mark.parametrize(
    ("offered", "value", "chosen"),
    rows(
        ("9110 §12.5.1 the one", "text/html application/json", "application/json", 1),
        ("9110 §12.5.1 without the field", "text/html application/json", None, 0),
        ("9110 §12.5.1 any", "text/html application/json", "*/*", 0),
        ("9110 §12.5.1 none that suits", "text/html application/json", "image/png", 0),
        ("9110 §12.5.1 case", "text/html application/json", "Application/JSON", 1),
        ("9110 §12.5.1 a range", "text/html application/json", "application/*", 1),
        ("9110 §12.5.1 a range of another type", "text/html application/json", "app/*", 0),
        ("9110 §12.4.2 by weight", "text/html application/json", "text/html;q=0.5, */*;q=0.6", 1),
        (
            "9110 §12.5.1 the specific one counts",
            "text/html text/plain",
            "text/*, text/html;q=0.1",
            1,
        ),
        ("9110 §12.5.1 refused", "text/html application/json", "text/html;q=0, */*;q=0.1", 1),
        ("9110 §12.5.1 all refused", "text/html application/json", "*/*;q=0", 0),
        ("9110 §12.5.1 of equal weights the first", "text/html a/b", "a/b, text/html", 1),
        ("9110 §12.5.1 named before any", "text/html a/b", "a/b, text/plain, */*", 1),
        ("9110 §12.5.1 with a parameter", "text/html a/b", "a/b;v=1, text/html;q=0.5", 0),
        ("9110 §12.5.1 after the weight", "text/html a/b", "a/b;q=0.9;v=1, text/html;q=0.5", 1),
        (
            "a browser",
            "application/json text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            1,
        ),
    ),
)
def test_media_types(offered: str, value: str | None, chosen: int) -> None:
    kinds = tuple(offered.split())
    assert by_media_type(kinds).outcome[value] == kinds[chosen]


@pytest.mark.parametrize(
    ("offered", "value", "chosen"),
    rows(
        ("9110 §12.5.3 the first of equal weights", "br gzip", "gzip, deflate, br", "br"),
        ("9110 §12.5.3 the only one", "br gzip", "gzip", "gzip"),
        ("9110 §12.4.2 by weight", "br gzip", "br;q=0.5, gzip", "gzip"),
        ("9110 §12.5.3 any", "br gzip", "*", "br"),
        ("9110 §12.5.3 any but one", "br gzip", "br;q=0, *", "gzip"),
        ("9110 §12.5.3 without the field", "br gzip", None, None),
        ("9110 §12.5.3 none that suits", "br gzip", "zstd", None),
        ("9110 §12.5.3 identity is wanted more", "br gzip", "gzip;q=0.5, identity", None),
        ("9110 §12.5.3 nothing suits", "br", "gzip, identity;q=0", "gzip, identity;q=0"),
        ("9110 §12.5.3 no list", "br gzip", "gzip gzip", None),
        ("9110 §8.4.1 case", "GZIP", "gzip", "GZIP"),
    ),
)
def test_codings(offered: str, value: str | None, chosen: str | None) -> None:
    assert by_coding(tuple(offered.split())).outcome[value] == chosen


@pytest.mark.parametrize(
    ("value", "chosen"),
    rows(
        ("one of them", "phone", "phone"),
        ("with white space", " phone\t", "phone"),
        ("another one", "tablet", None),
        ("in another case", "Phone", None),
        ("none", None, None),
    ),
)
def test_a_header_has_its_values_alone(value: str | None, chosen: str | None) -> None:
    header = Header("X-Device", ["phone", "desktop"])
    assert header.negotiated.outcome[value] == chosen
    assert (header.negotiated.key, header.negotiated.vary) == ("HTTP_X_DEVICE", "all")
    assert repr(header) == "Header('X-Device', ('phone', 'desktop'))"


OFFERS: dict[str, tuple[Callable[[tuple[str, ...]], Negotiated], tuple[str, ...]]] = {
    "languages": (by_language, ("en", "de", "pt-BR")),
    "types": (by_media_type, ("text/html", "application/json")),
    "codings": (by_coding, ("br", "gzip")),
}


@pytest.mark.parametrize("kind", OFFERS)
@examples(60)
@given(
    value=st.none() | latin1_text | st.text(st.sampled_from("*/;q=01., dentgzipbrPT-"), max_size=40)
)
def test_whatever_a_client_sends_the_outcome_is_one_that_is_offered(
    kind: str, value: str | None
) -> None:
    """And it chooses itself: a request in the background has the same outcome."""
    negotiation, offered = OFFERS[kind]
    outcome = negotiation(offered).outcome
    chosen = outcome[value]
    assert chosen in offered or (kind == "codings" and chosen in (None, value))
    assert outcome[chosen] == chosen


def test_what_is_not_offered_is_not_negotiated() -> None:
    assert offers_of(None, None, None) == ()
    some = offers_of(("en",), (), ("gzip",))
    told = [(one.field, one.key, one.vary) for one in some]
    assert told == [
        ("Accept-Language", "HTTP_ACCEPT_LANGUAGE", "all"),
        ("Accept", "HTTP_ACCEPT", "none"),
        ("Accept-Encoding", "HTTP_ACCEPT_ENCODING", "coded"),
    ]


@pytest.mark.parametrize(
    ("check", "given", "error"),
    rows(
        ("a text", checked_languages, "en", TypeError),
        ("no language", checked_languages, ["en_US"], ValueError),
        ("a range", checked_languages, ["*"], ValueError),
        ("no text", checked_languages, [1], TypeError),
        ("no media type", checked_media_types, ["html"], ValueError),
        ("a range of types", checked_media_types, ["text/*"], ValueError),
        ("parameters", checked_media_types, ["text/html;level=1"], ValueError),
        ("any coding", checked_codings, ["*"], ValueError),
        ("no coding", checked_codings, ["identity"], ValueError),
        ("a weight", checked_codings, ["gzip;q=1"], ValueError),
        ("a header without values", lambda _, values: Header("X-A", values), [], ValueError),
        (
            "a header with an odd value",
            lambda _, values: Header("X-A", values),
            ["a\n"],
            ValueError,
        ),
        ("a header without a name", lambda _, values: Header("", values), ["a"], ValueError),
    ),
)
def test_what_makes_no_offer(
    check: Callable[[str, Any], object], given: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        check("offered", given)
