"""The strip at the foot of pages: where it is, what it says, and that it changes nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

import pytest
from selenium import webdriver

from tests.chromium import SIZES, chromium, overflow, served, show_at, soon, trouble
from tests.running import Running
from tests.scene import Exchange, FakeClock, Lint, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.cli.foot import FILES, may_load, visible_ascii
from wsgicache.cli.strip import with_strip

BROWSER = ("Sec-Fetch-Dest", "document")
HTML = ("Content-Type", "text/html; charset=utf-8")
KEPT = ("Cache-Control", "public, max-age=10, s-maxage=60")
PAGE = b"<!doctype html><title>page</title><p>page</p>"
Line = tuple[str, str]
Fields = list[Line]


class App:
    """One page, and what is said of it."""

    def __init__(self, *fields: tuple[str, str], body: Any = PAGE, status: str = "200 OK") -> None:
        self.fields = [HTML, KEPT, *fields]
        self.body, self.status = body, status
        self.asked = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.asked += 1
        start_response(self.status, self.fields)
        return [self.body] if isinstance(self.body, bytes) else iter(self.body)


class Site:
    """An app, a cache, and a strip."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.clock = FakeClock()
        self.app = app
        self.cache = CacheMiddleware(app, clock=self.clock, **options)
        self.front = Lint(with_strip(self.cache, self.cache))

    def get(self, *fields: tuple[str, str], target: str = "/", **options: Any) -> Exchange:
        """A page view."""
        return exchange(
            self.front, environ_for(target=target, headers=[BROWSER, *fields], **options)
        )


