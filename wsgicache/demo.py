"""A small app to watch the cache with: ``wsgicache run wsgicache.demo:app``.

It does not know wsgicache: it speaks to caches in Cache-Control and Vary only. Its state
lives in this module, so every process has its own.
"""

from __future__ import annotations

import json
import random
import struct
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import generate_etag
from werkzeug.wrappers import Request, Response

__all__ = ["app"]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SHARED = "public, max-age=0, s-maxage=60"
"""A browser asks every time; the shared cache in front may answer for a minute."""
DELAY = 0.5
"""Seconds that a GET of /items takes: long enough to notice."""
GREETINGS = {"en": "Good morning", "de": "Guten Morgen", "fr": "Bonjour"}
USER_COOKIE = "wsgicache-demo-user"

_items = deque(["apple", "banana", "cherry"], maxlen=20)
_reached: Counter[str] = Counter()
_lock = threading.Lock()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request (PEP 3333), and count it, since no cache answered it."""
    request = Request(environ)
    request.max_content_length = request.max_form_memory_size = 4096
    response: WSGIApplication
    try:
        if request.path not in VIEWS:
            raise NotFound
        view, methods = VIEWS[request.path]
        if request.method not in methods:
            raise MethodNotAllowed(methods)
        with _lock:
            _reached[f"{request.method} {request.path}"] += 1
        response = view(request)
    except HTTPException as error:
        response = error
    return response(environ, start_response)


def index(request: Request) -> Response:
    """Return the page that shows the others."""
    return Response(PAGE, mimetype="text/html", headers={"Cache-Control": SHARED})


def items(request: Request) -> Response:
    """Return a slow list; a POST adds a `name`, and so empties the URI (RFC 9111 §4.4)."""
    if request.method == "POST":
        name = request.form.get("name", "").strip()
        if not 0 < len(name) <= 80:
            return Response("name: 1 to 80 characters\n", status=400)
        with _lock:
            _items.append(name)
        return Response(status=204)
    time.sleep(DELAY)
    with _lock:
        return as_json(list(_items), SHARED)


def language(request: Request) -> Response:
    """Return a text in one language: one URI, one stored response for each Accept-Language."""
    chosen = request.accept_languages.best_match(GREETINGS, default="en")
    fields = {"Cache-Control": SHARED, "Vary": "Accept-Language", "Content-Language": chosen}
    return Response(f"{GREETINGS[chosen]}\n", headers=fields)


def user(request: Request) -> Response:
    """Return a page per user: `private`, so no shared cache keeps it (RFC 9111 §5.2.2.7)."""
    if request.method == "POST":
        response = Response(status=303, headers={"Location": "/user"})
        name = request.form.get("name", "")[:40]
        response.set_cookie(USER_COOKIE, name, httponly=True, samesite="Lax")
        return response
    name = request.cookies.get(USER_COOKIE, "")
    text = USER_PAGE.replace("NAME", escape(name or "nobody"))
    return Response(text, mimetype="text/html", headers={"Cache-Control": "private"})


def news(request: Request) -> Response:
    """Return a page that forgets to say `public`: with a cookie it might be personal."""
    return Response("Nothing new.\n", headers={"Cache-Control": "max-age=60"})


def image(request: Request) -> Response:
    """Return an image; the cache answers the ranges and conditions that this app ignores."""
    fields = {"Cache-Control": "public, max-age=0, s-maxage=3600", "ETag": IMAGE_ETAG}
    return Response(IMAGE, mimetype="image/png", headers=fields)


def counter(request: Request) -> Response:
    """Return how many requests reached the app, this one included: it is never stored."""
    with _lock:
        return as_json(_reached, "no-store")


READ = ("GET", "HEAD")
VIEWS: dict[str, tuple[Callable[[Request], Response], tuple[str, ...]]] = {
    "/": (index, READ),
    "/items": (items, (*READ, "POST")),
    "/language": (language, READ),
    "/user": (user, (*READ, "POST")),
    "/news": (news, READ),
    "/image": (image, READ),
    "/counter": (counter, READ),
}


def as_json(value: object, cache_control: str) -> Response:
    """Return a JSON response."""
    fields = {"Cache-Control": cache_control}
    return Response(json.dumps(value) + "\n", mimetype="application/json", headers=fields)


def png(width: int, height: int) -> bytes:
    """Return a PNG of a gradient with noise: the same at every start, and large."""
    noise = random.Random(9111)
    lines = bytearray()
    for y in range(height):
        lines.append(0)  # no filter
        for x in range(width):
            grain = noise.getrandbits(5)
            lines += bytes((x * 224 // width + grain, y * 224 // height + grain, 96 + grain))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits of red, green, blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


IMAGE = png(240, 160)
IMAGE_ETAG = f'"{generate_etag(IMAGE)}"'

USER_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>wsgicache: a page per user</title>
<link rel="icon" href="data:,">
<p>This page is for <strong>NAME</strong>.</p>
<form method="post"><label>Log in as <input name="name"></label> <button>Log in</button></form>
<p><a href="/">Back</a></p>
</html>
"""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>wsgicache: a demo</title>
<link rel="icon" href="data:,">
<style>
  html { scroll-padding-bottom: 42vh }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 58rem; margin: auto; padding: 1rem }
  h1, h2 { line-height: 1.2 }
  section { border-top: 1px solid #8888; margin-top: 1.5rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
  td, code, output { font-family: ui-monospace, monospace; font-size: .9rem }
  td:nth-child(-2n + 3), code, output { overflow-wrap: anywhere }
  .hit { color: #176b2c } .forward { color: #8a4b00 } .own { color: #5b3fa0 }
  button, input, select { font: inherit; max-width: 100% }
  #came { background: Canvas; bottom: 0; max-height: 40vh; overflow-y: auto; position: sticky }
  #came h2 { margin: .25rem 0 }
  @media (prefers-color-scheme: dark) {
    .hit { color: #7ddb93 } .forward { color: #ffb86b } .own { color: #c3b1ff }
  }
  @media (max-width: 40rem) {
    thead { display: none }
    tr { border-bottom: 1px solid #8884; display: flex; flex-wrap: wrap; gap: 0 .75rem }
    td { border: 0; padding: 0 }
    td:empty { display: none }
    td:nth-child(3) { flex-basis: 100% }
    td:nth-child(n + 4)::before { content: attr(data-name) " " }
  }
</style>

<h1>A cache, watched</h1>
<p>Every button sends a request. The table below shows what came back, newest first:
<code>hit</code> came from the cache, <code>fwd=…</code> came from the app, and says why.
A status of 304 is a short answer: your browser's own copy is still good. A copy that the browser
shows without asking has the Cache-Status of the day it came, so the table says
<code>own copy</code> instead.</p>

<section>
<h2>The stale dropdown</h2>
<p>A list takes half a second to make, so somebody caches it. Somebody else saves an item, the page
fetches the list again, and the dropdown does not show it. Here the list is cached and saving works:
a <code>POST</code> to <code>/items</code> that succeeds empties <code>/items</code>.</p>
<form id="save">
  <label>Fruit <select id="items"></select></label>
  <button type="button" data-uri="/items">Fetch the list</button>
  <label>New <input name="name" required maxlength="80" size="12"></label>
  <button>Save, then fetch</button>
</form>
<p>It empties only that URI:
<button data-uri="/items?page=2">Fetch /items?page=2</button> before and after saving: it stays
as it was for the rest of its minute.</p>
</section>

<section>
<h2>More to ask for</h2>
<p>By language:
<button data-uri="/language" data-field="Accept-Language: en">English</button>
<button data-uri="/language" data-field="Accept-Language: de">German</button>
<button data-uri="/language" data-field="Accept-Language: fr">French</button>
— one URI, one stored response each.</p>
<p>An image: <button data-uri="/image">all of it</button>
<button data-uri="/image" data-field="Range: bytes=0-99">its first 100 bytes</button>
— the app makes whole images only; once the cache has one, it cuts it.</p>
<p>By user: <button data-uri="/user">Fetch /user</button> or <a href="/user">log in there</a>
— it says <code>private</code> and is never stored.</p>
<p>Forgotten <code>public</code>: <button id="cookie">Set a cookie</button>
<button data-uri="/news" data-cache="reload">Fetch /news past your browser's cache</button>
<button data-uri="/news">Fetch /news</button>
— it says only <code>max-age=60</code>. For a request with any cookie, even one that another
app on this host has set, it could be personal: <code>detail=cookie</code>. To allow it, the
app says <code>public</code> or <code>s-maxage</code>, as the pages above do, or the operator says
which cookies do not matter: <code>Policy(ignore_cookies=("theme",))</code>.</p>
</section>

<section id="came">
<h2>What came back</h2>
<p>Requests that reached the app: <output id="counter">none yet</output></p>
<table>
  <thead><tr><th>Request<th>Status<th>Cache-Status<th>Age<th>Bytes<th>ms</thead>
  <tbody id="log" aria-live="polite"></tbody>
</table>
</section>

<script>
const element = id => document.getElementById(id);
// The list of the page ends after 250 requests; an observer goes on.
const timings = new Map();
const note = entries => entries.forEach(entry => timings.set(entry.name, entry));
const observer = new PerformanceObserver(list => note(list.getEntries()));
observer.observe({ type: "resource" });

async function ask(uri, options = {}) {
  const began = performance.now();
  const response = await fetch(uri, options);
  const content = await response.blob();
  const spent = Math.round(performance.now() - began);
  const counts = await (await fetch("/counter")).json();
  // fetch() hides a 304 behind the browser's own copy; its transfer size, by definition 300, tells.
  // A copy for which the browser asked nobody transfers nothing. deliveryType is "cache" in both.
  note(observer.takeRecords());
  const timing = timings.get(response.url);
  const validated = timing?.transferSize == 300 && timing.encodedBodySize > 0;
  const own = timing?.transferSize === 0 && timing.encodedBodySize > 0;
  const field = Object.entries(options.headers || {}).map(pair => pair.join(": ")).join();
  const said = response.headers.get("Cache-Status") || "none: no cache in front";
  const status = own ? "own copy: the browser has asked nobody" : said;
  const row = element("log").insertRow(0);
  row.className = own ? "own" : said.includes("; hit") ? "hit" : "forward";
  const cells = { Request: `${options.method || "GET"} ${uri} ${field}`,
                  Status: validated ? 304 : response.status, "Cache-Status": status,
                  Age: own ? "" : response.headers.get("Age") ?? "",
                  Bytes: own || validated ? 0 : content.size, ms: spent };
  for (const [name, text] of Object.entries(cells)) {
    const cell = row.insertCell();
    [cell.dataset.name, cell.textContent] = [name, text];
  }
  element("counter").textContent = Object.entries(counts)
    .filter(([name]) => name != "GET /counter").map(pair => pair.join("\u00a0×")).join(", ");
  return content;
}

async function fill() {
  const names = JSON.parse(await (await ask("/items")).text());
  element("items").replaceChildren(...names.map(name => new Option(name)));
}

for (const button of document.querySelectorAll("[data-uri]"))
  button.onclick = () => {
    const [name, value] = (button.dataset.field || "").split(": ");
    if (button.dataset.uri == "/items") fill();
    else ask(button.dataset.uri,
             { cache: button.dataset.cache, headers: name ? { [name]: value } : {} });
  };
element("cookie").onclick = () => { document.cookie = "theme=dark; path=/; SameSite=Lax"; };
element("save").onsubmit = async event => {
  event.preventDefault();
  await ask("/items", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
  event.target.name.value = "";
  await fill();
};
fill();
</script>
</html>
"""
