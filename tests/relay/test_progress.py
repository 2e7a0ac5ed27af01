"""The state of an answer, as computed from its log."""

from __future__ import annotations

from typing import Any

from openai_scan.relay.entries import Entry, EntryKind, delta_of, encode_json
from openai_scan.relay.progress import Progress
from openai_scan.values import Piece


def of(*entries: tuple[EntryKind, object]) -> Progress:
    """Return the progress of an answer whose log has *entries*."""
    return Progress.of(
        Entry(1, seq, kind, encode_json(data)) for seq, (kind, data) in enumerate(entries)
    )


def test_nothing() -> None:
    """Without entries, nothing is known."""
    progress = of()
    assert progress == Progress()
    assert (progress.head, progress.attempts, progress.is_asked) == (None, 0, False)
    assert (progress.text(), progress.texts()) == ("", {})


def test_all_kinds() -> None:
    """Each kind of entry adds what it contains."""
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
    assert progress.text() == "Hello"  # the same when called again
    assert progress.end == {"status": "completed"}
    assert progress.done == {"status": "completed", "saved": True}


def test_the_size() -> None:
    """The size is that of all deltas' data."""
    progress = of(("delta", {"text": "a"}), ("delta", {"text": "ä"}))
    assert progress.size == len('{"text":"a"}{"text":"ä"}'.encode())


def test_a_position_before_the_mark() -> None:
    """A position without a mark makes no bookmark."""
    assert of(("delta", {"text": "a", "n": 5})).mark is None


def test_a_reset() -> None:
    """It replaces all texts; those that it lacks are empty."""
    progress = of(
        ("delta", {"text": "a"}),
        ("delta", {"refusal": "b", "choice": 1}),
        ("reset", {"text": "", "reasoning": "why"}),
        ("delta", {"text": "c"}),
    )
    assert progress.texts() == {"text": "c", "reasoning": "why"}
    assert progress.text("refusal", 1) == ""


def test_a_process_that_has_handed_over() -> None:
    """A handover does not count as a failed attempt."""
    progress = of(("begin", {}), ("leave", {}), ("begin", {}), ("leave", {}), ("begin", {}))
    assert progress.attempts == 1


def test_an_entry_of_a_later_version() -> None:
    """Unknown entries are skipped, as two versions run side by side during an upgrade."""
    later: Any = "later"
    assert of((later, {"text": "a"})) == Progress()


def test_what_a_process_adds_itself() -> None:
    """The process that writes entries has the same progress as one that reads them."""
    pieces = [Piece("text", text="a\0\ud83d"), Piece("call", text="{"), Piece("image", text="AA")]
    data = delta_of(pieces)
    assert data is not None
    mine = Progress()
    mine.add(pieces, None, len(data))
    assert mine == Progress.of([Entry(1, 1, "delta", data)])
