"""Which stored responses match, and which of them is chosen: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, added, answer, asked, coded, later, rows
from wsgicache import Policy
from wsgicache.rules.entries import adding
from wsgicache.rules.model import (
    UNSELECTED,
)
from wsgicache.rules.variants import collapse_key, select, selector_of, values_of

OLD, NEW = "old", "new"


@pytest.mark.parametrize(
    ("old", "new", "headers", "safe", "rfc"),
    rows(
        ("§4.1 a Vary that grows", None, "Accept", {"accept": "a"}, NEW, NEW),
        ("§4.1 it throws nothing away", None, "Accept", {}, OLD, OLD),
        ("§4.1 a field that is named by now", None, "Accept", {"accept": "b"}, None, None),
        ("§4.1 one that shrinks", "Accept", None, {"accept": "a"}, NEW, NEW),
        ("§4.1 for all", "Accept", None, {"accept": "b"}, NEW, NEW),
        ("§4.1 for those without it", "Accept", None, {}, NEW, NEW),
        ("§4.1 another one", "Accept", "X", {"accept": "a", "x": "1"}, NEW, NEW),
        ("§4.1 what it names", "Accept", "X", {"accept": "b", "x": "1"}, NEW, NEW),
        ("§4.1 what the other names", "Accept", "X", {"accept": "a", "x": "2"}, OLD, OLD),
        ("§4.1 what neither names", "Accept", "X", {"accept": "b", "x": "2"}, None, None),
        ("§4.1 more of it", "Accept", "Accept, X", {"accept": "a", "x": "1"}, NEW, NEW),
        ("§4.1 more of it, others", "Accept", "Accept, X", {"accept": "a", "x": "2"}, OLD, OLD),
    ),
)
def test_each_response_is_matched_by_its_own_vary(
    old: str | None, new: str | None, headers: dict[str, Any], safe: str | None, rfc: str | None
) -> None:
    """The new one was asked for with both fields, like the old one."""
    both: dict[str, Any] = {"accept": "a", "x": "1"}
    for policy, chosen in ((SAFE, safe), (RFC, rfc)):
        entry, first = added(None, asked(**both), policy, vary=old)
        newer = later(1)
        entry_now = adding(asked(**both), answer(200, vary=new), newer, policy)(entry)
        assert entry_now is not None
        found = select(asked(**headers), entry_now, policy)
        assert found is {OLD: first, NEW: newer, None: None}[chosen]


@pytest.mark.parametrize(
    ("fields", "headers", "found"),
    rows(
        ("§4.1 it had none of what others name", {}, {}, True),
        ("§4.1 and does not answer who has", {}, {"x": "1"}, False),
        ("§4.1 it had one", {"x": "1"}, {"x": "2"}, True),
        ("§4.1 it had another one", {"y": "1"}, {"x": "1"}, False),
    ),
)
def test_a_default_response_that_omits_vary(
    fields: dict[str, Any], headers: dict[str, Any], found: bool
) -> None:
    for policy in (SAFE, RFC):
        entry, _ = added(None, asked(x="0"), policy, vary="X")
        entry, default = added(entry, asked(**fields), policy)
        assert (select(asked(**headers), entry, policy) is default) is found


@pytest.mark.parametrize(
    ("headers", "safe", "rfc"),
    rows(
        ("§4.1 it carries what the older names", {"x": "1"}, OLD, NEW),
        ("§4.1 it carries neither", {}, NEW, NEW),
        ("§4.1 it carries both", {"x": "1", "accept": "a"}, NEW, NEW),
    ),
)
def test_which_of_several_that_match(headers: dict[str, Any], safe: str, rfc: str) -> None:
    """The one whose Vary names more of what the request carries, if the policy prefers that; else
    the most recent one."""
    for policy, chosen in ((SAFE, safe), (RFC, rfc)):
        old, new = later(0), later(1)
        entry = adding(asked(**headers), answer(200, vary="X"), old, policy)(None)
        # Filed by a request that the older one does not match, or it would be gone.
        asking = asked(**{**headers, "x": "2"})
        entry = adding(asking, answer(200, vary="Accept"), new, policy)(entry)
        assert entry is not None
        assert select(asked(**headers), entry, policy) is {OLD: old, NEW: new}[chosen]


def test_one_with_vary_comes_first() -> None:
    """§4.1: some resources omit it from their default response."""
    for policy in (SAFE, RFC):
        entry = adding(asked(x="2"), answer(200), later(1), policy)(None)
        named = later(0)
        entry = adding(asked(), answer(200, vary="X"), named, policy)(entry)
        assert entry is not None
        assert select(asked(), entry, policy) is named


MORE, ALIKE = "gzip, br, zstd", "gzip, br"


@pytest.mark.parametrize(
    ("fields", "offered", "headers", "safe", "rfc"),
    rows(
        ("§4.1 offered less", {"content_encoding": "br"}, MORE, {}, True, False),
        ("§4.1 canonical", {"content_encoding": "br"}, ALIKE, {}, True, True),
        ("§4.1 another field", {"content_encoding": "br"}, MORE, {"x": "1"}, False, False),
        ("§4.1 no coding", {}, MORE, {}, True, False),
        ("§4.1 several codings", {"content_encoding": "br, br"}, MORE, {}, False, False),
        ("§4.1 several, canonical", {"content_encoding": "br, br"}, ALIKE, {}, True, True),
        ("§4.1 not offered", {"content_encoding": "dcz"}, MORE, {}, False, False),
    ),
)
def test_a_coding_is_compared_instead_of_what_is_accepted(
    fields: dict[str, Any], offered: str, headers: dict[str, Any], safe: bool, rfc: bool
) -> None:
    for policy, found in ((SAFE, safe), (RFC, rfc)):
        given = asked(accept_encoding=offered)
        entry, stored = added(None, given, policy, vary="Accept-Encoding, X", **fields)
        request = asked(accept_encoding="br,gzip;q=1.0", **headers)
        assert (select(request, entry, policy) is stored) is found


def test_the_coding_that_the_client_prefers() -> None:
    """§4.1: a mechanism for ranking may be used, such as weights."""
    entry = coded(coded(None, "gzip, x", "gzip", at=1), "br, y", "br")
    for one in entry.responses.values():
        one.offers = (("br,gzip", 0.0), ("br;q=0.5,gzip", 0.0), ("br,gzip;q=0.5", 0.0))
    for preferred, value in (("gzip", "gzip, br;q=0.5"), ("br", "br, gzip;q=0.5")):
        found = select(asked(accept_encoding=value), entry, SAFE)
        assert found is not None
        assert found.kind[1] == preferred


@pytest.mark.parametrize(
    ("one", "other", "policy", "same"),
    rows(
        ("§4.1 nothing nominated", {"accept": "a"}, {"accept": "b"}, SAFE, True),
        ("§4.1 nominated", {"x": "a"}, {"x": "b"}, SAFE, False),
        ("§4.1 absent", {"x": "a"}, {}, SAFE, False),
        ("§4.1 normalised", {"x": "a,b"}, {"x": "a , b"}, SAFE, True),
        (
            "§4.1 languages in order",
            {"accept_language": "a,b;q=0.5"},
            {"accept_language": "b;q=0.5,a"},
            SAFE,
            False,
        ),
        (
            "§4.1 languages by their weights",
            {"accept_language": "a,b;q=0.5"},
            {"accept_language": "b;q=0.5,a"},
            RFC,
            True,
        ),
        ("what a proxy forwarded", {"x_forwarded_host": "a"}, {}, SAFE, False),
    ),
)
def test_values_of(one: dict[str, Any], other: dict[str, Any], policy: Policy, same: bool) -> None:
    kind = (("HTTP_ACCEPT_LANGUAGE", "HTTP_X"), None)
    values = [values_of(asked(**headers), kind, policy) for headers in (one, other)]
    assert (values[0] == values[1]) is same


@pytest.mark.parametrize(
    "key",
    rows(
        ("the mount point", "SCRIPT_NAME"),
        ("the raw target", "RAW_URI"),
        ("its other name", "REQUEST_URI"),
    ),
)
def test_what_every_entry_nominates(key: str) -> None:
    """What the decoded path does not tell."""
    whole = asked(target="/a/b", environ={key: "/a%2Fb" if key != "SCRIPT_NAME" else ""})
    cut = asked(target="/a/b", environ={key: "/a/b" if key != "SCRIPT_NAME" else "/a"})
    assert values_of(whole, UNSELECTED, SAFE) != values_of(cut, UNSELECTED, SAFE)


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("an empty query is none", "/a?", "/a", True),
        ("one that ends so", "/a?b?", "/a?b", False),
        ("none at all", "", None, False),
    ),
)
def test_the_raw_target_selects(key: str, one: str, other: str | None, same: bool) -> None:
    query = "?b" if "b" in one else ""
    first, second = (
        values_of(asked(target=f"/a{query}", environ={key: value}), UNSELECTED, SAFE)
        for value in (one, other)
    )
    assert (first == second) is same


@pytest.mark.parametrize(
    ("environ", "tells"),
    rows(
        ("nothing", {}, (None, None)),
        ("as the key says", {"RAW_URI": "/a/b"}, (None, None)),
        ("by the other name", {"REQUEST_URI": "/a/b"}, (None, None)),
        ("by both", {"RAW_URI": "/a/b", "REQUEST_URI": "/a/b"}, (None, None)),
        ("more", {"RAW_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("more by the other name", {"REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("more by both", {"RAW_URI": "/a%2Fb", "REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("two", {"RAW_URI": "/a/b", "REQUEST_URI": "/a%2Fb"}, ("/a/b", "/a%2Fb")),
        ("3986 §6.2.2.1 case of an escape", {"RAW_URI": "/a%2fb"}, ("/a%2Fb", None)),
        ("3986 §6.2.2.1 by both", {"RAW_URI": "/a%2fb", "REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", None)),
        ("3986 §6.2.2.2 unreserved", {"REQUEST_URI": "/%61/%62"}, (None, None)),
        ("3986 §6.2.2.2 by both", {"RAW_URI": "/%61/b", "REQUEST_URI": "/a/%62"}, (None, None)),
        ("3986 §5.2.4 a dot", {"RAW_URI": "/a/%2e%2e"}, ("/a/%2E%2E", None)),
        ("3986 §2.2 reserved", {"RAW_URI": "/a/%62%3B"}, ("/a/b%3B", None)),
        ("3986 §2.1 no escape", {"RAW_URI": "/a%2/%6"}, ("/a%2/%6", None)),
        ("9112 §3.2.2 absolute-form", {"RAW_URI": "HTTP://Example.org:80/%61/b"}, (None, None)),
        ("9112 §3.2.2 another host", {"RAW_URI": "http://a/a/b"}, ("http://a/a/b", None)),
        ("9112 §3.2.2 another scheme", {"RAW_URI": "a://example.org/"}, ("a://example.org/", None)),
    ),
)
def test_a_target_is_filed_in_one_way(environ: dict[str, str], tells: Any) -> None:
    """Whichever name a server has for the raw target, and whether it tells it at all."""
    values = values_of(asked(target="/a/b", environ=environ), UNSELECTED, SAFE)
    assert values[1:3] == tells


@pytest.mark.parametrize("salt", [b"", b"salt"], ids=["plain", "salted"])
def test_an_entry_may_file_by_digests(salt: bytes) -> None:
    """What selects may be a secret that a store is not to hold."""
    kind = (("HTTP_COOKIE",), None)
    one, same, other = (
        selector_of(asked(cookie=cookie), kind, salt, RFC) for cookie in ("a=1", "a=1", "a=2")
    )
    assert (one == same, one == other) == (True, False)
    assert ("a=1" in str(one)) is not bool(salt)
    assert one != selector_of(asked(cookie="a=1"), kind, b"other", RFC)


@pytest.mark.parametrize(
    ("one", "other", "policy", "same"),
    rows(
        ("§4 alike", {}, {"x_other": "1"}, SAFE, True),
        ("§4.1 what selects", {"accept": "a"}, {"accept": "b"}, SAFE, False),
        ("§4 cookies make it private", {"cookie": "a=1"}, {}, SAFE, False),
        ("§4 or do not", {"cookie": "a=1"}, {}, RFC, True),
    ),
)
def test_collapse_key(
    one: dict[str, Any], other: dict[str, Any], policy: Policy, same: bool
) -> None:
    requests = [asked(**headers) for headers in (one, other)]
    kind = (("HTTP_ACCEPT",), None)
    keys = [collapse_key(request, kind, policy) for request in requests]
    assert (keys[0] == keys[1]) is same
    assert collapse_key(asked(), UNSELECTED, policy) != collapse_key(
        asked(target="/b"), UNSELECTED, policy
    )


@pytest.mark.parametrize(
    ("target", "raw", "same"),
    rows(
        ("3986 §6.2.2.2 unreserved", "/~x", "/%7ex", True),
        ("3986 §6.2.2.1 not ASCII", "/%C3%A9", "/%c3%a9", True),
        ("9112 §3.2.2 absolute-form without a path", "/", "http://example.org", True),
        ("9112 §3.2.2 with a query", "/?b=%7e", "http://example.org?b=%7e", True),
        ("3986 §3.4 the query stays", "/?b=%7e", "/?b=~", False),
    ),
)
def test_targets_that_mean_the_same(target: str, raw: str, same: bool) -> None:
    """On each server, whether it tells the raw target or not."""
    values = [
        values_of(asked(target=target, environ=environ), UNSELECTED, SAFE)
        for environ in ({}, {"RAW_URI": raw}, {"REQUEST_URI": raw}, {"RAW_URI": target})
    ]
    assert (len(set(values)) == 1) is same
