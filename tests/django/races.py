"""Saves race against fills, in processes of their own: ``python -m tests.long races``.

Readers ask for one page without a pause. A writer saves the object that it shows, and notes when
the save, with its purge, was done. No request that began after that may get an older page, and so
none may get it from a fill that read before COMMIT.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.servers import free_port
from tests.running import environment
from tests.stores.servers import Server

FILES = {
    "site_of_races.py": """
import os, sys, random, time
import django
from django.conf import settings
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.urls import path
from wsgicache import cache_for, cache_groups
from wsgicache.django import cache, get_wsgi_application, purge_on_save
from werkzeug.test import Client

store, database, how = sys.argv[1:4]
if database.startswith("postgres"):
    _, host, port = database.split(":")
    options = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "HOST": host}
    options |= {"USER": "postgres", "PORT": port, "CONN_MAX_AGE": None}
else:
    options = {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "CONN_MAX_AGE": None}
    start = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"
    options["OPTIONS"] = {"init_command": start, "transaction_mode": "IMMEDIATE", "timeout": 60}
settings.configure(
    SECRET_KEY="only for tests", ALLOWED_HOSTS=["shop.example"], ROOT_URLCONF=__name__,
    INSTALLED_APPS=["wsgicache.django"], DATABASES={"default": options}, WSGICACHE={"STORE": store},
)
django.setup()
class Fruit(models.Model):
    version = models.IntegerField(default=0)
    class Meta:
        app_label = "wsgicache"
    def get_absolute_url(self):
        return "/fruit"
if how == "group":
    purge_on_save(Fruit, groups=["fruit"], urls=())
else:
    purge_on_save(Fruit)
@cache_for(hours=1)
@cache_groups("fruit")
def fruit(request):
    version = Fruit.objects.get().version
    time.sleep(random.random() * 0.012)  # Some fills go on after a COMMIT, or after two.
    return HttpResponse(str(version))
urlpatterns = [path("fruit", fruit)]
application = get_wsgi_application()
client = Client(application)
def ask():
    response = client.get("/fruit", headers={"Host": "shop.example"}, buffered=True)
    assert response.status_code == 200, response.text
    return int(response.text), "; hit" in response.headers["Cache-Status"]
""",
    "tables.py": """
from site_of_races import *
with connection.schema_editor() as editor:
    editor.create_model(Fruit)
Fruit.objects.create()
""",
    "reader.py": """
from site_of_races import *
import json, select
ask()
print("ready", flush=True)
asked = []
while not select.select([sys.stdin], [], [], 0)[0]:
    begin = time.monotonic()
    version, hit = ask()
    asked.append((begin, time.monotonic(), version, hit))
print(json.dumps(asked), flush=True)
""",
    "writer.py": """
from site_of_races import *
import json
one, done = Fruit.objects.get(), []
for version in range(1, int(sys.argv[4]) + 1):
    with transaction.atomic():
        one.version = version
        one.save()
        time.sleep(random.random() * 0.004)
    done.append(time.monotonic())
    time.sleep(random.random() * 0.004)
