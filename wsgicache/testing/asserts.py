"""Assertions about what the cache did with a request, which they read from Cache-Status (RFC 9211).

One that fails says what was asserted, what has happened, why, and what would change that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, Protocol

import http_sf

from wsgicache.rules.checks import must_be
from wsgicache.stores.memory import MemoryStore
from wsgicache.testing.sites import KEY, CachedApp, Exchange, like
from wsgicache.why.causes import FORWARDS
from wsgicache.why.explain import Explanation
from wsgicache.why.trying import Outcome, outcome_of

__all__ = [
    "assert_differs_for", "assert_hit", "assert_not_stored", "assert_purged", "assert_same_for",
    "assert_stored",
]  # fmt: skip

_KEPT = ("stored", "hit", "validated")
"""Outcomes after which the response is in the store."""
_MOST_SHOWN = 10
_SAID = frozenset(("hit", "fwd", "detail"))
"""One of these is in each member that a cache adds (RFC 9211 §2)."""


class Response(Protocol):
    """What is needed of a response: those of Werkzeug, Flask, Django and WebTest have it."""

    @property
    def status_code(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Any:
        """The fields."""


class Client(Protocol):
    """A client of a `CachedApp`."""

    @property
    def cached_app(self) -> CachedApp:
        """What it asks."""


def assert_hit(response: Response) -> None:
    """Assert that the cache has answered, and the application was not asked."""
    __tracebackhide__ = True
    outcome = _outcome(response)
    if outcome.outcome != "hit":
        hint = "it is stored now: the same request once more is a hit"
        _fail(response, "a hit", [hint] if outcome.outcome == "stored" else [])


def assert_stored(response: Response) -> None:
    """Assert that the application has answered, and that the answer is in the store."""
    __tracebackhide__ = True
    outcome = _outcome(response)
    if outcome.outcome not in ("stored", "validated"):
        hint = "it was in the store before this request: assert_hit says so"
        _fail(response, "stored", [hint] if outcome.outcome == "hit" else [])
    exchange = _exchange(response)
    if exchange is not None and exchange not in exchange.site.kept:
        _fail(response, "stored", ["Cache-Status came before the content, which was not kept"])


def assert_not_stored(response: Response, reason: str | None = None) -> None:
    """Assert that nothing was stored, and for which *reason*: a ``detail`` of Cache-Status."""
    __tracebackhide__ = True
    outcome = _outcome(response)
    exchange = _exchange(response)
    if outcome.outcome in _KEPT and (exchange is None or exchange in exchange.site.kept):
        _fail(response, "kept out of the store", [])
    if reason is not None and outcome.detail != reason:
        told = f"the reason is {outcome.detail or 'not given'}"
        _fail(response, f"kept out of the store because of {reason}", [told])


def assert_same_for(a: Response, b: Response) -> None:
    """Assert that two users, who got *a* and *b*, get the same page, whoever it was made for.

    Both GET requests are repeated through empty caches, in either order and more than once.
    """
    __tracebackhide__ = True
    for order, answers in _repeated(a, b):
        if len({answer for _, answer in answers}) > 1:
            _fail(b, "the same page for both users", [_differing(order, answers)])
    made = [(one, _from_nothing(one)) for one in (a, b, b, a)]
    pages = [{answer for who, answer in made if who is one} for one in (a, b)]
    # What is another page each time is no page of one of them.
    if pages[0] != pages[1] and len(pages[0]) == len(pages[1]) == 1:
        hint = "who comes first makes the page of both"
        _fail(b, "the same page for both users", [_differing(f"{hint}: each alone", made)])


def assert_differs_for(a: Response, b: Response) -> None:
    """Assert that two users, who got *a* and *b*, get different pages, whoever comes first.

    Both GET requests are repeated through empty caches, in either order and more than once. No
    page that one user gets may come to the other.
    """
    __tracebackhide__ = True
    for order, answers in _repeated(a, b):
        pages = [{answer for who, answer in answers if who is one} for one in (a, b)]
        if shared := pages[0] & pages[1]:
            status, content = min(shared)
            hint = f"{order}, both users got {status} {_excerpt(content)}"
            _fail(b, "a different page for each user", [hint])


def assert_purged(client: Client, url: str) -> None:
    """Assert that what was stored for *url* through *client* answers no longer.

    *url* is absolute, or begins with a slash. Something must have been stored for it before.
    """
    __tracebackhide__ = True
    if not hasattr(client, "cached_app"):
        raise TypeError(must_be("client", "a cached client", client))
    kept = client.cached_app.kept
    ours = [one for one in kept if url in (one.url, _target(one.url))]
    if not ours:
        urls = dict.fromkeys(one.url for one in kept)
        known = ", ".join(list(urls)[:_MOST_SHOWN]) or "nothing"
        raise AssertionError(f"{url} was not stored before, so no purge can be seen; was: {known}")
    for one in ours:
        explanation = one.explained_now()
        if explanation.outcome == "hit":
            lines = [f"{one.url} was not purged", *_indented(explanation)]
            raise AssertionError("\n".join(lines))


# ── what has happened ──────────────────────────────────────────────────────────────────────────


def _cache_status(response: Response) -> str:
    if not hasattr(response, "headers"):
        raise TypeError(must_be("response", "a response of a cached client", response))
    lines = response.headers.items()
    return ", ".join(value for name, value in lines if name.lower() == "cache-status")


def _outcome(response: Response) -> Outcome:
    said = _cache_status(response)
    try:
        members: Any = http_sf.parse(said.encode("latin-1"), tltype="list")
        outcome = outcome_of(said, str(response.status_code))
        if _SAID.isdisjoint(members[-1][1]) or outcome.forward not in (None, *FORWARDS):
            raise ValueError(said)
        return outcome
    except (http_sf.StructuredFieldError, IndexError, TypeError, ValueError):
        what = f"has Cache-Status: {said}, which no cache says" if said else "has no Cache-Status"
        raise AssertionError(f"the response {what}: did it come through the cache?") from None


def _exchange(response: Response) -> Exchange | None:
    """Return the exchange of a *response* that a client of a `CachedApp` has got."""
    request = getattr(response, "wsgi_request", None) or getattr(response, "request", None)
    environ = getattr(request, "environ", {})
    found: Exchange | None = environ.get(KEY)
    return found


def _target(url: str) -> str:
    return url[url.index("/", url.index("//") + 2) :]


def _content(response: Response) -> bytes:
    content: Any = getattr(response, "content", None)
    got: Any = response
    return content if isinstance(content, bytes) else got.get_data()


# ── two users ──────────────────────────────────────────────────────────────────────────────────

_Answer = tuple[str, bytes]


def _repeated(a: Response, b: Response) -> Iterator[tuple[str, list[tuple[Response, _Answer]]]]:
    """Yield what both got, and what they get from empty caches, in words and in order."""
    first, second = _exchange(a), _exchange(b)
    if first is None or second is None or {first.method, second.method} != {"GET"}:
        raise TypeError("a and b must be responses to GET requests of cached clients")
    if _target(first.url) != _target(second.url):
        raise ValueError(f"a and b must be of the same URL, got {first.url} and {second.url}")
    yield (
        "in the test",
        [(one, (str(one.status_code), _content(one))) for one in (a, b)],
    )
    pairs = [(a, first), (b, second)]
    for order, who in (("b after a", pairs * 2), ("a after b", pairs[::-1] * 2)):
        cache = like(first.site.cache, MemoryStore(), first.clock)
        yield f"{order}, from an empty cache", [(one, asked.again(cache)) for one, asked in who]


def _from_nothing(response: Response) -> _Answer:
    """Return what the request of *response* gets from an empty cache."""
    exchange = _exchange(response)
    assert exchange is not None
    return exchange.again(like(exchange.site.cache, MemoryStore(), exchange.clock))


def _differing(order: str, answers: list[tuple[Response, _Answer]]) -> str:
    one, other, *_ = dict.fromkeys(answer for _, answer in answers)
    shown = [f"{status} {_excerpt(content)}" for status, content in (one, other)]
    return f"{order}, they got {shown[0]} and {shown[1]}"


def _excerpt(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return repr(text if len(text) <= 60 else f"{text[:57]}…")


# ── what a failure says ────────────────────────────────────────────────────────────────────────


def _fail(response: Response, what: str, hints: list[str]) -> NoReturn:
    __tracebackhide__ = True
    exchange = _exchange(response)
    asked = "the response" if exchange is None else f"{exchange.method} {exchange.url}"
    lines = [f"{asked} was not {what}", f"  Cache-Status: {_cache_status(response)}"]
    lines += [f"  {hint}" for hint in hints]
    if exchange is not None:
        lines += _indented(exchange.explained())
    raise AssertionError("\n".join(lines))


def _indented(explanation: Explanation) -> list[str]:
    return [f"  {line}" for line in explanation.lines()]
