"""Static files whose URLs name their content, and Flask's set-up in one call."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flask
import pytest

from tests.controls.declaring import StartResponse, with_routes
from tests.running import ROOT
from tests.scene import Environ, Scene, environ_for, exchange
from wsgicache import (
    CacheMiddleware,
    MemoryStore,
    Policy,
    Route,
    StaticVersions,
    cache_for,
    easy_setup,
    no_cache,
)

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with static files, and a secret beside it."""
    directory = tmp_path / "static"
    (directory / "css").mkdir(parents=True)
    (directory / "app.js").write_text("first")
    (directory / "css" / "ü & 1.css").write_text("style")
    (directory / "empty.txt").write_text("")
    (tmp_path / "secret").write_text("secret")
    return directory


def serving(directory: Path, prefix: str = "/static/", **fields: str) -> Any:
    """An app that serves the files below *prefix* as frameworks do, and says no-cache."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        name = path.encode("latin-1").decode().removeprefix(prefix)
        file = directory / name
        if not file.is_file():
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"none"]
        said = {"Content-Type": "text/plain", "Cache-Control": "no-cache", **fields}
        start_response("200 OK", list(said.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [file.read_bytes()]

    return app


def test_a_file_is_stored_once_for_all_visitors(files: Path) -> None:
    """Extensions look at the session of each request, and so say Vary: Cookie."""
    versions = StaticVersions(files)
    scene = with_routes(Scene(), versions.route)
    scene.wsgi(serving(files, Vary="Cookie"))
    for visitor in range(3):
        got = scene.get(versions.url("app.js"), cookie=f"session={visitor}")
        assert (got.hit, got.text) == (visitor > 0, "first")


def staged(scene: Scene, directory: Path, **fields: str) -> StaticVersions:
    versions = StaticVersions(directory)
    with_routes(scene, versions.route).wsgi(serving(directory, **fields))
    return versions


def test_the_version_is_that_of_the_content(files: Path) -> None:
    versions = StaticVersions(str(files))
    first = versions.url("app.js")
    assert first == f"/static/app.js?v={versions.version('app.js')}"
    assert StaticVersions(files, "/a/b/").url("app.js") == first.replace("/static/", "/a/b/")
    (files / "app.js").write_text("second")
    second = versions.url("app.js")
    assert second != first
    (files / "app.js").write_text("first")
    os.utime(files / "app.js", (1, 1))
    assert versions.url("app.js") == first


def test_a_file_is_read_again_only_if_time_or_size_have_changed(files: Path) -> None:
    versions, file = StaticVersions(files), files / "app.js"
    first, stat = versions.version("app.js"), file.stat()
    file.write_text("other")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert versions.version("app.js") == first
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert versions.version("app.js") != first


@pytest.mark.parametrize(
    "name",
    ["none.js", "css", "", ".", "..", "../secret", "css/../../secret", "/etc/passwd", "a\0b"],
)
def test_what_is_no_file_of_the_directory_has_no_version(files: Path, name: str) -> None:
    assert StaticVersions(files).version(name) is None
    assert "?" not in StaticVersions(files).url(name)


def test_a_name_is_quoted(files: Path) -> None:
    url = StaticVersions(files).url("css/ü & 1.css")
    assert url.startswith("/static/css/%C3%BC%20%26%201.css?v=")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["app.js", "css/ü & 1.css"])
def test_the_right_version_is_kept_for_ever(
    scene: Scene, files: Path, method: str, name: str
) -> None:
    versions = staged(scene, files)
    for _ in range(2):
        got = scene.request(method, versions.url(name))
        assert (got.code, got.header("Cache-Control")) == (200, FOR_EVER)
    assert method == "HEAD" or scene.get(versions.url(name)).verdict["ttl"] == 31536000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda url: url.partition("?")[0], "no-cache", id="none"),
        pytest.param(lambda url: url.replace("v=", "V="), "no-cache", id="another parameter"),
        pytest.param(lambda url: url + "&x", "no-cache", id="more after it"),
        pytest.param(lambda url: url.replace("?v=", "?x&v="), "no-cache", id="more before it"),
        pytest.param(lambda url: url.replace("/static/", "/static/./"), "no-cache", id="odd"),
        pytest.param(lambda url: url.replace("app.js", "css/../app.js"), "no-cache", id="up"),
        pytest.param(lambda url: url[:-1], "no-store", id="shorter"),
        pytest.param(lambda url: url + "0", "no-store", id="longer"),
        pytest.param(lambda url: url.replace("v=", "v=x&v="), "no-store", id="another before it"),
        pytest.param(lambda url: url + "&v=x", "no-store", id="another after it"),
        pytest.param(lambda url: url.partition("=")[0], "no-store", id="no value"),
        pytest.param(lambda url: url.partition("=")[0] + "=", "no-store", id="an empty value"),
        pytest.param(lambda url: url.replace("/static/", "/static//"), "no-store", id="double"),
        pytest.param(lambda url: url.replace("app.js", "none.js"), "no-store", id="no such file"),
    ],
)
def test_another_version_is_not_stored_and_none_is_as_the_app_says(
    bare_scene: Scene, files: Path, change: Any, said: str
) -> None:
    versions = staged(bare_scene, files)
    assert bare_scene.get(change(versions.url("app.js"))).header("Cache-Control") == said
    assert bare_scene.post(versions.url("app.js")).header("Cache-Control") == "no-cache"


def test_no_version_is_kept_with_the_content_of_another(scene: Scene, files: Path) -> None:
    """While processes are replaced one by one, an old one is asked for what only the new have."""
    versions = staged(scene, files, **{"Cache-Control": "max-age=2592000"})
    old, file = versions.url("app.js"), files / "app.js"
    file.write_text("second")
    new = versions.url("app.js")
    got = scene.get(old)
    assert (got.text, got.header("Cache-Control")) == ("second", "no-store")
    file.write_text("first")
    got = scene.get(new)
    assert (got.text, got.header("Cache-Control")) == ("first", "no-store")
    file.write_text("second")
    got = scene.get(new)
    assert (got.text, got.header("Cache-Control")) == ("second", FOR_EVER)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"Content-Length": "5"}, True),
        ({"Last-Modified": "Thu, 01 Jan 2015 00:00:00 GMT"}, True),
        ({"Last-Modified": "Thu, 01 Jan 2015 00:00:01 GMT"}, False),
        ({"Last-Modified": "yesterday"}, True),
        ({"Content-Encoding": "gzip", "Content-Length": "3"}, True),
        ({"Content-Length": "4"}, False),
    ],
    ids=str,
)
def test_a_response_that_is_another_file_is_not_kept(
    bare_scene: Scene, files: Path, fields: dict[str, str], kept: bool
) -> None:
    """The app may have opened a file that was replaced meanwhile."""
    os.utime(files / "app.js", (1420070400, 1420070400))
    versions = staged(bare_scene, files, **fields)
    got = bare_scene.get(versions.url("app.js"))
    assert got.header("Cache-Control") == (FOR_EVER if kept else "no-store")


def test_what_the_app_forbids_stays_forbidden(scene: Scene, files: Path) -> None:
    versions = staged(scene, files, **{"Cache-Control": "private"})
    assert scene.get(versions.url("app.js")).header("Cache-Control") == (
        "private, max-age=31536000, immutable"
    )
    assert not scene.get(versions.url("app.js")).hit


def test_an_error_is_not_kept(scene: Scene, files: Path) -> None:
    versions = staged(scene, files)
    target = versions.url("app.js")
    (files / "app.js").unlink()
    got = scene.get(target)
    assert (got.code, got.header("Cache-Control")) == (404, "no-store")


# ── Flask ────────────────────────────────────────────────────────────────────────────────────────


def site(files: Path | None = None) -> flask.Flask:
    app = flask.Flask("site", static_folder=None if files is None else str(files))

    @app.get("/page")
    @cache_for(minutes=5)
    def page() -> str:
        return "page"

    return app


def test_flask_in_one_call() -> None:
    app = site()
    cache = easy_setup(app)
    assert isinstance(cache, CacheMiddleware)
    assert app.wsgi_app is cache is app.extensions["wsgicache"]
    client = app.test_client()
    assert "stored" in client.get("/page").headers["Cache-Status"]
    assert "hit" in client.get("/page").headers["Cache-Status"]


def test_flask_with_choices_of_ones_own() -> None:
    app, store, policy = site(), MemoryStore(), Policy(name="mine")
    cache = easy_setup(app, store=store, policy=policy, routes=[Route("/page", no_cache)])
    assert (cache.store, cache.policy) == (store, policy)
    answer = app.test_client().get("/page")
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Cache-Status"].startswith("mine; ")


def test_a_second_set_up_is_refused() -> None:
    app = site()
    easy_setup(app)
    with pytest.raises(ValueError, match="must be a Flask application without a cache, got <Flask"):
        easy_setup(app)


def test_debug_begins_with_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Even where what is given outlives the process."""
    store = MemoryStore()
    before = site()
    easy_setup(before, store=store)
    before.test_client().get("/page")
    app = site()
    app.debug = True
    cache = easy_setup(app, store=store)
    assert cache.store is not store
    assert cache.policy.debug
    assert "wsgicache: app.debug is on" in caplog.text
    assert "stored" in app.test_client().get("/page").headers["Cache-Status"]


