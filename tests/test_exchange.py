"""The exchange over a wire in memory: what is decided does not depend on how bytes travel."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import attrs
import pytest
from clocks import Now
from memory_wire import EVENT_STREAM, JSON, Hang, MemoryWire, Reply
from server import PATIENCE

from openai_scan import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    InternalServerError,
    NotAnEventStreamError,
    RetryPolicy,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    Timeout,
    TransportError,
)
from openai_scan.sources import (
    AnsweredSource,
    ClockedSource,
    RenewableSource,
    RequestedSource,
)
from openai_scan.sse import LiveSource
from openai_scan.transport import Exchange, Request, Transport
from openai_scan.transport.clock import Clock
from openai_scan.transport.exchange import AsyncExchange
from openai_scan.transport.key import Key
from openai_scan.transport.request import merged
from openai_scan.transport.transport import AsyncTransport
from openai_scan.transport.wire import at_once

KEY = "sk-secret-1234"
URL = "http://memory.test/v1"
HI = b'data: {"text": "Hi"}\n\n'
DONE = b"data: [DONE]\n\n"
BUSY = Reply([b"busy"], status=503, headers={})
ONWARD = Request(method="GET", path="/responses/{answer_id}", query={"stream": True})
REQUEST = Request(method="POST", path="/x", body={"q": "prompt"}, onward=ONWARD)


PLAIN = ["none", "UTF-8", "binary", "8bit", "7bit", "chunked", "text", "plain", "none, utf-8"]
PLAIN += ["identity", "identity, identity", "utf-8;q=1", "", ","]


def coded(coding: str, headers: dict[str, str] = EVENT_STREAM) -> dict[str, str]:
    """Return *headers* with a Content-Encoding."""
    return {**headers, "content-encoding": coding}


def transport_over(wire: MemoryWire) -> AsyncTransport:
    """Return an asynchronous transport."""
    return AsyncTransport(URL, key=KEY, wire=wire)


def stream_over(wire: MemoryWire, request: Request = REQUEST) -> AsyncExchange:
    """Return an exchange that has not been sent."""
    return transport_over(wire).stream(request)


async def collect(exchange: AsyncExchange) -> tuple[list[bytes], ScanError | None]:
    """Return the chunks and the error."""
    chunks: list[bytes] = []
    try:
        async for chunk in exchange:
            chunks.append(chunk)  # noqa: PERF401 - what came before an error stays
    except ScanError as error:
        return chunks, error
    return chunks, None


async def read(exchange: AsyncExchange) -> list[bytes]:
    """Return all chunks, and retry as a streamer does before content."""
    chunks, error = await collect(exchange)
    if error is None:
        return chunks
    again = exchange.retry(error)
    if again is None:
        raise error
    return chunks + await read(again)


def failure(reading: Coroutine[Any, Any, Any]) -> ScanError:
    """Return the error that *reading* ends with."""
    with pytest.raises(ScanError) as caught:
        asyncio.run(reading)
    return caught.value


class SlowWire(MemoryWire):
    """A blocking wire of a server that takes some seconds for each step."""

    def __init__(self, *replies: Reply, now: Now, seconds: float) -> None:
        super().__init__(*replies, blocking=True)
        self.now = now
        self.seconds = seconds

    async def play(self, step: Any, carried: Any) -> bytes:
        """Play the step when they have passed."""
        self.now.seconds += self.seconds
        return await super().play(step, carried)


class TestReading:
    """The body is handed over as it arrives."""

    def test_chunks_come_one_by_one(self) -> None:
        """Another task runs while the wire waits."""
        turns: list[str] = []

        async def other() -> None:
            for _ in range(4):
                turns.append("other")
                await asyncio.sleep(0)

        async def reader() -> None:
            async for chunk in exchange:
                turns.append(chunk.decode()[:4])  # noqa: PERF401 - one after the other

        async def both() -> None:
            await asyncio.gather(reader(), other())

        wire = MemoryWire(Reply([HI, DONE]))
        exchange = stream_over(wire)
        asyncio.run(both())
        assert turns.count("data") == 2
        assert turns.index("data") < len(turns) - 1 - turns[::-1].index("other")
        assert (wire.kept, wire.closed) == (1, 0)

    def test_it_answers_what_a_streamer_asks(self) -> None:
        """All protocols of a source hold, before the answer and afterwards."""

        async def run() -> None:
            headers = {**EVENT_STREAM, "x-request-id": f"r {KEY}"}
            exchange = stream_over(MemoryWire(Reply([HI], headers=headers, reused=None)))
            for protocol in (
                LiveSource,
                RequestedSource,
                ClockedSource,
                RenewableSource,
                AnsweredSource,
            ):
                assert isinstance(exchange, protocol)
            facts = ("status", "reused", "sent_at", "answered_at", "request_id")
            assert [getattr(exchange, fact) for fact in facts] == [None] * 5
            assert exchange.headers == {}
            assert await read(exchange) == [HI]
            assert (exchange.method, exchange.url) == ("POST", f"{URL}/x")
            assert (exchange.status, exchange.reused) == (200, None)
            assert exchange.request_id == "r [key]"
            assert exchange.sent_at is not None
            assert exchange.answered_at is not None
            assert exchange.sent_at <= exchange.answered_at

        asyncio.run(run())

    def test_a_prompt_shows_the_request_and_the_status(self) -> None:
        """The repr shows neither the body nor a header, which may have secrets."""

        async def run() -> None:
            exchange = stream_over(MemoryWire(Reply([HI])))
            assert repr(exchange) == "<AsyncExchange POST /x: no answer yet>"
            assert await read(exchange) == [HI]
            assert repr(exchange) == "<AsyncExchange POST /x: HTTP status 200>"

        asyncio.run(run())

    def test_nothing_is_read_after_the_end(self) -> None:
        """Another loop over it brings nothing, and sends nothing."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await read(exchange) == [HI]
            assert await read(exchange) == []
            with pytest.raises(RuntimeError, match=r"^an exchange can be read only once$"):
                await exchange.json()
            await exchange.aclose()
            assert not exchange.cancellation.requested

        wire = MemoryWire(Reply([HI]))
        asyncio.run(run())
        assert len(wire.sent) == 1

    def test_an_event_stream_under_another_name_is_read(self) -> None:
        """Its beginning decides, however it is split."""

        async def run() -> list[bytes]:
            return await read(stream_over(wire))

        wire = MemoryWire(Reply([b"\n", b"da", b"ta: 1\n\n", DONE], headers=JSON))
        assert b"".join(asyncio.run(run())) == b"\ndata: 1\n\n" + DONE

    def test_a_whole_answer_is_read_as_a_stream(self) -> None:
        """A server may ignore that a stream was asked for."""

        async def run() -> None:
            exchange = stream_over(wire)
            chunks = await read(exchange)
            assert chunks[0].startswith(b"event: transcript.text.done\ndata: ")
            assert chunks[1:] == [DONE]
            assert exchange.notes == {"whole_answer": 1}

        wire = MemoryWire(Reply([b'{"te', b'xt": "Hi"}'], headers=JSON))
        asyncio.run(run())
        assert (wire.kept, wire.closed) == (1, 0)


