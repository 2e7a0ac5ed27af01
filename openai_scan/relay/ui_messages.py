"""The entries as the UI message stream of the AI SDK, which front ends with `useChat` can read.

::

    data: {"type":"start","messageId":"..."}

    data: {"type":"text-start","id":"1"}

    data: {"type":"text-delta","id":"1","delta":"Hel"}

    data: {"type":"finish","finishReason":"stop","messageMetadata":{...}}

    data: [DONE]

These front ends read an answer from its beginning when they reconnect, so there are no cursors. The
id of the message is that of the stream: `POST /streams/{id}/stop` stops it.

Text that replaces what was sent follows a `reset-step`, which the AI SDK supports since version 7.
Earlier versions then report an error, and have the text after the page is reloaded. If the new text
only continues the old one, its rest is sent, to any version.

Source: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from openai_scan import bounded_json
from openai_scan.relay.edge import (
    LATER,
    SentCalls,
    SentTexts,
    finish_reason_of,
    pieces_of_texts,
    said_of,
)
from openai_scan.relay.entries import Entry, encode_json, pieces_of
from openai_scan.relay.facts import texts_of
from openai_scan.relay.frames import HEADERS, HEARTBEAT, stored_end
from openai_scan.relay.store import StoredMessage
from openai_scan.values import Piece

Part: TypeAlias = "Mapping[str, Any]"
"""One part of the protocol."""

_DONE = b"data: [DONE]\n\n"

# A refusal is a text of its own: front ends have no other kind to show it.
_TYPES: Mapping[str, str] = {"text": "text", "reasoning": "reasoning", "refusal": "text"}


class UIMessages:
    """The entries of one stream as parts of a UI message; see the module.

    Only the first of several choices is sent, which is the one that is stored.

    Args:
        stream: The id of the stream and of the message.
    """

    headers: Mapping[str, str] = {**HEADERS, "x-vercel-ai-ui-message-stream": "v1"}
    heartbeat = HEARTBEAT

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._texts = SentTexts()
        self._open: tuple[str, str] | None = None  # the kind and id of the open part
        self._opened = 0
        self._calls = SentCalls()

    def opening(self, before: Sequence[Entry]) -> bytes:  # noqa: ARG002 - it always starts from the beginning
        """Return the beginning of the message."""
        return _frames([{"type": "start", "messageId": self._stream}, {"type": "start-step"}])

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the parts of some entries."""
        return b"".join([self._of_entry(entry) for entry in entries])

    def stored(self, message: StoredMessage) -> bytes:
        """Return the whole message; an error while it is running."""
        if message.status == "running":
            return _frames([{"type": "error", "errorText": LATER}]) + _DONE
        parts = self._of_pieces(pieces_of_texts(texts_of(message)))
        return self.opening(()) + _frames(parts) + _frames(self._end(stored_end(message))) + _DONE

    def _of_entry(self, entry: Entry) -> bytes:
        match entry.kind:
            case "delta":
                pieces = pieces_of(json.loads(entry.data))
                self._texts.take(pieces)
                return _frames(self._of_pieces(pieces))
            case "reset":
                return _frames(self._reset(json.loads(entry.data)))
            case "done":
                return _frames(self._end(json.loads(entry.data))) + _DONE
        return b""

    def _of_pieces(self, pieces: Sequence[Piece]) -> Iterator[Part]:
        for piece in pieces:
            if not piece.choice:
                yield from self._of_call(piece) if piece.kind == "call" else self._of_text(piece)

    def _of_text(self, piece: Piece) -> Iterator[Part]:
        if self._open is None or self._open[0] != piece.kind:
            yield from self._close()
            self._opened += 1
            self._open = piece.kind, str(self._opened)
            yield {"type": f"{_TYPES[piece.kind]}-start", "id": self._open[1]}
        yield {"type": f"{_TYPES[piece.kind]}-delta", "id": self._open[1], "delta": piece.text}

    def _of_call(self, piece: Piece) -> Iterator[Part]:
        sent = self._calls.take(piece)
        if sent is None:
            return
        if sent.is_new:
            yield from self._close()
            yield _tool("tool-input-start", piece.call_id, piece.name)
        if piece.text:
            delta = {"toolCallId": piece.call_id, "inputTextDelta": piece.text}
            yield {"type": "tool-input-delta", **delta}

    def _close(self) -> Iterator[Part]:
        """Yield the end of the open part, if there is one."""
        if self._open is not None:
            kind, id = self._open
            self._open = None
            yield {"type": f"{_TYPES[kind]}-end", "id": id}

    def _reset(self, texts: Mapping[str, str]) -> Iterator[Part]:
        pieces = self._texts.reset(texts)
        if pieces is None:
            self._open = None
            self._calls = SentCalls()
            yield {"type": "reset-step"}
            pieces = pieces_of_texts(texts)
        yield from self._of_pieces(pieces)

    def _end(self, end: Mapping[str, Any]) -> Iterator[Part]:
        yield from self._close()
        reason = finish_reason_of(end)
        if reason is None:
            if end["status"] == "cancelled":
                yield {"type": "abort"}
            else:
                yield {"type": "error", "errorText": said_of(end)}
            return
        for number, call in enumerate(end.get("calls", ())):
            yield _whole_call(_id_of(call, number), call["name"], call["arguments"])
        yield {"type": "finish-step"}
        finish_reason = reason.replace("_", "-")
        yield {"type": "finish", "finishReason": finish_reason, "messageMetadata": _metadata(end)}


def ui_messages(messages: Iterable[StoredMessage]) -> list[Part]:
    """Return a stored conversation as messages of a front end, with which `useChat` can start.

    The running answer is left out: `useChat` resumes it. So are answers of which nothing has
    arrived, because a message must have a part.
    """
    told = [_ui_message(message) for message in messages if message.status != "running"]
    return [message for message in told if message["parts"]]


def _ui_message(message: StoredMessage) -> Part:
    parts: list[Part] = [
        {"type": _TYPES[piece.kind], "text": piece.text, "state": "done"}
        for piece in pieces_of_texts(texts_of(message))
    ]
    for number, call in enumerate(message.facts.get("calls", ())):
        whole = {**_whole_call(_id_of(call, number), call["name"], call["arguments"])}
        state = "output-error" if whole.pop("type") == "tool-input-error" else "input-available"
        del whole["dynamic"]
        parts.append({"type": "dynamic-tool", "state": state, **whole})
    metadata = _metadata(stored_end(message))
    return {"id": message.id, "role": message.role, "metadata": metadata, "parts": parts}


def _metadata(end: Mapping[str, Any]) -> dict[str, Any]:
    return {key: end[key] for key in ("status", "usage", "saved") if key in end}


def _id_of(call: Mapping[str, Any], number: int) -> str:
    return call["id"] or f"relay_call_{number}"


def _tool(kind: str, id: str, name: str) -> dict[str, Any]:
    # Tools without a type in the front end are dynamic.
    return {"type": kind, "toolCallId": id, "toolName": name, "dynamic": True}


def _whole_call(id: str, name: str, arguments: str) -> Part:
    """Return a call with its arguments, which may be invalid JSON."""
    try:
        parsed = bounded_json.loads_strictly(arguments or "{}")
    except (ValueError, RecursionError):
        error = {"input": arguments, "errorText": "The arguments are not JSON."}
        return {**_tool("tool-input-error", id, name), **error}
    return {**_tool("tool-input-available", id, name), "input": parsed}


def _frames(parts: Iterator[Part] | Sequence[Part]) -> bytes:
    return b"".join([b"data: %b\n\n" % encode_json(part) for part in parts])
