"""A response as PEP 3333 has it, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, answer, asked, rows
from tests.scene import EPOCH
from wsgicache.rules import response as module
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


LEFT = 65_536 - 4 * 2 - len("Abc") - len("D")
"""Bytes of a value that may stand in one of two fields, beside what each costs on the wire."""


@pytest.mark.parametrize(
    ("status", "fields", "sound"),
    rows(
        ("3333 a status without a reason", "200", [], True),
        ("3333 an empty reason", "200 ", [], True),
        ("9110 §15 no code is below 100", "099 No", [], False),
        ("9110 §5.5 white space and bytes", "200 OK", [("A", "\t ~\x80\xff")], True),
        ("9110 §5.5 a control", "200 OK", [("A", "\x7f")], False),
        ("9110 §5.5 another control", "200 OK", [("A", "\x1f")], False),
        ("9110 §5.4 as many bytes as allowed", "200 OK", [("Abc", "x" * LEFT), ("D", "")], True),
        ("9110 §5.4 one more", "200 OK", [("Abc", "x" * LEFT), ("D", "1")], False),
    ),
)
def test_is_sound(status: str, fields: list[tuple[str, str]], sound: bool) -> None:
    response = raw(status, fields)
    assert response.size == 0
    assert response.is_sound() is sound


@pytest.mark.parametrize(
    ("fields", "readable", "kept"),
    rows(
        ("lines as they are", [("A", "b")], True, [("A", "b")]),
        ("a tuple of lines", (("A", "b"),), True, (("A", "b"),)),
        ("a line that may change", [["A", "b"]], True, [("A", "b")]),
        ("a set of lines", {("A", "b")}, False, {("A", "b")}),
    ),
)
def test_what_lines_are_read(fields: Any, readable: bool, kept: Any) -> None:
    response = raw("200 OK", fields)
    assert (response.is_readable, response.fields) == (readable, kept)
    assert not response.doubted


def test_text_with_a_class_of_its_own_is_kept_as_text() -> None:
    text = type("Text", (str,), {})
    ((name, value),) = raw("200 OK", [(text("A"), text("b"))]).fields
    assert (type(name), type(value), name, value) == (str, str, "A", "b")


def test_what_is_no_response_has_no_code() -> None:
    response = raw(200, [])
    assert (response.code, response.is_readable) == (0, False)


def test_the_directives_of_a_response() -> None:
    assert answer(200, cache_control="no-store").directives == {"no-store": None}
    assert answer(200).directives == {}


def test_one_field_may_be_another() -> None:
    """The rest stays, and what was found out."""
    response = answer(200, ("A", "1"), ("a", "2"), ("B", "3"))
    response.doubted = True
    other = response.having("a", "4")
    assert other.fields == [("B", "3"), ("a", "4")]
    assert (other.lines("a"), other.doubted) == (["4"], True)


def test_what_is_remembered_of_responses_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apps may say any status and any name."""
    codes: dict[str, int] = {}
    names: set[str] = set()
    lower = type(module._lower)()
    monkeypatch.setattr(module, "_codes", codes)
    monkeypatch.setattr(module, "_known_names", names)
    monkeypatch.setattr(module, "_lower", lower)
    assert raw(f"200 {'x' * 99}", [("X" * 99, "")]).is_sound()
    assert (len(codes), len(names), len(lower)) == (0, 0, 0)
    for number in range(600):
        assert raw(f"200 {number}", [(f"X-{number}", "")]).is_sound()
    assert max(len(codes), len(names), len(lower)) <= 512


def test_the_fields_of_a_response() -> None:
    response = answer(200, ("a", "1"), ("A", "2"), b="3")
    assert (response.field("a"), response.field("b"), response.field("c")) == ("1, 2", "3", None)
    assert (response.lines("a"), response.lines("b"), response.lines("c")) == (
        ["1", "2"],
        ["3"],
        [],
    )
    assert [*response.names] == ["a", "a", "b"]
