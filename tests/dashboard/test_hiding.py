"""What of a field a page shows."""

from __future__ import annotations

import pytest

from wsgicache import Policy
from wsgicache.dashboard.hiding import is_secret, shown_value

POLICY = Policy(credentials=("X-Who",))


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        ("Cookie", "a=1; b=2=3", "a=…; b=…"),
        ("cookie", "secret", "…"),
        ("Cookie", "secret; a=", "…; a=…"),
        ("Set-Cookie", "sid=secret; Path=/", "sid=…"),
        ("set-cookie", "secret; a=1", "…"),
        ("Set-Cookie2", "sid=secret", "sid=…"),
        ("Authorization", "Bearer secret", "Bearer …"),
        ("Authorization", "secret", "…"),
        ("Proxy-Authorization", "Basic c2VjcmV0", "Basic …"),
        ("X-API-Key", "one secret", "…"),
        ("x-auth-token", "secret", "…"),
        ("X-Who", "secret", "…"),
        ("Accept-Language", "de", "de"),
        ("Vary", "Cookie", "Cookie"),
    ],
)
def test_what_proves_who_asks_is_not_shown(name: str, value: str, seen: str) -> None:
    assert shown_value(name, value, POLICY) == seen


def test_the_policy_names_secrets_too() -> None:
    assert is_secret("HTTP_X_WHO", POLICY)
    assert not is_secret("HTTP_X_WHO", Policy())
