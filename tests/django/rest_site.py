"""A project with Django REST framework behind the cache: what its clients get.

It runs by itself, ``python -m tests.django.rest_site FOLDER``, and prints the name of each scene
that went well.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import django
from django.conf import settings
from werkzeug.test import Client

from wsgicache import Policy
from wsgicache.django import get_wsgi_application
from wsgicache.why.audit import audit
from wsgicache.why.doctor import doctor


def set_up(folder: str) -> None:
    """Set Django up, with a database in *folder*, and make two users and some groups."""
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["api.example"],
        ROOT_URLCONF="tests.django.rest_views",
        INSTALLED_APPS=[
            "wsgicache.django",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.staticfiles",
            "rest_framework",
            "rest_framework.authtoken",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.contrib.auth.context_processors.auth"]},
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/api.db"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STATIC_URL="/static/",
        USE_TZ=True,
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework.authentication.TokenAuthentication",
                "rest_framework.authentication.SessionAuthentication",
            ],
            "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
            "PAGE_SIZE": 2,
            "DEFAULT_THROTTLE_RATES": {"anon": "3/hour"},
        },
        WSGICACHE={"POLICY": Policy.django()},
    )
    django.setup()
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    for name in ("anna", "bert"):
        user = User.objects.create_user(name, is_superuser=name == "anna")
        Token.objects.create(user=user, key=f"key-of-{name}")
    for number in range(5):
        Group.objects.create(name=f"group {number}")


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
EVERYDAY = "_ga=GA1.2.3; theme=dark"


def get(path: str, **fields: str) -> Any:
    """What a client gets that sends *fields*."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    client = Client(get_wsgi_application(), use_cookies=False)
    return client.get(path, base_url="http://api.example", headers=headers, buffered=True)


def is_hit(response: Any) -> bool:
    return "; hit" in response.headers["Cache-Status"]


def is_stored(response: Any) -> bool:
    return "; stored" in response.headers["Cache-Status"]


def log_in(name: str) -> str:
    """The Cookie field of a session."""
    from django.contrib.auth.models import User
    from django.test import Client as Inner

    client = Inner()
    client.force_login(User.objects.get(username=name))
    return f"sessionid={client.cookies['sessionid'].value}"


# ── The scenes ─────────────────────────────────────────────────────────────────────────────────


def anonymous_clients_share_what_is_decorated() -> None:
    for one in ("/groups/", "/groups/1/", "/names/", "/above/", "/below/", "/groups/?page=2"):
        first = get(one, Cookie=EVERYDAY)
        assert (first.status_code, is_hit(first), is_stored(first)) == (200, False, True), one
        assert is_hit(get(one)), one
        assert is_hit(get(one, Cookie="_ga=other")), one
        assert get(one).data == first.data
    assert not is_stored(get("/names/1/"))
    assert get("/groups/?page=2").json["results"][0]["name"] == "group 2"
    assert get("/groups/?page=3").json["results"][0]["name"] == "group 4"


def each_type_is_a_variant() -> None:
    page = get("/groups/", Accept=BROWSER)
    assert page.mimetype == "text/html"
    assert "Accept" in page.headers["Vary"]
    assert get("/groups/", Accept="application/json").mimetype == "application/json"
    again = get("/groups/", Accept="application/json")
    assert (is_hit(again), again.mimetype) == (True, "application/json")
    assert get("/groups/", Accept=BROWSER).mimetype == "text/html"
    assert get("/groups/", Accept="text/csv").status_code == 406
    assert not is_stored(get("/groups/", Accept="text/csv"))
    for one, mimetype in (("/groups.json", "application/json"), ("/groups.api", "text/html")):
        assert get(one).mimetype == mimetype, one
        assert get(one).mimetype == mimetype, one
    seen = [get("/above.json", Accept=BROWSER) for _ in range(2)]
    assert [(is_hit(one), one.mimetype) for one in seen] == [
        (False, "application/json"),
        (True, "application/json"),
    ]


def tokens_never_see_the_page_of_another() -> None:
    people = ("anna", "bert")
    for one in ("/me/", "/my-own/", "/me.json", "/my-own.json"):
        for scheme in ("Token", "token"):
            for name in (*people, *people):
                given = get(one, Authorization=f"{scheme} key-of-{name}")
                assert (given.status_code, given.json) == (200, {"name": name}), one
            for refused in (get(one), get(one, Authorization="Token no-key")):
                assert refused.status_code == 401, one
                assert not is_stored(refused)
    for one in ("/me/", "/me.json", "/groups/"):
        given = get(one, Authorization="Token key-of-anna")
        assert not is_hit(given)
        assert not is_stored(given)
    assert is_hit(get("/my-own/", Authorization="Token key-of-anna"))


def sessions_never_see_the_page_of_another() -> None:
    sessions = {name: log_in(name) for name in ("anna", "bert")}
    for one in ("/me/", "/my-own/"):
        for accept in ("application/json", BROWSER):
            for name in (*sessions, *sessions):
                given = get(one, Cookie=f"{EVERYDAY}; {sessions[name]}", Accept=accept)
                other = {"anna": "bert", "bert": "anna"}[name]
                assert name in given.text, one
                assert other not in given.text, one
            assert get(one, Cookie=EVERYDAY, Accept=accept).status_code in (401, 403)
    for name in ("anna", "bert"):
        page = get("/groups/", Cookie=sessions[name], Accept=BROWSER)
        assert name in page.text
        assert "csrfmiddlewaretoken" in page.text or name == "bert"
    page = get("/groups/", Accept=BROWSER)
    assert not re.search("anna|bert", page.text)


def a_write_purges() -> None:
    fields = {"Authorization": "Token key-of-anna"}
    client = Client(get_wsgi_application())
    before = get("/groups/"), get("/groups/")
    assert is_hit(before[1])
    done = client.post(
        "/groups/", base_url="http://api.example", headers=fields, json={"name": "new"}
    )
    assert done.status_code == 201
    assert not is_hit(get("/groups/?page=2"))  # by the group, after COMMIT
    assert not is_hit(get("/groups/"))
    assert not is_hit(get("/groups/1/"))


def a_hit_is_not_throttled_and_a_refusal_is_not_stored() -> None:
    for number in range(3):
        assert get(f"/limited/?{number}").status_code == 200
    refused = get("/limited/?3")
    assert (refused.status_code, is_stored(refused)) == (429, False)
    assert (get("/limited/?1").status_code, is_hit(get("/limited/?1"))) == (200, True)


def an_audit_and_a_doctor_find_nothing() -> None:
    application = get_wsgi_application()
    pages = ["http://api.example/my-own/"]
    assert audit(application, pages, login=log_in("anna")).findings == []
    assert doctor(application).findings == ()


SCENES = (
    anonymous_clients_share_what_is_decorated,
    each_type_is_a_variant,
    tokens_never_see_the_page_of_another,
    sessions_never_see_the_page_of_another,
    a_write_purges,
    a_hit_is_not_throttled_and_a_refusal_is_not_stored,
    an_audit_and_a_doctor_find_nothing,
)


def main() -> None:
    """Play all scenes."""
    set_up(sys.argv[1])
    for scene in SCENES:
        scene()
        print(scene.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    main()
