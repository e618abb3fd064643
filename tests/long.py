"""The counts of the tests at full size: ``python -m tests.long [NAME ...] [--scale 0.01]``.

The normal run has the same checks in a size that fits a coffee break. Each line here says what was
done, how often, and what came of it; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import test_bodies as wsgi
from tests.apps.playing import ROWS as APP_ROWS
from tests.attacks import test_identities as identities
from tests.attacks import test_keys as keys
from tests.attacks import test_resources as resources
from tests.bodies import FRESH, STREAM
from tests.browsers.__main__ import ROWS as BROWSER_ROWS
from tests.controls.test_served import serve_and_ask
from tests.django.races import ROWS as RACE_ROWS
from tests.django.reloads import ROWS as RELOAD_ROWS
from tests.django.wagtail_row import ROWS as WAGTAIL_ROWS
from tests.foreign.django_suite import ROWS as DJANGO_ROWS
from tests.foreign.projects import ROWS as PROJECT_ROWS
from tests.foreign.set_ups import ROWS as SET_UP_ROWS
from tests.foreign.suites import ROWS as FOREIGN_ROWS
from tests.games import long_games
from tests.games.faulty_games import ROWS as FAULT_ROWS
from tests.games.test_threads import ROWS as THREAD_ROWS
from tests.observe.counted import ROWS as COUNTING_ROWS
from tests.origin.interleavings import ROWS as ORDER_ROWS
from tests.processes.long_processes import ROWS as PROCESS_ROWS
from tests.servers.stalled import ROWS as STALLED_ROWS
from tests.stores.long_lmdb import ROWS as LMDB_ROWS
from tests.stores.long_stores import ROWS as STORE_ROWS
from tests.why.composed import ROWS as AUDIT_ROWS
from wsgicache import CacheMiddleware, MemoryStore

MIB = 1 << 20


def resident() -> int:
    """Bytes of memory that this process holds, or held at most where the system tells no more."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def games(policy: str) -> Callable[[int], str]:
    """Games against the naive cache; the count is exchanges, which two of three moves are."""

    def run(count: int) -> str:
        exchanges, hits = long_games.play(policy, count)
        assert hits, "never a hit"
        return f"{exchanges} exchanges, {hits} hits, none of them wrong"

    return run


def properties(count: int) -> str:
    """Every property with that many examples."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *(f"tests/rules/test_{room}.py" for room in ("dates", "fields", "keys", "ranges")),
            "tests/games/test_properties.py",
            "tests/games/test_traces.py",
        ],
        env={**os.environ, "WSGICACHE_EXAMPLES": str(count)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout.strip().splitlines()[-1]


def collisions(count: int) -> str:
    """Random targets made to collide."""
    wrong = keys.collisions(count)
    assert wrong == 0
    return f"{wrong} of {count} responses were made for another target"


def flood(count: int) -> str:
    """Hot pages, half of the budget, and nine one-time URLs for each request to them."""
    ratio = resources.hits_under_flood(hot=1000, rounds=count)
    assert ratio >= 0.9
    return f"hot pages kept {ratio:.3f} of their hits"


def variants(count: int) -> str:
    """As many browsers ask for one page that varies by them."""
    kept, other = resources.kept_variants(count)
    assert 1 <= kept <= 64
    assert other
    return f"{kept} variants of {count} are kept, and so is the page beside"


def budget(count: int) -> str:
    """Pages of one byte with 2 KiB of fields under as many URLs, in 64 MiB."""
    limit = 64 * MIB
    app = resources.fresh_strings(1, 20, 90)
    cache = CacheMiddleware(app, store=MemoryStore(max_bytes=limit))
    before = resident()
    for n in range(count):
        resources.ask(cache, f"/{n:09}")
    grown = resident() - before
    assert grown <= 1.25 * limit + 64 * MIB
    return f"the process grew by {grown / MIB:.0f} MiB for a budget of {limit // MIB} MiB"


def tables(count: int) -> str:
    """URLs that are stored, that are not, and that are posted to: nothing grows with them."""
    count = max(count, 12_000)  # until then the tables fill
    for method, control in (("GET", ""), ("GET", "no-store"), ("POST", "")):
        once, more = resources.blocks_held(method, control, count)
        assert more <= once + 3_000, (method, control, once, more)
    return f"as many blocks of memory after {count * 3 // 2} URLs as after {count}"


def mixture(count: int) -> str:
    """Two users and a stranger who ask Flask and Django for everything, in threads."""
    for name, own_page in identities.OWN_PAGE.items():
        with identities.SITES[name]() as site:
            identities.check_mixture(identities.late_cookies(site), own_page, count)
    return f"at each of {len(identities.OWN_PAGE)} sites nobody got what is another's"


def closes(count: int) -> str:
    """A mix of requests, some cut short."""
    opened, closed = wsgi.opened_and_closed(count)
    assert opened == closed > 0
    return f"{opened} bodies opened, {closed} closed"


def large(count: int) -> str:
    """Bodies of 1 GiB that are not stored, and endless ones that would be."""
    grown = 0
    for _ in range(count):
        for headers in (STREAM, FRESH):
            before = resident()
            wsgi.swallow_endless(headers, 1 << 14, 1 << 16)
            grown = max(grown, resident() - before)
    assert grown <= 24 * MIB, grown
    return f"the process grew by {grown / MIB:.1f} MiB at most"


def served(count: int) -> str:
    """Decorated views of every framework under gunicorn's threads, asked at once."""
    with TemporaryDirectory() as directory:
        serve_and_ask(count, Path(directory))
    return "no word of one in another response"


def mutants(count: int) -> str:
    """Mistakes in the rules and the walk, by chance, each of which a test must notice."""
    line = [sys.executable, "-m", "tests.mutants", "--sample", str(count)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout.strip().splitlines()[-1]


ROWS: dict[str, tuple[Callable[[int], str], int]] = {
    "budget": (budget, 1_000_000),  # first, while the process holds no memory to spare
    "games-safe": (games("safe"), 5_000_000),
    "games-rfc": (games("rfc"), 5_000_000),
    "properties": (properties, 10_000),
    "collisions": (collisions, 10_000_000),
    "flood": (flood, 100_000),
    "variants": (variants, 100_000),
    "tables": (tables, 1_000_000),
    "mixture": (mixture, 100_000),
    "closes": (closes, 100_000),
    "large": (large, 10),
    "served": (served, 10_000),
    "mutants": (mutants, 4_000),  # more than there are
    **APP_ROWS,
    **FAULT_ROWS,
    **COUNTING_ROWS,
    **ORDER_ROWS,
    **THREAD_ROWS,
    **STORE_ROWS,
    **LMDB_ROWS,
    **PROCESS_ROWS,
    **STALLED_ROWS,
    **FOREIGN_ROWS,
    **DJANGO_ROWS,
    **RACE_ROWS,
    **RELOAD_ROWS,
    **WAGTAIL_ROWS,
    **AUDIT_ROWS,
    **SET_UP_ROWS,
    **PROJECT_ROWS,
    **BROWSER_ROWS,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the rows that are named, or all of them; the number that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the full counts")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    failed = 0
    for name in chosen.names or ROWS:
        run, full = ROWS[name]
        count = max(1, int(full * chosen.scale))
        began = time.monotonic()
        try:
            result = run(count)
        except Exception:
            failed += 1
            result = "FAILED\n" + traceback.format_exc()
        took = time.monotonic() - began
        print(f"{name:12} {count:>10} of {full:>10} in {took:7.0f} s: {result}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
