"""The system checks: what is wrong with the settings, before the first request."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from wsgicache.django.door import given_options
from wsgicache.django.hosts import unclear_hosts
from wsgicache.django.options import (
    CHECKS,
    SUBJECT,
    is_shared,
    options_of,
    policy_of,
    routes_of,
    unknown,
)
from wsgicache.django.saving import watched_paths
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.checks import must_be
from wsgicache.why.capacity import CAPACITY, workers
from wsgicache.why.frameworks import FRAMEWORKS
from wsgicache.why.setup import Finding, Setup

__all__ = ["check_for_deployment", "check_settings"]

_OURS = "wsgicache.django"
_WRAPPED = f"{_OURS}.get_wsgi_application()"
_LOCALE = "django.middleware.locale.LocaleMiddleware"
_SHARED = (
    "Each worker has a cache of its own now, and a purge reaches one of them only. Use "
    "'lmdb:///var/cache/mysite'."
)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings, and whether runserver uses the cache."""
    found = [*_wrong_options(), *_not_wrapped()]
    if any(one.level >= Error("").level for one in found):
        return found
    return [*found, *_unclear(), *_diagnosed()]


def check_for_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong for several workers, for ``manage.py check --deploy``."""
    given = getattr(settings, "WSGICACHE", None)
    # If the number of workers is known, check_settings() has said it.
    if not isinstance(given, dict) or is_shared(given) or workers() is not None:
        return []
    kind = "a store that processes share"
    message = must_be("settings.WSGICACHE['STORE']", kind, given.get("STORE", "memory://"))
    return [Warning(message, hint=_SHARED, id="wsgicache.W002")]


# ── the options ────────────────────────────────────────────────────────────────────────────────


def _wrong_options() -> Iterator[CheckMessage]:
    try:
        given = given_options()
        if not isinstance(given, Mapping):
            options_of(given)
    except (ImproperlyConfigured, TypeError) as error:
        hint = "Write WSGICACHE = {} for the defaults."
        yield Error(str(error), hint=hint, id="wsgicache.E001")
        return
    for key in unknown(given):
        message = must_be(f"a key of {SUBJECT}", f"one of {', '.join(CHECKS)}", key)
        (near,) = get_close_matches(str(key).upper(), CHECKS, 1) or [""]
        hint = f"Do you mean {near!r}?" if near else "Keys are written in capitals."
        yield Error(message, hint=hint, id="wsgicache.E002")
    for key in [key for key in CHECKS if key in given]:
        number, check, hint = CHECKS[key]
        try:
            check(given[key])
        except (TypeError, ValueError) as error:
            where = "" if SUBJECT in str(error) else f"{SUBJECT}[{key!r}]: "
            yield Error(f"{where}{error}", hint=hint, id=f"wsgicache.{number}")


# ── wsgi.py ────────────────────────────────────────────────────────────────────────────────────


def _not_wrapped() -> Iterator[CheckMessage]:
    subject = "settings.WSGI_APPLICATION"
    name = getattr(settings, "WSGI_APPLICATION", None)
    imported = _imported(name or "")
    ours = any(one.startswith(_OURS) for one in imported)
    others = [one for one in imported if one.endswith(".CacheMiddleware")]
    write = "Write 'from wsgicache.django import get_wsgi_application' in wsgi.py, in place of "
    if others:
        message = must_be(subject, f"what {_WRAPPED} returned, alone", name)
        hint = f"{write}CacheMiddleware. WSGICACHE, purges and commands know one cache only."
        yield Warning(f"{message}, which has another cache", hint=hint, id="wsgicache.W005")
    elif not ours:
        message = must_be(subject, f"what {_WRAPPED} returned", name)
        hint = f"runserver does not go through the cache. {write}the line that imports Django's."
        yield Warning(message, hint=hint, id="wsgicache.W001")
    if apps.is_installed("daphne") and getattr(settings, "ASGI_APPLICATION", None):
        message = must_be("settings.INSTALLED_APPS", "without daphne", "daphne")
        hint = "runserver of Daphne serves ASGI_APPLICATION, which has no cache in front."
        yield Warning(message, hint=hint, id="wsgicache.W006")


def _imported(name: str, depth: int = 0) -> set[str]:
    """Return what the module of the application *name* imports, by full names; read it only.

    If the application comes from another module, that one counts.
    """
    module, _, attribute = name.rpartition(".")
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin).read_bytes() if spec and spec.origin else b""
        tree = ast.parse(source)
    except (ImportError, ValueError, OSError, SyntaxError):
        return set()
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full)
                if attribute == (alias.asname or alias.name) and depth < 3:
                    found |= _imported(full, depth + 1)
    return {one for one in found if one.partition(".")[0] == "wsgicache"}


# ── other settings ─────────────────────────────────────────────────────────────────────────────


def _unclear() -> Iterator[CheckMessage]:
    if watched_paths() and (unclear := unclear_hosts()):
        kind = "names of hosts for purge_on_save(), without * and dots in front"
        hint = "Name the hosts of visitors in WSGICACHE['HOSTS'], or purge by groups only."
        message = must_be("settings.ALLOWED_HOSTS", kind, unclear)
        yield Warning(message, hint=hint, id="wsgicache.W004")
    policy = policy_of(given_options().get("POLICY", {}))
    if _LOCALE in settings.MIDDLEWARE and not policy.languages:
        kind = "the languages of the site, as LocaleMiddleware is used"
        message = must_be("settings.WSGICACHE['POLICY']['languages']", kind, policy.languages)
        hint = (
            "Browsers send many different values of Accept-Language, and each has a copy of its "
            "own now. Write [code for code, name in LANGUAGES]."
        )
        yield Warning(message, hint=hint, id="wsgicache.W007")


_KINDS = {
    "memory-workers": ("W002", _SHARED),
    "session-each-request": ("W003", ""),
    "session-hidden": ("W008", "Add it to WSGICACHE['POLICY']['only_cookies']."),
    "framework-cache": ("W009", ""),
    "whitenoise-order": ("W010", ""),
    "static-no-cache": ("W011", ""),
    "debug-toolbar": ("W012", "Start with WSGICACHE=off in the environment while you need it."),
    "purge-token": ("W013", "Use what secrets.token_urlsafe() returns."),
}
"""For each kind of findings its id, and a hint where the line to write is not a setting."""


def _diagnosed() -> Iterator[CheckMessage]:
    """Yield what a doctor finds in the settings alone."""
    for finding in _findings():
        number, hint = _KINDS.get(finding.id, ("", ""))
        if number:
            message = f"{finding.what}: {finding.why}"
            hint = hint or f"{finding.line[:1].upper()}{finding.line[1:]}."
            yield Warning(message, hint=hint, id=f"wsgicache.{number}")


def _findings() -> Iterator[Finding]:
    given = given_options()
    cache = CacheMiddleware(
        lambda environ, start_response: [],
        policy=policy_of(given.get("POLICY", {}), settings.DEBUG),
        routes=routes_of(given.get("ROUTES", ())),
        purge_token=given.get("PURGE_TOKEN"),
    )
    setup = Setup(cache)
    vars(setup)["django"] = settings
    for check in (*CAPACITY, *FRAMEWORKS):
        for finding in check(setup):
            is_of_memory = finding.id in ("memory-workers", "max-content")
            if not is_of_memory or not (is_shared(given) or settings.DEBUG):
                yield finding
