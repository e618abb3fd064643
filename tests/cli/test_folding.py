"""Lines that repeat are folded, and none of the others is lost."""

from __future__ import annotations

import re

from wsgicache.cli.folding import Folding


def test_a_thousand_polls_take_few_lines() -> None:
    written: list[str] = []
    log = Folding(written.append)
    for number in range(1000):
        log(f"GET /poll {number} ms hit; ttl={60 - number}", "GET /poll", "200", f"ttl={-number}")
    log("GET /page 1 ms", "GET /page", "200", "stored")
    assert written[:3] == [
        "GET /poll 0 ms hit; ttl=60",
        "GET /poll 1 ms hit; ttl=59 x2",
        "GET /poll 2 ms hit; ttl=58 x3",
    ]
    times = [re.findall(r" x(\d+)$", line) for line in written[1:]]
    assert times == [[str(n)] for n in (2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1000)] + [[]]
    assert written[-1] == "GET /page 1 ms"


def test_what_differs_has_a_line() -> None:
    """In URL, status or outcome; and again once 16 others came after it."""
    written: list[str] = []
    log = Folding(written.append)
    lines = [("GET /a", "200", "hit"), ("GET /a?b=c", "200", "hit"), ("GET /a", "304", "hit")]
    lines += [("GET /a", "200", "fwd=stale; stored")]
    lines += [(f"GET /{number}", "200", "hit") for number in range(16)]
    for line in [*lines, lines[0], lines[-1]]:
        log(" ".join(line), *line)
    assert written == [*map(" ".join, lines), "GET /a 200 hit", "GET /15 200 hit x2"]


def test_polls_of_two_pages_fold_apart() -> None:
    written: list[str] = []
    log = Folding(written.append)
    for _ in range(37):
        for name in ("GET /a", "GET /b"):
            log(name, name)
    del written[:]
    log("GET /new", "GET /new")
    assert written == ["GET /a x37", "GET /b x37", "GET /new"]
    for number in range(20):
        log(f"GET /{number}", f"GET /{number}")
        log("GET /a", "GET /a")
    assert "GET /a" not in written
