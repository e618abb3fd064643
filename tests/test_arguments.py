"""What all arguments have in common: how errors are worded, and what counts as several."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import wsgicache
from wsgicache import CacheMiddleware, Control, Route, cache_control, cache_for, cached, never_cache
from wsgicache.stores import MemcachedStore

SOURCES = sorted(Path(wsgicache.__file__).parent.rglob("*.py"))


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


def said(control: Any) -> object:
    return control._said, control.statuses


SEVERAL: dict[str, tuple[tuple[Any, ...], Callable[[Any], object]]] = {
    "Route.query": (("q", "page"), lambda given: Route("/x", query=given).query),
    "Route.cookies": (("b", "a"), lambda given: Route("/x", cookies=given).cookies),
    "Route.fields": (("B", "A"), lambda given: Route("/x", fields=given).fields),
    "Route.method": (
        ("PUT", "GET"),
        lambda given: Route(never_cache, method=given)._methods,
    ),
    "Route.status": ((404, "5xx"), lambda given: Route(never_cache, status=given).statuses),
    "Control.statuses": ((404, "5xx"), lambda given: Control(statuses=given).statuses),
    "routes": (
        (Route("/b", query=()), Route("/a", query=())),
        lambda given: CacheMiddleware(app, routes=given)._routes.all,
    ),
    "private": (("Vary", "Age"), lambda given: said(cache_control(private=given))),
    "no_cache": (("Vary", "Age"), lambda given: said(cache_control(no_cache=given))),
    "status": ((404, "5xx"), lambda given: said(cache_for(days=1, status=given))),
    "status of cached": ((404, "5xx"), lambda given: said(cached(client=1, status=given))),
    "servers": (
        ("b:1", ("a", 2)),
        lambda given: [*MemcachedStore(given)._nodes],
    ),
}
MANY: dict[str, Callable[[Iterable[Any]], Iterable[Any]]] = {
    "list": list,
    "generator": iter,
    "keys": lambda several: dict.fromkeys(several).keys(),
}


@pytest.mark.parametrize("many", MANY.values(), ids=MANY)
@pytest.mark.parametrize("option", SEVERAL)
def test_several_may_be_any_iterable(
    option: str, many: Callable[[Iterable[Any]], Iterable[Any]]
) -> None:
    """They stay in their order."""
    several, kept = SEVERAL[option]
    assert kept(many(several)) == kept(several)


@pytest.mark.parametrize("option", SEVERAL)
def test_a_set_is_always_in_the_same_order(option: str) -> None:
    several, kept = SEVERAL[option]
    assert kept(set(several)) == kept(frozenset(several)) == kept(sorted(several, key=repr))


def test_one_form_of_error() -> None:
    """It says what the argument must be (rules/checks) in one form."""
    old = re.compile(r"\b(?:is|are) allowed\b")
    assert [path.name for path in SOURCES if old.search(path.read_text("utf-8"))] == []


def test_one_place_tells_true_and_false_from_numbers() -> None:
    """An int may be a bool in Python: nobody else needs to remember."""
    asking = {
        path.name
        for path in SOURCES
        if re.search(r"isinstance\(.*\bbool\b", path.read_text("utf-8"))
    }
    assert asking == {"checks.py"}
