"""What the cache has done: counters of one process, and of all that write to one directory."""

__all__: list[str] = []
