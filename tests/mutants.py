"""What no test would notice: ``python -m tests.mutants [MODULE ...] [--sample 200]``.

Each mutant is a module of the package with one small mistake in it. It dies where a test fails: one
of the tests of its module, or else one of the core set. What lives needs a row in a test, or a
reason in ``equivalent.txt``. The exit code is the number of those that have neither.

Mutants are only in memory: each in a process of its own, forked before the package is imported.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = "wsgicache"

WALK = ("middleware.py", "keeper.py", "origin/forward.py", "origin/exchange.py")
"""The modules beside the rules."""
CORE = (
    "tests/test_middleware.py",
    "tests/rfc9111",
    "tests/test_partial.py",
    "tests/origin/test_exchange.py",
    "tests/origin/test_stale.py",
    "tests/origin/test_background.py",
    "tests/test_bodies.py",
    "tests/test_composition.py",
    "tests/test_policies.py",
    "tests/controls/test_controls.py",
    "tests/attacks/test_confidentiality.py",
    "tests/attacks/test_headers.py",
    "tests/attacks/test_faults.py",
    "tests/rules",
    "tests/games/test_properties.py",
    "tests/test_switch.py",
    "tests/attacks/test_echoes.py",
    "tests/docs/test_pages.py",
)
"""What a mutant meets that the tests of its module let live, the likeliest first."""
LIMIT = 600.0
"""Seconds after which the tests of a mutant hang, which is a failure."""
LOADED = "pytest hypothesis.strategies werkzeug.test werkzeug.middleware.lint http_sf click".split()
"""What every process would import, and may as well have from the first."""


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mistaken(node: ast.AST) -> Iterator[ast.AST]:
    """What might stand by mistake where *node* stands."""
    match node:
        case ast.Compare(left, [operator], comparators):
            yield ast.Compare(left, [swapped(operator)], comparators)
        case ast.BoolOp(operator, values):
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in SWAPPED:
            yield ast.BinOp(left, swapped(operator), right)
        case ast.Break() | ast.Continue():
            yield swapped(node)
        case ast.Call(ast.Name(name), arguments, keywords) if name in CALLED:
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), arguments, keywords)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(str(value)):
            yield ast.Constant(value[:-1] or "?")
        case ast.Expr(ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.comprehension(target, iterated, [_, *_], is_async):
            yield ast.comprehension(target, iterated, [], is_async)
        case ast.If(test, body, otherwise) if is_plain(test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, otherwise)
        case ast.IfExp(test, body, otherwise) if is_plain(test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, otherwise)


def swapped(operator: ast.AST) -> Any:
    return SWAPPED[type(operator)]()


def is_plain(test: ast.expr) -> bool:
    """Whether no other mistake would negate it."""
    return isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr | ast.Subscript)


def is_silent(node: ast.AST) -> bool:
    """What is for people or for type checkers, not for tests: messages, docstrings, annotations."""
    match node:
        case ast.Raise() | ast.JoinedStr() | ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(ast.Constant()):
            return True
        case ast.Assign([ast.Name("__all__")]):
            return True
        case ast.If(ast.Name("TYPE_CHECKING")):
            return True
        case ast.Call(ast.Attribute(_, "_report" | "report")) | ast.keyword("maxsize"):
            return True
    return False


class Mutant(NamedTuple):
    """A mistake, told without line numbers, so that it keeps its name while lines move."""

    module: str
    """Its path in the package."""
    scope: str
    """The class and function."""
    before: str
    after: str
    repeated: int
    """How many of the same stand before it in the scope."""

    def __str__(self) -> str:
        again = f" ({self.repeated + 1})" if self.repeated else ""
        return f"{self.module} {self.scope}: {self.before} -> {self.after}{again}"


def mutants(module: str, source: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Every mutant of *source* with its tree, which is that until the next one is asked for."""
    tree = ast.parse(source)
    told: Counter[Mutant] = Counter()

    def visit(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[Mutant, ast.Module]]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            scope = (*scope, node.name)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            children = value if isinstance(value, list) else [value]
            for place, child in enumerate(children):
                if not isinstance(child, ast.AST) or is_silent(child):
                    continue
                for other in mistaken(child):
                    one = Mutant(module, ".".join(scope), shown(child), shown(other), 0)
                    replace(node, field, place, ast.fix_missing_locations(located(other, child)))
                    yield one._replace(repeated=told[one]), tree
                    told[one] += 1
                    replace(node, field, place, child)
                yield from visit(child, scope)

    return visit(tree, ())


def located(other: ast.AST, child: ast.AST) -> ast.AST:
    return ast.copy_location(copy.copy(other), child) if hasattr(child, "lineno") else other


def replace(node: ast.AST, field: str, place: int, child: ast.AST) -> None:
    value = getattr(node, field)
    if isinstance(value, list):
        value[place] = child
    else:
        setattr(node, field, child)


def shown(node: ast.AST) -> str:
    """The first line of *node* as code."""
    return ast.unparse(node).partition("\n")[0]


# ── one mutant, in a process of its own ───────────────────────────────────────────────────────


class Finder(importlib.abc.MetaPathFinder):
    """Finds one module of the package as *tree* has it."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path = name, path
        self.code = compile(tree, str(path), "exec", dont_inherit=True)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's, or None for any other."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(
            name, self.path, loader=Loader(name, str(self.path), self.code)
        )


class Loader(importlib.machinery.SourceFileLoader):
    """Loads what was compiled before."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        """The mutant's."""
        return self.code


