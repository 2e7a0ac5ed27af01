"""What is recorded of a source, and when; it reads nothing."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import attrs
from typing_extensions import Self

from openai_scan.errors import ScanError, StreamCancelledError
from openai_scan.recording.facts import (
    cause_of,
    failure_of,
    head_of,
    redactor_of,
)
from openai_scan.recording.file import RecordingFile
from openai_scan.recording.lines import Cause, End, Line, Read
from openai_scan.sources import AnsweredSource, ClockedSource, RenewableSource, RequestedSource
from openai_scan.sse import LiveSource
from openai_scan.sse.source import InterruptibleSource, NotingSource, is_callers


class BaseRecordedSource:
    """What the blocking and the asynchronous source share: everything but reading.

    Attributes:
        source: The source to record.
    """

    _has_file: bool = True  # False once a successor has it
    _has_end: bool = False
    _ending: bool = False  # the answer is complete

    def __init__(
        self,
        source: Any,
        file: RecordingFile,
        *,
        with_request: bool,
        again: Literal["retry", "resume"] | None = None,
        asked: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self._chunks = self._chunks_of(source)
        self._redact = redactor_of(source)
        self._live = source if isinstance(source, LiveSource) else None
        self._answer = source if isinstance(source, AnsweredSource) else None
        self._file = file
        self._with_request = with_request
        self._again = again
        self._asked = asked or {}
        self._began = 0.0  # when the first chunk was requested
        self._waited = 0.0
        self._has_head = False
        self._cancelled = False

    @staticmethod
    @abstractmethod
    def _chunks_of(source: Any) -> Any:
        """Return the iterator over the chunks of *source*."""

    @property
    def request(self) -> Any:
        """The request, if the source is an `Exchange`; else None."""
        return getattr(self.source, "request", None)

    @property
    def method(self) -> str | None:
        """The HTTP method, such as `"POST"`; None if there is no request."""
        return None if self._answer is None else self._answer.method

    @property
    def url(self) -> str | None:
        """The URL of the request, or None."""
        return None if self._answer is None else self._answer.url

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer, or None."""
        return None if self._answer is None else self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers; empty if there are none."""
        return {} if self._answer is None else self._answer.headers

    @property
    def sent_at(self) -> float | None:
        """When the request was sent, by `time.monotonic()`, or None."""
        return None if self._answer is None else self._answer.sent_at

    @property
    def answered_at(self) -> float | None:
        """When the response headers had arrived, by the same clock, or None."""
        return None if self._answer is None else self._answer.answered_at

    @property
    def reused(self) -> bool | None:
        """Whether the connection had carried another request before; None if unknown."""
        return None if self._answer is None else self._answer.reused

    @property
    def interrupted(self) -> bool:
        """Whether one of your own exceptions has interrupted the source, if it knows."""
        return isinstance(self.source, InterruptibleSource) and self.source.interrupted

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, or None."""
        return self.source.request_id if isinstance(self.source, RequestedSource) else None

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, with counts: by the source, and a recording that had to stop."""
        own = Counter(recording_failed=int(self._file.error is not None))
        return own + self.source.notes if isinstance(self.source, NotingSource) else +own

    def redact(self, text: str) -> str:
        """Return *text* without the secrets of the request."""
        return self._redact(text)

    def cancel(self) -> None:
        """Wake the reader, if the source can. Any thread may call it."""
        self._cancelled = True
        if self._live is not None:
            self._live.cancel()

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds* if the source can; None lifts that limit."""
        self._ending = seconds is not None
        if self._live is not None:
            self._live.expire(seconds)

    def heard(self) -> None:
        """Tell the source that an event has arrived."""
        if self._live is not None:
            self._live.heard()

    def spare(self, seconds: float) -> None:
        """Tell the source not to count *seconds* as silence, if it measures that."""
        if isinstance(self.source, ClockedSource):
            self.source.spare(seconds)

    def retry(self, error: ScanError) -> Self | None:
        """Return the same request again, recorded into the same file, or None."""
        if not isinstance(self.source, RenewableSource):
            return None
        onward = self.source.retry(error)
        return None if onward is None else self._hand_on(onward, "retry")

    def resume(self, error: ScanError, answer_id: str, position: int) -> Self | None:
        """Return the rest of an answer, recorded into the same file, or None."""
        if not isinstance(self.source, RenewableSource):
            return None
        onward = self.source.resume(error, answer_id, position)
        return None if onward is None else self._hand_on(onward, "resume")

    def then(self, source: Any) -> Self:
        """Return *source*, recorded into the same file as another stream after this one."""
        return self._hand_on(source, None)

    # How it works.

    def _hand_on(self, onward: Any, again: Literal["retry", "resume"] | None) -> Self:
        self._finish(left=True)
        self._has_file = False
        return type(self)(onward, self._file, with_request=self._with_request, again=again)

    def _begin(self) -> None:
        """Note that the first chunk is about to be requested."""
        self._began = time.monotonic()

    def _took(self, chunk: Any, asked: float) -> None:
        """Write the result of a read that began at *asked*."""
        self._wait_is_over(asked)
        # The reader rejects anything else.
        if isinstance(chunk, bytes | bytearray | memoryview):
            data = self.redact(bytes(chunk).decode("latin-1")).encode("latin-1", "replace")
            self._write(Read(self._now(), data))

    def _broke(self, error: Exception, asked: float) -> None:
        """Write that a read failed, unless *error*, the one being handled, is your own."""
        if not is_callers(self.source, error):
            self._wait_is_over(asked)
            self._finish(error)

    def _ended(self, asked: float) -> None:
        """Write that a read reached the end."""
        self._wait_is_over(asked)
        self._finish()
        self._file.check()

    def _now(self) -> float:
        return round(time.monotonic() - self._zero, 6)

    @property
    def _zero(self) -> float:
        """When the request was sent or, without one, reading began."""
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
        """Write how it ended, if reading has begun and the end is not written yet."""
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
