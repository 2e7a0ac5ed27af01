"""What is read from a socket within the clock of an exchange, and what follows it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed leaves it out
import http.client
import io
import itertools
import signal
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from server import PATIENCE
from urllib3.util import wait_for_read

from openai_scan import Timeout, waiting
from openai_scan.interruptions import Interruption
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import body, clocked
from openai_scan.transport.session.body import Body, signals_may_repeat
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.clocked import _ClockedReads
from openai_scan.transport.session.unframing import Counted


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two sockets that are connected to each other."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def reading(sock: Any, timeout: Timeout | None = None) -> tuple[_ClockedReads, Clock]:
    """Return what reads from *sock*, and its clock, which waits for the response headers."""
    clock = Clock(timeout or Timeout())
    clock.start()
    clock.connected()
    return _ClockedReads(sock, clock, SocketCancellation()), clock


def tls_over(sock: socket.socket, pending: int) -> Any:
    """Return what looks like TLS over *sock*, with so many bytes decrypted."""
    return SimpleNamespace(makefile=sock.makefile, fileno=sock.fileno, pending=lambda: pending)


def tls_in_tls_over(sock: socket.socket, pending: int, encrypted: int) -> Any:
    """Return what looks like urllib3's TLS inside TLS, with so many bytes in its buffers."""
    return SimpleNamespace(
        makefile=sock.makefile,
        socket=sock,
        sslobj=SimpleNamespace(pending=lambda: pending),
        incoming=SimpleNamespace(pending=encrypted),
    )


