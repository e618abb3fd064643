"""What a request may say that could change a page: known inputs, and values that software knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

from wsgicache.rules.credentials import CREDENTIAL_FIELDS
from wsgicache.rules.fields import environ_key
from wsgicache.rules.searching import variation
from wsgicache.rules.selecting import SELECTING_FIELDS
from wsgicache.why.asked import Asked
from wsgicache.why.watching import Reads

__all__ = [
    "Input", "cookie_inputs", "environ_inputs", "field_inputs", "query_inputs",
    "together",
]  # fmt: skip

MADE_UP = "wsgicache-audit"
"""A value that no software knows."""
_FLAGS = ("on", "1", "?1", "true")

_VALUES: dict[str, tuple[str, ...]] = {
    "Accept": ("application/json", "text/html", "text/plain"),
    "Accept-Language": ("de", "fr", "en-US"),
    "Accept-Encoding": ("gzip", "br"),
    "Accept-Charset": ("iso-8859-1",),
    "Content-Type": (
        "application/json",
        "application/x-www-form-urlencoded",
        "text/html; charset=iso-8859-1",
    ),
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
    "Sec-CH-UA": ('"Chromium";v="130"',),
    "Sec-CH-UA-Model": ('"Pixel 9"',),
    "Sec-CH-Prefers-Reduced-Motion": ("reduce",),
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
    "X-Up-Target": ("main",),
    "HX-Target": ("main",),
    "X-Inertia": ("true",),
    "X-Forwarded-Proto": ("https",),
    "X-Forwarded-For": ("203.0.113.9",),
    "X-Real-IP": ("203.0.113.9",),
    "CF-Connecting-IP": ("203.0.113.9",),
    "True-Client-IP": ("203.0.113.9",),
    "X-Client-IP": ("203.0.113.9",),
    "X-Cluster-Client-IP": ("203.0.113.9",),
    "Fastly-Client-IP": ("203.0.113.9",),
    "Fly-Client-IP": ("203.0.113.9",),
    "X-Forwarded-Host": ("other.example",),
    "X-Forwarded-Prefix": ("/other",),
    "X-Forwarded-Port": ("8443",),
    "Forwarded": ("proto=https;host=other.example",),
    "CF-IPCountry": ("DE",),
    "X-Country-Code": ("DE",),
    "X-Device": ("phone", "mobile"),
    "X-Theme": ("dark",),
    "Prefer": ("return=minimal",),
    "Authorization": ("Basic YWxpY2U6c2VjcmV0", "Bearer alice"),
}
_ADDRESSES = frozenset(
    {
        *("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"),
        *("X-Cluster-Client-IP", "Fastly-Client-IP", "Fly-Client-IP"),
    }
)
_COOKIE_VALUES = ("on", "1", "true", "dark", "de", MADE_UP)
_SESSIONS = (
    *("sessionid", "session", "user", "username", "remember_token", "token", "jwt", "csrftoken"),
    *("auth", "access_token", "session_id", "sid", "messages", "cart"),
)
"""Names of cookies that say who asks."""
_PREFERENCES = (
    *("theme", "dark", "dark_mode", "color_scheme", "lang", "language", "locale"),
    *("django_language", "currency", "country", "region", "timezone", "tz", "ab", "variant"),
    *("experiment", "beta", "cookie_consent", "consent", "mobile", "device", "layout", "view"),
)
"""Names of cookies that applications often read, and many visitors have in common."""
_ENVIRON: dict[str, tuple[str, ...]] = {
    "REMOTE_ADDR": ("203.0.113.9", "10.0.0.1"),
    "REMOTE_HOST": ("other.example",),
    "REMOTE_PORT": ("50001",),
    "REMOTE_USER": ("alice",),
    "SERVER_PORT": ("8443",),
    "SERVER_NAME": ("other.example",),
    "SERVER_PROTOCOL": ("HTTP/1.0",),
    "REQUEST_METHOD": ("HEAD",),
}
_WHO = frozenset({"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_USER"})
_NOT_INPUTS = frozenset(
    {
        # The key has them.
        *("HTTP_HOST", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REQUEST_URI", "RAW_URI"),
        # Each cookie is tried.
        "HTTP_COOKIE",
        # The cache itself answers them, or they are about the connection.
        *("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"),
        *("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_CACHE_CONTROL"),
        *("HTTP_PRAGMA", "HTTP_EXPECT", "HTTP_CONNECTION", "HTTP_TE", "HTTP_UPGRADE"),
        *("HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"),
        *("CONTENT_LENGTH", "HTTP_TRAILER"),
        # Code about other servers and systems.
        *("GATEWAY_INTERFACE", "SERVER_SOFTWARE", "PATH_TRANSLATED", "DOCUMENT_ROOT"),
    }
)
_SAYS_WHO = re.compile(
    r"(?:^|-)(?:Key|Token|Auth|Secret|User|Username|Session|Password|Email|Account|Member|Login)$",
    re.IGNORECASE,
)
"""How names of other fields end that say who asks."""
_ENVIRON_KEY = re.compile(r"[A-Z][A-Z0-9_]*")


class Input(NamedTuple):
    """Something that a request may say, with the values to try."""

    name: str
    """``header NAME``, ``cookie NAME``, ``environ NAME`` or ``query NAME``."""
    key: str
    """The environ key that an app reads; for a cookie it is ``HTTP_COOKIE``."""
    values: tuple[str, ...]
    is_identity: bool
    """Whether it says who asks, or from where."""
    noted: str
    """What is noted when it is read by name."""

    def asked(self, base: Asked, value: str) -> Asked:
        """Return *base* with *value* in this place."""
        return together(base, [(self, value)])

    def tells(self, reads: Reads) -> bool:
        """Return whether an invented value tells what the app does with a true one.

        It does not if the app reads who asks: it may refuse each of them, or ignore them.
        """
        return not (self.is_identity and self.noted in reads.places)


def together(base: Asked, values: Iterable[tuple[Input, str]]) -> Asked:
    """Return *base* with each of these inputs at its value."""
    fields: dict[str, str] = {}
    changes, url = dict(base.changes), base.url
    cookies = None
    for one, value in values:
        kind, _, name = one.name.partition(" ")
        if kind == "environ":
            changes[name] = value
        elif kind == "query":
            url = _with_parameter(url, name, value)
        elif kind == "cookie":
            if cookies is None:
                pairs = (pair.strip() for pair in base.value("Cookie").split(";"))
                cookies = {pair.partition("=")[0].strip(): pair for pair in pairs if pair}
            cookies.pop(name, None)
            cookies[name] = f"{name}={value}"
        else:
            fields[name] = value
    if cookies is not None:
        fields["Cookie"] = "; ".join(cookies.values())
    left = base.without(*fields)
    fields_then = [*left.fields, *fields.items()]
    return replace(left, url=url, fields=fields_then, changes=tuple(changes.items()))


def _with_parameter(url: str, name: str, value: str) -> str:
    """Return *url* with this parameter alone of its name."""
    before, _, query = url.partition("?")
    pairs = [one for one in query.split("&") if one and unquote_plus(one.partition("=")[0]) != name]
    return f"{before}?{'&'.join([*pairs, f'{quote_plus(name)}={quote_plus(value)}'])}"


def query_inputs(url: str, said: str | None) -> Iterator[Input]:
    """Yield the parameters of *url* that do not count, by what No-Vary-Search *said* of them."""
    given = variation(said)
    if given == variation(None):
        return
    pairs = url.partition("?")[2].split("&")
    there = [unquote_plus(pair.partition("=")[0]) for pair in pairs if pair]
    for name in dict.fromkeys([*there, *([MADE_UP] if given.only else sorted(given.names))]):
        if (name in given.names) is not given.only:
            key = "QUERY_STRING"
            yield Input(f"query {name}", key, ("1", "2", MADE_UP), False, key)


def field_inputs(
    reads: Reads, offered: Mapping[str, tuple[str, ...]], logins: Mapping[str, tuple[str, ...]]
) -> Iterator[Input]:
    """Yield the known request fields, those that an app has read, and those of *logins*.

    *offered* has the values that the operator offers, by environ key.
    """
    said = {environ_key(name): values for name, values in logins.items()}
    known = dict.fromkeys([*_VALUES, *CREDENTIAL_FIELDS, *SELECTING_FIELDS])
    by_key = {environ_key(name): name for name in known}
    for key in reads.places:
        if key.startswith("HTTP_"):
            by_key.setdefault(key, key[5:].replace("_", "-").title())
    for name in logins:
        by_key.setdefault(environ_key(name), name)
    identity = {*CREDENTIAL_FIELDS, *_ADDRESSES, "Authorization"}
    identity |= {name for name in by_key.values() if name not in _VALUES and _SAYS_WHO.search(name)}
    for key, name in by_key.items():
        if key not in _NOT_INPUTS:
            usual = ("1",) if name in CREDENTIAL_FIELDS else _FLAGS
            values = (*said.get(key, ()), *offered.get(key, ()), *_VALUES.get(name, usual))
            values = _with_words(values, reads, key)
            yield Input(f"header {name}", key, values, name in identity or key in said, key)
    key = "HTTP_FORWARDED"
    yield Input("header Forwarded", key, ("for=203.0.113.9",), True, key)


def environ_inputs(reads: Reads) -> Iterator[Input]:
    """Yield what servers say of a request beside its fields, and what else an app has read."""
    own = [
        key
        for key in reads.places
        if key in reads.own
        and _ENVIRON_KEY.fullmatch(key)
        and not key.startswith(("HTTP_", "CONTENT_"))
    ]
    for key in dict.fromkeys([*_ENVIRON, *own]):
        if key not in _NOT_INPUTS:
            values = _ENVIRON.get(key) or _with_words(_FLAGS, reads, key)
            yield Input(f"environ {key}", key, values, key in _WHO, key)


def cookie_inputs(seen: Mapping[str, tuple[str, ...]], reads: Reads) -> Iterator[Input]:
    """Yield the cookies that an app may have read.

    Those are the ones that it read by name and, if it parses cookies itself, those *seen*, which
    may have the values of those logged in, those that are often read, and the texts in the code
    that reads.
    """
    names = [key.partition(" ")[2] for key in reads.places if key.startswith("cookie ")]
    if reads.parsed is not None:
        words = [
            word for word in reads.words.get("HTTP_COOKIE", ()) if _COOKIE_NAME.fullmatch(word)
        ]
        names += [*seen, *words, *_PREFERENCES, *_SESSIONS]
    for name in dict.fromkeys(names):
        own, noted = seen.get(name, ()), f"cookie {name}"
        values = (*own, *_COOKIE_VALUES)
        read = noted if noted in reads.places else "HTTP_COOKIE"
        is_identity = name in _SESSIONS or (any(own) and name not in _PREFERENCES)
        yield Input(noted, "HTTP_COOKIE", _with_words(values, reads, read), is_identity, noted)


_COOKIE_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _with_words(values: tuple[str, ...], reads: Reads, noted: str) -> tuple[str, ...]:
    """Return *values*, those that the code mentions that reads, and one that no software knows."""
    words = (word for word in reads.words.get(noted, ()) if ";" not in word)
    return tuple(dict.fromkeys((*values, *words, MADE_UP)))
