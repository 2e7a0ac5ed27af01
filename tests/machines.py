"""Drive a `StreamMachine` without a network, a thread or a source that could be read.

The bytes of the events are here too, each as a function that makes one event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from attrs import frozen
from properties import TAIL, byte_by_byte

from openai_scan import Event, Observer, Outcome, ScanError
from openai_scan.observer import Watched
from openai_scan.sse import RawEvent
from openai_scan.sse.raw_stream import RawStream
from openai_scan.stream.machine import StreamMachine
from openai_scan.stream.step import ENDED, EVENT, NEED_DATA, Step

# Events.

DONE = b"data: [DONE]\n\n"


def event(payload: Any, name: str = "") -> bytes:
    """Return an event; text is its data as they are, anything else is written as JSON."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chat(text: str = "", finish: str | None = None, *, choice: int = 0) -> bytes:
    """Return a chunk of a chat completion that adds *text* to a choice, or ends it."""
    delta = {"content": text} if text else {}
    piece = {"index": choice, "delta": delta, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "choices": [piece]})


def run(status: str, **more: Any) -> bytes:
    """Return the event of an Assistants run that has this *status*."""
    return event({"id": "run_1", "status": status, **more}, f"thread.run.{status}")


def response(status: str, number: int, *, id: str = "resp_1", **more: Any) -> bytes:
    """Return the event of a background response that has this *status*."""
    body = {"id": id, "status": status, "background": True, **more}
    name = {"in_progress": "created"}.get(status, status)
    return event({"type": f"response.{name}", "response": body, "sequence_number": number})


def text_delta(text: str, number: int) -> bytes:
    """Return the event of a response that adds *text*."""
    payload = {"type": "response.output_text.delta", "delta": text, "sequence_number": number}
    return event(payload)


def error_event(message: str = "no", **more: Any) -> bytes:
    """Return an event that reports an error."""
    return event({"error": {"message": message, **more}})


# Sources, none of which can be read: there is a driver for that, and here is none.


class Source:
    """A source that fails the test if the machine reads it.

    Args:
        name: What the source is called in `told`.
        told: Where it writes what it is told; several sources may share one list.
    """

    def __init__(self, name: str = "source", told: list[Any] | None = None) -> None:
        self.name = name
        self.told: list[Any] = [] if told is None else told

    def __iter__(self) -> NoReturn:
        raise AssertionError("the machine read its source")

    __aiter__ = read = read1 = __iter__

    def tell(self, *words: Any) -> None:
        """Write down what the source was told."""
        self.told.append((self.name, *words))


class LiveSource(Source):
    """A source with a connection, which writes down what it is told."""

    def cancel(self) -> None:
        """Write it down."""
        self.tell("cancel")

    def expire(self, seconds: float | None) -> None:
        """Write it down."""
        self.tell("expire", seconds)

    def heard(self) -> None:
        """Write it down."""
        self.tell("heard")


class ClockedSource(LiveSource):
    """A source that limits how long the server may be silent."""

    def spare(self, seconds: float) -> None:
        """Write it down."""
        self.tell("spare", seconds)


class RenewableSource(Source):
    """A source that offers other sources after it has failed.

    Args:
        name: See `Source`.
        retries: What it returns when it is asked for a retry, one after the other, then None.
        rests: What it returns when it is asked to resume, likewise.
        told: See `Source`.
    """

    def __init__(
        self,
        name: str = "source",
        *,
        retries: Iterable[Source] = (),
        rests: Iterable[Source] = (),
        told: list[Any] | None = None,
    ) -> None:
        super().__init__(name, told)
        self._retries, self._rests = iter(retries), iter(rests)

    def retry(self, error: ScanError) -> Source | None:
        """Write down the error."""
        self.tell("retry", type(error).__name__)
        return next(self._retries, None)

    def resume(self, error: ScanError, answer_id: str, position: int) -> Source | None:
        """Write down what is asked for."""
        self.tell("resume", type(error).__name__, answer_id, position)
        return next(self._rests, None)


class RequestedSource(Source):
    """The source of a request that was made with a key."""

    request_id = "req_1"

    def redact(self, text: str) -> str:
        """Return *text* without the key."""
        return text.replace("sk-secret", "***")


# What drives the machine.


class Reader:
    """What the machine passes on to observers, and nothing else."""

    source: Any = None
    outcome: Outcome | None = None
    events_read = bytes_read = 0
    notes: Any = None
    stats: Any = None

    def event(self) -> NoReturn:
        """Fail: no observer of these tests asks for it."""
        raise AssertionError("an observer is told of the event")

    def text(self, choice: int = 0) -> NoReturn:
        """Fail, likewise."""
        raise AssertionError(f"an observer asked for the text of choice {choice}")

    def snapshot(self) -> None:
        """Return nothing: no observer of these tests asks for it."""


