"""Attacks on what is kept: no client sees what was meant for another."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.scene import Environ, Exchange, Reply, Scene
from tests.stored import failing
from wsgicache import CacheMiddleware, Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
PUBLIC: dict[str, Any] = {"cache_control": "public, max-age=60"}

Fields = dict[str, Any]


def twice(scene: Scene, first: Fields | None = None, second: Fields | None = None) -> Exchange:
    """The second of two requests."""
    scene.get("/", **(first or {}))
    return scene.get("/", **(second or {}))


# ── Set-Cookie ───────────────────────────────────────────────────────────────────────────────────

SET_COOKIE: list[tuple[str, int, list[tuple[str, str]]]] = [
    ("CVE-2022-24894-200", 200, [("Set-Cookie", "sid=A")]),
    ("CVE-2012-2671-lower-case", 200, [("set-cookie", "sid=A")]),
    ("CVE-2014-0473-csrf", 200, [("Set-Cookie", "csrftoken=A; Path=/")]),
    ("301", 301, [("Set-Cookie", "sid=A"), ("Location", "http://example.org/x")]),
    ("404", 404, [("Set-Cookie", "sid=A")]),
    ("last-line", 200, [("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "sid=A")]),
    ("set-cookie2", 200, [("Set-Cookie2", "sid=A")]),
    ("upper-case", 200, [("SET-COOKIE", "sid=A")]),
    ("empty", 200, [("Set-Cookie", "")]),
]


@pytest.mark.parametrize("directives", ["max-age=60", "public, s-maxage=60", "s-maxage=60"])
@pytest.mark.parametrize(
    ("status", "fields"), [row[1:] for row in SET_COOKIE], ids=[row[0] for row in SET_COOKIE]
)
def test_a_cookie_is_given_to_one_client(
    scene: Scene, status: int, fields: list[tuple[str, str]], directives: str
) -> None:
    serial = iter("ABC")

    def answer(environ: Environ) -> Reply:
        mine = next(serial)
        lines = [(n, v.replace("=A", f"={mine}")) for n, v in fields]
        return Reply(status, mine, *lines, cache_control=directives)

    scene.app(answer)
    assert scene.get("/").detail == "set-cookie"
    got = scene.get("/")
    assert (got.text, scene.count) == ("B", 2)
    assert not any("sid=A" in v for _, v in got.headers)


def test_our_targeted_field_does_not_permit_it_either(scene: Scene) -> None:
    scene.app(200, "b", ("Wsgicache-Cache-Control", "max-age=60, public"), set_cookie="sid=A")
    assert not twice(scene).hit


def test_a_cookie_in_a_304_stays_out_of_the_store(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.answers(
            Reply(200, "page", etag='"v1"', **FRESH),
            Reply(304, b"", etag='"v1"', set_cookie="sid=A", set_cookie2="sid=A", **FRESH),
        )
        scene.get("/")
        scene.after(61)
        scene.get("/")
        got = scene.get("/")
        assert got.text == "page"
        assert not got.hit or not got.names & {"set-cookie", "set-cookie2"}


@pytest.mark.parametrize("name", ["Set-Cookie", "Set-Cookie2"])
def test_what_a_304_with_a_cookie_allows_is_for_one_client(scene: Scene, name: str) -> None:
    scene.answers(
        Reply(200, "page", etag='"v1"', **FRESH),
        Reply(304, b"", (name, "sid=A"), etag='"v1"', **FRESH),
    )
    scene.get("/")
    scene.after(61)
    assert scene.get("/").detail == "set-cookie"
    assert not scene.get("/").hit


def test_a_cookie_in_a_background_answer_stays_out_of_the_store(scene: Scene) -> None:
    swr = "max-age=60, stale-while-revalidate=600"
    scene.answers(
        Reply(200, "page", cache_control=swr),
        Reply(200, "page", cache_control=swr, set_cookie="sid=A"),
    )
    scene.get("/")
    scene.after(61)
    scene.get("/")
    scene.settle()
    for _ in range(2):
        got = scene.get("/")
        assert got.header("Set-Cookie") is None or not got.hit
        scene.settle()


def test_the_rfc_policy_stores_it(rfc_scene: Scene) -> None:
    """RFC 9111 §7.3: Set-Cookie does not inhibit caching."""
    rfc_scene.app(200, "page", set_cookie=["a=1", "b=2"], **FRESH)
    got = twice(rfc_scene)
    assert got.hit
    assert got.lines("Set-Cookie") == ["a=1", "b=2"]


# ── Authorization (RFC 9111 §3.5) ────────────────────────────────────────────────────────────────

CREDENTIALS = ["Basic YWxpY2U6eA==", "Bearer token", "", "Negotiate x"]


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize(
    ("directives", "stored"),
    [
        ("max-age=60", False),
        ("max-age=60, proxy-revalidate", False),
        ("max-age=60, immutable", False),
        ("public, max-age=60", False),
        ("s-maxage=60", True),
        ("max-age=60, must-revalidate", False),
        ("PUBLIC, Max-Age=60", False),
        ("s-maxage=foo, max-age=60", None),
        ("max-age=60, publicity", False),
        ('max-age=60, x="public"', False),
    ],
)
def test_the_answer_to_authorization_is_stored_where_released(
    scene: Scene, credentials: str, directives: str, stored: bool | None
) -> None:
    scene.app(
        lambda environ: Reply(
            200, environ.get("HTTP_AUTHORIZATION", "nobody"), cache_control=directives
        )
    )
    got = scene.get("/", ("Authorization", credentials))
    if stored is not None:
        assert got.stored is stored
    if stored is False:
        assert got.detail == "authorization"
        assert scene.get("/").text == "nobody"
        # Nor is what was stored for nobody given to one who says who he is.
        assert scene.get("/", ("Authorization", "Basic Ym9i")).text == "Basic Ym9i"
    if stored:
        assert scene.get("/", ("Authorization", "Basic Ym9i")).hit
        assert scene.get("/").hit


def test_proxy_authorization_counts_where_it_gets_here(scene: Scene, rfc_scene: Scene) -> None:
    for one, stored in ((scene, False), (rfc_scene, True)):
        one.app(200, "page", **FRESH)
        assert one.get("/", proxy_authorization="Basic YQ==").stored is stored


def test_must_revalidate_is_validated_for_every_user_when_stale(scene: Scene) -> None:
    scene.resource("page", cache_control="s-maxage=60")
    scene.get("/", authorization="Basic YQ==")
    scene.after(61)
    got = scene.get("/", authorization="Basic Yg==")
    assert got.verdict.get("fwd-status") == 304
    assert scene.calls[-1].header("Authorization") == "Basic Yg=="


# ── cookies of the request ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"cache_control": "max-age=60"}, False),
        ({"cache_control": "max-age=60, must-revalidate"}, False),
        ({"expires": "Tue, 14 Nov 2033 22:13:20 GMT"}, False),
        ({"cache_control": "public, max-age=60"}, True),
        ({"cache_control": "s-maxage=60"}, True),
        ({"cache_control": "max-age=60", "vary": "Cookie"}, True),
        ({"cache_control": "max-age=60", "vary": "Accept, cookie"}, True),
        ({"cache_control": "max-age=60", "vary": "Accept"}, False),
        ({"wsgicache_cache_control": "max-age=60"}, True),
        ({"wsgicache_cache_control": "max-age=60", "cache_control": "private"}, True),
        ({"wsgicache_cache_control": "private", "cache_control": "public"}, False),
    ],
    ids=str,
)
def test_the_answer_to_cookies_is_stored_where_released(
    scene: Scene, fields: Fields, stored: bool
) -> None:
    scene.app(lambda environ: Reply(200, environ.get("HTTP_COOKIE", "none"), **fields))
    got = scene.get("/", cookie="sid=alice")
    assert got.stored is stored
    again = scene.get("/", cookie="sid=alice")
    assert again.hit is stored
    if not any(word in str(fields) for word in ("wsgicache", "public", "s-maxage")):
        assert scene.get("/", cookie="sid=bob").text == "sid=bob"
        assert scene.get("/").text == "none"


def test_a_client_with_cookies_gets_what_is_released(scene: Scene) -> None:
    scene.app(lambda environ: Reply(200, environ.get("HTTP_COOKIE", "guest"), **FRESH))
    scene.get("/")
    got = scene.get("/", cookie="sid=2")
    assert (got.text, got.detail) == ("sid=2", "cookie")
    assert scene.get("/").text == "guest"
    assert scene.get("/").hit
    scene.app(200, "page", **PUBLIC)
    scene.get("/all")
    assert scene.get("/all", cookie="sid=2").hit


def test_the_rfc_policy_treats_cookies_like_any_field(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "page", **FRESH)
    assert rfc_scene.get("/", cookie="sid=1").stored
    assert rfc_scene.get("/", cookie="sid=2").hit


@pytest.mark.parametrize(
    ("cookie", "stored"),
    [
        ("_ga=1", True),
        ("_ga=1; _gid=2", True),
        ("_ga_XY=1;_gid=2", True),
        ("_ga=1; sid=alice", False),
        ("sid=_ga", False),
        ("x_ga=1", False),
        ("_ga=1; SID=alice", False),
        ("_ga", None),
        ("_ga=1;;; ", None),
        ("_ga=1; =x", False),
    ],
)
def test_cookies_that_are_ignored_never_reach_the_app_of_a_fill(
    make_scene: MakeScene, cookie: str, stored: bool | None
) -> None:
    scene = make_scene(Policy(ignore_cookies=("_ga*", "_gid")))
    scene.app(lambda environ: Reply(200, environ.get("HTTP_COOKIE", "none"), **FRESH))
    got = scene.get("/", cookie=cookie)
    if stored is not None:
        assert got.stored is stored
    if got.stored:
        assert got.text == "none"
        assert scene.get("/").text == "none"
    else:  # of several cookies the app sees at least those that count
        assert {c for c in cookie.split("; ") if not c.startswith("_g")} <= set(
            got.text.split("; ")
        )
        assert scene.get("/").text == "none"


# The patterns that leaked in real frameworks, each with its page. An app gives `alice` or `bob`
# by the session cookie and marks the page cacheable without a word of Vary.


def flask_app(refresh: bool) -> Any:
    """Flask CVE-2023-30861, CVE-2026-27205: a session that is looked at, or only refreshed."""
    import flask

    app = flask.Flask("shop")
    app.secret_key = "k"
    app.config["SESSION_REFRESH_EACH_REQUEST"] = refresh

    @app.get("/login/<name>")
    def login(name: str) -> str:
        flask.session.permanent = refresh
        flask.session["name"] = name
        return "welcome"

    @app.get("/")
    def page() -> Any:
        known = "name" in flask.session
        response = flask.make_response(
            f"hello {flask.session['name']}" if known else "hello stranger"
        )
        response.cache_control.max_age = 60
        return response

    return without_vary(app)  # as the vulnerable versions did


@contextlib.contextmanager
def django_app() -> Iterator[Any]:
    """Django CVE-2026-35192: a session sent anew with every response, without Vary."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    def login(request: Any, name: str) -> Any:
        request.session["name"] = name
        return HttpResponse("welcome")

    def page(request: Any) -> Any:
        name = request.session.get("name", "stranger")
        return HttpResponse(f"hello {name}", headers={"Cache-Control": "max-age=60"})

    if not settings.configured:
        settings.configure(SECRET_KEY="k")
        django.setup()
    with override_settings(
        SECRET_KEY="k",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(path("", page), path("login/<name>", login)),
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SESSION_SAVE_EVERY_REQUEST=True,
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ):
        yield without_vary(WSGIHandler())