def strip_in(got: Exchange) -> str:
    """What the strip says, without markup."""
    found = re.search(rb"<wsgicache-strip>.*</wsgicache-strip>", got.body, re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", found[0].decode("ascii")) if found else ""
    return " ".join(unescape(text).replace("\N{NO-BREAK SPACE}", " ").split())


# ── what it says ─────────────────────────────────────────────────────────────────────────────────


def test_it_says_what_the_cache_did() -> None:
    site = Site(App())
    assert strip_in(site.get()).startswith(
        "STORED age 0 s · cache: 60 s · browser: 10 s Nothing was stored for this URL."
    )
    site.clock.advance(12)
    hit = strip_in(site.get())
    assert hit.startswith("HIT age 12 s · cache: 60 s · browser: 10 s The cache answered.")
    assert "As of 22:13:32 UTC. Why? Last requests" in hit
    link = '"http://example.org/-/wsgicache/explain?url=/a%3Fb%3Dc%26d"'
    assert link in site.get(target="/a?b=c&d").text


@pytest.mark.parametrize(
    ("fields", "cookie", "said"),
    [
        (
            [("Cache-Control", "max-age=0, private")],
            "",
            "NOT STORED age 0 s · cache: not kept · browser: asks each time The response",
        ),
        (
            [("Cache-Control", "max-age=60")],
            "a=1",
            "NOT STORED age 0 s · cache: not kept · browser: 60 s The request has cookies, and "
            "nothing says whether the page depends on them. Write @cached(server=…)",
        ),
        (
            [("Cache-Control", "no-store")],
            "",
            "NOT STORED age 0 s · cache: not kept · browser: not",
        ),
        (
            [("Wsgicache-Cache-Control", "max-age=300")],
            "",
            "STORED age 0 s · cache: 300 s · browser",
        ),
        (
            [("Expires", "Tue, 14 Nov 2023 22:14:20 GMT")],
            "",
            "STORED age 0 s · cache: 60 s · browser: 60 s",
        ),
        ([("Cache-Control", "no-cache"), ("ETag", '"1"')], "", "STORED age 0 s · cache: asks each"),
        (
            [("Last-Modified", "Tue, 14 Nov 2023 22:00:00 GMT")],
            "",
            "STORED age 0 s · cache: asks each time · browser: perhaps 80 s, for the page does",
        ),
        ([], "", "NOT STORED age 0 s · cache: not kept · browser: asks each time No lifetime is"),
    ],
)
def test_lifetimes_reasons_and_cures(fields: Fields, cookie: str, said: str) -> None:
    app = App()
    app.fields = [HTML, *fields]
    assert strip_in(Site(app).get(*[("Cookie", cookie)] * bool(cookie))).startswith(said)


def test_it_names_the_field_that_selects() -> None:
    site = Site(App(("Vary", "Accept-Language")))
    site.get(("Accept-Language", "de"))
    said = strip_in(site.get(("Accept-Language", "en")))
    assert said.startswith("STORED")
    assert "The request differs in this field" in said


def test_a_page_that_passes_by_and_one_that_never_came_to_the_cache() -> None:
    site = Site(App(), policy=Policy(exempt=["/admin"]))
    assert strip_in(site.get(target="/admin")).startswith("PASSED age 0 s · cache: not kept")
    alone = with_strip(site.app, site.cache)
    said = strip_in(exchange(alone, environ_for(headers=[BROWSER])))
    assert "The request did not go through the cache." in said


def test_what_is_not_printable_is_a_code_and_spaces_stay() -> None:
    said = "5\N{NO-BREAK SPACE}s\x1b\u202e\n\N{MULTIPLICATION SIGN}"
    assert visible_ascii(said) == b"5&#160;s\\x1b\\u202e\n&#215;"


def test_nothing_in_it_is_markup() -> None:
    site = Site(App())
    evil = '/"><script>alert(1)</script>\u202e'.encode().decode("latin-1")
    got = site.get(changes={"PATH_INFO": evil, "QUERY_STRING": '"><img>', "HTTP_HOST": '"><b>'})
    foot = got.body.removeprefix(PAGE)
    assert foot.isascii()
    assert re.search(rb"<script>|<img|<b>|\x1b", foot) is None
    assert foot.count(b"<script ") == 1


# ── where it is, and where not ───────────────────────────────────────────────────────────────────


def generated() -> Iterator[bytes]:
    yield PAGE[:9]
    yield PAGE[9:]


WITH: dict[str, tuple[Any, Fields]] = {
    "plain": (App(), []),
    "length": (App(("Content-Length", str(len(PAGE)))), []),
    "generated": (App(body=[PAGE[:9], PAGE[9:]]), []),
    "charset": (App(("Content-Type", "text/html; charset=ISO-8859-1")), []),
    "identity": (App(("Content-Encoding", "identity")), []),
    "an old browser": (App(), [("Sec-Fetch-Dest", ""), ("Accept", "text/html,*/*;q=0.8")]),
    "in a script that ends": (App(body=b"<script>1</script ><script src=x></SCRIPT>"), []),
}
WITHOUT: dict[str, tuple[Any, Fields]] = {
    "fetch": (App(), [("Sec-Fetch-Dest", "empty")]),
    "iframe": (App(), [("Sec-Fetch-Dest", "iframe")]),
    "htmx": (App(), [("Sec-Fetch-Dest", ""), ("Accept", "text/html"), ("HX-Request", "true")]),
    "curl": (App(), [("Sec-Fetch-Dest", ""), ("Accept", "*/*")]),
    "range": (App(), [("Range", "bytes=0-9")]),
    "json": (App(("Content-Type", "application/json")), []),
    "gzip": (App(("Content-Encoding", "gzip")), []),
    "utf-16": (App(("Content-Type", "text/html; charset=utf-16")), []),
    "no charset": (App(("Content-Type", "text/html; charset=none-such")), []),
    "base64": (App(("Content-Type", "text/html; charset=base64")), []),
    "error": (App(status="404 Not Found"), []),
    "no-transform": (App(("Cache-Control", "no-transform")), []),
    "download": (App(("Content-Disposition", "attachment; filename=a.html")), []),
}


def views(app: App, fields: Fields) -> list[tuple[Exchange, Exchange]]:
    """A page view at a miss and at a hit, with a strip in front and without."""
    names = {name for name, _ in app.fields[2:]}
    app.fields = [line for line in app.fields[:2] if line[0] not in names - {"Cache-Control"}] + (
        app.fields[2:]
    )
    changed = dict([BROWSER, *fields])
    headers = [(name, value) for name, value in changed.items() if value]
    site, plain = Site(app), Site(app)
    return [
        (
            exchange(site.front, environ_for(headers=headers)),
            exchange(plain.cache, environ_for(headers=headers)),
        )
        for _ in range(2)
    ]


@pytest.mark.parametrize("name", WITH)
def test_a_page_gets_it_at_its_end(name: str) -> None:
    for got, plain in views(*WITH[name]):
        assert got.body.startswith(plain.body)
        assert got.body.removeprefix(plain.body).startswith(b"\n<wsgicache-strip>")
        length = got.header("Content-Length")
        assert length is None or int(length) == len(got.body)
        assert (length is None) == (plain.header("Content-Length") is None)


@pytest.mark.parametrize("name", WITHOUT)
def test_all_else_is_as_without_it(name: str) -> None:
    for got, plain in views(*WITHOUT[name]):
        assert (got.status, got.headers, got.body) == (plain.status, plain.headers, plain.body)


def test_a_script_that_does_not_end_stays_as_it_is() -> None:
    """Else the end of the strip's would end it, and it would run."""
    for body in (b"<p><script>alert(1)", [b"<p><scr", b"ipt", b">alert(1)"]):
        got = Site(App(body=body)).get()
        assert b"wsgicache-strip" not in got.body
        assert got.body.rstrip(b" ").endswith(b"alert(1)")


def test_a_head_has_none() -> None:
    site = Site(App(("Content-Length", str(len(PAGE)))))
    site.get()
    head = exchange(site.front, environ_for("HEAD", headers=[BROWSER]))
    assert head.header("Content-Length") == str(len(PAGE))


def test_what_is_stored_has_none() -> None:
    site = Site(App())
    site.get()
    hit = exchange(site.front, environ_for())
    assert (hit.body, hit.hit) == (PAGE, True)
    assert site.app.asked == 1


def test_an_app_that_raises_and_one_that_writes() -> None:
    def writing(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [HTML])(PAGE[:9])
        return [PAGE[9:]]

    got = Site(writing).get()
    assert got.body.startswith(PAGE)
    assert b"wsgicache-strip" in got.body
    with pytest.raises(ZeroDivisionError):
        Site(lambda environ, start_response: 1 / 0).get()


# ── validators ───────────────────────────────────────────────────────────────────────────────────


MARKED = ("If-None-Match", 'W/"1+strip"')
SINCE = "Tue, 14 Nov 2023 22:00:00 GMT"


def test_a_page_with_a_strip_is_another_than_the_one_without() -> None:
    """A 304 confirms it to page views alone, and no range is added to it."""
    more = [("ETag", '"1"'), ("Accept-Ranges", "bytes"), ("Repr-Digest", "sha-256=:AA==:")]
    site = Site(App(*more, ("Content-MD5", "AA==")))
    for _ in range(2):
        got = site.get()
        assert got.header("ETag") == 'W/"1+strip"'
        assert got.header("Accept-Ranges") == "none"
        assert "Sec-Fetch-Dest" in (got.header("Vary") or "")
        assert got.header("Repr-Digest") is got.header("Content-MD5") is None
    for asked in (MARKED, ("If-None-Match", 'W/"0+strip", W/"1+strip"')):
        again = site.get(asked)
        assert (again.code, again.header("ETag"), again.body) == (304, 'W/"1+strip"', b"")
        assert "Sec-Fetch-Dest" in (again.header("Vary") or "")
    assert site.get(("If-None-Match", '"1"')).header("ETag") == '"1"'
    assert site.get(("If-None-Match", 'W/"2+strip"')).code == 200
    fetched = exchange(site.front, environ_for(headers=[MARKED]))
    assert (fetched.code, fetched.body) == (200, PAGE)
    assert site.app.asked == 1


def test_a_page_without_a_tag_is_confirmed_by_its_date() -> None:
    """Where the cache keeps it, it has a tag."""

    def dated(environ: Any, start_response: Any) -> list[bytes]:
        since, tag = environ.get("HTTP_IF_MODIFIED_SINCE"), environ.get("HTTP_IF_NONE_MATCH")
        is_had = since == SINCE and tag is None
        start_response("304 Not Modified" if is_had else "200 OK", [*fields] * (not is_had))
        return [] if is_had else [PAGE]

    fields = [HTML, ("Last-Modified", SINCE), ("Cache-Control", "private")]
    site = Site(dated)
    tag = site.get().header("ETag")
    assert tag == 'W/"+strip"'
    asked = [("If-Modified-Since", SINCE), ("If-None-Match", tag)]
    assert site.get(*asked).code == 304
    assert exchange(site.front, environ_for(headers=asked)).body == PAGE


# ── the policy of a page ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policies", "loads"),
    [
        ([], "script style"),
        (["frame-ancestors 'none'"], "script style"),
        (["default-src 'self'"], "script style"),
        (["default-src 'none'"], ""),
        (["default-src *"], "script style"),
        (["default-src http://example.org"], "script style"),
        (["default-src https:"], ""),
        (["default-src 'self'; script-src 'nonce-a'"], "style"),
        (["script-src 'self' 'strict-dynamic' 'nonce-a'"], "style"),
        (["default-src 'none'; style-src-elem 'self'"], "style"),
        (["SCRIPT-SRC 'NONE'; script-src *"], "style"),
        (["default-src 'self'", "style-src 'none'"], "script"),
        (["default-src 'self', style-src 'none'"], "script"),
        (["sandbox allow-forms"], "style"),
        (["sandbox allow-scripts"], "script style"),
    ],
)
def test_the_policy_of_the_page_counts(policies: list[str], loads: str) -> None:
    fields = [("Content-Security-Policy", policy) for policy in policies]
    assert may_load(fields, "http://example.org") == set(loads.split())
    got = Site(App(*fields)).get()
    assert (b"<script " in got.body, b"<link " in got.body) == ("script" in loads, "style" in loads)
    assert [line for line in got.headers if line[0] == "Content-Security-Policy"] == fields


