"""What operators do with a cache: purge it, ask it why, and see how it is doing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, cast

from wsgicache.arguments import flags
from wsgicache.clock import SYSTEM_CLOCK
from wsgicache.observe.counting import Counting
from wsgicache.observe.files import Files, parts_in, write_all
from wsgicache.observe.stats import Holding, Stats
from wsgicache.observe.summing import summed
from wsgicache.origin.background import described
from wsgicache.purging import Purged, Purging, nothing_found, number_of
from wsgicache.reporting import Reporter
from wsgicache.rules.checks import must_be, secret
from wsgicache.rules.keys import target_key
from wsgicache.stores import SharedStore, Store

__all__ = [
    "BESIDE", "Operated", "answer_purge", "checked_token", "counted", "files_of", "holding_of",
]  # fmt: skip

BESIDE = "counters"
"""The folder of the counters within that of a store."""

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgicache.middleware import CacheMiddleware
    from wsgicache.warming import Warming
    from wsgicache.why.explain import Explanation, Lines


def holding_of(store: Store, *, alone: bool = False) -> Holding:
    """Return what *store* holds, as far as it can tell, or what this process *alone* holds."""
    if alone and isinstance(store, SharedStore):
        return Holding(is_shared=True)
    try:
        told: Holding = getattr(store, "holding", Holding)()
        return told
    except Exception:  # a store that fails is a thing to see in the statistics
        return Holding()


def files_of(
    counters: str | os.PathLike[str] | None, store: Store, counting: Counting, report: Reporter
) -> Files | None:
    """Return the files in the folder *counters*, by default beside what *store* keeps in a folder.

    Raises TypeError.
    """
    if counters is not None and not isinstance(counters, str | os.PathLike):
        raise TypeError(must_be("counters", "the path of a folder", counters))
    beside = getattr(store, "folder", None) or None
    if counters is None and beside is None:
        return None
    folder = os.path.join(beside or "", BESIDE) if counters is None else os.fspath(counters)
    files = Files(os.path.abspath(folder), counting.part, report)
    counting.noticed = files.tick
    return files


def counted(store: Store | None, folder: str | None) -> Stats | None:
    """Return what processes have counted in *folder*, by default beside *store*, or None.

    The folder may also be that of a store beside which they count.
    """
    beside = folder or getattr(store, "folder", None)
    places = [os.path.join(beside, BESIDE)] if beside else []
    places += [folder] if folder else []
    folder = next(filter(os.path.isdir, places), None)
    if folder is None:
        return None
    write_all()
    report = Reporter(SYSTEM_CLOCK)
    parts, alive = parts_in(folder, report)
    return summed(parts, Holding() if store is None else holding_of(store), alive)


class Operated:
    """A cache as its operators see it."""

    store: Store
    _purging: Purging
    _counting: Counting
    _files: Files | None
    _report: Reporter
    _validate: Callable[[WSGIEnvironment], None]

    def stats(self) -> Stats:
        """Return what the cache has done, and what its store holds.

        Where processes have one directory for their counters, that is the sum of all, and of those
        that have ended.
        """
        holding = holding_of(self.store)
        if self._files is None:
            return summed([self._counting.part(exact=True)], holding, 1)
        # What is said here stays so, even if this process is killed: a counter never goes back.
        ours = self._files.write(wait=True)
        parts, alive = self._files.others()
        return summed([ours, *parts], holding, 1 + alive)

    def purge(
        self, url: str, *, soft: bool = False, both_schemes: bool = False, refill: bool = False
    ) -> Purged:
        """Purge all responses for the absolute *url*, with *both_schemes* for http and https.

        With *soft* they become stale: they may still stand in, or be served during validation. With
        *refill* the app is asked for the page at once, as by a visitor without cookies.
        """
        flags("purge", refill=refill)
        done = self._purging.purge(url, soft=soft, both_schemes=both_schemes)
        if refill:
            self.warm(done.what)
        return done

    def purge_groups(
        self, *groups: str, origin: str | None = None, soft: bool = False, refill: bool = False
    ) -> Purged:
        """Purge all responses in any of *groups* (RFC 9875), of all origins or of one *origin*.

        With *refill* the app is asked for these pages at once: those of *origin*, by default that
        of the first request. Raises StoreError where the store cannot list what it holds.
        """
        flags("purge_groups", refill=refill)
        urls = self._purging.urls_in(groups, origin) if refill else []
        done = self._purging.purge_groups(*groups, origin=origin, soft=soft)
        if urls:
            self.warm(urls)
        return done

    def purge_prefix(self, url: str, *, soft: bool = False, refill: bool = False) -> Purged:
        """Purge all stored URLs that begin with *url*, if the store can list what it holds.

        For *refill* see `purge`.
        """
        flags("purge_prefix", refill=refill)
        done = self._purging.purge_prefix(url, soft=soft)
        if refill:
            self.warm(done.what)
        return done

    def purge_all(self, *, soft: bool = False) -> Purged:
        """Purge everything. For *soft* see `purge`."""
        return self._purging.purge_all(soft=soft)

    def refresh(self, url: str, fields: Mapping[str, str] | None = None, mount: str = "") -> None:
        """Ask the app for the absolute *url*, with the request *fields*, and store the answer.

        A `Job` has all three; *mount* is where the app is mounted. Raises ValueError or TypeError.
        """
        self._validate(described(url, fields or {}, mount))

    def warm(self, urls: Iterable[str], **options: Any) -> Warming:
        """Ask the app for *urls*, and store what may be stored, like `wsgicache.warming.warm`.

        The options are *variants*, *jobs* and *progress*.
        """
        from wsgicache.warming import warm

        return warm(cast("CacheMiddleware", self), urls, **options)

    def explain(self, url: str, headers: Lines = (), **options: Any) -> Explanation:
        """Explain a request for *url*, and store nothing, like `wsgicache.why.explain.explain`."""
        from wsgicache.why.explain import explain

        return explain(cast("CacheMiddleware", self), url, headers, **options)


# ── Over HTTP ──────────────────────────────────────────────────────────────────────────────────


def checked_token(token: object) -> str | None:
    """Return *token*, if it may protect PURGE.

    Raises TypeError or ValueError, whose messages do not repeat it.
    """
    return None if token is None else secret("purge_token", token)


def answer_purge(
    cache: Operated, token: str, environ: WSGIEnvironment, start_response: StartResponse
) -> list[bytes]:
    """Answer a PURGE request: purge its target URI if it has the *token*.

    The token is in ``Authorization: Bearer …`` and nowhere else. ``Wsgicache-Purge: soft`` makes
    the responses stale, ``both-schemes`` purges the URI with the other scheme, too, and ``refill``
    asks the app for the page at once.
    """
    status, text = _purged(cache, token, environ)
    cache._counting.answered("method", "purge", status, environ)
    content = f"{text}\n".encode("utf-8", "replace")
    fields = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store"),
    ]
    start_response(status, fields)
    return [content]


def _purged(cache: Operated, token: str, environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the status and the content of the answer to a PURGE."""
    presented = str(environ.get("HTTP_AUTHORIZATION", ""))
    scheme, _, given = presented.partition(" ")
    given_bytes = given.strip(" ").encode("utf-8", "replace")
    if not compare_digest(given_bytes, token.encode()) or scheme.lower() != "bearer":
        return "403 Forbidden", "PURGE needs the token"
    try:
        key = target_key(environ)
    except Exception:  # nothing is filed under an environ that cannot be read
        key = None
    if key is None:
        return "400 Bad Request", "this target is never cached"
    words = {word.strip(" \t") for word in environ.get("HTTP_WSGICACHE_PURGE", "").split(",")}
    try:
        how = {"soft": "soft" in words, "both_schemes": "both-schemes" in words}
        done = cache._purging.purge_keys([key], **how)
        again = cache.warm(done.what) if "refill" in words else None
    except Exception as error:
        cache._report("purge", "a purge over HTTP failed")
        return "502 Bad Gateway", str(error)
    text = f"purged {number_of('response', done.responses or 0)}{nothing_found(done)}"
    return "200 OK", text if again is None else "\n".join([text, *again.lines()])
