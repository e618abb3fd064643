"""Put a Flask application behind the cache: in one call, or as an extension with configuration.

This package imports Flask only when it is used. `wsgicache.flask.signals` has the signals.
"""

from wsgicache.flask.blueprints import for_blueprint
from wsgicache.flask.extension import WSGICache
from wsgicache.flask.putting import easy_setup

__all__ = ["WSGICache", "easy_setup", "for_blueprint"]
