"""Which process is which, and whether it is still there."""

from __future__ import annotations

import os
import signal

import pytest

from tests.running import fork
from wsgicache.processes import has_ended, this_process

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")


def test_a_process_is_missed_once_it_was_killed_and_not_before() -> None:
    reading, writing = os.pipe()
    child = fork()
    if not child:
        os.write(writing, this_process().encode())
        signal.alarm(60)
        signal.pause()
    word = os.read(reading, 100).decode()
    assert word != this_process()
    assert not has_ended(word)
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert has_ended(word), "its parent has not asked for it yet"
    os.waitpid(child, 0)
    assert has_ended(word)
    os.close(reading)
    os.close(writing)


def test_another_process_of_that_number_is_another() -> None:
    number, began, space = this_process().split("-")
    assert not has_ended(f"{number}-{began}-{space}")
    assert has_ended(f"{number}-{int(began) - 1}-{space}")


@pytest.mark.parametrize("word", ["", "x", "4194304", "4194304-5", "4194304-5-", "4194304-5-1"])
def test_of_what_cannot_be_known_nothing_is_said(word: str) -> None:
    """Another container's processes have numbers of their own."""
    assert not has_ended(word)
