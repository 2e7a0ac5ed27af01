"""How far an answer is, by its log."""

from __future__ import annotations

from typing import Any

from openai_scan.relay.entries import Entry, EntryKind, delta_of, encode_json
from openai_scan.relay.progress import Progress
from openai_scan.values import Piece


def of(*entries: tuple[EntryKind, object]) -> Progress:
    """Return how far an answer is whose log has *entries*."""
    return Progress.of(
        Entry(1, seq, kind, encode_json(data)) for seq, (kind, data) in enumerate(entries)
    )


def test_nothing() -> None:
    """A log without entries says nothing."""
    progress = of()
    assert progress == Progress()
    assert (progress.head, progress.attempts, progress.is_asked) == (None, 0, False)
    assert (progress.text(), progress.texts()) == ("", {})


def test_all_kinds() -> None:
    """Each entry adds what it says."""
    progress = of(
        ("head", {"user": "alice"}),
        ("begin", {"job": "1"}),
        ("ask", {}),
        ("delta", {"reasoning": "First"}),
        ("mark", {"answer_id": "resp_1", "position": 4}),
        ("delta", {"text": "Hel", "n": 5}),
        ("delta", {"pieces": [{"text": "lo"}, {"text": "Hi", "choice": 1}], "n": 6}),
        ("delta", {"call": "call_1", "name": "f", "arguments": "{"}),
        ("end", {"status": "completed"}),
        ("done", {"status": "completed", "saved": True}),
    )
    assert progress.head == {"user": "alice"}
    assert progress.attempts == 1
    assert progress.is_asked
    assert progress.mark == {"answer_id": "resp_1", "position": 6}
    assert progress.texts() == {"text": "Hello", "reasoning": "First"}
    assert progress.text("text", 1) == "Hi"
    assert progress.text() == "Hello"  # asked again
    assert progress.end == {"status": "completed"}
    assert progress.done == {"status": "completed", "saved": True}


def test_the_size() -> None:
    """It is that of the data of all deltas."""
    progress = of(("delta", {"text": "a"}), ("delta", {"text": "ä"}))
    assert progress.size == len('{"text":"a"}{"text":"ä"}'.encode())


def test_a_position_before_the_mark() -> None:
    """It is part of no bookmark; the mark that follows has it."""
    assert of(("delta", {"text": "a", "n": 5})).mark is None


def test_a_reset() -> None:
    """It replaces everything; texts that it does not have are empty."""
    progress = of(
        ("delta", {"text": "a"}),
        ("delta", {"refusal": "b", "choice": 1}),
        ("reset", {"text": "", "reasoning": "why"}),
        ("delta", {"text": "c"}),
    )
    assert progress.texts() == {"text": "c", "reasoning": "why"}
    assert progress.text("refusal", 1) == ""


def test_a_process_that_has_handed_over() -> None:
    """It is not an attempt that has failed."""
    progress = of(("begin", {}), ("leave", {}), ("begin", {}), ("leave", {}), ("begin", {}))
    assert progress.attempts == 1


def test_an_entry_of_a_later_version() -> None:
    """It is passed over: processes of two versions work side by side during an upgrade."""
    later: Any = "later"
    assert of((later, {"text": "a"})) == Progress()


def test_what_a_process_adds_itself() -> None:
    """The process that writes the entries knows the same as one that reads them."""
    pieces = [Piece("text", text="a\0\ud83d"), Piece("call", text="{"), Piece("image", text="AA")]
    data = delta_of(pieces)
    assert data is not None
    mine = Progress()
    mine.add(pieces, None, len(data))
    assert mine == Progress.of([Entry(1, 1, "delta", data)])
