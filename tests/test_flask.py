"""The extension for Flask: factories, configuration, commands, debugging and tests."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, current_app, render_template_string, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.running import DEADLINE, ROOT, environment
from tests.scene import environ_for, exchange, steps
from wsgicache import (
    CacheMiddleware,
    Control,
    MemoryStore,
    Policy,
    Route,
    cache_for,
    cached,
    never_cache,
)
from wsgicache.flask import WSGICache, easy_setup, for_blueprint, signals
from wsgicache.observe.watching import Observation
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


def test_by_default_the_app_sees_each_cookie_that_it_may_have_set() -> None:
    app = site()
    app.add_url_rule("/theme", view_func=lambda: request.cookies.get("theme", "light"))
    WSGICache(app, routes=[Route("/theme", cache_for(minutes=5))])
    client = app.test_client()
    assert client.get("/theme").text == "light"
    client.set_cookie("theme", "dark")
    assert client.get("/theme").text == "dark"


def test_configuration_comes_before_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_WSGICACHE_STORE", f"lmdb://{tmp_path}")
    monkeypatch.setenv("FLASK_WSGICACHE_POLICY__MAX_VARIANTS", "7")
    monkeypatch.setenv("FLASK_WSGICACHE_POLICY__ignore_query", '["utm_*"]')
    app = site(WSGICACHE_ROUTES=[Route("/page", never_cache)])
    app.config.from_prefixed_env()
    cache = WSGICache(app, store=MemoryStore(), policy=Policy.rfc()).cache
    assert isinstance(cache.store, TieredStore)
    assert cache.policy.max_variants == 7
    assert cache.policy.ignore_query == ("utm_*",)
    assert cache.policy.only_cookies is None
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
        ("DASHBOARD", "cache", ValueError, "WSGICACHE_DASHBOARD must be a path, such as '/admin/"),
        ("DASHBOARD", "/", ValueError, "WSGICACHE_DASHBOARD must be a path, such as '/admin/cach"),
        ("STATIC_VERSIONS", "yes", TypeError, "WSGICACHE_STATIC_VERSIONS must be True or False"),
        ("STATIC_VERSIONS", True, ValueError, "WSGICACHE_STATIC_VERSIONS must be False for an app"),
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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STOER", "memory://", "got 'WSGICACHE_STOER': did you mean 'WSGICACHE_STORE'?"),
        ("PURGETOKEN", "x", "did you mean 'WSGICACHE_PURGE_TOKEN'?"),
        ("POLICY__MAX_VARIANT", "5", "got 'MAX_VARIANT': did you mean 'max_variants'?"),
        ("POLICY__XYZ", "5", "such as 'sort_query', got 'XYZ'"),
        ("STORE", "", "the URL in WSGICACHE_STORE must be memory://"),
        ("ROUTES", '["/page"]', "each of WSGICACHE_ROUTES must be a Route, got '/page'"),
        ("COUNTERS", "5", "WSGICACHE_COUNTERS must be the path of a folder, got 5"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_nearest(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FLASK_WSGICACHE_{name}", value)
    app = site()
    app.config.from_prefixed_env()
    with pytest.raises((TypeError, ValueError)) as raised:
        WSGICache(app)
    assert said in str(raised.value)
    assert str(raised.value).endswith(("?", said)) or "memory://" in said


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


SIGNALS = {"hit": signals.hit, "stored": signals.stored, "purged": signals.purged}


def received(app: Flask) -> tuple[list[tuple[Any, str, Any]], ExitStack]:
    """What the signals of *app* bring: sender, signal, and the outcome or the responses."""
    got: list[tuple[Any, str, Any]] = []
    stack = ExitStack()
    for name, signal in SIGNALS.items():

        def note(sender: Any, name: str = name, **sent: Any) -> None:
            told = sent["result"].responses if name == "purged" else sent["observation"].outcome
            got.append((sender, name, told))

        stack.enter_context(signal.connected_to(note, app))
    return got, stack


@pytest.mark.parametrize("put", [WSGICache, easy_setup])
def test_signals_tell_of_hits_stores_and_purges(put: Callable[[Flask], object]) -> None:
    app, other = site(), site()
    for one in (app, other):
        put(one)
    cache: CacheMiddleware = app.extensions["wsgicache"]
    client = app.test_client()
    client.get("/page")
    got, connected = received(app)
    with connected:
        for target in ("/page", "/page?a", "/plain", "/page?a"):
            client.get(target)
        other.test_client().get("/page")
        cache.purge("http://localhost/page")
        cache.purge_all()
    told = [("hit", "hit"), ("stored", "stored"), ("hit", "hit"), ("purged", 1), ("purged", None)]
    assert got == [(app, *one) for one in told]
    client.get("/page")
    cache.purge_all()
    assert len(got) == len(told)


def test_a_receiver_may_come_at_any_time_in_a_test() -> None:
    """Though the page was a hit in the same second."""
    app = site(TESTING=True)
    WSGICache(app)
    client = app.test_client()
    for _ in range(3):
        client.get("/page")
    got, connected = received(app)
    with connected:
        client.get("/page")
    assert got == [(app, "hit", "hit")]


def test_an_observer_gets_all_requests_beside_signals() -> None:
    seen: list[Observation] = []
    app = site(WSGICACHE_OBSERVER=seen.append)
    WSGICache(app)
    for _ in range(3):
        app.test_client().get("/page")
    assert [one.outcome for one in seen] == ["stored", "hit", "hit"]


def test_without_receivers_a_hit_is_only_counted() -> None:
    app = site()
    cache = WSGICache(app).cache
    plain = CacheMiddleware(cache.app)

    def cost(one: CacheMiddleware) -> int:
        for _ in range(3):
            exchange(one, environ_for(target="/page"))
        return steps(lambda: exchange(one, environ_for(target="/page")))

    assert cost(cache) == cost(plain)


def test_a_receiver_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = site()
    cache = WSGICache(app).cache
    with ExitStack() as stack:
        for signal in SIGNALS.values():
            stack.enter_context(signal.connected_to(lambda sender, **sent: 1 / 0, app))
        assert app.test_client().get("/page").status_code == 200
        assert cache.purge("http://localhost/page").responses == 1
    assert len([one for one in caplog.records if one.exc_info]) == 2


# ── blueprints ─────────────────────────────────────────────────────────────────────────────────


def blueprints(
    *said: Control | Route, nested: Control | None = None, when: str = "before"
) -> Flask:
    """A site with a blueprint of which *said* says what, and another one in it.

    The cache is there *before* the blueprints are registered, or *after* that.
    """
    app = site()
    outer, inner = (
        Blueprint(name, __name__, static_folder=str(ROOT / "docs"), url_prefix=f"/{name}")
        for name in ("outer", "inner")
    )

    @outer.before_request
    def login() -> Any:
        return "log in" if request.args.get("login") else None

    for blueprint in (outer, inner):
        blueprint.add_url_rule("/view", "view", lambda: "view")
        blueprint.add_url_rule("/page", "page", cache_for(minutes=5)(lambda: "page"))
        blueprint.add_url_rule("/fails", "fails", lambda: ("no", 500))
    for_blueprint(outer, *said)
    if nested is not None:
        for_blueprint(inner, nested)
    outer.register_blueprint(inner)
    if when == "before":
        WSGICache(app)
    app.register_blueprint(outer, url_prefix="/<lang>/shop")
    app.url_value_preprocessors[None] = [lambda endpoint, values: (values or {}).pop("lang", None)]
    if when == "after":
        WSGICache(app)
    return app


LIFETIME, NEVER = cache_for(hours=1), never_cache
VIEWS: list[tuple[tuple[Control, ...], Control | None, dict[str, str]]] = [
    ((LIFETIME,), None, {"view": "3600", "page": "300", "fails": "", "inner/view": "3600"}),
    ((LIFETIME,), cache_for(hours=2), {"view": "3600", "inner/view": "7200", "inner/page": "300"}),
    ((NEVER,), None, {"view": "no", "page": "no", "fails": "no", "inner/page": "no"}),
    ((NEVER,), LIFETIME, {"inner/view": "no", "view?login=1": "no"}),
    ((LIFETIME, NEVER), None, {"view": "no", "docs/conf.py": ""}),
]
"""What blueprint and nested one say, and the max-age of what is below each path."""


@pytest.mark.parametrize(("said", "nested", "expected"), VIEWS)
def test_a_blueprint_says_what_may_be_cached_of_its_views(
    said: tuple[Control, ...], nested: Control | None, expected: dict[str, str]
) -> None:
    client = blueprints(*said, nested=nested).test_client()
    for path, lifetime in {**expected, "../../page": "300"}.items():
        with client.get(f"/de/shop/{path}" if "../" not in path else "/page") as response:
            control = response.headers.get("Cache-Control", "")
            assert response.status_code != 404, path
        if lifetime == "no":
            assert control.startswith("no-store"), path
        else:
            assert control == (f"max-age={lifetime}" if lifetime else control)
            assert "no-store" not in control, path


@pytest.mark.parametrize("when", ["before", "after"])
def test_routes_of_a_blueprint_go_on_from_its_prefix(when: str) -> None:
    app = blueprints(Route("/page", query=["q"]), Route("/inner/*", never_cache), when=when)
    client = app.test_client()
    for name, path in (("hit", "/de/shop/page?q=1&x=1"), ("uri-miss", "/page?q=1&x=1")):
        client.get(path)
        assert name in outcome(client, path.replace("x=1", "x=2"))
    assert "no-store" in outcome(client, "/en/shop/inner/page")
    assert app.extensions["wsgicache"] is app.wsgi_app


def test_a_blueprint_that_is_registered_twice_has_its_routes_twice() -> None:
    app, shop = site(), Blueprint("shop", __name__)
    shop.add_url_rule("/view", "view", lambda: "view")
    for_blueprint(shop, Route("/view", cached(client=60, server=60)))
    easy_setup(app)
    for name in ("a", "b"):
        app.register_blueprint(shop, name=name, url_prefix=f"/{name}")
    for name in ("a", "b"):
        assert "stored" in outcome(app.test_client(), f"/{name}/view")


@pytest.mark.parametrize(
    ("blueprint", "said", "error", "message"),
    [
        (5, (never_cache,), TypeError, "blueprint must be a Blueprint of Flask, got 5"),
        (Blueprint("a", "a"), (), ValueError, "says must be one or more controls or Routes"),
        (Blueprint("a", "a"), (5,), TypeError, "each argument of for_blueprint.. must be controls"),
    ],
)
def test_what_is_wrong_of_a_blueprint(
    blueprint: Any, said: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        for_blueprint(blueprint, *said)


def test_a_route_that_would_release_every_page_is_refused_at_registration() -> None:
    app, shop = site(), Blueprint("shop", __name__, url_prefix="/<path:any>")
    WSGICache(app)
    for_blueprint(shop, Route("/", cached(client=60, server=60)))
    with pytest.raises(ValueError, match="for every path must be a control that vouches"):
        app.register_blueprint(shop)


# ── versions of static files ───────────────────────────────────────────────────────────────────


def test_urls_of_static_files_name_their_version(tmp_path: Path) -> None:
    (tmp_path / "a b.js").write_text("one")
    app = Flask("site", static_folder=str(tmp_path), static_url_path="/files")
    app.config.update(WSGICACHE_STATIC_VERSIONS=True, APPLICATION_ROOT="/mount")
    WSGICache(app)
    with app.test_request_context("/"):
        url = url_for("static", filename="a b.js")
        assert render_template_string("{{ static('a b.js') }}") == url
        assert url_for("static", filename="none.js") == "/mount/files/none.js"
        assert "v=1" in url_for("static", filename="a b.js", v=1)
    assert url.startswith("/mount/files/a%20b.js?v=")
    with app.test_client().get(url.removeprefix("/mount")) as response:
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_without_being_asked_flask_is_left_alone() -> None:
    app = site()
    WSGICache(app)
    assert "static" not in app.jinja_env.globals
    with app.test_request_context():
        assert url_for("static", filename="a.js") == "/static/a.js"


# ── the page about the cache ───────────────────────────────────────────────────────────────────


def only_operators(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as those of extensions for logins are."""

    def guarded(**values: Any) -> Any:
        return view(**values) if request.args.get("operator") else ("log in", 401)

    return guarded


