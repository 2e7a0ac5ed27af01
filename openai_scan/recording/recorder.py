"""Write down what a source hands over, as it happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any, overload

from typing_extensions import Self

from openai_scan.aio.reading import AsyncSource, Chunks, close_all
from openai_scan.aio.waking import Woken
from openai_scan.recording.file import Recording, RecordingFile, RecordTo
from openai_scan.recording.recorded import BaseRecordedSource
from openai_scan.sse import Source
from openai_scan.sse import reading as blocking
from openai_scan.sse.source import chunks_of

_END = object()


@overload
def record(source: Source, file: RecordTo) -> RecordedSource: ...
@overload
def record(source: AsyncSource, file: RecordTo) -> AsyncRecordedSource: ...
def record(source: Source | AsyncSource, file: RecordTo) -> RecordedSource | AsyncRecordedSource:
    """Return a source of the same bytes that writes them down before it hands them over.

    What is written is on the disk at once, so after a crash the recording goes as far as the
    stream did. `replay()` reads it. It has no key, no header of the request and nothing of its
    body, unless a `Recording` asks for that; but it has what the server says.

    Args:
        source: What to record, blocking or asynchronous; so is what is returned. Closing that
            closes *source*.
        file: Where to. A path is made anew, and closed at the end of the stream.

    Raises:
        FileExistsError: There is a file at the path; nothing is overwritten without being told.
        OSError: The file cannot be made.
        TypeError: *source* is no source.
    """
    kind: type[RecordedSource | AsyncRecordedSource] = RecordedSource
    if isinstance(source, AsyncIterable) and not isinstance(source, Iterable):
        kind = AsyncRecordedSource
    kind._chunks_of(source)  # noqa: SLF001 - raises before a file is made
    settings = file if isinstance(file, Recording) else Recording(file)
    return kind(source, RecordingFile(settings), with_request=settings.request)


class RecordedSource(BaseRecordedSource):
    """A source that is being recorded; made by `record()`.

    It can do what the source itself can: be cancelled, be asked for the same once more, and so on.

    Attributes:
        source: What is being recorded.
    """

    _chunks_of = staticmethod(chunks_of)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, each when it is written.

        Raises:
            RecordingError: The chunk before could not be written.
        """
        self._begin()
        while True:
            asked = time.monotonic()
            try:
                chunk: Any = next(self._chunks, _END)
            except Exception as error:
                self._broke(error, asked)
                raise
            if chunk is _END:
                self._ended(asked)
                return
            self._took(chunk, asked)
            yield chunk
            self._file.check()

    def close(self) -> None:
        """Close the source, and the file if it was made for it."""
        self._finish(left=True)
        blocking.close_all(self._chunks, self.source, self._file if self._has_file else None)

    def __del__(self) -> None:
        if self._ending or self._has_end:  # else the unclosed file is worth its warning
            self.close()


class AsyncRecordedSource(BaseRecordedSource):
    """An asynchronous source that is being recorded; made by `record()`. See `RecordedSource`."""

    _closed: bool = False

    _chunks_of = staticmethod(Chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk when it is written.

        Raises:
            RecordingError: The chunk before could not be written.
        """
        if not self._began:
            self._begin()
        self._file.check()
        asked = time.monotonic()
        try:
            chunk: bytes = await self._chunks.following()
        except (StopAsyncIteration, Woken):
            self._ended(asked)
            raise StopAsyncIteration from None
        except Exception as error:
            self._broke(error, asked)
            raise
        self._took(chunk, asked)
        return chunk

    def cancel(self) -> None:
        """Wake the reader. Any thread may call it."""
        super().cancel()
        self._chunks.wake()

    async def aclose(self) -> None:
        """Close the source, and the file if it was made for it."""
        if self._closed:  # as a streamer closes what it reads with, and then the source
            return
        self._closed = True
        self._finish(left=True)
        try:
            await close_all(self._chunks.iterator, self.source)
        finally:
            if self._has_file:
                self._file.close()

    def __del__(self) -> None:
        if self._ending or self._has_end:  # see `RecordedSource`
            self._finish(left=True)
            if self._has_file:
                self._file.close()
