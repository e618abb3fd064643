"""A visitor of the page without a browser: keeps the cookie, fills in the forms."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from tests.scene import Exchange, environ_for, exchange

SAME_ORIGIN = [("Origin", "http://example.org"), ("Sec-Fetch-Site", "same-origin")]
FORM = ("Content-Type", "application/x-www-form-urlencoded")


class Visitor:
    """Somebody at the page of *app*, which is mounted at *mount*."""

    def __init__(self, app: Any, mount: str = "") -> None:
        self.app = app
        self.mount = mount
        self.cookie = ""
        self.token = ""

    def ask(self, target: str, method: str = "GET", **options: Any) -> Exchange:
        """One request for what is below the page."""
        changes = options.pop("changes", {})
        headers = [*options.pop("headers", ())]
        if self.cookie:
            headers.append(("Cookie", self.cookie))
        environ = environ_for(method, target, headers, changes=changes, **options)
        environ["SCRIPT_NAME"] = changes.get("SCRIPT_NAME", self.mount)
        got = exchange(self.app, environ)
        if set_cookie := got.header("Set-Cookie"):
            self.cookie = set_cookie.partition(";")[0]
        if found := re.search(r'name="token" value="([^"]*)"', got.text):
            self.token = found[1]
        return got

    def send(
        self, target: str, headers: Any = SAME_ORIGIN, token: str | None = None, **form: str
    ) -> Exchange:
        """One form."""
        fields = {"token": self.token if token is None else token, **form}
        body = urlencode(fields).encode()
        return self.ask(target, "POST", headers=[FORM, *headers], body=body)


def text_of(html: str) -> str:
    """What a reader of a page reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


HOSTILE = (
    "<xss onload=alert(1)>",
    '"><xss a="',
    "'><xss a='",
    "</code></td></table><xss>",
    "{0}{title}%s&lt;xss&gt;<xss>",
    "javascript:alert(1)//<xss>",
)
"""Texts of strangers that want to be more than text."""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def assert_harmless(html: str) -> None:
    """No text of a stranger has become markup, and no link leads elsewhere."""
    parser = _Tags()
    parser.feed(html)
    assert len(parser.tags) > 20
    # What is hidden is sent as it came.
    assert not set("\u202e\u2066") & set(re.sub(r'<input type="hidden"[^>]*>', "", html))
    for tag, attributes in parser.tags:
        assert "xss" not in tag
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        assert not any("xss" in name for name in attributes), attributes
        assert tag != "script" or (attributes.get("src") or "").startswith("assets/script-")
        for name in ("href", "src", "action"):
            value = attributes.get(name, "./") or ""
            ours = r"(?:assets/|entries|explain|purge|requests|url|\./|#)"
            assert re.match(ours, value), (tag, name, value)
