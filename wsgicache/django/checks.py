"""The system checks: what is wrong with the settings, before the first request."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from wsgicache.django.door import given_options
from wsgicache.django.options import CHECKS, SUBJECT, is_shared, options_of, unknown
from wsgicache.django.saving import unknown_hosts
from wsgicache.rules.checks import must_be

__all__ = ["check_for_deployment", "check_settings"]

_WRAPPED = "wsgicache.django.get_wsgi_application()"


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with ``settings.WSGICACHE``, and whether runserver uses the cache."""
    return list(_found())


def check_for_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong for several workers, for ``manage.py check --deploy``."""
    given = getattr(settings, "WSGICACHE", None)
    if not isinstance(given, dict) or is_shared(given):
        return []
    kind = "a store that processes share"
    message = must_be("settings.WSGICACHE['STORE']", kind, given.get("STORE", "memory://"))
    hint = "Each worker has a cache of its own now, and a purge reaches one of them only. Use "
    return [Warning(message, hint=f"{hint}'lmdb:///var/cache/mysite'.", id="wsgicache.W002")]


def _found() -> Iterator[CheckMessage]:
    yield from _wrong_options()
    name = getattr(settings, "WSGI_APPLICATION", None)
    if not _is_wrapped(name):
        subject = "settings.WSGI_APPLICATION"
        message = must_be(subject, f"what {_WRAPPED} returned", name)
        hint = (
            "runserver does not go through the cache. Write 'from wsgicache.django import "
            "get_wsgi_application' in wsgi.py, in place of the line that imports Django's."
        )
        yield Warning(message, hint=hint, id="wsgicache.W001")
    if unclear := unknown_hosts():
        kind = "names of hosts for purge_on_save(), without * and dots in front"
        hint = "Name the hosts of visitors in WSGICACHE['HOSTS'], or purge by groups only."
        message = must_be("settings.ALLOWED_HOSTS", kind, unclear)
        yield Warning(message, hint=hint, id="wsgicache.W004")
    if getattr(settings, "SESSION_SAVE_EVERY_REQUEST", False):
        message = must_be("settings.SESSION_SAVE_EVERY_REQUEST", "False", True)
        hint = "Every response to a visitor with a session sets a cookie, so none is stored."
        yield Warning(message, hint=hint, id="wsgicache.W003")


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
        yield Error(message, hint="Keys are written in capitals.", id="wsgicache.E002")
    for key in [key for key in CHECKS if key in given]:
        number, check, hint = CHECKS[key]
        try:
            check(given[key])
        except (TypeError, ValueError) as error:
            where = "" if SUBJECT in str(error) else f"{SUBJECT}[{key!r}]: "
            yield Error(f"{where}{error}", hint=hint, id=f"wsgicache.{number}")


def _is_wrapped(name: str | None) -> bool:
    """Return whether the module of the application *name* imports wsgicache; read it only."""
    try:
        spec = importlib.util.find_spec((name or "").rpartition(".")[0])
        source = Path(spec.origin).read_bytes() if spec and spec.origin else b""
        tree = ast.parse(source)
    except (ImportError, ValueError, OSError, SyntaxError):
        return False
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return "wsgicache" in named
