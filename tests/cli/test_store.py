"""``wsgicache purge|stats|inspect`` on real servers and files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.scene import environ_for, exchange
from tests.stores.servers import PLENTY, Server
from wsgicache import CacheMiddleware
from wsgicache.cli import main
from wsgicache.cli.terminal import say, visible
from wsgicache.stores import store_from_url


@pytest.fixture
def address(memcached: Server, namespace: str) -> str:
    return f"memcached://{memcached.address}/{namespace}?timeout={PLENTY}&generation_seconds=0"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, list(arguments), catch_exceptions=False)


class Site:
    """A cache on the store at *address*, by the system's clock, and what the app says."""

    def __init__(self, address: str, counters: Path | None = None, **options: Any) -> None:
        self.fields = [("Cache-Control", "max-age=60"), ("Cache-Tag", "a")]
        store = store_from_url(address, **options)
        self.cache = CacheMiddleware(self.app, store=store, counters=counters)

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", list(self.fields))
        return [b"page"]

    def hit(self, target: str = "/", scheme: str = "http") -> bool:
        environ = environ_for("GET", target, changes={"wsgi.url_scheme": scheme})
        return exchange(self.cache, environ).hit


@pytest.fixture
def site(address: str) -> Site:
    site = Site(address)
    site.hit()
    assert site.hit()
    return site


URL = "http://example.org/"


@pytest.mark.network
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--url", URL], "purged 1 response of 1 URL"),
        (["--url", "https://example.org/", "--both-schemes"], "purged 1 response of 2 URLs"),
        (["--group", "a"], "purged all that belongs to 'a'"),
        (["--group", "b", "--group", "a"], "purged all that belongs to 'b', 'a'"),
        (["--group", "a", "--origin", URL], "purged all that belongs to 'a'"),
        (["--all"], "purged everything"),
    ],
)
def test_purge(site: Site, address: str, options: list[str], said: str) -> None:
    done = run("purge", "--store", address, *options)
    assert (done.exit_code, done.output) == (0, f"{said}\n")
    assert not site.hit()
    assert site.hit()


@pytest.mark.network
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.org/", ": nothing is stored there, only for http://example.org/"),
        ("http://www.example.org", ": nothing is stored there, only for http://example.org/"),
        ("http://example.org/other", ": nothing is stored there"),
    ],
)
def test_purge_of_nothing(site: Site, address: str, url: str, said: str) -> None:
    done = run("purge", "--store", address, "--url", url)
    assert (done.exit_code, done.output) == (0, f"purged 0 responses of 1 URL{said}\n")


@pytest.mark.network
def test_purge_softly(site: Site, address: str) -> None:
    for options in (["--url", URL], ["--group", "a"], ["--all"]):
        assert site.hit()
        done = run("purge", "--store", address, "--soft", *options)
        assert done.exit_code == 0
        assert done.output.startswith("made stale ")
        assert exchange(site.cache, environ_for()).fwd == "stale"


@pytest.mark.network
@pytest.mark.parametrize(
    "options",
    [
        ["--url", "http://example.org/other"],
        ["--group", "b"],
        ["--group", "a", "--origin", "http://b/"],
    ],
)
def test_purge_of_something_else(site: Site, address: str, options: list[str]) -> None:
    assert run("purge", "--store", address, *options).exit_code == 0
    assert site.hit()


def test_purge_by_prefix(redis_server: Server, namespace: str) -> None:
    address = f"redis://{redis_server.address}/0?namespace={namespace}&timeout={PLENTY}"
    site = Site(address)
    for target in ("/a/1", "/a/2", "/b"):
        site.hit(target)
    done = run("purge", "--store", address, "--prefix", "http://example.org/a/")
    assert done.output == "purged 2 responses of 2 URLs\n"
    assert [site.hit(target) for target in ("/a/1", "/a/2", "/b")] == [False, False, True]


def test_purge_of_several(redis_server: Server, namespace: str) -> None:
    address = f"redis://{redis_server.address}/0?namespace={namespace}&timeout={PLENTY}"
    site = Site(address)
    targets = ("/a/1", "/a/2", "/b", "/c")
    for target in targets:
        site.hit(target)
    urls = ["--url", f"{URL}a/1", "--url", f"{URL}b", "--url", f"{URL}b"]
    done = run("purge", "--store", address, *urls)
    assert done.output == "purged 2 responses of 2 URLs\n"
    assert [site.hit(target) for target in targets] == [False, True, False, True]
    prefixes = ["--prefix", f"{URL}b", "--prefix", f"{URL}a/", "--prefix", f"{URL}a/1"]
    assert run("purge", "--store", address, *prefixes).exit_code == 0
    assert [site.hit(target) for target in targets] == [False, False, False, True]
    done = run("purge", "--store", address, "--url", "/odd", "--url", f"{URL}c")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert (
        "must be an absolute http or https URL, such as 'http://host/path', got '/odd'"
        in done.output
    )
    assert not site.hit("/c")


