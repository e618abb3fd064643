"""Patterns of paths are compared as the paths are that they match."""

from __future__ import annotations

import itertools
import re

import pytest

from wsgicache.controls.routes import Pattern
from wsgicache.why.globs import covers, glob_of_regex, meets

PATHS = ["".join(one) for n in range(5) for one in itertools.product("ab", repeat=n)]
GLOBS = ["".join(one) for n in range(4) for one in itertools.product("ab*", repeat=n)]


def test_patterns_meet_where_a_path_matches_both() -> None:
    matching = {glob: {path for path in PATHS if Pattern(glob).matches(path)} for glob in GLOBS}
    for one, other in itertools.product(GLOBS, repeat=2):
        # Six characters suffice for what two patterns of three have in common.
        common = matching[one] & matching[other]
        if common or len((one + other).replace("*", "")) <= 4:
            assert meets(one, other) == bool(common), (one, other)
        if covers(one, other):
            assert matching[other] <= matching[one], (one, other)
    assert covers("/a/*", "/a/*/b")
    assert not covers("/a/b", "/a/*")


@pytest.mark.parametrize(
    ("regex", "glob"),
    [
        (r"^news/$", "news/"),
        (r"\Anews\Z", "news"),
        (r"^news/", "news/*"),
        (r"news/$", "*news/"),
        (r"^items/(?P<number>\d+)/$", "items/*"),
        (r"^items?/$", "item*"),
        (r"^a\.b$", "a.b"),
        (r"^a\.*b$", "a*"),
        (r"^ab{2}$", "a*"),
        (r"^\w+$", "*"),
        (r"^a$|^b$", "*"),
        (r"", "*"),
    ],
)
def test_a_regex_becomes_a_pattern_that_matches_as_much(regex: str, glob: str) -> None:
    assert re.sub(r"\*+", "*", glob_of_regex(regex)) == glob
