"""Two users with sessions and a stranger: no byte of one reaches another.

The pages are those that leaked elsewhere: they all claim a lifetime, and read the session with and
without touching it, set cookies late, refresh permanent sessions, tag what is somebody's own.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import random
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path as route
from django.views.decorators.csrf import csrf_exempt
from werkzeug.test import Client, TestResponse

from tests.rig.gates import interrupting, together
from tests.running import DEADLINE
from tests.scene import FakeClock
from tests.servers.in_process import django_site
from wsgicache import CacheMiddleware, Policy

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

THREADS = 8
FRESH = {"Cache-Control": "max-age=60"}
PUBLIC = {"Cache-Control": "public, max-age=60"}
TOKENS = {"alice": "token-of-alice", "bob": "token-of-bob"}
NOBODY = "token-of-nobody"
TOKEN = re.compile(r"token-of-(\w+)")

_serial = itertools.count(1)


def token(name: str | None) -> str:
    return TOKENS.get(name or "", NOBODY)


# ── what an app does to a response outside of its framework ──────────────────────────────────────


def late_cookies(app: App) -> App:
    """An inner middleware that starts at its first chunk and sets a cookie then, for some pages."""

    def late(environ: Environ, start_response: Any) -> Iterator[bytes]:
        wanted = environ["PATH_INFO"] in ("/late", "/late-public")

        def start(status: str, fields: list[tuple[str, str]], *exc_info: Any) -> Any:
            if wanted:
                fields = [*fields, ("Set-Cookie", f"late={next(_serial)}; Path=/late")]
            return start_response(status, fields, *exc_info)

        body = app(environ, start)
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()

    return late


# ── Flask ────────────────────────────────────────────────────────────────────────────────────────


def flask_site() -> App:
    app = flask.Flask(__name__)
    app.secret_key = "for tests only"
    session = flask.session

    def unnoticed() -> str | None:
        """The session's name, read so that Flask does not notice: it adds no Vary then."""
        opened = app.session_interface.open_session(app, flask.request)
        return opened.get("name") if opened is not None else None

    @app.post("/login")
    def login() -> str:
        session["name"] = flask.request.form["name"]
        return "welcome"

    @app.get("/name")
    def name() -> Any:
        return token(session.get("name")), FRESH

    @app.get("/in")
    def membership() -> Any:
        return ("member" if "name" in session else "stranger"), FRESH

    @app.get("/unnoticed")
    def careless() -> Any:
        return token(unnoticed()), FRESH

    @app.get("/permanent")
    def permanent() -> Any:
        session.permanent = "name" in session  # sent again with every response
        return token(unnoticed()), PUBLIC

    @app.get("/late")
    def late() -> Any:
        return token(unnoticed()), FRESH

    @app.get("/late-public")
    def late_public() -> Any:
        return token(unnoticed()), PUBLIC

    @app.get("/visits")
    def visits() -> Any:
        session["visits"] = session.get("visits", 0) + 1
        return f"{token(session.get('name'))} {session['visits']}", PUBLIC

    @app.get("/tagged")
    def tagged() -> Any:
        response = flask.make_response(token(session.get("name")))
        response.headers.update(FRESH)
        response.set_etag(token(session.get("name")))
        return response.make_conditional(flask.request)

    @app.get("/tagged-unnoticed")
    def tagged_careless() -> Any:
        response = flask.make_response(token(unnoticed()), {"Cache-Control": "max-age=5"})
        response.set_etag(token(unnoticed()))
        return response.make_conditional(flask.request)

    @app.get("/credentials")
    def credentials() -> Any:
        given = flask.request.authorization
        return token(given.username if given else None), FRESH

    @app.get("/streamed")
    def streamed() -> Any:
        def produce() -> Iterator[str]:
            yield "<"
            yield token(session.get("name"))
            yield ">"

        return flask.Response(flask.stream_with_context(produce()), headers=FRESH)

    @app.get("/shared")
    def shared() -> Any:
        return "for all", PUBLIC

    @app.post("/shared")
    def change() -> str:
        return "changed"

    return app.wsgi_app


# ── Django ───────────────────────────────────────────────────────────────────────────────────────


