"""What goes into the store and comes out of it, and what that comes to where the store fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from cachelib import SimpleCache

from tests.rig.stores import Broken, Faulty, Leasing
from tests.rules.messages import answer, asked, kept, rows
from tests.scene import EPOCH, FakeClock
from wsgicache import Policy
from wsgicache.keeper import Keeper
from wsgicache.reporting import Reporter
from wsgicache.rules import validation
from wsgicache.rules.declaring import Declared
from wsgicache.rules.model import ANY_TIME, NEVER, Fill
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.marks import Marks

KEY = asked().key
COOKIE: dict[str, Any] = {"cookie": "sid=1"}
FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
PAGE: dict[str, Any] = {"etag": '"a"', **FRESH}


class Whole(Leasing, Marks):
    """A store that can do all that one can."""

    def __init__(self) -> None:
        Leasing.__init__(self, FakeClock())
        Marks.__init__(self)


def keeper_of(store: Any, policy: Policy | None = None) -> Keeper:
    return Keeper(store, policy or Policy(), Reporter(FakeClock()))


# ── a store that fails ───────────────────────────────────────────────────────────────────────────


def marked(keeper: Keeper) -> object:
    request = asked(**COOKIE)
    keeper.note_mark(request)
    return keeper.keep(request, answer(**PAGE, vary="Cookie"), b"page", ANY_TIME)


def first_marked(keeper: Keeper) -> object:
    request = asked(**COOKIE)
    request.mark = ""
    return keeper.keep(request, answer(**PAGE, vary="Cookie"), b"page", ANY_TIME)


FAILING: dict[str, tuple[str, Callable[[Keeper], object], object, str]] = {
    "looking up": ("get", lambda one: one.entry(asked()), None, "looking up in the store failed"),
    "beginning a fill": (
        "generation",
        lambda one: one.fill(asked(), None, 5.0),
        Fill(5.0, NEVER, -1),
        "the store gives no generation",
    ),
    "asking what was purged meanwhile": (
        "generation",
        lambda one: one.emptied_since(asked(), ANY_TIME),
        True,
        "the store gives no generation",
    ),
    "asking for a mark": ("mark", marked, False, "gives no mark of cookies"),
    "making a mark": ("first_mark", first_marked, False, "accepts no mark of cookies"),
    "ending a mark": (
        "end_mark",
        lambda one: one.end_marks(["sid=1"], answer(303)),
        None,
        "pages for the cookies of a write stay",
    ),
    "reading content": ("content", lambda one: one.content(kept(None)), None, "reading content"),
    "writing": (
        "update",
        lambda one: one.keep(asked(), answer(**PAGE), b"page", ANY_TIME),
        False,
        "writing to the store failed",
    ),
    "ending a group": (
        "bump",
        lambda one: one.invalidate_groups(KEY, answer(cache_group_invalidation='"a"'), 0.0),
        None,
        "groups could not be invalidated",
    ),
    "ending a collection": (
        "bump",
        lambda one: (
            one.invalidate(
                asked(target="/d/").key, answer(204), NEVER, "DELETE", None, "1"
            ).emptied_at
        ),
        math.nextafter(NEVER, 0.0),
        "what lies below a collection could not be invalidated",
    ),
    "giving back a lease": (
        "release",
        lambda one: one.release(KEY, "token"),
        None,
        "a lease could not be given back",
    ),
}


@pytest.mark.parametrize(("name", "verb", "outcome", "said"), FAILING.values(), ids=FAILING)
def test_a_store_that_fails_raises_nothing_here(
    name: str,
    verb: Callable[[Keeper], object],
    outcome: object,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: object) -> None:
        raise Broken(name)

    store = Whole()
    setattr(store, name, fail)
    assert verb(keeper_of(store)) == outcome
    assert [said in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("depth", [None, "infinity"], ids=["perhaps", "surely"])
def test_a_collection_in_a_store_that_can_find_none(
    depth: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    key = asked(target="/d/").key
    keeper_of(Faulty()).invalidate(key, answer(204), NEVER, "DELETE", None, depth)
    assert len(caplog.records) == (depth is not None)


def test_what_cannot_be_made_an_entry_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise ValueError

    monkeypatch.setattr("wsgicache.rules.entries.adding", fail)
    assert keeper_of(Whole()).keep(asked(), answer(**PAGE), b"page", ANY_TIME) is False
    assert "could not be stored" in caplog.text


def test_a_store_that_is_to_be_judged_need_not_be() -> None:
    store = CachelibStore(SimpleCache())
    assert keeper_of(store).entries is store


# ── keep (§3) ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "fields", "was_read", "done"),
    rows(
        ("complete", b"page", {"content_length": "4"}, False, True),
        ("§3.3 incomplete", b"page", {"content_length": "5"}, False, False),
        ("of a request with content", b"page", {}, True, False),
    ),
)
def test_keep_says_whether_it_has(
    content: bytes, fields: dict[str, Any], was_read: bool, done: bool
) -> None:
    request = asked()
    request.content_was_read = was_read
    keeper = keeper_of(Whole())
    assert keeper.keep(request, answer(**PAGE, **fields), content, ANY_TIME) is done
    assert (keeper.entry(request) is not None) is done


@pytest.mark.parametrize("content", [b"", b"page"])
@pytest.mark.parametrize("inherited", [True, False])
def test_an_empty_page_is_kept_by_its_own_word_alone(inherited: bool, content: bytes) -> None:
    response = spoken(answer(**PAGE), refused=False, inherited=inherited)
    done = keeper_of(Whole()).keep(asked(), response, content, ANY_TIME)
    assert done is (bool(content) or not inherited)


# ── supersede (§4.3.3, §4.3.5) ───────────────────────────────────────────────────────────────────


def spoken(response: Response, refused: bool, inherited: bool = False) -> Response:
    """*response* as controls have made it."""
    found = Declared(response.status, response.fields, (), EPOCH, EPOCH, EPOCH)
    found.inherited, found.refused = inherited, refused
    return found


def filled(keeper: Keeper, request: Request, **fields: Any) -> Any:
    """The stored response to *request*, which is the only one."""
    assert keeper.keep(request, answer(**fields), b"page", ANY_TIME)
    return left(keeper)


def left(keeper: Keeper) -> Any:
    """What is stored, if anything is."""
    entry = keeper.entry(asked())
    return None if entry is None else next(iter(entry.responses.values()), None)


@pytest.mark.parametrize(
    ("method", "response", "why_not", "gone"),
    rows(
        ("4.3.3 not stored", "GET", answer(404), "no-store", True),
        ("4.3.3 a client's error", "GET", answer(499), "no-store", True),
        ("4.3.3 the server's", "GET", answer(500), "no-store", False),
        ("4.3.3 stored itself", "GET", answer(404), None, False),
        ("9110 §15.5.2 about who asks", "GET", answer(401), "no-store", False),
        ("about this request", "GET", answer(200), "authorization", False),
        ("that of a policy", "GET", answer(431), "no-store", False),
        ("forbidden", "GET", spoken(answer(200), True), "authorization", True),
        ("forbidden, a client's error", "GET", spoken(answer(499), True), "authorization", True),
        ("forbidden, the server's", "GET", spoken(answer(500), True), "no-store", False),
        ("spoken of", "GET", spoken(answer(200), False), "authorization", False),
        ("4.3.5 another", "HEAD", answer(etag='"b"', cache_control="max-age=9"), None, True),
        ("4.3.5 not stored", "HEAD", answer(etag='"b"'), "method", True),
        ("4.3.5 an error", "HEAD", answer(404, etag='"a"'), "method", False),
    ),
)
def test_what_a_full_response_shows_to_be_old(
    method: str, response: Response, why_not: str | None, gone: bool
) -> None:
    keeper = keeper_of(Whole())
    stored = filled(keeper, asked(), **PAGE)
    keeper.supersede(asked(method), stored, response, why_not, ANY_TIME)
    assert (left(keeper) is None) is gone


def test_another_head_for_one_client_says_nothing_to_others() -> None:
    keeper = keeper_of(Whole())
    stored = filled(keeper, asked(), **PAGE)
    request = asked("HEAD", authorization="x")
    keeper.supersede(request, stored, answer(etag='"b"', **FRESH), None, ANY_TIME)
    assert left(keeper) is stored


# ── freshen (§4.3.4) ─────────────────────────────────────────────────────────────────────────────

NEW, OLD = "new", "old"


@pytest.mark.parametrize(
    ("sent", "fields", "why", "then"),
    rows(
        ("4.3.4", {}, FRESH, None, NEW),
        ("5.2.2.5 no-store", {}, {"cache_control": "no-store"}, "no-store", None),
        ("3.5", {"authorization": "x"}, FRESH, "authorization", OLD),
        ("for one client", {}, {"set_cookie": "a=1", **FRESH}, "set-cookie", OLD),
        (
            "for one client, with credentials",
            {"authorization": "x"},
            {"set_cookie": "a=1", **FRESH},
            "set-cookie",
            OLD,
        ),
        (
            "for one client, and no-store",
            {},
            {"set_cookie": "a=1", "cache_control": "no-store"},
            "set-cookie",
            None,
        ),
    ),
)
def test_what_a_304_comes_to(
    sent: dict[str, Any], fields: dict[str, Any], why: str | None, then: str | None
) -> None:
    keeper = keeper_of(Whole())
    stored = filled(keeper, asked(), **PAGE)
    response = answer(304, etag='"a"', **fields)
    renewed = validation.updated(stored, response, Policy())
    fresh, why_not = keeper.freshen(asked(**sent), stored, renewed, response, ANY_TIME)
    assert (why_not, left(keeper)) == (why, {NEW: fresh, OLD: stored, None: None}[then])


@pytest.mark.parametrize(
    ("before", "said", "groups"),
    [("a", None, ("a",)), ("a", "b", ("b",)), (None, "b", ("b",)), (None, None, ())],
)
def test_a_304_without_groups_leaves_them(
    before: str | None, said: str | None, groups: tuple[str, ...]
) -> None:
    """The field that named them is not stored itself."""
    keeper = keeper_of(Whole())
    fields: dict[str, Any] = {"cache_control": 'max-age=60, no-cache="Cache-Tag"'}
    stored = filled(keeper, asked(), **{**PAGE, **fields}, cache_tag=before)
    response = answer(304, etag='"a"', cache_tag=said, **fields)
    renewed = validation.updated(stored, response, Policy())
    fresh, _ = keeper.freshen(asked(), stored, renewed, response, ANY_TIME)
    assert tuple(fresh.groups) == groups
    assert abs(fresh.weight - stored.weight) < 500


@pytest.mark.parametrize(
    ("sent", "then"),
    [({}, None), ({"authorization": "x"}, OLD)],
    ids=["for all", "for one client"],
)
def test_a_304_to_cookies_without_a_mark(sent: dict[str, Any], then: str | None) -> None:
    keeper, request = keeper_of(Whole()), asked(**COOKIE)
    request.mark = "0"
    stored = filled(keeper, request, **PAGE, vary="Cookie")
    request = asked(**COOKIE, **sent)
    request.mark = "-"
    response = answer(304, etag='"a"', **FRESH)
    renewed = validation.updated(stored, response, Policy())
    keeper.freshen(request, stored, renewed, response, ANY_TIME)
    assert left(keeper) is (stored if then else None)


def test_a_304_is_about_all_whatever_range_was_asked_for() -> None:
    keeper = keeper_of(Whole())
    stored = filled(keeper, asked(), **PAGE)
    response = answer(304, etag='"a"', **FRESH)
    renewed = validation.updated(stored, response, Policy())
    request = asked(range="bytes=0-1")
    assert keeper.freshen(request, stored, renewed, response, ANY_TIME)[1] is None
