"""Who may send a form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scene import environ_for
from wsgicache.dashboard.forms import COOKIE, MOST_BYTES, Forms, form_in, refusal

OWN = ("Origin", "http://example.org")
SAME = ("Sec-Fetch-Site", "same-origin")
TLS = {"wsgi.url_scheme": "https"}
URLENCODED = "application/x-www-form-urlencoded"
FORM = [("Content-Type", URLENCODED)]
OTHER = "415 Unsupported Media Type"

SENT: list[tuple[list[tuple[str, str]], dict[str, Any], bool]] = [
    ([OWN, SAME], {}, True),
    ([OWN], {}, True),
    ([("Referer", "http://example.org/admin/cache/purge?url=a")], {}, True),
    ([("Origin", "HTTP://EXAMPLE.ORG:80")], {}, True),
    ([], {}, False),
    ([("Origin", "null")], {}, False),
    ([("Origin", "null"), SAME], {}, False),
    ([("Origin", "http://example.org.evil.example")], {}, False),
    ([("Origin", "http://evil.example"), ("Referer", "http://example.org/")], {}, False),
    ([("Origin", "http://example.org:81")], {}, False),
    ([("Origin", "http://[")], {}, False),
    ([("Origin", "ftp://example.org")], {}, False),
    ([("Referer", "http://evil.example/http://example.org/")], {}, False),
    ([("Referer", "http://example.org@evil.example/")], {}, False),
    ([OWN, ("Sec-Fetch-Site", "cross-site")], {}, False),
    ([OWN, ("Sec-Fetch-Site", "same-site")], {}, False),
    ([OWN, ("Sec-Fetch-Site", "none")], {}, False),
    # A proxy that speaks TLS, or hides the host.
    ([("Origin", "https://example.org")], {}, True),
    ([("Origin", "https://shop.example"), SAME], {"HTTP_HOST": "127.0.0.1:8000"}, True),
    ([("Origin", "https://shop.example")], {"HTTP_HOST": "127.0.0.1:8000"}, False),
    ([("Origin", "http://example.org")], TLS, False),
    ([("Origin", "https://example.org")], TLS, True),
    ([OWN], {"HTTP_HOST": None}, True),
]  # fmt: skip


def asked(headers: Any = (), changes: Any = None, cookie: str = "", body: bytes = b"") -> Any:
    more = [("Cookie", cookie)] if cookie else []
    return environ_for("POST", "/purge", [*headers, *more], body, changes)


@pytest.mark.parametrize(("headers", "changes", "is_heeded"), SENT)
def test_a_form_is_heeded_from_this_page_alone(headers: Any, changes: Any, is_heeded: bool) -> None:
    forms = Forms()
    session = forms.session(asked())
    environ = asked(headers, changes, f"other=1; {COOKIE}={session.name}")
    why = refusal(environ, {"token": session.token}, forms.session(environ))
    assert (why is None) is is_heeded, why


@pytest.mark.parametrize("token", ["", "0" * 40, "\udcff", "ours"])
def test_a_form_needs_the_token_of_its_session(token: str) -> None:
    forms = Forms(b"secret")
    session, other = forms.session(asked()), forms.session(asked())
    assert session.name != other.name
    environ = asked([OWN], cookie=f"{COOKIE}={session.name}")
    given = other.token if token == "ours" else token
    assert "token" in (refusal(environ, {"token": given}, forms.session(environ)) or "")
    # Another process with the same secret takes it; one with another secret does not.
    form = {"token": session.token}
    assert refusal(environ, form, Forms(b"secret").session(environ)) is None
    assert refusal(environ, form, Forms(b"other").session(environ)) is not None


@pytest.mark.parametrize("cookie", ["", "x", f"{COOKIE}=", f"{COOKIE}=a", f'{COOKIE}="; ,[', "a=b"])
def test_a_token_without_a_cookie_is_none(cookie: str) -> None:
    forms = Forms()
    session = forms.session(asked([OWN], cookie=cookie))
    assert session.is_new
    assert refusal(asked([OWN]), {"token": session.token}, session) is not None


@pytest.mark.parametrize(
    "other",
    ['prefs={"a":1}', "a b=c", 'x="', "é=1", "=x", "q", "path", f"{COOKIE}=x", f"x{COOKIE}=1"],
)
def test_the_cookies_of_others_do_not_hide_that_of_the_page(other: str) -> None:
    ours = f"{COOKIE}={'a' * 32}"
    for cookie in (f"{other}; {ours}", f"{ours}; {other}", f"{other};{ours} ;{other}"):
        session = Forms().session(asked(cookie=cookie))
        assert (session.name, session.is_new) == ("a" * 32, False)


def test_the_cookie_stays_with_the_page() -> None:
    session = Forms().session(asked())
    assert session.cookie(asked()) == f"{COOKIE}={session.name}; HttpOnly; SameSite=Strict"
    assert session.cookie(asked(changes=TLS)).endswith("; Secure")


def test_signatures_are_of_one_kind() -> None:
    forms = Forms()
    signature = forms.signed("done", "a")
    assert forms.is_signed("done", "a", signature)
    assert not forms.is_signed("form", "a", signature)
    assert not forms.is_signed("done", "b", signature)
    assert not forms.is_signed("done", "a", "é")


@pytest.mark.parametrize(
    ("headers", "body", "changes", "found"),
    [
        (FORM, b"a=%20b&c=", {}, {"a": " b", "c": ""}),
        (FORM, b"", {"CONTENT_LENGTH": "0"}, {}),
        ([("Content-Type", f"{URLENCODED}; charset=utf-8")], b"a=1", {}, {"a": "1"}),
        ([], b"a=1", {}, OTHER),
        ([("Content-Type", "multipart/form-data; boundary=a")], b"a=1", {}, OTHER),
        ([("Content-Type", "text/plain")], b"a=1", {}, OTHER),
        (FORM, b"a=1", {"CONTENT_LENGTH": None}, "411 Length Required"),
        (FORM, b"a=1", {"CONTENT_LENGTH": "-1"}, "411 Length Required"),
        (FORM, b"a=1", {"CONTENT_LENGTH": str(MOST_BYTES + 1)}, "413 Content Too Large"),
        (FORM, b"a=1", {"CONTENT_LENGTH": "9" * 5000}, "413 Content Too Large"),
        (FORM, b"a=\xff", {}, "400 Bad Request"),
        (FORM, b"&".join(b"a=%d" % n for n in range(101)), {}, "400 Bad Request"),
    ],
)  # fmt: skip
def test_what_counts_as_a_form(headers: Any, body: bytes, changes: Any, found: Any) -> None:
    assert form_in(asked(headers, changes, body=body)) == found
