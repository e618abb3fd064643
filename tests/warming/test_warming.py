"""Warming: by the cache itself, after a purge, and from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.scene import FakeClock, Scene
from wsgicache import CacheMiddleware, Policy
from wsgicache.cli import main
from wsgicache.cli.warm import _shown
from wsgicache.warming import sitemap

URL = "http://example.org"
CONTEXT: ContextVar[str] = ContextVar("CONTEXT", default="its own")


def site(environ: Any, start_response: Any) -> Iterator[bytes]:
    """An application with a page for everybody and others that are not stored."""
    path, fields, content = environ["PATH_INFO"], [("Cache-Control", "max-age=60")], b"page"
    if path == "/raises":
        raise ValueError("no")
    if path in ("/private", "/none", "/no-cache"):
        fields = [("Cache-Control", {"/private": "private", "/none": ""}.get(path, "no-cache"))]
    if path == "/language":
        fields.append(("Vary", "Accept-Language"))
        content = environ.get("HTTP_ACCEPT_LANGUAGE", "").encode()
    if path == "/map.xml":
        content = f"<urlset><url><loc>{URL}/a</loc></url></urlset>".encode()
    status = {"/error": "500 No", "/busy": "503 Busy"}.get(path, "200 OK")
    start_response(status, fields)
    yield content
    if path == "/long":
        yield b"x" * 2000


app = CacheMiddleware(site, policy=Policy(max_content=1000))


def told(cache: CacheMiddleware, *paths: str, **options: Any) -> list[tuple[str, str | None]]:
    done = cache.warm([f"{URL}{path}" for path in paths], **options).done
    return [(one.outcome, one.detail) for one in done]


def new(**options: Any) -> CacheMiddleware:
    policy = Policy(max_content=1000, collapse_timeout=3600, **options)
    return CacheMiddleware(site, policy=policy, clock=FakeClock())


@pytest.mark.parametrize(
    ("path", "outcome", "detail"),
    [
        ("/a", "stored", None),
        ("/none", "refused", "freshness"),
        ("/private", "refused", "private"),
        ("/long", "refused", "too-large"),
        ("/raises", "failed", "raised"),
        ("/error", "failed", "status"),
        ("/busy", "failed", "status"),
        ("/%2F", "stored", None),
        ("/ä#part", "stored", None),
    ],
)
def test_what_comes_of_a_url(path: str, outcome: str, detail: str | None) -> None:
    ((told_outcome, told_detail),) = told(new(), path)
    assert told_outcome == outcome
    assert told_detail == detail or outcome == "failed"


def test_what_is_warm_is_a_hit_for_visitors(scene: Scene) -> None:
    scene.app(200, "page", cache_control="max-age=60")
    (one,) = scene.cache.warm([f"{URL}/p?q=%20"]).done
    assert (one.outcome, one.status) == ("stored", "200 OK")
    assert scene.get("/p?q=%20").hit
    assert told(scene.cache, "/p?q=%20") == [("hit", None)]


def test_without_cache_status_the_store_says_what_is_there() -> None:
    cache = new(cache_status=False)
    assert told(cache, "/a", "/none") == [("stored", None), ("refused", None)]
    assert "no reason is known" in "\n".join(cache.warm([f"{URL}/none"]).lines())


def test_variants_are_asked_for_one_by_one_and_threads_ask_the_same() -> None:
    languages = [{"Accept-Language": "de"}, {"Accept-Language": "en"}]
    for jobs in (1, 3):
        cache = new()
        done = told(cache, "/language", "/a", variants=languages, jobs=jobs)
        assert sorted(done) == [("hit", None), *[("stored", None)] * 3]
        assert told(cache, "/language", variants=languages, jobs=jobs) == [("hit", None)] * 2
        assert told(cache, "/language", variants=[{"Accept-Language": "fr"}]) == [("stored", None)]


def test_a_cache_that_is_off_stores_nothing() -> None:
    cache = new()
    cache.enabled = False
    assert told(cache, "/a") == [("bypass", "off")]


def test_each_request_has_a_context_of_its_own() -> None:
    seen = []

    def looking(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(CONTEXT.get())
        start_response("200 OK", [])
        return [b""]

    CONTEXT.set("of the caller")
    CacheMiddleware(looking).warm([f"{URL}/"])
    assert seen == ["its own"]


def test_nothing_is_asked_where_a_url_is_wrong(scene: Scene) -> None:
    for urls, error in (([f"{URL}/", "/a"], ValueError), (f"{URL}/", TypeError)):
        with pytest.raises(error, match=r"http"):
            scene.cache.warm(urls)
    with pytest.raises(ValueError, match="jobs of warm"):
        scene.cache.warm([f"{URL}/"], jobs=0)
    wrong: Any = {"Cookie": "a=b"}
    with pytest.raises(TypeError, match=r"each of variants of warm\(\) must be a dict of fields"):
        scene.cache.warm([f"{URL}/"], variants=wrong)
    assert scene.calls == []


def test_a_purge_refills(scene: Scene) -> None:
    scene.app(200, "old", cache_control="max-age=60")
    scene.get("/p")
    for soft in (False, True):
        scene.app(200, f"new {soft}", cache_control="max-age=60")
        assert scene.cache.purge(f"{URL}/p", soft=soft, refill=True).responses == 1
        answer = scene.get("/p")
        assert (answer.hit, answer.text) == (True, f"new {soft}")
    wrong: Any = 1
    with pytest.raises(TypeError, match="refill"):
        scene.cache.purge(f"{URL}/p", refill=wrong)


PURGES: dict[str, Callable[[Scene], object]] = {
    "groups": lambda scene: scene.cache.purge_groups("größe", refill=True),
    "groups of an origin": lambda s: s.cache.purge_groups("größe", origin=URL, refill=True),
    "prefix": lambda scene: scene.cache.purge_prefix(f"{URL}/p", refill=True),
    "PURGE": lambda scene: scene.request(
        "PURGE", "/p/1", authorization=f"Bearer {TOKEN}", wsgicache_purge="refill"
    ),
}
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("purge", PURGES.values(), ids=PURGES)
def test_other_purges_refill_what_was_there(purge: Callable[[Scene], object]) -> None:
    scene = Scene()
    cache = CacheMiddleware(scene.cache.app, clock=scene.clock, purge_token=TOKEN)
    scene.cache = scene.front = cache
    scene.app(200, "old", cache_control="max-age=60", cache_tag="gr%C3%B6%C3%9Fe")
    scene.get("/p/1?a=b" if purge is PURGES["prefix"] else "/p/1")
    scene.app(200, "other", cache_control="max-age=60")
    scene.get("/q")
    scene.app(200, "new", cache_control="max-age=60")
    purge(scene)
    answer = scene.get("/p/1?a=b" if purge is PURGES["prefix"] else "/p/1")
    assert (answer.hit, answer.text) == (True, "new")
    assert (scene.get("/q").hit, scene.get("/q").text) == (True, "other")


def test_nothing_is_refilled_before_the_first_request(scene: Scene) -> None:
    scene.cache.purge_groups("a", refill=True)
    assert scene.calls == []


def test_a_purge_over_http_says_what_came_of_the_refill() -> None:
    scene = Scene()
    scene.cache = scene.front = CacheMiddleware(scene.cache.app, purge_token=TOKEN)
    scene.app(200, "page")
    fields: Any = {"authorization": f"Bearer {TOKEN}", "wsgicache_purge": "refill"}
    assert "1 not stored\n  freshness" in scene.request("PURGE", "/p", **fields).text


def test_the_summary_says_each_reason_once() -> None:
    paths = [f"/none?{number}" for number in range(7)]
    cache = new()
    done = cache.warm([f"{URL}{path}" for path in ("/a", "/error", "/raises", *paths)])
    assert list(done.lines()) == [
        f"10 requests to {URL}: 1 stored, 0 in the store already, 9 not stored",
        "  the application answers 500 No",
        f"    {URL}/error",
        "  raised (§4.2.4): The application raised an exception.",
        f"    {URL}/raises",
        "  freshness (§3, §4.2.1): No lifetime is given that would let it be used.",
        *(f"    {URL}{path}" for path in paths[:5]),
        "    and 2 more",
    ]
    assert len(done.failed) == 2
    done = cache.warm(f"https://{number}.example/a" for number in range(7))
    origins = ", ".join(f"https://{number}.example" for number in range(5))
    assert next(done.lines()).startswith(f"7 requests to {origins} and 2 more: 7 stored, ")
    assert (
        next(cache.warm([]).lines()) == "0 requests: 0 stored, 0 in the store already, 0 not stored"
    )


def test_a_sitemap_is_asked_of_the_application(tmp_path: Path) -> None:
    cache = new()
    assert sitemap(cache, f"{URL}/map.xml") == [f"{URL}/a"]
    assert told(cache, "/map.xml") == [("stored", None)]
    (tmp_path / "map.xml").write_text(
        f"<sitemapindex><sitemap><loc>{URL}/map.xml</loc></sitemap></sitemapindex>"
    )
    assert sitemap(app, str(tmp_path / "map.xml")) == [f"{URL}/a"]
    (tmp_path / "map.xml").write_text(
        "<sitemapindex><sitemap><loc>file:///etc/passwd</loc></sitemap></sitemapindex>"
    )
    with pytest.raises(ValueError, match="http or https URL"):
        sitemap(app, str(tmp_path / "map.xml"))
    with pytest.raises(ValueError, match="500 No"):
        sitemap(app, f"{URL}/error")


# ── the command ────────────────────────────────────────────────────────────────────────────────

APP = f"{__name__}:app"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["warm", APP, *arguments], catch_exceptions=False)


def test_the_command_fills_a_store_that_processes_share(tmp_path: Path) -> None:
    address = f"lmdb://{tmp_path}/store"
    (tmp_path / "urls").write_text(f"{URL}/b\n\n/c\n")
    line = ["/d", "--sitemap", "/map.xml", "--urls", str(tmp_path / "urls"), "--origin", URL]
    done = run(*line, "--store", address, "--jobs", "2", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    told = {one["url"]: one["outcome"] for one in json.loads(done.stdout)["done"]}
    assert told == dict.fromkeys((f"{URL}/{name}" for name in "abcd"), "stored")
    done = run("/a", "/none", "--origin", URL, "--store", address)
    assert done.stdout.splitlines()[0] == (
        f"2 requests to {URL}: 0 stored, 1 in the store already, 1 not stored"
    )
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["/a"], 2, "such as --store lmdb:///var/cache/myapp"),
        (["/a", "--store", "memory://"], 2, "the memory of this process, which ends"),
        (["/a", "--store", "other://"], 2, "must be memory://"),
        (
            ["/a", "--store", "lmdb:///none/here"],
            2,
            "must be in a directory that exists, got '/none'",
        ),
        (["--store", "FOLDER"], 2, "there is no URL"),
        (["a", "--store", "FOLDER"], 2, "an absolute http or https URL"),
        (["--sitemap", "/error", "--store", "FOLDER"], 2, "the application answers 500 No"),
        (["--sitemap", "none.xml", "--store", "FOLDER"], 2, "No such file"),
        (["/a", "--variant", "x", "--store", "FOLDER"], 2, "--variant must be 'NAME: VALUE'"),
        (["/error", "--store", "FOLDER"], 1, "the application answers 500 No"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = run(*(f"lmdb://{tmp_path}/s" if one == "FOLDER" else one for one in arguments))
    assert done.exit_code == code
    assert said in " ".join(done.output.split())


def test_variants_have_several_fields_and_each_request_has_those_of_h(tmp_path: Path) -> None:
    line = ["/language", "--store", f"lmdb://{tmp_path}/s", "-H", "Accept: */*", "--json"]
    done = run(*line, "--variant", "Accept-Language: de\nDNT: 1", "--variant", "DNT: 0")
    fields = [one["fields"] for one in json.loads(done.stdout)["done"]]
    german = {"Accept": "*/*", "Accept-Language": "de", "DNT": "1"}
    assert fields == [german, {"Accept": "*/*", "DNT": "0"}]


def test_progress_is_shown_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = new().warm([f"{URL}/a"]).done
    with _shown(1) as progress:
        progress(one)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _shown(1) as progress:
        progress(one)
    assert capsys.readouterr().err == f"stored {URL}/a\n"
