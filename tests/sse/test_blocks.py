"""Whole blocks of the common shapes are found in one step; all others are left alone."""

from __future__ import annotations

import pytest

from openai_scan.sse.blocks import LONG_LINE, end_of_blocks, find_blocks

LONG = "x" * (LONG_LINE + 1)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("data: 1\n\n", [("", "1")]),
        ("data:1\n\n", [("", "1")]),
        ("data:  1\n\n", [("", " 1")]),
        ("data: 1\n\ndata:2\n\n", [("", "1"), ("", "2")]),
        ("event: a\ndata: 1\n\n", [("a", "1")]),
        ("event:a\ndata:1\n\n", [("a", "1")]),
        ("event: a\ndata: 1\n\nevent: b\ndata: 2\n\n", [("a", "1"), ("b", "2")]),
        (f"data: {LONG}\n\ndata: 2\n\n", [("", LONG), ("", "2")]),
        (f"data: {LONG}\n\nevent: b\ndata: 2\n\n", [("", LONG), ("b", "2")]),
        (f"event: a\ndata:{LONG}\n\nevent:b\ndata: 2\n\n", [("a", LONG), ("b", "2")]),
    ],
    ids=lambda value: repr(value).replace(LONG, "..."),
)
def test_they_are_found(text: str, blocks: list[tuple[str, str]]) -> None:
    """Each with its name and its data, however long they are."""
    assert find_blocks(text) == blocks


@pytest.mark.parametrize("other", ["id: 1\n", "data: 2\n", ": hello\n", "\n"])
@pytest.mark.parametrize("data", ["1", LONG], ids=["short", "long"])
def test_one_other_line_leaves_all_to_the_tokenizer(other: str, data: str) -> None:
    """Wherever it is."""
    block, named = f"data: {data}\n\n", f"event: a\ndata: {data}\n\n"
    for text in (other + block + block, block + other + block, named + other + named):
        assert find_blocks(text) == []


def test_a_name_may_come_with_one_block_only() -> None:
    """Of many short blocks all have one, or none has."""
    assert find_blocks("event: c\ndata: 1\n\ndata: 1\n\n") == []
    assert find_blocks("data: 1\n\nevent: c\ndata: 1\n\n") == []


@pytest.mark.parametrize(
    ("block", "piece", "end"),
    [
        (b"", b"", 0),
        (b"", b"data: 1\n\n", 9),
        (b"", b"data: 1\n\ndata", 9),
        (b"", b"a\n\nb\n\nc\nd", 6),
        (b"", b"data: 1\n", 0),
        (b"data: 1\n", b"\n", 1),
        (b"data: 1\n", b"\ndata", 1),
        (b"data: 1", b"\ndata", 0),
        (b"", b"\n", 0),
        (b"", b"\n\n", 2),
    ],
)
def test_the_last_blank_line_ends_what_is_whole(block: bytes, piece: bytes, end: int) -> None:
    """It may begin in the piece before."""
    assert end_of_blocks(bytearray(block), piece) == end
