#!/usr/bin/env python3
"""Streams of many events end as a second judge says, however they are cut.

The first byte chooses a family, the second how the stream is cut, and each other byte an event.

Run: `python fuzz/fuzz_ends.py -max_total_time=60 fuzz/corpus/ends`
"""

import importlib
import pkgutil
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["openai_scan"]):
    import second_judge

    import openai_scan.events

    # A family is imported by its first stream, which would be too late to be instrumented.
    for module in pkgutil.walk_packages(openai_scan.events.__path__, "openai_scan.events."):
        importlib.import_module(module.name)

FAMILIES = list(second_judge.FAMILIES.values())


def fuzz_one(data: bytes) -> None:
    """Compare both judges on the stream that *data* spell."""
    if len(data) > 2:
        kinds = list(FAMILIES[data[0] % len(FAMILIES)].values())
        second_judge.compare([kinds[byte % len(kinds)] for byte in data[2:]], data[1])


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
