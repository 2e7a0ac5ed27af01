"""AsyncStreamerV2: what it adds to the judgement of a stream, on asyncio and on Trio."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import types
import weakref
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import attrs
import pytest
from async_sources import BUSY, Renewable, Source, Watcher, chat, deltas, generator, read_all
from loops import Loop, on_every_loop

from openai_scan import (
    Event,
    Observer,
    Outcome,
    RateLimitError,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.aio import AsyncStreamerV2

# next(), event(), err().


@on_every_loop
async def test_steps_through_the_events(loop: Loop) -> None:
    """next() waits for each event in turn, and is False at the end, without an error."""
    s = AsyncStreamerV2(Source(loop, *chat("a", "b")))
    with pytest.raises(RuntimeError, match="call event\\(\\) only after next\\(\\)"):
        s.event()
    assert s.outcome is None
    assert await s.next()
    assert isinstance(s.event(), Event)
    assert s.text() == "a"
    assert await read_all(s) == ["b", None, None]
    assert s.err() is None
    assert s.events_read == 4
    assert s.bytes_read == len(b"".join(chat("a", "b")))
    assert not await s.next()
    with pytest.raises(RuntimeError):
        s.event()


@on_every_loop
async def test_chunks_may_be_split_anywhere(loop: Loop) -> None:
    """An event is put together from as many reads as it takes, and others come in one."""
    data = b"".join(chat("ü", "b"))
    for size in (1, 7, len(data)):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert await deltas(AsyncStreamerV2(Source(loop, b"", *chunks))) == ["ü", "b"]


@on_every_loop
async def test_source_is_not_read_ahead(loop: Loop) -> None:
    """An event is delivered when its chunk has come: the next chunk is not asked for."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    assert await s.next()
    await loop.pause()
    assert source.left == []
    await s.close()
    assert source.closed == 1


@on_every_loop
async def test_error_of_the_source_is_the_error(loop: Loop) -> None:
    """A ScanError is kept as it is, and anything else is translated, with its cause."""
    late, reset = StreamTimeoutError("late"), ConnectionResetError("reset")
    s = AsyncStreamerV2(Source(loop, *chat("a", finish=None), error=late))
    assert await read_all(s) == ["a"]
    assert (s.err(), s.outcome) == (late, "timed_out")
    source = Source(loop, error=reset)
    s = AsyncStreamerV2(source)
    assert await read_all(s) == []
    assert str(s.err()) == "the source broke off: ConnectionResetError: reset"
    assert type(s.err()) is TransportError
    error = s.err()
    assert error is not None
    assert error.__cause__ is reset
    assert source.closed == 1  # it is needed no more
    assert not await s.next()


@on_every_loop
async def test_settings_are_those_of_the_blocking_streamer(loop: Loop) -> None:
    """Strictness, the terminal event and the limit are judged alike."""
    odd = b'data: {"object": "chat.completion.chunk", "choices": 1}\n\n'
    s = AsyncStreamerV2(Source(loop, odd), strict=True)
    assert (await read_all(s), s.outcome) == ([], "failed")
    s = AsyncStreamerV2(Source(loop, *chat("a", finish=None)), require_terminal=False)
    assert (await read_all(s), s.outcome) == (["a"], "completed")
    s = AsyncStreamerV2(Source(loop, *chat("a" * 99)), max_event_bytes=50)
    assert (await read_all(s), s.outcome) == ([], "failed")
    with pytest.raises(ValueError, match="max_event_bytes"):
        AsyncStreamerV2(Source(loop), max_event_bytes=0)


# async for, async with, close().


@on_every_loop
async def test_async_for_yields_the_events_and_raises_the_error(loop: Loop) -> None:
    """`async for` ends when the stream does, after a bad end with its error."""
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    assert [event.unwrap_text() async for event in s] == ["a", None, None]
    assert [event async for event in s] == []
    s = AsyncStreamerV2(Source(loop, *chat("a", finish=None)))
    iterator = aiter(s)
    assert (await anext(iterator)).unwrap_text() == "a"
    with pytest.raises(TruncatedStreamError) as caught:
        await anext(iterator)
    assert caught.value is s.err()


