"""Which request fields select although no Vary names them: a row per field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, SAFE, asked, rows
from wsgicache import Policy


@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("X-Forwarded-Host", {"x_forwarded_host": "a"}, {"x_forwarded_host": "b"}, False),
        ("X-Forwarded-Proto", {"x_forwarded_proto": "https"}, {}, False),
        ("X-Forwarded-Scheme", {"x_forwarded_scheme": "https"}, {}, False),
        ("X-Forwarded-Port", {"x_forwarded_port": "1"}, {}, False),
        ("X-Forwarded-Prefix", {"x_forwarded_prefix": "/a"}, {}, False),
        ("X-Host", {"x_host": "a"}, {}, False),
        ("X-Forwarded-For", {"x_forwarded_for": "192.0.2.1"}, {}, True),
        ("7239 Forwarded host", {"forwarded": "host=a"}, {"forwarded": "host=b"}, False),
        (
            "7239 Forwarded proto",
            {"forwarded": 'for=x;Proto="https"'},
            {"forwarded": "for=x"},
            False,
        ),
        ("7239 Forwarded for", {"forwarded": "for=a;host=h"}, {"forwarded": "for=b;host=h"}, True),
    ),
)
def test_what_proxies_say_selects(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (asked(**one).forwarded == asked(**other).forwarded) is same


@pytest.mark.parametrize(
    ("cookie", "policy", "selects"),
    [
        ("django_language=de", SAFE, ("django_language=de",)),
        ("sid=1; django_language=de; a=b", SAFE, ("django_language=de",)),
        (
            "django_language=de; django_language=fr",
            SAFE,
            ("django_language=de", "django_language=fr"),
        ),
        ("my_django_language=de", SAFE, None),
        ("sid=django_language=de", SAFE, None),
        ("lang=de", Policy(language_cookies=("lang",)), ("lang=de",)),
        ("django_language=de", Policy(ignore_cookies=("django_*",)), None),
        ("django_language=de", RFC, None),
    ],
)
def test_a_cookie_that_chooses_the_language_selects(
    cookie: str, policy: Policy, selects: tuple[str, ...] | None
) -> None:
    assert asked(cookie=cookie, policy=policy).forwarded == selects


def test_what_a_proxy_forwards_selects_beside_the_language() -> None:
    one = asked(cookie="django_language=de", x_forwarded_host="a")
    other = asked(cookie="django_language=fr", x_forwarded_host="a")
    assert one.forwarded != other.forwarded
    assert one.forwarded != asked(cookie="django_language=de", x_forwarded_host="b").forwarded
