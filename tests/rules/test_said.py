"""What was said, how severe it is, and what several say together: a row per rule."""

from __future__ import annotations

import pytest

from tests.rules.messages import rows
from wsgicache.rules.said import (
    NEVER_KEPT,
    NO_STORE,
    Said,
    forbidding,
    forbids_here,
    severity,
    together,
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
    ),
)
def test_together(said: list[Said], one: Said | None) -> None:
    assert together(said) == one
