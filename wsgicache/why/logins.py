"""How visitors say who they are: the fields that a login has, as they are written for an audit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgicache.origin.explaining import request_fields
from wsgicache.rules.checks import several, text
from wsgicache.rules.model import FieldLines
from wsgicache.why.asked import pairs

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["Logins", "login_of"]

_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)")


class Logins:
    """The logins of some visitors, each a text with a field on each line, ``NAME: VALUE``.

    A line without a name has cookies. Raises TypeError.
    """

    def __init__(self, said: str | Iterable[str]) -> None:
        example = "['Authorization: Bearer …']"
        given = several("login", [said] if isinstance(said, str) else said, text, example)
        self.each = [fields for one in given if (fields := _fields(one))]
        """The fields of each visitor."""
        self.values: dict[str, tuple[str, ...]] = {}
        """The values of each field but Cookie."""
        self.cookies: dict[str, tuple[str, ...]] = {}
        """The values of each cookie."""
        for name, value in (line for fields in self.each for line in fields):
            if name.lower() != "cookie":
                self.values[name] = (*self.values.get(name, ()), value)
                continue
            for cookie, own in pairs(value):
                self.cookies[cookie] = (*self.cookies.get(cookie, ()), own)


def _fields(said: str) -> FieldLines:
    found = []
    for line in filter(None, map(str.strip, said.splitlines())):
        match = _FIELD.fullmatch(line)
        found.append(("Cookie", line) if match is None else (match[1], match[2]))
    return found


def login_of(environ: WSGIEnvironment, credentials: Iterable[str]) -> str:
    """Return the login that a request has, by its cookies and its *credentials*; maybe none."""
    names = {"cookie", "authorization", *(name.lower() for name in credentials)}
    fields = request_fields(environ)
    return "\n".join(f"{name}: {value}" for name, value in fields if name.lower() in names)
