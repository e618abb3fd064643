"""The public HTTP cache suite, where its export is at hand, and the runner on tests of our own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.conformance import conformance, load
from benchmarks.conformance_client import Base, Trial, attempt, run, settled
from benchmarks.conformance_origin import Origin
from benchmarks.servers import HOST, SERVERS, ServerFailed, cheroot, serving
from tests.running import DEADLINE, conformance_suite, module
from tests.scene import FakeClock
from wsgicache import CacheMiddleware, Policy

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]

# ── the public suite ──────────────────────────────────────────────────────────────────────────

# What RFC 9111 or RFC 9110 forbids, so that no policy passes it.
FORBIDDEN = {
    # A 304 though If-Modified-Since is before the Date that stands in for Last-Modified (§4.3.2).
    "conditional-lm-fresh-no-lm",
    # Five bytes that call themselves bytes 4-9/10 (RFC 9110 §14.4).
    "partial-store-partial-reuse-partial",
    "partial-store-partial-reuse-partial-byterange",
}

# What the safe policy costs, by its reason.
SAFE = {
    "responses with Set-Cookie are never stored": {
        "headers-store-Set-Cookie",
        "headers-store-Set-Cookie2",
        "other-set-cookie",
    },
    "CDN-Cache-Control is for the caches in front": {
        "cdn-max-age",
        "cdn-max-age-max",
        "cdn-max-age-max-plus",
        "cdn-max-age-age",
        "cdn-max-age-0",
        "cdn-max-age-extension",
        "cdn-max-age-cc-max-age-invalid-expires",
        "cdn-max-age-0-expires",
        "cdn-max-age-long-cc-max-age",
        "cdn-fresh-cc-nostore",
        "cdn-cc-invalid-sh-type-unknown",
        "cdn-cc-invalid-sh-type-wrong",
    },
    "no freshness is guessed": {
        "heuristic-200-cached",
        "heuristic-203-cached",
        "heuristic-204-cached",
        "heuristic-410-cached",
        "heuristic-414-cached",
        "heuristic-599-cached",
    },
    "POST is not stored": {"method-POST"},
    "206 is not stored": {"partial-store-partial-complete"},
    "public releases no answer to credentials, and max-age none to cookies": {
        "other-authorization-public",
        "other-cookie",
    },
    "the order in Accept-Language counts": {"vary-normalise-lang-case"},
}
NOT_PASSED = {"rfc": FORBIDDEN, "safe": FORBIDDEN.union(*SAFE.values())}


@pytest.fixture(scope="module")
def results() -> dict[str, list[Trial]]:
    """The whole suite under both policies, over a server, where no pause takes time."""
    suite = load(conformance_suite())

    def under(policy: Policy) -> list[Trial]:
        clock = FakeClock(time.time())
        app = CacheMiddleware(
            Origin(clock.wall, clock.advance),
            policy=policy,
            clock=clock,
            runner=lambda job: job(),  # at once, since no time passes in which it could run
        )
        with cheroot(app) as port:
            return run(suite, Base(HOST, port), sleep=clock.advance, side_by_side=1)

    return {"rfc": under(Policy.rfc()), "safe": under(Policy())}


@pytest.mark.parametrize("policy", NOT_PASSED)
@pytest.mark.parametrize("kind", ["required", "optimal"])
def test_suite(results: dict[str, list[Trial]], policy: str, kind: str) -> None:
    trials = [trial for trial in results[policy] if trial.kind == kind]
    excepted = NOT_PASSED[policy] & {trial.test["id"] for trial in trials}
    others = {trial.test["id"]: trial.reason for trial in trials if trial.outcome != "pass"}
    assert others.keys() == excepted, {i: others.get(i) for i in others.keys() ^ excepted}


# ── the runner: what it makes of an origin without a cache ────────────────────────────────────

FRESH = {"response_headers": [["Cache-Control", "max-age=60"], ["Date", 0]]}


def script(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A test of our own."""
    return {"id": "own", "name": "a test of `our` own", "requests": list(requests), **more}


