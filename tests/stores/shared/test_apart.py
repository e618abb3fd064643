"""Responses that are read when they are asked for; what stores make of that is in the contract."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.scene import FakeClock
from tests.stores.contract import fill, found
from tests.stores.samples import NOW, SALT, entry, name, response
from wsgicache.rules.keys import Selector
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.shared.apart import Apart, Variants, apart, parts_in
from wsgicache.stores.shared.records import echo_of, pack, seal, unpack, unseal


def aside(part: str = "p", **changes: Any) -> Apart:
    """What there is in an entry's record of a response that is apart."""
    values: dict[str, Any] = {
        "generated_at": NOW - 5.25,
        "born": 7,
        "freshness_lifetime": 60,
        "stale_while_revalidate": 1,
        "stale_if_error": 30.5,
        "length": 3_000_000,
        "kept": ("0" * 32, 1_000_000),
        "groups": ("a b", "c"),
        "kind": (("HTTP_ACCEPT_ENCODING",), "br"),
        "validated": True,
    }
    return apart(part, **{**values, **changes})


def test_only_what_is_asked_for_is_read() -> None:
    read: list[Selector] = []
    here, there, lost = response(b"here"), response(b"there"), aside("lost")

    def whole(selector: Selector, stored: Apart) -> StoredResponse | None:
        read.append(selector)
        return there if stored.part == "p" else None

    variants = Variants({"a": here, "b": aside(), "c": lost}, whole)
    assert len(variants) == 3
    assert parts_in(dict(variants.items())) == {"p", "lost"}
    assert list({**variants}) == ["a", "b", "c"]
    assert not read
    assert variants.get("a") is variants["a"] is here
    assert variants.get("b") is variants["b"] is there
    assert variants.get("c") is variants.get("d") is None
    assert variants.get("d", here) is variants.get("c", here) is here
    for missing in "cd":
        with pytest.raises(KeyError):
            variants[missing]
    assert "a" not in read


@pytest.mark.parametrize("softened_at", [NEVER, NOW - 2])
@pytest.mark.parametrize("kept", [None, ("0" * 32, 1_000_000)])
def test_what_is_apart_survives_in_a_record(softened_at: float, kept: Any) -> None:
    made = entry(response(), response())
    there = aside(kept=kept)
    there.softened_at = softened_at
    made.responses["0" * 32] = there
    got_back = unpack(pack(made, name().echo, 0.25), name().echo, 0.25, NOW, SALT)
    assert got_back is not None
    got = got_back.responses.pop("0" * 32)
    assert isinstance(got, Apart)
    assert got.softened_at == softened_at
    for said in (
        "part",
        "generated_at",
        "born",
        "freshness_lifetime",
        "length",
        "kept",
        "groups",
        "kind",
    ):
        assert getattr(got, said) == getattr(there, said)
    assert (got.stale_while_revalidate, got.stale_if_error) == (1, 30.5)
    assert (got.status, got.fields, got.content) == ("", [], None)
    assert len(got_back.responses) == 2


ROW = ["s", "p", NOW, 60, 0, 0, 7, 5, None, [], None, ["HTTP_ACCEPT_ENCODING"], "br", True]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *[(place, value) for place in (0, 1) for value in (None, 1, ["s"])],
        *[(place, value) for place in (2, 3, 4, 5) for value in (None, "1", True, 1e300)],
        *[(place, value) for place in (6, 7) for value in (None, 1.5, "1", True)],
        (7, -1),
        *[(8, value) for value in ("x", [1, 1], ["x", 0], ["x"])],
        *[(9, value) for value in (None, [1], 5)],
        (10, "1"),
        *[(11, value) for value in (None, [1], ["wsgi.input"], ["HTTP_ACCEPT"])],
        *[(12, value) for value in (1, ["br"])],
        *[(13, value) for value in (None, 1)],
    ],
)
def test_a_row_of_another_shape_is_a_miss(place: int, value: object) -> None:
    def read(row: list[object]) -> CacheEntry | None:
        head = {"emptied_at": None, "responses": [], "apart": [row]}
        return unpack(seal(name().echo, head), name().echo, 0.0, NOW, SALT)

    assert read(ROW) is not None
    assert read([*ROW[:place], value, *ROW[place + 1 :]]) is None
    assert read(ROW[:-1]) is None


def test_what_is_of_a_time_to_come_is_of_now() -> None:
    made = CacheEntry({"0": aside(generated_at=NOW + 100)}, NEVER, SALT)
    got_back = unpack(pack(made, name().echo, 0.0), name().echo, 0.0, NOW, SALT)
    assert got_back is not None
    assert got_back.responses["0"].generated_at == NOW
    assert unseal(pack(made, name().echo, 0.0), name().echo) is not None


def test_a_part_has_its_response_in_itself(cache: SimpleCache, clock: FakeClock) -> None:
    """One that refers to another part was not written by a cache of ours."""
    store = CachelibStore(cache, clock=clock)
    kinds = [("Accept", kind) for kind in "abcdefgh"]
    for kind in kinds:
        fill(store, clock, b"x" * 2000, headers=(kind,), vary="Accept").commit()
    assert found(store, "/", kinds[0]) is not None
    for part, (_, value) in list(cache._cache.items()):
        echo = echo_of(value)
        opened = unseal(value, echo or b"")
        if ":3v:" in part and echo and opened:
            (said,) = opened[0]["responses"]
            another = aside(born=said["born"], groups=(), kind=(("HTTP_ACCEPT",), None))
            planted = CacheEntry({said["selector"]: another})
            cache._cache[part] = (0, pack(planted, echo, 0.0))
    other = CachelibStore(cache, clock=clock)
    assert found(other, "/", kinds[0]) is None
    assert found(other, "/", kinds[-1]) is not None


def test_a_default_response_that_is_apart_answers_no_more_than_others(
    cache: SimpleCache, clock: FakeClock
) -> None:
    """It omits Vary, which newer responses have (§4.1)."""
    store = CachelibStore(cache, clock=clock)
    default = fill(store, clock, b"default").commit()
    for kind in "abcdefgh":
        fill(store, clock, b"x" * 2000, headers=(("Accept", kind),), vary="Accept").commit()
    got = found(store)
    assert got is not None
    assert got.fields == default.fields
    assert found(store, "/", ("Accept", "z")) is None
