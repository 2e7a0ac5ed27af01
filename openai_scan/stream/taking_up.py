"""Take up an answer elsewhere: bookmarks, and the events that were seen before one.

A bookmark says which answer a stream brings and which of its events came last. It is a dict, so
that it can be stored as JSON and read by another process, of another version::

    {"format": 1, "answer_id": "resp_1", "position": 7}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from openai_scan.errors import EventStreamError
from openai_scan.events import Event, UnknownEvent
from openai_scan.sse import RawEvent
from openai_scan.stream.answer_so_far import AnswerSoFar
from openai_scan.stream.decoder import Decoder, is_keep_alive
from openai_scan.stream.ends import Ends

# A later format may say more, and then this version must not pretend to understand it.
_FORMAT = 1

_KEYS = {"format", "answer_id", "position"}

# No server has numbered so many events, and every JSON parser can read so large a number.
_MAX_POSITION = 2**53


def bookmark_at(answer_id: str, position: int) -> dict[str, Any]:
    """Return the bookmark after event *position* of an answer."""
    return {"format": _FORMAT, "answer_id": answer_id, "position": position}


def read_bookmark(bookmark: Mapping[str, Any]) -> tuple[str, int]:
    """Return which answer a bookmark means, and which of its events came last.

    Raises:
        ValueError: It is no bookmark, or one of a later version.
    """
    if not isinstance(bookmark, Mapping):
        raise ValueError(f"a bookmark is a dict, not {type(bookmark).__name__}")  # noqa: TRY004 - likely read from a file
    number = bookmark.get("format")
    if type(number) is int and number > _FORMAT:
        raise ValueError(f"the bookmark has format {number}, of a newer version of openai_scan")
    if bookmark.keys() != _KEYS or type(number) is not int or number != _FORMAT:
        raise ValueError(
            "this is not a bookmark: it must have the keys format, answer_id and position, as"
            " bookmark() returns them"
        )
    answer_id, position = bookmark["answer_id"], bookmark["position"]
    if not (isinstance(answer_id, str) and answer_id):
        raise ValueError("the answer_id of the bookmark must be text that is not empty")
    if type(position) is not int or abs(position) > _MAX_POSITION:
        raise ValueError("the position of the bookmark must be the whole number of an event")
    return answer_id, position


def fold_seen(
    seen: Iterable[RawEvent],
    answer_id: str,
    position: int,
    *,
    decoder: Decoder,
    tolerates: Callable[[UnknownEvent], object],
    ends: Ends,
    answer: AnswerSoFar,
) -> None:
    """Take the events that were seen up to *position*, none of which is handed out again.

    Args:
        seen: The raw events; later ones, and any that come twice, are left out.
        answer_id: The server's id of the answer that they have to belong to.
        position: The number of the last event that counts.
        decoder: Decodes them.
        tolerates: Is told of each event without a class of its own; it may raise.
        ends: Is told of each event.
        answer: What they build up.

    Raises:
        EventStreamError: Events are missing, or belong to another answer.
    """
    for event in _up_to(position, _decoded(seen, decoder), answer_id):
        if type(event) is UnknownEvent:
            if event.is_keep_alive:
                continue
            tolerates(event)
        ends.take(event)
        answer.take(event, decoder.note)


def _decoded(seen: Iterable[RawEvent], decoder: Decoder) -> Iterator[Event]:
    for raw in seen:
        if not is_keep_alive(raw):
            yield decoder.decode(raw)
            while decoder.ready:
                yield decoder.decode(decoder.next_ready())


def _up_to(position: int, events: Iterable[Event], answer_id: str) -> Iterator[Event]:
    """Yield *events*, each once, up to the one whose number is *position*."""
    last, any_came = None, False
    for event in events:
        any_came = True
        if event.stream_answer_id() not in (None, answer_id):
            raise EventStreamError("the events in seen belong to another answer than the bookmark")
        number = event.stream_position()
        if number is not None:
            if number > position:  # the server sends it again
                break
            if last is not None and number <= last:
                continue
            if last is not None and number > last + 1:
                raise _lost(last, number)
            last = number
        yield event
    if any_came and last != position:
        raise _lost(last, position)


def _lost(last: int | None, number: int) -> EventStreamError:
    begin = f"after {last}" if last is not None else "at the beginning"
    return EventStreamError(f"events are missing in seen: {begin}, up to {number}")
