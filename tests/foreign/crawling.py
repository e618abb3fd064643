"""Several people use an application by one script, and all that they got is written down.

It runs in the environment of another project, bare or behind the cache: no other module of the
tests is there. Its arguments are a file with a `Script` as JSON and one for what came of it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import sys
import types
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from typing import Any, TypedDict
from urllib.parse import urljoin, urlsplit

from werkzeug.test import Client, TestResponse

HOST = "www.example.org"
BASE = f"http://{HOST}/"
ANALYTICS = {
    "visitor-1": "_ga=GA1.1.111111111.1700000000; _gid=GA1.1.1111111111.1700000000",
    "visitor-2": "_ga=GA1.1.222222222.1700000000; _fbp=fb.1.1700000000000.222222222; _hjid=2",
    "stranger-1": "_ga=GA1.1.333333333.1700000000; __utma=3.3.3.3.3.3",
    "stranger-2": "_pk_id.1.1fff=444444444; _ga=GA1.1.444444444.1700000000",
}
"""What the scripts on everyday sites put into browsers."""
NEVER = re.compile(r"increment|log_?out|sign_?out|delete|remove|/jsi18n|mailto:|javascript:")
"""Links that nobody follows: they change something, or lead elsewhere."""
BESIDES = ("/static/", "/media/")
"""Where something else than Django answers, unless it is for development."""


class Script(TypedDict):
    """What is asked of an application, and where it is."""

    app: str
    """MODULE:APP, or MODULE:FACTORY(); the module of the settings for Django."""
    kind: str
    """``flask``, ``django``, or ``wsgi``."""
    how: str
    """``bare``, ``cached``, or ``lifetimes``: cached, and every page may be kept."""
    start: list[str]
    users: dict[str, list[str]]
    """For each user what they write at the login, and the password; the last is the admin."""
    login: str
    """The path of the form."""
    edits: list[list[Any]]
    """What the admin does: a method, a path, and fields. FORM fetches the form there first."""
    wishes: list[list[Any]]
    """The same, for what a visitor does who has no login."""
    pages: int
    """So many pages for each person and round."""
    settings: dict[str, Any]


class Record(TypedDict):
    """A request, and what came of it."""

    step: str
    who: str
    asked: str
    status: int
    type: str
    location: str
    sets: list[str]
    """Names of the cookies that it sets."""
    has: bool
    """Whether the browser had a cookie of the application's."""
    control: str
    vary: str
    body: str
    told: str
    """Cache-Status."""