class TestRefusals:
    """What is not the expected answer is an error."""

    @pytest.mark.parametrize(
        ("reply", "cls", "message"),
        [
            (
                Reply([b'{"error": {"message": "no sk-secret', b'-1234"}}'], status=401),
                AuthenticationError,
                "no [key] (HTTP status 401)",
            ),
            (
                Reply([b"half of the reason", OSError("reset")], status=500),
                InternalServerError,
                "half of the reason (HTTP status 500)",
            ),
            (
                Reply([], status=500),
                InternalServerError,
                "the server answered with HTTP status 500 Reason (HTTP status 500)",
            ),
            (
                Reply([b"<p>log in</p>"], headers={"content-type": "text/html"}),
                NotAnEventStreamError,
                "the server sent text/html instead of text/event-stream: log in",
            ),
            (
                Reply([b"[]"], headers=JSON),
                NotAnEventStreamError,
                "the server sent application/json instead of text/event-stream: []",
            ),
            (
                Reply([b"\xf1data: 1\n"], headers=coded("identity, x-new")),
                NotAnEventStreamError,
                "the Content-Encoding 'x-new' is not supported",
            ),
            (
                Reply([b"data: 1"], headers=coded("zip, zip")),
                NotAnEventStreamError,
                "the answer is compressed more than once",
            ),
            (
                Reply([b"<p>log in</p>"], headers=coded("none", {"content-type": "text/html"})),
                NotAnEventStreamError,
                "the server sent text/html instead of text/event-stream: log in",
            ),
            (
                Reply([b'{"error": "full"}'], headers=coded("none", JSON)),
                APIError,
                "full",
            ),
            (
                Reply([b"full"], status=500, headers=coded("utf-8")),
                InternalServerError,
                "full (HTTP status 500)",
            ),
            (
                Reply([b"f\xff"], status=500, headers=coded("x-new")),
                InternalServerError,
                "the server answered with HTTP status 500 Reason (HTTP status 500)",
            ),
            (
                Reply([b"full"], status=500, headers=coded("zip, zip")),
                InternalServerError,
                "the server answered with HTTP status 500 Reason (HTTP status 500)",
            ),
            (
                Reply([b"f\0ll"], status=500, headers=coded("x-new")),
                InternalServerError,
                "the server answered with HTTP status 500 Reason (HTTP status 500)",
            ),
            (
                Reply([HI], headers={**EVENT_STREAM, "transfer-encoding": "gzip"}),
                NotAnEventStreamError,
                "the Transfer-Encoding 'gzip' is not supported",
            ),
        ],
        ids=[
            "401",
            "500 cut",
            "500 empty",
            "page",
            "JSON",
            "encoding",
            "twice",
            "plain page",
            "plain error",
            "500 in plain words",
            "500 x-new",
            "500 twice",
            "500 of bytes",
            "coding",
        ],
    )
    def test_the_response_headers_and_the_first_bytes_decide(
        self, reply: Reply, cls: type[ScanError], message: str
    ) -> None:
        """The error has its class and no key, and afterwards there is nothing to read."""

        async def run() -> None:
            exchange = stream_over(MemoryWire(reply), once())
            with pytest.raises(ScanError) as caught:
                await read(exchange)
            assert type(caught.value) is cls
            assert str(caught.value) == message
            assert await read(exchange) == []

        asyncio.run(run())

    @pytest.mark.unmeasured
    @pytest.mark.parametrize("coding", PLAIN)
    @pytest.mark.parametrize(
        "steps",
        [
            [HI],
            [b"\n", b"\xef\xbb\xbfda", b"ta: 1\n\n"],
            [b": ping\n\n", HI],
            [b"\r\n{", b'"a": 1}'],
            [],
        ],
        ids=["events", "cut", "a comment", "JSON in an event stream", "nothing"],
    )
    def test_what_is_plain_is_read_whatever_its_coding_is_called(
        self, coding: str, steps: list[bytes]
    ) -> None:
        """The body shows that it is not encoded: encoded bytes never begin like that."""
        wire = MemoryWire(Reply([*steps], headers=coded(coding)))
        assert b"".join(asyncio.run(read(stream_over(wire)))) == b"".join(steps)

    @pytest.mark.parametrize("coding", PLAIN)
    def test_a_whole_answer_may_be_called_so_too(self, coding: str) -> None:
        """A plain JSON answer is read under such a name, in a stream and in a call."""
        reply = [b' {"te', b'xt": "Hi"}']
        wire = MemoryWire(*(Reply([*reply], headers=coded(coding, JSON)) for _ in range(2)))
        (event, end) = asyncio.run(read(stream_over(wire)))
        assert (event.count(b"transcript.text.done"), end) == (2, DONE)
        assert asyncio.run(transport_over(wire).call(REQUEST)) == {"text": "Hi"}

    def test_a_call_is_not_answered_in_a_coding_that_is_unknown(self) -> None:
        """The error names the encoding, rather than quote the bytes."""
        wire = MemoryWire(Reply([b"\xf1{}"], headers=coded("x-new", JSON)))
        error = failure(transport_over(wire).call(REQUEST))
        assert isinstance(error, NotAnEventStreamError)
        assert str(error) == "the Content-Encoding 'x-new' is not supported"

    def test_the_body_of_an_error_is_bounded(self) -> None:
        """The rest is not read, and the connection is dropped."""
        wire = MemoryWire(Reply([b"x" * 40_000] * 9, status=500))
        error = failure(read(stream_over(wire, once())))
        assert isinstance(error, APIError)
        assert error.body == "x" * 65536
        assert (wire.kept, wire.closed, wire.hung_up) == (0, 1, 1)

    def test_no_more_of_it_is_asked_for(self) -> None:
        """After 64 KiB the client does not wait for more, which may never come."""
        wire = MemoryWire(Reply([b"x" * 65536, KeyboardInterrupt()], status=500))
        assert type(failure(read(stream_over(wire, once())))) is InternalServerError

    def test_the_body_of_an_error_has_ten_seconds(self, now: Now) -> None:
        """What has come by then is in the error."""
        wire = SlowWire(Reply([b"a"] * 9, status=500), now=now, seconds=4)
        _, error = at_once(collect_all(Transport(URL, key=KEY, wire=wire).stream(once())))
        assert isinstance(error, APIError)
        assert error.message == "aa"
        assert (wire.closed, wire.hung_up) == (1, 1)

    def test_the_body_of_an_error_may_be_no_text(self) -> None:
        """Bytes that are not UTF-8 are replaced in the message, and the rest can be read."""
        error = failure(read(stream_over(MemoryWire(Reply([b"no: \xff!"], status=500)), once())))
        assert isinstance(error, APIError)
        assert error.message == "no: \ufffd!"


