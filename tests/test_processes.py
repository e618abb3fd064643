"""Which process is which, and whether it is still there."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.running import fork
from wsgicache.processes import has_ended, is_first_of_server, this_process

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


def asked_in_a_child(*, below: bool = False) -> bool:
    """What a child learns, or with *below* one of another parent."""
    child = fork()
    if not child:
        os._exit(asked_in_a_child() if below else is_first_of_server("memory"))
    return bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def test_one_process_of_a_server_is_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert [asked_in_a_child() for _ in range(3)] == [True, False, False]
    assert asked_in_a_child(below=True), "another server"
    assert is_first_of_server("updates")
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 2, "that of the server that has ended is gone"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_nobody_is_kept_from_asking_or_made_to_write_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others make files among the temporary ones, too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "theirs").mkdir(0o700)
    folder = tmp_path / f"wsgicache-{os.getuid()}"
    folder.symlink_to(tmp_path / "theirs")
    assert [is_first_of_server("memory") for _ in range(2)] == [True, True]
    assert list((tmp_path / "theirs").iterdir()) == []
    folder.unlink()
    folder.mkdir(0o777)
    folder.chmod(0o777)
    assert [is_first_of_server("memory") for _ in range(2)] == [True, True]
    folder.rmdir()
    folder.write_text("")
    assert [is_first_of_server("memory") for _ in range(2)] == [True, True]


def test_another_process_of_that_number_is_another() -> None:
    number, began, space = this_process().split("-")
    assert not has_ended(f"{number}-{began}-{space}")
    assert has_ended(f"{number}-{int(began) - 1}-{space}")


@pytest.mark.parametrize("word", ["", "x", "4194304", "4194304-5", "4194304-5-", "4194304-5-1"])
def test_of_what_cannot_be_known_nothing_is_said(word: str) -> None:
    """Another container's processes have numbers of their own."""
    assert not has_ended(word)
