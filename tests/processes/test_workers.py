"""Workers of a real server: how often they ask the app together, and what they tell each other."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.serving import Client, Site, answers, serving, threads
from tests.running import DEADLINE

EACH = pytest.mark.parametrize("shared", ["lmdb", "memcached", "redis"], indirect=True)

PAGE = "/page?once=never"


@pytest.mark.parametrize("shared", ["", "lmdb", "memcached", "redis"], indirect=True)
def test_a_hundred_clients_on_a_cold_key(shared: str, tmp_path: Path) -> None:
    """Once per process; with a shared store twice in all, and once where that is on one machine.

    No lease ends before the app answers: who has waited for all of one asks, as it must (below,
    where a holder is killed).
    """
    longer = {"WSGICACHE_TEST_LEASE": str(2 * DEADLINE)}
    target = "/cold?until=answer"
    with serving(tmp_path, *threads(4, 8), store=shared, environment=longer) as site:
        site.meets(4)
        clients = [site.send(target) for _ in range(100)]
        until_all_have_come(site, target, clients, site.tried if shared else site.asked_for)
        site.open("answer")
        got = answers(clients)
        asked = site.asked_for(target)
        assert {answer.status for answer in got} == {200}
        assert len({answer.text for answer in got}) == asked.total()
        assert max(asked.values()) == 1
        assert asked.total() <= (1 if "lmdb" in shared else 2 if shared else 4)


def until_all_have_come(
    site: Site,
    target: str,
    clients: list[Client],
    come: Callable[[str], Counter[int]],
    wanted: int = 4,
) -> None:
    """Until all workers have begun with *target*; one may have taken none of the first clients."""
    end = time.monotonic() + DEADLINE
    while len(come(target)) < wanted:
        assert time.monotonic() < end, f"only {come(target)} have come so far"
        clients.append(site.send(target))
        time.sleep(0.02)


@EACH
def test_a_killed_holder_costs_its_lease_and_no_503(shared: str, tmp_path: Path) -> None:
    """Who fills the key is killed: the others wait for his lease to end, and ask for themselves.

    All must have come before that, or they get what one of them has asked for.
    """
    lease = {"WSGICACHE_TEST_LEASE": "4"}
    with serving(tmp_path, *threads(3, 4), store=shared, environment=lease) as site:
        site.meets(3)
        first = site.send(PAGE)
        site.until_asked(1, "GET /page")
        (holder,) = site.asked("GET /page")
        others = [site.send(PAGE) for _ in range(30)]
        until_all_have_come(site, PAGE, others, site.tried, wanted=3)
        os.kill(holder, signal.SIGKILL)
        assert first.answer().status == 0
        got = answers(others)
        assert {answer.status for answer in got} <= {0, 200}, "0 is what the killed one had taken"
        answered = [answer for answer in got if answer.status == 200]
        assert len({answer.worker for answer in answered} - {holder}) >= 2
        assert holder not in {answer.made_by for answer in answered}
        assert site.asked("GET /page").total() <= 1 + 3
        assert site.ask(PAGE).hit


@EACH
@pytest.mark.parametrize(
    ("target", "unsafe"),
    [("/page?until=answer", "/page?until=answer"), ("/news?group=news&until=answer", "/other")],
    ids=["its URI", "its group"],
)
def test_an_unsafe_request_dooms_what_another_process_fills(
    shared: str, target: str, unsafe: str, tmp_path: Path
) -> None:
    """What was asked for before a POST that another worker answers is not stored after it."""
    with serving(tmp_path, *threads(2, 4), store=shared) as site:
        site.meets(2)
        page = target.partition("?")[0]
        old = site.send(target)
        site.until_asked(1, f"GET {page}")
        (filling,) = site.asked(f"GET {page}")
        while True:
            changed = post(site, unsafe)
            if changed != filling:
                break
        site.open("answer")
        said = old.answer().text
        again = site.ask(target)
        assert (again.hit, again.text == said) == (False, False), "what is old came back"
        assert site.ask(target).text == again.text


def post(site: Site, target: str) -> int:
    """The worker that answered a POST."""
    answer = site.ask(target, "POST", "Content-Length: 0")
    assert answer.status == 200
    return answer.worker
