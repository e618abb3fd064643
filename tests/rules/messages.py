"""What the rules are asked about, made in one line: requests, responses, stored responses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.http import http_date

from tests.scene import EPOCH, Environ, Field, Reply, environ_for, named_fields
from wsgicache import Policy
from wsgicache.rules.entries import adding
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import ANY_TIME, CacheEntry, Fill, StoredResponse
from wsgicache.rules.request import Request, read
from wsgicache.rules.response import Response

SAFE, RFC = Policy(), Policy.rfc()


def rows(*table: tuple[Any, ...]) -> list[Any]:
    """A table whose first column is the section: the row's id (in ASCII, as pytest shows it)."""
    return [pytest.param(*values, id=section.replace("§", "")) for section, *values in table]


def date(offset: float = 0) -> str:
    """The moment of receipt plus *offset* seconds as an HTTP date."""
    return http_date(EPOCH + offset)


def answer(status: int | str = 200, *fields: Field, took: float = 0.0, **named: Any) -> Response:
    """A response of the app's received at EPOCH, *took* seconds after it was asked for."""
    reply = Reply(status, b"", *fields, length=False, **named)
    lines = [*fields, *named_fields(named)]
    return Response(reply.status, lines, (), EPOCH - took, EPOCH, EPOCH)


def asked(
    method: str = "GET",
    target: str = "/",
    *headers: Field,
    policy: Policy = SAFE,
    environ: Environ | None = None,
    **named: Any,
) -> Request:
    """A request as `read` understands it."""
    given = environ_for(method, target, [*headers, *named_fields(named)], changes=environ)
    request = read(given, method, policy)
    assert isinstance(request, Request), request
    return request


def kept(
    content: bytes | None = b"0123456789",
    status: int | str = 200,
    *fields: Field,
    policy: Policy = SAFE,
    length: int | None = None,
    fill: Fill = ANY_TIME,
    **named: Any,
) -> StoredResponse:
    """A response at rest, received at EPOCH."""
    return stored_response(answer(status, *fields, **named), content, policy, length, fill)


def names(fields: Iterable[Field]) -> set[str]:
    """The names of field lines, as they are written."""
    return {name for name, _ in fields}


def added(
    entry: CacheEntry | None,
    request: Request,
    policy: Policy = SAFE,
    fill: Fill = ANY_TIME,
    **fields: Any,
) -> tuple[CacheEntry, StoredResponse]:
    """Return *entry* with one more response, whose fields are *fields*."""
    stored = kept(**fields)
    changed = adding(request, answer(200, **fields), stored, policy, fill)(entry)
    assert changed is not None
    return changed, stored


def entry_of(stored: StoredResponse, vary: str | None = None) -> CacheEntry:
    """An entry with *stored*, as a plain request filed it."""
    entry = adding(asked(), answer(200, vary=vary), stored, SAFE)(None)
    assert entry is not None
    return entry


def later(seconds: float, **fields: Any) -> StoredResponse:
    """Return a stored response that came *seconds* later than others."""
    return replace(kept(**fields), generated_at=EPOCH + seconds)


def coded(entry: CacheEntry | None, offered: str, coding: str | None, at: float = 0) -> CacheEntry:
    """Return *entry* after the app chose *coding* of what was *offered*, *at* some second."""
    named: dict[str, Any] = {"vary": "Accept-Encoding", "content_encoding": coding}
    request = asked(accept_encoding=offered)
    entry = adding(request, answer(200, **named), later(at, **named), SAFE)(entry)
    assert entry is not None
    return entry
