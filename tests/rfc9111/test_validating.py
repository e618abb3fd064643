"""Validation (§4.3): what is asked, what is answered, and what a 304 or HEAD updates (§3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rules.messages import date, rows
from tests.scene import Environ, Reply, Scene
from wsgicache import Policy
from wsgicache.rules.validators import is_generated

BRIEF: dict[str, Any] = {"cache_control": "max-age=2"}
LONG: dict[str, Any] = {"cache_control": "max-age=3600"}


def stale(scene: Scene, *fields: tuple[str, str], **named: Any) -> None:
    """A response with these fields is stored and has become stale."""
    scene.app(200, "page", *fields, **{**BRIEF, **named})
    assert scene.get("/").stored
    scene.after(3)


# ── what is asked (§4.3.1) ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "if_none_match", "if_modified_since"),
    rows(
        ("a strong tag", {"etag": '"abcdef"'}, '"abcdef"', None),
        ("a weak tag", {"etag": 'W/"abcdef"'}, 'W/"abcdef"', None),
        ("an empty tag", {"etag": '""'}, '""', None),
        ("a date", {"last_modified": date(-60)}, None, date(-60)),
        ("both", {"etag": '"a"', "last_modified": date(-60)}, '"a"', date(-60)),
        ("an unquoted tag", {"etag": "abcdef"}, None, None),
        ("a weak tag without slash", {"etag": 'W"abcdef"'}, None, None),
        ("no date", {"last_modified": "yesterday"}, None, None),
        ("none", {}, None, None),
    ),
)
def test_the_validators_that_are_sent(
    make_scene: MakeScene,
    fields: dict[str, Any],
    if_none_match: str | None,
    if_modified_since: str | None,
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    stale(scene, **fields)
    scene.get("/")
    asked = scene.calls[-1]
    assert asked.header("If-None-Match") == if_none_match
    assert asked.header("If-Modified-Since") == if_modified_since
    assert asked.header("If-Match") is None
    assert asked.header("If-Unmodified-Since") is None


def test_what_vary_names_is_sent_along(rfc_scene: Scene) -> None:
    rfc_scene.app(200, "page", etag='"a"', vary="Abc", **BRIEF)
    rfc_scene.get("/", abc="123")
    rfc_scene.after(3)
    rfc_scene.get("/", abc="123", other="x")
    asked = rfc_scene.calls[-1]
    assert [asked.header(name) for name in ("Abc", "Other", "If-None-Match")] == ["123", "x", '"a"']


@pytest.mark.parametrize(
    "condition",
    [{"if_none_match": "b"}, {"if_modified_since": date()}, {"if_none_match": "*"}],
    ids=str,
)
def test_the_clients_own_condition_is_not(rfc_scene: Scene, condition: dict[str, Any]) -> None:
    stale(rfc_scene, etag='"a"')
    rfc_scene.get("/", **condition)
    asked = rfc_scene.calls[-1]
    assert asked.header("If-None-Match") == '"a"'
    assert asked.header("If-Modified-Since") is None


@pytest.mark.parametrize(
    "condition",
    [
        {"if_none_match": '"b"'},
        {"if_none_match": "abcdef"},
        {"if_none_match": 'W/"b", "c"'},
        {"if_modified_since": date()},
        {"if_modified_since": "abc"},
        {"if_range": '"b"', "range": "bytes=0-1"},
    ],
    ids=str,
)
def test_nothing_stored_and_a_condition_is_the_apps(
    rfc_scene: Scene, condition: dict[str, Any]
) -> None:
    """§4.3.2: it is meant for some other server; it goes on as it came."""
    rfc_scene.app(200, "page", etag='"b"', **LONG)
    got = rfc_scene.get("/", **condition)
    assert (got.code, got.text) == (200, "page")
    for name, value in condition.items():
        assert rfc_scene.calls[0].environ["HTTP_" + name.upper()] == value


def test_nothing_stored_and_the_apps_304_is_the_clients(rfc_scene: Scene) -> None:
    rfc_scene.resource("page", **LONG)
    got = rfc_scene.get("/", if_none_match='"v1"')
    assert (got.code, got.fwd, got.detail) == (304, "uri-miss", "status")
    got = rfc_scene.get("/")
    assert (got.fwd, got.text) == ("uri-miss", "page")


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
def test_a_stored_response_without_validators_and_a_condition(
    make_scene: MakeScene, policy: Policy
) -> None:
    """The app is asked for the page, and the condition is evaluated on that."""
    scene = make_scene(policy)
    stale(scene)
    scene.resource("new", etag='"b"', **LONG)
    got = scene.get("/", if_none_match='"b"')
    assert (got.code, got.fwd, got.stored) == (304, "stale", True)
    assert scene.calls[-1].header("If-None-Match") is None
    assert (scene.get("/").text, scene.count) == ("new", 2)


# ── what is answered (§4.3.2) ────────────────────────────────────────────────────────────────────

RFC850 = "Tuesday, 14-Nov-23 20:00:00 GMT"
ASCTIME = "Tue Nov 14 20:00:00 2023"
FIXDATE = "Tue, 14 Nov 2023 20:00:00 GMT"

ANSWERS = rows(
    # If-None-Match
    ("strong, the same", {"etag": '"a"'}, {"if_none_match": '"a"'}, 304),
    ("strong, another", {"etag": '"a"'}, {"if_none_match": '"b"'}, 200),
    ("strong, weakly", {"etag": '"a"'}, {"if_none_match": 'W/"a"'}, 304),
    ("weak, the same", {"etag": 'W/"a"'}, {"if_none_match": 'W/"a"'}, 304),
    ("weak, strongly", {"etag": 'W/"a"'}, {"if_none_match": '"a"'}, 304),
    ("weak, another", {"etag": 'W/"a"'}, {"if_none_match": 'W/"b"'}, 200),
    ("first of several", {"etag": '"a"'}, {"if_none_match": '"a", "b", "c"'}, 304),
    ("second of several", {"etag": '"a"'}, {"if_none_match": '"b", "a", "c"'}, 304),
    ("last of several", {"etag": '"a"'}, {"if_none_match": '"b", "c", "a"'}, 304),
    ("last of several, no space", {"etag": '"a"'}, {"if_none_match": '"b","c","a"'}, 304),
    ("none of several", {"etag": '"a"'}, {"if_none_match": '"b", "c"'}, 200),
    ("on several lines", {"etag": '"a"'}, {"if_none_match": ['"b"', '"a"']}, 304),
    ("a star", {"etag": '"a"'}, {"if_none_match": "*"}, 304),
    ("a star and no tag", {"last_modified": FIXDATE}, {"if_none_match": "*"}, 304),
    ("a comma within", {"etag": '"a,b"'}, {"if_none_match": '"a,b"'}, 304),
    ("a part of one", {"etag": '"a,b"'}, {"if_none_match": '"a", "b"'}, 200),
    ("case", {"etag": '"a"'}, {"if_none_match": '"A"'}, 200),
    ("unquoted in the request", {"etag": '"a"'}, {"if_none_match": "a"}, 200),
    ("unquoted in the response", {"etag": "a"}, {"if_none_match": '"a"'}, 200),
    ("unquoted in both", {"etag": "a"}, {"if_none_match": "a"}, 200),
    ("the flag in lower case", {"etag": 'W/"a"'}, {"if_none_match": 'w/"a"'}, 304),
    ("empty", {"etag": '"a"'}, {"if_none_match": ""}, 200),
    ("nothing to compare with", {}, {"if_none_match": '"a"'}, 200),
    # If-Modified-Since
    ("the same date", {"last_modified": FIXDATE}, {"if_modified_since": FIXDATE}, 304),
    ("a later date", {"last_modified": FIXDATE}, {"if_modified_since": date()}, 304),
    ("an earlier date", {"last_modified": FIXDATE}, {"if_modified_since": date(-86400)}, 200),
    ("RFC 850 in the request", {"last_modified": FIXDATE}, {"if_modified_since": RFC850}, 304),
    ("RFC 850 in the response", {"last_modified": RFC850}, {"if_modified_since": FIXDATE}, 304),
    ("asctime in the request", {"last_modified": FIXDATE}, {"if_modified_since": ASCTIME}, 304),
    ("asctime in the response", {"last_modified": ASCTIME}, {"if_modified_since": FIXDATE}, 304),
    ("no date", {"last_modified": FIXDATE}, {"if_modified_since": "0"}, 200),
    ("no Last-Modified: Date", {"date": date(-10)}, {"if_modified_since": date(-10)}, 304),
    (
        "no Last-Modified: an earlier one than Date",
        {"date": date(-10)},
        {"if_modified_since": date(-11)},
        200,
    ),
    ("no Last-Modified, no Date: receipt", {}, {"if_modified_since": date()}, 304),
    ("no Last-Modified, no Date: before receipt", {}, {"if_modified_since": date(-1)}, 200),
    # both
    (
        "the tag matches, the date does not",
        {"etag": '"a"', "last_modified": FIXDATE},
        {"if_none_match": '"a"', "if_modified_since": date(-86400)},
        304,
    ),
    (
        "the date matches, the tag does not",
        {"etag": '"a"', "last_modified": FIXDATE},
        {"if_none_match": '"b"', "if_modified_since": FIXDATE},
        200,
    ),
    (
        "a date and no stored date",
        {"etag": '"a"'},
        {"if_none_match": '"b"', "if_modified_since": date(60)},
        200,
    ),
)


@pytest.mark.parametrize(("fields", "condition", "code"), ANSWERS)
def test_a_fresh_response_and_a_condition(
    make_scene: MakeScene, fields: dict[str, Any], condition: dict[str, Any], code: int
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, "page", **LONG, **fields)
    scene.get("/")
    for method in ("GET", "HEAD"):
        got = scene.request(method, "/", **condition)
        body = b"page" if code == 200 and method == "GET" else b""
        assert (got.hit, got.code, got.body) == (True, code, body)


# Those by which the app can be asked.
VALIDATED = [
    row
    for row in ANSWERS
    if "last_modified" in row.values[0] or row.values[0].get("etag", "a") != "a"
]


@pytest.mark.parametrize(("fields", "condition", "code"), VALIDATED)
def test_a_validated_response_and_a_condition(
    make_scene: MakeScene, fields: dict[str, Any], condition: dict[str, Any], code: int
) -> None:
    """§4.3.2: a 304 of the app's whose tag the client does not have becomes a 200."""
    scene = make_scene(Policy.rfc(), lint=False)
    scene.answers(
        Reply(200, "page", **fields, **BRIEF),
        Reply(304, date=scene.clock.date(3), **LONG, **fields),
    )
    scene.get("/")
    scene.after(3)
    got = scene.get("/", **condition)
    assert got.cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert (got.code, got.text) == (code, "page" if code == 200 else "")
    assert scene.get("/").hit


