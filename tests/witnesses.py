"""Three readers of one stream, each of which tells all that it has seen.

Two are the drivers, the third is the least that can drive a `StreamMachine`. `told_by()` reads with
any of them, so a story differs only if a reader does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from inspect import isawaitable
from typing import Any

from attrs import frozen

from openai_scan import Event, Observer, Outcome, RawEvent, ScanError, StreamerV2
from openai_scan.aio import AsyncStreamerV2
from openai_scan.observer import Watched
from openai_scan.sse.source import broken_off
from openai_scan.stream.step import ASK_WHAT_NEXT, EVENT, NEED_DATA, SWITCH
from openai_scan.stream.view import StreamView


class Source:
    """A source that can be read with `for` and with `async for`, and notes what is done to it.

    Args:
        chunks: What it yields.
        error: What it raises after them; a clean end by default.
        retries: What `retry()` returns.
        rest: What `resume()` returns.
        log: Where it notes what is done to it; a list of its own by default.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        error: Exception | None = None,
        *,
        retries: Source | None = None,
        rest: Source | None = None,
        log: list[object] | None = None,
    ) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.retries = retries
        self.rest = rest
        self.log: list[object] = [] if log is None else log

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            await asyncio.sleep(0)
            yield chunk

    def retry(self, error: ScanError) -> Source | None:
        """Return the source for the same again."""
        self.log.append(("retry", str(error)))
        return self.retries

    def resume(self, error: ScanError, answer_id: str, position: int) -> Source | None:
        """Return the source for the rest."""
        self.log.append(("resume", str(error), answer_id, position))
        return self.rest

    def close(self) -> None:
        """Note it."""
        self.log.append("close")


class Fed(StreamView[Source]):
    """Feeds a machine by hand, and does what it asks for, with nothing in between."""

    @staticmethod
    def _chunks_of(source: Any) -> Any:
        return deque(source.chunks)

    def next(self) -> bool:
        """Step to the next event."""
        machine = self._machine
        while (step := machine.step(self)) is not EVENT:
            if step is NEED_DATA:
                self._feed()
                continue
            if machine.left is not None:
                machine.left.source.close()
                machine.left = None
            if step is SWITCH:
                self._open(machine.current)
            elif step is ASK_WHAT_NEXT:
                answer = machine.successor(self, machine.outcome)
                if isinstance(answer, Source):
                    machine.go_on(self, self._input_of(answer))
                else:
                    machine.stop(answer)
            else:
                return False
        return True

    def _feed(self) -> None:
        current = self._machine.current
        while current.chunks:
            if self._machine.receive(current.chunks.popleft()):
                return
        error = current.source.error
        if error is not None and not isinstance(error, ScanError):
            error = broken_off(error)
        self._machine.input_ended(error)

    def close(self) -> None:
        """Close all inputs."""
        for left in self._machine.leave(self):
            left.source.close()

    def chain_from(self, successor: Callable[[Any, Outcome], Source | Outcome]) -> None:
        """Ask *successor* at the end."""
        self._follow(successor)

    def text_deltas(self) -> Iterator[str]:
        """Yield the text."""
        while self.next():
            if text := self.text():
                yield text
        if text := self._machine.answer.flush():
            yield text
        self._raise_err()


READERS = (StreamerV2, AsyncStreamerV2, Fed)


class _Watcher(Observer):
    def __init__(self) -> None:
        self.told: list[object] = []

    def began(self, stream: Watched) -> None:
        self.told.append("began")

    def event(self, stream: Watched, event: Event) -> None:
        self.told.append((event.type, stream.events_read))

    def renewed(self, stream: Watched, error: ScanError) -> None:
        self.told.append(("renewed", str(error)))

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        self.told.append((outcome, None if error is None else str(error)))


@frozen
class Story:
    """Everything that one reader reports about a stream.

    Attributes:
        events: The class, the raw event and the text of each.
        told: What an observer was told.
        outcome: How the stream ended.
        error: The class, the message, all other facts and the cause of its error, or None.
        notes: What was tolerated.
        counts: How many events and how many bytes there were.
        snapshot: The answer.
        log: What was done to the source.
    """

    events: list[tuple[type[Event], RawEvent, str | None]]
    told: list[object]
    outcome: Outcome | None
    error: tuple[type[ScanError], str, dict[str, Any], str] | None
    notes: dict[str, int]
    counts: tuple[int, int]
    snapshot: Any
    log: list[object]


async def told_by(
    reader: Any,
    source: Source,
    then: Mapping[int, Callable[[Any], object]] | None = None,
    **settings: Any,
) -> Story:
    """Return what *reader* reports about *source*.

    Args:
        reader: One of `READERS`.
        source: The source.
        then: What to do with the stream after so many events.
        settings: Those of the streamer.
    """
    stream, watcher, events = reader(source, **settings), _Watcher(), []
    stream.observe(watcher)
    do = dict(then or {})
    await _done(do.pop(0, _nothing)(stream))
    while await _done(stream.next()):
        event = stream.event()
        events.append((type(event), event.raw, stream.text()))
        await _done(do.pop(len(events), _nothing)(stream))
    error = stream.err()
    story = Story(
        events=events,
        told=watcher.told,
        outcome=stream.outcome,
        error=error and (type(error), str(error), vars(error), repr(error.__cause__)),
        notes=dict(stream.notes),
        counts=(stream.events_read, stream.bytes_read),
        snapshot=stream.snapshot(),
        log=source.log,
    )
    assert not await _done(stream.next())
    assert stream.err() is error
    await _done(stream.close())
    return story


async def text_told_by(reader: Any, source: Source, **settings: Any) -> list[object]:
    """Return the text deltas that *reader* yields, and its error."""
    told: list[object] = []
    stream = reader(source, **settings)
    deltas = stream.text_deltas()
    try:
        if isinstance(deltas, AsyncIterator):
            async for delta in deltas:
                told.append(delta)  # noqa: PERF401 - those before an error count too
        else:
            told.extend(deltas)
    except ScanError as error:
        told.append((type(error), str(error)))
    await _done(stream.close())
    return told


async def agree(chunks: list[bytes], **settings: Any) -> Story:
    """Return what all readers tell of *chunks*, and make sure that it is the same.

    Raises:
        AssertionError: It is not.
    """
    stories = [await told_by(reader, Source(chunks), **settings) for reader in READERS]
    assert stories[1] == stories[0]
    assert stories[2] == stories[0]
    return stories[0]


async def agree_on_text(chunks: list[bytes]) -> None:
    """Make sure that all readers yield the same text deltas of *chunks*.

    Raises:
        AssertionError: They do not.
    """
    texts = [await text_told_by(reader, Source(chunks)) for reader in READERS]
    assert texts[1] == texts[0]
    assert texts[2] == texts[0]


def _nothing(_stream: Any) -> None:
    """Let the stream continue."""


async def _done(result: Any) -> Any:
    """Return *result*, awaited if it has to be."""
    return await result if isawaitable(result) else result
