"""The house stands: imports only go down, the rules are pure, and what the comments cite exists."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.running import conformance_suite

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "wsgicache"
TESTS = ROOT / "tests"

FLOORS = """
    rules.bounds
    rules.checks rules.cookies rules.dates rules.fields rules.negotiating rules.queries
        rules.ranges rules.special
    rules.credentials rules.other_caches rules.names rules.selecting
    rules.keys
    rules.model rules.near rules.searching
    rules.response
    rules.said
    rules.preferences
    rules.options
    rules.policy
    rules.declaring rules.freshness rules.request rules.validators
    rules.anonymous rules.conditional rules.own_writes rules.variants
    rules.differing rules.entries
    rules.groups rules.hidden_cookies rules.reuse
    rules.collapsing rules.storing
    rules.keeping
    rules.answering rules.validation rules.wholes
    rules.partial
    bodies forks frameworks processes switch
    clock
    arguments reporting observe observe.frequent observe.rows observe.sharing
        observe.windows
    observe.stats
    observe.held observe.table observe.watching
    observe.counting
    observe.summing
    observe.sheets
    observe.files
    controls.control controls.file_types
    controls.decorators controls.routes
    controls.early
    controls.matching controls.static
    controls.judging
    stores stores.folders stores.marks stores.searches stores.weights
    stores.equivalents stores.listing stores.net.addresses stores.net.breaker
        stores.shared.applications stores.shared.memo stores.shared.names
        stores.shared.apart stores.shared.nodes stores.stamps
    stores.net.memcached stores.net.redis stores.shared.records
    stores.memory stores.shared.generations stores.shared.leases stores.shared.marks
        stores.shared.pieces stores.shared.listing stores.shared.survey
    stores.shared.reading
    stores.shared.writing
    stores.environments stores.shared.store
    stores.caches stores.sieve
    stores.tables
    stores.cachelib stores.lmdb stores.memcached stores.tiered
    stores.urls
    keeper purging
    origin.advice origin.flights origin.room origin.sight
    origin.watch origin.wholes
    origin.exchange
    origin.trip
    origin.telling
    origin.bypass
    origin.asking origin.hidden
    origin.explaining origin.filling origin.background origin.heads origin.turns
    origin.forward
    operating
    middleware
    prometheus
    configuring
    bottle flask.putting pyramid
    flask.blueprints flask.mounting flask.signals flask.versions
    flask.extension
    flask
    wsgicache
    why.asked why.browsers why.globs why.layers
    why.logins why.trying
    why.changes why.comparing why.grouping why.removals why.watching
    why.causes why.cures why.following why.inputs why.visitors
    why.bases why.brief why.remedies why.sitemap why.views
    why.pages why.setup
    why.capacity why.routing why.wrapping
    why.declared
    why.frameworks
    why.audit why.doctor why.explain why.kept
    dashboard.assets dashboard.charts dashboard.forms dashboard.markup dashboard.recent
    dashboard.browsers dashboard.hiding dashboard.sections
    dashboard.beside dashboard.totals
    dashboard.asking dashboard.explained dashboard.overview dashboard.purge dashboard.requests
        dashboard.stored
    dashboard.entries
    dashboard
    testing.clocks
    testing.sites
    testing.asserts
    testing
    pytest_plugin
    warming.sitemaps
    warming
    demo cli.companions cli.folding cli.loading cli.terminal
    cli.foot cli.pages cli.wrapped
    cli.strip
    cli.run cli.store
    cli.stats cli.why
    cli.top
    cli.warm
    cli
    django.options django.static
    django.door
    django.hosts
    django.saving
    django.checks django.wagtail
    django.testing django.templatetags django.templatetags.wsgicache
    django.dashboard
    django.urls
    django.apps django django.management django.management.commands
        django.management.commands.wsgicache
    __main__
