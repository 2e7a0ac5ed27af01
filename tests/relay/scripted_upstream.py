"""A server that answers without a network: it plays an answer, and the rest of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from openai_scan import StreamerV2
from openai_scan.relay import Question
from openai_scan.testing import (
    chat_answer,
    response_answer,
    response_status,
    response_text_delta,
)


class ScriptedUpstream:
    """An `Upstream` that plays one answer.

    Args:
        answer: Its chunks: one for each event, if it can be resumed.

    Attributes:
        asked: The questions.
        resumed: The positions after which the rest was asked for.
        cancelled: The bookmarks of answers that were cancelled.
    """

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer
        self.asked: list[Question] = []
        self.resumed: list[int] = []
        self.cancelled: list[Mapping[str, Any]] = []

    def ask(self, question: Question) -> StreamerV2[Any, Any]:
        """Play the answer."""
        self.asked.append(question)
        return StreamerV2(self._answer)

    def resume(self, bookmark: Mapping[str, Any]) -> StreamerV2[Any, Any]:
        """Play what comes after *bookmark*."""
        position = bookmark["position"]
        self.resumed.append(position)
        stream: StreamerV2[Any, Any] = StreamerV2([*self._answer][position + 1 :])
        stream._take_up(bookmark["answer_id"], position, ())
        return stream

    def cancel(self, bookmark: Mapping[str, Any]) -> None:
        """Take note of it."""
        self.cancelled.append(bookmark)


@frozen
class Kind:
    """A kind of answer.

    Attributes:
        answer: Its chunks.
        text: Its text.
    """

    answer: Sequence[bytes]
    text: str


def _late(text: str) -> list[bytes]:
    """Return a response of a server that sends all of the text at the end."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    item = {"type": "message", "id": "m", "role": "assistant", "content": content}
    return [
        response_status("in_progress", 0, name="created", background=True),
        response_status("completed", 1, background=True, output=[{**item, "status": "completed"}]),
    ]


def _brief(*pieces: str) -> list[bytes]:
    """Return a response of a server that repeats nothing."""
    return [
        response_status("in_progress", 0, name="created", background=True),
        *(response_text_delta(piece, number) for number, piece in enumerate(pieces, 1)),
        response_status("completed", len(pieces) + 1, background=True),
    ]


def _unnumbered(*pieces: str) -> list[bytes]:
    """Return a brief response whose first event has no number."""
    first, *others = _brief(*pieces)
    return [first.replace(b'"sequence_number": 0, ', b""), *others]


KINDS = {
    "chat": Kind(chat_answer(["one", " two", " three"]), "one two three"),
    "responses": Kind(response_answer(["one", " two", " three"], background=True), "one two three"),
    # Its first event has no number, so that the answer can be resumed only after its first text.
    "unnumbered": Kind(_unnumbered("one", " two"), "one two"),
    # The rest of it begins as the whole does.
    "repetitive": Kind(response_answer(["a", "a", "a"], background=True), "aaa"),
    "late": Kind(_late("one two"), "one two"),
    "brief": Kind(_brief("one", " two"), "one two"),
    "halves": Kind(
        # A character that is cut in two, and one that not every database can store.
        [
            event.replace(b"<", rb"\ud83d").replace(b">", rb"\ude00")
            for event in response_answer(["a<", ">b", "\0"], background=True)
        ],
        "a\U0001f600b\ufffd",
    ),
}
