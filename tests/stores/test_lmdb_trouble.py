"""What goes wrong with the files of a machine's store: a miss and a line in the log, never an
exception, never a wrong page."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from tests.running import ROOT, environment, fork
from tests.scene import Exchange, FakeClock, environ_for, exchange
from tests.stores.contract import KEY, content_of, fill, found
from tests.stores.test_lmdb import forget
from wsgicache import CacheMiddleware, store_from_url
from wsgicache.rules.model import NEVER
from wsgicache.stores.environments import environment_at
from wsgicache.stores.lmdb import LMDBStore

MIB = 1 << 20
NOBODY = 65_534
as_root = pytest.mark.skipif(not hasattr(os, "fork") or os.getuid() != 0, reason="root alone can")


class Site:
    """A cache on a store of 8 MiB, whose app says how often it was asked."""

    def __init__(self, folder: Path, options: str = "max_bytes=8MiB") -> None:
        self.folder = folder
        self.asked = 0
        self.store: Any = store_from_url(f"lmdb://{folder}?{options}", clock=FakeClock())
        counters = folder.with_name("counters")  # whose thread leaves the folder of the store alone
        clock = FakeClock()
        self.cache = CacheMiddleware(self.app, store=self.store, clock=clock, counters=counters)

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked += 1
        start_response("200 OK", [("Cache-Control", "max-age=60")])
        size = int(environ["QUERY_STRING"] or 0)
        return [f"{environ['PATH_INFO']} {self.asked}".encode().ljust(size, b".")]

    def ask(self, target: str = "/", method: str = "GET") -> Exchange:
        """Ask for a page, which must be the right one."""
        got = exchange(self.cache, environ_for(method, target))
        assert got.status == "200 OK"
        assert got.body.startswith(target.partition("?")[0].encode() + b" ")
        return got

    def hits(self, *targets: str) -> int:
        """How many of *targets* are answered from the store."""
        return sum("; hit" in str(self.ask(target).cache_status) for target in targets)

    def environment(self) -> Any:
        return environment_at(str(self.folder))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "cache")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def in_child(do: Callable[[], object]) -> None:
    """Do that in a child, which must not raise, nor be ended by a signal."""
    child = fork()
    if not child:
        try:
            do()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As the limit of a file's size has it for one process."""

    def do() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        site = Site(tmp_path / "cache")
        for most in (100_000, 1_200_000, 2_000_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
            caplog.clear()
            for number in range(200):
                site.ask(f"/{most}/{number}?20000")
            assert 0 < len(lines(caplog)) <= 3, lines(caplog)
            caplog.clear()
            site.cache._report._reported.clear()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        for target in ("/a", "/b"):
            site.ask(target)
        assert site.hits("/a", "/b") == 2

    in_child(do)


def anew(site: Site, before: object) -> None:
    """Ask for the environment until it is another than *before*: the thread that counts may use it
    meanwhile, and have to wait for its turn."""
    for _ in range(100_000):
        if site.environment().run(lambda opened: opened) is not before:
            return
    pytest.fail("the environment stays")


@pytest.mark.parametrize("near", ["64MiB", "0"])
def test_a_folder_that_goes(tmp_path: Path, near: str) -> None:
    site = Site(tmp_path / "cache", f"max_bytes=8MiB&near={near}")
    site.ask("/a")
    assert site.hits("/a") == 1
    before = site.environment().run(lambda opened: opened)
    shutil.rmtree(site.folder)
    site.environment()._looked_at = NEVER  # a second later
    anew(site, before)
    site.ask("/b")
    assert site.hits("/b") == 1
    other = LMDBStore(site.folder, clock=FakeClock())
    assert other.get(("http", "example.org", "/b", "")) is not None
    assert other.get(("http", "example.org", "/a", "")) is None


@as_root
@pytest.mark.parametrize("what", ["read-only files", "another user's files"])
def test_files_that_cannot_be_written(
    site: Site, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    site.ask("/a")
    forget(site.folder)
    for path in (site.folder, *site.folder.iterdir(), *site.folder.parents):
        if path.is_relative_to(site.folder):
            os.chmod(path, 0o500 if path.is_dir() else 0o400)
            if what == "read-only files":
                os.chown(path, NOBODY, NOBODY)
        elif path != Path("/") and path != Path("/tmp"):
            os.chmod(path, 0o755)

    def do() -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        caplog.clear()
        assert site.hits("/a", "/b", "/b") == 0
        # Counters, also of other tests, have a line of their own.
        assert 0 < len([line for line in lines(caplog) if "counters" not in line]) <= 2

    in_child(do)


def test_a_page_of_the_file_that_is_broken(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.ask("/a?100000")
    site.ask("/b")
    forget(site.folder)
    path = site.folder / "data.mdb"
    path.write_bytes(path.read_bytes().replace(b"." * 60_000, b"." * 59_999 + b"x"))
    again = Site(site.folder)
    assert again.hits("/a?100000", "/b") == 1
    assert again.asked == 1
    assert again.hits("/a?100000", "/b") == 2
    assert "a record of the kind" in str(lines(caplog))


@pytest.mark.parametrize("left", [0, 8192, 100_000])
def test_a_file_that_has_lost_its_end(site: Site, left: int) -> None:
    """As a copy that was cut off has: to read behind its end would end the process."""
    site.ask("/a?200000")
    forget(site.folder)
    os.truncate(site.folder / "data.mdb", left)

    def do() -> None:
        again = Site(site.folder)
        assert again.hits("/a?200000") == 0
        assert again.hits("/a?200000") == 1

    in_child(do)


def test_a_file_that_is_too_small(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(tmp_path / "cache", "max_bytes=4MiB&near=0")
    site.ask("/a")
    for number in range(3):
        site.ask(f"/{number}?4000000")
    assert site.hits("/0?4000000") == 0
    assert len(lines(caplog)) <= 2
    site.ask("/b")
    assert site.hits("/b") == 1


def test_more_readers_than_the_table_has_by_default(site: Site) -> None:
    site.ask("/a")
    begun = [site.environment().run(lambda opened: opened.env.begin()) for _ in range(130)]
    site.ask("/b")
    assert site.hits("/a", "/b") == 2
    for txn in begun:
        txn.abort()


@pytest.mark.parametrize("said", [None, 16 * MIB])
def test_the_bound_is_that_of_who_came_first(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, said: int | None
) -> None:
    """The command line need not know it; and whoever says another one does no harm."""
    folder = tmp_path / "cache"
    reading, writing = os.pipe()
    child = fork()
    if not child:
        store = LMDBStore(folder, max_bytes=8 * MIB, clock=clock)
        fill(store, clock, b"page").commit()
        os.write(writing, b".")
        signal.alarm(60)
        signal.pause()
    os.read(reading, 1)
    other = LMDBStore(folder, max_bytes=said, clock=clock)
    assert content_of(other, found(other)) == b"page"
    (told,) = other.stats().values()
    assert told["max_bytes"] == 8 * MIB
    assert len(lines(caplog)) == (said is not None)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    forget(folder)
    (told,) = other.stats().values()
    assert told["max_bytes"] == (said or 8 * MIB)
    os.close(reading)
    os.close(writing)


def test_what_is_larger_than_a_new_bound_begins_anew(tmp_path: Path, clock: FakeClock) -> None:
    folder = tmp_path / "cache"
    store = LMDBStore(folder, max_bytes=16 * MIB, clock=clock)
    for number in range(12):
        fill(store, clock, os.urandom(500_000), target=f"/{number}").commit()
    forget(folder)
    del store
    smaller = LMDBStore(folder, max_bytes=4 * MIB, clock=clock)
    assert found(smaller, "/1") is None
    assert (folder / "data.mdb").stat().st_size <= 4 * MIB
    assert smaller.get(KEY) is None


def test_a_second_interpreter_of_the_process(tmp_path: Path) -> None:
    """As mod_wsgi has them: LMDB may be opened once in a process."""
    script = textwrap.dedent(
        """
        import sys
        if sys.version_info >= (3, 13):
            import _interpreters
            create, run = lambda: _interpreters.create("legacy"), _interpreters.run_string
        else:
            import _xxsubinterpreters
            create = lambda: _xxsubinterpreters.create(isolated=False)
            run = _xxsubinterpreters.run_string
        from tests.stores.test_lmdb_trouble import Site
        from pathlib import Path
        site = Site(Path(sys.argv[1]))
        site.ask("/a")
        code = f'''if True:
            import sys
            sys.path[:] = {sys.path!r}
            from wsgicache import CacheMiddleware, store_from_url
            def app(environ, start_response):
                start_response("200 OK", [("Cache-Control", "max-age=60")])
                return [b"other"]
            store = store_from_url("lmdb://{sys.argv[1]}?max_bytes=8MiB")
            from wsgiref.util import setup_testing_defaults
            for _ in "12":
                environ = {{}}
                setup_testing_defaults(environ)
                print(*CacheMiddleware(app, store=store)(environ, lambda *head: None))
            import atexit
            atexit._run_exitfuncs()  # as mod_wsgi does before it ends an interpreter
        '''
        failed = run(create(), code)
        assert failed is None, failed
        assert site.hits("/a") == 1
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "cache")],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "b'other'\nb'other'\n"), done.stderr


def test_an_environment_that_can_do_nothing_any_more_is_opened_anew(site: Site) -> None:
    site.ask("/a")

    def panic(opened: Any) -> None:
        raise lmdb.PanicError("the first page could not be written")

    before = site.environment().run(lambda opened: opened)
    with pytest.raises(lmdb.PanicError):
        site.environment().run(panic)
    anew(site, before)
    assert site.hits("/a") == 1


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot do that")
@pytest.mark.parametrize("name", ["stamps-1", "used", "lock.mdb"])
def test_what_is_written_in_memory_has_its_place_on_the_disk(site: Site, name: str) -> None:
    """On a full disk a page without one would end the process (SIGBUS)."""
    site.ask("/a")
    found = (site.folder / name).stat()
    assert found.st_blocks * 512 >= found.st_size
