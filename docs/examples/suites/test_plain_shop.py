from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from wsgicache.testing import CachedClient, assert_hit, assert_stored
from wsgicache.why.audit import Audit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def bread(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "max-age=300")])
    return [b"<h1>Bread</h1>"]


@pytest.fixture
def app() -> Callable[..., Iterable[bytes]]:
    return bread


def test_bread_is_cached(cached_client: CachedClient, audit: Callable[[], Audit]) -> None:
    assert_stored(cached_client.get("/bread"))
    assert_hit(cached_client.get("/bread"))
    audit()
