"""Projects of Django, and what comes with it, behind the cache."""
