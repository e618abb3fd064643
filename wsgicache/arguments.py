"""Checks of the arguments of controls, routes and the cache (their forms are in rules/checks).

A *function* is the one that was called, or the class of the object that was made; `argument` makes
the beginning of its errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from wsgicache.rules.checks import flag, is_whole, must_be, number, several, text
from wsgicache.rules.fields import MAX_DELTA_SECONDS, TOKEN
from wsgicache.rules.groups import group_name
from wsgicache.rules.policy import Policy

__all__ = [
    "Seconds", "Status", "argument", "check_parts", "explained", "field_name", "field_names",
    "flags", "group_names", "has_methods", "numbers", "public_or_private", "seconds", "statuses",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")

Seconds = int | timedelta
Status = int | str
"""A status code, a class of them like ``"2xx"``, or ``"any"``."""

_FIELD = re.compile(rf"(?!\*\Z)(?!.*_){TOKEN}")
"""``*`` does not match: in Vary it would mean that nothing can be reused."""
_NAME = re.compile(".+", re.DOTALL)
_STATUS = 'a code from 200 to 599, a class such as "2xx", "any", or several of these'
_STATUS_CLASS = re.compile(r"[2-5]xx")
_BEFORE_THE_LOOK_UP = frozenset({"query", "cookies", "fields", "vary_by", "collapse"})


def argument(function: str, name: str) -> str:
    """Return how errors name an argument: ``client of cached()``, ``Route.path`` of a class."""
    return f"{function}.{name}" if function[:1].isupper() else f"{name} of {function}()"


def explained(
    example: str | None = None, keywords: Collection[str] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function explain wrong arguments, and name the cure.

    With an *example* it takes keywords only; without one it may take others, too. Its signature
    does not change. *keywords* are the ones it takes besides those that its signature names.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__qualname__.removesuffix(".__init__")
        names = {*(keywords or ()), *(function.__kwdefaults__ or ())}

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if example is not None and args:
                kind = f"keywords, as in {name}({example})"
                raise TypeError(must_be(f"the arguments of {name}()", kind, args[0]))
            _known(name, kwargs, names)
            return function(*args, **kwargs)

        return checked

    return decorate


def _known(function: str, given: Iterable[str], names: Collection[str]) -> None:
    """Raise TypeError if one of the arguments *given* is not among *names*."""
    for name in given:
        if name in names:
            continue
        message = must_be(f"a keyword of {function}()", f"one of {', '.join(sorted(names))}", name)
        if name in _BEFORE_THE_LOOK_UP:
            message += (
                ", which must be known before the view is called: give it to a Route, as in "
                f"Route(path, {name}=…)"
            )
        raise TypeError(message)


def has_methods(subject: str, value: object, *methods: str) -> None:
    """Raise TypeError if *value* is given and lacks one of these *methods*.

    A class in place of one of its objects raises, too.
    """
    right = all(callable(getattr(value, method, None)) for method in methods)
    if value is not None and (not right or isinstance(value, type)):
        kind = f"an object with the methods {', '.join(methods[:-1])} and {methods[-1]}"
        raise TypeError(must_be(subject, kind, value))


def check_parts(app: object, store: object, policy: object, clock: object, runner: object) -> None:
    """Raise TypeError unless these can be the parts of a cache; all but *app* may be None."""
    if not callable(app):
        raise TypeError(must_be("app", "a WSGI application, a callable", app))
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(must_be("policy", "a Policy", policy))
    has_methods("store", store, "get", "content", "update")
    has_methods("clock", clock, "now", "wall")
    if runner is not None and not callable(runner):
        raise TypeError(must_be("runner", "a callable that takes a Job", runner))


def flags(function: str, **values: object) -> None:
    """Raise TypeError for any value but True and False."""
    for name, value in values.items():
        flag(argument(function, name), value)


def public_or_private(function: str, public: bool, private: bool) -> None:
    """Raise ValueError if both are true."""
    if public and private:
        raise ValueError(f"{function}() must be public or private, got both")


def numbers(function: str, **values: object) -> dict[str, float]:
    """Return *values*, which must be numbers."""
    return {name: number(argument(function, name), value) for name, value in values.items()}


def seconds(subject: str, value: object) -> str:
    """Return *value* in seconds, as the argument of a directive (RFC 9111 §1.2.2)."""
    kind = "whole seconds, from 0 to 2**31, or a timedelta"
    whole = value // timedelta(seconds=1) if isinstance(value, timedelta) else value
    if not is_whole(whole):
        raise TypeError(must_be(subject, kind, value))
    if not 0 <= whole <= MAX_DELTA_SECONDS:
        raise ValueError(must_be(subject, kind, value))
    return str(whole)


def field_names(subject: str, names: object) -> tuple[str, ...]:
    """Return *names*, one name of a field or several."""
    if isinstance(names, str):
        return (field_name(subject, names),)
    checked = several(subject, names, field_name, "['Accept-Language']")
    if not checked:
        raise ValueError(must_be(subject, "one name of a field or more", names))
    return checked


def field_name(subject: str, name: object) -> str:
    """Return *name*, the name of one field."""
    return text(subject, name, "the name of a field, such as 'Accept-Language'", _FIELD)


def group_names(function: str, names: tuple[object, ...]) -> tuple[str, ...]:
    """Return *names* of cache groups, one or more, as fields write them (RFC 9875 §2)."""
    groups = f"the groups of {function}()"
    if not names:
        raise TypeError(must_be(groups, f'one or more, as in {function}("news")', names))
    return several(groups, names, _group_name, "['news']")


def _group_name(subject: str, name: object) -> str:
    return group_name(text(subject, name, "a str that is not empty, such as 'news'", _NAME))


def statuses(subject: str, status: object) -> frozenset[int] | None:
    """Return the codes that *status* names: a code, ``"2xx"``, ``"any"`` or several of these."""
    if status is None:
        return None
    listed = [status] if isinstance(status, str) or not isinstance(status, Iterable) else status
    codes = frozenset(code for one in listed for code in _codes(subject, one))
    if not codes:
        raise ValueError(must_be(subject, f"{_STATUS}, and at least one", status))
    return codes


def _codes(subject: str, one: object) -> Iterable[int]:
    if one == "any":
        return range(200, 600)
    if isinstance(one, str) and _STATUS_CLASS.fullmatch(one) is not None:
        return range(int(one[0]) * 100, int(one[0]) * 100 + 100)
    if is_whole(one) and 200 <= one <= 599:
        return [one]
    error = ValueError if isinstance(one, str) or is_whole(one) else TypeError
    raise error(must_be(subject, _STATUS, one))
