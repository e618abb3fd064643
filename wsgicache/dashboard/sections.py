"""What a section of the page is: a function that gets what was asked, and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from markupsafe import Markup

from wsgicache.dashboard.forms import COOKIE, Forms, Session
from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.keys import host_asked
from wsgicache.stores.memory import MemoryStore
from wsgicache.why import asked as requests

__all__ = ["Answer", "Asked", "Section", "query_of"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgicache.middleware import CacheMiddleware

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

    def is_own(self, url: str) -> bool:
        """Return whether *url* is below this page, which does not ask itself. Raises ValueError."""
        mount = self.environ.get("SCRIPT_NAME", "")
        path = _plain(requests.Asked(url).environ()["PATH_INFO"])
        return bool(mount) and f"{path}/".startswith(f"{_plain(mount)}/")


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
