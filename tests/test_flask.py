"""The extension for Flask: factories, configuration, commands, debugging and tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.running import ROOT
from wsgicache import CacheMiddleware, MemoryStore, Policy, Route, cache_for, never_cache
from wsgicache.flask import WSGICache
from wsgicache.stores import TieredStore


def site(**config: Any) -> Flask:
    app = Flask("site")
    app.config.update(config)

    @app.get("/page")
    @cache_for(minutes=5)
    def page() -> str:
        return "page"

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    return app


def outcome(client: Any, target: str = "/page") -> str:
    return str(client.get(target).headers["Cache-Status"])


def test_one_extension_serves_the_applications_of_a_factory() -> None:
    pages = WSGICache()
    apps = [site(), site()]
    for app in apps:
        pages.init_app(app)
        with app.app_context():
            assert pages.cache is app.wsgi_app is current_app.extensions["wsgicache"]
    assert apps[0].wsgi_app is not apps[1].wsgi_app
    assert "stored" in outcome(apps[0].test_client())
    assert "hit" in outcome(apps[0].test_client())
    assert "stored" in outcome(apps[1].test_client())
    with pytest.raises(RuntimeError, match="application context"):
        _ = pages.cache
    with (
        site().app_context(),
        pytest.raises(RuntimeError, match=r"call init_app\(app\), got 'site'"),
    ):
        _ = pages.cache


def test_one_application_needs_no_context() -> None:
    app = site()
    pages = WSGICache(app, routes=[Route("/page", never_cache)])
    assert isinstance(pages.cache, CacheMiddleware)
    assert pages.cache is app.wsgi_app
    assert "no-store" in outcome(app.test_client())
    with pytest.raises(ValueError, match="a Flask application without a cache"):
        pages.init_app(app)


def test_the_default_policy_is_that_for_flask() -> None:
    cookie = Policy.flask(only_cookies=["my_session"]).only_cookies or ()
    app = site(SESSION_COOKIE_NAME="my_session")
    only = WSGICache(app).cache.policy.only_cookies or ()
    assert {*cookie, *(Policy.flask().only_cookies or ())} <= set(only)


def test_configuration_comes_before_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_WSGICACHE_STORE", f"lmdb://{tmp_path}")
    monkeypatch.setenv("FLASK_WSGICACHE_POLICY__max_variants", "7")
    monkeypatch.setenv("FLASK_WSGICACHE_POLICY__ignore_query", '["utm_*"]')
    app = site(WSGICACHE_ROUTES=[Route("/page", never_cache)])
    app.config.from_prefixed_env()
    cache = WSGICache(app, store=MemoryStore(), policy=Policy.rfc()).cache
    assert isinstance(cache.store, TieredStore)
    assert cache.policy.max_variants == 7
    assert cache.policy.ignore_query == ("utm_*",)
    assert cache.policy.only_cookies == Policy.flask().only_cookies
    assert "no-store" in outcome(app.test_client())


@pytest.mark.parametrize(
    ("key", "value", "error", "said"),
    [
        ("STORE", "disk://x", ValueError, "the URL in WSGICACHE_STORE must be memory://, lmdb://"),
        ("STORE", 5, TypeError, "WSGICACHE_STORE must be an object with the methods"),
        ("POLICY", "rfc", TypeError, "WSGICACHE_POLICY must be a Policy, or a dict of its options"),
        ("POLICY", {"max": 1}, ValueError, "a key of WSGICACHE_POLICY must be the name of an opt"),
        ("POLICY", {"max_ranges": 0}, ValueError, "max_ranges in WSGICACHE_POLICY must be a whole"),
        ("POLICY", {"strip": [1]}, TypeError, "each of strip in WSGICACHE_POLICY must be the name"),
        ("ROUTES", "/page", TypeError, "WSGICACHE_ROUTES must be a list or another iterable"),
        ("ROUTES", ["/page"], TypeError, "each of WSGICACHE_ROUTES must be a Route"),
        ("PURGE_TOKEN", "short", ValueError, "WSGICACHE_PURGE_TOKEN must be 16 or more"),
        ("COUNTERS", 5, TypeError, "WSGICACHE_COUNTERS must be the path of a folder"),
        ("OBSERVER", 5, TypeError, "WSGICACHE_OBSERVER must be a callable"),
        ("STOER", "memory://", ValueError, "a key of app.config with WSGICACHE_ must be one of"),
    ],
)
def test_a_wrong_value_raises_and_names_its_key(
    key: str, value: object, error: type[Exception], said: str
) -> None:
    app = site(**{f"WSGICACHE_{key}": value})
    with pytest.raises(error) as raised:
        WSGICache(app)
    assert str(raised.value).startswith(said)
    assert "wsgicache" not in app.extensions


def test_a_wrong_argument_is_named_itself() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError) as raised:
        WSGICache(site(), store=wrong)
    assert str(raised.value).startswith("store must be an object with")


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        ("DEBUG", "app.debug is on, so this start has an empty cache"),
        ("TESTING", "TESTING is on, so each test client begins with an empty cache"),
    ],
)
def test_debugging_and_tests_leave_the_store_alone(
    switch: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "folder"
    app = site(WSGICACHE_STORE=f"lmdb://{folder}", WSGICACHE_COUNTERS=str(folder), **{switch: True})
    cache = WSGICache(app).cache
    assert isinstance(cache.store, MemoryStore)
    assert cache.policy.debug == (switch == "DEBUG")
    assert "stored" in outcome(app.test_client())
    assert [record.getMessage() for record in caplog.records if said in record.getMessage()]
    assert not folder.exists()


def test_each_test_client_begins_with_an_empty_cache() -> None:
    """Though other middleware is around it, and TESTING comes late; and it is the same cache."""
    app, store = site(), MemoryStore()
    cache = WSGICache(app, store=store, routes=iter([Route("/plain", cache_for(minutes=9))])).cache
    vars(app)["wsgi_app"] = ProxyFix(app.wsgi_app)
    assert "stored" in outcome(app.test_client())
    app.testing = True
    for _ in range(2):
        client = app.test_client()
        assert "stored" in outcome(client)
        assert "hit" in outcome(client)
        assert "stored" in outcome(client, "/plain")
        assert app.extensions["wsgicache"] is cache
        cache.purge("http://localhost/page")
        assert "stored" in outcome(client)
    assert cache.store is not store
    assert store.holding().entries == 1
    cache.enabled = False
    assert "detail=off" in outcome(app.test_client())


def test_the_commands_are_about_the_application(tmp_path: Path) -> None:
    app = site(WSGICACHE_STORE=f"lmdb://{tmp_path}")
    WSGICache(app)
    assert "stored" in outcome(app.test_client())
    run = app.test_cli_runner().invoke

    def said(*words: str) -> str:
        return run(args=["wsgicache", *words]).output

    listed = said("--help")
    for name in ("audit", "doctor", "explain", "inspect", "purge", "stats", "top", "warm"):
        assert f"  {name} " in listed
    assert "  run " not in listed
    assert "MODULE:APP" not in said("explain", "--help")
    assert "fresh for" in said("inspect", "--url", "http://localhost/page")
    assert "hit" in said("explain", "/page")
    assert "1 requests" in said("stats")
    assert "1 page without findings" in said("audit", "/page")
    assert said("doctor").startswith("no findings")
    assert said("purge", "--url", "http://localhost/page") == "purged 1 response of 1 URL\n"
    assert "1 request: 1 stored" in said("warm", "/page")
    assert "hit" in outcome(app.test_client())
    assert '"/page"' in said("top", "--once", "--json")


def test_the_commands_need_a_store_that_they_can_reach() -> None:
    app = site()
    WSGICache(app)
    for words in (["purge", "--all"], ["inspect", "--url", "/page"], ["stats"]):
        done = app.test_cli_runner().invoke(args=["wsgicache", *words])
        assert done.exit_code == 2
        assert "--store" in done.output


def test_flask_is_imported_with_an_application_only() -> None:
    code = "import sys, wsgicache.flask; wsgicache.flask.WSGICache(); print(*sys.modules)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"flask", "click"}.isdisjoint(done.stdout.split())
