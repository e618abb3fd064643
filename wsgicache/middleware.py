"""The walk of one request: hall, look up, decide, serve or forward, relay, keep; write through."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgicache.clock import Clock, SystemClock
from wsgicache.origin import Exchange, Primed, Tee, Write, close
from wsgicache.reporting import Reporter, log
from wsgicache.rules import conditional, entries, partial, storing, validation
from wsgicache.rules.keys import Key, target_key
from wsgicache.rules.model import (
    URI_MISS,
    CacheEntry,
    Decision,
    FieldLines,
    Request,
    Response,
    StoredResponse,
)
from wsgicache.rules.policy import Policy
from wsgicache.rules.reading import read
from wsgicache.rules.reuse import decide, may_stand_in, select
from wsgicache.rules.telling import refused_fields, relayed_fields, reused_lines
from wsgicache.rules.validation import invalidated_keys
from wsgicache.stores.memory import MemoryStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgicache.stores import Store

SAFE = frozenset(
    {"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY", "PRI"}
)
"""Registered methods that change nothing (RFC 9110 §9.2.1, §16.1.1)."""


class CacheMiddleware:
    """A shared HTTP cache (RFC 9111) in front of a WSGI application.

    *store* keeps the entries (default: a `MemoryStore` of its own), *policy* holds the operator's
    choices (default: the safe `Policy()`), *clock* tells the time. Raises TypeError for what is
    none of these.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not callable(app):
            raise TypeError(f"CacheMiddleware({app!r}): a WSGI application is allowed, a callable")
        if policy is not None and not isinstance(policy, Policy):
            raise TypeError(f"CacheMiddleware(policy={policy!r}): a Policy is allowed")
        for option, value, methods in (
            ("store", store, ("get", "content", "update")),
            ("clock", clock, ("now", "wall")),
        ):
            if value is not None and not all(callable(getattr(value, m, None)) for m in methods):
                raise TypeError(
                    f"CacheMiddleware({option}={value!r}): an object with the methods "
                    f"{', '.join(methods)} is allowed"
                )
        self.app = app
        self.store: Store = MemoryStore() if store is None else store
        self.policy = Policy() if policy is None else policy
        self.clock: Clock = SystemClock() if clock is None else clock
        self._validating: set[Key] = set()
        self.report = Reporter(self.clock)
        self._warned = False

    # ── 1 hall, 2 look up, 3 decide ────────────────────────────────────────────────────────────

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "")
        if method != "GET" and method != "HEAD":
            return self.write_through(environ, method, start_response)
        try:
            request = read(environ, method, self.policy)
        except Exception:
            self.report("request", "a request that could not be read passed by the cache")
            request = "request"
        if isinstance(request, str):
            return self.pass_through(environ, start_response, f"fwd=bypass; detail={request}")
        now = self.clock.now()
        try:
            entry = self.store.get(request.key)
            decision = decide(request, entry, now, self.policy)
        except Exception:
            self.report("store", "looking up in the store failed: the app answers")
            entry, decision = None, URI_MISS._replace(detail="store-error")
        if decision.forward is None:
            if not decision.background or self.validate_in_background(request, entry, decision):
                return self.serve(request, decision, start_response)
            decision = decision._replace(forward="stale", background=False)
        request.began = now if entry is None else max(now, entry.emptied_at)
        return self.forward(request, decision, start_response)

    # ── 4 serve ────────────────────────────────────────────────────────────────────────────────

    def serve(
        self,
        request: Request,
        decision: Decision,
        start_response: StartResponse,
        told: str | None = None,
        more: Iterable[tuple[str, str]] = (),
    ) -> Iterable[bytes]:
        """Answer from the cache, with Age (§4) and Cache-Status (RFC 9211).

        *told* is what Cache-Status says where this is no hit; *more* are fields for this client
        alone.
        """
        stored, age = decision.stored, decision.age
        if stored is None:
            start_response("504 Gateway Timeout", refused_fields(self.policy))
            return ()
        status, fields = stored.status, stored.fields
        ranges: conditional.Ranges | None = None
        if request.conditional:
            if conditional.not_modified(request, stored, self.clock.wall()):
                status, fields = conditional.NOT_MODIFIED, stored.not_modified
            else:
                ranges = conditional.wanted_ranges(request, stored, self.policy)
        body: Iterable[bytes] = ()
        if request.method == "GET" and fields is stored.fields:
            content = stored.content
            if content is None and (content := self.content(stored)) is None:
                # Evicted between the look-up and now: a miss.
                return self.forward(request, URI_MISS, start_response)
            if ranges is None:
                body = (content,)
            elif len(ranges) > 1:
                status = conditional.PARTIAL_CONTENT
                fields, body = conditional.multipart(stored, content, ranges)
            else:
                fields = conditional.partial_fields(stored, ranges)
                status = conditional.RANGE_NOT_SATISFIABLE
                if ranges:
                    status = conditional.PARTIAL_CONTENT
                    body = (conditional.cut(stored, content, *ranges[0]),)
        seconds, lines = stored.aged
        if seconds != int(age) or told is not None:
            seconds = int(age)
            lines = reused_lines(stored, seconds, told, self.policy)
            if told is None:
                stored.aged = seconds, lines
        start_response(status, [*fields, *lines, *more])
        return body

    def content(self, stored: StoredResponse) -> bytes | None:
        """The content of *stored* from the store, or None where that is gone or failing."""
        try:
            return self.store.content(stored)
        except Exception:
            self.report("store", "reading content from the store failed: the app answers")
            return None

    # ── 5 forward ──────────────────────────────────────────────────────────────────────────────

    def forward(
        self, request: Request, decision: Decision, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Ask the origin: validate what is stored (§4.3), or fetch anew."""
        stored = decision.stored
        environ = None
        if stored is not None and decision.forward == "partial":
            environ = partial.completing(request, stored)
            if environ is None:
                decision = decision._replace(stored=None)
                stored = None
        elif stored is not None and stored.validators:
            environ = validation.validating(request, stored)
        if environ is None:
            environ = validation.fetching(request)
        self.warn_of_processes(environ)
        requested_at = self.clock.now()
        wrote: list[Tee | None] = []

        def received(exchange: Exchange, body: Iterable[bytes] = ()) -> Response:
            assert exchange.head is not None
            wall, now = self.clock.wall(), self.clock.now()
            return Response(*exchange.head, body, requested_at, now, wall)

        def on_write(exchange: Exchange) -> Write:
            response = received(exchange)
            if self.is_for_us(request, decision, response):
                return lambda data: None
            tee, write = self.relay(request, decision, response, exchange, start_response)
            wrote.append(tee)
            return write if tee is None else tee.writing(write)

        exchange = Exchange(on_write)
        try:
            body = exchange.call(self.app, environ)
        except Exception:
            now = self.clock.now()
            if wrote or stored is None or not may_stand_in(request, stored, now, None, self.policy):
                raise
            self.report("raised", "the app raised: a stale response stands in")
            return self.stand_in(request, decision, "detail=raised", start_response)
        if wrote:
            return body if wrote[0] is None else wrote[0].over(body)
        response = received(exchange, body)
        if self.is_for_us(request, decision, response):
            if decision.forward == "partial":
                return self.completed(request, decision, response, exchange, start_response)
            self.discard(body)
            if response.code == 304:
                return self.validated(request, decision, response, start_response)
            self.report("error", f"the app answered {response.code}: a stale response stands in")
            said = f"fwd-status={response.code}"
            return self.stand_in(request, decision, said, start_response)
        tee, _ = self.relay(request, decision, response, exchange, start_response)
        return body if tee is None else tee.over(body)

    def is_for_us(self, request: Request, decision: Decision, response: Response) -> bool:
        """Whether the app's answer is about what is stored, and not to be passed on: a 304 to our
        conditions, or an error for which a stale response may stand in."""
        stored = decision.stored
        if stored is None:
            return False
        if decision.forward == "partial":
            return response.code in (206, 304, 412, 416)
        if response.code == 304:
            return bool(stored.validators)
        return response.code >= 500 and may_stand_in(
            request, stored, response.received_at, response.code, self.policy
        )

    def completed(
        self,
        request: Request,
        decision: Decision,
        response: Response,
        exchange: Exchange,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Answer with a stored part and the rest that the app gave (§3.4), and keep the whole."""
        stored, body = decision.stored, response.body
        assert stored is not None
        content = stored.content if stored.content is not None else self.content(stored)
        whole = partial.completed(stored, response, self.policy)
        if whole is None or content is None or exchange.wrote:
            # They do not fit: ask again, for everything.
            self.discard(body)
            return self.forward(request, decision._replace(stored=None), start_response)
        tee, _ = self.relay(request, decision, whole, exchange, start_response, 206)
        joined = Primed(body, content)
        return joined if tee is None else tee.over(joined)

    def stand_in(
        self, request: Request, decision: Decision, said: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve what is stale because the app failed (§4.2.4, RFC 5861 §4)."""
        assert decision.stored is not None
        age = self.clock.now() - decision.stored.generated_at
        told = f"fwd={decision.forward}; {said}"
        return self.serve(request, decision._replace(age=age), start_response, told)

    def validated(
        self,
        request: Request,
        decision: Decision,
        response: Response,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Freshen what the app's 304 is about and answer from it (§4.3.3, §4.3.4)."""
        stored = decision.stored
        assert stored is not None
        renewed = validation.freshened(stored, response, self.policy)
        if renewed is None:
            # It is about nothing we hold: ask again, without conditions of ours.
            return self.forward(request, decision._replace(stored=None), start_response)
        why_not = storing.refusal(request, renewed, self.policy, method="GET")
        cookies = [line for line in response.fields if line[0].lower().startswith("set-cookie")]
        if cookies and not self.policy.store_set_cookie:
            why_not = why_not or "cookie"
        fresh = storing.store(renewed, stored.content, self.policy, stored.length)
        if why_not is None:
            self.update(
                request.key,
                validation.freshening(request, stored, renewed, fresh, self.policy),
            )
        elif why_not not in storing.ABOUT_THE_REQUEST:
            self.update(request.key, entries.dropping(request, self.policy))
        told = f"fwd={decision.forward}; fwd-status=304"
        if why_not:
            told += f"; detail={why_not}"
        age = self.clock.now() - fresh.generated_at
        return self.serve(
            request, decision._replace(stored=fresh, age=age), start_response, told, cookies
        )

    # ── 6 relay, 7 keep ────────────────────────────────────────────────────────────────────────

    def relay(
        self,
        request: Request,
        decision: Decision,
        response: Response,
        exchange: Exchange,
        start_response: StartResponse,
        fwd_status: int | None = None,
    ) -> tuple[Tee | None, Write]:
        """Pass the head of the origin's response on; a Tee for the body if the rules let us keep it
        (§3). Returns what write() has to use, too."""
        if request.method == "POST" and 200 <= response.code < 400:
            request.began = self.invalidate(request.key, response)
        why_not = storing.refusal(request, response, self.policy)
        if decision.stored is not None:
            self.supersede(request, decision.stored, response, why_not)
        detail = decision.detail or why_not
        told = f"fwd={decision.forward}; "
        if fwd_status is not None:
            told += f"fwd-status={fwd_status}; "
        told += f"detail={detail}" if detail else "stored"
        write = start_response(response.status, relayed_fields(response, told, self.policy))
        tee: Tee | None = None
        if why_not is None:
            body = response.body
            if type(body) in (list, tuple) and len(body) == 1:  # type: ignore[arg-type]
                self.keep_whole(request, response, body[0])  # type: ignore[index]
            else:
                length = response.lines.get("content-length")
                tee = Tee(
                    self.policy.max_content,
                    int(length[0]) if length else None,
                    lambda content: self.keep(request, response, content),
                    lambda: self.update(request.key, entries.dropping(request, self.policy)),
                )

        def send_again(status: str, fields: FieldLines, exc_info: Any = None, /) -> Write:
            # An error handler of the app's replaces the head, if it is not too late.
            if tee is not None:
                tee.give_up()
            head = relayed_fields(Response(status, fields), f"fwd={decision.forward}", self.policy)
            if exc_info is None:
                return start_response(status, head)
            return start_response(status, head, exc_info)

        exchange.send_again = send_again
        return tee, write

    def supersede(
        self, request: Request, stored: StoredResponse, response: Response, why_not: str | None
    ) -> None:
        """Drop or update what a full response, or one to HEAD, shows to be old (§4.3.3, §4.3.5)."""
        if request.method == "HEAD" and response.code == 200:
            if not validation.matches_head(stored, response):
                why_not = storing.refusal(request, response, self.policy, method="GET") or "changed"
            else:
                renewed = validation.updated(stored, response, self.policy)
                why_not = storing.refusal(request, renewed, self.policy, method="GET")
                if why_not is None:
                    fresh = storing.store(renewed, stored.content, self.policy, stored.length)
                    change = validation.freshening(request, stored, renewed, fresh, self.policy)
                    self.update(request.key, change)
        if why_not and response.code < 500 and why_not not in storing.ABOUT_THE_REQUEST:
            self.update(request.key, entries.dropping(request, self.policy))

    def keep_whole(self, request: Request, response: Response, content: object) -> None:
        """Keep a body that the app gave in one piece."""
        if not isinstance(content, bytes) or len(content) > self.policy.max_content:
            return
        self.keep(request, response, content)

    def keep(self, request: Request, response: Response, content: bytes) -> None:
        """Store *response*, now that its *content* is complete (§3.3)."""
        if not storing.is_complete(response, len(content)):
            return
        try:
            if response.code == 206:
                change = partial.combining(request, response, content, self.policy)
            else:
                stored = storing.store(response, content, self.policy)
                change = entries.adding(request, response, stored, self.policy)
        except Exception:
            self.report("keep", "a response could not be stored")
            return
        self.update(request.key, change)

    def update(self, key: Key, change: entries.Change) -> bool:
        """Apply *change* in the store; a failing store costs a line in the log."""
        try:
            self.store.update(key, change)
        except Exception:
            self.report("store", "writing to the store failed")
            return False
        return True

    # ── W write through, and what passes by ────────────────────────────────────────────────────

    def write_through(
        self, environ: WSGIEnvironment, method: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Forward an uncacheable method; a success invalidates what it changed (§4, §4.4)."""
        if method in SAFE:
            return self.pass_through(environ, start_response, "fwd=method")
        if method == "POST" and self.policy.store_post:
            request = read(environ, method, self.policy)
            if isinstance(request, Request):
                return self.forward(request, Decision("method"), start_response)
        return self.pass_through(environ, start_response, "fwd=method", self.invalidating(environ))

    def invalidating(self, environ: WSGIEnvironment) -> Callable[[Response], None]:
        """What to do when the response to an unsafe request is known (§4.4)."""

        def on_response(response: Response) -> None:
            if 200 <= response.code < 400:
                try:
                    key = target_key(environ)
                except Exception:
                    return
                if key is not None:
                    self.invalidate(key, response)

        return on_response

    def invalidate(self, key: Key, response: Response) -> float:
        """Empty *key* and what Location and Content-Location name of its origin (§4.4).

        Returns the moment it is filed under; only fills that began no earlier are kept.
        """
        moment = math.nextafter(self.clock.now(), math.inf)
        for one in invalidated_keys(key, response):
            self.update(one, entries.emptied(moment))
        return moment

    def pass_through(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        told: str,
        on_response: Callable[[Response], None] | None = None,
    ) -> Iterable[bytes]:
        """Let the app answer, body and all untouched; only the head is looked at."""

        def start(status: str, fields: FieldLines, exc_info: Any = None, /) -> Write:
            response = Response(status, fields)
            if on_response is not None:
                on_response(response)
            head = relayed_fields(response, told, self.policy)
            if exc_info is None:
                return start_response(status, head)
            return start_response(status, head, exc_info)

        return self.app(environ, start)

    # ── background validation (RFC 5861 §3) ────────────────────────────────────────────────────

    def validate_in_background(
        self, request: Request, entry: CacheEntry | None, decision: Decision
    ) -> bool:
        """Start a validation, unless one is under way; False where there can be no thread."""
        environ = request.environ
        if not environ.get("wsgi.multithread") or environ.get("wsgi.run_once"):
            return False
        key = request.key
        if key in self._validating:
            return True
        self._validating.add(key)
        try:
            nominated = () if entry is None else entry.nominated
            own = validation.background_environ(request, nominated)
            # A daemon, so that it delays no exit; new threads have a context of their own.
            threading.Thread(
                target=self.validate, args=(own,), name="wsgicache-validation", daemon=True
            ).start()
        except Exception:
            self._validating.discard(key)
            self.report("thread", "no background validation: no thread could be started")
            return False
        return True

    def validate(self, environ: WSGIEnvironment) -> None:
        """A new walk for nobody: whatever it learns is in the store afterwards."""
        key = target_key(environ)
        try:
            request = read(environ, "GET", self.policy)
            if isinstance(request, str):
                return
            entry = self.store.get(request.key)
            now = self.clock.now()
            request.began = now if entry is None else max(now, entry.emptied_at)
            stored = None
            if entry is not None:
                stored = select(request, entry, self.policy)
            age = 0.0 if stored is None else now - stored.generated_at
            body = self.forward(request, Decision("stale", stored, age), _to_nobody)
            try:
                for _ in body:
                    pass
            finally:
                close(body)
        except Exception:
            self.report("background", "a background validation failed")
        finally:
            if key is not None:
                self._validating.discard(key)

    # ── saying so ──────────────────────────────────────────────────────────────────────────────

    def discard(self, body: Iterable[bytes]) -> None:
        """Close a body of the app's that nobody will read."""
        try:
            close(body)
        except Exception:
            self.report("close", "the app raised in close() of a body that was not sent")

    def warn_of_processes(self, environ: WSGIEnvironment) -> None:
        """Say once what several processes mean for a memory of each their own."""
        if self._warned or not environ.get("wsgi.multiprocess"):
            return
        self._warned = True
        if isinstance(self.store, MemoryStore):
            log.warning(
                "the server runs several processes and each has a MemoryStore of its own: a POST "
                "or a purge clears one process's copy, the others serve theirs until it is stale; "
                "a store that processes share (memcached, Redis) cures it"
            )


def _to_nobody(status: str, fields: FieldLines, exc_info: Any = None, /) -> Write:
    return lambda data: None
