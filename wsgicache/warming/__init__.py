"""Ask the application for pages before visitors do, so that their first requests are hits.

Each request goes through the cache, as one of a visitor without cookies does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from wsgicache.bodies import close
from wsgicache.middleware import CacheMiddleware
from wsgicache.origin.background import described
from wsgicache.purging import key_of, number_of
from wsgicache.rules.checks import must_be, several, whole
from wsgicache.warming.sitemaps import SitemapError, urls_of
from wsgicache.why.causes import cause_of
from wsgicache.why.trying import outcome_of

__all__ = ["SitemapError", "Warmed", "Warming", "asked", "sitemap", "warm"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Fields = Mapping[str, str]
"""The fields of a request."""

_MOST_SHOWN = 5
_NO_REASON = "no reason is known: wsgicache explain says more"


class Warmed(NamedTuple):
    """What came of one request."""

    url: str
    fields: dict[str, str]
    outcome: str
    """``stored``, ``validated``, ``hit`` (it was in the store already), ``refused`` or ``bypass``
    (nothing is stored), or ``failed`` (the application made no page)."""
    detail: str | None
    """Why nothing is stored: the ``detail`` of Cache-Status."""
    status: str
    """The status line."""

    @property
    def is_in_store(self) -> bool:
        """Whether the cache has the page now."""
        return self.outcome in ("stored", "validated", "hit")


@dataclass
class Warming:
    """What came of all requests."""

    done: list[Warmed] = field(default_factory=list)

    @property
    def failed(self) -> list[Warmed]:
        """The requests for which the application, or the store, failed."""
        return [one for one in self.done if one.outcome == "failed" or one.detail == "store-error"]

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON has it."""
        return {"done": [one._asdict() for one in self.done]}

    def lines(self) -> Iterator[str]:
        """Yield the result in sentences: the reasons once, each with its first URLs."""
        stored = sum(one.outcome in ("stored", "validated") for one in self.done)
        already = sum(one.outcome == "hit" for one in self.done)
        left = [one for one in self.done if not one.is_in_store]
        told = f"{stored} stored, {already} in the store already, {len(left)} not stored"
        origins = list(dict.fromkeys("://".join(urlsplit(one.url)[:2]) for one in self.done))
        more = f" and {len(origins) - _MOST_SHOWN} more" if len(origins) > _MOST_SHOWN else ""
        where = f" to {', '.join(origins[:_MOST_SHOWN])}{more}" if origins else ""
        yield f"{number_of('request', len(self.done))}{where}: {told}"
        alike: dict[str, list[Warmed]] = {}
        for one in left:
            what = one.detail or ""
            if one.outcome == "failed" and one.detail != "raised":
                what = f"the application answers {one.status}"
            alike.setdefault(what, []).append(one)
        for what, those in alike.items():
            if those[0].outcome == "failed" and those[0].detail != "raised":
                yield f"  {what}"
            elif what:
                cause = cause_of(what)
                yield f"  {what} ({cause.section}): {cause.sentence}"
            else:
                yield f"  {_NO_REASON}"
            for one in those[:_MOST_SHOWN]:
                fields = "; ".join(f"{name}: {value}" for name, value in one.fields.items())
                yield f"    {one.url}{f' ({fields})' if fields else ''}"
            if len(those) > _MOST_SHOWN:
                yield f"    and {len(those) - _MOST_SHOWN} more"


