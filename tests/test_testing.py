"""The assertions, clients and clock for tests of applications, and the pytest plugin."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from tests.running import ROOT, environment
from wsgicache import (
    CacheMiddleware,
    MemoryStore,
    Policy,
    cache_control,
    cache_for,
    cached,
    easy_setup,
)
from wsgicache.flask import WSGICache, signals
from wsgicache.testing import (
    CacheClock,
    CachedApp,
    assert_differs_for,
    assert_hit,
    assert_not_stored,
    assert_purged,
    assert_same_for,
    assert_stored,
)

pytest_plugins = ["pytester"]
PAGE = ROOT / "docs" / "howto" / "testing.rst"
SUITES = ROOT / "docs" / "examples" / "suites"


def shop() -> Flask:
    """An application with pages for everybody, for one visitor, and wrong ones."""
    app = Flask("shop")
    cache = easy_setup(app, policy=Policy(max_content=1000))
    count = iter(range(1000))

    @app.get("/bread")
    @cache_for(minutes=1)
    def bread() -> str:
        return "bread"

    @app.get("/number")
    def number() -> str:
        return str(next(count))

    @app.get("/public-number")
    @cache_control(public=True, max_age=60)
    def public_number() -> str:
        return str(next(count))

    @app.get("/basket")
    @cache_control(private=True)
    def basket() -> str:
        return f"of {request.cookies.get('name')}"

    @app.get("/leak")
    @cache_control(public=True, max_age=60)
    def leak() -> str:
        return f"of {request.cookies.get('name')}"

    @app.get("/account")
    @cached(server=60)
    def account() -> tuple[str, int]:
        name = {"Bearer a": "Ann"}.get(request.headers.get("Authorization", ""))
        return (f"of {name}", 200) if name else ("refused", 401)

    @app.get("/long")
    @cache_for(minutes=1)
    def long() -> Iterator[str]:
        return iter(["x" * 1000, "y"])

    @app.get("/stale")
    @cache_control(max_age=1, stale_while_revalidate=60)
    def stale() -> str:
        return str(next(count))

    @app.post("/bread")
    def bake() -> str:
        cache.purge("http://localhost/bread")
        return "baked"

    return app


@pytest.fixture
def site() -> Iterator[CachedApp]:
    with CachedApp(shop()) as site:
        yield site


def said(assertion: Callable[..., object], *rest: Any, **options: Any) -> str:
    """What a failing *assertion* says."""
    with pytest.raises(AssertionError) as caught:
        assertion(*rest, **options)
    return str(caught.value)


# ── single responses ───────────────────────────────────────────────────────────────────────────


def test_what_was_stored_is_a_hit_until_the_clock_moves(site: CachedApp) -> None:
    client, clock = site.client(), site.clock
    assert isinstance(clock, CacheClock)
    assert_stored(client.get("/bread"))
    assert_hit(client.get("/bread"))
    clock.advance(minutes=1)
    assert_stored(client.get("/bread"))


def test_a_miss_is_explained_as_it_was(site: CachedApp) -> None:
    message = said(assert_hit, site.client().get("/bread"))
    assert message.startswith("GET http://localhost/bread was not a hit\n")
    assert "it is stored now: the same request once more is a hit" in message
    assert "the application is asked (uri-miss: nothing is stored for this URL)" in message


def test_what_was_stale_is_explained_as_it_was(site: CachedApp) -> None:
    client, clock = site.client(), site.clock
    assert isinstance(clock, CacheClock)
    client.get("/bread")
    clock.advance(minutes=2)
    message = said(assert_hit, client.get("/bread"))
    assert "stored: 200 OK, 120 s old, lifetime 60 s" in message
    assert "the application is asked (stale: " in message


def test_a_refusal_is_explained_with_its_cure(site: CachedApp) -> None:
    response = site.client().get("/number")
    assert_not_stored(response)
    assert_not_stored(response, reason="freshness")
    message = said(assert_stored, response)
    assert "because of freshness (§3, §4.2.1): No lifetime is given" in message
    assert "cure: Route('/number', cache_for(minutes=5))" in message
    assert "the reason is freshness" in said(assert_not_stored, response, reason="cookie")


def test_the_documentation_shows_what_a_failure_says(site: CachedApp) -> None:
    message = said(assert_stored, site.client().get("/number"))
    assert textwrap.indent(message, "    ") in PAGE.read_text("utf-8")


def test_a_hit_and_what_is_stored_are_not_refused(site: CachedApp) -> None:
    client = site.client()
    assert "was not kept out of the store" in said(assert_not_stored, client.get("/bread"))
    response = client.get("/bread")
    assert "was not kept out of the store" in said(assert_not_stored, response)
    assert "it was in the store before" in said(assert_stored, response)


def test_what_grows_too_long_is_not_stored(site: CachedApp) -> None:
    response = site.client().get("/long")
    assert "stored" in response.headers["Cache-Status"]
    assert "because of too-large" in said(assert_stored, response)
    assert_not_stored(response)


def test_a_validation_in_the_background_is_done_when_the_answer_comes(site: CachedApp) -> None:
    client, clock = site.client(), site.clock
    assert isinstance(clock, CacheClock)
    assert client.get("/stale").text == "0"
    clock.advance(seconds=2)
    assert [client.get("/stale").text for _ in range(2)] == ["0", "1"]


@pytest.mark.parametrize("value", [None, "", "no list;;", "3", "a;fwd", "a;fwd=other"])
def test_what_came_through_no_cache_says_so(value: str | None) -> None:
    app = Flask("plain")
    fields = {} if value is None else {"Cache-Status": value}
    app.get("/")(lambda: ("x", fields))
    for assertion in (assert_hit, assert_stored, assert_not_stored):
        text = said(assertion, app.test_client().get("/"))
        assert "did it come through the cache?" in text


# ── two users ──────────────────────────────────────────────────────────────────────────────────


def two(site: CachedApp, path: str, names: tuple[str, str] = ("Ann", "Bob")) -> list[Any]:
    """What two users get."""
    found = []
    for name in names:
        client = site.client()
        if name:
            client.set_cookie("name", name)
        found.append(client.get(path))
    return found


def test_pages_of_two_users(site: CachedApp) -> None:
    assert_differs_for(*two(site, "/basket"))
    assert_same_for(*two(site, "/bread"))
    assert_same_for(*two(site, "/public-number"))
    message = said(assert_same_for, *two(site, "/basket"))
    assert "in the test, they got 200 'of Ann' and 200 'of Bob'" in message
    message = said(assert_same_for, *two(site, "/leak"))
    assert (
        "makes the page of both: each alone, they got 200 OK 'of Ann' and 200 OK 'of B" in message
    )
    message = said(assert_differs_for, *two(site, "/leak"))
    assert "in the test, both users got 200 'of Ann'" in message


def test_the_other_order_is_tried_too(site: CachedApp) -> None:
    """What one visitor may share answers the other, but only if that one comes second."""
    app = Flask("order")

    @app.get("/")
    def page() -> Any:
        name = request.cookies.get("name")
        return f"of {name}", {"Cache-Control": "private" if name else "public, max-age=60"}

    with CachedApp(app) as site:
        ann, nobody = two(site, "/", ("Ann", ""))
        assert ann.data != nobody.data
        message = said(assert_differs_for, ann, nobody)
    assert "from an empty cache, both users got 200 OK 'of None'" in message


def test_a_page_that_comes_to_the_other_only_if_stored_first() -> None:
    app = Flask("first")

    @app.get("/")
    def page() -> Any:
        name = request.cookies.get("name")
        vary = {"Vary": "Cookie"} if name else {}
        return f"of {name}", {"Cache-Control": "public, max-age=60", **vary}

    with CachedApp(app) as site:
        message = said(assert_differs_for, *two(site, "/", ("Ann", "")))
    assert "a after b, from an empty cache, both users got 200 OK 'of None'" in message


def test_two_users_must_get_the_same_url(site: CachedApp) -> None:
    client = site.client()
    with pytest.raises(ValueError, match="same URL"):
        assert_same_for(client.get("/bread"), client.get("/basket"))
    with pytest.raises(TypeError, match="GET"):
        assert_same_for(client.get("/bread"), client.post("/bread"))
    wrong: Any = None
    with pytest.raises(TypeError, match=r"response must be a response of a cached client"):
        assert_hit(wrong)
    with pytest.raises(TypeError, match="client must be a cached client"):
        assert_purged(wrong, "/")


# ── purges ─────────────────────────────────────────────────────────────────────────────────────


def test_a_purge_is_seen(site: CachedApp) -> None:
    client = site.client()
    assert "was not stored before" in said(assert_purged, client, "/bread")
    client.get("/bread")
    assert "http://localhost/bread was not purged" in said(assert_purged, client, "/bread")
    client.post("/bread")
    assert_purged(client, "/bread")
    assert_purged(client, "http://localhost/bread")
    client.get("/bread")
    site.cache.purge_all()
    assert_purged(client, "/bread")


# ── the application gets back what it had ──────────────────────────────────────────────────────


def test_a_cache_of_the_application_begins_empty_and_comes_back() -> None:
    app = shop()
    cache, store = app.extensions["wsgicache"], app.extensions["wsgicache"].store
    assert "stored" in app.test_client().get("/bread").headers["Cache-Status"]
    with CachedApp(app) as site:
        assert app.extensions["wsgicache"] is site.cache is cache
        assert cache.store is not store
        assert_stored(site.client().get("/bread"))
    assert cache.store is store
    assert "hit" in app.test_client().get("/bread").headers["Cache-Status"]


def test_the_observer_and_signals_of_the_application_go_on() -> None:
    app = Flask("observed")
    seen: list[object] = []
    WSGICache(app, observer=lambda one: seen.append(one.outcome))
    app.get("/bread")(cache_for(minutes=1)(lambda: "bread"))
    note = {name: (lambda sender, name=name, **_: seen.append(name)) for name in ("hit", "purged")}
    with (
        signals.hit.connected_to(note["hit"], app),
        signals.purged.connected_to(note["purged"], app),
        CachedApp(app) as site,
    ):
        client = site.client()
        client.get("/bread")
        told = said(assert_differs_for, client.get("/bread"), client.get("/bread"))
        site.cache.purge_all()
    assert "http://localhost/bread" in told
    assert seen == ["stored", "hit", "hit", "hit", "hit", "purged"]


def test_an_application_without_a_cache_has_none_afterwards() -> None:
    app = Flask("plain")
    app.get("/")(lambda: ("x", {"Cache-Control": "max-age=60"}))
    with CachedApp(app) as site:
        client = site.client()
        assert_stored(client.get("/"))
        assert_hit(client.get("/"))
    assert "Cache-Status" not in app.test_client().get("/").headers


def test_cookies_and_policies_stay(site: CachedApp) -> None:
    assert site.cache.policy.max_content == 1000
    store = MemoryStore()
    quiet = CacheMiddleware(shop().wsgi_app, store=store, policy=Policy(cache_status=False))
    with CachedApp(quiet) as other:
        assert_stored(other.client(use_cookies=False).get("/bread"))


# ── the clock ──────────────────────────────────────────────────────────────────────────────────


def test_the_clock_follows_the_time_of_others_and_never_runs_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = 1000.0
    monkeypatch.setattr("time.time", lambda: moment)
    clock = CacheClock()
    clock.advance(5, minutes=1)
    assert (clock.now(), clock.wall()) == (1065, 1065)
    moment = 100.0
    assert (clock.now(), clock.wall()) == (1065, 165)
    moment = 110.0
    assert (clock.now(), clock.wall()) == (1075, 175)
    with pytest.raises(ValueError, match="0 seconds or more"):
        clock.advance(-1)


# ── the plugin ─────────────────────────────────────────────────────────────────────────────────

CONFTEST = """
import pytest
from tests.test_testing import shop