@on_every_loop
async def test_async_with_raises_the_error_that_was_not_checked(loop: Loop) -> None:
    """Leaving a block closes the source and raises the pending error, unless it was asked for."""
    source = Source(loop, *chat("a", finish=None))
    with pytest.raises(TruncatedStreamError):
        async with AsyncStreamerV2(source) as s:
            await read_all(s)
    assert source.closed
    async with AsyncStreamerV2(Source(loop, *chat("a", finish=None))) as s:
        await read_all(s)
        assert s.err() is not None
    async with AsyncStreamerV2(Source(loop, *chat("a"))) as s:
        await read_all(s)


@on_every_loop
async def test_async_with_does_not_mask_the_exception_of_the_block(loop: Loop) -> None:
    """An exception of the block comes out as it is; the source is closed all the same."""
    source = Source(loop, *chat("a", finish=None))

    async def block() -> None:
        async with AsyncStreamerV2(source) as s:
            await read_all(s)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await block()
    assert source.closed


@on_every_loop
async def test_leaving_early_is_not_an_error(loop: Loop) -> None:
    """You may stop reading at any time: the stream counts as cancelled, without an error."""
    source = Source(loop, *chat("a", "b"))
    async with AsyncStreamerV2(source) as s:
        async for _ in s:
            break
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)
    assert not await s.next()


@on_every_loop
async def test_close_is_idempotent(loop: Loop) -> None:
    """close() and aclose() may be called at any time, any number of times."""
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    await s.close()
    await s.aclose()
    assert (s.outcome, s.err(), await s.next()) == ("cancelled", None, False)
    async with contextlib.aclosing(AsyncStreamerV2(Source(loop, *chat("a")))) as s:
        await read_all(s)
    await s.close()
    assert (s.outcome, s.err()) == ("completed", None)


@on_every_loop
async def test_close_closes_the_whole_chain(loop: Loop) -> None:
    """Streams that were never reached are closed as well, even if closing the first one fails."""

    class Stubborn(Source):
        """A source that cannot be closed."""

        async def aclose(self) -> None:
            await super().aclose()
            raise OSError("it is stuck")

    sources = [Source(loop), Stubborn(loop), Stubborn(loop), Source(loop)]
    s = AsyncStreamerV2(sources[0])
    for source in sources[1:]:
        s.chain(source)
    with pytest.raises(OSError, match="it is stuck"):
        await s.close()
    assert [source.closed for source in sources] == [1, 1, 1, 1]
    assert s.outcome == "cancelled"


@on_every_loop
async def test_observer_that_raises_does_not_keep_the_source_open(loop: Loop) -> None:
    """An exception of an observer leaves close(), and the source is closed before."""

    class Broken(Observer):
        """Fails when the stream ends."""

        def ended(self, *_: object) -> None:
            raise LookupError("mine")

    source = Source(loop, *chat("a"))
    s = AsyncStreamerV2(source)
    s.observe(Broken())
    assert await s.next()
    with pytest.raises(LookupError, match="mine"):
        await s.close()
    assert (source.closed, s.outcome) == (1, "cancelled")


@on_every_loop
async def test_stream_without_references_is_freed(loop: Loop) -> None:
    """A stream without references is freed, even one that broke off."""
    s = AsyncStreamerV2(Source(loop, *chat("a"), error=OSError("reset")))
    await read_all(s)
    gone = weakref.ref(s)
    del s
    gc.collect()
    assert gone() is None


# Sources.


