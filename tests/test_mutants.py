"""The hunt for mistakes that no test notices: which it makes, and what it says of them."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.mutants import ROOT, mutants


@pytest.mark.parametrize(
    ("code", "mistakes"),
    [
        ("a < b", ["a <= b"]),
        ("a if b and not c else d", ["a if not c else d", "a if b else d", "a if b and c else d"]),
        ("f(a + 1)", ["pass", "f(a - 1)", "f(a + 2)"]),
        ("a = min('one', b) * 2", ["a = max('one', b) * 2", "a = min('on', b) * 2"]),
        ("a = [b for b in c if d]", ["a = [b for b in c]"]),
        ("if a: b = True", ["if not a:", "if a:"]),
        ("for a in b: break", ["for a in b:"]),
        ("def f(a: int = 0): return a", ["def f(a: int=1):"]),
        ("raise E('one')", []),
        ("'one'", []),
        ("a = f'one {b}'", []),
    ],
)
def test_mistakes(code: str, mistakes: list[str]) -> None:
    made = {ast.unparse(tree).partition("\n")[0] for _, tree in mutants("x.py", code)}
    assert made >= set(mistakes)
    assert bool(made) == bool(mistakes)


def test_each_has_a_name_of_its_own_and_leaves_the_next_alone() -> None:
    source = "def f(a):\n    return a == 1 or a == 1\n"
    found = [str(mutant) for mutant, _ in mutants("x.py", source)]
    assert len(found) == len(set(found)) == 6
    assert "x.py f: a == 1 -> a != 1 (2)" in found
    assert all(ast.unparse(tree).count("a ==") >= 1 for _, tree in mutants("x.py", source))


def hunted(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tests.mutants", "--side-by-side", "2", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_mistake_dies_where_a_test_fails() -> None:
    room = "tests/rules/test_dates.py"
    done = hunted("rules/dates.py", "--sample", "2", "--core", room)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 tried: 2 die" in done.stdout


def test_a_mistake_lives_where_none_fails() -> None:
    done = hunted("rules/special.py", "--sample", "2", "--core", "tests/rules/test_dates.py")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count("lives: rules/special.py") == 2
