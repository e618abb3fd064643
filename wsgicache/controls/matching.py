"""When do routes and the policy's default apply: before the look-up, and to a response?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from wsgicache.controls.control import Control, Controls
from wsgicache.controls.early import EXEMPT, LONGEST, MOST, PLAIN, Early, with_cookies
from wsgicache.controls.routes import Route
from wsgicache.rules.anonymous import background_environ
from wsgicache.rules.bounds import LONGEST as LONGEST_FIELD
from wsgicache.rules.bounds import Remembered
from wsgicache.rules.checks import must_be, several
from wsgicache.rules.declaring import Sources, declared, without_lifetimes
from wsgicache.rules.fields import NO_DIRECTIVES
from wsgicache.rules.keys import Key, canonical_host, target_key
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.policy import Policy
from wsgicache.rules.preferences import offers_of
from wsgicache.rules.queries import no_vary_search, without_ignored
from wsgicache.rules.request import Request, read, without_hidden_cookies
from wsgicache.rules.response import Response
from wsgicache.rules.said import Said, Speaking, allowing_nothing, forbidding
from wsgicache.rules.selecting import fragment_fields
from wsgicache.rules.storing import is_endless

__all__ = ["Matching", "Routes", "naming_parts"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class Matching(NamedTuple):
    """The routes that match a request, each with whether only its prohibitions count."""

    early: Early
    routes: tuple[tuple[Route, bool], ...]


# Parts of a path that servers pass on, and that applications may read as another path (PEP 3333
# decodes them): dot segments, empty segments, backslashes, path parameters, control characters.
_ODD = re.compile(r"\.\.|//|/\.(?:/|\Z)|[\\;\x00-\x1f\x7f]")
_NOTHING = Matching(PLAIN, ())
_VARY_ON_COOKIE = Said(vary=("Cookie",))


def _route(subject: str, route: object) -> Route:
    if not isinstance(route, Route):
        raise TypeError(must_be(subject, "a Route", route))
    return route


class Routes:
    """The routes of one cache, and its policy's default.

    It remembers which routes match a path, host and method, so many routes cost no more than one.
    Raises TypeError for anything but a route.
    """

    def __init__(self, routes: Iterable[Route], policy: Policy) -> None:
        self.all = several("routes", routes, _route, "[Route('/api/*', never_cache)]")
        """All routes, in their order."""
        self._policy = policy
        self._showing = replace(policy, ignore_cookies=(), only_cookies=None)
        self._default = policy.default
        self._exempt = policy.exempt
        self._base = _base(policy)
        self.are_early = self._base is not PLAIN or bool(
            policy.exempt or any(route.is_early for route in self.all)
        )
        """Whether anything must be known before the look-up."""
        self.speak = policy.default is not None or bool(self.all or self._base is not PLAIN)
        """Whether anything but its view can say something of a response."""
        self.may_forbid = any(route.forbids for route in self.all)
        """Whether a route forbids storing whatever the response says."""
        self._remembered = Remembered(self._match, MOST, LONGEST)
        self._plain: set[str] = set()
        """PERF: paths for which no route says anything early, on any host. Asking this is cheaper
        than asking what matches, by a tenth of a hit."""

    def matching(self, environ: WSGIEnvironment, method: str | None = None) -> Matching:
        """Return what matches the request in *environ*, or the same with another *method*."""
        if not (self.all or self.are_early):
            return _NOTHING
        get = environ.get
        try:
            path: str = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
            host, method = get("HTTP_HOST"), method or get("REQUEST_METHOD", "")
            return self._remembered[path, get("wsgi.url_scheme", ""), host, method]
        except (TypeError, AttributeError):
            return _NOTHING  # An invalid environ: the app judges, and nothing is stored.

    def _match(self, asked: tuple[str, str, str | None, str]) -> Matching:
        path, scheme, host, method = asked
        odd, host = _ODD.search(path) is not None, canonical_host(scheme, host)
        matching = [route for route in self.all if route.matches(path, host, method)]
        early = EXEMPT if path.startswith(self._exempt) else PLAIN
        if method in ("GET", "HEAD") and not early.exempt:
            early = self._base
            for route in reversed(matching):
                if odd and not route.odd_paths:
                    continue
                early = early.and_of(route)
        routes = () if early.exempt else matching
        return Matching(early, tuple((route, odd and not route.odd_paths) for route in routes))

    def _early(self, path: str, scheme: str, host: str) -> Early:
        early = self._remembered[path, scheme, host, "GET"].early
        if (
            early is self._base
            and len(path) <= LONGEST
            and not any(one.is_early and one.is_at(path) for one in self.all)
        ):
            if len(self._plain) >= MOST:
                self._plain.clear()
            self._plain.add(path)
        return early

    # ── Before the look-up ─────────────────────────────────────────────────────────────────────

    def read(self, environ: WSGIEnvironment, method: str, policy: Policy) -> Request | str:
        """Read a request like `request.read`, with what routes say of it."""
        request = read(environ, method, policy)
        if isinstance(request, str):
            return request
        scheme, host, path, query = request.key
        if path in self._plain:
            if self._base is PLAIN or not (query or self._base.negotiated):
                return request
            early = self._base
        else:
            early = self._early(path, scheme, host)
        if early is PLAIN:
            return request
        if early.exempt:
            return "exempt"
        if early.query is not None and len(request.key[3]) > LONGEST_FIELD:
            return "too-long"
        trimmed = early.trimmed(environ)
        if trimmed is not environ:
            # A route that names cookies comes before the policy.
            policy = policy if early.cookies is None else self._showing
            request = read(trimmed, method, policy)
            if isinstance(request, str):
                return request
            request.environ, request.given = early.unread(request.environ), environ
        request.collapses = early.collapse
        if not early.request_directives:
            request.directives, request.plain = NO_DIRECTIVES, not request.identified
        if early.vary_by is not None:
            value = early.vary_by(request.environ)
            if not isinstance(value, str):
                raise TypeError(must_be("what Route.vary_by returns", "a str", value))
            request.forwarded = (*(request.forwarded or ()), "vary_by", value)
        return request

    def lets_nobody_ask(self, request: Request, stored: StoredResponse) -> bool:
        """Return whether a background validation of *stored* presents what selects *request*."""
        if not self.are_early:
            return True
        vary_by = self.matching(request.environ).early.vary_by
        if vary_by is None:
            return True
        try:
            own = background_environ(request, stored.kind[0], os.environ, self._policy)
            return own is not None and vary_by(own) == vary_by(request.environ)
        except Exception:  # the author's vary_by may miss what was left out
            return False

    def key(self, environ: WSGIEnvironment) -> Key | None:
        """Return the key of a GET of the target in *environ*."""
        if self.are_early:
            environ = self.matching(environ, "GET").early.trimmed(environ)
        return target_key(environ)

    def key_of_post(self, environ: WSGIEnvironment) -> Key | None:
        """Return the key under which the answer to a POST may be stored, or None.

        There is none where a route hides fields from the app on a GET: a POST has shown it all.
        """
        hidden = self.are_early and self.matching(environ, "GET").early.fields is not None
        return None if hidden else self.key(environ)

    def cookies(self, environ: WSGIEnvironment) -> list[str]:
        """Return the Cookie values under which responses for the client of *environ* may be stored.

        They are what the policy leaves of its cookies, and what each route that names cookies
        leaves.
        """
        if "HTTP_COOKIE" not in environ:
            return []
        if len(environ["HTTP_COOKIE"]) > LONGEST_FIELD:
            return []  # nothing is stored for them
        own: WSGIEnvironment = {"HTTP_COOKIE": environ["HTTP_COOKIE"]}
        hides = self._policy.hides_cookie
        seen = [own if hides is None else without_hidden_cookies(own, hides)]
        seen += [with_cookies(own, one.cookies) for one in self.all if one.cookies is not None]
        return [one["HTTP_COOKIE"] for one in seen if one]

    def forbids(self, environ: WSGIEnvironment) -> bool:
        """Return whether a route forbids storing any answer to *environ*."""
        return any(route.forbids for route, _ in self.matching(environ).routes)

    # ── Of a response ──────────────────────────────────────────────────────────────────────────

    def spoken(
        self,
        response: Response,
        controls: Controls,
        matching: Matching,
        environ: WSGIEnvironment,
        stored: StoredResponse | None = None,
    ) -> Response:
        """Return *response* with fields for what the view, the routes and the default say.

        *matching* is what matched the request as it came. *stored* is what the app was asked to
        validate, if anything.
        """
        if not (controls.said or self.speak) or not response.is_readable:
            return response
        kind = response.field("content-type") or ""
        if stored is not None and response.code == 304:
            kind = next((v for n, v in stored.fields if n.lower() == "content-type"), kind)
        kind = kind.partition(";")[0].strip(" \t").lower()
        empty, endless = _is_empty(response, environ), is_endless(kind)
        overriding: list[list[Said]] = []
        others: list[list[Said]] = []
        doubted = False
        for route, only_forbids in matching.routes:
            if not route.applies_to(response.code, kind):
                continue
            any_status = route.statuses is not None
            said = _heard(route.controls, response, environ, any_status, only_forbids or empty)
            if said and route.doubts(response.code, kind):
                said, doubted = list(map(allowing_nothing, said)), True
            if route.is_everywhere:
                said = [one._replace(everywhere=True) for one in said]
            if route.cookies and not only_forbids:
                said.append(_VARY_ON_COOKIE)
            (overriding if route.override else others).append(said)
        if search := matching.early.search_for(kind):
            others.append([Said(search=search)])
        if names := matching.early.names_for(response):
            others.append([Said(vary=names)])
        default = () if self._default is None or matching.early.exempt else (self._default,)
        by_default = _heard(default, response, environ, only_forbids=empty)
        said_by = Sources(
            _heard(controls.said, response, environ),
            overriding,
            others,
            [one._replace(everywhere=True) for one in by_default],
        )
        spoken = declared(
            response,
            without_lifetimes(said_by) if endless else said_by,
            self._policy.targets,
            https=environ.get("wsgi.url_scheme") == "https",
            about=stored,
        )
        spoken.doubted = doubted
        return spoken


def _base(policy: Policy) -> Early:
    """Return what the policy says of every GET, before the look-up."""
    ignored, in_any_order = policy.ignore_query, policy.sort_query
    counting = without_ignored(ignored, in_any_order)
    early = PLAIN
    if counting is not None:
        search = no_vary_search(None, ignored, in_any_order)
        early = Early(query=counting, search=search, searched_everywhere=True)
    negotiated = offers_of(policy.languages, policy.accept, policy.encodings)
    return early.offering(*negotiated) if negotiated else early


def naming_parts(environ: WSGIEnvironment, policy: Policy) -> tuple[Control, ...]:
    """Return the control that names in Vary the fields by which *environ* asks for a fragment.

    It applies to every status. There is none where the request asks for a whole page.
    """
    named = fragment_fields(environ, policy.selecting_keys)
    return (Control(Said(vary=named)),) if named else ()


def _heard(
    controls: Iterable[Speaking],
    response: Response,
    environ: WSGIEnvironment,
    any_status: bool = False,
    only_forbids: bool = False,
) -> list[Said]:
    heard: list[Said] = []
    for control in controls:
        said = control.said_of(response, environ, any_status)
        if said is not None and only_forbids:
            said = forbidding(said)
        if said is not None:
            heard.append(said)
    return heard


def _is_empty(response: Response, environ: WSGIEnvironment) -> bool:
    """Return whether a success is known to have no content: such a page inherits no lifetime."""
    if response.code == 204:
        return True
    if response.code != 200:
        return False
    if response.field("content-length") == "0":
        return True
    is_head = environ.get("REQUEST_METHOD") == "HEAD"
    return not is_head and isinstance(response.body, list) and not any(response.body)
