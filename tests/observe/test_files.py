"""All processes count together, whatever happens to any of them and to their files."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import stat
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.observe.counted import app, play
from tests.running import eventually, fork
from tests.scene import environ_for, exchange
from wsgicache import CacheMiddleware
from wsgicache.observe import files, sheets
from wsgicache.observe.summing import NOTHING, ended, merged
from wsgicache.stores.lmdb import LMDBStore

ROW = ["hit", None, None, "2xx", "/", 3, 0.0, 1.5, 30, 0, 0]
PART = {**NOTHING, "since": 5.0, "at": 7.0, "rows": [ROW], "rates": {"/": [1.0] * 12}}
PART |= {"asked": [["http://a/", 3, 1, "stored", "uri-miss", None]], "purges": {"url": 2}}


@pytest.fixture(autouse=True)
def by_hand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written but where a test does it."""
    if "thread" not in request.node.name:
        monkeypatch.setattr(files, "_work", lambda ref: None)


def cache(folder: Path) -> CacheMiddleware:
    return CacheMiddleware(app, counters=folder)


def ask(one: CacheMiddleware, times: int = 1) -> None:
    for _ in range(times):
        exchange(one, environ_for())


def write(one: CacheMiddleware) -> None:
    assert one._files is not None
    one._files.write()


def names(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.iterdir())


def in_a_process(do: Any) -> int:
    """Do something in a process of its own, which then waits to be killed; its number."""
    done, ends = os.pipe(), os.pipe()
    child = fork()
    if not child:
        try:
            os.close(ends[1])
            do()
            os.write(done[1], b".")
            os.read(ends[0], 1)
        finally:
            os._exit(1)
    os.close(done[1])
    assert os.read(done[0], 1) == b"."
    return child


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_workers_agree_with_their_access_logs() -> None:
    """A worker that is killed loses nothing that others have seen."""
    play(2, 4, 300)


def test_processes_count_together_and_the_dead_stay(tmp_path: Path) -> None:
    ours = cache(tmp_path)
    ask(ours, 2)

    def work() -> None:
        ask(ours, 3)
        write(ours)

    for number in range(3):
        child = in_a_process(work)
        stats = ours.stats()
        assert (stats.count, stats.processes) == (2 + 3 * (number + 1), 2)
        assert stats.store.entries == 2, "each holds its own"
        kill(child)
        stats = ours.stats()
        assert (stats.count, stats.processes) == (2 + 3 * (number + 1), 1)
    other = cache(tmp_path)
    ask(other)
    write(other)
    assert other.stats().count == 12
    assert names(tmp_path) == ["counts", "counts", "counts.lock", "counts.past"]


def test_a_child_begins_at_nothing(tmp_path: Path) -> None:
    """Both go on with files of their own, and nothing counts twice."""
    ours = cache(tmp_path)
    ask(ours, 5)
    write(ours)

    def work() -> None:
        ask(ours, 1)
        write(ours)

    child = in_a_process(work)
    ask(ours, 1)
    assert ours.stats().count == 7
    kill(child)
    assert ours.stats().count == 7
    mine = cache(tmp_path).stats()
    assert (mine.count, mine.processes) == (7, 2)


