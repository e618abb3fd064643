"""What an argument must be: one form for what is wrong, and each kind of value checked once.

    Policy.max_variants must be a whole number of 1 or more, got 0

The subject is the argument, with its class or function where that helps: ``Route.path``, ``client
of cached()``. A check returns the value as it is kept. It raises TypeError for another type and
ValueError for a value that the type alone does not rule out, both with the same sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeGuard, TypeVar

__all__ = ["Check", "flag", "is_whole", "must_be", "number", "several", "text", "whole"]

T = TypeVar("T")
Check = Callable[[str, object], object]
"""What takes a subject and a value, and returns the value as it is kept."""


def must_be(subject: str, kind: str, given: object) -> str:
    """What is wrong with an argument that is not of its *kind*."""
    return f"{subject} must be {kind}, got {given!r}"


def is_whole(given: object) -> TypeGuard[int]:
    """Whether it is a whole number; True and False are none."""
    return isinstance(given, int) and not isinstance(given, bool)


def flag(subject: str, given: object) -> bool:
    """*given*, which must be True or False."""
    if not isinstance(given, bool):
        raise TypeError(must_be(subject, "True or False", given))
    return given


def whole(subject: str, given: object, least: int = 0, besides: str = "") -> int:
    """*given*, which must be a whole number of *least* or more; *besides* is what else may be."""
    kind = f"a whole number of {least} or more{besides}"
    if not is_whole(given):
        raise TypeError(must_be(subject, kind, given))
    if given < least:
        raise ValueError(must_be(subject, kind, given))
    return given


def number(
    subject: str, given: object, most: float | None = None, *, above_0: bool = False
) -> float:
    """*given*, which must be a number; with *most* from 0 to that, or above 0 with *above_0*."""
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
    """*given*, which must be a str, and all of it as *pattern* says."""
    if not isinstance(given, str):
        raise TypeError(must_be(subject, kind, given))
    if pattern is not None and pattern.fullmatch(given) is None:
        raise ValueError(must_be(subject, kind, given))
    return given


def several(
    subject: str, given: object, check: Callable[[str, object], T], example: str
) -> tuple[T, ...]:
    """All that the iterable *given* has, each of it checked.

    It stays in its order; what a set has, which is in no order, is sorted. A str alone is none: it
    would be taken for its letters.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        kind = f"a list or another iterable, such as {example}"
        raise TypeError(must_be(subject, kind, given) + _cure(subject, given, check))
    listed = sorted(given, key=repr) if isinstance(given, set | frozenset) else given
    each = f"each of {subject}"
    return tuple([check(each, one) for one in listed])


def _cure(subject: str, given: object, check: Check) -> str:
    """What to write in place of a single value, where it would do as one of several."""
    try:
        check(subject, given)
    except (TypeError, ValueError):
        return ""
    return f": write [{given!r}]"
