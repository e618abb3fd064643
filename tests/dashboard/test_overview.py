"""The first section."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import escape

from tests.dashboard.visiting import Visitor, text_of
from tests.scene import FakeClock, environ_for, exchange
from wsgicache import CacheMiddleware, MemoryStore
from wsgicache.dashboard import Dashboard
from wsgicache.dashboard.charts import bar, curve
from wsgicache.dashboard.markup import shown
from wsgicache.dashboard.overview import _explained, _of_route
from wsgicache.observe.stats import Holding


def app(environ: Any, start_response: Any) -> list[bytes]:
    lifetime = [] if environ["PATH_INFO"] == "/never" else [("Cache-Control", "max-age=60")]
    start_response("200 OK", [("Content-Type", "text/plain"), *lifetime])
    return [b"0123456789"]


def seen(cache: CacheMiddleware) -> str:
    return text_of(Visitor(Dashboard(cache)).ask("/").text).replace("\N{NO-BREAK SPACE}", " ")


def test_it_says_how_the_cache_is_doing() -> None:
    clock = FakeClock()
    cache = CacheMiddleware(app, clock=clock)
    assert "Nothing counted yet, in 1 process." in seen(cache)
    for target in ("/a", "/a", "/a", "/never", "/b"):
        exchange(cache, environ_for(target=target))
    cache.purge("http://example.org/b")
    cache.purge_groups("news", soft=True)
    clock.advance(90)
    page = seen(cache)
    assert "Hit ratio 40 %" in page
    assert "for 1 min 30 s, in 1 process." in page
    assert "Sent from the store 20 B 30 B came from the application." in page
    assert "of 64.0 MiB" in page
    assert "Store errors 0 The breaker is closed." in page
    assert "hit 2 40 % The cache answered." in page
    assert "freshness 1 No lifetime is given that would let it be used." in page
    assert "uri-miss 2 Nothing is stored for this URL." in page
    assert "/a 0.0 – 66.7 % 66.7 %" in page
    assert "http://example.org/never 1 refused freshness" in page
    assert "a URL 1" in page
    assert "groups, soft 1" in page


class Failing(MemoryStore):
    """A store whose breaker is open."""

    def get(self, key: Any) -> Any:
        raise OSError("<b>")

    def holding(self) -> Holding:
        return Holding(is_shared=True, is_open=True)


def test_it_says_what_is_wrong() -> None:
    cache = CacheMiddleware(app, store=Failing())
    exchange(cache, environ_for(target="/a"))
    cache.enabled = False
    page = seen(cache)
    assert "Store errors 1 The breaker is open. The store, or one of its servers, is left" in page
    assert "This store does not tell how much it holds." in page
    assert "Cache off Every request passes by." in page


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "'\"><img src=x>", "\u202e<i>"])
def test_routes_and_urls_of_strangers_are_text(hostile: str) -> None:
    cache = CacheMiddleware(app)
    changes = {"PATH_INFO": f"/{hostile}".encode().decode("latin-1"), "QUERY_STRING": "<b>"}
    exchange(cache, environ_for(changes=changes))
    got = Visitor(Dashboard(cache)).ask("/").text
    for markup in ("<script>", "<img", "<i>", "<b>", "\u202e"):
        assert markup not in got
    assert "&lt;" in got


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("/items/<int:id>", "q=%2Fitems%2F"),
        ("/a%3Fb", "q=%2Fa%253Fb"),
        ("items/(?P<id>[0-9]+)", "q=items%2F"),
        ("/a\ud800", "q=%2Fa%ED%A0%80"),
        ("/<path>", None),
        ("^items/", None),
        ("other", None),
    ],
)
def test_a_route_leads_to_what_is_stored_below_it(route: str, query: str | None) -> None:
    written = _of_route(route)
    assert (f'href="entries?{query}"' in written) is (query is not None)
    assert str(escape(shown(route))) in written


def test_a_reason_leads_to_what_explains_it() -> None:
    cache = CacheMiddleware(app)
    exchange(cache, environ_for(target="/never"))
    got = Visitor(Dashboard(cache)).ask("/").text
    assert 'href="explain?url=http%3A%2F%2Fexample.org%2Fnever"' in got
    assert 'href="entries?url=http%3A%2F%2Fexample.org%2Fnever"' in got
    assert 'href="explain?url=%ED%A0%80"' in _explained("\ud800", "uri-miss")


def test_curves_of_what_came_lately() -> None:
    clock = FakeClock()
    cache = CacheMiddleware(app, clock=clock)
    for _ in range(4):
        exchange(cache, environ_for(target="/a"))
        clock.advance(20)
    got = Visitor(Dashboard(cache)).ask("/").text.replace("\N{NO-BREAK SPACE}", " ")
    assert 'aria-label="Hit ratio, in the last 1 min 20 s: from 0 % to 0 %"' in got
    assert 'aria-label="Requests a second, in the last 1 min 20 s: 0.1 at most"' in got
    assert "at most 0.1 in the last 1 min 20 s" in got


def test_a_curve_has_no_place_for_what_is_not_known() -> None:
    drawn = curve("hit", [None, 0.0, None, 1.0, 3.0], 2.0, "<")
    assert '<polyline class="hit" points="25.0,100.0 75.0,50.0 100.0,0.0"/>' in drawn
    assert '<polygon class="hit" points="25.0,100 25.0,100.0' in drawn
    assert 'role="img" aria-label="&lt;"' in drawn
    assert curve("hit", [None, 1.0], 2.0, "") == curve("hit", [0.0, 0.0], 0.0, "") == ""


def test_variants_and_evictions_of_a_route() -> None:
    cache = CacheMiddleware(app)
    exchange(cache, environ_for(target="/a"))
    assert "20 B 0 0 1 0 1" not in seen(cache)
    assert "does not tell the variants" not in seen(cache)
    other = CacheMiddleware(app, store=Failing())
    exchange(other, environ_for(target="/a"))
    assert "This store does not tell the variants and evictions of a route." in seen(other)


def test_a_bar_ends_where_all_ends() -> None:
    drawn = bar([("hit", 0.5), ("stored", 0.75), ("refused", 0.25)])
    assert 'class="stored" x="50.00%" width="50.00%"' in drawn
    assert "refused" not in drawn
    assert 'aria-hidden="true"' in drawn
    assert 'role="img" aria-label="&lt;"' in bar([], "<")