@pytest.fixture(scope="module")
def bare() -> Iterator[Base]:
    with cheroot(Origin()) as port:
        yield Base(HOST, port)


PASSED: dict[str, list[dict[str, Any]]] = {
    "plain": [{}],
    "not cached": [FRESH, {"expected_type": "not_cached"}],
    "status": [{"response_status": [599, "Odd"]}],
    "any status": [{"response_status": [404, "Not Found"], "expected_status": None}],
    "no content": [{"response_status": [204, "No Content"]}, {"request_method": "HEAD"}],
    "content": [{"response_body": "abc"}, {"response_body": "", "check_body": True}],
    "text": [{"response_body": "abc", "expected_response_text": "abc"}],
    "content cut": [
        {
            "response_headers": [["Content-Length", "2"]],
            "response_body": "abc",
            "expected_response_text": "ab",
        }
    ],
    "fields": [
        {
            "response_headers": [["A", "1"], ["a", "2"], ["B", "1, 2"], ["Count", "12 s"]],
            "expected_response_headers": ["a", ["A", "1, 2"], ["b", "=", "A"], ["Count", ">", 11]],
            "expected_response_headers_missing": ["c", ["a", "3"]],
        }
    ],
    "dates": [
        {
            "response_headers": [["Date", 0], ["Expires", 60], ["Last-Modified", -60]],
            "expected_response_headers": [["Expires", 60], ["Last-Modified", -60]],
        }
    ],
    "locations": [
        {
            "filename": "page",
            "query_arg": "a=1",
            "magic_locations": True,
            "response_headers": [["Location", "x"], ["Content-Location", ""]],
            "expected_response_headers": [["Location", "x"], ["Content-Location", ""]],
        }
    ],
    "request": [
        {
            "request_method": "M-SEARCH",
            "request_body": "abc",
            "request_headers": [["A", "1"], ["a", "2"], ["Pragma", "x"]],
            "expected_method": "M-SEARCH",
            "expected_request_headers": ["A", ["a", "1, 2"], ["pragma", "foo, x"]],
            "expected_request_headers_missing": ["B"],
        }
    ],
    "validated by ETag": [
        {"response_headers": [["ETag", '"a"']]},
        {
            "request_headers": [["If-None-Match", '"a"']],
            "expected_type": "etag_validated",
            "expected_status": 304,
        },
    ],
    "validated by date": [
        {"response_headers": [["Last-Modified", -3000]]},
        {
            "request_headers": [["If-Modified-Since", -3000]],
            "magic_ims": True,
            "expected_type": "lm_validated",
            "expected_status": 304,
        },
    ],
    "early hints": [
        {
            "interim_responses": [[103, [["link", "</a>"], ["x", "1"]]]],
            "expected_interim_responses": [[103, [["Link", "</a>"]]]],
        },
        {"expected_interim_responses": []},
    ],
    "disconnected": [{"disconnect": True, "expected_status": 500, "check_body": False}],
}


@pytest.mark.parametrize("name", PASSED)
def test_passes_without_a_cache(bare: Base, name: str) -> None:
    trial = attempt(script(*PASSED[name]), bare)
    assert (trial.outcome, trial.reason) == ("pass", "")


