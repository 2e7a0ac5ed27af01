"""What the caller's own code raises while a request waits reaches the caller unchanged."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import pytest
import requests
from attrs import frozen
from faults.scripts import DONE, HI, STOP, WHOLE
from faults.table import Route
from faults.world import world
from memory_wire import MemoryWire, Reply
from server import (
    CHUNKED,
    PATIENCE,
    TAKE,
    WAIT_FOR_HANG_UP,
    Script,
    Sip,
    ch,
    full_queue,
    json_answer,
    serving,
)

from openai_scan import Client, RetryPolicy, StreamerV2, StreamTimeoutError, Timeout, TransportError
from openai_scan.transport import Request, Transport
from openai_scan.transport.exchange import Exchange
from openai_scan.transport.session.wire import SessionAnswer, SessionWire

ANY_FAILURE = RetryPolicy(resend=True, wait_initial=0)
REFUSED = "HTTP/1.1 {}\r\nContent-Length: 10\r\n{}\r\n12"
LATER = json_answer({}, status="429 Too Many Requests", headers="Retry-After: 60\r\n")


class MineError(Exception):
    """An Exception of the caller's, such as Celery's SoftTimeLimitExceeded."""


class Limit(BaseException):
    """A BaseException of the caller's, such as the Timeout of gevent or eventlet."""


ERRORS: Sequence[BaseException] = (
    MineError("mine"),
    TimeoutError("mine"),
    ConnectionResetError("mine"),
    BrokenPipeError("mine"),
    BlockingIOError("mine"),
    requests.Timeout("mine"),
    StreamTimeoutError("mine"),
    Limit("mine"),
    KeyboardInterrupt("mine"),
)


@contextlib.contextmanager
def interrupted(error: BaseException, reached: threading.Event) -> Iterator[None]:
    """Make a signal handler raise *error* in this thread, once, while an exchange waits.

    A signal that comes just before a system call does not end it; the next one does. Nor does one
    that comes while Python finalizes an object: whatever is raised there, Python ignores.
    """
    done = threading.Event()
    # The tests share the errors, and an earlier one may have interrupted the handling of another.
    error.__context__ = None

    def handler(_: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name in ("__del__", "_remove"):
            return
        while frame is not None and not isinstance(frame.f_locals.get("self"), Exchange):
            frame = frame.f_back
        if frame is not None and not done.is_set():
            done.set()
            raise error

    def send() -> None:
        assert reached.wait(PATIENCE)
        while not done.wait(0.005):
            signal.pthread_kill(main, signal.SIGUSR1)

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, handler)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        reached.set()
        done.set()
        sender.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)


@frozen
class Phase:
    """Where an exchange waits.

    Attributes:
        script: What the server plays, beginning with the request; `reached` is called before it
            waits.
        openings: What the server plays when a connection begins, until the reader has left.
        events: How many events the reader gets before.
        requests: How many requests the server gets.
        body: The text of the message in the request.
    """

    script: Callable[[Callable[[], object]], Script]
    openings: Callable[[Callable[[], object], threading.Event], Script] = lambda *_: ()
    events: int = 0
    requests: int = 1
    body: str = ""


def after(*beginning: bytes) -> Callable[[Callable[[], object]], Script]:
    """Return a script that waits after it has sent *beginning*."""
    return lambda reached: [*beginning, reached, WAIT_FOR_HANG_UP]


PHASES = {
    "sending": Phase(
        after(), openings=lambda reached, left: [reached, Sip(left)], requests=0, body="x" * 2**22
    ),
    "head": Phase(after()),
    "in the head": Phase(after(CHUNKED[:30])),
    "first byte": Phase(after(CHUNKED)),
    "body": Phase(after(CHUNKED + ch(HI)), events=1),
    "in a chunk": Phase(after(CHUNKED + ch(HI + STOP)[:-30]), events=1),
    "after the terminal event": Phase(after(CHUNKED + ch(HI + STOP)), events=2),
    "error body": Phase(after(REFUSED.format("500 No", "").encode())),
    "body of a redirect": Phase(after(REFUSED.format("307 No", "Location: /\r\n").encode())),
    "pause": Phase(lambda reached: [LATER, reached]),
}


