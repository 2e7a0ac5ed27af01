"""Play a cell of the table over real sockets, and tell what happened."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, evolve, field, frozen
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    HALF_CLOSE,
    PATIENCE,
    RST,
    TAKE,
    WAIT_FOR_HANG_UP,
    Raw,
    Repeat,
    Script,
    Sip,
    Step,
    answer,
    ch,
)

from faults.table import SECURE, Cell, Connection, Ending, Fault, Framing, Phase, Route
from faults.world import World, certified, resets_are_told, world
from openai_scan import Client, RetryPolicy, ScanError, StreamerV2, Timeout

HI = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
)
STOP = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
DONE = b"data: [DONE]\n\n"
PING = b'data: {"type":"ping"}\n\n'
COMMENT = b": still here\n\n"
WHOLE: Script = [CHUNKED + ch(HI + STOP + DONE) + END]

# So long a limit lasts that is to run out. It begins with a wait in vain, so it may be short.
BRIEF = 0.1
# The total begins with the call, and what comes before the fault needs its time.
TOTAL = 0.5

# More than the buffers of both sides hold.
_LARGE = 16 * 1024 * 1024
_SMALL_BUFFER = 4096

_LIMITS = {
    Phase.RESOLVE: "connect",
    Phase.CONNECT: "connect",
    Phase.TUNNEL: "connect",
    Phase.HANDSHAKE: "connect",
    Phase.SEND: "first_byte",
    Phase.HEAD: "first_byte",
}
_SENT = {
    Phase.FIRST: b"",
    Phase.MIDDLE: HI + STOP[:40],
    Phase.BETWEEN: HI,
    Phase.TERMINAL: HI + STOP,
    Phase.DONE: HI + STOP + DONE,
}
_LENGTH = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n"

# The client leaves, and the server has to see it go.
_LEAVING = {
    Fault.STALL,
    Fault.TOTAL,
    Fault.TRICKLE,
    Fault.COMMENTS,
    Fault.PINGS,
    Fault.CANCEL,
    Fault.INTERRUPT,
    Fault.CLOSE,
}


@frozen
class Observed:
    """What happened; the same as in the cell, if all is well."""

    ending: Ending
    events: int
    snapshot: bool
    connection: Connection


@define
class Signals:
    """What the threads of a play tell each other.

    Attributes:
        reached: The server, or whatever the client waits for, has come to the fault.
        answered: The client has got the head of the answer.
        pausing: The client is about to wait before another try.
        read: The reader has got all events that come before it.
        left: The reader has returned, and the stream is closed.
    """

    reached: threading.Event = field(factory=threading.Event)
    answered: threading.Event = field(factory=threading.Event)
    pausing: threading.Event = field(factory=threading.Event)
    read: threading.Event = field(factory=threading.Event)
    left: threading.Event = field(factory=threading.Event)


def expected(cell: Cell, route: Route) -> Observed:
    """Return what the table says of *cell*."""
    ending = cell.ending
    if cell.blind is not None and route in SECURE and not resets_are_told():
        ending = cell.blind
    return Observed(ending, cell.events, cell.snapshot, cell.connection)


def play(cell: Cell, framing: Framing, route: Route) -> Observed:
    """Play *cell*; then ask the same client again, which has to be as good as new."""
    signals = Signals()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_listening(signals))
        around = stack.enter_context(_world(cell, framing, route, signals))
        origin = stack.enter_context(_obstacle(cell, route, around, signals))
        client = stack.enter_context(
            Client("sk-1", origin, timeout=_timeout(cell), retries=_retries(cell))
        )
        s, events, raised = _read(client, cell, signals)
        error = s.err()
        assert not s.next()  # the end is for good
        assert s.err() is error
        if error is not None:
            _check(error, s)
        signals.left.set()
        if cell.fault in _LEAVING and cell.connection is Connection.CLOSED:
            leaves = around.proxy if cell.phase is Phase.TUNNEL else around.server
            assert leaves is not None
            assert leaves.hung_up.wait(PATIENCE)
        ending = Ending(
            outcome=str(s.outcome),
            error=None if error is None else type(error).__name__,
            limit=getattr(error, "limit", None),
            raised=raised,
            notes=tuple(sorted(s.notes)),
        )
        if "a moment later" in cell.variant:
            assert signals.reached.wait(PATIENCE)
        kept = _ask_again(client, cell, around)
        return Observed(ending, events, s.snapshot() is not None, kept)


def _check(error: ScanError, s: StreamerV2) -> None:
    """Make sure that the error tells what the stream tells."""
    assert error.events_read == s.events_read
    assert error.bytes_read == s.bytes_read
    assert error.snapshot == s.snapshot()


def _ask_again(client: Client, cell: Cell, around: World) -> Connection:
    """Return what has become of the connection; the next answer is whole in any case."""
    used = around.entrance.connections
    if cell.phase is Phase.CONNECT:
        assert used == 0
        return Connection.NONE
    around.server.tls = around.server.tls and certified()
    around.server.scripts[:] = [WHOLE]
    with client.create_chat_completion_stream(model="m", messages=[]) as s:
        assert "".join(s.text_deltas()) == "Hi"
    if used == 0:
        return Connection.NONE
    fresh = around.entrance.connections - used
    assert fresh in (0, 1)
    return Connection.CLOSED if fresh else Connection.REUSED


def _read(client: Client, cell: Cell, signals: Signals) -> tuple[StreamerV2, int, str | None]:
    """Read the stream while somebody else meddles.

    Returns:
        The stream, which is closed; how many events it had, pings not counted; what was raised.
    """
    content = "x" * (_LARGE if cell.phase is Phase.SEND else 1)
    s = client.create_chat_completion_stream(
        model="m", messages=[{"role": "user", "content": content}]
    )
    raised = None
    events = 0
    with _meddling(cell, s, signals):
        try:
            if cell.phase is Phase.BEGIN:
                (s.cancel if cell.fault is Fault.CANCEL else s.close)()
            if cell.events == 0:
                signals.read.set()
            while s.next():
                events += s.event().type != "ping"
                if events == cell.events and cell.phase is not Phase.DONE:
                    signals.read.set()
                if events == cell.events and cell.fault is Fault.CLOSE:
                    s.close()
            signals.read.set()
            s.close()  # after [DONE] this is where the rest is waited for
        except KeyboardInterrupt:
            raised = "KeyboardInterrupt"
            s.close()
    return s, events, raised


@contextlib.contextmanager
def _meddling(cell: Cell, s: StreamerV2, signals: Signals) -> Iterator[None]:
    """Have another thread cancel the stream, or interrupt this one, when both sides are there."""
    if cell.fault is Fault.CANCEL:
        act: Callable[[], object] = s.cancel
    elif cell.fault is Fault.INTERRUPT:
        caught = threading.Event()

        def interrupt(*_: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
            caught.set()
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, interrupt)
        reader = threading.main_thread().ident
        assert reader is not None

        def act() -> None:
            # A signal that comes just before a system call does not end it; the next one does.
            while not caught.wait(0.01):
                signal.pthread_kill(reader, signal.SIGINT)

    else:
        yield
        return

    def meddle() -> None:
        fault = signals.pausing if cell.phase is Phase.PAUSE else signals.reached
        assert cell.phase is Phase.BEGIN or fault.wait(PATIENCE)
        assert signals.read.wait(PATIENCE)
        act()

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if cell.fault is Fault.INTERRUPT:
            signal.signal(signal.SIGINT, before)


def _timeout(cell: Cell) -> Timeout:
    """Return limits of which only the one that the fault is about can run out."""
    patient = Timeout(
        connect=PATIENCE, first_byte=PATIENCE, idle=PATIENCE, event_idle=PATIENCE, total=None
    )
    match cell.fault:
        case Fault.TOTAL:
            return evolve(patient, total=PATIENCE if cell.phase is Phase.PAUSE else TOTAL)
        case Fault.STALL | Fault.TRICKLE if cell.phase in _LIMITS:
            return evolve(patient, **{_LIMITS[cell.phase]: BRIEF})
        case Fault.STALL:
            return evolve(patient, idle=BRIEF)
        case Fault.COMMENTS | Fault.PINGS | Fault.TRICKLE:
            return evolve(patient, event_idle=BRIEF)
        case _:
            return patient


def _retries(cell: Cell) -> RetryPolicy:
    return RetryPolicy(attempts=2 if cell.phase is Phase.PAUSE else 1)


@contextlib.contextmanager
def _world(cell: Cell, framing: Framing, route: Route, signals: Signals) -> Iterator[World]:
    """Set the world up with the fault of *cell* in its place."""
    handshakes: list[Script] = []
    openings: list[Script] = []
    tunnels: list[Script] = []
    scripts: list[Script] = []
    buffer = None
    certificate = ""
    match cell.phase:
        case Phase.BEGIN | Phase.RESOLVE | Phase.CONNECT:
            pass
        case Phase.TUNNEL:
            tunnels.append(_tunnel(cell, signals))
        case Phase.HANDSHAKE if cell.fault is Fault.REFUSAL:
            certificate = cell.variant
        case Phase.HANDSHAKE:
            handshakes.append(_handshake(cell, signals))
        case Phase.SEND:
            buffer = _SMALL_BUFFER
            openings.append(_opening(cell, signals))
        case Phase.HEAD:
            scripts.append(_head(cell, framing, signals))
        case Phase.PAUSE:
            wish = "Retry-After: 100\r\n"
            scripts.append([answer(b"", status="503 Busy", headers=wish)])
        case _:
            scripts.append(_body(cell, framing, signals))
    with world(
        route,
        *scripts,
        certificate=certificate,
        handshakes=handshakes,
        openings=openings,
        tunnels=tunnels,
        buffer=buffer,
    ) as around:
        yield around


def _tunnel(cell: Cell, signals: Signals) -> Script:
    match cell.fault:
        case Fault.TRICKLE:
            return [b"HTTP/1.1 200 OK\r\nX-Slow: ", Repeat(b"x")]
        case Fault.FIN | Fault.RST:
            return [FIN if cell.fault is Fault.FIN else RST]
        case Fault.GARBAGE:
            return [b"220 mail.test ready\r\n\r\n", WAIT_FOR_HANG_UP]
        case Fault.REFUSAL:
            return [answer(b"", status=cell.variant)]
        case _:
            return [signals.reached.set, WAIT_FOR_HANG_UP]


def _handshake(cell: Cell, signals: Signals) -> Script:
    match cell.fault:
        case Fault.TRICKLE:  # the head of a long record of a handshake
            return [TAKE, b"\x16\x03\x03\x40\x00", Repeat(b"\0")]
        case Fault.FIN | Fault.RST:
            return [TAKE, FIN if cell.fault is Fault.FIN else RST]
        case Fault.GARBAGE:
            return [TAKE, b"HTTP/1.1 400 Bad Request\r\n\r\n", Sip(signals.left)]
        case _:
            return [TAKE, signals.reached.set, Sip(signals.left)]


def _opening(cell: Cell, signals: Signals) -> Script:
    match cell.fault:
        case Fault.TRICKLE:
            return [Sip(signals.left)]
        case Fault.FIN:  # a close would be a reset, since not all was taken
            signals.left.set()
            return [TAKE, HALF_CLOSE, Sip(signals.left)]
        case Fault.RST:
            return [TAKE, RST]
        case _:
            return [TAKE, signals.reached.set, signals.left, Sip(signals.left)]


def _head(cell: Cell, framing: Framing, signals: Signals) -> Script:
    begun = b"" if "before" in cell.variant else b"HTTP/1.1 200 OK\r\nContent-Ty"
    match cell.fault:
        case Fault.TRICKLE:
            return [begun, Repeat(b"x")]
        case Fault.FIN | Fault.RST:
            return [begun, FIN if cell.fault is Fault.FIN else RST]
        case Fault.GARBAGE if cell.variant in _GARBAGE:
            return [_GARBAGE[cell.variant], WAIT_FOR_HANG_UP]
        case Fault.GARBAGE:
            return [Raw(_NO_TLS), Sip(signals.left)]
        case Fault.REFUSAL:
            head, frame, end = _framed(framing, b"no")
            return [head.replace(b"200 OK", b"503 Busy") + frame(b"no"), *end]
        case _:
            return [signals.reached.set, WAIT_FOR_HANG_UP]


_EXTRA = b"HTTP/1.1 what is this?\r\n"
_NO_TLS = b"HTTP/1.1 400 Bad Request\r\n\r\n"
_GARBAGE = {
    "no HTTP at all": b"220 mail.test ready\r\n\r\n",
    "a line without an end": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000,
    "headers without an end": b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 200,
}


def _framed(
    framing: Framing, body: bytes, *, missing: int = 0
) -> tuple[bytes, Callable[[bytes], bytes], list[Step]]:
    """Return the head, what frames a piece of the body, and the steps of a proper end."""
    match framing:
        case Framing.CHUNKED:
            return CHUNKED, lambda piece: ch(piece) if piece else b"", [END]
        case Framing.CLOSING:
            return CLOSE_DELIMITED, bytes, [FIN]
        case _:
            return _LENGTH.format(len(body) + missing).encode(), bytes, []


def _body(cell: Cell, framing: Framing, signals: Signals) -> Script:
    sent = _SENT[cell.phase]
    proper = cell.fault is Fault.END or cell.variant.startswith("more bytes")
    head, frame, end = _framed(framing, sent, missing=0 if proper else 1_000_000)
    # All in one, so that no wait comes before the one that the fault is about.
    begun = head + frame(sent)
    match cell.fault:
        case Fault.END:
            return [begun, *end]
        case Fault.FIN:
            return [begun, FIN]
        case Fault.RST:  # it would overtake what the reader has not got yet
            return [begun, signals.answered, signals.read, RST]
        case Fault.GARBAGE:
            return _wrong_bytes(cell, begun, signals)
        case Fault.TRICKLE:
            return [begun, Repeat(frame(b"x"))]
        case Fault.COMMENTS:
            return [begun, Repeat(frame(COMMENT))]
        case Fault.PINGS:
            return [begun, Repeat(frame(PING))]
        case _:
            return [begun, signals.reached.set, WAIT_FOR_HANG_UP]


def _wrong_bytes(cell: Cell, begun: bytes, signals: Signals) -> Script:
    match cell.variant:
        case "no number before a chunk":
            return [begun, b"no number\r\n", WAIT_FOR_HANG_UP]
        case "bytes without TLS":
            return [begun, signals.read, Raw(_NO_TLS), Sip(signals.left)]
        case "more bytes than the length":
            return [begun + _EXTRA]
        case _:
            return [begun, signals.answered, _EXTRA, signals.reached.set, WAIT_FOR_HANG_UP]


@contextlib.contextmanager
def _obstacle(cell: Cell, route: Route, around: World, signals: Signals) -> Iterator[str]:
    """Put what is no server's fault in the way; give the base URL to use."""
    set_attribute = around.environment.setattr
    # After the answer all waits have limits of their own, which are none of `Timeout`.
    brief = cell.fault in (Fault.STALL, Fault.COMMENTS, Fault.PINGS, Fault.CLOSE)
    set_attribute("openai_scan.streamer.GRACE_SECONDS", BRIEF if brief else PATIENCE)
    if cell.phase is Phase.DONE:
        seconds = BRIEF if brief else PATIENCE
        set_attribute("openai_scan.transport.exchange._DRAIN_SECONDS", seconds)
    match cell.phase:
        case Phase.RESOLVE:
            blocked = _lookup(cell, signals)
            set_attribute(socket, "getaddrinfo", blocked)
            yield around.server.base_url
        case Phase.CONNECT:
            connect = socket.socket.connect_ex

            def told(self: socket.socket, address: Any) -> int:
                code = connect(self, address)
                signals.reached.set()
                return code

            set_attribute(socket.socket, "connect_ex", told)
            with _unreachable(cell) as port:
                _redirect(route, around, port)
                scheme = "http" if around.server.tls is None else "https"
                yield f"{scheme}://127.0.0.1:{port}/v1"
        case _:
            yield around.server.base_url