def test_a_page_about_the_cache_is_mounted_behind_its_guard() -> None:
    app = site(WSGICACHE_DASHBOARD="/admin/cache", WSGICACHE_DASHBOARD_GUARD=only_operators)
    WSGICache(app)
    client = app.test_client()
    assert client.get("/admin/cache").location == "http://localhost/admin/cache/"
    for path in ("/admin/cache/", "/admin/cache/none", "/admin/cache/?operator="):
        assert client.get(path).status_code == 401
        assert client.post(path).status_code == 401
    shown = client.get("/admin/cache/?operator=ann", headers={"Cookie": "other=1"})
    assert shown.status_code == 200
    assert "no-store" in shown.headers["Cache-Control"]
    assert "detail=exempt" in shown.headers["Cache-Status"]
    (style,) = re.findall(r'href="(\S+\.css)"', shown.text)
    assert client.get(f"/admin/cache/{style}?operator=ann").mimetype == "text/css"
    assert client.get("/admin/cache/none?operator=ann").status_code == 404


def test_forms_of_the_page_work_though_something_has_read_them() -> None:
    app = site(SECRET_KEY="only for tests")
    app.before_request(lambda: str(request.form) and None)
    WSGICache(app, dashboard="/cache", dashboard_guard=lambda view: view)
    client = app.test_client()
    (token,) = re.findall(r'name="token" value="([^"]+)"', client.get("/cache/url?url=/page").text)
    form = {"token": token, "url": "/page", "who": "stranger"}
    asked = client.post("/cache/url", data=form, headers={"Origin": "http://localhost"})
    assert asked.status_code == 200
    assert "max-age=300" in asked.text


