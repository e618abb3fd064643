"""Which of the cookies that the app did not see does it set?"""

from __future__ import annotations

import pytest

from tests.rules.messages import answer
from wsgicache.rules.hidden_cookies import set_unseen


@pytest.mark.parametrize(
    ("presented", "shown", "lines", "name"),
    [
        ("sid=1; theme=a", "theme=a", ["sid=2"], "sid"),
        ("sid=1; theme=a", "theme=a", ["sid=2; Path=/; HttpOnly"], "sid"),
        ("sid=1", None, ["sid=; Max-Age=0"], "sid"),
        ("sid=1", None, ["sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "sid"),
        ("sid=1", None, ["sid"], "sid"),
        (" sid = 1 ", None, ["\tsid =2"], "sid"),
        ("sid", None, ["sid=2"], "sid"),
        ("sid=1", None, ["other=1", "sid=2"], "sid"),
        ("a=1; b=2", None, ["b=1", "a=1"], "b"),
        ('sid="a;b"', None, ["sid=2"], "sid"),
        ("\tsid\t=1", None, ["sid=2"], "sid"),
        ("?=1", None, ["?=2"], "?"),
        # nothing that the client has
        ("sid=1", None, ["other=2"], None),
        ("sid=1", None, ["SID=2"], None),
        ("", None, ["=2"], None),
        ("=1; theme=a", "theme=a", ["=2", "; Path=/"], None),
        # nothing that the app did not see
        ("sid=1; theme=a", "theme=a", ["theme=b"], None),
        ("sid=1; theme=a", "theme=a", ["other=sid=2"], None),
        ("sid=1", "sid=1", ["sid=2"], None),
        ("sid=1", None, [], None),
    ],
)
def test_a_cookie_that_is_set_unseen(
    presented: str, shown: str | None, lines: list[str], name: str | None
) -> None:
    assert set_unseen(presented, shown, answer(200, set_cookie=lines)) == name
    older = answer(200, ("Set-Cookie2", "x=1"), *(("Set-Cookie2", line) for line in lines))
    assert set_unseen(presented, shown, older) == name