@pytest.fixture
def app():
    return shop()
"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess("-p", "wsgicache.pytest_plugin", *options)


def test_the_fixtures(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
        import pytest
        from tests.test_testing import shop

        def test_all(
            cached_client, make_cached_client, cache_clock, assert_hit, assert_stored,
            assert_not_stored, assert_same_for, assert_differs_for, assert_purged, audit
        ):
            assert_stored(cached_client.get("/bread"))
            assert_hit(make_cached_client().get("/bread"))
            cache_clock.advance(minutes=1)
            assert_stored(cached_client.get("/bread"))
            assert_not_stored(cached_client.get("/basket"), reason="private")
            a, b = make_cached_client(), make_cached_client()
            a.set_cookie("name", "a")
            assert_same_for(a.get("/bread"), b.get("/bread"))
            assert_differs_for(a.get("/basket"), b.get("/basket"))
            cached_client.post("/bread")
            assert_purged(cached_client, "/bread")
            assert audit().clean == 2
            with pytest.raises(AssertionError, match="leak.*cookie name"):
                audit("/leak", login="name=Ann")
            with pytest.raises(AssertionError, match="leak.*header Authorization"):
                audit("/account", login=["name=Ann", "Authorization: Bearer a"])

        @pytest.mark.parametrize("cached_client", [shop()], indirect=True)
        def test_a_parameter(cached_client, assert_stored):
            assert_stored(cached_client.get("/bread"))

        def test_each_test_begins_empty(cached_client, assert_stored):
            assert_stored(cached_client.get("/bread"))
        """,
    )
    done.assert_outcomes(passed=3)


def test_a_failure_prints_the_explanation(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
        def test_it(cached_client, assert_stored):
            assert_stored(cached_client.get("/number"))
        """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E *because of freshness*", "E *cure: Route('/number', *"])


def test_an_audit_of_all_that_is_visited(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
        def test_right(cached_client):
            cached_client.get("/bread")

        def test_wrong(cached_client):
            cached_client.set_cookie("name", "Ann")
            cached_client.get("/leak")

        def test_wrong_again(cached_client):
            cached_client.get("/leak")

        def test_wrong_by_a_token(cached_client):
            cached_client.get("/account", headers={"Authorization": "Bearer a"})
            cached_client.get("/account")
        """,
        "--wsgicache-audit",
    )
    done.assert_outcomes(passed=4, errors=2)
    done.stdout.fnmatch_lines(["*leak: http://localhost/leak: cookie name*"])
    done.stdout.fnmatch_lines(["*leak: http://localhost/account: header Authorization*"])


def test_without_an_application_it_says_what_to_write(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(cached_client): pass")
    done = pytester.runpytest_inprocess("-p", "wsgicache.pytest_plugin")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*no fixture called app; write one*"])


def test_the_plugin_alone_imports_nothing_that_only_fixtures_need() -> None:
    late = "('wsgicache.testing', 'wsgicache.why', 'werkzeug.test', 'flask', 'django')"
    names = f"[name for name in sys.modules if name.startswith({late})]"
    line = [sys.executable, "-c", f"import wsgicache.pytest_plugin, sys; print({names})"]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


DJANGO = """
import django
import pytest
from django.conf import settings

CONTRIB = "django.contrib."
MIDDLEWARE = [
    CONTRIB + "sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    CONTRIB + "auth.middleware.AuthenticationMiddleware",
]
PAGES = {"a.html": "hello {{ name }}"}
LOADERS = [("django.template.loaders.locmem.Loader", PAGES)]
BACKEND = "django.template.backends.django.DjangoTemplates"
settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[CONTRIB + name for name in ("auth", "contenttypes", "sessions")],
    MIDDLEWARE=MIDDLEWARE,
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests",
    TEMPLATES=[{"BACKEND": BACKEND, "OPTIONS": {"loaders": LOADERS}}],
)
django.setup()

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.shortcuts import render
from django.test.utils import setup_test_environment
from django.urls import path

setup_test_environment()

def me(request):
    return HttpResponse(str(request.user))

def page(request):
    return render(request, "a.html", {"name": "Ann"})

def raising(request):
    raise KeyError("no")

def form(request):
    return HttpResponse(request.POST["name"])

urlpatterns = [path("me", me), path("page", page), path("raising", raising), path("form", form)]

@pytest.fixture
def app():
    return get_wsgi_application()

def test_users(cached_client, make_cached_client, assert_differs_for, assert_not_stored):
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    cached_client.force_login(User.objects.create_user("ann"))
    ann, other = cached_client.get("/me"), make_cached_client().get("/me")
    assert (ann.content, other.content) == (b"ann", b"AnonymousUser")
    assert_not_stored(ann)
    assert_differs_for(ann, other)

def test_templates_and_exceptions(cached_client):
    response = cached_client.get("/page")
    assert response.content == b"hello Ann"
    assert response.context["name"] == "Ann"
    assert response.resolver_match.func is page
    with pytest.raises(KeyError):
        cached_client.get("/raising")

def test_forms(cached_client, make_cached_client):
    assert cached_client.post("/form", {"name": "Ann"}).content == b"Ann"
    strict = make_cached_client(enforce_csrf_checks=True)
    assert strict.post("/form", {"name": "Ann"}).status_code == 403
"""


def test_djangos_client_does_what_it_does_without_a_cache(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(DJANGO)
    done = pytester.runpytest_subprocess("-p", "wsgicache.pytest_plugin", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=3)


def test_the_suites_of_the_documentation_pass(tmp_path: Path) -> None:
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\nfilterwarnings = error\n")
    options = ["-p", "wsgicache.pytest_plugin", "-p", "no:cacheprovider", "-c", str(settings)]
    line = [sys.executable, "-m", "pytest", "-q", *options, f"--rootdir={SUITES}", str(SUITES)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_every_suite_is_shown() -> None:
    page = PAGE.read_text("utf-8")
    for path in SUITES.glob("*.py"):
        assert f"examples/suites/{path.name}" in page
