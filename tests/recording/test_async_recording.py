"""Recording and replaying asynchronous streams, on asyncio and on Trio."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from async_sources import BUSY, Live, Renewable, Source, chat, generator
from loops import Loop, in_a_moment, on_asyncio, on_every_loop

from openai_scan import (
    AsyncStreamerV2,
    RecordingError,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    TransportError,
    record,
    replay,
)
from openai_scan.recording import AsyncRecordedSource, Recording, read_recording

PACED = b"".join(
    json.dumps(line).encode() + b"\n"
    for line in (
        {"format": "openai_scan recording", "version": 1, "t": 0.0},
        {"t": 0.01, "text": chat("a")[0].decode()},
        {"t": 3600.0, "text": "".join(one.decode() for one in chat("b"))},
        {"t": 3600.0, "end": "clean"},
    )
)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a recording without their times."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("t", "waited")}
        for line in lines
    ]


class TestRecord:
    """record() takes an asynchronous source as well."""

    @on_every_loop
    async def test_it_writes_what_is_read(self, loop: Loop, tmp_path: Path) -> None:
        """The recording is the same as that of a blocking stream."""
        path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        async with AsyncStreamerV2(record(Source(loop, *chat("a", "b")), path)) as s:
            assert (await s.final()).text == "ab"
            assert isinstance(s.source, AsyncRecordedSource)
        with StreamerV2(record(chat("a", "b"), other)) as blocking:
            blocking.final()
        assert lines_of(path) == lines_of(other)

    @on_every_loop
    async def test_it_reads_to_the_end_and_closes(self, loop: Loop, tmp_path: Path) -> None:
        """The end is clean, and the source is closed with the file."""
        path = tmp_path / "a.jsonl"
        source = Source(loop, *chat("a")[:-1])
        async with AsyncStreamerV2(record(source, path)) as s:
            assert (await s.final()).text == "a"
        assert lines_of(path)[-1] == {"end": "clean"}
        assert source.closed == 1
        with pytest.raises(ValueError, match="closed"):
            s.source._file._file.write(b"x")

    @on_every_loop
    async def test_a_failure_is_written_and_raised(self, loop: Loop, tmp_path: Path) -> None:
        """The stream fails, and the end of the recording has the error of the source."""
        path = tmp_path / "a.jsonl"
        source = Source(loop, chat("a")[0], error=OSError("gone"))
        s = AsyncStreamerV2(record(source, path))
        while await s.next():
            pass
        assert isinstance(s.err(), TransportError)
        await s.close()
        end = read_recording(path)[0].end
        assert end is not None
        assert end.failure is not None
        assert "gone" in end.failure.message

    @on_every_loop
    async def test_a_cancelled_task_leaves_the_recording_closed(
        self, loop: Loop, tmp_path: Path
    ) -> None:
        """Its end says that the reader left."""
        path = tmp_path / "a.jsonl"
        source = Source(loop, chat("a")[0], hold=True)
        s = AsyncStreamerV2(record(source, path))
        assert await s.next()
        left = await loop.cancelling(s.next, source.waits)
        assert isinstance(left, loop.cancelled)
        assert lines_of(path)[-1] == {"end": "closed"}
        assert source.closed == 1

    @pytest.mark.parametrize("live", [False, True])
    @on_every_loop
    async def test_cancel_wakes_the_reader(self, loop: Loop, tmp_path: Path, *, live: bool) -> None:
        """Of a source that can do it itself, and of any other."""
        path = tmp_path / "a.jsonl"
        source = Live(loop, chat("a")[0]) if live else Source(loop, chat("a")[0], hold=True)
        s = AsyncStreamerV2(record(source, path))

        async def cancel() -> None:
            await source.waits.wait()
            s.cancel()

        async def read() -> None:
            while await s.next():
                pass

        await loop.together(read, cancel)
        assert isinstance(s.err(), StreamCancelledError)
        await s.close()
        assert lines_of(path)[-1]["end"] == "cancelled"

    @on_every_loop
    async def test_an_exception_of_the_callers_own_is_not_an_end(
        self, loop: Loop, tmp_path: Path
    ) -> None:
        """next() raises it unchanged, and the recording says that the reader left."""
        path = tmp_path / "a.jsonl"
        source = Source(loop, chat("a")[0], error=ValueError("mine"))
        source.interrupted = True  # type: ignore[attr-defined] # it tells whose exceptions these are
        s = AsyncStreamerV2(record(source, path))
        assert await s.next()
        with pytest.raises(ValueError, match="mine"):
            await s.next()
        assert s.outcome == "cancelled"
        assert lines_of(path)[-1] == {"end": "closed"}

    @on_every_loop
    async def test_a_retry_goes_into_the_same_file(self, loop: Loop, tmp_path: Path) -> None:
        """The retry is a section of its own."""
        path = tmp_path / "a.jsonl"
        first = Renewable(loop, BUSY)
        first.retries = Source(loop, *chat("a"))
        async with AsyncStreamerV2(record(first, path)) as s:
            assert (await s.final()).text == "a"
        assert [one.head.again for one in read_recording(path)] == [None, "retry"]

    @on_asyncio
    async def test_what_is_not_a_chunk_is_the_readers_to_refuse(self, tmp_path: Path) -> None:
        """Text instead of bytes is a TypeError."""

        async def texts() -> AsyncIterator[Any]:
            yield "text"

        s = AsyncStreamerV2(record(texts(), tmp_path / "a.jsonl"))
        with pytest.raises(TypeError, match="a source must yield bytes, not str"):
            await s.next()
        await s.close()

    @on_asyncio
    async def test_a_full_disk_is_reported_after_what_has_arrived(self) -> None:
        """The chunk that has arrived is returned, and the next read fails."""

        class Full(io.BytesIO):
            """A disk without room."""

            def write(self, data: Any, /) -> int:
                raise OSError("no space left")

        source = record(generator(*chat("a")), Full())
        assert await anext(source) == chat("a")[0]
        with pytest.raises(RecordingError, match="no space left"):
            await anext(source)
        assert source.notes["recording_failed"] == 1
        await source.aclose()

    @on_asyncio
    async def test_what_is_not_a_source_makes_no_file(self, tmp_path: Path) -> None:
        """The source is checked before the file is made."""
        with pytest.raises(TypeError, match="a source is an iterable"):
            record(1, tmp_path / "a.jsonl")  # type: ignore[call-overload]
        assert not (tmp_path / "a.jsonl").exists()

    @on_every_loop
    async def test_a_stream_that_is_not_closed_is_recorded_whole(
        self, loop: Loop, tmp_path: Path
    ) -> None:
        """If you read to the end, you need not close the stream."""
        path = tmp_path / "a.jsonl"
        assert await AsyncStreamerV2(record(Source(loop, *chat("a")[:-1]), path)).read() == b"a"
        gc.collect()
        assert lines_of(path)[-1] == {"end": "clean"}
        kept = io.BytesIO()
        source = record(Source(loop, *chat("a")), Recording(kept))
        async for _ in source:
            pass
        del source
        gc.collect()
        assert not kept.closed  # a file of yours stays open
        left = record(Source(loop, *chat("a")), kept)
        await anext(left)
        del left


class TestReplay:
    """replay() can be read by both streamers."""

    @on_every_loop
    async def test_the_pace_is_that_of_the_recording(self, loop: Loop) -> None:
        """Each read comes at its time, and other tasks run meanwhile."""
        ran: list[str] = []

        async def read() -> None:
            s = AsyncStreamerV2(replay(io.BytesIO(PACED), speed=360_000.0))
            async for text in s.text_deltas():
                ran.append(text)  # noqa: PERF401 - each when it comes

        async def other() -> None:
            await loop.pause()
            ran.append("other")

        began = time.monotonic()
        await loop.together(read, other)
        assert time.monotonic() - began >= 0.01
        assert sorted(ran) == ["a", "b", "other"]

    @on_every_loop
    async def test_without_a_pace_other_tasks_have_their_turn(self, loop: Loop) -> None:
        """A long recording does not stop the loop."""
        s = AsyncStreamerV2(replay(io.BytesIO(PACED)))
        turns = 0

        async def other() -> None:
            nonlocal turns
            while s.outcome is None:
                turns += 1
                await loop.pause()

        async def read() -> None:
            assert await s.read() == b"ab"

        await loop.together(other, read)
        assert turns > 1

    @on_every_loop
    async def test_it_can_be_cancelled_while_it_waits(self, loop: Loop) -> None:
        """From any thread; and the task that reads can be as well."""
        for by_task in (False, True):
            s = AsyncStreamerV2(replay(io.BytesIO(PACED), speed=1.0))
            assert await s.next()
            if by_task:
                left = await loop.cancelling(s.next, in_a_moment(loop))
                assert isinstance(left, loop.cancelled)
                assert (s.outcome, s.err()) == ("cancelled", None)
            else:
                threading.Thread(target=s.cancel).start()
                assert not await s.next()
                assert isinstance(s.err(), StreamCancelledError)

    @on_every_loop
    async def test_it_is_not_waited_for_after_the_answer(self, loop: Loop) -> None:
        """The time limit for what may follow expires."""
        source = replay(io.BytesIO(PACED), speed=1.0)
        s = AsyncStreamerV2(source)
        assert await s.next()
        source.expire(0.01)
        assert not await s.next()
        assert isinstance(s.err(), StreamTimeoutError)

    def test_a_recording_that_is_too_slow_is_an_error(self) -> None:
        """The error is the same as that of a blocking replay."""
        s = AsyncStreamerV2(replay(io.BytesIO(PACED), speed=1e-9))
        while asyncio.run(s.next()):
            pass
        assert "which is too long" in str(s.err())