def test_nobody_gets_a_page_that_was_not_asked_for() -> None:
    app = site()
    before = list(app.url_map.iter_rules())
    WSGICache(app)
    assert list(app.url_map.iter_rules()) == before


@pytest.mark.parametrize("debug", [True, False])
def test_a_page_without_a_guard_is_for_debugging_alone(debug: bool) -> None:
    app = site(WSGICACHE_DASHBOARD="/cache/", DEBUG=debug)
    if debug:
        WSGICache(app)
        assert app.test_client().get("/cache/").status_code == 200
        return
    with pytest.raises(TypeError, match="dashboard_guard must be a decorator of views"):
        WSGICache(app)
    assert "wsgicache" not in app.extensions


# ── commands ───────────────────────────────────────────────────────────────────────────────────


SHOP = """
from flask import Flask
from wsgicache import cache_for
from wsgicache.flask import WSGICache

pages = WSGICache()

def create_app():
    app = Flask("shop")
    app.config.from_prefixed_env()
    app.add_url_rule("/page", "page", cache_for(hours=1)(lambda: "page"))
    pages.init_app(app)
    return app
"""
COMMANDS = {
    "inspect --url http://localhost/page": "200 OK: ",
    "explain /page": "a hit, the cache answers",
    "stats": "\nby route:\n  /page: ",
    "audit /page": "1 page without findings",
    "doctor": "no findings",
    "warm /page": "1 request to http://localhost: 0 stored, 1 in the store already",
    "top --once --json": '"/page"',
}


