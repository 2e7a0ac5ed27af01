"""Asynchronous sources that note what is done to them, and what reads a stream over them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from loops import Loop

from openai_scan import Event, Observer, Outcome, ScanError
from openai_scan.aio import AsyncStreamerV2


def chat(*texts: str, finish: str | None = "stop") -> list[bytes]:
    """Return a chat stream that says *texts*; without a *finish* it breaks off."""
    choices: list[dict[str, Any]] = [{"index": 0, "delta": {"content": text}} for text in texts]
    if finish is not None:
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    payloads = [{"object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    done = [b"data: [DONE]\n\n"] if finish is not None else []
    return [b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads] + done


BUSY = b'data: {"error": {"message": "busy", "code": "rate_limit_exceeded"}}\n\n'


class Source:
    """An asynchronous source that pauses before each chunk, and notes what is done to it.

    Args:
        loop: Where it runs.
        chunks: What it yields.
        error: What it raises after them; a clean end by default.
        hold: Whether it waits forever after the chunks.
    """

    def __init__(
        self,
        loop: Loop,
        *chunks: bytes,
        error: BaseException | None = None,
        hold: bool = False,
    ) -> None:
        self.loop = loop
        self.chunks = chunks
        self.error = error
        self.hold = hold
        self.waits = loop.flag()
        self.closed = 0
        self.left: list[object] = []  # what has ended its waits

    def __aiter__(self) -> Any:
        return _Reading(self)

    async def after_the_chunks(self) -> None:
        """Wait, or raise, or neither."""
        self.waits.set()
        if self.hold:
            await self.loop.flag().wait()
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        """Count, after a pause."""
        self.closed += 1
        await self.loop.pause()


class _Reading:
    """Not a generator, of which Trio would like to know when it is closed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.left = list(source.chunks)

    async def __anext__(self) -> bytes:
        try:
            if self.left:
                await self.source.loop.pause()
                return self.left.pop(0)
            await self.source.after_the_chunks()
        except BaseException as error:
            self.source.left.append(error)
            raise
        raise StopAsyncIteration


class Live(Source):
    """A source that ends its own wait when it is told to."""

    def __init__(self, loop: Loop, *chunks: bytes) -> None:
        super().__init__(loop, *chunks)
        self.told: list[object] = []
        self.woken = loop.flag()

    async def after_the_chunks(self) -> None:
        """Wait until there is something to do."""
        self.waits.set()
        await self.woken.wait()
        self.left.append("woken")

    def cancel(self) -> None:
        """Wake the reader."""
        self.told.append("cancel")
        self.woken.set()

    def expire(self, seconds: float | None) -> None:
        """End the input: it would end in a moment."""
        self.told.append(seconds)
        self.woken.set()

    def heard(self) -> None:
        """Count."""
        self.told.append("heard")


class Renewable(Source):
    """A source that names another one, once, for what failed with *error*."""

    retries: Any = None
    rest: Any = None

    def __init__(self, loop: Loop, *chunks: bytes, error: BaseException | None = None) -> None:
        super().__init__(loop, *chunks, error=error)
        self.asked: list[object] = []

    def retry(self, error: ScanError) -> Any:
        """Return the source for the same again."""
        self.asked.append(type(error))
        return self.retries

    def resume(self, error: ScanError, answer_id: str, position: int) -> Any:
        """Return the source for the rest."""
        self.asked.append((type(error), answer_id, position))
        return self.rest


class Watcher(Observer):
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def began(self, stream: Any) -> None:
        """Note it."""
        self.told.append("began")

    def event(self, stream: Any, event: Event) -> None:
        """Note its text."""
        self.told.append(stream.text())

    def renewed(self, stream: Any, error: ScanError) -> None:
        """Note it."""
        self.told.append(type(error))

    def ended(self, stream: Any, outcome: Outcome, error: ScanError | None) -> None:
        """Note how."""
        assert stream.outcome == outcome
        self.told.append(outcome)


async def read_all(s: AsyncStreamerV2) -> list[str | None]:
    """Return the text of each event that *s* steps to, and leave its error to be asked for."""
    texts = []
    while await s.next():
        texts.append(s.text())
    return texts


async def deltas(s: AsyncStreamerV2) -> list[str]:
    """Return the text deltas of *s*."""
    return [text async for text in s.text_deltas()]


async def generator(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yield *chunks* without a pause."""
    for chunk in chunks:
        yield chunk