@pytest.mark.parametrize("source", ["text", b"bytes", bytearray(b"x"), memoryview(b"x")])
def test_text_and_single_bytes_are_refused(source: Any) -> None:
    """A single chunk is not a source, and the message says what to do."""
    with pytest.raises(TypeError) as caught:
        AsyncStreamerV2(source)
    assert str(caught.value) == (
        f"a source is an iterable of byte chunks, not {type(source).__name__}: put a single chunk"
        " into a list"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "a source is an async iterable of bytes, not int"),
        (None, "a source is an async iterable of bytes, not NoneType"),
        (
            [b""],
            (
                "a source is an async iterable of bytes, not list;"
                " use StreamerV2 for blocking sources"
            ),
        ),
        (
            types.SimpleNamespace(read=print),
            (
                "a source is an async iterable of bytes, not SimpleNamespace;"
                " use StreamerV2 for blocking sources"
            ),
        ),
        (
            io.BytesIO(),
            (
                "a source is an async iterable of bytes, not BytesIO;"
                " use StreamerV2 for blocking sources"
            ),
        ),
    ],
    ids=["int", "None", "list", "reader", "file"],
)
def test_what_cannot_be_awaited_is_refused_at_once(source: Any, message: str) -> None:
    """What is not asynchronous is a TypeError when it is passed, to chain() as well."""
    with pytest.raises(TypeError) as caught:
        AsyncStreamerV2(source)
    assert str(caught.value) == message
    with pytest.raises(TypeError) as caught:
        AsyncStreamerV2(generator()).chain(source)
    assert str(caught.value) == message


def test_streamers_of_the_other_kind_are_refused() -> None:
    """Streams that block and streams that are awaited cannot follow each other."""
    blocking: Any = StreamerV2([])
    asynchronous: Any = AsyncStreamerV2(generator())
    with pytest.raises(TypeError) as caught:
        asynchronous.chain(blocking)
    assert str(caught.value) == (
        "a source is an async iterable of bytes, not StreamerV2;"
        " use StreamerV2 for blocking sources"
    )
    with pytest.raises(TypeError) as caught:
        blocking.chain(asynchronous)
    assert str(caught.value) == (
        "a source is an iterable of bytes or a binary file, not AsyncStreamerV2;"
        " use AsyncStreamerV2 for asynchronous sources"
    )


@on_every_loop
async def test_streamers_of_a_class_of_your_own_are_chained(loop: Loop) -> None:
    """A subclass follows its base class, and its base class follows it."""

    class Own(AsyncStreamerV2):
        """A class of your own."""

    class OwnBlocking(StreamerV2):
        """Another."""

    for first, second in ((Own, AsyncStreamerV2), (AsyncStreamerV2, Own)):
        s = first(Source(loop, *chat("a")))
        s.chain(second(Source(loop, *chat("b"))))
        assert await s.read() == b"ab"
    for one, other in ((OwnBlocking, StreamerV2), (StreamerV2, OwnBlocking)):
        blocking = one(chat("a"))
        blocking.chain(other(chat("b")))
        assert blocking.read() == b"ab"


@on_every_loop
async def test_chunk_of_text_is_refused(loop: Loop) -> None:
    """A source that yields text is a mistake of the caller, not an error of the stream."""
    text: Any = "data: 1\n\n"

    s = AsyncStreamerV2(Source(loop, text))
    with pytest.raises(TypeError, match="a source must yield bytes, not str"):
        await s.next()


@on_every_loop
async def test_any_asynchronous_iterable_is_a_source(loop: Loop) -> None:
    """Generators and iterators are read alike, whatever awaitable they return, or whether any."""

    class Iterator:
        """Returns awaitables, and at the end raises without one."""

        def __init__(self) -> None:
            self.left = chat("a")

        def __aiter__(self) -> Iterator:
            return self

        def __anext__(self) -> Awaitable[bytes]:
            if not self.left:
                raise StopAsyncIteration
            return self.take()

        async def take(self) -> bytes:
            await loop.pause()
            return self.left.pop(0)

    async with AsyncStreamerV2(generator(*chat("a")[:-1])) as s:
        assert await deltas(s) == ["a"]
    assert await deltas(AsyncStreamerV2(Iterator())) == ["a"]
    cut = Iterator()
    del cut.left[1:]
    with pytest.raises(TruncatedStreamError):
        await deltas(AsyncStreamerV2(cut))


