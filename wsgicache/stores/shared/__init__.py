"""What stores that processes share have in common: records, pieces, names and generations."""

__all__: list[str] = []
