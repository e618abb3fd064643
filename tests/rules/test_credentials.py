"""Who asks, and what releases an answer to him: a row per clause."""

from __future__ import annotations

import pytest

from tests.rules.messages import asked, rows
from tests.scene import Environ


@pytest.mark.parametrize(
    ("changes", "identified"),
    rows(
        ("§3.5 nobody", {}, False),
        ("§3.5 Authorization", {"HTTP_AUTHORIZATION": "Basic YQ=="}, True),
        ("§3.5 an empty one", {"HTTP_AUTHORIZATION": ""}, True),
        ("3333 REMOTE_USER", {"REMOTE_USER": "a"}, True),
        ("3333 an empty REMOTE_USER", {"REMOTE_USER": ""}, False),
        ("3333 AUTH_TYPE", {"AUTH_TYPE": "Basic"}, True),
        ("a client certificate", {"SSL_CLIENT_S_DN": "CN=a"}, True),
        ("a client certificate that was verified", {"SSL_CLIENT_VERIFY": "SUCCESS"}, True),
        ("no client certificate", {"SSL_CLIENT_VERIFY": "NONE"}, False),
        ("nothing said of it", {"SSL_CLIENT_VERIFY": ""}, False),
    ),
)
def test_identified(changes: Environ, identified: bool) -> None:
    assert asked(environ=changes).identified is identified
