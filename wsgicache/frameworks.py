"""What frameworks that are loaded say of themselves; none is imported for that."""

from __future__ import annotations

import sys
from dataclasses import replace

from wsgicache.rules.policy import Policy

__all__ = ["with_their_names"]

_USUAL = "django_language"


def with_their_names(policy: Policy) -> Policy:
    """*policy* with the name that Django's settings give the cookie of the language, if Django is
    loaded and configured and the policy has the usual one."""
    conf = sys.modules.get("django.conf")
    settings = getattr(conf, "settings", None)
    if _USUAL not in policy.language_cookies or not getattr(settings, "configured", False):
        return policy
    name = getattr(settings, "LANGUAGE_COOKIE_NAME", _USUAL)
    if name in policy.language_cookies or not isinstance(name, str):
        return policy
    return replace(policy, language_cookies=(*policy.language_cookies, name))
