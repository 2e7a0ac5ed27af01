"""Functions that the model calls, run on an event loop."""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

import pytest
from async_sources import chat
from loops import ASYNCIO, PATIENCE, TRIO, Flag, Loop, on_every_loop

from openai_scan import AsyncClient, Client, StreamCancelledError, run_tools
from openai_scan.aio import AsyncStreamerV2
from openai_scan.aio.loops import together
from openai_scan.transport import Request

ASKED = Request(
    method="POST",
    path="/chat/completions",
    body={"model": "m", "messages": [{"role": "user", "content": "Weather?"}]},
)
SUNNY = chat("Sunny.")


def calls(*calls: tuple[str, str]) -> list[bytes]:
    """Return a chat stream that makes *calls*: name and arguments."""
    tool_calls = [
        {"index": index, "id": f"c{index}", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(calls)
    ]
    choice = {"index": 0, "delta": {"tool_calls": tool_calls}, "finish_reason": "tool_calls"}
    payload = {"object": "chat.completion.chunk", "choices": [choice]}
    return [b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(payload).encode()]


class Answer:
    """An answer to a request, as an asynchronous source."""

    def __init__(self, request: Request, chunks: Iterable[bytes]) -> None:
        self.request = request
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Asks(AsyncClient):
    """A client that answers each request with the next stream, and keeps the request."""

    def __init__(self, *answers: list[bytes]) -> None:
        super().__init__("k")
        self.requests: list[Request] = []
        self._answers = iter(answers)

    def stream(self, request: Request, *, record: object = None) -> AsyncStreamerV2:
        """Return the next answer."""
        assert record is None
        self.requests.append(request)
        return AsyncStreamerV2(Answer(request, next(self._answers)))

    def outputs(self, place: int = -1) -> list[str]:
        """Return what the model was told in one of the requests."""
        messages: list[Any] = list((self.requests[place].body or {})["messages"])
        return [message["content"] for message in messages if message["role"] == "tool"]


@on_every_loop
async def test_coroutines_are_awaited_and_the_loop_continues(loop: Loop) -> None:
    """They come from a coroutine function, a callable object, or a function that returns one."""

    async def weather(city: str) -> str:
        await loop.pause()
        return f"sunny in {city}"

    class Forecast:
        __name__ = "forecast"

        async def __call__(self, days: int = 1) -> dict[str, int]:
            await loop.pause()
            return {"days": days}

    def later() -> Any:
        return weather("Bari")

    made = (("weather", '{"city": "Rome"}'), ("forecast", "{}"), ("later", ""))
    client = Asks(calls(*made), SUNNY)
    stream = client.stream(ASKED)
    async with run_tools(client, stream, [weather, Forecast(), later]) as s:
        assert s is stream
        assert [text async for text in s.text_deltas()] == ["Sunny."]
        assert s.outcome == "completed"
    assert client.outputs() == ["sunny in Rome", '{"days": 1}', "sunny in Bari"]


@on_every_loop
async def test_a_plain_function_runs_in_a_thread_with_the_context_of_the_task(loop: Loop) -> None:
    """The loop continues while the function runs, which sees the task's context variables."""
    span = contextvars.ContextVar("span", default="none")
    called = threading.Event()
    reached = threading.Event()
    threads: list[int] = []

    def slow() -> str:
        threads.append(threading.get_ident())
        reached.set()
        assert called.wait(PATIENCE)
        return span.get()

    async def call() -> None:
        while not reached.is_set():
            await loop.pause()
        called.set()

    client = Asks(calls(("slow", "{}")), SUNNY)

    async def read() -> None:
        span.set("ours")
        async with run_tools(client, client.stream(ASKED), [slow]) as s:
            await s.read()

    await loop.together(read, call)
    assert threads != [threading.get_ident()]
    assert client.outputs() == ["ours"]


@on_every_loop
async def test_calls_may_run_at_the_same_time(loop: Loop) -> None:
    """With `concurrent=True` each call can wait for the other. The outputs keep their order."""
    flags = {"first": loop.flag(), "second": loop.flag()}

    async def meet(me: str, other: str) -> str:
        flags[me].set()
        await flags[other].wait()
        if me == "first":
            await loop.pause()
        return me

    client = Asks(
        calls(
            ("meet", '{"me": "first", "other": "second"}'),
            ("meet", '{"me": "second", "other": "first"}'),
            ("unknown", "{}"),
        ),
        SUNNY,
    )
    async with run_tools(client, client.stream(ASKED), [meet], concurrent=True) as s:
        await s.read()
    assert client.outputs() == ["first", "second", "Error: there is no function 'unknown'"]


@on_every_loop
async def test_one_after_another_by_default(loop: Loop) -> None:
    """A call begins when the one before it has ended."""
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)
        await loop.pause()
        order.append(name)

    client = Asks(calls(("note", '{"name": "a"}'), ("note", '{"name": "b"}')), SUNNY)
    async with run_tools(client, client.stream(ASKED), [note]) as s:
        await s.read()
    assert order == ["a", "a", "b", "b"]
    assert client.outputs() == ["null", "null"]