class TestReading:
    """A read waits as long as the clock allows, and says what it has found."""

    def test_bytes_are_the_beginning_of_an_answer(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """The clock is notified, unless the bytes are a proxy's."""
        ours, theirs = ends
        for connecting in (True, False):
            reads, clock = reading(ours)
            clock.connecting = connecting
            theirs.send(b"ab")
            buffer = bytearray(9)
            assert reads.readinto(buffer) == 2
            assert buffer[:2] == b"ab"
            assert clock.answering is not connecting
            assert reads.ended is False

    def test_the_end_is_noted(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """The end of the connection is noted, and does not begin an answer."""
        ours, theirs = ends
        reads, clock = reading(ours)
        theirs.shutdown(socket.SHUT_WR)
        assert reads.readinto(bytearray(9)) == 0
        assert (reads.ended, clock.answering) == (True, False)

    def test_the_wait_is_limited(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """The clock's limit counts, not the timeout that the socket had."""
        ours, theirs = ends
        reads, _ = reading(ours, Timeout(first_byte=0.75))
        ours.settimeout(600)
        theirs.send(b"a")
        reads.readinto(bytearray(9))
        assert 0 < (ours.gettimeout() or 0) <= 0.75

    def test_the_limit_of_the_socket_is_changed_only_if_it_differs(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """Changing it is a system call."""
        ours, theirs = ends
        told: list[float] = []

        class Telling(socket.socket):
            def settimeout(self, seconds: float | None, /) -> None:
                told.append(seconds or 0)
                super().settimeout(seconds)

        with Telling(fileno=ours.detach()) as sock:
            reads, _ = reading(sock, Timeout(first_byte=600))
            for _ in range(2):
                theirs.send(b"a")
                assert reads.readinto(bytearray(9)) == 1
        assert told == [waiting.LONG_SLICE_SECONDS]

    def test_it_may_not_wait_at_all(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """While `waits` is false, nothing is read, even if bytes have arrived."""
        ours, theirs = ends
        reads, _ = reading(ours)
        theirs.send(b"a")
        reads.waits = False
        assert reads.readinto(bytearray(9)) is None
        buffered = io.BufferedReader(reads)
        assert buffered.peek() == b""
        reads.waits = True
        assert buffered.read(1) == b"a"


class Cooperative(socket.socket):
    """A socket as gevent makes them: its waits are not the system's."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Return what has come."""
        return super().recv(size, flags)


def body_of(
    sock: Any,
    timeout: Timeout | None = None,
    arrived: bytes = b"",
    *,
    length: int = 6,
    cancellation: SocketCancellation | None = None,
) -> Body:
    """Return what reads a body of six bytes from *sock*."""
    clock = Clock(timeout or Timeout())
    clock.answered()
    return Body(
        sock,
        Counted(length),
        arrived,
        clock=clock,
        cancellation=cancellation or SocketCancellation(),
    )


class TestSlices:
    """If the system does not wake the thread, the read repeats until data come or it is left."""

    @pytest.fixture
    def asleep(
        self, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> Any:
        """Return a socket that nothing wakes; between two slices it calls its `between`."""
        monkeypatch.setattr(waiting, "sliced", True)
        monkeypatch.setattr(waiting, "SLICE_SECONDS", 0.001)
        ours, _ = ends

        def recv_into(buffer: Any) -> int:
            try:
                return ours.recv_into(buffer)
            except TimeoutError:
                sock.between()
                raise

        def recv(size: int) -> bytes:
            buffer = bytearray(size)
            return bytes(buffer[: recv_into(buffer)])

        sock = SimpleNamespace(
            makefile=ours.makefile,
            gettimeout=ours.gettimeout,
            settimeout=ours.settimeout,
            recv_into=recv_into,
            recv=recv,
        )
        return sock

    def test_bytes_may_come_in_any_slice(
        self, asleep: Any, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """A later slice can bring the beginning of an answer, or the end."""
        _, theirs = ends
        reads, clock = reading(asleep)
        asleep.between = lambda: theirs.send(b"ab")
        assert reads.readinto(bytearray(9)) == 2
        assert (clock.answering, reads.ended) == (True, False)
        asleep.between = lambda: theirs.shutdown(socket.SHUT_WR)
        assert reads.readinto(bytearray(9)) == 0
        assert reads.ended is True

    def test_a_cancellation_is_seen_after_a_slice(self, asleep: Any) -> None:
        """This holds even if the cancellation could not shut down the socket."""
        clock = Clock(Timeout(first_byte=600))
        clock.start()
        clock.connected()
        cancellation = SocketCancellation()
        asleep.between = cancellation.request
        for read in (
            lambda: _ClockedReads(asleep, clock, cancellation).readinto(bytearray(9)),
            body_of(asleep, cancellation=cancellation).read,
        ):
            with pytest.raises(OSError, match=r"^cancelled$"):
                read()

    def test_the_wait_is_limited(self, asleep: Any) -> None:
        """All slices together take no longer than the clock allows."""
        waits: list[int] = []
        asleep.between = lambda: waits.append(1)
        reads, clock = reading(asleep, Timeout(first_byte=0.25))  # many slices on any machine
        with pytest.raises(TimeoutError):
            reads.readinto(bytearray(9))
        assert len(waits) > 1
        assert clock.limit == "first_byte"
        waits.clear()
        with pytest.raises(TimeoutError):
            body_of(asleep, Timeout(idle=0.25)).read()
        assert len(waits) > 1

    def test_a_body_is_read_in_slices_too(
        self, asleep: Any, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """The body may arrive in any slice."""
        _, theirs = ends
        asleep.between = lambda: theirs.send(b"abcdef")
        body = body_of(asleep)
        assert [body.read(), body.read()] == [b"abcdef", b""]


class TestBody:
    """A body is read as it arrives, and each wait is limited, by the system or by Python."""

    def test_what_has_arrived_is_read(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """First what came with the headers; then it only waits for what is needed."""
        ours, theirs = ends
        body = body_of(ours, arrived=b"ab")
        assert body.read() == b"ab"
        theirs.send(b"cd")
        assert body.read() == b"cd"
        assert body.at_its_end is False
        theirs.send(b"ef")
        assert [body.read(), body.read(), body.read()] == [b"ef", b"", b""]
        assert body.at_its_end is True

    @pytest.mark.parametrize("behind", [b"g", b"abcdefg"])
    def test_a_byte_behind_it_is_not_its_end(
        self, ends: tuple[socket.socket, socket.socket], behind: bytes
    ) -> None:
        """A further byte may come with the response headers or after them."""
        ours, theirs = ends
        body = body_of(ours, arrived=behind if len(behind) > 1 else b"")
        theirs.send(b"abcdefg")
        assert [body.read(), body.read()] == [b"abcdef", b""]
        assert body.at_its_end is False

    def test_an_empty_body_may_have_bytes_behind_it(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """Bytes that came with the response headers follow an empty body."""
        body = body_of(ends[0], arrived=b"x", length=0)
        assert body.read() == b""
        assert body.at_its_end is False

    def test_a_cut_is_an_error_each_time(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """It is not mistaken for the end."""
        ours, theirs = ends
        body = body_of(ours, arrived=b"ab")
        theirs.close()
        assert body.read() == b"ab"
        for _ in range(2):
            with pytest.raises(http.client.IncompleteRead):
                body.read()

    def test_the_system_limits_the_wait(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """A limit below a microsecond is rounded up: 0 would mean no limit."""
        ours, theirs = ends
        body = body_of(ours, Timeout(idle=0.0000001))
        with pytest.raises(TimeoutError):
            body.read()
        assert ours.gettimeout() is None
        theirs.send(b"ab")
        assert body.read() == b"ab"

    @pytest.mark.parametrize("by_system", [True, False])
    def test_a_wait_is_cut_into_slices(
        self,
        ends: tuple[socket.socket, socket.socket],
        monkeypatch: pytest.MonkeyPatch,
        by_system: bool,
    ) -> None:
        """Between two of them Python runs its signal handlers, and the next wait is as long."""
        monkeypatch.setattr(waiting, "LONG_SLICE_SECONDS", 0.001)
        monkeypatch.setattr(body, "signals_may_repeat", lambda: not by_system)
        ours, theirs = ends
        slices: list[int] = []

        class Checked(SocketCancellation):
            def check(self) -> None:
                slices.append(1)
                if len(slices) % 3 == 0:
                    theirs.send(b"ab")

        read = body_of(ours, Timeout(idle=PATIENCE), cancellation=Checked()).read
        assert [read(), read()] == [b"ab", b"ab"]
        assert len(slices) == 6

    @pytest.mark.parametrize("by_system", [True, False])
    def test_all_slices_together_are_the_wait(
        self,
        ends: tuple[socket.socket, socket.socket],
        monkeypatch: pytest.MonkeyPatch,
        by_system: bool,
    ) -> None:
        """It ends as a wait of one slice does."""
        monkeypatch.setattr(waiting, "LONG_SLICE_SECONDS", 0.001)
        monkeypatch.setattr(body, "signals_may_repeat", lambda: not by_system)
        with pytest.raises(TimeoutError):
            body_of(ends[0], Timeout(idle=0.01)).read()

    @pytest.mark.parametrize("by_system", [True, False])
    def test_a_signal_handler_may_raise_a_timeout_in_any_slice(
        self,
        ends: tuple[socket.socket, socket.socket],
        monkeypatch: pytest.MonkeyPatch,
        by_system: bool,
    ) -> None:
        """It is not taken for the end of the slice, whether it is of the class for that or not."""
        monkeypatch.setattr(waiting, "LONG_SLICE_SECONDS", 0.01)
        monkeypatch.setattr(body, "signals_may_repeat", lambda: not by_system)

        def go_off(*_: object) -> None:
            raise BlockingIOError("the caller's") if by_system else TimeoutError("the caller's")

        before = signal.signal(signal.SIGALRM, go_off)
        signal.setitimer(signal.ITIMER_REAL, 0.035)
        try:
            with pytest.raises(Interruption, match="the caller's"):
                body_of(ends[0], Timeout(idle=PATIENCE)).read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_python_limits_it_where_the_system_cannot(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """A socket of gevent's, for example, never blocks."""
        ours, theirs = ends
        with Cooperative(fileno=ours.detach()) as sock:
            body = body_of(sock, Timeout(idle=0.001))
            with pytest.raises(TimeoutError):
                body.read()
            assert sock.gettimeout() == 0.001
            theirs.send(b"ab")
            assert body.read() == b"ab"

    def test_python_limits_it_while_signals_may_repeat(
        self, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each signal would restart the system's limit."""
        monkeypatch.setattr(body, "signals_may_repeat", lambda: True)
        ours, theirs = ends
        theirs.send(b"ab")
        assert body_of(ours, Timeout(idle=0.5)).read() == b"ab"
        assert ours.gettimeout() == 0.5

    def test_signals_that_keep_coming_do_not_put_the_limit_off(
        self, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A handler that sets its alarm again has a timer that does not repeat."""
        monkeypatch.setattr(body, "signals_may_repeat", signals_may_repeat)
        alarms = itertools.count()

        def go_off(*_: object) -> None:
            assert next(alarms) < 100, "the limit does not strike"
            signal.setitimer(signal.ITIMER_REAL, 0.02)

        before = signal.signal(signal.SIGALRM, go_off)
        alarm = signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            with pytest.raises(TimeoutError):
                body_of(ends[0], Timeout(idle=0.1)).read()
        finally:
            signal.signal(signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, *alarm)

    @pytest.mark.parametrize(
        ("handled", "timer", "may_repeat"),
        [
            (("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"), "", False),
            (("SIGTERM", "SIGALRM"), "", True),
            (("SIGUSR1",), "", True),
            ((), "ITIMER_REAL", True),
            ((), "ITIMER_VIRTUAL", True),
            ((), "ITIMER_PROF", True),
        ],
    )
    def test_signals_repeat_where_someone_expects_them(
        self,
        monkeypatch: pytest.MonkeyPatch,
        handled: tuple[str, ...],
        timer: str,
        *,
        may_repeat: bool,
    ) -> None:
        """A signal handler, except for a request to exit, or a repeating timer shows that."""
        handlers = {getattr(signal, name): print for name in handled}
        repeating = getattr(signal, timer) if timer else None
        monkeypatch.setattr(_signal, "getsignal", lambda number: handlers.get(number, 0))
        monkeypatch.setattr(signal, "getitimer", lambda which: (0.5, 0.5 * (which == repeating)))
        assert signals_may_repeat() is may_repeat

    def test_the_system_is_told_only_what_changes(
        self, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Setting the same limit again would take as long as reading."""
        told: list[float] = []
        monkeypatch.setattr(Body, "_limit", lambda _, seconds: told.append(seconds))
        ours, theirs = ends
        body = body_of(ours, Timeout(idle=30))
        body._wait = 30
        for part in (b"ab", b"cd"):
            theirs.send(part)
            assert body.read() == part
        assert told == []


class TestWhatLiesBehind:
    """Bytes after an answer, in any buffer, do not belong to the next answer."""

    def test_nothing_does(
        self, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a quiet connection nothing is found, with or without TLS, and without waiting."""
        waited: list[float] = []

        def wait(sock: Any, timeout: float) -> bool:
            waited.append(timeout)
            return wait_for_read(sock, timeout)

        monkeypatch.setattr(clocked, "wait_for_read", wait)
        ours, _ = ends
        for sock in (ours, tls_over(ours, 0), tls_in_tls_over(ours, 0, 0)):
            reads, _ = reading(sock)
            assert reads.more_has_come() is False
        assert waited == [0] * 3

    def test_bytes_may_lie_in_the_system_s_buffer(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """Bytes in the system's buffer are found and not read."""
        ours, theirs = ends
        theirs.send(b"a")
        for sock in (ours, tls_over(ours, 0), tls_in_tls_over(ours, 0, 0)):
            reads, _ = reading(sock)
            assert reads.more_has_come() is True
        assert ours.recv(9) == b"a"

    def test_bytes_may_lie_in_a_buffer_of_tls(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        """Bytes in a buffer of TLS are found, whether decrypted or still encrypted."""
        ours, _ = ends
        for sock in (tls_over(ours, 1), tls_in_tls_over(ours, 1, 0), tls_in_tls_over(ours, 0, 1)):
            reads, _ = reading(sock)
            assert reads.more_has_come() is True

    def test_an_end_is_something_too(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """A connection that has ended counts as one with further bytes: it cannot be reused."""
        ours, _ = ends
        reads, _ = reading(ours)
        reads.ended = True
        assert reads.more_has_come() is True
