"""Who may send a form."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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


class Reporter:
    """What a log would have."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def __call__(self, kind: str, message: str) -> None:
        assert "of no use" in message
        self.kinds.append(kind)


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _no_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"")


TROUBLES: dict[str, Callable[[Path], object]] = {
    "read by others": lambda path: path.chmod(0o640),
    "of another user": lambda path: None,
    "a link": _linked,
    "short": lambda path: path.write_bytes(b"k" * 31),
    "long": lambda path: path.write_bytes(b"k" * 33),
    "a pipe": _piped,
    "no folder": _no_folder,
}


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


def takes(forms: Forms, other: Forms) -> str | None:
    """Why *other* refuses a form that *forms* has made, or None."""
    session = forms.session(asked())
    environ = asked([OWN], cookie=f"{COOKIE}={session.name}")
    return refusal(environ, {"token": session.token}, other.session(environ))


def test_processes_with_a_folder_take_the_forms_of_each_other(tmp_path: Path) -> None:
    """Those of one secret and those of the folder are two worlds."""
    folder, said = str(tmp_path / "counters"), Reporter()
    one, other = Forms(folder=folder, report=said), Forms(folder=folder, report=said)
    assert takes(one, other) is None
    assert "counters=DIR" not in (takes(Forms(), one) or "counters=DIR")
    assert takes(Forms(b"secret", folder), Forms(b"secret")) is None
    (key,) = Path(folder).iterdir()
    assert (stat.S_IMODE(key.stat().st_mode), len(key.read_bytes())) == (0o600, 32)
    assert said.kinds == []


def test_many_processes_begin_at_once(tmp_path: Path) -> None:
    """All get the key of the first one."""
    folder = str(tmp_path)

    def key(number: int) -> str:
        return Forms(folder=folder).signed("form", "a")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(key, range(64)))) == 1
    assert len(os.listdir(folder)) == 1


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=list(TROUBLES))
def test_a_key_that_others_may_know_is_none(
    trouble: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form says what to do about it, and the log why."""
    path, said = tmp_path / "counters" / "forms.key", Reporter()
    path.parent.mkdir()
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    assert takes(Forms(folder=str(path.parent)), Forms(folder=str(path.parent))) is None
    with monkeypatch.context() as context:
        trouble(path)
        if trouble is TROUBLES["of another user"]:
            context.setattr(os, "geteuid", lambda: os.getuid() + 1)
        forms = Forms(folder=str(path.parent), report=said)
        assert takes(forms, forms) is None
        why = takes(Forms(folder=str(path.parent)), forms) or ""
    assert "CacheMiddleware(app, counters=DIR)" in why
    assert "Dashboard(cache, secret=SECRET)" in why
    assert set(said.kinds) == {"forms"}


def test_forms_of_before_a_fork_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = Forms()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert takes(forms, forms) is None
    assert "counters=DIR" not in (takes(Forms(b"other"), forms) or "counters=DIR")


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
