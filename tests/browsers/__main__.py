"""Measure what browsers do with a response, and write the tables of the documentation.

``python -m tests.browsers [chromium|firefox ...]`` takes about three minutes a browser.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browsers.driving import BROWSERS
from tests.browsers.measuring import TABLES, Measuring
from tests.browsers.site import Site, served
from tests.running import ROOT

MEASURED = ROOT / "docs" / "explanation" / "measured"
FIRST = "what the response says"


def file_of(browser: str, table: str, folder: Path = MEASURED) -> Path:
    """Where a table of the documentation is."""
    return folder / f"{browser}-{table}.csv"


def write(
    browser: str,
    folder: Path,
    only: frozenset[str] = frozenset(),
    tables: Collection[str] = TABLES.keys(),
) -> None:
    """Measure the rows and write their *tables*; or those *only*, with one browser."""
    site, opened = Site(), BROWSERS[browser]
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as profiles,
        served(site) as url,
        opened(Path(profiles) / "keeping") as keeping,
        nullcontext()
        if only
        else opened(Path(profiles) / "forgetting", keeps_pages=False) as forgetting,
    ):
        measuring = Measuring(site, url, keeping, forgetting)
        if only:
            known = rows_of(file_of(browser, "kept")).items()
            measuring.guesses = {said: cells[0] for said, cells in known if cells[0].isdecimal()}
        for name in tables:
            table = TABLES[name]
            chosen = [row for row in table.rows if not only or row in only]
            with file_of(browser, name, folder).open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow([f"{keeping.version()}: {FIRST}", *table.columns])
                for row in chosen:
                    writer.writerow([row, *table.measured(measuring, row)])
                    file.flush()


def rows_of(path: Path) -> dict[str, list[str]]:
    """The cells of a table, by what the response says."""
    with path.open(encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return {said: cells for said, *cells in rows}


def differing(browser: str, only: frozenset[str] = frozenset()) -> list[str]:
    """Measure again, and list the rows that are not as documented."""
    found = []
    with TemporaryDirectory() as folder:
        write(browser, Path(folder), only)
        for name in TABLES:
            documented = rows_of(file_of(browser, name))
            for said, cells in rows_of(file_of(browser, name, Path(folder))).items():
                if any(
                    one not in ("", other)
                    for one, other in zip(cells, documented[said], strict=True)
                ):
                    found.append(f"{name}, {said}: {cells} in place of {documented[said]}")
    return found


def again(browser: str) -> Callable[[int], str]:
    """All rows of the documentation, measured as often as that."""

    def run(count: int) -> str:
        for _ in range(count):
            wrong = differing(browser)
            assert not wrong, "\n".join(wrong)
        return f"{sum(len(table.rows) for table in TABLES.values())} rows are as documented"

    return run


ROWS = {f"browser-{name}": (again(name), 1) for name in BROWSERS}
"""Of `tests.long`."""


def main() -> None:
    """Write the tables of the browsers that are named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.browsers", description=__doc__)
    parser.add_argument("browsers", nargs="*", metavar="BROWSER", help=" or ".join(BROWSERS))
    parser.add_argument("--table", choices=TABLES, help="only this one")
    given = parser.parse_args()
    MEASURED.mkdir(exist_ok=True)
    for browser in given.browsers or BROWSERS:
        with TemporaryDirectory() as folder:
            write(browser, Path(folder), tables=[given.table] if given.table else TABLES.keys())
            for path in Path(folder).iterdir():
                shutil.move(path, MEASURED / path.name)


if __name__ == "__main__":
    main()
