"""One request and its answer, as a source of bytes."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from openai_scan.errors import NotAnEventStreamError, StreamCancelledError, TransportError
from openai_scan.sse import BYTE_ORDER_MARK, encode_all
from openai_scan.transport import answers, failures
from openai_scan.transport.connections import WatchedConnection, current, ownership
from openai_scan.transport.request import Request

if TYPE_CHECKING:
    from openai_scan.transport import Transport

_log = logging.getLogger("openai_scan")

_READ_BYTES = 64 * 1024

# An error body longer than this is a web page or worse; what matters stands at its beginning.
_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 10.0

# A whole answer in place of a stream: it may hold images.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024

# After [DONE] only the end of the body may follow. It is waited for, so that the connection can
# be used again, but no longer than setting up a new one would take.
_DRAIN_SECONDS = 0.25
_DRAIN_BYTES = 64 * 1024

# Sockets refuse an infinite timeout; a year is as good.
_FOREVER = 365 * 24 * 3600.0

# What the first line of an event stream begins with.
_STARTS = (b":", b"data:", b"event:", b"id:", b"retry:")
_LONGEST_START = max(map(len, _STARTS))


class Exchange:
    """One request and its answer: a source that is read while the answer arrives.

    Args:
        transport: What sends it.
        request: What is sent, when the first chunk is asked for.
        accept: The media type that is expected.

    Attributes:
        request: What is sent.
        notes: What was tolerated of the answer, counted.
    """

    def __init__(self, transport: Transport, request: Request, *, accept: str) -> None:
        self.request = request
        self.notes: Counter[str] = Counter()
        self._transport = transport
        self._accept = accept
        self._response: requests.Response | None = None
        self._connection: WatchedConnection | None = None
        self._socket: socket.socket  # of the connection, as soon as there is one
        self._token = object()
        self._cancelled = False
        self._finished = False  # read to its end, or closed
        self._ending = False  # what matters has arrived; only the rest is waited for
        self._total_deadline = self._deadline = time.monotonic() + _FOREVER

    @property
    def request_id(self) -> str | None:
        """The server's name for this request, which its support asks for; None if it has none."""
        return None if self._response is None else answers.request_id(self._response.headers)

    def redact(self, text: str) -> str:
        """Return *text* without the key."""
        return self._transport.redact(text)

    def __iter__(self) -> Iterator[bytes]:
        """Send the request and yield the chunks of the event stream.

        Raises:
            ScanError: The request failed, or the answer is no event stream.
        """
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
        body = bytearray(head)
        while len(body) < _MAX_ANSWER_BYTES and (chunk := next(chunks, b"")):
            body += chunk
        events = answers.as_stream(bytes(body))
        if not events:
            text = self._text_of(chunks, bytes(body[:_MAX_ERROR_BYTES]))
            raise answers.mismatch(self._accept, response.headers, text)
        self.notes["whole_answer"] += 1
        yield from encode_all(events)

    def json(self) -> Any:
        """Send the request and return the JSON value of the answer."""
        response = self._open()
        body = b"".join(self._read(response))
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            text = self._text_of(iter(()), body)
            raise answers.mismatch(self._accept, response.headers, text) from None

    def cancel(self) -> None:
        """Wake the reader, in whatever phase it is. Any thread may call it."""
        with ownership:
            self._cancelled = True
            self._shut_down()

    def expire(self, seconds: float | None) -> None:
        """End the input *seconds* from now, or not (None).

        What still comes until then does not matter much.
        """
        self._ending = seconds is not None
        self._deadline = self._total_deadline
        if seconds is not None:
            self._deadline = min(self._deadline, time.monotonic() + seconds)

    def close(self) -> None:
        """Let go of the connection; keep it open for the next request if the answer is over."""
        response = None if self._finished else self._response
        self._finished = True
        if response is not None and not (self._ending and self._drain(response.raw)):
            with ownership:
                self._shut_down()
            response.close()

    def __del__(self) -> None:
        if self._response is not None and not self._finished:
            if not self._ending:
                warnings.warn(f"unclosed stream: {self.request}", ResourceWarning, stacklevel=2)
            self.close()

    def attach(self, connection: WatchedConnection) -> None:
        """Note the connection that carries the exchange, so that it can be woken up."""
        with ownership:
            connection.owner = self._token
            self._connection = connection
            self._socket = connection.sock
            if self._cancelled:
                self._shut_down()

    def _shut_down(self) -> None:
        """Shut the socket down, unless the connection has been passed on to somebody else."""
        if self._connection is not None and self._connection.owner is self._token:
            with contextlib.suppress(OSError):  # it may be closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _open(self) -> requests.Response:
        """Send the request and return its answer if that is a success."""
        if self._finished or self._cancelled:
            raise StreamCancelledError("the request was cancelled before it was sent")
        total = self.request.timeout.total
        if total is not None:
            self._total_deadline = self._deadline = time.monotonic() + total
        started = time.monotonic()
        current.carried = self
        try:
            response = self._transport.send(self.request, accept=self._accept)
        except requests.RequestException as error:
            raise failures.no_answer(
                error,
                self._transport.base_url,
                self.request.timeout,
                connected=self._connection is not None,
            ) from error
        finally:
            del current.carried
        self._response = response
        seconds = time.monotonic() - started
        _log.debug("%s: HTTP status %s after %.3f s", self.request, response.status_code, seconds)
        self._check(response)
        return response

    def _check(self, response: requests.Response) -> None:
        """Raise the error that the head of the answer stands for, if it does."""
        if response.status_code // 100 != 2:
            text = self._text_of(self._read(response))
            raise answers.refusal(response.status_code, response.reason, response.headers, text)
        encodings = re.findall(r"[^\s,]+", response.headers.get("Content-Encoding", "").lower())
        for encoding in encodings:
            # urllib3 hands over the bytes of an encoding that it does not know as they are.
            if encoding not in ("identity", *response.raw.CONTENT_DECODERS):
                self.close()
                raise NotAnEventStreamError(f"the Content-Encoding {encoding!r} is not known")

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        while True:
            try:
                self._set_clock()
                chunk = response.raw.read1(_READ_BYTES, decode_content=True)
            except failures.READ_ERRORS as error:
                response.close()
                self._finished = True
                overdue = time.monotonic() >= self._deadline
                raise failures.broken_answer(
                    error, self.request.timeout, overdue=overdue
                ) from error
            if not chunk:  # the end of the body; urllib3 has given the connection back by now
                self._finished = True
                return
            yield chunk

    def _set_clock(self) -> None:
        """Limit the next read: the clocks of requests know no total."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        idle = self.request.timeout.idle
        self._set_timeout(min(left, _FOREVER if idle is None else idle))

    def _set_timeout(self, seconds: float) -> None:
        # Where the connection closes after the answer, it is closed as soon as all of it is
        # here; what is left to read is in memory then.
        with contextlib.suppress(OSError):
            self._socket.settimeout(seconds)

    def _drain(self, raw: urllib3.BaseHTTPResponse) -> bool:
        """Wait a moment for the end of the body; tell whether it came."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        drained = 0
        while drained < _DRAIN_BYTES and (left := deadline - time.monotonic()) > 0:
            try:
                self._set_timeout(left)
                chunk = raw.read1(_READ_BYTES, decode_content=True)
            except failures.READ_ERRORS:
                return False
            if not chunk:
                return True
            drained += len(chunk)
        return False

    def _text_of(self, chunks: Iterator[bytes], head: bytes = b"") -> str:
        """Return the beginning of a body that tells what went wrong, and let go of the rest."""
        self._deadline = min(self._deadline, time.monotonic() + _MAX_ERROR_SECONDS)
        try:
            while len(head) < _MAX_ERROR_BYTES and (chunk := next(chunks, b"")):
                head += chunk
        except TransportError:
            _log.debug("%s: the body of the error broke off", self.request)
        self.close()
        return self.redact(head[:_MAX_ERROR_BYTES].decode("utf-8", "replace"))


def _stripped(body: bytes) -> bytes:
    return body.removeprefix(BYTE_ORDER_MARK).lstrip()
