"""The people in the wild: what they ask for, what would be needed, and that wrong answers show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks import wild, wild_frameworks, wild_site
from benchmarks.wild import Reply, environ_of, is_right, reply_of
from benchmarks.wild_people import Asked, drawn
from tests.running import DEADLINE, ROOT

ASKED = drawn(wild_site.SITE, 600, 200)


def test_the_requests_are_the_same_each_time_and_of_all_kinds() -> None:
    assert drawn(wild_site.SITE, 600, 200) == ASKED
    kinds = Counter(one.page.kind for one in ASKED)
    assert kinds.keys() == wild_site.WEIGHTS.keys()
    assert 0 < sum(one.reload for one in ASKED) < 60
    assert any("utm_source" in one.query for one in ASKED)
    assert any("_ga=" in one.fields.get("Cookie", "") for one in ASKED)


def test_what_is_needed_is_less_than_what_is_asked_and_less_than_without_a_word() -> None:
    whole = wild_site.needed(ASKED, environ_of)
    alone = wild_site.needed_unconfigured(ASKED, environ_of)
    assert sum(one.reload for one in ASKED) < whole < alone < len(ASKED)


def test_the_ideal_makes_each_page_once() -> None:
    """A cache that has seen everything asks for reloads alone."""
    again = [*ASKED, *(one for one in ASKED if not one.reload)]
    assert wild_site.needed(again, environ_of) == wild_site.needed(ASKED, environ_of)


def test_our_lines_have_no_wrong_answers_and_tuning_saves_calls() -> None:
    ours, rfc, tuned = wild.plain_site(600, servers=False)
    assert (ours.wrong, rfc.wrong, tuned.wrong) == (0, 0, 0)
    assert tuned.calls < ours.calls < len(ASKED)


@pytest.mark.parametrize(
    ("kind", "fields", "coding", "text", "right"),
    [
        ("article", {"Accept-Encoding": "br"}, "br", "/article/1", True),
        ("article", {"Accept-Encoding": "gzip"}, "br", "/article/1", False),
        ("article", {}, "identity", "/article/1", True),
        ("article", {}, "identity", "/article/2", False),
        ("section", {"Accept-Language": "de-AT"}, "identity", "/section/1 en", False),
        ("account", {"Cookie": "_ga=1; sid=user7"}, "identity", "/account/1 user8", False),
        ("account", {"Cookie": "_ga=1; sid=user7"}, "identity", "/account/1 user7", True),
    ],
)
def test_a_wrong_answer_shows(
    kind: str, fields: dict[str, str], coding: str, text: str, right: bool
) -> None:
    asked = Asked(wild_site.page_of(kind, 1), "", fields, False, None)
    assert is_right(asked, Reply(coding, text.encode())) is right


@pytest.mark.parametrize(
    ("field", "offered", "chosen"),
    [
        ("gzip, br", ("br", "gzip"), "br"),
        ("gzip, br;q=0.5", ("br", "gzip"), "gzip"),
        ("*", ("br", "gzip"), "br"),
        ("br;q=0, *", ("br", "gzip"), "gzip"),
        ("", ("br", "gzip"), "none"),
        ("de-AT, en;q=0.5", ("en", "de"), "de"),
        ("fr", ("en", "de"), "none"),
        ("text/*;q=0.5, application/json", ("text/html", "application/json"), "application/json"),
        ("*/*", ("text/html", "application/json"), "text/html"),
        ("application/json, */*", ("text/html", "application/json"), "application/json"),
    ],
)
def test_what_the_site_chooses(field: str, offered: tuple[str, ...], chosen: str) -> None:
    assert wild_site.chosen(field, offered, "none") == chosen


def test_a_framework_s_site_says_who_asks_only_where_it_shall() -> None:
    made = wild_frameworks.flask_site()
    for one in drawn(made.site, 60, 40):
        said = reply_of(made.bare, one).text.decode()
        shows = f" {one.user} " in said
        assert shows is (one.page.kind == "account" and one.user is not None)


def test_the_command(tmp_path: Path) -> None:
    output = tmp_path / "wild.json"
    line = ["wild", "--requests", "100", "--no-servers", "--json", str(output)]
    # in a process of its own, since Django has one set of settings in each
    line = [sys.executable, "-m", "benchmarks", *line]
    subprocess.run(line, cwd=ROOT, check=True, timeout=4 * DEADLINE)
    data: Any = json.loads(output.read_text("utf-8"))["wild"]
    names = [figure["name"] for figure in data["figures"]]
    peers = {"Django's cache"} | ({"Flask-Caching"} if find_spec("flask_caching") else set())
    assert {wild.OURS, wild.TUNED, *peers} <= set(names)