@pytest.mark.parametrize(
    "condition", [{"if_match": '"a"'}, {"if_match": "*"}, {"if_unmodified_since": date()}]
)
def test_conditions_for_the_origin_are_not_evaluated(
    rfc_scene: Scene, condition: dict[str, Any]
) -> None:
    """§4.3.2."""
    rfc_scene.app(200, "page", etag='"a"', last_modified=FIXDATE, **LONG)
    rfc_scene.get("/")
    rfc_scene.app(412, "no")
    for more in ({}, {"if_none_match": '"a"'}):
        got = rfc_scene.get("/", **condition, **more)
        assert (got.code, got.detail) == (412, "precondition")
    assert rfc_scene.get("/").hit


@pytest.mark.parametrize("status", [301, 404, 410, 500])
def test_conditions_count_for_success_only(rfc_scene: Scene, status: int) -> None:
    """RFC 9110 §13.2.1."""
    rfc_scene.app(status, "page", etag='"a"', location="/x", **LONG)
    rfc_scene.get("/")
    got = rfc_scene.get("/", if_none_match='"a"')
    assert (got.hit, got.code) == (True, status)


# ── what the answer does (§4.3.3) ────────────────────────────────────────────────────────────────


def test_a_304_freshens(rfc_scene: Scene) -> None:
    rfc_scene.resource("page", **BRIEF)
    rfc_scene.get("/")
    for _ in range(3):
        rfc_scene.after(3)
        got = rfc_scene.get("/")
        assert (got.cache_status, got.text) == ("wsgicache; fwd=stale; fwd-status=304", "page")
        assert rfc_scene.get("/").hit


