"""The operator's choices: each option, what it allows, and what it says of anything else."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from tests.rules.messages import rows
from wsgicache import Policy, json_never_stale

NAME = "a token that begins with a letter is allowed"
FLAG = "True or False is allowed"
WHOLE = "a whole number is allowed"
TEXTS = "a tuple of str is allowed"
CODES = "a tuple of status codes, such as (400, 415), is allowed"
FROM_0, FROM_1 = "0 or more is allowed", "1 or more is allowed"

FLAGS = [field.name for field in dataclasses.fields(Policy) if isinstance(field.default, bool)]
NUMBERS = {
    "max_content": 0,
    "max_variants": 1,
    "max_ranges": 1,
    "heuristic_limit": 0,
    "error_lifetime": 0,
    "stale_if_raised": 0,
    "stale_while_revalidate": 0,
    "stale_if_error": 0,
    "refresh_ahead": 0,
}
WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("name", "", ValueError, NAME),
    ("name", "two words", ValueError, NAME),
    ("name", "1st", ValueError, NAME),
    ("name", "é", ValueError, NAME),
    ("name", None, TypeError, "a str is allowed"),
    *[(flag, value, TypeError, FLAG) for flag in FLAGS for value in (1, "yes", None)],
    *[
        (option, least - 1, ValueError, f"{least} or more is allowed")
        for option, least in NUMBERS.items()
    ],
    *[(option, value, TypeError, WHOLE) for option in NUMBERS for value in ("1", 1.5, True)],
    *[(option, None, TypeError, WHOLE) for option in NUMBERS if option != "error_lifetime"],
    ("heuristic_fraction", -0.1, ValueError, "0 to 1 is allowed"),
    ("heuristic_fraction", 1.1, ValueError, "0 to 1 is allowed"),
    ("heuristic_fraction", float("nan"), ValueError, "0 to 1 is allowed"),
    ("heuristic_fraction", "0.1", TypeError, "a number is allowed"),
    ("heuristic_fraction", True, TypeError, "a number is allowed"),
    ("collapse_timeout", -1, ValueError, "0 to 3600 is allowed"),
    ("collapse_timeout", float("inf"), ValueError, "0 to 3600 is allowed"),
    ("collapse_timeout", None, TypeError, "a number is allowed"),
    ("off_file", None, TypeError, "a str is allowed"),
    ("default", "private", TypeError, "a control such as json_never_stale is allowed"),
    ("default", object, TypeError, "a control such as json_never_stale is allowed"),
    ("exempt", "/admin", TypeError, TEXTS),
    ("exempt", ("/", 1), TypeError, TEXTS),
    ("exempt", ("/a", "admin"), ValueError, "'admin' does not begin with /"),
    ("language_cookies", "lang", TypeError, TEXTS),
    ("ignore_cookies", "_ga*", TypeError, TEXTS),
    ("ignore_cookies", (1,), TypeError, TEXTS),
    ("targets", ["CDN-Cache-Control"], TypeError, TEXTS),
    ("targets", "CDN-Cache-Control", TypeError, TEXTS),
    ("targets", ("CDN_Cache_Control",), ValueError, "'CDN_Cache_Control' is no field name"),
    ("targets", ("A", ""), ValueError, "'' is no field name"),
    ("unstored_statuses", [400], TypeError, CODES),
    ("unstored_statuses", ("400",), TypeError, CODES),
    ("unstored_statuses", (True,), TypeError, CODES),
    ("unstored_fields", "Server-Timing", TypeError, TEXTS),
    ("unstored_fields", ("Server_Timing",), ValueError, "'Server_Timing' is no field name"),
    ("strip", "Via", TypeError, TEXTS),
    ("credentials", "X-API-Key", TypeError, TEXTS),
    ("credentials", ("X-API-Key:",), ValueError, "'X-API-Key:' is no field name"),
    ("selecting", "Origin", TypeError, TEXTS),
    ("selecting", ("X_Host",), ValueError, "'X_Host' is no field name"),
    ("strip", ("Via:",), ValueError, "'Via:' is no field name"),
]


@pytest.mark.parametrize(
    ("option", "value", "kind", "allowed"),
    rows(
        *[
            (
                f"{option}={value!r}".encode("ascii", "replace").decode(),
                option,
                value,
                kind,
                allowed,
            )
            for option, value, kind, allowed in WRONG
        ]
    ),
)
@pytest.mark.parametrize("make", [Policy, Policy.rfc], ids=["safe", "rfc"])
def test_what_is_wrong(
    make: Any, option: str, value: Any, kind: type[Exception], allowed: str
) -> None:
    """One sentence that names the argument, the value and what is allowed."""
    with pytest.raises(kind, match=re.escape(allowed)) as told:
        make(**{option: value})
    message = str(told.value)
    assert message.startswith(f"Policy({option}=")
    named = value if isinstance(value, tuple) and kind is ValueError else (value,)
    assert any(repr(one) in message for one in named)
    assert "\n" not in message


def test_every_option_has_a_row() -> None:
    assert {field.name for field in dataclasses.fields(Policy) if field.init} == {
        row[0] for row in WRONG
    }


RIGHT: list[tuple[str, Any]] = [
    ("name", "my-cache"),
    ("name", "*a.b/c:d"),
    *[(flag, value) for flag in FLAGS for value in (True, False)],
    *[(option, value) for option, least in NUMBERS.items() for value in (least, 10**12)],
    ("error_lifetime", None),
    *[("heuristic_fraction", value) for value in (0, 1, 0.5)],
    *[("collapse_timeout", value) for value in (0, 0.5, 3600)],
    ("off_file", "cache.off"),
    ("default", None),
    ("default", json_never_stale),
    ("exempt", ("/admin", "/")),
    ("ignore_cookies", ("_ga*", "")),
    ("language_cookies", ("lang", "")),
    ("targets", ()),
    ("targets", ("CDN-Cache-Control",)),
    ("unstored_fields", ()),
    ("unstored_fields", ("X-Mine", "X-Ours-*")),
    ("unstored_statuses", ()),
    ("unstored_statuses", (404, 599)),
    ("strip", ("Via", "X-Powered-By")),
    ("credentials", ()),
    ("credentials", ("X-Mine",)),
    ("selecting", ("Origin",)),
]


@pytest.mark.parametrize(
    ("option", "value"), rows(*[(f"{option}={value!r}", option, value) for option, value in RIGHT])
)
@pytest.mark.parametrize("make", [Policy, Policy.rfc], ids=["safe", "rfc"])
def test_what_is_right(make: Any, option: str, value: Any) -> None:
    assert getattr(make(**{option: value}), option) == value


def test_the_two_profiles_differ_in_these_options_alone() -> None:
    safe, rfc = Policy(), Policy.rfc()
    differing = {
        field.name
        for field in dataclasses.fields(Policy)
        if field.init and getattr(safe, field.name) != getattr(rfc, field.name)
    }
    assert differing == {
        "heuristic_fraction",
        "store_set_cookie",
        "private_cookies",
        "credentials",
        "public_releases",
        "selecting",
        "language_cookies",
        "read_your_writes",
        "error_lifetime",
        "unstored_statuses",
        "store_partial",
        "store_post",
        "normalize_language",
        "unstored_fields",
        "update_content_type",
        "targets",
    }


def test_exempt_may_be_a_list() -> None:
    assert Policy(exempt=["/a"]).exempt == ("/a",)


def test_a_policy_is_a_value() -> None:
    assert Policy() == Policy()
    assert hash(Policy.rfc()) == hash(Policy.rfc())
    make: Any = Policy
    with pytest.raises(TypeError, match="positional"):
        make("x")
    with pytest.raises(TypeError, match="max_contents"):
        Policy.rfc(max_contents=1)