"""
"""From the bottom up, one to a line (a deeper line goes on): a module knows those on lower floors.
The front door is `wsgicache`; below `arguments` everything is pure."""

PLACES = {
    name: floor
    for floor, names in enumerate(re.split(r"\n {4}(?=\S)", FLOORS.rstrip())[1:])
    for name in names.split()
}
USED = {
    ("stores", f"stores.{name}") for name in "urls cachelib lmdb memcached memory tiered".split()
} | {
    ("operating", "middleware"),
    ("operating", "why.explain"),
    ("operating", "warming"),
    ("flask.extension", "cli"),
    ("flask.putting", "flask.signals"),
    ("flask.mounting", "dashboard"),
}
"""Who imports whom only when used, or for its types, and may so look up."""

PURE = set(
    """__future__ collections.abc dataclasses datetime email.header email.utils fnmatch functools
    hashlib http_sf io itertools math re sys types typing urllib.parse uuid wsgiref.types""".split()
)
"""What the rules may import beside each other: nothing that tells the time, logs or reads."""
IMPURE = re.compile(r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|open|print|input)\(")
UNSAFE = re.compile(r"\b(?:pickle|marshal|eval|exec|yaml|shelve|dill|jsonpickle)\b")


def modules() -> dict[str, Path]:
    """Every module of the package, by its name within it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name or "wsgicache"] = path
    return found


MODULES = modules()
RULES = [name for name in MODULES if name.startswith("rules")]


@cache
def imports(module: str) -> list[tuple[str, bool]]:
    """What *module* imports, by full name, and whether only when something of it is used."""
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    outside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_types(function)
        for node in ast.walk(function)
    }
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in outside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            inner = {within(f"{node.module}.{alias.name}") for alias in node.names}
            for name in inner if inner <= MODULES.keys() else {node.module or ""}:
                full = name if name == node.module else f"wsgicache.{name}"
                found.append((full, id(node) in outside))
    return found


