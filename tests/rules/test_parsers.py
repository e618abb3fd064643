"""Properties of the parsers, for every text: total, linear, and true to what was written."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.http import http_date

from tests.games.strategies import any_text, examples, header_value
from tests.scene import EPOCH, steps
from wsgicache.rules import dates, fields, keys, ranges

NOW = EPOCH
BASE = ("http", "h", "/a", "")

PARSERS: dict[str, Callable[[str], object]] = {
    "cache-control": fields.parse_cache_control,
    "targeted": fields.parse_targeted,
    "field names": fields.field_names,
    "delta-seconds": fields.delta_seconds,
    "age": fields.parse_age,
    "vary": fields.parse_vary,
    "date": lambda text: dates.parse_date(text, NOW),
    "entity tags": fields.entity_tags,
    "entity tag": fields.is_entity_tag,
    "ranges": lambda text: ranges.parse_ranges(text, 1000, 16),
    "content-range": ranges.parse_content_range,
    "selecting value": keys.without_optional_space,
    "languages": keys.normal_languages,
    "host": lambda text: keys.canonical_host("http", text),
    "url": keys.key_of_url,
    "location": lambda text: keys.same_origin_key(BASE, text),
}

each_parser = pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())

# ── P1 to P3: parsers ────────────────────────────────────────────────────────────────────────────


@each_parser
@examples(150)
@given(text=any_text)
def test_p1_parsers_are_total_and_say_the_same_twice(
    parse: Callable[[str], object], text: str
) -> None:
    assert parse(text) == parse(text)


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


@each_parser
@pytest.mark.parametrize("shape", HOSTILE.values(), ids=HOSTILE.keys())
def test_p1_parsers_are_linear(parse: Callable[[str], object], shape: Callable[[int], str]) -> None:
    """Twice the text is at most twice the steps, and 64 KiB come to an end."""
    parse(shape(10))
    few, many = (steps(partial(parse, shape(n))) for n in (1_500, 3_000))
    assert many <= 2.1 * few + 300
    parse(shape(65_536))


@examples(100)
@given(text=any_text | st.from_regex(r"[0-9]{1,30}", fullmatch=True))
@example(text="9" * 5000)
@example(text="0" * 5000 + "1")
@example(text="\xb2")
@example(text="1_000")
@example(text=" 12")
@example(text="12\xa0")
@example(text="12\n")
@example(text="+5")
def test_p2_seconds_are_ascii_digits(text: str) -> None:
    found = fields.delta_seconds(text)
    if text and all(c in string.digits for c in text):
        digits = text.lstrip("0") or "0"
        expected = 2**31 if len(digits) > 10 else min(int(digits), 2**31)
        assert found == expected
    else:
        assert found is None


@examples(100)
@given(text=any_text)
def test_p2_an_age_is_seconds(text: str) -> None:
    assert fields.parse_age(text) in range(2**31 + 1)


UNICODE_SPACE = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0"


@examples(100)
@given(space=st.text(st.sampled_from(UNICODE_SPACE), min_size=1, max_size=3), left=st.booleans())
def test_p3_only_space_and_tab_are_space(space: str, left: bool) -> None:
    def padded(text: str) -> str:
        return space + text if left else text + space

    assert fields.parse_vary(padded("Accept")) is None
    assert fields.delta_seconds(padded("5")) is None
    assert fields.parse_age(padded("5")) == 0
    assert dates.parse_date(padded("Tue, 14 Nov 2023 22:13:20 GMT"), NOW) is None
    assert keys.canonical_host("http", padded("h")) is None
    assert ranges.parse_ranges(padded("bytes=0-0"), 10, 16) is None
    assert fields.field_names(padded("accept")) is None
    # A directive glued to such a character is malformed: the restrictive word in it counts.
    assert "no-store" in fields.parse_cache_control(padded("no-store"))
    assert fields.delta_seconds(fields.parse_cache_control(padded("max-age=5")).get("max-age")) in (
        None,
        0,
    )


@examples(100)
@given(line_end=st.sampled_from(["\n", "\r", "\r\n", "\x00", "\x85", "\u2028"]))
def test_p3_nothing_matches_up_to_a_line_end(line_end: str) -> None:
    assert keys.canonical_host("http", "h" + line_end) is None
    assert fields.delta_seconds("5" + line_end) is None
    assert not fields.is_entity_tag('"a"' + line_end)
    assert dates.parse_date("Tue, 14 Nov 2023 22:13:20 GMT" + line_end, NOW) is None
    assert ranges.parse_content_range("bytes 0-0/1" + line_end) is None
    assert ranges.parse_ranges("bytes=0-0" + line_end, 10, 16) is None


FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b {day:2} %H:%M:%S %Y")


@examples(100)
@given(
    seconds=st.integers(0, 2**33),
    form=st.sampled_from(FORMS),
    case=st.sampled_from([str, str.upper, str.lower]),
)
def test_p1_dates_are_read_as_written(seconds: int, form: str, case: Callable[[str], str]) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    text = case(when.strftime(form.replace("{day:2}", f"{when.day:2}")))
    found = dates.parse_date(text, NOW)
    if "%y" in form:  # two digits: not more than fifty years ahead
        this_year = datetime.fromtimestamp(NOW, UTC).year
        if not this_year - 50 < when.year < this_year + 50:
            return
    assert found == seconds


@examples(100)
@given(text=header_value)
def test_p1_what_is_read_as_a_date_is_one(text: str) -> None:
    found = dates.parse_date(text, NOW)
    if found is not None:
        canonical = http_date(found)
        assert dates.parse_date(canonical, NOW) == found


token = st.text(
    st.sampled_from(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"), min_size=1
)
quotable = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@examples(100)
@given(
    members=st.dictionaries(
        token.map(lambda name: "x-" + name.lower()), st.none() | quotable, max_size=6
    ),
    data=st.data(),
)
def test_p1_well_formed_directives_are_read_as_written(
    members: dict[str, str | None], data: st.DataObject
) -> None:
    """Names in any case, arguments as tokens or quoted, any white space and empty members."""
    written = []
    for name, argument in members.items():
        turned = "".join(data.draw(st.sampled_from([c.upper(), c.lower()])) for c in name)
        if argument is None:
            written.append(turned)
        elif re.fullmatch(r"[A-Za-z0-9]+", argument) and data.draw(st.booleans()):
            written.append(f"{turned}={argument}")
        else:
            escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
            written.append(f'{turned}="{escaped}"')
        written.append(data.draw(st.sampled_from(["", " ", "\t"])))
    text = data.draw(st.sampled_from([",", " ,", ", ", "\t,\t"])).join(written)
    assert fields.parse_cache_control(text) == members
