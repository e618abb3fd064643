"""The changes that may help, for each reason: of a route, of the policy, or of the application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wsgicache.controls.control import Control
from wsgicache.controls.decorators import cache_for, cached, vary
from wsgicache.controls.routes import Route
from wsgicache.rules.cookies import ANALYTICS_COOKIES, FORM_COOKIES, USUAL_SETTERS, cookie_name
from wsgicache.rules.keys import key_of_url
from wsgicache.rules.queries import TRACKING_PARAMETERS
from wsgicache.why.asked import SESSION_COOKIES, Asked, cookie_names
from wsgicache.why.trying import Recorded, Trial

__all__ = ["Change", "changes_for", "has_form_token"]

_FORM_TOKEN = re.compile(rb"csrfmiddlewaretoken|csrf_token|csrf-token|authenticity_token")
_SAME = "if the page is the same for everybody"


class Change(NamedTuple):
    """A change of a route, of the policy, or of the application."""

    what: str
    where: str
    apply: Callable[[Trial], Trial]
    provided: str = ""
    """What must be so, and only people know."""
    bolder: Change | None = None
    """What to try if it is not enough."""


_ON_ROUTES = "CacheMiddleware(routes=[…]); or the control, as a decorator, on the view"
_IN_ROUTES = "CacheMiddleware(routes=[…])"
_IN_POLICY = "CacheMiddleware(policy=…)"
_IN_APP = "the application"
_ON_VIEW = "the view"


def has_form_token(trial: Trial) -> bool:
    """Return whether the page has the token of a form, or sets a cookie with it."""
    answer = _answer(trial)
    return _FORM_TOKEN.search(answer.content) is not None or not FORM_COOKIES.isdisjoint(
        _set_cookies(answer)
    )


def changes_for(token: str, trial: Trial, first: Asked | None) -> Iterator[Change]:
    """Yield what may help against *token*, the cheapest first.

    *token* is a detail of Cache-Status; or ``field NAME`` or ``query``, in which *trial* differs
    from the request *first*.
    """
    kind, _, name = token.partition(" ")
    if kind == "field":
        return _for_field(name, trial, first or trial.asked)
    if kind == "query":
        return _for_query(trial, first or trial.asked)
    if token in map(str.lower, trial.policy.forbidding_fields):
        return _forbidden_elsewhere(trial)
    return _CHANGES[token](trial) if token in _CHANGES else iter(())


# ── for each detail ────────────────────────────────────────────────────────────────────────────


def _freshness(trial: Trial) -> Iterator[Change]:
    code = int(_answer(trial).status[:3])
    if 200 <= code < 300:
        yield _said(trial, cache_for(minutes=5))
        yield from _vouched(trial)
    elif code < 500:
        written = f"cache_for(minutes=5, status={code})"
        yield _said(trial, cache_for(minutes=5, status=code), written=written)


def _vouched(trial: Trial) -> Iterator[Change]:
    """Release the page to everybody, whoever asks."""
    asked = trial.asked
    knows = any(
        asked.value(name) for name in ("Cookie", "Authorization", *trial.policy.credentials)
    )
    provided = _SAME if knows else ""
    yield _said(trial, cached(server=300), provided)
    if "cookie" in (_answer(trial).value("Vary") or "").lower():
        yield _said(trial, cached(server=300, everybody=True), _SAME)


def _cookie(trial: Trial) -> Iterator[Change]:
    known = cookie_names(trial.asked.value("Cookie"))
    if SESSION_COOKIES.isdisjoint(known) and FORM_COOKIES.isdisjoint(known):
        names = list(dict.fromkeys(known))
        before = trial.policy.ignore_cookies
        shown = ["*ANALYTICS_COOKIES"] if before == ANALYTICS_COOKIES else list(map(repr, before))
        what = f"ignore_cookies=[{', '.join([*shown, *map(repr, names)])}]"
        provided = f"if only scripts read {' and '.join(names)}"
        yield _policy(what, provided, ignore_cookies=(*before, *names))
    yield from _vouched(trial)
    yield _said(trial, vary("Cookie"))


def _authorization(trial: Trial) -> Iterator[Change]:
    yield _said(trial, cached(server=300), f"{_SAME}, and the view need not check who asks")


def _set_cookie(trial: Trial) -> Iterator[Change]:
    names = _set_cookies(_answer(trial))
    if not FORM_COOKIES.isdisjoint(names):
        return  # there is advice instead
    sent = cookie_names(trial.asked.value("Cookie"))
    setters = [USUAL_SETTERS.get(name) for name in names if name in sent]
    known = [one.setting for one in setters if one is not None and one.setting]
    what = " and ".join(known) or f"do not set the cookie {', '.join(names)} in this view"

    def apply(changed: Trial) -> Trial:
        return replace(changed, app=_answer(changed).without("Set-Cookie", "Set-Cookie2"))

    provided = "if it is another now; else do not change the session in this view" if known else ""
    yield Change(what, _IN_APP, apply, provided)


def _forbidden_elsewhere(trial: Trial) -> Iterator[Change]:
    yield from _vouched(trial)
    yield _policy("forbidding_fields=[]", forbidding_fields=())


def _too_large(trial: Trial) -> Iterator[Change]:
    most = _length(trial)
    yield _policy(f"max_content={most}", max_content=most)


def _length(trial: Trial) -> int:
    answer = _answer(trial)
    declared = answer.value("Content-Length") or "0"
    return max(len(answer.content), int(declared) if declared.isdigit() else 0)


def _collecting(trial: Trial) -> Iterator[Change]:
    most = len(_answer(trial).content)
    yield _policy(f"max_collecting={most}", max_collecting=most)


def _exempt(trial: Trial) -> Iterator[Change]:
    path = _path(trial)
    left = [one for one in trial.policy.exempt if not path.startswith(one)]
    yield _policy(f"exempt={left!r}", exempt=left)


def _parts(trial: Trial) -> Iterator[Change]:
    most = _length(trial)
    yield _policy(f"whole_for_range={most}", whole_for_range=most)
    yield _policy("store_partial=True", store_partial=True)


def _charset(trial: Trial) -> Iterator[Change]:
    yield _said(trial, vary("Content-Type"))


def _content_type(trial: Trial) -> Iterator[Change]:
    kind = (_answer(trial).value("Content-Type") or "").partition(";")[0].strip()
    yield _route(
        trial, f"cache_for(minutes=5), content_type={kind!r}", cache_for(minutes=5), kind=kind
    )


def _by_default(trial: Trial) -> Iterator[Change]:
    if trial.policy.default is not None:
        yield from _freshness(trial)


_CHANGES: dict[str, Callable[[Trial], Iterator[Change]]] = {
    "freshness": _freshness,
    "cookie": _cookie,
    "authorization": _authorization,
    "set-cookie": _set_cookie,
    "hidden-cookie": _set_cookie,
    "too-large": _too_large,
    "collecting": _collecting,
    "exempt": _exempt,
    "partial": _parts,
    "range": _parts,
    "charset": _charset,
    "content-type": _content_type,
    "no-store": _by_default,
    "private": _by_default,
}


# ── for what tells two requests apart ──────────────────────────────────────────────────────────


def _for_field(name: str, trial: Trial, first: Asked) -> Iterator[Change]:
    answer = _answer(trial)
    if name == "Cookie":
        yield _said(trial, cached(server=300, everybody=True), _SAME)
    elif name == "Accept-Language":
        sent = (one.value(name) for one in (first, trial.asked))
        tags = dict.fromkeys(re.split("[-,; ]", value)[0] for value in sent if value)
        languages = [tag for one in tags if (tag := one.lower()) not in ("", "*")]
        languages = languages or [answer.value("Content-Language") or ""]
        yield _early(
            trial, f"languages={languages!r}", "if there are no others", languages=languages
        )
    elif name == "Accept":
        kinds = [(answer.value("Content-Type") or "").partition(";")[0].strip()]
        yield _early(trial, f"accept={kinds!r}", "if there are no others", accept=kinds)
    listed = [one.strip() for one in (answer.value("Vary") or "").split(",")]
    left = [one for one in listed if one.lower() != name.lower()]
    if len(left) < len(listed) and name != "Cookie":

        def apply(changed: Trial) -> Trial:
            return replace(changed, app=_answer(changed).having("Vary", ", ".join(left)))

        yield Change(f"do not name {name} in Vary", _IN_APP, apply, f"if {name} changes nothing")


def _for_query(trial: Trial, first: Asked) -> Iterator[Change]:
    mine, other = (_parameters(one.url) for one in (trial.asked, first))
    yield _policy("ignore_query=TRACKING_PARAMETERS", ignore_query=TRACKING_PARAMETERS)
    if sorted(mine) == sorted(other):
        yield _policy("sort_query=True", sort_query=True)
    names = list(dict.fromkeys(one.partition("=")[0] for one in mine if one in other))
    yield _early(trial, f"query={names!r}", "if the page reads no others", query=names)


def _parameters(url: str) -> list[str]:
    return [one for one in urlsplit(url).query.split("&") if one]


# ── kinds of changes ───────────────────────────────────────────────────────────────────────────


def _said(trial: Trial, control: Control, provided: str = "", written: str = "") -> Change:
    """Have a route say *control*, or one that overrides, or else the view."""
    written = written or repr(control)
    bolder = _route(trial, f"{written}, override=True", control, provided, override=True)
    bolder = bolder._replace(bolder=_in_place(trial, written, control, provided))
    return _route(trial, written, control, provided)._replace(bolder=bolder)


def _in_place(trial: Trial, written: str, control: Control, provided: str) -> Change | None:
    """Have the view say *control* in place of what it says about lifetimes, if it does."""
    spoken = [one for one in _answer(trial).said if one._said.speaks and not one.forbids()]
    if not spoken or not control._said.speaks:
        return None

    def apply(changed: Trial) -> Trial:
        answer = _answer(changed)
        kept = tuple(one for one in answer.said if one not in spoken)
        return replace(changed, app=replace(answer, said=(*kept, control)))

    before = " and ".join(map(repr, spoken))
    return Change(f"{written} in place of {before}", _ON_VIEW, apply, provided)


def _route(
    trial: Trial,
    written: str,
    control: Control,
    provided: str = "",
    override: bool = False,
    kind: str | None = None,
) -> Change:
    path = _written_path(trial)

    def apply(changed: Trial) -> Trial:
        route = Route(path, control, override=override, content_type=kind)
        return replace(changed, routes=(route, *changed.routes))

    return Change(f"Route({path!r}, {written})", _ON_ROUTES, apply, provided)


def _early(trial: Trial, written: str, provided: str, **options: list[str]) -> Change:
    path = _written_path(trial)

    def apply(changed: Trial) -> Trial:
        route = Route(
            path,
            query=options.get("query"),
            languages=options.get("languages"),
            accept=options.get("accept"),
        )
        return replace(changed, routes=(route, *changed.routes))

    return Change(f"Route({path!r}, {written})", _IN_ROUTES, apply, provided)


def _policy(what: str, provided: str = "", **options: Any) -> Change:
    def apply(changed: Trial) -> Trial:
        return replace(changed, policy=replace(changed.policy, **options))

    return Change(f"Policy({what})", _IN_POLICY, apply, provided)


def _written_path(trial: Trial) -> str:
    return _path(trial).encode("latin-1").decode("utf-8", "replace")


def _path(trial: Trial) -> str:
    """Return the path of the URL as a WSGI environ has it."""
    key = key_of_url(trial.asked.url)
    return "" if key is None else key[2]


def _answer(trial: Trial) -> Recorded:
    assert isinstance(trial.app, Recorded)
    return trial.app


def _set_cookies(answer: Recorded) -> list[str]:
    """Return the names of the cookies that *answer* sets."""
    lines = [value for name, value in answer.fields if name.lower() == "set-cookie"]
    return [cookie_name(value.partition(";")[0]) for value in lines]
