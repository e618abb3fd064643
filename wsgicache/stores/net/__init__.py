"""Connections to the servers of stores, limited in time, and what happens when one fails."""

__all__: list[str] = []
