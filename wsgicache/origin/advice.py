"""Advise authors in the log: why a page is not stored, and the line to write."""

from __future__ import annotations

from functools import partial

from wsgicache.reporting import Reporter
from wsgicache.rules.answering import FOR_ONE_CLIENT, first_reason
from wsgicache.rules.cookies import USUAL_SETTERS
from wsgicache.rules.differing import Difference
from wsgicache.rules.fields import says
from wsgicache.rules.freshness import binding
from wsgicache.rules.hidden_cookies import cookies_set
from wsgicache.rules.keys import url_of
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.response import Response

__all__ = ["MANY", "REMARKS", "advise", "advise_on_variants"]

_SAME = "If it is the same for everybody, write @cached(server=300) on its view, or {route}"
REMARKS = {
    "freshness": "nothing gives it a lifetime. Write @cache_for(minutes=5) on its view, or "
    "Route({path!r}, cache_for(minutes=5))",
    "cookie": "the request had cookies ({cookies}), and nothing says whether the page depends on "
    f"them. {_SAME}. If it is not, write @vary('Cookie')",
    "authorization": "the request said who asks, and nothing releases the answer, not even Vary. "
    f"{_SAME}",
    "set-cookie": "it sets the cookie {set}, which belongs to one visitor. Do not set it in this "
    "view{settings}",
}
"""What the log says of a page that is not stored, where its author can change that."""


def advise(
    report: Reporter, request: Request, response: Response, policy: Policy, why_not: str
) -> None:
    """Log, once for each URL and reason, why a page is not stored, and the cure.

    *why_not* is one of `REMARKS`.
    """
    if why_not == "authorization" and says(binding(response, policy).directives, "public"):
        _advise_on_public(report, request)
        return
    reasons = [why_not]
    if why_not in FOR_ONE_CLIENT:
        reasons = list(dict.fromkeys((first_reason(why_not, response, policy), why_not)))
    for reason in reasons:
        report.tell(request.key, reason, partial(_remark, reason, request, response))


def _remark(reason: str, request: Request, response: Response, url: str) -> str:
    path = _path(request)
    known = [(name, USUAL_SETTERS.get(name)) for name in cookies_set(response)]
    names = (f"{n!a} (usually by {one.who})" if one else ascii(n) for n, one in known)
    settings = (f"; or write {one.setting}" for _, one in known if one and one.setting)
    said = REMARKS[reason].format(
        path=path,
        route=f"Route({path!r}, cached(server=300))",
        cookies=_shown_cookies(request.environ.get("HTTP_COOKIE")),
        set=", ".join(names),
        settings="".join(settings),
    )
    return f"{url} is not stored (detail={reason}): {said}"


def _path(request: Request) -> str:
    """Return the path of the URL as an author writes it."""
    return request.key[2].encode("latin-1", "replace").decode("utf-8", "replace")


def _advise_on_public(report: Reporter, request: Request) -> None:
    """Log the cure for a public response that is refused for credentials."""
    scheme, host, path, _ = request.key
    url = url_of((scheme, host, path, ""))
    path = _path(request)
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
    field, path = differs.field, _path(request)
    cure = _CURES.get(field, _CLASSES).format(path=path, field=field.title())
    such = f"with values such as {', '.join(map(_shown, differs.values))}"
    if field == "cookie":
        such = f"by the cookies {_differing_cookies(differs.values)}"
    report.once(
        f"variants of {url}",
        f"{url} has {differs.variants} stored responses. {field} tells them apart "
        f"(detail=vary-{field}), {such}. If there are fewer pages than that, write {cure}",
    )


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    return ascii(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")


def _differing_cookies(fields: tuple[str | None, ...]) -> str:
    """Return the names of the cookies that are not the same in all *fields*.

    Where only their order differs, all are named.
    """
    pairs = [set(_pairs(field)) for field in fields]
    same = set.intersection(*pairs) if len(pairs) > 1 else set()
    return _shown_cookies(";".join(set.union(*pairs) - same) or fields[0])


def _pairs(field: str | None) -> list[str]:
    return [pair.strip(" \t") for pair in (field or "").split(";")]


def _shown_cookies(field: str | None) -> str:
    """Return the names of the cookies alone: their values may be secrets."""
    names = sorted({pair.partition("=")[0].strip(" \t") for pair in _pairs(field)} - {""})
    return _shown(" ".join(names)) if names else "none"
