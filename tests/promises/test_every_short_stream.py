"""Every short stream is judged as a second judge does it: nothing is left to luck.

`make search` plays all streams of up to five events of each family: those of up to four whole,
without their last blank line, and cut in their last event; those of five whole, since what a cut of
these leaves is one of the others. `make test` does so with up to two events, and three.
"""

from __future__ import annotations

import itertools
import os

import pytest
import second_judge

LONGEST = int(os.environ.get("OPENAI_SCAN_SCOPE", "2"))

# How each stream ends; see `second_judge.compare`.
WAYS = range(3)


@pytest.mark.parametrize(
    ("family", "length"), list(itertools.product(second_judge.FAMILIES, range(LONGEST + 2)))
)
def test_every_stream_of_this_length(family: str, length: int) -> None:
    """Its outcome, its error and its text are those of the second judge, however it is cut."""
    kinds = second_judge.FAMILIES[family]
    for names in second_judge.outlines(kinds, length):
        for way in WAYS if length <= LONGEST else WAYS[:1]:
            second_judge.compare([kinds[name] for name in names], way)
