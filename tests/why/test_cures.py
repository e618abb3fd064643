"""For each detail and each ``fwd`` of the documentation: a scenario, and its cure applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from cachelib import SimpleCache
from flask import Flask, session

import wsgicache
from tests.running import ROOT
from tests.scene import environ_for, exchange
from tests.why.sites import SITES, Line, Page, Site, django_handler, urlpatterns
from wsgicache import (
    CacheMiddleware,
    Control,
    MemoryStore,
    Policy,
    Route,
    cache_for,
    json_never_stale,
)
from wsgicache.rules import storing
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.why.causes import CAUSES, FORWARDS
from wsgicache.why.explain import Explanation

DOCUMENTED = (ROOT / "docs" / "reference" / "cache-status.rst").read_text("utf-8")
HTML: Line = ("Content-Type", "text/html")
JSON: Line = ("Content-Type", "application/json")
FRESH: Line = ("Cache-Control", "max-age=60")
LONG = "x" * 17_000


def page(*lines: Line, status: int = 200, content: bytes = b"page", kind: Line = HTML) -> Page:
    return status, [kind, *lines], content


THEME: Line = ("Cookie", "theme=dark")
SESSION: Line = ("Cookie", "session=1")
Row = tuple[str, Page, list[Line], dict[str, Any], str]
CURED: list[Row] = [
    # Which detail, for which page, asked how, behind which cache, and the first cure.
    ("freshness", page(), [], {}, "Route('/p', cache_for(minutes=5))"),
    ("freshness", page(status=302), [], {}, "Route('/p', cache_for(minutes=5, status=302))"),
    (
        "freshness",
        page(("Cache-Control", "max-age=0")),
        [],
        {},
        "Route('/p', cache_for(minutes=5), override=True)",
    ),
    ("freshness", page(), [THEME], {}, "Route('/p', cached(server=300))"),
    ("freshness", page(("Vary", "Cookie")), [SESSION], {}, "Route('/p', cache_for(minutes=5))"),
    (
        "cookie",
        page(FRESH),
        [THEME],
        {},
        "Policy(ignore_cookies=[*ANALYTICS_COOKIES, 'theme'])",
    ),
    ("cookie", page(FRESH), [SESSION], {}, "Route('/p', cached(server=300), override=True)"),
    (
        "authorization",
        page(FRESH),
        [("Authorization", "Basic YTpi")],
        {},
        "Route('/p', cached(server=300), override=True)",
    ),
    (
        "charset",
        page(FRESH),
        [("Content-Type", "text/x; charset=x")],
        {},
        "Route('/p', vary('Content-Type'))",
    ),
    (
        "content-type",
        page(),
        [],
        {"routes": [Route("/p*.css", cache_for(minutes=1))]},
        "Route('/p.css', cache_for(minutes=5), content_type='text/html')",
    ),
    (
        "surrogate-control",
        page(FRESH, ("Surrogate-Control", "no-store")),
        [],
        {},
        "Route('/p', cached(server=300), override=True)",
    ),
    ("too-large", page(FRESH), [], {"policy": {"max_content": 3}}, "Policy(max_content=4)"),
    ("exempt", page(FRESH), [], {"policy": {"exempt": ["/x", "/p"]}}, "Policy(exempt=['/x'])"),
    (
        "no-store",
        page(kind=JSON),
        [],
        {"policy": {"default": json_never_stale}},
        "Route('/p', cache_for(minutes=5))",
    ),
    (
        "partial",
        page(FRESH, ("Content-Range", "bytes 0-3/9"), ("ETag", '"1"'), status=206),
        [("Range", "bytes=0-3")],
        {},
        "Policy(store_partial=True)",
    ),
    (
        "range",
        page(FRESH, ("Content-Length", "4")),
        [("Range", "bytes=0-2")],
        {"policy": {"whole_for_range": 3}},
        "Policy(whole_for_range=4)",
    ),
    (
        "set-cookie",
        page(FRESH, ("Set-Cookie", "seen=1")),
        [],
        {},
        "do not set the cookie seen in this view",
    ),
    (
        "hidden-cookie",
        page(FRESH, ("Set-Cookie", "theme=1")),
        [THEME],
        {"policy": {"only_cookies": ["session"]}},
        "do not set the cookie theme in this view",
    ),
]


def path_of(detail: str) -> str:
    return "/p.css" if detail == "content-type" else "/p"


def cache_for_site(app: Any, options: dict[str, Any], *more: Any) -> CacheMiddleware:
    """The cache of a scenario, with *more* options of the policy, or routes."""
    policy = dict(options.get("policy", {}))
    routes = list(options.get("routes", ()))
    for one in more:
        if isinstance(one, Route):
            routes.insert(0, one)
        else:
            policy |= one
    return CacheMiddleware(app, policy=Policy(**policy), routes=routes)


def applied(what: str) -> list[Any]:
    """A cure's lines as Python has them: routes, and options of a policy as a dict."""
    names = {**vars(wsgicache), "Policy": dict}
    return [eval(line, names) for line in re.split(r" and (?=Route|Policy)", what)]