print(json.dumps(done), flush=True)
""",
}
READERS = 2


class Raced(NamedTuple):
    """What came of some races."""

    races: int
    requests: int
    hits: int
    fills_across: int
    """Fills that read before a COMMIT and ended after it."""
    lost: list[str]
    """Requests that got an older page than they may."""


def race(count: int, place: Path, store: str, database: str, how: str = "url") -> Raced:
    """Save *count* times while others read; *how* says whether a URL or a group is purged."""
    for name, text in FILES.items():
        (place / name).write_text(text, "utf-8")
    line = (store, database, how)
    with started(place, "tables.py", *line) as tables:
        assert tables.wait(60) == 0
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(started(place, "reader.py", *line)) for _ in range(READERS)]
        for reader in readers:
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
        writer = stack.enter_context(started(place, "writer.py", *line, str(count)))
        done: list[float] = json.loads(writer.communicate()[0])
        asked = [json.loads(reader.communicate("stop\n")[0]) for reader in readers]
    return judged(done, [one for each in asked for one in each])


def judged(done: list[float], asked: list[tuple[float, float, int, bool]]) -> Raced:
    """Judge requests *asked*, from when to when and what they got, by when each save was *done*."""
    lost: list[str] = []
    across = hits = 0
    for begin, end, version, hit in asked:
        saved = bisect_left(done, begin)
        if version < saved:
            lost.append(f"{version} where {saved} was saved before, {'a hit' if hit else 'a fill'}")
        hits += hit
        across += not hit and version < bisect_left(done, end)
    return Raced(len(done), len(asked), hits, across, lost)


@contextlib.contextmanager
def started(place: Path, script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs *script*, which ends with the block."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-u", script, *arguments],
        cwd=place,
        env=environment(),
        stdin=pipe,
        stdout=pipe,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def programs_of_postgresql() -> Path | None:
    """The folder of PostgreSQL's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    other = shutil.which("initdb")
    return found[-1].parent if found else Path(other).parent if other else None


@contextlib.contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """A server of its own, without a password; the name under which the site finds it."""
    # It refuses to run for root.
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if not os.getuid() else {}
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        made = [str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        options: Any = {"cwd": folder, **user}
        subprocess.run(made, check=True, capture_output=True, **options)
        line = [str(programs / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log"]
        said = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        subprocess.run([*line, "-o", said, "start"], check=True, capture_output=True, **options)
        try:
            yield f"postgres:127.0.0.1:{port}"
        finally:
            stop = [*line, "-m", "immediate", "stop"]
            subprocess.run(stop, check=True, capture_output=True, **options)


def told(raced: Raced) -> str:
    """What came of it, in words. Raises if a race was lost, or if there was none."""
    assert raced.lost == [], raced.lost[:5]
    assert raced.hits
    return (
        f"{raced.races} races, {raced.requests} requests, {raced.hits} hits, {raced.fills_across} "
        "fills that read before COMMIT and ended after it, no old page after a save"
    )


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A server of its own; the URL of the store."""
    server = Server("redis-server")
    server.start()
    try:
        yield f"redis://{server.address}/0?timeout=5"
    finally:
        server.kill()


@contextlib.contextmanager
def lmdb() -> Iterator[str]:
    """The URL of a store in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"lmdb://{folder}/store"


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """A database in WAL."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/fruit.db"


@contextlib.contextmanager
def own_postgresql() -> Iterator[str]:
    """A server whose programs must be here."""
    programs = programs_of_postgresql()
    assert programs, "PostgreSQL is not here: apt-get install postgresql"
    assert find_spec("psycopg"), "pip install 'psycopg[binary]'"
    with postgresql(programs) as database:
        yield database


# In Redis, processes may learn of a group's purge a second later; with LMDB at once.
KINDS: tuple[tuple[str, Any, Any, str], ...] = (
    ("SQLite, LMDB, URL", sqlite, lmdb, "url"),
    ("SQLite, LMDB, group", sqlite, lmdb, "group"),
    ("SQLite, Redis, URL", sqlite, redis, "url"),
    ("PostgreSQL, LMDB, URL", own_postgresql, lmdb, "url"),
    ("PostgreSQL, LMDB, group", own_postgresql, lmdb, "group"),
    ("PostgreSQL, Redis, URL", own_postgresql, redis, "url"),
)


def races(count: int) -> str:
    """Races against each database, with each store, and with purges by URL and by group."""
    said: list[str] = []
    for name, database, store, how in KINDS:
        with tempfile.TemporaryDirectory() as folder, database() as data, store() as url:
            said.append(f"{name}: {told(race(count, Path(folder), url, data, how))}")
    return "; ".join(said)


ROWS: dict[str, tuple[Callable[[int], str], int]] = {"races": (races, 1000)}
