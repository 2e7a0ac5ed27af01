"""Whatever a server sends, twice the bytes take at most about twice the work.

`ROWS` is a table of the paths that foreign bytes take; add a row for each new one. Every event
class and every list and map in it gets its rows by itself, see `payloads.py`. Each is done at two
sizes, and its work is counted (see `costs.py`), so that no machine is too slow or too busy for it.

What one built-in function does by itself is not counted, so these were read instead. When you
change one of them, or add another, keep it linear:

- *Regular expressions*: `sse/blocks.py` (each line is looked at a fixed number of times),
  `events/glued.py`, `bounded_json.py` and `partial_json.py` (one character class, which nothing
  follows that could fail), `decoding/repeats.py` (at most 8,192 characters), `refusals.py` (two
  words at a known place; the end of a script is looked for until there is none).
- *Searches in lists*: none for each piece or item. Folds look up by dict; `ByIndex` knows its last.
- *`+=`*: on lists and bytearrays only, and on a text in `PartialJSON._show`, to which nothing else
  refers, so that CPython extends it in place.
- *Numbers*: Python refuses more than 4,300 digits, since converting them is quadratic.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import payloads
import pytest
from attrs import field, frozen
from costs import peak, work

from openai_scan import DecodeError, PartialJSON, StreamerV2
from openai_scan.events import Event, from_answer, unglue
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.error import read_error
from openai_scan.sse import EventTokenizer, RawEvent
from openai_scan.transport import refusals

pytestmark = pytest.mark.unmeasured

# Bytes of the smaller input. The larger has twice as many.
SIZE = 800

# Twice the bytes may take this many times the work.
MOST_WORK = 2.2

# Bytes of the input whose memory is measured, and how much it may take: so many times its size, and
# what the first event of a family takes in any case.
LARGE = 50_000
MOST_MEMORY = 12
CONSTANT = 500_000

# An object of two fields takes 300 bytes in Python, once parsed, and as much again once typed. So
# text that is dense with small ones takes more; `bounded_json.MIN_DENSITY` limits how much.
DENSE = {
    "choices of faults": 20,
    "calls with faults": 30,
    "a whole answer": 100,
    "a whole response": 70,
    "an error with many words": 30,
    "an error that is an object": 40,
    "log probabilities with bad ones inside": 20,
}

_UNWRAPPERS = [name for name in dir(Event) if name.startswith("unwrap_")]

Action: TypeAlias = Callable[[], object]


def read(data: bytes | Iterable[bytes]) -> None:
    """Read a stream, ask each event everything, then for the answer and all that it has."""
    chunks = [data] if isinstance(data, bytes) else data
    with StreamerV2(chunks, require_terminal=False) as s:
        while s.next():
            event = s.event()
            for name in _UNWRAPPERS:
                getattr(event, name)()
            for choice in getattr(event, "choices", ()):
                s.text(choice.index)
                s.finish_reason(choice.index)
                s.tool_calls(choice.index)
            repr(event)
        answer = s.snapshot()
        if answer is not None:
            assert isinstance(answer.text, str)
            assert isinstance(answer.calls, tuple)
            repr(answer)
        s.err()
        repr(s.notes)


def growth(action: Callable[[int], Action]) -> float:
    """Return how much more work twice the size takes; *action* prepares the work for a size."""
    action(SIZE)()  # imports, and what is made once, do not count
    return work(action(2 * SIZE)) / work(action(SIZE))


# Every list and map of every event.


def _places() -> Iterator[tuple[type[Event], payloads.Place]]:
    seen: set[Any] = set()
    for event_class in payloads.event_classes():
        for place in payloads.places(payloads.payload_class(event_class), seen):
            yield event_class, place


# By name, since a union may have a dict in several of its arms.
PLACES = list({place.name: (cls, place) for cls, place in _places()}.values())


@pytest.mark.parametrize(("event_class", "place"), PLACES, ids=[place.name for _, place in PLACES])
@pytest.mark.parametrize("kind", ["fitting", "numbered", "misfitting"])
def test_long_list_takes_linear_work(
    event_class: type[Event], place: payloads.Place, kind: str
) -> None:
    """Whether its items fit, have indexes and ids of their own, or do not fit."""

    def action(size: int) -> Action:
        data = payloads.wire(event_class, getattr(place, kind)(size))
        return lambda: read(data)

    assert growth(action) < MOST_WORK


# Every event, again and again.


@pytest.mark.parametrize("kind", ["same", "numbered"])
@pytest.mark.parametrize("event_class", payloads.event_classes(), ids=lambda cls: cls.__name__)
def test_many_events_take_linear_work(event_class: type[Event], kind: str) -> None:
    """Whether they name the same item, part or call each time, none, or a new one."""
    cls = payloads.payload_class(event_class)

    def action(size: int) -> Action:
        data = bytearray()
        number = 0
        while len(data) < size:
            number += 1
            payload = payloads.numbered(cls, number) if kind == "numbered" else payloads.sample(cls)
            data += payloads.wire(event_class, payload)
        return lambda: read(bytes(data))

    assert growth(action) < MOST_WORK


# Everything else.


def _filled(before: str, item: str, after: str, size: int, between: str = ",") -> str:
    """Return about *size* characters of *item* repeated, with texts around them."""
    return before + between.join([item] * (1 + size // (len(item) + len(between)))) + after


def _event(before: str, item: str, after: str, between: str = ",") -> Callable[[int], bytes]:
    return lambda size: b"data: %b\n\n" % _filled(before, item, after, size, between).encode()


def _lines(item: bytes) -> Callable[[int], bytes]:
    return lambda size: item * (1 + size // len(item))


CHUNK = '{"object":"chat.completion.chunk","choices":['
DELTA = CHUNK + '{"delta":{"content":"a",'
RUN = '{"object":"thread.run","id":"r","status":"queued",'

# A name, and what returns a stream of any size.
STREAMS: dict[str, Callable[[int], bytes]] = {
    "choices that are numbers": _event(CHUNK, "1", "]}"),
    "choices of nothing": _event(CHUNK, "{}", "]}"),
    "choices of faults": _event(CHUNK, '{"index":"a","delta":5,"finish_reason":[]}', "]}"),
    "calls that are numbers": _event(DELTA + '"tool_calls":[', "1", "]}}]}"),
    "calls with faults": _event(DELTA + '"tool_calls":[', '{"index":[],"id":5}', "]}}]}"),
    "log probabilities that are numbers": _event(
        CHUNK + '{"delta":{"content":"a"},"logprobs":{"content":[', "1", "]}}]}"
    ),
    "log probabilities with bad ones inside": _event(
        CHUNK + '{"logprobs":{"content":[', '{"top_logprobs":[1,1,1,1]}', "]}}]}"
    ),
    "metadata that is a list": _event(RUN + '"metadata":[', "1", "]}"),
    "tools that are numbers": _event(RUN + '"tools":[', "1", "]}"),
    "glued objects": _event("", "{}", "", ""),
    "glued chunks": _event("", CHUNK + '{"delta":{"content":"a"}}]}', "", ""),
    "glued, and then broken": _event("", "{}", "{", ""),
    "glued ends": _event("{}", "[DONE]", "", ""),
    "blanks between": _event("{}", " \t", "{}", ""),
    "brackets": _event("", "[", "", ""),
    "objects in objects": _event("", '{"a":', "", ""),
    "brackets in a text": _event(CHUNK + '{"delta":{"content":"', "[{", '"}}]}', ""),
    "escapes": _event(CHUNK + '{"delta":{"content":"', '\\"\\\\', '"}}]}', ""),
    "half characters": _event(CHUNK + '{"delta":{"content":"', "\\ud83d", '"}}]}', ""),
    "a text that never ends": _event(CHUNK + '{"delta":{"content":"', "a", "", ""),
    "backslashes": _event('"', "\\", "", ""),
    "digits": _event('{"a":', "9", "}", ""),
    "a whole answer": _event(
        '{"object":"chat.completion","choices":[', '{"message":{"content":"a"}}', "]}"
    ),
    "a whole response": _event(
        '{"object":"response","output":[',
        '{"type":"message","content":[{"type":"output_text","text":"a"}]}',
        "]}",
    ),
    "an error with many words": _event('{"error":{"message":[', '{"msg":"a","loc":[1]}', "]}}"),
    "an error that is a list": _event('{"error":[', "1", "]}"),
    "an error of lists": _event('{"error":[', "[[1,1],[1,1]]", "]}"),
    "an error that is an object": _event('{"error":{"code":{', '"a":{}', "}}}"),
    "a key that never ends": _event(RUN + '"metadata":{"', "k", '":5}}', ""),
    "a name that never ends": lambda size: b"event: " + b"n" * size + b"\ndata: {}\n\n",
    "new names": lambda size: b"".join(
        b"event: %d\ndata: {}\n\n" % number for number in range(size // 20)
    ),
    "events of one byte": _lines(b"data:1\n\n"),
    "events without data": _lines(b"data\n\n"),
    "blank lines": _lines(b"\n"),
    "ends of lines of all kinds": _lines(b"\r\n\r"),
    "lines of one event": _lines(b"data:\n"),
    "comments": _lines(b":\n"),
    "unknown fields": _lines(b"a:b\n"),
    "ids": _lines(b"id:1\n"),
    "new ids": _lines(b"id:1\n\n"),
    "a line that never ends": _lines(b"data"),
    "an unknown line that never ends": _lines(b"x"),
    "bad UTF-8": _lines(b"data: \xff\n\n"),
    "errors as fields": _lines(b"error: {}\n"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_stream_takes_linear_work(name: str) -> None:
    """Whether it comes in one chunk or in small ones."""

    def whole(size: int) -> Action:
        data = STREAMS[name](size)
        return lambda: read(data)

    def cut(size: int) -> Action:
        data = STREAMS[name](size)
        return lambda: read([data[start : start + 50] for start in range(0, len(data), 50)])

    assert growth(whole) < MOST_WORK
    assert growth(cut) < MOST_WORK


@pytest.mark.parametrize("name", STREAMS)
def test_stream_takes_little_memory(name: str) -> None:
    """It comes in chunks, as from a socket, and takes a small multiple of its size."""
    read(STREAMS[name](SIZE))
    data = STREAMS[name](LARGE)
    chunks = (data[start : start + 4096] for start in range(0, len(data), 4096))

    def only_read() -> None:
        with StreamerV2(chunks, require_terminal=False) as s:
            while s.next():
                pass
            s.snapshot()
            s.err()

    assert peak(only_read) < DENSE.get(name, MOST_MEMORY) * len(data) + CONSTANT


def _partial(text: str, pieces: int) -> None:
    parser = PartialJSON()
    size = 1 + len(text) // pieces
    for start in range(0, len(text), size):
        parser.feed(text[start : start + size])
        assert parser.broken in (True, False)
        assert parser.complete in (True, False)
    repr(parser.value)
    parser.finish()


def _pages(item: str) -> Callable[[int], Action]:
    def action(size: int) -> Action:
        page = _filled("", item, "", size, "")

        def read_page() -> None:
            repr(refusals.refusal(502, "", {}, page))
            repr(refusals.mismatch("text/event-stream", {}, page))
            repr(read_error(page))

        return read_page

    return action


def _json_text(before: str, item: str, after: str) -> Callable[[int], Action]:
    def action(size: int) -> Action:
        text = _filled(before, item, after, size)
        return lambda: _partial(text, len(text))

    return action


@frozen(kw_only=True)
class City:
    """A class of the user's."""

    names: list[str] = field(factory=list)
    people: dict[str, int] = field(factory=dict)
    twins: tuple[City, ...] = ()