@pytest.mark.parametrize(
    "line", [["stats"], ["inspect", "--url", URL], ["purge", "--all"]], ids=str
)
def test_no_directory_is_made(tmp_path: Path, line: list[str]) -> None:
    done = run(*line, "--store", f"file://{tmp_path}/typo%20d")
    assert (done.exit_code, done.output) == (
        1,
        f"Error: --store must be a directory that exists, got '{tmp_path}/typo d'\n",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("secret", [b"", b" \n", b"short"], ids=repr)
def test_a_secret_that_is_none(tmp_path: Path, secret: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(secret)
    done = run("purge", "--store", f"file://{tmp_path}", "--secret-file", str(path), "--all")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "16 bytes or more" in done.output
    assert "short" not in done.output


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this machine has no /dev/full")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    import subprocess
    import sys

    line = [sys.executable, "-m", "wsgicache", "stats", "--store", f"file://{tmp_path}"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "Error: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_the_store_may_be_told_by_the_environment(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/cache"
    site = Site(address)
    site.hit()
    done = run("purge", "--all", WSGICACHE_STORE=address)
    assert done.output == "purged everything\n"


def test_a_store_with_a_secret(tmp_path: Path) -> None:
    address, secret = f"file://{tmp_path}/cache", tmp_path / "secret"
    secret.write_text("sixteen characters\n")
    site = Site(address, secret="sixteen characters")
    site.hit()
    assert site.hit()
    assert run("inspect", "--store", address, "--url", URL).output == "nothing is stored\n"
    assert run("purge", "--store", address, "--all").exit_code == 0
    assert site.hit()
    with_secret = ("--store", address, "--secret-file", str(secret))
    assert run("inspect", *with_secret, "--url", URL).exit_code == 0
    assert run("purge", *with_secret, "--url", URL).output == "purged 1 response of 1 URL\n"
    assert not site.hit()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--store", "memory://", "--all"], 1, "--store must be a store that processes share, "),
        (
            ["--store", "nothing", "--all"],
            1,
            "must be memory://, lmdb:///directory, memcached://host:port,…/namespace, ",
        ),
        (["--store", "memcached://127.0.0.1:1/x", "--all"], 1, "127.0.0.1:1: ConnectionRefused"),
        (["--store", "memcached://127.0.0.1:1/x", "--url", URL], 1, "127.0.0.1:1: ConnectionRef"),
        (["--store", "memcached://127.0.0.1:1/x", "--prefix", URL], 1, "cannot list"),
        (
            ["--store", "memcached://127.0.0.1:1/x", "--url", "/"],
            1,
            "must be an absolute http or https URL, such as 'http://host/path', got '/'",
        ),
        (["--store", "redis://:geheim@127.0.0.1:1/0", "--all"], 1, "127.0.0.1:1"),
        (["--store", "memcached://a/b"], 2, "one of --url, --group, --prefix and --all"),
        (["--store", "memcached://a/b", "--all", "--url", URL], 2, "one of --url"),
        (["--store", "memcached://a/b", "--all", "--both-schemes"], 2, "--both-schemes goes with"),
        (["--store", "memcached://a/b", "--all", "--origin", URL], 2, "--origin goes with"),
        (["--all"], 2, "--store"),
    ],
    ids=repr,
)
def test_what_cannot_be_purged(options: list[str], code: int, said: str) -> None:
    done = run("purge", *options, WSGICACHE_STORE="")
    assert done.exit_code == code
    assert said in done.output
    assert "geheim" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("still")
def test_stats_of_counters(tmp_path: Path) -> None:
    """The same names as in Python, and sentences, whoever asks for it."""
    fields = [("Cache-Control", "max-age=60")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", list(fields))
        return [b"page"]

    cache = CacheMiddleware(app, counters=tmp_path)
    for target in ("/items/1", "/items/1", f"/items/{HOSTILE}"):
        exchange(cache, environ_for(target=target))
    cache.purge_all()
    told = json.loads(json.dumps(cache.stats().as_json()))
    done = run("stats", "--counters", str(tmp_path), "--json")
    assert done.exit_code == 0
    found = json.loads(done.output)
    assert found.keys() == told.keys()
    for name in found.keys() - {"rates", "routes", "history"}:  # time has passed since
        assert found[name] == told[name], name
    done = run("stats", WSGICACHE_COUNTERS=str(tmp_path))
    said = r"3 requests, 33\.3% hits; the application took \d+\.\d s, hits saved it"
    assert re.match(said, done.output)
    said = r"  /items: 3 requests, 33% hits, \d+ ms of the application, most often for uri-miss"
    assert re.search(said, done.output)
    assert "  http://example.org/items/1: 1 time, uri-miss, stored" in done.output
    assert "  purges (all): 1" in done.output
    assert done.output.isascii(), "nothing hostile"
    assert done.output.replace("\n", "").isprintable()
    assert run("stats").exit_code == 2
    done = run("stats", "--counters", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: there is no folder {tmp_path}/none. Name the folder")


@pytest.mark.network
def test_stats(address: str, memcached: Server) -> None:
    done = run("stats", "--store", address)
    assert done.exit_code == 0
    assert done.output.startswith(f"{memcached.address}\n  version: 1.")
    assert "  limit_maxbytes: 536870912\n" in done.output
    assert done.output.splitlines()[-1].startswith("no counters: write CacheMiddleware(app, coun")


@pytest.mark.network
def test_stats_of_a_cache_on_any_store(address: str, tmp_path: Path) -> None:
    """They are those of the cache; the server's come when they are wanted."""
    site = Site(address, counters=tmp_path)
    site.hit()
    site.cache.stats()
    counted = ("stats", "--store", address, "--counters", str(tmp_path))
    done = run(*counted)
    assert (done.exit_code, done.output.splitlines()[0][:24]) == (0, "1 request, 0.0% hits; th")
    assert "version" not in done.output
    assert "no counters" not in done.output
    assert "\n  version: 1." in run(*counted, "--server").output


@pytest.mark.network
def test_stats_with_a_server_down(memcached: Server) -> None:
    address = f"memcached://{memcached.address},127.0.0.1:1/x?timeout={PLENTY}"
    done = run("stats", "--store", address)
    assert done.exit_code == 1
    assert "  curr_items: " in done.output
    assert "127.0.0.1:1\n  error: 127.0.0.1:1: ConnectionRefusedError" in done.output


@pytest.mark.network
def test_stats_of_redis(redis_server: Server, tmp_path: Path) -> None:
    done = run("stats", "--store", f"redis://{redis_server.address}/0?timeout={PLENTY}")
    assert "  used_memory: " in done.output
    assert run("stats", "--store", f"file://{tmp_path}").exit_code == 0


@pytest.mark.network
@pytest.mark.usefixtures("still")
def test_inspect(site: Site, address: str) -> None:
    done = run("inspect", "--store", address, "--url", URL)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "selected by RAW_URI, REQUEST_URI, SCRIPT_NAME"
    assert lines[1] == "200 OK: 0 s old, fresh for 60 s, 4 bytes in the entry"
    assert lines[2] == "  in the groups 'a'"
    assert "  Cache-Control: max-age=60" in lines
    assert "page" not in done.output
    told = json.loads(run("inspect", "--store", address, "--url", URL, "--json").output)
    (one,) = told["responses"]
    assert (one["status"], one["lifetime"], one["groups"]) == ("200 OK", 60, ["a"])
    assert ["Cache-Control", "max-age=60"] in one["fields"]
    run("purge", "--store", address, "--url", URL)
    done = run("inspect", "--store", address, "--url", URL)
    assert (done.exit_code, done.output.splitlines()[0]) == (1, "purged or invalidated 0 s ago")
    nothing = ("inspect", "--store", address, "--url", "http://example.org/nothing")
    done = run(*nothing)
    assert (done.exit_code, done.output) == (1, "nothing is stored\n")
    assert run(*nothing, "--json").output == "{}\n"


@pytest.mark.network
def test_inspect_tells_variants_apart(site: Site, address: str) -> None:
    """Values are shortened, and those of cookies stay out."""
    site.fields += [("Vary", "Accept-Language, X-Kind, Cookie"), ("Content-Language", "de")]
    for language, kind in (("de, " + 50 * "x", "1"), ("fr", "2")):
        fields = [("Accept-Language", language), ("X-Kind", kind)]
        exchange(site.cache, environ_for(target="/v", headers=fields))
    lines = run("inspect", "--store", address, "--url", f"{URL}v").output.splitlines()
    assert lines[0].startswith("selected by RAW_URI, REQUEST_URI, SCRIPT_NAME, HTTP_ACCEPT_LANG")
    ones = [line for line in lines if "(variant " in line]
    assert [one.rpartition(" (")[0] for one in ones] == [
        f"  for Accept-Language 'de, {36 * 'x'}...', no Cookie, some X-Kind",
        "  for Accept-Language 'fr', no Cookie, some X-Kind",
    ]
    assert len({one.rpartition(" ")[2] for one in ones}) == 2


@pytest.mark.network
@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("options", "said"), [(["--group", "a"], "the group 'a'"), (["--all"], "everything")]
)
def test_inspect_says_what_has_purged(
    options: list[str], said: str, site: Site, address: str, tmp_path: Path
) -> None:
    for where in (address, f"lmdb://{tmp_path}/store"):
        if where != address:
            Path(tmp_path, "store").mkdir()
            Site(where).hit()
        run("purge", "--store", where, *options)
        done = run("inspect", "--store", where, "--url", URL)
        expected = f"200 OK: stored 0 s ago, ended since by a purge of {said}"
        assert (done.exit_code, done.output.splitlines()[0]) == (1, expected)
        run("purge", "--store", where, "--url", URL)
        done = run("inspect", "--store", where, "--url", URL)
        assert "ended since" not in done.output


HOSTILE = "\x1b]0;pwn\x07\x9b2J\r\n=cmd|<script>"


@pytest.mark.network
def test_nothing_commands_the_terminal(
    address: str, memcached: Server, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.fields.append(("X-Odd", "\xe9\x9b2J"))  # C1 control characters are field text
    site.hit("/%1b]0;pwn%07")
    seen = [
        run("inspect", "--store", address, "--url", "http://example.org/%1b]0;pwn%07"),
        run("inspect", "--store", address, "--url", f"http://h/{HOSTILE}"),
        run("purge", "--store", address, "--url", f"http://h/{HOSTILE}"),
        run("purge", "--store", address, "--group", HOSTILE),
        run("purge", "--store", f"nothing{HOSTILE}", "--all"),
        run("stats", "--store", f"memcached://127.0.0.1:1{HOSTILE}/x"),
    ]
    for done in seen:
        text = done.output.replace("\n", "")
        assert all(char.isprintable() for char in text), text


@pytest.mark.network
def test_nothing_that_is_read_is_executed(address: str, memcached: Server) -> None:
    import pickle

    from pymemcache.client.base import Client

    from tests.stores.shared.test_records import Canary

    store: Any = store_from_url(address)
    name = store._names.of("entry", "http", "example.org", "/", "").text
    client = Client(("127.0.0.1", memcached.port))
    client.set(name, pickle.dumps(Canary()), flags=1, noreply=False)
    client.close()
    assert run("inspect", "--store", address, "--url", URL).output == "nothing is stored\n"
    assert run("purge", "--store", address, "--url", URL).exit_code == 0
    assert not Canary.sung


def test_as_a_process(tmp_path: Path) -> None:
    import subprocess
    import sys

    line = [sys.executable, "-m", "wsgicache", "purge", "--store", f"file://{tmp_path}", "--all"]
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stdout) == (0, "purged everything\n")


def test_every_command_has_help() -> None:
    for name in ("purge", "stats", "inspect"):
        done = run(name, "--help")
        assert done.exit_code == 0
        assert "memcached://" in done.output


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31m\n\x9b", r"\x1b[31m\x0a\x9b"),
        ("/a\u202egnp.exe\u2066", r"/a\u202egnp.exe\u2066"),
        ("\u2028x\u061c", r"\u2028x\u061c"),
        ("/\ud800\udfff", r"/\ud800\udfff"),
        ("\u200b\ufeff\xad\U000e0041", r"\u200b\ufeff\xad\U000e0041"),
        ("/ä кэш 日本 e\u0301", "/ä кэш 日本 e\u0301"),
    ],
)
def test_a_line_for_a_terminal(
    text: str, seen: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert visible(text) == seen
    say(text)
    assert capsysbinary.readouterr().out == f"{seen}\n".encode()
