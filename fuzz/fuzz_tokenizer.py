#!/usr/bin/env python3
"""Any bytes, cut anywhere, give the events of the standard, within the limit, and encode again.

Run: `python fuzz/fuzz_tokenizer.py -max_total_time=60 fuzz/corpus/tokenizer`
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["openai_scan"]):
    import properties


def fuzz_one(data: bytes) -> None:
    """Check the promises of `openai_scan.sse`; the last byte is a limit too."""
    properties.tokens_follow_the_standard(data)
    properties.stream_encodes_again(data)
    properties.limit_is_kept(data, limit=1 + data[-1] if data else 1, event_fields=("error",))


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
