"""A request to be tried, and its environ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wsgicache.origin.background import described
from wsgicache.rules.checks import must_be, several
from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.fields import environ_key
from wsgicache.rules.model import FieldLines

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["SESSION_COOKIES", "Asked", "absolute", "cookie_names", "lines_of", "pairs"]

SESSION_COOKIES = frozenset(
    "session sessionid remember_token messages beaker.session.id PHPSESSID".split()
)
"""Cookies by which applications know a visitor."""

_OF_CONTENT = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
"""Fields that an environ has under other names (PEP 3333)."""


def _is_field(key: str) -> bool:
    return key.startswith("HTTP_") or key in _OF_CONTENT.values()


def cookie_names(value: str) -> list[str]:
    """Return the names of the cookies in *value*, a Cookie field."""
    return [name for one in value.split(";") if (name := cookie_name(one))]


def pairs(cookies: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values in a Cookie field."""
    for one in cookies.split(";"):
        if name := cookie_name(one):
            yield name, one.partition("=")[2].strip()


def absolute(url: str, origin: str = "http://localhost") -> str:
    """Return *url* if it is absolute; for a path, the URL of it at *origin*.

    Raises TypeError or ValueError for anything else.
    """
    kind = "a path such as '/page', or begin with http:// or https://"
    if not isinstance(url, str):
        raise TypeError(must_be("URL", kind, url))
    whole = f"{origin}{url}" if url.startswith("/") else url
    if not whole.startswith(("http://", "https://")):
        raise ValueError(must_be("URL", kind, url))
    return whole


def lines_of(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> FieldLines:
    """Return the names and values of *headers*. Raises TypeError for anything else."""
    lines = headers.items() if isinstance(headers, Mapping) else headers
    return list(several("headers", lines, _line, "[('Cookie', 'a=b')]"))


def _line(subject: str, given: object) -> tuple[str, str]:
    match given:
        case (str(name), str(value)):
            return name, value
    raise TypeError(must_be(subject, "the name and the value of a field", given))


@dataclass(frozen=True)
class Asked:
    """A request: its absolute URL, its fields and its method."""

    url: str
    fields: FieldLines = field(default_factory=list)
    method: str = "GET"
    changes: tuple[tuple[str, str], ...] = ()
    """What else its environ has, such as REMOTE_ADDR."""
    given: Mapping[str, Any] | None = None
    """The environ in which it came to a server, if it did."""

    def environ(self) -> WSGIEnvironment:
        """Return a new environ of it. Raises ValueError for a URL that is not absolute."""
        joined: dict[str, str] = {}
        for name, value in self.fields:
            name = _OF_CONTENT.get(name.lower(), name.title())
            separator = "; " if name == "Cookie" else ", "
            joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
        content = {key: joined.pop(key) for key in ("CONTENT_LENGTH",) if key in joined}
        if self.given is None:
            environ = described(self.url, joined, "")
        else:
            environ = {key: one for key, one in self.given.items() if not _is_field(key)}
            environ |= {environ_key(name): value for name, value in joined.items()}
        return {**environ, **content, "REQUEST_METHOD": self.method, **dict(self.changes)}

    def value(self, name: str) -> str:
        """Return the value of the field *name*, or an empty text."""
        return ", ".join(value for one, value in self.fields if one.lower() == name.lower())

    def having(self, name: str, value: str) -> Asked:
        """Return the same request, but with *value* alone in the field *name*."""
        other = self.without(name)
        return replace(other, fields=[*other.fields, (name, value)])

    def without(self, *names: str) -> Asked:
        """Return the same request without the fields *names*."""
        gone = {name.lower() for name in names}
        return replace(self, fields=[line for line in self.fields if line[0].lower() not in gone])
