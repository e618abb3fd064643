"""Say why: what the cache does with a request, and what would change that."""

from __future__ import annotations

__all__: list[str] = []
