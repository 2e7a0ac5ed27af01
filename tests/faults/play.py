"""Play a cell of the table over real sockets, and tell what happened."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from attrs import evolve, frozen
from server import PATIENCE
from wires import BLOCKING, FacadeStream, facades

from faults.obstacles import BRIEF, listening, obstacle
from faults.scripts import WHOLE, Signals, set_up
from faults.table import SECURE, Cell, Connection, Ending, Fault, Framing, Phase, Route
from faults.world import World, certified, resets_are_told
from openai_scan import Client, RetryPolicy, ScanError, StreamerV2, Timeout

# A total begins with the call, so it has to last for what comes before the fault too.
TOTAL = 0.15

# On a busy machine a limit may expire before the fault comes. So a cell with a limit that does not
# end as it has to is played again, with limits that many times as long.
_LONGER = (1, 5, 20)

_LIMITED = {Fault.TOTAL, Fault.STALL, Fault.TRICKLE, Fault.COMMENTS, Fault.PINGS}
# More than the buffers of both sides hold.
_LARGE = 8 * 1024 * 1024

_LIMITS = {
    Phase.RESOLVE: "connect",
    Phase.CONNECT: "connect",
    Phase.TUNNEL: "connect",
    Phase.HANDSHAKE: "connect",
    Phase.SEND: "first_byte",
    Phase.HEAD: "first_byte",
}

# What a network never raises.
_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)

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


def expected(cell: Cell, route: Route, wire: str = "blocking") -> Observed:
    """Return what the table says of *cell*. asyncio always distinguishes a reset from an end."""
    ending = cell.ending
    is_blind = wire != "aiohttp" and not resets_are_told()
    if cell.blind is not None and route in SECURE and is_blind:
        ending = cell.blind
    return Observed(ending, cell.events, cell.snapshot, cell.connection)


def play(cell: Cell, framing: Framing, route: Route, wire: str = BLOCKING) -> Observed:
    """Play *cell*; then ask the same client again, which has to be as good as new.

    Args:
        cell: What happens.
        framing: How the answer is framed.
        route: What is between the client and the server.
        wire: What the client reads by; see `wires`.
    """
    for longer in _LONGER[:-1] if cell.fault in _LIMITED else ():
        with contextlib.suppress(AssertionError, ScanError):
            observed = _play(cell, framing, route, longer, wire)
            if observed == expected(cell, route, wire):
                return observed
    return _play(cell, framing, route, _LONGER[-1], wire)


def _play(cell: Cell, framing: Framing, route: Route, longer: int, wire: str) -> Observed:
    """Play *cell* once, with limits *longer* times as long as usual."""
    make_client: type[Client] = facades(wire)["Client"]
    signals = Signals()
    with contextlib.ExitStack() as stack:
        stack.enter_context(listening(signals))
        around = stack.enter_context(set_up(cell, framing, route, signals))
        origin = stack.enter_context(obstacle(cell, route, around, signals))
        client = stack.enter_context(
            make_client("sk-1", origin, timeout=_timeout(cell, longer), retries=_retries(cell))
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
    """Check that the error has the counts and the snapshot of the stream, and is no bug of ours."""
    assert error.events_read == s.events_read
    assert error.bytes_read == s.bytes_read
    assert error.snapshot == s.snapshot()
    cause: BaseException | None = error
    while cause is not None:
        assert not isinstance(cause, _BUGS)
        cause = cause.__cause__ or cause.__context__


def _ask_again(client: Client, cell: Cell, around: World) -> Connection:
    """Return what became of the connection, after the client has read another answer."""
    used = around.entrance.connections
    if cell.phase is Phase.CONNECT:
        assert used == 0
        return Connection.NONE
    around.server.tls = around.server.tls and certified()
    around.server.scripts[:] = [WHOLE]
    with client.create_chat_completion_stream(
        model="m", messages=[], timeout=Timeout(total=None)
    ) as s:
        assert "".join(s.text_deltas()) == "Hi"
    if used == 0:
        return Connection.NONE
    fresh = around.entrance.connections - used
    assert fresh in (0, 1)
    return Connection.CLOSED if fresh else Connection.REUSED


def _read(client: Client, cell: Cell, signals: Signals) -> tuple[StreamerV2, int, str | None]:
    """Read the stream while another thread interferes.

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
        except asyncio.CancelledError:  # what interrupts a task
            raised = "KeyboardInterrupt"
            assert s.outcome is not None  # closed by then
    return s, events, raised


@contextlib.contextmanager
def _meddling(cell: Cell, s: StreamerV2, signals: Signals) -> Iterator[None]:
    """Have another thread cancel the stream, or interrupt this one, once both sides are ready."""
    if cell.fault is Fault.CANCEL:
        act: Callable[[], object] = s.cancel
    elif cell.fault is Fault.INTERRUPT and isinstance(s, FacadeStream):
        act = s.interrupt
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
        if cell.fault is Fault.INTERRUPT and not isinstance(s, FacadeStream):
            signal.signal(signal.SIGINT, before)


def _timeout(cell: Cell, longer: int) -> Timeout:
    """Return limits of which only the one that the fault is about can expire."""
    patient = Timeout(
        connect=PATIENCE, first_byte=PATIENCE, idle=PATIENCE, event_idle=PATIENCE, total=None
    )
    match cell.fault:
        case Fault.TOTAL:
            return evolve(patient, total=PATIENCE if cell.phase is Phase.PAUSE else TOTAL * longer)
        case Fault.STALL | Fault.TRICKLE if cell.phase in _LIMITS:
            return evolve(patient, **{_LIMITS[cell.phase]: BRIEF * longer})
        case Fault.STALL:
            return evolve(patient, idle=BRIEF * longer)
        case Fault.COMMENTS | Fault.PINGS | Fault.TRICKLE:
            return evolve(patient, event_idle=BRIEF * longer)
        case _:
            return patient


def _retries(cell: Cell) -> RetryPolicy:
    return RetryPolicy(attempts=2 if cell.phase is Phase.PAUSE else 1)