def django_unnoticed(request: HttpRequest) -> str | None:
    """The session's name, read so that Django does not notice: it adds no Vary then."""
    session = request.session
    accessed = session.accessed
    name = session.get("name")
    session.accessed = accessed
    return name


@csrf_exempt
def login(request: HttpRequest) -> HttpResponse:
    request.session["name"] = request.POST["name"]
    return HttpResponse("welcome")


def name(request: HttpRequest) -> HttpResponse:
    return HttpResponse(token(request.session.get("name")), headers=FRESH)


def membership(request: HttpRequest) -> HttpResponse:
    return HttpResponse("member" if "name" in request.session else "stranger", headers=FRESH)


def careless(request: HttpRequest) -> HttpResponse:
    return HttpResponse(token(django_unnoticed(request)), headers=FRESH)


def careless_public(request: HttpRequest) -> HttpResponse:
    return HttpResponse(token(django_unnoticed(request)), headers=PUBLIC)


def visits(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = count = request.session.get("visits", 0) + 1
    return HttpResponse(f"{token(request.session.get('name'))} {count}", headers=PUBLIC)


def tagged(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        token(request.session.get("name")),
        headers={**FRESH, "ETag": f'"{token(request.session.get("name"))}"'},
    )


def tagged_careless(request: HttpRequest) -> HttpResponse:
    said = token(django_unnoticed(request))
    return HttpResponse(said, headers={"Cache-Control": "max-age=5", "ETag": f'"{said}"'})


def credentials(request: HttpRequest) -> HttpResponse:
    given = request.headers.get("Authorization", "").partition(" ")[2]
    return HttpResponse(
        token(base64.b64decode(given).decode().partition(":")[0] or None), headers=FRESH
    )


@csrf_exempt
def shared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for all", headers=PUBLIC)


DJANGO_VIEWS = {
    "login": login,
    "name": name,
    "in": membership,
    "unnoticed": careless,
    "permanent": name,
    "late": careless,
    "late-public": careless_public,
    "visits": visits,
    "tagged": tagged,
    "tagged-unnoticed": tagged_careless,
    "credentials": credentials,
    "streamed": name,
    "shared": shared,
}
DJANGO_MIDDLEWARE = [
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]


def django_sessions(*, save_every_request: bool) -> contextlib.AbstractContextManager[App]:
    return django_site(
        [route(path, view) for path, view in DJANGO_VIEWS.items()],
        DJANGO_MIDDLEWARE,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SESSION_SAVE_EVERY_REQUEST=save_every_request,
    )


SITES: dict[str, Callable[[], contextlib.AbstractContextManager[App]]] = {
    "flask": lambda: contextlib.nullcontext(flask_site()),
    "django": lambda: django_sessions(save_every_request=False),
    "django-saving-every-request": lambda: django_sessions(save_every_request=True),
}


@pytest.fixture(params=SITES)
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    with SITES[request.param]() as site:
        yield late_cookies(site)


# ── those who ask ────────────────────────────────────────────────────────────────────────────────

OWN = ("/name", "/visits", "/tagged")
"""Pages that say what they depend on, or are not stored: exactly the own token."""
CARELESS = ("/unnoticed", "/late", "/late-public", "/tagged-unnoticed", "/permanent", "/streamed")
"""Pages that do not say it, as Flask where a session is read while streaming: the own token, or the
stranger's from before."""


@dataclass
class Person:
    """One who asks, with the cookies of a browser and no more than a browser's knowledge."""

    name: str | None
    client: Client
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return token(self.name)

    def log_in(self) -> None:
        if self.name is not None:
            reply = self.client.post("/login", data={"name": self.name})
            assert reply.status_code == 200
            assert reply.headers.getlist("Set-Cookie")

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers, buffered=True)

    def check(self, path: str, reply: TestResponse) -> None:
        """Nothing in the reply is somebody else's."""
        text = f"{reply.headers} {reply.text}"
        for cookie in reply.headers.getlist("Set-Cookie"):
            text += " " + signed_by(cookie)
        found = {f"token-of-{name}" for name in TOKEN.findall(text)}
        allowed = {self.token, NOBODY} if path in CARELESS else {self.token}
        assert found <= allowed, f"{self.name} got {found} of {path}: {reply.headers}"
        if path in OWN and reply.status_code == 200:
            assert self.token in reply.text
        if path == "/in" and reply.status_code == 200:
            assert reply.text == ("stranger" if self.name is None else "member")
        assert reply.status_code in (200, 304)


