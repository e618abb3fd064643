"""Every target, over what it begins with and what was found; and that each can fail."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import records
from tests.fuzz import seeds as inputs
from tests.fuzz.seeds import TARGETS, seeds
from tests.fuzz.source import Source, chosen
from tests.stores.samples import GOLDEN_ENTRIES
from wsgicache import operating
from wsgicache.rules import dates, fields, ranges, storing
from wsgicache.stores.shared import records as record_rules
from wsgicache.stores.shared.names import Name, Names

each_target = pytest.mark.parametrize("name", sorted(TARGETS))


@each_target
def test_nothing_that_is_known_breaks_it(name: str) -> None:
    known = seeds(name)
    assert len(known) > 30
    for data in known:
        TARGETS[name](data)


def test_the_command_knows_them_all() -> None:
    assert sorted(command.NAMES.split()) == sorted(TARGETS)


def always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


BROKEN: dict[str, tuple[object, str, Any]] = {
    "cache_control": (
        fields,
        "parse_cache_control",
        lambda text: {member.strip(): None for member in text.split(",")},
    ),
    "vary": (fields, "parse_vary", lambda value: tuple(sorted(value.split(",")))),
    "date": (dates, "parse_date", lambda text, now: 0.5),
    "range": (ranges, "parse_ranges", lambda value, length, most: [(0, length)]),
    "etag": (fields, "entity_tags", lambda text: text.split(",")),
    "host_key": (Names, "of", always(Name("", b""))),
    "entry_decode": (records, "unpack", always(GOLDEN_ENTRIES["plain"][0])),
    "memcached_reply": (record_rules, "compare_digest", always(True)),
    "wsgi_exchange": (storing, "forbidden", always(None)),
    "admin": (operating, "compare_digest", always(True)),
}


@each_target
def test_a_target_can_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, broken = BROKEN[name]
    # A record of the page with another text in it, which only its digest tells.
    forged = [chosen(0, 0, 0, 0) + forged_reply()] if name == "memcached_reply" else []
    monkeypatch.setattr(owner, attribute, broken)
    assert any(breaks(TARGETS[name], data) for data in [*forged, *seeds(name)])


def forged_reply() -> bytes:
    """What is held, and then what is held of its groups; with another page."""
    values = {
        name: b"VALUE %b 0 %d\r\n%b\r\n" % (name.encode(), len(value), value)
        for name, whole in records.HELD.items()
        for value in [whole.replace(b"the page", b"not mine")]
    }
    groups = b"".join(value for name, value in values.items() if ":3g:" in name)
    others = b"".join(value for name, value in values.items() if ":3g:" not in name)
    return b"%bEND\r\n%bEND\r\n" % (others, groups)


def breaks(target: Callable[[bytes], None], data: bytes) -> bool:
    try:
        target(data)
    except (AssertionError, ValueError):
        return True
    return False


def test_without_atheris_it_mutates_at_random(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", always(None))
    monkeypatch.setattr(inputs, "FOLDER", tmp_path)
    monkeypatch.setattr(logging, "disable", always(None))
    tried: list[bytes] = []

    def target(data: bytes) -> None:
        tried.append(data)
        assert len(tried) < 100, "broken"

    monkeypatch.setitem(TARGETS, "etag", target)
    with pytest.raises(AssertionError, match="broken"):
        command.main(["etag", "--seconds", "60"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("atheris is not installed")
    assert said[1].startswith("etag: broken after 100 inputs")
    assert inputs.seeds("etag")[-1] == tried[-1], "what breaks it is kept"
    assert len(set(tried)) > 50
    monkeypatch.setitem(TARGETS, "etag", always(None))
    assert command.main(["etag", "--seconds", "0"]) == 0


def test_a_source_chooses_as_it_is_told() -> None:
    source = Source(chosen(7, "written", 1, b"rest"))
    assert source.byte() == 7
    assert source.text(["known"]) == "written"
    assert source.text(["one", "two"]) == "two"
    assert source.rest() == b"rest"
    assert source.byte() == 0
    assert source.text(["first"]) == source.pick(["first"]) == "first"
