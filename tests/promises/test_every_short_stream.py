"""Every short stream is judged as a second judge would: nothing is left to luck.

`make search` plays all streams of up to five events of each family: whole, without their last blank
line, and cut in the middle of their last event. `make test` plays those of up to three whole, and
those of up to two in all three ways.
"""

from __future__ import annotations

import itertools
import os

import pytest
import second_judge

pytestmark = pytest.mark.unmeasured

LONGEST = int(os.environ.get("OPENAI_SCAN_SCOPE", "3"))
LONGEST_CUT = int(os.environ.get("OPENAI_SCAN_SCOPE", "2"))

# How each stream ends; see `second_judge.compare`.
WAYS = range(3)

# One test for each family, length and first event, so that none takes minutes.
CASES = [
    (family, length, first)
    for family, kinds in second_judge.FAMILIES.items()
    for length in range(1, LONGEST + 1)
    for first in kinds
]


@pytest.mark.parametrize(
    ("family", "length", "first"),
    CASES,
    ids=["-".join((family, str(length), first)) for family, length, first in CASES],
)
def test_every_stream_that_begins_with_this(family: str, length: int, first: str) -> None:
    """Its outcome, its error and its text are those of the second judge, however it is cut."""
    kinds = second_judge.FAMILIES[family]
    for others in itertools.product(kinds.values(), repeat=length - 1):
        for way in WAYS if length <= LONGEST_CUT else WAYS[:1]:
            second_judge.compare([kinds[first], *others], way)


def test_a_stream_without_events() -> None:
    """A stream without events ends as the second judge says."""
    second_judge.compare([])
