"""The documentation says what is so: its tables and its code are those of the package."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wsgicache
from benchmarks.__main__ import main as benchmarks
from tests.controls.declaring import view, with_routes
from tests.running import ROOT
from tests.scene import Environ, Reply, Scene
from wsgicache import Control, Policy, Route, cache_control, cached, stores
from wsgicache.rules import request, storing
from wsgicache.rules.bounds import LONGEST
from wsgicache.rules.fields import written
from wsgicache.rules.response import Response

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / f"{name}.rst").read_text("utf-8")


def test_what_is_static_is_stored_for_browsers_with_cookies() -> None:
    scene = Scene()
    names: dict[str, Any] = {"app": scene.cache.app, "device": str}
    text = page("howto/declaring")
    found = BLOCK.search(text, text.index("\nRoutes\n---"))
    assert found is not None
    exec(inspect.cleandoc(found[1]), names)
    scene.cache = scene.front = names["app"]
    scene.app(200, "code", content_type="text/javascript", cache_control="no-cache")
    assert scene.get("/static/app.js", cookie="session=1").stored
    assert scene.get("/static/app.js", cookie="session=2").hit


class Later(Control):
    """A control that says what only a place of its own may say outright."""

    def __init__(self, said: Control) -> None:
        super().__init__()
        self._later = said

    def about(self, response: Response, environ: Environ) -> Control | None:
        return self._later


WHAT: dict[str, Control] = {
    "max-age": cache_control(max_age=60),
    "must-revalidate": cache_control(max_age=60, must_revalidate=True),
    "public": cache_control(max_age=60, public=True),
    "s-maxage": cache_control(s_maxage=60),
    "server=": cached(server=60),
}
OWN = "Wsgicache-Cache-Control"
WHO_ASKS: dict[str, list[dict[str, Any]]] = {
    "cookie": [{"cookie": "a=1"}],
    "user": [{"authorization": "Basic QTpC"}, {"environ": {"REMOTE_USER": "alice"}}],
    "key": [{"x_api_key": "a"}],
}


def is_released(what: str, by: str, policy: Callable[..., Policy], asked: dict[str, Any]) -> bool:
    """Whether the answer to who asked goes to who asks with nothing."""
    control = WHAT.get(what)
    scene = Scene(policy(default=Later(WHAT[what])) if by == "a default" else policy())
    fields: dict[str, Any] = {}
    if by == "the response":
        said = "max-age=60" if control is None else written(control._said.directives)
        fields = {"wsgicache_cache_control" if control is None else "cache_control": said}
    if by in ("a route", "a route for *"):
        assert control is not None
        route = Route("/p*", control) if by == "a route" else Route("*", Later(control))
        with_routes(scene, route)
    decorators = [control] if by == "a decorator" else []
    scene.wsgi(view(Reply(200, "x", **fields), *decorators))
    return scene.get("/p", **asked).stored and scene.get("/p").hit


def rows_of_releases() -> Iterator[tuple[str, str, list[str]]]:
    section = page("explanation/release")
    for what, by, cells in re.findall(r"^``(\S+)`` +(\w.*?)  +((?:yes|no).*)$", section, re.M):
        everything = ["a default", "a route for *"]
        anybody = ["the response", "a decorator", "a route", *everything]
        places = {"everything": everything, "anybody": anybody}.get(by, by.split(", "))
        for place in places:
            yield what, place, cells.split()


@pytest.mark.parametrize(("what", "by", "cells"), list(rows_of_releases()))
def test_what_releases_an_answer(what: str, by: str, cells: list[str]) -> None:
    released = []
    for policy in (Policy, Policy.rfc):
        for ways in WHO_ASKS.values():
            (one,) = {is_released(what, by, policy, asked) for asked in ways}
            released.append("yes" if one else "no")
    assert released == cells


@pytest.mark.parametrize("by", ["a default", "a route for *"])
@pytest.mark.parametrize("what", ["public", "s-maxage", "server="])
def test_what_is_said_of_everything_releases_nothing(what: str, by: str) -> None:
    """It counts like a lifetime alone, where it is not refused at once."""
    test_what_releases_an_answer(what, by, ["no", "no", "no", "yes", "no", "yes"])


def test_the_table_of_releases_is_whole() -> None:
    told = {(what, by) for what, by, _ in rows_of_releases()}
    assert {what for what, _ in told} == {*WHAT, OWN}
    assert len(told) == 5 + 5 + 3 + 3 + 2 + 1


def test_the_api_is_what_the_two_public_modules_list() -> None:
    _, table, _ = page("reference/api").split("\n====", 2)
    named = re.findall(r"``(\w+)``", table)
    assert sorted(named) == sorted({*wsgicache.__all__, *stores.__all__})


@pytest.mark.parametrize(
    "rule",
    [
        storing.forbidden,
        storing.unusable,
        storing._unkeepable_content,
        request.read,
        request._passing,
    ],
)
def test_every_refusal_is_explained(rule: Callable[..., object]) -> None:
    tokens = re.findall(r'return "([a-z-]+)"', inspect.getsource(rule))
    assert tokens
    for token in tokens:
        assert re.search(rf"^``{token}``\s", page("reference/cache-status"), re.MULTILINE), token


def test_every_deviation_is_confessed() -> None:
    section = page("explanation/deviations")
    for module in (ROOT / "wsgicache").rglob("*.py"):
        marked = len(re.findall(r"\bDeviation: ", module.read_text("utf-8")))
        name = f"``{module.relative_to(ROOT / 'wsgicache')}``"
        assert section.count(name) >= marked, f"{name} has {marked} deviations"


def test_the_walk_says_what_each_rule_answers() -> None:
    named = re.findall(
        r"^[1-9a-zW.][a-z0-9 .]*  +``(\w+)`` +\S", page("explanation/walk"), re.MULTILINE
    )
    rules = (ROOT / "wsgicache" / "rules").glob("*.py")
    assert sorted(named) == sorted(path.stem for path in rules if path.stem != "__init__")


def test_the_limits_are_those_of_the_policy() -> None:
    said = re.findall(r"``Policy\((\w+)=…\)``, (\d+)( MiB)?", page("explanation/security"))
    assert len(said) == 5
    for option, number, mebi in said:
        assert getattr(Policy(), option) == int(number) * (1 << 20 if mebi else 1), option
    (read,) = re.findall(r"a field that the cache reads +(\d+) KiB", page("explanation/security"))
    assert int(read) << 10 == LONGEST


def test_every_benchmark_has_its_row() -> None:
    section = page("explanation/performance")
    rows = re.findall(r"^``(\w+)``\s+\S", section, re.MULTILINE)
    assert set(rows) == set(benchmarks.commands) - {"all"}
    assert "    python -m benchmarks all" in section


def test_every_image_is_there_and_sized() -> None:
    images = re.findall(
        r"^\.\. image:: \.\./\.\./(\S+)$", page("explanation/performance"), re.MULTILINE
    )
    assert images
    for image in images:
        assert re.search(r"<svg [^>]*width=", (ROOT / image).read_text("utf-8")), image
