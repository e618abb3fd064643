"""What was said, how severe it is, and what several say together: a row per rule."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from wsgicache.rules.said import (
    NEVER_KEPT,
    NO_STORE,
    Said,
    allowing_nothing,
    forbidding,
    forbids_here,
    severity,
    together,
    vouches,
    without_lifetime,
)

MINUTE, PRIVATE = Said({"max-age": "60"}), Said({"private": None})
HERE = Said({"no-cache": None}, {"max-age": "60"})
NOT_HERE = Said({"max-age": "60"}, {"no-store": None})


@pytest.mark.parametrize(
    ("said", "level", "here"),
    rows(
        ("§5.2.2 nothing forbidden", MINUTE, 0, False),
        ("§5.2.2.7 private", PRIVATE, 1, True),
        ("§5.2.2.7 private field names", Said({"private": "a"}), 0, False),
        ("§5.2.2.5 no-store", NO_STORE, 2, True),
        ("§5.2.2.5 never", NEVER_KEPT, 3, True),
        ("§5.2.2.5 never, and so here", NEVER_KEPT._replace(here={"max-age": "60"}), 3, True),
        ("9213 §2 no-store here alone", NOT_HERE, 0, True),
        ("9213 §2 a lifetime here alone", Said({"no-store": None}, {"max-age": "60"}), 2, False),
    ),
)
def test_what_is_forbidden(said: Said, level: int, here: bool) -> None:
    assert (severity(said), forbids_here(said)) == (level, here)
    only = forbidding(said)
    assert (only is not None) is bool(level or here)
    assert only is None or (only.only_forbids and not only.speaks and severity(only) == level)


@pytest.mark.parametrize(
    ("said", "one"),
    rows(
        ("nobody", [], None),
        ("nobody who speaks", [Said(vary=("a",))], None),
        ("one", [MINUTE], MINUTE),
        ("9213 §2 one, here alone", [Said({}, {"max-age": "60"})], Said({}, {"max-age": "60"})),
        (
            "the last word of each",
            [MINUTE, Said({"max-age": "5", "public": None})],
            Said({"max-age": "5", "public": None}),
        ),
        ("here and there", [HERE, MINUTE], Said({**HERE.directives, "max-age": "60"}, HERE.here)),
        (
            "never is never",
            [NEVER_KEPT, MINUTE],
            Said({**NEVER_KEPT.directives, "max-age": "60"}, never=True),
        ),
        (
            "an Expires for one",
            [MINUTE._replace(expires=True), MINUTE],
            MINUTE._replace(expires=True),
        ),
        (
            "of every page for one",
            [MINUTE._replace(everywhere=True), MINUTE],
            MINUTE._replace(everywhere=True),
        ),
    ),
)
def test_together(said: list[Said], one: Said | None) -> None:
    assert together(said) == one


def test_never_in_words_for_the_oldest() -> None:
    """§5.2.2.5, §5.2.2.4, §5.2.2.2, §5.2.2.1."""
    words = {"no-store": None, "no-cache": None, "must-revalidate": None, "max-age": "0"}
    assert Said(words, {}, never=True, expires=False, everywhere=False) == NEVER_KEPT


@pytest.mark.parametrize(
    ("said", "only"),
    rows(
        ("§5.2.2 nothing", MINUTE, None),
        ("§5.2.2.5 never", NEVER_KEPT, NEVER_KEPT._replace(only_forbids=True)),
        (
            "9213 §2 here and there",
            Said({"no-store": None, "private": "a"}, {"private": None, "no-cache": None}),
            Said({"no-store": None}, {"private": None}, only_forbids=True),
        ),
    ),
)
def test_forbidding(said: Said, only: Said | None) -> None:
    assert forbidding(said) == only
    told = said._replace(vary=("a",), groups=("b",))
    assert allowing_nothing(told) == (only or Said())._replace(vary=("a",), groups=("b",))


@pytest.mark.parametrize(
    ("said", "for_all"),
    rows(
        ("§5.2.2.1 max-age", MINUTE, False),
        ("§5.2.2.9 public", Said({"public": None}), True),
        ("§5.2.2.10 s-maxage", Said({"s-maxage": "60"}), True),
        ("9213 §2 a lifetime here", Said({}, {"max-age": "60"}), True),
        ("9213 §2 no-store here", Said({"max-age": "60"}, {"no-store": None}), False),
        ("9213 §2 public beside it", Said({}, {"no-store": None, "public": None}), True),
    ),
)
def test_vouches(said: Said, for_all: bool) -> None:
    assert vouches(said) is for_all


def test_without_lifetime() -> None:
    """§5.2.2.1, §5.2.2.9, §5.2.2.10, RFC 5861 §3, §4, RFC 8246 §2."""
    words = dict.fromkeys(
        "max-age s-maxage stale-while-revalidate stale-if-error immutable public no-cache".split()
    )
    left = Said({"no-cache": None}, {"no-cache": None}, vary=("a",))
    assert without_lifetime(Said(words, words, expires=True, vary=("a",))) == left
    assert without_lifetime(NEVER_KEPT) == NEVER_KEPT