class Mine(Exception):  # noqa: N818 - the caller names it
    """An exception of the caller's."""


@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("on_error", ["model", "raise"])
@on_every_loop
async def test_exceptions_go_where_they_are_to_go(
    loop: Loop, concurrent: bool, in_thread: bool, on_error: Any
) -> None:
    """The model gets the class of the exception, or the caller gets the exception unchanged."""
    error = Mine("mine")

    def plain_fail() -> None:
        raise error

    async def fail() -> None:
        raise error

    function: Callable[[], Any] = plain_fail if in_thread else fail
    client = Asks(calls((function.__name__, "{}")), SUNNY)
    stream = client.stream(ASKED)
    async with run_tools(client, stream, [function], on_error=on_error, concurrent=concurrent) as s:
        if on_error == "raise":
            with pytest.raises(Mine) as caught:
                await s.read()
            assert caught.value is error
            assert (s.outcome, len(client.requests)) == ("completed", 1)
        else:
            assert await s.read() == b"Sunny."
            assert client.outputs() == [f"Error: {function.__name__} failed with Mine"]


@on_every_loop
async def test_an_iterator_that_is_empty_fails_like_anything_else(loop: Loop) -> None:
    """An asyncio future refuses a StopIteration, so the wait for it would never end."""

    def first() -> Any:
        return next(iter(()))

    client = Asks(calls(("first", "{}")), SUNNY)
    async with run_tools(client, client.stream(ASKED), [first]) as s:
        await s.read()
    assert client.outputs() == ["Error: first failed with RuntimeError"]


@on_every_loop
async def test_what_raises_ends_the_others(loop: Loop) -> None:
    """The other calls are cancelled, and have ended when the exception reaches the caller."""
    left: list[str] = []
    waits = loop.flag()

    async def wait() -> None:
        try:
            waits.set()
            await loop.flag().wait()
        finally:
            left.append("wait")

    async def fail() -> None:
        await waits.wait()
        raise Mine

    client = Asks(calls(("wait", "{}"), ("fail", "{}")))
    async with run_tools(
        client, client.stream(ASKED), [wait, fail], on_error="raise", concurrent=True
    ) as s:
        with pytest.raises(Mine):
            await s.read()
        assert left == ["wait"]


def waiting(
    loop: Loop,
) -> tuple[Callable[[], Coroutine[Any, Any, None]], Flag, list[BaseException]]:
    """Return a tool that waits forever, an event that it sets, and the exceptions that it got."""
    waits = loop.flag()
    left: list[BaseException] = []

    async def wait() -> None:
        try:
            waits.set()
            await loop.flag().wait()
        except BaseException as error:
            left.append(error)
            raise

    return wait, waits, left


