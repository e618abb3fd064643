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
