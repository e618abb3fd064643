"""A complete, safe and fast shared HTTP cache (RFC 9111) around any WSGI application.

app = CacheMiddleware(app)
"""

from wsgicache.clock import Clock, SystemClock
from wsgicache.middleware import CacheMiddleware
from wsgicache.rules.policy import Policy
from wsgicache.stores import Listing, SharedStore, Store
from wsgicache.stores.memory import MemoryStore

__all__ = [
    "CacheMiddleware",
    "Clock",
    "Listing",
    "MemoryStore",
    "Policy",
    "SharedStore",
    "Store",
    "SystemClock",
]
