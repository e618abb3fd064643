"""Which folders a store of files refuses: those that other users can change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache

from wsgicache.stores import store_from_url
from wsgicache.stores.cachelib import CachelibStore
from wsgicache.stores.folders import check_folder

OPEN, STICKY, OWN = 0o777, 0o1777, 0o755
OTHER = os.getuid() + 1
"""A user that is neither this one nor root."""


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """What has a folder belong to another user, as a test run by root needs it."""
    lstat, others = os.lstat, set()

    def told(path: Any) -> os.stat_result:
        found = lstat(path)
        if str(path) not in others:
            return found
        return os.stat_result((*found[:4], OTHER, *found[5:10]))

    monkeypatch.setattr(os, "lstat", told)
    return lambda path: others.add(str(path))


@pytest.mark.parametrize(
    ("above", "mode", "whose", "why"),
    [
        (OWN, OWN, "ours", None),
        (OWN, None, "", None),
        (OWN, OWN, "another's", None),  # of the app, while root looks at it
        (OWN, OPEN, "ours", "every user may write to .*/above/cache"),
        (OWN, STICKY, "ours", "every user may write to .*/above/cache"),
        (OPEN, OWN, "ours", "every user may write to .*/above$"),
        (OPEN, None, "", "every user may write to .*/above$"),
        (STICKY, OWN, "ours", None),
        (STICKY, None, "", None),
        (STICKY, OWN, "another's", ".*/above/cache belongs to another user"),
    ],
)
def test_a_folder_that_others_can_change_is_refused(
    tmp_path: Path,
    owned: Callable[[Path], None],
    above: int,
    mode: int | None,
    whose: str,
    why: str | None,
) -> None:
    parent, folder = tmp_path / "above", tmp_path / "above" / "cache"
    parent.mkdir()
    parent.chmod(above)
    if mode is not None:
        folder.mkdir()
        folder.chmod(mode)
    if whose == "another's":
        owned(folder)
    if why is None:
        store_from_url(f"file://{folder}")
        return
    with pytest.raises(ValueError, match=why):
        store_from_url(f"file://{folder}")
    assert folder.exists() == (mode is not None)


def test_a_link_is_looked_at_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(OPEN)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(ValueError, match=r"every user may write to .*/open"):
        check_folder(str(tmp_path / "link" / "cache"))


def test_so_is_a_cache_of_files_that_somebody_made(tmp_path: Path) -> None:
    cache = FileSystemCache(str(tmp_path / "cache"))
    CachelibStore(cache)
    (tmp_path / "cache").chmod(OPEN)
    with pytest.raises(ValueError, match="every user may write to"):
        CachelibStore(cache)
