"""Each decorator in each framework, under gunicorn with threads: no word on another's response."""

from __future__ import annotations

import http.client
import itertools
import random
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.controls.site import SITES, WORDS
from tests.rig.gates import together
from tests.running import DEADLINE
from tests.servers.process import running

pytestmark = pytest.mark.network

THREADS = 8
COUNT = 1500
"""Requests of the normal run; `mixed` takes any number."""
SAID = ("cache-control", "expires", "pragma", "vary", "cache-groups", "wsgicache-cache-control")


def _later(value: str, age: int) -> str:
    """*value* of Cache-Control with max-age *age* seconds longer."""
    return re.sub(r"\bmax-age=(\d+)", lambda found: f"max-age={int(found[1]) + age}", value)


def asked(connection: http.client.HTTPConnection, site: str, word: str, number: int) -> bool:
    """Ask for a page, and check that it has its own words and no others; whether it was a hit."""
    connection.request("GET", f"/{site}/{word}/{number}")
    response = connection.getresponse()
    body = response.read().decode()
    assert (response.status, body) == (200, f"page {number}"), (site, word, number, body)
    got = {name: ", ".join(response.headers.get_all(name, [])) for name in SAID}
    if got["expires"].endswith("GMT"):
        got["expires"] = "…"
    _, fields, _ = WORDS[word]
    if word.startswith("cached") and (age := response.headers["Age"]):
        # A client's lifetime counts from when it gets the response.
        fields = fields | {"cache-control": _later(fields["cache-control"], int(age))}
    groups = f'"all", "g{number}"' if word == "cache_groups" else f'"g{number}"'
    expected = dict.fromkeys(SAID, "") | {"cache-groups": groups} | fields
    assert got == expected, (site, word, number)
    return "; hit" in response.headers["Cache-Status"]


def mixed(count: int, port: int) -> Counter[str]:
    """*count* requests by as many threads as the server has; the outcomes of each word."""
    told: list[str] = []
    serial = itertools.count()

    def client(seed: int) -> None:
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while next(serial) < count:
                site, word = chance.choice(SITES), chance.choice(list(WORDS))
                hit = asked(connection, site, word, chance.randrange(20))
                told.append(f"{word} {'hit' if hit else 'forwarded'}")
        finally:
            connection.close()

    together(THREADS, client, max(DEADLINE, count / 10))
    return Counter(told)


def serve_and_ask(count: int, directory: Path) -> Counter[str]:
    """`mixed`, of a server that is started for it."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", str(THREADS)]
    command += ["--worker-tmp-dir", str(directory), "tests.controls.site:site()"]
    with running(command, port, directory / "log") as server:
        outcomes = mixed(count, port)
        assert server.alarms() == []
    return outcomes


def test_no_word_reaches_another_response(tmp_path: Path) -> None:
    outcomes = serve_and_ask(COUNT, tmp_path)
    assert outcomes.total() == COUNT
    for word, (_, _, stored) in WORDS.items():
        assert outcomes[f"{word} forwarded"], word
        assert bool(outcomes[f"{word} hit"]) == stored, word