def without_vary(app: Any) -> Any:
    def forgetful(environ: Environ, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            kept = [(n, v) for n, v in headers if n.lower() != "vary"]
            return start_response(status, kept, *([exc_info] if exc_info else []))

        return app(environ, start)

    return forgetful


FRAMEWORKS: list[tuple[str, Callable[[], Any]]] = [
    ("CVE-2023-30861-flask-permanent-session", lambda: contextlib.nullcontext(flask_app(True))),
    ("CVE-2026-27205-flask-session-in", lambda: contextlib.nullcontext(flask_app(False))),
    ("CVE-2026-35192-django-session-every-request", django_app),
]


@pytest.mark.parametrize(
    "make_app", [row[1] for row in FRAMEWORKS], ids=[row[0] for row in FRAMEWORKS]
)
def test_no_user_sees_the_page_of_another(
    make_scene: MakeScene, make_app: Callable[[], Any]
) -> None:
    scene = make_scene()
    with make_app() as app:
        scene.wsgi(app)
        sessions_do_not_mix(scene)


def sessions_do_not_mix(scene: Scene) -> None:
    cookies = {}
    for name in ("alice", "bob"):
        got = scene.get(f"/login/{name}")
        cookies[name] = (got.header("Set-Cookie") or "").partition(";")[0]
        assert cookies[name]
    assert cookies["alice"] != cookies["bob"]
    for name in ("alice", "bob", "alice"):
        # What was stored for strangers may be given to anybody, but not the other way round.
        got = scene.get("/", cookie=cookies[name])
        assert got.text in (f"hello {name}", "hello stranger")
        got = scene.get("/")
        assert got.text == "hello stranger"
        assert not got.hit or "set-cookie" not in got.names


def leaking_page(vary: str | None, directives: str = "max-age=60", refresh: bool = False) -> Any:
    """An app that greets by cookie or by Authorization."""

    def answer(environ: Environ) -> Reply:
        who = environ.get("HTTP_COOKIE") or environ.get("HTTP_AUTHORIZATION") or "stranger"
        again = f"sid={who}" if refresh and who != "stranger" else None
        return Reply(200, f"hello {who}", vary=vary, cache_control=directives, set_cookie=again)

    return answer


LEAKS: list[tuple[str, Any, str]] = [
    ("CVE-2026-48588-unrelated-cookies", leaking_page("Cookie"), "Cookie"),
    ("CVE-2026-35192-session-resent", leaking_page(None, refresh=True), "Cookie"),
    ("CVE-2026-44457-vary-cookie", leaking_page("Cookie"), "Cookie"),
    ("CVE-2026-44457-vary-authorization", leaking_page("Authorization"), "Authorization"),
    ("CVE-2026-24472-private", leaking_page(None, "private, max-age=60"), "Cookie"),
    ("CVE-2026-24472-no-store", leaking_page(None, "no-store, max-age=60"), "Authorization"),
    ("no-vary", leaking_page(None), "Cookie"),
    ("no-vary-authorization", leaking_page(None), "Authorization"),
]


@pytest.mark.parametrize(
    ("answer", "name"), [row[1:] for row in LEAKS], ids=[row[0] for row in LEAKS]
)
def test_patterns_that_leaked_elsewhere(scene: Scene, answer: Any, name: str) -> None:
    scene.app(answer)
    for _ in range(2):
        for who in ("alice", "bob", "alice; theme=1", "theme=1; alice", None):
            fields = [] if who is None else [(name, who)]
            got = scene.get("/", *fields)
            # A stranger's page may be given to a cookie's bearer (but not with credentials).
            allowed = {f"hello {who or 'stranger'}"}
            if name == "Cookie":
                allowed.add("hello stranger")
            assert got.text in allowed
            assert "set-cookie" not in got.names or str(who) in str(got.header("Set-Cookie"))


# ── Vary ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sid=a,b", "sid=a, b"),
        ("sid=a", "sid=A"),
        ("a=1; b=2", "b=2; a=1"),
        ("a=1; b=2", "a=1;b=2"),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["Cookie", "Authorization"])
