"""The scenario table: each is played on every site, under targets of its own."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.servers import views
from tests.servers.rows import Server
from tests.servers.site import DOWNLOAD, Site, names
from tests.servers.wire import Reply

Scenario = Callable[[Site], None]

LANGUAGE = "Accept-Language"
MISS = "wsgicache; fwd=uri-miss; stored"
HOST = "Host: site.test"
ASKED = {"bare": (HOST, "X-Bare: yes"), "cached": (HOST,)}


def miss_and_hit(site: Site) -> None:
    _, hit = site.miss_and_hit("/page?miss-and-hit")
    assert hit.body == views.PAGE
    assert hit.field("X-Custom") == "kept"
    assert 0 <= int(hit.field("Age") or "-1") <= 30
    assert hit.field("Content-Length") == str(len(views.PAGE))
    assert 30 <= int(hit.cache_status.rpartition("=")[2]) <= 60


def head(site: Site) -> None:
    _, hit = site.miss_and_hit("/page?head")
    reply = site.cached("/page?head", method="HEAD")
    assert reply.hit
    assert reply.body == b""
    assert reply.served == hit.served
    assert names(reply.fields) == names(hit.fields)
    assert reply.field("Content-Length") == hit.field("Content-Length")
    with site.wire() as wire:  # and not a byte of a body
        wire.send("HEAD /page?head HTTP/1.1", HOST, "Connection: close")
        assert wire.reply("HEAD").hit
        assert wire.rest() == b""


def head_of_nothing_stored(site: Site) -> None:
    bare = site.bare("/page?cold-head", method="HEAD")
    reply = site.cached("/page?cold-head", method="HEAD")
    assert reply.status == 200
    assert reply.body == b""
    assert reply.all("Content-Length") == bare.all("Content-Length")
    assert site.cached("/page?cold-head").body == views.PAGE
    assert site.cached("/page?cold-head").body == views.PAGE


def not_modified(site: Site) -> None:
    _, hit = site.miss_and_hit("/page?304")
    for condition in (("If-None-Match", '"page"'), ("If-Modified-Since", views.MODIFIED)):
        reply = site.cached("/page?304", condition)
        assert reply.status == 304
        assert reply.hit
        assert reply.body == b""
        assert reply.served in (None, hit.served)
        assert reply.field("ETag") == '"page"'
        assert reply.field("Cache-Control") == "max-age=60"
        assert not reply.all("Content-Type")  # R31
        assert not reply.all("Content-Encoding")
    assert site.cached("/page?304", ("If-None-Match", '"other"')).body == views.PAGE
    with site.wire() as wire:
        request = ("GET /page?304 HTTP/1.1", HOST, 'If-None-Match: "page"')
        wire.send(*request, "Connection: close")
        assert wire.reply().status == 304
        assert wire.rest() == b""


def partial(site: Site) -> None:
    site.miss_and_hit("/page?206")
    length = len(views.PAGE)
    for wanted, part in (("5-14", slice(5, 15)), ("-7", slice(-7, None)), ("9-", slice(9, None))):
        reply = site.cached("/page?206", ("Range", f"bytes={wanted}"))
        assert reply.status == 206
        assert reply.hit
        assert reply.body == views.PAGE[part]
        first, end, _ = part.indices(length)
        assert reply.field("Content-Range") == f"bytes {first}-{end - 1}/{length}"
    assert site.cached("/page?206", ("Range", f"bytes={length}-")).status == 416
    changed = (("Range", "bytes=5-14"), ("If-Range", '"other"'))
    assert site.cached("/page?206", *changed).body == views.PAGE


def parts(site: Site) -> None:
    site.miss_and_hit("/page?parts")
    reply = site.cached("/page?parts", ("Range", "bytes=0-3,10-19"))
    assert reply.status == 206
    kind = reply.field("Content-Type") or ""
    assert kind.startswith("multipart/byteranges")
    boundary = kind.rpartition("boundary=")[2].strip('"').encode()
    pieces = reply.body.split(b"--" + boundary)[1:-1]
    contents = [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]
    assert contents == [views.PAGE[0:4], views.PAGE[10:20]]


def partial_of_nothing_stored(site: Site) -> None:
    reply = site.cached("/page?cold-206", ("Range", "bytes=0-0"))
    assert reply.body in (views.PAGE, views.PAGE[:1])
    assert site.cached("/page?cold-206").body == views.PAGE


def vary(site: Site) -> None:
    site.miss_and_hit("/vary", (LANGUAGE, "de"))
    _, english = site.both("/vary", (LANGUAGE, "en"))
    assert english.cache_status == "wsgicache; fwd=vary-miss; stored"
    assert site.cached("/vary").body == b"in no language"
    for language in ("de", "en"):
        reply = site.cached("/vary", (LANGUAGE, language))
        assert reply.hit
        assert reply.body == b"in " + language.encode()


def post_invalidates(site: Site) -> None:
    _, hit = site.miss_and_hit("/counter?post")
    assert hit.body == b"post is 0"
    form = site.cached("/form")
    token = form.cookie.partition("=")[2]
    fields = [("Cookie", form.cookie), ("X-CSRFToken", token)] if token else []
    posted = site.cached("/counter?post", *fields, method="POST", body=b"")
    assert posted.status == 200
    assert posted.cache_status == "wsgicache; fwd=method"
    again = site.cached("/counter?post")
    assert again.body == b"post is 1"
    assert again.cache_status == MISS
    assert site.cached("/counter?post").hit


def forms_are_ones_own(site: Site) -> None:
    first, second = site.cached("/form?own"), site.cached("/form?own")
    if first.cookie:
        assert not second.hit
        assert first.cookie != second.cookie
        assert first.body != second.body
    else:
        assert second.hit


def log_in(site: Site, name: str) -> tuple[str, str]:
    form = site.cached("/form?login")
    token = form.cookie.partition("=")[2]
    fields = [("Cookie", form.cookie), ("X-CSRFToken", token)] if token else []
    body = f"name={name}".encode()
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    reply = site.cached("/login", kind, *fields, method="POST", body=body)
    assert reply.status == 200, reply.body
    assert not reply.hit
    return ("Cookie", reply.cookie)


def two_users(site: Site) -> None:
    """/me varies by Cookie; /peek is careless, and still shows nobody another's name."""
    cookies = {name: log_in(site, name) for name in ("alice", "bob")}
    for _ in range(3):
        for name, cookie in cookies.items():
            reply = site.cached("/me", cookie)
            assert reply.body == f"hello {name}".encode()
            careless = site.cached("/peek", cookie)
            assert careless.body in (f"seen {name}".encode(), b"seen nobody")
            other = "bob" if name == "alice" else "alice"
            assert other not in f"{reply.fields} {careless.fields}"
        for target, body in (("/me", b"hello nobody"), ("/peek", b"seen nobody")):
            anonymous = site.cached(target)
            assert anonymous.body == body
            assert not anonymous.all("Set-Cookie")