FAILED: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "cached": (
        [FRESH, {"expected_type": "cached"}],
        "fail",
        "answer 2 does not come from the cache",
    ),
    "cached, setup": (
        [FRESH, {"expected_type": "cached", "setup": True}],
        "setup",
        "answer 2 does not come from the cache",
    ),
    "cached, setup by name": (
        [FRESH, {"expected_type": "cached", "setup_tests": ["expected_type"]}],
        "setup",
        "answer 2 does not come from the cache",
    ),
    "validated": (
        [FRESH, {"expected_type": "etag_validated"}],
        "fail",
        "request 2 should have been conditional",
    ),
    "status": ([{"expected_status": 304}], "fail", "answer 1 has status 200, not 304"),
    "status not asked for": (
        [{"disconnect": True}],
        "setup",
        "answer 1 has status 500, not 200",
    ),
    "field": (
        [{"response_headers": [["A", "1"]], "expected_response_headers": [["A", "2"]]}],
        "fail",
        "answer 1 has A: 1, not 2",
    ),
    "field absent": ([{"expected_response_headers": ["A"]}], "fail", "answer 1 has no A"),
    "field not greater": (
        [{"expected_response_headers": [["Server-Request-Count", ">", 1]]}],
        "fail",
        "answer 1 has Server-Request-Count: 1, not over 1",
    ),
    "fields not equal": (
        [{"expected_response_headers": [["Server-Now", "=", "Date"]]}],
        "fail",
        "answer 1 has different Server-Now and Date",
    ),
    "date": (
        [{"response_headers": [["Expires", 60]], "expected_response_headers": [["Expires", 120]]}],
        "fail",
        "answer 1 has Expires:",
    ),
    "field unwanted": (
        [{"response_headers": [["A", "1"]], "expected_response_headers_missing": ["a"]}],
        "fail",
        "answer 1 has a: 1",
    ),
    "value unwanted": (
        [{"response_headers": [["A", "1"]], "expected_response_headers_missing": [["a", "1"]]}],
        "fail",
        "answer 1 has a: 1",
    ),
    "text": ([{"expected_response_text": "x"}], "fail", "answer 1 has content"),
    "hints": (
        [{"expected_interim_responses": [[103, []]]}],
        "fail",
        "interim responses [] before answer 1, not [103]",
    ),
    "hint's field": (
        [
            {
                "interim_responses": [[103, [["a", "1"]]]],
                "expected_interim_responses": [[103, [["a", "2"]]]],
            }
        ],
        "fail",
        "interim 103 has a: 1, not 2",
    ),
    "request's field": (
        [{"request_headers": [["A", "1"]], "expected_request_headers": [["A", "2"]]}],
        "fail",
        "request 1 reached the origin with A: 1",
    ),
    "request's field unwanted": (
        [{"request_headers": [["A", "1"]], "expected_request_headers_missing": ["A"]}],
        "fail",
        "request 1 reached the origin with A",
    ),
    "method": ([{"expected_method": "HEAD"}], "fail", "request 1 is a GET"),
    "content too short": (
        [{"response_headers": [["Content-Length", "9"]], "response_body": "abc"}],
        "fail",
        "no whole answer 1: the content ended after 3 of 9 bytes",
    ),
    "not a test": ([{"request_headers": 1}], "setup", "the test cannot be read"),
}


@pytest.mark.parametrize("name", FAILED)
def test_fails_without_a_cache(bare: Base, name: str) -> None:
    requests, outcome, reason = FAILED[name]
    trial = attempt(script(*requests), bare)
    assert trial.outcome == outcome
    assert reason in trial.reason


# ── the runner: what it makes of caches that err ──────────────────────────────────────────────

App = Callable[..., Iterable[bytes]]


