"""Applications put together by chance: one input, a difference, a way to read, and noise."""

from __future__ import annotations

import gzip
import itertools
import secrets
import time
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import bottle
import falcon
import flask
from django.http import HttpRequest, HttpResponse

from tests.why import sites
from tests.why.frames import RELEASED, Row, in_bottle, in_django, in_falcon, in_flask, plain
from wsgicache import Policy

KEYLESS: dict[str, Any] = {"policy": Policy(credentials=())}
numbers = itertools.count(1000)

Read = Callable[[str], str]
"""What a request has of an input, such as ``header DNT``."""


class Planted(NamedTuple):
    """An input, how bad it is, which of its values change a page, the cache and the login."""

    found: str
    values: tuple[str, ...] = ()
    """Without any, each value does."""
    options: dict[str, Any] | None = None
    login: str = ""


INPUTS = [
    *(
        Planted(f"wrong header {name}")
        for name in (
            *("Accept-Language", "Accept", "User-Agent", "Referer", "DNT", "Sec-GPC", "Save-Data"),
            *("Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-CH-UA-Mobile", "DPR", "Prefer", "X-Theme"),
            *("X-Device", "X-Country-Code", "Content-Type", "ECT", "Device-Memory"),
        )
    ),
    Planted("wrong header Sec-Fetch-User", ("?1",)),
    Planted("wrong header Save-Data", ("on",)),
    Planted("wrong header Accept-Language", ("de", "fr")),
    Planted("wrong header Sec-CH-Prefers-Color-Scheme", ("dark",)),
    *(
        Planted(f"downstream header {name}")
        for name in (
            *("HX-Request", "Turbo-Frame", "X-PJAX", "X-Requested-With", "X-Up-Target", "Origin"),
            *("X-Inertia", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"),
        )
    ),
    *(
        Planted(f"leak header {name}", options=KEYLESS)
        for name in ("X-API-Key", "X-Auth-Token", "Remote-User", "X-User-Id", "Cf-Access-Token")
    ),
    *(
        Planted(f"leak header {name}")
        for name in ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")
    ),
    *(
        Planted(f"wrong cookie {name}", options=RELEASED)
        for name in ("theme", "currency", "beta", "density")
    ),
    Planted("wrong cookie dark_mode", ("on", "1", "true"), RELEASED),
    Planted("leak cookie who", ("alice",), RELEASED, "who=alice"),
    Planted("leak environ REMOTE_ADDR"),
]

Change = Callable[[bytes, dict[str, str], str], tuple[bytes, int, dict[str, str]]]
"""What becomes of a content and of fields because of a value."""

CHANGES: dict[str, Change] = {
    "body": lambda body, fields, said: (body + f"<p>{said}</p>".encode(), 200, fields),
    "word": lambda body, fields, said: (body.replace(b"word", b"term"), 200, fields),
    "line": lambda body, fields, said: (b"<hr>\n" + body, 200, fields),
    "less": lambda body, fields, said: (body.replace(b"<p>end</p>", b""), 200, fields),
    "field": lambda body, fields, said: (body, 200, {**fields, "X-Kind": "other"}),
    "status": lambda body, fields, said: (body, 404, fields),
    "redirect": lambda body, fields, said: (body, 301, {**fields, "Location": "/other"}),
    "last": lambda body, fields, said: (body + b"row\n" * 50_000 + b"!", 200, fields),
}

NOISE: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "nonce": lambda: f"<script nonce='{secrets.token_urlsafe(9)}'></script>",
    "counter": lambda: f"<p>{next(numbers)} visitors</p>",
    "time": lambda: f"<time>{time.time_ns()}</time>",
    "form": lambda: f"<input name=csrf_token value={secrets.token_hex(8)}>",
    "lines": lambda: "<br>\n" * secrets.randbelow(5),
    "choice": lambda: secrets.choice(["<i>left</i>", "<b>right</b>", "<u>both of them</u>"]),
    "zipped": lambda: "",
}

DECOYS = ("header X-Request-Id", "header Accept", "header User-Agent", "cookie seen", "header DNT")

FRAMES = {"plain": plain, "flask": in_flask, "bottle": in_bottle, "falcon": in_falcon}
FRAMES["django"] = in_django
STYLES = ("name", "copy")


def of_environ(environ: dict[str, str]) -> Read:
    def read(name: str) -> str:
        kind, _, name = name.partition(" ")
        if kind == "cookie":
            given = environ.get("HTTP_COOKIE", "").split(";")
            pairs = (one.strip().partition("=") for one in given)
            return next((value for key, _, value in pairs if key == name), "")
        key = name.upper().replace("-", "_")
        plain_key = kind == "environ" or key == "CONTENT_TYPE"
        return environ.get(key if plain_key else f"HTTP_{key}", "")

    return read


def of_mappings(headers: Any, cookies: Any, environ: Any) -> Read:
    def read(name: str) -> str:
        kind, _, name = name.partition(" ")
        if isinstance(headers, dict) and kind == "header":
            return {key.lower(): value for key, value in headers.items()}.get(name.lower(), "")
        found = {"header": headers, "cookie": cookies, "environ": environ}[kind].get(name)
        return str(found or "")

    return read