def _structured(before: str, item: str, after: str) -> Callable[[int], Action]:
    def action(size: int) -> Action:
        payload = json.loads(_filled(before, item, after, size))

        def structure() -> None:
            for strict in (True, False):
                with contextlib.suppress(DecodeError):
                    Structurer(strict=strict)(payload, City)

        return structure

    return action


def _whole_answers(size: int) -> Action:
    item = {"content": [{"type": "refusal", "refusal": "a"}]}
    answer = {"object": "response", "output": [item] * (size // 30)}
    return lambda: from_answer(answer)


# A name, and what prepares the work on an input of any size. ADD ROWS HERE for everything else that
# takes foreign bytes: Markdown, inspect, stats, recordings, cassettes, tools.
ROWS: dict[str, Callable[[int], Action]] = {
    "page of <": _pages("<"),
    "page of >": _pages("<>"),
    "page of scripts": _pages("<script "),
    "page of scripts that open": _pages("<script>"),
    "page of scripts that open and styles that end": _pages("<script></style>"),
    "page of whole scripts": _pages("<script>a</script>"),
    "page of quotes": _pages('"'),
    "page of brackets": _pages("["),
    "page of blanks": _pages(" "),
    "page of words": _pages("a "),
    "page of events": _pages("data: 1\n\n"),
    "partial text": _json_text('{"a":"', "\\n", '"}'),
    "partial list": _json_text("[", "1", "]"),
    "partial keys": _json_text("{", '"a":1', "}"),
    "partial brackets": _json_text("", "[", ""),
    "partial number": _json_text("", "1", ""),
    "class with names": _structured('{"names":[', '"a"', "]}"),
    "class with bad names": _structured('{"names":[', "1", "]}"),
    "class with people": _structured('{"people":{', '"a":1', "}}"),
    "class with twins": _structured('{"twins":[', '{"twins":[{}]}', "]}"),
    "class with bad twins": _structured('{"twins":[', '{"names":[1,1]}', "]}"),
    "whole response": _whole_answers,
    "unglue": lambda size: lambda: unglue(RawEvent("message", "{} " * (size // 3))),
    "tokenizer": lambda size: lambda: list(EventTokenizer().feed(b"id:\ndata: \r\r" * (size // 9))),
}


@pytest.mark.parametrize("name", ROWS)
def test_row_takes_linear_work(name: str) -> None:
    """All other paths."""
    assert growth(ROWS[name]) < MOST_WORK


HUGE = str(10**12)

# Events with an index that no list could have.
HUGE_INDEXES = {
    "choice": CHUNK + '{"index":HUGE,"delta":{"content":"a"}}]}',
    "call": DELTA + '"tool_calls":[{"index":HUGE,"id":"c"}]}}]}',
    "completion": '{"object":"text_completion","choices":[{"index":HUGE,"text":"a"}]}',
    "output": '{"type":"response.output_text.delta","output_index":HUGE,"delta":"a"}',
    "content": '{"type":"response.output_text.delta","content_index":HUGE,"delta":"a"}',
    "summary": (
        '{"type":"response.reasoning_summary_text.delta","summary_index":HUGE,"delta":"a"}'
    ),
    "command": '{"type":"response.shell_call_command.delta","command_index":HUGE,"delta":"a"}',
    "message": (
        '{"object":"thread.message.delta","id":"m","delta":'
        '{"content":[{"index":HUGE,"type":"text","text":{"value":"a"}}]}}'
    ),
    "negative": CHUNK + '{"index":-HUGE,"delta":{"content":"a"}}]}',
}


@pytest.mark.parametrize("name", HUGE_INDEXES)
def test_huge_index_takes_no_memory(name: str) -> None:
    """No list is filled up to the index."""
    data = f"data: {HUGE_INDEXES[name].replace('HUGE', HUGE)}\n\n".encode() * 2
    read(data)
    assert peak(lambda: read(data)) < CONSTANT
