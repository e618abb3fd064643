"""Scenarios: bodies that stream, end early, never end, or are no body but an error."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.running import eventually
from tests.servers import views
from tests.servers.site import ASKED, DOWNLOAD, HOST_LINE, Site
from tests.servers.wire import Reply


def streaming(site: Site) -> None:
    miss, hit = site.miss_and_hit("/stream?a")
    assert hit.body == b"".join(views.LINES)
    assert not miss.all("Content-Length")
    assert hit.field("Content-Length") == str(len(hit.body))
    assert not hit.all("Transfer-Encoding")


def download(site: Site) -> None:
    _, hit = site.miss_and_hit("/download")
    assert hit.body == DOWNLOAD
    for _ in range(2):
        bare, passed = site.both("/download?no-store")
        assert passed.body == DOWNLOAD
        assert passed.cache_status == "wsgicache; fwd=uri-miss; detail=no-store"
        assert passed.all("Content-Length") == bare.all("Content-Length")


def static_file(site: Site) -> None:
    bare, first = site.both("/static/download.bin")
    second = site.cached("/static/download.bin")
    site.alike(bare, second)
    assert first.body == second.body == DOWNLOAD
    if modified := bare.field("Last-Modified"):
        condition = ("If-Modified-Since", modified)
        assert site.cached("/static/download.bin", condition).status == 304
        assert site.bare("/static/download.bin", condition).status == 304


def server_sent_events(site: Site) -> None:
    """The first event is here before the second is made."""
    for asked, lines in ASKED.items():
        flag = f"{asked}-first-read"
        with site.wire() as wire:
            wire.send("GET /events HTTP/1.1", *lines, f"X-Flag: {flag}")
            head = wire.head()
            if asked == "cached":
                site.check(head, "HEAD")
                assert head.cache_status.startswith("wsgicache; fwd=uri-miss; detail=")
            first = wire.read_until(b"data: first\n\n")
            assert b"second" not in first
            (site.directory / flag).touch()
            assert b"data: second" in first + wire.read_until(b"data: second\n\n")


def error_pages(site: Site) -> None:
    for target in ("/unavailable", "/missing"):
        _, first = site.both(target)
        assert first.status == {"/unavailable": 503, "/missing": 404}[target]
        assert not site.cached(target).hit
    _, gone = site.miss_and_hit("/gone")
    assert gone.status == 410


def exceptions(site: Site) -> None:
    """What the framework or the server does for an app that raises, and it is never stored.

    Frameworks replace what they started with, which not every server can.
    """
    bare = answer_to_raising(site, "bare") if site.server.replaces else None
    assert bare is None or bare.status == 500
    for _ in range(2):
        reply = answer_to_raising(site, "cached")
        if bare is None or reply is None:
            assert reply is None or reply.status == 500
            assert not site.server.replaces
            continue
        if reply.all("Cache-Status"):  # the framework's answer; the server's own is not ours
            site.check(reply)
            assert not reply.hit
        assert (reply.status, reply.body) == (bare.status, bare.body)


def answer_to_raising(site: Site, asked: str) -> Reply | None:
    """None where the server closes without a word."""
    with site.wire() as wire:
        wire.send("GET /raises HTTP/1.1", *ASKED[asked], "Connection: close")
        return None if wire.ended() else wire.reply()


def broken_body(site: Site) -> None:
    """A body that raises after its first bytes is nobody's content but its own reader's."""
    bare = answer_to_breaking(site, site.bare)
    answered = [answer_to_breaking(site, site.cached) for _ in range(2)]
    replies = [reply for reply in answered if reply is not None]
    for reply in replies:
        # granian ends a broken body properly or cuts it, now the one and now the other, without a
        # cache too.
        if site.server.name != "granian":
            assert bare is not None
            assert reply.complete == bare.complete
        assert not reply.hit
    assert len({reply.served for reply in replies}) == len(replies)


def answer_to_breaking(site: Site, ask: Callable[[str], Reply]) -> Reply | None:
    """The answer of which there is a head: granian, on a busy machine, may close before that is
    out as often as it is asked; then None."""
    for _ in range(10):
        try:
            return ask("/breaks")
        except ConnectionError:
            if site.server.name != "granian":
                raise
    return None


def hung_up(site: Site) -> None:
    """The reader that leaves early takes nobody's body with it."""
    with site.wire() as wire:
        wire.send("GET /big HTTP/1.1", HOST_LINE)
        wire.read(1000)
    whole = views.BLOCK * views.BLOCKS
    for _ in range(2):
        assert site.cached("/big").body == whole
    assert site.cached("/big").hit


def endless(site: Site) -> None:
    """A body without end is read as far as anybody likes and is never kept."""
    for _ in range(2):
        with site.wire() as wire:
            wire.send("GET /endless HTTP/1.1", HOST_LINE)
            assert not wire.head().hit
            wire.read(12 << 20)


def closing(site: Site) -> None:
    """Every body that the app opened is closed, once."""
    before = 0 if site.server.closes else unclosed(site)
    site.cached("/stream?close")
    site.cached("/stream?close", method="HEAD")
    if site.server.closes:
        site.cached("/stream?close-head", method="HEAD")
    site.cached("/stream?close", ("If-None-Match", "*"))
    site.cached("/stream?close-304", ("If-None-Match", "*"))
    eventually(lambda: unclosed(site) <= before, "a body is open")
    assert unclosed(site) >= 0


def unclosed(site: Site) -> int:
    """How many bodies more were opened than closed, none of them twice."""
    opened, closed, different = json.loads(site.bare("/balance").body)
    assert closed == different
    return int(opened - closed)


def written(site: Site) -> None:
    """write() and the returned iterable, in their order, and the same from the cache."""
    for expected in (False, True):
        reply = site.cached("/write")
        assert reply.body == b"written, written again, returned"
        assert reply.hit == expected


def lazily_started(site: Site) -> None:
    """start_response is called at the first chunk, which some servers cannot themselves."""
    for expected in (False, True):
        reply = site.cached("/lazy")
        assert reply.status == 200
        assert reply.field("Content-Type") == "text/plain"
        assert reply.body == b"".join(views.LINES)
        assert reply.hit == expected


def replaced_head(site: Site) -> None:
    """A second start_response, with exc_info, counts and is the only one."""
    reply = site.cached("/replaced")
    assert reply.status == 404
    assert reply.body == b"replaced"
    assert reply.field("Cache-Control") == "max-age=60"
