"""Scenarios: what else is on the connection, byte for byte where that matters."""

from __future__ import annotations

import contextlib

from tests.running import DEADLINE
from tests.servers import views
from tests.servers.site import ASKED, Site
from tests.servers.wire import Reply


def expect_continue(site: Site) -> None:
    body = b"x" * 1000
    token = token_lines(site)
    for lines in ASKED.values():
        with site.wire() as wire:
            framing = ("Expect: 100-continue", "Content-Length: 1000", "Connection: close")
            wire.send("POST /upload HTTP/1.1", *lines, *framing, *token)
            assert wire.wait(DEADLINE if site.server.invites else 0.1) == site.server.invites
            wire.send_bytes(body)
            reply = wire.reply()
            assert reply.status == 200
            assert reply.body.startswith(b"1000 ")
    site.check(reply, "POST")
    assert reply.cache_status == "wsgicache; fwd=method"


def token_lines(site: Site) -> tuple[str, ...]:
    form = site.bare("/form?token")
    token = form.cookie.partition("=")[2]
    return (f"Cookie: {form.cookie}", f"X-CSRFToken: {token}") if token else ()


SERIES = {
    "/page?series": views.PAGE,
    "/vary?series": b"in no language",
    "/stream?series": b"".join(views.LINES),
    "/page?series&2": views.PAGE,
    "/counter?series": b"series is 0",
}


def keep_alive(site: Site) -> None:
    """Requests on one connection, each after the answer to the one before."""
    for _ in range(2):
        bodies = {asked: kept_alive(site, asked) for asked in ASKED}
        assert bodies["cached"] == list(SERIES.values())[: len(bodies["cached"])]
        assert len(bodies["cached"]) >= len(bodies["bare"]) >= 1


def kept_alive(site: Site, asked: str) -> list[bytes]:
    """The bodies of as many as the server answers on the connection."""
    bodies: list[bytes] = []
    with site.wire() as wire:
        for target in SERIES:
            wire.send(f"GET {target} HTTP/1.1", *ASKED[asked])
            if wire.ended():
                break
            reply = wire.reply()
            if asked == "cached":
                site.check(reply)
            bodies.append(reply.body)
            if "close" in reply.all("Connection"):
                assert wire.rest() == b""
                break
    return bodies


def pipelining(site: Site) -> None:
    """Requests sent together are answered in order, each with its own body."""
    for _ in range(2):
        cached, cut = pipelined(site, "cached")
        bare, bare_cut = pipelined(site, "bare")
        assert cached == list(SERIES.values())[: len(cached)]
        if site.server.pipelines and not (cut or bare_cut):
            assert len(cached) >= len(bare) >= 1


def pipelined(site: Site, asked: str) -> tuple[list[bytes], bool]:
    """The bodies until the server closes, which some do after the first; and whether it did so by a
    reset, which takes back what was sent: it had not read all of the requests."""
    bodies: list[bytes] = []
    last = len(SERIES) - 1
    with site.wire() as wire:
        try:
            for number, target in enumerate(SERIES):
                ending = ["Connection: close"] if number == last else []
                wire.send(f"GET {target} HTTP/1.1", *ASKED[asked], *ending)
            while len(bodies) < len(SERIES) and not (bodies and wire.ended()):
                reply = wire.reply()
                if asked == "cached":
                    site.check(reply)
                bodies.append(reply.body)
                if "close" in reply.all("Connection"):
                    break
        except ConnectionError:
            return bodies, True
        assert wire.rest() == b""
    return bodies, False


def body_of_a_get(site: Site) -> None:
    """A GET for a stored page with a body: the body is never read as a request."""
    site.miss_and_hit("/page?fat")
    inner = b"GET /smuggled HTTP/1.1\r\nHost: site.test\r\n\r\n"
    for framing, body in (
        (f"Content-Length: {len(inner)}", inner),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)),
    ):
        statuses = {}
        for asked, lines in ASKED.items():
            with site.wire() as wire:
                wire.send("GET /page?fat HTTP/1.1", *lines, framing, body=body)
                first = wire.reply()
                statuses[asked] = first.status
                with contextlib.suppress(ConnectionError):  # the server may have closed
                    wire.send("GET /vary?fat HTTP/1.1", *lines, "Connection: close")
                rest = wire.rest()
            if asked == "cached":
                assert b"SMUGGLED" not in rest
                assert rest.count(b"HTTP/1.1 ") <= 1
                # A server that does not skip what nobody read closes, with a word or without; what
                # it was sending then may be lost (granian).
                assert b"in no language" in rest or rest[9:12] in (b"", b"400", b"200")
                if first.status == 200:
                    site.check(first)
                    assert first.body == views.PAGE
                    assert first.cache_status == "wsgicache; fwd=bypass; detail=body"
        assert statuses["cached"] == statuses["bare"]
    assert site.cached("/page?fat").hit


def http_1_0(site: Site) -> None:
    for target, body in (("/page?1.0", views.PAGE), ("/stream?1.0", b"".join(views.LINES))):
        bare = one_of_http_1_0(site, target, "bare")
        for expected in (False, True):
            reply = one_of_http_1_0(site, target, "cached")
            site.check(reply)
            assert reply.hit == expected
            assert reply.body == body
            if expected or not bare.all("Transfer-Encoding"):
                assert not reply.all("Transfer-Encoding")


def one_of_http_1_0(site: Site, target: str, asked: str) -> Reply:
    """A request after which the server closes."""
    with site.wire() as wire:
        wire.send(f"GET {target} HTTP/1.0", *ASKED[asked])
        reply = wire.reply()
        assert wire.rest() == b""
        return reply


def no_host(site: Site) -> None:
    """HTTP/1.0 needs no Host; what is answered then is not for those who name one."""
    replies = []
    for lines in (["X-Bare: yes"], []):
        with site.wire() as wire:
            wire.send("GET /page?no-host HTTP/1.0", *lines)
            replies.append(wire.reply())
    site.alike(*replies)
    site.check(replies[1])
    assert site.cached("/page?no-host").body == views.PAGE
    assert not site.bare("/page?no-host").hit


def hop_by_hop(site: Site) -> None:
    for _ in range(2):
        reply = site.cached("/hop")
        assert reply.body == b"hop"
        assert not reply.all("X-Hop")
        assert "timeout=77" not in reply.all("Keep-Alive")
        assert "x-hop" not in str(reply.all("Connection")).lower()
    assert reply.hit