def check(s: StreamerV2, error: BaseException, reached: threading.Event, events: int = 0) -> None:
    """Read *s* until *error* leaves it unchanged, and see that it has ended."""
    for _ in range(events):  # the server may have come further than the reader
        assert s.next()
    with interrupted(error, reached), pytest.raises(type(error)) as raised:
        s.next()
    assert raised.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert not s.next()
    assert (s.outcome, s.err()) == ("completed" if events == 2 else "cancelled", None)


@pytest.mark.unmeasured
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", PHASES)
def test_it_leaves_a_stream_unchanged(name: str, error: BaseException) -> None:
    """Nothing is sent again, and the connection is not reused."""
    phase, reached, left = PHASES[name], threading.Event(), threading.Event()
    script, opening = phase.script(reached.set), phase.openings(reached.set, left)
    with (
        serving(script, WHOLE, openings=[opening], buffer=4096) as server,
        Client("k", server.base_url, retries=ANY_FAILURE) as client,
    ):
        s = client.create_chat_completion_stream(
            model="m", messages=[{"role": "user", "content": phase.body}]
        )
        check(s, error, reached, phase.events)
        left.set()
        assert len(server.requests) == phase.requests
        if name not in ("pause", "sending"):
            assert server.hung_up.wait(PATIENCE)
        assert server.connections == 1


@pytest.mark.unmeasured
@pytest.mark.parametrize("resend", [True, False], ids=["resend", "no resend"])
@pytest.mark.parametrize("error", [TimeoutError("mine"), Limit("mine")], ids=["Timeout", "Limit"])
@pytest.mark.parametrize("route", [Route.TLS, Route.PROXY, Route.TUNNEL], ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["sending", "head", "body", "in a chunk"])
def test_it_leaves_a_stream_unchanged_on_every_route(
    name: str, route: Route, error: BaseException, *, resend: bool
) -> None:
    """The exception leaves a stream over TLS or through a proxy unchanged as well.

    Reads from TLS are other code, and a failure of the proxy would be retried.
    """
    phase, reached, left = PHASES[name], threading.Event(), threading.Event()
    script, opening = phase.script(reached.set), phase.openings(reached.set, left)
    with contextlib.ExitStack() as stack:
        around = stack.enter_context(
            world(route, script, WHOLE, openings=[opening] if opening else (), buffer=4096)
        )
        retries = ANY_FAILURE if resend else RetryPolicy(wait_initial=0)
        client = stack.enter_context(Client("k", around.server.base_url, retries=retries))
        s = client.create_chat_completion_stream(
            model="m", messages=[{"role": "user", "content": phase.body}]
        )
        check(s, error, reached, phase.events)
        left.set()
        if name != "sending":
            assert around.server.hung_up.wait(PATIENCE)
        assert len(around.server.requests) == phase.requests
        assert around.entrance.connections == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["head", "error body", "pause"])
def test_it_leaves_a_call_unchanged(name: str, error: BaseException) -> None:
    """A call raises the caller's exception unchanged, and does not retry."""
    reached = threading.Event()
    with (
        serving(PHASES[name].script(reached.set), json_answer({})) as server,
        Client("k", server.base_url, retries=ANY_FAILURE) as client,
        interrupted(error, reached),
    ):
        with pytest.raises(type(error)) as raised:
            client.retrieve_response("resp_1")
        assert raised.value is error
        assert len(server.requests) == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("route", [Route.TLS, Route.TUNNEL], ids=["handshake", "CONNECT"])
