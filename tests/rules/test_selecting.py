"""Which request fields select although no Vary names them, and what Vary then says of a part."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.controls.declaring import view
from tests.rules.messages import RFC, SAFE, asked, rows
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy, never_cache
from wsgicache.rules.fields import environ_key
from wsgicache.rules.selecting import fragment_fields


@pytest.mark.parametrize(
    ("one", "other", "same"),
    rows(
        ("X-Forwarded-Host", {"x_forwarded_host": "a"}, {"x_forwarded_host": "b"}, False),
        ("X-Forwarded-Proto", {"x_forwarded_proto": "https"}, {}, False),
        ("X-Forwarded-Scheme", {"x_forwarded_scheme": "https"}, {}, False),
        ("X-Forwarded-Port", {"x_forwarded_port": "1"}, {}, False),
        ("X-Forwarded-Prefix", {"x_forwarded_prefix": "/a"}, {}, False),
        ("X-Host", {"x_host": "a"}, {}, False),
        ("X-Forwarded-For", {"x_forwarded_for": "192.0.2.1"}, {}, True),
        ("7239 Forwarded host", {"forwarded": "host=a"}, {"forwarded": "host=b"}, False),
        (
            "7239 Forwarded proto",
            {"forwarded": 'for=x;Proto="https"'},
            {"forwarded": "for=x"},
            False,
        ),
        ("7239 Forwarded for", {"forwarded": "for=a;host=h"}, {"forwarded": "for=b;host=h"}, True),
        ("7239 Forwarded for alone", {"forwarded": "for=a"}, {}, True),
        ("7239 §4 white space before it", {"forwarded": "\tfor=a"}, {"forwarded": "\tfor=b"}, True),
        ("7239 §4 a Forwarded that is none", {"forwarded": "for a"}, {"forwarded": "for b"}, False),
        ("7239 another field like it", {"x_host": "for=a"}, {"x_host": "for=b"}, False),
    ),
)
def test_what_proxies_say_selects(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (asked(**one).forwarded == asked(**other).forwarded) is same


@pytest.mark.parametrize(
    ("cookie", "policy", "selects"),
    [
        ("django_language=de", SAFE, ("django_language=de",)),
        ("sid=1; django_language=de; a=b", SAFE, ("django_language=de",)),
        (
            "django_language=de; django_language=fr",
            SAFE,
            ("django_language=de", "django_language=fr"),
        ),
        ("my_django_language=de", SAFE, None),
        ("sid=django_language=de", SAFE, None),
        ("sid=1;\tdjango_language=de", SAFE, ("django_language=de",)),
        ("django_language\t=de", SAFE, ("django_language\t=de",)),
        ("lang=de", Policy(language_cookies=("lang",)), ("lang=de",)),
        ("lang=de", Policy(language_cookies=("lang", "locale")), ("lang=de",)),
        ("django_language=de", Policy(ignore_cookies=("django_*",)), None),
        ("django_language=de", RFC, None),
    ],
)
def test_a_cookie_that_chooses_the_language_selects(
    cookie: str, policy: Policy, selects: tuple[str, ...] | None
) -> None:
    assert asked(cookie=cookie, policy=policy).forwarded == selects


def test_what_a_proxy_forwards_selects_beside_the_language() -> None:
    one = asked(cookie="django_language=de", x_forwarded_host="a")
    other = asked(cookie="django_language=fr", x_forwarded_host="a")
    assert one.forwarded != other.forwarded
    assert one.forwarded != asked(cookie="django_language=de", x_forwarded_host="b").forwarded


# ── what Vary then says of a part ────────────────────────────────────────────────────────────────

PART: dict[str, Any] = {"hx_request": "true", "hx_target": "list"}
PAGE: dict[str, Any] = {"cache_control": "public, max-age=60"}


FRAGMENTS = """
    HX-Request HX-Boosted HX-Target HX-Trigger HX-Trigger-Name HX-Current-URL HX-Prompt
    HX-History-Restore-Request HX-Preloaded Turbo-Frame Turbo-Visit X-Turbo-Request-Id X-Turbolinks
    Turbolinks-Referrer X-Hotwire-Frame X-XHR-Referer X-Requested-With X-PJAX X-PJAX-Container
    X-PJAX-Version X-Up-Version X-Up-Target X-Up-Fail-Target X-Up-Mode X-Up-Fail-Mode X-Up-Context
    X-Up-Fail-Context X-Up-Validate X-Up-Location X-Up-Title X-Up-Events X-Alpine-Request
    X-Alpine-Target X-Alpine-Ajax X-Livewire X-Livewire-Navigate X-Inertia X-Inertia-Version
    X-Inertia-Partial-Component X-Inertia-Partial-Data X-Inertia-Partial-Except X-Inertia-Reset
    X-Inertia-Error-Bag X-Spf-Request X-SPF-Referer X-Fragment X-Partial X-Partial-Content X-Unicorn
    X-Fixi-Request FX-Request X-Splade X-Splade-Modal X-Data-Star Datastar-Request X-Swup
    X-IC-Request X-Barba X-Tetra-Request X-Reactor X-Jinjax X-Microdot-Partial
    X-October-Request-Handler X-October-Request-Partials
