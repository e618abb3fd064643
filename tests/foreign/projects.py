"""People use the applications of other projects, bare and behind the cache, and get the same: the
row ``projects`` of ``python -m tests.long``.

``python -m tests.foreign.projects [NAME ...] [--keep DIR] [--json]`` does so for some of them, and
keeps the environments that it makes.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.foreign.applications import APPLICATIONS, Application
from tests.foreign.crawling import Record, Script
from tests.foreign.suites import OURS, ROOT, run

CRAWLING = Path(__file__).parent / "crawling.py"
PAGES = 20
"""For each person, each time."""
WAYS = ("bare", "cached", "lifetimes")


class Report(NamedTuple):
    """What came of one application behind the cache."""

    name: str
    how: str
    requests: int
    differing: list[str]
    leaks: list[str]
    hits: int
    anonymous: int
    """Requests of people who are not logged in."""
    anonymous_hits: int
    due: int
    """Requests that should be hits, by what the bare application said."""
    missed: list[str]
    """Those that were none."""
    not_stored: dict[str, int]
    """Why the app was asked and nothing was stored, and how often."""

    def __str__(self) -> str:
        ratio = self.anonymous_hits / self.anonymous if self.anonymous else 0
        return (
            f"{self.name} ({self.how}): {self.requests} requests, {len(self.differing)} differ, "
            f"{self.hits} hits, {ratio:.0%} of anonymous ones, "
            f"{self.due - len(self.missed)} of {self.due} that were due; "
            f"not stored: {self.not_stored}"
        )


def prepared(application: Application, place: Path) -> tuple[Path, Path]:
    """The folder of *application* below *place*, and a Python that can run it."""
    python, folder = place / "venv" / "bin" / "python", place / "site"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        folder.mkdir(parents=True)
        venv.create(place / "venv", with_pip=True)
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q")
        run(*pip, "install", *OURS, *application.packages, cwd=place)
        if application.sdist:
            line = (*pip, "download", "--no-deps", "--no-binary", application.sdist)
            run(*line, application.sdist, "-d", "sdist", cwd=place)
            (archive,) = (place / "sdist").iterdir()
            with tarfile.open(archive) as packed:
                packed.extractall(place / "source", filter="data")
            (source,) = (place / "source").iterdir()
            shutil.copytree(source / application.folder, folder, dirs_exist_ok=True)
        elif application.made_by:
            command, *arguments = application.made_by
            run(str(python.parent / command), *arguments, cwd=place)
            shutil.copytree(place / application.folder, folder, dirs_exist_ok=True)
        (place / "ready").touch()
    return folder, python


def environ(application: Application, ours: Path) -> dict[str, str]:
    """The environment in which *application* runs; the cache is in the folder *ours*."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DJANGO", "FLASK"))}
    kept |= {"PYTHONPATH": str(ours), "PYTHONHASHSEED": "0", "DJANGO_SETTINGS_MODULE": "site_"}
    if application.kind == "django":
        kept["DJANGO_SETTINGS_MODULE"] = application.app
    return kept


def used(
    application: Application, folder: Path, python: Path, how: str, place: Path, pages: int
) -> list[Record]:
    """What all people get of *application*, in a copy of its *folder*."""
    here = place / how
    shutil.copytree(folder, here)
    script: Script = {
        "app": application.app,
        "kind": application.kind,
        "how": how,
        "start": list(application.start),
        "users": {who: list(given) for who, given in application.users.items()},
        "login": application.login,
        "edits": [list(edit) for edit in application.edits],
        "wishes": [list(edit) for edit in application.wishes],
        "pages": pages,
        "settings": {"DEBUG": False, "ALLOWED_HOSTS": ["*"], **application.settings},
    }
    asked, answered = place / f"{how}.script", place / f"{how}.records"
    asked.write_text(json.dumps(script))
    line = (str(python), str(CRAWLING), str(asked), str(answered))
    run(*line, cwd=here, environ=environ(application, place / "ours"))
    records: list[Record] = json.loads(answered.read_text())
    return records


def compared(name: str, place: Path, keep: Path | None = None) -> list[Report]:
    """People use the application *name*, with an environment of its own."""
    folder, python = prepared(APPLICATIONS[name], (keep or place / "made") / name)
    return tried(name, folder, python, place)


def tried(name: str, folder: Path, python: Path, place: Path, pages: int = PAGES) -> list[Report]:
    """People use the application *name*, bare and in both ways behind the cache."""
    application, first = APPLICATIONS[name], place / "first"
    shutil.copytree(folder, first)
    (place / "ours").mkdir()
    (place / "ours" / "wsgicache").symlink_to(ROOT / "wsgicache")
    texts = dict(application.besides)
    if application.text:
        texts["site_.py"] = application.text
    for path, text in texts.items():
        (first / path).write_text(text)
    if application.first:
        run(
            *(str(python), "-c", application.first),
            cwd=first,
            environ=environ(application, place / "ours"),
        )
    bare, *others = (used(application, first, python, how, place, pages) for how in WAYS)
    return [report(name, how, bare, cached) for how, cached in zip(WAYS[1:], others, strict=True)]


