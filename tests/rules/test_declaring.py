"""What is said of a response by others than itself: a row per rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, answer, date, kept, rows
from tests.scene import EPOCH
from wsgicache.rules.declaring import Declared, Sources, declared
from wsgicache.rules.keeping import stored_response
from wsgicache.rules.model import StoredResponse
from wsgicache.rules.response import Response
from wsgicache.rules.said import (
    NEVER_KEPT,
    NO_STORE,
    Said,
)

OWN = "Wsgicache-Cache-Control"
MINUTE, PRIVATE = Said({"max-age": "60"}), Said({"private": None})
HERE = Said({"no-cache": None}, {"max-age": "60"})
TLS = {"https": True}
NEVER = "no-store, no-cache, must-revalidate, max-age=0"
DOWNLOAD = "private, max-age=0, must-revalidate"
NOT_HERE = Said({"max-age": "60"}, {"no-store": None})


def told(response: Response, **said: Any) -> dict[str, str]:
    """The fields of *response* with what is said in them."""
    options = {name: said.pop(name) for name in ("https", "about") if name in said}
    spoken = declared(response, Sources(**said), (OWN,), **options)
    return {name.title(): value for name, value in spoken.values.items()}


@pytest.mark.parametrize(
    ("fields", "said", "expected"),
    rows(
        ("nothing said", {"etag": '"a"'}, {}, {"Etag": '"a"'}),
        ("the view", {}, {"view": [MINUTE]}, {"Cache-Control": "max-age=60"}),
        (
            "the view before the response",
            {"cache_control": "max-age=5", "expires": "0", "pragma": "x"},
            {"view": [MINUTE]},
            {"Cache-Control": "max-age=60"},
        ),
        (
            "an overriding route too",
            {"cache_control": "max-age=5"},
            {"overriding": [[MINUTE]]},
            {"Cache-Control": "max-age=60"},
        ),
        (
            "the view before that",
            {},
            {"view": [Said({"public": None})], "overriding": [[MINUTE]]},
            {"Cache-Control": "public", OWN: "public"},
        ),
        (
            "the response before a route",
            {"cache_control": "max-age=5"},
            {"routes": [[MINUTE]]},
            {"Cache-Control": "max-age=5"},
        ),
        (
            "§5.4 Pragma before a route",
            {"pragma": "No-Cache"},
            {"routes": [[MINUTE]]},
            {"Pragma": "No-Cache"},
        ),
        (
            "§5.4 another Pragma says nothing",
            {"pragma": "no-caching"},
            {"routes": [[MINUTE]]},
            {"Cache-Control": "max-age=60"},
        ),
        (
            "§5.3 Expires before a route",
            {"expires": date(5)},
            {"routes": [[MINUTE]]},
            {"Expires": date(5)},
        ),
        (
            "9213 §2.2 our own field before a route",
            {"wsgicache_cache_control": "max-age=5"},
            {"routes": [[MINUTE]]},
            {OWN: "max-age=5"},
        ),
        (
            "9213 §2.2 our own field stays where the response counts",
            {"wsgicache_cache_control": "max-age=5"},
            {"view": [Said(vary=("a",))]},
            {OWN: "max-age=5", "Vary": "a"},
        ),
        (
            "a route",
            {},
            {"routes": [[MINUTE], [PRIVATE]]},
            {"Cache-Control": "private, max-age=60"},
        ),
        (
            "the first route that speaks",
            {},
            {"routes": [[Said(vary=("a",))], [MINUTE]]},
            {"Cache-Control": "max-age=60", "Vary": "a"},
        ),
        (
            "the default where our own field is none",
            {"wsgicache_cache_control": "&"},
            {"default": [MINUTE]},
            {"Cache-Control": "max-age=60"},
        ),
        ("the default", {}, {"default": [MINUTE]}, {"Cache-Control": "max-age=60"}),
        (
            "the default after a route",
            {},
            {"routes": [[MINUTE]], "default": [PRIVATE]},
            {"Cache-Control": "max-age=60"},
        ),
        (
            "to this cache alone",
            {"cache_control": "no-cache"},
            {"view": [HERE]},
            {"Cache-Control": "no-cache", OWN: "max-age=60"},
        ),
        (
            "a prohibition of a route",
            {"cache_control": "max-age=5"},
            {"routes": [[NO_STORE]]},
            {"Cache-Control": "no-store"},
        ),
        (
            "a prohibition here alone",
            {"cache_control": "max-age=5"},
            {"routes": [[NOT_HERE]]},
            {"Cache-Control": "max-age=5", OWN: "no-store"},
        ),
        (
            "no other targeted field then",
            {"cdn_cache_control": "max-age=5"},
            {"view": [PRIVATE]},
            {"Cache-Control": "private"},
        ),
        (
            "the response's own prohibition",
            {"cache_control": "no-store"},
            {"view": [MINUTE]},
            {"Cache-Control": "no-store"},
        ),
        (
            "the response's own no-store, when others say it too",
            {"cache_control": "no-store, max-age=5"},
            {"view": [NO_STORE]},
            {"Cache-Control": "no-store, max-age=5"},
        ),
        (
            "private in the place of all that the response says",
            {"cache_control": "max-age=5", "expires": date(5), "pragma": "x"},
            {"view": [MINUTE], "routes": [[PRIVATE]]},
            {"Cache-Control": "private, max-age=60"},
        ),
        (
            "§5.2.2.7 private beside what the response says",
            {"cache_control": "max-age=5", "expires": date(5)},
            {"routes": [[PRIVATE]]},
            {"Cache-Control": "private, max-age=5", "Expires": date(5)},
        ),
        (
            "§5.2.2.5 no-store in the place of all that",
            {"cache_control": "max-age=5", "expires": date(5), "pragma": "x"},
            {"routes": [[NO_STORE]]},
            {"Cache-Control": "no-store"},
        ),
        (
            "§5.2.2.7 the response's own private, when others say it too",
            {"cache_control": "max-age=5, private"},
            {"routes": [[PRIVATE]]},
            {"Cache-Control": "max-age=5, private"},
        ),
        (
            "9213 §2 no other targeted field beside the response's own no-store",
            {"cache_control": "no-store", "cdn_cache_control": "max-age=5"},
            {"view": [NO_STORE]},
            {"Cache-Control": "no-store"},
        ),
        (
            "9213 §2 a prohibition here where nobody speaks",
            {},
            {"view": [Said(here={"no-store": None}, only_forbids=True)]},
            {OWN: "no-store"},
        ),
        (
            "9213 §2 no field that tells others what Cache-Control does not",
            {"surrogate_control": "max-age=5", "x_accel_expires": "5"},
            {"view": [PRIVATE]},
            {"Cache-Control": "private"},
        ),
        (
            "§5.2.2.7 private where nobody speaks",
            {},
            {"view": [Said({"private": None}, only_forbids=True)]},
            {"Cache-Control": "private"},
        ),
        (
            "§5.2.2.7 private, with Expires",
            {},
            {"view": [MINUTE._replace(expires=True)], "routes": [[PRIVATE]]},
            {"Cache-Control": "private, max-age=60", "Expires": date(60)},
        ),
        (
            "§5.2.2.7 all of it is private, and no word for shared caches stays",
            {},
            {
                "view": [Said({"private": "a", "s-maxage": "9", "max-age": "60"})],
                "routes": [[PRIVATE]],
            },
            {"Cache-Control": "private, max-age=60"},
        ),
        (
            "§5.2.2.7 the response's own field lists stay",
            {"cache_control": 'private="a", no-cache="b", max-age=5'},
            {"view": [MINUTE]},
            {"Cache-Control": 'private="a", no-cache="b", max-age=60'},
        ),
        (
            "§5.2.2.4 here, too",
            {"cache_control": 'private="a", no-cache="b", max-age=5'},
            {"view": [HERE]},
            {
                "Cache-Control": 'private="a", no-cache',
                OWN: 'private="a", no-cache="b", max-age=60',
            },
        ),
        (
            "§5.2.2.4 they are where they were when the response counts",
            {"cache_control": 'max-age=5, no-cache="b"'},
            {"routes": [[MINUTE]]},
            {"Cache-Control": 'max-age=5, no-cache="b"'},
        ),
        (
            "private, whatever else",
            {"cache_control": "private"},
            {"view": [Said({"public": None, "max-age": "9"})]},
            {"Cache-Control": "private, max-age=9"},
        ),
        (
            "§5.3 Expires too",
            {},
            {"view": [MINUTE._replace(expires=True)]},
            {"Cache-Control": "max-age=60", "Expires": date(60)},
        ),
        (
            "§5.3 without max-age there is none",
            {},
            {"view": [Said({"public": None}, expires=True)]},
            {"Cache-Control": "public", OWN: "public"},
        ),
        (
            "a default vouches for no page",
            {},
            {"default": [Said({"public": None, "max-age": "60"}, everywhere=True)]},
            {"Cache-Control": "public, max-age=60", OWN: "public, max-age=60, inherited"},
        ),
        (
            "nor by what releases to credentials alone",
            {},
            {"default": [Said({"max-age": "60", "must-revalidate": None}, everywhere=True)]},
            {
                "Cache-Control": "max-age=60, must-revalidate",
                OWN: "max-age=60, must-revalidate, inherited",
            },
        ),
        (
            "nor by s-maxage",
            {},
            {"default": [Said({"s-maxage": "60"}, everywhere=True)]},
            {"Cache-Control": "s-maxage=60", OWN: "s-maxage=60, inherited"},
        ),
        (
            "nor does what a default says here alone",
            {},
            {"default": [HERE._replace(everywhere=True)]},
            {"Cache-Control": "no-cache", OWN: "max-age=60, inherited"},
        ),
        (
            "a default without release needs no more words",
            {},
            {"default": [MINUTE._replace(everywhere=True)]},
            {"Cache-Control": "max-age=60"},
        ),
        (
            "§5.3 nor beside no-store",
            {},
            {"view": [Said({"no-store": None, "max-age": "9"}, expires=True)]},
            {"Cache-Control": "no-store, max-age=9"},
        ),
        (
            "§5.3 nor beside no-cache",
            {},
            {"view": [Said({"no-cache": None, "max-age": "9"}, expires=True)]},
            {"Cache-Control": "no-cache, max-age=9"},
        ),
        (
            "never",
            {"etag": '"a"', "age": "5", "last_modified": date()},
            {"view": [NEVER_KEPT]},
            {
                "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
                "Pragma": "no-cache",
                "Expires": "0",
            },
        ),
        ("Vary added", {"vary": "B"}, {"view": [Said(vary=("a", "b"))]}, {"Vary": "B, a"}),
        (
            "Vary in place of an empty one",
            {"vary": "\t"},
            {"view": [Said(vary=("a",))]},
            {"Vary": "a"},
        ),
        ("Vary that says it", {"vary": "A,\tB"}, {"view": [Said(vary=("b",))]}, {"Vary": "A,\tB"}),
        ("Vary beside a star", {"vary": "*"}, {"view": [Said(vary=("a",))]}, {"Vary": "*"}),
        (
            "9875 §2 groups",
            {},
            {"view": [Said(groups=("a", 'b"'))]},
            {"Cache-Groups": '"a", "b\\""'},
        ),
        (
            "9875 §2 groups added",
            {"cache_groups": '"a"'},
            {"view": [Said(groups=("b", "b"))]},
            {"Cache-Groups": '"a", "b"'},
        ),
        (
            "9875 §2 in place of what is none",
            {"cache_groups": "&"},
            {"view": [Said(groups=("b",))]},
            {"Cache-Groups": '"b"'},
        ),
    ),
)
def test_declared(fields: dict[str, Any], said: dict[str, Any], expected: dict[str, str]) -> None:
    assert told(answer(200, **fields), **said) == {name.title(): v for name, v in expected.items()}


def test_where_nothing_is_said_nothing_is_made() -> None:
    response = answer(200, cache_control="max-age=5")
    assert declared(response, Sources(routes=[[MINUTE]]), (OWN,)) is response


@pytest.mark.parametrize(
    ("said", "inherited", "refused"),
    rows(
        ("the view", Sources(view=[MINUTE]), False, False),
        ("a route", Sources(routes=[[MINUTE]]), True, False),
        ("an overriding route", Sources(overriding=[[MINUTE]]), True, False),
        ("the default", Sources(default=[MINUTE]), True, False),
        ("the view before such a route", Sources([MINUTE], [[PRIVATE]]), False, True),
        ("a prohibition", Sources(view=[NO_STORE]), False, True),
        ("a prohibition of the default", Sources(default=[NO_STORE]), True, True),
    ),
)
def test_where_a_lifetime_comes_from(said: Sources, inherited: bool, refused: bool) -> None:
    spoken = declared(answer(200), said, (OWN,))
    assert isinstance(spoken, Declared)
    assert (spoken.inherited, spoken.refused) == (inherited, refused)


@pytest.mark.parametrize(
    ("own", "refused"),
    rows(
        ("9213 §2.2 the first", "no-store", True),
        ("9213 §2.2 the first that is valid", "max-age=5", False),
        ("9213 §2.2 the next where that is none", "&", True),
    ),
)
def test_which_targeted_field_counts(own: str, refused: bool) -> None:
    response = answer(200, (OWN, own), cdn_cache_control="no-store")
    spoken = declared(response, Sources(view=[MINUTE]), (OWN, "CDN-Cache-Control"))
    assert isinstance(spoken, Declared)
    assert spoken.refused is refused


def test_a_prohibition_leaves_no_targeted_field_whatever_its_name() -> None:
    response = answer(200, ("My-Control", "max-age=5"))
    spoken = declared(response, Sources(view=[NO_STORE]), (OWN, "My-Control"))
    assert dict(spoken.fields) == {"Cache-Control": "no-store"}


@pytest.mark.parametrize(
    ("kind", "options", "said", "control", "expires"),
    rows(
        ("a download by TLS", "attachment; x", TLS, NEVER_KEPT, DOWNLOAD, date(-EPOCH)),
        ("9110 §5.5 white space", "\tAttachment", TLS, NEVER_KEPT, DOWNLOAD, date(-EPOCH)),
        ("a download", "attachment", {}, NEVER_KEPT, NEVER, "0"),
        ("by TLS", "inline", TLS, NEVER_KEPT, NEVER, "0"),
        ("another word by TLS", "attachmen", TLS, NEVER_KEPT, NEVER, "0"),
        ("a download that may be kept", "attachment", TLS, MINUTE, "max-age=60", None),
    ),
)
def test_never_for_old_browsers(
    kind: str, options: dict[str, bool], said: Said, control: str, expires: str | None
) -> None:
    fields = told(answer(200, content_disposition=kind), view=[said], **options)
    assert (fields["Cache-Control"], fields.get("Expires")) == (control, expires)


# ── a 304 (§3.2) ─────────────────────────────────────────────────────────────────────────────────


def held(**fields: Any) -> StoredResponse:
    return kept(policy=RFC, etag='"a"', **fields)


SPOKEN = {"Cache-Control": "max-age=60"}


@pytest.mark.parametrize(
    ("status", "about", "said", "expected"),
    rows(
        ("§3.2 a route says nothing new", 304, held(), {"routes": [[MINUTE]]}, {}),
        ("§3.2 nor the default", 304, held(), {"default": [MINUTE]}, {}),
        ("§3.2 the view does", 304, held(), {"view": [MINUTE]}, SPOKEN),
        (
            "§3.2 a prohibition counts",
            304,
            held(),
            {"routes": [[NO_STORE]]},
            {"Cache-Control": "no-store"},
        ),
        ("§3.2 what is about nothing stored", 304, None, {"routes": [[MINUTE]]}, SPOKEN),
        ("§4.3.3 what takes its place", 200, held(), {"routes": [[MINUTE]]}, SPOKEN),
    ),
)
def test_a_304(
    status: int, about: StoredResponse | None, said: dict[str, Any], expected: dict[str, str]
) -> None:
    assert told(answer(status), about=about, **said) == expected


def test_a_304_whose_view_speaks_silences_what_was_said_to_this_cache() -> None:
    """The stored response had a field of our own; what the view says now counts in its place."""
    about = held(wsgicache_cache_control="max-age=5")
    fields = told(answer(304), about=about, view=[MINUTE])
    assert fields["Wsgicache-Cache-Control"] == ""
    renewed = answer(200, *fields.items())
    assert stored_response(renewed, b"", RFC).freshness_lifetime == 60


@pytest.mark.parametrize(
    ("about", "own"),
    rows(
        ("9213 §2.2 they are in the stored response", held(cdn_cache_control="max-age=5"), True),
        ("9213 §2.2 they are nowhere", held(), False),
    ),
)
def test_a_304_whose_view_speaks_where_words_to_others_count(
    about: StoredResponse, own: bool
) -> None:
    targets = (OWN, "CDN-Cache-Control")
    spoken = declared(answer(304), Sources(view=[MINUTE]), targets, about=about)
    assert spoken.field("wsgicache-cache-control") == ("max-age=60" if own else None)


def test_what_is_said_is_said_to_other_targets_too() -> None:
    """Else this cache would hear what was meant for others."""
    response = answer(200, cdn_cache_control="max-age=5")
    spoken = declared(response, Sources(view=[MINUTE]), (OWN, "CDN-Cache-Control"))
    assert spoken.field("wsgicache-cache-control") == "max-age=60"
    assert spoken.field("cdn-cache-control") == "max-age=5"
    assert stored_response(spoken, b"", RFC).freshness_lifetime == 60


@pytest.mark.parametrize(
    ("said", "general"),
    rows(
        (
            "9213 §2 a prohibition here is one for all shared caches",
            NOT_HERE,
            "private, max-age=60",
        ),
        ("9213 §2 nothing is forbidden", MINUTE, "max-age=60"),
        ("9213 §2 public goes to all", Said({"public": None}), "public"),
    ),
)
def test_where_there_is_no_field_for_this_cache_alone(said: Said, general: str) -> None:
    assert declared(answer(200), Sources(view=[said]), ()).fields == [("Cache-Control", general)]