def warm(
    cache: CacheMiddleware,
    urls: Iterable[str],
    *,
    variants: Iterable[Fields] = (),
    jobs: int = 1,
    progress: Callable[[Warmed], object] = lambda one: None,
) -> Warming:
    """Ask for each of the absolute *urls* through *cache*, once for each of *variants*.

    A variant is the fields of a request; without any, the requests have none. *jobs* threads ask
    at the same time; 1 asks in this thread. *progress* is called with what came of each request.
    Raises TypeError or ValueError for a URL that is not absolute, before the application is asked.
    """
    whole("jobs of warm()", jobs, 1)
    each = several("urls of warm()", urls, lambda _, url: _written(url), "['http://…']")
    wanted = several("variants of warm()", variants, _variant, "[{'Cookie': 'a=b'}]") or ({},)
    pairs = [(url, fields) for url in dict.fromkeys(each) for fields in wanted]
    for url, fields in pairs:
        described(url, fields, "")  # it raises
    done = Warming()

    def ask(pair: tuple[str, dict[str, str]]) -> Warmed:
        # A view that warms must not lend its context to the view that is asked.
        return Context().run(_asked, cache, *pair, jobs > 1)

    def note(one: Warmed) -> None:
        done.done.append(one)
        progress(one)

    if jobs == 1:
        for pair in pairs:
            note(ask(pair))
        return done
    with ThreadPoolExecutor(jobs, thread_name_prefix="wsgicache-warming") as threads:
        for future in as_completed([threads.submit(ask, pair) for pair in pairs]):
            note(future.result())
    return done


def _variant(subject: str, given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise TypeError(must_be(subject, "a dict of fields", given))
    return dict(given)


def _written(url: Any) -> str:
    """Return the absolute *url* as it stands in a request. Raises ValueError."""
    from werkzeug.urls import iri_to_uri

    key_of(url)
    return iri_to_uri(url).partition("#")[0]


def _asked(cache: CacheMiddleware, url: str, fields: dict[str, str], threads: bool) -> Warmed:
    """Send one request through *cache*, and return what came of it."""
    environ = described(url, fields, "") | {"wsgi.multithread": threads}
    try:
        status, lines, _ = asked(cache, dict(environ))
    except Exception:
        return Warmed(url, fields, "failed", "raised", "")
    said = ", ".join(value for name, value in lines if name.lower() == "cache-status")
    outcome, detail = "refused", None
    if cache.policy.cache_status:
        found = outcome_of(said, status)
        outcome, detail = found.outcome, found.detail
    try:
        is_kept = _is_kept(cache, environ)
    except Exception:
        return Warmed(url, fields, "refused", "store-error", status)
    if not cache.policy.cache_status and is_kept:
        outcome = "stored"
    elif outcome == "stored" and not is_kept:  # that was said before the content was known
        outcome, detail = "refused", "too-large"
    if status[:1] == "5" and outcome != "hit":
        outcome = "failed"
    in_store = outcome in ("stored", "validated", "hit")
    return Warmed(url, fields, outcome, None if in_store else detail, status)


def _is_kept(cache: CacheMiddleware, environ: WSGIEnvironment) -> bool:
    request = cache._read(environ, "GET", cache.policy)
    if isinstance(request, str):
        return False
    entry = cache._keeper.equivalents.found(request, cache._entries.get(request.key))
    return entry is not None and bool(entry.responses)


def asked(
    app: WSGIApplication, environ: WSGIEnvironment
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return the status, the fields and the content with which *app* answers. It may raise."""
    head: tuple[str, list[tuple[str, str]]] = ("500 No Answer", [])
    written: list[bytes] = []

    def start(
        status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        nonlocal head
        head = status, list(fields)
        return written.append

    answer: StartResponse = start
    body = app(environ, answer)
    try:
        written += body
    finally:
        close(body)
    return *head, b"".join(written)


def sitemap(cache: CacheMiddleware, source: str) -> list[str]:
    """Return the URLs in the sitemap *source*, and in all that it names: a file, or a URL.

    A URL is asked of the application itself; nothing else is. Raises SitemapError, and OSError
    for a file.
    """

    def ask(url: str) -> bytes:
        if urlsplit(url).scheme not in ("http", "https"):
            raise SitemapError(f"a sitemap must be at an http or https URL, got {url!r}")
        try:
            environ = described(url, {}, "")
        except ValueError as error:
            raise SitemapError(str(error)) from None
        status, _, content = asked(cache.app, environ)
        if status[:3] != "200":
            raise SitemapError(f"{url}: the application answers {status}")
        return content

    if urlsplit(source).scheme in ("http", "https"):
        first = ask(source)
    else:
        with open(source, "rb") as file:
            first = file.read()
    return list(dict.fromkeys(urls_of(first, ask)))
