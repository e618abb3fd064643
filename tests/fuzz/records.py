"""What comes from stores: records, and what a memcached server may say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from pymemcache.client.base import Client

from tests.fuzz.source import Source
from tests.rules.messages import answer, asked
from tests.scene import FakeClock, environ_for, exchange
from tests.stores.samples import GOLDEN_ENTRIES, NOW, SALT, name, told
from tests.stores.samples import record as golden
from wsgicache import CacheMiddleware
from wsgicache.rules.entries import adding
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.keys import digested
from wsgicache.rules.model import Fill
from wsgicache.stores import StoreError
from wsgicache.stores.memcached import MemcachedStore
from wsgicache.stores.shared.names import key_of_echo
from wsgicache.stores.shared.nodes import settle_in_steps
from wsgicache.stores.shared.records import _LENGTHS, MAGIC, echo_of, pack, unpack
from wsgicache.stores.shared.store import PackedStore

CASES = sorted(GOLDEN_ENTRIES)
ECHO = name().echo
TARGET = "/page"
NAMESPACE = "fuzz"


class Endless(BaseException):
    """A record makes the store do more than a record can be worth."""


class Shelf:
    """A node that keeps bytes in a dict."""

    name = "a dict"
    limit = piece = share = 1_000_000
    atomic = True
    connects = 0

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.removed = 0

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        return [self.kept.get(name) for name in names]

    def look(self, names: Sequence[str]) -> list[tuple[bytes | None, object]]:
        return [(self.kept.get(name), self.kept.get(name)) for name in names]

    def swap(
        self, name: str, value: bytes | None, version: object, seconds: int, full: bool = False
    ) -> bool:
        if self.kept.get(name) != version:
            return False
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value
        return True

    def settle(self, *how: Any) -> bool:
        return settle_in_steps(self, *how)

    def write(self, name: str, value: bytes, seconds: int) -> None:
        self.kept[name] = value

    def make_room(self, length: int) -> None:
        pass

    def remove(self, name: str) -> None:
        self.removed += 1
        if self.removed > 100_000:
            raise Endless
        self.kept.pop(name, None)

    def listed(self, prefix: str) -> list[str]:
        return [name for name in self.kept if name.startswith(prefix)]

    def life(self) -> str:
        return ""

    def stats(self) -> dict[str, object]:
        return {}


def store_on(shelf: Shelf, clock: FakeClock) -> PackedStore:
    return PackedStore([shelf], lambda name: shelf, namespace=NAMESPACE, clock=clock)


def sealed(text: bytes, contents: bytes, echo: bytes) -> bytes:
    """A record with that *text* for a head and the right digest, as whoever can write to a store
    without a secret can make it."""
    body = _LENGTHS.pack(len(echo), len(text)) + echo + text + contents
    return MAGIC + blake2b(body, digest_size=20).digest() + body


def entry_decode(data: bytes) -> None:
    """A record that was changed is a miss, or says what it said; one that was forged raises nothing
    and breaks no answer."""
    source = Source(data)
    mode, case, cut = source.byte() % 3, source.pick(CASES), source.byte()
    rest = source.rest()
    if mode == 0:  # as it is, or in the middle of a real one
        made, secret = GOLDEN_ENTRIES[case]
        whole = golden(case)
        place = len(whole) * cut // 256
        for blob in (rest, MAGIC + rest, whole[:place] + rest, rest.join((b"", whole))):
            found = unpack(blob, ECHO, 0.25, NOW, SALT, secret)
            assert found is None or (blob == whole and told(found) == told(made))
            key_of_echo(echo_of(blob) or rest)
        return
    text, _, contents = rest.partition(b"\n")
    if mode == 1:
        found = unpack(sealed(text, contents, ECHO), ECHO, 0.25, NOW, SALT)
        if found is not None:
            again = unpack(pack(found, ECHO, 0.25), ECHO, 0.25, NOW, SALT)
            assert again is None or list(again.responses) == list(found.responses)
        return
    planted(text, contents)


def planted(text: bytes, contents: bytes) -> None:
    """A cache whose store holds a forged record, is asked, posted to and purged."""
    shelf, clock = Shelf(), FakeClock()
    store = store_on(shelf, clock)
    cache = CacheMiddleware(page, store=store, clock=clock)
    key = ("http", "example.org", TARGET, "")
    entry = store._names.of_entry(key)
    born = store.generation(key)
    values = (None, None, None, "", ("HTTP_ACCEPT_LANGUAGE",), "x-0")
    selector = digested(values, store._reading.salt(entry)).encode()
    text = re.sub(rb'"born": \d\b', b'"born": %d' % born, text.replace(FIRST_SELECTOR, selector))
    shelf.kept[entry.text] = sealed(text, contents, entry.echo)
    for method, fields in (
        ("GET", []),
        ("GET", [("Range", "bytes=0-1"), ("If-Range", '"v1"')]),
        ("GET", [("Range", "bytes=1-2,4-")]),
        ("HEAD", [("If-None-Match", '"v1"')]),
        ("GET", [("Cache-Control", "no-cache")]),
        ("POST", []),
        ("GET", []),
    ):
        asked_for = environ_for(method, TARGET, [*fields, ("Accept-Language", "x-0")])
        got = exchange(cache, asked_for)
        assert got.code in (200, 204, 206, 304, 416) or got.hit, got
        assert not any(c in "\r\n\0" for line in got.headers for text in line for c in text), got
        if method == "HEAD" or got.code == 304:
            assert got.body == b""
    cache.purge(f"http://example.org{TARGET}")
    assert exchange(cache, environ_for("GET", TARGET)).text == "page"


FIRST_SELECTOR = b"fe8313c5764394bf9653e9c1d83c8ac4"
"""What the first response of a golden record is filed under: Accept-Language is x-0."""


def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=9")])
    return [b"page" if environ["REQUEST_METHOD"] != "HEAD" else b""]


# ── memcached ────────────────────────────────────────────────────────────────────────────────────


class Script:
    """A connection to a server that says, whatever it is asked, *data*, some bytes at a time; and
    then closes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size

    def recv(self, size: int) -> bytes:
        size = min(size, self._size)
        said, self._data = self._data[:size], self._data[size:]
        return said

    def sendall(self, data: bytes) -> None:
        pass

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        pass