def test_cookies_and_credentials_compare_exactly(
    scene: Scene, name: str, one: str, other: str | None
) -> None:
    key = "HTTP_" + name.upper()
    scene.app(lambda environ: Reply(200, repr(environ.get(key)), vary=name, **PUBLIC))
    for value in (one, other, one, other):
        fields = [] if value is None else [(name, value)]
        assert scene.get("/", *fields).text == repr(value)


def test_variants_of_one_url_are_bounded(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(max_variants=8))
    scene.app(lambda environ: Reply(200, environ["HTTP_COOKIE"], vary="Cookie", **PUBLIC))
    for n in range(50):
        assert scene.get("/", cookie=f"sid={n}").text == f"sid={n}"
    before = scene.count
    for n in range(50):
        assert scene.get("/", cookie=f"sid={n}", cache_control="only-if-cached").code in (200, 504)
    hits = [
        scene.get("/", cookie=f"sid={n}", cache_control="only-if-cached").code for n in range(50)
    ]
    assert 1 <= hits.count(200) <= 8
    assert scene.count == before


STARS: list[tuple[str, list[str]]] = [
    ("CVE-2026-6907", ["*"]),
    ("leading-space", [" *"]),
    ("trailing-space", ["* "]),
    ("comma", ["*,"]),
    ("comma-before", [",*"]),
    ("list", ["Accept, *"]),
    ("list-first", ["*, Accept"]),
    ("tab", ["\t*\t"]),
    ("two-lines", ["Accept", "*"]),
    ("two-lines-first", ["*", "Accept"]),
    ("quoted", ['"*"']),
]


@pytest.mark.parametrize("vary", [row[1] for row in STARS], ids=[row[0] for row in STARS])
def test_a_star_never_matches(make_scene: MakeScene, vary: list[str]) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.app(200, "page", vary=vary, **PUBLIC)
        assert scene.get("/", accept="a").detail == "vary"
        assert not scene.get("/", accept="a").hit
        assert scene.count == 2


NAMES = ["constructor", "__class__", "__proto__", "get", "keys", "wsgi.input", "PATH_INFO", "None"]


@pytest.mark.parametrize("name", NAMES)
def test_vary_names_are_looked_up_among_headers_only(scene: Scene, name: str) -> None:
    scene.app(200, "page", vary=name, **PUBLIC)
    scene.get("/a")
    got = scene.get("/a")
    assert got.code == 200
    if "." not in name:
        key = "HTTP_" + name.upper().replace("-", "_")
        assert not scene.get("/a", environ={key: "present"}).hit


PADDED: list[tuple[str, list[str]]] = [
    ("CVE-2026-48587-space", [" X-Taste "]),
    ("CVE-2026-48587-tab", ["\tX-Taste\t"]),
    ("case", ["x-TASTE"]),
    ("empty-members", [",,X-Taste,,"]),
    ("duplicates", ["X-Taste, x-taste"]),
    ("list", ["Accept , X-Taste"]),
    ("two-lines", ["Accept", "X-Taste"]),
    ("two-lines-reverse", ["X-Taste", "Accept"]),
    ("three-lines", ["Accept", "Accept-Language", "X-Taste"]),
]