@pytest.mark.parametrize("status", [200, 203, 204, 301, 404, 410])
def test_a_full_response_is_used_and_replaces(rfc_scene: Scene, status: int) -> None:
    stale(rfc_scene, etag='"a"')
    rfc_scene.app(status, "" if status == 204 else "new", location="/x", **LONG)
    got = rfc_scene.get("/")
    assert (got.code, got.stored) == (status, True)
    assert rfc_scene.get("/").code == status


@pytest.mark.parametrize("status", [400, 404, 410, 301])
def test_a_full_response_that_is_not_stored_replaces_too(rfc_scene: Scene, status: int) -> None:
    """What it shows to be old is not served again."""
    stale(rfc_scene, etag='"a"')
    rfc_scene.app(status, "no", location="/x", cache_control="no-store")
    assert rfc_scene.get("/").code == status
    rfc_scene.app(200, "new")
    assert rfc_scene.get("/", cache_control="max-stale").text == "new"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_5xx_is_passed_on_or_covered_up(make_scene: MakeScene, status: int) -> None:
    for window, code in (("", status), (", stale-if-error=60", 200)):
        scene = make_scene(Policy.rfc())
        stale(scene, etag='"a"', cache_control=f"max-age=2{window}")
        scene.app(status, "sorry")
        assert scene.get("/").code == code
        assert scene.calls[-1].header("If-None-Match") == '"a"'


