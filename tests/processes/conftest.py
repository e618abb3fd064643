"""The stores that processes share, as URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.servers import PLENTY

pytest.register_assert_rewrite("tests.processes.serving")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these start processes and look at them in /proc."""
    from tests.processes.serving import proc_is_there

    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.network)
            if not proc_is_there():
                item.add_marker(pytest.mark.skip("there is no /proc"))


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> str:
    """The URL of a shared store, or nothing for a memory of each process's own."""
    kind: str = request.param
    if not kind:
        return ""
    if kind == "lmdb":
        return f"lmdb://{request.getfixturevalue('tmp_path')}/lmdb?max_bytes=64MiB"
    space = request.getfixturevalue("namespace")
    if kind == "memcached":
        server = request.getfixturevalue("memcached")
        return f"memcached://{server.address}/{space}?timeout={PLENTY}"
    server = request.getfixturevalue("redis_server")
    return f"redis://{server.address}/0?namespace={space}&timeout={PLENTY}"


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    return (str(val) or "memory") if argname == "shared" else None