class Scripted(Client):  # type: ignore[misc]
    """Connects to a script."""

    script: Script

    def _connect(self) -> None:
        self.sock = self.script


def held() -> tuple[dict[str, bytes], Any]:
    """What a node holds after a page was stored, by name; and what its entry says."""
    shelf, clock = Shelf(), FakeClock()
    store = store_on(shelf, clock)
    request = asked("GET", TARGET)
    began = Fill(born=store.generation(request.key))
    response = answer(200, cache_control="max-age=60", cache_tag="news", x_page="1")
    kept = stored_response(response, b"the page", CACHE.policy, fill=began)
    store.update(request.key, adding(request, response, kept, CACHE.policy, began))
    return shelf.kept, told(store.get(request.key))


CACHE = CacheMiddleware(page)
HELD, TOLD = held()
HELD_NAMES = sorted(HELD)
DO: tuple[Callable[[MemcachedStore], Any], ...] = (
    lambda store: store.get(("http", "example.org", TARGET, "")),
    lambda store: exchange(CacheMiddleware(page, store=store), environ_for("GET", TARGET)),
    lambda store: store.update(("http", "example.org", TARGET, ""), lambda entry: None),
    lambda store: store.bump(["* news"], 0.0),
    lambda store: store.bump([], 0.0),
    lambda store: store.lease(("http", "example.org", TARGET, ""), "token", 3),
    lambda store: store.release(("http", "example.org", TARGET, ""), "token"),
    lambda store: store.stats(),
    lambda store: store.generation(("http", "example.org", TARGET, "")),
)


def memcached_reply(data: bytes) -> None:
    """Whatever a server says, an operation ends, raises nothing but StoreError, and finds what was
    stored or nothing; and the cache answers."""
    source = Source(data)
    do, size = source.pick(DO), 1 + source.byte() * source.byte()
    template = Scripted(("127.0.0.1", 1))
    template.script = Script(spoken(source), size)
    store = MemcachedStore(template, namespace=NAMESPACE, clock=FakeClock(), timeout=60)
    try:
        found = do(store)
    except StoreError:
        return
    if do is DO[0] and found is not None:
        mine = told(found)
        assert mine[3].items() <= TOLD[3].items(), "what nobody has stored"
    if do is DO[1]:
        assert found.body in (b"page", b"the page"), found


def spoken(source: Source) -> bytes:
    """The bytes that the script says: values that are held, and whatever else."""
    parts: list[bytes] = []
    while len(parts) < 8 and (kind := source.byte() % 8):
        if kind < 4:
            wanted = source.pick(HELD_NAMES)
            value = HELD[source.pick(HELD_NAMES)] if kind == 3 else HELD[wanted]
            cas = b" 7" if kind == 2 else b""
            line = b"VALUE %b 0 %d%b\r\n" % (wanted.encode(), len(value), cas)
            parts.append(line + value + b"\r\n")
        else:
            parts.append(source.pick(WORDS))
    return b"".join(parts) + source.rest()


WORDS = (b"END\r\n", b"STORED\r\n", b"EXISTS\r\n", b"NOT_FOUND\r\n", b"SERVER_ERROR x\r\n", b"\r\n")

TARGETS: dict[str, Callable[[bytes], None]] = {
    "entry_decode": entry_decode,
    "memcached_reply": memcached_reply,
}

GOLDEN_HEADS = {
    case: json.dumps(json.loads(blob[len(MAGIC) + 28 + len(ECHO) : end].decode()))
    for case in CASES
    if (blob := golden(case)) and (end := blob.rindex(b"]}") + 2)
}
"""The heads of golden records, as text."""
