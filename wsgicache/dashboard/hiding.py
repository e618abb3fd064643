"""What of a field a page shows: not what proves who somebody is.

A page is read by more than its visitor: by who looks on, by a picture of it, and by any script of
the site. So a cookie that browsers keep from scripts must not stand in it.
"""

from __future__ import annotations

from wsgicache.rules.cookies import cookie_name
from wsgicache.rules.credentials import CREDENTIAL_FIELDS
from wsgicache.rules.fields import environ_key
from wsgicache.rules.names import environ_keys
from wsgicache.rules.policy import Policy

__all__ = ["is_secret", "shown_value"]

_SECRETS = frozenset(environ_keys(("Authorization", "Proxy-Authorization", *CREDENTIAL_FIELDS)))
"""The environ keys of fields whose values prove who asks, whatever the policy says of them."""
_WITH_SCHEME = ("HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")


def is_secret(key: str, policy: Policy) -> bool:
    """Return whether the value of the field with the environ *key* proves who asks."""
    return key in _SECRETS or key in policy.field_credentials


def shown_value(name: str, value: str, policy: Policy) -> str:
    """Return of the *value* of the field *name*, in one line, what a page may show."""
    key = environ_key(name)
    if key == "HTTP_COOKIE":
        return "; ".join(map(_cookie, value.split(";")))
    if key in ("HTTP_SET_COOKIE", "HTTP_SET_COOKIE2"):
        return _cookie(value.partition(";")[0])
    if not is_secret(key, policy):
        return value
    scheme, space, _ = value.strip().partition(" ")
    return f"{scheme} …" if space and key in _WITH_SCHEME else "…"


def _cookie(pair: str) -> str:
    # Without "=" it is a value to some, and a name to others.
    return f"{cookie_name(pair)}=…" if "=" in pair else "…"
