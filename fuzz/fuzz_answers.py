#!/usr/bin/env python3
"""Whatever form a server gives an answer, the answer is the same, and nothing of it comes twice.

The first byte chooses a family, the others the answer and its form, by the strategies of the tests.

Run: `python fuzz/fuzz_answers.py -max_total_time=60 fuzz/corpus/answers`
"""

import importlib
import sys
from pathlib import Path

import atheris

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "promises")]

PROMISES = {
    "test_chat_is_told_once": ("test_any_answer_in_any_form",),
    "test_responses_in_any_form": ("test_a_response_in_any_form",),
    "test_other_families_are_told_once": (
        "test_messages_in_any_form",
        "test_calls_in_any_form",
        "test_transcripts_in_any_form",
    ),
}

with atheris.instrument_imports(include=["openai_scan"]):
    import conftest  # noqa: F401 - its settings: no deadline

    TESTED = [
        getattr(importlib.import_module(module), name).hypothesis.fuzz_one_input
        for module, names in PROMISES.items()
        for name in names
    ]


def fuzz_one(data: bytes) -> None:
    """Draw an answer from *data*, play it in the form that is drawn too, and compare."""
    if data:
        TESTED[data[0] % len(TESTED)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
