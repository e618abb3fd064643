"""All processes count together, whatever happens to any of them and to their files."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import logging
import os
import random
import shutil
import signal
import stat
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.observe.counted import app, play
from tests.running import eventually, fork
from tests.scene import environ_for, exchange
from wsgicache import CacheMiddleware
from wsgicache.observe import files, sharing, sheets, summing
from wsgicache.observe.rows import MOST_ROUTES
from wsgicache.observe.summing import NOTHING, ended, merged
from wsgicache.operating import counted
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


def test_what_is_taken_over_keeps_its_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three routes two have a name; who has ended takes none away from who goes on."""
    monkeypatch.setattr(summing, "MOST_ROUTES", 2)

    def work(one: CacheMiddleware, target: str) -> int:
        def do() -> None:
            exchange(one, environ_for(target=target))
            write(one)

        return in_a_process(do)

    kill(work(cache(tmp_path), "/a"))
    ours = cache(tmp_path)
    exchange(ours, environ_for(target="/b"))
    write(ours)
    kill(work(cache(tmp_path), "/c"))
    for _ in range(2):
        assert sorted(row.route for row in ours.stats().requests) == ["/a", "/b", "other"]
        write(cache(tmp_path))
    assert names(tmp_path).count("counts") < 4


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


def put(content: bytearray, part: Any, number: int = 1) -> None:
    for at, piece in sheets.pieces(part, number):
        content[at : at + len(piece)] = piece


def sheet(part: Any) -> bytes:
    content = bytearray(sheets.SIZE)
    put(content, part)
    return bytes(content)


