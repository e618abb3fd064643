"""The operator's choices: each option, what it takes, and what it says of anything else."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

import pytest

from tests.rules.messages import rows
from wsgicache import Policy, cache_control, cached, json_never_stale
from wsgicache.rules.options import CHECKS, PolicyOptions

NAME = "a token that begins with a letter"
FLAG = "True or False"
FROM_0, FROM_1 = "a whole number of 0 or more", "a whole number of 1 or more"
FIELD = "the name of a field, such as 'X-Mine'"
FIELDS = "a list or another iterable, such as ['X-Mine']"
ONLY = "a list or another iterable, such as ['sessionid']"
PARAMETERS = "a list or another iterable, such as ['utm_*']"
COOKIES = "a list or another iterable, such as ['_ga*']"
PATH = "a path that begins with / and is no pattern, such as '/static/'"
LANGUAGE = "a language tag, such as 'en' or 'pt-BR'"
LANGUAGES = "a list or another iterable, such as ['en', 'de']"
TYPE = "a media type, such as 'text/html'"
TYPES = "a list or another iterable, such as ['text/html', 'application/json']"
CODING = "a content coding, such as 'gzip'"
CODINGS = "a list or another iterable, such as ['br', 'gzip']"
PATHS = "a list or another iterable, such as ['/static/']"
STATUS = "a status code from 200 to 599"
STATUSES = "a list or another iterable, such as [400, 415]"
CONTROL = "a control, such as json_never_stale, or None"
NO_VOUCHER = "a control that vouches for no page (a Route with a path may), such as cache_for(…)"

OPTIONS = [field for field in dataclasses.fields(Policy) if field.init]
FLAGS = [field.name for field in OPTIONS if isinstance(field.default, bool)]
TEXTS = {
    **dict.fromkeys(("credentials", "selecting", "targets", "strip"), FIELDS),
    **dict.fromkeys(("forbidding_fields", "unstored_fields"), FIELDS),
    **dict.fromkeys(("language_cookies", "ignore_cookies"), COOKIES),
    "only_cookies": ONLY,
    "ignore_query": PARAMETERS,
    "languages": LANGUAGES,
    "accept": TYPES,
    "encodings": CODINGS,
    "exempt": PATHS,
}
"""The options of several str."""
NUMBERS = {
    "max_content": FROM_0,
    "max_collecting": f"{FROM_0}, or None",
    "max_variants": FROM_1,
    "max_ranges": FROM_1,
    "whole_for_range": FROM_0,
    "heuristic_limit": FROM_0,
    "error_lifetime": f"{FROM_0}, or None",
    "stale_if_raised": FROM_0,
    "reload_seconds": FROM_0,
    "stale_while_revalidate": FROM_0,
    "stale_if_error": FROM_0,
    "refresh_ahead": FROM_0,
}
WRONG: list[tuple[str, Any, type[Exception], str]] = [
    *[("name", value, ValueError, NAME) for value in ("", "two words", "1st", "é")],
    ("name", None, TypeError, NAME),
    *[(flag, value, TypeError, FLAG) for flag in FLAGS for value in (1, "yes", None)],
    *[(option, int(kind == FROM_1) - 1, ValueError, kind) for option, kind in NUMBERS.items()],
    *[
        (option, value, TypeError, kind)
        for option, kind in NUMBERS.items()
        for value in ("1", 1.5, True, None)
        if not (value is None and option in ("error_lifetime", "max_collecting"))
    ],
    *[
        ("heuristic_fraction", value, ValueError, "a number from 0 to 1")
        for value in (-0.1, 1.1, float("nan"))
    ],
    ("heuristic_fraction", "0.1", TypeError, "a number from 0 to 1"),
    ("heuristic_fraction", True, TypeError, "a number from 0 to 1"),
    ("collapse_timeout", -1, ValueError, "a number from 0 to 3600"),
    ("collapse_timeout", float("inf"), ValueError, "a number from 0 to 3600"),
    ("collapse_timeout", None, TypeError, "a number from 0 to 3600"),
    ("off_file", None, TypeError, "a str"),
    ("default", "private", TypeError, CONTROL),
    ("default", object, TypeError, CONTROL),
    ("default", type(json_never_stale), TypeError, CONTROL),
    *[
        ("default", control, ValueError, NO_VOUCHER)
        for control in (
            cached(server=300),
            cached(client=5, public=True),
            cached(server=0, public=True),
            cache_control(s_maxage=5),
        )
    ],
    *[(option, value, TypeError, kind) for option, kind in TEXTS.items() for value in (b"a", 5)],
    ("unstored_statuses", None, TypeError, STATUSES),
    ("unstored_statuses", b"400", TypeError, STATUSES),
]
WRONG_AMONG: list[tuple[str, Any, type[Exception], str]] = [
    *[(option, 1, TypeError, FIELD) for option, kind in TEXTS.items() if kind == FIELDS],
    *[
        (option, value, ValueError, FIELD)
        for option, kind in TEXTS.items()
        if kind == FIELDS
        for value in ("", "X_Mine", "X-Mine:")
    ],
    ("language_cookies", 1, TypeError, "a str"),
    ("ignore_cookies", None, TypeError, "a str"),
    ("only_cookies", None, TypeError, "a str"),
    ("ignore_query", 1, TypeError, "a str"),
    ("languages", 1, TypeError, LANGUAGE),
    *[("languages", value, ValueError, LANGUAGE) for value in ("", "*", "en_US", "en;q=1")],
    ("accept", None, TypeError, TYPE),
    *[("accept", value, ValueError, TYPE) for value in ("html", "text/*", "text/html;level=1")],
    ("encodings", b"gzip", TypeError, CODING),
    *[("encodings", value, ValueError, CODING) for value in ("*", "identity", "gzip;q=1")],
    ("exempt", 1, TypeError, PATH),
    ("exempt", "admin", ValueError, PATH),
    *[
        ("exempt", f"/admin/{pattern}", ValueError, PATH)
        for pattern in ("*", "<x>", "{x}", "?x", "#x", "%C3")
    ],
    *[("unstored_statuses", value, TypeError, STATUS) for value in ("400", True, 400.0)],
    *[("unstored_statuses", value, ValueError, STATUS) for value in (199, 600)],
]
BOTH = pytest.mark.parametrize("make", [Policy, Policy.rfc], ids=["safe", "rfc"])


def table(wrong: list[tuple[str, Any, type[Exception], str]]) -> list[Any]:
    return rows(*[(f"{row[0]}={row[1]!a}", *row) for row in wrong])


@pytest.mark.parametrize(("option", "value", "kind", "must_be"), table(WRONG))
@BOTH
def test_what_is_wrong(
    make: Any, option: str, value: Any, kind: type[Exception], must_be: str
) -> None:
    """One sentence that names the option, what it must be and what was given."""
    with pytest.raises(kind) as raised:
        make(**{option: value})
    assert str(raised.value) == f"Policy.{option} must be {must_be}, got {value!r}"


@pytest.mark.parametrize(("option", "value", "kind", "must_be"), table(WRONG_AMONG))
@BOTH
def test_what_is_wrong_among_several(
    make: Any, option: str, value: Any, kind: type[Exception], must_be: str
) -> None:
    with pytest.raises(kind) as raised:
        make(**{option: [value]})
    assert str(raised.value) == f"each of Policy.{option} must be {must_be}, got {value!r}"


@pytest.mark.parametrize(
    ("option", "value", "must_be"),
    [
        ("unstored_statuses", 400, STATUSES),
        *[
            (option, {PATHS: "/a", TYPES: "a/b"}.get(kind, "X-A"), kind)
            for option, kind in TEXTS.items()
        ],
    ],
)
@BOTH
def test_one_alone_is_not_several(make: Any, option: str, value: Any, must_be: str) -> None:
    """A str would be taken for its letters; the message has the cure."""
    with pytest.raises(TypeError) as raised:
        make(**{option: value})
    told = f"Policy.{option} must be {must_be}, got {value!r}: write [{value!r}]"
    assert str(raised.value) == told


def test_every_option_has_its_check_and_its_row() -> None:
    names = {field.name for field in OPTIONS}
    assert set(CHECKS) == names
    assert {row[0] for row in WRONG} | {"explain_token"} == names
    assert {row[0] for row in WRONG_AMONG} == {*TEXTS, "unstored_statuses"}


def test_every_option_is_a_keyword_of_both_profiles_and_no_other() -> None:
    """Of the same type; several may be given as any iterable, and are kept as a tuple."""
    (taken,) = inspect.signature(Policy.rfc).parameters.values()
    assert taken.annotation == "Unpack[PolicyOptions]"
    hints = get_type_hints(Policy)
    held = {field.name: str(hints[field.name]) for field in OPTIONS}
    given = {
        name: re.sub(r"collections\.abc\.Iterable\[(\w+)\]", r"tuple[\1, ...]", str(hint))
        for name, hint in get_type_hints(PolicyOptions).items()
    }
    assert given == held


@BOTH
@pytest.mark.parametrize("token", ["secret", "x" * 15, "é" * 20, "x" * 20 + " ", b"x" * 16])
def test_an_error_does_not_repeat_a_secret(make: Any, token: Any) -> None:
    said = "^Policy.explain_token must be (16 or more printable ASCII characters|a str, got bytes)"
    with pytest.raises((TypeError, ValueError), match=said) as raised:
        make(explain_token=token)
    assert str(token) not in str(raised.value)


@BOTH
def test_an_unknown_option(make: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_contents'"):
        make(max_contents=1)


RIGHT: list[tuple[str, Any]] = [
    ("name", "my-cache"),
    ("name", "*a.b/c:d"),
    *[(flag, value) for flag in FLAGS for value in (True, False)],
    *[
        (option, value)
        for option, kind in NUMBERS.items()
        for value in (int(kind == FROM_1), 10**12)
    ],
    ("error_lifetime", None),
    ("max_collecting", None),
    *[("heuristic_fraction", value) for value in (0, 1, 0.5)],
    *[("collapse_timeout", value) for value in (0, 0.5, 3600)],
    ("off_file", "cache.off"),
    ("explain_token", None),
    ("explain_token", "x" * 16),
    ("default", None),
    ("default", json_never_stale),
    ("exempt", ("/admin", "/", "/a\n")),
    ("ignore_cookies", ("_ga*", "")),
    ("only_cookies", None),
    ("only_cookies", ()),
    ("ignore_query", ("utm_*", "")),
    ("only_cookies", ("sid", "csrf*")),
    ("language_cookies", ("lang", "")),
    ("targets", ()),
    ("targets", ("CDN-Cache-Control",)),
    ("forbidding_fields", ()),
    ("forbidding_fields", ("X-Mine",)),
    ("unstored_fields", ()),
    ("unstored_fields", ("X-Mine", "X-Ours-*")),
    ("unstored_statuses", ()),
    ("unstored_statuses", (200, 599)),
    ("strip", ("Via", "X-Powered-By")),
    ("credentials", ()),
    ("credentials", ("X-Mine",)),
    ("selecting", ("Origin",)),
]


@pytest.mark.parametrize(
    ("option", "value"), rows(*[(f"{option}={value!r}", option, value) for option, value in RIGHT])
)
@BOTH
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
        "ignore_cookies",
        "read_your_writes",
        "error_lifetime",
        "unstored_statuses",
        "forced_errors",
        "store_partial",
        "whole_for_range",
        "store_post",
        "store_charset",
        "normalize_language",
        "share_codings",
        "prefer_named",
        "forbidding_fields",
        "unstored_fields",
        "update_content_type",
        "head_as_get",
        "store_files",
        "forward_conditions",
        "reload_seconds",
        "targets",
    }


MANY: dict[str, Callable[[tuple[Any, ...]], Iterable[Any]]] = {
    "list": list,
    "generator": iter,
    "keys": lambda several: dict.fromkeys(several).keys(),
    "dict": dict.fromkeys,
}


@pytest.mark.parametrize("many", MANY.values(), ids=MANY)
@pytest.mark.parametrize("option", [*TEXTS, "unstored_statuses"])
@BOTH
def test_several_may_be_any_iterable(
    make: Any, option: str, many: Callable[[tuple[Any, ...]], Iterable[Any]]
) -> None:
    """It stays in its order."""
    others = {"unstored_statuses": (415, 400), "exempt": ("/b", "/a"), "accept": ("b/b", "a/a")}
    several: tuple[Any, ...] = others.get(option, ("X-B", "X-A"))
    assert getattr(make(**{option: many(several)}), option) == several


@pytest.mark.parametrize("kind", [set, frozenset])
def test_what_a_set_has_is_sorted(kind: Callable[[Iterable[Any]], Iterable[Any]]) -> None:
    """Another process may have it in another order."""
    names = [f"X-{letter}" for letter in "hgfedcba"]
    assert Policy(targets=kind(names)).targets == tuple(sorted(names))
    assert Policy(unstored_statuses=kind((415, 400))).unstored_statuses == (400, 415)


def test_what_it_works_out_of_its_options_is_no_part_of_its_value() -> None:
    roles = {one.name: (one.init, one.repr, one.compare) for one in dataclasses.fields(Policy)}
    options = set(PolicyOptions.__annotations__)
    assert roles.pop("explain_token") == (True, False, True)  # a secret
    options.remove("explain_token")
    assert {name for name, role in roles.items() if role == (True, True, True)} == options
    assert {role for name, role in roles.items() if name not in options} == {(False, False, False)}


def test_a_policy_is_a_value() -> None:
    assert Policy() == Policy()
    assert hash(Policy.rfc()) == hash(Policy.rfc())
    make: Any = Policy
    with pytest.raises(TypeError, match="positional"):
        make("x")


@pytest.mark.parametrize("preset", [Policy.django, Policy.flask])
def test_a_preset_is_the_safe_policy_with_the_only_cookies_that_count(preset: Any) -> None:
    names = preset().only_cookies
    assert preset("theme", max_variants=5) == Policy(only_cookies=(*names, "theme"), max_variants=5)
    assert preset(only_cookies=("a",)).only_cookies == ("a",)