""".split()
"""As the libraries that ask for parts of pages document them."""


@pytest.mark.parametrize("name", FRAGMENTS)
def test_each_field_that_asks_for_a_part_selects(name: str) -> None:
    """And Vary names it."""
    request = asked("GET", "/", (name, "a"))
    assert request.forwarded == (environ_key(name), "a")
    assert fragment_fields(request.environ, SAFE.selecting_keys) == (name,)


def test_the_origin_selects_but_asks_for_no_part() -> None:
    """9110 §12.5.5: scripts of other origins get an Access-Control-Allow-Origin of their own."""
    request = asked(origin="https://a.org")
    assert request.forwarded == ("HTTP_ORIGIN", "https://a.org")
    assert fragment_fields(request.environ, SAFE.selecting_keys) == ()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("policy", "sent", "own", "told"),
    rows(
        ("a page", SAFE, {}, None, None),
        ("a part of a page", SAFE, PART, None, "HX-Request, HX-Target"),
        ("the app says it itself", SAFE, PART, "hx-request", "hx-request, HX-Target"),
        ("the app says more", SAFE, PART, "Accept", "Accept, HX-Request, HX-Target"),
        ("nothing matches it anyway", SAFE, PART, "*", "*"),
        ("data for a script", SAFE, {"x_requested_with": "x"}, None, "X-Requested-With"),
        ("another public URL", SAFE, {"x_script_name": "/a"}, None, None),
        ("another origin", SAFE, {"origin": "https://a.org"}, None, None),
        ("an empty value", SAFE, {"turbo_frame": ""}, None, "Turbo-Frame"),
        ("where it does not select", Policy(selecting=("Origin",)), PART, None, None),
        ("9110 §12.5.5 what the app says is all", RFC, PART, None, None),
    ),
)
def test_vary_names_what_asked_for_a_part(
    make_scene: MakeScene,
    method: str,
    policy: Policy,
    sent: dict[str, Any],
    own: str | None,
    told: str | None,
) -> None:
    """Whether it is stored or not, and from the store."""
    scene = make_scene(policy)
    scene.app(200, "part", vary=own, **PAGE)
    for _ in range(2):
        assert scene.request(method, "/", **sent).header("Vary") == told
    scene.wsgi(view(Reply(404, "none", vary=own), never_cache))
    assert scene.request(method, "/none", **sent).header("Vary") == told


def test_a_page_and_its_parts_live_side_by_side(scene: Scene) -> None:
    def app(environ: Environ) -> Reply:
        return Reply(200, environ.get("HTTP_HX_TARGET", "page"), etag='"1"', **PAGE)

    scene.app(app)
    kinds: list[dict[str, Any]] = [{}, PART, {**PART, "hx_target": "other"}]
    for _ in range(3):
        for sent in kinds:
            assert scene.get("/", **sent).text == sent.get("hx_target", "page")
    assert all(scene.get("/", **sent).hit for sent in kinds)
