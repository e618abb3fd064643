"""What differs by itself is left out of a comparison, and nothing else is."""

from __future__ import annotations

import gzip

import pytest

from wsgicache.why.comparing import Pattern, Template
from wsgicache.why.trying import Recorded


@pytest.mark.parametrize(
    ("same", "like_them", "another"),
    [
        # What is asked for again and again, what that could be, too, and what it could not be.
        (["page"], "page", "pages"),
        (["page 1 of 9", "page 2 of 9"], "page 33 of 9", "page 1 of 8"),
        (["at 10:00:00 now", "at 10:00:01 now"], "at 10:00:59 now", "at 11:00:00 now"),
        (["<i>a-b</i><p>x", "<i>c</i><p>x"], "<i>d-e-f</i><p>x", "<i>a-b</i><p>y"),
        (["<p>x</p>" + "<i>" * n + "<p>y</p>" for n in (0, 2, 1)], "<p>x</p><p>y</p>", "<p>y</p>"),
        (["a\n1\nb\n2\nc", "a\n3\nb\nc", "a\nb\n4 5\nc"], "a\n7 7\nb\nc", "a\n1\nd\n2\nc"),
        (["t 1 - 2 u", "t 3 - 4 u"], "t 5 6 u", "s 1 - 2 u"),
        (
            ["go 1 q r s t u v x end", "go 2 2 q r s t u v end"],
            "go 9 9 q r s t u v end",
            "go q end",
        ),
        (["1 the end", "2 2 the end"], "3-3-3 the end", "1 the end."),
        (["begin 1", "begin 2 2"], "begin 3 3 3", "begun 1"),
    ],
)
def test_what_differs_by_itself_is_left_out(same: list[str], like_them: str, another: str) -> None:
    pattern = Pattern(same[0].encode())
    for text in same[1:]:
        pattern.learn(text.encode())
    assert not pattern.is_empty
    for text in (*same, like_them):
        assert pattern.difference(text.encode()) is None
    assert pattern.difference(another.encode()) is not None


def test_the_place_of_a_difference_is_shown() -> None:
    pattern = Pattern(b"at 1 it costs 7 EUR</p></body></html>")
    pattern.learn(b"at 20 30 it costs 7 EUR</p></body></html>")
    assert pattern.difference(b"at 4 it costs 7 USD</p></body></html>") == (
        "content at byte 19: ' it costs 7 EUR</p></bo' → '4 it costs 7 USD</p></bo'"
    )
    assert pattern.difference(b"by 4 it costs 7 EUR</p></body></html>") == (
        "content at byte 0: 'at ' → 'by 4 it costs 7 EUR</p><'"
    )


def test_a_pattern_without_words_is_empty() -> None:
    pattern = Pattern(b"abc")
    pattern.learn(b"def")
    assert pattern.is_empty
    assert pattern.by_itself == "content at byte 0: 'abc' → 'def'"
    assert not Pattern(b"").is_empty


def answer(content: bytes = b"", status: str = "200 OK", **fields: str) -> Recorded:
    lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return Recorded(status, lines, content)


def test_status_fields_and_content_are_compared_in_this_order() -> None:
    template = Template([answer(b"page", Link="<a>; 1", Date="1"), answer(b"page", Link="<a>; 2")])
    for other, difference in (
        (answer(b"page", Link="<a>; 3", Age="7"), None),
        (answer(b"x", "404 Not Found"), "status: 200 OK → 404 Not Found"),
        (answer(b"x", Link="<b>; 3"), "link: <a>; … → <b>; 3"),
        (answer(b"x"), "link: <a>; … → (absent)"),
        (answer(b"past", Link="<a>; 3"), "content at byte 2: 'page' → 'past'"),
    ):
        assert template.difference(other) == difference
    assert template.difference(answer(b"x"), content=False) is None
    other = answer(b"page", Link="<a>; 3", Vary="Cookie", Cache_Control="private", Set_Cookie="a=b")
    assert template.difference(other) is None
    setting = Template([answer(b"page", Set_Cookie="a=b")])
    assert setting.difference(answer(b"page", Set_Cookie="a=c")) == "set-cookie: a=b → a=c"
    assert setting.difference(answer(b"page")) is None


def test_codings_are_decoded() -> None:
    first, second = (gzip.compress(b"page", mtime=n) for n in (1, 2))
    template = Template([answer(first, Content_Encoding="gzip")])
    assert template.difference(answer(second, Content_Encoding="gzip")) is None
    assert Template([answer(first)]).difference(answer(second)) is not None
    assert Template([answer(b"no", Content_Encoding="gzip")]).difference(answer(b"yes"))
