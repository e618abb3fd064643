"""``manage.py runserver`` reloads, and begins with an empty cache each time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.running import eventually
from tests.test_django_newcomer import made, serving

__all__ = ["ROWS"]


def reloads(count: int) -> str:
    """Change a module, so that Django's runserver starts a process anew, and ask that."""
    with TemporaryDirectory() as folder:
        project = made(Path(folder))
        with serving(project) as said:
            for number in range(count):
                assert "; hit" in said(), number

                def begins() -> bool:
                    now = said()
                    if "; hit" in now:  # until Django looks, it sees no change
                        os.utime(project / "news/views.py")
                    return now.endswith("fwd=uri-miss; stored")

                eventually(begins, "the cache is not empty")
    return f"{count} reloads began with an empty cache"


ROWS: dict[str, tuple[Callable[[int], str], int]] = {"reloads": (reloads, 5)}
