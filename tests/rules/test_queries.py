"""What of a query counts, and how No-Vary-Search says so."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.messages import rows
from wsgicache import TRACKING_PARAMETERS
from wsgicache.rules.queries import no_vary_search, only_named, without_ignored


@pytest.mark.parametrize(
    ("ignored", "in_any_order", "query", "left"),
    rows(
        ("what campaigns add", TRACKING_PARAMETERS, False, "utm_source=x&id=1&gclid=2", "id=1"),
        ("all of it", TRACKING_PARAMETERS, False, "fbclid=1&mc_eid=2&utm_anything", ""),
        ("a name that only begins so", ("utm",), False, "utm_source=x", "utm_source=x"),
        ("an encoded name", ("utm_*",), False, "%75tm_source=x&id=1", "id=1"),
        ("white space in a name", ("a b",), False, "a+b=1&a%20b=2&c", "c"),
        ("capitals are another name", ("utm_*",), False, "UTM_source=x", "UTM_source=x"),
        ("nothing to leave out", ("utm_*",), False, "&&b=1&a=&", "&&b=1&a=&"),
        ("what is left stays as it is", ("utm_*",), False, "b=%31&utm_a&a==&&", "b=%31&a=="),
        ("in any order", (), True, "b=2&a=1&b=1&%61=3&", "a=1&%61=3&b=2&b=1"),
        ("both", ("utm_*",), True, "b=2&utm_x=1&a=1", "a=1&b=2"),
        ("what frameworks read stays", TRACKING_PARAMETERS, False, "page=2&q=a&id=1&ref=x", None),
        ("a long one", ("x",), False, "x=1&" + "a" * 2000, "a" * 2000),
    ),
)
def test_what_is_left(
    ignored: tuple[str, ...], in_any_order: bool, query: str, left: str | None
) -> None:
    counting = without_ignored(ignored, in_any_order)
    assert counting is not None
    assert counting(query) == (query if left is None else left)


ADDED_TO_LINKS = """
    utm_source utm_medium utm_campaign utm_term utm_content utm_id s_cid _hsenc _hsmi __hstc __hssc
    __hsfp hsCtaTracking pk_campaign pk_kwd pk_source pk_medium
    gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid srsltid fbclid fb_action_ids
    fb_action_types fb_source fb_ref igshid igsh msclkid twclid ttclid li_fat_id epik ScCid rdt_cid
    yclid ysclid mc_cid mc_eid mc_tc _kx mkt_tok vero_id vero_conv __s oly_anon_id oly_enc_id
    _bta_tid _bta_c _ga _gl _gac irclickid rb_clickid wickedid guccounter guce_referrer
    guce_referrer_sig
""".split()
"""As those who add them document them."""


def test_what_is_named_is_sorted() -> None:
    assert only_named(frozenset({"a", "b"}))("b=1&c=1&a=2&b=0") == "a=2&b=1&b=0"


def test_each_name_that_others_add_to_links_is_left_out_and_said() -> None:
    """Those with more than one ending are left out, and cannot be said."""
    counting = without_ignored(TRACKING_PARAMETERS, False)
    assert counting is not None
    names = [*ADDED_TO_LINKS, "utm_source_platform", "mtm_kwd", "matomo_kwd", "piwik_kwd", "hsa_ad"]
    assert [name for name in names if counting(f"{name}=1") != ""] == []
    said: Any = http_sf.parse(
        no_vary_search(None, TRACKING_PARAMETERS, False).encode(), tltype="dictionary"
    )
    assert {str(item[0]) for item in said["params"][0]} == set(ADDED_TO_LINKS)


def test_there_is_nothing_to_do() -> None:
    assert without_ignored((), False) is None


@pytest.mark.parametrize(
    ("named", "ignored", "in_any_order", "said"),
    rows(
        ("a route's", ("q", "page"), (), True, 'key-order, except=("q" "page")'),
        ("none at all", (), (), True, "key-order, except=()"),
        ("what is ignored", None, ("gclid", "fbclid"), False, 'params=("gclid" "fbclid")'),
        ("a pattern cannot be said", None, ("utm_*", "a", "b?", "[c]"), False, 'params=("a")'),
        ("patterns alone", None, ("utm_*",), False, ""),
        ("in any order", None, (), True, "key-order, params=()"),
        ("both", None, ("a",), True, 'key-order, params=("a")'),
        ("nothing", None, (), False, ""),
        ("encoded", ("é ü", 'a"b', "+", "50%"), (), True,
         'key-order, except=("%C3%A9%20%C3%BC" "a%22b" "%2B" "50%25")'),
    ),
)  # fmt: skip
def test_what_no_vary_search_says(
    named: tuple[str, ...] | None, ignored: tuple[str, ...], in_any_order: bool, said: str
) -> None:
    assert no_vary_search(named, ignored, in_any_order) == said


PIECES = st.sampled_from(["", "a", "b=", "b=1", "utm_x=2", "%61=3", "c+d=4", "a;utm_x"])
QUERIES = st.lists(PIECES, max_size=5).map("&".join)


@given(QUERIES, QUERIES)
def test_no_vary_search_is_about_the_same_as_the_key(one: str, other: str) -> None:
    """What it calls equivalent has one key, if that is written in one way; and the reverse."""
    names = ("a", "c d")
    said: Any = http_sf.parse(no_vary_search(names, (), True).encode(), tltype="dictionary")
    counted = {unquote_plus(str(item[0])) for item in said["except"][0]}

    def pairs(query: str) -> list[tuple[str, str]]:
        found = [piece.partition("=")[::2] for piece in query.split("&") if piece]
        named = [(unquote_plus(name), unquote_plus(value)) for name, value in found]
        return sorted((pair for pair in named if pair[0] in counted), key=lambda pair: pair[0])

    key = only_named(frozenset(names))
    assert pairs(key(one)) == pairs(one)
    if key(one) == key(other):
        assert pairs(one) == pairs(other)
