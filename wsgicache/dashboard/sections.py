"""What a section of the page is: a function that gets what was asked, and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from markupsafe import Markup

from wsgicache.dashboard.forms import Forms, Session

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
        environ = self.environ
        host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        return f"{environ['wsgi.url_scheme']}://{host}"


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
