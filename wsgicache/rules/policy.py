"""The operator's choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

from wsgicache.rules.cookies import ANALYTICS_COOKIES, DJANGO_COOKIES, FLASK_COOKIES, Hiding, hiding
from wsgicache.rules.credentials import CREDENTIAL_FIELDS, WSGI_CREDENTIALS
from wsgicache.rules.names import EXCHANGE_FIELDS, FieldNames, environ_keys, names_for
from wsgicache.rules.options import CHECKS, PolicyOptions
from wsgicache.rules.other_caches import ELSEWHERE_FIELDS
from wsgicache.rules.said import Speaking
from wsgicache.rules.selecting import FORWARDED_FIELDS, SELECTING_FIELDS
from wsgicache.rules.special import ALWAYS_SPECIAL

__all__ = ["Policy"]

REQUEST_STATUSES = (
    401, 406, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 431,
)  # fmt: skip
"""Status codes for errors of one request in what its key does not contain: credentials, fields,
content, connection (RFC 9110 §15.5)."""

_PERMISSIVE: PolicyOptions = {
    "heuristic_fraction": 0.1,
    "store_set_cookie": True,
    "private_cookies": False,
    "credentials": (),
    "public_releases": True,
    "selecting": FORWARDED_FIELDS,
    "language_cookies": (),
    "ignore_cookies": (),
    "read_your_writes": False,
    "error_lifetime": None,
    "unstored_statuses": (),
    "forced_errors": True,
    "store_partial": True,
    "whole_for_range": 0,
    "store_post": True,
    "store_charset": True,
    "normalize_language": True,
    "share_codings": False,
    "prefer_named": False,
    "forbidding_fields": (),
    "unstored_fields": (),
    "update_content_type": True,
    "store_files": True,
    "head_as_get": False,
    "forward_conditions": True,
    "reload_seconds": 0,
    "targets": ("Wsgicache-Cache-Control", "CDN-Cache-Control"),
}
"""The values in which `Policy.rfc()` differs: what RFC 9111 lets a shared cache do."""


_NAMING = ("targets", "strip", "unstored_fields", "forbidding_fields")
"""The options that name response fields, as `names_for` takes them."""


# ── The policy ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices.

    `Policy()` is safe; `Policy.rfc()` does all that RFC 9111 lets a shared cache do. An option with
    several values takes any iterable and keeps a tuple. Raises TypeError or ValueError for a wrong
    value, at construction.
    """

    name: str = "wsgicache"
    """The name of the cache in Cache-Status (RFC 9211 §2)."""
    max_content: int = 16 * 1024 * 1024
    """Most bytes of content; a larger response passes through unstored."""
    max_collecting: int | None = None
    """Most bytes of all bodies that are collected at the same time, to be stored when they are
    complete. Without room, a response passes through unstored. None: as many as the store takes in
    memory, or 64 MiB."""
    max_variants: int = 64
    """Most responses kept for one URI."""
    max_ranges: int = 16
    """Most ranges in one request; with more the whole is sent (RFC 9110 §14.2)."""
    heuristic_fraction: float = 0.0
    """Freshness of a response without a lifetime, as a fraction of the age of Last-Modified
    (§4.2.2)."""
    heuristic_limit: int = 86400
    """Most seconds of such heuristic freshness."""
    store_set_cookie: bool = False
    """Whether a response with Set-Cookie may be stored."""
    private_cookies: bool = True
    """Whether the answer to a request with cookies is private until the app says otherwise."""
    credentials: tuple[str, ...] = CREDENTIAL_FIELDS
    """Request fields that say who asks; they count like Authorization (§3.5)."""
    public_releases: bool = False
    """Whether public and must-revalidate release an answer to a request with credentials (§3.5)."""
    selecting: tuple[str, ...] = SELECTING_FIELDS
    """Request fields that select among responses, whether Vary names them or not (§4.1)."""
    read_your_writes: bool = True
    """Whether a successful unsafe request ends what Vary: Cookie stored for its cookies."""
    language_cookies: tuple[str, ...] = ("django_language",)
    """Cookies by which a framework chooses the language; their values select, whether Vary names
    Cookie or not (§4.1)."""
    ignore_cookies: tuple[str, ...] = ANALYTICS_COOKIES
    """Patterns (``_ga*``) of cookies that the app never needs: the cache hides them from it."""
    only_cookies: tuple[str, ...] | None = None
    """Patterns of the only cookies that the app needs: the cache hides all others from it."""
    ignore_query: tuple[str, ...] = ()
    """Patterns (``utm_*``) of query parameters that the app never needs: the cache hides them from
    it, and sends ``No-Vary-Search`` to browsers."""
    sort_query: bool = False
    """Whether the order of parameters with different names does not matter: the app sees them
    sorted by name."""
    error_lifetime: int | None = 10
    """Most seconds that a status of 400 and above stays fresh, except 404 and 410."""
    unstored_statuses: tuple[int, ...] = REQUEST_STATUSES
    """Status codes of errors of one request alone, which are never stored."""
    forced_errors: bool = False
    """Whether an error or a redirect replaces a fresh response if only a client's no-cache or
    max-age made the cache ask the app."""
    store_partial: bool = False
    """Whether 206 responses, and complete ones to range requests, may be stored (§3.3, §3.4)."""
    whole_for_range: int = 8 * 1024 * 1024
    """Most bytes of a response for which the app is asked for the whole where a client wants a part
    (RFC 9110 §14.2). The whole is stored, and answers other ranges. 0: the app is asked for the
    part."""
    store_post: bool = False
    """Whether the answer to a POST may be stored for GET (RFC 9110 §9.3.3)."""
    store_charset: bool = False
    """Whether the answer to a GET whose Content-Type names a charset may be stored."""
    collections: bool = True
    """Whether DELETE, COPY or MOVE of a path that ends in / removes all pages below that path."""
    normalize_language: bool = False
    """Whether the order in Accept-Language is ignored where the weights differ (§4.1)."""
    languages: tuple[str, ...] | None = None
    """Languages to choose from by Accept-Language (RFC 9110 §12.5.4). The app sees only the one
    chosen: the first if none suits, and none at all if this is empty."""
    accept: tuple[str, ...] | None = None
    """Media types to choose from by Accept (RFC 9110 §12.5.1), in the same way."""
    encodings: tuple[str, ...] | None = None
    """Content codings to choose from by Accept-Encoding (RFC 9110 §12.5.3). The app sees the one
    chosen, or no Accept-Encoding if none suits."""
    share_codings: bool = True
    """Whether a response answers all clients for whom the app would choose its coding (§4.1)."""
    prefer_named: bool = True
    """Whether the response whose Vary names more of what the request carries is chosen (§4.1)."""
    targets: tuple[str, ...] = ("Wsgicache-Cache-Control",)
    """Targeted fields that this cache reads; the first valid one wins (RFC 9213 §2.2). The first
    name is our own: that field never leaves the cache."""
    forbidding_fields: tuple[str, ...] = ELSEWHERE_FIELDS
    """Response fields for other shared caches; if one forbids storing, nothing is stored here
    either."""
    unstored_fields: tuple[str, ...] = EXCHANGE_FIELDS
    """Response fields about one exchange, not stored; ``X-B3-*`` stands for all names that begin
    so."""
    update_content_type: bool = False
    """Whether a 304 or HEAD may change the Content-Type of what is stored (§3.2)."""
    store_files: bool = False
    """Whether a file that the server sends by itself (``wsgi.file_wrapper``) is stored although it
    has no lifetime, and has to be validated each time."""
    head_as_get: bool = True
    """Whether the app is asked as GET for a HEAD that the store does not answer (RFC 9110
    §9.3.2)."""
    forward_conditions: bool = False
    """Whether the app gets the conditions of a client where nothing is stored for the URI (§4.3.2).
    Otherwise it is asked for the whole page, unless that is known not to be shared."""
    request_directives: bool = True
    """Whether the Cache-Control of requests counts (§5.2.1)."""
    reload_seconds: int = 1
    """Seconds for which a new or validated response will do for a client's ``no-cache`` or
    ``max-age`` (§5.2.1). 0: the app is asked each time."""
    generate_etags: bool = True
    """Whether a stored 200 without an entity tag gets one, for clients only."""
    stale_if_raised: int = 10
    """Seconds past its freshness that a response may stand in for an app that raises (§4.2.4)."""
    stale_while_revalidate: int = 0
    """Seconds past its freshness that a response may be served while it is validated, if it has a
    lifetime and does not say (RFC 5861 §3)."""
    stale_if_error: int = 0
    """Seconds past its freshness that a response may stand in for an error, if it does not say (RFC
    5861 §4)."""
    collapse: bool = True
    """Whether requests wait for another request that asks the app for the same (§4)."""
    collapse_timeout: float = 5.0
    """Most seconds that a request waits before it asks the app itself."""
    refresh_ahead: int = 0
    """Seconds before the end of freshness in which a hit starts a background validation."""
    debug: bool = False
    """Whether errors always show: no stale response stands in for them."""
    off_file: str = ""
    """The path of a file; while it exists, every request passes by the cache."""
    explain_token: str | None = field(default=None, repr=False)
    """A secret of 16 characters or more. A GET that has it in ``Wsgicache-Explain`` gets the
    explanation of itself, as JSON, in place of the page."""
    default: Speaking | None = None
    """A control, such as json_never_stale, for responses about which nothing else says anything."""
    exempt: tuple[str, ...] = ()
    """Beginnings of paths; below them the cache looks up and stores nothing."""
    strip: tuple[str, ...] = ()
    """Response fields that the cache removes."""
    cache_status: bool = True
    """Whether responses say what the cache did (RFC 9211)."""
    x_cache: bool = False
    """Whether responses say ``X-Cache: HIT`` or ``MISS``."""
    server_timing: bool = False
    """Whether responses say ``Server-Timing: cache;desc="hit"``, or why the application was asked
    in place of ``hit``. Browsers show it, and scripts can read it."""
    names: FieldNames = field(init=False, repr=False, compare=False)
    """The response field names from those options that name any."""
    field_credentials: frozenset[str] = field(init=False, repr=False, compare=False)
    """The environ keys of *credentials*."""
    credential_keys: frozenset[str] = field(init=False, repr=False, compare=False)
    """The environ keys of *credentials*, and those by which servers say who asks."""
    selecting_keys: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The environ keys of *selecting*."""
    hides_cookie: Hiding | None = field(init=False, repr=False, compare=False)
    """The function that says whether a cookie is hidden from the app, or None if none is."""
    special_keys: frozenset[str] = field(init=False, repr=False, compare=False)
    """Environ keys that make a request more than a plain one. PERF: one question about all of them
    costs a third of asking each, and no more where they are many."""

    if TYPE_CHECKING:  # any iterable is accepted for what is kept as a tuple

        def __init__(self, **options: Unpack[PolicyOptions]) -> None: ...

    def __post_init__(self) -> None:
        held: dict[str, Any] = {
            name: check(f"Policy.{name}", getattr(self, name)) for name, check in CHECKS.items()
        }
        credentials = frozenset(environ_keys(held["credentials"]))
        selecting = environ_keys(held["selecting"])
        held |= {
            "names": names_for(*(held[option] for option in _NAMING)),
            "field_credentials": credentials,
            "credential_keys": credentials | WSGI_CREDENTIALS,
            "selecting_keys": selecting,
            "hides_cookie": hiding(held["ignore_cookies"], held["only_cookies"]),
            "special_keys": ALWAYS_SPECIAL.union(credentials, WSGI_CREDENTIALS, selecting),
        }
        for name, value in held.items():
            object.__setattr__(self, name, value)

    @classmethod
    def rfc(cls, **changes: Unpack[PolicyOptions]) -> Policy:
        """Return the policy of all that RFC 9111 lets a shared cache do, with *changes*."""
        options: PolicyOptions = {**_PERMISSIVE, **changes}
        return cls(**options)

    @classmethod
    def django(cls, *cookies: str, **changes: Unpack[PolicyOptions]) -> Policy:
        """Return a safe policy for Django: only its own cookies and *cookies* count.

        Its own are those of sessions, CSRF, messages and languages, by the names that the settings
        give them. On a GET the app sees no other cookies.
        """
        options: PolicyOptions = {"only_cookies": (*DJANGO_COOKIES, *cookies), **changes}
        return cls(**options)

    @classmethod
    def flask(cls, *cookies: str, **changes: Unpack[PolicyOptions]) -> Policy:
        """Return a safe policy for Flask: only its own cookies and *cookies* count.

        Its own are those that the configuration of Flask and its extensions names: session, login,
        CSRF. On a GET the app sees no other cookies.
        """
        options: PolicyOptions = {"only_cookies": (*FLASK_COOKIES, *cookies), **changes}
        return cls(**options)