@on_every_loop
async def test_source_that_breaks_without_an_awaitable(loop: Loop) -> None:
    """Its error is translated like any other."""

    class Broken:
        """Fails at once."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        def __anext__(self) -> Awaitable[bytes]:
            raise ConnectionResetError("reset")

    s = AsyncStreamerV2(Broken())
    assert not await s.next()
    assert str(s.err()) == "the source broke off: ConnectionResetError: reset"


@on_every_loop
async def test_source_without_a_close_is_left_alone(loop: Loop) -> None:
    """A source is closed by its aclose(), or else by its close(), which may return nothing."""
    closed = []

    class Plain:
        """A source without a method to close it."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            return generator(*chat("a"))

    class Blocking(Plain):
        """A source with close()."""

        def close(self) -> None:
            closed.append("close")

    class Both(Blocking):
        """A source with close() and aclose()."""

        async def aclose(self) -> None:
            await loop.pause()
            closed.append("aclose")

    for source in (Plain(), Blocking(), Both()):
        async with AsyncStreamerV2(source) as s:
            assert await s.next()
    assert closed == ["close", "aclose"]


# The text.


@on_every_loop
async def test_read_by_size(loop: Loop) -> None:
    """read(size) returns at most so many bytes, as soon as there are some; none at the end only."""
    s = AsyncStreamerV2(Source(loop, *chat("Grüß ", "", "Gott")))
    assert await s.read(0) == b""
    assert s.events_read == 0
    pieces = []
    while piece := await s.read(3):
        assert len(piece) <= 3
        pieces.append(piece)
    assert b"".join(pieces).decode() == "Grüß Gott"
    s = AsyncStreamerV2(Source(loop, *chat("a", finish=None), hold=True))
    assert await s.read(1000) == b"a"
    await s.close()


@pytest.mark.parametrize("size", [None, -1])
@on_every_loop
async def test_read_all(size: int | None, loop: Loop) -> None:
    """read() without a size is all the text that is still to come."""
    s = AsyncStreamerV2(Source(loop, *chat("Hel", "lo")))
    assert await s.read(2) == b"He"
    assert await s.read(size) == b"llo"
    assert await s.read(size) == b""


@on_every_loop
async def test_read_delivers_all_text_before_the_error(loop: Loop) -> None:
    """By size the error comes last, and without a size first: as with the blocking streamer."""
    s = AsyncStreamerV2(Source(loop, *chat("par", finish=None)))
    assert await s.read(2) == b"pa"
    assert await s.read(2) == b"r"
    for _ in range(2):
        with pytest.raises(TruncatedStreamError):
            await s.read(2)
    s = AsyncStreamerV2(Source(loop, *chat("par", finish=None)))
    assert await s.read(2) == b"pa"
    assert await read_all(s) == []
    assert await s.read(2) == b"r"
    s = AsyncStreamerV2(Source(loop, *chat("par", "t", finish=None)))
    with pytest.raises(TruncatedStreamError):
        await s.read()
    assert await s.read() == b"part"
    with pytest.raises(TruncatedStreamError):
        await s.read()


@on_every_loop
async def test_text_deltas(loop: Loop) -> None:
    """text_deltas() yields each delta's text as it comes, halves of characters joined."""
    s = AsyncStreamerV2(Source(loop, *chat("a\ud83d", "", "\ude00", "b\ud83d")))
    assert await deltas(s) == ["a", "😀", "b", "\ufffd"]


@on_every_loop
async def test_text_deltas_raise_at_the_end(loop: Loop) -> None:
    """A stream that ends with an error yields its text first."""
    iterator = AsyncStreamerV2(Source(loop, *chat("a", finish=None))).text_deltas()
    assert await anext(aiter(iterator)) == "a"
    with pytest.raises(TruncatedStreamError):
        await anext(iterator)


@on_every_loop
async def test_text_deltas_may_be_dropped(loop: Loop) -> None:
    """If you stop in the middle, you can continue in another way."""
    s = AsyncStreamerV2(Source(loop, *chat("a", "b", "c")))
    assert await anext(s.text_deltas()) == "a"
    assert await s.read() == b"bc"


# The answer, and who watches it.


@attrs.frozen
class City:
    """A city."""

    name: str