@pytest.mark.parametrize("vary", [row[1] for row in PADDED], ids=[row[0] for row in PADDED])
def test_vary_however_it_is_written(scene: Scene, vary: list[str]) -> None:
    scene.app(lambda environ: Reply(200, environ.get("HTTP_X_TASTE", "-"), vary=vary, **PUBLIC))
    for user in ("alice", "bob", "alice"):
        assert scene.get("/", x_taste=user).text == user
    assert scene.get("/").text == "-"
    assert scene.get("/", x_taste="bob").hit


def test_cve_2026_113593_absent_is_not_empty(scene: Scene) -> None:
    scene.app(
        lambda environ: Reply(200, repr(environ.get("HTTP_X_TASTE")), vary="X-Taste", **PUBLIC)
    )
    for _ in range(2):
        assert scene.get("/").text == "None"
        assert scene.get("/", ("X-Taste", "")).text == "''"
    assert scene.count == 2


INVALID_VARY: list[tuple[str, str]] = [
    ("CVE-2025-71381-reflected", "Origin, <script>"),
    ("space", "Accept Language"),
    ("slash", "a/b"),
    ("quoted", '"Accept"'),
    ("equals", "Accept=1"),
    ("colon", "Accept: x"),
    ("latin-1", "\u00e9"),
    ("17-names", ", ".join(f"X-{n}" for n in range(17))),
    ("8-KiB", "X-" + "a" * 8200),
    ("5000-names", ",".join(f"X-{n}" for n in range(5000))),
]


@pytest.mark.parametrize("vary", [row[1] for row in INVALID_VARY], ids=[r[0] for r in INVALID_VARY])
def test_a_vary_that_is_none_is_not_stored(bare_scene: Scene, vary: str) -> None:
    bare_scene.app(200, "page", vary=vary, **PUBLIC)
    got = bare_scene.get("/")
    assert (got.detail, got.header("Vary")) == ("vary", vary)
    assert not bare_scene.get("/").hit


def test_sixteen_names_are_fine(scene: Scene) -> None:
    scene.app(200, "page", vary=", ".join(f"X-{n}" for n in range(16)), **PUBLIC)
    assert twice(scene).hit


# ── Cache-Control of responses ───────────────────────────────────────────────────────────────────

NOT_STORED: list[tuple[str, list[str]]] = [
    ("CVE-2026-8404-PRIVATE", ["PRIVATE"]),
    ("CVE-2026-8404-No-Store", ["No-Store"]),
    ("CVE-2026-8404-Private-Max-Age", ["Private, Max-Age=60"]),
    ("CVE-2026-8404-NO-STORE", ["NO-STORE, max-age=60"]),
    ("CVE-2026-13697-empty", ['private="", max-age=60']),
    ("CVE-2026-13697-comma", ['private=",", max-age=60']),
    ("CVE-2026-13697-blank", ['private=" ", max-age=60']),
    ("CVE-2026-13697-bare-equals", ["private=, max-age=60"]),
    ("CVE-2026-13697-both", ['private, private="x", max-age=60']),
    ("CVE-2026-13697-both-reverse", ['private="x", private, max-age=60']),
    ("CVE-2026-13697-two-lines", ['private="x"', "private", "max-age=60"]),
    ("unterminated", ['private="a,no-store, max-age=60']),
    ("unterminated-last", ['max-age=60, private="a,no-store']),
    ("unterminated-other", ['max-age=60, x="a,no-store']),
    ("unterminated-escape", ['max-age=60, x="a\\", no-store']),
    ("no-store-quoted-argument", ['no-store="x", max-age=60']),
    ("no-store-argument", ["no-store=1, max-age=60"]),
    ("no-store-equals", ["no-store=, max-age=60"]),
    ("space-separated", ["max-age=5 no-store"]),
    ("semicolon", ["no-store;max-age=5"]),
    ("semicolon-reverse", ["max-age=5;no-store"]),
    ("quoted-no-store", ['"no-store", max-age=60']),
    ("quoted-no-store-alone", ['"no-store"']),
    ("tabs", ["max-age=60,\tno-store\t"]),
    ("empty-members", [",, ,no-store,,max-age=60"]),
    ("second-line", ["max-age=60", "no-store"]),
    ("space-before-comma", ["no-store , max-age=60"]),
    ("private-token-form", ["private=, max-age=60"]),
    ("public-and-no-store", ["public, no-store, max-age=60"]),
    ("public-and-private", ["public, private, max-age=60"]),
    ("after-a-quoted-comma", ['x="a,b", no-store, max-age=60']),
    ("after-a-quoted-quote", ['x="a\\"b", no-store, max-age=60']),
    ("nbsp-is-no-space", ["\xa0no-store, max-age=60"]),
    ("vt-is-no-space", ["\x0bno-store, max-age=60"]),
]


@pytest.mark.parametrize(
    "lines", [row[1] for row in NOT_STORED], ids=[row[0] for row in NOT_STORED]
)
def test_a_prohibition_however_it_is_written(bare_scene: Scene, lines: list[str]) -> None:
    for authorized in ({}, {"authorization": "Basic YQ=="}):
        bare_scene.app(200, "mine", cache_control=lines, etag='"v1"')
        got = bare_scene.get("/", **authorized)
        assert not got.stored
        assert not bare_scene.get("/", **authorized).hit
        assert got.lines("Cache-Control") == lines


FIELD_LISTS: list[tuple[str, str, str]] = [
    ("CVE-2026-9678-private", 'private=" authorization", max-age=60', "Authorization"),
    ("CVE-2026-9678-no-cache", 'no-cache="\tx-mine", max-age=60', "X-Mine"),
    ("CVE-2026-9678-trailing", 'private="x-mine ", max-age=60', "X-Mine"),
    ("CVE-2026-9678-list", 'private="a, x-mine , b", max-age=60', "X-Mine"),
    ("CVE-2026-14643-before", 'private ="x-mine", max-age=60', "X-Mine"),
    ("CVE-2026-14643-after", 'no-cache= "x-mine", max-age=60', "X-Mine"),
    ("CVE-2026-14643-both", 'private\t=\t"x-mine", max-age=60', "X-Mine"),
    ("token-form", "private=x-mine, max-age=60", "X-Mine"),
    ("case", 'Private="X-MINE", max-age=60', "X-Mine"),
    ("escape", 'private="x-\\mine", max-age=60', "X-Mine"),
    ("two-lists", 'private="a", max-age=60, private="x-mine"', "X-Mine"),
    ("list-and-list", 'no-cache="a", private="x-mine", max-age=60', "X-Mine"),
]