@pytest.mark.parametrize("concurrent", [False, True])
@on_every_loop
async def test_a_cancelled_task_ends_what_it_runs(loop: Loop, concurrent: bool) -> None:
    """The exception is that of the cancellation, and the model is told nothing."""
    wait, waits, left = waiting(loop)
    client = Asks(calls(("wait", "{}"), ("wait", "{}")))
    stream = client.stream(ASKED)

    async def read() -> None:
        async with run_tools(client, stream, [wait], concurrent=concurrent) as s:
            await s.read()

    error = await loop.cancelling(read, waits)
    assert isinstance(error, loop.cancelled)
    assert left
    assert all(isinstance(each, loop.cancelled) for each in left)
    assert (stream.outcome, len(client.requests)) == ("completed", 1)


@pytest.mark.parametrize("concurrent", [False, True])
@on_every_loop
async def test_a_cancelled_stream_ends_what_it_runs(loop: Loop, concurrent: bool) -> None:
    """`next()` returns at once, the coroutines are cancelled, and the model is told nothing."""
    wait, waits, left = waiting(loop)
    client = Asks(calls(("wait", "{}"), ("wait", "{}")))
    stream = client.stream(ASKED)

    async def read() -> None:
        s = run_tools(client, stream, [wait], concurrent=concurrent)
        while await s.next():
            pass

    async def cancel() -> None:
        await waits.wait()
        stream.cancel()

    await loop.together(read, cancel)
    assert left
    assert all(isinstance(each, loop.cancelled) for each in left)
    assert isinstance(stream.err(), StreamCancelledError)
    assert (stream.outcome, len(client.requests)) == ("cancelled", 1)


@on_every_loop
async def test_a_cancelled_stream_does_not_wait_for_a_thread(loop: Loop) -> None:
    """The function may cancel the stream from its own thread."""
    ends = threading.Event()

    def slow() -> None:
        stream.cancel()
        assert ends.wait(PATIENCE)

    client = Asks(calls(("slow", "{}")))
    stream = run_tools(client, client.stream(ASKED), [slow])
    while await stream.next():
        pass
    ends.set()
    assert isinstance(stream.err(), StreamCancelledError)


@on_every_loop
async def test_a_cancelled_task_does_not_wait_for_a_thread(loop: Loop) -> None:
    """A thread cannot be stopped; what it returns is dropped."""
    waits = loop.flag()
    reached, ends = threading.Event(), threading.Event()

    def slow() -> None:
        reached.set()
        assert ends.wait(PATIENCE)

    client = Asks(calls(("slow", "{}")))

    async def read() -> None:
        async with run_tools(client, client.stream(ASKED), [slow]) as s:
            await s.read()

    async def cancel() -> None:
        while not reached.is_set():
            await loop.pause()
        waits.set()

    async def both() -> None:
        error = await loop.cancelling(read, waits)
        assert isinstance(error, loop.cancelled)
        ends.set()

    await loop.together(both, cancel)


def test_a_client_answers_its_own_streams() -> None:
    """run_tools() refuses a stream of the other kind at once, not when it sends the outputs."""
    ours, theirs = Client("k"), AsyncClient("k")
    blocking = ours.create_response_stream(model="m", input="")
    awaited = theirs.create_response_stream(model="m", input="")
    with pytest.raises(TypeError) as caught:
        run_tools(theirs, blocking, [])  # type: ignore[call-overload]
    assert str(caught.value) == (
        "the stream is blocking and the client asynchronous: pass run_tools the client that made it"
    )
    with pytest.raises(TypeError, match="the stream is asynchronous and the client blocking"):
        run_tools(ours, awaited, [])  # type: ignore[call-overload]


@pytest.mark.parametrize("loop", [ASYNCIO, TRIO], ids=["asyncio", "trio"])
def test_an_exit_is_not_a_failure_of_a_function(loop: Loop) -> None:
    """SystemExit leaves together() unchanged, not in an exception group."""

    async def leave() -> None:
        raise SystemExit(3)

    async def main() -> None:
        steps: list[Callable[[], Any]] = [leave, loop.flag().wait]
        await together(steps)

    with pytest.raises(SystemExit) as caught:
        loop.run(main)
    assert caught.value.code == 3
