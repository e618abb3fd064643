"""Ask the application: one call of it, who asks, who waits for whom, and the background."""

__all__: list[str] = []
