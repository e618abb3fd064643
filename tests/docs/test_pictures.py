"""The pictures of the documentation: they are there, small, and their command still makes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from docs.pictures import IMAGES, PAGES, STRIP_HEIGHT, draw
from tests.running import ROOT, binary

LARGEST = 150 * 1024
NAMES = {"top.svg", "strip.png", *(f"{name}.png" for name in PAGES)}


def test_each_picture_is_there_and_shown() -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.rst"))
    shown = set(re.findall(r"(?:image|figure):: \.\./images/(\S+)", pages))
    assert shown == NAMES == {path.name for path in IMAGES.iterdir()}
    for name in NAMES:
        assert (IMAGES / name).stat().st_size < LARGEST


def test_no_picture_loads_anything() -> None:
    text = (IMAGES / "top.svg").read_text("utf-8")
    assert re.findall(r"url\(|href=|<script|<image", text.replace("url(#", "")) == []


@pytest.mark.network
def test_the_command_makes_them(tmp_path: Path) -> None:
    binary("chromium")
    made = draw(tmp_path / "images", visits=12, width=390)
    assert {path.name for path in made} == NAMES
    for path in made:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width == 390
                assert picture.height == STRIP_HEIGHT or picture.height > 800
                # It shows more than a ground.
                assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20
        else:
            assert "/items" in path.read_text("utf-8")
