"""Which URI is it, and which of its variants (RFC 9111 §2, §4.1, §4.4; RFC 9110 §7.1)?

A key is a tuple of parts and never a joined string: PATH_INFO arrives decoded, so joining would
make one key of ``/a%3Fb=1`` and ``/a?b=1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from wsgicache.rules.bounds import LONGEST, Remembered
from wsgicache.rules.negotiating import canonical_codings

__all__ = [
    "HOSTS", "Key", "Kind", "Selector", "Values", "canonical_host", "digested", "host_asked",
    "host_of_server", "key_of_url", "same_origin_key", "selecting_value", "target_key",
    "told_target", "url_of",
]  # fmt: skip

Key = tuple[str, str, str, str]
"""Scheme, host, path (SCRIPT_NAME + PATH_INFO, as WSGI decodes it) and query of a target URI."""

Values = tuple[str | tuple[str, ...] | None, ...]
"""The values that select one stored response of a key, in this order: what a proxy forwarded of the
request, the implied fields, the names that Vary has, the fields of those names."""

Selector = Values | str
"""The key of a response in its entry: those values, or a digest of them."""

Kind = tuple[tuple[str, ...], str | None]
"""How a stored response is selected: the environ keys of the fields that its Vary names, and its
one coding, if that is compared instead of Accept-Encoding."""

_HOST = re.compile(
    r"(?P<name>[a-z0-9_](?:[a-z0-9_-]|\.(?=[a-z0-9_-]))*\.?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def canonical_host(scheme: str, host: str | None) -> str | None:
    """Return the Host field as part of a key: in lower case, without the scheme's default port.

    Returns None for anything but a host: nothing can be filed under it (RFC 9110 §7.2).
    """
    return HOSTS[scheme, host]


def _canonical(asked: tuple[str, str | None]) -> str | None:
    scheme, host = asked
    if host is None or len(host) > 255:
        return None
    found = _HOST.fullmatch(host.lower()) if host.isascii() else None
    if found is None:
        return None
    port = found["port"]
    if not port or port == _DEFAULT_PORTS.get(scheme):
        return found["name"]
    return f"{found['name']}:{port}"


HOSTS = Remembered(_canonical, 1024, 512)
"""`canonical_host` of a scheme and a host."""


def host_of_server(environ: Mapping[str, Any]) -> str | None:
    """Return the host of a request without a Host field, as PEP 3333 has it; else None."""
    if "HTTP_HOST" in environ:
        return None
    server = f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
    return canonical_host(environ["wsgi.url_scheme"], server)


def host_asked(environ: Mapping[str, Any]) -> str:
    """Return the host that a request asks for, and its port, as they came."""
    given = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return str(given)


def target_key(environ: Mapping[str, Any]) -> Key | None:
    """Return the target URI as the app sees it (RFC 9110 §7.1), or None if it is not valid."""
    get = environ.get
    scheme: str = environ["wsgi.url_scheme"]
    host = canonical_host(scheme, get("HTTP_HOST")) or host_of_server(environ)
    path: str = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
    if host is None or path[:1] != "/":
        return None
    return (scheme, host, path, get("QUERY_STRING", ""))


_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# It has nothing that could make a reference mean another origin to another reader: no white space,
# controls, backslashes or bytes beyond ASCII.
_PLAIN_REFERENCE = re.compile(r"[\x21-\x5b\x5d-\x7e]*")

_split: Callable[[str], SplitResult] = getattr(urlsplit, "__wrapped__", urlsplit)
"""urlsplit without its memory, which holds texts of any length."""


def key_of_url(url: str) -> Key | None:
    """Return the key of a request for the absolute *url*, or None if it is no http(s) URL."""
    if _PLAIN_REFERENCE.fullmatch(url) is None:
        return None
    try:
        parts = _split(url)
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    host = canonical_host(scheme, parts.netloc)
    if host is None or scheme not in _DEFAULT_PORTS:
        return None
    path = unquote_to_bytes(parts.path or "/").decode("latin-1")
    return (scheme, host, path, parts.query)


def url_of(key: Key) -> str:
    """Return an absolute URL whose key is *key*."""
    return f"{key[0]}://{key[1]}{target_of(key)}"


_AS_IT_IS = "/:@!$&'()*+,;=~-._"
_UNQUOTED = re.compile(f"[A-Za-z0-9{re.escape(_AS_IT_IS)}]*")
"""Path characters that no client quotes (RFC 3986 §3.3)."""


def target_of(key: Key) -> str:
    """Return the path and query of `url_of`: how a client usually asks for *key*."""
    path = key[2]
    if _UNQUOTED.fullmatch(path) is None:  # PERF: most paths match; 1.2 µs less
        path = quote(path, safe=_AS_IT_IS, encoding="latin-1", errors="replace")
    return f"{path}?{key[3]}" if key[3] else path


def told_target(key: Key, raw: str | None, target: str | None) -> tuple[str | None, str | None]:
    """Return what RAW_URI and REQUEST_URI say beyond the *key*.

    Each server sets its own of the two. The result is empty where both say what any client would
    send for *key*, and names a target once where both say the same. Targets that mean the same are
    the same (RFC 3986 §6.2.2).
    """
    if not key[3]:  # An empty query and none are the same target.
        raw, target = raw and raw.removesuffix("?"), target and target.removesuffix("?")
    if raw is None or raw == target:
        raw, target = target, None
    if target is None and raw == target_of(key):
        return None, None
    normal, other = raw and normal_target(key, raw), target and normal_target(key, target)
    if (normal, other) != (raw, target):
        return told_target(key, normal, other)
    return raw, target


_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~")
"""Without the dot: an escaped one makes no dot segment for whoever reads the raw target."""


def normal_target(key: Key, target: str) -> str:
    """Return the raw *target* of a request for *key* in origin-form, its path normalised.

    An absolute-form that names another origin stays (RFC 9112 §3.2.2). In the path, escapes of
    unreserved characters are decoded, and others are in upper case (RFC 3986 §6.2.2.1, §6.2.2.2).
    """
    found = _ABSOLUTE.fullmatch(target)
    if found and (found[1].lower(), canonical_host(key[0], found[2])) == key[:2]:
        target = found[3] if found[3].startswith("/") else f"/{found[3]}"
    path, mark, query = target.partition("?")
    return _ESCAPE.sub(_normal_escape, path) + mark + query


def _normal_escape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def same_origin_key(base: Key, reference: str) -> Key | None:
    """Return the key of a Location or Content-Location of *base*'s origin, else None (§4.4).

    A reference too long to read has none.
    """
    reference = reference.strip(" \t")
    url = reference
    scheme, host, path, query = base
    if len(path) + len(query) + len(reference) > LONGEST:
        return None
    if _PLAIN_REFERENCE.fullmatch(reference) is None:
        return None
    try:
        if reference.startswith("//"):
            url = f"{scheme}:{reference}"
        elif not _HAS_SCHEME.match(reference):
            base_url = f"{scheme}://{host}{quote(path.encode('latin-1'), safe='/')}"
            url = urljoin(f"{base_url}?{query}" if query else base_url, reference)
        parts = _split(url)
        key = key_of_url(parts._replace(path=_without_dot_segments(parts.path)).geturl())
    except ValueError:
        return None
    return key if key is not None and key[:2] == base[:2] else None


def _without_dot_segments(path: str) -> str:
    """Return *path* as a client asks for it, without dot segments (RFC 3986 §5.2.2, §5.2.4)."""
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


# ── Selecting (§4.1) ───────────────────────────────────────────────────────────────────────────

_LIST_PIECE = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[ \t]*+,[ \t]*+|[ \t]++|[^", \t]++', re.DOTALL)


def without_optional_space(value: str) -> str:
    """Return *value* without optional white space: around commas and at the ends (§4.1)."""
    pieces = _LIST_PIECE.findall(value.strip(" \t"))
    return "".join(piece if piece[0] == '"' else _tight(piece) for piece in pieces)


def _tight(piece: str) -> str:
    return piece.strip(" \t") or " "


_LANGUAGE = re.compile(
    r"[ \t]*([a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)"
    r"(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)


def normal_languages(value: str) -> str:
    """Return an Accept-Language value with case, space and order of weights normalised.

    Values that mean the same become equal (§4.1, RFC 9110 §12.5.4). Equal weights keep their order,
    since applications heed it. A value with a malformed member stays as it is.
    """
    members: list[tuple[float, str]] = []
    for member in value.lower().split(","):
        if not member.strip(" \t"):
            continue
        found = _LANGUAGE.fullmatch(member)
        if found is None:
            return value
        members.append((-float(found[2] or 1), found[1]))
    members.sort(key=lambda member: member[0])
    return ",".join(f"{language};q={-rank:g}" for rank, language in members)


_EMPTY_MEMBERS = re.compile(r'("(?:[^"\\]++|\\.?)*+"?)|^,++|,(?=,|$)', re.DOTALL)


def without_empty_members(value: str) -> str:
    """Return the list *value* without empty members or optional space (RFC 9110 §5.6.1.2)."""
    return _EMPTY_MEMBERS.sub(r"\1", value)


_EXACT = frozenset({"HTTP_COOKIE", "HTTP_AUTHORIZATION"})
_LISTS = frozenset({"HTTP_ACCEPT", "HTTP_ACCEPT_CHARSET", "HTTP_ACCEPT_ENCODING"})
_LISTS |= {"HTTP_ACCEPT_LANGUAGE"}
"""Fields defined as lists (RFC 9110 §12.5): only there may empty members go."""


def _normalised(said: tuple[str, str, bool]) -> str:
    key, value, any_order = said
    if any_order and key == "HTTP_ACCEPT_LANGUAGE":
        return normal_languages(value)
    if key == "HTTP_ACCEPT_ENCODING":
        value = canonical_codings(value)
    tight = without_optional_space(value)
    return without_empty_members(tight) if key in _LISTS else tight


_remembered = Remembered(_normalised, 4096)


def selecting_value(environ: Mapping[str, Any], key: str, any_order: bool) -> str | None:
    """Return the value of a nominated field in this request, normalised (§4.1).

    *key* is its environ key. An absent field is None and matches only an absent one. With
    *any_order* the order in Accept-Language does not count.
    """
    value: str | None = environ.get(key)
    if value is None or key in _EXACT or len(value) > 8192:
        return value
    return _remembered[key, value, any_order]


def digested(values: Values, salt: bytes) -> str:
    """Return *values*, which may hold secrets, as a digest keyed by *salt*, at most 64 bytes."""
    return blake2b(ascii(values).encode("ascii"), key=salt, digest_size=16).hexdigest()
