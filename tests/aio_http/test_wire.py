"""The aiohttp wire: cancellation, its one event loop, and the connections that it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from faults.obstacles import listening, obstacle
from faults.scripts import HI, STOP, WHOLE, Signals, set_up
from faults.table import Cell, Fault, Framing, Phase, Route, name_of, plays
from faults.world import world
from loops import on_asyncio
from server import (
    CHUNKED,
    END,
    FIN,
    PATIENCE,
    RST,
    TAKE,
    WAIT_FOR_HANG_UP,
    ScriptedServer,
    Sip,
    answer,
    ch,
    json_answer,
    serving,
)

from openai_scan import (
    ConfigurationError,
    RetryPolicy,
    StreamCancelledError,
    TransportError,
)
from openai_scan.aio import AsyncStreamerV2
from openai_scan.transport import Request, Upload
from openai_scan.transport.aio_http.wire import AiohttpWire, OtherLoopError
from openai_scan.transport.transport import AsyncTransport

ONCE = RetryPolicy(attempts=1)
VALUE = [json_answer({"a": 1})]


def request(content: str = "", attempts: int = 1) -> Request:
    """Return a request for a chat completion."""
    return Request(
        method="POST",
        path="/chat/completions",
        body={"content": content},
        retries=RetryPolicy(attempts=attempts),
    )


@contextlib.asynccontextmanager
async def connected(server: ScriptedServer) -> AsyncIterator[AsyncTransport]:
    """Yield a transport to *server*, and close it."""
    transport = AsyncTransport(server.base_url, key="sk-secret-1234", wire=AiohttpWire())
    try:
        yield transport
    finally:
        await transport.aclose()


async def happened(event: threading.Event) -> None:
    """Wait for an event of a thread, while the loop continues."""
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def read(s: AsyncStreamerV2) -> str:
    """Return the text of a stream."""
    return "".join([text async for text in s.text_deltas()])


# Where another thread can cancel, a task can be cancelled as well. Before the first `next()` there
# is no task that waits.
CANCELS = [
    play for play in plays() if play[0].fault is Fault.CANCEL and play[0].phase is not Phase.BEGIN
]


@pytest.mark.unmeasured
@pytest.mark.parametrize(("cell", "framing", "route"), CANCELS, ids=map(name_of, CANCELS))
def test_a_cancelled_task_leaves_at_once_in_every_phase(
    cell: Cell, framing: Framing, route: Route
) -> None:
    """`next()` raises CancelledError, the server sees the hang-up, and the client stays usable."""
    asyncio.run(_cancelled(cell, framing, route))


async def _cancelled(cell: Cell, framing: Framing, route: Route) -> None:
    signals = Signals()
    with (
        listening(signals),
        set_up(cell, framing, route, signals) as around,
        obstacle(cell, route, around, signals) as origin,
    ):
        transport = AsyncTransport(origin, key="", wire=AiohttpWire())
        content = "x" * (8 * 1024 * 1024 if cell.phase is Phase.SEND else 1)
        attempts = 2 if cell.phase is Phase.PAUSE else 1
        s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request(content, attempts)))
        raised: list[BaseException] = []

        async def step() -> None:
            try:
                while await s.next():
                    pass
                await s.close()  # where the end of the answer is waited for
            except BaseException as error:
                raised.append(error)
                raise

        task = asyncio.create_task(step())
        await happened(signals.pausing if cell.phase is Phase.PAUSE else signals.reached)
        while s.events_read < cell.events:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert [type(one) for one in raised] == [asyncio.CancelledError]
        signals.left.set()
        if cell.phase not in (Phase.RESOLVE, Phase.CONNECT, Phase.PAUSE):
            leaves = around.proxy if cell.phase is Phase.TUNNEL else around.server
            assert leaves is not None
            await happened(leaves.hung_up)
        if cell.phase is not Phase.CONNECT:
            around.server.scripts[:] = [WHOLE]
            async with AsyncStreamerV2(transport.stream(request())) as again:
                assert await read(again) == "Hi"
        await transport.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@on_asyncio
async def test_a_limit_around_a_wait_is_its_own() -> None:
    """`asyncio.wait_for` raises its TimeoutError, and the stream has no error."""
    with serving([CHUNKED + ch(HI), WAIT_FOR_HANG_UP]) as server:
        async with connected(server) as transport:
            s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request()))
            assert await s.next()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(s.next(), 0.01)
            assert (s.outcome, s.err()) == ("cancelled", None)
            await happened(server.hung_up)


@on_asyncio
async def test_another_task_can_cancel_the_stream() -> None:
    """It is an error of the stream, not of the task that reads it."""
    with serving([CHUNKED + ch(HI), WAIT_FOR_HANG_UP]) as server:
        async with connected(server) as transport:
            s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request()))
            assert await s.next()
            asyncio.get_running_loop().call_soon(s.cancel)
            assert not await s.next()
            assert isinstance(s.err(), StreamCancelledError)
            await happened(server.hung_up)


@pytest.mark.parametrize("ending", [False, True])
@on_asyncio
async def test_another_task_can_close_the_stream(ending: bool) -> None:
    """The reading task is woken, even if it waits for what follows a complete answer."""
    events = [HI, STOP] if ending else [HI]
    with serving([CHUNKED + ch(b"".join(events)), WAIT_FOR_HANG_UP]) as server:
        async with connected(server) as transport:
            s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request()))
            for _ in events:
                assert await s.next()
            reader = asyncio.create_task(s.next())
            await asyncio.sleep(0)
            await asyncio.gather(s.close(), s.close())
            assert not await reader
            assert (s.outcome, s.err()) == ("completed" if ending else "cancelled", None)
            await happened(server.hung_up)


@on_asyncio
async def test_leaving_early_releases_it() -> None:
    """A `break` in an `async for` is enough, inside `async with`."""
    with serving([CHUNKED + ch(HI), WAIT_FOR_HANG_UP]) as server:
        async with connected(server) as transport:
            async with AsyncStreamerV2(transport.stream(request())) as s:
                async for _ in s:
                    break
            await happened(server.hung_up)


@on_asyncio
async def test_a_dropped_stream_releases_its_connection() -> None:
    """It may be dropped in the thread of the loop, or in any other one."""
    for elsewhere in (False, True):
        with serving([CHUNKED + ch(HI), WAIT_FOR_HANG_UP]) as server:
            async with connected(server) as transport:
                held = [transport.stream(request())]
                assert await anext(held[0])
                with pytest.warns(ResourceWarning, match="unclosed stream: POST"):
                    await asyncio.to_thread(held.clear) if elsewhere else held.clear()
                await happened(server.hung_up)


def test_a_stream_dropped_after_its_loop_releases_its_connection() -> None:
    """The socket is shut down, which needs no loop."""

    async def begin(transport: AsyncTransport) -> Any:
        source = transport.stream(request())
        assert await anext(source)
        return source

    with serving([CHUNKED + ch(HI), WAIT_FOR_HANG_UP]) as server:
        loop = asyncio.new_event_loop()
        wire = AiohttpWire()
        transport = AsyncTransport(server.base_url, key="", wire=wire)
        source = loop.run_until_complete(begin(transport))
        asyncio.run(_in_another_loop(wire))
        opened = wire._opened
        assert opened is not None
        connector = opened._connector
        loop.run_until_complete(asyncio.sleep(0))
        with pytest.warns(ResourceWarning, match="unclosed stream: POST"):
            del source
        assert server.hung_up.wait(PATIENCE)
        loop.run_until_complete(transport.aclose())
        assert connector.in_use == 0
        loop.close()


async def _in_another_loop(wire: AiohttpWire) -> None:
    """Check that *wire*, which is used in one event loop, refuses another."""
    with pytest.raises(OtherLoopError, match="this client has connections in another event loop"):
        wire.cancellation()
    with pytest.raises(RuntimeError, match="another event loop"):
        await wire.aclose()


def test_a_stream_of_another_loop_raises_out_of_next() -> None:
    """It is a mistake of the caller, so the stream does not end with it."""

    async def use(transport: AsyncTransport) -> None:
        assert await transport.call(request()) == {"a": 1}

    async def step(s: AsyncStreamerV2) -> None:
        await s.next()

    with serving(VALUE) as server:
        loop = asyncio.new_event_loop()
        transport = AsyncTransport(server.base_url, key="", wire=AiohttpWire())
        early: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request()))
        loop.run_until_complete(use(transport))
        with pytest.raises(RuntimeError, match="another event loop"):
            asyncio.run(step(early))
        loop.run_until_complete(transport.aclose())
        loop.close()


@on_asyncio
async def test_more_than_a_hundred_streams_are_read_at_once() -> None:
    """A limit of 100 connections, as aiohttp has, would block the next one; all are then kept."""
    many = 120
    go = threading.Event()
    script = [CHUNKED + ch(HI), go, ch(b"data: [DONE]\n\n") + END]
    with serving(*[script] * (many + 1)) as server:
        async with connected(server) as transport:
            streams: list[AsyncStreamerV2] = [
                AsyncStreamerV2(transport.stream(request()), require_terminal=False)
                for _ in range(many)
            ]
            await asyncio.gather(*(s.next() for s in streams))
            go.set()
            assert set(await asyncio.gather(*map(read, streams))) == {""}
            await asyncio.gather(*(s.close() for s in streams))
            async with AsyncStreamerV2(transport.stream(request())) as s:
                assert await read(s) == "Hi"
            assert server.connections == many


@on_asyncio
async def test_a_client_that_is_closed_lets_streams_continue() -> None:
    """Idle connections are closed; one that is in use is when its stream is over."""
    go = threading.Event()
    with serving([CHUNKED + ch(HI), go, *WHOLE], VALUE) as server:
        tasks = asyncio.all_tasks()
        transport = AsyncTransport(server.base_url, key="", wire=AiohttpWire())
        s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request()))
        assert await s.next()
        assert await transport.call(request()) == {"a": 1}
        await transport.aclose()
        await transport.aclose()
        go.set()
        await s.close()
        await happened(server.hung_up)
        while asyncio.all_tasks() != tasks:
            await asyncio.sleep(0)


@on_asyncio
async def test_a_task_that_is_cancelled_while_it_closes_has_closed() -> None:
    """All connections and the session of aiohttp are closed, and the server sees it."""
    with serving(VALUE) as server:
        wire = AiohttpWire()
        transport = AsyncTransport(server.base_url, key="", wire=wire)
        assert await transport.call(request()) == {"a": 1}
        assert wire._opened is not None
        session = wire._opened.session
        task = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert session.closed
        await happened(server.hung_up)


@on_asyncio
async def test_what_comes_unasked_ends_a_connection_that_is_kept() -> None:
    """There was no request for it, so it is not the answer to the next request."""
    more, sent = threading.Event(), threading.Event()
    with serving(
        [*VALUE, more, b"HTTP/1.1 200 OK\r\n", sent.set, WAIT_FOR_HANG_UP], VALUE
    ) as server:
        async with connected(server) as transport:
            assert await transport.call(request()) == {"a": 1}
            more.set()
            await happened(sent)
            await happened(server.hung_up)
            assert await transport.call(request()) == {"a": 1}
            assert server.connections == 2


@on_asyncio
async def test_a_kept_connection_that_was_closed_is_not_used() -> None:
    """The event loop learns of it before the next request, so nothing has to be sent twice."""
    with serving([*VALUE, FIN], VALUE) as server:
        async with connected(server) as transport:
            for _ in range(2):
                source = transport.stream(request())
                assert await source.json() == {"a": 1}
                assert dict(source.notes) == {}
                await asyncio.sleep(0.01)


@on_asyncio
async def test_a_reset_within_an_answer_is_not_stale() -> None:
    """It is not retried: the server has the request, although the connection was reused."""
    reset = [b"HTTP/1.1 200 OK\r\nContent-Ty", RST]
    with serving(VALUE, reset, VALUE) as server:
        async with connected(server) as transport:
            assert await transport.call(request()) == {"a": 1}
            with pytest.raises(TransportError, match="no answer from") as caught:
                await transport.call(request(attempts=2))
            assert type(caught.value) is TransportError
            assert len(server.requests) == 2


@on_asyncio
async def test_a_get_is_sent_no_more_often_than_is_allowed() -> None:
    """Although aiohttp would send it again by itself."""
    with serving(VALUE, [FIN], VALUE) as server:
        async with connected(server) as transport:
            get = Request(method="GET", path="/models", retries=ONCE)
            assert await transport.call(get) == {"a": 1}
            with pytest.raises(TransportError):
                await transport.call(get)
            assert [seen.line for seen in server.requests] == ["GET /v1/models HTTP/1.1"] * 2


@on_asyncio
async def test_a_reader_that_does_not_read_stops_the_server() -> None:
    """A part of the body is kept; all of it comes when it is read."""
    body = b": " + b"x" * 64_000_000 + b"\n\n"  # more than the buffers of the system take
    done = threading.Event()
    script = [CHUNKED + ch(HI), ch(body), done.set, ch(b"data: [DONE]\n\n") + END]
    with serving(script) as server:
        async with connected(server) as transport:
            source = transport.stream(request())
            size = len(await anext(source))
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not done.is_set()
            async for chunk in source:
                size += len(chunk)
            assert size == len(HI) + len(body) + len(b"data: [DONE]\n\n")


@on_asyncio
async def test_a_form_is_sent_as_ever() -> None:
    """It has its fields and files, short or long."""
    for size in (3, 1_000_000):
        form = Request(
            method="POST",
            path="/images/edits",
            body={"prompt": "p", "n": 1},
            uploads=(Upload("image", "a.png", b"x" * size),),
        )
        with serving(VALUE) as server:
            async with connected(server) as transport:
                assert await transport.call(form) == {"a": 1}
            sent = server.requests[0]
            assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
            assert b'name="prompt"\r\n\r\np\r\n' in sent.body
            assert b'filename="a.png"\r\nContent-Type: image/png\r\n\r\nxxx' in sent.body


@on_asyncio
async def test_a_url_goes_out_as_it_is() -> None:
    """Characters that a URL must not have are escaped; a needless escape (`%41`) is resolved."""
    with serving(VALUE) as server:
        async with connected(server) as transport:
            transport.base_url += "/\N{LATIN SMALL LETTER E WITH ACUTE}/a%41"
            asked = Request(method="GET", path="/x", query={"q": "a b&c", "r": ["1", "2"]})
            assert await transport.call(asked) == {"a": 1}
        assert server.requests[0].line == (
            "GET /v1/%C3%A9/aA/x?q=a+b%26c&r%5B%5D=1&r%5B%5D=2 HTTP/1.1"
        )


@on_asyncio
async def test_no_cookie_is_kept_and_no_netrc_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """No cookie is sent back, and the client's own key is sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    first = [json_answer({"a": 1}, headers="Set-Cookie: a=b\r\n")]
    with serving(first, VALUE) as server:
        async with connected(server) as transport:
            await transport.call(request())
            await transport.call(request())
        assert "cookie" not in server.requests[1].headers
        assert server.requests[1].headers["authorization"] == "Bearer sk-secret-1234"


