"""What the tests of chat answers need: payloads as servers send them, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from folding import wire

from openai_scan import ChatCompletion, StreamerV2
from openai_scan.values import Piece

DONE = "[DONE]"


def chunk(delta: Any = None, finish_reason: str | None = None, index: int = 0, **rest: Any) -> Any:
    """Return a chunk with one choice."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice], **rest}


def whole(*messages: Any, finish_reason: str | None = "stop", **rest: Any) -> Any:
    """Return a whole chat completion with a choice for each message."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", **message},
            "finish_reason": finish_reason,
        }
        for index, message in enumerate(messages)
    ]
    return {"object": "chat.completion", "choices": choices, **rest}


def call(arguments: Any, index: int | None = 0, id: str | None = None, name: str = "") -> Any:
    """Return a piece of a tool call; what is None or "" is left out."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    rest = {"index": index, "id": id}
    return {
        **{key: value for key, value in rest.items() if value is not None},
        "function": function,
    }


def calling(*pieces: Any, **rest: Any) -> Any:
    """Return a chunk with pieces of tool calls."""
    return chunk({"tool_calls": list(pieces)}, **rest)


def custom(input: Any, index: int = 0, id: str | None = None, name: str = "") -> Any:
    """Return a piece of a call of a custom tool."""
    begun = {"id": id, "type": "custom"} if id else {}
    return {"index": index, **begun, "custom": {"input": input, **({"name": name} if name else {})}}


CALLED = chunk({}, "tool_calls")


@frozen
class Told:
    """What a stream has handed out, and its answer.

    Attributes:
        steps: The pieces of each event.
    """

    streamer: StreamerV2
    answer: ChatCompletion
    steps: list[tuple[Piece, ...]]

    @property
    def texts(self) -> list[str]:
        """The text of each piece, without empty ones."""
        return [piece.text for pieces in self.steps for piece in pieces if piece.text]

    @property
    def notes(self) -> dict[str, int]:
        """What was tolerated, except for an answer that is whole, empty or without [DONE]."""
        expected = ("whole_answer", "empty_answer", "missing_done")
        return {key: n for key, n in self.streamer.notes.items() if key not in expected}

    def joined(self, kind: str = "text", choice: int = 0, call_id: str = "") -> str:
        """Return the pieces of one kind, choice and call in a row."""
        return join(piece for pieces in self.steps for piece in pieces)[kind, choice, call_id]

    @property
    def calls(self) -> list[tuple[str, str, str, bool]]:
        """Id, name, arguments and completeness of each call."""
        return [(one.id, one.name, one.arguments, one.complete) for one in self.answer.calls]


class join(dict[tuple[str, int, str], str]):  # noqa: N801 - used as a function
    """The texts of pieces in a row, by kind, choice and call; "" for others."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        super().__init__()
        for piece in pieces:
            key = piece.kind, piece.choice, piece.call_id
            self[key] = self[key] + piece.text

    def __missing__(self, key: tuple[str, int, str]) -> str:
        return ""


def tell(*payloads: Any) -> Told:
    """Read *payloads* to their end."""
    streamer = StreamerV2(wire(*payloads), require_terminal=False)
    steps = []
    while streamer.next():
        steps.append(streamer.pieces())
    answer = streamer.snapshot()
    assert isinstance(answer, ChatCompletion)
    return Told(streamer, answer, steps)
