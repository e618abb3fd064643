"""Parts of a representation through the whole cache (RFC 9111 §3.3, §3.4), under Policy.rfc()."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeScene
from tests.rig.stores import Faulty
from tests.scene import Environ, Reply, Scene, environ_for
from wsgicache import Policy
from wsgicache.rules.keys import target_key

DIGITS, LETTERS = "0123456789", "abcdefghij"


class Representation:
    """What the app serves: whole, in parts, or as a 304, as RFC 9110 §13 and §14 say."""

    def __init__(self, content: str = DIGITS, etag: str | None = '"v1"', **fields: Any) -> None:
        self.content = content
        self.fields = {"cache_control": "max-age=60", "etag": etag, **fields}

    def __call__(self, environ: Environ) -> Reply:
        etag, content = self.fields["etag"], self.content
        if etag is not None and environ.get("HTTP_IF_NONE_MATCH") == etag:
            return Reply(304, **self.fields)
        spec, condition = environ.get("HTTP_RANGE"), environ.get("HTTP_IF_RANGE")
        if spec is None or environ["REQUEST_METHOD"] != "GET" or condition not in (None, etag):
            return Reply(200, content, **self.fields)
        first, _, last = spec.removeprefix("bytes=").partition("-")
        start = int(first) if first else len(content) - int(last)
        end = min(int(last or len(content)) if first else len(content), len(content) - 1)
        if start >= len(content):
            return Reply(416, content_range=f"bytes */{len(content)}")
        span = f"bytes {start}-{end}/{len(content)}"
        return Reply(206, content[start : end + 1], content_range=span, **self.fields)


def holding(make_scene: MakeScene, *ranges: str, lint: bool = True, **fields: Any) -> Scene:
    """A scene whose cache has asked for these ranges of DIGITS."""
    scene = make_scene(Policy.rfc(), lint=lint)
    scene.app(Representation(**fields))
    for range_ in ranges:
        got = scene.get("/", range=f"bytes={range_}")
        assert (got.code, got.stored) == (206, True), got
    return scene


def last_asked(scene: Scene) -> tuple[str | None, ...]:
    """Range, If-Range and If-None-Match of the last request to the app."""
    call = scene.calls[-1]
    return call.header("Range"), call.header("If-Range"), call.header("If-None-Match")


# ── storing parts (§3.3) ─────────────────────────────────────────────────────────────────────────


def test_a_part_is_stored(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "2-5")
    scene.after(7)
    got = scene.get("/", range="bytes=2-5")
    assert (got.hit, got.status, got.text) == (True, "206 Partial Content", "2345")
    assert got.lines("Content-Range") == ["bytes 2-5/10"]
    assert got.lines("Content-Length") == ["4"]
    assert (got.age, got.header("ETag")) == (7, '"v1"')


SUB_RANGES = [
    ("2-7", "3-4", "34", "bytes 3-4/10"),
    ("2-7", "2-2", "2", "bytes 2-2/10"),
    ("2-7", "7-7", "7", "bytes 7-7/10"),
    ("5-", "7-", "789", "bytes 7-9/10"),
    ("5-", "7-99", "789", "bytes 7-9/10"),
    ("-5", "-2", "89", "bytes 8-9/10"),
    ("-5", "5-5", "5", "bytes 5-5/10"),
    ("0-4", "0-1", "01", "bytes 0-1/10"),
]


@pytest.mark.parametrize(
    ("stored", "wanted", "text", "span"), SUB_RANGES, ids=[f"{r[1]} of {r[0]}" for r in SUB_RANGES]
)
def test_a_range_within_a_part_is_cut_out_of_it(
    make_scene: MakeScene, stored: str, wanted: str, text: str, span: str
) -> None:
    got = holding(make_scene, stored).get("/", range=f"bytes={wanted}")
    assert (got.hit, got.code, got.text) == (True, 206, text)
    assert got.header("Content-Range") == span
    assert got.header("Content-Length") == str(len(text))


@pytest.mark.parametrize("wanted", ["0-3", "3-7", "0-9", "8-9", "-1", "6-", "2-2,4-4", "3-3,"])
def test_what_does_not_lie_within_it_is_forwarded(make_scene: MakeScene, wanted: str) -> None:
    scene = holding(make_scene, "2-5")
    scene.app(416, "", content_range="bytes */10")  # whatever: it is asked
    got = scene.get("/", range=f"bytes={wanted}")
    assert (got.fwd, got.code) == ("partial", 416)
    assert last_asked(scene) == (f"bytes={wanted}", None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"content_range": "bytes 0-5/10"},  # one more than there are
        {"content_range": "bytes 0-3/10"},  # one less
        {"content_range": "bytes 4-9/10"},
        {"content_range": None},
        {"content_range": "bytes */10"},
        {"content_range": "items 0-4/10"},
        {"content_range": "bytes 4-0/10"},
        {"content_range": "bytes 0-4/4"},
        {"content_range": ["bytes 0-4/10", "bytes 0-4/10"]},
        {"content_type": "multipart/byteranges; boundary=x"},
        {"cache_control": "no-store"},
        {"cache_control": "private, max-age=60"},
        {"vary": "*"},
    ],
    ids=str,
)
def test_a_206_that_is_not_stored(rfc_scene: Scene, changes: dict[str, Any]) -> None:
    fields = {"cache_control": "max-age=60", "etag": '"v1"', "content_range": "bytes 0-4/10"}
    rfc_scene.app(206, "01234", **{**fields, **changes})
    for _ in range(2):
        got = rfc_scene.get("/", range="bytes=0-4")
        assert (got.code, got.text, got.hit) == (206, "01234", False)
    assert rfc_scene.count == 2


def test_a_body_that_breaks_off_is_not_stored(rfc_scene: Scene) -> None:
    fields: dict[str, Any] = {"content_range": "bytes 0-3/10", "cache_control": "max-age=60"}
    rfc_scene.app(206, [b"01", b"23"], length=False, **fields)
    rfc_scene.get("/", range="bytes=0-3", take=1)
    assert not rfc_scene.get("/", range="bytes=0-1").hit


def test_a_206_of_everything_is_the_whole(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-9")
    got = scene.get("/")
    assert (got.hit, got.status, got.text) == (True, "200 OK", DIGITS)
    assert got.header("Content-Range") is None


@pytest.mark.parametrize("length", ["10", "*"])
def test_a_206_without_validators(rfc_scene: Scene, length: str) -> None:
    """RFC 9110 §14.4: the complete length may be unknown."""
    rfc_scene.app(206, "01234", content_range=f"bytes 0-4/{length}", cache_control="max-age=60")
    rfc_scene.get("/", range="bytes=0-4")
    got = rfc_scene.get("/", range="bytes=1-2")
    assert (got.hit, got.text) == (True, "12")
    assert got.header("Content-Range") == f"bytes 1-2/{length}"


def test_heuristic_freshness(rfc_scene: Scene) -> None:
    """206 is heuristically cacheable (RFC 9110 §15.3.7)."""
    modified = rfc_scene.clock.date(-1000)
    rfc_scene.app(206, "01234", content_range="bytes 0-4/10", last_modified=modified)
    rfc_scene.get("/", range="bytes=0-4")
    rfc_scene.after(99)
    assert rfc_scene.get("/", range="bytes=0-4").hit
    rfc_scene.after(1)
    assert rfc_scene.get("/", range="bytes=0-4").fwd == "stale"


def test_each_variant_has_its_parts(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(Representation(vary="Accept"))
    scene.get("/", range="bytes=0-4", accept="a")
    assert scene.get("/", range="bytes=0-4", accept="a").hit
    assert scene.get("/", range="bytes=0-4", accept="b").fwd == "vary-miss"


def test_the_safe_policy_stores_no_part(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(whole_for_range=0))
    scene.app(Representation())
    for _ in range(2):
        got = scene.get("/", range="bytes=0-4")
        assert (got.text, got.detail) == ("01234", "partial")
    assert scene.get("/").fwd == "uri-miss"
    assert scene.get("/", range="bytes=0-4").hit  # but cuts the whole


def test_nor_does_it_store_the_whole_in_answer_to_a_range(make_scene: MakeScene) -> None:
    scene = make_scene(Policy(whole_for_range=0))
    scene.app(200, DIGITS, cache_control="max-age=60")
    assert scene.get("/", range="bytes=0-4").detail == "range"
    assert scene.get("/").fwd == "uri-miss"


def test_the_whole_in_answer_to_a_range_is_stored_as_that(rfc_scene: Scene) -> None:
    """RFC 9110 §14.2: a server may ignore Range."""
    rfc_scene.app(200, DIGITS, cache_control="max-age=60")
    assert rfc_scene.get("/", range="bytes=0-4").text == DIGITS
    assert rfc_scene.get("/", range="bytes=0-4").text == "01234"
    assert rfc_scene.count == 1


# ── combining parts (§3.4) ───────────────────────────────────────────────────────────────────────

JOINS = [
    ("adjacent", ["0-2", "3-5"], "0-5"),
    ("adjacent-before", ["3-5", "0-2"], "0-5"),
    ("overlapping", ["1-4", "3-7"], "1-7"),
    ("overlapping-before", ["3-7", "1-4"], "1-7"),
    ("around", ["3-4", "1-7"], "1-7"),
    ("three", ["4-5", "2-3", "6-7"], "2-7"),
    ("suffix", ["4-6", "-3"], "4-9"),
    ("everything", ["0-4", "5-9"], "0-9"),
    ("everything-of-three", ["3-6", "7-", "0-2"], "0-9"),
]


@pytest.mark.parametrize(
    ("ranges", "joined"), [row[1:] for row in JOINS], ids=[row[0] for row in JOINS]
)
def test_parts_that_meet_are_one(make_scene: MakeScene, ranges: list[str], joined: str) -> None:
    scene = holding(make_scene, *ranges)
    first, _, last = joined.partition("-")
    got = scene.get("/", range=f"bytes={joined}")
    assert (got.hit, got.code, got.text) == (True, 206, DIGITS[int(first) : int(last) + 1])
    assert got.header("Content-Range") == f"bytes {joined}/10"


def test_parts_that_make_everything_answer_a_plain_request(make_scene: MakeScene) -> None:
    got = holding(make_scene, "5-9", "0-4").get("/")
    assert (got.hit, got.status, got.text) == (True, "200 OK", DIGITS)
    assert got.lines("Content-Length") == ["10"]
    assert got.header("Content-Range") is None


@pytest.mark.parametrize(
    ("ranges", "gone", "held"),
    [(["0-2", "6-8"], "0-2", "6-8"), (["6-8", "0-2"], "6-8", "0-2")],
    ids=["after", "before"],
)
def test_of_parts_with_a_gap_the_newer_is_kept(
    make_scene: MakeScene, ranges: list[str], gone: str, held: str
) -> None:
    scene = holding(make_scene, *ranges)
    assert scene.get("/", range=f"bytes={held}").hit
    assert scene.get("/", range=f"bytes={gone}").fwd == "partial"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"v1"', '"v2"'),
        ('W/"v1"', 'W/"v1"'),
        (None, None),
        ('"v1"', None),
        (None, '"v1"'),
        ('"v1"', 'W/"v1"'),
    ],
)
def test_parts_join_by_the_same_strong_tag_only(
    make_scene: MakeScene, one: str | None, other: str | None
) -> None:
    """RFC 9110 §15.3.7.3."""
    scene = holding(make_scene, "0-4", etag=one)
    scene.app(Representation(LETTERS, etag=other))
    assert scene.get("/", range="bytes=5-9").text == LETTERS[5:]
    assert scene.get("/", range="bytes=6-7").text == "gh"
    assert scene.get("/", range="bytes=0-9").text == LETTERS
    assert scene.get("/").text == LETTERS


def test_the_same_date_is_not_enough(make_scene: MakeScene) -> None:
    modified = "Tue, 14 Nov 2023 20:00:00 GMT"
    scene = holding(make_scene, "0-4", etag=None, last_modified=modified)
    scene.app(Representation(LETTERS, etag=None, last_modified=modified))
    scene.get("/", range="bytes=5-9")
    assert scene.get("/").text == LETTERS


def test_the_new_part_updates_the_fields(make_scene: MakeScene) -> None:
    """§3.4, as §3.2 says."""
    scene = holding(make_scene, "0-4", x_old="1", x_both="1", cache_control="max-age=60")
    scene.app(Representation(x_both="2", x_new="2", cache_control="max-age=600"))
    scene.get("/", range="bytes=5-7")
    scene.after(100)
    got = scene.get("/", range="bytes=0-7")
    assert (got.hit, got.text) == (True, "01234567")
    assert [got.header(name) for name in ("X-Old", "X-Both", "X-New")] == ["1", "2", "2"]


def test_joined_parts_stay_below_the_limit(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc(max_content=5))
    scene.app(Representation())
    for range_ in ("0-2", "3-5"):
        scene.get("/", range=f"bytes={range_}")
    assert scene.get("/", range="bytes=3-5").hit
    assert not scene.get("/", range="bytes=0-2").hit


def test_a_part_of_what_is_held_whole_updates_it(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(Representation(cache_control="max-age=5"))
    scene.get("/")
    scene.after(6)

    def ignores_conditions(environ: Environ) -> Reply:
        fields: dict[str, Any] = {"etag": '"v1"', "cache_control": "max-age=60", "x_new": "1"}
        return Reply(206, "234", content_range="bytes 2-4/10", **fields)

    scene.app(ignores_conditions)
    assert scene.get("/", range="bytes=2-4").text == "234"
    got = scene.get("/")
    assert (got.hit, got.status, got.text) == (True, "200 OK", DIGITS)
    assert got.header("X-New") == "1"


# ── completing a part (§3.3) ─────────────────────────────────────────────────────────────────────


def test_a_plain_request_asks_for_the_rest(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", DIGITS)
    assert got.cache_status == "wsgicache; fwd=partial; fwd-status=206; stored"
    assert last_asked(scene) == ("bytes=5-", '"v1"', None)
    assert (got.lines("Content-Length"), got.header("Content-Range")) == (["10"], None)
    got = scene.get("/")
    assert (got.hit, got.status, got.text) == (True, "200 OK", DIGITS)
    assert scene.count == 2


def test_the_rest_may_come_in_pieces(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    fields: dict[str, Any] = {"etag": '"v1"', "cache_control": "max-age=60"}
    scene.app(206, [b"56", b"", b"789"], content_range="bytes 5-9/10", **fields)
    assert scene.get("/").text == DIGITS
    assert scene.get("/").hit


def test_a_rest_that_breaks_off_is_not_kept(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4", lint=False)
    fields: dict[str, Any] = {"etag": '"v1"', "cache_control": "max-age=60"}
    scene.app(206, [b"56", b"789"], content_range="bytes 5-9/10", **fields)
    assert scene.get("/", take=2).text == "0123456"
    assert not scene.get("/", range="bytes=5-9").hit


def test_the_rest_may_be_refused_and_is_still_the_clients(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    scene.app(Representation(cache_control="no-store"))
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", DIGITS)
    assert not got.stored
    assert not scene.get("/").hit


def test_the_representation_has_changed(make_scene: MakeScene) -> None:
    """If-Range: the app answers with the new whole (RFC 9110 §13.1.5)."""
    scene = holding(make_scene, "0-4")
    scene.app(Representation(LETTERS, '"v2"'))
    got = scene.get("/")
    assert (got.status, got.text, got.header("ETag")) == ("200 OK", LETTERS, '"v2"')
    assert last_asked(scene) == ("bytes=5-", '"v1"', None)
    got = scene.get("/")
    assert (got.hit, got.text) == (True, LETTERS)
    assert scene.get("/", range="bytes=0-4").text == "abcde"


ODD_RESTS = {
    "another tag": {"etag": '"v2"'},
    "no tag": {"etag": None},
    "a gap": {"content_range": "bytes 6-10/11"},
    "another length": {"content_range": "bytes 5-9/11"},
    "unknown length": {"content_range": "bytes 5-9/*"},
    "no range": {"content_range": None},
    "several parts": {"content_type": "multipart/byteranges; boundary=x"},
}


@pytest.mark.parametrize("odd", ODD_RESTS.values(), ids=ODD_RESTS.keys())
def test_a_rest_that_does_not_fit_is_asked_for_anew(
    make_scene: MakeScene, odd: dict[str, Any]
) -> None:
    """As a whole: the client sees nothing of it."""
    scene = holding(make_scene, "0-4")
    fields = {"etag": '"v1"', "content_range": "bytes 5-9/10", **odd}
    scene.answers(Reply(206, "fghij", **fields), Reply(200, LETTERS, cache_control="max-age=60"))
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", LETTERS)
    assert last_asked(scene) == (None, None, None)
    assert scene.count == 3
    assert scene.get("/").text == LETTERS


@pytest.mark.parametrize("why", ["written", "lost"])
def test_a_rest_that_cannot_be_joined_is_asked_for_anew(make_scene: MakeScene, why: str) -> None:
    """The app sends it by write(), or the part is in no store any more."""
    store = Faulty()
    scene = make_scene(Policy.rfc(), store=store, lint=False)
    answer = Representation()
    scene.app(answer)
    scene.get("/", range="bytes=0-4")
    (stored,) = store.get(target_key(environ_for())).responses.values()
    if why == "lost":
        stored.content, store.lost = None, frozenset({"content"})

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        reply = answer(environ)
        write = start_response(reply.status, reply.fields)
        if why == "lost":
            return reply.chunks
        write(b"".join(reply.chunks))
        return []

    scene.wsgi(app)
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", DIGITS)
    assert [call.header("Range") for call in scene.calls] == ["bytes=0-4", "bytes=5-", None]


def test_without_a_strong_tag_everything_is_asked_for_again(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4", etag=None)
    scene.app(Representation(LETTERS, None))
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", LETTERS)
    assert [call.header("Range") for call in scene.calls] == ["bytes=0-4", "bytes=5-", None]
    assert {call.header("If-Range") for call in scene.calls} == {None}


@pytest.mark.parametrize("status", [304, 412, 416])
def test_an_answer_to_our_range_is_not_the_clients(make_scene: MakeScene, status: int) -> None:
    """It asked for no range and made no condition."""
    scene = holding(make_scene, "0-4")
    scene.answers(Reply(status), Reply(200, LETTERS, cache_control="max-age=60"))
    got = scene.get("/")
    assert (got.status, got.text) == ("200 OK", LETTERS)
    assert last_asked(scene) == (None, None, None)
    assert scene.get("/").hit


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_another_answer_is(make_scene: MakeScene, status: int) -> None:
    scene = holding(make_scene, "0-4")
    scene.app(status, "sorry")
    got = scene.get("/")
    assert (got.code, got.text, scene.count) == (status, "sorry", 2)


def test_an_app_that_raises_is_not_covered_up_by_a_part(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4", cache_control="max-age=60, stale-if-error=60")

    def broken(environ: Environ) -> Reply:
        raise RuntimeError("broken")

    scene.app(broken)
    for wish in ({}, {"range": "bytes=3-7"}):
        with pytest.raises(RuntimeError, match="broken"):
            scene.get("/", **wish)
    scene.after(61)
    with pytest.raises(RuntimeError, match="broken"):
        scene.get("/", range="bytes=0-4")


def test_a_part_that_does_not_begin_at_the_beginning_is_not_completed(
    make_scene: MakeScene,
) -> None:
    scene = holding(make_scene, "2-5")
    got = scene.get("/")
    assert (got.fwd, got.status, got.text) == ("partial", "200 OK", DIGITS)
    assert last_asked(scene) == (None, None, None)
    assert scene.get("/").hit


def test_an_unasked_206_is_passed_on_and_no_answer_to_others(rfc_scene: Scene) -> None:
    rfc_scene.answers(
        Reply(206, "01234", content_range="bytes 0-4/10", cache_control="max-age=60"),
        Reply(200, DIGITS, cache_control="max-age=60"),
    )
    assert rfc_scene.get("/").code == 206
    got = rfc_scene.get("/")
    assert (got.status, got.text) == ("200 OK", DIGITS)


def test_only_if_cached_has_no_part(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    assert scene.get("/", cache_control="only-if-cached").code == 504
    got = scene.get("/", cache_control="only-if-cached", range="bytes=1-2")
    assert (got.hit, got.text) == (True, "12")


# ── parts and conditions ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"if_none_match": '"v1"'}, 304),
        ({"if_none_match": 'W/"v1"'}, 304),
        ({"if_none_match": '"v0"'}, 206),
        ({"if_range": '"v1"'}, 206),
        ({"if_none_match": '"v0"', "if_range": '"v1"'}, 206),
    ],
    ids=str,
)
def test_a_condition_on_a_part_is_evaluated(
    make_scene: MakeScene, headers: dict[str, Any], code: int
) -> None:
    """§4.3.2: a stored 206 that satisfies the request."""
    got = holding(make_scene, "0-4").get("/", range="bytes=1-2", **headers)
    assert (got.hit, got.code, got.text) == (True, code, "12" if code == 206 else "")


@pytest.mark.parametrize("headers", [{"if_none_match": '"v1"'}, {"if_range": '"v1"'}], ids=str)
def test_a_condition_without_a_range_completes_no_part(
    make_scene: MakeScene, headers: dict[str, Any]
) -> None:
    """§4.3.2: the tag of a part says nothing to a request that the part does not satisfy."""
    scene = holding(make_scene, "0-4")
    scene.app(200, LETTERS, etag='"v2"', cache_control="max-age=60")
    got = scene.get("/", **headers)
    assert (got.fwd, got.code, got.text) == ("partial", 200, LETTERS)
    assert scene.calls[-1].header("If-None-Match") is None
    assert last_asked(scene)[0] is None


def test_a_failing_if_range_wants_the_whole(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    got = scene.get("/", range="bytes=1-2", if_range='"v0"')
    assert (got.fwd, got.status, got.text) == ("partial", "200 OK", DIGITS)
    assert last_asked(scene) == ("bytes=1-2", '"v0"', None)


# ── stale parts ──────────────────────────────────────────────────────────────────────────────────


def test_a_stale_part_is_validated(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    scene.after(61)
    got = scene.get("/", range="bytes=1-2")
    assert (got.code, got.text) == (206, "12")
    assert got.cache_status == "wsgicache; fwd=stale; fwd-status=304"
    assert last_asked(scene) == ("bytes=1-2", None, '"v1"')
    got = scene.get("/", range="bytes=0-4")
    assert (got.hit, got.text) == (True, "01234")


def test_a_stale_part_of_what_has_changed_is_replaced(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    scene.after(61)
    scene.app(Representation(LETTERS, '"v2"'))
    assert scene.get("/", range="bytes=1-2").text == "bc"
    got = scene.get("/", range="bytes=2-2")
    assert (got.hit, got.text) == (True, "c")
    assert scene.get("/", range="bytes=0-4").text == "abcde"


def test_a_stale_part_without_validators_is_fetched_anew(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4", etag=None)
    scene.after(61)
    assert scene.get("/", range="bytes=1-2").fwd == "stale"
    assert last_asked(scene) == ("bytes=1-2", None, None)


def test_a_stale_part_is_completed_all_the_same(make_scene: MakeScene) -> None:
    """If-Range is a validation."""
    scene = holding(make_scene, "0-4")
    scene.after(61)
    assert scene.get("/").text == DIGITS
    assert last_asked(scene) == ("bytes=5-", '"v1"', None)
    assert scene.get("/").hit


@pytest.mark.parametrize("directives", ["no-cache", "max-age=0", "max-age=60, must-revalidate"])
def test_a_plain_request_never_gets_a_part(make_scene: MakeScene, directives: str) -> None:
    """However the part is to be validated, nothing short of the whole answers (§3.3)."""
    scene = holding(make_scene, "0-4", cache_control=directives)
    for seconds in (0, 61):
        scene.after(seconds)
        got = scene.get("/")
        assert (got.status, got.text) == ("200 OK", DIGITS)
        scene.get("/", range="bytes=3-4")
    for wanted, text in (("bytes=1-2", "12"), ("bytes=3-7", "34567")):
        got = scene.get("/", range=wanted)
        assert (got.code, got.text, got.header("Content-Length")) == (206, text, str(len(text)))


@pytest.mark.parametrize("directives", ["no-cache", "max-age=0"])
def test_more_than_the_part_is_not_validated_by_its_tag(
    make_scene: MakeScene, directives: str
) -> None:
    """§4.3.2: unless the request is for a range that the part would satisfy."""
    scene = holding(make_scene, "0-4", cache_control=directives)
    assert scene.get("/", range="bytes=3-7").text == "34567"
    assert last_asked(scene) == ("bytes=3-7", None, None)
    assert scene.get("/", range="bytes=1-2").text == "12"
    assert last_asked(scene) == ("bytes=1-2", None, '"v1"')


def test_a_part_served_while_it_is_validated(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4", cache_control="max-age=60, stale-while-revalidate=60")
    scene.after(61)
    got = scene.get("/", range="bytes=1-2")
    assert (got.hit, got.text) == (True, "12")
    scene.settle()
    got = scene.get("/", range="bytes=1-2")
    assert (got.hit, got.age, got.text) == (True, 0, "12")


# ── HEAD and other methods ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("directives", ["max-age=60", "no-cache"])
def test_head_is_no_range_request(make_scene: MakeScene, directives: str) -> None:
    """RFC 9110 §14.2: it is answered as a plain GET would be, by the app."""
    scene = holding(make_scene, "0-4", cache_control=directives)
    for headers in ({}, {"range": "bytes=1-2"}):
        got = scene.head("/", **headers)
        assert (got.fwd, got.status, got.body) == ("partial", "200 OK", b"")
        assert got.header("Content-Length") == "10"
        assert last_asked(scene)[2] is None


@pytest.mark.parametrize("status", [206, 304, 412, 416])
def test_what_the_app_says_to_head_is_the_clients(make_scene: MakeScene, status: int) -> None:
    scene = holding(make_scene, "0-4", lint=False)
    scene.app(status)
    assert (scene.head("/").code, scene.count) == (status, 2)


def test_head_leaves_a_part_of_the_same_representation(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    scene.head("/")
    assert scene.get("/", range="bytes=0-4").hit


def test_head_with_another_tag_makes_a_part_stale(make_scene: MakeScene) -> None:
    """§4.3.5."""
    scene = holding(make_scene, "0-4")
    scene.app(Representation(LETTERS, '"v2"'))
    scene.head("/")
    assert scene.get("/", range="bytes=0-4").text == "abcde"


def test_head_of_the_whole_has_no_part(make_scene: MakeScene) -> None:
    """A complete response answers HEAD with its own length, Range or not."""
    scene = holding(make_scene, "0-9")
    got = scene.head("/", range="bytes=1-2")
    assert (got.hit, got.status, got.header("Content-Length")) == (True, "200 OK", "10")


def test_an_unsafe_method_makes_parts_invalid(make_scene: MakeScene) -> None:
    scene = holding(make_scene, "0-4")
    scene.post("/")
    assert scene.get("/", range="bytes=0-4").fwd == "uri-miss"


def test_no_store_in_the_request_keeps_a_part_out(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(Representation())
    scene.get("/", range="bytes=0-4", cache_control="no-store")
    assert scene.get("/", range="bytes=0-4").fwd == "uri-miss"


def test_credentials_keep_a_part_out(make_scene: MakeScene) -> None:
    scene = make_scene(Policy.rfc())
    scene.app(Representation())
    assert scene.get("/", range="bytes=0-4", authorization="x").detail == "authorization"
    assert scene.get("/", range="bytes=0-4").fwd == "uri-miss"
    assert scene.get("/", range="bytes=0-4", authorization="x").fwd == "request"
