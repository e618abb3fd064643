"""Whole exchanges: two clients, of whom the second must not see the first one's secret; and whoever
wants to purge without the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fuzz.source import Source
from tests.scene import Environ, Exchange, FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore, Policy

Texts = tuple[str, ...]
SECRET = "taint-7f3a"
WHO: tuple[dict[str, str], ...] = (
    {"HTTP_AUTHORIZATION": SECRET},
    {"HTTP_COOKIE": f"sid={SECRET}"},
    {"REMOTE_USER": SECRET},
    {"SSL_CLIENT_S_DN": f"CN={SECRET}"},
    {"HTTP_AUTHORIZATION": f"Basic {SECRET}", "HTTP_COOKIE": "theme=dark"},
)
"""How somebody shows who he is."""
OTHERS: tuple[dict[str, str], ...] = (
    {},
    {"HTTP_COOKIE": "sid=other"},
    {"HTTP_AUTHORIZATION": "other"},
    {"REMOTE_USER": "other"},
)
METHODS: Texts = tuple("GET GET GET HEAD POST get PURGE OPTIONS".split())
TARGETS_: Texts = tuple("/ /a /a%2Fb /a%3Fb=1 /a?b=1 /a? //a /../a /a;x=.css *".split())
HOSTS: Texts = tuple("example.org EXAMPLE.org:80 example.org:81 evil.example a@b".split())
STATUSES: Texts = tuple(
    "200 OK,200 OK,404 Not Found,301 Moved,304 Not Modified,206 Partial,500 Oops,204 No Content,"
    "416 No,999 Odd,200,OK".split(",")
)
NAMES: Texts = tuple(
    "Cache-Control Cache-Control Vary ETag Expires Date Age Set-Cookie Last-Modified "
    "Content-Length Pragma Wsgicache-Cache-Control Content-Range Content-Type Location "
    "Cache-Status Connection CDN-Cache-Control X-Y".split()
)
VALUES: Texts = (
    *("max-age=60", "public, max-age=60", "private, max-age=60", "no-store", "s-maxage=60"),
    *("must-revalidate, max-age=60", "no-cache", "*", "Cookie", "Accept", "Authorization"),
    *('"v1"', 'W/"v1"', "5", "0", "-1", "Tue, 14 Nov 2023 22:13:20 GMT", "text/plain", "x"),
    *('private="x", max-age=60', "bytes 0-3/20", "stale-while-revalidate=60, max-age=0"),
    *("max-age=60, must-understand, no-store", "Connection, X-Y", "a\r\nX: b", "\x00"),
)
FIELDS: Texts = tuple(
    "HTTP_CACHE_CONTROL HTTP_RANGE HTTP_IF_NONE_MATCH HTTP_IF_MODIFIED_SINCE HTTP_IF_RANGE "
    "HTTP_ACCEPT HTTP_PRAGMA HTTP_X_FORWARDED_HOST HTTP_FORWARDED CONTENT_LENGTH "
    "HTTP_X_HTTP_METHOD_OVERRIDE HTTP_EXPECT HTTP_TRANSFER_ENCODING RAW_URI REQUEST_URI "
    "SCRIPT_NAME QUERY_STRING CONTENT_TYPE HTTP_COOKIE_".split()
)
SAID: Texts = (
    *("no-cache", "no-store", "max-stale", "max-age=0", "only-if-cached", "bytes=0-3", "bytes=5-"),
    *('"v1"', "*", "Tue, 14 Nov 2023 22:13:20 GMT", "", "0", "5", "evil.example", "host=evil"),
)
POLICIES = (Policy(), Policy(), Policy.rfc(), Policy(stale_while_revalidate=60))


class Down(Exception):
    """The app raises, as its script says."""


class App:
    """What it says and how it fails is the script's; whoever shows who he is gets his name in the
    body, and everybody where he is."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.said: list[tuple[str, str]] = []
        self.calls = 0

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        self.calls += 1
        source = self._source
        how = source.byte()
        status, fields = source.pick(STATUSES), []
        for _ in range(source.byte() % 5):
            fields.append((source.pick(NAMES), source.text(VALUES)))
        self.said += fields
        if how % 16 == 15:
            raise Down
        body = whole(environ)
        start_response(status, fields)
        chunks = [body] if how & 1 else [body[:4], body[4:]]
        if environ["REQUEST_METHOD"] == "HEAD":
            return [b""]
        return chunks


def whole(environ: Environ) -> bytes:
    """A body that tells what was asked for, and by whom."""
    who = [value for given in WHO for key in given if SECRET in (value := environ.get(key, ""))]
    return f"{target_of(environ)} for {who}".encode("utf-8", "replace")


def target_of(environ: Environ) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    host = environ.get("HTTP_HOST", "").lower().removesuffix(":80")
    return repr((host, path, environ.get("QUERY_STRING", "")))


def asked(source: Source) -> Environ:
    """A request that the script makes."""
    environ = environ_for(source.pick(METHODS), source.pick(TARGETS_))
    environ["HTTP_HOST"] = source.pick(HOSTS)
    for _ in range(source.byte() % 4):
        environ[source.pick(FIELDS)] = source.text(SAID)
    return environ


