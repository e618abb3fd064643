"""``python -m benchmarks wild``: how often an application is asked by the people that there are.

A cache that is right and never hits is of no use. The requests are those of `wild_people`: many
spellings of Accept-Encoding, cookies of analytics, links with tracking parameters, languages,
reloads. Beside each line stands what an ideal cache would save, one that knows what the application
would answer; and each answer is compared with what the application says itself.
"""

from __future__ import annotations

import http.client
import io
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks import wild_frameworks, wild_site
from benchmarks.calls import progress
from benchmarks.contenders import nginx, varnish
from benchmarks.peers import Missing
from benchmarks.results import Claim, Figure, show
from benchmarks.servers import HOST, ServerFailed, cheroot, free_port, running
from benchmarks.wild_people import PROGRAMS, Asked, drawn
from wsgicache import TRACKING_PARAMETERS, CacheMiddleware, Policy, Route

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

VISITORS = 2000
OURS, TUNED, TUNED_VARNISH = "wsgicache, Policy()", "wsgicache, five lines", "Varnish, tuned"


def recommended(app: WSGIApplication) -> CacheMiddleware:
    """The five lines for such a site."""
    return CacheMiddleware(
        app,
        policy=Policy(
            ignore_query=TRACKING_PARAMETERS,
            sort_query=True,
            only_cookies=(),
            languages=("en", "de"),
            encodings=("br", "gzip"),
        ),
        routes=[
            Route("/account/*", cookies=("sid",)),
            Route("/item/*", accept=("text/html", "application/json")),
        ],
    )


NGINX_TUNED = """
    map $args $kept {
        default $args;
        "~^(?<before>(?:(?!utm_|gclid|fbclid|mc_)[^&]+&?)*?)&?(?:utm_|gclid|fbclid|mc_)" $before;
    }
"""
NGINX_KEY = "proxy_cache_lock on; proxy_cache_key $scheme$host$uri?$kept;"
"""What its manual says of keys, with a map that leaves out what campaigns add at the end."""
VARNISH_TUNED = r"""
import std;
sub vcl_recv {
    set req.http.Cookie = regsuball(req.http.Cookie, "(^|;\s*)_[^=;]*=[^;]*", "");
    set req.http.Cookie = regsub(req.http.Cookie, "^;\s*", "");
    if (req.http.Cookie == "") { unset req.http.Cookie; }
    set req.url = regsuball(req.url, "([?&])(utm_[a-z]+|gclid|fbclid|mc_[a-z]+)=[^&]*", "\1");
    set req.url = regsub(std.querysort(req.url), "[?&]+$", "");
}
"""
"""What its manual says of cookies of analytics and of queries."""


class Line(NamedTuple):
    """What came of all requests with one cache."""

    name: str
    requests: int
    calls: int
    needed: int
    wrong: int

    @property
    def hits(self) -> float:
        """Which part of the requests did not reach the application."""
        return 1 - self.calls / self.requests

    @property
    def saved(self) -> float:
        """Which part it saved of the calls that the ideal saves."""
        return (self.requests - self.calls) / (self.requests - self.needed)


class Reply(NamedTuple):
    """An answer: its coding, and its text."""

    coding: str
    text: bytes


def environ_of(asked: Asked) -> WSGIEnvironment:
    """The request as a server hands it on (PEP 3333)."""
    query = f"?{asked.query}" if asked.query else ""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": asked.page.path,
        "QUERY_STRING": asked.query,
        "RAW_URI": asked.page.path + query,
        "SERVER_NAME": "www.example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "www.example.org",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": said for name, said in asked.fields.items()},
    }


