"""Read a source into a `RawStream`: the only work of the blocking driver."""

from __future__ import annotations

import contextlib
from typing import Any

from openai_scan.errors import ScanError
from openai_scan.sse.raw_stream import RawStream
from openai_scan.sse.source import WritableFile, broken_off, is_callers, write_all

_END = object()


def read_into(stream: RawStream, tee: WritableFile | None = None) -> None:
    """Read chunks until *stream* has a result or the input ends.

    Args:
        stream: Its `chunks` are the iterator to read.
        tee: A file to which each chunk is also written. An exception in writing is raised
            unchanged, after the stream has received the chunk.

    Raises:
        TypeError: The source yields something that is not bytes.
        BaseException: The caller's own, such as that of a signal handler, unchanged. The source may
            have lost bytes: do not read on.
    """
    chunks, receive = stream.chunks, stream.receive
    if stream.live is not None:
        stream.before_read()
    while True:
        try:
            chunk: Any = next(chunks, _END)
        except Exception as error:  # any failure of a source ends the stream
            if is_callers(stream.source, error):
                raise
            return stream.end(error if isinstance(error, ScanError) else broken_off(error))
        if chunk is _END:
            return stream.end()
        has_news = receive(chunk)
        if tee is not None:
            write_all(tee, bytes(chunk))
        if has_news:
            return None


def close_inputs(*inputs: RawStream) -> None:
    """Close the sources of *inputs* and their iterators, if they can be closed.

    See `close_all()`.
    """
    close_all(*(one for stream in inputs for one in (stream.chunks, stream.source)))


def close_all(*things: object) -> None:
    """Close each of *things* that can be closed.

    Everything is closed, in order, even if closing one of them fails. A generator that is being
    read, by another thread or further up in this one, cannot be closed; it ends with its source.
    """
    with contextlib.ExitStack() as closing:
        for thing in reversed(things):
            close = getattr(thing, "close", None)
            if close is not None and not getattr(thing, "gi_running", False):
                closing.callback(close)
