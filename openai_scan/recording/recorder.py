"""Record the chunks of a source as they arrive."""

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
    """Return a source of the same bytes that records each chunk before it yields it.

    Each line is written to the file at once, so after a crash the recording goes as far as the
    stream did. `replay()` reads it. The recording contains neither the key nor any request header,
    and the request body only if a `Recording` asks for it. It does contain what the server sends.

    Args:
        source: What to record, blocking or asynchronous; the result is of the same kind. Closing
            the result closes *source*.
        file: Where to record. A file at a path is created, and closed at the end of the stream.

    Raises:
        FileExistsError: A file at the path already exists; see `Recording` to overwrite it.
        OSError: The file cannot be created.
        TypeError: *source* is not a source.
    """
    kind: type[RecordedSource | AsyncRecordedSource] = RecordedSource
    if isinstance(source, AsyncIterable) and not isinstance(source, Iterable):
        kind = AsyncRecordedSource
    kind._chunks_of(source)  # noqa: SLF001 - raises before a file is created
    settings = file if isinstance(file, Recording) else Recording(file)
    return kind(source, RecordingFile(settings), with_request=settings.request)


class RecordedSource(BaseRecordedSource):
    """A source that is being recorded; made by `record()`.

    It supports what the source itself supports: cancelling, retrying, and so on.

    Attributes:
        source: The source to record.
    """

    _chunks_of = staticmethod(chunks_of)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, each after it is written.

        Raises:
            RecordingError: The previous chunk could not be written.
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
        """Close the source, and the file if `record()` created it."""
        self._finish(left=True)
        blocking.close_all(self._chunks, self.source, self._file if self._has_file else None)

    def __del__(self) -> None:
        if self._ending or self._has_end:  # otherwise Python warns about the unclosed file
            self.close()


class AsyncRecordedSource(BaseRecordedSource):
    """An asynchronous source that is being recorded; made by `record()`. See `RecordedSource`.

    Attributes:
        source: What is being recorded.
    """

    _closed: bool = False

    _chunks_of = staticmethod(Chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk after it is written.

        Raises:
            RecordingError: The previous chunk could not be written.
        """
        if not self._began:
            self._begin()
        self._file.check()
        asked = time.monotonic()
        try:
            rest, come = self._chunks.begin()
            chunk: bytes = come if rest is None else await rest
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
        """Close the source, and the file if `record()` created it."""
        if self._closed:  # a streamer closes the iterator, then the source: here, both
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
