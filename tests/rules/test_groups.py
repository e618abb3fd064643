"""Which responses belong together, and what ends them all at once: a row per clause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pytest

from tests.rules.messages import SAFE, answer, asked, kept, rows
from tests.scene import EPOCH
from wsgicache.rules.bounds import WORTH_REMEMBERING
from wsgicache.rules.entries import adding
from wsgicache.rules.groups import (
    ALWAYS,
    MOST_GROUPS,
    MOST_TEXT,
    Generation,
    destination_of,
    group_name,
    groups_of,
    invalidated_collections,
    invalidated_groups,
    invalidated_keys,
    is_of_webdav,
    name_of,
    names_of,
    reviewed,
    without_late,
    without_unborn,
)
from wsgicache.rules.keys import Key
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse


@pytest.mark.parametrize(
    ("fields", "groups"),
    rows(
        ("9875 §2 none", {}, ()),
        ("9875 §2 one", {"cache_groups": '"a"'}, ("a",)),
        ("9875 §2 several", {"cache_groups": '"a", "b c"'}, ("a", "b c")),
        ("9875 §2 several lines", {"cache_groups": ['"a"', '"b"']}, ("a", "b")),
        ("9875 §2 each once", {"cache_groups": '"a", "b", "a"'}, ("a", "b")),
        ("9875 §2 case counts", {"cache_groups": '"a", "A"'}, ("a", "A")),
        ("9875 §2 parameters", {"cache_groups": '"a";x=1'}, ("a",)),
        ("9875 §2 an empty one", {"cache_groups": '"", "a"'}, ("a",)),
        ("9875 §2 a token", {"cache_groups": '"a", b'}, ()),
        ("9875 §2 an inner list", {"cache_groups": '("a" "b")'}, ()),
        ("9875 §2 no list", {"cache_groups": '"a'}, ()),
        ("9875 §2 empty", {"cache_groups": ""}, ()),
        ("9875 §2 beyond ASCII", {"cache_groups": '"é"'}, ()),
        ("a tag", {"cache_tag": "a, b ,c"}, ("a", "b", "c")),
        ("tags on several lines", {"cache_tag": ["a", "b"]}, ("a", "b")),
        ("empty tags", {"cache_tag": " ,, a,"}, ("a",)),
        ("a tag between tabs", {"cache_tag": "\ta\t"}, ("a",)),
        ("a key", {"surrogate_key": "a  b\tc "}, ("a", "b", "c")),
        ("keys between commas", {"surrogate_key": "a-1, b"}, ("a-1", "b")),
        ("keys between commas alone", {"surrogate_key": "a,b"}, ("a", "b")),
        ("keys between both", {"surrogate_key": ",a ,b c,,d,"}, ("a", "b", "c", "d")),
        ("a tag beyond ASCII, as WSGI has it", {"cache_tag": "caf\xc3\xa9, b"}, ("caf%C3%A9", "b")),
        ("a tag in Latin-1", {"cache_tag": "caf\xe9"}, ("caf%C3%A9",)),
        (
            "2047 tags as Django writes them",
            {"cache_tag": ["=?utf-8?b?bmV3cywg5pel5pys?=", "a,=?utf-8?q?b=2C_=E6=97=A5?="]},
            ("news", "%E6%97%A5%E6%9C%AC", "a", "b", "%E6%97%A5"),
        ),
        ("2047 no encoded word", {"cache_tag": "=?utf-8?b?a?=,=?"}, ("=?utf-8?b?a?=", "=?")),
        ("a key beyond ASCII", {"surrogate_key": "a \xe6\x97\xa5"}, ("a", "%E6%97%A5")),
        ("keys on several lines", {"surrogate_key": ["a", "b"]}, ("a", "b")),
        (
            "all of them",
            {"cache_groups": '"a"', "cache_tag": "b", "surrogate_key": "c a"},
            ("a", "b", "c"),
        ),
        (
            "as many as are kept",
            {"surrogate_key": " ".join(map(str, range(MOST_GROUPS)))},
            tuple(map(str, range(MOST_GROUPS))),
        ),
        ("more than are kept", {"surrogate_key": " ".join(map(str, range(MOST_GROUPS + 1)))}, None),
        ("as long as is read", {"cache_tag": "a" * MOST_TEXT}, ("a" * MOST_TEXT,)),
        ("longer than is read", {"cache_tag": "a" * (MOST_TEXT + 1)}, None),
    ),
)
def test_groups_of(fields: dict[str, Any], groups: tuple[str, ...] | None) -> None:
    response = answer(200, **fields)
    assert groups_of(response) == groups
    assert kept(**fields).groups == (groups or ())


@pytest.mark.parametrize(
    ("text", "name"),
    rows(
        ("9875 §2 printable", "a ~", "a ~"),
        ("9875 §2 what is a name already", "caf%C3%A9", "caf%C3%A9"),
        ("9875 §2 a lone percent sign", "50%", "50%"),
        ("9875 §2 Latin", "café au lait", "caf%C3%A9 au lait"),
        ("9875 §2 more than Latin", "日本", "%E6%97%A5%E6%9C%AC"),
        ("9875 §2 control characters", "a\r\n\x7f", "a%0D%0A%7F"),
        ("9875 §2 half a character", "a\udcff", "a%ED%B3%BF"),
        ("9875 §2 empty", "", ""),
    ),
)
def test_the_name_of_a_group(text: str, name: str) -> None:
    assert group_name(text) == name == group_name(name)
    assert unquote(name, errors="surrogatepass") == unquote(text)


@pytest.mark.parametrize(
    ("fields", "groups"),
    rows(
        ("9875 §3 none", {}, ()),
        ("9875 §3 several", {"cache_group_invalidation": '"a", "b", "a"'}, ("a", "b")),
        ("9875 §3 no strings", {"cache_group_invalidation": "a"}, ()),
        ("9875 §3 empty", {"cache_group_invalidation": ""}, ()),
    ),
)
def test_invalidated_groups(fields: dict[str, Any], groups: tuple[str, ...]) -> None:
    assert invalidated_groups(answer(200, **fields)) == groups


def test_a_group_is_that_of_its_origin() -> None:
    """RFC 9875 §2.1; by a star the operator means all of them."""
    here = names_of(("http", "a", "/x", "q"), ["g"])
    assert here == names_of(("http", "a", "/y", ""), ["g"]) == ["http://a g", "* g"]
    assert names_of(("https", "a", "/x", ""), ["g"]) == ["https://a g", "* g"]


def test_a_store_need_not_remember_long_names() -> None:
    long, other = names_of(("http", "a", "/x", ""), ["g" * 1000, "g" * 999 + "h"])[::2]
    assert long != other
    assert max(len(long), len(other)) < 64
    assert long == name_of("http://a", "g" * 1000)
    assert name_of("*", "g" * WORTH_REMEMBERING) == "* " + "g" * WORTH_REMEMBERING


# ── generations ──────────────────────────────────────────────────────────────────────────────────


def test_a_purge_begins_a_generation() -> None:
    assert ALWAYS == (0, 0, NEVER)  # the first response is born in generation 0
    generation = ALWAYS.begun(5, EPOCH, soft=False)
    assert generation == Generation(5, 0, NEVER)
    assert generation.begun(7, EPOCH, soft=True) == Generation(5, 7, EPOCH)
    assert (
        generation.begun(3, EPOCH, soft=False) == generation
    )  # of an earlier purge nothing is new


def entry_with(*responses: StoredResponse) -> CacheEntry:
    """An entry with a variant for each response."""
    entry: CacheEntry | None = None
    for number, stored in enumerate(responses):
        request = asked(accept=str(number))
        entry = adding(request, answer(200, vary="Accept"), stored, SAFE)(entry)
    assert entry is not None
    return entry


def born(generation: int, *groups: str) -> StoredResponse:
    stored = kept(cache_control="max-age=60", surrogate_key=" ".join(groups) or None)
    stored.born = generation
    return stored


KEY = ("http", "a", "/", "")


def review(
    entry: CacheEntry, everything: Generation = ALWAYS, **purged: Generation | None
) -> CacheEntry:
    """*entry* after purges of everything and of groups."""

    def generations(names: Sequence[str]) -> list[Generation | None]:
        return [purged.get(name.removeprefix("http://a "), ALWAYS) for name in names]

    return reviewed(entry, KEY, everything, generations)


def test_what_no_purge_ended_stays_as_it_is() -> None:
    entry = entry_with(born(3), born(5, "g"))
    assert review(entry) is entry
    assert review(entry, Generation(3), g=Generation(5), other=Generation(9)) is entry


def test_a_purge_ends_what_was_born_before() -> None:
    old, young = born(3, "g"), born(5, "g")
    entry = entry_with(old, young)
    assert list(review(entry, g=Generation(4)).responses.values()) == [young]
    assert list(review(entry, Generation(4)).responses.values()) == [young]
    assert review(entry, Generation(6)).responses == {}


def test_a_group_of_which_nothing_is_known_is_ended() -> None:
    other = born(3)
    assert list(review(entry_with(born(3, "g"), other), g=None).responses.values()) == [other]


def test_a_soft_purge_makes_stale() -> None:
    entry = entry_with(born(3, "g"))
    (stored,) = review(entry, g=Generation(0, 4, EPOCH + 10)).responses.values()
    assert (stored.freshness_lifetime, stored.refresh_age, stored.born) == (10, 10, 3)
    assert review(entry, g=Generation(0, 3, EPOCH + 10)) is entry
    assert review(entry, g=Generation(0, 4, EPOCH + 60)) is entry  # it was stale already
    assert stored.least_age == 60


def test_without_late() -> None:
    """What was asked for before a purge and comes after it is not kept; what was there stays."""
    old = born(3)
    before = entry_with(old)
    late = entry_with(old, born(4))
    assert list(without_late(late, before, 5).responses.values()) == [old]
    assert without_late(late, before, 4) is late
    assert without_late(late, late, 5) is late
    assert without_late(late, None, 5).responses == {}


def test_without_unborn() -> None:
    """What was born in the last generation there was stays."""
    last = born(4)
    assert list(without_unborn(entry_with(born(5), last), 4).responses.values()) == [last]


# ── what an unsafe request makes invalid (§4.4) ──────────────────────────────────────────────────

TARGET: Key = ("http", "example.org", "/a/b", "q")


@pytest.mark.parametrize(
    ("fields", "paths"),
    rows(
        ("§4.4 the target URI", {}, []),
        ("§4.4 Location", {"location": "/x"}, ["/x"]),
        ("§4.4 Content-Location", {"content_location": "x"}, ["/a/x"]),
        ("§4.4 both", {"location": "/x", "content_location": "/y"}, ["/x", "/y"]),
        ("§4.4 each once", {"location": "/x", "content_location": "http://example.org/x"}, ["/x"]),
        ("§4.4 the target again", {"location": "/a/b?q"}, []),
        ("§4.4 several lines", {"location": ["/x", "/y"]}, ["/x", "/y"]),
        ("§4.4 of another origin", {"location": "https://example.org/x"}, []),
    ),
)
def test_invalidated_keys(fields: dict[str, Any], paths: list[str]) -> None:
    keys = invalidated_keys(TARGET, answer(201, **fields))
    assert keys == [TARGET, *[(*TARGET[:2], path, "") for path in paths]]


@pytest.mark.parametrize(
    ("method", "path", "destination", "collections"),
    rows(
        ("4918 §9.6.1 DELETE", "DELETE", "/a/", None, ["/a/"]),
        ("4918 §9.6.1 DELETE of a member", "DELETE", "/a/b", None, []),
        ("4918 §9.9 MOVE", "MOVE", "/a/", "/x/", ["/a/", "/x/"]),
        ("4918 §5.2 the name without its slash", "MOVE", "/a/", "/x", ["/a/", "/x/"]),
        ("4918 §9.9 MOVE of a member", "MOVE", "/a/b", "/x", []),
        ("4918 §9.8 COPY leaves the source", "COPY", "/a/", "http://example.org/x/", ["/x/"]),
        ("4918 §9.8 to another origin", "COPY", "/a/", "https://example.org/x/", []),
        ("4918 §9.8 to nowhere", "COPY", "/a/", None, []),
        ("9110 §9.3.4 PUT", "PUT", "/a/", None, []),
        ("the root", "DELETE", "/", None, ["/"]),
    ),
)
def test_invalidated_collections(
    method: str, path: str, destination: str | None, collections: list[str]
) -> None:
    key: Key = (*TARGET[:2], path, "q")
    found = invalidated_collections(key, method, destination)
    assert found == [(*TARGET[:2], one, "") for one in collections]


@pytest.mark.parametrize(
    ("method", "keys"), [("MOVE", ["/x"]), ("COPY", ["/x"]), ("DELETE", []), ("PUT", [])]
)
def test_a_destination(method: str, keys: list[str]) -> None:
    """RFC 4918 §10.3."""
    found = invalidated_keys(TARGET, answer(201), destination_of(method, "/x"))
    assert found == [TARGET, *[(*TARGET[:2], path, "") for path in keys]]


@pytest.mark.parametrize(
    ("method", "depth", "webdav"),
    rows(
        ("4918 §9.8 COPY", "COPY", None, True),
        ("4918 §9.9 MOVE", "MOVE", None, True),
        ("4918 §9.6.1 DELETE with a Depth", "DELETE", "infinity", True),
        ("9110 §9.3.5 DELETE without", "DELETE", None, False),
    ),
)
def test_is_of_webdav(method: str, depth: str | None, webdav: bool) -> None:
    assert is_of_webdav(method, depth) is webdav
