"""The scenario table: each row is played on every site, under targets of its own."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers import bodies, connections, reuse
from tests.servers.rows import Server
from tests.servers.site import Site

Scenario = Callable[[Site], None]

EVERYWHERE: tuple[Scenario, ...] = (
    reuse.miss_and_hit,
    reuse.head,
    reuse.head_of_nothing_stored,
    reuse.not_modified,
    reuse.partial,
    reuse.parts,
    reuse.partial_of_nothing_stored,
    reuse.vary,
    reuse.post_invalidates,
    reuse.forms_are_ones_own,
    reuse.two_users,
    reuse.together,
    bodies.streaming,
    bodies.download,
    bodies.static_file,
    bodies.server_sent_events,
    bodies.error_pages,
    bodies.exceptions,
    bodies.broken_body,
    bodies.hung_up,
    bodies.endless,
    connections.expect_continue,
    connections.keep_alive,
    connections.pipelining,
    connections.body_of_a_get,
    connections.http_1_0,
    connections.no_host,
    reuse.dates,
    reuse.behind_another_cache,
    connections.hop_by_hop,
    bodies.closing,
)
PLAIN: tuple[Scenario, ...] = (bodies.written, bodies.lazily_started, bodies.replaced_head)
"""What no framework lets a view do."""


def played(scenario: Scenario, server: Server, app: str) -> bool:
    """Whether the table has the scenario for a site."""
    if scenario is bodies.written and not server.writes:
        return False
    return app == "plain" or scenario not in PLAIN
