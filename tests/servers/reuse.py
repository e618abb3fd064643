"""Scenarios: what is stored, reused, validated, varied and invalidated, and for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.servers import views
from tests.servers.site import HOST_LINE, Site, names

LANGUAGE = "Accept-Language"
MISS = "wsgicache; fwd=uri-miss; stored"


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
        wire.send("HEAD /page?head HTTP/1.1", HOST_LINE, "Connection: close")
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
        assert not reply.all("Content-Type")
        assert not reply.all("Content-Encoding")
    assert site.cached("/page?304", ("If-None-Match", '"other"')).body == views.PAGE
    with site.wire() as wire:
        request = ("GET /page?304 HTTP/1.1", HOST_LINE, 'If-None-Match: "page"')
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
    split = "wsgicache; fwd=vary-miss; stored; detail=vary-accept-language"
    assert english.cache_status == split
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
    assert posted.cache_status == "wsgicache; fwd=method; detail=invalidated"
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
    """Who asks for the same while it is made waits for it, and the app is asked once."""
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda _: site.cached("/slow"), range(6)))
    assert {reply.body for reply in replies} == {b"slow"}
    assert len({reply.served for reply in replies}) == 1
    assert sum(reply.hit for reply in replies) < 6


def dates(site: Site) -> None:
    """Where the app dates its response itself, the cache adds no line either."""
    allowed = len(site.bare("/dated").all("Date"))
    for _ in range(2):
        with site.wire() as wire:
            wire.send("GET /dated HTTP/1.1", HOST_LINE, "Connection: close")
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
