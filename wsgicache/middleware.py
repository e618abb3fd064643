"""The walk of one request: hall, look up, decide, serve or forward, relay, keep; write through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgicache.arguments import has_methods
from wsgicache.bodies import Write, close
from wsgicache.clock import SYSTEM_CLOCK, Clock
from wsgicache.controls.matching import Routes
from wsgicache.controls.routes import Route
from wsgicache.keeper import Keeper
from wsgicache.origin.background import Background, Runner, described
from wsgicache.origin.bypass import Passing
from wsgicache.origin.forward import Forward, Reuse
from wsgicache.origin.turns import Leading
from wsgicache.purging import Purging, answer_purge, checked_token
from wsgicache.reporting import Reporter, log
from wsgicache.rules import conditional
from wsgicache.rules.answering import refused_fields, reused_lines
from wsgicache.rules.keys import Key
from wsgicache.rules.model import URI_MISS, Decision, FieldLines
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request, read
from wsgicache.rules.reuse import (
    decide,
    forwarded,
    may_collapse,
    select,
)
from wsgicache.stores.memory import MemoryStore
from wsgicache.switch import OffFile, off_at_start

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgicache.stores import Store

SAFE = frozenset(
    {"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY", "PRI"}
)
"""Registered methods that change nothing (RFC 9110 §9.2.1, §16.1.1)."""


class CacheMiddleware(Purging):
    """A shared HTTP cache (RFC 9111) in front of a WSGI application.

    *store* keeps the entries (default: a `MemoryStore` of its own), *policy* holds the operator's
    choices (default: the safe `Policy()`), *clock* tells the time, *runner* runs the `Job` of a
    background validation (default: a few threads). With *purge_token*, whoever has it may purge
    by the method PURGE (`purging.answer_purge`). Raises TypeError or ValueError for what is none of
    these.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
        runner: Runner | None = None,
        routes: Iterable[Route] = (),
        purge_token: str | None = None,
    ) -> None:
        if not callable(app):
            raise TypeError(f"CacheMiddleware({app!r}): a WSGI application is allowed, a callable")
        if policy is not None and not isinstance(policy, Policy):
            raise TypeError(f"CacheMiddleware(policy={policy!r}): a Policy is allowed")
        has_methods("CacheMiddleware", "store", store, "get", "content", "update")
        has_methods("CacheMiddleware", "clock", clock, "now", "wall")
        if runner is not None and not callable(runner):
            raise TypeError(f"CacheMiddleware(runner={runner!r}): a callable is allowed")
        self.app = app
        self.store: Store = MemoryStore() if store is None else store
        self.policy = Policy() if policy is None else policy
        self.clock: Clock = SYSTEM_CLOCK if clock is None else clock
        self.enabled = not off_at_start()
        """Set to False, every request passes by the cache until it is True again."""
        self.off_file = OffFile(self.policy.off_file) if self.policy.off_file else None
        self._purge_token = checked_token(purge_token)
        self.report = Reporter(self.clock)
        self.keeper = Keeper(self.store, self.policy, self.clock, self.report)
        self.leading = Leading(self.keeper)
        self.flights = self.leading.flights
        self.background = Background(self.validate, runner, self.clock, self.report)
        self.routes = Routes(routes, self.policy)
        self.passing = Passing(self.keeper, self.routes)
        self._read = self.routes.read if self.routes.are_early else read
        self._warned = False

    # ── 1 hall, 2 look up, 3 decide ────────────────────────────────────────────────────────────

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "")
        if not self.enabled or (self.off_file is not None and self.off_file.is_there()):
            if method == "PURGE" and self._purge_token is not None:
                return self.write_through(environ, method, start_response)
            # What is changed meanwhile must not come back when the cache does.
            told, unsafe = "fwd=bypass; detail=off", method not in SAFE
            return self.pass_through(environ, start_response, told, unsafe=unsafe, whole=True)
        if method != "GET" and method != "HEAD":
            return self.write_through(environ, method, start_response)
        try:
            request = self._read(environ, method, self.policy)
        except Exception:
            self.report("request", "a request that could not be read passed by the cache")
            request = "request"
        if isinstance(request, str):
            told = f"fwd=bypass; detail={request}"
            whole = request == "bypass"
            return self.pass_through(environ, start_response, told, whole=whole)
        now = self.clock.now()
        try:
            entry = self.store.get(request.key)
            decision = decide(request, entry, now, self.policy)
        except Exception:
            self.report("store", "looking up in the store failed: the app answers")
            entry = None
            decision = forwarded(request, replace(URI_MISS, detail="store-error"))
        if decision.forward is None:
            if entry is None or not decision.background:
                return self.serve(request, decision, now, start_response)
            validating = self.routes.lets_nobody_ask(request, entry) and self.background.start(
                request, entry, decision
            )
            if validating or decision.is_fresh(now):
                return self.serve(request, decision, now, start_response)
            decision = forwarded(request, replace(decision, forward="stale", background=False))
            if decision.forward is None:
                return self.serve(request, decision, now, start_response)
        self.keeper.begin(request, entry, now)
        return self.forward(request, decision, start_response)

    # ── 4 serve ────────────────────────────────────────────────────────────────────────────────

    def serve(
        self,
        request: Request,
        decision: Decision,
        now: float,
        start_response: StartResponse,
        told: str | None = None,
        more: FieldLines | None = None,
    ) -> Iterable[bytes]:
        """Answer from the cache, with Age (§4) and Cache-Status (RFC 9211).

        *told* is what Cache-Status says where this is no hit; *more* are fields for this client
        alone.
        """
        stored = decision.stored
        if stored is None:
            start_response("504 Gateway Timeout", refused_fields(self.policy))
            return ()
        status, fields = stored.status, stored.fields
        ranges: conditional.Ranges | None = None
        if request.conditional:
            if conditional.not_modified(request, stored, now):
                status = conditional.NOT_MODIFIED
                fields = stored.not_modified or conditional.not_modified_fields(stored)
            else:
                ranges = conditional.wanted_ranges(request, stored, self.policy)
        # PERF: granian sends a list at once and streams all else, for 1.2 µs in Python alone.
        body: Iterable[bytes] = []
        if request.method == "GET" and fields is stored.fields:
            if ranges is None and stored.content is not None:
                body = [stored.content]
            elif (pieces := self.keeper.content(stored)) is None:
                # Evicted between the look-up and now: a miss.
                decision = forwarded(request, URI_MISS)
                if decision.forward is None:
                    return self.serve(request, decision, now, start_response)
                self.keeper.begin(request, None, self.clock.now())
                return self.forward(request, decision, start_response)
            elif ranges is None:
                body = pieces
            else:
                status, fields, body = conditional.ranged(stored, pieces, ranges)
        age = now - stored.generated_at
        seconds, lines = stored.aged
        if not seconds <= age < seconds + 1 or told is not None:
            seconds = max(0, int(age))
            lines = reused_lines(stored, seconds, told, self.policy)
            if told is None:
                stored.aged = seconds, lines
        start_response(status, fields + lines + more if more else fields + lines)
        return body

    # ── 5 forward ──────────────────────────────────────────────────────────────────────────────

    def forward(
        self, request: Request, decision: Decision, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Wait for a request that is on its way for the same (§4), or ask the origin."""
        try:
            if may_collapse(request, decision, self.policy):
                why, decision = decision.forward, self.leading.lead(request, decision)
                if decision.forward is None:
                    told = f"fwd={why}; collapsed"
                    return self.serve(request, decision, self.clock.now(), start_response, told)
            if not self._warned:
                self.warn_of_processes(request.environ)
            answer = Forward(
                self.app, self.keeper, self.routes, request, decision, start_response
            ).ask()
        except BaseException:
            request.land("failed")
            raise
        if not isinstance(answer, Reuse):
            return answer
        now = self.clock.now()
        return self.serve(request, answer.decision, now, start_response, answer.told, answer.more)

    # ── W write through, and what passes by ────────────────────────────────────────────────────

    def write_through(
        self, environ: WSGIEnvironment, method: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Forward an uncacheable method; a success invalidates what it changed (§4, §4.4)."""
        if self.routes.are_early and self.routes.matching(environ).early.exempt:
            told, unsafe = "fwd=bypass; detail=exempt", method not in SAFE
            return self.pass_through(environ, start_response, told, unsafe=unsafe)
        if method in SAFE:
            return self.pass_through(environ, start_response, "fwd=method")
        if method == "PURGE" and self._purge_token is not None:
            return answer_purge(self, self._purge_token, self.report, environ, start_response)
        if method == "POST" and self.policy.store_post:
            try:
                request = read(environ, method, self.policy)
                filed = self.routes.key(environ)
            except Exception:  # of an environ that cannot be read: nothing is filed under it
                request, filed = "request", None
            if isinstance(request, Request) and request.key == filed:
                self.keeper.begin(request, self.keeper.entry(request), self.clock.now())
                return self.forward(request, Decision("method"), start_response)
        return self.pass_through(environ, start_response, "fwd=method", unsafe=True)

    def pass_through(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        told: str,
        *,
        unsafe: bool = False,
        whole: bool = False,
    ) -> Iterable[bytes]:
        """Let the app answer, past the cache; an *unsafe* request may change what that holds."""
        changes = self.passing.invalidating(environ) if unsafe else None
        return self.passing.through(self.app, environ, start_response, told, changes, whole)

    # ── background validation (RFC 5861 §3) ────────────────────────────────────────────────────

    def validate(self, environ: WSGIEnvironment) -> None:
        """A new walk for nobody: whatever it learns is in the store afterwards. Nothing is asked
        while the cache is off. Raises no Exception."""
        if not self.enabled or (self.off_file is not None and self.off_file.is_there()):
            return
        try:
            request = self._read(environ, "GET", self.policy)
            if isinstance(request, str):
                return
            entry = self.store.get(request.key)
            now = self.clock.now()
            self.keeper.begin(request, entry, now)
            stored = None if entry is None else select(request, entry, self.policy)
            body = self.forward(request, Decision("stale", stored), _to_nobody)
            try:
                for _ in body:
                    pass
            finally:
                close(body)
        except Exception:
            self.report("background", "a background validation failed")

    def refresh(self, url: str, fields: Mapping[str, str] | None = None, mount: str = "") -> None:
        """Ask the app for *url* with the request *fields* and store what it answers, as a `Job`
        given to a runner describes it; *mount* is the part of the path before the app's own. Raises
        ValueError for a *url* that is not absolute, TypeError for other arguments that are none."""
        self.validate(described(url, fields or {}, mount))

    # ── purging (the verbs are those of `Purging`) ─────────────────────────────────────────────

    def filed_under(self, key: Key) -> Key:
        """The key under which a GET of the target *key* is filed, as routes have it."""
        scheme, host, path, query = key
        target = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
        return self.routes.key({**target, "PATH_INFO": path, "QUERY_STRING": query}) or key

    def purged(self) -> None:
        """Forget what could not be shared, too."""
        self.flights.forget()

    # ── saying so ──────────────────────────────────────────────────────────────────────────────

    def warn_of_processes(self, environ: WSGIEnvironment) -> None:
        """Say once what several processes mean for a memory of each their own."""
        self._warned = True
        if environ.get("wsgi.multiprocess") and isinstance(self.store, MemoryStore):
            log.warning(
                "the server runs several processes and each has a MemoryStore of its own: a POST "
                "or a purge clears one process's copy, the others serve theirs until it is stale; "
                "a store that processes share (memcached, Redis) cures it"
            )


def _to_nobody(status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
    return lambda data: None
