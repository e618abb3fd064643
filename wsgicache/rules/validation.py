"""Is it still so? (RFC 9111 §4.3)"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from wsgicache.rules.entries import Change, adding, selector_of
from wsgicache.rules.fields import (
    delta_seconds,
    entity_tags,
    field_names,
    parse_vary,
    weak_match,
)
from wsgicache.rules.keys import Key, same_origin_key
from wsgicache.rules.model import CacheEntry, FieldLines, Request, StoredResponse
from wsgicache.rules.names import HOP_BY_HOP, SET_COOKIE
from wsgicache.rules.policy import Policy
from wsgicache.rules.reading import FORWARDED
from wsgicache.rules.response import Response
from wsgicache.rules.validators import is_generated

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def validating(request: Request, stored: StoredResponse) -> WSGIEnvironment:
    """The environ of a request about *stored*: conditional, by what the app gave (§4.3.1).

    The client's own conditions are left out: they are evaluated on the outcome. A range stays, so
    that nobody asks for the whole who wants a part; the fields that Vary nominates stay as well.
    """
    environ = dict(request.environ)
    environ.pop("HTTP_IF_NONE_MATCH", None)
    environ.pop("HTTP_IF_MODIFIED_SINCE", None)
    environ.update(stored.validators)
    return environ


def fetching(request: Request) -> WSGIEnvironment:
    """The environ of a request about nothing stored: as it came.

    The client's conditions go forward (its 304 is then the client's alone), but for entity tags
    that the app never gave.
    """
    wanted = request.environ.get("HTTP_IF_NONE_MATCH")
    if wanted is None or not any(map(is_generated, entity_tags(wanted))):
        return request.environ
    environ = dict(request.environ)
    known = [tag for tag in entity_tags(wanted) if not is_generated(tag)]
    if known:
        environ["HTTP_IF_NONE_MATCH"] = ", ".join(known)
    else:
        del environ["HTTP_IF_NONE_MATCH"]
    return environ


_OF_THE_TARGET = frozenset(
    {
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_CHARSET",
        "HTTP_ACCEPT_ENCODING",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_HOST",
        "HTTP_USER_AGENT",
        *FORWARDED,
    }
)
"""The fields that a request of nobody in particular has."""
_OF_THE_CONNECTION = (
    "REMOTE_",
    "AUTH_TYPE",
    "SSL_CLIENT_",
    "HTTPS_DN",
    "HTTPS_CC",
    "CONTENT_LENGTH",
)
_OF_THE_SERVER = (
    *("CONTENT_TYPE", "CONTEXT_", "DOCUMENT_", "GATEWAY_", "HTTPS", "PATH_", "QUERY_STRING"),
    *("RAW_URI", "REQUEST_", "SCRIPT_", "SERVER_", "SSL_", "UNIQUE_ID"),
    *("wsgi.", "wsgicache.", "gunicorn.", "mod_wsgi.", "uwsgi.", "waitress.", "werkzeug."),
)
"""What servers say, for everybody the same."""
_WHO = re.compile(
    r'(?:\A|(?<=[;,]))[ \t]*(?:for|by)[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.?)*"?|[^;,"]*);?', re.IGNORECASE
)
"""What Forwarded says of who asks, not of what is asked for (RFC 7239)."""
_WSGI = ("version", "url_scheme", "multithread", "multiprocess", "run_once")


def background_environ(
    request: Request, nominated: tuple[str, ...], process: Mapping[str, str]
) -> WSGIEnvironment | None:
    """An environ of its own for a validation that outlives *request* (RFC 5861 §3).

    It asks as nobody in particular. Of the request's fields it has those about the target, and
    those that Vary nominates: any other may say who asks. So may what something outside has put
    into the environ; where the client showed who he is, there is no telling, and the result is
    None. Otherwise plain values stay, for the app may depend on them, as do those of *process*,
    the environment that some servers copy; a server's sockets and callables do not.
    """
    given = request.environ
    known = request.identified or ("HTTP_COOKIE" in given and "HTTP_COOKIE" not in nominated)
    environ: WSGIEnvironment = {}
    for key, value in given.items():
        if not isinstance(value, str | int | float) or key.startswith(_OF_THE_CONNECTION):
            continue
        if key.startswith("HTTP_"):
            if key not in _OF_THE_TARGET and key not in nominated:
                continue
        elif known and not key.startswith(_OF_THE_SERVER) and process.get(key) != value:
            return None
        environ[key] = value
    environ["REMOTE_ADDR"] = "127.0.0.1"
    if "HTTP_FORWARDED" in environ and "HTTP_FORWARDED" not in nominated:
        forwarded = _WHO.sub("", environ.pop("HTTP_FORWARDED")).strip(" \t;,")
        if forwarded:
            environ["HTTP_FORWARDED"] = forwarded
    for key in _WSGI:
        environ[f"wsgi.{key}"] = given[f"wsgi.{key}"]
    environ["REQUEST_METHOD"] = "GET"
    environ["wsgi.input"] = BytesIO()
    environ["wsgi.errors"] = sys.stderr
    return environ


# What a 304 never changes: these describe the content that is stored (§3.2), or are one client's.
_OF_THE_CONTENT = SET_COOKIE | {"content-encoding", "content-length", "content-range"}


def freshened(stored: StoredResponse, response: Response) -> Response | None:
    """*stored* with the fields of a 304 or HEAD about it (§4.3.4, §3.2); None if not about it.

    * If the new response contains a strong validator, it identifies the stored response that has
      the same; if none has, nothing is updated.
    * If it contains a weak validator, the same; and without any, the lone response asked about.
    """
    etag = response.field("etag")
    ours = stored.etag if stored.etag is not None and not is_generated(stored.etag) else None
    if etag is not None:
        # A weak one by weak comparison (RFC 9110 §8.8.3.2).
        is_ours = ours is not None and etag.startswith("W/") and weak_match(etag, ours)
        if etag != ours and not is_ours:
            return None
    elif response.field("last-modified") not in (None, stored.last_modified):
        return None
    # Deviation: one that names no validator at all is taken to be about what our conditions asked.
    return updated(stored, response)


def updated(stored: StoredResponse, response: Response) -> Response:
    """The stored fields, each replaced where the new response has it (§3.2)."""
    newer = response.values.keys() - _OF_THE_CONTENT - HOP_BY_HOP
    newer -= set(field_names(response.field("connection")) or ())
    # Without a Date it is dated by its receipt (RFC 9110 §6.6.1): the stored one says nothing more.
    gone = newer | {"date"}
    held = [*stored.fields, *stored.withheld]
    fields: FieldLines = [line for line in held if line[0].lower() not in gone]
    fields += [line for line in response.fields if line[0].lower() in newer]
    return response.instead(stored.status, fields)


def matches_head(stored: StoredResponse, response: Response) -> bool:
    """Whether a HEAD's 200 describes the stored content (§4.3.5): the same validators where it
    has any, the same length where it gives one.

    What is stored of another status it does not; nor, unless by an entity tag, what was stored
    before the app selected by fields that this one is the first to nominate.
    """
    if stored.status[:3] not in ("200", "206"):
        return False
    if "vary" in response.values and "etag" not in response.values:
        knew = ", ".join(value for name, value in stored.fields if name.lower() == "vary")
        if not set(parse_vary(response.values["vary"]) or ()) <= set(parse_vary(knew) or ()):
            return False
    ours = stored.etag if stored.etag is not None and not is_generated(stored.etag) else None
    etag, modified = response.field("etag"), response.field("last-modified")
    length = response.field("content-length")
    whole = stored.length if stored.span is None else stored.span[2]
    return (
        (etag is None or etag == ours)
        and (modified is None or modified == stored.last_modified)
        and (length is None or delta_seconds(length) == whole)
    )


def freshening(
    request: Request,
    asked: StoredResponse,
    response: Response,
    renewed: StoredResponse,
    policy: Policy,
) -> Change:
    """The change that puts *renewed* in place of the response *asked* about, if that is there."""
    put = adding(request, response, renewed, policy)

    def change(entry: CacheEntry | None) -> CacheEntry | None:
        if entry is None:
            return None
        selector = selector_of(request, entry.nominated, entry.salt, policy)
        current = entry.responses.get(selector)
        if current is None or not _same(current, asked):
            return entry
        return put(entry)

    return change


def _same(one: StoredResponse, other: StoredResponse) -> bool:
    return one is other or (one.generated_at, one.etag, one.length) == (
        other.generated_at,
        other.etag,
        other.length,
    )


def invalidated_keys(key: Key, response: Response) -> list[Key]:
    """What the success of an unsafe request makes invalid (§4.4): the target URI, and what Location
    and Content-Location name of the same origin."""
    keys = [key]
    for name in ("location", "content-location"):
        for reference in response.lines(name):
            other = same_origin_key(key, reference)
            if other is not None and other not in keys:
                keys.append(other)
    return keys