def wsgi_exchange(data: bytes) -> None:
    """Somebody who shows who he is asks, then others do, at the same target or another: none of
    them sees his name unless the app has called a response shared, each gets what belongs to his
    own target, and no exception is made here."""
    source = Source(data)
    policy, clock = source.pick(POLICIES), FakeClock()
    app = App(source)
    cache = CacheMiddleware(app, policy=policy, clock=clock, runner=lambda job: job())
    first = {**asked(source), **source.pick(WHO)}
    mine = ask(cache, app, first)
    if mine is not None and policy.private_cookies:
        assert "set-cookie" not in mine.names or not mine.hit
    for _ in range(1 + source.byte() % 3):
        clock.advance(source.byte() % 128)
        again = source.byte() % 4
        second = asked(source) if again == 0 else dict(first)
        for key in ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "REMOTE_USER", "SSL_CLIENT_S_DN"):
            second.pop(key, None)
        second |= source.pick(OTHERS)
        if again == 1:
            second["REQUEST_METHOD"] = "GET"
        calls = app.calls
        got = ask(cache, app, second)
        if got is None:
            continue
        assert app.calls > calls or got.hit or got.code == 504, got
        if SECRET.encode() in got.body or any(SECRET in value for _, value in got.headers):
            assert was_shared(app, policy), (got, app.said)
        if got.hit and policy.private_cookies:
            assert not {"set-cookie", "set-cookie2"} & got.names, got
        if got.hit and got.code in (200, 404, 301) and got.body:
            assert got.body.startswith(target_of(second).encode("utf-8", "replace")), got
        if got.hit and second["REQUEST_METHOD"] == "HEAD":
            assert got.body == b""
    assert len(cache._flights) == 0


def ask(cache: CacheMiddleware, app: App, environ: Environ) -> Exchange | None:
    """One exchange; None where the app raised."""
    environ["wsgi.url_scheme"] = "http"
    try:
        return exchange(cache, dict(environ))
    except Down:
        return None


def was_shared(app: App, policy: Policy) -> bool:
    """Whether the app has said anything, in whatever spelling, by which a response to somebody may
    be for all; or the policy holds that cookies do not matter."""
    said = [(name.lower(), value.lower()) for name, value in app.said]
    words = ("public", "s-maxage", "must-revalidate")
    told = any(word in value for name, value in said if "control" in name for word in words)
    return (
        told
        or any(name.startswith(("wsgicache", "cdn")) for name, _ in said)
        or (not policy.private_cookies)
    )


# ── purging over HTTP ────────────────────────────────────────────────────────────────────────────

TOKEN = "an unguessable token"
NEARLY: Texts = (
    "",
    "Bearer ",
    f"Bearer {TOKEN[:-1]}",
    f"Basic {TOKEN}",
    TOKEN,
    f"Bearer {TOKEN} x",
)
ADMIN_METHODS: Texts = (
    "PURGE",
    "PURGE",
    "purge",
    "BAN",
    "DELETE",
    "POST",
    "GET",
    "HEAD",
    "REFRESH",
)
ADMIN_FIELDS: Texts = ("HTTP_WSGICACHE_PURGE", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_PURGE_TOKEN")
ADMIN_FIELDS += ("HTTP_CACHE_GROUP_INVALIDATION", "HTTP_COOKIE", "QUERY_STRING", "HTTP_HOST")
ADMIN_FIELDS += ("HTTP_AUTHORIZATION", "PATH_INFO", "SCRIPT_NAME", "HTTP_CACHE_CONTROL")


def admin(data: bytes) -> None:
    """Whatever is asked without the token purges nothing, and is not told the token."""
    source = Source(data)
    cache = CacheMiddleware(refusing, store=MemoryStore(), clock=FakeClock(), purge_token=TOKEN)
    exchange(cache, environ_for("GET", "/page"))
    method, given = source.pick(ADMIN_METHODS), source.text(NEARLY)
    environ = environ_for(method, "/page", changes={"HTTP_AUTHORIZATION": given})
    for _ in range(source.byte() % 4):
        environ[source.pick(ADMIN_FIELDS)] = source.text((*NEARLY, "both-schemes, soft", "PURGE"))
    scheme, _, shown = str(environ["HTTP_AUTHORIZATION"]).partition(" ")
    allowed = scheme.lower() == "bearer" and shown.strip(" ") == TOKEN
    got = exchange(cache, environ)
    said = [*(text for line in got.headers for text in line), got.body.decode("latin-1")]
    assert not any(TOKEN in text for text in said), got
    if method == "PURGE":
        assert (got.code == 403) != allowed, got
        assert got.header("Cache-Control") == "no-store"
    if not allowed:
        assert exchange(cache, environ_for("GET", "/page")).hit, got


def refusing(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
    """An app that has pages and changes nothing."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        start_response("200 OK", [("Cache-Control", "public, max-age=60")])
    else:
        start_response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
    return [b"page" if environ["REQUEST_METHOD"] == "GET" else b""]


TARGETS: dict[str, Callable[[bytes], None]] = {"wsgi_exchange": wsgi_exchange, "admin": admin}
