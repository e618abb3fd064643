"""What a request may say that could change a page: known inputs, and values that software knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from wsgicache.rules.credentials import CREDENTIAL_FIELDS
from wsgicache.rules.selecting import SELECTING_FIELDS
from wsgicache.why.asked import Asked

__all__ = [
    "COOKIE_VALUES", "KNOWN_COOKIES", "Input", "cookie_inputs", "environ_key", "field_inputs",
    "known_cookies",
]  # fmt: skip

MADE_UP = "wsgicache-audit"
"""A value that no software knows."""
_FLAGS = ("on", "1", "?1", "true")

_VALUES: dict[str, tuple[str, ...]] = {
    "Accept": ("application/json", "text/html", "text/plain"),
    "Accept-Language": ("de", "fr", "en-US"),
    "Accept-Encoding": ("gzip", "br"),
    "Accept-Charset": ("iso-8859-1",),
    "Content-Type": ("application/json", "application/x-www-form-urlencoded"),
    "DNT": ("1",),
    "Sec-GPC": ("1",),
    "Save-Data": ("on",),
    "Sec-Fetch-Mode": ("navigate", "cors"),
    "Sec-Fetch-Dest": ("iframe", "document", "empty"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Sec-Fetch-User": ("?1",),
    "Sec-CH-UA-Mobile": ("?1", "?0"),
    "Sec-CH-UA-Platform": ('"Android"', '"Windows"'),
    "Sec-CH-Prefers-Color-Scheme": ("dark",),
    "Sec-CH-Viewport-Width": ("390",),
    "Viewport-Width": ("390",),
    "Width": ("390",),
    "DPR": ("2",),
    "Device-Memory": ("0.5",),
    "Downlink": ("0.3",),
    "ECT": ("2g",),
    "User-Agent": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "curl/8.5.0",
    ),
    "Referer": ("https://other.example/page",),
    "Origin": ("https://other.example",),
    "X-Requested-With": ("XMLHttpRequest",),
    "HX-Request": ("true",),
    "X-PJAX": ("true",),
    "Turbo-Frame": ("main",),
    "X-Inertia": ("true",),
    "X-Forwarded-Proto": ("https",),
    "X-Forwarded-For": ("203.0.113.9",),
    "X-Real-IP": ("203.0.113.9",),
    "CF-Connecting-IP": ("203.0.113.9",),
    "True-Client-IP": ("203.0.113.9",),
    "CF-IPCountry": ("DE",),
    "X-Country-Code": ("DE",),
    "X-Device": ("phone", "mobile"),
    "X-Theme": ("dark",),
    "Prefer": ("return=minimal",),
    "Authorization": ("Basic YWxpY2U6c2VjcmV0", "Bearer alice"),
}
_ADDRESSES = {"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"}
COOKIE_VALUES = ("on", "1", "true", "dark", "de", MADE_UP)
KNOWN_COOKIES = (
    *(
        "theme",
        "dark",
        "dark_mode",
        "color_scheme",
        "lang",
        "language",
        "locale",
        "django_language",
    ),
    *("currency", "country", "region", "timezone", "tz", "ab", "variant", "experiment", "beta"),
    *("sessionid", "session", "user", "username", "remember_token", "token", "jwt", "csrftoken"),
    *("cookie_consent", "consent", "messages", "cart", "mobile", "device"),
)
"""Names of cookies that applications often read."""
_NOT_INPUTS = frozenset({"HTTP_HOST", "HTTP_COOKIE", "HTTP_CONTENT_LENGTH", "HTTP_RANGE"})
"""Environ keys that the key contains, or that are looked at in another way."""


def environ_key(name: str) -> str:
    """Return where an environ has the request field *name* (PEP 3333)."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Input(NamedTuple):
    """Something that a request may say, with the values to try."""

    name: str
    """``header NAME``, ``cookie NAME`` or ``environ NAME``."""
    key: str
    """The environ key that an app reads."""
    values: tuple[str, ...]
    is_identity: bool
    """Whether it says who asks, or from where."""

    def asked(self, base: Asked, value: str) -> Asked:
        """Return *base* with *value* in this place."""
        kind, _, name = self.name.partition(" ")
        if kind == "environ":
            return replace(base, changes=(*base.changes, (name, value)))
        if kind == "cookie":
            others = [
                one.strip()
                for one in base.value("Cookie").split(";")
                if one.strip() and one.partition("=")[0].strip() != name
            ]
            cookies = "; ".join([*others, f"{name}={value}"])
            return replace(
                base.without("Cookie"), fields=[*base.without("Cookie").fields, ("Cookie", cookies)]
            )
        left = base.without(name)
        return replace(left, fields=[*left.fields, (name, value)])


def field_inputs(read: Iterable[str]) -> Iterator[Input]:
    """Yield the known request fields, those that an app has *read*, and the client's address."""
    known = dict.fromkeys([*_VALUES, *CREDENTIAL_FIELDS, *SELECTING_FIELDS])
    by_key = {environ_key(name): name for name in known}
    for key in read:
        if key.startswith("HTTP_") and key not in by_key:
            by_key[key] = key[5:].replace("_", "-").title()
    identity = {*CREDENTIAL_FIELDS, *_ADDRESSES, "Authorization"}
    for key, name in by_key.items():
        if key not in _NOT_INPUTS:
            values = _VALUES.get(name, _FLAGS)
            yield Input(f"header {name}", key, (*values, MADE_UP), name in identity)
    yield Input("environ REMOTE_ADDR", "REMOTE_ADDR", ("203.0.113.9", "10.0.0.1"), True)
    yield Input("environ REMOTE_USER", "REMOTE_USER", ("alice",), True)


def cookie_inputs(values: Mapping[str, str]) -> Iterator[Input]:
    """Yield the cookies of *values*, which are those of somebody logged in, or empty."""
    for name, value in values.items():
        tried = (value, *COOKIE_VALUES) if value else COOKIE_VALUES
        yield Input(f"cookie {name}", "HTTP_COOKIE", tried, bool(value))


def known_cookies(value: str) -> str:
    """Return a Cookie field in which every cookie that is often read has *value*."""
    return "; ".join(f"{name}={value}" for name in KNOWN_COOKIES)