def test_without_flask_the_package_is_whole() -> None:
    """Flask is no dependency."""
    code = "import sys; sys.modules['flask'] = None; import wsgicache; print(wsgicache.easy_setup)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "easy_setup" in done.stdout


def test_flasks_url_for_with_versions(files: Path) -> None:
    """The recipe for url_defaults, and Flask's own static files behind it."""
    app = site(files)
    versions = StaticVersions(files)

    @app.url_defaults
    def static_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["v"] = versions.version(values["filename"])

    @app.get("/")
    def index() -> str:
        return flask.render_template_string("{{ url_for('static', filename='app.js') }}")

    easy_setup(app, routes=[versions.route])
    get = functools.partial(app.test_client().get, buffered=True)
    url = get("/").text
    assert url == versions.url("app.js")
    for outcome in ("stored", "hit"):
        answer = get(url)
        assert outcome in answer.headers["Cache-Status"]
        assert answer.headers["Cache-Control"] == FOR_EVER
        assert answer.text == "first"
    assert get("/static/app.js").headers["Cache-Control"] == "no-cache"
    etag = get(url).headers["ETag"]
    assert get(url, headers={"If-None-Match": etag}).status_code == 304


def test_a_jinja_template_with_versions(files: Path) -> None:
    import jinja2

    versions = StaticVersions(files)
    environment = jinja2.Environment()
    environment.globals["static"] = versions.url
    page = environment.from_string("{{ static('app.js') }}").render()
    assert page == versions.url("app.js")


def test_a_django_template_with_versions(files: Path) -> None:
    from django.template import Context, Engine, Library

    versions, register = StaticVersions(files), Library()

    @register.simple_tag
    def version(name: str) -> str:
        return versions.url(name)

    engine = Engine()
    engine.template_builtins.append(register)
    page = engine.from_string('{% version "app.js" %}').render(Context())
    assert page == versions.url("app.js")


def test_a_mounted_app(scene: Scene, files: Path) -> None:
    versions = StaticVersions(files, "/shop/static/")
    with_routes(scene, versions.route).wsgi(serving(files, "/shop/static/"))
    environ = environ_for(target=versions.url("app.js").removeprefix("/shop"))
    environ["SCRIPT_NAME"] = "/shop"
    got = exchange(scene.front, environ)
    assert (got.text, got.header("Cache-Control")) == ("first", FOR_EVER)