def test_it_leaves_a_stream_that_connects(route: Route, error: BaseException) -> None:
    """The exception leaves a TLS handshake, and the request to a proxy for a tunnel, unchanged."""
    reached = threading.Event()
    waits: Script = [TAKE, reached.set, TAKE]
    with contextlib.ExitStack() as stack:
        around = stack.enter_context(
            world(route, handshakes=[waits], tunnels=[[reached.set, WAIT_FOR_HANG_UP]])
        )
        client = stack.enter_context(Client("k", around.server.base_url, retries=ANY_FAILURE))
        check(client.create_chat_completion_stream(model="m", messages=[]), error, reached)
        assert around.entrance.hung_up.wait(PATIENCE)
        assert around.entrance.connections == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_leaves_a_stream_whose_name_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The lookup continues in another thread, and no thread waits for it."""
    reached, known = threading.Event(), threading.Event()

    def look_up(*_: Any, flags: int) -> list[Any]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        reached.set()
        known.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Client("k", "http://nowhere.test/v1", retries=ANY_FAILURE) as client:
        check(client.create_chat_completion_stream(model="m", messages=[]), error, reached)
    known.set()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_leaves_a_stream_that_is_not_accepted(
    connecting: threading.Event, error: BaseException
) -> None:
    """No other address is tried because of it."""
    with (
        full_queue() as port,
        Client("k", f"http://127.0.0.1:{port}/v1", retries=ANY_FAILURE) as client,
    ):
        check(client.create_chat_completion_stream(model="m", messages=[]), error, connecting)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_leaves_close_unchanged(error: BaseException) -> None:
    """The exception leaves a waiting close() unchanged, and the connection is closed."""
    reached = threading.Event()
    with (
        serving(after(CHUNKED + ch(HI + STOP + DONE))(lambda: None)) as server,
        Client("k", server.base_url) as client,
    ):
        s = client.create_chat_completion_stream(model="m", messages=[])
        assert [s.next() for _ in range(3)] == [True] * 3
        reached.set()
        with interrupted(error, reached), pytest.raises(type(error)) as raised:
            s.close()
        assert raised.value is error
        s.close()
        assert (s.outcome, s.err()) == ("completed", None)
        assert server.hung_up.wait(PATIENCE)


@pytest.mark.parametrize("route", Route, ids=lambda one: one.name)
def test_it_leaves_no_connection_open_whose_answer_has_just_come(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wire has returned the answer, and the exchange has not got it yet."""
    error, send, returned = Limit("mine"), SessionWire.send, []

    async def interrupted(self: SessionWire, *args: Any) -> SessionAnswer:
        returned.append(await send(self, *args))  # as a traceback keeps it
        raise error

    with world(route, [CHUNKED, WAIT_FOR_HANG_UP]) as around:
        with Client("k", around.server.base_url) as client:
            monkeypatch.setattr(SessionWire, "send", interrupted)
            s = client.create_chat_completion_stream(model="m", messages=[])
            with pytest.raises(Limit) as raised:
                s.next()
            assert raised.value is error
            assert around.server.hung_up.wait(PATIENCE)
            assert (s.outcome, s.err()) == ("cancelled", None)
            returned.pop().close()


@pytest.mark.parametrize("route", [Route.PLAIN, Route.TLS])
def test_a_limit_of_ours_is_still_told(route: Route) -> None:
    """A signal whose handler raises nothing does not hide that a timeout has expired."""
    reached = threading.Event()
    quiet = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with (
            world(route, after(CHUNKED + ch(HI))(reached.set)) as around,
            Client("k", around.server.base_url, timeout=Timeout(idle=0.05)) as client,
        ):
            s = client.create_chat_completion_stream(model="m", messages=[])
            assert s.next()
            signal.raise_signal(signal.SIGUSR1)
            assert not s.next()
            error = s.err()
            assert isinstance(error, StreamTimeoutError)
            assert error.limit == "idle"
    finally:
        signal.signal(signal.SIGUSR1, quiet)


class Unlisted(Exception):  # noqa: N818 - as its users call it
    """An exception that no wire raises."""


