"""What an argument must be: the sentence for what is wrong, and what is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.rules.messages import rows
from wsgicache.rules.checks import flag, number, several, text, whole

SOME = partial(several, check=whole, example="[1, 2]")
LETTERS = partial(text, kind="letters, such as 'ab'", pattern=re.compile("[a-z]+"))
ABOVE = partial(number, most=60, above_0=True)
Check = Callable[..., object]


@pytest.mark.parametrize(
    ("check", "given"),
    rows(
        ("flag", flag, False),
        ("whole number", whole, 0),
        ("whole number of 2 or more", partial(whole, least=2), 2),
        ("number", number, -1.5),
        ("whole number for a number", number, -(10**12)),
        ("number from 0", partial(number, most=1), 0),
        ("number up to 1", partial(number, most=1), 1),
        ("number above 0", ABOVE, 0.001),
        ("text", text, ""),
        ("text of a pattern", LETTERS, "abc"),
    ),
)
def test_what_is_right(check: Check, given: object) -> None:
    assert check("it", given) is given


@pytest.mark.parametrize(
    ("check", "given", "kind", "must_be"),
    rows(
        *[
            (f"no flag: {given!r}", flag, given, TypeError, "True or False")
            for given in (0, 1, None, "yes")
        ],
        *[
            (f"no whole: {given!r}", whole, given, TypeError, "a whole number of 0 or more")
            for given in (False, 1.0, "1", None)
        ],
        ("below 0", whole, -1, ValueError, "a whole number of 0 or more"),
        ("below 2", partial(whole, least=2), 1, ValueError, "a whole number of 2 or more"),
        (
            "besides",
            partial(whole, besides=", or None"),
            "",
            TypeError,
            "a whole number of 0 or more, or None",
        ),
        *[
            (f"no number: {given!r}", number, given, TypeError, "a number")
            for given in (True, "1", None, 1j)
        ],
        *[
            (
                f"not up to 1: {given!r}",
                partial(number, most=1),
                given,
                kind,
                "a number from 0 to 1",
            )
            for given, kind in (
                (-0.1, ValueError),
                (1.1, ValueError),
                (float("nan"), ValueError),
                (False, TypeError),
            )
        ],
        *[
            (f"not above 0: {given!r}", ABOVE, given, kind, "a number above 0, up to 60")
            for given, kind in (
                (0, ValueError),
                (61, ValueError),
                (float("nan"), ValueError),
                ("1", TypeError),
            )
        ],
        ("no text", text, b"", TypeError, "a str"),
        ("no letters", LETTERS, 5, TypeError, "letters, such as 'ab'"),
        ("other letters", LETTERS, "aB", ValueError, "letters, such as 'ab'"),
        *[
            (
                f"not several: {given!r}",
                SOME,
                given,
                TypeError,
                "a list or another iterable, such as [1, 2]",
            )
            for given in ("12", b"12", None, -1, len)
        ],
    ),
)
def test_what_is_wrong(check: Check, given: Any, kind: type[Exception], must_be: str) -> None:
    with pytest.raises(kind) as raised:
        check("it", given)
    assert str(raised.value) == f"it must be {must_be}, got {given!r}"


def test_one_of_several_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"^each of it must be a whole .* of 0 or more, got -1$"):
        SOME("it", [1, -1, "x"])


@pytest.mark.parametrize(
    ("given", "kept"),
    rows(
        ("a list", [2, 1], (2, 1)),
        ("keys", {2: "", 1: ""}, (2, 1)),
        ("a set", {20, 8, 10}, (10, 20, 8)),
        ("a frozenset", frozenset({20, 8, 10}), (10, 20, 8)),
    ),
)
def test_several_stay_in_their_order(given: object, kept: tuple[int, ...]) -> None:
    """What is in no order is sorted as it is written."""
    assert SOME("it", given) == kept


def test_one_alone_would_do_among_several() -> None:
    with pytest.raises(TypeError, match=r", got 5: write \[5\]$"):
        SOME("it", 5)
