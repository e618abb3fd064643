"""The operator's choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from wsgicache.rules.credentials import CREDENTIAL_FIELDS, WSGI_CREDENTIALS
from wsgicache.rules.names import EXCHANGE_FIELDS, FieldNames, environ_keys, names_for
from wsgicache.rules.said import Speaking
from wsgicache.rules.selecting import FORWARDED_FIELDS, SELECTING_FIELDS
from wsgicache.rules.telling import ALWAYS_TELLING

REQUEST_STATUSES = (
    401, 406, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 431,
)  # fmt: skip
"""Status codes that say what is wrong with one request, in what its key does not tell: credentials,
fields, content, connection (RFC 9110 §15.5)."""

_CACHE_NAME = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_TARGET_NAME = re.compile(r"[!#$%&'*+\-.^`|~0-9A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices: `Policy()` is safe, `Policy.rfc()` does all that RFC 9111 lets a
    shared cache do. Raises TypeError or ValueError for what makes no sense, at construction."""

    name: str = "wsgicache"
    """How the cache calls itself in Cache-Status (RFC 9211 §2)."""
    max_content: int = 16 * 1024 * 1024
    """Bytes of content above which a response passes through unstored."""
    max_variants: int = 64
    """Responses kept for one URI."""
    max_ranges: int = 16
    """Ranges in one request above which the whole is sent (RFC 9110 §14.2)."""
    heuristic_fraction: float = 0.0
    """Freshness without explicit lifetime, as a part of the age of Last-Modified (§4.2.2)."""
    heuristic_limit: int = 86400
    """Most seconds of such freshness."""
    store_set_cookie: bool = False
    """Whether a response with Set-Cookie may be stored."""
    private_cookies: bool = True
    """Whether the answer to a request with cookies is private until the app says otherwise."""
    credentials: Sequence[str] = CREDENTIAL_FIELDS
    """Request fields that say who asks: they count like Authorization (§3.5)."""
    public_releases: bool = False
    """Whether public and must-revalidate release an answer to a request with credentials (§3.5)."""
    selecting: Sequence[str] = SELECTING_FIELDS
    """Request fields that select among responses, whether Vary names them or not (§4.1)."""
    read_your_writes: bool = True
    """Whether a successful unsafe request ends what Vary: Cookie stored for its cookies."""
    language_cookies: tuple[str, ...] = ("django_language",)
    """Cookies by which a framework chooses the language: their values select, whether Vary names
    Cookie or not (§4.1)."""
    ignore_cookies: tuple[str, ...] = ()
    """Patterns (``_ga*``) of cookies that the app never needs: they are taken from its sight."""
    error_lifetime: int | None = 10
    """Most seconds that a status of 400 and above stays fresh (404, 410: as they say)."""
    unstored_statuses: tuple[int, ...] = REQUEST_STATUSES
    """Status codes of answers to one request alone, which are never stored."""
    store_partial: bool = False
    """Whether 206 responses, and complete ones to range requests, may be stored (§3.3, §3.4)."""
    store_post: bool = False
    """Whether the answer to a POST may be stored for GET (RFC 9110 §9.3.3)."""
    normalize_language: bool = False
    """Whether the order in Accept-Language means nothing (§4.1)."""
    targets: tuple[str, ...] = ("Wsgicache-Cache-Control",)
    """Targeted fields that speak to this cache, the first valid one wins (RFC 9213 §2.2). The
    first name is our own: it never leaves."""
    unstored_fields: tuple[str, ...] = EXCHANGE_FIELDS
    """Response fields about one exchange, not stored; ``X-B3-*`` stands for all that begin so."""
    update_content_type: bool = False
    """Whether a 304 or HEAD may change the Content-Type of what is stored (§3.2)."""
    request_directives: bool = True
    """Whether clients' Cache-Control is heeded (§5.2.1)."""
    generate_etags: bool = True
    """Whether a stored 200 without an entity tag gets one, for clients only."""
    stale_if_raised: int = 10
    """Seconds past its freshness that a response may stand in for an app that raises (§4.2.4)."""
    stale_while_revalidate: int = 0
    """Seconds, where a response with explicit freshness does not say (RFC 5861 §3)."""
    stale_if_error: int = 0
    """Seconds, where a response does not say (RFC 5861 §4)."""
    collapse: bool = True
    """Whether requests wait for one that is on its way for the same (§4)."""
    collapse_timeout: float = 5.0
    """Seconds that a request waits at most before it asks for itself."""
    refresh_ahead: int = 0
    """Seconds before the end of its freshness that a hit has a response validated meanwhile."""
    debug: bool = False
    """Whether errors must be seen: nothing stale stands in for them."""
    off_file: str = ""
    """A path: while there is such a file, every request passes by the cache."""
    default: Speaking | None = None
    """A control, such as json_never_stale, for responses of whose caching nobody says anything."""
    exempt: Sequence[str] = ()
    """Beginnings of paths that are left alone: nothing below them is looked up or stored."""
    strip: tuple[str, ...] = ()
    """Response fields that do not leave."""
    cache_status: bool = True
    """Whether responses say what the cache did (RFC 9211)."""
    x_cache: bool = False
    """Whether responses say ``X-Cache: HIT`` or ``MISS``."""
    names: FieldNames = field(init=False, repr=False, compare=False)
    """What *targets* and *strip* come to."""
    field_credentials: frozenset[str] = field(init=False, repr=False, compare=False)
    """Where an environ has *credentials*."""
    credential_keys: frozenset[str] = field(init=False, repr=False, compare=False)
    """Those, and what servers say of who asks."""
    selecting_keys: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Where an environ has the fields that are *selecting*."""
    telling: frozenset[str] = field(init=False, repr=False, compare=False)
    """Environ keys that make a request more than a plain one. PERF: one question to all of them
    costs a third of asking each, and no more where they are many."""

    def __post_init__(self) -> None:
        for listed in ("exempt", "credentials", "selecting"):
            if isinstance(names := getattr(self, listed), list):
                object.__setattr__(self, listed, tuple(names))
        for option in fields(self):
            if option.init:
                _checked(option.name, getattr(self, option.name))
        for prefix in self.exempt:
            if prefix[:1] != "/":
                raise ValueError(f"Policy(exempt=…): {prefix!r} does not begin with /")
        if _CACHE_NAME.fullmatch(self.name) is None:
            raise ValueError(
                f"Policy(name={self.name!r}): a token that begins with a letter is allowed"
            )
        for listed in ("targets", "strip", "credentials", "selecting", "unstored_fields"):
            for name in getattr(self, listed):
                if _TARGET_NAME.fullmatch(name) is None:
                    raise ValueError(f"Policy({listed}=…): {name!r} is no field name")
        object.__setattr__(self, "names", names_for(self.targets, self.strip, self.unstored_fields))
        credentials = frozenset(environ_keys(self.credentials))
        selecting = environ_keys(self.selecting)
        object.__setattr__(self, "field_credentials", credentials)
        object.__setattr__(self, "credential_keys", credentials | WSGI_CREDENTIALS)
        object.__setattr__(self, "selecting_keys", selecting)
        telling = ALWAYS_TELLING.union(credentials, WSGI_CREDENTIALS, selecting)
        object.__setattr__(self, "telling", telling)

    @classmethod
    def rfc(cls, **changes: Any) -> Policy:
        """Everything that RFC 9111 lets a shared cache do, with *changes* as in `Policy`."""
        permissive: dict[str, Any] = {
            "heuristic_fraction": 0.1,
            "store_set_cookie": True,
            "private_cookies": False,
            "credentials": (),
            "public_releases": True,
            "selecting": FORWARDED_FIELDS,
            "language_cookies": (),
            "read_your_writes": False,
            "error_lifetime": None,
            "unstored_statuses": (),
            "store_partial": True,
            "store_post": True,
            "normalize_language": True,
            "unstored_fields": (),
            "update_content_type": True,
            "targets": ("Wsgicache-Cache-Control", "CDN-Cache-Control"),
        }
        return cls(**{**permissive, **changes})


_FLAGS = frozenset(
    "store_set_cookie private_cookies public_releases store_partial store_post normalize_language "
    "update_content_type read_your_writes "
    "request_directives generate_etags collapse debug cache_status x_cache".split()
)
_TEXTS = frozenset(
    "credentials selecting language_cookies ignore_cookies targets exempt strip "
    "unstored_fields".split()
)
_CODES = frozenset({"unstored_statuses"})
_NUMBERS = {"heuristic_fraction": 1.0, "collapse_timeout": 3600.0}
_AT_LEAST = {"max_variants": 1, "max_ranges": 1}


def _checked(name: str, value: object) -> None:
    """Raise for a *value* that the option *name* cannot have."""
    if name in ("name", "off_file"):
        kind, right = "a str", isinstance(value, str)
    elif name in _FLAGS:
        kind, right = "True or False", isinstance(value, bool)
    elif name in _TEXTS:
        kind = "a tuple of str"
        right = isinstance(value, tuple) and all(isinstance(text, str) for text in value)
    elif name in _CODES:
        kind = "a tuple of status codes, such as (400, 415),"
        right = isinstance(value, tuple) and all(type(code) is int for code in value)
    elif name in _NUMBERS:
        kind, right = "a number", isinstance(value, int | float) and not isinstance(value, bool)
        if right and isinstance(value, int | float) and not 0 <= value <= _NUMBERS[name]:
            raise ValueError(f"Policy({name}={value!r}): 0 to {_NUMBERS[name]:g} is allowed")
    elif name == "default":
        kind = "a control such as json_never_stale"
        right = value is None or (isinstance(value, Speaking) and not isinstance(value, type))
    elif name == "error_lifetime" and value is None:
        return
    else:
        kind, right = "a whole number", isinstance(value, int) and not isinstance(value, bool)
        if right and isinstance(value, int) and value < _AT_LEAST.get(name, 0):
            raise ValueError(
                f"Policy({name}={value!r}): {_AT_LEAST.get(name, 0)} or more is allowed"
            )
    if not right:
        raise TypeError(f"Policy({name}={value!r}): {kind} is allowed")
