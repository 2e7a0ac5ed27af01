"""The wire of threads: what a task and its thread owe each other."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from async_sources import chat
from faults.table import Route
from faults.world import world
from loops import Loop, When, in_a_moment, on_asyncio, on_every_loop
from server import (
    CHUNKED,
    END,
    FIN,
    PATIENCE,
    WAIT_FOR_HANG_UP,
    Repeat,
    ScriptedServer,
    answer,
    ch,
    full_queue,
    serving,
)

from openai_scan import (
    AsyncClient,
    AsyncStreamerV2,
    ConnectError,
    RetryPolicy,
    StreamCancelledError,
    StreamTimeoutError,
    Timeout,
    TransportError,
)
from openai_scan.transport import threads
from openai_scan.transport.threads import ThreadsWire

HI, *LAST = chat("Hi")
END_OF_ANSWER = b"".join(LAST)
WHOLE = [CHUNKED + ch(HI) + ch(END_OF_ANSWER) + END]
HELD = [CHUNKED + ch(HI), WAIT_FOR_HANG_UP]
ONCE = RetryPolicy(attempts=1)

# The promise is 50 ms; a busy machine takes longer, and what is broken takes seconds.
PROMPT = 2.0


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Have each test leave no thread behind."""
    yield
    gc.collect()
    for thread in reading():
        thread.join(PATIENCE)
    assert not reading()


def reading() -> list[threading.Thread]:
    """Return the threads that read streams."""
    return [one for one in threading.enumerate() if one.name == "openai_scan stream"]


def client_of(url: str, **settings: Any) -> AsyncClient:
    """Return a client over threads."""
    return AsyncClient("sk-1", url, wire="threads", **{"retries": ONCE, **settings})


def ask(client: AsyncClient) -> AsyncStreamerV2[Any, Any]:
    """Return the stream of a chat completion."""
    return client.create_chat_completion_stream(model="m", messages=[])


def of_loop(loop: Loop) -> tuple[Any, Callable[[], object]]:
    """Return a flag, and what sets it from any thread."""
    flag: Any = loop.flag()
    if hasattr(flag, "statistics"):  # Trio's
        import trio

        token = trio.lowlevel.current_trio_token()
        return flag, lambda: token.run_sync_soon(flag.set)
    running = asyncio.get_running_loop()
    return flag, lambda: running.call_soon_threadsafe(flag.set)


