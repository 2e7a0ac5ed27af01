"""One request and its answer, as a source of bytes."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import requests
import urllib3

from openai_scan.errors import (
    NotAnEventStreamError,
    ScanError,
    StreamCancelledError,
    TransportError,
)
from openai_scan.redaction import redact_error
from openai_scan.sse import BYTE_ORDER_MARK, encode_all
from openai_scan.transport import answers, failures
from openai_scan.transport.cancellation import Cancellation
from openai_scan.transport.clock import Clock
from openai_scan.transport.connections import WatchedConnection, current
from openai_scan.transport.request import Request
from openai_scan.transport.retries import Attempt

if TYPE_CHECKING:
    from openai_scan.transport import Transport

_log = logging.getLogger("openai_scan")

_READ_BYTES = 64 * 1024

# An error body longer than this is a web page or worse; what matters stands at its beginning.
_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 10.0

# A whole answer, where one is asked for or comes in place of a stream: it may hold images.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024

# After [DONE] only the end of the body may follow. It is waited for, so that the connection can
# be used again, but no longer than setting up a new one would take.
_DRAIN_SECONDS = 0.25
_DRAIN_BYTES = 64 * 1024

# A connection that its server had left is found out within a round trip. Whoever hangs up later has
# got the request, and may have worked on it.
_STALE_SECONDS = 0.5

# What the first line of an event stream begins with.
_STARTS = (b":", b"data:", b"event:", b"id:", b"retry:")
_LONGEST_START = max(map(len, _STARTS))


class Exchange:
    """One request and its answer: a source that is read while the answer arrives.

    Args:
        transport: What sends it.
        request: What is sent, when the first chunk is asked for.
        accept: The media type that is expected.
        attempt: Which try of a call it is; the first by default.

    Attributes:
        request: What is sent.
        notes: What was tolerated of the answer, counted.
        clock: The time limits.
        cancellation: What wakes it.
        sent_at: When it was sent, in the time of `time.monotonic()`, or None.
        answered_at: When the head of the answer was here, in the same time, or None.
    """

    sent_at: float | None = None
    answered_at: float | None = None

    def __init__(
        self, transport: Transport, request: Request, *, accept: str, attempt: Attempt | None = None
    ) -> None:
        self.request = request
        self.notes: Counter[str] = Counter()
        self._transport = transport
        self._accept = accept
        self._attempt = attempt or Attempt()
        self.clock = Clock(request.timeout, self._attempt.deadline)
        self.cancellation = Cancellation()
        self._response: requests.Response | None = None
        self._reused = False  # the connection had carried others before
        self._attached_at = 0.0  # when there was a connection
        self._finished = False  # read to its end, or closed
        self._ending = False  # what matters has arrived; only the rest is waited for
        self._parcel = transport.pack(request, self._attempt.key, accept)

    @property
    def request_id(self) -> str | None:
        """The server's name for this request, which its support asks for; None if it has none."""
        name = None if self._response is None else answers.request_id(self._response.headers)
        return None if name is None else self.redact(name)

    @property
    def reused(self) -> bool | None:
        """Whether the connection had carried another request before; None before the answer."""
        return None if self._response is None else self._reused

    @property
    def method(self) -> str:
        """Of the request, such as `"POST"`."""
        return self.request.method

    @property
    def url(self) -> str:
        """Where the request goes."""
        return self._transport.url(self.request)

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer, or None as long as there is none."""
        return None if self._response is None else self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, with names in any case; none as long as there is no answer."""
        return {} if self._response is None else self._response.headers

    def redact(self, text: str) -> str:
        """Return *text* without the key."""
        return self._transport.redact(text)

    def __iter__(self) -> Iterator[bytes]:
        """Send the request and yield the chunks of the event stream.

        Raises:
            ScanError: The request failed, or the answer is no event stream.
        """
        with self._redacting():
            yield from self._stream()

    def _stream(self) -> Iterator[bytes]:
        response = self._open()
        chunks = self._read(response)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != self._accept:
            # Some servers send an event stream under another name, so its beginning decides.
            head = b""
            while len(_stripped(head)) < _LONGEST_START and len(head) < _MAX_ERROR_BYTES:
                if not (chunk := next(chunks, b"")):
                    break
                head += chunk
            if not _stripped(head).startswith(_STARTS):
                if media_type == "application/json":
                    yield from self._whole_answer(response, chunks, head)
                    return
                text = self._text_of(chunks, head)
                raise answers.mismatch(self._accept, response.headers, text)
            yield head
        yield from chunks

    def _whole_answer(
        self, response: requests.Response, chunks: Iterator[bytes], head: bytes
    ) -> Iterator[bytes]:
        """Yield a whole answer as the stream that was asked for: some servers ignore `stream`."""
        body = self._body(chunks, head)
        events = answers.as_stream(body)
        if not events:
            text = self._text_of(chunks, body[:_MAX_ERROR_BYTES])
            raise answers.mismatch(self._accept, response.headers, text)
        self.notes["whole_answer"] += 1
        yield from encode_all(events)

    def json(self) -> Any:
        """Send the request and return the JSON value of the answer."""
        with self._redacting():
            return self._json()

    def _json(self) -> Any:
        response = self._open()
        chunks = self._read(response)
        body = self._body(chunks)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            text = self._text_of(chunks, body[:_MAX_ERROR_BYTES])
            raise answers.mismatch(self._accept, response.headers, text) from None

    # What a live source can do.

    def cancel(self) -> None:
        """Wake the reader, in whatever phase it is. Any thread may call it."""
        self.cancellation.request()

    def expire(self, seconds: float | None) -> None:
        """End the input *seconds* from now, or not (None).

        What still comes until then does not matter much.
        """
        self._ending = seconds is not None
        self.clock.end_in(seconds)

    def heard(self) -> None:
        """Begin to count the silence of events anew: one has come, and no mere keep-alive."""
        self.clock.heard()

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as silence: the caller was busy and did not wait for an event."""
        self.clock.spare(seconds)

    def retry(self, error: ScanError) -> Exchange | None:
        """Return the same request once more, after *error* and before any content; or None."""
        return self._after(error, self._tried.again(error, self.request.retries), self.request)

    def resume(self, error: ScanError, answer_id: str, position: int) -> Exchange | None:
        """Return a request for what follows of an answer that broke off, or None if it cannot be.

        Args:
            error: How it broke off.
            answer_id: The server's name for the answer.
            position: The number of the last event that has come.
        """
        onward = self.request.onward
        if onward is None:
            return None
        attempt = self._tried.onward(error, self.request.retries, position=position)
        request = attrs.evolve(
            onward,
            path=onward.path.format(answer_id=quote(answer_id, safe="")),
            query={**onward.query, "starting_after": position},
            onward=onward,
        )
        return self._after(error, attempt, request)

    @property
    def _tried(self) -> Attempt:
        return attrs.evolve(self._attempt, deadline=self.clock.deadline)

    def _after(
        self, error: ScanError, attempt: Attempt | None, request: Request
    ) -> Exchange | None:
        if attempt is None:
            return None
        _log.info(
            "%s: try %d in %.3f s, after %s",
            request,
            attempt.number,
            attempt.pause,
            type(error).__name__,
        )
        return Exchange(self._transport, request, accept=self._accept, attempt=attempt)

    def close(self) -> None:
        """Let go of the connection; keep it open for the next request if the answer is over."""
        response = None if self._finished else self._response
        self._finished = True
        reusable = self._ending and not self.cancellation.inherited
        if response is not None and not (reusable and self._drain(response.raw)):
            self.cancellation.hang_up()
            response.close()

    def __del__(self) -> None:
        if self._response is not None and not self._finished:
            if not self._ending and not self.cancellation.inherited:
                warnings.warn(f"unclosed stream: {self.request}", ResourceWarning, stacklevel=2)
            self.close()

    def attach(self, connection: WatchedConnection, *, reused: bool) -> None:
        """Note the connection that carries the exchange, so that it can be woken up."""
        self._reused, self._attached_at = reused, time.monotonic()
        self.cancellation.attach(connection)
        self.clock.connected()

    # How it works.

    @contextlib.contextmanager
    def _redacting(self) -> Iterator[None]:
        """Have no error show the key: servers repeat it in bodies, headers and status lines."""
        try:
            yield
        except ScanError as error:
            redact_error(error, self.redact)
            raise

    def _open(self) -> requests.Response:
        """Send the request and return its answer if that is a success."""
        self.cancellation.wait_for(lambda: False, self._attempt.pause)
        if self._finished or self.cancellation.requested:
            raise StreamCancelledError("the request was cancelled before it was sent")
        self.sent_at = time.monotonic()
        response = self._send()
        self.answered_at = time.monotonic()
        seconds = self.answered_at - self.sent_at
        _log.debug("%s: HTTP status %s after %.3f s", self.request, response.status_code, seconds)
        self._check(response)
        return response

    def _send(self) -> requests.Response:
        """Send the request, and once more if the connection was one that its server had left."""
        current.carried = self
        handled = sys.exc_info()[1]
        try:
            self.clock.start()
            try:
                response = self._transport.send(self._parcel)
            except OSError as error:
                if not self._may_be_stale(error):
                    raise
                self.notes["stale_connection"] += 1
                _log.info("%s: sent again, the connection was stale", self.request)
                self.clock.start()
                response = self._transport.send(self._parcel)
        except (OSError, ValueError) as error:  # all exceptions of requests are the one
            cause = failures.without_secrets(error, self.redact, handled)
            raise failures.no_answer(cause, self._transport.base_url, self.clock) from cause
        finally:
            del current.carried
        self.clock.answered()
        self._response = response
        return response

    def _may_be_stale(self, error: OSError) -> bool:
        """Tell whether the server closed the connection just when it was to be used again."""
        return (
            self._reused
            and self.request.retries.attempts > 1
            and not self.cancellation.requested
            and not self.clock.answering
            and time.monotonic() - self._attached_at < _STALE_SECONDS
            and failures.is_stale(error)
        )

    def _check(self, response: requests.Response) -> None:
        """Raise the error that the head of the answer stands for, if it does."""
        if response.status_code // 100 != 2:
            text = self._text_of(self._read(response))
            raise answers.refusal(
                response.status_code,
                response.reason,
                response.headers,
                text,
                hint=self._transport.hint(self.request, response.status_code),
            )
        # In lower case the key would not be known again.
        encodings = self.redact(response.headers.get("Content-Encoding", "")).lower()
        for encoding in re.findall(r"[^\s,]+", encodings):
            # urllib3 hands over the bytes of an encoding that it does not know as they are.
            if encoding not in ("identity", *response.raw.CONTENT_DECODERS):
                self.close()
                raise NotAnEventStreamError(f"the Content-Encoding {encoding!r} is not known")
        coding = response.headers.get("Transfer-Encoding", "").lower()
        if coding not in ("", "identity", "chunked"):
            # http.client looks at the first such header only, and would take the frame for events.
            self.close()
            raise NotAnEventStreamError(f"the Transfer-Encoding {coding!r} is not known")

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        raw = response.raw
        compressed = _is_compressed(raw)
        while True:
            handled = sys.exc_info()[1]
            try:
                chunk = raw.read1(_READ_BYTES, decode_content=compressed)
            except failures.READ_ERRORS as error:
                response.close()
                self._finished = True
                cause = failures.without_secrets(error, self.redact, handled)
                raise failures.broken_answer(cause, self._transport.base_url, self.clock) from cause
            if not chunk:  # the end of the body; urllib3 has given the connection back by now
                self._finished = True
                return
            yield chunk

    def _drain(self, raw: urllib3.BaseHTTPResponse) -> bool:
        """Wait a moment for the end of the body; tell whether it came."""
        self.clock.end_in(_DRAIN_SECONDS)
        drained = 0
        while drained < _DRAIN_BYTES:
            try:
                chunk = raw.read1(_READ_BYTES, decode_content=_is_compressed(raw))
            except failures.READ_ERRORS:
                return False
            if not chunk:
                return True
            drained += len(chunk)
        return False

    def _body(self, chunks: Iterator[bytes], head: bytes = b"") -> bytes:
        """Return the body, or as much of it as any answer may have."""
        body = bytearray(head)
        while len(body) < _MAX_ANSWER_BYTES and (chunk := next(chunks, b"")):
            body += chunk
        return bytes(body)

    def _text_of(self, chunks: Iterator[bytes], head: bytes = b"") -> str:
        """Return the beginning of a body that tells what went wrong, and let go of the rest."""
        self.clock.end_in(_MAX_ERROR_SECONDS)
        try:
            while len(head) < _MAX_ERROR_BYTES and (chunk := next(chunks, b"")):
                head += chunk
        except TransportError:
            _log.debug("%s: the body of the error broke off", self.request)
        self.close()
        return self.redact(head[:_MAX_ERROR_BYTES].decode("utf-8", "replace"))


def _is_compressed(raw: urllib3.BaseHTTPResponse) -> bool:
    """Tell whether urllib3 has to decode the body; otherwise it would queue it all the same."""
    return "Content-Encoding" in raw.headers


def _stripped(body: bytes) -> bytes:
    return body.removeprefix(BYTE_ORDER_MARK).lstrip()
