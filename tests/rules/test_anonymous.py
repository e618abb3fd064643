"""What a request that outlives its client says: a row per clause."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from tests.rules.messages import SAFE, asked, date, rows
from tests.scene import Environ, environ_for
from wsgicache import Policy
from wsgicache.rules.anonymous import background_environ
from wsgicache.rules.request import Request, read

PERSONAL: dict[str, Any] = {
    "authorization": "x",
    "cookie": "a=1",
    "cache_control": "no-cache",
    "if_none_match": '"a"',
    "if_modified_since": date(),
    "if_range": '"a"',
    "pragma": "no-cache",
    "proxy_authorization": "x",
    "range": "bytes=0-1",
    "x_forwarded_for": "192.0.2.1",
    "x_real_ip": "192.0.2.1",
}


def in_background(request: Request, nominated: tuple[str, ...] = ()) -> Environ:
    environ = background_environ(request, nominated, {"LANG": "C"}, SAFE)
    assert environ is not None
    return environ


def test_a_background_request_has_the_cookie_that_chose_the_language_and_no_other() -> None:
    request = asked(cookie="sid=alice; django_language=de")
    environ = background_environ(request, (), {}, SAFE)
    assert environ is not None
    assert environ["HTTP_COOKIE"] == "django_language=de"
    again = read(environ, "GET", SAFE)
    assert isinstance(again, Request)
    assert again.forwarded == request.forwarded


def test_a_background_request_is_nobodys() -> None:
    changes = {
        "wsgi.input": BytesIO(b"x"),
        "app.connection": object(),
        "REMOTE_USER": "a",
        "RAW_URI": "/%61",
        "LANG": "C",
    }
    request = asked("HEAD", "/a?b", accept="c", environ=changes, **PERSONAL)
    environ = in_background(request)
    personal = {"HTTP_" + name.upper() for name in PERSONAL}
    assert not personal & environ.keys()
    assert not {"app.connection", "REMOTE_USER"} & environ.keys()
    assert (request.environ["REMOTE_ADDR"], environ["REMOTE_ADDR"]) == ("192.0.2.7", "127.0.0.1")
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["wsgi.input"].read() == b""
    told = ("PATH_INFO", "QUERY_STRING", "RAW_URI", "HTTP_ACCEPT", "HTTP_HOST", "wsgi.url_scheme")
    assert [environ[key] for key in told] == ["/a", "b", "/%61", "c", "example.org", "http"]
    assert environ["LANG"] == "C"


@pytest.mark.parametrize(
    "name",
    ["x_forwarded_user", "x_forwarded_email", "x_api_key", "x_csrftoken", "referer"],
)
def test_no_field_says_who_asks_unless_vary_nominates_it(name: str) -> None:
    key = "HTTP_" + name.upper()
    fields: dict[str, Any] = {name: "alice"}
    request = asked(**fields)
    assert key not in in_background(request)
    assert in_background(request, (key,))[key] == "alice"


def test_the_type_of_content_that_is_not_there_is_not_repeated() -> None:
    request = asked(environ={"CONTENT_TYPE": "a/b; charset=cp037"})
    assert "CONTENT_TYPE" not in in_background(request)
    assert in_background(request, ("CONTENT_TYPE",))["CONTENT_TYPE"] == "a/b; charset=cp037"


@pytest.mark.parametrize(
    ("fields", "nominated", "can"),
    rows(
        ("a stranger", {}, (), True),
        ("a cookie", {"cookie": "a=1"}, (), False),
        ("a cookie that selects", {"cookie": "a=1"}, ("HTTP_COOKIE",), True),
        ("credentials", {"authorization": "x"}, (), False),
    ),
)
def test_what_a_layer_outside_says_of_a_known_client_is_not_told_apart(
    fields: dict[str, Any], nominated: tuple[str, ...], can: bool
) -> None:
    """It may be his name, which must go, or the tenant, without which the app answers another."""
    request = asked(environ={"OIDC_CLAIM_email": "alice"}, **fields)
    request.identified = "authorization" in fields
    environ = background_environ(request, nominated, {}, SAFE)
    assert (environ is not None) is can
    assert environ is None or environ["OIDC_CLAIM_email"] == "alice"


def test_what_vary_nominates_is_asked_again() -> None:
    environ = in_background(asked(**PERSONAL), ("HTTP_COOKIE",))
    assert environ["HTTP_COOKIE"] == "a=1"
    assert "HTTP_AUTHORIZATION" not in environ


@pytest.mark.parametrize(
    ("given", "nominated", "said"),
    rows(
        ("7239 §5.2 for", "for=192.0.2.1;host=a", (), "host=a"),
        ("7239 §5.2 for nobody else", "for=192.0.2.1", (), None),
        ("7239 §4 by several", "for=192.0.2.1, for=192.0.2.2", (), None),
        ("§4.1 nominated", "for=192.0.2.1;host=a", ("HTTP_FORWARDED",), "for=192.0.2.1;host=a"),
    ),
)
def test_forwarded_says_nothing_of_who_asks(
    given: str, nominated: tuple[str, ...], said: str | None
) -> None:
    assert in_background(asked(forwarded=given), nominated).get("HTTP_FORWARDED") == said


@pytest.mark.parametrize(
    ("nominated", "left"),
    rows(
        ("those that choose a language", (), "lang=de; locale=at"),
        ("§4.1 nominated", ("HTTP_COOKIE",), "lang=de;sid=alice;locale=at"),
    ),
)
def test_which_cookies_are_left(nominated: tuple[str, ...], left: str) -> None:
    policy = Policy(language_cookies=("lang", "locale"))
    request = asked(policy=policy, cookie="lang=de;sid=alice;locale=at")
    environ = background_environ(request, nominated, {}, policy)
    assert environ is not None
    assert environ["HTTP_COOKIE"] == left


# ── whose a key is, by how it begins ─────────────────────────────────────────────────────────────

OF_THE_CLIENT = (
    *("REMOTE_", "AUTH_TYPE", "SSL_CLIENT_", "HTTPS_DN", "HTTPS_CC", "TLS_CLIENT_", "CERT_"),
    *("LOGON_USER", "AUTH_USER", "PEER_CERT", "peercert", "tls.", "CONTENT_LENGTH"),
)
OF_THE_SERVER = (
    *("CONTEXT_", "DOCUMENT_", "GATEWAY_", "HTTPS", "PATH_", "QUERY_STRING", "RAW_URI"),
    *("REQUEST_", "SCRIPT_", "SERVER_", "SSL_", "UNIQUE_ID", "wsgi.", "wsgicache."),
    *("gunicorn.", "mod_wsgi.", "uwsgi.", "waitress.", "werkzeug."),
)


def test_a_background_request_has_the_fields_of_the_target() -> None:
    """RFC 9110 §7.2, §10.1.5, §12.5."""
    fields = "ACCEPT ACCEPT_CHARSET ACCEPT_ENCODING ACCEPT_LANGUAGE HOST USER_AGENT".split()
    given = {f"HTTP_{field}": "x" for field in fields}
    assert in_background(asked(environ=given)).items() >= given.items()


def test_what_is_said_of_the_connection_goes_and_what_only_begins_alike_stays() -> None:
    gone = {key + "X": "x" for key in OF_THE_CLIENT}
    alike = {key[:-1]: "x" for key in OF_THE_CLIENT}
    environ = in_background(asked(environ={**gone, **alike}))
    assert not gone.keys() & environ.keys()
    assert environ.items() >= alike.items()


@pytest.mark.parametrize("key", OF_THE_SERVER)
def test_what_the_server_says_of_everybody_stays_and_what_only_begins_alike_may_say_who(
    key: str,
) -> None:
    environ = in_background(asked(cookie="a=1", environ={key + "X": "x"}))
    assert environ[key + "X"] == "x"
    request = asked(cookie="a=1", environ={key[:-1]: "x"})
    assert background_environ(request, (), {}, SAFE) is None


def test_environs_are_realistic() -> None:
    """What the tests here build on: a background request needs all that a server gives."""
    request = asked()
    told = environ_for().keys() - {"REMOTE_PORT", "HTTP_CONNECTION"}
    assert in_background(request).keys() >= told
