"""What the conformance suite expects of each answer, and of what reaches the origin."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from benchmarks.conformance_origin import LOCATIONS, http_date, located

Test = dict[str, Any]  # as the suite's export has it
Fields = list[tuple[str, str]]

AT_THE_ORIGIN = {
    "expected_type",
    "expected_method",
    "expected_request_headers",
    "expected_request_headers_missing",
}  # what can only hold if the request reached the origin


class Answer(NamedTuple):
    """A final response and the interim ones before it."""

    status: int
    reason: str
    fields: Fields
    content: bytes
    interim: list[tuple[int, Fields]]

    def field(self, name: str) -> str | None:
        """The combined value of all field lines of that name (RFC 9110 §5.3)."""
        return combined(self.fields, name)


def combined(fields: Fields, name: str) -> str | None:
    values = [value for other, value in fields if other.lower() == name.lower()]
    return ", ".join(values) if values else None


def target_of(request: Test, unique: str) -> str:
    """The target of a request: path and query."""
    filename, argument = request.get("filename"), request.get("query_arg")
    path = f"/test/{unique}" + (f"/{filename}" if filename else "")
    return path + (f"?{argument}" if argument else "")


class Unmet(Exception):
    """A check that does not hold; in *setup* it says nothing about the cache."""

    def __init__(self, reason: str, setup: bool = False) -> None:
        super().__init__(reason)
        self.setup = setup


def require(holds: bool, reason: str, setup: bool) -> None:
    if not holds:
        raise Unmet(reason, setup)


def in_setup(request: Test, check: str) -> bool:
    return request.get("setup") is True or check in request.get("setup_tests", ())


def named(wanted: str | list[Any]) -> list[Any]:
    """A name, and what is said of it, if anything."""
    return [wanted] if isinstance(wanted, str) else wanted


def leading_integer(value: str | None) -> int | None:
    found = re.match(r"\s*([+-]?\d+)", value or "", re.ASCII)
    return int(found[1]) if found else None


def check_answer(test: Test, number: int, unique: str, answer: Answer) -> None:
    """Compare *answer* to request *number* with what the test expects; raises Unmet."""
    request = test["requests"][number - 1]
    count = leading_integer(answer.field("Server-Request-Count"))
    numbers = (answer.field("Request-Numbers") or "").split()
    require(len(numbers) == len(set(numbers)), f"request {number} was repeated", setup=True)
    setup = in_setup(request, "expected_type")
    if request.get("expected_type") == "cached" and not (answer.status == 304 and count is None):
        cached = count is not None and count < number
        require(cached, f"answer {number} does not come from the cache", setup)
    if request.get("expected_type") == "not_cached":
        require(count == number, f"answer {number} comes from the cache", setup)
    check_status(request, number, answer.status)
    check_fields(request, number, unique, answer)
    check_interim(request, number, answer.interim)
    check_content(request, number, unique, answer)


def check_status(request: Test, number: int, status: int) -> None:
    setup = True
    if "expected_status" in request:
        expected, setup = request["expected_status"], in_setup(request, "expected_status")
    elif "response_status" in request:
        expected = request["response_status"][0]
    else:
        require(status != 999, f"request {number} should have been conditional", setup=False)
        expected = 200
    matches = expected is None or status == expected
    require(matches, f"answer {number} has status {status}, not {expected}", setup)


def check_fields(request: Test, number: int, unique: str, answer: Answer) -> None:
    setup = in_setup(request, "expected_response_headers")
    for wanted in request.get("expected_response_headers", ()):
        name, *rest = named(wanted)
        value = answer.field(name)
        require(value is not None, f"answer {number} has no {name}", setup)
        match rest:
            case ["=", other]:
                same = value == answer.field(other)
                require(same, f"answer {number} has different {name} and {other}", setup)
            case [">", least]:
                more = (leading_integer(value) or 0) > least
                require(more, f"answer {number} has {name}: {value}, not over {least}", setup)
            case [expected]:
                if isinstance(expected, int):
                    now = leading_integer(answer.field("Server-Now")) or 0
                    expected = http_date(now / 1000 + expected)
                elif request.get("magic_locations") and name.lower() in LOCATIONS:
                    expected = located(expected, target_of(request, unique))
                same = value == expected
                require(same, f"answer {number} has {name}: {value}, not {expected}", setup)
    setup = in_setup(request, "expected_response_headers_missing")
    for unwanted in request.get("expected_response_headers_missing", ()):
        name, *rest = named(unwanted)
        lines = [line for other, line in answer.fields if other.lower() == name.lower()]
        missing = rest[0] not in lines if rest else not lines  # a pair: that value is unwanted
        require(missing, f"answer {number} has {name}: {', '.join(lines)}", setup)


def check_interim(request: Test, number: int, interim: list[tuple[int, Fields]]) -> None:
    if "expected_interim_responses" not in request:
        return
    setup = in_setup(request, "expected_interim_responses")
    expected = request["expected_interim_responses"]
    came = [status for status, _ in interim]
    codes = [status for status, *_ in expected]
    require(came == codes, f"interim responses {came} before answer {number}, not {codes}", setup)
    for (_, fields), (status, *wanted) in zip(interim, expected, strict=True):
        for name, value in wanted[0] if wanted else ():
            seen = combined(fields, name)
            require(seen == value, f"interim {status} has {name}: {seen}, not {value}", setup)


def check_content(request: Test, number: int, unique: str, answer: Answer) -> None:
    setup = True
    if request.get("check_body") is False:
        return
    if "expected_response_text" in request:
        setup = in_setup(request, "expected_response_text")
        expected = request["expected_response_text"]
        if expected is None:
            return
    elif request.get("response_body") is not None:
        expected = request["response_body"]
    elif answer.status in (204, 304) or request.get("request_method") == "HEAD":
        return
    else:
        expected = unique
    same = answer.content == expected.encode()
    require(same, f"answer {number} has content {answer.content[:60]!r}, not {expected!r}", setup)


def check_origin(test: Test, answers: list[Answer], seen: list[dict[str, Any]]) -> None:
    """Compare what reached the origin with what the test expects; raises Unmet."""
    arrivals = iter(seen)
    for number, (request, answer) in enumerate(zip(test["requests"], answers, strict=True), 1):
        expected_type = request.get("expected_type", "")
        if expected_type == "cached":
            continue  # the origin does not see it
        setup = in_setup(request, "expected_type")
        arrived: dict[str, Any] = next(arrivals, {"request_num": "none"})
        came = arrived["request_num"]
        if came == "none" and request.keys().isdisjoint(AT_THE_ORIGIN):
            continue  # the cache may answer it
        reached = f"request {number} reached the origin"
        require(came == number, f"request {came} reached the origin, not {number}", setup)
        headers = arrived["headers"]
        for kind, name in (("etag", "if-none-match"), ("lm", "if-modified-since")):
            if expected_type == f"{kind}_validated":
                require(name in headers, f"{reached} without {name}", setup)
        setup = in_setup(request, "expected_request_headers")
        for wanted in request.get("expected_request_headers", ()):
            name, *rest = named(wanted)
            found = headers.get(name.lower())
            holds = found is not None and rest in ([], [found])
            require(holds, f"{reached} with {name}: {found}", setup)
        setup = in_setup(request, "expected_request_headers_missing")
        for name in request.get("expected_request_headers_missing", ()):
            holds = name.lower() not in headers
            require(holds, f"{reached} with {name}", setup)
        method = arrived["method"]
        holds = request.get("expected_method", method) == method
        require(holds, f"request {number} is a {method}", in_setup(request, "expected_method"))
        kept = [(name, value) for name, value in arrived["response_headers"]]
        for name in dict.fromkeys(name for name, _ in kept if name.lower() != "date"):
            before, after = combined(kept, name), answer.field(name)
            reason = f"answer {number} has {name}: {after}, but the origin sent {before}"
            require(before == after, reason, in_setup(request, "response_headers"))