def reply_of(app: WSGIApplication, asked: Asked) -> Reply:
    """What *app* answers."""
    coding = "identity"

    def start(
        status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        nonlocal coding
        coding = dict(fields).get("Content-Encoding", "identity")
        return lambda data: None

    body: Iterable[bytes] = app(environ_of(asked), start)
    content = b"".join(body)
    if (close := getattr(body, "close", None)) is not None:
        close()
    return Reply(coding, plain(content, coding))


def plain(content: bytes, coding: str) -> bytes:
    """*content* without its coding."""
    if coding == "gzip":
        return zlib.decompress(content, 31)
    if coding == "br" and not content.startswith(b"br:"):
        import brotli

        text: bytes = brotli.decompress(content)
        return text
    return content.removeprefix(b"br:")


# ── the plain site ──────────────────────────────────────────────────────────────────────────────


def is_right(asked: Asked, reply: Reply) -> bool:
    """Whether it is what the site says to that client, in a coding that the client takes."""
    said = wild_site.answer(environ_of(asked))
    accepted = asked.fields.get("Accept-Encoding", "")
    taken = reply.coding in ("identity", said.coding) or reply.coding in accepted
    return taken and reply.text == said.text.encode()


def in_process(
    name: str, make: Callable[[WSGIApplication], WSGIApplication], asked: Sequence[Asked], need: int
) -> Line:
    """Ask a cache in this process."""
    app, calls = wild_site.counted()
    cache = make(app)
    wrong = sum(not is_right(one, reply_of(cache, one)) for one in asked)
    return Line(name, len(asked), len(calls), need, wrong)


def over_http(name: str, tuned: bool, asked: Sequence[Asked], need: int) -> Line:
    """Ask nginx or Varnish in front of the site. Raises ServerFailed without it."""
    app, calls = wild_site.counted()
    wrong = 0
    with ExitStack() as stack:
        origin = stack.enter_context(cheroot(app))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        if name.startswith("nginx"):
            line = nginx(folder, port, origin)
            file = folder / "nginx.conf"
            if tuned:
                text = file.read_text("utf-8").replace(
                    "    server {", f"{NGINX_TUNED}    server {{", 1
                )
                key = "proxy_cache_lock on; proxy_cache_key $scheme$host$uri?$kept;"
                file.write_text(text.replace("proxy_cache pages;", f"proxy_cache pages; {key}"))
        else:
            line = varnish(folder, port, origin)
            file = folder / "default.vcl"
            if tuned:
                file.write_text(file.read_text("utf-8") + VARNISH_TUNED, "utf-8")
        try:
            stack.enter_context(running(name, line, port))
        except FileNotFoundError as error:
            raise ServerFailed(f"{name}: {error}") from None
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        stack.callback(connection.close)
        del calls[:]
        for one in asked:
            target = one.page.path + (f"?{one.query}" if one.query else "")
            connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            for field, said in {"Host": "www.example.org", **one.fields}.items():
                connection.putheader(field, said)
            connection.endheaders()
            response = connection.getresponse()
            content, coding = response.read(), response.getheader("Content-Encoding", "identity")
            wrong += not is_right(one, Reply(coding, plain(content, coding)))
    return Line(name, len(asked), len(calls), need, wrong)


def plain_site(requests: int, servers: bool = True) -> list[Line]:
    """All caches in front of the plain site; which are missing is said."""
    asked = drawn(wild_site.SITE, requests, min(VISITORS, requests))
    alone = wild_site.needed_unconfigured(asked, environ_of)
    whole = wild_site.needed(asked, environ_of)
    lines = [
        in_process(OURS, CacheMiddleware, asked, alone),
        in_process(
            "wsgicache, Policy.rfc()",
            lambda app: CacheMiddleware(app, policy=Policy.rfc()),
            asked,
            whole,
        ),
        in_process(TUNED, recommended, asked, whole),
    ]
    others = [("nginx", False), ("nginx, tuned", True), ("Varnish", False), (TUNED_VARNISH, True)]
    for name, tuned in others if servers else ():
        try:
            lines.append(over_http(name, tuned, asked, whole))
        except ServerFailed as error:
            click.echo(f"Without {name}: {error}", err=True)
    return lines


def variants() -> tuple[int, int]:
    """How many variants one URL has after all kinds of clients, and how many codings it has."""
    app, _ = wild_site.counted()
    cache = CacheMiddleware(app)
    codings = set()
    page = wild_site.page_of("article", 1)
    for _, (encodings, _, _) in [*PROGRAMS, *PROGRAMS]:
        said = {"Accept-Encoding": encodings} if encodings else {}
        codings.add(reply_of(cache, Asked(page, "", said, False, None)).coding)
    entry = cache.store.get(("http", "www.example.org", page.path, ""))
    return 0 if entry is None else len(entry.responses), len(codings)


# ── sites of frameworks ─────────────────────────────────────────────────────────────────────────


def of_framework(made: wild_frameworks.Framework, requests: int) -> list[Line]:
    """Its caches, by the requests for pages that are the same for all."""
    asked = drawn(made.site, requests, 300)
    right: dict[tuple[object, ...], Reply] = {}
    """What the site says itself, by all that it looks at."""
    lines = []
    for name, make in made.caches.items():
        cache = make(made.app)
        del made.calls[:]
        same, calls, wrong = 0, 0, 0
        for one in asked:
            before = len(made.calls)
            reply = reply_of(cache, one)
            hit = len(made.calls) == before
            if hit:
                said = one.fields.get
                seen = one.page, one.user, said("Accept-Encoding"), said("Accept-Language")
                if seen not in right:
                    right[seen] = reply_of(made.bare, one)
                    del made.calls[before:]
                wrong += reply != right[seen]
            if one.page.kind in wild_frameworks.SAME:
                same, calls = same + 1, calls + (not hit)
        lines.append(Line(name, same, calls, 0, wrong))
    return lines


# ── what is shown ───────────────────────────────────────────────────────────────────────────────


def figures_of(group: str, lines: Sequence[Line]) -> list[Figure]:
    """A row for each line."""
    found = []
    for line in lines:
        note = f"{line.calls:,} calls, {line.wrong:,} wrong answers"
        if line.needed:
            times = line.calls / line.needed
            note = (
                f"saves {line.saved:.3f} of its ideal; {times:.2f} times the calls needed; {note}"
            )
        found.append(Figure(group, line.name, (line.hits * 100,), "%", note))
    return found


def claims_of(lines: Sequence[Line], sites: Sequence[tuple[str, Line]]) -> list[Claim]:
    """What must hold of the plain site's *lines* and of those of frameworks."""
    by_name = {line.name: line for line in lines}
    ours, tuned = by_name[OURS], by_name[TUNED]
    claims = [
        Claim(f"{OURS}: saved of its ideal", ours.saved, 0.97, at_most=False),
        Claim(f"{TUNED}: saved of the ideal", tuned.saved, 0.97, at_most=False),
        Claim(f"{TUNED}: hits", tuned.hits, 0.9, at_most=False),
    ]
    if other := by_name.get(TUNED_VARNISH):
        text = f"{TUNED}: calls beside those of {TUNED_VARNISH}"
        claims.append(Claim(text, tuned.calls / other.calls, 1))
    for name, line in sites:
        claims.append(Claim(f"{name}: hits of pages for all", line.hits, 0.9, at_most=False))
    wrong = sum(one.wrong for one in [*lines, *(line for _, line in sites)] if _is_ours(one))
    made, codings = variants()
    claims += [
        Claim("wsgicache: wrong answers", wrong, 0),
        Claim("variants of one URL for each of its codings", made / codings, 1),
    ]
    return claims


def _is_ours(line: Line) -> bool:
    return line.name.startswith("wsgicache")


@click.command()
@click.option("--requests", default=40_000, show_default=True, type=click.IntRange(100))
@click.option("--quick", is_flag=True, help="A tenth of the requests.")
@click.option("--servers/--no-servers", default=True, help="Whether nginx and Varnish take part.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path))
def wild(requests: int, quick: bool, servers: bool, output: Path | None) -> None:
    """Ask as browsers, apps and bots do, and count how often the application is asked."""
    requests = requests // 10 if quick else requests
    with progress(4, "The wild") as step:
        lines = plain_site(requests, servers)
        step()
        sites = {}
        for name, make in {
            "Django": wild_frameworks.django_site,
            "Flask": wild_frameworks.flask_site,
            "Flask, decorated": wild_frameworks.flask_caching,
        }.items():
            try:
                sites[name] = of_framework(make(), requests)
            except (ImportError, Missing) as error:
                click.echo(f"Without {name}: {error}", err=True)
            step()
    figures = figures_of("The wild: hits of all requests", lines)
    for name, found in sites.items():
        figures += figures_of(f"The wild, {name}: hits of pages for all", found)
    ours = [(name, line) for name, found in sites.items() for line in found if _is_ours(line)]
    show("wild", figures, claims_of(lines, ours), output)