def signed_by(cookie: str) -> str:
    """Whose session a cookie holds, as a token: both frameworks sign and do not encrypt."""
    payload = cookie.partition("=")[2].partition(";")[0].partition(".")[0].partition(":")[0]
    with contextlib.suppress(ValueError):  # where it is no base64, it is no session
        held = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("latin-1")
        return " ".join(said for name, said in TOKENS.items() if f'"{name}"' in held)
    return ""


def basic(name: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:secret'.encode()).decode()}"


class Mixture:
    """Threads that ask for everything as everybody, and what they were given."""

    def __init__(self, app: App) -> None:
        self.clock = FakeClock()
        self.cache = CacheMiddleware(app, clock=self.clock)
        self.lock = threading.Lock()
        self.cookies: defaultdict[str, set[str | None]] = defaultdict(set)
        self.hits: defaultdict[str, int] = defaultdict(int)

    def run(self, requests: int) -> None:
        with interrupting(1e-4):
            together(
                THREADS,
                lambda seed: self.ask(random.Random(seed), requests // THREADS),
                max(DEADLINE, requests / 100),
            )

    def ask(self, chance: random.Random, requests: int) -> None:
        """Ask for everything as everybody, so many times."""
        people = [Person(name, Client(self.cache)) for name in (*TOKENS, None)]
        for person in people:
            person.log_in()
        paths = [*OWN, *CARELESS, "/in", "/credentials", "/shared", "/shared"]
        for number in range(requests):
            person = chance.choice(people)
            path = chance.choice(paths)
            headers = {}
            if path == "/credentials" and person.name is not None:
                headers["Authorization"] = basic(person.name)
            if path in person.seen and chance.random() < 0.5:
                headers["If-None-Match"] = person.seen[path]
            elif chance.random() < 0.1:
                headers["If-None-Match"] = f'"{chance.choice([*TOKENS.values(), NOBODY])}"'
            elif chance.random() < 0.1:
                headers["Cache-Control"] = chance.choice(["no-cache", "max-stale", "max-age=1"])
            reply = person.get(path, **headers)
            if reply.status_code == 304 and path not in person.seen:
                # Somebody else's tag, or the stranger's, is answered by those who have the same.
                sent = headers["If-None-Match"].strip('"')
                allowed = {person.token, NOBODY} if path in CARELESS else {person.token}
                assert sent in allowed, f"{person.name} asked with {sent} for {path}"
            person.check(path, reply)
            if tag := reply.headers.get("ETag"):
                person.seen[path] = tag
            with self.lock:
                for cookie in reply.headers.getlist("Set-Cookie"):
                    if not cookie.startswith(("session=;", "sessionid=;")):
                        self.cookies[cookie].add(person.name)
                self.hits[path] += "wsgicache; hit" in reply.headers["Cache-Status"]
                if number % 50 == 0:
                    self.clock.advance(chance.choice([1, 10, 61]))
            if number % 100 == 99:
                person.client.post("/shared")


OWN_PAGE = {
    "flask": "/name",
    "django": "/name",
    # Here every page of a session comes with a cookie, so that none is stored.
    "django-saving-every-request": None,
}
"""For each site a page of the users' own that is stored for them."""


@pytest.mark.parametrize(("app", "own_page"), OWN_PAGE.items(), indirect=["app"])
def test_two_users_and_a_stranger_in_threads(app: App, own_page: str | None) -> None:
    check_mixture(app, own_page, 1_600)


def check_mixture(app: App, own_page: str | None, requests: int) -> None:
    mixture = Mixture(app)
    mixture.run(requests)
    for cookie, given_to in mixture.cookies.items():
        assert len(given_to) == 1, cookie
    assert mixture.hits["/shared"] > 0
    assert own_page is None or mixture.hits[own_page] > 0
    assert not mixture.hits["/visits"]
    assert not mixture.hits["/late-public"]


# ── known cases, one after the other ─────────────────────────────────────────────────────────────


@pytest.fixture
def people(app: App) -> dict[str | None, Person]:
    cache = CacheMiddleware(app)
    everybody = {name: Person(name, Client(cache)) for name in (*TOKENS, None)}
    for person in everybody.values():
        person.log_in()
    return everybody


ORDERS = list(itertools.permutations((*TOKENS, None)))


@pytest.mark.parametrize("path", [*OWN, *CARELESS, "/in", "/shared"])
def test_whoever_asks_first_gives_nothing_away(app: App, path: str) -> None:
    """A cookie set beside a lifetime, a session read unnoticed."""
    for order in ORDERS:
        cache = CacheMiddleware(app)
        everybody = [Person(name, Client(cache)) for name in order]
        for person in everybody:
            person.log_in()
        for person in everybody * 2:
            person.check(path, person.get(path))


@pytest.mark.parametrize("path", ["/visits", "/late", "/late-public"])
def test_a_response_that_sets_a_cookie_is_nobody_elses(
    people: dict[str | None, Person], path: str
) -> None:
    given_to: defaultdict[str, set[str | None]] = defaultdict(set)
    for name, person in [*people.items()] * 2:
        reply = person.get(path)
        assert re.search("detail=(set-)?cookie", reply.headers["Cache-Status"])
        assert reply.headers.getlist("Set-Cookie")
        for cookie in reply.headers.getlist("Set-Cookie"):
            given_to[cookie].add(name)
    assert all(len(names) == 1 for names in given_to.values())


def test_credentials_keep_a_page_to_their_owner(people: dict[str | None, Person]) -> None:
    for _ in range(2):
        for name, person in people.items():
            headers = {"Authorization": basic(name)} if name else {}
            reply = person.get("/credentials", **headers)
            assert reply.text == person.token
            if name:
                assert "detail=authorization" in reply.headers["Cache-Status"]


def test_a_session_read_unnoticed_is_not_stored(people: dict[str | None, Person]) -> None:
    reply = people["alice"].get("/unnoticed")
    assert reply.text == TOKENS["alice"]
    assert reply.headers["Cache-Status"].startswith("wsgicache; fwd=uri-miss; detail=")
    assert people[None].get("/unnoticed").text == NOBODY


def test_a_page_that_varies_by_cookie_is_stored_for_each(app: App) -> None:
    """Unless it comes with a cookie of its own, as those that save every session do."""
    cache = CacheMiddleware(app)
    everybody = [Person(name, Client(cache)) for name in TOKENS]
    for person in everybody:
        person.log_in()
    for number in range(3):
        for person in everybody:
            reply = person.get("/name")
            assert reply.text == person.token
            if not reply.headers.getlist("Set-Cookie"):
                assert ("wsgicache; hit" in reply.headers["Cache-Status"]) == (number > 0)


@pytest.mark.parametrize("path", ["/tagged", "/tagged-unnoticed"])
def test_nobody_is_told_that_the_page_of_another_is_unmodified(
    people: dict[str | None, Person], path: str
) -> None:
    alices = f'"{TOKENS["alice"]}"'
    for _ in range(2):
        own = people["alice"].get(path, **{"If-None-Match": alices})
        people["alice"].check(path, own)
        assert path in CARELESS or own.status_code == 304
        for name in ("bob", None):
            reply = people[name].get(path, **{"If-None-Match": alices})
            assert reply.status_code == 200
            people[name].check(path, reply)
        people["alice"].check(path, people["alice"].get(path))


@pytest.mark.parametrize("app", ["flask", "django"], indirect=True)
@pytest.mark.parametrize("path", ["/unnoticed", "/tagged-unnoticed", "/late-public"])
def test_the_checks_see_a_leak(app: App, path: str) -> None:
    """The same people before a policy that is told to share: the net has no hole."""
    shares = Policy(store_set_cookie=True, private_cookies=False)
    cache = CacheMiddleware(app, policy=shares)
    alice, bob = (Person(name, Client(cache)) for name in TOKENS)
    alice.log_in()
    bob.log_in()
    alice.check(path, alice.get(path))
    with pytest.raises(AssertionError, match="bob got"):
        bob.check(path, bob.get(path))
