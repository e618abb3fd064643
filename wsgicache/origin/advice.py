"""Advise authors in the log about pages that one more directive would release."""

from __future__ import annotations

from wsgicache.reporting import Reporter
from wsgicache.rules.differing import Difference
from wsgicache.rules.fields import says
from wsgicache.rules.freshness import binding
from wsgicache.rules.keys import url_of
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = ["MANY", "advise", "advise_on_variants"]


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


MANY = 16
"""The number of responses to one URL from which the log says what splits them."""
_SHOWN = 60
_CURES = {
    "cookie": "Policy.django(), Policy.flask() or Policy(only_cookies=[…]) if few cookies count, "
    "or @cached(server=…, everybody=True) if the page is the same for everybody",
    "accept-encoding": "Policy(encodings=['br', 'gzip'])",
    "accept-language": "Policy(languages=['en', 'de'])",
    "accept": "Route({path!r}, accept=['text/html', 'application/json'])",
    "vary-by": "a Route(vary_by=…) that returns fewer texts",
    "target": "a redirect to one way of writing the URL",
    "mount": "one mount point for all requests",
}
_CLASSES = (
    "Route({path!r}, select=Header({field!r}, [...])) with the values that count, "
    "or have the proxy in front remove the field"
)


def advise_on_variants(report: Reporter, request: Request, differs: Difference) -> None:
    """Log, once for each URL, the field that splits its responses, and the line to write."""
    scheme, host, path, _ = request.key
    url = url_of((scheme, host, path, ""))
    field, path = differs.field, path.encode("latin-1", "replace").decode("utf-8", "replace")
    cure = _CURES.get(field, _CLASSES).format(path=path, field=field.title())
    shown = ", ".join(map(_shown_cookies if field == "cookie" else _shown, differs.values))
    report.once(
        f"variants of {url}",
        f"{url} has {differs.variants} stored responses. {field} tells them apart "
        f"(detail=vary-{field}), with values such as {shown}. If there are fewer pages than "
        f"that, write {cure}",
    )


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    return ascii(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")


def _shown_cookies(value: str | None) -> str:
    """Return the names of the cookies alone: their values may be secrets."""
    pairs = "" if value is None else value
    names = sorted({pair.partition("=")[0].strip(" \t") for pair in pairs.split(";")} - {""})
    return _shown(" ".join(names)) if names else "none"
