"""What the arguments of controls, routes and the cache may be; a sentence for each that may not.

Every function names in its error the *function* that was called, the argument and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from wsgicache.rules.fields import MAX_DELTA_SECONDS, TOKEN

P = ParamSpec("P")
R = TypeVar("R")

Seconds = int | timedelta
Status = int | str
"""A status code, a class of them like ``"2xx"``, or ``"any"``."""

_TOKEN = re.compile(TOKEN)
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_STATUS_CLASS = re.compile(r"[2-5]xx")
_BEFORE_THE_LOOK_UP = frozenset({"query", "cookies", "vary_by", "collapse"})


def explained(
    example: str | None = None, keywords: Collection[str] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a function say what is wrong with arguments that it does not take, and the cure.

    With an *example* it takes keywords only; without one it may take others, too. Its signature
    stays as it is. *keywords* are its own, where they do not stand in its signature.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__qualname__.removesuffix(".__init__")
        names = keywords or (function.__kwdefaults__ or {}).keys()

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if example is not None and args:
                raise TypeError(f"{name} takes keywords, as in {name}({example}), got {args[0]!r}")
            _known(name, kwargs, names)
            return function(*args, **kwargs)

        return checked

    return decorate


def _known(function: str, given: Iterable[str], names: Collection[str]) -> None:
    """Raise TypeError where one of the arguments *given* is none of *names*."""
    for name in given:
        if name in names:
            continue
        if name in _BEFORE_THE_LOOK_UP:
            raise TypeError(
                f"{function} takes no {name}, which must be known before the view is called: "
                f"give it to a Route, as in Route(path, {name}=…)"
            )
        raise TypeError(f"{function} takes no {name}: it takes {', '.join(sorted(names))}")


def has_methods(function: str, name: str, value: object, *methods: str) -> None:
    """Raise TypeError where *value* is given and has not all of these *methods*, or is the class in
    place of one of its objects."""
    right = all(callable(getattr(value, method, None)) for method in methods)
    if value is not None and (not right or isinstance(value, type)):
        raise TypeError(
            f"{function}({name}={value!r}): an object with the methods "
            f"{', '.join(methods)} is allowed"
        )


def flags(function: str, **values: object) -> None:
    """Raise TypeError for what is neither True nor False."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise TypeError(f"{function}({name}={value!r}): True or False is allowed")


def public_or_private(function: str, public: bool, private: bool) -> None:
    """Raise ValueError where a response is to be both."""
    if public and private:
        raise ValueError(f"{function}(public=True, private=True): one of them is allowed")


def number(function: str, name: str, value: object) -> float:
    """*value*, which is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{function}({name}={value!r}): a number is allowed")
    return value


def seconds(function: str, written: str, value: object) -> str:
    """*value* in seconds, as the argument of a directive (RFC 9111 §1.2.2)."""
    if isinstance(value, timedelta):
        value = value // timedelta(seconds=1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{function}({written}): whole seconds or a timedelta are allowed")
    if not 0 <= value <= MAX_DELTA_SECONDS:
        raise ValueError(f"{function}({written}): 0 to 2**31 seconds are allowed")
    return str(value)


def field_names(where: str, names: object) -> tuple[str, ...]:
    """*names* of fields, one or more; ``*`` is none, it would mean that nothing can be reused."""
    if isinstance(names, str):
        names = (names,)
    if not isinstance(names, list | tuple | set | frozenset):
        raise TypeError(f"{where}: names of fields, each a str, are allowed")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{where}: names of fields, each a str, are allowed")
        if _TOKEN.fullmatch(name) is None or name == "*" or "_" in name:
            raise ValueError(f"{where}: {name!r} is no name of a field, as Accept-Language is")
    if not names:
        raise ValueError(f"{where}: one name of a field or more is needed")
    return tuple(names)


def group_names(function: str, names: tuple[object, ...]) -> tuple[str, ...]:
    """*names* of cache groups, one or more (RFC 9875 §2)."""
    checked: list[str] = []
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{function}({name!r}): names, each a str, are allowed")
        if _PRINTABLE.fullmatch(name) is None:
            raise ValueError(f"{function}({name!r}): printable ASCII is allowed")
        checked.append(name)
    if not checked:
        raise TypeError(f'{function}(): one name or more is needed, as in {function}("news")')
    return tuple(checked)


def statuses(function: str, status: object) -> frozenset[int] | None:
    """The codes that *status* names: a code, ``"2xx"``, ``"any"`` or several of these."""
    if status is None:
        return None
    several = [status] if isinstance(status, int | str) else status
    if not isinstance(several, Iterable):
        raise TypeError(f'{function}(status={status!r}): 404, "2xx", "any" or several are allowed')
    codes: set[int] = set()
    for one in several:
        if one == "any":
            codes.update(range(200, 600))
        elif isinstance(one, str) and _STATUS_CLASS.fullmatch(one) is not None:
            codes.update(range(int(one[0]) * 100, int(one[0]) * 100 + 100))
        elif isinstance(one, int) and not isinstance(one, bool) and 200 <= one <= 599:
            codes.add(one)
        else:
            error = ValueError if type(one) in (int, str) else TypeError
            raise error(f'{function}(status={one!r}): 200 to 599, "2xx" or "any" is allowed')
    if not codes:
        raise ValueError(f"{function}(status={status!r}): one status or more is needed")
    return frozenset(codes)
