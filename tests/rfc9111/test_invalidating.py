"""What an unsafe request makes invalid (§4.4), and that it is written through (§4)."""

from __future__ import annotations

from typing import Any

import pytest
from cachelib import SimpleCache

from tests.conftest import MakeScene
from tests.rules.messages import rows
from tests.scene import Environ, FakeClock, Reply, Scene
from wsgicache import Policy
from wsgicache.stores.cachelib import CachelibStore

UNSAFE = [
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "M-SEARCH",
    "LOCK",
    "MKCOL",
    "PURGE",
    "FOO",
    "post",
    "Get-It",
]
SAFE = ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY", "PRI"]
MISSPELT = ["get", "Get", "head", "options", "propfind", "Query"]
SUCCESSES = [200, 201, 202, 204, 205, 226, 299, 301, 302, 303, 307, 308, 399]
FAILURES = [400, 403, 404, 405, 409, 410, 412, 429, 499, 500, 501, 503, 599]


def each(methods: list[str], statuses: list[int]) -> list[tuple[str, int]]:
    """Every method with two of the status codes, and POST with all."""
    some = [statuses[0], statuses[len(statuses) // 2]]
    return [(method, status) for method in methods[1:] for status in some] + [
        (methods[0], status) for status in statuses
    ]


def filled(scene: Scene, *targets: str, status: int = 200, **fields: Any) -> None:
    """GET answers are stored for *targets*; any other method is answered as given."""

    def answer(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return Reply(200, "page", cache_control="max-age=3600", vary="Foo")
        return Reply(status, "", **fields)

    scene.app(answer)
    for target in targets:
        for foo in ("1", "2"):
            assert scene.get(target, foo=foo).stored


@pytest.mark.parametrize(("method", "status"), each(UNSAFE, SUCCESSES))
def test_a_success_invalidates(make_scene: MakeScene, method: str, status: int) -> None:
    """The target URI and all its variants."""
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        filled(scene, "/a?b", "/a", status=status, location="/other")
        got = scene.request(method, "/a?b")
        assert (got.code, got.fwd) == (status, "method")
        assert [scene.get("/a?b", foo=foo).fwd for foo in ("1", "2")] == ["uri-miss", "vary-miss"]
        assert scene.get("/a", foo="1").hit


@pytest.mark.parametrize(("method", "status"), each(UNSAFE, FAILURES))
def test_a_failure_does_not(make_scene: MakeScene, method: str, status: int) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        filled(scene, "/a", "/b", status=status, location="/b", content_location="/b")
        assert scene.request(method, "/a").code == status
        assert scene.get("/a", foo="1").hit
        assert scene.get("/b", foo="1").hit


@pytest.mark.parametrize("method", [*SAFE, *MISSPELT])
def test_a_safe_method_does_not(make_scene: MakeScene, method: str) -> None:
    """RFC 9110 §9.2.1."""
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        filled(scene, "/a", "/b", location="/b", content_location="/b")
        scene.request(method, "/a")
        assert scene.get("/a", foo="1").hit
        assert scene.get("/b", foo="1").hit


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("name", ["location", "content_location"])
@pytest.mark.parametrize("status", [201, 303])
def test_what_it_names_of_the_same_origin_too(
    make_scene: MakeScene, method: str, name: str, status: int
) -> None:
    for policy in (Policy(), Policy.rfc()):
        scene = make_scene(policy)
        filled(scene, "/a", "/a/value", status=status, **{name: "/a/value"})
        scene.request(method, "/a")
        assert scene.get("/a/value", foo="1").fwd == "uri-miss"


REFERENCES = rows(
    ("a URL", "http://example.org/x/y?z", True),
    ("a URL with the default port", "http://example.org:80/x/y?z", True),
    ("a URL in capitals", "HTTP://EXAMPLE.ORG/x/y?z", True),
    ("a path", "/x/y?z", True),
    ("a relative path", "y?z", True),
    ("with dots", "../x/./y?z", True),
    ("a host", "//example.org/x/y?z", True),
    ("a fragment", "/x/y?z#top", True),
    ("escapes", "/x/%79?z", True),
    ("another query", "/x/y?w", False),
    ("another host", "http://example.com/x/y?z", False),
    ("another port", "http://example.org:8080/x/y?z", False),
    ("another scheme", "https://example.org/x/y?z", False),
    ("a longer host", "http://example.org.evil.example/x/y?z", False),
    ("a user", "http://example.org@evil.example/x/y?z", False),
    ("another host alone", "//evil.example/x/y?z", False),
    ("no URL", "http://[/x/y?z", False),
    ("empty", "", False),
)


@pytest.mark.parametrize(("reference", "gone"), REFERENCES)
@pytest.mark.parametrize("name", ["location", "content_location"])
def test_references(make_scene: MakeScene, name: str, reference: str, gone: bool) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    filled(scene, "/x/y?z", status=201, **{name: reference})
    scene.post("/x/w")
    assert scene.get("/x/y?z", foo="1").hit is not gone


def test_the_same_path_of_another_origin_stays(rfc_scene: Scene) -> None:
    """§4.4: neither by its name nor by ours."""
    filled(rfc_scene, "/a", location="http://example.com/a")
    elsewhere = {"HTTP_HOST": "example.com"}
    rfc_scene.get("/a", foo="1", environ=elsewhere)
    rfc_scene.post("/a")
    assert rfc_scene.get("/a", foo="1", environ=elsewhere).hit


@pytest.mark.parametrize("method", [*UNSAFE, "OPTIONS", "QUERY"])
def test_it_is_written_through(make_scene: MakeScene, method: str) -> None:
    """§4: no reply before the app has given one, whatever is stored and asked."""
    wishes: list[dict[str, Any]] = [
        {},
        {"cache_control": "only-if-cached, max-stale"},
        {"if_none_match": "*"},
    ]
    for headers in wishes:
        scene = make_scene(Policy.rfc())
        scene.app(200, "page", etag='"1"', cache_control="max-age=3600")
        scene.get("/")
        scene.app(200, "done", etag='"1"', cache_control="max-age=3600")
        assert scene.request(method, "/", body=b"x", **headers).text == "done"
        assert (scene.count, scene.calls[-1].method) == (2, method)
        assert scene.calls[-1].environ["wsgi.input"].read(1) == b"x"


def test_an_app_that_raises_invalidates_nothing(rfc_scene: Scene) -> None:
    filled(rfc_scene, "/a")

    def broken(environ: Environ) -> Reply:
        raise RuntimeError("broken")

    rfc_scene.app(broken)
    for method in ("POST", "DELETE"):
        with pytest.raises(RuntimeError, match="broken"):
            rfc_scene.request(method, "/a")
    assert rfc_scene.get("/a", foo="1").hit


def test_what_was_asked_before_is_not_stored_after(rfc_scene: Scene) -> None:
    """A slow GET must not bring back what a POST made invalid meanwhile."""

    def slow(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] == "GET" and rfc_scene.count == 1:
            rfc_scene.after(1)
            rfc_scene.post("/")
        return Reply(200, f"answer {rfc_scene.count}", cache_control="max-age=60")

    rfc_scene.app(slow)
    rfc_scene.get("/")
    assert rfc_scene.get("/").text == "answer 3"


def test_the_answer_to_a_post_that_another_has_overtaken_is_not_stored(rfc_scene: Scene) -> None:
    def answer(environ: Environ) -> Reply:
        if rfc_scene.count == 1:
            rfc_scene.post("/")
        return Reply(200, "answer", content_location="/", cache_control="max-age=60")

    rfc_scene.app(answer)
    assert rfc_scene.post("/").detail == "changed"
    assert rfc_scene.post("/").stored


# ── collections (RFC 4918) ───────────────────────────────────────────────────────────────────────

TREE = ["/a", "/b", "/d/", "/d/f", "/d/e/f?q", "/dd", "/t/f"]


@pytest.mark.parametrize(
    ("method", "target", "destination", "gone"),
    rows(
        ("4918 §9.9 MOVE", "MOVE", "/a", "http://example.org/b", ["/a", "/b"]),
        ("4918 §9.8 COPY", "COPY", "/a", "/b", ["/a", "/b"]),
        ("9110 §9.3.5 DELETE", "DELETE", "/a", "/b", ["/a"]),
        ("4918 §9.6.1 DELETE of a collection", "DELETE", "/d/", None, ["/d/", "/d/f", "/d/e/f?q"]),
        ("4918 §9.9 MOVE of one", "MOVE", "/d/", "/t/", ["/d/", "/d/f", "/d/e/f?q", "/t/f"]),
        ("4918 §9.8 COPY of one", "COPY", "/d/", "/t/", ["/d/", "/t/f"]),
    ),
)
def test_what_is_moved_copied_or_deleted(
    make_scene: MakeScene, method: str, target: str, destination: str | None, gone: list[str]
) -> None:
    for policy in (Policy(), Policy.rfc(), Policy(collections=False)):
        scene = make_scene(policy)
        filled(scene, *TREE, status=204)
        scene.request(method, target, destination=destination)
        below = target[-1] == "/" and not policy.collections
        ended = [target] if below else gone
        left = [one for one in TREE if scene.get(one, foo="1").hit]
        assert left == [one for one in TREE if one not in ended]
        filled(scene, status=403)
        scene.request(method, target, destination=destination)
        assert all(scene.get(one, foo="1").hit for one in TREE), "a failure changes nothing"


def test_a_member_that_is_on_its_way_while_its_collection_is_deleted(rfc_scene: Scene) -> None:
    def answer(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] == "GET" and not seen:
            seen.append(rfc_scene.request("DELETE", "/d/").code)
        return Reply(200, "old", cache_control="max-age=60")

    seen: list[int] = []
    rfc_scene.app(answer)
    rfc_scene.get("/d/f")
    assert seen == [200]
    assert rfc_scene.get("/d/f").fwd == "uri-miss"


def test_a_store_that_others_share_ends_everything(make_scene: MakeScene) -> None:
    """It would take long to find what is below a collection; but not where it may be none."""
    clock = FakeClock()
    scene = make_scene(store=CachelibStore(SimpleCache(threshold=0), clock=clock), clock=clock)
    filled(scene, "/a", "/d/f", status=204)
    scene.request("DELETE", "/d/e", depth="infinity")
    scene.request("DELETE", "/d/")
    assert scene.get("/d/f", foo="1").hit
    scene.request("DELETE", "/d/", depth="infinity")
    assert [scene.get(one, foo="1").fwd for one in ("/a", "/d/f")] == ["uri-miss", "uri-miss"]
