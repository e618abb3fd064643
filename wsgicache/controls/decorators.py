"""The controls that come with the cache: what may be stored, by whom, and for how long.

Each decorates views of any framework, fits into a `Route`, and works inside a view by
``current().say(…)``. Wrong arguments raise TypeError or ValueError where they are written, so that
the error shows at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, Unpack, overload
from warnings import warn

from wsgicache import arguments
from wsgicache.arguments import Seconds, Status
from wsgicache.controls.control import Control, Statuses, logged_in_views
from wsgicache.rules.checks import flag, must_be
from wsgicache.rules.credentials import ANEW, EVERYBODY
from wsgicache.rules.fields import Directives
from wsgicache.rules.response import Response
from wsgicache.rules.said import NEVER_KEPT, Said

__all__ = [
    "CacheControl", "NeverCache", "cache_control", "cache_for", "cache_groups", "cached",
    "json_never_stale", "never_cache", "no_cache", "vary",
]  # fmt: skip

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


class _Named(Control):
    """A control whose repr shows how it was written."""

    def __init__(self, name: str, said: Said, statuses: Statuses | None = None) -> None:
        super().__init__(said, statuses)
        self._name = name

    def __repr__(self) -> str:
        return self._name


# ── Never ──────────────────────────────────────────────────────────────────────────────────────


class NeverCache(_Named):
    """A control that forbids all caches to keep a response.

    It speaks to every browser, Internet Explorer included. The response says ``no-store, no-cache,
    must-revalidate, max-age=0``, ``Pragma: no-cache`` and ``Expires: 0``, and has no validators, no
    Age and no targeted field. A download over TLS gets fields with which old browsers can still
    open it. It applies to every status, and nothing revokes it.
    """

    @overload
    def __call__(self) -> NeverCache: ...
    @overload
    def __call__(self, view: C, /) -> C: ...
    @overload
    def __call__(self, view: Callable[P, R], /) -> Callable[P, R]: ...
    def __call__(self, *view: Any) -> Any:
        """Decorate *view*; without one, return the control itself."""
        return super().__call__(*view) if view else self


never_cache = NeverCache("never_cache", NEVER_KEPT)
"""No cache keeps it, and the Back button asks again: ``@never_cache`` or ``never_cache()``."""

no_cache = never_cache
"""Another name of `never_cache`. It forbids more than ``cache_control(no_cache=True)`` does."""


class _JsonNeverStale(_Named):
    """A control that makes every JSON response `never_cache`, and says nothing of others."""

    def about(self, response: Response, environ: WSGIEnvironment) -> Control | None:
        kind = (response.field("content-type") or "").partition(";")[0].strip(" \t").lower()
        return never_cache if kind.endswith(("/json", "+json")) else None


json_never_stale = _JsonNeverStale("json_never_stale", NEVER_KEPT)
"""Every JSON response is `never_cache`: with ``Policy(default=json_never_stale)`` those that say
nothing about caching themselves."""


# ── Lifetimes ──────────────────────────────────────────────────────────────────────────────────


@logged_in_views
@arguments.explained("minutes=5")
def cache_for(
    *,
    weeks: float = 0,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    milliseconds: float = 0,
    microseconds: float = 0,
    status: Status | Iterable[Status] | None = None,
) -> Control:
    """Make a response fresh for so long, in every cache that may store it.

    It sends max-age (§5.2.2.1) and Expires (§5.3). The keywords are those of `datetime.timedelta`.
    *status* names the status codes that it applies to; without it, it applies to 2xx. Raises
    TypeError and ValueError.
    """
    parts = {
        "weeks": weeks,
        "days": days,
        "hours": hours,
        "minutes": minutes,
        "seconds": seconds,
        "milliseconds": milliseconds,
        "microseconds": microseconds,
    }
    parts = arguments.numbers("cache_for", **parts)
    written = ", ".join(f"{name}={value!r}" for name, value in parts.items() if value)
    written = written or "seconds=0"
    try:
        lifetime = arguments.seconds("cache_for()", timedelta(**parts))
    except (OverflowError, ValueError) as error:
        message = f"the lifetime of cache_for() must be 0 to 2**31 seconds, got {written}"
        raise ValueError(message) from error
    said = Said({"max-age": lifetime}, expires=True)
    return _Named(
        f"cache_for({written})", said, arguments.statuses("status of cache_for()", status)
    )


class CacheControl(TypedDict, total=False):
    """The arguments of `cache_control`: response directives of §5.2.2, RFC 5861 and RFC 8246."""

    max_age: Seconds
    s_maxage: Seconds
    stale_while_revalidate: Seconds
    stale_if_error: Seconds
    public: bool
    private: bool | str | Iterable[str]
    no_cache: bool | str | Iterable[str]
    no_store: bool
    no_transform: bool
    must_revalidate: bool
    proxy_revalidate: bool
    must_understand: bool
    immutable: bool
    status: Status | Iterable[Status] | None


_SECONDS = ("max_age", "s_maxage", "stale_while_revalidate", "stale_if_error")
_FIELD_LISTS = ("private", "no_cache")


@logged_in_views
@arguments.explained("max_age=60", CacheControl.__annotations__)
def cache_control(**directives: Unpack[CacheControl]) -> Control:
    """Send these directives in Cache-Control.

    Lifetimes are whole seconds or a timedelta. *private* and *no_cache* are True, or name the
    fields that they are about. False leaves a directive out. Raises TypeError for an unknown
    directive or a wrong type, and ValueError for a contradiction.
    """
    said: Directives = {}
    for name, value in directives.items():
        about, directive = arguments.argument("cache_control", name), name.replace("_", "-")
        if name in _SECONDS:
            said[directive] = arguments.seconds(about, value)
        elif name in _FIELD_LISTS and value is not True and value is not False:
            said[directive] = ", ".join(arguments.field_names(about, value))
        elif name != "status" and flag(about, value):
            said[directive] = None
    if not said:
        kind = "one or more, as in cache_control(max_age=60)"
        raise TypeError(must_be("the directives of cache_control()", kind, directives))
    arguments.public_or_private("cache_control", "public" in said, said.get("private", "") is None)
    written = ", ".join(f"{name}={value!r}" for name, value in directives.items())
    statuses = arguments.statuses("status of cache_control()", directives.get("status"))
    _warn_of_windows(f"cache_control({written})", said)
    return _Named(f"cache_control({written})", Said(said), statuses)


@logged_in_views
@arguments.explained("client=60, server=3600")
def cached(
    *,
    client: Seconds | None = None,
    server: Seconds | None = None,
    cacheable: bool = True,
    revalidate: bool = False,
    private: bool = False,
    public: bool = False,
    everybody: bool = False,
    stale_while_revalidate: Seconds | None = None,
    stale_if_error: Seconds | None = None,
    status: Status | Iterable[Status] | None = None,
) -> Control:
    """Give a response one lifetime in browsers and another in this cache.

    *client* is how long browsers, and caches in front, may reuse the response without asking,
    counted from when they get it. Without it, or with 0, they ask every time. *server* is how long
    this cache answers. With 0 it does not; without it, *client* counts here as well. Only this
    cache reads *server*. With it, the response is for everybody: for requests with cookies or
    credentials, too, and even where it is *private* to other caches.

    ``cacheable=False`` is `never_cache`. With *revalidate* clients ask each time, whatever the age.
    *private* keeps the response out of other shared caches; with *client* alone it also says
    ``Vary: Cookie``, so that a browser does not show it to the next person who logs in. *public*
    says that other shared caches may store answers to requests with credentials.

    With *everybody*, beside *server*, the response does not depend on cookies, although something
    else (a session that is only looked at) names Cookie in Vary: this cache ignores that. A
    response that sets a cookie is still not stored.

    *stale_while_revalidate* and *stale_if_error* are those of RFC 5861; with *server* only this
    cache reads them. Seconds may be timedeltas. Raises TypeError and ValueError.
    """
    flags = {"cacheable": cacheable, "revalidate": revalidate, "private": private}
    flags |= {"public": public, "everybody": everybody}
    arguments.flags("cached", **flags)
    given = {
        "client": client,
        "server": server,
        "stale_while_revalidate": stale_while_revalidate,
        "stale_if_error": stale_if_error,
    }
    seconds = {
        name: arguments.seconds(arguments.argument("cached", name), value)
        for name, value in given.items()
        if value is not None
    }
    statuses = arguments.statuses("status of cached()", status)
    arguments.public_or_private("cached", public, private)
    usual = {**dict.fromkeys(flags, False), "cacheable": True}
    options = {**given, **flags, "status": status}
    said = {name: value for name, value in options.items() if value != usual.get(name)}
    if not cacheable:
        if seconds or revalidate or private or public or everybody or statuses:
            raise ValueError("cacheable of cached() must be True beside other arguments, got False")
        return never_cache
    if not (seconds or revalidate or private or public or everybody):
        kind = "one or more, as in cached(client=60)"
        raise TypeError(must_be("the arguments of cached()", kind, said))
    if everybody and seconds.get("server", "0") == "0":
        raise ValueError(must_be("server of cached()", "1 or more where everybody=True", server))
    max_age = seconds.pop("client", "0")
    asks = max_age == "0"
    if revalidate and not asks:
        raise ValueError(must_be("client of cached()", "0 where revalidate=True", client))
    directives: Directives = {}
    if private or public:
        directives["private" if private else "public"] = None
    if not asks:
        directives["max-age"] = max_age
    elif revalidate or client is not None or server is not None:
        directives["no-cache"] = None
    lifetime = seconds.pop("server", None)
    windows = {name.replace("_", "-"): value for name, value in seconds.items()}
    here: Directives = {}
    if lifetime == "0":
        here["no-store"] = None
    elif lifetime is not None:
        here |= {"public": None} if public else {}
        here |= {"max-age": lifetime, **windows}
        here |= {EVERYBODY: None} if everybody else {}
        here |= {} if asks else {ANEW: None}
    else:
        directives |= windows
    written = ", ".join(f"{name}={value!r}" for name, value in said.items())
    _warn_of_windows(f"cached({written})", directives)
    # Otherwise the browser would show a page of one person to the next who logs in there.
    vary = ("Cookie",) if private and not asks and lifetime in (None, "0") else ()
    return _Named(f"cached({written})", Said(directives, here, vary=vary), statuses)


def _warn_of_windows(written: str, directives: Directives) -> None:
    """Warn of a stale window that another directive makes useless.

    The other directives are those that forbid serving stale responses (§5.2.2.2, §5.2.2.4,
    §5.2.2.8, §5.2.2.10).
    """
    windows = [name for name in ("stale-while-revalidate", "stale-if-error") if name in directives]
    for name in ("s-maxage", "must-revalidate", "proxy-revalidate", "no-cache"):
        if windows and name in directives and (name != "no-cache" or directives[name] is None):
            warn(
                f"{written}: {name} forbids shared caches to serve stale responses, so "
                f"they ignore {' or '.join(windows)} (RFC 9111 §5.2.2); write "
                "cached(client=…, server=…, stale_while_revalidate=…) for this cache alone",
                stacklevel=5,
            )
            return


# ── Vary, groups ───────────────────────────────────────────────────────────────────────────────


@logged_in_views
def vary(*names: str) -> Control:
    """Add the request fields *names*, on which the response depends, to Vary (RFC 9110 §12.5.5).

    Raises TypeError and ValueError.
    """
    said = Said(vary=arguments.field_names("the fields of vary()", names))
    return _Named(f"vary({', '.join(map(repr, names))})", said)


@logged_in_views
def cache_groups(*names: str) -> Control:
    """Put the response into these groups (RFC 9875 §2), by which it can be purged.

    Characters outside printable ASCII are percent-encoded in a name, as in a URL, here and by a
    purge. A response with more than 128 groups, or 16 KiB of them, is not stored at all. Raises
    TypeError and ValueError.
    """
    said = Said(groups=arguments.group_names("cache_groups", names))
    return _Named(f"cache_groups({', '.join(map(repr, names))})", said)
