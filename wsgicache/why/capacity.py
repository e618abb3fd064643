"""Do the workers share a store, does that hold what the policy stores, is its purge guarded?"""

from __future__ import annotations

import ast
import operator
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any

from wsgicache.stores import Store
from wsgicache.stores.memory import MemoryStore
from wsgicache.why.layers import is_a
from wsgicache.why.setup import Finding, Setup, found

__all__ = ["CAPACITY", "keeps_in_process", "workers"]

_SHARED = 'CacheMiddleware(app, store=store_from_url("lmdb:///var/cache/myapp"))'
_PAGES_OF_LMDB = 0.6
"""The part of its file that an LMDBStore fills."""
_LEAST_DIFFERENT = 5
"""Fewer different characters are no random token of 16 or more."""
_DEFAULT_ROOM = 64 << 20


# ── workers ────────────────────────────────────────────────────────────────────────────────────


def keeps_in_process(store: Store | None) -> bool:
    """Return whether *store* is in the memory of each process."""
    return isinstance(store, MemoryStore)


def workers() -> tuple[str, int] | None:
    """Return what says how many workers the server has, and how many; None if nothing does.

    What gunicorn and uWSGI read by themselves counts: the environment, a configuration in the
    current folder, and uWSGI around this process.
    """
    for told in (_of_gunicorn_arguments, _of_gunicorn_file, _of_environment, _of_uwsgi):
        if (number := told()) is not None:
            return number
    return None


def _of_gunicorn_arguments() -> tuple[str, int] | None:
    try:
        words = shlex.split(os.environ.get("GUNICORN_CMD_ARGS", ""))
    except ValueError:
        return None
    for place, word in enumerate(words):
        found = re.fullmatch(r"(?:--workers=|-w=?)(\d+)", word)
        number = found[1] if found else ""
        if word in ("-w", "--workers"):
            number = "".join(words[place + 1 : place + 2])
        if number.isdecimal():
            return "GUNICORN_CMD_ARGS", int(number)
    return None


def _of_gunicorn_file() -> tuple[str, int] | None:
    try:
        tree = ast.parse(Path("gunicorn.conf.py").read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    number = None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(one, ast.Name) and one.id == "workers" for one in targets):
            number = _number(getattr(node, "value", None))
    return None if number is None else ("gunicorn.conf.py", number)


