"""Which URLs have the same answer: the examples of the specification, and a model that parses."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.rules.messages import rows
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.keys import Key
from wsgicache.rules.searching import (
    DEFAULT,
    LONGEST_SEARCH,
    Variation,
    canonical,
    canonical_keys,
    equivalent,
    variation,
)


def names(*of: str, only: bool = False, any_order: bool = False) -> Variation:
    return Variation(frozenset(of), only, any_order)


@pytest.mark.parametrize(
    ("value", "said"),
    rows(
        ("§5.2.1 params", 'params=("a")', names("a")),
        ("§5.2.1 except", 'except=("x")', names("x", only=True)),
        ("§5.2.1 no params", "params=()", DEFAULT),
        ("§5.2.1 nothing counts", "except=()", names(only=True)),
        ("§5.2.1 key-order", "key-order=?1", names(any_order=True)),
        ("§5.2.1 key-order last", 'except=("x"), key-order', names("x", only=True, any_order=True)),
        ("§5.2.1 key-order=?0", "key-order=?0", DEFAULT),
        ("§3 unknown members", 'params=("a";x=1), new=1, key-order;y', names("a", any_order=True)),
        ("§5.3 a key", 'params=("%C3%A9+%E6%B0%97")', names("é 気")),
        ("§5.3 a key in any case", 'params=("%c3%a9" "A")', names("é", "A")),
        ("§5.3 an odd key", 'params=("%f6%")', names("\ufffd%")),
        ("no field", None, DEFAULT),
        ("an empty field", "", DEFAULT),
        ("too long", f'params=("{"a" * LONGEST_SEARCH}")', DEFAULT),
        ("§5.2.1 invalid: a string for key-order", 'key-order="not a boolean"', DEFAULT),
        ("§5.2.1 invalid: a string", 'params="not an inner list"', DEFAULT),
        ("§5.2.1 invalid: a token", "params=(not-a-string)", DEFAULT),
        ("§5.2.1 invalid: false", "params=?0", DEFAULT),
        ("§5.2.1 invalid: true", "params=?1", DEFAULT),
        ("§5.2.1 invalid: true and except", 'params=?1, except=("x")', DEFAULT),
        ("§5.2.1 invalid: both", 'params=("a"), except=("x")', DEFAULT),
        ("§5.2.1 invalid: both empty", "params=(), except=()", DEFAULT),
        ("§5.2.1 invalid: except a string", 'except="not an inner list"', DEFAULT),
        ("§5.2.1 invalid: except a token", "except=(not-a-string)", DEFAULT),
        ("§5.2.1 invalid: except true", "except=?1", DEFAULT),
        ("invalid: one of several", 'key-order, params=("a" 1)', DEFAULT),
        ("invalid: no dictionary", 'key-order, ("a")', DEFAULT),
        ("invalid: not ASCII", 'params=("é")', DEFAULT),
    ),
)
def test_what_a_response_says(value: str | None, said: Variation) -> None:
    assert variation(value) == said
    assert variation(str(said)) == said


def wsgi(query: str) -> str:
    """A query as WSGI delivers it."""
    return query.encode("utf-8").decode("latin-1")


@pytest.mark.parametrize(
    ("one", "other"),
    rows(
        ("escapes", "a=x", "%61=%78"),
        ("beyond ASCII", "a=é", "a=%C3%A9"),
        ("no UTF-8", "a=%f6", "a=%ef%bf%bd"),
        ("empty pieces", "a=x&&&&", "a=x"),
        ("no value", "a=", "a"),
        ("a space", "a=%20", "a= &"),
        ("a plus", "a=+", "a= &"),
        ("an escaped plus is none", "a=%2B", "a=%2b"),
    ),
)
def test_what_is_equivalent_to_any_value_of_the_field(one: str, other: str) -> None:
    for said in (names(any_order=True), names("b"), names("a", only=True)):
        assert canonical(wsgi(one), said) == canonical(wsgi(other), said)
    assert canonical(wsgi(one), DEFAULT) != canonical(wsgi(other), DEFAULT)


KEY: Key = ("http", "example.org", "/list", "b=2&utm=1&a=1&b=1")


@pytest.mark.parametrize(
    ("value", "query", "same"),
    rows(
        ("order", "key-order", "utm=1&b=2&a=1&b=1", True),
        ("order of one name", "key-order", "b=1&utm=1&a=1&b=2", False),
        ("another value", "key-order", "b=2&utm=2&a=1&b=1", False),
        ("params", 'params=("utm")', "b=2&a=1&b=1&utm=7&utm", True),
        ("params: order", 'params=("utm")', "a=1&b=2&b=1", False),
        ("params: both", 'key-order, params=("utm")', "a=1&b=2&b=1", True),
        ("params: one more", 'params=("utm")', "b=2&a=1&b=1&c", False),
        ("params: one less", 'params=("utm")', "b=2&a=1", False),
        ("except", 'except=("a" "utm")', "utm=1&x&b&a=1", True),
        ("except: order", 'except=("a" "utm")', "a=1&utm=1", False),
        ("nothing counts", "except=()", "", True),
    ),
)
def test_what_is_equivalent(value: str, query: str, same: bool) -> None:
    other: Key = (*KEY[:3], query)
    assert equivalent(KEY, other, variation(value)) is same
    for elsewhere in (("https", *other[1:]), ("http", "x", *other[2:]), (*other[:2], "/", query)):
        assert not equivalent(KEY, elsewhere, variation(value))


def test_what_is_too_long_is_equivalent_to_itself() -> None:
    long = "b=2&a=" + "1" * LONGEST
    assert canonical(long, names(any_order=True)) == long
    assert canonical(long[:LONGEST], names(any_order=True)).startswith("a=1")
    assert canonical("b&a=\udcff", names(any_order=True)) == "b&a=\udcff"


def test_other_keys_are_named_once() -> None:
    said = ("key-order", 'params=("x")', 'key-order, params=("x")', 'params=("utm")')
    assert [key[3] for key in canonical_keys(("http", "h", "/", "b=2&a=1"), said)] == ["a=1&b=2"]


PIECES = [*"a b %61 = = & & + %20 %2B \xc3\xa9 %C3%A9 %f6 \xf6 % %2 %26 %3d ; ~ / ?".split(), " "]
"""Of queries, whose bytes WSGI delivers as Latin-1."""
QUERIES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
NAMES = st.frozensets(st.sampled_from(["a", "b", "é", "a b", ""]))
SAID = st.builds(Variation, NAMES, st.booleans(), st.booleans())


def parsed(query: str, said: Variation) -> list[tuple[str, str]]:
    """The pairs that count, as another parser reads them."""
    ascii_only = quote_from_bytes(query.encode("latin-1"), safe=bytes(range(128)))
    pairs = parse_qsl(ascii_only, keep_blank_values=True, errors="replace")
    counts = [(n, v) for n, v in pairs if (n in said.names if said.only else n not in said.names)]
    return sorted(counts, key=lambda pair: pair[0]) if said.any_order else counts


@given(QUERIES, QUERIES, SAID)
@example("a=%f6", "a=\xc3\xb6", names(any_order=True))
def test_equivalent_is_what_has_the_same_pairs(one: str, other: str, said: Variation) -> None:
    same = one == other if said == DEFAULT else parsed(one, said) == parsed(other, said)
    assert equivalent((*KEY[:3], one), (*KEY[:3], other), said) is same
    standing = canonical(one, said)
    assert canonical(standing, said) == standing
    assert equivalent((*KEY[:3], one), (*KEY[:3], standing), said)
