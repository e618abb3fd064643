"""An audit finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bottle
import flask
import pytest
import werkzeug
from click.testing import CliRunner

from tests.why.sites import django_handler, urlpatterns
from wsgicache import CacheMiddleware, Policy, Route, cached, vary
from wsgicache.cli import main
from wsgicache.why.audit import Audit, audit

FRESH = {"Cache-Control": "max-age=60"}
URL = "http://example.org/p"
Read = Callable[[str], str]
"""What a request has in a field."""
Answer = tuple[int, dict[str, str], str]
Site = Callable[[Callable[[Read], Answer]], Any]


def plain(answer: Callable[[Read], Answer]) -> Any:
    """A WSGI application without a framework."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        def read(name: str) -> str:
            key = name.upper().replace("-", "_")
            return str(environ.get(key if key == "REMOTE_ADDR" else f"HTTP_{key}", ""))

        status, fields, content = answer(read)
        start_response(f"{status} Status", [("Content-Type", "text/html"), *fields.items()])
        return [content.encode()]

    return app


def in_flask(answer: Callable[[Read], Answer]) -> Any:
    """The same in Flask."""
    app = flask.Flask(__name__)

    @app.get("/p")
    def view() -> flask.Response:
        status, fields, content = answer(lambda name: flask.request.headers.get(name, ""))
        return flask.Response(content, status, fields)

    return app


def in_bottle(answer: Callable[[Read], Answer]) -> Any:
    """The same in Bottle."""
    app = bottle.Bottle()

    @app.get("/p")
    def view() -> bottle.HTTPResponse:
        status, fields, content = answer(lambda name: bottle.request.get_header(name, ""))
        return bottle.HTTPResponse(content, status, fields)

    return app


def in_werkzeug(answer: Callable[[Read], Answer]) -> Any:
    """The same with Werkzeug alone."""

    @werkzeug.Request.application
    def app(request: werkzeug.Request) -> werkzeug.Response:
        status, fields, content = answer(lambda name: request.headers.get(name, ""))
        return werkzeug.Response(content, status, fields)

    return app


def in_django(answer: Callable[[Read], Answer]) -> Any:
    """The same in Django."""
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest) -> HttpResponse:
        status, fields, content = answer(lambda name: request.headers.get(name, ""))
        return HttpResponse(content, status=status, headers=fields)

    urlpatterns[:] = [path("p", view)]
    return django_handler()


def body(name: str, *, known: str = "", extra: str = "") -> Callable[[Read], Answer]:
    """A page that shows the field *name*; if *known*, Vary names that."""
    fields = {**FRESH, "Vary": known} if known else FRESH
    return lambda read: (200, fields, f"<p>{read(name)}{extra}</p>")


def by_status(read: Read) -> Answer:
    return (403 if "bot" in read("User-Agent") else 200), FRESH, "page"


def by_redirect(read: Read) -> Answer:
    mobile = "Mobile" in read("User-Agent")
    return 301, {**FRESH, "Location": "/m" if mobile else "/d"}, ""


def by_field(read: Read) -> Answer:
    return 200, {**FRESH, "X-Frame-Options": "DENY" if read("Sec-Fetch-Dest") else "ALLOW"}, "page"


def by_last_bytes(read: Read) -> Answer:
    return 200, FRESH, "page\n" * 200_000 + ("dark" if read("X-Theme") == "dark" else "light")


def cookie(name: str, value: str) -> Callable[[Read], Answer]:
    """A page that looks for one cookie."""

    def answer(read: Read) -> Answer:
        return 200, FRESH, "theirs" if f"{name}={value}" in read("Cookie") else "page"

    return answer


RELEASED = {"routes": [Route("/p", cached(server=60), override=True)]}
Row = tuple[Site, Callable[[Read], Answer], dict[str, Any], str, str, str]
PLANTED: list[Row] = [
    # Where, what, behind which cache, whose login, and what is found.
    (plain, body("Accept-Language"), {}, "", "wrong", "header Accept-Language"),
    (in_flask, body("Accept"), {}, "", "wrong", "header Accept"),
    (in_bottle, body("X-Device"), {}, "", "wrong", "header X-Device"),
    (in_werkzeug, body("Prefer"), {}, "", "wrong", "header Prefer"),
    (in_django, body("Sec-CH-UA-Mobile"), {}, "", "wrong", "header Sec-CH-UA-Mobile"),
    (plain, body("X-Made-Up"), {}, "", "wrong", "header X-Made-Up"),
    (in_flask, by_status, {}, "", "wrong", "header User-Agent"),
    (in_bottle, by_redirect, {}, "", "wrong", "header User-Agent"),
    (in_django, by_field, {}, "", "wrong", "header Sec-Fetch-Dest"),
    (in_werkzeug, by_last_bytes, {}, "", "wrong", "header X-Theme"),
    (plain, body("REMOTE_ADDR"), {}, "", "leak", "environ REMOTE_ADDR"),
    (in_bottle, body("True-Client-IP"), {}, "", "leak", "header True-Client-IP"),
    (in_flask, cookie("theme", "dark"), RELEASED, "", "wrong", "cookie theme"),
    (in_django, cookie("who", "alice"), RELEASED, "who=alice", "leak", "cookie who"),
    (in_flask, body("HX-Request"), {}, "", "downstream", "header HX-Request"),
    (in_bottle, body("Host", known="Accept-Language"), {}, "", "waste", "header Accept-Language"),
]
LIKE_THEM: list[tuple[Site, Callable[[Read], Answer], dict[str, Any], str]] = [
    (plain, body("Accept-Language", known="Accept-Language"), {}, ""),
    (in_flask, body("Accept", known="Accept"), {}, ""),
    (in_bottle, body("Accept"), {"routes": [Route("/p", accept=["text/html"])]}, ""),
    (in_werkzeug, body("Prefer"), {"routes": [Route("/p", vary("Prefer"))]}, ""),
    (in_django, body("Host"), {}, ""),
    (in_django, lambda read: (200, FRESH, "page" + read("Accept")[:0]), {}, ""),
    (in_flask, lambda read: (200, {"Cache-Control": "no-store"}, read("User-Agent")), {}, ""),
    (in_flask, cookie("theme", "dark"), {"policy": Policy(ignore_cookies=["theme"])}, ""),
    (in_bottle, cookie("theme", "dark"), {}, ""),
    (in_django, cookie("who", "alice"), {}, "who=alice"),
    (plain, body("Authorization"), {}, ""),
]


