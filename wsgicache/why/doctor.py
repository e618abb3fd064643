"""Find what is wrong with the set-up of a cache, without any traffic.

Nothing here is a guess: what only an answer of the application shows is left to the audit and to an
explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from wsgicache.purging import number_of
from wsgicache.rules.checks import must_be
from wsgicache.stores import Store
from wsgicache.why.capacity import CAPACITY, keeps_in_process, workers
from wsgicache.why.declared import DECLARED, may_show_tokens
from wsgicache.why.frameworks import FRAMEWORKS
from wsgicache.why.routing import ROUTING
from wsgicache.why.setup import Finding, Setup
from wsgicache.why.wrapping import WRAPPING

__all__ = ["Diagnosis", "Left", "doctor"]

_CHECKS: tuple[Callable[[Setup], Iterator[Finding]], ...] = (
    *WRAPPING,
    *CAPACITY,
    *DECLARED,
    *ROUTING,
    *FRAMEWORKS,
)


class Left(NamedTuple):
    """What a set-up alone does not tell."""

    what: str
    to: str
    """What tells it: a command, or the log."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found."""

    findings: tuple[Finding, ...]
    left: tuple[Left, ...]
    """What could not be known."""

    def as_json(self) -> dict[str, Any]:
        """Return the diagnosis as JSON has it."""
        return {
            "findings": [finding._asdict() for finding in self.findings],
            "left": [left._asdict() for left in self.left],
        }

    def lines(self) -> Iterator[str]:
        """Yield the diagnosis line by line, in plain sentences."""
        for finding in self.findings:
            yield f"{finding.severity}: {finding.id}: {finding.what}"
            yield f"  why it matters: {finding.why}"
            yield f"  write: {finding.line}"
        number = number_of("finding", len(self.findings))
        yield number if self.findings else "no findings"
        for what, to in self.left:
            yield f"not known: {what}: {to}"

    def is_bad(self, strict: bool = False) -> bool:
        """Whether something is wrong; with *strict*, whether there is any finding."""
        return any(strict or finding.severity == "wrong" for finding in self.findings)


def doctor(app: object, *, store: Store | None = None) -> Diagnosis:
    """Find what is wrong with the set-up of the cache that the WSGI *app* is, or has around it.

    Nothing is asked of the app, and nothing is stored. Without a cache, `Policy()` is looked at.
    *store* is looked at instead of the cache's. Raises TypeError for anything but an application.
    """
    if not callable(app):
        raise TypeError(must_be("app", "a WSGI application, a callable", app))
    setup = Setup(app, store)
    findings, left = list[Finding](), list[Left]()
    for check in _CHECKS:
        try:
            findings += check(setup)
        except Exception as error:
            what = f"what {check.__module__}.{check.__name__} looks for"
            left.append(Left(what, f"it raised {type(error).__name__}: {error}"))
    # A view under several rules is one view.
    return Diagnosis(tuple(dict.fromkeys(findings)), (*left, *_left(setup)))


def _left(setup: Setup) -> Iterable[Left]:
    if setup.store_is_for_debugging:
        yield Left("which store serves without app.debug", "wsgicache doctor, without debugging")
    elif keeps_in_process(setup.store) and workers() is None:
        yield Left("how many workers the server has", "the log says it at the first request")
    if (setup.routes or setup.policy.exempt) and setup.pages.unknown:
        what = f"whether each route matches a page, since {setup.pages.unknown} may answer any path"
        yield Left(what, "wsgicache explain")
    for page in may_show_tokens(setup):
        yield Left(f"whether {page} shows the token of a form", "wsgicache explain")
    yield Left("whether pages differ by what the cache does not know", "wsgicache audit")
    yield Left("why a page is not stored", "wsgicache explain")