def test_its_files() -> None:
    site = Site(App())
    html = site.get().text
    for path, (kind, content) in FILES.items():
        assert f'"http://example.org{path}"' in html
        got = exchange(site.front, environ_for(target=path))
        assert (got.code, got.body, got.header("Content-Type")) == (200, content, kind)
        assert exchange(site.front, environ_for("HEAD", path)).body == b""
    assert site.app.asked == 1


# ── in a browser ─────────────────────────────────────────────────────────────────────────────────

LINK = '<link rel=icon href="data:,"><p id=p>page</p><a id=go href=/away>away</a>'
RULES = """<style>* { color: rgb(1, 2, 3) !important; font-size: 40px !important }
body { display: flex; transform: translate(0); margin: 0 } body > :last-child { width: 33px }
p { position: static !important } wsgicache-strip { display: none !important }</style>"""
PAGES: dict[str, tuple[str, Fields]] = {
    "/kept": (f"<!doctype html>{LINK}", [("Cache-Control", "public, max-age=600")]),
    "/asked": (
        f"<!doctype html>{LINK}",
        [("Cache-Control", "public, max-age=0, s-maxage=60"), ("ETag", '"1"')],
    ),
    "/strict": (
        f"<!doctype html><body>{LINK}</body></html>",
        [KEPT, ("Content-Security-Policy", "default-src 'none'; img-src data:")],
    ),
    "/meta": (
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">"
        f"<body>{LINK}</body></html>",
        [KEPT],
    ),
    "/quirks": (f"<html><body>{LINK}</body></html>", [KEPT]),
    "/rules": (f"<!doctype html>{RULES}<body><i></i>{LINK}", [KEPT]),
    "/away": ("<!doctype html><link rel=icon href=data:,>away", [("Cache-Control", "no-store")]),
}