def start(module: str, tree: ast.Module, tests: Sequence[str]) -> int:
    """Run *tests* with that *tree* for *module*, up to the first failure; the process."""
    path = ROOT / PACKAGE / module
    name = ".".join((PACKAGE, *Path(module).with_suffix("").parts))
    finder = Finder(name, path, tree)  # here, since the tree changes
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(quiet, stream)
        sys.meta_path.insert(0, finder)
        import pytest

        # pytest would write the asserts of the package anew, and so load it past the finder.
        options = "-x -q -p no:cacheprovider --no-header --assert=plain".split()
        code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


def rooms(module: str) -> list[str]:
    """The tests of a module: those that mirror it, if there are any."""
    path = Path(module)
    mirror = Path("tests") / path.with_name(f"test_{path.name}")
    return [str(mirror)] if (ROOT / mirror).exists() else []


class Lives(NamedTuple):
    """Which mutants live, of how many."""

    tried: int
    mutants: list[Mutant]
    hung: list[Mutant]


def hunt(chosen: Sequence[tuple[str, int]], core: Sequence[str], side_by_side: int) -> Lives:
    """Run the tests against each of the mutants that are *chosen*, by module and number."""
    living: list[Mutant] = []
    hung: list[Mutant] = []
    at_work: dict[int, tuple[Mutant, int, list[list[str]], float]] = {}

    def begin(mutant: Mutant, number: int, stages: list[list[str]]) -> None:
        source = (ROOT / PACKAGE / mutant.module).read_text("utf-8")
        for place, (_, tree) in enumerate(mutants(mutant.module, source)):
            if place == number:
                process = start(mutant.module, tree, stages[0])
                at_work[process] = mutant, number, stages[1:], time.monotonic()
                return

    def await_one() -> None:
        process, status = os.waitpid(-1, os.WNOHANG)
        late = [one for one, (*_, began) in at_work.items() if time.monotonic() - began > LIMIT]
        for one in late:
            hung.append(at_work[one][0])
            with suppress(ProcessLookupError):
                os.killpg(one, signal.SIGKILL)
        if not process:
            time.sleep(0.01)
            return
        mutant, number, stages, _ = at_work.pop(process)
        if status == 0 and stages:
            begin(mutant, number, stages)
        elif status == 0:
            living.append(mutant)
            print(f"lives: {mutant}", flush=True)

    for module, number in chosen:
        while len(at_work) >= side_by_side:
            await_one()
        begin(named(module)[number], number, [*filter(None, [rooms(module)]), list(core)])
    while at_work:
        await_one()
    return Lives(len(chosen), living, hung)


def check_without(module: str, core: Sequence[str]) -> None:
    """Raise RuntimeError unless all tests pass where *module* has no mistake in it."""
    tree = ast.parse((ROOT / PACKAGE / module).read_text("utf-8"))
    _, status = os.waitpid(start(module, tree, [*rooms(module), *core]), 0)
    if status:
        raise RuntimeError(f"the tests fail without a mistake in {module}, too")


def named(module: str) -> list[Mutant]:
    """The mutants of a module."""
    source = (ROOT / PACKAGE / module).read_text("utf-8")
    return [mutant for mutant, _ in mutants(module, source)]


def equivalent() -> dict[str, str]:
    """The mutants that no test can notice, each with the reason."""
    found, reason = {}, ""
    for line in (ROOT / "tests" / "equivalent.txt").read_text("utf-8").splitlines()[1:]:
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            found[line] = reason
    return found


# ── all of them ───────────────────────────────────────────────────────────────────────────────


def modules() -> list[str]:
    """The rules, and the walk."""
    rules = sorted((ROOT / PACKAGE / "rules").glob("*.py"))
    return [*(f"rules/{path.name}" for path in rules), *WALK]


def main(arguments: list[str] | None = None) -> int:
    """Hunt; say which mutants live for no known reason. Their number."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="like rules/storing.py, and any other"
    )
    parser.add_argument("--sample", type=int, metavar="COUNT", help="so many of them, by chance")
    parser.add_argument("--core", nargs="*", metavar="PATH", help="tests instead of the core set")
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1, metavar="COUNT")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.modules if not (ROOT / PACKAGE / name).is_file()]:
        parser.error(f"no module is called {', '.join(unknown)}")
    every = {module: named(module) for module in given.modules or modules()}
    numbered = [(module, number) for module, all in every.items() for number in range(len(all))]
    known = equivalent()
    reasons = {name for name in known if name.partition(" ")[0] in every}
    gone = reasons - {str(mutant) for all in every.values() for mutant in all}
    chosen = [one for one in numbered if str(every[one[0]][one[1]]) not in known]
    if given.sample is not None:
        chosen = sorted(random.sample(chosen, min(given.sample, len(chosen))))
    for name in LOADED:
        importlib.import_module(name)
    core = given.core or CORE
    check_without(chosen[0][0], core)
    found = hunt(chosen, core, given.side_by_side)
    for name in sorted(gone):
        print(f"a reason for no mutant: {name}")
    killed = found.tried - len(found.mutants)
    print(
        f"{len(numbered)} mutants, {found.tried} tried: {killed} die ({len(found.hung)} hang), "
        f"{len(found.mutants)} live; {len(reasons) - len(gone)} change nothing"
    )
    return len(found.mutants) + len(gone)


if __name__ == "__main__":
    sys.exit(min(main(), 100))