class _Ear(logging.Handler):
    """Hears from the log how far the client is, which no server can know."""

    def __init__(self, signals: Signals) -> None:
        super().__init__()
        self._signals = signals

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the others."""
        message = record.getMessage()
        if ": HTTP status " in message:
            self._signals.answered.set()
        if ": try 2 in " in message:
            self._signals.pausing.set()


@contextlib.contextmanager
def _listening(signals: Signals) -> Iterator[None]:
    log = logging.getLogger("openai_scan")
    ear = _Ear(signals)
    log.addHandler(ear)
    before = log.level
    log.setLevel(logging.DEBUG)
    yield
    log.setLevel(before)
    log.removeHandler(ear)


def _lookup(cell: Cell, signals: Signals) -> Callable[..., Any]:
    """Return a lookup of names that does not end before the reader has left, or fails."""
    look_up = socket.getaddrinfo

    def blocked(host: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags") or signals.left.is_set():  # an address in numbers needs none
            return look_up(host, *args, **kwargs)
        if cell.fault is Fault.REFUSAL:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        signals.reached.set()
        assert signals.left.wait(PATIENCE)
        return []

    return blocked


def _redirect(route: Route, around: World, port: int) -> None:
    if route in (Route.PROXY, Route.TUNNEL):
        for name in ("http_proxy", "https_proxy"):
            around.environment.setenv(name, f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def _unreachable(cell: Cell) -> Iterator[int]:
    """Give a port where nobody listens, or one whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        if cell.fault is Fault.RST:
            listener.close()
        with contextlib.ExitStack() as waiting:
            for _ in range(0 if cell.fault is Fault.RST else 4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
            yield port