def once(**changes: Any) -> Request:
    """Return a request that is not sent again."""
    return attrs.evolve(REQUEST, retries=RetryPolicy(attempts=1), **changes)


class TestCalls:
    """A call returns JSON."""

    def test_it_is_retried(self) -> None:
        """A call is retried with the same idempotency key."""
        wire = MemoryWire(BUSY, Reply([b'{"id"', b": 1}"], headers=JSON))
        assert asyncio.run(transport_over(wire).call(REQUEST)) == {"id": 1}
        one, two = wire.sent
        assert one.headers == two.headers
        assert one.headers["Idempotency-Key"].startswith("openai-scan-")
        assert len(wire.pauses) == 1

    def test_an_error_for_good_is_raised(self) -> None:
        """A call raises an error that is not temporary, and the message quotes the body."""
        wire = MemoryWire(Reply([b"<p>no"], headers={"content-type": "text/html"}))
        error = failure(transport_over(wire).call(REQUEST))
        assert str(error) == "the server sent text/html instead of application/json: no"

    @pytest.mark.parametrize("levels", [128, 129, 100_000])
    def test_json_that_is_nested_too_deep_is_refused(self, levels: int) -> None:
        """More than 128 levels are refused: Python's stack has no room for the objects."""
        body = b'{"a":' * (levels // 2) + b"[" * (levels - levels // 2)
        body += b"]" * (levels - levels // 2) + b"}" * (levels // 2)
        transport = transport_over(MemoryWire(Reply([body], headers=JSON)))
        if levels == 128:
            assert isinstance(asyncio.run(transport.call(once())), dict)
            return
        error = failure(transport.call(once()))
        assert isinstance(error, NotAnEventStreamError)
        assert (
            str(error) == "the JSON of the answer cannot be read: nested more than 128 levels deep"
        )
        assert error.body == body[:65536].decode()

    @pytest.mark.parametrize("more", [0, 1])
    def test_an_answer_has_a_limit(self, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
        """An answer that is longer than the limit is an error with the limit in its message."""
        size = 2 * 1024 * 1024
        monkeypatch.setattr("openai_scan.transport.exchange._MAX_ANSWER_BYTES", size)
        body = b'"' + b"a" * (size - 2 + more) + b'"'
        transport = transport_over(MemoryWire(Reply([body[:size], body[size:]], headers=JSON)))
        if more:
            error = failure(transport.call(once()))
            assert type(error) is NotAnEventStreamError
            assert str(error) == "the answer is longer than 2 MiB"
        else:
            assert asyncio.run(transport.call(once())) == "a" * (size - 2)

    def test_one_exchange_is_asked_for_json(self) -> None:
        """An exchange has `json()`, which returns the JSON of its answer."""

        async def run() -> Any:
            return await stream_over(MemoryWire(Reply([b"[1]"], headers=JSON))).json()

        assert asyncio.run(run()) == [1]


class TestRenewal:
    """An exchange makes the next one, unsent."""

    def test_a_refusal_for_now_is_retried_after_a_pause(self) -> None:
        """The pause is as long as the server asks for, or else random."""
        asked = Reply([], status=429, headers={"retry-after": "7"})
        wire = MemoryWire(asked, BUSY, Reply([HI]))
        assert asyncio.run(read(stream_over(wire))) == [HI]
        assert wire.pauses[0] == 7
        assert 0 <= wire.pauses[1] <= 1
        assert {parcel.headers["Idempotency-Key"] for parcel in wire.sent} == {
            wire.sent[0].headers["Idempotency-Key"]
        }

    def test_all_attempts_have_one_total(self) -> None:
        """It runs from the first request on."""

        async def run() -> None:
            exchange = stream_over(wire, attrs.evolve(REQUEST, timeout=Timeout(total=600)))
            _, error = await collect(exchange)
            assert error is not None
            assert exchange.clock.deadline is not None
            again = exchange.retry(error)
            assert again is not None
            assert again.clock.deadline == exchange.clock.deadline
            rest = exchange.resume(TransportError("reset"), "resp_1", 3)
            assert rest is not None
            assert rest.clock.deadline == exchange.clock.deadline

        wire = MemoryWire(BUSY)
        asyncio.run(run())

    def test_no_connection_is_retried(self) -> None:
        """A failed connection is retried, as nothing was sent."""
        wire = MemoryWire(Reply(before=[OSError("refused")], reused="none"), Reply([HI]))
        assert asyncio.run(read(stream_over(wire))) == [HI]

    def test_a_certificate_that_was_refused_is_not_retried(self) -> None:
        """A refused certificate is not retried, as it would be refused again."""
        error = ConnectError("refused")
        error.certificate_refused = True
        assert stream_over(MemoryWire()).retry(error) is None

    def test_a_request_that_may_have_been_served_is_not_retried(self) -> None:
        """Such a request is sent again only with `resend=True`."""
        wire = MemoryWire(Reply([OSError("reset")]))
        assert str(failure(read(stream_over(wire)))) == "broken: reset"
        wire = MemoryWire(Reply([OSError("reset")]), Reply([HI]))
        resend = attrs.evolve(REQUEST, retries=RetryPolicy(resend=True))
        assert asyncio.run(read(stream_over(wire, resend))) == [HI]

    def test_an_answer_that_broke_off_is_resumed(self) -> None:
        """The rest is asked for, with its own path, after the last event."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await anext(exchange) == HI
            with pytest.raises(TransportError) as caught:
                await anext(exchange)
            rest = exchange.resume(caught.value, "resp 1", 3)
            assert rest is not None
            assert rest.status is None
            assert await read(rest) == [DONE]
            assert rest.resume(caught.value, "resp 1", 4) is not None

        wire = MemoryWire(Reply([HI, OSError("reset")]), Reply([DONE]))
        asyncio.run(run())
        assert wire.sent[1].url == f"{URL}/responses/resp%201"
        assert wire.sent[1].query == (("stream", "true"), ("starting_after", "3"))

    def test_what_cannot_be_resumed_is_not(self) -> None:
        """Resuming needs a request for the rest, a valid id, and an error that may pass."""
        error = TransportError("reset")
        plain = attrs.evolve(REQUEST, onward=None)
        assert stream_over(MemoryWire(), plain).resume(error, "resp_1", 3) is None
        assert stream_over(MemoryWire()).resume(AuthenticationError("no"), "resp_1", 3) is None
        for no_id in ("", "..", "a/b"):
            assert stream_over(MemoryWire()).resume(error, no_id, 3) is None

    def test_a_connection_that_the_server_had_left_is_replaced(self) -> None:
        """The request is sent again within the same attempt."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await read(exchange) == [HI]
            assert exchange.notes == {"stale_connection": 1}
            assert exchange.reused is False

        left = Reply(before=[ConnectionResetError("left")], reused=True)
        wire = MemoryWire(left, Reply([HI]))
        asyncio.run(run())
        first, second = wire.sent
        assert first is second
        assert wire.pauses == []

    @pytest.mark.parametrize(
        ("reply", "request_"),
        [
            (Reply(before=[ConnectionResetError("left")], reused=False), REQUEST),
            (Reply(before=[ConnectionResetError("left")], reused=None), REQUEST),
            (Reply(before=[b"H", ConnectionResetError("left")], reused=True), REQUEST),
            (Reply(before=[OSError("other")], reused=True), REQUEST),
            (Reply(before=[ConnectionResetError("left")], reused=True), once()),
        ],
        ids=["new", "unknown", "answering", "other error", "one attempt"],
    )
    def test_any_other_connection_may_have_carried_the_request(
        self, reply: Reply, request_: Request
    ) -> None:
        """A new connection, a begun answer and other errors are no reason to send it again."""
        wire = MemoryWire(reply)
        assert type(failure(read(stream_over(wire, request_)))) is TransportError
        assert len(wire.sent) == 1

    @pytest.mark.parametrize(("worked", "sent"), [(0.25, 2), (0.5, 1), (1, 1)])
    def test_a_server_that_leaves_after_a_while_may_have_worked(
        self, now: Now, worked: float, sent: int
    ) -> None:
        """A reused connection that breaks within 0.25 s is replaced; after 0.5 s it is an error.

        A server that has only closed an idle connection takes no longer than a round trip. The
        policy has to allow a second attempt in any case.
        """
        left = Reply(before=[ConnectionResetError("left")], reused=True)
        wire = SlowWire(left, Reply([HI]), now=now, seconds=worked)
        request = attrs.evolve(REQUEST, retries=RetryPolicy(attempts=2))
        chunks, error = at_once(collect_all(Transport(URL, key=KEY, wire=wire).stream(request)))
        assert (chunks, type(error)) == (([HI], type(None)) if sent == 2 else ([], TransportError))
        assert len(wire.sent) == sent


class TestLimits:
    """Each wait is as long as the clock allows."""

    @pytest.mark.parametrize(
        ("reply", "timeout", "limit"),
        [
            (lambda: Reply(before=[Hang()], reused="none"), Timeout(connect=0.01), "connect"),
            (lambda: Reply(before=[Hang()]), Timeout(first_byte=0.01), "first_byte"),
            (lambda: Reply([HI, Hang()]), Timeout(idle=0.01), "idle"),
            (lambda: Reply([HI, Hang()]), Timeout(event_idle=0.01), "event_idle"),
            (lambda: Reply([HI, Hang()]), Timeout(total=0.01), "total"),
        ],
        ids=["connect", "first_byte", "idle", "event_idle", "total"],
    )
    def test_a_limit_that_runs_out_has_its_name(
        self, reply: Callable[[], Reply], timeout: Timeout, limit: str
    ) -> None:
        """The error has the name of the limit, and a begun answer is closed."""
        wire = MemoryWire(reply())
        error = failure(read(stream_over(wire, once(timeout=timeout))))
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == limit
        assert isinstance(error.__cause__, TimeoutError)
        assert wire.closed == wire.hung_up == int(limit not in ("connect", "first_byte"))

    def test_the_streamer_moves_the_limits(self) -> None:
        """The streamer reports an event or its own work, and sets or lifts the grace period."""

        async def run() -> None:
            exchange = stream_over(MemoryWire(Reply([HI, HI, Hang()])))
            assert await anext(exchange) == HI
            exchange.heard()
            exchange.spare(1)
            exchange.expire(0)
            exchange.expire(None)
            assert await anext(exchange) == HI
            exchange.expire(0.01)
            with pytest.raises(StreamTimeoutError, match="kept the connection open") as caught:
                await anext(exchange)
            assert caught.value.limit is None

        asyncio.run(run())


class TestClosing:
    """Closing keeps the connection only where the end of the body is found."""

    async def closed(self, wire: MemoryWire, *, ending: bool) -> AsyncExchange:
        """Read one chunk and close."""
        exchange = stream_over(wire)
        assert await anext(exchange) == HI
        if ending:
            exchange.expire(2)
        await exchange.aclose()
        assert await read(exchange) == []
        await exchange.aclose()
        return exchange

    def test_what_is_left_early_is_hung_up(self) -> None:
        """The server notices at once."""
        wire = MemoryWire(Reply([HI, DONE]))
        exchange = asyncio.run(self.closed(wire, ending=False))
        assert (wire.kept, wire.closed, wire.hung_up) == (0, 1, 1)
        assert not exchange.cancellation.requested

    def test_a_connection_that_cannot_be_closed_is_left(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """If closing the connection fails, the server sees a hang-up and no error is raised."""

        def close(_: object) -> None:
            raise OSError("no descriptor is left")

        monkeypatch.setattr("memory_wire.MemoryAnswer.close", close)
        caplog.set_level(logging.DEBUG, "openai_scan")
        wire = MemoryWire(Reply([HI, DONE]))
        asyncio.run(self.closed(wire, ending=False))
        assert (wire.kept, wire.hung_up) == (0, 1)
        assert "closing the connection failed: OSError" in caplog.text

    @pytest.mark.parametrize("rest", [[DONE, b"\n"], [b"x" * 65535]], ids=["short", "long"])
    def test_what_is_over_is_drained(self, rest: list[Any]) -> None:
        """The rest is read, up to 64 KiB, and the connection kept, because it was not cancelled."""
        wire = MemoryWire(Reply([HI, *rest]))
        exchange = asyncio.run(self.closed(wire, ending=True))
        assert (wire.kept, wire.closed, wire.hung_up) == (1, 0, 0)
        assert not exchange.cancellation.requested

    @pytest.mark.parametrize(
        "rest",
        [[OSError("reset")], [b"x" * 65536, b""], [b"x" * 40_000] * 2, ["hang"]],
        ids=["error", "long", "long in all", "hang"],
    )
    def test_a_rest_without_an_end_is_left(
        self, rest: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection is closed if the rest breaks off, is too long, or takes too long."""
        monkeypatch.setattr("openai_scan.transport.exchange._DRAIN_SECONDS", 0.01)
        steps = [Hang() if step == "hang" else step for step in rest]
        wire = MemoryWire(Reply([HI, *steps]))
        asyncio.run(self.closed(wire, ending=True))
        assert (wire.kept, wire.closed, wire.hung_up) == (0, 1, 1)

    def test_a_child_process_leaves_the_rest_to_its_parent(self) -> None:
        """It reads nothing of what both would read."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await anext(exchange) == HI
            exchange.expire(2)
            exchange.cancellation.inherited = True  # type: ignore[misc] # as after a fork
            await exchange.aclose()

        wire = MemoryWire(Reply([HI, DONE]))
        asyncio.run(run())
        assert (wire.kept, wire.closed) == (0, 1)

    def test_what_was_never_sent_never_is(self) -> None:
        """Closing an exchange that was not sent cancels it."""

        async def run() -> None:
            exchange = stream_over(wire)
            await exchange.aclose()
            await exchange.aclose()
            await read(exchange)

        wire = MemoryWire()
        assert type(failure(run())) is StreamCancelledError
        assert wire.sent == []

    def test_a_forgotten_stream_is_hung_up_with_a_warning(self) -> None:
        """The finalizer closes the connection without waiting, since there may be no event loop."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await anext(exchange) == HI
            with pytest.warns(ResourceWarning, match="unclosed stream: POST /x"):
                exchange.__del__()

        wire = MemoryWire(Reply([HI, DONE]))
        asyncio.run(run())
        assert (wire.kept, wire.closed, wire.hung_up) == (0, 1, 1)

    def test_that_warning_shows_the_place(self) -> None:
        """It is where the last reference was given up, not in this library."""
        wire = MemoryWire(Reply([HI, DONE]), blocking=True)
        exchange = Transport(URL, key=KEY, wire=wire).stream(REQUEST)
        assert next(iter(exchange)) == HI
        with pytest.warns(ResourceWarning) as caught:
            exchange.__del__()
        assert [one.filename for one in caught] == [__file__]

    def test_a_stream_that_is_over_may_be_forgotten(self) -> None:
        """There is no warning, blocking or asynchronous; the blocking one still finds the end."""

        async def run() -> None:
            exchange = stream_over(wire)
            assert await anext(exchange) == HI
            exchange.expire(2)
            del exchange
            gc.collect()

        wire = MemoryWire(Reply([HI, DONE]))
        asyncio.run(run())
        assert (wire.kept, wire.closed) == (0, 1)
        wire = MemoryWire(Reply([HI, DONE]), blocking=True)
        exchange = Transport(URL, key=KEY, wire=wire).stream(REQUEST)
        assert next(iter(exchange)) == HI
        exchange.expire(2)
        del exchange
        gc.collect()
        assert (wire.kept, wire.closed) == (1, 0)


class TestCancelling:
    """`cancel()` ends any wait, from any thread; so does the cancellation of the task."""

    async def reach(self, hang: Hang, exchange: AsyncExchange) -> asyncio.Task[list[bytes]]:
        """Return a task that reads, when it waits for *hang*."""
        task = asyncio.create_task(read(exchange))
        await asyncio.wait_for(hang.reached.wait(), PATIENCE)
        return task

    @pytest.mark.parametrize("phase", ["pause", "head", "body"])
    def test_it_is_heard_in_every_phase(self, phase: str) -> None:
        """Another thread can cancel a pause, and the wait for the headers or the body."""

        async def run() -> None:
            hang = Hang()
            if phase == "pause":
                wire = MemoryWire(BUSY)
                wire.during_pause = hang
            elif phase == "head":
                wire = MemoryWire(Reply(before=[hang]))
            else:
                wire = MemoryWire(Reply([HI, hang]))
            exchange = stream_over(wire)
            if phase == "pause":
                with pytest.raises(InternalServerError) as caught:
                    await anext(exchange)
                again = exchange.retry(caught.value)
                assert again is not None
                exchange = again
            task = await self.reach(hang, exchange)
            thread = threading.Thread(target=exchange.cancel)
            thread.start()
            with pytest.raises(ScanError) as ended:
                await asyncio.wait_for(task, PATIENCE)
            thread.join()
            assert (type(ended.value) is StreamCancelledError) == (phase == "pause")
            assert wire.hung_up == int(phase == "body")

        asyncio.run(run())

    def test_it_is_heard_before_anything_is_sent(self) -> None:
        """A cancelled exchange sends nothing."""
        wire = MemoryWire()
        exchange = stream_over(wire)
        exchange.cancel()
        error = failure(read(exchange))
        assert type(error) is StreamCancelledError
        assert str(error) == "the request was cancelled before it was sent"
        assert wire.sent == []

    @pytest.mark.parametrize("phase", ["head", "body", "drain"])
    def test_a_cancelled_task_leaves_nothing_behind(self, phase: str) -> None:
        """CancelledError passes unchanged, the connection is closed, and nothing is read later."""

        async def run() -> None:
            hang = Hang()
            reply = Reply(before=[hang]) if phase == "head" else Reply([HI, hang])
            wire = MemoryWire(reply)
            exchange = stream_over(wire)
            if phase == "drain":
                assert await anext(exchange) == HI
                exchange.expire(2)
                task: asyncio.Task[Any] = asyncio.create_task(exchange.aclose())
                await asyncio.wait_for(hang.reached.wait(), PATIENCE)
            else:
                task = await self.reach(hang, exchange)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (wire.kept, wire.closed) == (0, int(phase != "head"))
            assert await read(exchange) == []

        asyncio.run(run())


class TestLog:
    """The log has what was requested, and what came of it."""

    @pytest.fixture
    def log(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        """Log everything."""
        caplog.set_level(logging.DEBUG, "openai_scan")
        return caplog

    def test_of_each_answer_and_each_stale_connection(
        self, log: pytest.LogCaptureFixture, now: Now
    ) -> None:
        """The log has the status, and the seconds since the request was first sent."""
        left = Reply(before=[ConnectionResetError("left")], reused=True)
        wire = SlowWire(left, Reply([HI], before=[b"H"]), now=now, seconds=0.25)
        assert list(Transport(URL, key=KEY, wire=wire).stream(REQUEST)) == [HI]
        assert log.record_tuples == [
            (
                "openai_scan",
                logging.INFO,
                "POST /x: sent again, the server had closed the connection",
            ),
            ("openai_scan", logging.DEBUG, "POST /x: HTTP status 200 after 0.500 s"),
        ]

    def test_of_the_body_of_an_error_that_broke_off(self, log: pytest.LogCaptureFixture) -> None:
        """The log says that the body of the error broke off."""
        failure(read(stream_over(MemoryWire(Reply([b"half", OSError()], status=500)), once())))
        assert log.record_tuples[1:] == [
            ("openai_scan", logging.DEBUG, "POST /x: the body of the error broke off")
        ]

    def test_of_each_attempt(self, log: pytest.LogCaptureFixture) -> None:
        """The log has the pause before the next attempt, and the error that caused it."""
        asked = Reply([], status=429, headers={"retry-after": "7"})
        asyncio.run(read(stream_over(MemoryWire(asked, Reply([HI])))))
        assert log.record_tuples[1] == (
            "openai_scan",
            logging.INFO,
            "POST /x: attempt 2 in 7.000 s, after RateLimitError",
        )

    def test_of_each_answer_that_is_resumed(self, log: pytest.LogCaptureFixture) -> None:
        """A resumption is logged as another attempt, with the request for the rest."""
        request = attrs.evolve(REQUEST, retries=RetryPolicy(wait_initial=0))
        stream_over(MemoryWire(), request).resume(TransportError("reset"), "resp_1", 3)
        assert log.record_tuples == [
            (
                "openai_scan",
                logging.INFO,
                "GET /responses/resp_1: attempt 2 in 0.000 s, after TransportError",
            )
        ]


class TestErrors:
    """What the wire raises becomes one of our errors, without secrets."""

    @pytest.mark.parametrize("where", ["head", "body"])
    def test_the_cause_is_stripped_and_has_no_traceback(self, where: str) -> None:
        """An exception that was being handled before is left alone."""

        async def run() -> None:
            broken = OSError(f"prompt {KEY}")
            broken.__cause__ = KeyError(f"inner {KEY}")
            reply = Reply(before=[broken]) if where == "head" else Reply([broken])
            wire = MemoryWire(reply)
            try:
                int(KEY)
            except ValueError as caught:
                own = caught
                with pytest.raises(TransportError) as ended:
                    await read(stream_over(wire))
            assert ended.value.__cause__ is broken
            assert broken.args == ("[prompt] [key]",)
            assert broken.__cause__.args == ("inner [key]",)
            assert broken.__traceback__ is None
            assert wire.stripped == [broken, broken.__cause__]
            assert KEY in str(own)
            assert own.__traceback__ is not None

        asyncio.run(run())

    @pytest.mark.parametrize("where", ["head", "body"])
    def test_the_wire_is_told_where_it_happened(self, where: str) -> None:
        """The wire gets the URL for its message; the key is removed from whatever it returns."""

        class Telling(MemoryWire):
            """A wire whose messages have everything that it knows."""

            def no_answer(self, error: Exception, where: str, clock: Clock) -> ScanError:
                """Return the error for a request without an answer."""
                return TransportError(f"{where}: {error}, {KEY}, {clock.connecting}")

            broken_answer = no_answer

        reply = Reply(before=[OSError("e")]) if where == "head" else Reply([HI, OSError("e")])
        assert str(failure(read(stream_over(Telling(reply))))) == f"{URL}: e, [key], False"

    @pytest.mark.parametrize("where", ["head", "body"])
    def test_an_error_of_ours_passes(self, where: str) -> None:
        """An error of the package's own leaves unchanged, except that the key is removed."""
        ours = ConfigurationError(f"not here {KEY}")
        reply = Reply(before=[ours]) if where == "head" else Reply([HI, ours])
        wire = MemoryWire(reply)
        error = failure(read(stream_over(wire)))
        assert error is ours
        assert str(error) == "not here [key]"
        assert error.__cause__ is None
        assert (wire.kept, wire.closed) == (0, int(where == "body"))


class TestFaces:
    """A blocking and an asynchronous wire have a face each, over the same code."""

    REPLIES: tuple[Callable[[], list[Reply]], ...] = (
        lambda: [Reply([HI, DONE])],
        lambda: [BUSY, Reply([HI, DONE])],
        lambda: [Reply(before=[OSError("refused")], reused="none"), BUSY, BUSY],
        lambda: [Reply(before=[ConnectionResetError("left")], reused=True), Reply([HI])],
        lambda: [Reply([HI, OSError("reset")])],
        lambda: [Reply([HI, Hang()])],
        lambda: [Reply([b'{"text": "Hi"}'], headers=JSON)],
        lambda: [Reply([b"<p>" * 40_000], headers={"content-type": "text/html"})],
        lambda: [Reply([b'{"error": {"message": "no"}}'], status=400)],
        lambda: [Reply([HI], headers={**EVENT_STREAM, "content-encoding": "br"})],
    )

    @pytest.mark.parametrize("replies", REPLIES, ids=range(len(REPLIES)))
    def test_both_tell_the_same_story(self, replies: Callable[[], list[Reply]]) -> None:
        """Chunks, errors, notes, what was sent and what became of the connections."""
        blocking = MemoryWire(*replies(), blocking=True)
        asynchronous = MemoryWire(*replies())
        transport = Transport(URL, key=KEY, wire=blocking)
        request = attrs.evolve(REQUEST, timeout=Timeout(idle=0.01))
        one = blocking_story(transport.stream(request))
        two = asyncio.run(story(stream_over(asynchronous, request)))
        assert one == two
        for wire in (blocking, asynchronous):
            assert len(wire.sent) == len(asynchronous.sent)
            assert wire.kept == asynchronous.kept
            assert wire.closed == asynchronous.closed
            assert wire.hung_up == asynchronous.hung_up

    def test_ctrl_c_ends_a_blocking_read_as_well(self) -> None:
        """The exception is the caller's; the server notices, and nothing is read afterwards."""
        wire = MemoryWire(Reply([HI, KeyboardInterrupt(), DONE]), blocking=True)
        exchange = Transport(URL, key=KEY, wire=wire).stream(REQUEST)
        chunks = iter(exchange)
        assert next(chunks) == HI
        with pytest.raises(KeyboardInterrupt):
            next(chunks)
        assert (wire.kept, wire.closed, wire.hung_up) == (0, 1, 1)
        assert list(exchange) == []

    def test_both_call(self) -> None:
        """Transports and exchanges of a blocking wire return the JSON of a call."""
        wire = MemoryWire(BUSY, *[Reply([b"1"], headers=JSON)] * 2, blocking=True)
        transport = Transport(URL, key=KEY, wire=wire)
        assert transport.call(REQUEST) == 1
        assert transport.stream(REQUEST).json() == 1

    def test_both_close_their_wires(self) -> None:
        """`close()` closes a blocking wire, and `aclose()` an asynchronous one."""
        blocking, asynchronous = MemoryWire(blocking=True), MemoryWire()
        Transport(URL, key=KEY, wire=blocking).close()
        asyncio.run(transport_over(asynchronous).aclose())
        assert blocking.is_closed
        assert asynchronous.is_closed

    def test_each_refuses_the_other_s_wire(self) -> None:
        """A transport refuses a wire of the other kind when it is made, not at the first read."""
        with pytest.raises(TypeError, match=r"^this wire is asynchronous: use AsyncTransport$"):
            Transport(URL, key=KEY, wire=MemoryWire())
        with pytest.raises(TypeError, match=r"^this wire blocks: use Transport$"):
            AsyncTransport(URL, key=KEY, wire=MemoryWire(blocking=True))

    def test_both_have_the_same_settings(self) -> None:
        """They are in each request."""
        settings: dict[str, Any] = {
            "key": KEY,
            "key_header": "api-key",
            "headers": {"X": "1"},
            "query": {"v": "2"},
        }
        for transport in (
            Transport(URL, wire=MemoryWire(blocking=True), **settings),
            AsyncTransport(URL, wire=MemoryWire(), **settings),
        ):
            parcel = transport.pack(REQUEST, "call", "a/b")
            assert (parcel.headers["api-key"], parcel.headers["X"]) == (KEY, "1")
            assert "Authorization" not in parcel.headers
            assert (parcel.url, parcel.query) == (f"{URL}/x", (("v", "2"),))

    def test_a_step_that_is_suspended_is_not_a_step_at_once(self) -> None:
        """A wire that says it blocks, and does not, is found out."""
        with pytest.raises(RuntimeError, match=r"^a coroutine of a blocking wire was suspended$"):
            at_once(asyncio.sleep(0))


async def story(exchange: AsyncExchange) -> list[Any]:
    """Return what a reader sees of *exchange* and what follows it."""
    return await _story(exchange, collect)


async def _story(exchange: Any, collect: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    seen: list[Any] = []
    while exchange is not None:
        chunks, error = await collect(exchange)
        facts = (chunks, type(error), str(error), dict(exchange.notes), exchange.status)
        seen.append(facts)
        exchange = None if error is None else exchange.retry(error)
    return seen


def blocking_story(exchange: Exchange) -> list[Any]:
    """Return what a reader sees of a blocking exchange and what follows it."""
    return at_once(_story(exchange, collect_all))


async def collect_all(exchange: Exchange) -> tuple[list[bytes], ScanError | None]:
    """Return the chunks and the error of a blocking exchange."""
    chunks: list[bytes] = []
    try:
        for chunk in exchange:
            chunks.append(chunk)  # noqa: PERF402 - what came before an error stays
    except ScanError as error:
        return chunks, error
    return chunks, None


class TestPacking:
    """A request goes out as text and bytes."""

    def test_a_header_replaces_a_key_of_its_name(self) -> None:
        """The name may have any case, and the key has the header that the server requires."""
        request = Request(method="GET", path="/x", headers={"AUTHORIZATION": "mine"})
        parcel = transport_over(MemoryWire()).pack(request, "call", "application/json")
        assert parcel.headers["AUTHORIZATION"] == "mine"
        assert "Authorization" not in parcel.headers
        assert Key(KEY, "api-key").headers() == {"api-key": KEY}
        assert Key("").headers() == {}

    def test_later_headers_replace_earlier_ones(self) -> None:
        """The case of the later one is kept."""
        assert merged({"Accept": "a", "X": "1"}, {"accept": "b"}) == {"accept": "b", "X": "1"}


@pytest.mark.parametrize(
    "statement",
    [
        "from openai_scan.transport.settings import Timeout",
        "import openai_scan.transport",
        "import openai_scan.transport.exchange",
        "import openai_scan.transport.retries, openai_scan.transport.clock",
        "import openai_scan.client",
        "from openai_scan import Client, Timeout",
    ],
)
def test_only_the_wire_loads_a_network_library(statement: str) -> None:
    """What decides can be imported where there are no sockets; `Client()` loads the rest."""
    script = f"""
import sys
network = ("requests", "urllib3", "ssl", "socket", "http")
for name in [name for name in sys.modules if name.partition(".")[0] in network]:
    del sys.modules[name]  # whatever starts the interpreter may have loaded it
{statement}
print(*[name for name in network if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
