"""The entries as chunks of Chat Completions, which any client of that API can read.

::

    id: 1-4
    data: {"id":"...","object":"chat.completion.chunk",...,"cursor":"1-4"}

    data: {"error":{"message":"...","type":"relay_error","code":"WorkerLost"}}

    id: 1-9-end
    data: [DONE]

An entry is one chunk. Its cursor is the id of the event. The chunk contains it as well, because
most clients expose only chunks. A reader that reconnects with it, as `Last-Event-ID` or `?after=`,
gets the chunks after it.

openai-python treats each blank line after an id, or after a `retry`, as an event, and fails if that
has no data. So there is no `retry` here, and a heartbeat has no blank line.

Chunks cannot express an answer that was stopped or is not whole, nor text that replaces what was
sent. Both become errors. Only if the new text continues the old one is its rest sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openai_scan.relay.edge import (
    LATER,
    REPLACED,
    SentCalls,
    SentTexts,
    finish_reason_of,
    pieces_of_texts,
    said_of,
)
from openai_scan.relay.entries import Entry, cursor_of, encode_json, pieces_of
from openai_scan.relay.facts import texts_of
from openai_scan.relay.frames import HEADERS, stored_end
from openai_scan.relay.store import StoredMessage
from openai_scan.values import Piece

# The name of each kind of piece in a chunk.
_KEYS: Mapping[str, str] = {
    "text": "content",
    "reasoning": "reasoning_content",
    "refusal": "refusal",
}

_DONE = b"data: [DONE]\n\n"


class Chunks:
    """The entries of one stream as chunks; see the module.

    Args:
        stream: The id of the stream.
        has_part: Whether the reader says that it already has part of the answer.
    """

    headers: Mapping[str, str] = HEADERS
    heartbeat = b":\n"

    def __init__(self, stream: str, *, has_part: bool = False) -> None:
        self._has_part = has_part
        self._texts = SentTexts()
        self._calls = SentCalls()
        self._is_over = False
        self._head: dict[str, Any] = {
            "id": stream,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": "",
        }

    def opening(self, before: Sequence[Entry]) -> bytes:
        """Return the chunk that begins an answer, or an error if the reader had more of it."""
        for entry in before:
            self._choices(self._take(entry) or ())  # to register the calls
        if before:
            return self.heartbeat
        if self._has_part:
            return self._error(REPLACED, "replaced")
        return self._chunk([_choice(0, {"role": "assistant", "content": ""})])

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the chunks of some entries; none after an error."""
        return b"".join([frame for entry in entries for frame in self._frames(entry)])

    def stored(self, message: StoredMessage) -> bytes:
        """Return the whole answer; an error while it is running."""
        if message.status == "running":
            return self._error(LATER, "unavailable")
        opening = self.opening(())
        if self._is_over:
            return opening
        pieces = pieces_of_texts(texts_of(message))
        chunks = [self._chunk(self._choices([piece])) for piece in pieces]
        return b"".join([opening, *chunks, *self._end(stored_end(message), "0-0-end")])

    def _frames(self, entry: Entry) -> Iterator[bytes]:
        if self._is_over:
            return
        pieces = self._take(entry)
        if pieces is None:
            yield self._error(REPLACED, "replaced")
        elif choices := self._choices(pieces):
            yield self._chunk(choices, cursor_of(entry.place))
        elif entry.kind == "done":
            yield from self._end(json.loads(entry.data), cursor_of(entry.place, is_end=True))

    def _take(self, entry: Entry) -> Sequence[Piece] | None:
        """Register an entry; return what it adds, or None if it replaces what was sent."""
        match entry.kind:
            case "head":
                self._head["model"] = json.loads(entry.data).get("model") or ""
            case "delta":
                pieces = pieces_of(json.loads(entry.data))
                self._texts.take(pieces)
                return pieces
            case "reset":
                return self._texts.reset(json.loads(entry.data))
        return ()

    def _choices(self, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
        """Return pieces as choices of one chunk, each choice once."""
        deltas: dict[int, dict[str, Any]] = {}
        for piece in pieces:
            delta = deltas.setdefault(piece.choice, {})
            if piece.kind == "call":
                if (call := self._call(piece)) is not None:
                    delta.setdefault("tool_calls", []).append(call)
                continue
            key = _KEYS[piece.kind]
            delta[key] = delta.get(key, "") + piece.text
        return [_choice(number, delta) for number, delta in deltas.items() if delta]

    def _call(self, piece: Piece) -> dict[str, Any] | None:
        sent = self._calls.take(piece)
        if sent is None:
            return None
        if sent.is_new:
            return _new_call(sent.index, piece.call_id, piece.name, piece.text)
        return {"index": sent.index, "function": {"arguments": piece.text}}

    def _end(self, end: Mapping[str, Any], cursor: str) -> Iterator[bytes]:
        """Yield what is left to send, and the end."""
        reason = finish_reason_of(end)
        if reason is None:
            is_stopped = end["status"] == "cancelled"
            yield _error(said_of(end), "cancelled" if is_stopped else end.get("error", "unknown"))
        else:
            calls = [
                _new_call(index, call["id"], call["name"], call["arguments"])
                for index, call in self._calls.left(end)
            ]
            if calls:
                yield self._chunk([_choice(0, {"tool_calls": calls})])
            yield self._chunk([_choice(0, {}, reason)])
            if usage := _usage(end.get("usage", {})):
                yield self._chunk([], usage=usage)
        yield b"id: %b\n%b" % (cursor.encode(), _DONE)

    def _chunk(
        self, choices: Sequence[Any], cursor: str | None = None, *, usage: Any = None
    ) -> bytes:
        chunk = {**self._head, "choices": choices}
        if usage is not None:
            chunk["usage"] = usage
        if cursor is None:
            return b"data: %b\n\n" % encode_json(chunk)
        return b"id: %b\ndata: %b\n\n" % (cursor.encode(), encode_json({**chunk, "cursor": cursor}))

    def _error(self, message: str, code: str) -> bytes:
        """Return an error, which is the last frame."""
        self._is_over = True
        return _error(message, code) + _DONE


def _error(message: str, code: str) -> bytes:
    error = {"message": message, "type": "relay_error", "code": code}
    return b"data: %b\n\n" % encode_json({"error": error})


def _choice(
    number: int, delta: Mapping[str, Any], finish_reason: str | None = None
) -> dict[str, Any]:
    return {"index": number, "delta": delta, "finish_reason": finish_reason}


def _new_call(index: int, id: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "index": index,
        "id": id or f"relay_call_{index}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _usage(counts: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the token counts under the API's names, or None if too little is known."""
    if "input" not in counts or "output" not in counts:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": counts["input"],
        "completion_tokens": counts["output"],
        "total_tokens": counts.get("total", counts["input"] + counts["output"]),
    }
    if "cached" in counts:
        usage["prompt_tokens_details"] = {"cached_tokens": counts["cached"]}
    if "reasoning" in counts:
        usage["completion_tokens_details"] = {"reasoning_tokens": counts["reasoning"]}
    return usage