def composed(seed: int) -> tuple[Row, str]:
    """An application by this *seed*, and a description."""
    by = Random(seed)
    planted, change = by.choice(INPUTS), by.choice(list(CHANGES))
    noise, frame, style = by.choice(list(NOISE)), by.choice(list(FRAMES)), by.choice(STYLES)
    decoys = by.sample(DECOYS, by.randrange(3))
    harmless = by.choice(["", "", "", "vary", "no-store", "private", "unused"])
    severity, _, name = planted.found.partition(" ")
    # What an application parses itself has names that are common, or that a login has.
    if name == "cookie density" and (frame == "plain" or style == "copy"):
        name = "cookie theme"
    before = Random(seed).choice(["<h1>word</h1>\n", "word\n" * 300, "<p>a word</p>\n<p>b</p>\n"])

    def answer(read: Read) -> tuple[bytes, int, dict[str, str]]:
        for decoy in decoys:
            if decoy != name:
                read(decoy)
        said = read(name)
        body = f"{before}{NOISE[noise]()}\n<p>end</p>\n".encode()
        fields = {
            "vary": {"Vary": "Cookie" if " cookie " in f" {name}" else name.partition(" ")[2]},
            "no-store": {"Cache-Control": "no-store"},
            "private": {"Cache-Control": "private, max-age=60"},
        }.get(harmless, {})
        counts = said in planted.values if planted.values else said not in ("", "127.0.0.1")
        status = 200
        if counts and harmless != "unused":
            body, status, fields = CHANGES[change](body, fields, said)
        elif change == "last":
            body += b"row\n" * 50_000
        if noise == "zipped":
            body = gzip.compress(body, mtime=next(numbers))
            fields = {**fields, "Content-Encoding": "gzip"}
        return body, status, fields

    row = Row(viewed(frame, style, answer), FRAMES[frame], planted.options or {}, planted.login, "")
    kept = harmless in ("vary", "no-store", "private", "unused")
    found = "" if kept else f"{severity} {name}"
    told = f"{planted.found} {frame} {style} {change} {noise} {harmless} {decoys}"
    return row._replace(found=found), told


def viewed(frame: str, style: str, answer: Callable[[Read], Any]) -> Callable[..., Any]:
    """The view that answers so in this framework, and reads in this style."""

    def in_plain(environ: dict[str, str]) -> Any:
        own = dict(environ) if style == "copy" else environ
        content, status, fields = answer(of_environ(own))
        return [content], status, fields

    def flasks() -> Any:
        request = flask.request
        headers = dict(request.headers) if style == "copy" else request.headers
        return answer(of_mappings(headers, request.cookies, request.environ))

    def djangos(request: HttpRequest) -> HttpResponse:
        headers = dict(request.headers) if style == "copy" else request.headers
        content, status, fields = answer(of_mappings(headers, request.COOKIES, request.META))
        return HttpResponse(content, status=status, headers=fields)

    def bottles() -> Any:
        request = bottle.request
        headers = dict(request.headers) if style == "copy" else request.headers
        content, status, fields = answer(of_mappings(headers, request.cookies, request.environ))
        return bottle.HTTPResponse(content, status, fields)

    def falcons(req: falcon.Request, resp: falcon.Response) -> None:
        read = of_environ(dict(req.env)) if style == "copy" else of_falcon(req)
        content, status, fields = answer(read)
        resp.data, resp.status = content, falcon.code_to_http_status(status)
        resp.set_headers(fields)

    views: dict[str, Callable[..., Any]] = {
        "plain": in_plain,
        "flask": flasks,
        "django": djangos,
        "bottle": bottles,
        "falcon": falcons,
    }
    return views[frame]


def of_falcon(req: falcon.Request) -> Read:
    def read(name: str) -> str:
        kind, _, name = name.partition(" ")
        if kind == "cookie":
            return (req.get_cookie_values(name) or [""])[0]
        return str((req.get_header(name) if kind == "header" else req.env.get(name)) or "")

    return read


def check(seed: int) -> None:
    """An audit of the application by this *seed* finds what was planted, and nothing else."""
    row, told = composed(seed)
    try:
        done = row.audited()
    finally:
        sites.overriding.close()
    got = [f"{one.severity} {one.input}" for one in done.findings]
    assert got == ([row.found] if row.found else []), (seed, told, got, done.inconclusive)
    assert not done.inconclusive, (seed, told, done.inconclusive)


def many(count: int) -> str:
    """As many applications by chance."""
    first = secrets.randbelow(1 << 32)
    failed = []
    for seed in range(first, first + count):
        try:
            check(seed)
        except AssertionError as error:
            failed.append(error.args[0])
    assert not failed, "\n".join(map(str, failed))
    return f"in {count} applications, from seed {first}, none was missed, and none misnamed"


ROWS = {"audit": (many, 5_000)}