# ── what a 304 is about (§4.3.4) ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "answered"),
    rows(
        ("another strong tag", {"etag": '"b"'}, "new"),
        ("another weak tag", {"etag": 'W/"b"'}, "new"),
        ("the same", {"etag": '"a"'}, "page"),
        ("weakly the same", {"etag": 'W/"a"'}, "page"),
        ("none", {}, "page"),
    ),
)
def test_a_304_about_something_else_updates_nothing(
    rfc_scene: Scene, fields: dict[str, Any], answered: str
) -> None:
    """The app is asked again, without conditions."""
    stale(rfc_scene, etag='"a"')

    def answer(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, x_new="1", **fields)
        return Reply(200, "new", **LONG)

    rfc_scene.app(answer)
    got = rfc_scene.get("/")
    assert got.text == answered
    assert got.header("X-New") == (None if answered == "new" else "1")


def test_the_age_of_what_is_asked_for_again_counts_from_there(rfc_scene: Scene) -> None:
    """§4.2.3: the response delay is that of the second request."""
    stale(rfc_scene, etag='"a"')

    def answer(environ: Environ) -> Reply:
        rfc_scene.after(5)
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, etag='"b"')
        return Reply(200, "new", **LONG)

    rfc_scene.app(answer)
    assert rfc_scene.get("/").text == "new"
    assert (rfc_scene.get("/").hit, rfc_scene.get("/").age) == (True, 5)


def test_the_age_after_a_304_counts_from_there(rfc_scene: Scene) -> None:
    """§4.2.3: since it was last validated."""
    rfc_scene.answers(
        Reply(200, "page", etag='"a"', date=rfc_scene.clock.date(), age=1, **BRIEF),
        Reply(304, etag='"a"', date=rfc_scene.clock.date(100)),
    )
    rfc_scene.get("/")
    rfc_scene.after(100)
    assert rfc_scene.get("/").age == 0
    rfc_scene.after(1)
    assert (rfc_scene.get("/").hit, rfc_scene.get("/").age) == (True, 1)


def test_a_304_updates_what_is_fresh_though_it_comes_with_an_age(rfc_scene: Scene) -> None:
    """§4.3.4: what it is about is updated, however old the answer is."""
    rfc_scene.app(200, "page", etag='"a"', **LONG)
    rfc_scene.get("/")
    rfc_scene.after(3)
    rfc_scene.app(304, etag='"a"', age=100, x_new="1")
    assert rfc_scene.get("/", cache_control="no-cache").header("X-New") == "1"
    got = rfc_scene.get("/")
    assert (got.hit, got.header("X-New"), got.age) == (True, "1", 100)


def test_a_304_without_date_counts_from_its_receipt(rfc_scene: Scene) -> None:
    """RFC 9110 §6.6.1."""
    said = rfc_scene.clock.date()
    rfc_scene.answers(Reply(200, "page", etag='"a"', date=said, **BRIEF), Reply(304, etag='"a"'))
    rfc_scene.get("/")
    rfc_scene.after(100)
    assert rfc_scene.get("/").age == 0
    assert rfc_scene.get("/").hit


# ── what a 304 updates (§3.2) ────────────────────────────────────────────────────────────────────

