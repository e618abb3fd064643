"""A response as PEP 3333 has it, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, answer, asked, rows
from tests.scene import EPOCH
from wsgicache.rules.response import MAX_FIELDS, Response
from wsgicache.rules.storing import refusal


def raw(status: Any, fields: Any) -> Response:
    """A response made of what no type allows."""
    return Response(status, fields, (), EPOCH, EPOCH, EPOCH)


@pytest.mark.parametrize(
    "response",
    rows(
        ("no status", raw("OK", [])),
        ("a status without a reason", raw("200x", [])),
        (
            "a control in a value",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a\x00b")]),
        ),
        (
            "a line end in a value",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a\r\nb")]),
        ),
        (
            "characters beyond bytes",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "€")]),
        ),
        (
            "a name that is none",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X Y", "a")]),
        ),
        (
            "too many bytes",
            raw("200 OK", [("Cache-Control", "max-age=60"), ("X", "a" * MAX_FIELDS)]),
        ),
        ("a tuple of fields", raw("200 OK", (("Cache-Control", "max-age=60"),))),
        ("a value that is no text", raw("200 OK", [("Age", 1)])),
        ("a name that is no text", raw("200 OK", [(1, "Age")])),
        ("a name of bytes", raw("200 OK", [("Cache-Control", "max-age=60"), (b"X", "1")])),
        (
            "a name of bytes, a value with a class of its own",
            raw("200 OK", [("Cache-Control", "max-age=60"), (b"X", type("Text", (str,), {})("1"))]),
        ),
        ("a line of three", raw("200 OK", [("A", "b", "c")])),
        ("no fields", raw("200 OK", None)),
        ("no status text", raw(200, [])),
    ),
)
def test_what_is_no_response_is_not_stored(response: Response) -> None:
    assert refusal(asked(), response, RFC) == "malformed"


def test_the_fields_of_a_response() -> None:
    response = answer(200, ("a", "1"), ("A", "2"), b="3")
    assert (response.field("a"), response.field("b"), response.field("c")) == ("1, 2", "3", None)
    assert (response.lines("a"), response.lines("b"), response.lines("c")) == (
        ["1", "2"],
        ["3"],
        [],
    )
    assert [*response.names] == ["a", "a", "b"]
