"""What frameworks that are loaded say of themselves; none is imported for that."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from wsgicache.rules.policy import Policy

__all__ = ["application_name", "with_their_names"]

_INSIDE = ("application", "app", "wsgi_app", "wsgi")
"""Where what wraps an application usually has it."""
_DEEPEST = 16


def application_name(app: object) -> str:
    """Return a name for *app* that all its processes share and most other applications do not.

    It is made of its module and its name there, or of what its framework has for that.
    """
    for _ in range(_DEEPEST):
        app = getattr(app, "__self__", app) or app
        if isinstance(name := getattr(app, "import_name", None), str):  # Flask, Quart
            return name
        if type(app).__module__.startswith("django."):
            return os.environ.get("DJANGO_SETTINGS_MODULE", "django")
        module, own = getattr(app, "__module__", ""), getattr(app, "__qualname__", None)
        if isinstance(own, str):  # a function or a class
            return f"{module}:{own}"
        inside = [one for name in _INSIDE if callable(one := getattr(app, name, None))]
        if not inside:
            break
        app = inside[0]
    return f"{type(app).__module__}:{type(app).__qualname__}"


_USUAL = "django_language"


def with_their_names(policy: Policy) -> Policy:
    """Return *policy* with the language cookie's name from Django's settings.

    It applies where Django is loaded and configured, and the policy has the usual name.
    """
    conf = sys.modules.get("django.conf")
    settings = getattr(conf, "settings", None)
    if _USUAL not in policy.language_cookies or not getattr(settings, "configured", False):
        return policy
    name = getattr(settings, "LANGUAGE_COOKIE_NAME", _USUAL)
    if name in policy.language_cookies or not isinstance(name, str):
        return policy
    return replace(policy, language_cookies=(*policy.language_cookies, name))
