#!/usr/bin/env python3
"""Any bytes, cut anywhere, give events, then an end or a `ScanError`, and nothing else.

Whether the reader blocks, awaits, or feeds a machine by hand makes no difference.

Run: `python fuzz/fuzz_streamer.py -max_total_time=60 fuzz/corpus/streamer`
"""

import asyncio
import importlib
import pkgutil
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["openai_scan"]):
    import properties
    import witnesses

    import openai_scan.events

    # A family is imported by its first stream, which would be too late to be instrumented.
    for module in pkgutil.walk_packages(openai_scan.events.__path__, "openai_scan.events."):
        importlib.import_module(module.name)


def fuzz_one(data: bytes) -> None:
    """Check the promises of `StreamerV2`; the last byte chooses among its settings."""
    choice = data[-1] if data else 0
    settings = {"strict": bool(choice & 1), "require_terminal": bool(choice & 2)}
    properties.streamer_ends_well(data, **settings)
    properties.text_is_copied(data)
    chunks = properties.pieces(data, properties.sizes_from(data))
    asyncio.run(witnesses.agree(chunks, **settings))


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
