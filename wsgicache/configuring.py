"""Understand what the configuration of a framework says of the cache, and name its keys in errors.

Each framework has a form of its keys: ``WSGICACHE_STORE`` in Flask, ``wsgicache.store`` in the
files of Pyramid and Bottle.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NamedTuple, TypedDict

from wsgicache.clock import Clock
from wsgicache.controls.control import Control, checked
from wsgicache.controls.routes import Route
from wsgicache.observe.watching import Observer
from wsgicache.origin.background import Runner
from wsgicache.rules.checks import flag, must_be, several
from wsgicache.rules.options import CHECKS
from wsgicache.rules.policy import Policy
from wsgicache.stores import Store, store_from_url

__all__ = [
    "DOTTED", "FLASK", "CacheOptions", "Form", "configured", "controls_of", "naming", "nearest",
    "options_of", "policy_of", "store_of", "unfold",
]  # fmt: skip

_WORDS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


class Form(NamedTuple):
    """How a framework writes the keys of the cache."""

    where: str
    """What has the keys, such as ``app.config``."""
    prefix: str
    """How each key begins."""
    in_policy: str
    """How errors name an option of the policy, with ``{}`` for its name."""

    def key(self, name: str) -> str:
        """Return the key of the option *name*."""
        return self.prefix + (name.upper() if self.prefix.isupper() else name)


FLASK = Form("app.config", "WSGICACHE_", "{} in WSGICACHE_POLICY")
DOTTED = Form("the settings", "wsgicache.", "wsgicache.policy.{}")


class CacheOptions(TypedDict, total=False):
    """The options of `CacheMiddleware`, for what passes them on."""

    store: Store | None
    policy: Policy | None
    clock: Clock | None
    runner: Runner | None
    routes: Iterable[Route]
    purge_token: str | None
    counters: str | os.PathLike[str] | None
    observer: Observer | None


def configured(config: Mapping[str, Any], form: Form, names: Iterable[str]) -> dict[str, Any]:
    """Return those options *names* that *config* has. Raises ValueError for a key that is none."""
    keys = {form.key(name): name for name in names}
    for key in config:
        if key.startswith(form.prefix) and key not in keys:
            kind = f"one of {', '.join(sorted(keys))}"
            message = must_be(f"a key of {form.where} with {form.prefix}", kind, key)
            raise ValueError(message + nearest(key, keys))
    return {name: config[key] for key, name in keys.items() if key in config}


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the end of a message that asks for the name among *known* that is most like *given*.

    It is empty if none is like it.
    """
    names = {name.lower(): name for name in known}
    found = get_close_matches(given.lower(), names, n=1)
    return f": did you mean {names[found[0]]!r}?" if found else ""


def unfold(settings: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Return *settings* with their keys of single options of the policy as one dict of them.

    Where the value is a text, as in a file, it is read: ``true``, ``20``, ``["a", "b"]`` or ``a b``
    are values, as the option takes them.
    """
    begin = f"{form.key('policy')}."
    ours = {key: value for key, value in settings.items() if key.startswith(form.prefix)}
    single = {key: ours.pop(key) for key in tuple(ours) if key.startswith(begin)}
    if not single:
        return ours
    whole = ours.setdefault(form.key("policy"), {})
    if not isinstance(whole, Mapping):
        kind = f"a dict beside {next(iter(single))}"
        raise TypeError(must_be(form.key("policy"), kind, whole))
    given = {key.removeprefix(begin): value for key, value in single.items()}
    read = {name: _read(name, value) for name, value in given.items()}
    return {**ours, form.key("policy"): {**whole, **read}}


def _read(name: str, value: object) -> object:
    """Return the *value* of an option of the policy, of which a file has only the text."""
    check = CHECKS.get(name)
    if check is None or not isinstance(value, str):
        return value
    if check is flag:
        return _WORDS.get(value.lower(), value)
    candidates: list[object] = [value.split(), value]
    with suppress(ValueError):
        candidates.insert(0, json.loads(value))
    for one in candidates:
        try:
            check(name, one)
        except (TypeError, ValueError):
            continue
        return one
    return value


def options_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `CacheMiddleware` that *settings* have, in keys with dots.

    The policy is `Policy()` with the options that are there. Raises TypeError or ValueError for a
    wrong key, or for a wrong value of the store and the policy.
    """
    ours = unfold(settings, DOTTED)
    options = configured(ours, DOTTED, CacheOptions.__annotations__)
    try:
        if "store" in options:
            options["store"] = store_of(options["store"])
        if "policy" in options:
            options["policy"] = policy_of(options["policy"])
    except (TypeError, ValueError) as error:
        raise type(error)(naming(str(error), ours, DOTTED)) from None
    return options


def controls_of(subject: str, given: object) -> tuple[Control, ...]:
    """Return *given*, a control or a list of them. Raises TypeError."""
    if isinstance(given, Control):
        return (given,)
    return several(subject, given, checked, "[never_cache]")


def store_of(given: Any) -> Any:
    """Return the store *given*, which may be a URL."""
    return store_from_url(given) if isinstance(given, str) else given


def policy_of(given: Any, debug: bool = False) -> Policy:
    """Return the policy *given*, or `Policy` with the options in it, in any case."""
    if isinstance(given, Policy):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(must_be("policy", "a Policy, or a dict of its options", given))
    changes: dict[str, Any] = {"debug": True} if debug else {}
    for name, value in (given or {}).items():
        if str(name).lower() not in CHECKS:  # environments may have capital letters only
            kind = "the name of an option of Policy, such as 'sort_query'"
            message = must_be("a key of policy", kind, name)
            raise ValueError(message + nearest(str(name), CHECKS))
        changes[name.lower()] = value
    return Policy(**changes)


def naming(message: str, config: Mapping[str, Any], form: Form) -> str:
    """Return *message*, which names an option, with the key of *config* that has this option."""
    if "the URL of a store" in message:
        return message.replace("the URL of a store", f"the URL in {form.key('store')}", 1)
    option = re.match(r"(each of )?Policy\.(\w+)", message)
    if option is not None:
        named = form.in_policy.format(option[2])
        return f"{option[1] or ''}{named}{message[option.end() :]}"
    subject, verb, rest = message.partition(" must be ")
    *before, name = subject.split(" ")
    key = form.key(name)
    return " ".join((*before, key)) + verb + rest if key in config else message
