"""Every app on every server through the same scenarios; each site is started once.

With WSGICACHE_REQUIRE_SERVERS=1 an absent server fails, but for those that have to be built.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import refuse
from tests.servers.rows import APPS, SERVERS, Server
from tests.servers.scenarios import EVERYWHERE, PLAIN, Scenario
from tests.servers.site import Site, serving

SITES = [(server, app) for server in SERVERS for app in APPS]

pytestmark = pytest.mark.network


def site_id(site: tuple[Server, str]) -> str:
    return f"{site[0].name}-{site[1]}"


@pytest.fixture(scope="module", params=SITES, ids=site_id)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    server, app = request.param
    if why := server.absent():
        refuse(f"{server.name}: {why}", server.optional)
    with serving(server, app) as started:
        yield started


@pytest.mark.parametrize("scenario", EVERYWHERE + PLAIN, ids=lambda scenario: scenario.__name__)
def test_scenario(site: Site, scenario: Scenario) -> None:
    scenario(site)
