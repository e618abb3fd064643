"""The page as a whole: its frame, its fields, where it may be mounted, and that it stays out of
the cache."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.dashboard.visiting import Visitor
from tests.scene import Lint, environ_for, exchange
from wsgicache import CacheMiddleware, Policy, Route, cache_for, cached
from wsgicache.dashboard import SECTIONS, Dashboard
from wsgicache.dashboard.assets import ASSETS
from wsgicache.stores.lmdb import LMDBStore
from wsgicache.stores.memory import MemoryStore


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
    return [environ["PATH_INFO"].encode("latin-1")]


@pytest.fixture
def cache() -> CacheMiddleware:
    return CacheMiddleware(app)


@pytest.fixture
def visitor(cache: CacheMiddleware) -> Visitor:
    return Visitor(Lint(Dashboard(cache)), "/admin/cache")


PATHS = [section.path for section in SECTIONS]


@pytest.mark.parametrize("path", PATHS)
def test_every_section_has_the_frame_and_is_kept_nowhere(visitor: Visitor, path: str) -> None:
    got = visitor.ask(f"/{path}")
    assert (got.code, got.header("Cache-Control")) == (200, "no-store")
    policy = got.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert got.header("X-Content-Type-Options") == "nosniff"
    assert got.text.count(' aria-current="page"') == 1
    assert got.text.count("<h1>") == got.text.count("</main>") == 1
    assert re.search(r"\sstyle=|\son\w+=|<style|<script(?! src=)", got.text) is None
    head = visitor.ask(f"/{path}", "HEAD")
    assert (head.body, head.header("Content-Length")) == (b"", str(len(got.body)))


@pytest.mark.parametrize(
    ("counters", "kind", "said"),
    [
        (False, MemoryStore, ["each has a store of its own", "each counts for itself"]),
        (True, MemoryStore, ["each has a store of its own"]),
        (True, LMDBStore, []),
    ],
)
def test_several_processes_that_share_nothing(
    counters: bool, kind: Any, said: list[str], tmp_path: Path
) -> None:
    store = LMDBStore(tmp_path / "store") if kind is LMDBStore else MemoryStore()
    cache = CacheMiddleware(app, store=store, counters=tmp_path if counters else None)
    visitor = Visitor(Dashboard(cache))
    several = {"wsgi.multiprocess": True}
    found = re.findall("several processes, and (.*?)[.]", visitor.ask("/", changes=several).text)
    assert found == said
    assert "several processes, and" not in visitor.ask("/").text


def test_it_loads_files_whose_names_change_with_them(visitor: Visitor) -> None:
    loaded = re.findall(r'(?:href|src)="(assets/[^"]+)"', visitor.ask("/").text)
    assert sorted(loaded) == sorted(ASSETS)
    for path in loaded:
        got = visitor.ask(f"/{path}")
        assert got.body == ASSETS[path].content
        assert got.header("Cache-Control") == "private, max-age=31536000, immutable"
        assert got.header("Content-Type") == ASSETS[path].kind
    assert visitor.ask("/assets/style-0.css").code == 404


@pytest.mark.parametrize(
    ("method", "target", "code", "allow"),
    [
        ("GET", "/none", 404, None),
        ("POST", "/none", 404, None),
        ("GET", "/a/b/%3Cscript%3E", 404, None),
        ("GET", f"/{'a/' * 3000}", 404, None),
        ("POST", "/", 405, "GET, HEAD"),
        ("DELETE", "/", 405, "GET, HEAD"),
    ],
)
def test_what_there_is_not(
    visitor: Visitor, method: str, target: str, code: int, allow: str | None
) -> None:
    got = visitor.ask(target, method)
    assert (got.code, got.header("Allow")) == (code, allow)
    assert got.header("Cache-Control") == "no-store"
    assert len(got.body) < 3000
    if target.startswith("/a/b"):  # even there links lead back
        assert re.findall(r'<li><a href="([^"]*)"', got.text)[0] == "../../"


def test_the_address_without_a_slash_leads_to_the_page(visitor: Visitor) -> None:
    got = visitor.ask("", changes={"PATH_INFO": "", "QUERY_STRING": "a=1"})
    assert (got.code, got.header("Location")) == (308, "./cache/?a=1")
    assert visitor.ask("", changes={"PATH_INFO": "", "SCRIPT_NAME": ""}).code == 200


@pytest.mark.parametrize(
    "target", ["/admin/cache", "/admin/cache/", *(f"/admin/cache/{p}" for p in ASSETS)]
)
def test_within_the_app_it_stays_out_of_the_cache(target: str) -> None:
    """Whatever routes and the policy say."""

    def outer(environ: Any, start_response: Any) -> Any:
        return mounted(environ, start_response)

    cache = CacheMiddleware(
        outer,
        policy=Policy.rfc(default=cache_for(minutes=1)),
        routes=[Route("/admin/*", cached(server=300), override=True)],
    )
    mounted = DispatcherMiddleware(app, {"/admin/cache": Dashboard(cache)})
    assert exchange(cache, environ_for(target="/page")).stored
    for _ in range(2):
        got = exchange(cache, environ_for(target=target))
        assert not got.stored
        assert not got.hit
        assert "no-store" in (got.header("Cache-Control") or "")


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (app, {}, "Dashboard.cache must be a CacheMiddleware, got <function"),
        (CacheMiddleware(app), {"secret": 17}, "Dashboard.secret must be a str or bytes, got int"),
        (CacheMiddleware(app), {"at": "admin"}, "Dashboard.at must be a path without a slash at"),
        (CacheMiddleware(app), {"at": "/admin/"}, "Dashboard.at must be a path without a slash at"),
        (CacheMiddleware(app), {"at": None}, "Dashboard.at must be a path without a slash at"),
    ],
)
def test_arguments(given: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Dashboard(given, **options)


def test_nothing_of_it_is_reachable_unless_mounted(cache: CacheMiddleware) -> None:
    for target in ("/-/wsgicache/", "/admin/cache/"):
        assert exchange(cache, environ_for(target=target)).text == target
