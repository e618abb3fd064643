"""``python -m wsgicache``: the command line."""

from wsgicache.cli import main

main(prog_name="python -m wsgicache")
