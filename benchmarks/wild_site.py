"""A site with pages of six kinds, as a plain WSGI application, and what it would answer to whom."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from benchmarks.wild_people import Asked, Page, Site

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LIFETIME = "max-age=36000"
"""Longer than any run: a page is made once in its lifetime, so once in a run."""
WEIGHTS = {"article": 40, "section": 15, "search": 10, "item": 15, "static": 15, "account": 5}
"""How often pages of each kind are asked for."""
MANY = {"article": 300, "section": 8, "search": 60, "item": 150, "static": 12, "account": 3}
VARY = {
    "article": "Accept-Encoding",
    "section": "Accept-Language, Accept-Encoding",
    "search": "Accept-Encoding",
    "item": "Accept, Accept-Encoding",
    "static": "Accept-Encoding",
    "account": "Cookie, Accept-Encoding",
}
RELEASED = frozenset({"static"})
"""Kinds that say ``public`` of their own accord."""


def page_of(kind: str, number: int) -> Page:
    """One of the pages of a kind."""
    if kind == "search":
        return Page(kind, "/search", (f"q=word{number}", f"page={number % 3}"))
    if kind == "static":
        return Page(kind, f"/static/file{number}.js", (f"v={number}",), linked=False)
    return Page(kind, f"/{kind}/{number}", linked=kind != "account")


def pages() -> list[tuple[float, Page]]:
    """Each page with its weight: the n-th of a kind is asked for 1/n as often as the first."""
    found = []
    for kind, weight in WEIGHTS.items():
        whole = sum(1 / (n + 1) for n in range(MANY[kind]))
        found += [(weight / whole / (n + 1), page_of(kind, n)) for n in range(MANY[kind])]
    return found


SITE = Site(pages(), lambda number: f"sid=user{number}")


class Answer(NamedTuple):
    """What the site answers: the text, in which coding, and of which type."""

    text: str
    coding: str
    kind: str


def answer(environ: WSGIEnvironment) -> Answer:
    """What the site answers to *environ*, by what it sees."""
    path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    kind = path.split("/")[1]
    known = [pair for pair in parse_qsl(query) if pair[0] in ("q", "page", "v")]
    told = [path, *(f"{name}={value}" for name, value in sorted(known))]
    media = "text/javascript" if kind == "static" else "text/html"
    if kind == "section":
        told.append(chosen(environ.get("HTTP_ACCEPT_LANGUAGE", ""), ("en", "de"), "en"))
    if kind == "item":
        told.append(
            media := chosen(
                environ.get("HTTP_ACCEPT", ""), ("text/html", "application/json"), "text/html"
            )
        )
    if kind == "account":
        told.append(user_of(environ.get("HTTP_COOKIE", "")))
    coding = chosen(environ.get("HTTP_ACCEPT_ENCODING", ""), ("br", "gzip"), "identity")
    return Answer(" ".join(told), coding, media)


def user_of(cookie: str) -> str:
    """Who has that session."""
    pairs = (pair.strip().partition("=") for pair in cookie.split(";"))
    return next((value for name, _, value in pairs if name == "sid"), "stranger")


def chosen(field: str, offered: tuple[str, ...], otherwise: str) -> str:
    """Which of those *offered* the client prefers, as frameworks choose: of equals the one that is
    named more exactly, then the first; *otherwise* if it takes none."""
    weights = {one: _weight(field, one) for one in offered}
    best = max(offered, key=weights.__getitem__)
    return best if weights[best][0] else otherwise


def _weight(field: str, offered: str) -> tuple[float, int]:
    weight, exact = 0.0, -1
    for member in field.split(","):
        name, _, parameters = member.strip().partition(";")
        name = name.strip().lower()
        whole, part = offered, offered.partition("/")[0]
        if name == whole:
            rank = 3
        elif name.partition("-")[0] == whole:
            rank = 2  # de-AT will do with de
        elif name == f"{part}/*":
            rank = 1
        elif name in ("*", "*/*"):
            rank = 0
        else:
            continue
        quality = parameters.strip().partition("q=")[2] or "1"
        if rank > exact or (rank == exact and float(quality) > weight):
            weight, exact = float(quality), rank
    return weight, exact


def coded(text: str, coding: str) -> bytes:
    """*text* in *coding*; Brotli is only played, no measured cache looks into it."""
    content = text.encode()
    if coding == "gzip":
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(content) + packer.flush()
    return b"br:" + content if coding == "br" else content


def decoded(content: bytes, coding: str) -> str:
    """The text again."""
    if coding == "gzip":
        return zlib.decompress(content, 31).decode()
    return (content.removeprefix(b"br:") if coding == "br" else content).decode()


def counted(
    release: Callable[[str], bool] = RELEASED.__contains__,
) -> tuple[WSGIApplication, list[str]]:
    """The site, and where it notes the path of each call; of which kinds it says ``public``."""
    calls: list[str] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        said, path = answer(environ), environ["PATH_INFO"]
        kind = path.split("/")[1]
        calls.append(path)
        content = coded(said.text, said.coding)
        fields = [
            ("Content-Type", said.kind),
            ("Content-Length", str(len(content))),
            ("Vary", VARY.get(kind, "Accept-Encoding")),
            ("Cache-Control", f"public, {LIFETIME}" if release(kind) else LIFETIME),
        ]
        if said.coding != "identity":
            fields.append(("Content-Encoding", said.coding))
        start_response("200 OK", fields)
        return [content]

    return app, calls


# ── What is needed ──────────────────────────────────────────────────────────────────────────────


def needed(asked: Iterable[Asked], environ_of: Callable[[Asked], WSGIEnvironment]) -> int:
    """How often the site must be asked: for each of its answers once, and for each reload."""
    made: set[Answer] = set()
    calls = 0
    for one in asked:
        said = answer(environ_of(one))
        calls += one.reload or said not in made
        made.add(said)
    return calls


def needed_unconfigured(
    asked: Iterable[Asked], environ_of: Callable[[Asked], WSGIEnvironment]
) -> int:
    """The same of who knows nothing of tracking parameters, media types and languages, and asks
    for whoever has cookies that count on a page that nothing releases."""
    made: set[tuple[str, ...]] = set()
    calls = 0
    for one in asked:
        said, kind = answer(environ_of(one)), one.page.kind
        selecting = [one.query, *said]
        selecting += [one.fields.get("Accept-Language", "")] if kind == "section" else []
        selecting += [one.fields.get("Accept", "")] if kind == "item" else []
        counts = one.user is not None or "theme=" in one.fields.get("Cookie", "")
        alone = counts and kind not in RELEASED and kind != "account"
        calls += one.reload or alone or tuple(selecting) not in made
        if not alone:
            made.add(tuple(selecting))
    return calls
