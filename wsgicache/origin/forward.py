"""Forward, relay and keep: one request on its way to the origin, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from wsgicache.bodies import Primed, Tee, Write, close
from wsgicache.controls.control import Controls
from wsgicache.controls.matching import Routes
from wsgicache.keeper import Keeper
from wsgicache.origin.exchange import Exchange
from wsgicache.origin.flights import Alone, Heard
from wsgicache.rules import partial, validation
from wsgicache.rules.answering import relayed_fields
from wsgicache.rules.declaring import Declared
from wsgicache.rules.fields import delta_seconds
from wsgicache.rules.freshness import answers_others
from wsgicache.rules.model import Decision, FieldLines, StoredResponse
from wsgicache.rules.names import SET_COOKIE
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response
from wsgicache.rules.reuse import may_stand_in
from wsgicache.rules.storing import FOR_NOW

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Reuse(NamedTuple):
    """What the origin's answer comes to where a stored response is to be served after all."""

    decision: Decision
    told: str
    """For Cache-Status."""
    more: FieldLines
    """Fields for this client alone."""


class Forward(Exchange):
    """One request forwarded. Nothing is sent to the client before the origin's head was judged."""

    tee: Tee | None = None
    """What takes note of the body, where that is not one piece and may be kept."""

    def __init__(
        self,
        app: WSGIApplication,
        keeper: Keeper,
        routes: Routes,
        request: Request,
        decision: Decision,
        start_response: StartResponse,
    ) -> None:
        self.app = app
        self.keeper = keeper
        self.policy = keeper.policy
        self.routes = routes
        # Apps and what is around them change the environ that they get, and may; the rules go on
        # with what was asked of this cache.
        self.environ = request.environ
        request.environ = dict(self.environ)
        self.request = request
        self.decision = decision
        self.start_response = start_response
        self.controls = Controls()

    # ── 5 forward ──────────────────────────────────────────────────────────────────────────────

    def ask(self) -> Iterable[bytes] | Reuse:
        """Ask the origin: validate what is stored (§4.3), or fetch anew.

        Returns the body to send, its head being out, or what to serve from the store. Raises what
        the app raises where nothing can stand in.
        """
        try:
            environ = self.environ
            if self.decision.stored is not None or "HTTP_IF_NONE_MATCH" in environ:
                environ = self._environ()
            body = self.call(self.app, environ, self.controls)
        except Exception:
            if self.relayed or not self._may_stand_in(None):
                raise
            self.keeper.report("raised", "the app raised: a stale response stands in")
            return self._stand_in("detail=raised", None)
        if not self.relayed:
            heard = self._heard_before()
            response = None if heard is not None else self._received(body)
            if response is not None and self._is_for_us(response):
                return self._use(response)
            try:
                if response is not None:
                    self.relay(response)
                elif heard is not None:
                    self._pass_on(heard)
            except BaseException:
                self._discard(body)
                raise
        return body if self.tee is None else self.tee.over(self.controls.over(environ, body))

    def _environ(self) -> WSGIEnvironment:
        """The request as the app gets it: about what is stored (§4.3.1), or as it came."""
        request, stored = self.request, self.decision.stored
        if stored is not None and self.decision.forward == "partial":
            completing = partial.completing(request, stored)
            if completing is not None:
                return completing
            if request.method == "GET":
                self.decision = replace(self.decision, stored=None)
        elif stored is not None and stored.validators:
            return validation.validating(request, stored)
        environ = validation.fetching(request)
        return self.environ if environ is request.environ else environ

    def _received(self, body: Iterable[bytes] = ()) -> Response:
        assert self.head is not None
        response = Response(*self.head, body, self.request.looked_up_at)
        # PERF: the time of what is not stored is nobody's concern; 0.3 µs less.
        if self.decision.stored is None and not self.controls.said and not self.routes.speak:
            return response
        self.keeper.receive(response)
        return self._spoken(response, self.decision.stored)

    def _heard_before(self) -> Heard | None:
        """What this answer comes to if it is that of a page which is never kept, and says what it
        said when that was judged."""
        known = self.request.flight
        heard = known.heard if type(known) is Alone else None
        if heard is None or heard.decision is not self.decision or self.controls.said:
            return None
        try:
            return heard if heard.head == self.head and not self.routes.speak else None
        except Exception:
            return None  # They are none of PEP 3333, and do not compare.

    def _pass_on(self, heard: Heard) -> None:
        self.relayed = True
        self.start_response(heard.head[0], heard.lines[:])
        self.controls.late = self.keeper.too_late

    def _spoken(self, response: Response, stored: StoredResponse | None = None) -> Response:
        environ = self.request.environ
        matching = self.routes.matching(environ)
        return self.routes.spoken(response, self.controls, matching, environ, stored)

    def on_write(self) -> Write:
        """The app writes before its body is there: its head has to be judged now."""
        response = self._received()
        if self._is_for_us(response):
            return lambda data: None
        write = self.relay(response)
        return write if self.tee is None else self.tee.writing(write)

    def _is_for_us(self, response: Response) -> bool:
        """Whether the answer is about what is stored, and not to be passed on: a 304 to our
        conditions, the rest of a part, or an error for which a stale response may stand in."""
        stored = self.decision.stored
        if stored is None:
            return False
        if self.decision.forward == "partial":
            return self.request.method == "GET" and response.code in (206, 304, 412, 416)
        if response.code == 304:
            return bool(stored.validators)
        return response.code >= 500 and self._may_stand_in(response.code)

    def _may_stand_in(self, code: int | None) -> bool:
        stored, now = self.decision.stored, self.keeper.clock.now()
        return stored is not None and may_stand_in(self.request, stored, now, code, self.policy)

    def _use(self, response: Response) -> Iterable[bytes] | Reuse:
        """What an answer comes to that is about what is stored (§4.3.3)."""
        if self.decision.forward == "partial":
            return self._complete(response)
        self._discard(response.body)
        if response.code == 304:
            return self._freshen(response)
        message = f"the app answered {response.code}: a stale response stands in"
        self.keeper.report("error", message)
        return self._stand_in(f"fwd-status={response.code}", response.code)

    def _freshen(self, response: Response) -> Iterable[bytes] | Reuse:
        """Freshen what the app's 304 is about, to answer from it (§4.3.4)."""
        stored = self.decision.stored
        assert stored is not None
        if isinstance(response, Declared) and response.refused:
            return self._ask_again()  # What was stored is not to be used any more.
        renewed = validation.freshened(stored, response) if response.is_readable else None
        if renewed is None:
            return self._ask_again()  # It is about nothing we hold, or about nothing at all.
        fresh, why_not = self.keeper.freshen(self.request, stored, renewed, response)
        if why_not is None and not answers_others(renewed, self.policy):
            self.request.land("refused", "validation")
        self.request.land("refused" if why_not else "kept", why_not)
        told = f"fwd={self.decision.forward}; fwd-status=304"
        lines = relayed_fields(response, told, self.policy)
        cookies = [line for line in lines if line[0].lower() in SET_COOKIE]
        return Reuse(
            replace(self.decision, stored=fresh),
            f"{told}; detail={why_not}" if why_not else told,
            cookies,
        )

    def _complete(self, response: Response) -> Iterable[bytes] | Reuse:
        """Answer with a stored part and the rest that the app gave (§3.4), and keep the whole."""
        stored, body = self.decision.stored, response.body
        assert stored is not None
        content = self.keeper.content(stored)
        whole = partial.completed(stored, response)
        if whole is None or content is None or self.wrote:
            self._discard(body)
            return self._ask_again()  # They do not fit.
        self.relay(whole, "fwd-status=206; ")
        joined = Primed(body, *content)
        return joined if self.tee is None else self.tee.over(joined)

    def _ask_again(self) -> Iterable[bytes] | Reuse:
        """Ask for everything, with no condition or range of ours: what is stored is not what the
        app has (§4.3.3)."""
        self.keeper.drop(self.request)
        self.request.looked_up_at = self.keeper.clock.now()
        decision = replace(self.decision, stored=None)
        again = Forward(
            self.app, self.keeper, self.routes, self.request, decision, self.start_response
        )
        return again.ask()

    def _stand_in(self, said: str, code: int | None) -> Reuse:
        """Have what is stale served because the app failed (§4.2.4, RFC 5861 §4)."""
        assert self.decision.stored is not None
        self.request.land("stood in", code=code)
        return Reuse(self.decision, f"fwd={self.decision.forward}; {said}", [])

    def _discard(self, body: Iterable[bytes]) -> None:
        """Close a body of the app's that nobody will read."""
        try:
            close(body)
        except Exception:
            self.keeper.report("close", "the app raised in close() of a body that was not sent")

    # ── 6 relay, 7 keep ────────────────────────────────────────────────────────────────────────

    def relay(self, response: Response, said: str = "") -> Write:
        """Pass the head of the origin's response on; with a Tee for the body if the rules let us
        keep it (§3). Returns what write() has to use."""
        request, decision, keeper = self.request, self.decision, self.keeper
        alone = request.flight
        if request.method == "POST" and 200 <= response.code < 400:
            overtaken = keeper.emptied_since(request)
            keeper.begin(request, None, keeper.invalidate(request.key, response))
            why_not = "changed" if overtaken else keeper.refusal(request, response)
        else:
            why_not = keeper.refusal(request, response)
        if why_not is None and request.too_large:
            why_not = "too-large"
        if decision.stored is not None:
            keeper.supersede(request, decision.stored, response, why_not)
        if why_not is not None:
            request.land("refused" if response.code < 500 else "failed", why_not)
        detail = decision.detail or why_not
        outcome = f"detail={detail}" if detail else "stored"
        told = f"fwd={decision.forward}; {said}{outcome}"
        self.relayed = True
        lines = relayed_fields(response, told, self.policy)
        if type(alone) is Alone and alone.why == why_not and why_not not in FOR_NOW:
            alone.hear((response.status, response.fields), decision, lines)
        write = self.start_response(response.status, lines)
        if why_not is None:
            self._keep(response)
            self.controls.late = keeper.ending(request, self.tee)
        else:
            self.controls.late = keeper.too_late
        return write

    def send_again(self, status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
        """An error handler of the app's replaces the head, if the server still can."""
        if self.tee is not None:
            self.tee.give_up()
        told = f"fwd={self.decision.forward}"
        response = Response(status, fields)
        self.keeper.receive(response)
        head = relayed_fields(self._spoken(response), told, self.policy)
        if exc_info is None:
            return self.start_response(status, head)
        return self.start_response(status, head, exc_info)

    def _keep(self, response: Response) -> None:
        """Keep *response* at once, where its body is one piece; else have a Tee do it (§3.3)."""
        request, body = self.request, response.body
        if not answers_others(response, self.policy):
            request.land("refused", "validation")
        keeper, kept = self.keeper, False
        if isinstance(body, (list, tuple)) and len(body) == 1:
            (content,) = body
            if isinstance(content, bytes) and len(content) <= self.policy.max_content:
                kept = keeper.keep(request, response, content)
                request.land("kept" if kept else "failed")
                return

        # The app may go on changing its own while the body is on its way.
        response.fields = response.fields[:]

        def keep(content: bytes) -> None:
            nonlocal kept
            kept = keeper.keep(request, response, content)

        def end(too_large: bool) -> None:
            if too_large:
                request.land("refused", "too-large")
            else:
                request.land("kept" if kept else "failed")

        self.tee = Tee(
            self.policy.max_content,
            delta_seconds(response.field("content-length")),
            keep,
            lambda: keeper.drop(request),
            end,
        )
