"""What a section of the page is: a function that gets what was asked, and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from markupsafe import Markup
from werkzeug.urls import iri_to_uri

from wsgicache.dashboard.forms import COOKIE, Forms, Session
from wsgicache.rules.checks import must_be
from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.keys import canonical_host, host_asked
from wsgicache.stores.memory import MemoryStore
from wsgicache.why import asked as requests

__all__ = ["LONGEST", "Answer", "Asked", "Section", "query_of"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgicache.middleware import CacheMiddleware

LONGEST = 4096
"""Most characters of a URL that a form asks for."""
_MOST_FIELDS = 100


@dataclass(frozen=True)
class Asked:
    """A request for a section."""

    cache: CacheMiddleware
    environ: WSGIEnvironment
    query: Mapping[str, str]
    """The parameters of the URL; of each name the last one."""
    form: Mapping[str, str] | None
    """What was sent from a form of this page, which was checked; None for GET and HEAD."""
    session: Session
    """Its ``hidden`` is the field that each form with ``method="post"`` has."""
    forms: Forms

    @property
    def origin(self) -> str:
        """Return scheme and host of the request, such as ``http://localhost:8000``."""
        return f"{self.environ['wsgi.url_scheme']}://{host_asked(self.environ)}"

    @property
    def cookies(self) -> str:
        """Return the cookies of the request, without that of this page."""
        cookies = self.environ.get("HTTP_COOKIE", "").split(";")
        return "; ".join(one.strip() for one in cookies if cookie_name(one) not in ("", COOKIE))

    def apart(self) -> Iterator[str]:
        """Yield what the processes of the server do not share, if it has several."""
        if self.environ.get("wsgi.multiprocess"):
            if isinstance(self.cache.store, MemoryStore):
                yield (
                    "each has a store of its own. Only that of one is shown here, and purged. With "
                    "an lmdb:// store they share one"
                )
            if self.cache._files is None:
                yield (
                    "each counts for itself. Only what one has counted is shown here. With "
                    "CacheMiddleware(app, counters=DIR) they count together"
                )

    def target(self, text: str) -> str:
        """Return the absolute URL of this host that *text* names, as a path or whole.

        Raises ValueError for any other. By another host an app may answer what it refuses to the
        host that asks (DNS rebinding), and what is below this page would ask itself.
        """
        kind = f"one of {self.origin}, such as '/items', and not one of this page"
        whole = f"{self.origin}{text}" if text.startswith("/") else text
        try:
            url = iri_to_uri(whole).partition("#")[0]
            path, host = requests.Asked(url).environ()["PATH_INFO"], _host(url)
        except ValueError:
            host = None
        if host is None or host != _host(self.origin) or len(text) > LONGEST or self._is_own(path):
            raise ValueError(must_be("the URL", kind, text))
        return url

    def _is_own(self, path: str) -> bool:
        """Return whether *path* is below this page."""
        mount = self.environ.get("SCRIPT_NAME", "")
        return bool(mount) and f"{_plain(path)}/".startswith(f"{_plain(mount)}/")


def _host(url: str) -> tuple[str, str] | None:
    """Return the scheme and the host of *url* as a key has them, or None if it has no host."""
    parts = urlsplit(url)
    host = canonical_host(parts.scheme, parts.netloc)
    return None if host is None else (parts.scheme, host)


def _plain(path: str) -> str:
    """Return *path* as a lenient server may take it: in lower case, without empty segments."""
    found: list[str] = []
    for segment in path.lower().split("/"):
        if segment == "..":
            del found[-1:]
        elif segment not in ("", "."):
            found.append(segment)
    return "/" + "/".join(found)


@dataclass(frozen=True)
class Answer:
    """What a section answers."""

    body: Markup = field(default_factory=Markup)
    """What stands in the page below its heading."""
    status: str = "200 OK"
    title: str = ""
    """The heading; empty for the title of the section."""
    location: str = ""
    """Where to go on, after a form: a path below the page."""
    refreshes: bool = False
    """Whether parts of the body are marked ``data-refresh``, each with an ``id``."""
    seconds: int = 5
    """After how many seconds they are brought up to date."""
    has_form: bool = False
    """Whether there is a form with ``method="post"`` in the body."""
    fields: tuple[tuple[str, str], ...] = field(default=())
    """More response fields."""


class Section(NamedTuple):
    """A section of the page."""

    path: str
    """One path segment, or empty for the first section: links between sections are relative."""
    title: str
    answer: Callable[[Asked], Answer]
    has_forms: bool = False
    """Whether it takes POST."""
    is_listed: bool = True
    """Whether the navigation has it."""


def query_of(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the parameters of the URL; of too many, none."""
    try:
        return dict(
            parse_qsl(
                environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=_MOST_FIELDS
            )
        )
    except ValueError:
        return {}
