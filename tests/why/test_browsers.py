"""What the rules say that browsers do is what was measured in them."""

from __future__ import annotations

import csv

import pytest

from tests.browsers.__main__ import file_of
from tests.browsers.measuring import TABLES
from tests.browsers.site import Row
from wsgicache.why.browsers import (
    AS_IT_WAS,
    ASKS,
    BROWSERS,
    CHECKS,
    OWN_COPY,
    Browser,
    Copy,
    Page,
    Seen,
)

NOW = 1_790_000_000.0


def measured(table: str) -> list[tuple[Browser, str, list[str]]]:
    """The rows of a table of the documentation, for each browser."""
    found = []
    for browser in BROWSERS:
        with file_of(browser.name.lower(), table).open(encoding="utf-8") as file:
            _, *rows = csv.reader(file)
        found += [(browser, said, cells) for said, *cells in rows]
    return found


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_whole(browser: Browser, table: str) -> None:
    with file_of(browser.name.lower(), table).open(encoding="utf-8") as file:
        (head, *columns), *rows = csv.reader(file)
    assert head.startswith(f"{browser.name} {browser.version}.")
    assert (tuple(columns), [row[0] for row in rows]) == TABLES[table][:2]


def copy(browser: Browser, said: str, logged_out: bool = False) -> Copy:
    """What the rules say of a row."""
    row = Row(said)
    # An open EventSource keeps pages out of Firefox's memory like a handler of unload.
    keeps_out = ["unload", "EventSource"] if browser.name == "Firefox" else ["unload"]
    page = Page(
        has_unload=row.handler in keeps_out,
        changed=("cookie",) if logged_out or row.event == "a cookie changes" else (),
        cleared="Clear-Site-Data" in row.event,
    )
    return Seen(browser, row.status(), row.fields(NOW), NOW).copy(page)


@pytest.mark.parametrize(("browser", "said", "cells"), measured("kept"))
def test_what_is_kept(browser: Browser, said: str, cells: list[str]) -> None:
    found = copy(browser, said)
    # Firefox counts from when a response came, so that any age is young enough.
    behind = f" + {found.behind:.0f}" if browser.name == "Chromium" else " + any"
    seconds = f"{found.seconds:.0f}{behind if found.behind else ''}".replace("inf", "for ever")
    assert [seconds, *found[2:]] == cells


@pytest.mark.parametrize(("browser", "said", "cells"), measured("back"))
def test_what_back_shows(browser: Browser, said: str, cells: list[str]) -> None:
    assert copy(browser, said).back == cells[0]


@pytest.mark.parametrize(("browser", "said", "cells"), measured("left"))
def test_what_is_left_after_a_logout(browser: Browser, said: str, cells: list[str]) -> None:
    found = copy(browser, said, logged_out=True)
    ways = found.back, found.back_anew, found.link
    assert ["hers" if way in (AS_IT_WAS, OWN_COPY) else "anew" for way in ways] == cells


TAG = 'ETag: "1"'
BEYOND = [
    # what is said, what else is known, the field of the copy, and its value
    (f"max-age=60 | Age: 61 | {TAG}", Page(), "link", CHECKS),
    (f"max-age=60 | Age: 59 | {TAG}", Page(), "link", OWN_COPY),
    (f"max-age=60 | Date: -1h | {TAG}", Page(), "link", CHECKS),
    (f"Expires: -1h | {TAG}", Page(), "seconds", 0.0),
    (f"Expires: +1h | Date: -1h | {TAG}", Page(), "seconds", 7200.0),
    ("max-age=60 | Pragma: no-cache", Page(), "link", OWN_COPY),
    ("no-store, stale-while-revalidate=60", Page(), "behind", 0.0),
    ("no-cache, stale-while-revalidate=60", Page(), "behind", 0.0),
    ("max-age=1, stale-while-revalidate=60 | Vary: *", Page(), "behind", 0.0),
    (f"max-age=60 | {TAG}", Page(cleared=True), "reload", ASKS),
    (f"max-age=60 | {TAG}", Page(), "reload", CHECKS),
]
"""Rows that need no browser: RFC 9111 says as much."""


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize(("said", "page", "name", "value"), BEYOND)
def test_what_the_rfc_says(
    browser: Browser, said: str, page: Page, name: str, value: object
) -> None:
    row = Row(said)
    fields = row.fields(NOW)[1:]  # without the Date of now
    found = Seen(browser, row.status(), fields, NOW)
    assert getattr(found.copy(page), name) == value


@pytest.mark.parametrize("browser", BROWSERS)
def test_what_is_guessed(browser: Browser) -> None:
    for said, is_guess in (
        ("Last-Modified: -100d", True),
        ("max-age=9 | Last-Modified: -1d", False),
    ):
        seen = Seen(browser, "200 OK", Row(said).fields(NOW), NOW)
        assert seen.is_heuristic is is_guess
