"""Compare patterns of paths, in which ``*`` stands for any number of characters."""

from __future__ import annotations

import re

from wsgicache.controls.routes import Pattern

__all__ = ["covers", "glob_of_regex", "meets"]

_PLAIN = re.compile(r"(?:[A-Za-z0-9_/~@!,;:=&%' -]|\\[^A-Za-z0-9])*")
_REPEATED = "*+?{"


def meets(one: str, other: str) -> bool:
    """Return whether some path matches both patterns."""
    other = re.sub(r"\*+", "*", other)
    # The places in *other* up to which it may match what *one* has matched so far.
    places = _with_empty({0}, other)
    for char in one:
        if char == "*":
            places = set(range(min(places), len(other) + 1)) if places else set()
            continue
        after = {place + 1 for place in places if other[place : place + 1] == char}
        after |= {place for place in places if other[place : place + 1] == "*"}
        places = _with_empty(after, other)
    return len(other) in places


def _with_empty(places: set[int], pattern: str) -> set[int]:
    """Return *places*, and those behind a star, which may stand for nothing."""
    return places | {place + 1 for place in places if pattern[place : place + 1] == "*"}


def covers(wide: str, narrow: str) -> bool:
    """Return whether every path that matches *narrow* is known to match *wide*."""
    return Pattern(wide).matches(narrow.replace("*", "\0"))


def glob_of_regex(regex: str) -> str:
    """Return a pattern that matches all that *regex* matches at the beginning of a text."""
    if "|" in regex:
        return "*"
    anchored = regex.startswith(("^", "\\A"))
    rest = regex.removeprefix("^").removeprefix("\\A")
    found = _PLAIN.match(rest)
    literal = found[0] if found else ""
    rest = rest[len(literal) :]
    if rest[:1] and rest[0] in _REPEATED:
        literal = re.sub(r"\\?.\Z", "", literal)
    literal = re.sub(r"\\(.)", r"\1", literal)
    return ("" if anchored else "*") + literal + ("" if rest in ("$", "\\Z") else "*")