def rows(rows: list[Row]) -> list[Any]:
    """Each row with one of the frameworks in its turn."""
    return [
        pytest.param(SITES[number % 3], *row, id=f"{row[0]}-{SITES[number % 3].__name__}")
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("site", "detail", "answer", "fields", "options", "cure"), rows(CURED))
def test_the_first_cure_makes_it_a_hit(
    site: Site,
    detail: str,
    answer: Page,
    fields: list[Line],
    options: dict[str, Any],
    cure: str,
) -> None:
    path = path_of(detail)
    pages = {path: answer}
    app = site(pages)
    explained = cache_for_site(app, options).explain(f"http://example.org{path}", fields)
    assert detail in [reason.token for reason in explained.reasons]
    first = explained.cures[0]
    assert (first.what, first.outcome) == (cure, "hit")
    if first.where == "the application":
        left = [line for line in answer[1] if line[0] != "Set-Cookie"]
        pages[path] = (answer[0], left, answer[2])
        cache = cache_for_site(app, options)
    else:
        cache = cache_for_site(app, options, *applied(first.what))
    environ = environ_for(target=path, headers=fields)
    assert not exchange(cache, dict(environ)).hit
    assert exchange(cache, dict(environ)).hit
    assert len({one.what for one in explained.cures}) == len(explained.cures)


def test_a_decorator_comes_before_routes_so_the_cure_stands_in_its_place() -> None:
    def site(control: Control) -> CacheMiddleware:
        app = Flask(__name__)
        app.get("/p")(control(lambda: ("page", {"Vary": "Cookie"})))
        return CacheMiddleware(app)

    key: Line = ("Authorization", "Basic YTpi")
    for then, written in (
        ({}, "cached(server=300)"),
        ({"then": [SESSION]}, "cached(server=300, everybody=True)"),
    ):
        explained = site(cache_for(minutes=5)).explain("/p", [] if then else [key], **then)
        cure = (explained.then or explained).cures[0]
        assert cure.what == f"{written} in place of cache_for(minutes=5)"
        cured = site(eval(written, vars(wsgicache)))
        assert not exchange(cured, environ_for(target="/p", headers=[] if then else [key])).hit
        assert exchange(cured, environ_for(target="/p", headers=[SESSION] if then else [key])).hit


def test_everybody_means_those_with_a_session_where_other_cookies_are_hidden() -> None:
    app = SITES[0]({"/p": page(("Vary", "Cookie"))})
    cures = CacheMiddleware(app, policy=Policy.django()).explain("/p").cures
    assert {cure.what: cure.for_others for cure in cures} == {
        "Route('/p', cache_for(minutes=5))": False,
        "Route('/p', cached(server=300))": False,
        "Route('/p', cached(server=300, everybody=True))": True,
    }