UPDATED = """
    Test-Header X-Test-Header Content-Foo X-Content-Foo Content-Location Content-MD5
    Content-Security-Policy Content-Type Clear-Site-Data Public-Key-Pins X-Frame-Options
    X-XSS-Protection Content-Language Link Retry-After Server Warning Cache-Tag
""".split()


@pytest.mark.parametrize("name", UPDATED)
@pytest.mark.parametrize("validator", ["etag", "last_modified"])
def test_a_304_updates(make_scene: MakeScene, name: str, validator: str) -> None:
    """For this client and the next."""
    scene = make_scene(Policy.rfc(), lint=False)
    said: dict[str, Any] = {validator: '"a"' if validator == "etag" else FIXDATE}
    scene.answers(
        Reply(200, "page", (name, "/old"), ("X-Kept", "1"), **BRIEF, **said),
        Reply(304, b"", (name, "/new"), ("X-Added", "2"), **LONG, **said),
    )
    scene.get("/")
    scene.after(3)
    for hit in (False, True):
        got = scene.get("/")
        assert (got.hit, got.text) == (hit, "page")
        assert got.lines(name) == ["/new"]
        assert (got.header("X-Kept"), got.header("X-Added")) == ("1", "2")
        assert got.lines("Cache-Control") == ["max-age=3600"]


@pytest.mark.parametrize(
    "name", ["Content-Length", "Content-Encoding", "Content-Range", "Transfer-Encoding"]
)
def test_a_304_does_not_update_how_the_content_is_framed(make_scene: MakeScene, name: str) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    scene.app(200, "page", (name, "4"), etag='"a"', **BRIEF)
    scene.get("/")
    scene.after(3)
    before = scene.get("/", cache_control="max-stale").lines(name)
    scene.app(304, b"", (name, "10"), etag='"a"', **LONG)
    for _ in range(2):
        got = scene.get("/")
        assert (got.text, got.lines(name)) == ("page", before)


@pytest.mark.parametrize(
    ("fields", "hit"),
    rows(
        ("a longer max-age", {"cache_control": "max-age=3600"}, True),
        ("a shorter max-age", {"cache_control": "max-age=1"}, False),
        ("Expires, which max-age overrules", {"expires": date(3600)}, False),
        ("no-cache", {"cache_control": "no-cache"}, False),
        ("no-store", {"cache_control": "no-store"}, False),
        ("private", {"cache_control": "private, max-age=3600"}, False),
        ("a star", {"vary": "*", "cache_control": "max-age=3600"}, False),
        ("an Age", {"age": "7200", "cache_control": "max-age=3600"}, False),
        ("nothing", {}, False),
    ),
)
def test_a_304_renews_what_is_concluded(
    rfc_scene: Scene, fields: dict[str, Any], hit: bool
) -> None:
    stale(rfc_scene, etag='"a"')
    rfc_scene.app(304, etag='"a"', **fields)
    assert rfc_scene.get("/").text == "page"
    rfc_scene.after(3)
    rfc_scene.app(200, "new")
    assert rfc_scene.get("/").hit is hit


def test_a_304_with_expires_renews_expires(rfc_scene: Scene) -> None:
    rfc_scene.answers(
        Reply(200, "page", etag='"a"', expires=date(2), date=date()),
        Reply(304, etag='"a"', expires=date(3600), date=date(3)),
    )
    rfc_scene.get("/")
    rfc_scene.after(3)
    rfc_scene.get("/")
    got = rfc_scene.get("/")
    assert (got.hit, got.header("Expires"), got.verdict["ttl"]) == (True, date(3600), 3597)


def test_a_304_gives_its_cookie_to_its_client_only(rfc_scene: Scene) -> None:
    stale(rfc_scene, etag='"a"')
    rfc_scene.app(304, etag='"a"', set_cookie="sid=1", **LONG)
    assert rfc_scene.get("/").lines("Set-Cookie") == ["sid=1"]
    got = rfc_scene.get("/")
    assert (got.hit, got.header("Set-Cookie")) == (True, None)


def test_a_cookie_of_a_304_replaces_a_stored_one_in_its_answer(rfc_scene: Scene) -> None:
    """§3.2; whoever asks later gets the stored one."""
    stale(rfc_scene, etag='"a"', set_cookie="sid=1")
    rfc_scene.app(304, etag='"a"', set_cookie="sid=2", **LONG)
    assert rfc_scene.get("/").lines("Set-Cookie") == ["sid=2"]
    got = rfc_scene.get("/")
    assert (got.hit, got.lines("Set-Cookie")) == (True, ["sid=1"])


