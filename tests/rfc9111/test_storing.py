"""What may be stored, and which of its fields (§3, §3.1, §3.5, §5.2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rfc9111.asking import twice
from tests.rules.messages import date, rows
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy

FRESH: dict[str, Any] = {"cache_control": "max-age=3600"}


# ── methods and who asks (§3, §3.5) ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "method", "HEAD OPTIONS TRACE PUT DELETE PATCH PROPFIND QUERY FOO get".split()
)
def test_a_response_to_another_method_is_not_stored(rfc_scene: Scene, method: str) -> None:
    rfc_scene.app(200, "", content_location="/", **FRESH)
    for _ in range(2):
        assert not rfc_scene.request(method, "/").hit
    assert rfc_scene.get("/").fwd == "uri-miss"


POSTS = rows(
    ("9110 §9.3.3 where it is", {"content_location": "/form", **FRESH}, True),
    ("9110 §9.3.3 with its URL", {"content_location": "http://example.org/form", **FRESH}, True),
    (
        "9110 §9.3.3 with its URL in capitals",
        {"content_location": "HTTP://EXAMPLE.ORG:80/form", **FRESH},
        True,
    ),
    ("9110 §9.3.3 relative", {"content_location": "form", **FRESH}, True),
    ("9110 §9.3.3 by Expires", {"content_location": "/form", "expires": date(60)}, True),
    (
        "9110 §9.3.3 targeted",
        {"content_location": "/form", "cdn_cache_control": "max-age=60"},
        True,
    ),
    ("9110 §9.3.3 another path", {"content_location": "/other", **FRESH}, False),
    ("9110 §9.3.3 another query", {"content_location": "/form?x", **FRESH}, False),
    (
        "9110 §9.3.3 another origin",
        {"content_location": "https://example.org/form", **FRESH},
        False,
    ),
    ("9110 §9.3.3 none", FRESH, False),
    (
        "9110 §9.3.3 no explicit freshness",
        {"content_location": "/form", "last_modified": date(-86400)},
        False,
    ),
    ("9110 §9.3.3 stale", {"content_location": "/form", "cache_control": "max-age=0"}, False),
    (
        "9110 §9.3.3 no-store",
        {"content_location": "/form", "cache_control": "no-store, max-age=60"},
        False,
    ),
    (
        "9110 §9.3.3 private",
        {"content_location": "/form", "cache_control": "private, max-age=60"},
        False,
    ),
)


@pytest.mark.parametrize(("fields", "hit"), POSTS)
def test_a_post_whose_answer_is_the_page(
    rfc_scene: Scene, fields: dict[str, Any], hit: bool
) -> None:
    rfc_scene.app(200, "posted", **fields)
    assert rfc_scene.post("/form", body=b"a=b").text == "posted"
    assert rfc_scene.post("/form", body=b"a=b").fwd == "method"  # never from the store (§4)
    got = rfc_scene.get("/form")
    assert got.hit is hit
    assert rfc_scene.head("/form").hit or not hit


def test_a_post_replaces_what_was_stored(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "old", **FRESH)
    rfc_scene.get("/form")
    rfc_scene.app(200, "posted", content_location="/form", **FRESH)
    rfc_scene.post("/form")
    assert (rfc_scene.get("/form").text, rfc_scene.count) == ("posted", 2)


IDENTIFIED = rows(
    ("§3.5 nothing said", "max-age=3600", False),
    ("§3.5 public", "max-age=3600, public", True),
    ("§3.5 s-maxage", "s-maxage=3600", True),
    ("§3.5 must-revalidate", "max-age=3600, must-revalidate", True),
    ("§3.5 proxy-revalidate", "max-age=3600, proxy-revalidate", False),
    ("§3.5 public in any case", "max-age=3600, PUBlic", True),
    ("§3.5 public within quotes", 'max-age=3600, x="public"', False),
    ("§3.5 private", "max-age=3600, private, public", False),
    ("§3.5 no-store", "max-age=3600, no-store, public", False),
)


@pytest.mark.parametrize(("directives", "hit"), IDENTIFIED)
def test_a_response_to_one_with_credentials(
    make_scene: MakeScene, directives: str, hit: bool
) -> None:
    """Neither for others, nor for himself, nor for another user."""
    for second in ({}, {"authorization": "Basic YQ=="}, {"authorization": "Basic Yg=="}):
        scene = make_scene(Policy.rfc())
        first = {"authorization": "Basic YQ=="}
        assert twice(scene, first=first, second=second, cache_control=directives).hit is hit


def test_must_revalidate_is_validated_for_those_with_credentials(rfc_scene: Scene) -> None:
    """§3.5: the cache conforms to the directive that allowed it."""
    rfc_scene.resource("page", cache_control="max-age=1, must-revalidate")
    rfc_scene.get("/", authorization="x")
    rfc_scene.after(2)
    got = rfc_scene.get("/", authorization="y", cache_control="max-stale")
    assert got.cache_status == "wsgicache; fwd=stale; fwd-status=304"


@pytest.mark.parametrize(
    ("first", "second"),
    rows(
        ("in the first request", {"cookie": "a=b"}, {}),
        ("in the second", {}, {"cookie": "a=b"}),
        ("other ones", {"cookie": "a=b"}, {"cookie": "c=d"}),
    ),
)
def test_cookies_are_fields_like_any(
    rfc_scene: Scene, first: dict[str, Any], second: dict[str, Any]
) -> None:
    got = twice(rfc_scene, first=first, second=second, set_cookie="a=b", **FRESH)
    assert (got.hit, got.lines("Set-Cookie")) == (True, ["a=b"])


# ── which are not stored ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("directive", ["no-store", "private"])
def test_an_older_response_is_not_used_once_a_newer_says_so(
    rfc_scene: Scene, directive: str
) -> None:
    rfc_scene.app(200, "old", cache_control="max-age=1", etag='"1"')
    rfc_scene.get("/")
    rfc_scene.after(2)
    rfc_scene.app(200, "mine", cache_control=f"{directive}, max-age=60")
    assert rfc_scene.get("/").text == "mine"
    rfc_scene.app(200, "new")
    assert rfc_scene.get("/", cache_control="max-stale").text == "new"


@pytest.mark.parametrize("body", [b"page", b""], ids=["with content", "without"])
def test_no_store_leaves_nothing(rfc_scene: Scene, body: bytes) -> None:
    """§5.2.2.5: nor does a HEAD, a condition or max-stale find it."""
    rfc_scene.app(200, body, cache_control="no-store", etag='"1"', last_modified=date(-9))
    rfc_scene.get("/")
    for wish in ({}, {"cache_control": "max-stale"}, {"if_none_match": '"1"'}):
        assert rfc_scene.get("/", **wish).fwd == "uri-miss"
    assert rfc_scene.head("/").fwd == "uri-miss"


def test_no_store_in_the_request(rfc_scene: Scene) -> None:
    """§5.2.1.5: the response to it is not stored; what is stored already may be used."""
    rfc_scene.app(200, "page", **FRESH)
    assert not rfc_scene.get("/", cache_control="no-store").stored
    assert rfc_scene.get("/").stored
    assert rfc_scene.get("/", cache_control="no-store").hit


@pytest.mark.parametrize("code", [100, 102, 103])
def test_an_interim_status_is_not_stored(make_scene: MakeScene, code: int) -> None:
    """Nor may an app send it thus: the server judges."""
    scene = make_scene(Policy.rfc(), lint=False)
    assert not twice(scene, status=code, **FRESH).hit


def test_early_hints_pass_and_leave_no_field(rfc_scene: Scene) -> None:
    """An interim response is the server's to send; the final one alone is stored (§3)."""
    hints: list[list[tuple[str, str]]] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        environ["wsgi.early_hints"]([("Link", "</x.css>; rel=preload")])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")])
        return [b"page"]

    rfc_scene.wsgi(app)
    for hit in (False, True):
        got = rfc_scene.get("/", environ={"wsgi.early_hints": hints.append})
        assert (got.hit, got.header("Link")) == (hit, None)
    assert hints == [[("Link", "</x.css>; rel=preload")]]