def test_what_was_taken_over_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the process ends after it has added it, and before it has removed the file."""
    ours = cache(tmp_path)

    def work() -> None:
        ask(ours, 3)
        write(ours)

    kill(in_a_process(work))
    ask(ours)
    with monkeypatch.context() as context:
        context.setattr(os, "unlink", lambda path: 1 / 0)
        write(ours)
    assert "counts.past" in names(tmp_path)
    assert ours.stats().count == 4
    write(ours)
    assert ours.stats().count == 4
    assert names(tmp_path).count("counts") == 1


def sheet(part: Any) -> bytes:
    content = bytearray(sheets.SIZE)
    sheets.write(content, part)
    return bytes(content)


def test_a_sheet_always_has_a_whole_part() -> None:
    """A writer that stops in the middle leaves the part before."""
    content = bytearray(sheets.SIZE)
    for number in range(4):
        part = {**PART, "errors": number}
        sheets.write(content, part)
        assert sheets.read(bytes(content)) == part
        places = sheets._places()
        half = bytearray(content)
        begin = places[(number + 1) % 2]
        half[begin : begin + 40] = b"x" * 40
        assert sheets.read(bytes(half))["errors"] == number


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" * sheets.SIZE,
        sheet(PART)[:-1],
        sheet(PART)[:100].ljust(sheets.SIZE, b"\0"),
        sheet({}),
        sheet([]),
        sheet({**PART, "since": "5"}),
        sheet({**PART, "errors": -1}),
        sheet({**PART, "at": float("nan")}),
        sheet({**PART, "rows": [ROW[:-1]]}),
        sheet({**PART, "rows": [[*ROW[:-1], 1e300]]}),
        sheet({**PART, "rows": [["hit", 1, *ROW[2:]]]}),
        sheet({**PART, "rows": [["h" * 1000, *ROW[1:]]]}),
        sheet({**PART, "rates": {"/": [1.0] * 11}}),
        sheet({**PART, "history": [[1, 2]]}),
        sheet({**PART, "history": [[1, 2, 3]] * 201}),
        sheet({**PART, "asked": [["u" * 9000, 3, 1, "stored", "uri-miss", None]]}),
        sheet({**PART, "purges": {"url": True}}),
        sheet({**PART, "rows": [ROW] * 7000}),
        sheet({**PART, "store": [0] * 4}),
        sheet({**PART, "held": {"/": [0, 0]}}),
        sheet({**PART, "held": {"/" * 300: [0, 0, 0]}}),
        sheet({**PART, "held": {f"/{number}": [0, 0, 0] for number in range(1_001)}}),
        sheet({**PART, "more": "x" * (5 << 20)}),
    ],
)
def test_what_is_no_sheet_is_skipped(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "counts-1-a.live").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        ours = cache(tmp_path)
        for _ in range(2):
            ask(ours)
            assert ours.stats().count == (_ + 1)
    said = [record.message for record in caplog.records if "does not count" in record.message]
    assert len(said) == (1 if content else 0)


def test_no_change_of_a_sheet_raises_anything_else() -> None:
    chance, whole = random.Random(1), sheet(PART)
    head = len(sheets.MAGIC) + sheets._HEAD.size + len(zlib.compress(json.dumps(PART).encode(), 1))
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(head)] = chance.randrange(256)
        with suppress(ValueError):
            assert sheets.read(bytes(changed)) == PART


def test_links_and_other_things_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(sheet(PART))
    folder = tmp_path / "counters"
    (folder / "counts-2-dir.live").mkdir(parents=True)
    (folder / "counts-1-link.live").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "counts-3-pipe.live")  # to read it would take for ever
    ours = cache(folder)
    ask(ours)
    write(ours)
    assert ours.stats().count == 1


@pytest.mark.parametrize("name", ["counts.past", "counts.lock"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_file_that_is_none_keeps_nobody_waiting(name: str, make: Any, tmp_path: Path) -> None:
    make(tmp_path / name)
    ours = cache(tmp_path)
    ask(ours)
    write(ours)
    assert ours.stats().count == 1


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "counters"
    outside.write_text("precious")
    folder.mkdir()
    (folder / "counts-1-gone.live").write_bytes(sheet(PART))
    for name in ("counts.past.new", "counts.past"):
        (folder / name).symlink_to(outside)
    ours = cache(folder)
    ask(ours)
    write(ours)
    assert (ours.stats().count, outside.read_text()) == (4, "precious")


@pytest.mark.parametrize("trouble", ["no folder", "full disk", "broken past"])
def test_trouble_is_a_line_in_the_log(
    trouble: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "counters"
    if trouble == "no folder":
        folder.write_text("a file")
    elif trouble == "full disk":

        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
    else:
        folder.mkdir()
        (folder / "counts.past").write_text('{"part": {}, "gone": []}')
    ours = cache(folder)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            ask(ours)
            write(ours)
            assert ours.stats().count == _ + 1
    said = [record for record in caplog.records if record.name == "wsgicache"]
    assert len(said) == 1, said
    assert str(folder) in said[0].message


def test_too_many_rows_leave_something_out() -> None:
    """The rates and the URLs go first."""
    labels = [f"/{number:05}-{random.Random(number).randbytes(60).hex()}" for number in range(900)]
    rates = {label: [random.Random(label).random()] * 12 for label in labels}
    part = {**PART, "rates": rates, "asked": [[label, 1, 0, "a", None, None] for label in labels]}
    part["rows"] = [[*ROW[:4], label, *ROW[5:]] for label in labels]
    found = sheets.read(sheet(part))
    assert (found["rows"], found["rates"], found["asked"]) == (part["rows"], {}, [])
    more = [[*ROW[:4], random.Random(n).randbytes(100).hex(), *ROW[5:]] for n in range(3000)]
    with pytest.raises(ValueError, match="too many"):
        sheet({**part, "rows": more})


def test_the_sum_of_parts() -> None:
    other = {
        **PART,
        "since": 3.0,
        "at": 50.0,
        "validations": [2, 1, 0.5],
        "store": [1, 2, 3, 4, 5, 6],
        "history": [[n, 2, 1] for n in range(200)],
    }
    other["held"] = {"/": [1, 2, 3], "/b": [4, 5, 6]}
    found = merged([PART, other, {**other, "rows": [[*ROW[:4], "/b", *ROW[5:]]]}])
    twice = ["hit", None, None, "2xx", "/", 6, 0.0, 3.0, 60, 0, 0]
    assert found["rows"] == [twice, [*ROW[:4], "/b", *ROW[5:]]]
    assert (found["since"], found["at"], found["purges"]) == (3.0, 50.0, {"url": 6})
    assert found["asked"] == [["http://a/", 9, 3, "stored", "uri-miss", None]]
    assert (found["validations"], found["store"]) == ([4, 2, 1.0], [2, 4, 6, 4, 10, 12])
    assert found["held"] == {"/": [2, 2, 6], "/b": [8, 5, 12]}
    assert ended(other)["held"] == {"/": [0, 0, 3], "/b": [0, 0, 6]}
    assert ended(other)["store"] == [0, 0, 0, 0, 5, 6]
    assert ended(other)["history"] == other["history"], "that stays"
    assert found["history"] == [[n, 4, 2] for n in range(99, 200)]
    # The windows of 10 seconds have ended in the first one.
    assert found["rates"]["/"] == [2.0] * 4 + [3.0] * 8


def test_counters_are_beside_an_lmdb_store(tmp_path: Path) -> None:
    ours = CacheMiddleware(app, store=LMDBStore(tmp_path))
    ask(ours, 2)
    write(ours)
    assert names(tmp_path / "counters") == ["counts", "counts.lock"]
    assert stat.S_IMODE((tmp_path / "counters").stat().st_mode) == 0o700
    held = ours.stats().store
    assert (held.is_shared, bool(held.entries), held.evictions) == (True, True, 0)


def test_the_thread_writes_within_a_second(tmp_path: Path) -> None:
    """A process that serves only hits, and then nothing, or only purges, is seen by others."""
    ours, other, third = cache(tmp_path), cache(tmp_path), cache(tmp_path)
    ask(ours, 3)
    third.purge("http://example.org/")
    eventually(lambda: other.stats().count == 3, "nothing is written")
    eventually(lambda: other.stats().purges == {"url": 1}, "no purge is written")


def test_what_is_counted_while_the_thread_writes_is_written_at_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that fills a store ends before the thread has written its first requests."""
    counted, writes = [{**PART, "at": 1.0}], threading.Event()
    ours: files.Files

    def part() -> Any:
        now = counted[-1]
        if not writes.is_set():
            writes.set()
            ours.ended.wait()
        return now

    ours = files.Files(str(tmp_path), part, lambda *said: None)
    monkeypatch.setattr(files, "_all", {ours})
    ours.tick()
    writes.wait()
    counted.append({**PART, "purges": {"url": 3}})
    files._at_exit()
    assert [one["purges"] for one in files.parts_in(str(tmp_path), print)[0][1:]] == [{"url": 3}]


def test_what_counters_may_be() -> None:
    with pytest.raises(TypeError, match="counters must be the path of a folder, got 5"):
        CacheMiddleware(app, counters=5)  # type: ignore[arg-type]