def test_each_command_is_about_the_application(tmp_path: Path) -> None:
    """In a process of its own, by the store and the counters of one that has ended."""
    (tmp_path / "shop.py").write_text(SHOP)
    known = environment(FLASK_WSGICACHE_STORE=f"lmdb://{tmp_path}/store")

    def started(words: str) -> subprocess.Popen[str]:
        flask = ["-m", "flask", "--app", "shop", "wsgicache", *words.split()]
        line = [sys.executable, "-W", "error", *(flask if words else ["-c", ASKING])]
        return subprocess.Popen(
            line,
            cwd=tmp_path,
            env=known,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(process: subprocess.Popen[str]) -> str:
        return process.communicate(timeout=4 * DEADLINE)[0]

    assert "stored" in said(started(""))
    running = {words: started(words) for words in COMMANDS}
    for words, process in running.items():
        assert COMMANDS[words] in said(process), words
    assert said(started("purge --url http://localhost/page")) == "purged 1 response of 1 URL\n"
    assert "uri-miss" in said(started(""))


ASKING = """
from shop import create_app
print(create_app().test_client().get("/page").headers["Cache-Status"])
"""


def test_the_help_lists_the_commands() -> None:
    app = site()
    WSGICache(app)
    run = app.test_cli_runner().invoke
    listed = run(args=["wsgicache", "--help"]).output
    for name in ("audit", "doctor", "explain", "inspect", "purge", "stats", "top", "warm"):
        assert f"  {name} " in listed
    assert "  run " not in listed
    assert "MODULE:APP" not in run(args=["wsgicache", "explain", "--help"]).output


def test_the_commands_need_a_store_that_they_can_reach() -> None:
    app = site()
    WSGICache(app)
    for words in (["purge", "--all"], ["inspect", "--url", "/page"], ["stats"], ["top", "--once"]):
        done = app.test_cli_runner().invoke(args=["wsgicache", *words])
        assert done.exit_code == 2
        assert "WSGICACHE_STORE must be the URL of one" in done.output
        assert ("as its argument" if words[0] == "top" else "with --store") in done.output


def test_flask_is_imported_with_an_application_only() -> None:
    code = "import sys, wsgicache.flask; wsgicache.flask.WSGICache(); print(*sys.modules)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"flask", "click"}.isdisjoint(done.stdout.split())
