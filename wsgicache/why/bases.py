"""A request and what the app answers to it, to which changed requests are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsgicache.rules.fields import environ_key
from wsgicache.why.asked import Asked, pairs
from wsgicache.why.comparing import Template
from wsgicache.why.inputs import Input
from wsgicache.why.trying import Outcome, Recorded, Shelf

__all__ = ["Base", "fails"]

_NO_HEAD = ("405", "501")
"""An app that answers HEAD with these serves GET alone."""


@dataclass
class Base:
    """A request to which others are compared."""

    asked: Asked
    template: Template
    answer: Recorded
    shelf: Shelf
    """What is stored of it."""
    outcome: Outcome

    def named(self) -> list[str]:
        """Return the fields that Vary names."""
        entries = [entry for entry in self.shelf.entries.values() if entry is not None]
        if entries:
            keys = dict.fromkeys(key for entry in entries for key in entry.nominated)
            return [key.removeprefix("HTTP_").replace("_", "-").title() for key in keys]
        return [name for name in re.split(r"[\s,]+", self.answer.value("Vary") or "") if name]

    def names(self, key: str) -> bool:
        """Whether Vary names the field that an environ has under *key*."""
        return key in map(environ_key, self.named())

    def difference(self, answer: Recorded, asked: Asked) -> str | None:
        """Return in what *answer*, which *asked* got, differs from what this one gets."""
        if fails(answer):
            return None
        is_head = ("REQUEST_METHOD", "HEAD") in asked.changes
        if is_head and answer.status[:3] in _NO_HEAD:
            return None
        return self.template.difference(answer, content=not is_head)

    def severity(self, one: Input, outcome: Outcome) -> str | None:
        """Return how bad it is that *one* input changes the page, if it is."""
        if outcome.outcome == "hit":
            return "leak" if one.is_identity else "wrong"
        told_apart = self.outcome.outcome == "stored" and outcome.forward == "vary-miss"
        return "downstream" if told_apart and not self.names(one.key) else None

    def value(self, one: Input) -> str:
        """Return the value that the input *one* has here, or an empty text."""
        kind, _, name = one.name.partition(" ")
        if kind == "query":
            query = self.asked.url.partition("?")[2]
            given = (pair.partition("=") for pair in query.split("&"))
            return next((value for key, _, value in given if key == name), "")
        if kind == "cookie":
            return dict(pairs(self.asked.value("Cookie"))).get(name, "")
        return str(self.asked.environ().get(one.key, ""))


def fails(answer: Recorded) -> bool:
    """Whether the app made no page: nobody should get that instead of one."""
    return answer.raised is not None or answer.status[:1] == "5"
