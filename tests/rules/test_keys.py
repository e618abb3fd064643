"""Which URI, which variant: a row per clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.rules.messages import rows
from tests.rules.texts import (
    Parser,
    before_a_line_end,
    check_linear,
    each_parser,
    for_any_text,
    padded_by_no_space,
)
from tests.scene import environ_for
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.keys import (
    Key,
    canonical_host,
    digested,
    key_of_url,
    normal_languages,
    same_origin_key,
    selecting_value,
    target_key,
    url_of,
    without_optional_space,
)
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import read


@pytest.mark.parametrize(
    ("scheme", "host", "canonical"),
    rows(
        ("9110 §4.2.3 case", "http", "Example.ORG", "example.org"),
        ("9110 §4.2.3 the default port", "http", "example.org:80", "example.org"),
        ("9110 §4.2.3 the default port of https", "https", "example.org:443", "example.org"),
        ("9110 §4.2.3 an empty port", "http", "example.org:", "example.org"),
        ("9110 §4.2.3 another port", "http", "example.org:443", "example.org:443"),
        ("9110 §4.2.3 another scheme has none", "ws", "example.org:80", "example.org:80"),
        ("9110 §7.2 an IPv6 address", "http", "[::1]:8080", "[::1]:8080"),
        ("9110 §7.2 an IPv4 address", "http", "127.0.0.1", "127.0.0.1"),
        ("9110 §7.2 a final dot", "http", "example.org.", "example.org."),
        ("9110 §7.2 absent", "http", None, None),
        ("9110 §7.2 empty", "http", "", None),
        ("9110 §7.2 two", "http", "a, b", None),
        ("9110 §7.2 a path", "http", "example.org/x", None),
        ("9110 §7.2 a user", "http", "user@example.org", None),
        ("9110 §7.2 an empty label", "http", "a..b", None),
        ("9110 §7.2 a port that is none", "http", "a:b", None),
        ("9110 §7.2 a long port", "http", "a:000080", None),
        ("9110 §7.2 beyond ASCII", "http", "é.example", None),
        ("9110 §7.2 as long as a name may be", "http", "a" * 255, "a" * 255),
        ("9110 §7.2 longer", "http", "a" * 256, None),
    ),
)
def test_canonical_host(scheme: str, host: str | None, canonical: str | None) -> None:
    assert canonical_host(scheme, host) == canonical


@pytest.mark.parametrize(
    ("target", "changes", "key"),
    rows(
        ("§2 the target URI", "/a?b=c", {}, ("http", "example.org", "/a", "b=c")),
        ("§2 as WSGI decodes it", "/%C3%A9%3F?b", {}, ("http", "example.org", "/\xc3\xa9?", "b")),
        ("§2 no query is an empty one", "/a?", {}, ("http", "example.org", "/a", "")),
        ("§2 a mount point", "/b", {"SCRIPT_NAME": "/a"}, ("http", "example.org", "/a/b", "")),
        ("§2 a mount point alone", "", {"SCRIPT_NAME": "/a"}, ("http", "example.org", "/a", "")),
        ("§2 the scheme", "/", {"wsgi.url_scheme": "https"}, ("https", "example.org", "/", "")),
        ("9110 §7.1 no path", "", {}, None),
        ("9110 §7.1 a star", "*", {"REQUEST_METHOD": "OPTIONS"}, None),
        ("3333 no host", "/", {"HTTP_HOST": None}, ("http", "example.org", "/", "")),
        (
            "3333 no host, another port",
            "/",
            {"HTTP_HOST": None, "SERVER_NAME": "LocalHost", "SERVER_PORT": "8000"},
            ("http", "localhost:8000", "/", ""),
        ),
        ("3333 no host and no server", "/", {"HTTP_HOST": None, "SERVER_NAME": None}, None),
        ("9110 §7.2 an empty host", "/", {"HTTP_HOST": ""}, None),
        ("3333 no host and no path", "", {"HTTP_HOST": None}, None),
        ("9110 §7.2 a host that is none", "/", {"HTTP_HOST": "a b"}, None),
        (
            "3333 no path below the mount point",
            "",
            {"SCRIPT_NAME": "/a", "PATH_INFO": None},
            ("http", "example.org", "/a", ""),
        ),
        (
            "3333 keys that may be absent",
            "/a",
            {"SCRIPT_NAME": None, "QUERY_STRING": None},
            ("http", "example.org", "/a", ""),
        ),
    ),
)
def test_target_key(target: str, changes: dict[str, Any], key: Key | None) -> None:
    environ = environ_for("GET", target, changes=changes)
    assert target_key(environ) == key
    request = read(environ, "GET", Policy())  # which has it written out
    assert request == "target" if key is None else getattr(request, "key", None) == key


@pytest.mark.parametrize(
    ("url", "key"),
    rows(
        ("§2 a URL", "http://example.org/a?b", ("http", "example.org", "/a", "b")),
        ("§2 decoded as WSGI does", "http://a/%C3%A9", ("http", "a", "/\xc3\xa9", "")),
        ("9110 §4.2.3 normalised", "HTTP://A:80", ("http", "a", "/", "")),
        ("9110 §7.1 without the fragment", "http://a/b#c", ("http", "a", "/b", "")),
        ("9110 §4.2 another scheme", "ftp://a/b", None),
        ("9110 §4.2 no scheme", "/b", None),
        ("9110 §4.2 no host", "http:///b", None),
        ("9110 §4.2.4 a user", "http://user@a/b", None),
        ("3986 §2 white space", "http://a/ b", None),
        ("3986 §2 a backslash", "http://a\\b/c", None),
        ("3986 §2 beyond ASCII", "http://a/é", None),
        ("3986 §3.2.2 an open bracket", "http://[a/b", None),
    ),
)
def test_key_of_url(url: str, key: Key | None) -> None:
    assert key_of_url(url) == key


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/a b", "/a%20b"),
        ("/a?b#c%d", "/a%3Fb%23c%25d"),
        ("/\xc3\xa9;v=1,2", "/%C3%A9;v=1,2"),
        ("//x\\y", "//x%5Cy"),
    ],
)
@pytest.mark.parametrize("query", ["", "q=%20&x"])
def test_url_of_has_its_key(path: str, written: str, query: str) -> None:
    key = ("https", "h:8443", path, query)
    assert url_of(key) == f"https://h:8443{written}" + f"?{query}" * bool(query)
    assert key_of_url(url_of(key)) == key


def test_url_of_a_path_that_no_server_gives() -> None:
    assert url_of(("https", "h", "/€", "")) == "https://h/%3F"


BASE: Key = ("http", "example.org", "/a/b", "q=1")


@pytest.mark.parametrize(
    ("reference", "path_and_query"),
    rows(
        ("§4.4 an absolute path", "/x?y=1", ("/x", "y=1")),
        ("§4.4 a relative path", "x", ("/a/x", "")),
        ("§4.4 parent", "../x", ("/x", "")),
        ("§4.4 a query alone", "?y", ("/a/b", "y")),
        ("§4.4 nothing: the target itself", "", ("/a/b", "q=1")),
        ("§4.4 a URL of the same origin", "http://EXAMPLE.org:80/x", ("/x", "")),
        ("§4.4 of the same scheme and host", "//example.org/x", ("/x", "")),
        ("§4.4 white space round it", " /x\t", ("/x", "")),
        ("§4.4 a fragment", "/x#y", ("/x", "")),
        ("§4.4 another host", "http://elsewhere.example/x", None),
        ("§4.4 another port", "http://example.org:8080/x", None),
        ("§4.4 another scheme", "https://example.org/x", None),
        ("§4.4 another host by two slashes", "//elsewhere.example/x", None),
        ("§4.4 another host by backslashes", "/\\elsewhere.example/x", None),
        ("§4.4 no URL", "http://[", None),
        ("§4.4 beyond ASCII", "/é", None),
        ("§4.4 a host that is none", "//[/x", None),
        ("§4.4 an empty host", "http:///x", None),
        ("§4.4 two slashes in the path", "/x//[y", ("/x//[y", "")),
        ("3986 §5.2.2 dot segments", "/a/../x/./y", ("/x/y", "")),
        ("3986 §5.2.2 in a URL", "http://example.org/a/../x", ("/x", "")),
        ("3986 §5.2.2 after an authority", "//example.org/./x", ("/x", "")),
        ("3986 §5.2.2 in a relative path", "c/../x", ("/a/x", "")),
        ("3986 §5.2.4 at the end", "http://example.org/x/y/..", ("/x/", "")),
        ("3986 §5.2.4 a single one at the end", "http://example.org/x/.", ("/x/", "")),
        ("3986 §5.2.4 at the end of the path", "http://example.org/x/.?y", ("/x/", "y")),
        ("3986 §5.2.4 above the root", "http://example.org/../../x", ("/x", "")),
        ("3986 §5.2.4 empty segments stay", "http://example.org//x//../y", ("//x/y", "")),
        ("3986 §5.2.4 the query is none", "http://example.org/x?a/../b", ("/x", "a/../b")),
        ("3986 §5.2.4 names with dots stay", "http://example.org/..x/.y/z.", ("/..x/.y/z.", "")),
        ("3986 §6.2.3 no path", "http://example.org", ("/", "")),
        ("§4.4 a space within", "/x y", None),
    ),
)
def test_same_origin_key(reference: str, path_and_query: tuple[str, str] | None) -> None:
    expected = None if path_and_query is None else (*BASE[:2], *path_and_query)
    assert same_origin_key(BASE, reference) == expected


def test_a_base_without_a_query() -> None:
    assert same_origin_key(("http", "a", "/b", ""), "") == ("http", "a", "/b", "")


def test_a_base_that_no_server_gives() -> None:
    """A path of characters where WSGI has bytes."""
    assert same_origin_key(("http", "a", "/€", ""), "x") is None


def test_a_base_whose_path_needs_quoting() -> None:
    assert same_origin_key(("http", "a", "/\xc3\xa9?/b", ""), "x") == (
        "http",
        "a",
        "/\xc3\xa9?/x",
        "",
    )


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    rows(
        ("§4.1 equal", "HTTP_FOO", "1", "1", True),
        ("§4.1 different", "HTTP_FOO", "1", "2", False),
        ("§4.1 case", "HTTP_FOO", "a", "A", False),
        ("§4.1 white space", "HTTP_FOO", "1, 2", " 1,2 ", True),
        ("§4.1 several lines, as servers join them", "HTTP_FOO", "1, 2", "1,2", True),
        ("§4.1 order", "HTTP_FOO", "1, 2", "2, 1", False),
        ("§4.1 absent and absent", "HTTP_FOO", None, None, True),
        ("§4.1 absent and present", "HTTP_FOO", None, "1", False),
        ("§4.1 absent and empty", "HTTP_FOO", None, "", False),
        ("§4.1 cookies compare exactly", "HTTP_COOKIE", "a=1, b", "a=1,b", False),
        ("§4.1 credentials compare exactly", "HTTP_AUTHORIZATION", "a, b", "a,b", False),
        ("§4.1 languages in order", "HTTP_ACCEPT_LANGUAGE", "en, de", "en,de", True),
        ("§4.1 languages out of order", "HTTP_ACCEPT_LANGUAGE", "en, de", "de, en", False),
        (
            "§4.1 weighted languages out of order",
            "HTTP_ACCEPT_LANGUAGE",
            "en, de;q=0.5",
            "de;q=0.5, en",
            False,
        ),
        ("§4.1 a value of 8 KiB", "HTTP_FOO", "a" * 8189 + ", b", "a" * 8189 + ",b", True),
        ("§4.1 a longer one exactly", "HTTP_FOO", "a" * 8190 + ", b", "a" * 8190 + ",b", False),
    ),
)
def test_selecting_value(key: str, one: str | None, other: str | None, same: bool) -> None:
    values = [
        selecting_value({} if value is None else {key: value}, key, False) for value in (one, other)
    ]
    assert (values[0] == values[1]) is same


def test_languages_in_any_order_where_the_policy_says_so() -> None:
    one, other = (
        selecting_value({"HTTP_ACCEPT_LANGUAGE": value}, "HTTP_ACCEPT_LANGUAGE", True)
        for value in ("en, de;q=0.5", "DE;q=0.5,en")
    )
    assert one == other
    assert selecting_value({"HTTP_FOO": "EN"}, "HTTP_FOO", True) == "EN"


@pytest.mark.parametrize(
    ("value", "tight"),
    rows(
        ("§4.1 round commas", "a , b\t,c", "a,b,c"),
        ("§4.1 at the ends", " a ", "a"),
        ("§4.1 tabs at the ends", "\ta\t", "a"),
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
    ("key", "value", "normal"),
    rows(
        ("9110 §5.6.1.2 one between", "HTTP_ACCEPT_CHARSET", "gzip,, br", "gzip,br"),
        ("9110 §5.6.1.2 several, at the ends", "HTTP_ACCEPT", ",, a/b , , c/d ,,", "a/b,c/d"),
        ("9110 §12.5.2 first", "HTTP_ACCEPT_CHARSET", ",utf-8", "utf-8"),
        ("9110 §5.6.1.2 nothing else", "HTTP_ACCEPT_LANGUAGE", " , ,", ""),
        ("9110 §5.6.4 a quoted one", "HTTP_ACCEPT", 'a/b;x=",,",, c/d', 'a/b;x=",,",c/d'),
        ("9110 §5.6.4 an open quote", "HTTP_ACCEPT", 'a/b;x=",,', 'a/b;x=",,'),
        ("9110 §12.5.3 codings", "HTTP_ACCEPT_ENCODING", "gzip;q=1,, BR ;q=0.50", "br;q=0.5,gzip"),
        ("§4.1 of what may be no list", "HTTP_X_MINE", "a,, b,", "a,,b,"),
    ),
)
def test_empty_members(key: str, value: str, normal: str) -> None:
    assert selecting_value({key: value}, key, False) == normal


@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("9110 §12.5.4 order without weights", "en, de", "de, en", False),
        (
            "9110 §12.5.4 order among equal weights",
            "a, b;q=0.5, c;q=0.5",
            "a, c;q=0.5, b;q=0.5",
            False,
        ),
        ("9110 §12.5.4 order with weights", "de;q=0.5, en", "en, de;q=0.5", True),
        ("9110 §12.5.4 case", "en-GB", "EN-gb", True),
        ("9110 §12.5.4 white space", "en,de", " en ,\tde ", True),
        ("9110 §12.4.2 white space round the weight", "en;q=0.5", "en ; q=0.5", True),
        ("9110 §12.4.2 tabs", "en;q=0.5", "en\t;\tq=0.5\t", True),
        ("9110 §12.5.4 a member of white space", "en", "\t,en", True),
        ("9110 §12.4.2 a weight of one", "en;q=1.0", "en", True),
        ("9110 §12.4.2 zeros", "en;q=0.50", "en;q=0.5", True),
        ("9110 §12.5.4 empty members", "en,,de", "en,de", True),
        ("9110 §12.4.2 another weight", "en;q=0.5", "en;q=0.4", False),
        ("9110 §12.4.2 weights exchanged", "en;q=0.5, de", "en, de;q=0.5", False),
        ("9110 §12.5.4 one more", "en", "en, de", False),
        ("9110 §12.5.4 another", "en", "en-GB", False),
        ("9110 §12.4.2 a weight that is none", "en;q=1.2.3", "en", False),
        ("9110 §12.4.2 more digits than a weight has", "de;q=0.123456, fr", "fr, de", False),
        ("9110 §12.4.2 more than one", "de;q=2, fr", "de, fr", False),
        ("9110 §12.5.4 another parameter", "de;level=1, fr", "de, fr", False),
        ("9110 §12.5.4 no language", "de_DE, fr;q=0.5", "fr;q=0.5, de_DE", False),
        ("9110 §12.5.4 the same of what is none", "de_DE", "de_DE", True),
    ),
)
def test_normal_languages(one: str, other: str, same: bool) -> None:
    assert (normal_languages(one) == normal_languages(other)) is same


def test_a_digest_tells_values_apart() -> None:
    """Who has it and not the salt learns nothing of a value."""
    values = ("a", None, ("b", "c"))
    assert len(digested(values, b"salt")) == 32
    assert digested(values, b"salt") == digested(values, b"salt")
    for other, salt in ((("a", "", ("b", "c")), b"salt"), (values, b"other")):
        assert digested(other, salt) != digested(values, b"salt")


def test_what_is_long_names_nothing() -> None:
    """Nor does the library remember it."""
    split: Any = urlsplit
    before = split.cache_info().currsize
    assert same_origin_key(BASE, "/" + "x" * LONGEST) is None
    assert same_origin_key(("http", "a", "/" + "b" * LONGEST, ""), "x") is None
    assert same_origin_key(("http", "a", "/", "b" * LONGEST), "x") is None
    url = "http://a/" + "x" * LONGEST
    assert key_of_url(url) == ("http", "a", url[8:], "")
    assert same_origin_key(BASE, "/x") is not None
    assert split.cache_info().currsize == before
    assert same_origin_key(("http", "a", "/", ""), "/" + "x" * (LONGEST - 2)) is not None


# ── any text ─────────────────────────────────────────────────────────────────────────────────────

PARSERS: dict[str, Parser] = {
    "selecting value": without_optional_space,
    "languages": normal_languages,
    "host": lambda text: canonical_host("http", text),
    "url": key_of_url,
    "location": lambda text: same_origin_key(("http", "h", "/a", ""), text),
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
    assert canonical_host("http", padded("h")) is None


@before_a_line_end
def test_nothing_matches_up_to_a_line_end(line_end: str) -> None:
    assert canonical_host("http", "h" + line_end) is None
