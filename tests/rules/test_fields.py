"""Field values as they are read: a row per clause."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import ascii_letters, digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.games.strategies import any_text, examples
from tests.rules.messages import rows
from tests.rules.texts import (
    Parser,
    before_a_line_end,
    check_linear,
    each_parser,
    for_any_text,
    padded_by_no_space,
)
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.fields import (
    MAX_DELTA_SECONDS,
    Directives,
    are_field_names,
    delta_seconds,
    dictionary,
    entity_tags,
    environ_key,
    field_names,
    is_entity_tag,
    is_structured_list,
    nominated_keys,
    parse_age,
    parse_cache_control,
    parse_targeted,
    parse_vary,
    says,
    string,
    weak_match,
    written,
)

# ── Cache-Control ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "directives"),
    rows(
        ("§5.2 one", "max-age=60", {"max-age": "60"}),
        ("§5.2 names in any case", "Max-AGE=60, PUBLIC", {"max-age": "60", "public": None}),
        ("§5.2 no argument", "no-store", {"no-store": None}),
        ("§5.2 a list", "public,max-age=1", {"public": None, "max-age": "1"}),
        ("§5.2 white space", " public\t,\tmax-age=1 ", {"public": None, "max-age": "1"}),
        ("§5.2 empty members", ",, ,max-age=1,,", {"max-age": "1"}),
        ("§5.2 nothing", "", {}),
        ("§5.2 nothing but commas", " , ", {}),
        ("§5.2 both forms of argument", 'max-age="60"', {"max-age": "60"}),
        ("§5.2 a quoted pair", r'a="x\"y\\z"', {"a": r'x"y\z'}),
        (
            "§5.2 a comma in quotes",
            'a="x, no-store", max-age=1',
            {"a": "x, no-store", "max-age": "1"},
        ),
        ("§5.2 an equals sign in quotes", 'a="max-age=9"', {"a": "max-age=9"}),
        ("§5.2 a single quote quotes nothing", "max-age='60'", {"max-age": "'60'"}),
        ("§5.2 space before the equals sign", "max-age =60", {"max-age": " 60"}),
        ("§5.2 space after the equals sign", "max-age= 60", {"max-age": " 60"}),
        ("§5.2 space in a field list", 'private ="a"', {"private": None}),
        ("§5.2 an empty argument", "max-age=", {"max-age": " "}),
        ("§5.2 an empty quoted argument", 'max-age=""', {"max-age": ""}),
        ("§5.2 an open quote", 'max-age="60', {"max-age": ' "60'}),
        ("§5.2 more than an argument", "max-age=6 0", {"max-age": " 6 0"}),
        (
            "§5.2 a restrictive word in an odd member",
            "no-store private",
            {"no-store": " ", "private": None},
        ),
        (
            "§5.2 a restrictive word in an open quote",
            'x="a, no-store',
            {"x": ' "a, no-store', "no-store": " "},
        ),
        ("§5.2 a restrictive word of odd form", "no-cache=;", {"no-cache": None}),
        ("§5.2 a separator for a comma", "no-store; max-age=60", {"no-store": " "}),
        ("§5.2 no directive at all", "@@", {}),
        (
            "§5.2 each restrictive word in an odd member",
            "no-store private no-cache must-revalidate proxy-revalidate must-understand",
            {
                "no-store": " ",
                "private": None,
                "no-cache": None,
                "must-revalidate": " ",
                "proxy-revalidate": " ",
                "must-understand": " ",
            },
        ),
        ("§5.2 a restrictive word with an odd argument", "no-store=;", {"no-store": " "}),
        ("§5.2 a tab after the equals sign", "max-age=\t60", {"max-age": " 60"}),
        ("§4.2.1 the smaller of two", "max-age=60, max-age=5", {"max-age": "5"}),
        ("§4.2.1 the smaller of two, first", "max-age=5, max-age=60", {"max-age": "5"}),
        ("§4.2.1 an invalid one of two", "max-age=5, max-age=x", {"max-age": "x"}),
        ("§4.2.1 an invalid one of two, first", "max-age=x, max-age=5", {"max-age": "x"}),
        ("§4.2.1 a missing one of two", "max-age=5, max-age", {"max-age": None}),
        ("§4.2.1 s-maxage likewise", "s-maxage=9, s-maxage=2", {"s-maxage": "2"}),
        ("§4.2.1 no limit is more than any", "max-stale, max-stale=5", {"max-stale": "5"}),
        ("§4.2.1 no limit is more than any, first", "max-stale=5, max-stale", {"max-stale": "5"}),
        (
            "§4.2.1 no limit is more than the greatest",
            "max-stale, max-stale=2147483648",
            {"max-stale": "2147483648"},
        ),
        (
            "5861 §3 the smaller of two",
            "stale-while-revalidate=1, stale-while-revalidate=0",
            {"stale-while-revalidate": "0"},
        ),
        (
            "5861 §4 the smaller of two",
            "stale-if-error=1, stale-if-error=0",
            {"stale-if-error": "0"},
        ),
        ("§4.2.1 of others the first", "x=1, x=2", {"x": "1"}),
        ("§4.2.1 an argument before none", "public, public=x", {"public": "x"}),
        ("§4.2.1 an argument before none, first", "public=x, public", {"public": "x"}),
        ("§5.2.2.4 unqualified", "no-cache", {"no-cache": None}),
        ("§5.2.2.4 qualified", 'no-cache="Set-Cookie, B"', {"no-cache": "set-cookie,b"}),
        ("§5.2.2.4 the token form is unqualified", "no-cache=set-cookie", {"no-cache": None}),
        ("§5.2.2.4 an empty list is unqualified", 'no-cache=" , "', {"no-cache": None}),
        ("§5.2.2.4 no field names", 'no-cache="a b"', {"no-cache": None}),
        ("§5.2.2.4 both forms", 'no-cache="a", no-cache', {"no-cache": None}),
        ("§5.2.2.4 both forms, first", 'no-cache, no-cache="a"', {"no-cache": None}),
        ("§5.2.2.4 two lists", 'no-cache="a", no-cache="b"', {"no-cache": "a,b"}),
        ("§5.2.2.7 qualified", 'private="A"', {"private": "a"}),
        ("§5.2.2.7 unqualified", "Private", {"private": None}),
        ("§5.2.3 unknown directives are kept", "x, y=1", {"x": None, "y": "1"}),
    ),
)
def test_parse_cache_control(value: str, directives: Directives) -> None:
    assert parse_cache_control(value) == directives


@pytest.mark.parametrize(
    ("member", "said"),
    rows(
        ("§5.2 alone", "public", True),
        ("§5.2 in capitals, with white space around it", "\tPUBLIC ", True),
        ("§5.2 absent", "max-age=60", False),
        ("§5.2 an argument", "public=false", False),
        ("§5.2 an empty argument", 'public=""', False),
        ("§5.2 a missing argument", "public=", False),
        ("§5.2 a missing argument after white space", "public =", False),
        ("§5.2 a space that is none of HTTP's", "public\xa0", False),
        ("§5.2 among other words", "x public y", False),
        ("§5.2 an open quote", '"public', False),
        ("§5.2 after an open quote", 'x="1, public', False),
        ("§5.2 for the second time", "public, public", True),
    ),
)
@pytest.mark.parametrize("name", ["public", "must-revalidate", "must-understand"])
def test_what_is_read_leniently_permits_nothing(name: str, member: str, said: bool) -> None:
    value = member.replace("public", name).replace("PUBLIC", name.upper())
    assert says(parse_cache_control(value), name) is said


@pytest.mark.parametrize(
    ("argument", "seconds"),
    rows(
        ("§1.2.2 digits", "60", 60),
        ("§1.2.2 zero", "0", 0),
        ("§1.2.2 leading zeros", "0003600", 3600),
        ("§1.2.2 nothing but zeros", "0" * 30, 0),
        ("§1.2.2 the greatest", "2147483648", MAX_DELTA_SECONDS),
        ("§1.2.2 one less", "2147483647", 2**31 - 1),
        ("§1.2.2 one more", "2147483649", MAX_DELTA_SECONDS),
        ("§1.2.2 an overflow", "9" * 5000, MAX_DELTA_SECONDS),
        ("§1.2.2 absent", None, None),
        ("§1.2.2 empty", "", None),
        ("§1.2.2 negative", "-1", None),
        ("§1.2.2 a sign", "+1", None),
        ("§1.2.2 a decimal", "60.0", None),
        ("§1.2.2 letters before", "a60", None),
        ("§1.2.2 letters after", "60s", None),
        ("§1.2.2 white space", " 60", None),
        ("§1.2.2 digits of another script", "٦٠", None),
        ("§1.2.2 an underscore", "6_0", None),
    ),
)
def test_delta_seconds(argument: str | None, seconds: int | None) -> None:
    assert delta_seconds(argument) == seconds


@pytest.mark.parametrize(
    ("value", "names"),
    rows(
        ("9110 §5.6.1 one", "Set-Cookie", ("set-cookie",)),
        ("9110 §5.6.1 several", "A , b\t,C", ("a", "b", "c")),
        ("9110 §5.6.1 empty members", ",a,,", ("a",)),
        ("9110 §5.6.1 none", "", ()),
        ("9110 §5.1 no name", "a b", None),
        ("9110 §5.1 no name among names", "a, é", None),
        ("absent", None, None),
    ),
)
def test_field_names(value: str | None, names: tuple[str, ...] | None) -> None:
    assert field_names(value) == names


@pytest.mark.parametrize(
    ("lines", "right"),
    rows(
        ("9110 §5.1 none", "", True),
        ("9110 §5.1 two", "A\nX-B\n", True),
        ("9110 §5.6.2 a space in one", "A\nX B\n", False),
        ("9110 §5.6.2 an empty one", "A\n\n", False),
    ),
)
def test_are_field_names(lines: str, right: bool) -> None:
    assert are_field_names(lines) is right


# ── targeted fields ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "directives"),
    rows(
        ("9213 §2.1 an integer", "max-age=60", {"max-age": "60"}),
        ("9213 §2.1 a flag", "no-store", {"no-store": None}),
        ("9213 §2.1 a true flag", "no-store=?1", {"no-store": None}),
        ("9213 §2.1 several", "max-age=60, public", {"max-age": "60", "public": None}),
        (
            "9213 §2.1 white space between",
            " max-age=60 ,\tpublic ",
            {"max-age": "60", "public": None},
        ),
        ("9213 §2.1 the last of two", "max-age=60, max-age=0", {"max-age": "0"}),
        (
            "9213 §2.1 parameters",
            "max-age=60;a=1;b, no-store;x",
            {"max-age": "60", "no-store": None},
        ),
        ("9213 §2.1 unqualified no-cache", "no-cache", {"no-cache": None}),
        ("9213 §2.1 qualified no-cache", 'no-cache="A, b"', {"no-cache": "a,b"}),
        ("9213 §2.1 qualified private", 'private="A"', {"private": "a"}),
        ("9213 §2.1 no field names", 'private=" a b "', {"private": None}),
        ("9213 §2.2 an extension", "foobar, max-age=60", {"foobar": None, "max-age": "60"}),
        (
            "9213 §2.2 an extension of any type",
            'x=(1 2);q, y="z", w=1.5',
            {"x": None, "y": None, "w": None},
        ),
        ("9213 §2.1 empty", "", None),
        ("9213 §2.1 blank", "  ", None),
        ("9213 §2.1 a string for an integer", 'max-age="60"', None),
        ("9213 §2.1 a decimal for an integer", "max-age=60.0", None),
        ("9213 §2.1 a token for an integer", "max-age=a", None),
        ("9213 §2.1 a flag for an integer", "max-age", None),
        ("9213 §2.1 a list for an integer", "max-age=(60)", None),
        ("9213 §2.1 a negative integer", "max-age=-1", None),
        ("9213 §2.1 an integer of sixteen digits", "max-age=1000000000000000", None),
        ("9213 §2.1 an integer for a flag", "no-store=1", None),
        ("9213 §2.1 a false flag", "no-store=?0", None),
        ("9213 §2.1 a string for a flag", 'must-revalidate="x"', None),
        ("9213 §2.1 a token for a field list", "private=a", None),
        ("9213 §2.1 an integer for a field list", "no-cache=1", None),
        ("9213 §2.1 false for a field list", "no-cache=?0", None),
        ("9213 §2.1 capitals", "MaX-aGe=60", None),
        ("9213 §2.1 space before the equals sign", "max-age =60", None),
        ("9213 §2.1 space after the equals sign", "max-age= 60", None),
        ("9213 §2.1 an unknown type", "max-age=60, &&&&&", None),
        ("9213 §2.1 a trailing comma", "max-age=60,", None),
        ("9213 §2.1 an open string", 'private="a', None),
        ("9213 §2.1 bytes beyond ASCII", "max-age=60, \xe9", None),
        ("9213 §2.1 characters beyond bytes", "max-age=60, €", None),
    ),
)
def test_parse_targeted(value: str, directives: Directives | None) -> None:
    assert parse_targeted(value) == directives


SECONDS = "max-age s-maxage max-stale min-fresh stale-while-revalidate stale-if-error"
FLAGS = "no-store must-revalidate proxy-revalidate must-understand public immutable no-transform"


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    rows(
        *[(f"§5.2, 5861 {name}", name, f"{name}=0", name) for name in SECONDS.split()],
        *[(f"§5.2, 8246 {name}", name, name, f"{name}=1") for name in FLAGS.split()],
    ),
)
def test_the_type_of_each_directive_in_a_targeted_field(name: str, right: str, wrong: str) -> None:
    """A directive of another type has the whole field ignored (RFC 9213 §2.1)."""
    assert parse_targeted(f"x, {right}") == {"x": None, name: "0" if right != name else None}
    assert parse_targeted(f"x, {wrong}") is None


def test_what_is_too_long_forbids_to_store() -> None:
    for parse in (parse_cache_control, parse_targeted):
        assert parse("a" * LONGEST) == {"a" * LONGEST: None}
        assert parse("a" * LONGEST + "a") == {"no-store": None}


@pytest.mark.parametrize(
    ("value", "right"),
    rows(
        ("9651 §3.1 one", "a; hit", True),
        ("9651 §3.1 several", 'a, "b", 1', True),
        ("9651 §3.1 none", "", False),
        ("9651 §3.1 a trailing comma", "a,", False),
        ("9651 §3.1 a Dictionary", "a=1", False),
        ("9651 §4.2 characters beyond bytes", "€", False),
        ("as long as is read", "a" * LONGEST, True),
        ("longer", "a" * LONGEST + "a", False),
    ),
)
def test_is_structured_list(value: str, right: bool) -> None:
    assert is_structured_list(value) is right


# ── Age, Vary ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "seconds"),
    rows(
        ("§5.1 seconds", "60", 60),
        ("§5.1 absent", None, 0),
        ("§5.1 the first of a list", "60, 5", 60),
        ("§5.1 the first of a list is old", "7200,0", 7200),
        ("§5.1 white space", "\t60 ", 60),
        ("§5.1 an overflow", "9" * 40, MAX_DELTA_SECONDS),
        ("§5.1 ignored: text", "abc", 0),
        ("§5.1 ignored: negative", "-7200", 0),
        ("§5.1 ignored: a decimal", "7200.0", 0),
        ("§5.1 ignored: a parameter", "7200;foo=111", 0),
        ("§5.1 ignored: quotes", '"7200"', 0),
        ("§5.1 ignored: the first of a list", "abc, 7200", 0),
        ("§5.1 ignored: an empty first", ", 7200", 0),
    ),
)
def test_parse_age(value: str | None, seconds: int) -> None:
    assert parse_age(value) == seconds


@pytest.mark.parametrize(
    ("lines", "names"),
    rows(
        ("§4.1 none", [], ()),
        ("§4.1 one", ["Accept"], ("accept",)),
        ("§4.1 sorted, each once", ["B, a,b", "A"], ("a", "b")),
        ("§4.1 empty members", [" , a ,"], ("a",)),
        ("§4.1 empty", [""], ()),
        ("§4.1 a star", ["*"], None),
        ("§4.1 a star first", ["*, a"], None),
        ("§4.1 a star last", ["a, *"], None),
        ("§4.1 stars", ["*, *"], None),
        ("§4.1 a star after nothing", [", *"], None),
        ("§4.1 a star on another line", ["", "*"], None),
        ("§4.1 a star among lines", ["a", "*", "b"], None),
        ("§4.1 no field name", ["a b"], None),
        ("§4.1 a name that WSGI cannot tell", ["x_y"], None),
        (
            "§4.1 as many as allowed",
            [", ".join(f"x{n}" for n in range(16))],
            tuple(sorted(f"x{n}" for n in range(16))),
        ),
        ("§4.1 one more than allowed", [", ".join(f"x{n}" for n in range(17))], None),
        ("§4.1 as long as allowed", ["a" * 8192], ("a" * 8192,)),
        ("§4.1 one character longer", ["a" * 8193], None),
    ),
)
def test_parse_vary(lines: list[str], names: tuple[str, ...] | None) -> None:
    assert parse_vary(", ".join(lines)) == names


@pytest.mark.parametrize(
    ("name", "key"),
    rows(
        ("3333 a field", "Accept-Language", "HTTP_ACCEPT_LANGUAGE"),
        ("3333 Content-Type", "content-type", "CONTENT_TYPE"),
        ("3333 Content-Length", "Content-Length", "CONTENT_LENGTH"),
        ("3333 another Content field", "Content-Encoding", "HTTP_CONTENT_ENCODING"),
    ),
)
def test_environ_key(name: str, key: str) -> None:
    assert environ_key(name) == key


@pytest.mark.parametrize(
    ("value", "keys"),
    rows(
        ("§4.1 none", "", ()),
        (
            "§4.1 sorted as WSGI names them",
            "B, content-type, A",
            ("CONTENT_TYPE", "HTTP_A", "HTTP_B"),
        ),
        ("§4.1 a star", "A, *", ()),
    ),
)
def test_nominated_keys(value: str, keys: tuple[str, ...]) -> None:
    assert nominated_keys(value) == keys


# ── validators ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "right"),
    rows(
        ("9110 §8.8.3 strong", '"abc"', True),
        ("9110 §8.8.3 weak", 'W/"abc"', True),
        ("9110 §8.8.3 empty", '""', True),
        ("9110 §8.8.3 any etagc", '"!#,\\[]~\x80\xff"', True),
        ("9110 §8.8.3 the weakness flag in capitals only", 'w/"abc"', False),
        ("9110 §8.8.3 another slash", 'W\\"abc"', False),
        ("9110 §8.8.3 no slash", 'W"abc"', False),
        ("9110 §8.8.3 unquoted", "abc", False),
        ("9110 §8.8.3 a space", '"a b"', False),
        ("9110 §8.8.3 a control", '"a\tb"', False),
        ("9110 §8.8.3 two", '"a", "b"', False),
        ("9110 §8.8.3 an open quote", '"abc', False),
        ("9110 §8.8.3 a star", "*", False),
        ("9110 §8.8.3 nothing", "", False),
    ),
)
def test_is_entity_tag(value: str, right: bool) -> None:
    assert is_entity_tag(value) is right


@pytest.mark.parametrize(
    ("value", "tags"),
    rows(
        ("9110 §13.1.2 one", '"a"', ['"a"']),
        ("9110 §13.1.2 a list", '"a", W/"b" ,"c"', ['"a"', 'W/"b"', '"c"']),
        ("9110 §13.1.2 empty members", ', "a",, "b",', ['"a"', '"b"']),
        ("9110 §13.1.2 a comma within", '"a,b", "c"', ['"a,b"', '"c"']),
        ("9110 §13.1.2 unquoted", "abc", []),
        ("9110 §13.1.2 nothing", "", []),
    ),
)
def test_entity_tags(value: str, tags: list[str]) -> None:
    assert entity_tags(value) == tags


@pytest.mark.parametrize(
    ("one", "other", "match"),
    rows(
        ("9110 §8.8.3.2 weak and weak, another", 'W/"1"', 'W/"2"', False),
        ("9110 §8.8.3.2 weak and weak", 'W/"1"', 'W/"1"', True),
        ("9110 §8.8.3.2 weak and strong", 'W/"1"', '"1"', True),
        ("9110 §8.8.3.2 strong and strong", '"1"', '"1"', True),
        ("9110 §8.8.3.2 strong and strong, another", '"1"', '"2"', False),
        ("9110 §8.8.3.2 case-sensitive", '"a"', '"A"', False),
    ),
)
def test_weak_match(one: str, other: str, match: bool) -> None:
    assert weak_match(one, other) is match
    assert weak_match(other, one) is match


# ── written ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("directives", "text"),
    rows(
        ("§5.2 none", {}, ""),
        ("§5.2 no argument", {"no-store": None}, "no-store"),
        ("§5.2 a token", {"max-age": "60", "x": "y"}, "max-age=60, x=y"),
        ("§5.2 what is no token", {"x": "a b", "y": 'a"\\'}, 'x="a b", y="a\\"\\\\"'),
        ("§5.2 an empty one", {"x": ""}, 'x=""'),
        ("§5.2.2.4 field names", {"no-cache": "a"}, 'no-cache="a"'),
        ("§5.2.2.7 field names", {"private": "a,b"}, 'private="a,b"'),
        ("§5.2.2.7 one field name", {"private": "a"}, 'private="a"'),
    ),
)
def test_written(directives: Directives, text: str) -> None:
    assert written(directives) == text
    assert parse_cache_control(text) == directives


@pytest.mark.parametrize(
    ("directives", "text", "read"),
    rows(
        ("9213 §2.1 a flag", {"no-store": None}, "no-store", True),
        ("9213 §2.1 a number", {"max-age": "60"}, "max-age=60", True),
        ("9213 §2.1 a string", {"private": "a"}, 'private="a"', True),
        ("9213 §2.1 several", {"public": None, "max-age": "0"}, "public, max-age=0", True),
        ("9213 §2.1 what is no number", {"max-age": "x"}, 'max-age="x"', False),
    ),
)
def test_dictionary(directives: Directives, text: str, read: bool) -> None:
    assert dictionary(directives) == text
    assert parse_targeted(text) == (directives if read else None)


def test_string() -> None:
    assert string('a"b\\c') == '"a\\"b\\\\c"'


# ── any text ─────────────────────────────────────────────────────────────────────────────────────


@examples(60)
@given(text=any_text | st.from_regex(r"[0-9]{1,30}", fullmatch=True))
@example(text="9" * 5000)
@example(text="0" * 5000 + "1")
@example(text="\xb2")
@example(text="1_000")
@example(text=" 12")
@example(text="12\xa0")
@example(text="12\n")
@example(text="+5")
def test_seconds_are_ascii_digits(text: str) -> None:
    found = delta_seconds(text)
    if text and all(c in digits for c in text):
        number = text.lstrip("0") or "0"
        assert found == (2**31 if len(number) > 10 else min(int(number), 2**31))
    else:
        assert found is None


@examples(60)
@given(text=any_text)
def test_an_age_is_seconds(text: str) -> None:
    assert parse_age(text) in range(2**31 + 1)


token = st.text(st.sampled_from(ascii_letters + digits + "!#$%&'*+-.^_`|~"), min_size=1)


quotable = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@examples(60)
@given(
    members=st.dictionaries(
        token.map(lambda name: "x-" + name.lower()), st.none() | quotable, max_size=6
    ),
    data=st.data(),
)
def test_well_formed_directives_are_read_as_written(
    members: dict[str, str | None], data: st.DataObject
) -> None:
    """Names in any case, arguments as tokens or quoted, any white space and empty members."""
    said = []
    for name, argument in members.items():
        turned = "".join(data.draw(st.sampled_from([c.upper(), c.lower()])) for c in name)
        if argument is None:
            said.append(turned)
        elif re.fullmatch(r"[A-Za-z0-9]+", argument) and data.draw(st.booleans()):
            said.append(f"{turned}={argument}")
        else:
            escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
            said.append(f'{turned}="{escaped}"')
        said.append(data.draw(st.sampled_from(["", " ", "\t"])))
    text = data.draw(st.sampled_from([",", " ,", ", ", "\t,\t"])).join(said)
    assert parse_cache_control(text) == members


PARSERS: dict[str, Parser] = {
    "cache-control": parse_cache_control,
    "targeted": parse_targeted,
    "field names": field_names,
    "delta-seconds": delta_seconds,
    "age": parse_age,
    "vary": parse_vary,
    "entity tags": entity_tags,
    "entity tag": is_entity_tag,
}


@each_parser(PARSERS)
@for_any_text
def test_parsers_are_total_and_say_the_same_twice(parse: Parser, text: str) -> None:
    assert parse(text) == parse(text)


@each_parser(PARSERS)
def test_parsers_are_linear(parse: Parser) -> None:
    check_linear(parse)


@padded_by_no_space
def test_only_space_and_tab_are_space(padded: Callable[[str], str]) -> None:
    assert parse_vary(padded("Accept")) is None
    assert delta_seconds(padded("5")) is None
    assert parse_age(padded("5")) == 0
    assert field_names(padded("accept")) is None
    # A directive glued to such a character is malformed: the restrictive word in it counts.
    assert "no-store" in parse_cache_control(padded("no-store"))
    assert delta_seconds(parse_cache_control(padded("max-age=5")).get("max-age")) in (None, 0)


@before_a_line_end
def test_nothing_matches_up_to_a_line_end(line_end: str) -> None:
    assert delta_seconds("5" + line_end) is None
    assert not is_entity_tag('"a"' + line_end)
