"""Checks of arguments, and the one form of their messages.

    Policy.max_variants must be a whole number of 1 or more, got 0

The subject is the argument, with its class or function where that helps: ``Route.path``, ``client
of cached()``. A check returns the value as it is kept. It raises TypeError for a wrong type and
ValueError for a wrong value, both with the same sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeGuard, TypeVar

__all__ = ["Check", "flag", "is_whole", "must_be", "number", "secret", "several", "text", "whole"]

T = TypeVar("T")
Check = Callable[[str, object], object]
"""A function that takes a subject and a value, and returns the value as it is kept."""


def must_be(subject: str, kind: str, given: object) -> str:
    """Return the message for an argument that is not of its *kind*."""
    return f"{subject} must be {kind}, got {given!r}"


def is_whole(given: object) -> TypeGuard[int]:
    """Return whether *given* is a whole number. True and False are not."""
    return isinstance(given, int) and not isinstance(given, bool)


def flag(subject: str, given: object) -> bool:
    """Return *given*, which must be True or False."""
    if not isinstance(given, bool):
        raise TypeError(must_be(subject, "True or False", given))
    return given


def whole(subject: str, given: object, least: int = 0, besides: str = "") -> int:
    """Return *given*, a whole number of *least* or more; *besides* names what else is possible."""
    kind = f"a whole number of {least} or more{besides}"
    if not is_whole(given):
        raise TypeError(must_be(subject, kind, given))
    if given < least:
        raise ValueError(must_be(subject, kind, given))
    return given


def number(
    subject: str, given: object, most: float | None = None, *, above_0: bool = False
) -> float:
    """Return *given*, a number; with *most* from 0 up to that, or above 0 with *above_0*."""
    kind = "a number"
    if most is not None:
        kind = f"a number above 0, up to {most:g}" if above_0 else f"a number from 0 to {most:g}"
    if not (is_whole(given) or isinstance(given, float)):
        raise TypeError(must_be(subject, kind, given))
    if most is not None and (not 0 <= given <= most or (above_0 and not given)):
        raise ValueError(must_be(subject, kind, given))
    return given


def text(
    subject: str, given: object, kind: str = "a str", pattern: re.Pattern[str] | None = None
) -> str:
    """Return *given*, which must be a str that *pattern* matches in full."""
    if not isinstance(given, str):
        raise TypeError(must_be(subject, kind, given))
    if pattern is not None and pattern.fullmatch(given) is None:
        raise ValueError(must_be(subject, kind, given))
    return given


SHORTEST_SECRET = 16


def secret(subject: str, given: object) -> str:
    """Return *given*, a text that clients send to prove who they are.

    Raises TypeError or ValueError, whose messages do not repeat it.
    """
    if not isinstance(given, str):
        raise TypeError(f"{subject} must be a str, got {type(given).__name__}")
    printable = given.isascii() and given.isprintable()
    if len(given) < SHORTEST_SECRET or not printable or " " in (given[0], given[-1]):
        raise ValueError(
            f"{subject} must be {SHORTEST_SECRET} or more printable ASCII characters, without "
            "spaces at the ends, got others"
        )
    return given


def several(
    subject: str, given: object, check: Callable[[str, object], T], example: str
) -> tuple[T, ...]:
    """Return the items of the iterable *given*, each of them checked.

    They keep their order; the items of a set are sorted. A single str is refused: it would be taken
    for its letters.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        kind = f"a list or another iterable, such as {example}"
        raise TypeError(must_be(subject, kind, given) + _cure(subject, given, check))
    listed = sorted(given, key=repr) if isinstance(given, set | frozenset) else given
    each = f"each of {subject}"
    return tuple([check(each, one) for one in listed])


def _cure(subject: str, given: object, check: Check) -> str:
    """Return the cure for a single value that would pass as one of several."""
    try:
        check(subject, given)
    except (TypeError, ValueError):
        return ""
    return f": write [{given!r}]"
