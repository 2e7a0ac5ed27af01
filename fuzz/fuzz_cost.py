#!/usr/bin/env python3
"""Any bytes, repeated, take a bounded number of steps for each byte.

Steps are calls and lines of Python, so that a slow machine finds nothing that is not there.

Run: `python fuzz/fuzz_cost.py -max_total_time=60 -max_len=256 fuzz/corpus/cost`
"""

import importlib
import pkgutil
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["openai_scan"]):
    import properties

    import openai_scan.events

    # A family is imported by its first stream, which would be too late to be instrumented, and
    # would count as the work of that stream.
    for module in pkgutil.walk_packages(openai_scan.events.__path__, "openai_scan.events."):
        importlib.import_module(module.name)


def fuzz_one(data: bytes) -> None:
    """Check that work grows with size and no faster."""
    properties.work_is_bounded(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
