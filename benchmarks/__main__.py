"""``python -m benchmarks``: what can be measured, each as a command."""

from __future__ import annotations

import click

from benchmarks.charts import charts
from benchmarks.collapse import collapse
from benchmarks.conformance import conformance
from benchmarks.every import every
from benchmarks.faults import faults
from benchmarks.hit import hit
from benchmarks.memory import memory
from benchmarks.miss import miss
from benchmarks.over_http import http
from benchmarks.scale import scale
from benchmarks.stores import stores
from benchmarks.wild import wild


@click.group()
def main() -> None:
    """Measure wsgicache on this machine."""


main.add_command(charts)
main.add_command(collapse)
main.add_command(conformance)
main.add_command(every)
main.add_command(faults)
main.add_command(hit)
main.add_command(http)
main.add_command(memory)
main.add_command(miss)
main.add_command(scale)
main.add_command(stores)
main.add_command(wild)

if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
