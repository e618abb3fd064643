"""A page about a cache, for its operators: a WSGI app to mount behind a login.

    application = DispatcherMiddleware(app, {"/admin/cache": only_operators(Dashboard(app))})

Whoever reaches the page sees what is stored, and may purge it. It asks for no login itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from wsgicache.controls.control import KEY, Controls
from wsgicache.controls.decorators import never_cache
from wsgicache.dashboard import asking, entries, explained, overview, purge, requests
from wsgicache.dashboard.assets import ASSETS, CACHED, path_of
from wsgicache.dashboard.forms import Forms, form_in, refusal
from wsgicache.dashboard.markup import page
from wsgicache.dashboard.sections import Answer, Asked, Section, query_of
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be, text

__all__ = ["Dashboard"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SECTIONS = (
    Section("", "Overview", overview.answer),
    Section(requests.PATH, "Last requests", requests.answer),
    Section("entries", "Entries", entries.answer),
    Section("url", "One URL", asking.answer, has_forms=True),
    Section("explain", "Explain", explained.answer),
    Section("purge", "Purge", purge.answer, has_forms=True),
)
"""The sections, in the order of the navigation."""

_BY_PATH = {section.path: section for section in SECTIONS}
_ALWAYS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not "no-referrer": a browser would send "Origin: null" with forms.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_PLACE = "a path without a slash at its end, such as '/admin/cache'"
_READING = ("GET", "HEAD")


class Dashboard:
    """A page about *cache*, as a WSGI app.

    Where it gets the whole path of a request, as in a view, *at* says where it is, such as
    ``/admin/cache``. Forms are protected by tokens, made with the *secret*, such as the secret key
    of the framework. Without one it is in the folder where all processes count; if there is none,
    each process has its own, and refuses the forms of others. Raises TypeError or ValueError.
    """

    def __init__(self, cache: CacheMiddleware, *, at: str = "", secret: str | bytes = "") -> None:
        if not isinstance(cache, CacheMiddleware):
            raise TypeError(must_be("Dashboard.cache", "a CacheMiddleware", cache))
        if not isinstance(secret, str | bytes):
            # A message does not repeat it.
            raise TypeError(f"Dashboard.secret must be a str or bytes, got {type(secret).__name__}")
        self._at = text("Dashboard.at", at, _PLACE, re.compile(r"(?:/[^/]+)*"))
        self._cache = cache
        given = secret.encode() if isinstance(secret, str) else secret
        folder = "" if cache._files is None else cache._files.folder
        self._forms = Forms(given, folder, cache._report)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request below the place where it is mounted (PEP 3333)."""
        controls = environ.get(KEY)
        if isinstance(controls, Controls):  # it is within the app that the cache wraps
            controls.say(never_cache)
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if self._at and f"{path}/".startswith(f"{self._at}/"):
            path = path.removeprefix(self._at)
            mount = f"{environ.get('SCRIPT_NAME', '')}{self._at}"
            environ = {**environ, "SCRIPT_NAME": mount, "PATH_INFO": path}
        if not path and environ.get("SCRIPT_NAME"):
            place = quote(environ["SCRIPT_NAME"].rpartition("/")[2], encoding="latin-1")
            query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
            answer = Answer(status="308 Permanent Redirect", location=f"./{place}/{query}")
            return _sent(
                method, start_response, answer.status, b"", [("Location", answer.location)]
            )
        path = path.removeprefix("/")
        if path in ASSETS and method in _READING:
            asset = ASSETS[path]
            return _sent(
                method,
                start_response,
                "200 OK",
                asset.content,
                [("Content-Type", asset.kind), CACHED],
            )
        section = _BY_PATH.get(path)
        if section is None:
            return self._shown(environ, start_response, _NOT_FOUND, _said("There is no such page."))
        if method not in _READING and not (method == "POST" and section.has_forms):
            answer = _said("This page takes no such request.", "405 Method Not Allowed")
            allow = ", ".join((*_READING, "POST") if section.has_forms else _READING)
            return self._shown(environ, start_response, section, answer, [("Allow", allow)])
        return self._answered(environ, start_response, section)

    def _answered(
        self, environ: WSGIEnvironment, start_response: StartResponse, section: Section
    ) -> Iterable[bytes]:
        """Answer a request that *section* takes."""
        session = self._forms.session(environ)
        query: Mapping[str, str] = query_of(environ)
        form: Mapping[str, str] | None = None
        why = None
        if environ["REQUEST_METHOD"] == "POST":
            found = form_in(environ)
            if isinstance(found, str):
                return self._shown(environ, start_response, section, _said(found[4:], found))
            form, why = found, refusal(environ, found, session)
        asked = Asked(self._cache, environ, query, form, session, self._forms)
        if why is not None and form is not None:
            # The form again, filled in as it was sent.
            again = Asked(self._cache, environ, {**query, **form}, None, session, self._forms)
            answer = section.answer(again)
            refused = Markup('<p class="alert" role="alert">Nothing was done. {}</p>\n').format(why)
            answer = Answer(refused + answer.body, "403 Forbidden", answer.title, has_form=True)
        else:
            answer = section.answer(asked)
        apart = Markup("").join(map(_APART.format, asked.apart()))
        answer = replace(answer, body=apart + answer.body)
        more = list(answer.fields)
        if answer.has_form and session.is_new:
            more.append(("Set-Cookie", session.cookie(environ)))
        return self._shown(environ, start_response, section, answer, more)

    def _shown(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        section: Section,
        answer: Answer,
        more: Iterable[tuple[str, str]] = (),
    ) -> Iterable[bytes]:
        """Send the *answer* of a *section* in the frame of a page."""
        fields = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
        if answer.location:
            fields.append(("Location", answer.location))
        # A page that is not below has no place of its own: it cannot name what is beside it.
        depth = environ.get("PATH_INFO", "").removeprefix("/").count("/")
        up = "../" * min(depth, 20)
        shown = page(
            answer.title or section.title,
            answer.body,
            [
                (up + one.path or "./", one.title, one is section)
                for one in SECTIONS
                if one.is_listed
            ],
            style=up + path_of("style.css"),
            script=up + path_of("script.js"),
            icon=up + path_of("icon.svg"),
            refreshes=answer.seconds if answer.refreshes else 0,
        )
        content = shown.encode("utf-8", "replace")
        method = environ["REQUEST_METHOD"]
        return _sent(method, start_response, answer.status, content, [*fields, *more])


_APART = Markup('<p class="alert">The server has several processes, and {}.</p>\n')
_NOT_FOUND = Section("-", "Not found", lambda asked: Answer(), is_listed=False)


def _said(text: str, status: str = "404 Not Found") -> Answer:
    return Answer(Markup("<p>{}</p>\n").format(text), status)


def _sent(
    method: str,
    start_response: StartResponse,
    status: str,
    content: bytes,
    fields: list[tuple[str, str]],
) -> Iterable[bytes]:
    start_response(status, [*fields, *_ALWAYS, ("Content-Length", str(len(content)))])
    return [] if method == "HEAD" else [content]
