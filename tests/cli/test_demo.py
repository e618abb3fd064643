"""The demo through ``wsgicache run``, as a newcomer meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from selenium import webdriver

from tests.chromium import SIZES, chromium, overflow, show_at, soon, trouble
from tests.running import Answer, Running, eventually
from wsgicache import demo

pytestmark = pytest.mark.network

FOREIGN = {"Cookie": "another-app=1; theme=dark"}
HIT = r"wsgicache; hit; ttl=\d+"
BACKGROUND = """document.body.style.background = "Canvas";
return getComputedStyle(document.body).backgroundColor"""
NEWEST = """const rows = document.querySelectorAll("#log tr");
return rows.length == 2 && rows[0].getBoundingClientRect().toJSON()"""
STORED = "wsgicache; fwd=uri-miss; stored"


@pytest.fixture
def running() -> Iterator[Running]:
    """The demo, just started."""
    with Running("wsgicache.demo:app") as running:
        yield running


def reached(running: Running) -> dict[str, int]:
    """What the counter says reached the app, itself left out."""
    counts: dict[str, int] = json.loads(running.get("/counter").content)
    return {name: count for name, count in counts.items() if name != "GET /counter"}


def is_hit(answer: Answer) -> bool:
    """Did the cache answer, with an Age (RFC 9111 §5.1)?"""
    return bool(re.fullmatch(HIT, answer["Cache-Status"]) and answer["Age"].isdecimal())


def test_a_list_is_stored_reused_validated_and_emptied_by_a_post(running: Running) -> None:
    miss = running.get("/items")
    assert (miss["Cache-Status"], miss["Age"]) == (STORED, "")
    hit = running.get("/items")
    assert is_hit(hit)
    assert hit.content == miss.content
    unchanged = running.get("/items", {"If-None-Match": hit["ETag"]})
    assert (unchanged.status, unchanged.content) == (304, b"")
    assert is_hit(unchanged)
    assert reached(running) == {"GET /items": 1}

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert running.ask("POST", "/items", form, b"name=pear").status == 204
    fresh = running.get("/items", {"If-None-Match": hit["ETag"]})
    assert (fresh.status, fresh["Cache-Status"]) == (200, STORED)
    assert json.loads(fresh.content) == [*json.loads(hit.content), "pear"]
    assert reached(running) == {"GET /items": 2, "POST /items": 1}


def test_a_post_that_fails_empties_nothing_and_other_uris_stay(running: Running) -> None:
    for target in ("/items", "/items?page=2"):
        running.get(target)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, status in ((b"name=", 400), (b"name=" + b"x" * 5000, 413)):
        assert running.ask("POST", "/items", form, content).status == status
    assert is_hit(running.get("/items"))
    assert running.ask("POST", "/items", form, b"name=fig").status == 204
    assert is_hit(running.get("/items?page=2"))
    assert not is_hit(running.get("/items"))


@pytest.mark.parametrize("target", ["/", "/items", "/language", "/image"])
def test_what_is_shared_is_shared_with_a_browser_full_of_cookies(
    running: Running, target: str
) -> None:
    assert running.get(target, FOREIGN)["Cache-Status"] == STORED
    assert is_hit(running.get(target, FOREIGN))


def test_a_page_without_public_is_not_stored_for_a_cookie(running: Running) -> None:
    for _ in range(2):
        assert running.get("/news", FOREIGN)["Cache-Status"].endswith("; detail=cookie")
    assert running.get("/news")["Cache-Status"] == STORED
    assert is_hit(running.get("/news"))


def test_a_language_has_its_own_response(running: Running) -> None:
    texts = set()
    for language in ("en", "de", "fr"):
        asked = {"Accept-Language": language}
        first, second = running.get("/language", asked), running.get("/language", asked)
        assert not is_hit(first)
        assert is_hit(second)
        assert first.content == second.content
        texts.add(first.content)
    assert len(texts) == 3


def test_a_user_sees_a_page_of_his_own(running: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for name, shown in (("alice", b"alice"), ("<b>", b"&lt;b&gt;")):
        login = running.ask("POST", "/user", form, f"name={name}".encode())
        assert (login.status, login["Location"]) == (303, "/user")
        page = running.get("/user", {"Cookie": login["Set-Cookie"].partition(";")[0]})
        assert b"<strong>" + shown + b"</strong>" in page.content
        assert page["Cache-Status"].endswith("; detail=private")
    assert b"<strong>nobody</strong>" in running.get("/user").content


def test_the_image_is_cut_by_the_cache(running: Running) -> None:
    whole = running.get("/image")
    assert whole["ETag"] == demo.IMAGE_ETAG
    assert whole.content == demo.IMAGE
    part = running.get("/image", {"Range": "bytes=100-199"})
    assert (part.status, part["Content-Range"]) == (206, f"bytes 100-199/{len(demo.IMAGE)}")
    assert part.content == demo.IMAGE[100:200]
    assert running.get("/image", {"If-None-Match": demo.IMAGE_ETAG}).status == 304
    assert running.get("/image", {"Range": f"bytes={len(demo.IMAGE)}-"}).status == 416
    assert reached(running) == {"GET /image": 1}


def test_the_counter_is_never_stored(running: Running) -> None:
    for count in (1, 2):
        answer = running.get("/counter")
        assert json.loads(answer.content) == {"GET /counter": count}
        assert answer["Cache-Status"].endswith("; detail=no-store")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("HEAD", "/items", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/items", 405),
        ("POST", "/image", 405),
    ],
)
def test_other_requests(running: Running, method: str, target: str, status: int) -> None:
    answer = running.ask(method, target)
    assert answer.status == status
    if status == 405:
        assert "GET" in answer["Allow"]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Chromium, with an empty profile."""
    with chromium(tmp_path) as browser:
        yield browser