def pages(environ: Any, start_response: Any) -> list[bytes]:
    content, fields = PAGES[environ["PATH_INFO"]]
    start_response("200 OK", [HTML, *fields, ("Content-Length", str(len(content)))])
    return [content.encode()]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The pages, on a server whose clock stands still: an answer is as old as it was."""
    cache = CacheMiddleware(pages, clock=FakeClock(time.time()))
    front = with_strip(cache, cache)
    with served(front) as url:
        yield url.rstrip("/")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


SHOWN = """const strip = document.querySelector("wsgicache-strip");
return strip && strip.shadowRoot && strip.shadowRoot.querySelector("details").innerText"""


IS_MOVED = "return document.querySelector('html > wsgicache-strip') !== null"


def shown(browser: webdriver.Chrome, begins: str = "") -> str:
    """What the strip shows, closed, once it begins so."""
    said = soon(
        browser,
        lambda driver: (text := driver.execute_script(SHOWN) or "").startswith(begins) and text,
    )
    return " ".join(str(said).replace("\N{NO-BREAK SPACE}", " ").split())


def gone(browser: webdriver.Chrome, to: str) -> None:
    """Go to another page, by a script of this one, as a link does."""
    browser.execute_script("location.href = arguments[0]", to)
    soon(
        browser,
        lambda driver: (
            driver.execute_script("return document.readyState") == "complete"
            and driver.current_url.endswith(to)
        ),
    )


@pytest.mark.network
def test_the_browsers_own_copy_is_told(site: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{site}/kept")
    assert shown(browser).startswith("STORED age 0 s · cache: 600 s · browser: 600 s")
    gone(browser, "/away")
    gone(browser, "/kept")
    assert shown(browser, "BROWSER'S OWN COPY").endswith("cache: 600 s · browser: 600 s")
    said = browser.execute_script(f"{SHOWN.replace('innerText', 'textContent')}")
    assert "has kept the page, and asked nobody. " in said
    assert "When it came: STORED. Nothing was stored for this URL." in said
    browser.back()
    browser.back()
    shown(browser, "BROWSER'S OWN COPY")
    assert trouble(browser) == []


@pytest.mark.network
def test_a_304_and_going_back_are_told(site: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{site}/asked")
    assert shown(browser).startswith("STORED")
    whole = SHOWN.replace("innerText", "textContent")

    def says(text: str) -> None:
        soon(browser, lambda driver: text in (driver.execute_script(whole) or ""))

    gone(browser, "/away")
    gone(browser, "/asked")
    says("the answer was a 304: its own copy is still good")
    gone(browser, "/away")
    browser.back()
    says("Back or Forward showed the page as it was")


@pytest.mark.network
def test_a_script_of_the_page_gets_the_page(site: str, browser: webdriver.Chrome) -> None:
    """Also where the browser has kept it with a strip."""
    browser.get(f"{site}/kept")
    shown(browser)
    script = "fetch(location.href).then(r => r.text()).then(arguments[0])"
    assert "wsgicache-strip" not in browser.execute_async_script(script)


@pytest.mark.network
@pytest.mark.parametrize("path", ["/strict", "/meta"])
def test_with_a_strict_policy_it_says_what_it_can(
    site: str, browser: webdriver.Chrome, path: str
) -> None:
    browser.get("about:blank")
    browser.get(site + path)
    assert shown(browser).startswith("STORED age 0 s · cache: 60 s · browser: 10 s")
    assert browser.execute_script("return document.body.lastElementChild.localName") == (
        "wsgicache-strip" if path == "/strict" else "script"
    )
    if path == "/strict":  # nothing that the policy would report
        assert trouble(browser) == []


@pytest.mark.network
@pytest.mark.parametrize("path", ["/quirks", "/rules"])
def test_neither_disturbs_the_other(site: str, browser: webdriver.Chrome, path: str) -> None:
    """The page is laid out as without the strip, and the strip does not heed its rules."""
    layout = """return [document.compatMode, document.documentElement.scrollHeight]
      .concat(["p", "go"].map(id => document.getElementById(id).getBoundingClientRect())
      .flatMap(r => [r.x, r.y, r.width, r.height]))"""
    for width in SIZES:
        show_at(browser, width)
        browser.get("about:blank")
        browser.get(site + path)
        shown(browser)
        soon(browser, lambda driver: driver.execute_script(IS_MOVED))
        style = browser.execute_script(
            """const root = document.querySelector("wsgicache-strip").shadowRoot;
            const style = getComputedStyle(root.querySelector("summary"));
            const box = root.querySelector("details").getBoundingClientRect();
            return [style.fontSize, box.bottom, box.left, box.right <= innerWidth]"""
        )
        assert style == ["13px", SIZES[width], 0, True]
        assert overflow(browser) == 0
        with_it = browser.execute_script(layout)
        browser.execute_script("document.querySelector('wsgicache-strip').remove()")
        assert browser.execute_script(layout) == with_it
        assert with_it[0] == ("BackCompat" if path == "/quirks" else "CSS1Compat")


@pytest.mark.network
def test_the_development_server_has_it_where_asked() -> None:
    """And the page about the cache has none, but the last requests."""
    with Running("wsgicache.demo:app", "--strip") as running:
        page = running.get("/user", dict([BROWSER]))
        assert b"NOT STORED" in page.content
        assert int(page["Content-Length"]) == len(page.content)
        (script,) = re.findall(rb'src="http://[^/]+(/[^"]+)" defer', page.content)
        assert running.get(script.decode()).status == 200
        about = running.get("/-/wsgicache/requests", dict([BROWSER]))
        assert b"GET /user" in about.content
        assert b"wsgicache-strip" not in about.content
    with Running("wsgicache.demo:app") as running:
        assert b"wsgicache-strip" not in running.get("/user", dict([BROWSER])).content