@on_every_loop
async def test_answer_grows_and_ends(loop: Loop) -> None:
    """snapshot(), partial(), final() and final_as() are those of the blocking streamer."""
    s = AsyncStreamerV2(Source(loop, *chat('{"name": "Ro', 'me"}')))
    assert s.snapshot() is None
    assert await s.next()
    assert s.partial() == {"name": "Ro"}
    snapshot = s.snapshot()
    assert snapshot is not None
    assert snapshot.text == '{"name": "Ro'
    assert (await s.final()).text == '{"name": "Rome"}'  # read to its end first
    assert (s.outcome, s.events_read) == ("completed", 4)
    assert await s.final_as(City) == City(name="Rome")
    s = AsyncStreamerV2(Source(loop, *chat('{"name": "Ro', 'me"}')))
    assert await s.final_as(City) == City(name="Rome")
    s = AsyncStreamerV2(Source(loop, *chat("a", finish=None)))
    with pytest.raises(TruncatedStreamError) as caught:
        await s.final()
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.text == "a"


@on_every_loop
async def test_observers_and_statistics(loop: Loop) -> None:
    """An observer is notified of the beginning, each event and the end."""
    watcher = Watcher()
    s = AsyncStreamerV2(Source(loop, *chat("a", "b")))
    s.observe(watcher)
    assert s.stats.events == 0
    await read_all(s)
    assert watcher.told == ["began", "a", "b", None, None, "completed"]
    assert (s.stats.events, s.stats.outcome) == (4, "completed")
    with pytest.raises(RuntimeError, match="the stream has ended"):
        s.observe(watcher)


@on_every_loop
async def test_tee_gets_every_byte(loop: Loop) -> None:
    """From tee() on, all that is read goes to the file as well, chained streams included."""
    file = io.BytesIO()
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    s.chain(Source(loop, *chat("b")))
    assert await s.next()
    s.tee(file)
    await read_all(s)
    assert file.getvalue() == b"".join([*chat("a")[1:], *chat("b")])


@on_every_loop
async def test_tee_that_fails_is_the_callers_own_error(loop: Loop) -> None:
    """An error in writing is raised by next() as it is, and the events are not lost."""

    class Full:
        """A disk without room."""

        def write(self, _: bytes) -> int:
            raise OSError("no space left")

    s = AsyncStreamerV2(Source(loop, *chat("a")))
    s.tee(Full())
    with pytest.raises(OSError, match="no space left"):
        await s.next()
    s.tee(io.BytesIO())
    assert await read_all(s) == ["a", None, None]
    assert s.err() is None


# chain(), chain_from().


@on_every_loop
async def test_chain_continues_in_the_same_loop(loop: Loop) -> None:
    """Sources and streamers follow one after the other, and each is closed when it is over."""
    sources = [Source(loop, *chat(text)) for text in "abc"]
    other = AsyncStreamerV2(sources[2])
    s = AsyncStreamerV2(sources[0])
    s.chain(sources[1])
    s.chain(other)
    assert await deltas(s) == ["a", "b", "c"]
    assert (s.outcome, s.events_read) == ("completed", 9)
    assert [source.closed for source in sources] == [1, 1, 0]
    assert (await other.next(), other.outcome, other.err()) == (False, "completed", None)
    await other.close()
    assert sources[2].closed == 0
    await s.close()
    assert sources[2].closed == 1


