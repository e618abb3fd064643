"""Field values as they are read: a row per clause."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from wsgicache.rules.fields import (
    MAX_DELTA_SECONDS,
    MAX_NOMINATED,
    Directives,
    delta_seconds,
    entity_tags,
    environ_key,
    field_names,
    is_entity_tag,
    parse_age,
    parse_cache_control,
    parse_targeted,
    parse_vary,
    weak_match,
)
from wsgicache.rules.keys import normal_languages, without_optional_space
from wsgicache.rules.ranges import parse_content_range, parse_ranges

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
        ("§5.2 space before the equals sign", "max-age =60", {"max-age": "60"}),
        ("§5.2 space after the equals sign", "max-age= 60", {"max-age": "60"}),
        ("§5.2 an empty argument", "max-age=", {"max-age": ""}),
        ("§5.2 an empty quoted argument", 'max-age=""', {"max-age": ""}),
        ("§5.2 an open quote", 'max-age="60', {"max-age": '"60'}),
        ("§5.2 more than an argument", "max-age=6 0", {"max-age": "6 0"}),
        (
            "§5.2 a restrictive word in an odd member",
            "no-store private",
            {"no-store": None, "private": None},
        ),
        (
            "§5.2 a restrictive word in an open quote",
            'x="a, no-store',
            {"x": '"a, no-store', "no-store": None},
        ),
        ("§5.2 a restrictive word of odd form", "no-cache=;", {"no-cache": None}),
        ("§5.2 a separator for a comma", "no-store; max-age=60", {"no-store": None}),
        ("§5.2 no directive at all", "@@", {}),
        ("§4.2.1 the smaller of two", "max-age=60, max-age=5", {"max-age": "5"}),
        ("§4.2.1 the smaller of two, first", "max-age=5, max-age=60", {"max-age": "5"}),
        ("§4.2.1 an invalid one of two", "max-age=5, max-age=x", {"max-age": "x"}),
        ("§4.2.1 an invalid one of two, first", "max-age=x, max-age=5", {"max-age": "x"}),
        ("§4.2.1 s-maxage likewise", "s-maxage=9, s-maxage=2", {"s-maxage": "2"}),
        ("§4.2.1 no limit is more than any", "max-stale, max-stale=5", {"max-stale": "5"}),
        ("§4.2.1 no limit is more than any, first", "max-stale=5, max-stale", {"max-stale": "5"}),
        ("§4.2.1 of others the first", "x=1, x=2", {"x": "1"}),
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
        ("§4.1 more than that", [", ".join(f"x{n}" for n in range(MAX_NOMINATED + 1))], None),
        ("§4.1 longer than that", ["a" * 9000], None),
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


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────

Spans = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("value", "length", "ranges"),
    rows(
        ("9110 §14.1.2 first and last", "bytes=2-4", 10, [(2, 4)]),
        ("9110 §14.1.2 one byte", "bytes=0-0", 10, [(0, 0)]),
        ("9110 §14.1.2 to the end", "bytes=7-", 10, [(7, 9)]),
        ("9110 §14.1.2 a suffix", "bytes=-3", 10, [(7, 9)]),
        ("9110 §14.1.2 a suffix longer than all", "bytes=-30", 10, [(0, 9)]),
        ("9110 §14.1.2 past the end", "bytes=7-99", 10, [(7, 9)]),
        ("9110 §14.1.2 numbers without end", "bytes=7-" + "9" * 400, 10, [(7, 9)]),
        ("9110 §14.1.2 leading zeros", "bytes=" + "0" * 30 + "1-002", 10, [(1, 2)]),
        ("9110 §14.1.1 the unit in any case", "Bytes=0-1", 10, [(0, 1)]),
        ("9110 §14.1.2 a list", "bytes=0-1,4-5", 10, [(0, 1), (4, 5)]),
        ("9110 §14.1.2 a list with white space", "bytes= 0-1\t, ,4-5 ", 10, [(0, 1), (4, 5)]),
        ("9110 §14.1.2 only some satisfiable", "bytes=0-1,50-60", 10, [(0, 1)]),
        ("9110 §14.1.2 unsatisfiable", "bytes=10-", 10, []),
        ("9110 §14.1.2 an empty suffix", "bytes=-0", 10, []),
        ("9110 §14.1.2 nothing to cut", "bytes=0-", 0, []),
        ("9110 §14.2 another unit", "items=0-1", 10, None),
        ("9110 §14.2 no unit", "0-1", 10, None),
        ("9110 §14.1.1 reversed", "bytes=4-2", 10, None),
        ("9110 §14.1.1 one of them reversed", "bytes=0-1,4-2", 10, None),
        ("9110 §14.1.1 no numbers", "bytes=-", 10, None),
        ("9110 §14.1.1 letters", "bytes=a-b", 10, None),
        ("9110 §14.1.1 a space within", "bytes=0 -1", 10, None),
        ("9110 §14.1.1 malformed, of nothing", "bytes=a-b", 0, None),
        ("9110 §14.2 more than the whole", "bytes=0-8,1-9", 10, None),
        ("9110 §14.2 the whole again and again", "bytes=0-,0-,0-", 10, None),
        ("9110 §14.2 more than allowed", "bytes=0-0,1-1,2-2,3-3", 10, None),
        ("9110 §14.2 as many as allowed", "bytes=0-0,1-1,2-2", 10, [(0, 0), (1, 1), (2, 2)]),
    ),
)
def test_parse_ranges(value: str, length: int, ranges: Spans | None) -> None:
    assert parse_ranges(value, length, 3) == ranges


@pytest.mark.parametrize(
    ("value", "span"),
    rows(
        ("9110 §14.4 complete", "bytes 0-4/10", (0, 4, 10)),
        ("9110 §14.4 of unknown length", "bytes 0-4/*", (0, 4, None)),
        ("9110 §14.4 the unit in any case", "Bytes 0-4/10", (0, 4, 10)),
        ("9110 §14.4 white space", " bytes \t 0-4/10 ", (0, 4, 10)),
        ("9110 §14.4 unsatisfied", "bytes */10", None),
        ("9110 §14.4 reversed", "bytes 4-0/10", None),
        ("9110 §14.4 beyond the length", "bytes 0-10/10", None),
        ("9110 §14.4 another unit", "items 0-4/10", None),
        ("9110 §14.4 the form of Range", "bytes=0-4", None),
        ("9110 §14.4 two of them", "bytes 0-4/10, bytes 5-9/10", None),
        ("9110 §14.4 numbers without end", "bytes 0-" + "9" * 30 + "/*", None),
        ("9110 §14.4 empty", "", None),
        ("9110 §14.4 absent", None, None),
    ),
)
def test_parse_content_range(value: str | None, span: tuple[int, int, int | None] | None) -> None:
    assert parse_content_range(value) == span


# ── selecting values ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "tight"),
    rows(
        ("§4.1 round commas", "a , b\t,c", "a,b,c"),
        ("§4.1 at the ends", " a ", "a"),
        ("§4.1 within a member, one", "a  b", "a b"),
        ("§4.1 within quotes it counts", '"a , b" , c', '"a , b",c'),
        ("§4.1 an open quote", 'a, "b , c', 'a,"b , c'),
        ("§4.1 case counts", "A", "A"),
        ("§4.1 parameters", "a; q=1", "a; q=1"),
        ("§4.1 empty", "", ""),
    ),
)
def test_without_optional_space(value: str, tight: str) -> None:
    assert without_optional_space(value) == tight


@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("9110 §12.5.4 order without weights", "en, de", "de, en", True),
        ("9110 §12.5.4 order with weights", "de;q=0.5, en", "en, de;q=0.5", True),
        ("9110 §12.5.4 case", "en-GB", "EN-gb", True),
        ("9110 §12.5.4 white space", "en,de", " en ,\tde ", True),
        ("9110 §12.4.2 white space round the weight", "en;q=0.5", "en ; q=0.5", True),
        ("9110 §12.4.2 a weight of one", "en;q=1.0", "en", True),
        ("9110 §12.4.2 zeros", "en;q=0.50", "en;q=0.5", True),
        ("9110 §12.5.4 empty members", "en,,de", "en,de", True),
        ("9110 §12.4.2 another weight", "en;q=0.5", "en;q=0.4", False),
        ("9110 §12.4.2 weights exchanged", "en;q=0.5, de", "en, de;q=0.5", False),
        ("9110 §12.5.4 one more", "en", "en, de", False),
        ("9110 §12.5.4 another", "en", "en-GB", False),
        ("9110 §12.4.2 a weight that is none counts as one", "en;q=1.2.3", "en", True),
    ),
)
def test_normal_languages(one: str, other: str, same: bool) -> None:
    assert (normal_languages(one) == normal_languages(other)) is same
