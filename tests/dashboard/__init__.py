"""The page about a cache."""