@on_every_loop
async def test_chain_refuses_what_cannot_follow(loop: Loop) -> None:
    """A stream in use, the stream itself, and anything after the end are refused."""
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    started = AsyncStreamerV2(Source(loop, *chat("b")))
    assert await started.next()
    with pytest.raises(RuntimeError, match="that has not been started"):
        s.chain(started)
    with pytest.raises(ValueError, match="a stream cannot be chained to itself"):
        s.chain(s)
    await read_all(s)
    with pytest.raises(RuntimeError, match="call chain\\(\\) before its last event"):
        s.chain(Source(loop))
    with pytest.raises(RuntimeError, match="call chain_from\\(\\) before its end"):
        s.chain_from(lambda _, outcome: outcome)
    await started.close()


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
@on_every_loop
async def test_successor_says_what_comes_next(kind: str, loop: Loop) -> None:
    """The function is asked at each end, and returns a source, a streamer, or the outcome."""
    seen = []
    answers: list[Any] = [
        Source(loop, *chat("b")),
        AsyncStreamerV2(Source(loop, *chat("c"))),
        "requires_action",
    ]

    def function(s: AsyncStreamerV2, outcome: Outcome) -> Any:
        seen.append((s.snapshot(), outcome))
        return answers.pop(0)

    async def coroutine_function(s: AsyncStreamerV2, outcome: Outcome) -> Any:
        assert await s.final() == s.snapshot()
        return function(s, outcome)

    async with AsyncStreamerV2(Source(loop, *chat("a"))) as s:
        s.chain_from(function if kind == "function" else coroutine_function)
        assert await deltas(s) == ["a", "b", "c"]
        assert (s.outcome, s.err()) == ("requires_action", None)
    assert [(answer and answer.text, outcome) for answer, outcome in seen] == [
        ("a", "completed"),
        ("b", "completed"),
        ("c", "completed"),
    ]


@on_every_loop
async def test_a_conversation_is_read_to_its_end(loop: Loop) -> None:
    """messages() and input_items() are awaited, as final() is."""
    s = AsyncStreamerV2(Source(loop, *chat("a", "b")))
    assert await s.messages() == [{"role": "assistant", "content": "ab"}]
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    with pytest.raises(TypeError, match=r"input_items\(\) is not for this API"):
        await s.input_items()
    items = [{"type": "message", "role": "assistant", "content": []}]
    event = {"type": "response.completed", "response": {"id": "r", "output": items}}
    s = AsyncStreamerV2(Source(loop, b"data: %b\n\n" % json.dumps(event).encode()))
    assert await s.input_items() == items


@on_every_loop
async def test_what_a_successor_raises_leaves_next(loop: Loop) -> None:
    """It is raised once, and the stream has ended as it would have without the successor."""

    async def broken(_s: AsyncStreamerV2, _outcome: Outcome) -> Outcome:
        await loop.pause()
        raise ZeroDivisionError

    def wrong(_s: AsyncStreamerV2, _outcome: Outcome) -> Any:
        return [b""]

    successors: list[tuple[Any, type[Exception]]] = [
        (broken, ZeroDivisionError),
        (wrong, TypeError),
    ]
    for successor, error in successors:
        s = AsyncStreamerV2(Source(loop, *chat("a")))
        s.chain_from(successor)
        with pytest.raises(error):
            await read_all(s)
        assert (await s.next(), s.outcome, s.err()) == (False, "completed", None)
        await s.close()


@on_every_loop
async def test_cancel_while_a_successor_decides(loop: Loop) -> None:
    """A source that the successor names after cancel() is closed and not read."""
    following = Source(loop, *chat("b"))

    async def successor(s: AsyncStreamerV2, _outcome: Outcome) -> Source:
        await loop.pause()
        s.cancel()
        return following

    async with AsyncStreamerV2(Source(loop, *chat("a"))) as s:
        s.chain_from(successor)
        assert await read_all(s) == ["a", None, None]
        assert isinstance(s.err(), StreamCancelledError)
    assert following.closed
    assert following.left == []


@pytest.mark.parametrize("early", [False, True])
@on_every_loop
async def test_cancel_ends_the_wait_for_a_successor(loop: Loop, early: bool) -> None:
    """The successor's coroutine is cancelled, even if `cancel()` came before its first wait.

    The answer stays, and the source is closed.
    """
    waits, left = loop.flag(), list[BaseException]()
    source = Source(loop, *chat("a"))

    async def wait() -> Outcome:
        waits.set()
        try:
            await loop.flag().wait()
        except BaseException as error:
            left.append(error)
            raise
        raise AssertionError

    def successor(s: AsyncStreamerV2, _outcome: Outcome) -> Awaitable[Outcome]:
        if early:
            s.cancel()
        return wait()

    s = AsyncStreamerV2(source)
    s.chain_from(successor)

    async def read() -> None:
        assert await read_all(s) == ["a", None, None]

    async def cancel() -> None:
        await waits.wait()
        s.cancel()

    await loop.together(read, cancel)
    assert [type(each) for each in left] == [loop.cancelled]
    assert (s.outcome, type(s.err())) == ("cancelled", StreamCancelledError)
    assert source.closed
    answer = s.snapshot()
    assert answer is not None
    assert answer.text == "a"


