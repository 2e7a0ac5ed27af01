"""What a reader gets of the entries: neutral frames of an event stream, for `EventSource`.

::

    retry: 1000                     how long to wait before coming back, in ms

    event: reset                    the whole text, in place of all that came before; `reasoning`
    data: {"text":""}               and `refusal` are beside it, if there are any

    id: 1-4                         the cursor, with which a reader comes back
    event: delta
    data: {"text":"Hel"}

    :                               a heartbeat, which readers skip

    id: 1-9-end                     behind it there is nothing more
    event: done
    data: {"status":"completed","saved":true,"message":"..."}

No event is named `error`, since an `EventSource` has one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from openai_scan.relay.entries import SHOWN, Entry, cursor_of, encode_json
from openai_scan.relay.facts import end_of, facts_of_readers, texts_of
from openai_scan.relay.store import StoredMessage

HEARTBEAT = b":\n\n"

RETRY = b"retry: 1000\n"

# A charset other than this one, or none, and Chromium refuses the stream. The others keep what is
# between from storing, compressing or holding it back. Rack and Django leave a response with a
# Last-Modified or a Content-Encoding as it is, but these are the caller's to set.
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
        heartbeat: What is sent when there is nothing to send, so that the connection stays open.
    """

    headers: Mapping[str, str]
    heartbeat: bytes

    def opening(self, before: Sequence[Entry]) -> bytes:
        """Return what comes first.

        Args:
            before: The entries that the reader has had, which are not sent again; none if the
                answer follows from its beginning, also for a reader that has had a part of it.
        """
        ...

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the frames of some entries; `b""` if readers are told nothing of them."""
        ...

    def stored(self, message: StoredMessage) -> bytes:
        """Return all that there is of an answer whose log is gone."""
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
        """Return the pause before coming back, and an empty text if the answer starts over."""
        return RETRY + (HEARTBEAT if before else b'event: reset\ndata: {"text":""}\n\n')

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """Return the frames of those entries that readers are told of."""
        return b"".join([_frame(entry) for entry in entries if entry.kind in SHOWN])

    def stored(self, message: StoredMessage) -> bytes:
        """Return the text and the end; while the answer is running, only when to come back."""
        if message.status == "running":
            return RETRY + HEARTBEAT
        text = encode_json(texts_of(message))
        return b"%bevent: reset\ndata: %b\n\nid: 0-0-end\nevent: done\ndata: %b\n\n" % (
            RETRY,
            text,
            encode_json(stored_end(message)),
        )


def stored_end(message: StoredMessage) -> dict[str, Any]:
    """Return the data of `done` for a message that is stored."""
    return facts_of_readers(end_of(message), message.id, saved=True)


def _frame(entry: Entry) -> bytes:
    cursor = cursor_of(entry.place, is_end=entry.kind == "done")
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        cursor.encode(),
        entry.kind.encode(),
        entry.data,
    )