@pytest.mark.parametrize(
    ("directives", "name"), [r[1:] for r in FIELD_LISTS], ids=[r[0] for r in FIELD_LISTS]
)
def test_a_named_field_is_not_replayed(scene: Scene, directives: str, name: str) -> None:
    """Either the field is left out of the store, or the whole response is."""
    scene.app(200, "page", (name, "secret"), cache_control=directives)
    assert scene.get("/").header(name) == "secret"  # its own client gets it
    got = scene.get("/")
    assert not got.hit or got.header(name) is None


def test_cve_2026_9678_set_cookie_in_a_list(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.app(
            200, "page", set_cookie="sid=A", cache_control='no-cache="\tset-cookie", max-age=60'
        )
        got = twice(scene)
        assert not got.hit or got.header("Set-Cookie") is None


STALE_AT_ONCE: list[tuple[str, str]] = [
    ("superscript", "max-age=\xb2"),
    ("underscore", "max-age=1_0"),
    ("plus", "max-age=+5"),
    ("minus", "max-age=-1"),
    ("exponent", "max-age=1e9"),
    ("hex", "max-age=0x10"),
    ("decimal", "max-age=1.5"),
    ("half-quoted", 'max-age="5'),
    ("empty", "max-age="),
    ("no-argument", "max-age"),
    ("nbsp", "max-age=\xa05"),
    ("empty-quoted", 'max-age=""'),
    ("blank-quoted", 'max-age=" 5"'),
    ("space", "max-age =60"),
    ("space-after", "max-age= 60"),
    ("zero", "max-age=0"),
    ("s-maxage-zero", "s-maxage=0, max-age=60"),
    ("s-maxage-zero-last", "max-age=60, s-maxage=0"),
    ("s-maxage-foo", "s-maxage=foo, max-age=60"),
    ("s-maxage-empty", "s-maxage=, max-age=60"),
    ("s-maxage-bare", "s-maxage, max-age=60"),
    ("invalid-and-valid", "max-age=foo, max-age=60"),
    ("valid-and-invalid", "max-age=60, max-age=foo"),
]


@pytest.mark.parametrize(
    "directives", [row[1] for row in STALE_AT_ONCE], ids=[row[0] for row in STALE_AT_ONCE]
)
def test_an_invalid_lifetime_is_none(bare_scene: Scene, directives: str) -> None:
    """Even where Expires or heuristics would give another."""
    for policy in (Policy(), Policy.rfc()):
        scene = Scene(policy, lint=False)
        scene.app(
            200,
            "page",
            cache_control=directives,
            expires=scene.clock.date(1000),
            last_modified=scene.clock.date(-100_000),
        )
        assert not twice(scene).hit


LIFETIMES: list[tuple[str, list[str], int]] = [
    ("smallest", ["max-age=10, max-age=100"], 10),
    ("smallest-last", ["max-age=100, max-age=10"], 10),
    ("smallest-lines", ["max-age=100", "max-age=10"], 10),
    ("smallest-s-maxage", ["s-maxage=100, s-maxage=10, max-age=5"], 10),
    ("5000-digits", ["max-age=" + "9" * 5000], 2**31),
    ("2^31", ["max-age=2147483648"], 2**31),
    ("2^31+1", ["max-age=2147483649"], 2**31),
    ("2^64", ["max-age=18446744073709551616"], 2**31),
    ("leading-zeros", ["max-age=" + "0" * 5000 + "60"], 60),
    ("quoted", ['max-age="60"'], 60),
    ("upper-case", ["MAX-AGE=60"], 60),
    ("among-empty", [", ,max-age=60,"], 60),
    ("quoted-no-store-is-an-argument", ['x="no-store", max-age=60'], 60),
    ("name-only-begins-so", ["no-storex, privatex, max-age=60"], 60),
    ("10000-directives", [", ".join(f"x{n}=1" for n in range(9_000)) + ", max-age=60"], 60),
]


@pytest.mark.parametrize(
    ("lines", "lifetime"), [r[1:] for r in LIFETIMES], ids=[r[0] for r in LIFETIMES]
)
def test_a_lifetime_however_it_is_written(scene: Scene, lines: list[str], lifetime: int) -> None:
    scene.app(200, "page", cache_control=lines)
    scene.get("/")
    got = scene.get("/")
    if len(lines[0]) > 65536:  # header bounds may refuse it
        assert got.code == 200
        return
    assert got.hit
    assert got.verdict["ttl"] == lifetime


@pytest.mark.parametrize(
    "lines",
    [
        [", ".join(["no-store"] * 7000)],
        ["," * 65536],
        ["=" * 65536],
        ['"' * 65536],
        ["\\" * 65536],
        ['x="' + "\\" * 65530],
        [" " * 65536],
        ["max-age=" + "1" * 65536],
    ],
    ids=[
        *("no-store", "commas", "equals", "quotes", "backslashes", "an-open-quote", "spaces"),
        "digits",
    ],
)
def test_long_fields_are_no_exception(bare_scene: Scene, lines: list[str]) -> None:
    bare_scene.app(200, "page", cache_control=lines)
    for _ in range(2):
        assert bare_scene.get("/").text == "page"
        assert bare_scene.get("/", ("Cache-Control", lines[0])).text == "page"


# ── max-stale opens no door ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "directives",
    [
        "max-age=60, no-cache",
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
        "max-age=60, NO-CACHE",
        'max-age=60, no-cache=""',
    ],
)
@pytest.mark.parametrize("wish", ["max-stale=99999999", "max-stale", "max-stale=" + "9" * 400])
def test_cve_2026_93748_max_stale(scene: Scene, directives: str, wish: str) -> None:
    scene.app(200, "old", cache_control=directives, etag='"v1"')
    scene.get("/")
    scene.app(200, "new", cache_control=directives)
    scene.after(61)
    got = scene.get("/", cache_control=wish)
    assert (got.text, got.hit) == ("new", False)


