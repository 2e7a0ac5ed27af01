"""Write down what a source hands over, as it happens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from openai_scan.errors import ScanError, StreamCancelledError
from openai_scan.recording.facts import (
    cause_of,
    failure_of,
    head_of,
    redactor_of,
)
from openai_scan.recording.file import Recording, RecordingFile, RecordTo
from openai_scan.recording.lines import Cause, End, Line, Read
from openai_scan.sources import AnsweredSource, ClockedSource, RenewableSource, RequestedSource
from openai_scan.sse import LiveSource, Source
from openai_scan.sse.reading import close_all
from openai_scan.sse.source import InterruptibleSource, NotingSource, chunks_of, is_callers

_END = object()


def record(source: Source, file: RecordTo) -> RecordedSource:
    """Return a source of the same bytes that writes them down before it hands them over.

    What is written is on the disk at once, so after a crash the recording goes as far as the
    stream did. `replay()` reads it. It has no key, no header of the request and nothing of its
    body, unless a `Recording` asks for that; but it has what the server says.

    Args:
        source: What to record. `close()` closes it.
        file: Where to. A path is made anew, and closed at the end of the stream.

    Raises:
        FileExistsError: There is a file at the path; nothing is overwritten without being told.
        OSError: The file cannot be made.
        TypeError: *source* is no source.
    """
    chunks_of(source)  # complains about what is no source before a file is made
    settings = file if isinstance(file, Recording) else Recording(file)
    return RecordedSource(source, RecordingFile(settings), with_request=settings.request)


class RecordedSource:
    """A source that is being recorded; made by `record()`.

    It can do what the source itself can: be cancelled, be asked for the same once more, and so on.

    Attributes:
        source: What is being recorded.
    """

    _has_file: bool = True  # and no successor has it
    _has_end: bool = False
    _ending: bool = False  # what matters has arrived

    def __init__(
        self,
        source: Source,
        file: RecordingFile,
        *,
        with_request: bool,
        again: Literal["retry", "resume"] | None = None,
        asked: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self._chunks = chunks_of(source)
        self._redact = redactor_of(source)
        self._live = source if isinstance(source, LiveSource) else None
        self._answer = source if isinstance(source, AnsweredSource) else None
        self._file = file
        self._with_request = with_request
        self._again = again
        self._asked = asked or {}
        self._began = 0.0  # when the first chunk was asked for
        self._waited = 0.0
        self._has_head = False
        self._cancelled = False

    @property
    def request(self) -> Any:
        """The request, if the source is an `Exchange`; else None."""
        return getattr(self.source, "request", None)

    @property
    def method(self) -> str | None:
        """Of the request, such as `"POST"`; None if there was none."""
        return None if self._answer is None else self._answer.method

    @property
    def url(self) -> str | None:
        """Where the request goes, or None."""
        return None if self._answer is None else self._answer.url

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer, or None."""
        return None if self._answer is None else self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, or none."""
        return {} if self._answer is None else self._answer.headers

    @property
    def sent_at(self) -> float | None:
        """When the request was sent, in the time of `time.monotonic()`, or None."""
        return None if self._answer is None else self._answer.sent_at

    @property
    def answered_at(self) -> float | None:
        """When the head of the answer was here, in the same time, or None."""
        return None if self._answer is None else self._answer.answered_at

    @property
    def reused(self) -> bool | None:
        """Whether the connection had carried another request before; None if that is not known."""
        return None if self._answer is None else self._answer.reused

    @property
    def interrupted(self) -> bool:
        """Whether an exception of the caller's own has left the source, if it knows."""
        return isinstance(self.source, InterruptibleSource) and self.source.interrupted

    @property
    def request_id(self) -> str | None:
        """The server's name for the request, or None."""
        return self.source.request_id if isinstance(self.source, RequestedSource) else None

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, counted: by the source, and a recording that could not go on."""
        own = Counter(recording_failed=int(self._file.error is not None))
        return own + self.source.notes if isinstance(self.source, NotingSource) else +own

    def redact(self, text: str) -> str:
        """Return *text* without the secrets that the request was made with."""
        return self._redact(text)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, each when it is written.

        Raises:
            RecordingError: The chunk before could not be written.
        """
        self._began = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                chunk: Any = next(self._chunks, _END)
            except Exception as error:
                if is_callers(self.source, error):
                    raise
                self._wait_is_over(asked)
                self._finish(error)
                raise
            self._wait_is_over(asked)
            if chunk is _END:
                self._finish()
                self._file.check()
                return
            # Whoever reads it complains about anything else.
            if isinstance(chunk, bytes | bytearray | memoryview):
                data = self.redact(bytes(chunk).decode("latin-1")).encode("latin-1", "replace")
                self._write(Read(self._now(), data))
            yield chunk
            self._file.check()

    def cancel(self) -> None:
        """Wake the reader, if the source can. Any thread may call it."""
        self._cancelled = True
        if self._live is not None:
            self._live.cancel()

    def expire(self, seconds: float | None) -> None:
        """End the input *seconds* from now, or not (None), if the source can."""
        self._ending = seconds is not None
        if self._live is not None:
            self._live.expire(seconds)

    def heard(self) -> None:
        """Pass on that an event has come."""
        if self._live is not None:
            self._live.heard()

    def spare(self, seconds: float) -> None:
        """Pass on that so many seconds are no silence, if the source counts it."""
        if isinstance(self.source, ClockedSource):
            self.source.spare(seconds)

    def retry(self, error: ScanError) -> RecordedSource | None:
        """Return the same again, recorded into the same file, or None."""
        if not isinstance(self.source, RenewableSource):
            return None
        onward = self.source.retry(error)
        return None if onward is None else self._hand_on(onward, "retry")

    def resume(self, error: ScanError, answer_id: str, position: int) -> RecordedSource | None:
        """Return what follows of an answer, recorded into the same file, or None."""
        if not isinstance(self.source, RenewableSource):
            return None
        onward = self.source.resume(error, answer_id, position)
        return None if onward is None else self._hand_on(onward, "resume")

    def then(self, source: Source) -> RecordedSource:
        """Return *source*, recorded into the same file as another stream behind this one."""
        return self._hand_on(source, None)

    def close(self) -> None:
        """Close the source, and the file if it was made for it."""
        self._finish(left=True)
        close_all(self._chunks, self.source, self._file if self._has_file else None)

    def __del__(self) -> None:
        if self._ending or self._has_end:  # else the unclosed file is worth its warning
            self.close()

    # How it works.

    def _hand_on(self, onward: Source, again: Literal["retry", "resume"] | None) -> RecordedSource:
        self._finish(left=True)
        self._has_file = False
        return RecordedSource(onward, self._file, with_request=self._with_request, again=again)

    def _now(self) -> float:
        return round(time.monotonic() - self._zero, 6)

    @property
    def _zero(self) -> float:
        """When the request was sent, or the reading began."""
        return self._began if self.sent_at is None else self.sent_at

    def _wait_is_over(self, asked: float) -> None:
        self._waited += time.monotonic() - max(asked, self._zero)

    def _write(self, line: Line) -> None:
        if not self._has_head:
            self._has_head = True
            head = head_of(self.source, again=self._again, with_request=self._with_request)
            self._file.write(attrs.evolve(head, asked=self._asked))
        self._file.write(line)

    def _finish(self, error: Exception | None = None, *, left: bool = False) -> None:
        """Write how it ended, unless that has been written or nobody has begun to read."""
        if self._has_end or not self._began:
            return
        self._has_end = True
        cause: Cause
        if self._cancelled:
            cause = "cancelled"
            error = StreamCancelledError("the stream was cancelled")
        elif error is not None:
            cause = cause_of(error)
        else:
            cause = "closed" if left and not self._ending else "clean"
        notes = self.source.notes if isinstance(self.source, NotingSource) else {}
        self._write(
            End(
                t=self._now(),
                end=cause,
                waited=round(self._waited, 6),
                failure=None if error is None else failure_of(error, self.redact),
                notes=dict(notes),
            )
        )