def together(site: Site) -> None:
    """Who asks for the same while it is made waits for it, and the app is asked once (Q1)."""
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda _: site.cached("/slow"), range(6)))
    assert {reply.body for reply in replies} == {b"slow"}
    assert len({reply.served for reply in replies}) == 1
    assert sum(reply.hit for reply in replies) < 6


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
    bare = site.bare("/breaks")
    calls = set()
    for _ in range(2):
        reply = site.cached("/breaks")
        assert reply.complete == bare.complete
        assert not reply.hit
        calls.add(reply.served)
    assert len(calls) == 2


def hung_up(site: Site) -> None:
    """The reader that leaves early takes nobody's body with it."""
    with site.wire() as wire:
        wire.send("GET /big HTTP/1.1", HOST)
        wire.read(1000)
    whole = views.BLOCK * views.BLOCKS
    for _ in range(2):
        assert site.cached("/big").body == whole
    assert site.cached("/big").hit


def endless(site: Site) -> None:
    """A body without end is read as far as anybody likes and is never kept."""
    for _ in range(2):
        with site.wire() as wire:
            wire.send("GET /endless HTTP/1.1", HOST)
            assert not wire.head().hit
            wire.read(12 << 20)


def closing(site: Site) -> None:
    """Every body that the app opened is closed, once (R19)."""
    before = 0 if site.server.closes else unclosed(site)
    site.cached("/stream?close")
    site.cached("/stream?close", method="HEAD")
    if site.server.closes:
        site.cached("/stream?close-head", method="HEAD")
    site.cached("/stream?close", ("If-None-Match", "*"))
    site.cached("/stream?close-304", ("If-None-Match", "*"))
    deadline = time.monotonic() + 10
    while (after := unclosed(site)) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 0 <= after <= before


def unclosed(site: Site) -> int:
    """How many bodies more were opened than closed, none of them twice."""
    opened, closed, different = json.loads(site.bare("/balance").body)
    assert closed == different
    return int(opened - closed)