class TestCancelledTasks:
    """A task that is cancelled leaves at once, whatever its thread waits for."""

    @on_every_loop
    async def test_while_it_reads(self, loop: Loop) -> None:
        """The server sees the hang-up, and the next request gets its answer."""
        with serving(HELD, WHOLE) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                began = time.monotonic()
                left = await loop.cancelling(s.next, in_a_moment(loop))
                assert time.monotonic() - began < PROMPT
                assert isinstance(left, loop.cancelled)
                assert server.hung_up.wait(PATIENCE)
                assert (s.outcome, s.err()) == ("cancelled", None)
                assert (await ask(client).final()).text == "Hi"

    @on_every_loop
    async def test_before_the_response_headers(self, loop: Loop) -> None:
        """The request has been sent."""
        arrived, tell = of_loop(loop)
        with serving([tell, WAIT_FOR_HANG_UP]) as server:
            async with client_of(server.base_url) as client:
                await self.leaves(loop, ask(client), arrived)
                assert server.hung_up.wait(PATIENCE)

    @on_every_loop
    async def test_in_the_handshake(self, loop: Loop) -> None:
        """The server has accepted the connection and says nothing."""
        arrived, tell = of_loop(loop)
        with serving(handshakes=[[tell, WAIT_FOR_HANG_UP]]) as server:
            url = server.base_url.replace("http:", "https:")
            async with client_of(url) as client:
                await self.leaves(loop, ask(client), arrived)

    @on_every_loop
    async def test_while_it_connects(self, loop: Loop, connecting: threading.Event) -> None:
        """The server does not answer at all."""
        with full_queue() as port:
            async with client_of(f"http://127.0.0.1:{port}/v1") as client:
                await self.leaves(loop, ask(client), When(loop, connecting.is_set))

    @on_every_loop
    async def test_in_a_pause(self, loop: Loop) -> None:
        """No thread waits for the retry, which is never sent."""
        busy = answer(b"", status="503 Busy", headers="Retry-After: 60\r\n")
        with serving([busy]) as server:
            async with client_of(server.base_url, retries=RetryPolicy()) as client:
                s = ask(client)
                pausing = When(loop, lambda: s.notes["retry: InternalServerError"] == 1)
                await self.leaves(loop, s, pausing)
                assert len(server.requests) == 1

    @on_every_loop
    async def test_while_it_waits_for_the_end_of_the_body(self, loop: Loop) -> None:
        """After [DONE] the server holds the connection open."""
        with serving([CHUNKED + ch(HI + END_OF_ANSWER), WAIT_FOR_HANG_UP]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                while await s.next():
                    pass
                left = await loop.cancelling(s.close, in_a_moment(loop))
                assert isinstance(left, loop.cancelled)
                assert server.hung_up.wait(PATIENCE)
                assert s.outcome == "completed"

    @on_every_loop
    async def test_through_a_tunnel(self, loop: Loop) -> None:
        """TLS through a proxy's tunnel is no different."""
        with world(Route.TUNNEL, HELD) as around:
            async with client_of(around.server.base_url) as client:
                s = ask(client)
                assert await s.next()
                left = await loop.cancelling(s.next, in_a_moment(loop))
                assert isinstance(left, loop.cancelled)
                assert around.server.hung_up.wait(PATIENCE)

    @staticmethod
    async def leaves(loop: Loop, s: AsyncStreamerV2[Any, Any], when: Any) -> None:
        """Cancel the task that reads *s*."""
        left = await loop.cancelling(s.next, when)
        assert isinstance(left, loop.cancelled)
        assert (s.outcome, s.err()) == ("cancelled", None)

    @on_asyncio
    async def test_a_chunk_that_arrives_at_once_is_not_an_obstacle(self) -> None:
        """However fast the chunks come, other tasks have their turn at each read."""
        with serving([CHUNKED, Repeat(ch(b": x\n\n" * 10_000))]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(s.next(), 0.1)
                assert s.outcome == "cancelled"
                assert server.hung_up.wait(PATIENCE)


class TestCancelledStreams:
    """cancel() ends the stream and not the task."""

    @on_every_loop
    async def test_from_another_thread(self, loop: Loop) -> None:
        """The reader returns at once."""
        with serving(HELD) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                threading.Thread(target=s.cancel).start()
                assert not await s.next()
                assert isinstance(s.err(), StreamCancelledError)
                assert server.hung_up.wait(PATIENCE)

    @on_every_loop
    async def test_before_the_response_headers(self, loop: Loop) -> None:
        """The task does not wait for its thread, which may be in a call that nothing can wake."""
        with serving([WAIT_FOR_HANG_UP]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)

                async def cancel() -> None:
                    while not server.requests:
                        await loop.pause()
                    s.cancel()

                async def read() -> None:
                    assert not await s.next()

                await loop.together(read, cancel)
                assert isinstance(s.err(), StreamCancelledError)

    @on_every_loop
    async def test_before_anything(self, loop: Loop) -> None:
        """Nothing is sent."""
        with serving() as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                s.cancel()
                assert not await s.next()
                assert server.connections == 0

    @on_every_loop
    async def test_another_task_may_close_it(self, loop: Loop) -> None:
        """The task that reads is woken."""
        with serving(HELD) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()

                async def read() -> None:
                    assert not await s.next()

                await loop.together(read, s.close)
                assert (s.outcome, s.err()) == ("cancelled", None)
                assert server.hung_up.wait(PATIENCE)


class TestReadingAhead:
    """The thread reads ahead, and no further than that."""

    @on_every_loop
    async def test_what_is_read_ahead_is_bounded(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A thread that has read as far ahead as it may continues when the task reads."""
        monkeypatch.setattr(threads, "_READ_AHEAD_BYTES", 1000)
        comment = b": " + b"x" * 96 + b"\n\n"
        with serving([CHUNKED + ch(HI + comment * 500) + ch(END_OF_ANSWER) + END]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                reader = s.source._answer._reader
                while reader._size < 1000 and not reader._over:
                    await loop.pause()
                assert (await s.final()).text == "Hi"
                assert s.bytes_read == len(HI + comment * 500 + END_OF_ANSWER)

    @on_every_loop
    async def test_a_stream_that_is_left_ends_a_thread_that_waits_for_the_task(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The thread has read all that it may; it ends, and the server sees the hang-up."""
        monkeypatch.setattr(threads, "_READ_AHEAD_BYTES", 1)
        with serving([CHUNKED + ch(HI), ch(HI), WAIT_FOR_HANG_UP]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                await s.close()
                assert server.hung_up.wait(PATIENCE)

    @on_every_loop
    async def test_nothing_is_read_before_it_is_asked_for(self, loop: Loop) -> None:
        """The body of an answer that is refused for its headers is not read; the thread ends."""
        head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip, gzip\r\n\r\n")
        with serving([head, WAIT_FOR_HANG_UP]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert not await s.next()
                assert "compressed more than once" in str(s.err())
                assert server.hung_up.wait(PATIENCE)


class TestEnds:
    """How an exchange ends."""

    @on_every_loop
    async def test_what_the_thread_met_with_comes_after_what_it_has_read(self, loop: Loop) -> None:
        """The event before the connection broke comes first, then the error."""
        with serving([CHUNKED + ch(HI), FIN]) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                assert not await s.next()
                assert isinstance(s.err(), TransportError)
                await s.close()

    @on_every_loop
    async def test_a_connection_that_was_left_is_replaced(self, loop: Loop) -> None:
        """The server has closed the kept connection, so the request is sent over another one."""
        with serving([*WHOLE], [FIN], [*WHOLE]) as server:
            async with client_of(server.base_url, retries=RetryPolicy()) as client:
                for notes in ({}, {"stale_connection": 1}):
                    async with ask(client) as s:
                        assert (await s.final()).text == "Hi"
                    assert s.notes == notes

    @on_every_loop
    async def test_a_limit_runs_out(self, loop: Loop) -> None:
        """The task measures the limit; when it expires, the server sees the hang-up."""
        with serving(HELD) as server:
            async with client_of(server.base_url, timeout=Timeout(idle=0.05)) as client:
                s = ask(client)
                assert await s.next()
                assert not await s.next()
                error = s.err()
                assert isinstance(error, StreamTimeoutError)
                assert error.limit == "idle"
                assert server.hung_up.wait(PATIENCE)

    @on_every_loop
    async def test_a_dropped_stream_lets_go(self, loop: Loop) -> None:
        """Python warns, the server sees the hang-up, and the thread ends."""
        with serving(HELD) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                exchange = weakref.ref(s.source)
                streams = [s]
                del s
                with pytest.warns(ResourceWarning, match="unclosed stream"):
                    streams.clear()
                gc.collect()
                assert exchange() is None
                assert server.hung_up.wait(PATIENCE)

    @on_every_loop
    async def test_without_a_thread_there_is_no_request(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The stream fails with a ConnectError whose cause says that no thread could be started."""

        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with serving() as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                with monkeypatch.context() as patched:
                    patched.setattr(threading.Thread, "start", refuse)
                    assert not await s.next()
                error = s.err()
                assert isinstance(error, ConnectError)
                assert "cannot start a thread" in str(error.__cause__)

    @on_every_loop
    async def test_a_forked_child_leaves_the_connection_alone(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The thread belongs to the parent. The child only closes its own copy of the socket."""
        with serving(HELD) as server:
            async with client_of(server.base_url) as client:
                s = ask(client)
                assert await s.next()
                source = s.source
                reader, parent = source._answer._reader, os.getpid()
                with monkeypatch.context() as patched:
                    patched.setattr(os, "getpid", lambda: parent + 1)
                    assert source.cancellation.inherited
                    await s.close()
                    assert reader.answer._raw.closed
                assert not reader._left
                reader.leave()

    @on_asyncio
    async def test_a_child_may_let_go_before_the_response_headers(self) -> None:
        """There is nothing to close yet."""
        wire = ThreadsWire()
        cancellation = wire.cancellation()
        reader = threads._Reader(lambda: pytest.fail("never sent"), cancellation)
        cancellation.of_thread._pid += 1
        reader.leave()
        assert not reader._left

    def test_a_loop_that_has_ended_disturbs_nothing(self) -> None:
        """A stream that outlives its event loop can be cancelled and closed without a loop."""
        with serving(HELD) as server:

            async def begin() -> AsyncStreamerV2[Any, Any]:
                s = ask(client_of(server.base_url))
                assert await s.next()
                return s

            s = asyncio.run(begin())
            s.cancel()
            assert server.hung_up.wait(PATIENCE)
            with contextlib.closing(_Closing(s)):
                pass

    @pytest.mark.unmeasured
    @on_every_loop
    async def test_many_streams_read_at_once(self, loop: Loop) -> None:
        """More than a pool of threads would have; none waits for another to end."""
        count = 100
        release = threading.Event()
        script = [CHUNKED + ch(HI), release, ch(END_OF_ANSWER) + END]
        with serving(*[script] * count) as server:
            async with client_of(server.base_url) as client:
                streams = [ask(client) for _ in range(count)]

                async def read(s: AsyncStreamerV2[Any, Any]) -> None:
                    assert await s.next()
                    if all(one.events_read for one in streams):
                        release.set()
                    assert (await s.final()).text == "Hi"
                    await s.close()

                await loop.together(*[_reading(read, s) for s in streams])


def _reading(
    read: Callable[[AsyncStreamerV2[Any, Any]], Awaitable[None]], s: AsyncStreamerV2[Any, Any]
) -> Callable[[], Awaitable[None]]:
    return lambda: read(s)


class _Closing:
    """Closes an asynchronous stream where no loop runs: nothing is waited for."""

    def __init__(self, s: AsyncStreamerV2[Any, Any]) -> None:
        self._s = s

    def close(self) -> None:
        """Run the coroutine to its end."""
        with pytest.raises(StopIteration):
            self._s.close().send(None)


@on_every_loop
async def test_a_refused_connection_is_a_connect_error(loop: Loop) -> None:
    """What the thread meets with is translated as with a blocking client."""
    with serving() as server:
        url = server.base_url
    async with client_of(url) as client:
        s = ask(client)
        assert not await s.next()
        error = s.err()
        assert isinstance(error, ConnectError)
        assert isinstance(error, TransportError)
    assert isinstance(server, ScriptedServer)
