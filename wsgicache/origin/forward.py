"""Forward, relay and keep: one request on its way to the origin, and its answer on the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgicache.bodies import Primed, Tee, Write, finish
from wsgicache.controls.matching import naming_parts
from wsgicache.origin import filling
from wsgicache.origin.asking import why_asked
from wsgicache.origin.exchange import Exchange, Origin, nowhere
from wsgicache.origin.hidden import hidden_cookies
from wsgicache.origin.telling import of_answer
from wsgicache.origin.trip import ANNOUNCING, NEXT_TIME, Reuse, Trip
from wsgicache.rules import keeping, partial, storing, validation, wholes
from wsgicache.rules.answering import FOR_ONE_CLIENT, first_reason, relayed_fields
from wsgicache.rules.collapsing import forwards_conditions
from wsgicache.rules.conditional import not_modified_by
from wsgicache.rules.declaring import Declared
from wsgicache.rules.freshness import answers_others
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.names import SET_COOKIE
from wsgicache.rules.response import Response
from wsgicache.rules.reuse import may_stand_in, outlasts

__all__ = ["Forward", "Reuse"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Forward(Exchange):
    """One request forwarded. The client gets nothing before the origin's head has been judged."""

    tee: Tee | None = None
    """What collects the body, if it has several pieces and may be kept."""
    kept_at_once = False
    """Whether the body was one piece and was kept."""
    replaced = False
    """Whether the app saw other conditions than the client sent, or no range."""
    instead: Sequence[bytes] | None = None
    """The content that the client gets instead of the app's: a part of it, or none with a 304."""

    def __init__(self, origin: Origin, trip: Trip, start_response: StartResponse) -> None:
        request, cache_status = trip.request, f"fwd={trip.decision.forward}"
        super().__init__(origin, request.environ, start_response, cache_status, request.given)
        self.hidden = None if request.given is None else hidden_cookies(origin, request)
        # Apps and their middleware may change the environ that they get. The rules go on with what
        # this cache was asked.
        request.environ, request.given = self.asked, self.given
        self.trip = trip
        self.request = request
        if request.forwarded is not None:
            self.controls.say(*naming_parts(self.asked, origin.policy))
        self.keeper, self.policy = origin.keeper, origin.policy

    # ── 5 forward ──────────────────────────────────────────────────────────────────────────────

    def ask(self) -> Iterable[bytes] | Reuse:
        """Ask the origin: validate what is stored (§4.3), or fetch anew.

        Returns the body to send, its head being out, or what to serve from the store. Raises what
        the app raises where nothing can stand in.
        """
        if self.hidden is not None and self.hidden.are_known_to_be_set():
            return self.hidden.ask_openly(self.trip, self.start_response, self.cache_status)
        shown = self.asked
        try:
            if self._stored is not None or self.request.conditional:
                shown = self._wanted()
                self.replaced = shown is not self.asked
            if "wsgi.input_terminated" in shown and shown.get("SERVER_PROTOCOL") not in ANNOUNCING:
                shown = self.trip.watching(shown)
            body = self.call(shown)
        except BaseException as error:
            if self.tee is not None:
                self.tee.give_up()
            if self.relayed or not isinstance(error, Exception) or not self._may_stand_in(None):
                raise
            self.origin.report("raised", "the app raised: a stale response stands in")
            return self._stand_in("detail=raised")
        if not self.relayed:
            assert self.head is not None
            response = self.received(self.head, body)
            name = None if self.hidden is None else self.hidden.set_by(response)
            if self._is_for_us(response) and (name is None or response.code >= 500):
                return self._use(response)
            if self.hidden is not None and name is not None:
                self.discard(body)
                self.renew()
                self.hidden.note(name)
                return self.hidden.ask_openly(self.trip, self.start_response, self.cache_status)
            if self.trip.wanted is not None:
                self.replaced, whole = True, filling.whole(self, self.trip, response)
                if whole is None:
                    return Forward(self.origin, self.trip, self.start_response).ask()
                response, body = whole, whole.body
            try:
                self.relay(response)
            except BaseException:
                self.discard(body)
                raise
        if self.tee is not None:
            body = self.tee.over(self.within(body))
        elif self.hides:
            body = self.passing(body)
        if self.instead is not None:
            now = self.origin.clock.now
            until = now() + self.policy.collapse_timeout
            finish(body, self.origin.report, lambda: now() < until)
            return self.instead
        return body

    @property
    def _stored(self) -> StoredResponse | None:
        return self.trip.decision.stored

    def _wanted(self) -> WSGIEnvironment:
        """Return the environ that asks for the page, or about what is stored of it (§4.3.1)."""
        request, stored, trip = self.request, self._stored, self.trip
        if stored is not None and trip.decision.forward == "partial":
            completing = partial.completing(request, stored)
            if completing is not None:
                return completing
            if request.method == "GET":
                trip.decision = replace(trip.decision, stored=None)
        elif stored is not None and stored.validators:
            return validation.validating(request, stored)
        if trip.is_for_one or forwards_conditions(request, trip.decision, self.policy):
            return validation.fetching(request)
        return validation.whole(request)

    def about(self) -> StoredResponse | None:
        """Return the stored response, unless another head is out."""
        return None if self.relayed else self._stored

    def requested_at(self, now: float) -> float:
        """Return when this request was last looked up."""
        return self.trip.looked_up_at

    def on_write(self) -> Write:
        """Judge the head now: the app writes before its body is there."""
        assert self.head is not None
        response = self.received(self.head, ())
        if self._is_for_us(response) or (self.hidden and self.hidden.set_by(response)):
            return nowhere
        # Bytes follow, so neither a 304 nor a part can replace the answer.
        self.replaced = False
        self.relay(response)
        return self.following()

    def following(self) -> Write:
        """Return what takes the bytes of write() after the head: more than what was kept whole."""
        write = super().following() if self.instead is None else nowhere
        if self.tee is not None:
            return self.tee.writing(write)
        if self.kept_at_once:
            self.keeper.drop(self.request)
        return write

    def _is_for_us(self, response: Response) -> bool:
        """Return whether the answer is about what is stored, and is not passed on.

        It is a 304 to our conditions, the rest of a part, or an error that a stale response
        replaces.
        """
        stored = self._stored
        if stored is None:
            return False
        if self.trip.decision.forward == "partial":
            return self.request.method == "GET" and response.code in (206, 304, 412, 416)
        if response.code == 304:
            return bool(stored.validators)
        return response.code >= 500 and self._may_stand_in(response.code)

    def _may_stand_in(self, code: int | None) -> bool:
        stored, now = self._stored, self.origin.clock.now()
        if stored is None:
            return False
        if self.trip.background and outlasts(stored, now, code, self.policy):
            return True
        return may_stand_in(self.request, stored, now, code, self.policy)

    def _use(self, response: Response) -> Iterable[bytes] | Reuse:
        """Use an answer that is about what is stored (§4.3.3)."""
        if self.trip.decision.forward == "partial":
            return self._complete(response)
        self.discard(response.body)
        if response.code == 304:
            return self._freshen(response)
        message = f"the app answered {response.code}: a stale response stands in"
        self.origin.report("error", message)
        return self._stand_in(f"fwd-status={response.code}", response.code)

    def _freshen(self, response: Response) -> Iterable[bytes] | Reuse:
        """Freshen what the app's 304 is about, to answer from it (§4.3.4)."""
        stored, trip = self._stored, self.trip
        assert stored is not None
        if isinstance(response, Declared) and response.refused:
            return self._ask_again()  # The stored response must not be used any more.
        renewed = None
        if response.is_readable:
            renewed = validation.freshened(stored, response, self.policy)
        if renewed is None:
            return self._ask_again()  # It is not about the stored response.
        fresh, why_not = self.keeper.freshen(self.request, stored, renewed, response, trip.fill)
        if why_not is not None:
            trip.land("refused", why_not)
        else:
            filling.land_kept(trip, renewed, self.origin.clock.now(), self.policy)
        cache_status = f"{self.cache_status}; fwd-status=304"
        lines = relayed_fields(response, cache_status, self.policy)
        cookies = [line for line in lines if line[0].lower() in SET_COOKIE]
        said = f"; detail={why_not}" if why_not else why_asked(self.origin, trip)
        outcome = "refused" if why_not else "validated"
        decision, spent = (
            replace(trip.decision, stored=fresh),
            response.received_at - trip.looked_up_at,
        )
        return Reuse(decision, cache_status + said, cookies, outcome, why_not, spent)

    def _complete(self, response: Response) -> Iterable[bytes] | Reuse:
        """Answer with a stored part and the rest that the app gave (§3.4), and keep the whole."""
        stored, body = self._stored, response.body
        assert stored is not None
        content = self.keeper.content(stored)
        whole = partial.completed(stored, response, self.policy)
        if whole is None or content is None or self.wrote:
            self.discard(body)
            return self._ask_again()  # They do not fit.
        self.relay(whole, "fwd-status=206; ")
        joined = Primed(body, *content)
        return joined if self.tee is None else self.tee.over(self.within(joined))

    def _ask_again(self) -> Iterable[bytes] | Reuse:
        """Ask for everything, since what is stored does not fit (§4.3.3)."""
        trip = self.trip
        self.renew()
        self.keeper.drop(self.request)
        trip.looked_up_at = self.origin.clock.now()
        trip.decision = replace(trip.decision, stored=None)
        return Forward(self.origin, trip, self.start_response).ask()

    def _stand_in(self, said: str, code: int | None = None) -> Reuse:
        """Serve a stale response because the app failed (§4.2.4, RFC 5861 §4)."""
        trip, detail = self.trip, None if code else "raised"
        trip.land("stood in", code=code)
        spent = self.origin.clock.now() - trip.looked_up_at
        return Reuse(trip.decision, f"{self.cache_status}; {said}", [], "refused", detail, spent)

    # ── 6 relay, 7 keep ────────────────────────────────────────────────────────────────────────

    def relay(self, response: Response, said: str = "") -> None:
        """Pass the head of the response on, with a Tee for the body if it may be kept (§3)."""
        trip = self.trip
        why_not = filling.refusal(self.origin, trip, response)
        if self._stored is not None:
            if storing.outlives(trip.decision, response, trip.looked_up_at, self.policy):
                why_not = storing.FORCED
            else:
                self.keeper.supersede(self.request, self._stored, response, why_not, trip.fill)
        why_not = why_not or self.keeper.equivalents.place(self.request, response, trip.fill)
        if why_not in keeping.TAGGED or (why_not is None and "etag" not in response.values):
            response = keeping.tagged(response, self.policy, why_not is None)
        if why_not is not None:
            failed = response.code >= 500 or why_not in NEXT_TIME
            # A 304 to the client's own conditions says nothing of the page.
            if response.code != 304 or not trip.is_for_one:
                trip.land("failed" if failed else "refused", why_not)
        detail = trip.decision.detail or why_not
        if detail in FOR_ONE_CLIENT:
            detail = first_reason(detail, response, self.policy)
        outcome = f"detail={detail}" if detail else "stored"
        if not detail and trip.decision.forward != "uri-miss":
            outcome += why_asked(self.origin, trip)
        self.relayed = True
        sent = response
        if self.replaced:
            sent, said = self._for_client(response, said)
        trip.tell(of_answer(trip, self.route, response, sent.status, detail))
        self._send(sent, relayed_fields(sent, f"{self.cache_status}; {said}{outcome}", self.policy))
        if why_not is None:
            self._keep(response)
            self.controls.late = filling.ending(self.origin, self.request, self.tee)
        else:
            self.controls.late = self.origin.too_late

    def _for_client(self, response: Response, said: str) -> tuple[Response, str]:
        """Return what the client gets of *response*, whose request was not quite the client's."""
        if validation.is_had(self.request, response, self.policy):
            self.instead = []
            return not_modified_by(response), "fwd-status=200; "
        if self.trip.wanted is None:
            return response, said
        sent, self.instead = wholes.parted(self.trip.wanted, response, self.policy)
        return sent, said if sent is response else "fwd-status=200; "

    def relay_again(self, response: Response, exc_info: Any) -> Write:
        """Pass on the head by which an error handler replaces the first; nothing is kept then."""
        if self.tee is not None:
            self.tee.give_up()
        return self._send(
            response, relayed_fields(response, self.cache_status, self.policy), exc_info
        )

    def _keep(self, response: Response) -> None:
        """Keep *response* at once if its body is one piece; otherwise a Tee keeps it (§3.3)."""
        trip, body = self.trip, response.body
        if not answers_others(response, response.received_at, self.policy):
            trip.land("refused", "validation")
        if isinstance(body, (list, tuple)) and len(body) == 1:
            (content,) = body
            if isinstance(content, bytes) and len(content) <= self.policy.max_content:
                kept = self.keeper.keep(self.request, response, content, trip.fill)
                trip.land("kept" if kept else "failed")
                self.kept_at_once = kept
                return
        self.tee = filling.Filling(self.origin, trip, response).tee()
