"""A sentence for each reason, and what to do."""

from __future__ import annotations

import re

import pytest

from tests.running import ROOT
from wsgicache.why.brief import CURES, brief
from wsgicache.why.causes import CAUSES, FORWARDS


def test_each_reason_has_a_cure_or_none() -> None:
    """Either there is something to do, or `CAUSES` say why not; and docs know the reason."""
    assert {name for name, cause in CAUSES.items() if not cause.no_cure} == set(CURES)
    docs = (ROOT / "docs" / "reference" / "cache-status.rst").read_text("utf-8")
    known = set(re.findall(r"^``([a-z-]+)`` ", docs, re.MULTILINE))
    assert set(CURES) <= known


@pytest.mark.parametrize(
    ("came_to", "label", "reason", "cure"),
    [
        (("hit", None, None, 5.0), "HIT", "The cache answered.", ""),
        (("hit", None, None, -5.0), "HIT", "The cache answered, with a stale page.", ""),
        (("hit", "uri-miss", None, 5.0), "HIT", "Another request for the same ", ""),
        (("validated", "stale", None, 5.0), "STORED", "The application said that what", ""),
        (("stored", "uri-miss", None, None), "STORED", "Nothing was stored for this URL.", ""),
        (
            ("stored", "vary-miss", "vary-cookie", None),
            "STORED",
            "Something was stored, but not for these values of the fields that select. The request"
            " differs in this field",
            "If the values do not matter",
        ),
        (("refused", "uri-miss", "freshness", None), "NOT STORED", "No lifetime", "Write @cache_"),
        (("refused", "uri-miss", "private", None), "NOT STORED", "The resp", "A prohibition"),
        (("refused", "uri-miss", "x-cache-control", None), "NOT STORED", "A field fo", "Send Wsg"),
        (("bypass", "method", None, None), "PASSED", "A cache answers only GET and HEAD.", ""),
        (("bypass", "bypass", "off", None), "PASSED", "The cache is switched off.", "Switch it"),
        (("refused", None, "only-if-cached", None), "NOT STORED", "The client wants", "The clie"),
        (("refused", "uri-miss", "raised", None), "NOT STORED", "The application rais", "Only the"),
    ],
)
def test_what_is_said(
    came_to: tuple[str, str, str, float], label: str, reason: str, cure: str
) -> None:
    said = brief(*came_to)
    assert said.label == label
    assert said.reason.startswith(reason)
    assert said.reason.endswith(".") or "its answer" in said.reason
    assert said.cure.startswith(cure)
    assert bool(cure) == bool(said.cure)


@pytest.mark.parametrize("forward", FORWARDS)
def test_each_forward_has_a_sentence(forward: str) -> None:
    for outcome in ("stored", "refused", "bypass"):
        assert len(brief(outcome, forward, None, None).reason) > 20