_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def _number(node: ast.expr | None) -> int | None:
    """Return the whole number that *node* is, as far as it can be known without running it."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
        return int(text) if text.isdecimal() else None
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _number(node.left), _number(node.right)
        if left is None or right is None or (right == 0 and isinstance(node.op, ast.FloorDiv)):
            return None
        return _OPERATORS[type(node.op)](left, right)
    if not isinstance(node, ast.Call):
        return None
    called = ast.unparse(node.func).rpartition(".")[2]
    if called == "cpu_count":
        return os.cpu_count()
    if called == "int" and len(node.args) == 1:
        return _number(node.args[0])
    if ast.unparse(node.func) in ("os.environ.get", "os.getenv", "environ.get", "getenv"):
        name = node.args[0] if node.args else None
        if isinstance(name, ast.Constant) and str(name.value) in os.environ:
            return _number(ast.Constant(os.environ[str(name.value)]))
        return _number(node.args[1]) if len(node.args) == 2 else None
    return None


def _of_environment() -> tuple[str, int] | None:
    for name in ("WEB_CONCURRENCY", "UWSGI_PROCESSES", "UWSGI_WORKERS", "GRANIAN_WORKERS"):
        if os.environ.get(name, "").isdecimal():
            return name, int(os.environ[name])
    return None


def _of_uwsgi() -> tuple[str, int] | None:
    running = getattr(sys.modules.get("uwsgi"), "numproc", None)
    if isinstance(running, int):
        return "uWSGI", running
    parser = ConfigParser(strict=False, interpolation=None, comment_prefixes=(";", "#"))
    try:
        parser.read("uwsgi.ini", "utf-8")
    except (Error, OSError, ValueError):
        return None
    for name in ("processes", "workers", "p"):
        number = parser.get("uwsgi", name, fallback="")
        if number.isdecimal():
            return "uwsgi.ini", int(number)
    return None


def _workers(setup: Setup) -> Iterator[Finding]:
    store, told = setup.store, workers()
    if told is None or told[1] < 2 or setup.store_is_for_debugging:
        return
    what = f"{told[0]} says {told[1]} workers"
    if keeps_in_process(store):
        yield found("memory-workers", f"{what}, and each has a MemoryStore of its own", _SHARED)
    elif not getattr(store, "is_atomic", True):
        kind = type(store).__name__
        what = f"{what}, and the {kind} may lose one of two changes at once"
        yield found("lost-updates", what, _SHARED)


# ── budgets ────────────────────────────────────────────────────────────────────────────────────


def _budgets(setup: Setup) -> Iterator[Finding]:
    if setup.store is None or setup.store_is_for_debugging:
        return
    most = setup.policy.max_content
    whose, room = _room_of(setup.store)
    if room is not None and most > room:
        yield found(
            "max-content",
            f"max_content is {most} bytes, but {whose} has room for {room}",
            f"Policy(max_content={room // 4}), or a larger max_bytes",
        )
        return
    collecting = setup.policy.max_collecting
    budget = getattr(setup.store, "max_bytes", _DEFAULT_ROOM)
    given = collecting is not None
    largest = collecting if collecting is not None else budget
    if most > largest:
        whose = f"max_collecting is {largest}" if given else f"{largest} are collected at most"
        yield found(
            "max-content",
            f"max_content is {most} bytes, but {whose}",
            f"Policy(max_content={most}, max_collecting={4 * most})",
        )


def _room_of(store: Any) -> tuple[str, int | None]:
    """Return what holds pages in *store*, and how many bytes those may have; None if unknown."""
    if isinstance(store, MemoryStore):
        return f"MemoryStore(max_bytes={store.max_bytes})", store.max_bytes
    shared = store.shared if is_a(store, "wsgicache.stores.tiered", "TieredStore") else store
    if is_a(shared, "wsgicache.stores.lmdb", "LMDBStore"):
        (node,) = (of.node for of in shared._nodes.values())
        most = node.share * 16  # its file is not opened for that
        return f"LMDBStore(max_bytes={most})", int(most * _PAGES_OF_LMDB)
    return "", None


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────

_GUESSED = re.compile(
    r"(?:[-_ .]?(?:change|this|me|my|the|a|your|please|it|not|so|very|super|secret|purge|token|"
    r"cache|wsgicache|password|passwd|key|test|example|default|dev|insecure|[0-9]))+",
    re.IGNORECASE,
)
"""Nothing but words of placeholders, and digits."""


def _tokens(setup: Setup) -> Iterator[Finding]:
    token = None if setup.cache is None else setup.cache._purge_token
    if token is None:
        return
    secrets = [flask.config.get("SECRET_KEY") for flask in setup.flasks]
    secrets += [] if setup.django is None else [setup.django.SECRET_KEY]
    line = "purge_token=os.environ[…], with what this prints: python -c "
    line += "'import secrets; print(secrets.token_urlsafe())'"
    if token in secrets:
        what = "purge_token is the SECRET_KEY of the application, and goes out with each PURGE"
        yield found("purge-token", what, line)
    elif len(set(token)) < _LEAST_DIFFERENT or token in "0123456789abcdefghijklmnopqrstuvwxyz":
        yield found("purge-token", "purge_token is a few characters, or a row of them", line)
    elif _GUESSED.fullmatch(token):
        yield found("purge-token", "purge_token has only words that stand for a token", line)


CAPACITY = (_workers, _budgets, _tokens)
