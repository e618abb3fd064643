"""The benchmarks measure what they are named for. How long it takes is nobody's assertion here."""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from werkzeug.middleware.lint import LintMiddleware

from benchmarks import (
    calls,
    filling,
    hit,
    hit_peers,
    memory,
    miss,
    peers,
    policies,
    scale,
    zipf,
)
from benchmarks.__main__ import main
from tests.running import ROOT
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.rules.keys import target_key


def test_environ_is_realistic() -> None:
    """25 keys, and what PEP 3333 requires of them."""
    base = calls.environ()
    assert len(base) == 25
    assert {"RAW_URI", "SCRIPT_NAME", "HTTP_HOST", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING"} <= set(
        base
    )
    assert calls.call(LintMiddleware(calls.constant), base) == ("200 OK", 2048)


def test_caller_leaves_the_base_alone_and_closes() -> None:
    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["seen"] = True
        start_response("201 Created", [])(b"written")
        return Body([b"ab", b"c"])

    base = calls.environ()
    assert calls.call(app, base) == ("201 Created", 3)
    assert closed == [True]
    assert base.keys() == calls.environ().keys()


@pytest.mark.parametrize(
    "scenario",
    [*hit.scenarios(), *miss.scenarios()],
    ids=lambda case: f"{case.group}-{case.name}",
)
def test_scenario_is_what_it_says(scenario: calls.Scenario) -> None:
    calls.verify(scenario)
    app, bases = scenario.prepare(3)
    assert [calls.call(app, base) for base in bases] == [(scenario.status, scenario.length)] * 3


@pytest.mark.parametrize(
    "change", [{"status": "404 Not Found"}, {"length": 1}, {"outcome": "stale"}], ids=str
)
def test_scenario_that_is_not(change: dict[str, Any]) -> None:
    scenario = next(case for case in hit.scenarios() if case.name == "hit")
    with pytest.raises(click.ClickException, match="scenario hit: 200 OK with 2048 bytes"):
        calls.verify(scenario._replace(**change))


def test_every_miss_is_one() -> None:
    scenario = next(case for case in hit.scenarios() if case.name == "miss, stored")
    asked = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        return calls.constant(environ, start_response)

    cache, bases = scenario.prepare(5)
    assert isinstance(cache, CacheMiddleware)
    cache._origin.app = app
    for base in [*bases, *bases]:
        calls.call(cache, base)
    assert asked == [base["PATH_INFO"] for base in bases]


def test_measure_interleaves_and_restores_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    collecting: list[bool] = []

    def named(name: str) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            order.append(name)
            collecting.append(gc.isenabled())
            start_response("200 OK", [])
            return []

        return app

    monkeypatch.setattr(calls, "constant", named("a"))
    cases = [
        calls.Scenario("b", calls.again(named("b"), {})),
        calls.Scenario("c", calls.again(named("c"), {}), share=2),
    ]
    samples = calls.measure(cases, 2, 5)
    one_round = ["b", *"a" * 6, *"b" * 5, *"a" * 6, *"c" * 2]  # a fifth to warm up, then all
    assert order == one_round * 3  # one round to warm up
    assert not any(collecting)
    assert gc.isenabled()
    assert [len(sample.times) for sample in samples.values()] == [2, 2]


def test_samples_are_compared_with_their_neighbours() -> None:
    one = calls.Sample([6.0, 9.0, 12.0], [1.0, 1.0, 2.0])
    other = calls.Sample([4.0, 3.0, 3.0], [2.0, 1.0, 1.0])
    assert one.times == (6.0, 9.0, 6.0)
    assert calls.median(one) == 6.0
    assert calls.ratio(one, other) == 3.0


def test_spread() -> None:
    assert calls.spread([5, 1, 3, 2, 4]) == calls.Spread(2, 3, 4)


# ── peers ─────────────────────────────────────────────────────────────────────────────────────


def test_a_peer_that_is_missing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def rows() -> list[calls.Scenario]:
        raise ImportError("No module named 'absent'")

    case = calls.Scenario("there", calls.again(calls.constant))
    assert peers.available({"Absent": rows, "There": lambda: [case]}) == [case]
    assert "Without Absent: No module named 'absent'" in capsys.readouterr().err


def test_a_peer_that_keeps_is_no_miss() -> None:
    peer = peers.wsgi_by_hand(20)
    assert miss.missed(miss.MISSES, "emptied", peer).name == "emptied"
    with pytest.raises(click.ClickException, match="kept does not make the page"):
        miss.missed(miss.PASSING, "kept", peer)