def test_max_stale_after_an_invalidation(scene: Scene) -> None:
    scene.app(200, "old", **FRESH)
    scene.get("/")
    scene.post("/")
    scene.app(200, "new", **FRESH)
    assert scene.get("/", cache_control="max-stale").text == "new"


def test_max_stale_and_another_identity(scene: Scene) -> None:
    scene.app(200, "old", cache_control="max-age=1")
    scene.get("/")
    scene.after(5)
    scene.app(200, "new", cache_control="max-age=1")
    got = scene.get("/", authorization="Basic YQ==", cache_control="max-stale")
    assert (got.text, got.hit) == ("new", False)
    scene.app(200, "set", cache_control="max-age=1", set_cookie="sid=1")
    scene.get("/2", cache_control="max-stale")
    assert not scene.get("/2", cache_control="max-stale").hit


# ── 304 confusion (Squid CVE-2016-10002) ─────────────────────────────────────────────────────────


def test_cve_2016_10002_the_apps_304_is_no_entry(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.resource("page", etag='"v1"', **PUBLIC)
        got = scene.get("/", if_none_match='"v1"')
        assert got.code in (200, 304)
        for _ in range(2):
            got = scene.get("/")
            assert (got.code, got.text) == (200, "page")


def test_a_clients_own_tag_gives_its_304_to_that_client_only(scene: Scene) -> None:
    """Whether forwarded or not, another client has the whole page."""

    def private_copies(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, b"", etag=environ["HTTP_IF_NONE_MATCH"], **PUBLIC)
        return Reply(200, "page", etag='"v1"', **PUBLIC)

    scene.app(private_copies)
    scene.get("/", if_none_match='"mine"')
    got = scene.get("/")
    assert (got.code, got.text, got.header("ETag")) == (200, "page", '"v1"')


def test_a_foreign_304_freshens_nothing(scene: Scene) -> None:
    scene.app(200, "old", etag='"v1"', **FRESH)
    scene.get("/")
    scene.after(61)

    def foreign(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, b"", etag='"v2"', cache_control="max-age=1000")
        return Reply(503, "later")

    scene.app(foreign)
    got = scene.get("/")
    assert (got.code, got.text) == (503, "later")
    assert not scene.get("/").hit


FRAMING: dict[str, Any] = {
    "content_length": "3",
    "content_encoding": "gzip",
    "content_range": "bytes 0-1/4",
    "set_cookie": "sid=1",
}


@pytest.mark.parametrize("name", FRAMING)
def test_a_304_does_not_change_what_frames_the_content(bare_scene: Scene, name: str) -> None:
    scene = bare_scene
    scene.answers(
        Reply(200, "page", etag='"v1"', **FRESH),
        Reply(304, b"", etag='"v1"', cache_control="max-age=90", **{name: FRAMING[name]}),
    )
    stored = scene.get("/").header(name.replace("_", "-"))
    scene.after(61)
    assert scene.get("/").text == "page"
    got = scene.get("/")
    assert got.text == "page"
    if name != "set_cookie":  # a 304 with a cookie need not freshen anything
        assert (got.hit, got.verdict["ttl"]) == (True, 90)
    if got.hit:
        assert got.header(name.replace("_", "-")) == stored


def test_a_weak_304_and_one_without_validators(scene: Scene) -> None:
    """§4.3.4: a weak validator must correspond; none at all needs a response that has none."""
    scene.app(200, "old", etag='W/"v1"', **FRESH)
    scene.get("/")
    scene.after(61)

    def weak(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, b"", etag='W/"v2"', **FRESH)
        return Reply(200, "new", etag='W/"v2"', **FRESH)

    scene.app(weak)
    assert scene.get("/").text == "new"


def test_an_unasked_304_is_not_stored(bare_scene: Scene) -> None:
    """An app that answers 304 to a plain request."""
    bare_scene.app(304, b"", etag='"v1"', **PUBLIC)
    bare_scene.get("/")
    bare_scene.app(200, "page", **PUBLIC)
    assert bare_scene.get("/").text == "page"


# ── HEAD ─────────────────────────────────────────────────────────────────────────────────────────


def test_head_first_then_get(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        scene.app(200, "page", **FRESH)
        scene.head("/")
        got = scene.get("/")
        assert (got.text, got.header("Content-Length")) == ("page", "4")
        assert scene.get("/").text == "page"
        assert scene.head("/").hit


def test_head_with_another_tag_makes_the_get_stale(scene: Scene) -> None:
    scene.app(200, "page", etag='"v1"', **FRESH)
    scene.get("/")
    scene.app(200, "news", etag='"v2"', **FRESH)
    scene.after(1)
    scene.head("/", cache_control="no-cache")
    assert scene.get("/").text == "news"


def test_head_on_a_hit(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    got, head = scene.get("/"), scene.head("/")
    assert head.headers == got.headers
    assert head.body == b""


def test_an_app_that_sends_content_to_head(bare_scene: Scene) -> None:
    def chatty(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Length", "4")])
        return [b"page"]

    bare_scene.wsgi(chatty)
    bare_scene.head("/")
    assert bare_scene.get("/").text == "page"
    assert bare_scene.get("/").text == "page"
    assert bare_scene.head("/").body == b""


def test_head_with_an_override(scene: Scene) -> None:
    scene.app(200, "page", **FRESH)
    scene.get("/")
    got = scene.head("/", x_http_method_override="GET")
    assert got.fwd == "bypass"
    assert scene.get("/").hit


# ── parts and redirects ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("content_range", ["bytes 0-0/4", None, "bytes 0-0/*", "items 0-0/4", "x"])
def test_a_part_never_answers_a_plain_get(
    make_scene: MakeScene, policy: Policy, content_range: str | None
) -> None:
    scene = make_scene(policy)

    def answer(environ: Environ) -> Reply:
        if "HTTP_RANGE" in environ:
            return Reply(206, "p", content_range=content_range, etag='"v1"', **PUBLIC)
        return Reply(200, "page", etag='"v1"', **PUBLIC)

    scene.app(answer)
    assert scene.get("/", range="bytes=0-0").code == 206
    for _ in range(2):
        got = scene.get("/")
        assert (got.code, got.text) == (200, "page")


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_an_unasked_206_is_not_stored(make_scene: MakeScene, policy: Policy) -> None:
    scene = make_scene(policy)
    scene.app(206, "p", content_range="bytes 0-0/4", **PUBLIC)
    scene.get("/")
    scene.app(200, "page", **PUBLIC)
    got = scene.get("/")
    assert (got.code, got.text) == (200, "page")


REDIRECTS: list[tuple[str, Fields]] = [
    ("CVE-2026-109829-content-location", {"content_location": "/target"}),
    ("x-accel-redirect", {"x_accel_redirect": "/target"}),
    ("x-sendfile", {"x_sendfile": "/target"}),
    ("location", {"location": "http://example.org/target"}),
]


@pytest.mark.parametrize("fields", [row[1] for row in REDIRECTS], ids=[row[0] for row in REDIRECTS])
@pytest.mark.parametrize("status", [200, 301, 302])
def test_no_field_changes_the_key(rfc_scene: Scene, status: int, fields: Fields) -> None:
    scene = rfc_scene
    scene.app(status, "evil", **fields, **PUBLIC)
    scene.get("/lure")
    scene.app(200, "page", **PUBLIC)
    got = scene.get("/target")
    assert (got.text, got.hit) == ("page", False)
    got = scene.get("/lure")
    assert (got.code, got.text) == (status, "evil")


# ── variants, stale or unvaried ──────────────────────────────────────────────────────────────────


def by_user(directives: str) -> Callable[[Environ], Reply]:
    return lambda environ: Reply(
        200, environ.get("HTTP_X_TASTE", "-"), vary="X-Taste", cache_control=directives
    )


@pytest.mark.parametrize("permission", ["stale-if-error", "stale-while-revalidate", "raised"])
def test_a_stale_answer_is_the_clients_own_variant(scene: Scene, permission: str) -> None:
    scene.app(by_user(f"public, max-age=1, {permission}=1000"))
    for user in ("alice", "bob"):
        scene.get("/", x_taste=user)
    scene.after(5)
    scene.app(failing(permission == "raised"))
    for user in ("alice", "bob"):
        assert scene.get("/", x_taste=user).text == user
        scene.settle()
    if permission == "raised":
        with pytest.raises(RuntimeError, match="no origin"):
            scene.get("/", x_taste="carol")
    else:
        assert scene.get("/", x_taste="carol").text == "broken"


def test_vary_that_comes_only_sometimes(scene: Scene) -> None:
    def answer(environ: Environ) -> Reply:
        user = environ.get("HTTP_X_TASTE")
        if user is None:
            return Reply(200, "default", **PUBLIC)
        return Reply(200, user, vary="X-Taste", **PUBLIC)

    scene.app(answer)
    assert scene.get("/").text == "default"
    # The un-varied response matches everybody (§4.1), until a varied one is known.
    scene.after(1)
    scene.get("/", x_taste="alice", cache_control="no-cache")
    assert scene.get("/", x_taste="alice").text == "alice"
    assert scene.get("/", x_taste="bob").text in ("bob", "default")
    scene.after(1)
    scene.get("/", x_taste="bob", cache_control="no-cache")
    assert scene.get("/", x_taste="bob").text == "bob"
    assert scene.get("/", x_taste="alice").text == "alice"
    assert scene.get("/").text == "default"


def test_an_unvaried_response_does_not_match_for_ever(scene: Scene) -> None:
    """After a varied response is seen, one that omitted Vary is not given to a third user."""
    scene.app(200, "alice's", cache_control="public, max-age=1000")
    scene.get("/", x_taste="alice")
    scene.after(1)
    scene.app(by_user("public, max-age=1000"))
    scene.get("/", x_taste="bob", cache_control="no-cache")
    assert scene.get("/", x_taste="bob").text == "bob"
    assert scene.get("/", x_taste="carol").text == "carol"


# ── targeted fields ──────────────────────────────────────────────────────────────────────────────

TARGETED = ["Wsgicache-Cache-Control", "CDN-Cache-Control", "Surrogate-Control"]


@pytest.mark.parametrize("name", TARGETED)
def test_a_request_cannot_target_us(rfc_scene: Scene, name: str) -> None:
    rfc_scene.app(200, "page", cache_control="no-store")
    rfc_scene.get("/", (name, "max-age=1000"))
    assert not rfc_scene.get("/", (name, "max-age=1000")).hit
    rfc_scene.app(200, "page", **FRESH)
    rfc_scene.get("/2", (name, "no-store"))
    assert rfc_scene.get("/2", (name, "no-store")).hit


def test_our_field_is_taken_even_where_nothing_is_stored(scene: Scene) -> None:
    scene.app(200, "page", ("wsgicache-cache-control", "no-store"), **FRESH)
    got = twice(scene)
    assert not got.hit
    assert "wsgicache-cache-control" not in got.names
    scene.app(200, "done", ("Wsgicache-Cache-Control", "no-store"))
    assert "wsgicache-cache-control" not in scene.post("/").names


def test_our_field_is_taken_from_a_validated_response(scene: Scene) -> None:
    scene.resource("page", ("Wsgicache-Cache-Control", "max-age=5"), **FRESH)
    scene.get("/")
    scene.after(6)
    for _ in range(2):
        got = scene.get("/")
        assert "wsgicache-cache-control" not in got.names
    assert got.verdict["ttl"] == 5


# ── Pragma and Expires ───────────────────────────────────────────────────────────────────────────

EXPIRED: list[tuple[str, Fields]] = [
    ("zero", {"expires": "0"}),
    ("minus-one", {"expires": "-1"}),
    ("garbage", {"expires": "tomorrow"}),
    ("empty", {"expires": ""}),
    ("past", {"expires": "Tue, 14 Nov 2023 22:13:19 GMT"}),
    ("now", {"expires": "Tue, 14 Nov 2023 22:13:20 GMT"}),
    (
        "before-date",
        {
            "expires": "Tue, 14 Nov 2023 23:13:19 GMT",
            "date": "Tue, 14 Nov 2023 23:13:20 GMT",
        },
    ),
    ("utc", {"expires": "Wed, 14 Nov 2033 22:13:20 UTC"}),
    ("offset", {"expires": "Wed, 14 Nov 2033 22:13:20 +0000"}),
    ("one-digit-hour", {"expires": "Mon, 14 Nov 2033 2:13:20 GMT"}),
    ("dashes", {"expires": "Mon, 14-Nov-2033 22:13:20 GMT"}),
    ("overflow", {"expires": "Mon, 14 Nov 99999 22:13:20 GMT"}),
    ("long-day", {"expires": "Mon, " + "1" * 4000 + " Nov 2033 22:13:20 GMT"}),
    ("25-hours", {"expires": "Mon, 14 Nov 2033 25:13:20 GMT"}),
    ("31-nov", {"expires": "Mon, 31 Nov 2033 22:13:20 GMT"}),
    (
        "duplicate",
        {"expires": ["Tue, 14 Nov 2023 22:13:20 GMT", "Mon, 14 Nov 2033 22:13:20 GMT"]},
    ),
    (
        "duplicate-joined",
        {"expires": "Mon, 14 Nov 2033 22:13:20 GMT, Mon, 14 Nov 2033 22:13:20 GMT"},
    ),
    ("quoted", {"expires": '"Mon, 14 Nov 2033 22:13:20 GMT"'}),
]


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("fields", [row[1] for row in EXPIRED], ids=[row[0] for row in EXPIRED])
def test_an_odd_or_past_expires_is_the_past(
    make_scene: MakeScene, policy: Policy, fields: Fields
) -> None:
    scene = make_scene(policy)
    scene.app(200, "page", last_modified="Tue, 14 Nov 2000 22:13:20 GMT", **fields)
    assert not twice(scene).hit


def test_pragma_of_a_response_says_nothing(scene: Scene) -> None:
    """§5.4: never specified."""
    scene.app(200, "page", pragma="no-cache", **FRESH)
    assert twice(scene).hit


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 14 Nov 2033 22:13:20 GMT",
        "MON, 14 NOV 2033 22:13:20 GMT",
        "Monday, 14-Nov-33 22:13:20 GMT",
        "Mon Nov 14 22:13:20 2033",
    ],
)
def test_the_three_forms_of_a_date(scene: Scene, date: str) -> None:
    """RFC 9110 §5.6.7."""
    scene.app(200, "page", expires=date)
    got = twice(scene)
    assert got.hit
    assert got.verdict["ttl"] == 10 * 365 * 86400 + 3 * 86400  # three leap days


def test_asctime_pads_the_day_with_a_space(scene: Scene) -> None:
    scene.app(200, "page", expires="Fri Dec  1 00:00:00 2023")
    assert twice(scene).hit


@pytest.mark.parametrize(("year", "hit"), [("73", True), ("74", False), ("00", False)])
def test_two_digits_of_a_year(scene: Scene, year: str, hit: bool) -> None:
    """More than fifty years ahead is the most recent year with those digits."""
    scene.app(200, "page", expires=f"Monday, 13-Nov-{year} 22:13:20 GMT")
    assert twice(scene).hit is hit


# ── what leaves ─────────────────────────────────────────────────────────────────────────────────

SECRET = "s3cret-token"


def test_diagnostics_name_no_key(make_scene: MakeScene) -> None:
    for policy in (Policy(), Policy.rfc(), Policy(x_cache=True)):
        scene = make_scene(policy)
        scene.app(200, "page", vary="X-Taste", **FRESH)
        for _ in range(2):
            got = scene.get(f"/private-path?token={SECRET}", x_taste=SECRET)
            assert "key" not in got.verdict
            assert set(got.verdict) <= {"hit", "ttl", "fwd", "fwd-status", "stored", "detail"}
            said = str(got.headers)
            assert SECRET not in said
            assert "private-path" not in said


def test_only_age_remains_when_switched_off(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(cache_status=False, generate_etags=False))
    scene.app(200, "page", **FRESH)
    scene.get("/")
    got = scene.get("/")
    assert got.names == {"content-type", "content-length", "cache-control", "age"}


def test_logs_keep_the_query_to_themselves(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def crash(environ: Environ) -> Reply:
        raise RuntimeError("no origin")

    scene.app(200, "page", cache_control="max-age=1, stale-while-revalidate=5, stale-if-error=50")
    scene.get(f"/?token={SECRET}")
    scene.app(crash)
    for seconds in (3, 5):
        scene.after(seconds)
        scene.get(f"/?token={SECRET}")
        scene.settle()
    assert caplog.records
    assert SECRET not in caplog.text
    assert SECRET not in str([vars(record) for record in caplog.records])


# ── conservatism: more caution never widens sharing ──────────────────────────────────────────────


def rewritten(directives: str, random_: random.Random) -> str:
    """The same words in another case, order, spacing, and some of them twice."""
    members = [m.strip() for m in directives.split(",")]
    members += random_.sample(members, random_.randrange(len(members) + 1))
    random_.shuffle(members)
    turned = ["".join(random_.choice((c.upper(), c.lower())) for c in m) for m in members]
    return random_.choice([",", ", ", " ,", "\t,\t", ",,"]).join(turned)


@pytest.mark.parametrize("caution", ["no-store", "private", 'private=""', "no-store=x"])
def test_restrictive_words_hold_in_every_disguise(scene: Scene, caution: str) -> None:
    random_ = random.Random(caution)
    for n in range(40):
        said = rewritten(f"public, max-age=60, s-maxage=60, {caution}", random_)
        scene.app(200, "mine", cache_control=said)
        scene.get(f"/{n}")
        assert not scene.get(f"/{n}").hit, said


def test_a_cache_inside_a_cache(make_scene: MakeScene) -> None:
    """Both obey what the app says; the inner one's field reaches nobody."""
    scene = make_scene()
    inner = CacheMiddleware(
        scene.cache.app, clock=scene.clock, policy=Policy(name="inner", targets=())
    )
    outer = CacheMiddleware(inner, clock=scene.clock)
    scene.front = outer
    scene.app(200, "page", **FRESH)
    scene.get("/")
    scene.after(2)
    got = scene.get("/")
    assert (got.text, got.age) == ("page", 2)
    assert ", ".join(got.lines("Cache-Status")).startswith("inner; ")
    assert scene.count == 1
