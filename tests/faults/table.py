"""The table {phase} x {fault}: what happens, written out. Tests play it, and a page prints it.

The stream that is played is the same everywhere: a first event with text, a terminal event, and
`[DONE]`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, TypeAlias

from attrs import evolve, frozen


class Phase(Enum):
    """Where the client is when the fault comes."""

    BEGIN = "before the first `next()`"
    RESOLVE = "looking up the host name"
    CONNECT = "connecting"
    TUNNEL = "asking the proxy for a tunnel"
    HANDSHAKE = "TLS handshake"
    SEND = "sending the request"
    HEAD = "waiting for the response headers"
    FIRST = "waiting for the first event"
    MIDDLE = "in the middle of an event"
    BETWEEN = "between two events"
    TERMINAL = "after the terminal event"
    DONE = "after `[DONE]`"
    PAUSE = "waiting to retry"


class Fault(Enum):
    """What goes wrong, or how the reader leaves."""

    STALL = "silence"
    TOTAL = "silence, with a `total`"
    TRICKLE = "a byte from time to time"
    COMMENTS = "only comments"
    PINGS = "only pings"
    END = "a proper end that comes too early"
    FIN = "closed"
    RST = "reset"
    GARBAGE = "invalid bytes"
    REFUSAL = "a refusal"
    CANCEL = "`cancel()` by another thread"
    INTERRUPT = "Ctrl-C"
    CLOSE = "`close()`"


class Framing(Enum):
    """How the end of the body is marked."""

    NONE = "no body yet"
    CHUNKED = "chunked"
    CLOSING = "close-delimited"
    LENGTH = "Content-Length"


class Route(Enum):
    """What is between client and server."""

    PLAIN = "plain"
    TLS = "TLS"
    PROXY = "plain, through a proxy"
    TUNNEL = "TLS, through a proxy"


class Connection(Enum):
    """What becomes of the connection, as the next request shows."""

    NONE = "no connection"
    CLOSED = "closed"
    REUSED = "reused"


ALL = tuple(Route)
SECURE = (Route.TLS, Route.TUNNEL)
DIRECT = (Route.PLAIN, Route.TLS)
BODIES = (Framing.CHUNKED, Framing.CLOSING, Framing.LENGTH)
COUNTED = (Framing.CHUNKED, Framing.LENGTH)
NO_BODY = (Framing.NONE,)


@frozen(kw_only=True)
class Ending:
    """How a stream ends.

    Attributes:
        outcome: The stream's `outcome`.
        error: The class of `err()`, by its name; None for no error.
        limit: The time limit that the error names.
        raised: What `next()` or `close()` raises, by its class's name.
        notes: The stream's notes.
    """

    outcome: str
    error: str | None = None
    limit: str | None = None
    raised: str | None = None
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Cell:
    """What happens in one phase at one fault.

    Attributes:
        variant: Which of several faults of the kind it is.
        blind: How it ends over TLS where Python takes a reset for an end, as many versions do.
        events: How many events are delivered, pings not counted.
        snapshot: Whether there is a snapshot, on the error too if there is one.
    """

    phase: Phase
    fault: Fault
    variant: str = ""
    framings: tuple[Framing, ...] = NO_BODY
    routes: tuple[Route, ...] = ALL
    ending: Ending
    blind: Ending | None = None
    events: int = 0
    snapshot: bool = False
    connection: Connection = Connection.CLOSED


@frozen(kw_only=True)
class Absent:
    """Why some cells do not exist."""

    phases: tuple[Phase, ...]
    fault: Fault
    framings: tuple[Framing, ...] = (*NO_BODY, *BODIES)
    why: str


Play: TypeAlias = tuple[Cell, Framing, Route]

CANCELLED = Ending(outcome="cancelled", error="StreamCancelledError")
LEFT = Ending(outcome="cancelled")
INTERRUPTED = Ending(outcome="cancelled", raised="KeyboardInterrupt")
BROKEN = Ending(outcome="failed", error="TransportError")
UNCONNECTED = Ending(outcome="failed", error="ConnectError")
UNSAFE = Ending(outcome="failed", error="TLSError")
TRUNCATED = Ending(outcome="truncated", error="TruncatedStreamError")
WELL = Ending(outcome="completed")
WELL_WITHOUT_DONE = Ending(outcome="completed", notes=("missing_done",))
WELL_BUT_BROKEN = Ending(outcome="completed", notes=("broken_end", "missing_done"))
WELL_BUT_HELD = Ending(outcome="completed", notes=("held_open", "missing_done"))


def late(limit: str) -> Ending:
    """Return the end by a time limit."""
    return Ending(outcome="timed_out", error="StreamTimeoutError", limit=limit)


def late_to_connect(limit: str) -> Ending:
    """Return the end by a time limit before there is a connection."""
    return Ending(outcome="timed_out", error="ConnectTimeoutError", limit=limit)


@frozen(kw_only=True)
class _Row:
    """The cells of one phase that have the same number of events."""

    phase: Phase
    routes: tuple[Route, ...] = ALL
    framings: tuple[Framing, ...] = NO_BODY
    events: int = 0
    connection: Connection = Connection.CLOSED

    def __call__(self, fault: Fault, ending: Ending, **more: Any) -> Cell:
        return evolve(
            Cell(
                phase=self.phase,
                fault=fault,
                ending=ending,
                framings=self.framings,
                routes=self.routes,
                events=self.events,
                snapshot=self.events > 0,
                connection=self.connection,
            ),
            **more,
        )


def _before_a_connection() -> Iterator[Cell]:
    nothing = Connection.NONE
    begin = _Row(phase=Phase.BEGIN, connection=nothing)
    yield begin(Fault.CANCEL, CANCELLED)
    yield begin(Fault.CLOSE, LEFT)

    resolve = _Row(phase=Phase.RESOLVE, connection=nothing)
    yield resolve(Fault.STALL, late_to_connect("connect"))
    yield resolve(Fault.TOTAL, late_to_connect("total"))
    yield resolve(Fault.REFUSAL, UNCONNECTED)
    yield resolve(Fault.CANCEL, CANCELLED)
    yield resolve(Fault.INTERRUPT, INTERRUPTED)

    connect = _Row(phase=Phase.CONNECT, connection=nothing)
    yield connect(Fault.STALL, late_to_connect("connect"))
    yield connect(Fault.TOTAL, late_to_connect("total"))
    yield connect(Fault.RST, UNCONNECTED)
    yield connect(Fault.CANCEL, CANCELLED)
    yield connect(Fault.INTERRUPT, INTERRUPTED)

    tunnel = _Row(phase=Phase.TUNNEL, routes=(Route.TUNNEL,))
    yield tunnel(Fault.STALL, late_to_connect("connect"))
    yield tunnel(Fault.TOTAL, late_to_connect("total"))
    yield tunnel(Fault.TRICKLE, late_to_connect("connect"))
    yield tunnel(Fault.FIN, UNCONNECTED)
    yield tunnel(Fault.RST, UNCONNECTED)
    yield tunnel(Fault.GARBAGE, UNCONNECTED)
    for status in ("407 Proxy Authentication Required", "502 Bad Gateway"):
        yield tunnel(Fault.REFUSAL, UNCONNECTED, variant=status)
    yield tunnel(Fault.CANCEL, CANCELLED)
    yield tunnel(Fault.INTERRUPT, INTERRUPTED)

    handshake = _Row(phase=Phase.HANDSHAKE, routes=SECURE)
    yield handshake(Fault.STALL, late_to_connect("connect"))
    yield handshake(Fault.TOTAL, late_to_connect("total"))
    yield handshake(Fault.TRICKLE, late_to_connect("connect"))
    yield handshake(Fault.FIN, UNSAFE)
    yield handshake(Fault.RST, UNCONNECTED)
    yield handshake(Fault.GARBAGE, UNSAFE)
    for certificate in ("untrusted", "expired", "for another name"):
        yield handshake(Fault.REFUSAL, UNSAFE, variant=certificate)
    yield handshake(Fault.CANCEL, CANCELLED)
    yield handshake(Fault.INTERRUPT, INTERRUPTED)


def _before_the_body() -> Iterator[Cell]:
    # A proxy would read the request, although the server does not.
    send = _Row(phase=Phase.SEND, routes=DIRECT)
    yield send(Fault.STALL, late("first_byte"))
    yield send(Fault.TOTAL, late("total"))
    yield send(Fault.TRICKLE, late("first_byte"))
    yield send(Fault.FIN, BROKEN)
    yield send(Fault.RST, BROKEN)
    yield send(Fault.CANCEL, CANCELLED)
    yield send(Fault.INTERRUPT, INTERRUPTED)

    head = _Row(phase=Phase.HEAD)
    yield head(Fault.STALL, late("first_byte"))
    yield head(Fault.TOTAL, late("total"))
    yield head(Fault.TRICKLE, late("first_byte"))
    for place in ("before the first byte", "in the middle"):
        yield head(Fault.FIN, BROKEN, variant=place)
        yield head(Fault.RST, BROKEN, variant=place)
    for what in ("not HTTP", "an endless line", "endless headers"):
        yield head(Fault.GARBAGE, BROKEN, variant=what)
    yield head(Fault.GARBAGE, BROKEN, variant="bytes that are not TLS", routes=SECURE)
    refused = Ending(outcome="failed", error="InternalServerError")
    # The body of a refusal is read to its end.
    refusal = evolve(head(Fault.REFUSAL, refused), variant="HTTP status 503")
    yield evolve(refusal, framings=COUNTED, connection=Connection.REUSED)
    yield evolve(refusal, framings=(Framing.CLOSING,))
    yield head(Fault.CANCEL, CANCELLED)
    yield head(Fault.INTERRUPT, INTERRUPTED)


def _wrong_bytes(row: _Row, broken: Ending, ended: Ending) -> Iterator[Cell]:
    yield row(Fault.GARBAGE, broken, framings=(Framing.CHUNKED,), variant="a chunk without a size")
    yield row(
        Fault.GARBAGE, broken, framings=BODIES, routes=SECURE, variant="bytes that are not TLS"
    )
    extra = row(Fault.GARBAGE, ended, framings=(Framing.LENGTH,))
    yield evolve(extra, variant="more bytes than the length")
    # It is unknown when a proxy would pass them on.
    yield evolve(extra, variant="more bytes, a moment later", routes=DIRECT)


def _in_the_body() -> Iterator[Cell]:
    for phase, events in ((Phase.FIRST, 0), (Phase.MIDDLE, 1), (Phase.BETWEEN, 1)):
        row = _Row(phase=phase, framings=BODIES, events=events)
        yield row(Fault.STALL, late("idle"))
        yield row(Fault.TOTAL, late("total"))
        if phase is Phase.MIDDLE:
            yield row(Fault.TRICKLE, late("event_idle"))
        else:
            yield row(Fault.COMMENTS, evolve(late("event_idle"), notes=("comment",)))
            yield row(Fault.PINGS, evolve(late("event_idle"), notes=("unknown_event: ping",)))
        yield row(Fault.END, TRUNCATED, framings=COUNTED, connection=Connection.REUSED)
        yield row(Fault.FIN, BROKEN, framings=COUNTED)
        yield row(Fault.FIN, TRUNCATED, framings=(Framing.CLOSING,))
        yield row(Fault.RST, BROKEN, framings=COUNTED)
        yield row(Fault.RST, BROKEN, framings=(Framing.CLOSING,), blind=TRUNCATED)
        yield from _wrong_bytes(row, BROKEN, TRUNCATED)
        yield row(Fault.CANCEL, CANCELLED)
        yield row(Fault.INTERRUPT, INTERRUPTED)
        if phase is not Phase.FIRST:
            yield row(Fault.CLOSE, LEFT)


def _after_the_answer() -> Iterator[Cell]:
    row = _Row(phase=Phase.TERMINAL, framings=BODIES, events=2)
    yield row(Fault.STALL, WELL_BUT_HELD)
    yield row(Fault.TOTAL, WELL_BUT_HELD)
    held = WELL_BUT_HELD.notes
    yield row(Fault.COMMENTS, evolve(WELL_BUT_HELD, notes=("comment", *held)))
    yield row(Fault.PINGS, evolve(WELL_BUT_HELD, notes=(*held, "unknown_event: ping")))
    yield row(Fault.END, WELL_WITHOUT_DONE, framings=COUNTED, connection=Connection.REUSED)
    yield row(Fault.FIN, WELL_BUT_BROKEN, framings=COUNTED)
    yield row(Fault.FIN, WELL_WITHOUT_DONE, framings=(Framing.CLOSING,))
    yield row(Fault.RST, WELL_BUT_BROKEN, framings=COUNTED)
    yield row(Fault.RST, WELL_BUT_BROKEN, framings=(Framing.CLOSING,), blind=WELL_WITHOUT_DONE)
    yield from _wrong_bytes(row, WELL_BUT_BROKEN, WELL_WITHOUT_DONE)
    yield row(Fault.CANCEL, CANCELLED)
    yield row(Fault.INTERRUPT, Ending(outcome="completed", raised="KeyboardInterrupt"))
    yield row(Fault.CLOSE, WELL)

    row = _Row(phase=Phase.DONE, framings=BODIES, events=3)
    yield row(Fault.STALL, WELL)
    yield row(Fault.COMMENTS, WELL)
    yield row(Fault.END, WELL, framings=COUNTED, connection=Connection.REUSED)
    yield row(Fault.FIN, WELL)
    yield row(Fault.RST, WELL)
    yield from _wrong_bytes(row, WELL, WELL)
    yield row(Fault.CANCEL, WELL)
    yield row(Fault.INTERRUPT, Ending(outcome="completed", raised="KeyboardInterrupt"))
    yield row(Fault.CLOSE, WELL)

    row = _Row(phase=Phase.PAUSE, connection=Connection.REUSED)
    refused = Ending(outcome="failed", error="InternalServerError")
    yield row(Fault.TOTAL, refused)
    yield row(Fault.CANCEL, evolve(CANCELLED, notes=("retry: InternalServerError",)))
    yield row(Fault.INTERRUPT, evolve(INTERRUPTED, notes=("retry: InternalServerError",)))


CELLS: tuple[Cell, ...] = (
    *_before_a_connection(),
    *_before_the_body(),
    *_in_the_body(),
    *_after_the_answer(),
)

_NOT_SENDING = (Phase.BEGIN, Phase.PAUSE)
_CONNECTING = (Phase.RESOLVE, Phase.CONNECT)
_BODYLESS = tuple(
    phase
    for phase in Phase
    if phase not in (Phase.FIRST, Phase.MIDDLE, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE)
)
_SERVER_FAULTS = (
    Fault.STALL,
    Fault.TRICKLE,
    Fault.FIN,
    Fault.RST,
    Fault.GARBAGE,
    Fault.REFUSAL,
)
_INSIDE_NEXT = tuple(
    phase
    for phase in Phase
    if phase not in (Phase.BEGIN, Phase.MIDDLE, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE)
)

ABSENT: tuple[Absent, ...] = (
    *(
        Absent(phases=_NOT_SENDING, fault=fault, why="the client is not waiting for the server")
        for fault in _SERVER_FAULTS
    ),
    Absent(phases=(Phase.BEGIN,), fault=Fault.TOTAL, why="the time counts from the first `next()`"),
    Absent(phases=(Phase.BEGIN,), fault=Fault.INTERRUPT, why="no call is in progress"),
    Absent(phases=(Phase.RESOLVE,), fault=Fault.FIN, why="there is no connection yet"),
    Absent(phases=(Phase.RESOLVE,), fault=Fault.RST, why="there is no connection yet"),
    Absent(phases=(Phase.CONNECT,), fault=Fault.FIN, why="TCP refuses with a reset"),
    Absent(phases=(Phase.CONNECT,), fault=Fault.REFUSAL, why="TCP refuses with a reset"),
    *(
        Absent(phases=_CONNECTING, fault=fault, why="the server cannot send bytes yet")
        for fault in (Fault.TRICKLE, Fault.GARBAGE)
    ),
    *(
        Absent(phases=_BODYLESS, fault=fault, why="this needs a body")
        for fault in (Fault.COMMENTS, Fault.PINGS, Fault.END)
    ),
    Absent(
        phases=(Phase.SEND,),
        fault=Fault.GARBAGE,
        why="the client does not read before the request is sent",
    ),
    Absent(
        phases=(Phase.SEND,),
        fault=Fault.REFUSAL,
        why="the client does not read before the request is sent",
    ),
    *(
        Absent(phases=(Phase.MIDDLE,), fault=fault, why="every byte inside an event belongs to it")
        for fault in (Fault.COMMENTS, Fault.PINGS)
    ),
    Absent(
        phases=(Phase.FIRST, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE),
        fault=Fault.TRICKLE,
        why="the first byte starts an event",
    ),
    Absent(
        phases=(Phase.FIRST, Phase.MIDDLE, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE),
        fault=Fault.REFUSAL,
        why="the server has already accepted; an error event is an event",
    ),
    Absent(
        phases=(Phase.FIRST, Phase.MIDDLE, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE),
        fault=Fault.END,
        framings=(Framing.CLOSING,),
        why="closing the connection is the proper end",
    ),
    Absent(
        phases=(Phase.DONE,),
        fault=Fault.PINGS,
        why="what follows `[DONE]` is not read as events: see only comments",
    ),
    Absent(phases=(Phase.DONE,), fault=Fault.TOTAL, why="the answer is complete: see silence"),
    Absent(
        phases=_INSIDE_NEXT,
        fault=Fault.CLOSE,
        why="the thread that would call it is inside `next()`",
    ),
)


def plays(cells: Iterable[Cell] = CELLS) -> list[Play]:
    """Return each cell in each of its framings, over each of its routes."""
    return [
        (cell, framing, route)
        for cell in cells
        for framing, route in itertools.product(cell.framings, cell.routes)
    ]


def each_once(cells: Iterable[Cell] = CELLS) -> list[Play]:
    """Return each cell once; framings and routes take turns."""
    return [
        (cell, cell.framings[number % len(cell.framings)], cell.routes[number % len(cell.routes)])
        for number, cell in enumerate(cells)
    ]


def name_of(play: Play) -> str:
    """Return what a play is called as a test."""
    cell, framing, route = play
    words = (cell.phase.name, cell.fault.name, cell.variant, framing.name, route.name)
    return "-".join(word.replace(" ", "_") for word in words if word)
