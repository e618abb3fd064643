"""A request that has the token gets the explanation of itself."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from tests.scene import Reply, Scene, environ_for, exchange
from wsgicache import CacheMiddleware, Policy
from wsgicache.origin import explaining
from wsgicache.stores import StoreError

TOKEN = "0123456789abcdef"
ASKED = ("Wsgicache-Explain", TOKEN)


def explained(cache: CacheMiddleware, *fields: tuple[str, str], **options: Any) -> Any:
    """The explanation that a client with the token gets."""
    got = exchange(cache, environ_for(headers=[*fields, ASKED], **options))
    assert (got.code, got.header("Cache-Control")) == (200, "no-store")
    assert (got.header("Content-Type"), got.header("Cache-Status")) == ("application/json", None)
    return json.loads(got.body)


@pytest.fixture
def scene() -> Scene:
    scene = Scene(Policy(explain_token=TOKEN))
    scene.app(lambda environ: Reply(200, "page", cache_control="max-age=60", vary="Accept"))
    return scene


def test_it_explains_the_request_as_it_came(scene: Scene) -> None:
    changes = {"SCRIPT_NAME": "/shop", "RAW_URI": "/shop/%61", "REMOTE_ADDR": "192.0.2.9"}
    said = explained(scene.cache, ("Accept", "a/b"), target="/a", changes=changes)
    assert said["url"] == "http://example.org/shop/a"
    assert (said["outcome"], said["forward"], said["stored"]) == ("stored", "uri-miss", [])
    assert (said["selecting"], said["then"]) == ({"Accept": "a/b"}, None)
    (call,) = scene.calls
    assert {key: call.environ[key] for key in changes} == changes
    assert call.header("Wsgicache-Explain") is None
    # Nothing of that was stored, and what is stored for the same request is found.
    asked = environ_for(target="/a", headers=[("Accept", "a/b")], changes=changes)
    assert exchange(scene.cache, dict(asked)).fwd == "uri-miss"
    said = explained(scene.cache, ("Accept", "a/b"), target="/a", changes=changes)
    assert (said["outcome"], len(said["stored"])) == ("hit", 1)
    assert exchange(scene.cache, dict(asked)).hit


@pytest.mark.parametrize(
    ("method", "fields", "changes", "outcome", "token"),
    [
        ("GET", [("Cookie", "a=1")], {}, "refused", "cookie"),
        ("GET", [("Content-Type", "a/b; charset=x")], {}, "refused", "charset"),
        ("GET", [], {"REMOTE_USER": "alice"}, "refused", "authorization"),
        ("GET", [("Host", "a b")], {}, "bypass", "target"),
        ("GET", [("Content-Length", "3")], {}, "bypass", "body"),
    ],
)
def test_its_fields_and_its_user_count(
    scene: Scene,
    method: str,
    fields: list[tuple[str, str]],
    changes: dict[str, str],
    outcome: str,
    token: str,
) -> None:
    said = explained(scene.cache, *fields, method=method, changes=changes)
    assert (said["outcome"], said["reasons"][0]["token"]) == (outcome, token)


def test_head_gets_no_content_and_other_methods_are_done(scene: Scene) -> None:
    head = scene.head("/", ASKED)
    assert (head.code, head.body, int(head.header("Content-Length") or 0) > 50) == (200, b"", True)
    assert scene.post("/", ASKED).text == "page"


@pytest.mark.parametrize("policy", [Policy(), Policy(explain_token="another one of 16")])
def test_without_the_right_token_the_field_means_nothing(policy: Policy) -> None:
    scene = Scene(policy)
    scene.app(lambda environ: Reply(200, "page", cache_control="max-age=60"))
    assert scene.get("/", ASKED).stored
    assert scene.get("/", ASKED).hit
    assert scene.get("/", ("Wsgicache-Explain", "\xe9")).hit


def test_a_request_that_cannot_be_explained_says_so(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise StoreError("no")

    monkeypatch.setattr(scene.cache, "explain", fail)
    got = scene.get("/", ASKED)
    assert (got.code, got.header("Cache-Control")) == (500, "no-store")
    assert "a request could not be explained" in caplog.text
    assert scene.get("/").stored


def test_the_token_is_a_secret() -> None:
    assert TOKEN not in repr(Policy(explain_token=TOKEN))
    source = inspect.getsource(explaining)
    assert "if compare_digest(presented, token)" in source
