"""What a request says, as far as a cache can see: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, asked, rows
from tests.scene import Environ, environ_for
from wsgicache import Policy
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.cookies import hiding
from wsgicache.rules.request import Request, as_get, is_safe, read, without_hidden_cookies

LONG = "a;" * (LONGEST // 2) + "a"
"""One character more than is read."""


@pytest.mark.parametrize(
    ("changes", "why"),
    rows(
        ("what an outer layer says", {"wsgicache.bypass": True}, "bypass"),
        ("9110 §7.1 no target", {"HTTP_HOST": ""}, "target"),
        ("9110 §7.1 no path in it", {"PATH_INFO": "*"}, "target"),
        ("9110 §9.3.1 a body", {"CONTENT_LENGTH": "4"}, "body"),
        ("9110 §9.3.1 a body of any length", {"HTTP_TRANSFER_ENCODING": "chunked"}, "body"),
        ("9110 §8.6 a length that is none", {"CONTENT_LENGTH": "x"}, "body"),
        ("another URL within", {"HTTP_X_ORIGINAL_URL": "/b"}, "override"),
        ("another URL within, rewritten", {"HTTP_X_REWRITE_URL": "/b"}, "override"),
        ("another method within", {"HTTP_X_HTTP_METHOD_OVERRIDE": "PUT"}, "override"),
        ("another method within, shorter", {"HTTP_X_HTTP_METHOD": "PUT"}, "override"),
        ("another method within, other", {"HTTP_X_METHOD_OVERRIDE": "PUT"}, "override"),
        ("§4.3.2 If-Match", {"HTTP_IF_MATCH": '"a"'}, "precondition"),
        ("§4.3.2 If-Unmodified-Since", {"HTTP_IF_UNMODIFIED_SINCE": "x"}, "precondition"),
        ("9110 §10.1.1 Expect", {"HTTP_EXPECT": "100-continue"}, "expect"),
        ("9110 §7.8 Upgrade", {"HTTP_UPGRADE": "websocket"}, "upgrade"),
        ("9110 §7.8 to one of several", {"HTTP_UPGRADE": "h2c, websocket"}, "upgrade"),
        ("9110 §7.8 to what is unknown", {"HTTP_UPGRADE": "h2cx"}, "upgrade"),
        ("9110 §7.8 to a TLS that there is not", {"HTTP_UPGRADE": "TLS/1.4"}, "upgrade"),
        ("longer than is read: cookies", {"HTTP_COOKIE": LONG}, "too-long"),
        ("longer than is read: directives", {"HTTP_CACHE_CONTROL": LONG}, "too-long"),
        ("longer than is read: Pragma", {"HTTP_PRAGMA": LONG}, "too-long"),
        ("longer than is read: what selects", {"HTTP_X_FORWARDED_HOST": LONG}, "too-long"),
        (
            "longer than is read: Upgrade",
            {"HTTP_UPGRADE": "h2c," * (LONGEST // 4) + "h2c"},
            "upgrade",
        ),
    ),
)
def test_what_passes_by(changes: Environ, why: str) -> None:
    assert read(environ_for(changes=changes), "GET", SAFE) == why


@pytest.mark.parametrize(
    ("method", "changes"),
    rows(
        ("9110 §8.6 no body", "GET", {"CONTENT_LENGTH": "0"}),
        ("9110 §8.6 an empty length", "GET", {"CONTENT_LENGTH": ""}),
        ("9110 §9.3.3 a POST has one", "POST", {"CONTENT_LENGTH": "4"}),
        ("9110 §7.8 Upgrade to other HTTP", "GET", {"HTTP_UPGRADE": "h2c"}),
        ("9110 §7.8 to one of its versions", "GET", {"HTTP_UPGRADE": "h2,\tHTTP/2"}),
        ("9110 §7.8 to TLS", "GET", {"HTTP_UPGRADE": "TLS/1.2, HTTP/2.0"}),
        ("as long as is read: cookies", "GET", {"HTTP_COOKIE": LONG[1:]}),
        ("as long as is read: directives", "GET", {"HTTP_CACHE_CONTROL": LONG[1:]}),
        ("as long as is read: Upgrade", "GET", {"HTTP_UPGRADE": "h2c," * (LONGEST // 4)}),
        ("as long as is read: what selects", "GET", {"HTTP_X_HOST": "a" * (LONGEST - 11)}),
        ("a ticket of any length", "GET", {"HTTP_AUTHORIZATION": f"Negotiate {LONG}"}),
        ("a condition of any length", "GET", {"HTTP_IF_NONE_MATCH": f'"{LONG}"'}),
    ),
)
def test_what_does_not(method: str, changes: Environ) -> None:
    assert isinstance(read(environ_for(method, changes=changes), method, RFC), Request)


# ── directives (§5.2.1, §5.4) ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "directives"),
    rows(
        ("§5.2.1 none", {}, {}),
        ("§5.2.1 Cache-Control", {"cache_control": "max-age=0"}, {"max-age": "0"}),
        ("§5.4 Pragma alone", {"pragma": "No-Cache"}, {"no-cache": None}),
        ("§5.4 Pragma in a list", {"pragma": "foo, no-cache"}, {"no-cache": None}),
        ("§5.4 another Pragma", {"pragma": "foo"}, {}),
        ("§5.4 Cache-Control beside it", {"pragma": "no-cache", "cache_control": "a"}, {"a": None}),
        ("§5.4 even an empty one", {"pragma": "no-cache", "cache_control": ""}, {}),
    ),
)
def test_directives(headers: dict[str, Any], directives: dict[str, Any]) -> None:
    request = asked(**headers)
    assert request.directives == directives
    assert request.plain is not bool(directives)


def test_directives_that_the_policy_does_not_heed() -> None:
    deaf = Policy(request_directives=False)
    assert asked(policy=deaf, cache_control="no-cache, no-store").directives == {}


# ── whether it makes a condition (9110 §13, §14) ─────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "conditional"),
    rows(
        ("9110 §13 none", {}, False),
        ("9110 §13.1.2 If-None-Match", {"if_none_match": '"a"'}, True),
        ("9110 §13.1.3 If-Modified-Since", {"if_modified_since": "x"}, True),
        ("9110 §13.1.5 If-Range", {"if_range": '"a"'}, True),
        ("9110 §14.2 Range", {"range": "bytes=0-"}, True),
        ("9110 §13 beside a directive", {"if_none_match": '"a"', "cache_control": "a"}, True),
        ("§5.2.1 a directive alone", {"cache_control": "a"}, False),
    ),
)
def test_conditional(headers: dict[str, Any], conditional: bool) -> None:
    assert asked(**headers).conditional is conditional


# ── what the app will see ────────────────────────────────────────────────────────────────────────


def test_a_plain_request_keeps_its_environ() -> None:
    environ = environ_for()
    request = read(environ, "GET", SAFE)
    assert isinstance(request, Request)
    assert request.environ is environ
    assert request.plain is request.collapses is True


@pytest.mark.parametrize(
    ("changes", "path", "query"),
    rows(
        ("§2 path and query", {"PATH_INFO": "/b", "QUERY_STRING": "c"}, "/b", "c"),
        ("3333 within an app", {"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}, "/a/b", ""),
        ("3333 no SCRIPT_NAME", {"SCRIPT_NAME": None, "PATH_INFO": "/b"}, "/b", ""),
        ("3333 no PATH_INFO", {"SCRIPT_NAME": "/a", "PATH_INFO": None}, "/a", ""),
        ("3333 no QUERY_STRING", {"QUERY_STRING": None}, "/", ""),
    ),
)
def test_the_key(changes: Environ, path: str, query: str) -> None:
    assert asked(environ=changes).key == ("http", "example.org", path, query)


@pytest.mark.parametrize("host", rows(("§2 case", "Example.ORG"), ("§2 port", "example.org:80")))
def test_the_host_as_the_key_has_it(host: str) -> None:
    request = asked(environ={"HTTP_HOST": host})
    assert request.key[1] == request.environ["HTTP_HOST"] == "example.org"


@pytest.mark.parametrize(
    ("cookies", "left"),
    rows(
        ("none of them", "a=1; b=2", "a=1; b=2"),
        ("some of them", "a=1; _ga=2; b=3", "a=1; b=3"),
        ("by a pattern", "_ga_x=2;b=3", "b=3"),
        ("all of them", "_ga=1; _ga_x=2", None),
        ("a name with white space round it", " _ga =1; b=3", "b=3"),
        ("a tab before a name", "\t_ga=1; b=3", "b=3"),
        ("nothing between two", "_ga=1; ;b=3", "b=3"),
        ("case counts", "_GA=1", "_GA=1"),
    ),
)
def test_ignored_cookies(cookies: str, left: str | None) -> None:
    policy = Policy(ignore_cookies=("_ga", "_ga_*"))
    assert asked(policy=policy, cookie=cookies).environ.get("HTTP_COOKIE") == left


def test_a_post_keeps_its_cookies() -> None:
    """What is not safe is asked once, with all cookies."""
    request = asked("POST", policy=Policy(ignore_cookies=("_ga",)), cookie="_ga=1")
    assert request.environ["HTTP_COOKIE"] == "_ga=1"


@pytest.mark.parametrize(
    ("changes", "copied"),
    rows(
        ("nothing left out", {"HTTP_COOKIE": "a=1"}, False),
        ("a cookie", {"HTTP_COOKIE": "_ga=1"}, True),
        ("capitals in Host", {"HTTP_HOST": "Example.ORG", "HTTP_COOKIE": "a=1"}, True),
        ("both", {"HTTP_HOST": "Example.ORG", "HTTP_COOKIE": "_ga=1"}, True),
    ),
)
def test_what_was_given(changes: Environ, copied: bool) -> None:
    """Where the app will see a copy, the request knows what that is a copy of."""
    environ = environ_for(changes=changes)
    request = read(environ, "GET", Policy(ignore_cookies=("_ga",)))
    assert isinstance(request, Request)
    assert (request.given is environ, request.environ is environ) == (copied, not copied)
    assert copied or request.given is None


def test_the_servers_environ_keeps_its_cookies() -> None:
    environ = {"HTTP_COOKIE": "_ga=1"}
    hides = hiding(("_ga",), None)
    assert hides is not None
    assert without_hidden_cookies(environ, hides) == {}
    assert environ == {"HTTP_COOKIE": "_ga=1"}


@pytest.mark.parametrize(
    ("method", "safe"),
    rows(
        *((f"9110 §9.2.1 {name}", name, True) for name in ("GET", "HEAD", "OPTIONS", "TRACE")),
        *(
            (f"9110 §16.1.1 {name}", name, True)
            for name in ("PROPFIND", "REPORT", "SEARCH", "QUERY", "PRI")
        ),
        ("9110 §9.1 another spelling", "get", True),
        ("9110 §9.1 another spelling of a registered one", "Query", True),
        ("9110 §9.2.1 POST", "POST", False),
        ("9110 §9.1 another spelling of POST", "post", False),
        ("9110 §9.2.1 one that is unknown", "GETS", False),
        ("9110 §9.2.1 none", "", False),
    ),
)
def test_is_safe(method: str, safe: bool) -> None:
    assert is_safe(method) is safe


def test_as_get() -> None:
    """RFC 9110 §9.3.2, §14.2."""
    head = asked("HEAD", "/a?b", range="bytes=0-1", if_range='"a"', if_none_match='"a"')
    given = dict(head.environ)
    get = as_get(head)
    assert (get.method, get.key, get.conditional) == ("GET", head.key, True)
    assert get.given is head.environ == given
    assert get.environ["REQUEST_METHOD"] == "GET"
    assert given.keys() - get.environ.keys() == {"HTTP_RANGE", "HTTP_IF_RANGE"}


def test_as_get_of_a_head_whose_environ_is_a_copy() -> None:
    head = asked("HEAD", environ={"HTTP_HOST": "Example.ORG"})
    assert head.given is not None
    assert as_get(head).given is head.given
