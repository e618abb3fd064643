"""What the matrix asks of pytest."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what a site does not play, so that nothing is skipped that cannot be there."""
    items[:] = [item for item in items if is_played(item)]


def is_played(item: pytest.Item) -> bool:
    from tests.servers.scenarios import played

    params = getattr(getattr(item, "callspec", None), "params", {})
    if not {"scenario", "site"} <= params.keys():
        return True
    return played(params["scenario"], *params["site"])
