"""The parts that shared stores have in common: records, pieces, names and generations."""

__all__: list[str] = []
