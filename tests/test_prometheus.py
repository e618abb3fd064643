"""What Prometheus gets, and what the dashboard of the documentation asks it for."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app

from benchmarks.servers import free_port
from tests.running import DEADLINE, ROOT, binary, eventually
from tests.scene import Scene
from wsgicache import CacheMiddleware
from wsgicache.prometheus import Collector

DASHBOARD = ROOT / "docs" / "examples" / "metrics" / "grafana.json"


def played() -> CacheMiddleware:
    """A cache that has done a little of everything."""
    scene = Scene()
    scene.app(200, "page", cache_control="max-age=60")
    for _ in range(4):
        scene.get("/items/1")
    scene.app(503, "broken")
    scene.get("/other")
    scene.cache.purge_all()
    return scene.cache


def test_the_metrics() -> None:
    registry = CollectorRegistry()
    registry.register(Collector(played()))
    lines = set(generate_latest(registry).decode().splitlines())
    hit = 'outcome="hit",route="/items",status="2xx"'
    refused = 'forward="uri-miss",outcome="refused",route="/other",status="5xx"'
    assert {
        f'wsgicache_requests_total{{detail="",forward="",{hit}}} 3.0',
        f'wsgicache_requests_total{{detail="freshness",{refused}}} 1.0',
        'wsgicache_bytes_total{source="store"} 12.0',
        'wsgicache_bytes_total{source="application"} 10.0',
        'wsgicache_saved_seconds_total{route="/items"} 0.0',
        'wsgicache_spent_seconds_total{route="/other"} 0.0',
        'wsgicache_purges_total{kind="all"} 1.0',
        'wsgicache_background_validations_total{result="failed"} 0.0',
        "wsgicache_store_entries 1.0",
        f"wsgicache_store_budget_bytes {float(64 << 20)}",
        "wsgicache_store_breaker_open 0.0",
        "wsgicache_evictions_total 0.0",
        "wsgicache_processes 1.0",
    } <= {line.replace("6.7108864e+07", "67108864.0") for line in lines}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """A real Prometheus that has asked a cache; its address."""
    registry = CollectorRegistry()
    registry.register(Collector(played()))
    server = make_server("127.0.0.1", 0, make_wsgi_app(registry), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": [
            {
                "job_name": "wsgicache",
                "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    process = subprocess.Popen(
        [
            binary("prometheus"),
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def asked(address: str, query: str) -> list[Any]:
    """What Prometheus answers to a query."""
    url = f"{address}/api/v1/query?{urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=DEADLINE) as response:
        found: list[Any] = json.load(response)["data"]["result"]
    return found


@pytest.mark.network
def test_the_dashboard_asks_for_what_there_is(prometheus: str) -> None:
    """Each query has an answer; a rate needs two samples."""

    def has_two_samples() -> bool:
        try:
            return bool(asked(prometheus, "rate(wsgicache_requests_total[1m])"))
        except OSError:
            return False

    eventually(has_two_samples, "Prometheus has no samples")
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 12
    for query in queries:
        assert asked(prometheus, query.replace("$__rate_interval", "1m")), query
    (found,) = asked(prometheus, 'wsgicache_requests_total{outcome="hit"}')
    assert found["value"][1] == "3"
