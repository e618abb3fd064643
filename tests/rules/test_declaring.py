"""What is said of a response by others than itself: a row per rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import RFC, answer, date, kept, rows
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
NOT_HERE = Said({"max-age": "60"}, {"no-store": None})


def told(response: Response, **said: Any) -> dict[str, str]:
    """The fields of *response* with what is said in them."""
    https, about = said.pop("https", False), said.pop("about", None)
    spoken = declared(response, Sources(**said), (OWN,), https=https, about=about)
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
        ("a prohibition", Sources(view=[NO_STORE]), False, True),
    ),
)
def test_where_a_lifetime_comes_from(said: Sources, inherited: bool, refused: bool) -> None:
    spoken = declared(answer(200), said, (OWN,))
    assert isinstance(spoken, Declared)
    assert (spoken.inherited, spoken.refused) == (inherited, refused)


@pytest.mark.parametrize(
    ("kind", "https", "expected"),
    rows(
        ("a download by TLS", "attachment; x", True, "private, max-age=0, must-revalidate"),
        ("a download", "attachment", False, "no-store, no-cache, must-revalidate, max-age=0"),
        ("by TLS", "inline", True, "no-store, no-cache, must-revalidate, max-age=0"),
    ),
)
def test_never_for_old_browsers(kind: str, https: bool, expected: str) -> None:
    fields = told(answer(200, content_disposition=kind), view=[NEVER_KEPT], https=https)
    assert fields["Cache-Control"] == expected


# ── a 304 (§3.2) ─────────────────────────────────────────────────────────────────────────────────


def held(**fields: Any) -> StoredResponse:
    return kept(policy=RFC, etag='"a"', **fields)


@pytest.mark.parametrize(
    ("about", "said", "expected"),
    rows(
        ("§3.2 a route says nothing new", held(), {"routes": [[MINUTE]]}, {}),
        ("§3.2 nor the default", held(), {"default": [MINUTE]}, {}),
        ("§3.2 the view does", held(), {"view": [MINUTE]}, {"Cache-Control": "max-age=60"}),
        (
            "§3.2 a prohibition counts",
            held(),
            {"routes": [[NO_STORE]]},
            {"Cache-Control": "no-store"},
        ),
    ),
)
def test_a_304(about: StoredResponse, said: dict[str, Any], expected: dict[str, str]) -> None:
    assert told(answer(304), about=about, **said) == expected


def test_a_304_whose_view_speaks_silences_what_was_said_to_this_cache() -> None:
    """The stored response had a field of our own; what the view says now counts in its place."""
    about = held(wsgicache_cache_control="max-age=5")
    fields = told(answer(304), about=about, view=[MINUTE])
    assert fields["Wsgicache-Cache-Control"] == ""
    renewed = answer(200, *fields.items())
    assert stored_response(renewed, b"", RFC).freshness_lifetime == 60


def test_what_is_said_is_said_to_other_targets_too() -> None:
    """Else this cache would hear what was meant for others."""
    response = answer(200, cdn_cache_control="max-age=5")
    spoken = declared(response, Sources(view=[MINUTE]), (OWN, "CDN-Cache-Control"))
    assert spoken.field("wsgicache-cache-control") == "max-age=60"
    assert spoken.field("cdn-cache-control") == "max-age=5"
    assert stored_response(spoken, b"", RFC).freshness_lifetime == 60


def test_a_prohibition_here_is_one_for_all_shared_caches_where_there_is_no_field_for_one() -> None:
    spoken = declared(answer(200), Sources(view=[NOT_HERE]), ())
    assert spoken.field("cache-control") == "private, max-age=60"
