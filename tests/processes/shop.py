"""A shop with one cart per cookie, which its page shows; what the servers of `own_writes` run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wsgicache import CacheMiddleware
from wsgicache.stores import store_from_url

FOLDER = Path(os.environ["WSGICACHE_TEST_FOLDER"])


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The page of a cart; a POST puts something in."""
    cart = FOLDER / environ["HTTP_COOKIE"].partition("=")[2]
    held = len(cart.read_bytes()) if cart.exists() else 0
    if environ["REQUEST_METHOD"] == "POST":
        with cart.open("ab") as file:
            file.write(b"x")
        start_response("303 See Other", [("Content-Length", "0"), ("Location", "/")])
        return [b""]
    content = b"%d" % held
    fields = [("Cache-Control", "max-age=600"), ("Vary", "Cookie")]
    start_response("200 OK", [*fields, ("Content-Length", str(len(content)))])
    return [content]


front = CacheMiddleware(app, store=store_from_url(os.environ["WSGICACHE_TEST_STORE"]))
