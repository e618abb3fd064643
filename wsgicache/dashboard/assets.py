"""What a page loads: its style, its script and its icon, under names that change with them."""

from __future__ import annotations

from hashlib import blake2b
from importlib.resources import files
from typing import NamedTuple

__all__ = ["ASSETS", "Asset", "path_of"]

_KINDS = {
    "style.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """The type and the content of a file."""

    kind: str
    content: bytes


def _loaded() -> tuple[dict[str, str], dict[str, Asset]]:
    """Return the paths by names, and the files by paths."""
    paths: dict[str, str] = {}
    found: dict[str, Asset] = {}
    for name, kind in _KINDS.items():
        content = files("wsgicache.dashboard").joinpath("files", name).read_bytes()
        stem, _, suffix = name.partition(".")
        paths[name] = f"assets/{stem}-{blake2b(content, digest_size=6).hexdigest()}.{suffix}"
        found[paths[name]] = Asset(kind, content)
    return paths, found


_PATHS, ASSETS = _loaded()


def path_of(name: str) -> str:
    """Return the path of the file *name* below the page."""
    return _PATHS[name]
