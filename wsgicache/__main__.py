"""``python -m wsgicache``: the command line."""

from wsgicache.cli import main

__all__: list[str] = []

main(prog_name="python -m wsgicache")
