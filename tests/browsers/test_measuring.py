"""Some rows of what browsers do, measured again in Chromium; ``python -m tests.browsers`` measures
all."""

from __future__ import annotations

import pytest

from tests.browsers.__main__ import differing
from tests.running import binary

pytestmark = pytest.mark.network

AGAIN = frozenset({'max-age=3600 | ETag: "1"', "no-store"})
"""Of the first table, and of the two others."""


def test_chromium_does_what_is_documented() -> None:
    binary("chromium")
    assert differing("chromium", AGAIN) == []