@on_every_loop
async def test_closed_stream_is_cancelled_without_an_error(loop: Loop) -> None:
    """close() ends the wait for the successor, and a later cancel() adds no error."""

    async def successor(s: AsyncStreamerV2, outcome: Outcome) -> Outcome:
        await s.close()
        s.cancel()
        await loop.flag().wait()
        return outcome

    s = AsyncStreamerV2(Source(loop, *chat("a")))
    s.chain_from(successor)
    await read_all(s)
    assert (s.outcome, s.err()) == ("cancelled", None)


# retry, resume.


@on_every_loop
async def test_retry_begins_again(loop: Loop) -> None:
    """A source that fails before any content is replaced by the one that its retry() returns."""
    watcher = Watcher()
    source = Renewable(loop, BUSY)
    source.retries = Source(loop, *chat("a"))
    async with AsyncStreamerV2(source) as s:
        s.observe(watcher)
        assert await deltas(s) == ["a"]
        assert (s.outcome, dict(s.notes)) == ("completed", {"retry: RateLimitError": 1})
    assert source.asked == [RateLimitError]
    assert source.closed == source.retries.closed == 1
    assert watcher.told == ["began", RateLimitError, "a", None, None, "completed"]


def response(number: int, name: str, **more: Any) -> bytes:
    """Return an event of a response that continues in the background."""
    payload = {"type": f"response.{name}", "sequence_number": number, **more}
    return b"data: %b\n\n" % json.dumps(payload).encode()


def whole(status: str) -> dict[str, Any]:
    """Return a response."""
    return {"id": "resp_1", "status": status, "background": True, "output": []}


def piece(number: int, text: str) -> bytes:
    """Return an event that adds *text* to a response."""
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return response(number, "output_text.delta", delta=text, **place)


@on_every_loop
async def test_resume_continues(loop: Loop) -> None:
    """A response that broke off is continued from its last event, and nothing comes twice."""
    begin = response(0, "created", response=whole("in_progress"))
    end = response(3, "completed", response=whole("completed"))
    source = Renewable(loop, begin, piece(1, "a"), error=OSError("reset"))
    source.rest = Source(loop, piece(1, "a"), piece(2, "b"), end)
    async with AsyncStreamerV2(source) as s:
        assert await deltas(s) == ["a", "b"]
        assert (s.outcome, dict(s.notes)) == ("completed", {"resume: TransportError": 1})
    assert source.asked == [(TransportError, "resp_1", 1)]


@on_every_loop
async def test_retry_that_returns_no_source_is_refused(loop: Loop) -> None:
    """next() raises a TypeError once; afterwards that is why the stream failed."""
    source = Renewable(loop, BUSY)
    source.retries = [b""]
    s = AsyncStreamerV2(source)
    with pytest.raises(TypeError, match="not list"):
        await s.next()
    assert not await s.next()
    assert str(s.err()).startswith("the source broke off: TypeError: a source is an async")
    assert source.closed == 1
    s = AsyncStreamerV2(source)
    with pytest.raises(TypeError, match="not list"):
        await s.next()
    s.cancel()
    assert not await s.next()
    assert type(s.err()) is StreamCancelledError


@on_every_loop
async def test_source_that_cannot_be_closed_does_not_end_the_chain(loop: Loop) -> None:
    """What closing raises between two streams leaves next() once, and the next stream comes."""

    class Stubborn(Source):
        """A source that cannot be closed."""

        async def aclose(self) -> None:
            await super().aclose()
            raise OSError("it is stuck")

    source = Renewable(loop, BUSY)
    source.retries = Source(loop, *chat("b"))
    source.aclose = Stubborn(loop).aclose  # type: ignore[method-assign]
    s = AsyncStreamerV2(source)
    with pytest.raises(OSError, match="it is stuck"):
        await s.next()
    assert await deltas(s) == ["b"]
