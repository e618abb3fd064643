"""What is taken from frameworks that are loaded."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from django.core.handlers.wsgi import WSGIHandler
from flask import Flask

from wsgicache import Policy
from wsgicache.frameworks import application_name, with_their_names


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


SETTINGS = {
    "configured": True,
    "SESSION_COOKIE_NAME": "sid",
    "CSRF_COOKIE_NAME": "csrftoken",
    "LANGUAGE_COOKIE_NAME": None,
    "JWT_AUTH_COOKIE": "jwt",
    "OSCAR_BASKET_COOKIE_OPEN": "basket",
    "OSCAR_BASKET_COOKIE_LIFETIME": 604800,
    "SESSION_COOKIE_PATH": "/",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_DOMAIN": "example.org",
}


@pytest.mark.parametrize(
    ("policy", "config", "more"),
    [
        (Policy.django(), None, ("sid", "jwt", "basket")),
        (Policy.django("theme"), {"SESSION_COOKIE_NAME": "of-flask"}, ("sid", "jwt", "basket")),
        (Policy.flask(), None, ()),
        (Policy.flask(), {"SESSION_COOKIE_NAME": "s2", "X": "y", 5: "z"}, ("s2",)),
        (
            Policy.flask(),
            {"JWT_ACCESS_COOKIE_NAME": "access", "SESSION_COOKIE_NAME": ""},
            ("access",),
        ),
        (Policy(only_cookies=("theme",)), {"SESSION_COOKIE_NAME": "s2"}, ()),
    ],
)
def test_the_only_cookies_are_also_those_that_the_framework_names(
    monkeypatch: pytest.MonkeyPatch,
    policy: Policy,
    config: dict[object, str] | None,
    more: tuple[str, ...],
) -> None:
    conf = SimpleNamespace(settings=SimpleNamespace(**SETTINGS))
    monkeypatch.setattr(sys, "modules", {**sys.modules, "django.conf": conf})
    made = Wrapping("app", app)
    if config is not None:
        vars(made)["config"] = config
    named = with_their_names(policy, Wrapping("wsgi_app", made))
    assert named.only_cookies is not None
    assert sorted(named.only_cookies) == sorted((*(policy.only_cookies or ()), *more))
    assert with_their_names(Policy(), made).only_cookies is None


def app(environ: object, start_response: object) -> list[bytes]:
    return []


class Wrapping:
    """A middleware that keeps what it wraps where *name* says."""

    def __init__(self, name: str, inside: object) -> None:
        setattr(self, name, inside)

    def __call__(self, environ: object, start_response: object) -> list[bytes]:
        return []


OWN = "tests.test_frameworks:app"


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (app, OWN),
        (Wrapping("app", app), OWN),
        (Wrapping("application", Wrapping("wsgi_app", app)), OWN),
        (Wrapping("app", app).__call__, OWN),
        (Wrapping("app", "no application"), "tests.test_frameworks:Wrapping"),
        (Flask("shop").wsgi_app, "shop"),
        (Flask("shop"), "shop"),
        (Wrapping("app", Flask("blog")), "blog"),
        (WSGIHandler.__new__(WSGIHandler), "shop.settings"),
    ],
)
def test_the_name_of_an_application(
    monkeypatch: pytest.MonkeyPatch, made: object, name: str
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
    assert application_name(made) == name


def test_an_application_that_wraps_itself_has_a_name() -> None:
    own = Wrapping("app", None)
    vars(own)["app"] = own
    assert application_name(own) == "tests.test_frameworks:Wrapping"
