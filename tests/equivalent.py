"""Mutants that no test can notice, each with the reason: see `tests.mutants`."""

EQUIVALENT: dict[str, str] = {}
