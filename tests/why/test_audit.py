"""An audit finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.why import composed, looking_alike, planted
from tests.why.frames import ROWS, URL, Row, in_flask, plain
from wsgicache import CacheMiddleware, Policy, Route, cache_for, vary
from wsgicache.cli import main
from wsgicache.why.audit import Audit, audit

FRESH = {"Cache-Control": "max-age=60"}
PLANTED = [row for row in ROWS if row.found]
LOOKING_ALIKE = [row for row in ROWS if not row.found]


def named(row: Row) -> str:
    return row.view.__name__


def test_the_table_is_large_enough() -> None:
    assert len(PLANTED) >= 40
    assert len(LOOKING_ALIKE) >= 40
    assert {planted.__name__, looking_alike.__name__} == {row.view.__module__ for row in ROWS}


@pytest.mark.parametrize("row", PLANTED, ids=named)
def test_what_was_planted_is_found_where_it_is_read(row: Row) -> None:
    done = row.audited()
    assert [f"{one.severity} {one.input}" for one in done.findings] == [row.found]
    (finding,) = done.findings
    assert finding.evidence
    assert finding.cure
    assert len(set(finding.values)) == 2
    if finding.input.startswith("header"):
        # The route that hides the field was tried; here it is applied.
        (line,) = re.findall(r"Route\(.*\)", finding.cure)
        more = [eval(line), *row.options.get("routes", ())]
        cured = row._replace(options={**row.options, "routes": more}).audited()
        assert (cured.findings, cured.clean) == ([], 1)
    read = [place for place in finding.read_at if place.startswith("tests/why/planted.py:")]
    assert {int(place.rpartition(":")[2]) for place in read} == row.marked()
    assert (done.clean, done.inconclusive) == (0, [])
    assert done.is_bad() == (finding.severity in ("leak", "wrong"))
    assert done.is_bad(strict=True)


@pytest.mark.parametrize("row", LOOKING_ALIKE, ids=named)
def test_where_nothing_was_planted_nothing_is_found(row: Row) -> None:
    done = row.audited()
    assert (done.findings, done.inconclusive, done.clean) == ([], [], 1)
    assert not done.is_bad(strict=True)


@pytest.mark.parametrize("seed", [*range(8), 3772332161])
def test_what_chance_put_together_is_found(seed: int) -> None:
    composed.check(seed)


def found(app: Any, **options: Any) -> Audit:
    return audit(CacheMiddleware(app, **options), [URL])


def test_a_route_that_hides_a_field_is_named_only_where_the_page_is_then_the_same() -> None:
    def page(environ: dict[str, str]) -> Any:
        both = f"{environ.get('HTTP_X_DEVICE')} {environ.get('HTTP_ACCEPT')}"
        return both, 200, {**FRESH, "Vary": "Accept"}

    (finding,) = found(plain(page)).findings
    assert finding.cure == (
        "vary('X-Device') on the view; or hide it from the app: "
        "Route('/p', fields=['Accept']), which was tried"
    )
    address = plain(lambda environ: (environ["REMOTE_ADDR"], 200, FRESH))
    assert "Route" not in found(address).findings[0].cure
    odd = audit(CacheMiddleware(plain(page)), [f"{URL};a"])  # routes hide nothing there
    assert odd.findings[0].cure == "vary('X-Device') on the view"


def test_what_differs_wholly_is_inconclusive_and_said() -> None:
    numbers = itertools.count(10)

    def another(environ: dict[str, str]) -> Any:
        fields = {**FRESH, "X-Kind": environ.get("HTTP_X_DEVICE", "desktop")}
        return str(next(numbers)), 200, fields

    done = found(plain(another))
    assert (done.clean, [url for url, _ in done.inconclusive]) == (0, [URL])
    assert "'10' → '11'" in done.inconclusive[0][1]
    assert [one.input for one in done.findings] == ["header X-Device"]


def test_an_app_that_fails_is_asked_as_a_browser_does() -> None:
    def page(environ: dict[str, str]) -> Any:
        return environ["HTTP_USER_AGENT"], 200, FRESH

    assert [one.input for one in found(plain(page)).findings] == ["header User-Agent"]
    done = found(plain(lambda environ: 1 / 0))
    assert done.inconclusive == [
        (URL, "the application raises ZeroDivisionError: division by zero")
    ]
    done = found(plain(lambda environ: ("", 503, {})))
    assert done.inconclusive == [(URL, "the application answers 503 Status")]


def test_an_app_that_needs_what_the_cache_makes_of_requests_is_asked_behind_it() -> None:
    def page(environ: dict[str, str]) -> Any:
        hello = {"en": "Hello", "de": "Hallo"}[environ["HTTP_ACCEPT_LANGUAGE"]]
        return f"{hello} {environ.get('HTTP_X_DEVICE')}", 200, FRESH

    done = found(plain(page), policy=Policy(languages=["en", "de"]))
    assert [f"{one.severity} {one.input}" for one in done.findings] == ["wrong header X-Device"]


@pytest.mark.parametrize(
    ("said", "options", "evidence", "cure"),
    [
        ("Accept-Language", {}, "the application names", "do not name Accept-Language"),
        ("", {"routes": [Route("/p", vary("Accept-Language"))]}, "Route('/p') names", "vary(…)"),
        (
            "",
            {"routes": [Route("/q", languages=["sv"]), Route("*", languages=["nl", "de"])]},
            "Route('*') with languages= names Accept-Language in Vary, so there is a copy for each "
            "of nl, de",
            "remove languages= from Route('*')",
        ),
        (
            "",
            {"policy": Policy(languages=["nl", "de"])},
            "the policy with languages= names",
            "Route('/p', languages=[]) for this page alone; or remove languages= from the policy",
        ),
    ],
)
def test_who_wastes_copies_is_named(
    said: str, options: dict[str, Any], evidence: str, cure: str
) -> None:
    page = plain(lambda environ: ("page", 200, {**FRESH, **({"Vary": said} if said else {})}))
    (finding,) = found(page, **options).findings
    assert (finding.severity, finding.input) == ("waste", "header Accept-Language")
    assert evidence in finding.evidence
    assert cure in finding.cure


KEYS = {"Token secret": "mine"}


@pytest.mark.parametrize(("is_read", "severities"), [(True, []), (False, ["waste"])])
def test_a_credential_that_is_read_is_no_waste(is_read: bool, severities: list[str]) -> None:
    """The key that would change the page is not among those that an audit invents."""

    def page(environ: dict[str, str]) -> Any:
        given = environ.get("HTTP_AUTHORIZATION", "") if is_read else ""
        return KEYS.get(given, "refused"), 200, {**FRESH, "Vary": "Authorization"}

    assert [one.severity for one in found(plain(page)).findings] == severities


NAMES = {"Bearer a": "Ann", "Bearer b": "Bob", "who=a": "Ann", "who=b": "Bob"}
"""Visitors; an audit does not see these texts in the view."""
TOKENS = ["Authorization: Bearer a", "X: 1\nauthorization: Bearer b"]
RELEASING = {"Cache-Control": "s-maxage=60"}


@pytest.mark.parametrize(
    ("key", "stranger", "login", "fields", "cure"),
    [
        ("HTTP_AUTHORIZATION", 401, [], RELEASING, ""),
        ("HTTP_AUTHORIZATION", 401, TOKENS[0], RELEASING, "never_cache on the view, or vary('Au"),
        # Without another visitor each change of the token fails.
        ("HTTP_AUTHORIZATION", 500, TOKENS[:1], RELEASING, ""),
        ("HTTP_AUTHORIZATION", 500, TOKENS, RELEASING, "never_cache on the view, or vary('Au"),
        ("HTTP_AUTHORIZATION", 500, TOKENS, {**RELEASING, "Vary": "Authorization"}, ""),
        ("HTTP_AUTHORIZATION", 500, TOKENS, FRESH, ""),
        ("HTTP_X_SHOP", 401, "X-Shop: who=a", FRESH, "Policy(credentials=[*CRED"),
        ("HTTP_COOKIE", 500, ["Cookie: who=a"], RELEASING, ""),
        ("HTTP_COOKIE", 500, ["Cookie: who=a", "who=b"], RELEASING, "private on the view, or"),
    ],
)
def test_the_page_of_a_login_is_tried_with_those_of_others(
    key: str, stranger: int, login: str | list[str], fields: dict[str, str], cure: str
) -> None:
    def page(environ: dict[str, str]) -> Any:
        name = NAMES.get(environ.get(key, ""))
        return (name, 200, fields) if name else ("refused", stranger, {})

    findings = audit(CacheMiddleware(plain(page)), [URL], login=login).findings
    assert [one.severity for one in findings] == ["leak"] * bool(cure)
    for one in findings:
        assert one.cure.startswith(cure)
        assert "hide it" not in one.cure


def test_a_login_is_a_text() -> None:
    wrong: Any = [1]
    with pytest.raises(TypeError, match="each of login must be a str, got 1"):
        audit(CacheMiddleware(plain(str)), [URL], login=wrong)


def test_a_decorator_that_wastes_copies_is_named() -> None:
    view = vary("X-Device")(lambda: ("page", FRESH))
    (finding,) = found(in_flask(view)).findings
    assert "a decorator names X-Device in Vary" in finding.evidence


def test_a_decorator_is_not_blamed_for_what_the_policy_names() -> None:
    view = cache_for(minutes=5)(lambda: "page")
    policy = Policy(languages=["nl", "de"])
    (finding,) = found(in_flask(view), policy=policy).findings
    assert "the policy with languages= names" in finding.evidence
    route = eval(finding.cure.partition(" for this")[0], {"Route": Route})
    assert found(in_flask(view), policy=policy, routes=[route]).findings == []


def test_pages_that_are_not_stored_are_counted() -> None:
    done = found(plain(lambda environ: ("page", 200, {})))
    assert list(done.lines()) == ["1 page without findings; 1 of them not stored, so not judged"]


def test_what_is_offered_is_tried() -> None:
    def page(environ: dict[str, str]) -> Any:
        return environ.get("HTTP_ACCEPT_LANGUAGE", "").removeprefix("nl") + "page", 200, FRESH

    assert found(plain(page), routes=[Route("*", languages=["nl", "sv"])]).findings == []


def test_links_are_followed_within_the_site() -> None:
    asked: set[str] = set()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        asked.add(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/html"), *FRESH.items()])
        return [b'<a href="/b">b</a> <a href=c?d#e> <a href="http://other.example/">']

    done = audit(CacheMiddleware(app), ["http://example.org/"], crawl=True)
    assert asked == {"/", "/b", "/c"}
    assert (done.clean, done.unstored) == (3, 0)
    assert audit(CacheMiddleware(app), ["http://example.org/"], crawl=True, most=2).clean == 2


SITE = """
NAMES = {"k1": b"Ann"}

def app(environ, start_response):
    fields = [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")]
    if environ["PATH_INFO"] == "/waste":
        fields.append(("Vary", "Accept"))
    if environ["PATH_INFO"] == "/me":
        fields = [("Content-Type", "text/html"), ("Cache-Control", "s-maxage=60")]
    start_response("200 OK", fields)
    if environ["PATH_INFO"] == "/me":
        return [NAMES.get(environ.get("HTTP_X_API_KEY"), b"stranger")]
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
    assert "from none to 'phone': content at byte 0: 'none' → 'phone'" in bad.stdout
    assert bad.stdout.splitlines()[-1] == "1 page without findings"
    data = json.loads(
        CliRunner().invoke(main, ["audit", "audited_site:app", "/p", "--json"]).stdout
    )
    assert data["findings"][0]["input"] == "header X-Device"
    for arguments, code in (
        ([], 0),
        (["/waste"], 0),
        (["/waste", "--strict"], 1),
        (["/p"], 1),
        (["/me"], 0),
        (["/me", "--login", "Cookie: a=b", "--login", "X-Api-Key: k1"], 1),
        (["--login", "x"], 2),
    ):
        done = CliRunner().invoke(main, ["audit", "audited_site:app", *arguments])
        assert done.exit_code == code
