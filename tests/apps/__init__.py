"""Real sites with everything on, and a crowd that uses them through the cache."""
