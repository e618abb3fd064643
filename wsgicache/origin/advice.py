"""Advise authors in the log about pages that one more directive would release."""

from __future__ import annotations

from wsgicache.reporting import Reporter
from wsgicache.rules.fields import says
from wsgicache.rules.freshness import binding
from wsgicache.rules.keys import url_of
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = ["advise"]


def advise(report: Reporter, request: Request, response: Response, policy: Policy) -> None:
    """Log the cure, once for each URL, for a public response that is refused for credentials."""
    if not says(binding(response, policy).directives, "public"):
        return
    scheme, host, path, _ = request.key
    url = url_of((scheme, host, path, ""))
    path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    report.once(
        url,
        f"{url} says public, but the request had credentials, and frameworks add public by "
        "themselves: it is not stored (detail=authorization). If it is the same for "
        "everybody, release it with @cached(server=…) on its view, or with "
        f"Route({path!r}, cached(server=…))",
    )