def report(name: str, how: str, bare: list[Record], cached: list[Record]) -> Report:
    """What differs between *bare* and *cached*, and what the cache did."""
    differing, leaks = [], []
    users = APPLICATIONS[name].users
    for one, other in zip(bare, cached, strict=False):
        if what := difference(one, other):
            differing.append(f"{other['step']}, {other['who']}, {other['asked']}: {what}")
        elsewhere = (user for user in users if user != one["who"])
        if any(user in other["body"] and user not in one["body"] for user in elsewhere):
            leaks.append(differing[-1])
    if len(bare) != len(cached):
        differing.append(f"{len(bare)} requests bare, {len(cached)} behind the cache")
    due = hits_due(bare, cached) if how == "lifetimes" else []
    anonymous = [one for one in cached if one["who"] not in users and "GET" in one["asked"]]
    reasons = Counter(
        one["told"].partition("detail=")[2].partition(";")[0]
        for one in cached
        if one["asked"].startswith("GET") and "hit" not in one["told"] and "detail" in one["told"]
    )
    return Report(
        name,
        how,
        len(cached),
        differing,
        leaks,
        sum("; hit" in one["told"] for one in cached),
        len(anonymous),
        sum("; hit" in one["told"] for one in anonymous),
        len(due),
        [f"{one['asked']} ({one['told']})" for one in due if "; hit" not in one["told"]],
        dict(reasons.most_common()),
    )


def difference(one: Record, other: Record) -> str:
    """What is another behind the cache, or nothing."""
    if one["asked"] != other["asked"] or one["who"] != other["who"]:
        return f"asked {one['asked']} bare"
    told = other["told"]
    for name in ("status", "type", "location", "sets"):
        if one[name] != other[name]:
            return f"{name} is {other[name]!r}, bare {one[name]!r} ({told})"
    if one["body"] != other["body"]:
        lines = difflib.unified_diff(one["body"].splitlines(), other["body"].splitlines(), n=0)
        return f"{''.join(list(lines)[2:8])[:400]!r} ({told})"
    return ""


def hits_due(bare: list[Record], cached: list[Record]) -> list[Record]:
    """What the second stranger got behind the cache where the first gets the same bare."""
    first = {one["asked"]: one for one in bare if is_for_all(one, "stranger-1")}
    return [
        other
        for one, other in zip(bare, cached, strict=False)
        if is_for_all(one, "stranger-2") and one["step"] == "first"
        if one["asked"] in first and first[one["asked"]]["body"] == one["body"]
    ]


def is_for_all(one: Record, who: str) -> bool:
    """Whether the bare answer that *who* got says nothing against a common copy."""
    words = one["control"] + one["vary"]
    return (one["who"], one["status"], one["sets"]) == (who, 200, []) and not any(
        word in words for word in ("no-", "private", "max-age=0", "*")
    )


def projects(count: int) -> str:
    """So many applications of other projects, each used by several people."""
    reports: list[Report] = []
    skipped = []
    for name in list(APPLICATIONS)[:count]:
        with tempfile.TemporaryDirectory() as directory:
            try:
                reports += compared(name, Path(directory))
            except AssertionError as error:
                skipped.append(f"{name}: {error}")
    wrong = [f"{one}\n{one.differing}" for one in reports if one.differing or one.missed]
    assert not wrong, "\n".join(wrong)
    assert not skipped, skipped
    return "\n".join(map(str, reports))


@contextlib.contextmanager
def place_of(name: str, keep: Path | None) -> Iterator[Path]:
    """A folder for what happens: below *keep*, to be looked at, or one that goes afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory() as directory:
            yield Path(directory)
    else:
        place = keep / "runs" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        yield place


def main(arguments: list[str] | None = None) -> int:
    """Use the applications that are named, or all; the number with something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign.projects", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(APPLICATIONS)}")
    parser.add_argument("--keep", type=Path, help="a folder for what is made and downloaded")
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(APPLICATIONS):
        parser.error(f"no application is called {', '.join(sorted(unknown))}")
    wrong = 0
    keep = chosen.keep.absolute() if chosen.keep else None
    for name in chosen.names or APPLICATIONS:
        with place_of(name, keep) as place:
            try:
                reports = compared(name, place, keep)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                print(f"{name} cannot be tried: {error}", flush=True)
                wrong += 1
                continue
        for one in reports:
            if chosen.json:
                print(json.dumps(one._asdict()), flush=True)
            else:
                print(
                    one,
                    *one.differing,
                    *(f"missed {x}" for x in one.missed),
                    sep="\n  ",
                    flush=True,
                )
            wrong += bool(one.differing or one.missed)
    return wrong


ROWS: dict[str, tuple[Callable[[int], str], int]] = (
    {"projects": (projects, len(APPLICATIONS))} if sys.platform == "linux" else {}
)

if __name__ == "__main__":
    sys.exit(main())