def test_a_peer_that_does_not_keep_is_no_scenario() -> None:
    peer = peers.wsgi_by_hand(20)

    def forgetful(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer.clear()
        return peer.app(environ, start_response)

    assert hit_peers.asked("group", "kept", peer).length == 20
    with pytest.raises(click.ClickException, match="forgetful makes the page again"):
        hit_peers.asked("group", "forgetful", peer._replace(app=forgetful))


# ── memory ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", memory.SHAPES.values(), ids=memory.SHAPES)
def test_pages_have_their_own_bytes(shape: filling.Shape) -> None:
    cache = CacheMiddleware(LintMiddleware(filling.pages(shape)))
    bases = [calls.environ(filling.path_of(number)) for number in range(2)]
    assert [calls.call(cache, base) for base in bases] == [("200 OK", shape.content)] * 2
    entries = [cache.store.get(key) for base in bases if (key := target_key(base))]
    stored = [one for entry in entries if entry for one in entry.responses.values()]
    assert len(stored) == 2
    for one in stored:
        said = sum(len(name) + len(value) for name, value in one.fields)
        assert said + one.length == filling.own_bytes(shape)
    values = [{id(value) for _, value in one.fields} for one in stored]
    assert values[0].isdisjoint(values[1])


# ── scale ─────────────────────────────────────────────────────────────────────────────────────


def best(trace: tuple[int, ...], room: int, kept: frozenset[int] = frozenset()) -> int:
    """The most hits that any way of keeping and evicting has, by trying all."""
    if not trace:
        return 0
    one, rest = trace[0], trace[1:]
    choices = {kept}
    if one not in kept:
        choices |= {frozenset(c) for c in combinations([*kept, one], min(room, len(kept) + 1))}
    return (one in kept) + max(best(rest, room, choice) for choice in choices)


@pytest.mark.parametrize("seed", range(20))
def test_no_policy_is_better_than_the_optimum(seed: int) -> None:
    generator = random.Random(seed)
    trace, room = tuple(generator.choices(range(4), k=8)), generator.randrange(1, 4)
    assert policies.optimum(trace, room) == best(trace, room)
    for policy in policies.POLICIES.values():
        assert policy(trace, room) <= best(trace, room)


@pytest.mark.parametrize(
    ("policy", "trace", "hits"),
    [
        ("LRU", "abab", 2),
        ("LRU", "abcab", 0),
        ("LRU", "abacab", 2),  # c takes the place of b, then b that of c
        ("SIEVE", "abacab", 2),  # a was asked for again and is spared twice
        ("SIEVE", "aabcadea", 2),  # so it goes when the hand is back before it is asked for
        ("S3-FIFO", "abab", 2),
        ("S3-FIFO", "aaabcadea", 4),  # a moves to the main queue, the others pass by
    ],
)
def test_policies_evict_as_they_are_said_to(policy: str, trace: str, hits: int) -> None:
    assert policies.POLICIES[policy]([ord(one) for one in trace], 2) == hits


def test_a_replay_counts_hits() -> None:
    assert zipf.replayed([1, 2, 1, 3, 1, 2], 2).hits == 2
    assert zipf.replayed([1, 2, 3] * 3, 3).hits == 6


def test_requests_are_drawn_as_often_as_their_rank_says() -> None:
    trace = zipf.drawn(100, 10_000)
    assert trace == zipf.drawn(100, 10_000)
    counts = [count for _, count in Counter(trace).most_common()]
    assert set(trace) <= set(range(100))
    assert 1.6 < counts[0] / counts[1] < 2.4
    assert 7 < counts[0] / counts[9] < 13


def test_what_is_never_asked_for_is_a_miss_even_when_all_was_asked_for() -> None:
    cache = scale.full_of(5, filling.room(5))
    store = cache.store
    assert isinstance(store, MemoryStore)
    assert len(store) == 5
    for number in range(3):
        scenario = calls.Scenario("miss", scale.after_all(cache, 5 + number), outcome="stored")
        calls.verify(scenario._replace(share=64))  # raises where it is none
    assert len(store) == 5


def test_all_threads_ask() -> None:
    asked = Counter[int]()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked[threading.get_ident()] += 1
        return calls.constant(environ, start_response)

    assert min(scale.together(app, 4, 80)) > 0
    assert sum(asked.values()) == 80


# ── commands ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["hit", "miss", "memory", "scale"])
def test_command(name: str, tmp_path: Path) -> None:
    """In a process of its own, since Django is set up once."""
    output = tmp_path / "results.json"
    line = [sys.executable, "-m", "benchmarks", name, "--quick", "--json", str(output)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(output.read_text("utf-8"))[name]
    assert data["figures"]
    for figure in data["figures"]:
        assert f"\n  {figure['name']} " in done.stdout
    assert data["claims"]
    for claim in data["claims"]:
        assert claim["text"] in done.stdout


def test_commands_are_listed() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("hit", "miss", "memory", "scale", "conformance"):
        assert f"\n  {name} " in result.output
