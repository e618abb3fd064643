"""When the whole is asked for, and what becomes of it for a client that wants a part: a row per
clause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.games.strategies import examples
from tests.rules.messages import RFC, SAFE, answer, asked, date, kept, rows
from wsgicache import Policy
from wsgicache.rules.model import URI_MISS, Decision
from wsgicache.rules.ranges import parse_ranges
from wsgicache.rules.response import Response
from wsgicache.rules.wholes import as_whole, asks_for_whole, is_in_vain, parted, use_of_whole

DIGITS = b"0123456789"
SMALL = Policy(whole_for_range=10)
RANGE: dict[str, Any] = {"range": "bytes=2-3"}

# ── asking for the whole ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decision", "fields", "whole"),
    rows(
        ("9110 §14.2 a miss", URI_MISS, {}, True),
        ("9110 §14.2 another variant", Decision("vary-miss"), {}, True),
        ("9110 §14.2 a browser's", URI_MISS, {"range": "bytes=0-"}, True),
        ("9110 §14.2 several", URI_MISS, {"range": "Bytes=0-1,4-"}, True),
        ("9110 §14.2 with conditions", URI_MISS, {"if_range": '"a"', "if_none_match": "*"}, True),
        ("9110 §14.2 with a cookie", URI_MISS, {"cookie": "a=1"}, True),
        ("9110 §14.1 another unit", URI_MISS, {"range": "items=0-9"}, False),
        ("9110 §14.2 no range", URI_MISS, {"range": None, "if_range": '"a"'}, False),
        ("§3.5 with credentials", URI_MISS, {"authorization": "x"}, False),
        ("§5.2.1.5 not to be stored", URI_MISS, {"cache_control": "no-store"}, False),
        ("§4 not for this cookie", Decision("request", detail="cookie"), {"cookie": "a"}, False),
        ("the store fails", replace(URI_MISS, detail="store-error"), {}, False),
        ("§3.3 a stored part", Decision("partial", kept(status=206)), {}, False),
        ("§4.3 stale", Decision("stale", kept(DIGITS)), {}, True),
        ("§5.2.1.4 a reload", Decision("request", kept(DIGITS)), {}, True),
        ("§4.3 stale and large", Decision("stale", kept(DIGITS * 2)), {}, False),
    ),
)
def test_asks_for_whole(decision: Decision, fields: dict[str, Any], whole: bool) -> None:
    request = asked(**{**RANGE, **fields})
    assert asks_for_whole(request, decision, SMALL) == whole
    assert not asks_for_whole(request, decision, Policy(whole_for_range=0))
    assert not asks_for_whole(request, decision, RFC)
    assert not asks_for_whole(asked("HEAD", **{**RANGE, **fields}), decision, SMALL)


def test_as_whole_lacks_the_range_alone() -> None:
    request = asked(range="bytes=2-3", if_range='"a"', if_none_match='"b"', cookie="a=1")
    request.mark = "mark"
    whole = as_whole(request)
    left = {name for name in request.environ if name not in whole.environ}
    assert (left, whole.given) == ({"HTTP_RANGE", "HTTP_IF_RANGE"}, request.environ)
    assert (whole.key, whole.mark, whole.conditional) == (request.key, "mark", True)
    assert "HTTP_RANGE" in request.environ
    assert not as_whole(asked(range="bytes=2-3", if_range='"a"')).conditional


# ── what becomes of it ───────────────────────────────────────────────────────────────────────────


def whole(content: bytes | None = None, status: int = 200, **fields: Any) -> Response:
    """A whole of ten bytes, whose content is there or still to come."""
    response = answer(status, **{"content_length": 10, "etag": '"v1"', **fields})
    response.body = iter(()) if content is None else [content]
    return response


FROM_0: dict[str, Any] = {"range": "bytes=0-"}


@pytest.mark.parametrize(
    ("request_", "response", "why_not", "most", "use"),
    rows(
        ("9110 §14.2 it is stored", RANGE, whole(), None, 10, "gather"),
        ("9110 §14.2 large", RANGE, whole(), None, 9, "ask again"),
        ("9110 §14.2 not stored", RANGE, whole(), "private", 10, "ask again"),
        ("9110 §14.2 large, but all of it", FROM_0, whole(), None, 9, "relay"),
        ("9110 §14.2 not stored, but all of it", FROM_0, whole(), "private", 10, "relay"),
        ("9110 §13.1.5 changed", {**RANGE, "if_range": '"v0"'}, whole(), None, 9, "relay"),
        ("9110 §13.1.5 unchanged", {**RANGE, "if_range": '"v1"'}, whole(), None, 9, "ask again"),
        ("9110 §15.5.17 beyond it", {"range": "bytes=10-"}, whole(), None, 9, "ask again"),
        ("9110 §14.2 of open length", RANGE, whole(content_length=None), None, 10, "relay"),
        ("9110 §14.2 of several lengths", RANGE, whole(content_length=[1, 2]), None, 9, "relay"),
        ("9110 §14.2 at hand", RANGE, whole(DIGITS), "private", 10, "relay"),
        ("9110 §14.2 at hand, and large", RANGE, whole(DIGITS), None, 9, "ask again"),
        ("9110 §14.2 an error", RANGE, whole(status=404), None, 10, "relay"),
        ("9110 §14.2 a part all the same", RANGE, whole(status=206), "partial", 10, "relay"),
    ),
)
def test_use_of_whole(
    request_: dict[str, Any], response: Response, why_not: str | None, most: int, use: str
) -> None:
    policy = Policy(whole_for_range=most)
    assert use_of_whole(asked(**request_), response, why_not, policy) == use


@pytest.mark.parametrize(
    ("response", "why_not", "vain"),
    rows(
        ("9110 §14.2 stored", whole(), None, False),
        ("9110 §14.2 of open length", whole(content_length=None), None, False),
        ("9110 §14.2 not stored", whole(), "private", True),
        ("9110 §14.2 large", whole(content_length=11), None, True),
        ("9110 §14.2 an error", whole(status=404), "freshness", False),
        ("§4.1 selected by the range", whole(vary="Accept, Range"), None, True),
        ("§4.1 selected by its condition", whole(vary="If-Range"), None, True),
        ("§4.1 selected by another field", whole(vary="Accept-Ranges"), None, False),
    ),
)
def test_is_in_vain(response: Response, why_not: str | None, vain: bool) -> None:
    assert is_in_vain(response, why_not, SMALL) == vain


# ── cutting the part out ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("request_", "response", "status", "span", "content"),
    rows(
        ("9110 §14.2 a part", RANGE, whole(DIGITS), 206, "bytes 2-3/10", b"23"),
        ("9110 §14.1.2 the end", {"range": "bytes=-3"}, whole(DIGITS), 206, "bytes 7-9/10", b"789"),
        ("9110 §14.2 no length said", RANGE, whole(DIGITS, content_length=None), 206,
         "bytes 2-3/10", b"23"),
        ("9110 §14.2 all of it", FROM_0, whole(DIGITS), 206, "bytes 0-9/10", DIGITS),
        ("9110 §14.2 all that is to come", FROM_0, whole(), 206, "bytes 0-9/10", None),
        ("9110 §14.2 a part of that", RANGE, whole(), 200, None, None),
        ("9110 §15.5.17 beyond it", {"range": "bytes=10-"}, whole(DIGITS), 416, "bytes */10", b""),
        ("9110 §13.1.5 changed", {**RANGE, "if_range": '"v0"'}, whole(DIGITS), 200, None, None),
        ("9110 §13.1.5 unchanged", {**RANGE, "if_range": '"v1"'}, whole(DIGITS), 206,
         "bytes 2-3/10", b"23"),
        ("9110 §13.1.5 a date", {**RANGE, "if_range": date(-9)},
         whole(DIGITS, last_modified=date(-9)), 206, "bytes 2-3/10", b"23"),
        ("9110 §14.2 several", {"range": "bytes=0-1,1-0"}, whole(DIGITS), 200, None, None),
        ("9112 §8 too short", RANGE, whole(b"012"), 200, None, None),
        ("9110 §14.2 an error", RANGE, whole(DIGITS, status=404), 404, None, None),
    ),
)  # fmt: skip
def test_parted(
    request_: dict[str, Any],
    response: Response,
    status: int,
    span: str | None,
    content: bytes | None,
) -> None:
    sent, pieces = parted(asked(**request_), response, SAFE)
    assert (sent.code, sent.field("content-range")) == (status, span)
    assert (None if pieces is None else b"".join(pieces)) == content
    assert (sent is response) == (status in (200, 404))
    if content is not None:
        assert sent.field("content-length") == str(len(content))


def test_the_part_has_the_fields_for_this_client() -> None:
    sent, _ = parted(asked(**RANGE), whole(DIGITS, set_cookie=["a=1", "b=2"]), SAFE)
    assert sent.lines("set-cookie") == ["a=1", "b=2"]


positions = st.sampled_from(["", "0", "1", "4", "9", "10", "11", "x"])
specs = st.lists(st.tuples(positions, positions).map("-".join), min_size=1, max_size=3)


@examples(150)
@given(
    spec=specs.map(lambda ranges: "bytes=" + ",".join(ranges)),
    length=st.sampled_from([0, 1, 5, 10]),
    at_hand=st.booleans(),
    why_not=st.sampled_from([None, "private"]),
    most=st.sampled_from([1, 5, 10]),
)
def test_the_client_gets_what_it_wants_or_the_whole(
    spec: str, length: int, at_hand: bool, why_not: str | None, most: int
) -> None:
    """And the app is asked again only for what it could not cut out itself."""
    content, policy = DIGITS[:length], Policy(whole_for_range=most)
    request, wanted = asked(range=spec), parse_ranges(spec, length, policy.max_ranges)
    response = whole(content if at_hand else None, content_length=length)
    use = use_of_whole(request, response, why_not, policy)
    if use == "ask again":
        assert wanted is not None
        assert length > most or (why_not and not at_hand)
        return
    if use == "gather":
        assert (why_not, length <= most) == (None, True)
        response = whole(content, content_length=length)
    sent, pieces = parted(request, response, policy)
    got = content if pieces is None else b"".join(pieces)
    if wanted is None:
        assert (sent.code, got) == (200, content)
    elif not wanted:
        assert (sent.code, got) == (416, b"")
    elif len(wanted) == 1:
        ((first, last),) = wanted
        assert (sent.code, got) == (206, content[first : last + 1])
        assert sent.field("content-range") == f"bytes {first}-{last}/{length}"
    else:
        assert sent.code == 206
        assert all(content[first : last + 1] in got for first, last in wanted)
