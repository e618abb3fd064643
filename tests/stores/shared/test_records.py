"""Records: what goes in comes out, and nothing else does."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import json
import lzma
import pickle
import random
import re
import tracemalloc
import zlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores.samples import (
    GOLDEN,
    GOLDEN_ENTRIES,
    KEY,
    NOW,
    SALT,
    SECRET,
    entry,
    name,
    record,
    response,
    told,
)
from wsgicache.rules.keys import digested
from wsgicache.rules.model import CacheEntry, StoredResponse
from wsgicache.stores.shared import names, records
from wsgicache.stores.shared.names import FORMAT, KINDS, Names, key_of_echo
from wsgicache.stores.shared.records import MAGIC, echo_of, pack, seal, unpack, unseal
from wsgicache.stores.shared.survey import page_in

ECHO = name().echo


def unpacked(blob: object, secret: bytes = b"", **changes: Any) -> CacheEntry | None:
    how: dict[str, Any] = {"skew": 0.25, "now": NOW, "salt": SALT, **changes}
    return unpack(blob, ECHO, how["skew"], how["now"], how["salt"], secret)


# ── what goes in comes out ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", GOLDEN_ENTRIES)
def test_round_trip(case: str) -> None:
    made, secret = GOLDEN_ENTRIES[case]
    assert told(unpacked(record(case), secret)) == told(made)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.record")), ids=lambda path: path.stem)
def test_golden_records_are_read_or_cleanly_missed(path: Path) -> None:
    version, _, case = path.stem.partition("-")
    made, secret = GOLDEN_ENTRIES[case]
    found = unpacked(path.read_bytes(), secret)
    assert told(found) == (told(made) if version == FORMAT else None)


@pytest.mark.parametrize("case", GOLDEN_ENTRIES)
def test_golden_records_are_what_is_written(case: str) -> None:
    """If this fails, the format has changed and needs another FORMAT."""
    assert record(case) == (GOLDEN / f"{FORMAT}-{case}.record").read_bytes()


def test_every_attribute_of_a_stored_response_is_packed() -> None:
    handled = {*records._ALIKE, "fields", "not_modified", "content", "generated_at", "validators"}
    handled |= {"span", "groups", "kept", "kind", "least_age", "mark", "offers", "softened_at"}
    handled |= {"asked_by", "fill_seconds", "presented", "route", "withheld"}
    attributes = {field.name for field in dataclasses.fields(StoredResponse)}
    assert attributes - {"aged", "asked_at", "at_once", "plain_until", "weight"} == handled


FIELD_NAME = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", fullmatch=True)
FIELD_TEXT = st.text(
    st.characters(codec="latin-1").filter(re.compile(r"[\t\x20-\x7e\x80-\xff]").match)
)
NUMBERS = st.integers(0, 2**31) | st.floats(0, 1e12)
RESPONSES = st.builds(
    response,
    st.binary(max_size=300),
    status=st.sampled_from(["200 OK", "404", "301 Moved"]),
    fields=st.lists(st.tuples(FIELD_NAME, FIELD_TEXT), max_size=6),
    not_modified=st.lists(st.tuples(FIELD_NAME, FIELD_TEXT), min_size=1, max_size=3),
    generated_at=st.integers(-(2**31) * 4, int(NOW) * 4).map(lambda quarters: quarters / 4),
    freshness_lifetime=NUMBERS,
    modified_at=NUMBERS,
    no_cache=st.booleans(),
    etag=st.none() | FIELD_TEXT,
    groups=st.lists(FIELD_TEXT, max_size=3).map(tuple),
    route=st.text(max_size=9),
    fill_seconds=NUMBERS,
    withheld=st.lists(st.tuples(FIELD_NAME, FIELD_TEXT), max_size=2),
    born=st.integers(0, 2**48),
    least_age=st.integers(0, 2**31),
    span=st.none(),
)


@settings(max_examples=40)
@given(st.lists(RESPONSES, max_size=4), st.sampled_from([b"", SECRET]))
def test_any_entry_survives(stored: list[StoredResponse], secret: bytes) -> None:
    made = entry(*stored)
    assert told(unpacked(pack(made, ECHO, 0.25, secret), secret)) == told(made)


# ── nothing else does ────────────────────────────────────────────────────────────────────────────


HEAD: dict[str, Any] = json.loads(
    record("plain")[len(MAGIC) + 28 + len(ECHO) : -len(b"hello")].decode("ascii")
)
SAID = HEAD["responses"][0]


def mutated(blob: bytes, rng: random.Random) -> bytes:
    """*blob* with a few bytes changed, cut off, repeated or added."""
    changed = bytearray(blob)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(changed):
                changed[place] = rng.randrange(256)
            case 2 if place:
                del changed[place:]
            case 3:
                changed[place:place] = rng.randbytes(rng.randint(1, 9))
            case _:
                changed += blob[: rng.randint(1, len(blob))]
    return bytes(changed)


def check_mutations(count: int, seed: int) -> int:
    """Read *count* mutated records: each is a miss, or says what it said. Returns the misses."""
    rng = random.Random(seed)
    blobs = [(case, record(case), GOLDEN_ENTRIES[case]) for case in GOLDEN_ENTRIES]
    misses = 0
    for number in range(count):
        case, blob, (made, secret) = blobs[number % len(blobs)]
        changed = mutated(blob, rng)
        found = unpacked(changed, secret)
        if found is None:
            misses += 1
        else:
            assert changed == blob or told(found) == told(made), (case, changed)
    return misses


def test_a_mutated_record_is_a_miss() -> None:
    assert check_mutations(5_000, seed=1) > 4_900


def test_a_truncated_record_is_a_miss() -> None:
    whole = record("plain")
    assert [cut for cut in range(len(whole)) if unpacked(whole[:cut]) is not None] == []


@given(st.binary(max_size=200))
def test_random_bytes_are_a_miss(junk: bytes) -> None:
    assert unpacked(junk) is None
    assert unpacked(MAGIC + junk) is None
    echo_of(MAGIC + junk)
    assert page_in(memoryview(junk)) is page_in(memoryview(MAGIC + junk)) is None


class Canary:
    sung = False

    def __reduce__(self) -> Any:
        return (setattr, (Canary, "sung", True))


@pytest.mark.parametrize(
    "planted",
    [
        None,
        7,
        "text",
        {"a": 1},
        [b"x"],
        b"",
        bytearray(record("plain")),
        b"!" + pickle.dumps(Canary()),
        pickle.dumps(Canary()),
        b"\0\0\0\0" + pickle.dumps(Canary()),
        zlib.compress(bytes(1_000_000)),
    ],
    ids=repr,
)
def test_what_others_planted_is_a_miss(planted: object) -> None:
    assert unpacked(planted) is None
    assert unseal(planted, ECHO) is None
    assert not Canary.sung


@pytest.mark.parametrize("compress", [zlib.compress, bz2.compress, lzma.compress, gzip.compress])
def test_nothing_is_made_larger_than_what_was_read(compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(20_000_000))
    head = {**HEAD, "responses": [{**SAID, "length": 20_000_000}]}
    planted = [bomb, MAGIC + bomb, seal(ECHO, HEAD, [bomb]), seal(ECHO, head, [bomb])]
    tracemalloc.start()
    try:
        assert [unpacked(one) for one in planted] == [None] * 4
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_secret_tells_whose_record_it_is() -> None:
    assert unpacked(record("signed"), SECRET) is not None
    assert unpacked(record("signed"), b"another secret of theirs") is None
    assert unpacked(record("signed")) is None
    assert unpacked(record("plain"), SECRET) is None


def test_a_record_answers_for_its_own_name_only() -> None:
    names = Names("golden")
    scheme, host, path, query = KEY
    others = [
        names.of("entry", scheme, host, path + "?", query[1:]),
        names.of("entry", scheme, host, path, query + "x"),
        names.of("piece", *KEY),
        Names("golden2").of("entry", *KEY),
        Names("golden", SECRET).of("entry", *KEY),
    ]
    for other in others:
        assert unpack(record("plain"), other.echo, 0, NOW, SALT) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "200 OK\r\nX: y"},
        {"status": "600 Odd"},
        {"status": 200},
        {"fields": [["X", "a\r\nSet-Cookie: b"]]},
        {"fields": [["X", "a", "b"]]},
        {"fields": [["X", 1]]},
        {"fields": [["", "a"]]},
        {"fields": [["X Y", "a"]]},
        {"fields": [["X:", "a"]]},
        {"not_modified": [["X\xe9", "a"]]},
        {"withheld": [["", "a"]]},
        {"fields": None},
        {"not_modified": [99]},
        {"not_modified": [["X", "\n"]]},
        {"length": -1},
        {"length": 4},
        {"length": 6},
        {"length": 10**30},
        {"length": True},
        {"freshness_lifetime": "60"},
        {"freshness_lifetime": 1e300},
        {"generated_at": None},
        {"generated_at": True},
        {"modified_at": None},
        {"no_cache": 0},
        {"etag": 1},
        {"cache_status": "a\nb"},
        {"validators": [["wsgi.input", "x"]]},
        {"validators": [["HTTP_IF_NONE_MATCH", "\n"]]},
        {"groups": [1]},
        {"groups": ["\n"]},
        {"named": [1]},
        {"named": ["HTTP_A", None]},
        {"named": ["wsgi.errors"]},
        {"named": ["REMOTE_ADDR"]},
        {"named": None},
        {"coding": "gzip"},
        {"named": ["HTTP_ACCEPT_ENCODING"], "coding": 1},
        {"offers": [["gzip", 1]]},
        {"named": ["HTTP_ACCEPT_ENCODING"], "coding": "gzip", "offers": [["gzip"]]},
        {"named": ["HTTP_ACCEPT_ENCODING"], "coding": "gzip", "offers": [[1, 1]]},
        {"named": ["HTTP_ACCEPT_ENCODING"], "coding": "gzip", "offers": [["gzip", "1"]]},
        {"kept": ["x", 0]},
        {"kept": [1, 1]},
        {"span": [1]},
        {"span": ["a", 2, 3]},
        {"span": [0.0, 4.0, None]},
        {"span": [0, 4, 9.5]},
        {"span": [True, 5, None]},
        {"span": [-1, 3, None]},
        {"span": [0, 5, None]},
        {"span": [5, 9, 9]},
        {"selector": []},
        {"least_age": 1.5},
        {"least_age": -1},
        {"fill_seconds": -1},
        {"fill_seconds": "1"},
        {"route": 1},
        {"more": 1},
        {"aged": None},
        {"aged": [0, []]},
        {"asked_at": 1e9},
        {"weight": 1},
        {"content": "x"},
        {"plain_until": 1e9},
        {"status": "100 Continue"},
        {"status": "204 No Content"},
        {"status": "304"},
    ],
    ids=repr,
)
def test_what_no_cache_of_ours_writes_is_a_miss(changes: dict[str, Any]) -> None:
    """Anybody who can write to the store can compute a digest, where there is no secret."""
    head = {**HEAD, "responses": [{**SAID, **changes}]}
    assert unpack(seal(ECHO, head, [b"hello"]), ECHO, 0, NOW, SALT) is None


@pytest.mark.parametrize("missing", sorted(SAID))
def test_an_attribute_that_is_missing_is_a_miss(missing: str) -> None:
    said = {name: value for name, value in SAID.items() if name != missing}
    blob = seal(ECHO, {**HEAD, "responses": [said]}, [b"hello"])
    assert unpack(blob, ECHO, 0, NOW, SALT) is None


@pytest.mark.parametrize(
    "head",
    [
        None,
        1,
        [],
        {},
        {**HEAD, "responses": 1},
        {**HEAD, "emptied_at": "x"},
    ],
    ids=lambda head: repr(head)[:40],
)
def test_a_head_of_another_shape_is_a_miss(head: object) -> None:
    assert unpack(seal(ECHO, head, [b"hello"]), ECHO, 0, NOW, SALT) is None


def test_numbers_that_are_none_are_a_miss() -> None:
    text = json.dumps({**HEAD, "responses": [{**SAID, "freshness_lifetime": float("nan")}]})
    blob = seal(ECHO, 0, [b"hello"])
    assert unseal(blob, ECHO) == (0, len(blob) - 5)
    for odd in (text, text.replace("NaN", "1e999"), text.replace("NaN", "9" * 5000), "[" * 100_000):
        planted = _sealed_text(odd.encode())
        assert unpack(planted, ECHO, 0, NOW, SALT) is None


def _sealed_text(text: bytes) -> bytes:
    body = records._LENGTHS.pack(len(ECHO), len(text)) + ECHO + text + b"hello"
    return MAGIC + blake2b(body, digest_size=20).digest() + body


# ── times ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ahead", "found"), [(-1e9, -1e9), (0, 0), (4, 0), (5, 0), (5.5, None), (1e9, None)]
)
def test_what_is_of_a_time_to_come_is_now_or_nothing(ahead: float, found: float | None) -> None:
    blob = pack(entry(response(generated_at=NOW + ahead)), ECHO, 0)
    got = unpacked(blob, skew=0)
    assert got is not None
    assert [one.generated_at for one in got.responses.values()] == (
        [] if found is None else [NOW + found]
    )


def test_times_are_those_of_the_reader() -> None:
    """The writer's clock is half a second behind the wall, the reader's an hour ahead of it."""
    blob = pack(entry(response(generated_at=NOW), emptied_at=NOW - 8), ECHO, 0.5)
    got = unpacked(blob, skew=-3600, now=NOW + 3601)
    assert got is not None
    assert got.emptied_at == NOW + 3600.5 - 8
    assert [one.generated_at for one in got.responses.values()] == [NOW + 3600.5]


# ── names ────────────────────────────────────────────────────────────────────────────────────────

PARTS = st.lists(
    st.text(max_size=12)
    | st.text("0123456789:/?#%&=abK\u212a\u00e9\u0065\u0301", max_size=12)
    | st.sampled_from([":", "1:a", "0:", "::vary", "a" * 40, "\ud800", "\udc80"]),
    max_size=5,
).map(tuple)


@given(st.tuples(st.sampled_from(KINDS), PARTS), st.tuples(st.sampled_from(KINDS), PARTS))
def test_different_things_have_different_names(one: Any, other: Any) -> None:
    namer = Names("a")
    first, second = namer.of(one[0], *one[1]), namer.of(other[0], *other[1])
    assert (one == other) == (first.text == second.text) == (first.echo == second.echo)
    assert re.fullmatch(r"[A-Za-z0-9:_.-]{1,200}", first.text)
    assert namer.of("entry", *first.text.split(":")).text != first.text


@given(st.tuples(*[st.text(max_size=20)] * 4))
def test_an_echo_tells_its_key(key: Any) -> None:
    for namer in (Names("x" * 64), Names("x", SECRET)):
        assert key_of_echo(namer.of("entry", *key).echo) == key
        assert key_of_echo(namer.of("lease", *key).echo) is None


@given(st.binary(max_size=40))
def test_no_echo_is_too_odd(echo: bytes) -> None:
    key_of_echo(echo)


def test_an_echo_of_others_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is cut off what is left: a million of them would take its square."""
    read: list[str] = []

    def counting(text: str) -> int:
        read.append(text)
        return int(text)

    monkeypatch.setattr(names, "int", counting, raising=False)
    assert key_of_echo(b"0:" * 10_000) is None
    assert 0 < len(read) < 20


@pytest.mark.parametrize("namespace", ["", "a b", "a\n", "a" * 65, "é", "a:b", "a/b"])
def test_a_namespace_that_cannot_be(namespace: str) -> None:
    with pytest.raises(ValueError, match=r"^namespace must be 1 to 64 letters, .*, got "):
        Names(namespace)


def test_a_namespace_is_a_str() -> None:
    with pytest.raises(TypeError, match=r"^namespace must be 1 to 64 letters"):
        Names(b"shop")  # type: ignore[arg-type]


VALUES = st.lists(
    st.none() | st.text(max_size=6) | st.lists(st.text(max_size=4), max_size=2).map(tuple),
    max_size=4,
).map(tuple)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert (one == other) == (digested(one, SALT) == digested(other, SALT))


def test_digests_are_keyed() -> None:
    values = (None, "", "sid=secret")
    assert digested(values, b"one") != digested(values, b"other")


def test_echo_of_a_record() -> None:
    assert echo_of(record("plain")) == ECHO
    assert echo_of(None) is echo_of(b"") is echo_of(MAGIC) is None