class Page(HTMLParser):
    """The links of a page, and its forms with what stands in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[dict[str, str | None], dict[str, str]]] = []
        self._select, self._area = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag names."""
        has = dict(attrs)
        link = has.get("href") if tag in ("a", "link") else has.get("src")
        if link and tag in ("a", "link", "script", "img"):
            self.links.append(link)
        if tag == "form":
            self.forms.append((has, {}))
        if not self.forms:
            return
        form, name, kind = self.forms[-1][1], has.get("name") or "", has.get("type") or ""
        presses = kind == "submit" if tag == "input" else tag == "button" and kind in ("", "submit")
        if presses and name:
            if "the button" not in form:
                form["the button"], form[name] = name, has.get("value") or ""
        elif tag == "input" and name:
            if kind == "password":
                form["password of the user"] = name
            elif kind in ("", "text", "email") and "name of the user" not in form:
                form["name of the user"] = name
            if kind not in ("checkbox", "radio", "submit", "file") or "checked" in has:
                form[name] = has.get("value") or ""
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area, form[name] = name, ""
        elif tag == "option" and self._select and ("selected" in has or self._select not in form):
            form[self._select] = has.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a list or a text."""
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        """Take the text of an area."""
        if self._area:
            self.forms[-1][1][self._area] += data


WILD = re.compile(r"([a-z][A-Z].*){3}")
"""Letters of both cases, by chance."""
CHANGING = [
    (re.compile(pattern), mark)
    for pattern, mark in (
        (r"\b\d{1,2}:\d{2}(:\d{2})?(\.\d+)?( ?[ap]\.?m\.?)?", "TIME"),
        (r"\b(now|(an?|\d+(\.\d+)?)[ \xa0]?(ms|msec|seconds?|minutes?)( ago)?)\b", "SPAN"),
        (r"\b1[78]\d{8}(\.\d+)?\b", "EPOCH"),
        (r"[A-Za-z0-9_.:/+=-]{20,}", "TOKEN"),
    )
]


def plain(data: bytes, kind: str) -> str:
    """*data* of the media type *kind*, without what is another at each request."""
    if not kind.startswith("text/") and "json" not in kind and "xml" not in kind:
        return hashlib.sha256(data).hexdigest()
    text = data.decode("utf-8", "replace")
    if kind in ("text/css", "text/javascript", "application/javascript"):
        return hashlib.sha256(data).hexdigest() + text[:200]
    for pattern, mark in CHANGING:
        text = pattern.sub(partial(masked, mark), text)
    return text


def masked(mark: str, found: re.Match[str]) -> str:
    """The *mark* in place of what was found, unless that is a word or a path."""
    text = found[0]
    mixed = (re.search(r"\d", text) and re.search(r"[A-Za-z]", text)) or WILD.search(text)
    is_random = mark != "TOKEN" or (mixed and "/" not in text.strip("/"))
    return mark if is_random else text


class People:
    """All who use the application *app*; *purge* empties its cache."""

    def __init__(self, script: Script, app: Any, purge: Callable[[], object]) -> None:
        self.script, self.app, self.purge = script, app, purge
        self.records: list[Record] = []
        self.clients = {
            who: Client(app, use_cookies=not who.startswith("stranger"))
            for who in (*ANALYTICS, *script["users"])
        }
        self.step = ""

    def ask(self, who: str, method: str, path: str, **options: Any) -> TestResponse:
        """What *who* gets for a request; it is written down."""
        client = self.clients[who]
        headers = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "Referer": BASE}
        for pair in ANALYTICS.get(who, "").split("; "):
            name, _, value = pair.partition("=")
            if client._cookies is None:
                headers["Cookie"] = ANALYTICS[who]
            elif name:
                client.set_cookie(name, value, domain=HOST)
        own = [key for key, _, _ in self.jar(client)]
        place = {"REMOTE_ADDR": f"192.0.2.{[*self.clients].index(who) + 1}"}
        request: dict[str, Any] = {"method": method, "headers": headers, "environ_base": place}
        response = client.open(path, base_url=BASE, **request, **options)
        kind = response.mimetype or ""
        self.records.append(
            {
                "step": self.step,
                "who": who,
                "asked": f"{method} {path}",
                "status": response.status_code,
                "type": kind,
                "location": plain(response.headers.get("Location", "").encode(), "text/html"),
                "sets": sorted(
                    line.partition("=")[0] for line in response.headers.getlist("Set-Cookie")
                ),
                "has": any(name not in ANALYTICS.get(who, "") for name in own),
                "control": response.headers.get("Cache-Control", ""),
                "vary": response.headers.get("Vary", ""),
                "body": plain(response.data, kind),
                "told": response.headers.get("Cache-Status", ""),
            }
        )
        return response

    def jar(self, client: Client) -> list[tuple[str, str, str]]:
        """The cookies that a browser has."""
        held = client._cookies or {}
        return [(cookie.key, cookie.value, cookie.path) for cookie in held.values()]

    def crawl(self, who: str) -> None:
        """One person follows links, the nearest first."""
        known = list(dict.fromkeys(self.script["start"]))
        for path in iter_growing(known, self.script["pages"]):
            response = self.ask(who, "GET", path)
            found = [response.headers["Location"]] if "Location" in response.headers else []
            if response.mimetype == "text/html":
                found += Page(response.text).links
            for link in found:
                url = urlsplit(urljoin(BASE.rstrip("/") + path, link))
                target = url.path + (f"?{url.query}" if url.query else "")
                if url.netloc != HOST or NEVER.search(link) or target in known:
                    continue
                if self.script["kind"] != "django" or not url.path.startswith(BESIDES):
                    known.append(target or "/")

    def submit(self, who: str, path: str, fields: dict[str, str]) -> int:
        """One person fills the form at *path* and sends it, and follows where that leads.

        It returns the status of the answer.
        """
        page = self.ask(who, "GET", path)
        named = {"name of the user", "password of the user", "the button"}
        for attributes, given in Page(page.text).forms:
            if all(name in given for name in fields):
                data = {name: text for name, text in given.items() if name not in named}
                data |= {given[name] if name in named else name: fields[name] for name in fields}
                action = urlsplit(urljoin(BASE.rstrip("/") + path, attributes.get("action") or ""))
                target = action.path + (f"?{action.query}" if action.query else "")
                done = self.ask(who, "POST", target, data=data)
                if "Location" in done.headers:
                    url = urlsplit(urljoin(BASE, done.headers["Location"]))
                    self.ask(who, "GET", url.path + (f"?{url.query}" if url.query else ""))
                return done.status_code
        raise AssertionError(f"{path} has no form with {sorted(fields)}: {page.status}")

    def log_in(self, who: str) -> None:
        """One person gives their name and their password."""
        if self.script["login"]:
            name, password = self.script["users"][who]
            fields = {"name of the user": name, "password of the user": password}
            status = self.submit(who, self.script["login"], fields)
            assert status in (302, 303), f"{who} cannot log in: {status}"

    def change(self, who: str, edits: list[list[Any]]) -> None:
        """Somebody changes things, and looks at each at once."""
        for method, path, fields in edits:
            if method == "FORM":
                self.submit(who, path, fields)
            else:
                self.ask(who, method, path, json=fields)
            self.ask(who, "GET", path)

    def act(self) -> None:
        """All that happens, in one order."""
        users = list(self.script["users"])
        readers = ("stranger-1", "stranger-2", "visitor-1", "visitor-2")
        for who in readers:
            self.step = "first"
            self.crawl(who)
        for who in users:
            self.step = "logged in"
            self.log_in(who)
            self.crawl(who)
        for who in readers:
            self.step = "after logins"
            self.crawl(who)
        self.step = "wishing"
        self.change("visitor-1", self.script["wishes"])
        self.crawl("visitor-1")
        self.step = "editing"
        self.change(users[-1] if users else "visitor-1", self.script["edits"])
        self.purge()
        for who in (*readers, *users):
            self.step = "after edits"
            self.crawl(who)


def iter_growing(known: list[str], most: int) -> Any:
    """The first *most* of *known*, which grows meanwhile."""
    place = 0
    while place < min(most, len(known)):
        yield known[place]
        place += 1


def loaded(name: str) -> Any:
    """What MODULE:NAME or MODULE:NAME() means."""
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute.removesuffix("()"))
    return found() if attribute.endswith("()") else found


def made(script: Script) -> tuple[Any, Callable[[], object]]:
    """The application of *script* as it says how, and what empties the cache."""
    routes: list[Any] = []
    if script["how"] == "lifetimes":
        from wsgicache import Route, cache_for

        routes = [Route("*", cache_for(minutes=5))]
    if script["kind"] == "django":
        settings = types.ModuleType("settings_of_the_trial")
        vars(settings).update(vars(importlib.import_module(script["app"])))
        vars(settings).update(script["settings"])
        if script["how"] != "bare":
            apps = [*vars(settings)["INSTALLED_APPS"], "wsgicache.django"]
            vars(settings).update(INSTALLED_APPS=apps, WSGICACHE={"ROUTES": routes})
        sys.modules["settings_of_the_trial"] = settings
        os.environ["DJANGO_SETTINGS_MODULE"] = "settings_of_the_trial"
        if script["how"] == "bare":
            from django.core.wsgi import get_wsgi_application

            return get_wsgi_application(), lambda: None
        from wsgicache.django import cache
        from wsgicache.django import get_wsgi_application as cached_application

        return cached_application(), lambda: cache.purge_all()
    app = loaded(script["app"])
    if script["kind"] == "flask":
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600  # else Flask says no-cache of static files
    if script["how"] == "bare":
        return app, lambda: None
    if script["kind"] == "flask":
        from wsgicache.flask import WSGICache

        extension = WSGICache(app, routes=routes)
        return app, extension.cache.purge_all
    from wsgicache import CacheMiddleware

    middleware = CacheMiddleware(app, routes=routes)
    return middleware, middleware.purge_all


def main(asked: str, answered: str) -> None:
    """Do all that the file *asked* says, and write what came of it into *answered*."""
    with open(asked, encoding="utf-8") as file:
        script: Script = json.load(file)
    sys.path[0] = ""
    people = People(script, *made(script))
    people.act()
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(people.records, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
