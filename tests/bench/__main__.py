"""Run the benchmarks: `python -m bench TOPIC ...`, or fill the page: `python -m bench page`.

`python -m bench page TOPIC ...` fills only the tables of these topics. What is made of the tables,
such as the pictures and what the README quotes, is made again in any case.
"""

from __future__ import annotations

import argparse
import compileall
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import openai_scan
from bench import (
    bench_decode,
    bench_drivers,
    bench_floor,
    bench_http,
    bench_memory,
    bench_paced,
    bench_startup,
    bench_threads,
    machine,
    page,
    plots,
    report,
)
from bench.results import TABLES, Figure, Result, load

_ROOT = Path(__file__).parents[2]
_FOUND = _ROOT / "build" / "bench"
_DOCS = _ROOT / "docs" / "explanation"

_PLAIN: dict[str, Callable[[], list[Figure]]] = {
    "decode": lambda: bench_decode.measure(fast=False),
    "drivers": bench_drivers.measure,
    "floor": bench_floor.measure,
    "startup": bench_startup.measure,
    "paced": bench_paced.measure,
    "http": bench_http.measure,
    "memory": bench_memory.measure,
    "threads": bench_threads.measure,
}
_FAST: dict[str, Callable[[], list[Figure]]] = {"decode": lambda: bench_decode.measure(fast=True)}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("topics", nargs="+", choices=["all", "page", *_PLAIN])
    parser.add_argument("--fast", action="store_true", help="with a faster JSON parser")
    options = parser.parse_args()
    if options.topics[0] == "page":
        _fill_page(options.topics[1:])
        return
    # As an installed package has it, also where Python is told to write no bytecode.
    compileall.compile_dir(Path(openai_scan.__file__).parent, quiet=1)
    known = _FAST if options.fast else _PLAIN
    asked = _PLAIN if "all" in options.topics else options.topics
    for topic in asked:
        if topic in known:
            name = f"{topic}-fast" if options.fast else topic
            result = Result(name, machine.facts(), tuple(known[topic]()))
            result.save(_FOUND)
            _show(result)


def _show(result: Result) -> None:
    shown = dict.fromkeys(figure.table for figure in result.figures)
    for key in shown:
        sys.stdout.write(f"\n{TABLES[key].claim}\n\n{report.table(key, result.figures)}")
    sys.stdout.flush()


def _fill_page(topics: Sequence[str]) -> None:
    """Put results into the page: those of *topics*, or those of a whole run; the rest follows."""
    path = _DOCS / "performance.md"
    whole = not topics
    results = load(_FOUND, topics or [*_PLAIN, *(f"{topic}-fast" for topic in _FAST)])
    filled = report.fill(path.read_text("utf-8"), results, whole=whole)
    path.write_text(filled, "utf-8")
    for picture in page.pictures(page.read_tables(filled)):
        plots.draw(picture, _DOCS)
    readme = _ROOT / "README.md"
    readme.write_text(page.quoted(readme.read_text("utf-8"), filled), "utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    # What is run in another process finds the benchmarks where this one does.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    main()