def is_for_types(node: ast.AST) -> bool:
    """Whether it is read by type checkers only."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def within(name: str) -> str:
    """A full name as the package knows it: the front door, or what follows the dot."""
    return name if name == "wsgicache" else name.removeprefix("wsgicache.")


# ── imports only go down ─────────────────────────────────────────────────────────────────────────


def test_every_module_has_a_place() -> None:
    # A docstring, and nothing that others use.
    packages = {"rules", "observe", "origin", "controls", "stores.shared", "stores.net", "why"}
    assert sorted(MODULES.keys() - PLACES.keys() - packages) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_lists_what_others_may_use(module: str) -> None:
    """Each name in its ``__all__`` exists, and each that the package takes from it is there."""
    listed = [
        ast.literal_eval(node.value)
        for node in ast.parse(MODULES[module].read_text("utf-8")).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        if "__all__" in ast.unparse(node).partition("=")[0]
    ]
    assert len(listed) == 1, f"{module} has no __all__"
    (names,) = listed
    if names:
        assert lacking(module, set(names)) == set()
    assert sorted(taken_from(module) - set(names)) == [], f"{module}.__all__ lacks these"


def lacking(module: str, names: set[str]) -> set[str]:
    """Those of *names* that are not in a module; without Wagtail its text counts."""
    if module == "django.wagtail" and not find_spec("wagtail"):
        tree = ast.walk(ast.parse(MODULES[module].read_text("utf-8")))
        return names - {getattr(node, "name", getattr(node, "id", "")) for node in tree}
    there = import_module(module if module == "wsgicache" else f"wsgicache.{module}")
    return {name for name in names if not hasattr(there, name)}


@cache
def taken() -> set[tuple[str, str]]:
    """What the modules of the package import from each other by name: module and name."""
    return {
        (within(node.module or ""), alias.name)
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and is_ours(node.module or "")
        for alias in node.names
    }


def taken_from(module: str) -> set[str]:
    inner = {name.removeprefix(f"{module}.") for name in MODULES} | set(MODULES)
    return {name for source, name in taken() if source == module} - inner


@pytest.mark.parametrize("module", [name for name in MODULES if name in PLACES])
def test_imports_only_go_down(module: str) -> None:
    up = [
        name
        for full, when_used in imports(module)
        if is_ours(full)
        and PLACES.get(name := within(full), 99) >= PLACES[module]
        and not (when_used and (module, name) in USED)
    ]
    assert up == [], f"{module} looks up"


def test_the_rules_say_where_each_question_is_answered() -> None:
    rows = re.findall(r"^``(\w+)`` ", MODULES["rules"].read_text("utf-8"), re.MULTILINE)
    assert sorted(f"rules.{name}" for name in rows) == sorted(set(RULES) - {"rules"})


def test_the_documentation_draws_what_is_so() -> None:
    """Its rows are floors of rooms, a room being a package or a module at the top."""
    drawing = (ROOT / "docs" / "contributing.rst").read_text("utf-8").partition("**Floors.**")[2]
    rows = re.findall(r"^ +(\d+)  (\w.*)$", drawing, re.MULTILINE)
    drawn = {room: int(floor) for floor, rooms in rows for room in rooms.split()}
    assert drawn.keys() == {room_of(module) for module in MODULES} - {"wsgicache", "__main__"}
    for module in MODULES.keys() - {"wsgicache", "__main__"}:
        room = room_of(module)
        known = {
            room_of(within(full))
            for full, when_used in imports(module)
            if is_ours(full) and not (when_used and (module, within(full)) in USED)
        }
        up = [name for name in known - {room, "wsgicache"} if drawn[name] >= drawn[room]]
        assert up == [], module


def room_of(module: str) -> str:
    return module.partition(".")[0]


def is_ours(full: str) -> bool:
    return room_of(full) == "wsgicache"


@pytest.mark.parametrize(("module", "other"), sorted(USED))
def test_what_is_imported_when_used(module: str, other: str) -> None:
    assert (f"wsgicache.{other}", True) in imports(module)


# ── each module has its room among the tests ─────────────────────────────────────────────────────

ROOMS = {
    "rules.near": "test_purging.py",
    "rules.options": "rules/test_policy.py",
    "rules.special": "rules/test_request.py",
    "observe": "observe/test_counting.py",
    "observe.frequent": "observe/test_counting.py",
    "observe.held": "observe/test_table.py",
    "observe.rows": "observe/test_counting.py",
    "observe.sharing": "observe/test_files.py",
    "observe.sheets": "observe/test_files.py",
    "observe.stats": "observe/test_counting.py",
    "observe.summing": "observe/test_counting.py",
    "observe.windows": "observe/test_counting.py",
    "origin.bypass": "test_middleware.py",
    "origin.filling": "test_bodies.py",
    "origin.forward": "test_middleware.py",
    "origin.telling": "observe/test_counting.py",
    "origin.turns": "origin/test_flights.py",
    "controls.control": "controls/test_controls.py",
    "controls.decorators": "controls/test_controls.py",
    "controls.early": "controls/test_routes.py",
    "controls.matching": "controls/test_routes.py",
    "stores.caches": "stores/test_cachelib_trouble.py",
    "stores.environments": "stores/test_lmdb.py",
    "stores.sieve": "stores/test_lmdb.py",
    "stores.tables": "stores/test_lmdb.py",
    "stores": "stores/test_urls.py",
    "stores.weights": "stores/test_stores.py",
    "stores.listing": "stores/contract.py",
    "stores.marks": "stores/test_own_writes.py",
    "stores.searches": "stores/contract.py",
    "stores.memory": "stores/test_stores.py",
    "stores.net.addresses": "stores/test_urls.py",
    "stores.net.breaker": "stores/test_memcached_trouble.py",
    "stores.net.memcached": "stores/test_memcached_trouble.py",
    "stores.net.redis": "stores/test_cachelib_trouble.py",
    "stores.shared.listing": "stores/contract.py",
    "stores.shared.marks": "stores/test_own_writes.py",
    "stores.shared.memo": "stores/test_trouble.py",
    "stores.shared.names": "stores/shared/test_records.py",
    "stores.shared.nodes": "stores/shared/test_generations.py",
    "stores.shared.pieces": "stores/test_trouble.py",
    "stores.shared.reading": "stores/test_trouble.py",
    "stores.shared.survey": "stores/test_lmdb.py",
    "stores.shared.writing": "stores/test_trouble.py",
    "stores.shared.store": "stores/test_stores.py",
    "cli": "cli/test_run.py",
    "cli.companions": "cli/test_run.py",
    "cli.foot": "cli/test_strip.py",
    "cli.loading": "cli/test_run.py",
    "cli.stats": "cli/test_store.py",
    "cli.terminal": "cli/test_store.py",
    "cli.warm": "warming/test_warming.py",
    "cli.why": "why/test_explain.py",
    "cli.wrapped": "cli/test_run.py",
    "dashboard": "dashboard/test_dashboard.py",
    "dashboard.assets": "dashboard/test_dashboard.py",
    "dashboard.beside": "dashboard/test_asking.py",
    "dashboard.browsers": "dashboard/test_asking.py",
    "dashboard.charts": "dashboard/test_overview.py",
    "dashboard.explained": "cli/test_pages.py",
    "dashboard.recent": "dashboard/test_requests.py",
    "dashboard.stored": "dashboard/test_entries.py",
    "dashboard.sections": "dashboard/test_dashboard.py",
    "dashboard.totals": "dashboard/test_overview.py",
    "why.asked": "why/test_explain.py",
    "why.bases": "why/test_audit.py",
    "why.capacity": "why/test_doctor.py",
    "why.causes": "why/test_explain.py",
    "why.changes": "why/test_cures.py",
    "why.declared": "why/test_doctor.py",
    "why.following": "why/test_audit.py",
    "why.frameworks": "why/test_doctor.py",
    "why.inputs": "why/test_audit.py",
    "why.layers": "cli/test_run.py",
    "why.logins": "why/test_audit.py",
    "why.pages": "why/test_audit.py",
    "why.remedies": "why/test_audit.py",
    "why.sitemap": "why/test_doctor.py",
    "why.removals": "why/test_explain.py",
    "why.views": "why/test_doctor.py",
    "why.watching": "why/test_audit.py",
    "why.wrapping": "why/test_doctor.py",
    "why.routing": "why/test_doctor.py",
    "why.setup": "why/test_doctor.py",
    "why.trying": "why/test_explain.py",
}
"""Where what a module does is tested in the room of a neighbour."""


WITH_ROOMS = ("rules", "observe", "origin", "controls", "stores", "cli", "why", "dashboard")


@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if name in PLACES and room_of(name) in WITH_ROOMS],
)
def test_each_module_has_a_room_among_the_tests(module: str) -> None:
    *floor, name = module.split(".")
    room = "/".join([*floor, f"test_{name}.py"])
    assert (TESTS / ROOMS.get(module, room)).is_file(), f"{room}, or else a line in ROOMS"
    assert module not in ROOMS or not (TESTS / room).exists(), "it has a room of its own"


def test_no_room_is_for_a_module_that_is_gone() -> None:
    assert ROOMS.keys() - MODULES.keys() == set()


# ── the rules are pure ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("module", RULES)
def test_rules_import_no_time_and_no_input_or_output(module: str) -> None:
    foreign = {full for full, _ in imports(module) if not full.startswith("wsgicache.rules.")}
    assert foreign - PURE == set()


@pytest.mark.parametrize("module", RULES)
def test_rules_ask_for_no_time_and_no_input_or_output(module: str) -> None:
    assert IMPURE.findall(MODULES[module].read_text("utf-8")) == []


def test_rules_load_nothing_else() -> None:
    """In an interpreter of their own."""
    names = [f"wsgicache.rules.{name.partition('.')[2]}" for name in RULES if "." in name]
    script = (
        "import importlib, re, sys, types\n"
        "package = types.ModuleType('wsgicache')\n"
        f"package.__path__ = [{str(PACKAGE)!r}]\n"
        "sys.modules['wsgicache'] = package\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded & {'logging', 'threading', 'werkzeug', 'socket', 'cachelib'}))\n"
        "print(*[name for name in sys.modules if re.match(r'wsgicache\\.(?!rules)', name)])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


# ── what the comments cite ───────────────────────────────────────────────────────────────────────

SECTIONS = {
    "6265": "5 5.1 5.2 5.3 5.4",
    "9111": """
        1 1.1 1.2 1.2.1 1.2.2 2 3 3.1 3.2 3.3 3.4 3.5 4 4.1 4.2 4.2.1 4.2.2 4.2.3 4.2.4 4.3 4.3.1
        4.3.2 4.3.3 4.3.4 4.3.5 4.4 5 5.1 5.2 5.2.1 5.2.1.1 5.2.1.2 5.2.1.3 5.2.1.4 5.2.1.5 5.2.1.6
        5.2.1.7 5.2.2 5.2.2.1 5.2.2.2 5.2.2.3 5.2.2.4 5.2.2.5 5.2.2.6 5.2.2.7 5.2.2.8 5.2.2.9
        5.2.2.10 5.2.3 5.2.4 5.3 5.4 5.5 6 7 7.1 7.2 7.3 8 8.1 8.2 8.3 9 9.1 9.2""",
    "9110": """
        1 1.1 1.2 1.3 1.4 2 2.1 2.2 2.3 2.4 2.5 3 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 4 4.1 4.2
        4.2.1 4.2.2 4.2.3 4.2.4 4.2.5 4.3 4.3.1 4.3.2 4.3.3 4.3.4 4.3.5 5 5.1 5.2 5.3 5.4 5.5 5.6
        5.6.1 5.6.1.1 5.6.1.2 5.6.2 5.6.3 5.6.4 5.6.5 5.6.6 5.6.7 6 6.1 6.2 6.3 6.4 6.4.1 6.4.2 6.5
        6.5.1 6.5.2 6.6 6.6.1 6.6.2 7 7.1 7.2 7.3 7.3.1 7.3.2 7.3.3 7.4 7.5 7.6 7.6.1 7.6.2 7.6.3
        7.7 7.8 8 8.1 8.2 8.3 8.3.1 8.3.2 8.3.3 8.4 8.4.1 8.4.1.1 8.4.1.2 8.4.1.3 8.5 8.5.1 8.6 8.7
        8.8 8.8.1 8.8.2 8.8.2.1 8.8.2.2 8.8.3 8.8.3.1 8.8.3.2 8.8.3.3 9 9.1 9.2 9.2.1 9.2.2 9.2.3
        9.3 9.3.1 9.3.2 9.3.3 9.3.4 9.3.5 9.3.6 9.3.7 9.3.8 10 10.1 10.1.1 10.1.2 10.1.3 10.1.4
        10.1.5 10.2 10.2.1 10.2.2 10.2.3 10.2.4 11 11.1 11.2 11.3 11.4 11.5 11.6 11.6.1 11.6.2
        11.6.3 11.7 11.7.1 11.7.2 11.7.3 12 12.1 12.2 12.3 12.4 12.4.1 12.4.2 12.4.3 12.5 12.5.1
        12.5.2 12.5.3 12.5.4 12.5.5 13 13.1 13.1.1 13.1.2 13.1.3 13.1.4 13.1.5 13.2 13.2.1 13.2.2
        14 14.1 14.1.1 14.1.2 14.2 14.3 14.4 14.5 14.6 15 15.1 15.2 15.2.1 15.2.2 15.3 15.3.1
        15.3.2 15.3.3 15.3.4 15.3.5 15.3.6 15.3.7 15.3.7.1 15.3.7.2 15.3.7.3 15.4 15.4.1 15.4.2
        15.4.3 15.4.4 15.4.5 15.4.6 15.4.7 15.4.8 15.4.9 15.5 15.5.1 15.5.2 15.5.3 15.5.4 15.5.5
        15.5.6 15.5.7 15.5.8 15.5.9 15.5.10 15.5.11 15.5.12 15.5.13 15.5.14 15.5.15 15.5.16 15.5.17
        15.5.18 15.5.19 15.5.20 15.5.21 15.5.22 15.6 15.6.1 15.6.2 15.6.3 15.6.4 15.6.5 15.6.6 16
        16.1 16.1.1 16.1.2 16.2 16.2.1 16.2.2 16.3 16.3.1 16.3.2 16.3.2.1 16.3.2.2 16.4 16.4.1
        16.4.2 16.5 16.5.1 16.5.2 16.6 16.6.1 16.6.2 16.7 17 17.1 17.2 17.3 17.4 17.5 17.6 17.7
        17.8 17.9 17.10 17.11 17.12 17.13 17.14 17.15 17.16 17.16.1 17.16.2 17.16.3 17.16.4 18 18.1
        18.2 18.3 18.4 18.5 18.6 18.7 18.8 18.9 18.10 19 19.1 19.2""",
    "9112": """
        1 2 2.1 2.2 2.3 3 3.1 3.2 3.2.1 3.2.2 3.2.3 3.2.4 3.3 4 5 5.1 5.2 6 6.1 6.2 6.3 7 7.1 7.2
        7.3 7.4 8 9 10 11""",
    "9211": "1 1.1 2 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 3 4 5 6",
    "9213": "1 1.1 2 2.1 2.2 2.3 2.4 3 3.1 4 5",
    "9651": "1 2 3 3.1 3.1.1 3.1.2 3.2 3.3 3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 3.3.6 3.3.7 3.3.8 4",
    "9875": "1 1.1 2 2.1 2.2 2.2.1 3 4 4.1 5",
    "5861": "1 2 3 3.1 4 4.1 5 6",
    "6585": "1 2 3 4 5 6 7 8",
    "9530": "1 1.1 1.2 1.3 2 3 3.1 4 5 6 6.1 6.2 6.3 6.4 6.5 6.6 6.7 7",
    "3986": "3.3 5 5.2 5.2.1 5.2.2 5.2.3 5.2.4 6 6.2 6.2.1 6.2.2 6.2.2.1 6.2.2.2 6.2.2.3 6.2.3",
    "4647": "1 1.1 1.2 2 2.1 2.2 2.3 3 3.1 3.2 3.3 3.3.1 3.3.2 3.4 3.4.1 4 5 6 7",
    "4918": "5 5.1 5.2 9 9.6 9.6.1 9.8 9.8.3 9.8.4 9.9 9.9.1 9.9.2 9.9.3 9.9.4 10 10.2 10.3",
    "8246": "1 1.1 2 2.1 2.2 3 4",
}  # fmt: skip
CITED = re.compile(r"(?:\b([0-9]{4})\s+(?:#\s*)?)?§([0-9]+(?:\.[0-9]+)*)|§")


def citations(text: str) -> Iterator[tuple[str, str]]:
    """What *text* cites: the number of the RFC, and a section of it.

    A number holds for the sections that follow it in a list; 9111 goes without saying.
    """
    rfc, end = "9111", -1
    for found in CITED.finditer(text):
        listed = re.fullmatch(r"(?:,| and| or|/)\s*(?:#\s*)?", text[end : found.start()])
        rfc = found[1] or (rfc if listed else "9111")
        end = found.end()
        yield rfc, found[2] or "nothing"


def test_citations_are_read() -> None:
    text = "§3 (RFC 9110 §13, §14; 9111 §4.3.2). RFC 5861\n# §3\n# and §4, then §5. A § alone"
    assert list(citations(text)) == [
        ("9111", "3"),
        ("9110", "13"),
        ("9110", "14"),
        ("9111", "4.3.2"),
        ("5861", "3"),
        ("9111", "4"),
        ("9111", "5"),
        ("9111", "nothing"),
    ]


@pytest.mark.parametrize("module", MODULES)
def test_what_is_cited_exists(module: str) -> None:
    cited = set(citations(MODULES[module].read_text("utf-8")))
    assert {
        (rfc, section) for rfc, section in cited if section not in SECTIONS.get(rfc, "").split()
    } == set()


@pytest.mark.parametrize("rfc", ["9110", "9111"])
def test_the_sections_are_those_of_the_text(rfc: str) -> None:
    """Their numbers stand at the beginnings of lines, in order."""
    path = ROOT.parent / "shared" / "rfc" / f"rfc{rfc}.txt"
    if not path.exists():
        pytest.skip("the texts are not here")
    text = path.read_text("utf-8")
    listed = SECTIONS[rfc].split()
    headed = re.findall(r"^([0-9]+(?:\.[0-9]+)*)\. (?=\S)", text, flags=re.MULTILINE)
    assert [section for section in listed if section not in headed] == []
    numbers = [tuple(map(int, section.split("."))) for section in listed]
    assert numbers == sorted(numbers)


# ── what is nowhere ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("module", MODULES)
def test_nothing_can_execute_what_it_reads(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {full.partition(".")[0] for full, _ in imports(module)}
    assert [name for name in sorted(names) if UNSAFE.fullmatch(name)] == []


def test_no_rule_knows_a_test_of_the_suite() -> None:
    """A rule that does is none. One test is named after a directive alone."""
    groups = json.loads(conformance_suite().read_bytes())
    named = {test["id"] for group in groups for test in group["tests"]}
    said = {
        word
        for path in MODULES.values()
        for word in re.findall(r"[\w=-]+", path.read_text("utf-8"))
    }
    assert (named - {"stale-while-revalidate"}) & said == set()


def tracked() -> list[Path]:
    """The files of this tree: those that git knows, or all of a source distribution."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    line = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


TOP = {
    *"wsgicache tests benchmarks docs setup.cfg pyproject.toml README.rst CHANGES.rst".split(),
    "LICENSE",
    "MANIFEST.in",
}


def test_the_top_of_the_tree() -> None:
    """What is there begins with a dot or has a place."""
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_no_path_of_one_machine() -> None:
    machine = re.compile(rb"(?<![\w.:/~$}])/(?:home|root|work|Users|farm)/")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.is_file() and machine.search(path.read_bytes())
    ]
    assert found == []
