"""What a reader gets of the entries: neutral frames of an event stream, for `EventSource`.

::

    retry: 1000                     how long to wait before reconnecting, in ms

    event: reset                    the whole text, replacing all that came before; with
    data: {"text":""}               `reasoning` and `refusal` if there are any

    id: 1-4                         the cursor, with which a reader reconnects
    event: delta
    data: {"text":"Hel"}

    :                               a heartbeat, which readers skip

    id: 1-9-end                     nothing follows it
    event: done
    data: {"status":"completed","saved":true,"message":"..."}

No event is named `error`, because an `EventSource` has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from openai_scan.relay.entries import SHOWN, Entry, cursor_of, encode_json
from openai_scan.relay.facts import end_of, facts_of_readers, texts_of
from openai_scan.relay.store import StoredMessage

HEARTBEAT = b":\n\n"

RETRY = b"retry: 1000\n"

# With another charset, or none, Chromium rejects the stream. The other headers keep intermediaries
# from storing, compressing or delaying it. Rack and Django leave a response with a Last-Modified or
# a Content-Encoding alone, but those are up to the caller.
HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class Encoding(Protocol):
    """How the entries of one stream become bytes for one reader. It may have state.

    Attributes:
        headers: The headers of the response.
        heartbeat: What to send when there is nothing to send, so that the connection stays open.
    """

    headers: Mapping[str, str]
    heartbeat: bytes

    def opening(self, before: Sequence[Entry]) -> bytes:
        """Return the first bytes.

        Args:
            before: The entries that the reader already has, which are not sent again. Empty if the
                answer is sent from its beginning, even to a reader that has part of it.
        """
        ...

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the frames of some entries; `b""` if readers do not get them."""
        ...

    def stored(self, message: StoredMessage) -> bytes:
        """Return all of an answer whose log is gone."""
        ...


class Frames:
    """The neutral frames; see the module.

    Attributes:
        headers: The headers of the response.
        heartbeat: What is sent when there is nothing to send, so that the connection stays open.
    """

    headers: Mapping[str, str] = HEADERS
    heartbeat = HEARTBEAT

    def opening(self, before: Sequence[Entry]) -> bytes:
        """Return the pause before reconnecting, and an empty text if the answer starts over."""
        return RETRY + (HEARTBEAT if before else b'event: reset\ndata: {"text":""}\n\n')

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the frames of those entries that readers get."""
        return b"".join([_frame(entry) for entry in entries if entry.kind in SHOWN])

    def stored(self, message: StoredMessage) -> bytes:
        """Return the text and the end; while the answer is running, only when to reconnect."""
        if message.status == "running":
            return RETRY + HEARTBEAT
        text = encode_json(texts_of(message))
        return b"%bevent: reset\ndata: %b\n\nid: 0-0-end\nevent: done\ndata: %b\n\n" % (
            RETRY,
            text,
            encode_json(stored_end(message)),
        )


def stored_end(message: StoredMessage) -> dict[str, Any]:
    """Return the data of `done` for a stored message."""
    return facts_of_readers(end_of(message), message.id, saved=True)


def _frame(entry: Entry) -> bytes:
    cursor = cursor_of(entry.place, is_end=entry.kind == "done")
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        cursor.encode(),
        entry.kind.encode(),
        entry.data,
    )
