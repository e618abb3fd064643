"""HTTP dates: the three forms that are read, and nothing else (RFC 9110 §5.6.7)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["parse_date"]

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"
_LONG_DAY = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATE_FORMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} gmt",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} gmt",
        rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def parse_date(value: str | None, now: float) -> float | None:
    """Return an HTTP-date in seconds since the epoch, or None for anything else (RFC 9110 §5.6.7).

    It reads all three forms, with names in any case (§4.2). A two-digit year that seems more than
    fifty years ahead of *now* is the last past year with those digits.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    for form in _DATE_FORMS:
        if (found := form.fullmatch(text)) is not None:
            break
    else:
        return None
    year, month = int(found["year"]), _MONTHS.index(found["month"].lower()) + 1
    second = int(found["second"])
    try:
        if len(found["year"]) == 2:
            this_year = datetime.fromtimestamp(now, UTC).year
            year += this_year - this_year % 100
            if year > this_year + 50:
                year -= 100
        date = datetime(
            year,
            month,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(second, 59),
            tzinfo=UTC,
        )
    except (ValueError, OverflowError, OSError):
        return None
    if second > 60:
        return None
    return (date - _EPOCH) / _SECOND + (second == 60)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
