"""Which controls and which other decorators does a view have, and what does its code mention?"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

from wsgicache.controls.control import Control
from wsgicache.controls.decorators import cache_control, cache_for, cache_groups, cached, vary

__all__ = ["Written", "controls_of", "decorators_of", "mentioned", "parts_of", "written_above"]

_MAKERS: tuple[object, ...] = (cache_control, cache_for, cache_groups, cached, vary)
_SAYING = ("saying", "saying_async")
_METHODS = ("dispatch", "dispatch_request", "get")
"""The methods of a view class by which a GET comes."""
_FRAMEWORKS = ("bottle", "django", "flask", "werkzeug", "wsgicache")
_MOST = 200


def parts_of(view: object) -> list[Any]:
    """Return *view*, and what it wraps, and so on, the outermost first."""
    queue, seen, found = [view], set[int](), list[object]()
    while queue and len(found) <= _MOST:
        one = queue.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            found.append(one)
            queue += _within(one)
    return found


def _within(one: Any) -> Iterator[object]:
    """Yield what *one* may call in place of itself."""
    if isinstance(one, MethodType):
        yield one.__func__
        return
    if isinstance(one, partial):
        yield one.func
        return
    own = getattr(one, "__dict__", {})
    for name in ("view_class", "cls"):
        for method in _METHODS if inspect.isclass(kind := own.get(name)) else ():
            if isinstance(inside := getattr(kind, method, None), FunctionType):
                yield inside
    if callable(inside := own.get("__wrapped__")):
        yield inside
    elif isinstance(one, FunctionType):
        for cell in one.__closure__ or ():
            if isinstance(inside := _content(cell), FunctionType | partial | MethodType):
                yield inside


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _enclosed(part: object) -> dict[str, object]:
    """Return what a function encloses, by name."""
    if not isinstance(part, FunctionType):
        return {}
    cells = part.__closure__ or ()
    return {n: _content(c) for n, c in zip(part.__code__.co_freevars, cells, strict=True)}


def controls_of(view: object) -> list[Control]:
    """Return the controls that decorate *view*, the outermost first."""
    found = []
    for part in parts_of(view):
        own = _enclosed(part).get("self")
        if isinstance(own, Control) and part.__code__.co_name in _SAYING:
            found.append(own)
    return found


def decorators_of(view: object) -> set[str]:
    """Return what decorates *view*, as ``module:name``; Django middleware and mixins, too."""
    found = set()
    for part in parts_of(view):
        if isinstance(part, FunctionType):
            module = part.__globals__.get("__name__", "")
            found.add(f"{module}:{part.__code__.co_qualname.partition('.')[0]}")
        enclosed = _enclosed(part)
        for inside in enclosed.values():
            if (middleware := _enclosed(inside).get("middleware")) is not None:
                found.add(_full_name(type(middleware)))
        given = enclosed.get("decorators")  # of Django's method_decorator
        for one in given if isinstance(given, list | tuple) else [given]:
            if isinstance(one, FunctionType):
                found.add(f"{one.__module__}:{one.__code__.co_qualname.partition('.')[0]}")
            if inspect.isclass(kind := _enclosed(one).get("middleware_class")):
                found.add(_full_name(kind))
        kind = getattr(part, "view_class", None) or getattr(part, "cls", None)
        found.update(map(_full_name, kind.__mro__ if inspect.isclass(kind) else ()))
    return found


def _full_name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__name__}"


# ── what stands above the decorator that registers ─────────────────────────────────────────────


class Written(NamedTuple):
    """A control that decorates a function, as it is written."""

    text: str
    line: int


def written_above(view: object) -> tuple[int, list[Written], CodeType] | None:
    """Return how many controls the source of *view* has above it, and those above anything else.

    With them comes the code of the function. None where nothing is written above it, or its source
    cannot be read.
    """
    for part in reversed(parts_of(view)):
        if not isinstance(part, FunctionType) or part.__code__.co_name in _SAYING:
            continue
        decorators = _decorators(part.__code__)
        are = [_is_control(one, part.__globals__) for one in decorators]
        if not any(are):
            continue
        first = are.index(False) if False in are else 0
        begin = part.__code__.co_firstlineno
        top = [Written(ast.unparse(one), begin + one.lineno - 1) for one in decorators[:first]]
        return sum(are), top, part.__code__
    return None


def _decorators(code: CodeType) -> list[ast.expr]:
    try:
        lines, _ = inspect.getsourcelines(code)
        (node,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, SyntaxError, ValueError):
        return []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
        return node.decorator_list
    return []


def _is_control(decorator: ast.expr, names: dict[str, Any]) -> bool:
    """Return whether *decorator* is a control, or makes one."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    found = _named(named, names)
    return isinstance(found, Control) or any(found is maker for maker in _MAKERS)


def _named(expression: ast.expr, names: dict[str, Any]) -> object:
    """Return what a name, or a name in a module, stands for; None for anything else."""
    if isinstance(expression, ast.Name):
        return names.get(expression.id)
    if isinstance(expression, ast.Attribute):
        outer = _named(expression.value, names)
        return vars(outer).get(expression.attr) if inspect.ismodule(outer) else None
    return None


# ── what code mentions ─────────────────────────────────────────────────────────────────────────


def mentioned(view: object) -> Iterator[str]:
    """Yield the names and texts in the code of *view*, of what it wraps, and of what they name."""
    for part in parts_of(view):
        if isinstance(part, FunctionType):
            yield from _words(part.__code__)
            yield from (name for name in part.__globals__ if not name.startswith("__"))
            for other in list(part.__globals__.values()):
                if str(getattr(other, "__module__", "")).partition(".")[0] in _FRAMEWORKS:
                    continue  # what gives a lifetime there says so in its name
                own = vars(other).values() if inspect.isclass(other) else (other,)
                for function in own:
                    if isinstance(function, FunctionType):
                        yield from _words(function.__code__)


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from (one for one in constant if isinstance(one, str))
