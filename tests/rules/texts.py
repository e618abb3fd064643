"""What every parser is asked about: texts of any kind, and shapes that cost a careless one much."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.games.strategies import any_text, examples
from tests.scene import steps

Parser = Callable[[str], object]

HOSTILE: dict[str, Callable[[int], str]] = {
    "digits": lambda n: "9" * n,
    "commas": lambda n: "," * n,
    "spaces": lambda n: " " * n,
    "inner spaces": lambda n: "a" + " " * n + "b",
    "spaced commas": lambda n: " ," * (n // 2),
    "quotes": lambda n: '"' * n,
    "open quotes": lambda n: 'a="' * (n // 3),
    "backslashes": lambda n: '"' + "\\" * n,
    "escaped quotes": lambda n: '"' + '\\"' * (n // 2),
    "quoted then not": lambda n: '"a"x' * (n // 4),
    "equals": lambda n: "a=" * (n // 2),
    "tokens": lambda n: "a " * (n // 2),
    "letters": lambda n: "a" * n,
    "dots": lambda n: "a." * (n // 2),
    "colons": lambda n: "[" + ":" * n,
    "semicolons": lambda n: "a;" * (n // 2),
    "dashes": lambda n: "-" * n,
    "range": lambda n: "bytes=" + "1" * n + "-",
    "ranges": lambda n: "bytes=" + "0-0, " * (n // 5),
    "tags": lambda n: 'W/"a", ' * (n // 7),
    "open tags": lambda n: 'W/"' * (n // 3),
    "date": lambda n: "Mon, " + "1" * n,
    "date tail": lambda n: "Mon, 14 Nov 2033 22:13:20 " + " " * n,
    "slashes": lambda n: "/" * n,
    "dot segments": lambda n: "/.." * (n // 3),
    "percents": lambda n: "%41" * (n // 3),
    "question marks": lambda n: "?" * n,
    "languages": lambda n: "en;q=0.5, " * (n // 10),
    "members": lambda n: "no-store=x, " * (n // 12),
}


def each_parser(parsers: dict[str, Parser]) -> pytest.MarkDecorator:
    """The test once for each of *parsers*."""
    return pytest.mark.parametrize("parse", parsers.values(), ids=parsers.keys())


def for_any_text(test: Callable[..., None]) -> Callable[..., None]:
    """The test with texts of every kind."""
    return examples(80)(given(text=any_text)(test))


def check_linear(parse: Parser) -> None:
    """Twice the text is at most twice the steps, whatever its shape, and 64 KiB come to an end."""
    for name, shape in HOSTILE.items():
        parse(shape(10))
        few, many = (steps(partial(parse, shape(n))) for n in (1_500, 3_000))
        assert many <= 2.1 * few + 300, name
        parse(shape(65_536))


_unicode_space = st.text(
    st.sampled_from("\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0"), min_size=1, max_size=3
)
_line_end = st.sampled_from(["\n", "\r", "\r\n", "\x00", "\x85", "\u2028"])


def _padding(space: str, left: bool) -> Callable[[str], str]:
    return lambda text: space + text if left else text + space


def padded_by_no_space(test: Callable[..., None]) -> Callable[..., None]:
    """The test with functions that put before or after a text what Unicode calls white space, and
    HTTP does not."""
    drawn = st.builds(_padding, _unicode_space, st.booleans())
    return examples(60)(given(padded=drawn)(test))


def before_a_line_end(test: Callable[..., None]) -> Callable[..., None]:
    """The test with ends of lines."""
    return examples(60)(given(line_end=_line_end)(test))