# ── incomplete ones (§3.3) ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [b"page", b"long page" * 2], ids=["short", "long"])
def test_a_body_of_another_length_is_not_stored(make_scene: MakeScene, length: bytes) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, length, content_length="9", **FRESH)
    for _ in range(2):
        assert not scene.get("/").hit


def test_a_body_that_the_client_leaves_is_not_stored(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(200, [b"one", b"two"], length=False, **FRESH)
    scene.get("/", take=1)
    assert not scene.get("/").hit


def test_a_body_that_breaks_is_not_stored(make_scene: MakeScene) -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain")])
        yield b"one"
        raise RuntimeError("broken")

    scene = make_scene(Policy.rfc())
    scene.wsgi(app)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            scene.get("/")
    assert scene.count == 2


# ── fields (§3.1) ────────────────────────────────────────────────────────────────────────────────

STORED = """
    Test-Header X-Test-Header Content-Foo X-Content-Foo Cache-Control Content-Encoding
    Content-Location Content-MD5 Content-Security-Policy Content-Type Clear-Site-Data ETag Expires
    Public-Key-Pins Set-Cookie Set-Cookie2 X-Frame-Options X-XSS-Protection Content-Range Link Via
    Content-Language Last-Modified Date Vary Warning Retry-After Server Strict-Transport-Security
    Access-Control-Allow-Origin Content-Disposition Accept-Ranges Allow Pragma Surrogate-Key
    Cache-Tag CDN-Cache-Control Surrogate-Control WWW-Authenticate X-Powered-By Alt-Svc NEL
""".split()
VALUES = {
    "Cache-Control": "max-age=3600, foo=bar",
    "Content-Location": "/foo",
    "Content-Range": "bytes 1-5/1000",
    "ETag": '"abcdef"',
    "Vary": "Accept",
    "Date": date(),
    "Last-Modified": date(-60),
    "Expires": date(60),
    "CDN-Cache-Control": "max-age=3600",
}


@pytest.mark.parametrize("name", STORED)
def test_a_field_is_stored_as_it_came(make_scene: MakeScene, name: str) -> None:
    value = VALUES.get(name, "some Value; x=1")
    fields = [("Cache-Control", "max-age=3600"), (name, value)]
    scene = make_scene(Policy.rfc(), lint=False)
    got = twice(scene, *(fields if name != "Cache-Control" else fields[1:]))
    assert got.hit
    assert (name, value) in got.headers


def test_lines_of_one_name_are_stored_apart(rfc_scene: Scene) -> None:
    got = twice(rfc_scene, ("Set-Cookie", "a=1"), ("X", "1"), ("Set-Cookie", "b=2"), **FRESH)
    assert got.lines("Set-Cookie") == ["a=1", "b=2"]


HOP_BY_HOP = """
    Connection Keep-Alive Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization
    Proxy-Connection TE Trailer Transfer-Encoding Upgrade
""".split()


@pytest.mark.parametrize("name", HOP_BY_HOP)
@pytest.mark.parametrize("spelled", [str, str.lower, str.upper], ids=["as is", "lower", "upper"])
def test_a_field_of_one_connection_is_not(make_scene: MakeScene, name: str, spelled: Any) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    got = twice(scene, (spelled(name), "x-value"), ("X-Other", "1"), **FRESH)
    assert (got.hit, got.header("X-Other")) == (True, "1")
    assert name.lower() not in got.names


CONNECTIONS = rows(
    ("one", ["a"], {"A"}),
    ("several", ["a, B"], {"A", "B"}),
    ("with white space", [" a\t,  b "], {"A", "B"}),
    ("several lines", ["a", "b"], {"A", "B"}),
    ("among others", ["close, a, keep-alive"], {"A"}),
    ("an unknown one", ["c"], set()),
)


@pytest.mark.parametrize(("lines", "gone"), CONNECTIONS)
def test_what_connection_lists_is_not(
    make_scene: MakeScene, lines: list[str], gone: set[str]
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, "page", ("A", "1"), ("B", "2"), ("X", "3"), connection=lines, **FRESH)
    for hit in (False, True):
        got = scene.get("/")
        assert got.hit is hit
        assert {name for name in ("A", "B", "X") if got.header(name) is None} == gone
        assert got.header("Connection") is None


@pytest.mark.parametrize(
    ("directive", "gone"),
    rows(
        ("§5.2.2.4 no-cache, one", 'no-cache="a"', {"A"}),
        ("§5.2.2.4 no-cache, two", 'no-cache="a, b"', {"A", "B"}),
        ("§5.2.2.4 in any case", 'No-Cache="A"', {"A"}),
        ("§5.2.2.7 private, one", 'private="a"', {"A"}),
        ("§5.2.2.7 private, two", 'private="B ,a"', {"A", "B"}),
        ("§5.2.2.7 both", 'private="b", no-cache="a"', {"A", "B"}),
        ("§5.2.2.7 another", 'private="c"', set()),
    ),
)
def test_what_a_directive_lists_is_not(
    make_scene: MakeScene, directive: str, gone: set[str]
) -> None:
    """But its own client gets it."""
    for lines in ([f"{directive}, max-age=3600"], [directive, "max-age=3600"]):
        scene = make_scene(Policy.rfc())
        scene.app(200, "page", ("A", "1"), ("B", "2"), cache_control=lines)
        assert {"a", "b"} <= scene.get("/").names
        got = scene.get("/")
        assert got.hit
        assert {name for name in ("A", "B") if got.header(name) is None} == gone


@pytest.mark.parametrize("directive", ["private=a", "no-cache=a", 'private=""', 'no-cache=" "'])
def test_a_list_that_is_none_stands_for_everything(make_scene: MakeScene, directive: str) -> None:
    scene = make_scene(Policy.rfc())
    assert not twice(scene, ("A", "1"), cache_control=f"{directive}, max-age=3600").hit


def test_directives_pass_through(rfc_scene: Scene) -> None:
    """§5.2: in both directions, whatever they mean to this cache."""
    rfc_scene.app(200, "page", cache_control="max-age=60, foo, private")
    got = rfc_scene.get("/", cache_control="max-stale=5, bar", pragma="baz")
    assert got.header("Cache-Control") == "max-age=60, foo, private"
    assert rfc_scene.calls[0].header("Cache-Control") == "max-stale=5, bar"
    assert rfc_scene.calls[0].header("Pragma") == "baz"


def test_content_is_never_transformed(rfc_scene: Scene) -> None:
    """§5.2.2.6: byte for byte, coded as it came, for whoever asks."""
    coded = bytes(range(256))
    rfc_scene.app(200, coded, content_encoding="gzip", content_type="a/b", **FRESH)
    for accept in ("gzip", "identity", ""):
        got = rfc_scene.get("/", accept_encoding=accept)
        assert (got.body, got.header("Content-Encoding")) == (coded, "gzip")
        assert got.header("Content-Type") == "a/b"


def test_the_newest_response_is_used(rfc_scene: Scene) -> None:
    """§4: there is one for each selecting value."""
    rfc_scene.answers(*[Reply(200, text, cache_control="max-age=60") for text in ("old", "new")])
    rfc_scene.get("/")
    rfc_scene.get("/", cache_control="no-cache")
    assert rfc_scene.get("/").text == "new"


WAYS = ["stored", "refused", "validated", "head", "post", "bypass", "background", "stands-in"]


def travelled(scene: Scene, way: str, fields: list[tuple[str, str]]) -> list[set[str]]:
    """The names of the fields of all answers that *fields* of the app's may have come to, by one of
    the ways that a response takes."""
    told = {"stored": "max-age=60", "refused": "no-store"}.get(way, "max-age=2, stale-if-error=60")
    if way == "background":
        told = "max-age=2, stale-while-revalidate=60"
    scene.app(200, "page", *fields, ("Cache-Control", told), ("ETag", '"v1"'))
    method = {"head": "HEAD", "post": "POST"}.get(way, "GET")
    sent: dict[str, Any] = {"if_match": "*"} if way == "bypass" else {}
    answers = [scene.request(method, "/", **sent), scene.request(method, "/", **sent)]
    scene.after(3)
    if way == "validated":
        scene.app(304, b"", *fields, ("Cache-Control", "max-age=60"), ("ETag", '"v1"'))
    if way == "stands-in":
        scene.app(503, b"", *fields)
    for _ in range(2):
        answers.append(scene.request(method, "/", **sent))
        scene.settle()
    return [answer.names for answer in answers]


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("way", WAYS)
def test_a_field_of_one_connection_goes_no_further(
    make_scene: MakeScene, policy: Policy, way: str
) -> None:
    """Never stored, never replayed, never forwarded (§3.1, RFC 9110 §7.6.1); other fields are."""
    scene = make_scene(policy, lint=False)
    fields = [
        *((name.swapcase(), "x-mine") for name in HOP_BY_HOP),
        ("Connection", "close, X-One"),
        ("connection", "x-two"),
        ("X-One", "1"),
        ("x-Two", "2"),
        ("X-Other", "1"),
    ]
    gone = {name.lower() for name in HOP_BY_HOP} | {"x-one", "x-two"}
    for names in travelled(scene, way, fields):
        assert not names & gone
        assert "x-other" in names
