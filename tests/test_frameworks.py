"""What is taken from frameworks that are loaded."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from wsgicache import Policy
from wsgicache.frameworks import with_their_names


@pytest.mark.parametrize(
    ("settings", "policy", "names"),
    [
        (None, Policy(), ("django_language",)),
        ({"configured": False, "LANGUAGE_COOKIE_NAME": "lang"}, Policy(), ("django_language",)),
        (
            {"configured": True, "LANGUAGE_COOKIE_NAME": "lang"},
            Policy(),
            ("django_language", "lang"),
        ),
        (
            {"configured": True, "LANGUAGE_COOKIE_NAME": "django_language"},
            Policy(),
            ("django_language",),
        ),
        ({"configured": True, "LANGUAGE_COOKIE_NAME": None}, Policy(), ("django_language",)),
        ({"configured": True, "LANGUAGE_COOKIE_NAME": "lang"}, Policy.rfc(), ()),
        ({"configured": True}, Policy(language_cookies=("mine",)), ("mine",)),
    ],
)
def test_the_cookie_of_the_language_as_django_calls_it(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object] | None,
    policy: Policy,
    names: tuple[str, ...],
) -> None:
    conf = None if settings is None else SimpleNamespace(settings=SimpleNamespace(**settings))
    loaded: dict[str, object] = {**sys.modules, "django.conf": conf}
    monkeypatch.setattr(sys, "modules", loaded)
    assert with_their_names(policy).language_cookies == names
