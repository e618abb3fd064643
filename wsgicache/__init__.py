"""A complete, safe and fast shared HTTP cache (RFC 9111) around any WSGI application.

app = CacheMiddleware(app)

The API is what this module, `wsgicache.stores` and `wsgicache.flask` list in ``__all__``. The lists
of other modules are for the package itself, and may change with any release.
"""

from wsgicache.clock import Clock, SystemClock
from wsgicache.controls.control import Control, Controls, current
from wsgicache.controls.decorators import (
    cache_control,
    cache_for,
    cache_groups,
    cached,
    json_never_stale,
    never_cache,
    no_cache,
    vary,
)
from wsgicache.controls.routes import Route
from wsgicache.controls.static import StaticVersions
from wsgicache.flask import easy_setup
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.cookies import ANALYTICS_COOKIES
from wsgicache.rules.credentials import CREDENTIAL_FIELDS
from wsgicache.rules.names import EXCHANGE_FIELDS
from wsgicache.rules.policy import Policy
from wsgicache.rules.preferences import Header
from wsgicache.rules.queries import TRACKING_PARAMETERS
from wsgicache.rules.selecting import SELECTING_FIELDS
from wsgicache.stores import (
    Browsing,
    Grouping,
    Judging,
    Listing,
    Marking,
    Searching,
    Serving,
    SharedStore,
    Store,
    StoreError,
    store_from_url,
)
from wsgicache.stores.memory import MemoryStore

__all__ = [
    "ANALYTICS_COOKIES",
    "CREDENTIAL_FIELDS",
    "EXCHANGE_FIELDS",
    "SELECTING_FIELDS",
    "TRACKING_PARAMETERS",
    "Browsing",
    "CacheMiddleware",
    "Clock",
    "Control",
    "Controls",
    "Grouping",
    "Header",
    "Judging",
    "Listing",
    "Marking",
    "MemoryStore",
    "Policy",
    "Route",
    "Searching",
    "Serving",
    "SharedStore",
    "StaticVersions",
    "Store",
    "StoreError",
    "SystemClock",
    "cache_control",
    "cache_for",
    "cache_groups",
    "cached",
    "current",
    "easy_setup",
    "json_never_stale",
    "never_cache",
    "no_cache",
    "store_from_url",
    "vary",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("wsgicache")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
