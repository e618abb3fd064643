"""People who use an application get the same behind the cache, and what is not the same shows."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.foreign.applications import ALICE, BOB
from tests.foreign.crawling import Record
from tests.foreign.projects import report, tried


def test_people_get_the_same_behind_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    as_it_is, with_lifetimes = tried("flask-login", folder, Path(sys.executable), tmp_path, 4)
    assert as_it_is.differing == with_lifetimes.differing == with_lifetimes.missed == []
    assert as_it_is.hits == 0 < with_lifetimes.due <= with_lifetimes.anonymous_hits
    assert "freshness" in as_it_is.not_stored


def record(who: str, body: str, told: str = "wsgicache; fwd=uri-miss; stored") -> Record:
    return {
        "step": "first",
        "who": who,
        "asked": "GET /",
        "status": 200,
        "type": "text/html",
        "location": "",
        "sets": [],
        "has": False,
        "control": "",
        "vary": "",
        "body": body,
        "told": told,
    }


def test_pages_of_others_and_what_is_no_hit_are_reported() -> None:
    bare = [record(ALICE, ALICE), record(BOB, BOB), *map(record, STRANGERS, ["all", "all"])]
    cached = [record(ALICE, ALICE), record(BOB, ALICE), *bare[2:]]
    found = report("flask-login", "lifetimes", bare, cached)
    assert len(found.differing) == len(found.leaks) == len(found.missed) == 1
    assert ALICE in found.leaks[0]
    assert report("flask-login", "cached", bare, cached[:3]).differing[1:] == [
        "4 requests bare, 3 behind the cache"
    ]


STRANGERS = ("stranger-1", "stranger-2")
