"""A cache that remembers the heads of pages that are never kept, beside one that judges every head:
the same random requests, and the same answers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.origin.test_never_kept import HEADS, Incomparable
from tests.scene import Environ, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.controls.routes import Route
from wsgicache.origin.flights import Heard
from wsgicache.origin.forward import Forward

POLICIES: dict[str, dict[str, Any]] = {
    "safe": {"policy": Policy()},
    "rfc": {"policy": Policy.rfc(x_cache=True, strip=("X-A",))},
    "routes": {"policy": Policy(), "routes": [Route("/a", query=("q",), cookies=("a",))]},
    "small": {"policy": Policy(max_content=3, cache_status=False)},
}
ALL_HEADS: list[list[Any]] = [
    *(lines for lines in HEADS.values() if not any(isinstance(v, Incomparable) for _, v in lines)),
    [("Cache-Control", "max-age=60")],
    [("Cache-Control", "max-age=60"), ("Vary", "Accept-Language")],
    [("Cache-Control", "private"), ("Vary", "Accept-Language")],
    [("Cache-Control", "max-age=60"), ("Content-Length", "99")],
    [("Cache-Control", "max-age=0"), ("ETag", '"1"')],
    [("Expires", "Tue, 14 Nov 2023 22:14:20 GMT")],
    [("Wsgicache-Cache-Control", "max-age=60"), ("Cache-Control", "no-store")],
    [("Cache-Control", "max-age=60"), ("Content-Range", "bytes 0-3/9")],
]
STATUSES = ["200 OK", "206 Partial Content", "404 Not Found", "500 Internal Server Error", "odd"]
FIELDS = [
    ("Cookie", "a=1"),
    ("Cookie", "b=2"),
    ("Authorization", "Basic eDp5"),
    ("Range", "bytes=0-3"),
    ("If-None-Match", '"1"'),
    ("If-Match", '"1"'),
    ("Cache-Control", "no-store"),
    ("Cache-Control", "no-cache"),
    ("Cache-Control", "only-if-cached"),
    ("Pragma", "no-cache"),
    ("X-Forwarded-Host", "evil.example"),
    ("Accept-Language", "de"),
    ("Accept-Language", "fr"),
]


class App:
    """An app that says what the game has it say."""

    head: tuple[str, list[Any]] = ("200 OK", [])
    writes = False
    lazy = False

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        body = [b"page", b" of it"] if environ["REQUEST_METHOD"] != "HEAD" else []
        if self.lazy:
            return self._lazily(start_response, body)
        write = start_response(self.head[0], list(self.head[1]))
        if self.writes:
            write(b"w")
        return body if len(self.head[1]) % 2 else [b"".join(body)]

    def _lazily(self, start_response: Callable[..., Any], body: list[bytes]) -> Any:
        start_response(self.head[0], list(self.head[1]))
        yield from body


def play(name: str, seed: int, count: int) -> None:
    """*count* requests to both; AssertionError with the place where they differ."""
    chance, app, clock = Random(seed), App(), FakeClock()
    hearing, judging = (CacheMiddleware(app, clock=clock, **POLICIES[name]) for _ in range(2))
    for step in range(count):
        if chance.random() < 0.1:
            app.head = (chance.choice([*STATUSES[:1] * 6, *STATUSES]), chance.choice(ALL_HEADS))
            app.lazy, app.writes = chance.random() < 0.2, chance.random() < 0.1
        if chance.random() < 0.02:
            clock.advance(chance.choice([1, 30, 61, 130]))
        if chance.random() < 0.01:
            hearing.purge_all()
            judging.purge_all()
        method = chance.choice(["GET"] * 12 + ["HEAD", "POST"])
        target = chance.choice(["/a", "/a?q=1", "/a?r=2", "/b"])
        fields = [chance.choice(FIELDS)] if chance.random() < 0.25 else []
        for known in judging.flights._refused.values():
            known.heard = None
        one, other = (
            exchange(cache, environ_for(method, target, fields)) for cache in (hearing, judging)
        )
        where = f"{name}, seed {seed}, step {step}: {method} {target} {fields}"
        assert (one.status, one.headers, one.body) == (other.status, other.headers, other.body), (
            where
        )
        assert one.starts == other.starts, where


def test_nobody_can_tell_which_one_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Heard] = []
    pass_on = Forward._pass_on

    def noted(self: Forward, known: Heard) -> None:
        heard.append(known)
        pass_on(self, known)

    monkeypatch.setattr(Forward, "_pass_on", noted)
    for name in POLICIES:
        for seed in range(5):
            play(name, seed, 400)
    assert len(heard) > 200


def games(count: int) -> str:
    """So many requests to each of two caches, under each policy."""
    each = count // len(POLICIES) // 1000
    for name in POLICIES:
        for seed in range(each):
            play(name, seed, 1000)
    return f"{each * 1000 * len(POLICIES):,} requests to each, answered alike"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {"never-kept": (games, 1_000_000)}