def test_a_304_adds_no_field_of_its_connection(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    stale(scene, etag='"a"')
    fields = [("Connection", "X-Listed"), ("X-Listed", "1"), ("Keep-Alive", "x"), ("X-Other", "1")]
    scene.app(304, b"", *fields, etag='"a"', **LONG)
    for _ in range(2):
        got = scene.get("/")
        assert not got.names & {"connection", "x-listed", "keep-alive"}
        assert got.header("X-Other") == "1"


# ── HEAD (§4.3.5) ────────────────────────────────────────────────────────────────────────────────


def test_a_head_goes_on_when_what_is_stored_is_stale(rfc_scene: Scene) -> None:
    stale(rfc_scene)
    got = rfc_scene.head("/")
    assert (got.fwd, got.body, rfc_scene.calls[-1].method) == ("stale", b"", "HEAD")


@pytest.mark.parametrize(
    ("stored", "fields", "text"),
    rows(
        ("no validators", {}, {}, "page"),
        ("the same tag", {"etag": '"a"'}, {"etag": '"a"'}, "page"),
        ("the same date", {"last_modified": FIXDATE}, {"last_modified": FIXDATE}, "page"),
        ("the same length", {}, {"content_length": "4"}, "page"),
        ("another tag", {"etag": '"a"'}, {"etag": '"b"'}, "new"),
        ("a tag where there was none", {}, {"etag": '"b"'}, "new"),
        ("another date", {"last_modified": FIXDATE}, {"last_modified": date()}, "new"),
        ("another length", {}, {"content_length": "5"}, "new"),
        (
            "the same tag, another length",
            {"etag": '"a"'},
            {"etag": '"a"', "content_length": "5"},
            "new",
        ),
    ),
)
def test_a_head_updates_or_makes_stale(
    make_scene: MakeScene, stored: dict[str, Any], fields: dict[str, Any], text: str
) -> None:
    scene = make_scene(Policy.rfc(), lint=False)
    stale(scene, x_old="1", x_both="1", **stored)

    def answer(environ: Environ) -> Reply:
        if environ["REQUEST_METHOD"] == "HEAD":
            return Reply(200, "", length=False, x_both="2", x_new="2", **LONG, **fields)
        return Reply(200, "new", **LONG)

    scene.app(answer)
    scene.head("/")
    got = scene.get("/")
    assert (got.hit, got.text) == (text == "page", text)
    if text == "page":
        assert [got.header(name) for name in ("X-Old", "X-Both", "X-New")] == ["1", "2", "2"]
        assert got.lines("Cache-Control") == ["max-age=3600"]
        assert got.lines("Content-Length") == ["4"]


@pytest.mark.parametrize("directives", ["no-store", "private", "no-cache"])
def test_a_head_may_forbid_reuse(rfc_scene: Scene, directives: str) -> None:
    stale(rfc_scene)
    rfc_scene.app(200, "", length=False, cache_control=directives)
    rfc_scene.head("/")
    rfc_scene.app(200, "new")
    assert rfc_scene.get("/", cache_control="max-stale").text == "new"


@pytest.mark.parametrize("status", [404, 410, 500])
def test_a_head_that_fails_updates_nothing(rfc_scene: Scene, status: int) -> None:
    """§4.3.5 speaks of 200."""
    stale(rfc_scene, x_old="1")
    rfc_scene.app(status, "", length=False, x_old="2", **LONG)
    assert rfc_scene.head("/").code == status
    rfc_scene.app(200, "new", x_old="3")
    assert rfc_scene.get("/").header("X-Old") == "3"


def test_a_head_validates(rfc_scene: Scene) -> None:
    rfc_scene.resource("page", **BRIEF)
    rfc_scene.get("/")
    rfc_scene.after(3)
    got = rfc_scene.head("/")
    assert got.cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert (got.status, got.header("Content-Length")) == ("200 OK", "4")
    assert rfc_scene.get("/").hit


def test_what_a_304_is_not_about_is_not_used_any_more(rfc_scene: Scene) -> None:
    """§4.3.3: whatever it answers when it is asked again."""
    stale(rfc_scene, etag='W/"a"')

    def answer(environ: Environ) -> Reply:
        if "HTTP_IF_NONE_MATCH" in environ:
            return Reply(304, "", etag='"a"')
        return Reply(200, "new", cache_control="no-store")

    rfc_scene.app(answer)
    assert rfc_scene.get("/").text == "new"
    assert rfc_scene.get("/", cache_control="max-stale").text == "new"


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("validator", [{"etag": '"v1"'}, {}], ids=["validated", "fetched"])
def test_a_200_replaces_what_was_stale(
    make_scene: MakeScene, policy: Policy, validator: dict[str, str]
) -> None:
    """Fields and content, and nothing of the old one is left."""
    scene = make_scene(policy)
    scene.app(200, "old", x_old="1", **{**LONG, **validator})
    assert scene.get("/").stored
    scene.after(3600)
    scene.app(200, "new", etag='"v2"', x_new="2", **LONG)
    assert scene.get("/").text == "new"
    for wish in (None, "max-stale"):
        got = scene.get("/", cache_control=wish)
        assert (got.hit, got.text, got.header("ETag"), got.age) == (True, "new", '"v2"', 0)
        assert (got.header("X-Old"), got.header("X-New")) == (None, "2")


@pytest.mark.parametrize(
    "changed", [{"etag": '"v2"'}, {"last_modified": -60}, {"content_length": "11"}], ids=str
)
def test_a_head_with_a_changed_validator_makes_it_stale(
    rfc_scene: Scene, changed: dict[str, Any]
) -> None:
    """§4.3.5: the old content is not served again, though its lifetime is not over."""
    scene = rfc_scene
    before: dict[str, Any] = {"etag": '"v1"', "last_modified": scene.clock.date(-3600)}
    scene.app(200, "0123456789", **{**LONG, **before})
    assert scene.get("/").stored
    if "last_modified" in changed:
        changed = {"last_modified": scene.clock.date(-60)}
    scene.app(200, "", length=False, **{**LONG, **before, **changed})
    scene.head("/", cache_control="no-cache")
    scene.app(200, "new", **LONG)
    assert scene.get("/", cache_control="max-stale").text == "new"


# ── what the client has (§4.3.2) ─────────────────────────────────────────────────────────────────


class Versions:
    """An app that has one version after the other, and may name it in a 304."""

    def __init__(self, scene: Scene, named: bool) -> None:
        self.now = "1"
        self.rendered: list[str] = []
        self._named = named
        scene.app(self._answer)

    def _answer(self, environ: Environ) -> Reply:
        tag = f'"{self.now}"'
        if tag in environ.get("HTTP_IF_NONE_MATCH", ""):
            return Reply(304, "", etag=tag if self._named else None, **BRIEF)
        self.rendered.append(self.now)
        return Reply(200, self.now, etag=tag, **BRIEF)


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("seconds", [1, 3], ids=["forced", "stale"])
def test_a_client_that_has_what_is_newer_gets_a_304(
    make_scene: MakeScene, policy: Policy, seconds: float
) -> None:
    """The app does not know: its answer is for all who wait, and is stored."""
    scene = make_scene(policy)
    versions = Versions(scene, named=True)
    scene.get("/")
    versions.now = "2"
    scene.after(seconds)
    got = scene.get("/", if_none_match='"2"', cache_control="no-cache")
    assert (got.code, got.body) == (304, b"")
    assert scene.calls[1].header("If-None-Match") == '"1"'
    assert versions.rendered == ["1", "2"]
    got = scene.get("/")
    assert (got.text, got.hit) == ("2", True)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_client_that_has_what_is_older_gets_the_stored(scene: Scene, named: bool) -> None:
    versions = Versions(scene, named)
    scene.get("/")
    scene.after(3)
    got = scene.get("/", if_none_match='"0"')
    assert (got.code, got.text, got.verdict["fwd-status"]) == (200, "1", 304)
    assert versions.rendered == ["1"]
    assert scene.get("/").hit


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
@pytest.mark.parametrize("length", [True, False], ids=["length", "none"])
def test_a_relayed_200_that_the_client_has_is_a_304(scene: Scene, length: bool, kept: bool) -> None:
    """The app was asked about what is stored alone: it has not seen the client's date."""
    stale(scene, etag='"1"', last_modified=date(-60))
    said = LONG if kept else {"cache_control": "no-store"}
    scene.app(200, "new", etag='"2"', last_modified=date(-30), length=length, **said)
    got = scene.get("/", if_modified_since=date(-30))
    if not kept:
        assert (got.code, got.body, got.detail) == (304, b"", "no-store")
        return
    assert (got.code, got.body) == (304, b"")
    assert got.cache_status == "wsgicache; fwd=stale; fwd-status=200; stored"
    assert (got.header("ETag"), got.header("Content-Type")) == ('"2"', None)
    got = scene.get("/")
    assert (got.hit, got.text) == (True, "new")


def test_what_the_app_writes_goes_out_with_its_head(scene: Scene) -> None:
    """Bytes follow: nothing else can be said instead."""

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        fields = [("Content-Type", "a/b"), ("Content-Length", "3"), ("ETag", '"2"')]
        start_response("200 OK", fields)(b"new")
        return []

    stale(scene, etag='"1"')
    scene.wsgi(app)
    got = scene.get("/", if_none_match='"2"')
    assert (got.code, got.text) == (200, "new")


def test_a_later_date_is_evaluated_on_the_answer(scene: Scene) -> None:
    scene.resource("old", etag=None, last_modified=date(-60), **BRIEF)
    scene.get("/")
    scene.after(3)
    scene.resource("new", etag=None, last_modified=date(-30), **BRIEF)
    got = scene.get("/", if_modified_since=date(-30))
    assert (got.code, scene.calls[-1].header("If-Modified-Since")) == (304, date(-60))
    assert (scene.get("/").text, scene.count) == ("new", 2)


@pytest.mark.parametrize("policy", [Policy(), Policy.rfc()], ids=["safe", "rfc"])
@pytest.mark.parametrize("etag", [None, "abc"])
@pytest.mark.parametrize("headers", [{}, {"cookie": "a=b"}], ids=["stranger", "cookie"])
def test_a_page_that_is_always_validated_has_a_tag(
    make_scene: MakeScene, policy: Policy, etag: str | None, headers: dict[str, str]
) -> None:
    """The app has none, or one that is none: its client could never have a 304."""
    scene = make_scene(policy, lint=False)
    scene.app(200, "page", cache_control="no-cache", etag=etag)
    first = scene.get("/", **headers)
    tag = first.header("ETag")
    assert (first.text, is_generated(tag or "")) == ("page", True)
    got = scene.get("/", if_none_match=tag, **headers)
    assert (got.code, got.body, got.header("ETag"), got.header("Cache-Control")) == (
        304,
        b"",
        tag,
        "no-cache",
    )
    assert scene.calls[-1].header("If-None-Match") is None
    scene.app(200, "another", cache_control="no-cache", etag=etag)
    got = scene.get("/", if_none_match=tag, **headers)
    assert (got.code, got.text) == (200, "another")
    scene.app(200, "page", cache_control="no-cache, no-store", etag=etag)
    assert scene.get("/").header("ETag") == etag


@pytest.mark.parametrize(
    ("fields", "headers", "detail", "has_tag"),
    rows(
        ("for one client", {"cache_control": "private, no-cache"}, {}, "private", True),
        ("with a cookie of its own", {"set_cookie": "a=b"}, {}, "freshness", True),
        ("to credentials", {}, {"authorization": "x"}, "freshness", True),
        ("to cookies", {}, {"cookie": "a=b"}, "freshness", True),
        ("to nobody but the client", {"vary": "*"}, {}, "vary", False),
    ),
)
def test_a_client_may_validate_what_is_not_stored(
    bare_scene: Scene,
    fields: dict[str, Any],
    headers: dict[str, Any],
    detail: str,
    has_tag: bool,
) -> None:
    bare_scene.app(200, "page", **{"cache_control": "no-cache", **fields})
    got = bare_scene.get("/", **headers)
    assert (got.detail, is_generated(got.header("ETag") or "")) == (detail, has_tag)


def test_a_fragment_names_what_selected_it(scene: Scene) -> None:
    """RFC 9110 §12.5.5: whoever stores the answer knows that a page is something else."""
    scene.app(200, "part", **LONG)
    assert scene.get("/", hx_request="true").header("Vary") == "HX-Request"
    assert scene.get("/").header("Vary") is None