READER = Reader()


class Diary(Observer):
    """An observer that writes down what it is told, always by the reader of the stream."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, stream: Watched) -> None:
        """Write it down."""
        self._write(stream, "began")

    def event(self, stream: Watched, event: Event) -> None:
        """Write down the text of the event, or else its name."""
        self._write(stream, event.unwrap_text() or event.type)

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """Write down the class of the error."""
        self._write(stream, f"renewed after {type(error).__name__}")

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """Write down how it ended."""
        self._write(stream, outcome if error is None else f"{outcome}: {type(error).__name__}")

    def _write(self, stream: Watched, line: str) -> None:
        assert isinstance(stream, Reader)
        self.lines.append(line)


def machine(source: Any = None, diary: Diary | None = None, **settings: Any) -> StreamMachine:
    """Return a machine whose source cannot be read."""
    made = StreamMachine(Source() if source is None else source, **settings)
    if diary is not None:
        made.observers.add(diary, READER)
    return made


def step(m: StreamMachine) -> Step:
    """Take one step."""
    return m.step(READER)


def events(m: StreamMachine) -> Iterator[Event]:
    """Yield the events that *m* comes to without another chunk."""
    while step(m) is EVENT:
        yield m.event


def names(m: StreamMachine) -> list[str]:
    """Return the text or else the name of each event that *m* comes to without another chunk."""
    return [event.unwrap_text() or event.type for event in events(m)]


def after(m: StreamMachine, *chunks: bytes) -> Step:
    """Hand *chunks* to *m*, let it go as far as it can, and return the step that it stops at."""
    for chunk in chunks:
        m.receive(chunk)
    found = step(m)
    while found is EVENT:
        found = step(m)
    return found


def end(m: StreamMachine, error: ScanError | None = None) -> Step:
    """End the input of *m*, let it go as far as it can, and return the step that it stops at."""
    m.input_ended(error)
    return after(m)


@frozen
class Story:
    """All that a machine made of its input.

    Attributes:
        events: The class, the name and the raw event of each event.
        last: The step that it stopped at.
        error: The class and the message of `err`; None without one.
        notes: All but those of the tokenizer, which counts what is received after the end as well.
        text: The text of the answer.
    """

    events: list[tuple[type[Event], str, RawEvent]]
    last: Step
    outcome: Outcome | None
    error: tuple[type[ScanError], str] | None
    notes: dict[str, int]
    text: str

    @property
    def names(self) -> list[str]:
        """The name of each event."""
        return [name for _, name, _ in self.events]


def story(
    chunks: Iterable[bytes],
    *,
    ended: bool = True,
    error: ScanError | None = None,
    **settings: Any,
) -> Story:
    """Return what a machine makes of *chunks*, each of which it steps through at once.

    Args:
        chunks: What is received, in this order.
        ended: Whether the input ends after them.
        error: What it ends with.
        settings: See `StreamMachine`.
    """
    m = machine(**settings)
    told: list[tuple[type[Event], str, RawEvent]] = []

    def go() -> Step:
        told.extend((type(event), event.type, event.raw) for event in events(m))
        return step(m)  # where it stopped it stays

    last = NEED_DATA
    for chunk in chunks:
        if last is ENDED:
            break
        m.receive(chunk)
        last = go()
    if ended and last is not ENDED:
        m.input_ended(error)
        last = go()
    return Story(
        told,
        last,
        m.outcome,
        None if m.err is None else (type(m.err), str(m.err)),
        {note: count for note, count in m.notes.items() if note not in ("comment", "bad_utf8")},
        text(m),
    )


def tr(data: bytes, *, error: ScanError | None = None, **settings: Any) -> Story:
    """Return what a machine makes of *data*, the same whether they come whole or byte by byte.

    Make sure of that; and that the beginning of another event after *data* changes nothing about
    the events that had come by then.
    """
    whole = story([data], error=error, **settings)
    assert story(byte_by_byte(data), error=error, **settings) == whole
    with_tail = story([data, TAIL], ended=False, **settings)
    without_end = story([data], ended=False, **settings)
    assert (with_tail.events, with_tail.last) == (without_end.events, without_end.last)
    return whole


def text(m: StreamMachine) -> str:
    """Return the text of the answer so far."""
    answer = m.answer.value()
    return "" if answer is None else answer.text


def inputs(m: StreamMachine) -> list[str]:
    """Leave *m*, and return the names of the sources that are to be closed."""
    return [one.source.name for one in m.leave(READER)]


def following(m: StreamMachine, *sources: Source) -> list[RawStream]:
    """Chain *sources*, and return their inputs."""
    made = [m.input_of(source) for source in sources]
    m.chained.extend(made)
    return made
