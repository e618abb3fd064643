"""Django behind the cache, by its settings: an app, ``"wsgicache.django"`` in INSTALLED_APPS.

Only this package imports Django. Its settings are ``WSGICACHE``, a dict that may be empty.
"""

from wsgicache.django.door import cache, get_wsgi_application
from wsgicache.django.saving import purge_on_save

__all__ = ["cache", "get_wsgi_application", "purge_on_save"]