def keeps_everything(app: App) -> App:
    """Answers a target for ever as it was answered first."""
    kept: dict[str, Any] = {}

    def cache(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith("/test/"):
            return app(environ, start_response)
        if path not in kept:
            head: list[Any] = []
            content = list(app(environ, lambda *start: head.extend(start)))
            kept[path] = head, content
        head, content = kept[path]
        start_response(*head)
        return content

    return cache


def changes(
    change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]],
) -> Callable[[App], App]:
    """Sends other fields than the origin did."""

    def wrap(app: App) -> App:
        def cache(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            return app(environ, lambda status, fields: start_response(status, change(fields)))

        return cache

    return wrap


def asks_twice(app: App) -> App:
    """Asks the origin twice for everything."""

    def cache(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/test/"):
            list(app(environ, lambda status, fields: None))
        return app(environ, start_response)

    return cache


ETAGGED = {"response_headers": [["ETag", '"a"'], ["B", "1", False]]}
ERRING: dict[str, tuple[Callable[[App], App], list[dict[str, Any]], str, str]] = {
    "reuses what it may not": (
        keeps_everything,
        [{}, {"expected_type": "not_cached"}],
        "fail",
        "answer 2 comes from the cache",
    ),
    "never validates": (
        keeps_everything,
        [ETAGGED, {"expected_type": "etag_validated", "expected_status": None}],
        "fail",
        "request none reached the origin, not 2",
    ),
    "loses a field": (
        changes(lambda fields: [field for field in fields if field[0] not in ("ETag", "B")]),
        [ETAGGED],
        "fail",
        'answer 1 has ETag: None, but the origin sent "a"',
    ),
    "repeats": (asks_twice, [{}], "setup", "request 1 was repeated"),
    "sends too little": (
        changes(lambda fields: [*fields, ("Content-Length", "99")]),
        [{}],
        "fail",
        "no whole answer 1",
    ),
}


@pytest.mark.parametrize("name", ERRING)
def test_erring_cache(name: str) -> None:
    wrap, requests, outcome, reason = ERRING[name]
    with cheroot(wrap(Origin())) as port:
        trial = attempt(script(*requests), Base(HOST, port))
    assert trial.outcome == outcome
    assert reason in trial.reason


def test_what_the_cache_may_answer_needs_no_arrival() -> None:
    with cheroot(keeps_everything(Origin())) as port:
        trial = attempt(script(FRESH, {}, {"expected_type": "cached"}), Base(HOST, port))
    assert trial.outcome == "pass", trial.reason
    assert [seen["request_num"] for seen in trial.seen] == [1]


def test_nobody_listens() -> None:
    with cheroot(Origin()) as port:
        pass
    trial = attempt(script({}), Base(HOST, port))
    assert trial.outcome == "fail"
    assert trial.reason.startswith("no whole answer 1")


def test_a_test_stands_on_those_it_depends_on() -> None:
    tests = {"a": [], "b": ["a"], "c": ["b", "elsewhere"], "d": []}
    trials = [Trial(script({}, id=name, depends_on=names)) for name, names in tests.items()]
    trials[0].outcome, trials[0].reason = "fail", "wrong"
    outcomes = {trial.test["id"]: (trial.outcome, trial.reason) for trial in settled(trials)}
    assert outcomes == {
        "a": ("fail", "wrong"),
        "b": ("dependency", "a does not pass"),
        "c": ("dependency", "b does not pass"),
        "d": ("pass", ""),
    }


# ── the command ───────────────────────────────────────────────────────────────────────────────

TESTS = [
    script(FRESH, {"expected_type": "cached"}, id="reused"),
    script(
        {"response_headers": [["Cache-Control", "no-store"]]},
        {"expected_type": "not_cached"},
        id="no-store",
        depends_on=["reused"],
    ),
    script({"expected_status": 418}, id="teapot", kind="optimal"),
    script({"expected_status": 200}, id="asked", kind="check"),
]


def write_suite(folder: Path, tests: list[dict[str, Any]]) -> str:
    path = folder / "suite.json"
    path.write_text(json.dumps([{"id": "group", "name": "Ours", "tests": tests}]), "utf-8")
    return str(path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(conformance, arguments)


def test_scores_and_failures(tmp_path: Path) -> None:
    peers, output = tmp_path / "peers.json", tmp_path / "results.json"
    peers.write_text('{"Other 1.0": ["reused", "teapot", "not in the suite"]}', "utf-8")
    suite = write_suite(tmp_path, TESTS)
    result = invoke(suite, "--peers", str(peers), "--json", str(output))
    assert result.exit_code == 0, result.output
    rows = [" ".join(line.split()) for line in result.output.splitlines()]
    assert rows[:3] == [
        "required of 2 optimal of 1 check of 1",
        "wsgicache, rfc, cheroot 2 0 1",
        "Other 1.0 1 1 0",
    ]
    assert rows[3:] == [
        "",
        "optimal, failed: 1",
        "teapot: answer 1 has status 200, not 418",
    ]
    data = json.loads(output.read_text("utf-8"))
    assert (data["server"], data["policy"]) == ("cheroot", "rfc")
    assert data["score"]["required"] == {
        "tests": 2,
        "pass": 2,
        "fail": 0,
        "setup": 0,
        "dependency": 0,
    }
    assert data["tests"]["teapot"] == {
        "kind": "optimal",
        "outcome": "fail",
        "reason": "answer 1 has status 200, not 418",
    }


def test_exit_code_without_a_cache(tmp_path: Path) -> None:
    """The same client against an origin on a port of one's choice."""
    with cheroot(Origin()) as port:
        pass
    suite = write_suite(tmp_path, TESTS)
    result = invoke(suite, "--base", f"http://{HOST}:{port}", "--origin", str(port))
    assert result.exit_code == 1
    assert "required, failed: 1\n  reused: answer 2 does not come from the cache" in result.output
    assert "no-store: reused does not pass" in result.output


def test_one_test_in_full(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, TESTS)
    result = invoke(suite, "--policy", "safe", "--id", "no-store")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[:2] == ["no-store (required): a test of `our` own", "passed"]
    assert [line for line in lines if line.startswith("──")] == [
        "── client, request 1",
        "── client, request 2",
        "── origin, request 1",
        "── origin, request 2",
    ]
    for line in ("> Req-Num: 2", "< 200 OK", "> req-num: 2", "< Cache-Control: no-store"):
        assert line in lines


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--id", "absent"], 1, "--id absent: the suite has no such test"),
        (["--base", "http://127.0.0.1:1"], 2, "--base URL and --origin PORT go together"),
        (["--origin", "1"], 2, "--base URL and --origin PORT go together"),
        (["--base", "ftp://x", "--origin", "0"], 2, "--base ftp://x: not a URL like"),
        (["--base", "http://[", "--origin", "0"], 2, "--base http://[: not a URL like"),
        (["--base", "http://127.0.0.1:1", "--origin", "0"], 1, "nothing answers at"),
        (["--peers", "{suite}"], 1, "not an object of lists"),
        (["--server", "iis"], 2, "'iis' is not one of"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    suite = write_suite(tmp_path, TESTS)
    result = invoke(suite, *(argument.replace("{suite}", suite) for argument in arguments))
    assert result.exit_code == code
    assert message in result.output


def test_not_a_suite(tmp_path: Path) -> None:
    for text in ("{", "[1]", "[{}]"):
        (tmp_path / "suite.json").write_text(text, "utf-8")
        result = invoke(str(tmp_path / "suite.json"))
        assert result.exit_code == 1
        assert "is not an exported suite" in result.output


@pytest.mark.parametrize("server", SERVERS)
def test_server(tmp_path: Path, server: str) -> None:
    module(server)
    result = invoke(write_suite(tmp_path, TESTS), "--server", server)
    assert result.exit_code == 0, result.output
    assert f"wsgicache, rfc, {server}" in result.output


def test_server_absent() -> None:
    with pytest.raises(ServerFailed, match="no_such_server is not installed"):
        serving("no_such_server", "benchmarks.conformance_origin:bare")


def test_server_that_does_not_start() -> None:
    module("gunicorn")
    with (
        pytest.raises(ServerFailed, match="gunicorn did not start"),
        serving("gunicorn", "benchmarks.conformance_origin:absent"),
    ):
        pass


@pytest.mark.parametrize(
    "command", [["benchmarks/conformance.py"], ["-m", "benchmarks", "conformance"]]
)
def test_from_the_command_line(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, write_suite(tmp_path, TESTS[:1])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "wsgicache, rfc, cheroot" in done.stdout
