"""A traceback shows whether an exception is the caller's own."""

from __future__ import annotations

import asyncio
import functools
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server import CHUNKED, END, ch, serving

from openai_scan import (
    AsyncStreamerV2,
    Client,
    Event,
    Observer,
    StreamerV2,
    TransportError,
)
from openai_scan.interruptions import (
    Interruption,
    carry,
    interruption_in,
    is_interruption,
    leave_with,
    pass_interruption,
)
from openai_scan.recording import read_recording, record
from openai_scan.sse import EventScanner
from openai_scan.tools import run_tools

NUMBER = signal.SIGINT
EVENT = (
    b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the signal handler after each test."""
    before = signal.getsignal(NUMBER)
    yield
    signal.signal(NUMBER, before)


def interrupt() -> None:
    """Run the handler, which raises an exception."""
    signal.raise_signal(NUMBER)


def caught(call: Callable[[], object], as_: Callable[[Exception], object]) -> object:
    """Return what *as_* returns of the exception that *call* raises, while it is handled."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - of any class
        return as_(error)
    raise AssertionError("nothing was raised")


def fail(*_: object) -> None:
    """Raise what the network might raise."""
    raise ConnectionResetError("mine")


def with_arguments(number: int, frame: object) -> None:
    """A handler that keeps its arguments."""
    fail(number)


def with_any(*args: object) -> None:
    """A handler that takes any arguments."""
    fail(args[0])


def with_none_left(number: int, frame: object) -> None:
    """A handler that deletes its arguments."""
    del number, frame
    fail()


def with_more(more: str, number: int, frame: object) -> None:
    """A handler with one more argument, for `functools.partial`."""
    del number, frame
    fail(more)


class Handler:
    """Handlers of other kinds: an object and a method."""

    def __call__(self, number: int, frame: object) -> None:
        """Delete the arguments, and raise."""
        del number, frame
        fail()

    def method(self, number: int, frame: object) -> None:
        """Delete the arguments, and raise."""
        del number, frame
        fail()


@pytest.mark.parametrize(
    "handler",
    [
        with_arguments,
        with_any,
        lambda *_: fail(),
        with_none_left,
        functools.partial(with_more, "more"),
        Handler(),
        Handler().method,
    ],
    ids=["arguments", "any", "lambda", "none left", "partial", "object", "method"],
)
def test_what_a_signal_handler_raises_is_an_interruption(handler: Any) -> None:
    """This holds for every kind of handler, and wherever in it the exception is raised."""
    signal.signal(NUMBER, handler)
    assert caught(interrupt, is_interruption) is True


def once(number: int, frame: object) -> None:
    """A handler that uninstalls itself, as many do in order to run once."""
    signal.signal(number, signal.SIG_IGN)
    raise TimeoutError("mine")


def once_with_any(*args: Any) -> None:
    """The same, and it takes any arguments."""
    once(*args)


@pytest.mark.parametrize("handler", [once, once_with_any])
def test_a_handler_that_takes_itself_away_is_known_by_its_argument(handler: Any) -> None:
    """Whether the argument has a name or is one of several in a tuple."""
    signal.signal(NUMBER, handler)
    assert caught(interrupt, is_interruption) is True


def test_any_other_exception_is_none() -> None:
    """Nor is one that another function in the same module raised, or one that was never raised."""
    signal.signal(NUMBER, with_arguments)
    assert caught(fail, is_interruption) is False
    assert caught(lambda: with_any(1), is_interruption) is False
    assert caught(lambda: int("a"), is_interruption) is False
    assert is_interruption(OSError()) is False


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_raising_what_is_not_an_exception_is_one(error: type[BaseException]) -> None:
    """KeyboardInterrupt and the like are the caller's, since no source raises them."""
    assert is_interruption(error()) is True


def test_only_what_a_library_may_catch_is_carried() -> None:
    """`carry()` wraps an Exception of the caller's, and leaves all others alone."""
    signal.signal(NUMBER, with_arguments)
    with pytest.raises(Interruption) as carried:
        caught(interrupt, carry)
    assert type(carried.value.error) is ConnectionResetError
    assert repr(carried.value) == "Interruption(ConnectionResetError('mine'))"
    assert caught(fail, carry) is None
    carry(KeyboardInterrupt())


def test_an_interruption_is_passed_on_as_it_is() -> None:
    """What was being handled does not become its context."""
    signal.signal(NUMBER, with_arguments)
    with pytest.raises(ConnectionResetError, match="mine") as passed:
        caught(interrupt, pass_interruption)
    assert (passed.value.__context__, passed.value.__cause__) == (None, None)
    assert caught(fail, pass_interruption) is None
    for before in (None, KeyError("before")):
        error, other = LookupError("mine"), OSError("other")
        error.__context__ = before
        with pytest.raises(LookupError) as left:  # noqa: PT012 - the handling is what is tested
            try:
                raise other
            except OSError:
                leave_with(error)
        assert (left.value, error.__context__) == (error, before)


def test_one_is_found_among_the_causes() -> None:
    """A carried exception counts anywhere, and a GeneratorExit only at the front.

    A library may have turned one behind it into an error of its own.
    """
    mine = LookupError("mine")
    assert interruption_in([OSError(), Interruption(mine)]) is mine
    assert interruption_in([OSError(), GeneratorExit()]) is None
    stop = GeneratorExit()
    assert interruption_in([stop, OSError()]) is stop
    assert interruption_in([]) is None


class Source:
    """An ordinary source, whose read is interrupted after an event."""

    def __init__(self, act: Callable[[], object] = interrupt) -> None:
        self.closed = 0
        self._act = act
        self._chunks = iter([EVENT])

    def read(self, size: int, /) -> bytes:
        """Hand over the event; then be interrupted."""
        chunk = next(self._chunks, b"")
        if not chunk:
            self._act()
        return chunk

    def close(self) -> None:
        """Count it, and fail."""
        self.closed += 1
        raise OSError("it is stuck")


@pytest.mark.parametrize("error", [LookupError("a"), TimeoutError("b"), TransportError("c")])
def test_it_leaves_next_of_a_plain_source(error: Exception) -> None:
    """The source is closed, and the stream has ended; nothing of closing replaces it."""

    def handler(*_: object) -> None:
        raise error

    signal.signal(NUMBER, handler)
    source = Source()
    s = StreamerV2(source)
    assert s.next()
    with pytest.raises(type(error)) as raised:
        s.next()
    assert raised.value is error
    assert (s.next(), s.outcome, s.err(), source.closed) == (False, "cancelled", None, 1)


class Knowing:
    """A source that says whose its exceptions are."""

    def __init__(self, *, interrupted: bool) -> None:
        self.interrupted = interrupted
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        """Raise what the network might raise."""
        yield EVENT
        fail()

    def close(self) -> None:
        """Count it; after an interruption, fail as well."""
        self.closed += 1
        if self.interrupted:
            raise OSError("not mine")


@pytest.mark.parametrize("reader", [StreamerV2, EventScanner])
def test_a_source_may_know_whose_an_exception_is(reader: Any) -> None:
    """The caller's own leaves next(); any other ends the stream."""
    source = Knowing(interrupted=True)
    s = reader(source)
    assert s.next()
    with pytest.raises(ConnectionResetError, match=r"^mine$"):
        s.next()
    assert source.closed == 1
    assert getattr(s, "outcome", "cancelled") == "cancelled"
    assert not s.next()
    assert s.err() is None
    s = reader(Knowing(interrupted=False))
    assert s.next()
    assert not s.next()
    assert isinstance(s.err(), TransportError)


def test_it_leaves_the_scanner_likewise() -> None:
    """An interruption leaves the scanner; what the source itself raises is an error of the scan."""
    signal.signal(NUMBER, with_arguments)
    source = Source()
    scanner = EventScanner(source)
    assert scanner.next()
    with pytest.raises(ConnectionResetError, match="mine"):
        scanner.next()
    assert (scanner.next(), scanner.err(), source.closed) == (False, None, 1)
    scanner = EventScanner(Source(fail))
    assert scanner.next()
    assert not scanner.next()
    assert type(scanner.err()) is TransportError


def test_what_an_observer_raises_ends_no_stream() -> None:
    """It is the caller's own as well, but interrupts no read."""

    class Once(Observer):
        """An observer that raises an exception at an event."""

        def event(self, stream: Any, event: Event) -> None:
            raise LookupError(event.type)

    s = StreamerV2([EVENT, b"data: [DONE]\n\n"])
    s.observe(Once())
    with pytest.raises(LookupError):
        s.next()
    assert s.outcome is None


def events_until_interrupted() -> Iterator[bytes]:
    """Yield an event; then be interrupted."""
    yield EVENT
    interrupt()


def test_a_recording_of_it_was_closed(tmp_path: Path) -> None:
    """The recording says that the stream was closed, since the source did not fail."""
    signal.signal(NUMBER, with_arguments)
    path = tmp_path / "a.jsonl"
    s = StreamerV2(record(events_until_interrupted(), path))
    assert s.next()
    with pytest.raises(ConnectionResetError, match="mine"):
        s.next()
    (section,) = read_recording(path)
    assert section.end is not None
    assert (section.end.end, section.end.failure) == ("closed", None)


async def interrupted() -> AsyncIterator[bytes]:
    """Yield an event; then be interrupted."""
    yield EVENT
    interrupt()


def test_it_leaves_an_asynchronous_stream() -> None:
    """A signal handler also runs while an event loop does."""
    signal.signal(NUMBER, with_arguments)

    async def run() -> None:
        s = AsyncStreamerV2(interrupted())
        assert await s.next()
        with pytest.raises(ConnectionResetError, match="mine"):
            await s.next()
        assert (await s.next(), s.outcome, s.err()) == (False, "cancelled", None)

    asyncio.run(run())


def test_closing_an_asynchronous_stream_that_is_being_read() -> None:
    """Its generator cannot be closed just then, so the wait ends."""
    left = []

    async def waiting() -> AsyncIterator[bytes]:
        try:
            yield EVENT
            await asyncio.Event().wait()
        finally:
            left.append(True)

    async def run() -> None:
        s = AsyncStreamerV2(waiting())
        assert await s.next()
        reader = asyncio.ensure_future(s.next())
        await asyncio.sleep(0)
        await s.close()
        assert not await reader
        assert (s.outcome, s.err(), left) == ("cancelled", None, [True])

    asyncio.run(run())


def test_it_leaves_a_payload_that_is_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a fault of the payload."""
    signal.signal(NUMBER, with_arguments)
    monkeypatch.setattr("openai_scan.events.families.parse", lambda _: interrupt())
    s = StreamerV2([EVENT])
    with pytest.raises(ConnectionResetError, match="mine"):
        s.next()
    assert (s.next(), s.outcome, s.err()) == (False, "cancelled", None)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param("\ufffd", "malformed_event", id="it is not JSON"),
        pytest.param(
            '{"id":"x","object":"chat.completion.chunk","choices":[{"index":"x"}]}',
            "skipped_field: ChatCompletionChunk $.choices[].index",
            id="it does not match",
        ),
    ],
)
def test_a_payload_that_cannot_be_read_asks_for_no_handlers(
    data: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes longer than all the rest, and servers send such payloads by the thousand."""
    monkeypatch.setattr(signal, "getsignal", fail)
    with StreamerV2([f"data: {data}\n\n".encode()]) as s:
        assert s.next()
        assert s.notes == {note: 1}
        s.err()


def test_it_leaves_a_tool_that_runs() -> None:
    """An interruption of a function leaves next(), and the model is not notified."""
    signal.signal(NUMBER, with_arguments)

    def tool() -> str:
        """Take too long."""
        interrupt()
        return "done"

    call = {"index": 0, "id": "call_1", "function": {"name": "tool", "arguments": "{}"}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    chunk = json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode()
    answer = [CHUNKED + ch(b"data: %b\n\ndata: [DONE]\n\n" % chunk) + END]
    with serving(answer) as server, Client("k", server.base_url) as client:
        s = run_tools(client, client.create_chat_completion_stream(model="m", messages=[]), [tool])
        with pytest.raises(ConnectionResetError, match="mine"):
            list(s)