def test_a_sheet_always_has_a_whole_part() -> None:
    """A writer that stops in the middle leaves the part before."""
    content = bytearray(sheets.SIZE)
    put(content, {**PART, "errors": 1})
    for number in range(2, 6):
        part = {**PART, "errors": number}
        pieces = sheets.pieces(part, number)
        for done in range(len(pieces)):
            half = bytearray(content)
            for at, piece in pieces[:done]:
                half[at : at + len(piece)] = piece
            at, piece = pieces[done]
            half[at : at + len(piece) // 2] = piece[: len(piece) // 2]
            assert sheets.read(bytes(half))["errors"] == number - 1, done
        put(content, part, number)
        assert sheets.read(bytes(content)) == part


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


def _cut(folder: Path) -> None:
    (file,) = folder.glob("*.live")
    os.truncate(file, 0)


def _replaced(folder: Path) -> None:
    (file,) = folder.glob("*.live")
    file.unlink()
    file.write_bytes(bytes(sheets.SIZE))


CLEANED: dict[str, Any] = {
    "cut": _cut,
    "replaced": _replaced,
    "removed": lambda folder: [file.unlink() for file in folder.iterdir()],
    "gone": shutil.rmtree,
}


@pytest.mark.parametrize("clean", CLEANED.values(), ids=list(CLEANED))
def test_what_somebody_cleans_up_is_written_anew(clean: Any, tmp_path: Path) -> None:
    """In a process of its own: a signal could end it."""

    def work() -> None:
        ours = cache(tmp_path / "counters")
        ask(ours, 3)
        write(ours)
        clean(tmp_path / "counters")
        left = list((tmp_path).rglob("*"))
        write(ours)
        assert list((tmp_path).rglob("*")) == left, "nothing new was counted"
        ask(ours)
        write(ours)

    child = in_a_process(work)
    other = cache(tmp_path / "counters").stats()
    kill(child)
    assert (other.count, other.processes) == (4, 2)


@pytest.mark.parametrize("why", ["a process was stopped", "no locks"])
def test_a_lock_that_cannot_be_had_stops_nobody(
    why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = cache(tmp_path)
    ask(ours)
    write(ours)
    with open(tmp_path / "counts.lock", "rb") as file, monkeypatch.context() as context:
        context.setattr(sharing, "_PATIENCE", 0.0)
        if why == "no locks":
            refused = OSError(errno.ENOLCK, "No locks available")
            context.setattr(fcntl, "flock", Mock(side_effect=refused))
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        other = cache(tmp_path)
        ask(other)
        write(other)
        assert other.stats().count == 2
    assert "the counters could not be written" in caplog.text
    write(other)
    assert ours.stats().count == 2


def test_what_root_makes_is_of_the_user_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Mock()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", given)
    ours = cache(tmp_path)
    ask(ours)
    write(ours)
    of = tmp_path.stat()
    assert {call.args[1:] for call in given.mock_calls} == {(of.st_uid, of.st_gid)}
    assert given.call_count == len(names(tmp_path))


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
    labels = [f"/{number:05}-{random.Random(number).randbytes(80).hex()}" for number in range(900)]
    rates = {label: [random.Random(label).random()] * 12 for label in labels}
    part = {**PART, "rates": rates, "asked": [[label, 1, 0, "a", None, None] for label in labels]}
    part["rows"] = [[*ROW[:4], label, *ROW[5:]] for label in labels]
    found = sheets.read(sheet(part))
    assert (found["rows"], found["rates"], found["asked"]) == (part["rows"], {}, [])
    # Names that a client makes up, as long as they may be, in several rows each.
    chance = random.Random(1)
    heads = [
        "".join(map(chr, chance.choices(range(0x80, 0x800), k=63))) for _ in range(MOST_ROUTES)
    ]
    part["rows"] = [
        [*ROW[:2], f"{n}", "2xx", head, chance.getrandbits(16), chance.random(), chance.random()]
        + [chance.getrandbits(30) for _ in range(3)]
        for n in range(6)
        for head in heads
    ]
    part["held"] = {head: [chance.getrandbits(7), 1, chance.getrandbits(10)] for head in heads}
    assert len(sheets.read(sheet(part))["rows"]) == len(part["rows"])
    more = [[*ROW[:4], random.Random(n).randbytes(120).hex(), *ROW[5:]] for n in range(3000)]
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


def of_routes(since: float, names: str, seconds: float = 0.0) -> Any:
    """A part of a process that began then, with a request for each route."""
    rows = [["hit", None, None, "2xx", name, 1, 0.0, seconds, 0, 0, 0] for name in names]
    return {**NOTHING, "since": since, "rows": rows}


def test_the_sum_is_the_same_whoever_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, and in the same rows, also once some of the processes have ended."""
    monkeypatch.setattr(summing, "MOST_ROUTES", 4)
    past, dead, alive = of_routes(1, "a", 0.1), of_routes(5, "afg", 0.7), of_routes(3, "acde", 0.3)
    sums = [merged(parts) for parts in itertools.permutations([past, dead, alive])]
    taken_over = merged([dead, past], beside=[alive])
    sums += [merged([alive, taken_over]), merged([taken_over, alive])]
    rows = [{tuple(row[:5]): row[5:] for row in one["rows"]} for one in sums]
    assert all(one == rows[0] for one in rows)
    assert {row[4] for row in rows[0]} == {"a", "c", "d", "e", "other"}
    assert sum(row[0] for row in rows[0].values()) == 8


def test_the_sum_of_many_rows_can_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing, "MOST_ROWS", 3)
    parts = [of_routes(1.0, "abcd"), of_routes(2.0, "cef")]
    for found in (merged(parts), merged(parts[::-1])):
        said = sorted((row[4], row[5]) for row in found["rows"])
        assert said == [("a", 1), ("b", 1), ("c", 2), ("other", 3)]


def test_a_clock_that_was_wrong_hides_no_rates() -> None:
    """A process has ended, or counts nothing any more, that was years ahead."""
    idle = {**PART, "at": 1e9, "rates": {"/": [0.0] * 12}}
    assert merged([PART, idle, ended({**PART, "at": 1e9})])["rates"]["/"] == [1.0] * 12


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


def test_a_command_in_the_process_of_the_cache_sees_all(tmp_path: Path) -> None:
    """As of Django's ``call_command``: no second passes between a request and the command."""
    ours = cache(tmp_path)
    for count in range(1, 4):
        ask(ours, 1)
        found = counted(None, str(tmp_path))
        assert found is not None
        assert found.count == count


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
