"""Every short stream is judged as a second judge does it: nothing is left to luck.

`make test` plays all streams of up to three events, and `make search` of up to five, each whole,
without its last blank line, and cut in the middle of its last event.
"""

from __future__ import annotations

import itertools
import os

import pytest
import second_judge as j

from openai_scan import StreamerV2

LONGEST = int(os.environ.get("OPENAI_SCAN_SCOPE", "3"))


def told(chunks: list[bytes]) -> tuple[j.Verdict, StreamerV2]:
    """Return what a streamer tells of a stream."""
    s = StreamerV2(chunks)
    text = ""
    while s.next():
        text += s.text() or ""
    error = s.err()
    name = None if error is None else type(error).__name__
    return j.Verdict(s.outcome or "", name, text), s


def check(names: tuple[str, ...], chunks: list[bytes], expected: j.Verdict) -> None:
    """Compare both judges."""
    verdict, s = told(chunks)
    assert verdict == expected, (names, chunks)
    assert bool(s.notes["malformed_event"]) or verdict.error != "DecodeError"
    answer = s.snapshot()
    if answer is not None and verdict.error == "DecodeError":
        assert not any(call.complete for call in answer.calls)


@pytest.mark.parametrize(
    ("family", "length"), list(itertools.product(j.FAMILIES, range(LONGEST + 1)))
)
def test_every_stream_of_this_length(family: str, length: int) -> None:
    """Its outcome, its error and its text are those of the second judge, however it is cut."""
    kinds = j.FAMILIES[family]
    for names in j.outlines(kinds, length):
        sequence = [kinds[name] for name in names]
        blocks = [kind.block for kind in sequence]
        check(names, blocks, j.judge(sequence, cut=False))
        if not sequence:
            continue
        last = sequence[-1]
        bare = not last.is_json
        check(names, [*blocks[:-1], j.without_blank_line(last)], j.judge(sequence, cut=bare))
        check(names, [*blocks[:-1], j.middle(last)], j.judge(sequence, cut=last.is_event))