@on_asyncio
async def test_a_socks_proxy_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the wire that supports it, and no request reaches the server."""
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving() as server:
        async with connected(server) as transport:
            with pytest.raises(ConfigurationError, match='pass wire="threads"'):
                await transport.call(request(attempts=3))
        assert server.connections == 0


@on_asyncio
async def test_five_streams_take_one_connection_on_every_route() -> None:
    """A proxy's tunnel is kept as a direct connection is."""
    for route in Route:
        with world(route, *[WHOLE] * 5) as around:
            async with connected(around.server) as transport:
                for _ in range(5):
                    async with AsyncStreamerV2(transport.stream(request())) as s:
                        assert await read(s) == "Hi"
            assert (around.entrance.connections, len(around.server.requests)) == (1, 5)


@on_asyncio
async def test_an_answer_before_the_end_of_a_long_request_ends_it() -> None:
    """The client reads the refusal of a server that has not read all of the request."""
    words = answer(b'{"error": {"message": "no"}}', status="413 Too Large")
    rest = threading.Event()
    rest.set()
    with serving(openings=[[TAKE, words, Sip(rest)]]) as server:
        async with connected(server) as transport:
            s: AsyncStreamerV2 = AsyncStreamerV2(transport.stream(request("x" * 20_000_000)))
            assert not await s.next()
            assert str(s.err()) == "no (HTTP status 413)"
            await s.close()