def test_a_browser_with_foreign_cookies_sees_it(
    running: Running, browser: webdriver.Chrome
) -> None:
    browser.get(f"http://127.0.0.1:{running.port}/user")
    browser.add_cookie({"name": "another-app", "value": "1"})
    browser.get(f"http://127.0.0.1:{running.port}/")
    asked = 0

    def answered(presses: str, *, rows: int = 1) -> list[str]:
        """Press a button; the cells of the newest row."""
        nonlocal asked
        asked += rows
        if presses:
            buttons = browser.find_elements("tag name", "button")
            button = next(button for button in buttons if button.text == presses)
            browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
            button.click()
        table = browser.find_element("id", "log")
        eventually(lambda: len(table.find_elements("tag name", "tr")) == asked, table.text)
        return [cell.text for cell in table.find_elements("tag name", "td")]

    row = answered("")
    assert row[:3] == ["GET /items", "200", STORED]
    length = row[4]
    # It also says what came after the list of requests of the browser was full.
    browser.execute_script("performance.setResourceTimingBufferSize(0)")
    for status, size in (("200", length), ("304", "0")):
        row = answered("Fetch the list")
        assert (*row[:2], row[4]) == ("GET /items", status, size)
        assert re.fullmatch(HIT, row[2])
    browser.find_element("name", "name").send_keys("pear")
    assert answered("Save, then fetch", rows=2)[:3] == ["GET /items", "200", STORED]
    listed = "return document.getElementById('items').innerText.split('\\n')"
    expected = ["apple", "banana", "cherry", "pear"]
    soon(browser, lambda driver: driver.execute_script(listed) == expected)
    row = answered("Fetch /news past your browser's cache")
    assert row[2].endswith("; detail=cookie")
    row = answered("Fetch /news")
    assert row[1:5] == ["200", "own copy: the browser has asked nobody", "", "0"]
    assert "GET /news ×1" in browser.find_element("id", "counter").text.replace("\u00a0", " ")
    assert "GET /items ×2" in browser.find_element("id", "counter").text.replace("\u00a0", " ")
    assert trouble(browser) == []


def test_it_fits_and_the_log_is_in_view(running: Running, browser: webdriver.Chrome) -> None:
    """On a desk and on a telephone, in light and dark."""
    front = f"http://127.0.0.1:{running.port}"
    colours = set()
    for width, scheme in product(SIZES, ("light", "dark")):
        show_at(browser, width, scheme)
        for path in ("/user", "/"):
            browser.get(front + path)
            assert overflow(browser) == 0
            colours.add((scheme, browser.execute_script(BACKGROUND)))
        browser.execute_script("ask('/nothing' + 'x'.repeat(99))")
        newest = soon(browser, lambda driver: driver.execute_script(NEWEST))
        assert 0 < newest["y"] <= SIZES[width] - newest["height"]
        assert overflow(browser) == 0
    assert len(colours) == 2


def test_the_page_speaks_of_all_that_is_there() -> None:
    for path in demo.VIEWS:
        assert path in demo.PAGE


def test_the_image_is_the_same_at_every_start() -> None:
    assert demo.png(8, 4) == demo.png(8, 4)
    assert 90_000 < len(demo.IMAGE) < 120_000
