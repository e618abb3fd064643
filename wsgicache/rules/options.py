"""What does each option of a policy take: of which type, and with which check?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, TypedDict, TypeVar, get_type_hints

from wsgicache.rules.checks import (
    Check,
    flag,
    is_whole,
    must_be,
    number,
    secret,
    several,
    text,
    whole,
)
from wsgicache.rules.preferences import checked_codings, checked_languages, checked_media_types
from wsgicache.rules.said import Speaking

__all__ = ["CHECKS", "PolicyOptions"]

T = TypeVar("T")


def _text(kind: str, pattern: str) -> Callable[[str, object], str]:
    return partial(text, kind=kind, pattern=re.compile(pattern, re.DOTALL))


def _several(check: Callable[[str, object], T], example: str) -> Callable[[str, object], object]:
    return partial(several, check=check, example=example)


def _status(subject: str, given: object) -> int:
    kind = "a status code from 200 to 599"
    if not is_whole(given):
        raise TypeError(must_be(subject, kind, given))
    if not 200 <= given <= 599:
        raise ValueError(must_be(subject, kind, given))
    return given


def _or_none(subject: str, given: object) -> int | None:
    return None if given is None else whole(subject, given, besides=", or None")


def _only(subject: str, given: object) -> tuple[str, ...] | None:
    return None if given is None else several(subject, given, text, "['sessionid']")


def _secret(subject: str, given: object) -> str | None:
    return None if given is None else secret(subject, given)


def _offered(check: Check) -> Check:
    return lambda subject, given: None if given is None else check(subject, given)


def _control(subject: str, given: object) -> object:
    if given is None:
        return given
    if not isinstance(given, Speaking) or isinstance(given, type):
        raise TypeError(must_be(subject, "a control, such as json_never_stale, or None", given))
    if given.vouches():
        kind = "a control that vouches for no page (a Route with a path may), such as cache_for(…)"
        raise ValueError(must_be(subject, kind, given))
    return given


_FIELD = _text("the name of a field, such as 'X-Mine'", r"[!#$%&'*+\-.^`|~0-9A-Za-z]+")
_PATH = _text(
    "a path that begins with / and is no pattern, such as '/static/'",
    r"/(?:(?!%[0-9A-Fa-f]{2})[^*<>{}?#])*",
)

_Name = Annotated[
    str,
    _text("a token that begins with a letter", r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*"),
]
_Flag = Annotated[bool, flag]
_From0 = Annotated[int, whole]
_From1 = Annotated[int, partial(whole, least=1)]
_Cookies = Annotated[Iterable[str], _several(text, "['_ga*']")]
_Parameters = Annotated[Iterable[str], _several(text, "['utm_*']")]
_Fields = Annotated[Iterable[str], _several(_FIELD, "['X-Mine']")]
_Paths = Annotated[Iterable[str], _several(_PATH, "['/static/']")]
_Statuses = Annotated[Iterable[int], _several(_status, "[400, 415]")]


class PolicyOptions(TypedDict, total=False):
    """The options of a `Policy`, with the type that each accepts and its check."""

    name: _Name
    max_content: _From0
    max_collecting: Annotated[int | None, _or_none]
    max_variants: _From1
    max_ranges: _From1
    heuristic_fraction: Annotated[float, partial(number, most=1)]
    heuristic_limit: _From0
    store_set_cookie: _Flag
    private_cookies: _Flag
    credentials: _Fields
    public_releases: _Flag
    selecting: _Fields
    read_your_writes: _Flag
    language_cookies: _Cookies
    ignore_cookies: _Cookies
    only_cookies: Annotated[Iterable[str] | None, _only]
    ignore_query: _Parameters
    sort_query: _Flag
    error_lifetime: Annotated[int | None, _or_none]
    unstored_statuses: _Statuses
    forced_errors: _Flag
    store_partial: _Flag
    whole_for_range: _From0
    store_post: _Flag
    store_charset: _Flag
    collections: _Flag
    normalize_language: _Flag
    languages: Annotated[Iterable[str] | None, _offered(checked_languages)]
    accept: Annotated[Iterable[str] | None, _offered(checked_media_types)]
    encodings: Annotated[Iterable[str] | None, _offered(checked_codings)]
    share_codings: _Flag
    prefer_named: _Flag
    targets: _Fields
    forbidding_fields: _Fields
    unstored_fields: _Fields
    update_content_type: _Flag
    store_files: _Flag
    head_as_get: _Flag
    forward_conditions: _Flag
    request_directives: _Flag
    reload_seconds: _From0
    generate_etags: _Flag
    stale_if_raised: _From0
    stale_while_revalidate: _From0
    stale_if_error: _From0
    collapse: _Flag
    collapse_timeout: Annotated[float, partial(number, most=3600)]
    refresh_ahead: _From0
    debug: _Flag
    off_file: Annotated[str, text]
    explain_token: Annotated[str | None, _secret]
    default: Annotated[Speaking | None, _control]
    exempt: _Paths
    strip: _Fields
    cache_status: _Flag
    x_cache: _Flag
    server_timing: _Flag


CHECKS: dict[str, Check] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(PolicyOptions, include_extras=True).items()
}
"""The check of each option."""
