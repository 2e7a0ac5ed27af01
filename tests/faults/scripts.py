"""What the servers and proxies of a cell play: the fault in its place, and what comes before it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from attrs import define, field
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    HALF_CLOSE,
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

from faults.table import Cell, Fault, Framing, Phase, Route
from faults.world import World, world

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
_SMALL_BUFFER = 4096

_SENT = {
    Phase.FIRST: b"",
    Phase.MIDDLE: HI + STOP[:40],
    Phase.BETWEEN: HI,
    Phase.TERMINAL: HI + STOP,
    Phase.DONE: HI + STOP + DONE,
}
_LENGTH = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n"


@define
class Signals:
    """What the threads of a play tell each other.

    Attributes:
        reached: The server, or whatever the client waits for, has come to the fault.
        answered: The client has received the response headers.
        pausing: The client is about to wait before another try.
        read: The reader has got all events that come before it.
        left: The reader has returned, and the stream is closed.
    """

    reached: threading.Event = field(factory=threading.Event)
    answered: threading.Event = field(factory=threading.Event)
    pausing: threading.Event = field(factory=threading.Event)
    read: threading.Event = field(factory=threading.Event)
    left: threading.Event = field(factory=threading.Event)


@contextlib.contextmanager
def set_up(cell: Cell, framing: Framing, route: Route, signals: Signals) -> Iterator[World]:
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
        case Fault.TRICKLE:  # the beginning of a long record of a handshake
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
    "not HTTP": b"220 mail.test ready\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000,
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 2_000,
}


def _framed(
    framing: Framing, body: bytes, *, missing: int = 0
) -> tuple[bytes, Callable[[bytes], bytes], list[Step]]:
    """Return the response headers, the framing of a piece of the body, and a proper end."""
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
        case "a chunk without a size":
            return [begun, b"no number\r\n", WAIT_FOR_HANG_UP]
        case "bytes that are not TLS":
            return [begun, signals.read, Raw(_NO_TLS), Sip(signals.left)]
        case "more bytes than the length":
            return [begun + _EXTRA]
        case _:
            return [begun, signals.answered, _EXTRA, signals.reached.set, WAIT_FOR_HANG_UP]
