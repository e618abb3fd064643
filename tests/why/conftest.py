"""Sites of a test end with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.why.sites import overriding


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    yield
    overriding.close()
