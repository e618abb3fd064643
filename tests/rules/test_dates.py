"""HTTP dates: three forms, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import http_date

from tests.games.strategies import examples, header_value
from tests.rules.messages import rows
from tests.rules.texts import (
    Parser,
    before_a_line_end,
    check_linear,
    each_parser,
    for_any_text,
    padded_by_no_space,
)
from tests.scene import EPOCH
from wsgicache.rules.dates import parse_date

THEN = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    rows(
        ("9110 §5.6.7 IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", THEN),
        ("9110 §5.6.7 RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", THEN),
        ("9110 §5.6.7 asctime", "Sun Nov  6 08:49:37 1994", THEN),
        ("9110 §5.6.7 asctime, two digits", "Wed Nov 16 08:49:37 1994", THEN + 10 * 86400),
        ("9110 §5.6.7 white space round it", "\t Sun, 06 Nov 1994 08:49:37 GMT ", THEN),
        ("9110 §5.6.7 another weekday", "Mon, 06 Nov 1994 08:49:37 GMT", THEN),
        ("9110 §5.6.7 the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("9110 §5.6.7 before it", "Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("9110 §5.6.7 beyond 32 bits", "Tue, 19 Jan 2038 03:14:08 GMT", 2**31),
        ("9110 §5.6.7 far ahead", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799),
        ("9110 §5.6.7 a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
        ("9110 §5.6.7 a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800),
        ("§4.2 weekday in any case", "sUN, 06 Nov 1994 08:49:37 GMT", THEN),
        ("§4.2 month in any case", "Sun, 06 nOV 1994 08:49:37 GMT", THEN),
        ("§4.2 zone in any case", "Sun, 06 Nov 1994 08:49:37 gmt", THEN),
        ("§4.2 RFC 850 in any case", "SUNDAY, 06-NOV-94 08:49:37 GMT", THEN),
        ("§4.2 asctime in any case", "SUN nov  6 08:49:37 1994", THEN),
    ),
)
def test_a_date(value: str, seconds: float) -> None:
    assert parse_date(value, EPOCH) == seconds


@pytest.mark.parametrize(
    "value",
    rows(
        ("absent", None),
        ("empty", ""),
        ("§5.3 zero", "0"),
        ("§5.3 a number", "784111777"),
        ("§4.2 UTC", "Sun, 06 Nov 1994 08:49:37 UTC"),
        ("§4.2 another zone", "Sun, 06 Nov 1994 08:49:37 AEST"),
        ("§4.2 an offset", "Sun, 06 Nov 1994 08:49:37 +0000"),
        ("§4.2 no zone", "Sun, 06 Nov 1994 08:49:37"),
        ("9110 §5.6.7 two digits of a year", "Sun, 06 Nov 94 08:49:37 GMT"),
        ("9110 §5.6.7 five digits of a year", "Sun, 06 Nov 19940 08:49:37 GMT"),
        ("9110 §5.6.7 one digit of a day", "Sun, 6 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 one digit of an hour", "Sun, 06 Nov 1994 8:49:37 GMT"),
        ("9110 §5.6.7 periods in the time", "Sun, 06 Nov 1994 08.49.37 GMT"),
        ("9110 §5.6.7 no seconds", "Sun, 06 Nov 1994 08:49 GMT"),
        ("9110 §5.6.7 dashes in the date", "Sun, 06-Nov-1994 08:49:37 GMT"),
        ("9110 §5.6.7 no comma", "Sun 06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 no weekday", "06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 no space after the comma", "Sun,06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 two spaces", "Sun, 06  Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 a long weekday", "Sunday, 06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 a long month", "Sun, 06 November 1994 08:49:37 GMT"),
        ("9110 §5.6.7 a weekday that is none", "Son, 06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 a month that is none", "Sun, 06 Abc 1994 08:49:37 GMT"),
        ("9110 §5.6.7 RFC 850 with a short weekday", "Sun, 06-Nov-94 08:49:37 GMT"),
        ("9110 §5.6.7 asctime with one space", "Sun Nov 6 08:49:37 1994"),
        ("9110 §5.6.7 asctime with a zone", "Sun Nov  6 08:49:37 GMT 1994"),
        ("9110 §5.6.7 a day that is none", "Thu, 31 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 no leap day", "Wed, 29 Feb 2023 00:00:00 GMT"),
        ("9110 §5.6.7 an hour that is none", "Sun, 06 Nov 1994 24:00:00 GMT"),
        ("9110 §5.6.7 a minute that is none", "Sun, 06 Nov 1994 08:60:00 GMT"),
        ("9110 §5.6.7 a second that is none", "Sun, 06 Nov 1994 08:49:61 GMT"),
        ("9110 §5.6.7 year zero", "Sun, 06 Nov 0000 08:49:37 GMT"),
        ("9110 §5.6.7 two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 more after it", "Sun, 06 Nov 1994 08:49:37 GMT; foo"),
        ("9110 §5.6.7 digits of another script", "Sun, ٠٦ Nov 1994 08:49:37 GMT"),
        ("9110 §5.6.7 ISO 8601", "1994-11-06T08:49:37Z"),
    ),
)
def test_no_date(value: str | None) -> None:
    assert parse_date(value, EPOCH) is None


@pytest.mark.parametrize(
    ("now", "two_digits", "year"),
    rows(
        ("9110 §5.6.7 this year", 2023, "23", 2023),
        ("9110 §5.6.7 earlier", 2023, "94", 1994),
        ("9110 §5.6.7 fifty years ahead", 2023, "73", 2073),
        ("9110 §5.6.7 more than fifty years ahead", 2023, "74", 1974),
        ("9110 §5.6.7 at the end of a century", 2099, "00", 2000),
        ("9110 §5.6.7 at its beginning", 2101, "60", 2060),
    ),
)
def test_two_digits_of_a_year(now: int, two_digits: str, year: int) -> None:
    clock = datetime(now, 6, 15, tzinfo=UTC).timestamp()
    then = datetime(year, 3, 1, tzinfo=UTC).timestamp()
    assert parse_date(f"Monday, 01-Mar-{two_digits} 00:00:00 GMT", clock) == then


def test_a_clock_that_is_none() -> None:
    """No year can be read by it, and nothing is raised."""
    assert parse_date("Sunday, 06-Nov-94 08:49:37 GMT", float("inf")) is None


# ── any text ─────────────────────────────────────────────────────────────────────────────────────

FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b {day:2} %H:%M:%S %Y")


@examples(60)
@given(
    seconds=st.integers(0, 2**33),
    form=st.sampled_from(FORMS),
    case=st.sampled_from([str, str.upper, str.lower]),
)
def test_dates_are_read_as_written(seconds: int, form: str, case: Callable[[str], str]) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    text = case(when.strftime(form.replace("{day:2}", f"{when.day:2}")))
    found = parse_date(text, EPOCH)
    if "%y" in form:  # two digits: not more than fifty years ahead
        this_year = datetime.fromtimestamp(EPOCH, UTC).year
        if not this_year - 50 < when.year < this_year + 50:
            return
    assert found == seconds


@examples(60)
@given(text=header_value)
def test_what_is_read_as_a_date_is_one(text: str) -> None:
    found = parse_date(text, EPOCH)
    if found is not None:
        canonical = http_date(found)
        assert parse_date(canonical, EPOCH) == found


PARSERS: dict[str, Parser] = {
    "date": lambda text: parse_date(text, EPOCH),
}


@each_parser(PARSERS)
@for_any_text
def test_parsers_are_total_and_say_the_same_twice(parse: Parser, text: str) -> None:
    assert parse(text) == parse(text)


@each_parser(PARSERS)
def test_parsers_are_linear(parse: Parser) -> None:
    check_linear(parse)


@padded_by_no_space
def test_only_space_and_tab_are_space(padded: Callable[[str], str]) -> None:
    assert parse_date(padded("Tue, 14 Nov 2023 22:13:20 GMT"), EPOCH) is None


@before_a_line_end
def test_nothing_matches_up_to_a_line_end(line_end: str) -> None:
    assert parse_date("Tue, 14 Nov 2023 22:13:20 GMT" + line_end, EPOCH) is None
