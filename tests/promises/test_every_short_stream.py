"""Every short stream is judged as a second judge does it: nothing is left to luck.

`make test` plays all streams of up to three events of each family, and `make search` of up to five:
each whole, without its last blank line, and cut in the middle of its last event.
"""

from __future__ import annotations

import itertools
import os

import pytest
import second_judge

LONGEST = int(os.environ.get("OPENAI_SCAN_SCOPE", "3"))


@pytest.mark.parametrize(
    ("family", "length"), list(itertools.product(second_judge.FAMILIES, range(LONGEST + 1)))
)
def test_every_stream_of_this_length(family: str, length: int) -> None:
    """Its outcome, its error and its text are those of the second judge, however it is cut."""
    kinds = second_judge.FAMILIES[family]
    for names in second_judge.outlines(kinds, length):
        for way in range(3):
            second_judge.compare([kinds[name] for name in names], way)
