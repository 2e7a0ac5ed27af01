"""One request and its answer, over any wire: all decisions, and no reading of its own.

An exchange is in one of four states and only moves forward::

    UNSENT ──▶ SENT ──▶ BODY ──▶ OVER

    UNSENT   Nothing has been sent. `retry()` and `resume()` return exchanges in this state.
    SENT     From the first read to the response headers, the pause before a retry included.
    BODY     The headers have arrived and are checked; then the body is delivered as it arrives.
    OVER     The body was read to its end, something failed, or the reader left.

Rules:

1. The first read sends the request, once. There is one exception, within SENT: if the server closes
   a reused connection within a round trip, before the first byte of an answer, it closed it before
   it could read the request. The request is then sent again over a new connection.
2. The headers decide whether the answer is the expected one: status, codings, media type. If only
   the media type is wrong, or a Content-Encoding is unknown, the first bytes of the body decide,
   because some servers label a plain body `none` or `utf-8`. Any other answer becomes an error,
   which includes at most 64 KiB of its body.
3. Each wait takes at most what `Clock.left()` allows, so every limit holds in every state.
4. `expire()` means that the answer is complete. Only after that does `close()` read on, briefly, so
   that the wire finds the end of the body and keeps the connection. Otherwise closing disconnects,
   and the server notices at once.
5. Errors of the network are raised as a ScanError without the key. The caller's own exceptions,
   from a signal handler, another greenlet or the cancellation of a task, are raised unchanged, and
   the exchange is OVER and `interrupted`. `callers` tells the two apart.
6. Any thread may call `cancel()` in any state. Only the reader calls the other methods, and those
   that do not read return at once.

What never happens:

- A byte is delivered after an error, or read when the exchange is OVER.
- A truncated answer looks like a whole one.
- The exchange itself repeats a request that may have been served. Only a streamer knows whether
  content has been delivered, so only it may ask for that, with `retry()`.
- A connection is reused although the end of the previous answer was not found.
- A retry of a stream repeats the request sent beside it (`Request.once_open`).

All waiting is written once, in the coroutines of `BaseExchange`. `AsyncExchange` awaits them;
`Exchange` runs them over a blocking wire, where they never suspend. There are two classes so that
no blocking read slips into an event loop unnoticed.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import types
from collections.abc import Coroutine, Generator, Iterator
from typing import Any, cast

from typing_extensions import Self

from openai_scan import bounded_json
from openai_scan.errors import (
    NotAnEventStreamError,
    ScanError,
    StreamCancelledError,
    TransportError,
)
from openai_scan.interruptions import is_interruption, leave_with
from openai_scan.sse import encode_all
from openai_scan.sse.beginnings import begins_as_events, begins_bare
from openai_scan.transport import refusals
from openai_scan.transport.exchange_facts import BODY, ExchangeFacts, State, media_type_of
from openai_scan.transport.request import Request
from openai_scan.transport.whole_answers import as_stream
from openai_scan.transport.wire import Answer, at_once, content_codings

_log = logging.getLogger("openai_scan")

# A longer error body is a web page or worse; its beginning is enough.
_MAX_ERROR_BYTES = 64 * 1024
_MAX_ERROR_SECONDS = 10.0

# A whole answer, requested or sent instead of a stream; it may contain images.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024

# After [DONE] only the end of the body may follow. Waiting for it allows the connection to be
# reused, so it is not worth more time than a new connection takes.
_DRAIN_SECONDS = 0.25
_DRAIN_BYTES = 64 * 1024

# The media type of answers that are not streams.
_JSON = "application/json"

# Characters that text does not contain, and the replacement for bytes that are not text.
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")


class BaseExchange(ExchangeFacts):
    """The coroutines that wait for a wire. Over a blocking one they never suspend."""

    _instead: Iterator[bytes] = iter(())  # the events of a whole answer sent instead of a stream
    _coding: str | None = None  # what is wrong with a coding; the body may still be plain

    def _next(self) -> Coroutine[Any, Any, bytes]:
        """Return the step that reads the next bytes of the event stream, `b""` at its end."""
        return self._begin() if self._state is State.UNSENT else self._read()

    async def _call(self) -> Any:
        """Send the request, retry it as its policy allows, and return the JSON of the answer."""
        exchange = self
        while True:
            try:
                return await exchange._json()
            except ScanError as error:
                again = None if exchange.interrupted else exchange.retry(error)
                if again is None:
                    raise
            exchange = self._wait_for(again)

    async def _json(self) -> Any:
        """Send the request and return the JSON of the answer."""
        if self._state is not State.UNSENT:
            raise RuntimeError("an exchange can be read only once")
        try:
            answer = await self._open()
            return await self._value_of(await self._body(), answer)
        except BaseException as error:
            self._give_up(error)
            raise

    async def _close(self) -> None:
        """Release the connection; first find the end of the body if the answer is complete."""
        if self._state is not BODY:
            if self._state is not State.OVER:
                self.cancellation.request()  # a request not sent yet is never sent
            return
        found = False
        try:
            if self._ending and not self.cancellation.inherited:
                found = await self._drain()
        finally:
            if found:
                self._state = State.OVER
            else:
                self._hang_up()

    async def _begin(self) -> bytes:
        """Send the request and return the first bytes of the event stream.

        Raises:
            ScanError: The request failed, or the answer is not an event stream.
        """
        try:
            answer = await self._open()
            if self.request.once_open is not None and self._is_named(answer):
                await self._send_beside(self.request.once_open)
            return await self._first_bytes(answer)
        except BaseException as error:
            self._give_up(error)
            raise

    async def _first_bytes(self, answer: Answer) -> bytes:
        is_named = self._is_named(answer)
        if is_named and self._coding is None:
            return await self._read()
        # Some servers send an event stream with another media type, so its beginning decides.
        start = b""
        while (is_stream := begins_as_events(start)) is None and len(start) < _MAX_ERROR_BYTES:
            if not (chunk := await self._read()):
                is_stream = begins_as_events(start, is_all=True)
                break
            start += chunk
        is_bare = begins_bare(start.lstrip())  # accepted if it is labelled an event stream
        if is_stream or (is_named and (is_bare or not start)):
            return start
        if self._coding is not None and not is_bare:
            raise NotAnEventStreamError(self._coding)
        if media_type_of(answer) == _JSON:
            # Some servers ignore `stream` and send the whole answer.
            start = await self._body(start)
            if events := as_stream(start):
                await self._close()
                self.notes["whole_answer"] += 1
                self._instead = encode_all(events)
                return next(self._instead)
        raise refusals.mismatch(self._accept, answer.headers, await self._text_of(start))

    async def _send_beside(self, request: Request) -> None:
        """Send the request whose effects this stream shows."""
        beside = self._wait_for(type(self)(self._sender, request, accept=_JSON))
        began = time.monotonic()
        try:
            await beside._call()  # noqa: SLF001 - our own class
        finally:
            self.interrupted = (beside._beside or beside).interrupted  # noqa: SLF001 - likewise
            self.clock.spare(time.monotonic() - began)

    async def _open(self) -> Answer:
        """Send the request and return its answer if the headers are acceptable."""
        self._state = State.SENT
        self.interrupted = True  # what is raised here is the caller's own, or the caller's fault
        self._sender.check()
        if self._attempt.pause:
            await self.cancellation.pause(self._attempt.pause)
        if self._sender.key.changes and not self.cancellation.requested:
            may_wait = not self._wire.blocking
            self._send_with(await self._sender.key.current(may_wait=may_wait))
        self.interrupted = False
        if self.cancellation.requested:
            raise StreamCancelledError("the request was cancelled before it was sent")
        self.sent_at = time.monotonic()
        self._answer = answer = await self._send()
        self._state = BODY
        self.clock.answered()
        self.answered_at = time.monotonic()
        seconds = self.answered_at - self.sent_at
        _log.debug("%s: HTTP status %s after %.3f s", self.request, answer.status, seconds)
        await self._check(answer)
        return answer

    async def _send(self) -> Answer:
        """Send the request; send it again if the server had closed the connection."""
        handled = sys.exc_info()[1]
        try:
            self.clock.start()
            try:
                return await self._wire.send(self._parcel, self)
            except self._wire.errors as error:
                if not self._may_be_stale(error) or self._callers_own(error, handled):
                    raise
                self.notes["stale_connection"] += 1
                _log.info("%s: sent again, the server had closed the connection", self.request)
                self.clock.start()
                return await self._wire.send(self._parcel, self)
        except BaseException as error:  # noqa: BLE001 - raised again
            leave_with(self._give_up(self._meaning(error, handled, self._wire.no_answer)))

    async def _check(self, answer: Answer) -> None:
        """Raise an error if the response headers are not acceptable."""
        # Redacted first: lower-casing would hide the key from redaction.
        names = content_codings(self.redact(answer.headers.get("Content-Encoding", "")))
        unknown = [name for name in names if not answer.decodes(name)]
        if unknown:
            self._coding = f"the Content-Encoding {unknown[0]!r} is not supported"
        # Each layer multiplies the size that a few bytes can expand to, and no server needs two.
        is_layered = not unknown and len(names) > 1 and set(names) != {"identity"}
        if answer.status // 100 != 2:
            text = "" if is_layered else await self._text_of()
            if unknown and _NOT_TEXT.search(text):
                text = ""
            raise refusals.refusal(
                answer.status,
                answer.reason,
                answer.headers,
                text,
                hint=self._sender.hint(self.request, answer.status, text),
            )
        if is_layered:
            raise NotAnEventStreamError("the answer is compressed more than once")
        coding = answer.headers.get("Transfer-Encoding", "").lower()
        if coding not in ("", "identity", "chunked"):
            # http.client reads only the first such header and would treat the framing as events.
            raise NotAnEventStreamError(f"the Transfer-Encoding {coding!r} is not supported")

    async def _read(self) -> bytes:
        """Return the bytes of the body that have arrived, `b""` at its end."""
        answer = self._answer
        if self._state is not BODY or answer is None:  # in this state there is always an answer
            return next(self._instead, b"")
        handled = sys.exc_info()[1]
        try:
            chunk = await answer.read()
        except BaseException as error:  # noqa: BLE001 - raised again
            leave_with(self._give_up(self._meaning(error, handled, self._wire.broken_answer)))
        if not chunk:  # the wire has kept the connection, or closed it
            self._state = State.OVER
        return chunk

    async def _drain(self) -> bool:
        """Wait a moment for the end of the body; return whether it was found."""
        self.clock.end_in(_DRAIN_SECONDS)
        drained = 0
        while drained < _DRAIN_BYTES:
            try:
                chunk = await self._read()
            except Exception as error:
                if self.interrupted or is_interruption(error):
                    raise
                return False
            if not chunk:
                return True
            drained += len(chunk)
        return False

    async def _value_of(self, body: bytes, answer: Answer) -> Any:
        """Return *body* as a JSON value.

        Raises:
            APIError: It is an error.
            NotAnEventStreamError: It is not JSON.
        """
        if self.request.may_answer_nothing and not body.strip():
            return None
        try:
            value = bounded_json.loads(body)
        except bounded_json.UnboundedJSONError as error:
            message = f"the JSON of the answer cannot be read: {error}"
            raise NotAnEventStreamError(message, body=await self._text_of(body)) from None
        except (ValueError, RecursionError):
            if self._coding is not None:
                raise NotAnEventStreamError(self._coding) from None
        else:
            if not refusals.is_refusal(value):
                return value
        raise refusals.mismatch(self._accept, answer.headers, await self._text_of(body))

    async def _body(self, start: bytes = b"") -> bytes:
        """Return *start* and the rest of the body.

        Raises:
            NotAnEventStreamError: It is longer than the limit for answers.
        """
        body = bytearray(start)
        while chunk := await self._read():
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                mebibytes = _MAX_ANSWER_BYTES // (1024 * 1024)
                raise NotAnEventStreamError(f"the answer is longer than {mebibytes} MiB")
        return bytes(body)

    async def _text_of(self, start: bytes = b"") -> str:
        """Return the beginning of a body that explains an error, and release the connection."""
        self.clock.end_in(_MAX_ERROR_SECONDS)
        try:
            while len(start) < _MAX_ERROR_BYTES and (chunk := await self._read()):
                start += chunk
        except TransportError:
            if self.interrupted:
                raise
            _log.debug("%s: the body of the error broke off", self.request)
        await self._close()
        return self.redact(start[:_MAX_ERROR_BYTES].decode("utf-8", "replace"))


class Exchange(BaseExchange):
    """One request and its answer: a source that is read while the answer arrives.

    The first `next()` sends the request. Iterating raises a ScanError if the request fails or the
    answer is not an event stream.

    Attributes:
        request: What is sent.
        notes: What was tolerated of the answer, counted.
        interrupted: Whether an exception of the caller's own has left it.
        clock: The time limits.
        cancellation: What ends a wait from outside.
        sent_at: When the request was sent, in the time of `time.monotonic()`; None before that.
        answered_at: When the response headers had arrived, in the same time; None before that.
    """

    def __iter__(self) -> Iterator[bytes]:
        return cast("Iterator[bytes]", self._chunks())

    # The decorator lets a generator delegate to coroutines. Running each with `at_once()` would add
    # a microsecond to every read, mostly for the StopIteration that carries the result.
    @types.coroutine
    def _chunks(self) -> Generator[Any, None, None]:
        chunk = yield from self._next()
        read = self._read
        while chunk:
            yield chunk
            chunk = yield from read()

    def json(self) -> Any:
        """Send the request and return the JSON value of the answer."""
        return at_once(self._json())

    def call(self) -> Any:
        """Send the request, retry it as its policy allows, and return the JSON of the answer."""
        return at_once(self._call())

    def close(self) -> None:
        """Release the connection; keep it for reuse if the answer is over."""
        at_once(self._close())

    def __del__(self) -> None:
        if self._warn_if_open():
            self.close()


class AsyncExchange(BaseExchange):
    """The same over an asynchronous wire: an asynchronous source."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self._next():
            return chunk
        raise StopAsyncIteration

    async def json(self) -> Any:
        """Send the request and return the JSON value of the answer."""
        return await self._json()

    async def call(self) -> Any:
        """Send the request, retry it as its policy allows, and return the JSON of the answer."""
        return await self._call()

    async def aclose(self) -> None:
        """Release the connection; keep it for reuse if the answer is over."""
        await self._close()

    def __del__(self) -> None:
        if self._warn_if_open():
            self._hang_up()  # nothing would await the end of the body
