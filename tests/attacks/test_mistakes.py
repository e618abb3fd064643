"""The operator's mistakes are told at the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.test_resources import page
from wsgicache import CacheMiddleware, MemoryStore, Policy

# ── the operator's mistakes are told at the start ────────────────────────────────────────────────

MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": ""}),
    ("name", {"name": 1}),
    ("name", {"name": "two words"}),
    ("name", {"name": "x\r\nInjected: 1"}),
    ("max_content", {"max_content": -1}),
    ("max_content", {"max_content": "1M"}),
    ("max_content", {"max_content": 1.5}),
    ("max_variants", {"max_variants": 0}),
    ("max_ranges", {"max_ranges": -1}),
    ("heuristic_fraction", {"heuristic_fraction": -0.1}),
    ("heuristic_fraction", {"heuristic_fraction": float("nan")}),
    ("heuristic_fraction", {"heuristic_fraction": "10%"}),
    ("store_set_cookie", {"store_set_cookie": "strip"}),
    ("private_cookies", {"private_cookies": 1}),
    ("ignore_cookies", {"ignore_cookies": "_ga"}),
    ("ignore_cookies", {"ignore_cookies": (1,)}),
    ("error_lifetime", {"error_lifetime": -1}),
    ("error_lifetime", {"error_lifetime": "ten"}),
    ("store_partial", {"store_partial": None}),
    ("targets", {"targets": "Wsgicache-Cache-Control"}),
    ("targets", {"targets": ("a b",)}),
    ("targets", {"targets": (1,)}),
    ("stale_if_raised", {"stale_if_raised": -1}),
    ("stale_while_revalidate", {"stale_while_revalidate": -1}),
    ("stale_if_error", {"stale_if_error": "always"}),
    ("strip", {"strip": "Cache-Tag"}),
    ("strip", {"strip": ("",)}),
    ("cache_status", {"cache_status": "yes"}),
    ("x_cache", {"x_cache": 0}),
    ("server_timing", {"server_timing": "yes"}),
]


@pytest.mark.parametrize(("option", "wrong"), MISTAKES, ids=[f"{o}-{w[o]!r}" for o, w in MISTAKES])
@pytest.mark.parametrize("make", [Policy, Policy.rfc], ids=["safe", "rfc"])
def test_a_wrong_option_fails_at_the_start(
    make: Callable[..., Policy], option: str, wrong: dict[str, Any]
) -> None:
    """One sentence that names the option and the value."""
    with pytest.raises((ValueError, TypeError)) as told:
        make(**wrong)
    message = str(told.value)
    assert option in message
    values = wrong[option] if isinstance(wrong[option], tuple) else (wrong[option],)
    assert all(repr(value) in message for value in values)
    assert "\n" not in message


def test_an_unknown_option_fails_at_the_start() -> None:
    with pytest.raises(TypeError, match="max_contents"):
        Policy(max_contents=1)  # type: ignore[call-arg]
    make: Any = Policy
    with pytest.raises(TypeError):
        make("wsgicache")


def test_a_policy_does_not_change() -> None:
    policy = Policy()
    with pytest.raises(AttributeError):
        policy.max_content = 1  # type: ignore[misc]


@pytest.mark.parametrize("size", [0, -1, "64M", 1.5, None, True])
def test_a_store_of_no_size_fails_at_the_start(size: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="max_bytes"):
        MemoryStore(max_bytes=size)


@pytest.mark.parametrize(
    "wrong",
    [
        {"store": object()},
        {"store": MemoryStore},
        {"policy": object()},
        {"policy": Policy},
        {"clock": object()},
    ],
)
def test_wrong_parts_fail_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as told:
        CacheMiddleware(page(1), **wrong)
    assert next(iter(wrong)) in str(told.value)


def test_an_app_that_is_none_fails_at_the_start() -> None:
    with pytest.raises(TypeError):
        CacheMiddleware(None)  # type: ignore[arg-type]


def test_the_rfc_policy_is_the_safe_one_with_other_values() -> None:
    assert Policy.rfc() == Policy.rfc()
    assert Policy.rfc(name="x").name == "x"
    assert Policy.rfc(heuristic_fraction=0.5).heuristic_fraction == 0.5
    rfc = Policy.rfc()
    assert rfc.heuristic_fraction == 0.1
    assert rfc.store_set_cookie
    assert not rfc.private_cookies
    assert rfc.error_lifetime is None
    assert rfc.store_partial
    assert rfc.store_post
    assert rfc.normalize_language
    assert "CDN-Cache-Control" in rfc.targets
    assert Policy().error_lifetime == 10
    assert Policy().stale_if_raised == 10