def found(app: Any, options: dict[str, Any], login: str) -> Audit:
    return audit(CacheMiddleware(app, **options), [URL], login=login)


@pytest.mark.parametrize(("site", "answer", "options", "login", "severity", "name"), PLANTED)
def test_what_was_planted_is_found(
    site: Site,
    answer: Callable[[Read], Answer],
    options: dict[str, Any],
    login: str,
    severity: str,
    name: str,
) -> None:
    done = found(site(answer), options, login)
    assert [(one.severity, one.input) for one in done.findings] == [(severity, name)]
    (finding,) = done.findings
    assert finding.evidence
    assert finding.cure
    if name.startswith("header") and severity != "waste":
        # The route that hides the field was tried; here it is applied.
        (line,) = re.findall(r"Route\(.*\)", finding.cure)
        more = [eval(line), *options.get("routes", ())]
        cured = found(site(answer), {**options, "routes": more}, login)
        assert (cured.findings, cured.clean) == ([], 1)
    if site is not in_django and severity != "waste":  # Django reads all of them at once
        assert any("tests/why/test_audit.py:" in place for place in finding.read_at)
    assert done.clean == 0
    assert done.is_bad() == (severity in ("leak", "wrong"))
    assert done.is_bad(strict=True)


@pytest.mark.parametrize(("site", "answer", "options", "login"), LIKE_THEM)
def test_where_nothing_was_planted_nothing_is_found(
    site: Site, answer: Callable[[Read], Answer], options: dict[str, Any], login: str
) -> None:
    done = found(site(answer), options, login)
    assert (done.findings, done.clean) == ([], 1)


def test_a_route_that_hides_a_field_is_named_only_where_the_page_is_then_the_same() -> None:
    def answer(read: Read) -> Answer:
        return 200, {**FRESH, "Vary": "Accept"}, f"{read('X-Device')} {read('Accept')}"

    (finding,) = found(plain(answer), {}, "").findings
    assert finding.cure == (
        "vary('X-Device') on the view; or, if it should not count, "
        "Route('/p', fields=['Accept']), which was tried"
    )

    assert "Route" not in found(plain(body("REMOTE_ADDR")), {}, "").findings[0].cure
    odd = audit(CacheMiddleware(plain(body("X-Device"))), [f"{URL};a"])  # routes hide nothing there
    assert odd.findings[0].cure == "vary('X-Device') on the view"


def test_what_differs_by_itself_is_masked() -> None:
    numbers = itertools.count()

    def answer(read: Read) -> Answer:
        number = next(numbers)
        return 200, {**FRESH, "X-Id": str(number)}, f"page {number}\nfor {read('X-Device')}"

    done = found(plain(answer), {}, "")
    assert [one.input for one in done.findings] == ["header X-Device"]
    late = found(plain(lambda read: (200, FRESH, f"page {next(numbers) // 4}")), {}, "")
    assert late.findings == []
    other = found(plain(lambda read: (200, FRESH, "\n" * next(numbers))), {}, "")
    assert (other.clean, [url for url, _ in other.inconclusive]) == (0, [URL])


def test_links_are_followed_within_the_site() -> None:
    asked: set[str] = set()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        asked.add(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/html"), *FRESH.items()])
        return [b'<a href="/b">b</a> <a href=c?d#e> <a href="http://other.example/">']

    done = audit(CacheMiddleware(app), ["http://example.org/"], crawl=True)
    assert asked == {"/", "/b", "/c"}
    assert done.clean == 3
    assert audit(CacheMiddleware(app), ["http://example.org/"], crawl=True, most=2).clean == 2


SITE = """
def app(environ, start_response):
    fields = [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")]
    start_response("200 OK", fields)
    return [environ.get("HTTP_X_DEVICE", "none").encode() if environ["PATH_INFO"] == "/p" else b""]
"""


def test_the_command_prints_findings_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audited_site.py").write_text(SITE)
    (tmp_path / "urls").write_text("/q\n\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    bad = CliRunner().invoke(main, ["audit", "audited_site:app", "/p", "--urls", "urls"])
    assert bad.exit_code == 1
    assert "wrong: http://localhost/p: header X-Device" in bad.stdout
    assert "1 clean" in bad.stdout
    data = json.loads(
        CliRunner().invoke(main, ["audit", "audited_site:app", "/p", "--json"]).stdout
    )
    assert data["findings"][0]["input"] == "header X-Device"
    assert CliRunner().invoke(main, ["audit", "audited_site:app"]).exit_code == 0
