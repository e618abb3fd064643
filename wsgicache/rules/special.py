"""Which keys of an environ make a request more than a plain one, whatever the policy?"""

from __future__ import annotations

__all__ = [
    "ALWAYS_SPECIAL", "BYPASS", "CONDITIONS", "DIRECTIVES", "ORIGIN_ONLY", "PASSING", "REWRITING",
]  # fmt: skip

REWRITING = frozenset(
    {
        "HTTP_X_ORIGINAL_URL",
        "HTTP_X_REWRITE_URL",
        "HTTP_X_HTTP_METHOD_OVERRIDE",
        "HTTP_X_HTTP_METHOD",
        "HTTP_X_METHOD_OVERRIDE",
    }
)
ORIGIN_ONLY = frozenset({"HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"})
CONDITIONS = frozenset(
    {"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_IF_RANGE"}
)
DIRECTIVES = frozenset({"HTTP_CACHE_CONTROL", "HTTP_PRAGMA"})
BYPASS = "wsgicache.bypass"
"""An environ key of ours: with a true value, the request passes by the cache."""

PASSING = (
    REWRITING
    | ORIGIN_ONLY
    | {BYPASS, "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE"}
)

ALWAYS_SPECIAL = PASSING | CONDITIONS | DIRECTIVES