THROWN = [Limit("mine"), Unlisted("mine"), TimeoutError("mine")]


def exchange_over(wire: MemoryWire) -> Exchange:
    """Return a request whose failures would all be retried."""
    request = Request(method="GET", path="/x", retries=ANY_FAILURE)
    return Transport("http://a.test", key="k", wire=wire).stream(request)


@pytest.mark.parametrize("error", THROWN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("phase", ["head", "body", "error body", "after [DONE]"])
def test_what_a_greenlet_throws_in_leaves_a_stream(phase: str, error: BaseException) -> None:
    """An exception that cannot come from the network is the caller's.

    It is a timeout although none has expired, or its class is one that no wire raises.
    """
    replies = {
        "head": Reply(before=[error]),
        "body": Reply([HI, error]),
        "error body": Reply([b"a", error], status=500),
        "after [DONE]": Reply([HI + STOP + DONE, error]),
    }
    wire = MemoryWire(replies[phase], Reply([HI]), blocking=True)
    s = StreamerV2(exchange_over(wire))
    with pytest.raises(type(error)) as raised, s:
        list(s)
    assert raised.value is error
    assert not s.next()
    assert s.outcome == ("completed" if phase == "after [DONE]" else "cancelled")
    assert s.err() is None
    assert (len(wire.sent), wire.kept) == (1, 0)
    assert wire.closed == (phase != "head")


def test_what_a_greenlet_throws_into_a_pause_leaves_a_stream() -> None:
    """A pause raises nothing of its own, so an exception of any class is the caller's."""
    error = OSError("mine")
    busy = Reply(status=503, headers={"retry-after": "1"})
    wire = MemoryWire(busy, Reply([HI]), blocking=True)

    async def pause(*_: object) -> None:
        raise error

    exchange = exchange_over(wire)
    s = StreamerV2(exchange)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("memory_wire.MemoryCancellation.pause", pause)
        with pytest.raises(OSError, match="mine") as raised:
            s.next()
    assert raised.value is error
    assert (s.next(), s.outcome, s.err(), len(wire.sent)) == (False, "cancelled", None, 1)


@pytest.mark.parametrize("error", [AttributeError("theirs"), TimeoutError(110, "the system's")])
def test_a_fault_of_a_library_and_the_system_s_limit_are_no_interruption(error: Exception) -> None:
    """An AttributeError is a bug in a library, and a TimeoutError with an errno is the system's."""
    wire = MemoryWire(Reply([HI, error]), blocking=True)
    request = Request(method="GET", path="/x", retries=RetryPolicy(attempts=1))
    with StreamerV2(Transport("http://a.test", key="k", wire=wire).stream(request)) as s:
        assert s.next()
        assert not s.next()
        assert type(s.err()) in (TransportError, StreamTimeoutError)


def test_what_was_handled_when_a_cancellation_was_noticed_is_none() -> None:
    """The end of a slice, as the context of another error, is not an exception of the caller's.

    A wait in slices ends many times before its limit expires. Causes that form a ring do no harm.
    """

    class Slices(MemoryWire):
        async def play(self, _: Any, carried: Any) -> bytes:
            carried.clock.left()
            try:
                raise slice_over
            except TimeoutError:
                raise OSError("cancelled")  # noqa: B904 - it is not why

    slice_over = TimeoutError("a slice is over")
    ring, other = OSError("1"), OSError("2")
    ring.args, other.args = (other,), (ring,)

    class Ring(MemoryWire):
        async def play(self, _: Any, carried: Any) -> bytes:
            carried.clock.left()
            raise ring

    for kind in (Slices, Ring):
        request = Request(method="GET", path="/x", retries=RetryPolicy(attempts=1))
        wire = kind(Reply([HI]), blocking=True)
        with StreamerV2(Transport("http://a.test", key="k", wire=wire).stream(request)) as s:
            assert not s.next()
            assert type(s.err()) is TransportError