UNCURED: list[tuple[str, Page, list[Line], dict[str, Any], str]] = [
    ("no-store", page(("Cache-Control", "no-store, max-age=9")), [], {}, "refused"),
    ("private", page(("Cache-Control", "private, max-age=9")), [], {}, "refused"),
    ("request-no-store", page(FRESH), [("Cache-Control", "no-store")], {}, "refused"),
    ("vary", page(FRESH, ("Vary", "*")), [], {}, "refused"),
    ("set-cookie", page(FRESH, ("Set-Cookie", "session=; Max-Age=0")), [SESSION], {}, "refused"),
    (
        "set-cookie",
        page(FRESH, ("Set-Cookie", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/")),
        [],
        {},
        "refused",
    ),
    ("status", page(FRESH, status=415), [], {}, "refused"),
    ("freshness", page(status=500), [], {}, "refused"),
    ("stream", page(FRESH, kind=("Content-Type", "text/event-stream")), [], {}, "refused"),
    (
        "must-understand",
        page(("Cache-Control", "must-understand, max-age=9"), status=299),
        [],
        {},
        "refused",
    ),
    ("content-length", page(FRESH, ("Content-Length", "x")), [], {}, "refused"),
    ("malformed", page(FRESH, ("X-Odd", "a\x01b")), [], {}, "refused"),
    ("groups", page(FRESH, ("Cache-Tag", ",".join(map(str, range(200))))), [], {}, "refused"),
    ("too-long", page(("Cache-Control", f"max-age=9, {LONG}")), [], {}, "refused"),
    ("too-long", page(FRESH), [("Cookie", f"a={LONG}")], {}, "bypass"),
    ("only-if-cached", page(FRESH), [("Cache-Control", "only-if-cached")], {}, "refused"),
    ("body", page(FRESH), [("Content-Length", "3")], {}, "bypass"),
    ("override", page(FRESH), [("X-HTTP-Method-Override", "PUT")], {}, "bypass"),
    ("precondition", page(FRESH), [("If-Match", '"a"')], {}, "bypass"),
    ("expect", page(FRESH), [("Expect", "100-continue")], {}, "bypass"),
    ("upgrade", page(FRESH), [("Upgrade", "websocket")], {}, "bypass"),
    ("target", page(FRESH), [("Host", "a b")], {}, "bypass"),
]


@pytest.mark.parametrize(
    ("site", "detail", "answer", "fields", "options", "outcome"), rows(UNCURED)
)
def test_where_there_is_no_cure_a_sentence_says_why(
    site: Site,
    detail: str,
    answer: Page,
    fields: list[Line],
    options: dict[str, Any],
    outcome: str,
) -> None:
    explained = cache_for_site(site({"/p": answer}), options).explain(
        "http://example.org/p", fields
    )
    assert (explained.outcome, explained.cures) == (outcome, ())
    reason = next(reason for reason in explained.reasons if reason.token == detail)
    assert reason.no_cure
    assert any(f"no cure: {reason.no_cure}" in line for line in explained.lines())


class Broken(MemoryStore):
    """A store that fails."""

    def get(self, key: Any) -> Any:
        raise OSError("no disk")


def test_trouble_is_named() -> None:
    app = SITES[0]({"/p": page(FRESH)})
    url = "http://example.org/p"
    broken = CacheMiddleware(app, store=Broken()).explain(url)
    assert first(broken) == "store-error"
    assert "    said by the store: OSError: no disk" in list(broken.lines())
    cache = CacheMiddleware(app)
    cache.enabled = False
    assert first(cache.explain(url)) == "off"
    assert first(CacheMiddleware(app).explain("http://example.org/raises")) == "raised"
    head = CacheMiddleware(app, policy=Policy(head_as_get=False))
    assert first(head.explain(url, method="HEAD")) == "method"


def first(explained: Explanation) -> str:
    assert explained.outcome in ("refused", "bypass")
    assert explained.cures == ()
    assert all(reason.no_cure for reason in explained.reasons)
    return explained.reasons[0].token


# ── what only happens beside other requests, or by what surrounds the cache ──────────────────────

Scenario = Callable[[pytest.MonkeyPatch], Explanation]
URL = "http://example.org/p"


def by_collecting(patch: pytest.MonkeyPatch) -> Explanation:
    """Flask's bodies come in pieces, and there is no room for any."""
    app = SITES[0]({"/p": page(FRESH, content=b"x" * 90)})
    explained = CacheMiddleware(app, policy=Policy(max_collecting=0)).explain(URL)
    assert first_detail(CacheMiddleware(app, policy=Policy(max_collecting=0))) == "collecting"
    (cure,) = explained.cures
    cache = cache_for_site(app, {}, *applied(cure.what))
    exchange(cache, environ_for(target="/p"))
    assert (cure.outcome, exchange(cache, environ_for(target="/p")).hit) == ("hit", True)
    return explained


def by_forcing(patch: pytest.MonkeyPatch) -> Explanation:
    """A client's no-cache meets an error: what is stored stays."""
    pages = {"/p": page(FRESH)}
    cache = CacheMiddleware(SITES[1](pages), policy=Policy(reload_seconds=0))
    exchange(cache, environ_for(target="/p"))
    pages["/p"] = page(status=503)
    reload: Line = ("Cache-Control", "no-cache")
    assert first_detail(cache, headers=[reload]) == "forced"
    explained = cache.explain(URL, [reload])
    assert (explained.outcome, explained.forward) == ("refused", "request")
    assert exchange(cache, environ_for(target="/p")).hit
    return explained


def by_a_route_that_raises(patch: pytest.MonkeyPatch) -> Explanation:
    routes = [Route("/p", vary_by=lambda environ: environ["no such key"])]
    cache = CacheMiddleware(SITES[2]({"/p": page(FRESH)}), routes=routes)
    assert first_detail(cache) == "request"
    return cache.explain(URL)


def by_what_is_outside(patch: pytest.MonkeyPatch) -> Explanation:
    cache = CacheMiddleware(SITES[1]({"/p": page(FRESH)}))
    environ = environ_for(target="/p", changes={"wsgicache.bypass": True})
    assert exchange(cache, dict(environ)).detail == "bypass"
    return cache.explain(URL, given=environ)


def by_a_rule_that_fails(patch: pytest.MonkeyPatch) -> Explanation:
    def fail(*args: Any) -> None:
        raise RuntimeError

    patch.setattr(storing, "refusal", fail)
    cache = CacheMiddleware(SITES[0]({"/p": page(FRESH)}))
    assert first_detail(cache) == "error"
    return cache.explain(URL)


def first_detail(cache: CacheMiddleware, **options: Any) -> str | None:
    return exchange(cache, environ_for(target="/p", **options)).detail


HAPPENING: dict[str, Scenario] = {
    "collecting": by_collecting,
    "forced": by_forcing,
    "request": by_a_route_that_raises,
    "bypass": by_what_is_outside,
    "error": by_a_rule_that_fails,
}


@pytest.mark.parametrize("detail", HAPPENING)
def test_what_happens_beside_is_explained(detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    explained = HAPPENING[detail](monkeypatch)
    assert explained.outcome in ("refused", "bypass")
    assert detail in [reason.token for reason in explained.reasons]
    assert bool(explained.cures) != any(reason.no_cure for reason in explained.reasons)


def test_a_post_that_has_emptied_something_and_one_whose_entry_changed() -> None:
    """`explain` never sends a POST: these details come from the cache itself."""
    fields = [("Content-Location", "/p"), FRESH]
    store: list[CacheMiddleware] = []

    def purging(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST" and store:
            store.pop().purge(URL)
        return inside(environ, start_response)

    inside = SITES[2]({"/p": page(*fields)})
    cache = CacheMiddleware(purging, policy=Policy.rfc())
    exchange(cache, environ_for(target="/p"))
    store.append(cache)
    assert exchange(cache, environ_for("POST", "/p")).detail == "changed"
    again = exchange(cache, environ_for("POST", "/p"))
    assert (again.stored, exchange(cache, environ_for(target="/p")).hit) == (True, True)
    safe = CacheMiddleware(inside)
    exchange(safe, environ_for(target="/p"))
    assert exchange(safe, environ_for("POST", "/p")).detail == "invalidated"
    for detail in ("changed", "invalidated"):
        assert CAUSES[detail].no_cure


def test_a_new_search_in_a_store_that_processes_share() -> None:
    """The next response is stored, as its sentence says."""
    app = SITES[1]({"/p": page(FRESH, ("No-Vary-Search", "key-order"))})
    cache = CacheMiddleware(app, store=CachelibStore(SimpleCache()))
    asked = environ_for(target="/p?b&a")
    assert exchange(cache, dict(asked)).detail == "new-search"
    assert exchange(cache, dict(asked)).stored
    assert exchange(cache, environ_for(target="/p?a&b")).hit
    assert CAUSES["new-search"].no_cure


# ── what is stored, and does not answer ────────────────────────────────────────────────────────

MOBILE: Line = ("X-Device", "phone")
PARTIAL = page(FRESH, ("Content-Range", "bytes 0-3/9"), ("ETag", '"1"'), status=206)
Request = dict[str, Any]
UNANSWERED: dict[str, tuple[Page, Request, Request, dict[str, Any]]] = {
    # A page, what was asked first, what is asked now, and behind which cache.
    "vary-cookie": (
        page(FRESH, ("Vary", "Cookie")),
        {"headers": [SESSION]},
        {"headers": [("Cookie", "session=2")]},
        {},
    ),
    "vary-target": (page(FRESH), {}, {"changes": {"RAW_URI": "/x%2Fp"}}, {}),
    "vary-mount": (page(FRESH), {}, {"changes": {"SCRIPT_NAME": "/p", "PATH_INFO": ""}}, {}),
    "vary-vary-by": (
        page(FRESH),
        {},
        {"headers": [MOBILE]},
        {"routes": [Route("/p", vary_by=lambda environ: environ.get("HTTP_X_DEVICE", ""))]},
    ),
    "no-cache": (page(FRESH), {}, {"headers": [("Pragma", "no-cache")]}, {}),
    "max-age": (page(FRESH), {}, {"headers": [("Cache-Control", "max-age=0")]}, {}),
    "min-fresh": (page(FRESH), {}, {"headers": [("Cache-Control", "min-fresh=90")]}, {}),
}


@pytest.mark.parametrize("detail", UNANSWERED)
def test_why_what_is_stored_does_not_answer(detail: str) -> None:
    answer, one, two, options = UNANSWERED[detail]
    site = SITES[list(UNANSWERED).index(detail) % 3]
    options = {**options, "policy": {"reload_seconds": 0}}
    cache = cache_for_site(site({"/p": answer, "/p/": answer}), options)
    exchange(cache, environ_for(target="/p", **one))
    environ = environ_for(target="/p", **two)
    explained = cache.explain(URL, two.get("headers", ()), given=dict(environ))
    assert [reason.token for reason in explained.reasons] == [detail]
    got = exchange(cache, environ)
    assert (got.detail, got.fwd) == (detail, explained.forward)


FORWARDED: dict[str, tuple[Page, Request, Request, dict[str, Any]]] = {
    "uri-miss": (page(FRESH), {"method": "OPTIONS"}, {}, {}),
    "vary-miss": (page(FRESH, ("Vary", "X-Device")), {}, {"headers": [MOBILE]}, {}),
    "stale": (page(("Cache-Control", "no-cache"), ("ETag", '"1"')), {}, {}, {}),
    "request": (page(FRESH), {}, {"headers": [("Cache-Control", "no-cache")]}, {}),
    "partial": (
        PARTIAL,
        {"headers": [("Range", "bytes=0-3")]},
        {"headers": [("Range", "bytes=5-6")]},
        {"store_partial": True},
    ),
    "method": (page(FRESH), {}, {"method": "POST"}, {}),
    "bypass": (page(FRESH), {}, {"headers": [("If-Match", '"a"')]}, {}),
}


@pytest.mark.parametrize("forward", FORWARDED)
def test_why_the_application_is_asked(forward: str) -> None:
    answer, one, two, policy = FORWARDED[forward]
    site = SITES[list(FORWARDED).index(forward) % 3]
    cache = cache_for_site(site({"/p": answer}), {"policy": {"reload_seconds": 0, **policy}})
    exchange(cache, environ_for(target="/p", **one))
    explained = cache.explain(URL, two.get("headers", ()), method=two.get("method", "GET"))
    assert explained.forward == forward
    assert any(FORWARDS[forward] in line for line in explained.lines())
    assert exchange(cache, environ_for(target="/p", **two)).fwd == forward


def test_all_that_the_documentation_lists_has_a_scenario() -> None:
    tables = DOCUMENTED.partition("``fwd-status=304``")
    details = set(re.findall(r"^``([a-z-]+)`` ", tables[2], re.MULTILINE))
    fields = {"vary-cookie"}  # which every field that selects stands for
    assert details - fields == CAUSES.keys()
    forwards = set(re.findall(r"^    ``([a-z-]+)`` ", tables[0], re.MULTILINE))
    assert forwards == FORWARDS.keys() == FORWARDED.keys()
    tried = {row[0] for row in (*CURED, *UNCURED)} | HAPPENING.keys() | UNANSWERED.keys()
    tried |= {"store-error", "off", "raised", "method", "changed", "invalidated", "new-search"}
    # Each field for other caches has its own name.
    assert {*details, "surrogate-control"} == {*tried, "cdn-cache-control"}


# ── sessions and forms, as frameworks have them ────────────────────────────────────────────────


def test_a_flask_session_that_is_saved_each_time() -> None:
    app = Flask(__name__)
    app.secret_key = "for tests"

    @app.route("/login")
    def login() -> str:
        session.permanent = True
        session["who"] = "a"
        return "in"

    @app.route("/p")
    @cache_for(minutes=5)
    def shown() -> str:
        return f"hello {session.get('who')}"

    cookie = app.test_client().get("/login").headers["Set-Cookie"].partition(";")[0]
    explained = CacheMiddleware(app).explain("http://example.org/p", {"Cookie": cookie})
    assert [reason.token for reason in explained.reasons] == ["set-cookie"]
    assert explained.reasons[0].said.endswith(
        "; usually set by Flask's session, where a view changes it, or where it is permanent"
    )
    line = explained.cures[0].what
    assert line == "SESSION_REFRESH_EACH_REQUEST = False in Flask's configuration"
    app.config[line.partition(" ")[0]] = False
    cache = CacheMiddleware(app)
    environ = environ_for(target="/p", headers=[("Cookie", cookie)])
    exchange(cache, dict(environ))
    assert exchange(cache, dict(environ)).hit


def test_django_sessions_and_form_tokens() -> None:
    from django.http import HttpResponse
    from django.middleware.csrf import get_token
    from django.urls import path

    def login(request: Any) -> HttpResponse:
        request.session["who"] = "a"
        return HttpResponse("in")

    def form(request: Any) -> HttpResponse:
        token = get_token(request)
        return HttpResponse(f"<input name=csrfmiddlewaretoken value={token}>")

    @cache_for(minutes=5)
    def shown(request: Any) -> HttpResponse:
        return HttpResponse(request.session["who"])

    urlpatterns[:] = [path("login", login), path("form", form), path("p", shown)]
    options: dict[str, Any] = {
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
        "MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"],
    }
    saving = django_handler(SESSION_SAVE_EVERY_REQUEST=True, **options)
    cookies = exchange(saving, environ_for(target="/login")).header("Set-Cookie")
    cookie = ("Cookie", str(cookies).partition(";")[0])
    explained = CacheMiddleware(saving).explain("http://example.org/p", [cookie])
    assert [reason.token for reason in explained.reasons] == ["set-cookie"]
    line = explained.cures[0].what
    assert line == "SESSION_SAVE_EVERY_REQUEST = False in Django's settings"
    cache = CacheMiddleware(django_handler(SESSION_SAVE_EVERY_REQUEST=False, **options))
    environ = environ_for(target="/p", headers=[cookie])
    exchange(cache, dict(environ))
    assert exchange(cache, dict(environ)).hit
    options["MIDDLEWARE"] = ["django.middleware.csrf.CsrfViewMiddleware"]
    advice = CacheMiddleware(django_handler(**options)).explain("http://example.org/form").cures
    assert [cure.outcome for cure in advice] == ["unchecked"]


# ── a second request ───────────────────────────────────────────────────────────────────────────

SECOND: list[tuple[Page, list[Line], list[Line], str, str, str, str]] = [
    # A page, two requests, the second's URL, its fwd, and the first cure.
    (
        page(FRESH, ("Vary", "Cookie")),
        [("Cookie", "session=1")],
        [("Cookie", "session=2")],
        "/p",
        "vary-miss",
        "Cookie",
        "Route('/p', cached(server=300, everybody=True), override=True)",
    ),
    (
        page(FRESH, ("Vary", "Accept-Language")),
        [("Accept-Language", "en-GB, en;q=0.5")],
        [("Accept-Language", "en-US")],
        "/p",
        "vary-miss",
        "Accept-Language",
        "Route('/p', languages=['en'])",
    ),
    (
        page(FRESH, ("Vary", "Accept, User-Agent")),
        [("Accept", "*/*")],
        [("Accept", "text/html")],
        "/p",
        "vary-miss",
        "Accept",
        "Route('/p', accept=['text/html'])",
    ),
    (
        page(FRESH, ("Vary", "User-Agent")),
        [("User-Agent", "a")],
        [("User-Agent", "b")],
        "/p",
        "vary-miss",
        "User-Agent",
        "do not name User-Agent in Vary",
    ),
    (
        page(FRESH),
        [],
        [],
        "/p?utm_source=a",
        "uri-miss",
        "",
        "Policy(ignore_query=TRACKING_PARAMETERS)",
    ),
    (page(FRESH), [], [], "/p?b=1&a=1", "uri-miss", "", "Policy(sort_query=True)"),
    (page(FRESH), [], [], "/p?a=1&b=2", "uri-miss", "", "Route('/p', query=['a'])"),
]


@pytest.mark.parametrize(("answer", "one", "two", "target", "forward", "field", "cure"), SECOND)
def test_what_tells_two_requests_apart_and_how_they_share(
    answer: Page, one: list[Line], two: list[Line], target: str, forward: str, field: str, cure: str
) -> None:
    pages = {"/p": answer}
    app = SITES[0](pages)
    begun = "/p?a=1&b=1" if "a=1" in target else "/p"
    explained = CacheMiddleware(app).explain(
        f"http://example.org{begun}", one, then=two, then_url=f"http://example.org{target}"
    )
    second = explained.then
    assert second is not None
    assert (second.outcome, second.forward) == ("stored", forward)
    assert ", ".join(second.differing) == field
    said = [(reason.token, reason.by) for reason in second.reasons]
    assert said == ([(f"vary-{field.lower()}", "request")] if field else [])
    assert second.cures[0].what == cure
    if second.cures[0].where == "the application":
        pages["/p"] = page(FRESH)
        cache = CacheMiddleware(app)
    else:
        cache = cache_for_site(app, {}, *applied(cure))
    exchange(cache, environ_for(target=begun, headers=one))
    assert exchange(cache, environ_for(target=target, headers=two)).hit


def test_what_is_stored_and_of_no_use() -> None:
    pages = {"/p": page(("Cache-Control", "no-cache"), ("ETag", '"1"')), "/f": page(FRESH)}
    app = SITES[0](pages)
    cache = CacheMiddleware(app, policy=Policy(reload_seconds=0))
    explained = cache.explain("http://example.org/p")
    assert (explained.outcome, explained.again) == ("stored", "stale")
    cure = explained.cures[0].what
    assert cure == "Route('/p', cache_for(minutes=5), override=True)"
    assert cache.explain("http://example.org/f").again == "hit"
    exchange(cache, environ_for(target="/f"))
    reloaded = cache.explain("http://example.org/f", {"Cache-Control": "no-cache"})
    assert (reloaded.outcome, reloaded.forward, reloaded.again) == ("stored", "request", "request")
    assert ([reason.token for reason in reloaded.reasons], reloaded.cures) == (["no-cache"], ())
    escaped = cache.explain("http://example.org/%66")
    assert [reason.token for reason in escaped.reasons] == []
    part = CacheMiddleware(app, policy=Policy(store_partial=True))
    pages["/r"] = page(FRESH, ("Content-Range", "bytes 0-3/9"), ("ETag", '"1"'), status=206)
    exchange(part, environ_for(target="/r", headers=[("Range", "bytes=0-3")]))
    assert part.explain("http://example.org/r", {"Range": "bytes=5-6"}).forward == "partial"
    posted = cache.explain("http://example.org/f", method="POST")
    assert (posted.outcome, posted.forward) == ("bypass", "method")
    assert any(FORWARDS["method"] in line for line in posted.lines())
