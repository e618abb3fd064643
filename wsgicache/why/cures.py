"""The smallest change that makes a request a hit, tried before it is given.

Each cure is applied to a copy of policy and routes, and the request is sent twice: a cure counts if
the second time is a hit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from wsgicache.controls.control import Control
from wsgicache.controls.decorators import cache_for, cached, vary
from wsgicache.controls.routes import Route
from wsgicache.rules.keys import key_of_url
from wsgicache.why.causes import Reason, cause_of
from wsgicache.why.trying import Asked, Recorded, Shelf, Trial

__all__ = ["Cure", "cures"]

SESSION_COOKIES = {
    "session": "Flask's session",
    "sessionid": "Django's session",
    "csrftoken": "Django's form token",
    "csrf_token": "a form token",
    "messages": "Django's messages",
    "remember_token": "Flask-Login",
    "beaker.session.id": "Beaker's session",
    "PHPSESSID": "PHP's session",
}
"""Cookies by which applications know a visitor, and who sets them."""
_SAVED_EACH_TIME = {
    "session": "SESSION_REFRESH_EACH_REQUEST = False in Flask's configuration",
    "sessionid": "SESSION_SAVE_EVERY_REQUEST = False in Django's settings",
    "remember_token": "REMEMBER_COOKIE_REFRESH_EACH_REQUEST = False in Flask's configuration",
}
"""What has a framework set the cookie only when it has to."""


class Cure(NamedTuple):
    """A change that was tried."""

    what: str
    """The line to write."""
    where: str
    outcome: str
    """``hit``, or ``unchecked`` if it could not be tried."""
    for_others: bool = False
    """Whether another visitor gets a hit, too."""


class _Change(NamedTuple):
    what: str
    where: str
    apply: Callable[[Trial], Trial]


_ON_ROUTES = "CacheMiddleware(routes=[…]); or the control, as a decorator, on the view"
_IN_POLICY = "CacheMiddleware(policy=…)"


def cures(trial: Trial, reasons: Iterable[Reason]) -> list[Cure]:
    """Return the changes that make *trial* a hit the second time, the smallest first."""
    tokens = list(dict.fromkeys(reason.token for reason in reasons))
    if not tokens or any(cause_of(token).no_cure for token in tokens):
        return []
    known = {token: list(_changes(token, trial)) for token in tokens}
    singles = dict.fromkeys(change for changes in known.values() for change in changes)
    found = [cure for change in singles if (cure := _tried(trial, [change])) is not None]
    if not found and len(tokens) > 1:
        several = product(*(changes[:4] for changes in known.values()))
        tried = (_tried(trial, list(dict.fromkeys(changes))) for changes in several)
        found = [cure for cure in tried if cure is not None][:1]
    return found


def _tried(trial: Trial, changes: list[_Change]) -> Cure | None:
    """Return the cure that *changes* are together, or None if they are none."""
    try:
        for change in changes:
            trial = change.apply(trial)
    except (TypeError, ValueError):  # a path, say, that no pattern can have
        return None
    shelf = Shelf()
    trial.walk(shelf)
    if trial.walk(shelf).outcome != "hit":
        return None
    others = replace(trial, asked=_another(trial)).walk(shelf).outcome == "hit"
    what = " and ".join(change.what for change in changes)
    where = "; ".join(dict.fromkeys(change.where for change in changes))
    return Cure(what, where, "hit", others)


def _another(trial: Trial) -> Asked:
    """Return the request as another visitor sends it: with other cookies, as nobody known."""
    other = trial.asked.without("Cookie", "Authorization", *trial.policy.credentials)
    names = _cookie_names(trial.asked.value("Cookie"))
    cookies = "; ".join(f"{name}=another" for name in names)
    return replace(other, fields=[*other.fields, ("Cookie", cookies)]) if cookies else other


def _cookie_names(value: str) -> list[str]:
    return [name for one in value.split(";") if (name := one.partition("=")[0].strip())]


# ── the changes for each reason ────────────────────────────────────────────────────────────────


def _changes(token: str, trial: Trial) -> Iterator[_Change]:
    policy = trial.policy
    if token == "freshness":
        yield from _said(trial, cache_for(minutes=5))
        yield from _said(trial, cached(server=300))
    elif token == "cookie":
        names = _cookie_names(trial.asked.value("Cookie"))
        if not any(name in SESSION_COOKIES for name in names):
            ignored = tuple(dict.fromkeys([*policy.ignore_cookies, *names]))
            yield _policy(f"ignore_cookies={list(ignored)!r}", trial, ignore_cookies=ignored)
        yield from _said(trial, cached(server=300))
        yield from _said(trial, vary("Cookie"))
    elif token == "authorization":
        yield from _said(trial, cached(server=300))
    elif token in ("set-cookie", "hidden-cookie"):
        yield from _without_cookie(trial)
    elif token == "too-large":
        assert isinstance(trial.app, Recorded)
        declared = trial.app.value("Content-Length") or "0"
        most = max(len(trial.app.content), int(declared) if declared.isdigit() else 0)
        yield _policy(f"max_content={most}", trial, max_content=most)
    elif token == "exempt":
        path = _path(trial)
        left = tuple(one for one in policy.exempt if not path.startswith(one))
        yield _policy(f"exempt={list(left)!r}", trial, exempt=left)
    elif token in ("partial", "range"):
        yield _policy("store_partial=True", trial, store_partial=True)
    elif token == "charset":
        yield from _said(trial, vary("Content-Type"))
    elif token not in ("content-type",):
        yield _policy("forbidding_fields=()", trial, forbidding_fields=())


def _said(trial: Trial, control: Control) -> Iterator[_Change]:
    """Have a route say *control* of the path, after the response's own words or before them."""
    path = _path(trial).encode("latin-1").decode("utf-8", "replace")
    for override in (False, True):

        def apply(changed: Trial, override: bool = override) -> Trial:
            route = Route(path, control, override=override)
            return replace(changed, routes=(route, *changed.routes))

        more = ", override=True" if override else ""
        yield _Change(f"Route({path!r}, {control!r}{more})", _ON_ROUTES, apply)


def _path(trial: Trial) -> str:
    """Return the path of the URL as a WSGI environ has it."""
    key = key_of_url(trial.asked.url)
    return "" if key is None else key[2]


def _policy(what: str, trial: Trial, **options: object) -> _Change:
    def apply(changed: Trial) -> Trial:
        return replace(changed, policy=replace(changed.policy, **options))  # type: ignore[arg-type]

    return _Change(f"Policy({what})", _IN_POLICY, apply)


def _without_cookie(trial: Trial) -> Iterator[_Change]:
    assert isinstance(trial.app, Recorded)
    names = [
        value.partition("=")[0].strip()
        for name, value in trial.app.fields
        if name.lower() == "set-cookie"
    ]
    known = [_SAVED_EACH_TIME[name] for name in names if name in _SAVED_EACH_TIME]
    what = " and ".join(known) or f"do not set the cookie {', '.join(names)} in this view"

    def apply(changed: Trial) -> Trial:
        assert isinstance(changed.app, Recorded)
        return replace(changed, app=changed.app.without("Set-Cookie", "Set-Cookie2"))

    yield _Change(what, "the application", apply)