def expect_continue(site: Site) -> None:
    body = b"x" * 1000
    token = token_lines(site)
    for lines in ASKED.values():
        with site.wire() as wire:
            framing = ("Expect: 100-continue", "Content-Length: 1000", "Connection: close")
            wire.send("POST /upload HTTP/1.1", *lines, *framing, *token)
            assert wire.wait(20 if site.server.invites else 0.1) == site.server.invites
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
    """Requests sent together are answered in order, each with its own body (K8)."""
    for _ in range(2):
        bodies = {asked: pipelined(site, asked) for asked in ASKED}
        assert bodies["cached"] == list(SERIES.values())[: len(bodies["cached"])]
        if site.server.pipelines:
            assert len(bodies["cached"]) >= len(bodies["bare"]) >= 1


def pipelined(site: Site, asked: str) -> list[bytes]:
    """The bodies until the server closes, which some do after the first."""
    bodies: list[bytes] = []
    last = len(SERIES) - 1
    with site.wire() as wire:
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
        assert wire.rest() == b""
    return bodies


def body_of_a_get(site: Site) -> None:
    """A GET for a stored page with a body: the body is never read as a request (K8)."""
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
                with contextlib.suppress(ConnectionError):
                    wire.send("GET /vary?fat HTTP/1.1", *lines, "Connection: close")
                rest = wire.rest()
            if asked == "cached":
                assert b"SMUGGLED" not in rest
                assert rest.count(b"HTTP/1.1 ") <= 1
                # A server that does not skip what nobody read closes, with a word or without.
                assert b"in no language" in rest or rest[9:12] in (b"", b"400")
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
    """HTTP/1.0 needs no Host; what is answered then is not for those who name one (K9)."""
    replies = []
    for lines in (["X-Bare: yes"], []):
        with site.wire() as wire:
            wire.send("GET /page?no-host HTTP/1.0", *lines)
            replies.append(wire.reply())
    site.alike(*replies)
    site.check(replies[1])
    assert site.cached("/page?no-host").body == views.PAGE
    assert not site.bare("/page?no-host").hit


def dates(site: Site) -> None:
    """Where the app dates its response itself, the cache adds no line either."""
    allowed = len(site.bare("/dated").all("Date"))
    for _ in range(2):
        with site.wire() as wire:
            wire.send("GET /dated HTTP/1.1", HOST, "Connection: close")
            reply = wire.reply()
            site.check(reply, dates=allowed)
            assert reply.body == b"dated"
    assert reply.hit


def behind_another_cache(site: Site) -> None:
    """An Age and a Cache-Status that the app passes on: one line of each goes out."""
    for _ in range(2):
        reply = site.cached("/aged")
        assert reply.cache_status.startswith("inner; hit, wsgicache; ")
        assert 20 <= int(reply.field("Age") or "0") <= 50
    assert "wsgicache; hit" in reply.cache_status


def hop_by_hop(site: Site) -> None:
    for _ in range(2):
        reply = site.cached("/hop")
        assert reply.body == b"hop"
        assert not reply.all("X-Hop")
        assert "timeout=77" not in reply.all("Keep-Alive")
        assert "x-hop" not in str(reply.all("Connection")).lower()
    assert reply.hit


def written(site: Site) -> None:
    """write() and the returned iterable, in their order, and the same from the cache (R25)."""
    for expected in (False, True):
        reply = site.cached("/write")
        assert reply.body == b"written, written again, returned"
        assert reply.hit == expected


def lazily_started(site: Site) -> None:
    """start_response is called at the first chunk (R27), which some servers cannot themselves."""
    for expected in (False, True):
        reply = site.cached("/lazy")
        assert reply.status == 200
        assert reply.field("Content-Type") == "text/plain"
        assert reply.body == b"".join(views.LINES)
        assert reply.hit == expected


def replaced_head(site: Site) -> None:
    """A second start_response, with exc_info, counts and is the only one (R26)."""
    reply = site.cached("/replaced")
    assert reply.status == 404
    assert reply.body == b"replaced"
    assert reply.field("Cache-Control") == "max-age=60"


EVERYWHERE: tuple[Scenario, ...] = (
    miss_and_hit,
    head,
    head_of_nothing_stored,
    not_modified,
    partial,
    parts,
    partial_of_nothing_stored,
    vary,
    post_invalidates,
    forms_are_ones_own,
    two_users,
    together,
    streaming,
    download,
    static_file,
    server_sent_events,
    error_pages,
    exceptions,
    broken_body,
    hung_up,
    endless,
    expect_continue,
    keep_alive,
    pipelining,
    body_of_a_get,
    http_1_0,
    no_host,
    dates,
    behind_another_cache,
    hop_by_hop,
    closing,
)
PLAIN: tuple[Scenario, ...] = (written, lazily_started, replaced_head)
"""What no framework lets a view do."""


def played(scenario: Scenario, server: Server, app: str) -> bool:
    """Whether the table has the scenario for a site."""
    if scenario is written and not server.writes:
        return False
    return app == "plain" or scenario not in PLAIN
