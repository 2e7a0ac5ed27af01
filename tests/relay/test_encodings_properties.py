"""What holds for the encodings of any entries: they agree with what is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openai_scan.relay import StoredMessage
from openai_scan.relay.chunks import Chunks
from openai_scan.relay.entries import Entry, encode_json
from openai_scan.relay.progress import Progress
from openai_scan.relay.ui_messages import UIMessages

STREAM = "stream-0123456789"
KEYS = {"content": "text", "reasoning_content": "reasoning", "refusal": "refusal"}

# Few letters, so that one text is often the beginning of another.
words = st.text("ab\u00e9\u2028\n", min_size=1, max_size=3)
kinds = st.sampled_from(["text", "reasoning", "refusal"])


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a piece of a text."""
    choice = draw(st.sampled_from([0, 0, 0, 1]))
    return {draw(kinds): draw(words), **({"choice": choice} if choice else {})}


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a piece of a call, whose id or name may not be known yet."""
    id = draw(st.sampled_from(["c1", "c1", "c2", ""]))
    return {"call": id, "name": draw(st.sampled_from(["f", "f", ""])), "arguments": draw(words)}


deltas = st.one_of(
    st.one_of(texts(), calls()),
    st.builds(
        lambda pieces: {"pieces": pieces}, st.lists(texts() | calls(), min_size=1, max_size=3)
    ),
)
entries_of_answers = st.lists(
    st.tuples(st.just("delta"), deltas)
    | st.tuples(st.just("reset"), st.dictionaries(kinds, words, max_size=3)),
    max_size=8,
)


def log_of(told: Sequence[tuple[Any, dict[str, Any]]]) -> list[Entry]:
    """Return a whole log with these entries."""
    middle = [Entry(1, seq, kind, encode_json(data)) for seq, (kind, data) in enumerate(told, 1)]
    end = encode_json({"status": "completed", "saved": True, "message": STREAM})
    return [
        Entry(0, 1, "head", b'{"user":"alice","conversation":"c"}'),
        Entry(1, 0, "begin", b"{}"),
        *middle,
        Entry(1, len(told) + 1, "done", end),
    ]


def payloads(body: bytes) -> list[Any]:
    """Return the parsed data of all events in a stream, without `[DONE]`."""
    events = [event for event in body.decode().split("\n\n") if "data: " in event]
    said = [event.partition("data: ")[2] for event in events]
    return [json.loads(each) for each in said if each != "[DONE]"]


def texts_of_chunks(chunks: Sequence[Any]) -> dict[str, str] | None:
    """Return the texts of choice 0 by kind, as a client would; None if there was an error."""
    found: dict[str, str] = {}
    for chunk in chunks:
        if "error" in chunk:
            return None
        for choice in chunk["choices"]:
            for key, kind in KEYS.items():
                if not choice["index"] and choice["delta"].get(key):
                    found[kind] = found.get(kind, "") + choice["delta"][key]
    return found


@given(entries_of_answers)
def test_chunks_say_what_is_stored(told: Sequence[Any]) -> None:
    """If chunks cannot express a reset, there is an error, never a different text."""
    log = log_of(told)
    chunks = Chunks(STREAM)
    found = texts_of_chunks(payloads(chunks.opening(()) + chunks.frames(log)))
    stored = Progress.of(log).texts()
    has_reset = any(kind == "reset" for kind, _ in told)
    assert found == stored or (found is None and has_reset)


@given(entries_of_answers, st.data())
def test_chunks_continue_anywhere(told: Sequence[Any], data: st.DataObject) -> None:
    """A reader that reconnects gets the rest of the stream, unless it got an error before."""
    log = log_of(told)
    whole = Chunks(STREAM)
    frames = [whole.opening(())] + [whole.frames([entry]) for entry in log]
    cut = data.draw(st.integers(1, len(log) - 1))
    if any(b'"error"' in frame for frame in frames[: cut + 1]):
        return
    rest = Chunks(STREAM, has_part=True)
    later = payloads(rest.opening(log[:cut]) + rest.frames(log[cut:]))
    expected = payloads(b"".join(frames[cut + 1 :]))
    for chunk in (*later, *expected):
        chunk.pop("created", None)
    assert later == expected


class Page:
    """A model of how a front end of the AI SDK handles parts; it fails where that would."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []
        self._open: dict[str, int] = {}
        self._calls: set[str] = set()

    def take(self, part: Any) -> None:
        """Take the next part."""
        kind, _, what = part["type"].rpartition("-")
        if kind in ("text", "reasoning"):
            if what == "start":
                assert part["id"] not in self._open
                self._open[part["id"]] = len(self.parts)
                self.parts.append((kind, ""))
            elif what == "delta":
                place = self._open[part["id"]]
                assert self.parts[place][0] == kind
                self.parts[place] = kind, self.parts[place][1] + part["delta"]
            else:
                del self._open[part["id"]]
        elif part["type"] == "tool-input-start":
            assert part["toolName"]
            self._calls.add(part["toolCallId"])
        elif part["type"] == "tool-input-delta":
            assert part["toolCallId"] in self._calls
        elif part["type"] == "reset-step":
            self.__init__()  # type: ignore[misc]  # all is as at the beginning
        elif part["type"] == "finish":
            assert not self._open


@given(entries_of_answers)
def test_ui_messages_say_what_is_stored(told: Sequence[Any]) -> None:
    """Each part is opened before text is added to it, and closed at the end."""
    log = log_of(told)
    ui = UIMessages(STREAM)
    page = Page()
    for part in payloads(ui.opening(()) + ui.frames(log)):
        page.take(part)
    stored = Progress.of(log)
    beside = "".join(text for kind, text in page.parts if kind == "reasoning")
    assert beside == stored.text("reasoning")
    shown = "".join(text for kind, text in page.parts if kind == "text")
    assert len(shown) == len(stored.text()) + len(stored.text("refusal"))
    if not stored.text("refusal"):
        assert shown == stored.text()


@given(entries_of_answers)
def test_a_stored_answer_says_the_same(told: Sequence[Any]) -> None:
    """Readers who come late get the same texts."""
    stored = Progress.of(log_of(told)).texts()
    beside = {kind: text for kind, text in stored.items() if kind != "text"}
    row = StoredMessage(
        STREAM, "c", "alice", "assistant", stored.get("text", ""), "completed", beside
    )
    assert texts_of_chunks(payloads(Chunks(STREAM).stored(row))) == stored
    page = Page()
    for part in payloads(UIMessages(STREAM).stored(row)):
        page.take(part)
    expected = [
        ("reasoning" if kind == "reasoning" else "text", stored[kind])
        for kind in ("reasoning", "text", "refusal")
        if kind in stored
    ]
    assert page.parts == expected
