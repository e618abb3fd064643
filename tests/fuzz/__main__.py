"""``python -m tests.fuzz NAME [--seconds 600] [--keep]``: look for inputs that break a target.

With atheris (``pip install atheris``) what is tried next depends on which lines the last inputs
reached; without it the seeds are mutated at random, and a line says so. An input that breaks a
target is added to its corpus, and the exit code is 1; with --keep, so are short ones that reached
something new.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = "cache_control vary date range etag host_key entry_decode memcached_reply wsgi_exchange"
NAMES += " admin"
SHORT = 200
"""Bytes up to which an input is worth a line in the corpus."""
MOST = 100
STUCK = 30
"""Seconds after which one input is taken for a hang."""


def main(arguments: list[str] | None = None) -> int:
    """Run one target; whether it broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=NAMES.split())
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    if chosen.inside:
        guided(chosen.name, chosen.seconds, Path(chosen.inside))
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: mutating at random, which finds less")
        return at_random(chosen.name, chosen.seconds)
    return watched(chosen.name, chosen.seconds, chosen.keep)


def guided(name: str, seconds: int, folder: Path) -> None:
    """Fuzz by coverage, from and to the inputs in *folder*; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["wsgicache"]):
        from tests.fuzz.seeds import TARGETS

    options = [f"-max_total_time={seconds}", f"-timeout={STUCK}", f"-artifact_prefix={folder}/"]
    options += ["-print_final_stats=1", "-verbosity=0", "-max_len=8192"]
    atheris.Setup([sys.argv[0], str(folder), *options], TARGETS[name])
    atheris.Fuzz()


def watched(name: str, seconds: int, keep: bool) -> int:
    """Fuzz in a process of its own, which libFuzzer ends; and add to the corpus what it found."""
    from tests.fuzz.seeds import FOLDER, seeds

    FOLDER.mkdir(exist_ok=True)
    known = set(seeds(name))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, seed in enumerate(known):
            (folder / f"seed-{number}").write_bytes(seed)
        line = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
        done = subprocess.run(
            [*line, "--inside", place], capture_output=True, text=True, errors="replace"
        )
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
    broke = [data for file, data in found.items() if re.match("crash|timeout|oom|leak", file)]
    told = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    fresh = sorted({data for data in found.values() if len(data) <= SHORT} - known, key=len)
    worth = [*broke, *(fresh[:: len(fresh) // MOST + 1] if keep else ())]
    if worth:
        with (FOLDER / f"{name}.txt").open("a", encoding="ascii") as corpus:
            corpus.writelines(f"{data!r}\n" for data in worth)
    print(
        f"{name}: {told[1] if told else done.stderr[-3000:]} runs in {seconds} s; "
        f"{len(known)} inputs became {len(found)}; {len(broke)} broke it",
        flush=True,
    )
    return int(bool(broke) or told is None)


def at_random(name: str, seconds: int) -> int:
    """Mutate the seeds at random."""
    from tests.fuzz.seeds import FOLDER, TARGETS, seeds
    from tests.stores.shared.test_records import mutated

    rng, known, count = random.Random(), seeds(name), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(rng.choice(known) or b"\0", rng)
        count += 1
        try:
            TARGETS[name](data)
        except Exception:
            with (FOLDER / f"{name}.txt").open("a", encoding="ascii") as corpus:
                corpus.write(f"{data!r}\n")
            print(f"{name}: broken after {count} inputs by {data!r}", flush=True)
            raise
    print(f"{name}: {count} inputs in {seconds} s, none of them breaks it", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
