"""What a cancellation ends, and what it leaves alone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from server import PATIENCE

from openai_scan.transport.session.cancellation import SocketCancellation, notify
from openai_scan.transport.wire import at_once


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two sockets that are connected to each other."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def is_shut(theirs: socket.socket) -> bool:
    """Return whether the other side sees a hang-up."""
    try:
        return theirs.recv(1) == b""
    except BlockingIOError:
        return False


def connection(sock: Any) -> Any:
    """Return what looks like a connection."""
    return SimpleNamespace(owner=None, sock=sock)


def test_a_socket_that_connects_is_held(ends: tuple[socket.socket, socket.socket]) -> None:
    """A copy of a connecting socket is held, since a handshake takes the descriptor."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.hold(ours)
    ours.close()
    assert not is_shut(theirs)
    cancellation.request()
    assert is_shut(theirs)
    cancellation.let_go()
    cancellation.request()  # there is nothing left that it could touch
    with pytest.raises(OSError, match=r"^cancelled$"):
        cancellation.hold(ours)


def test_only_the_last_socket_is_held(ends: tuple[socket.socket, socket.socket]) -> None:
    """A new socket replaces the one before, as the addresses of a name are tried one by one."""
    first, other_end = socket.socketpair()
    other_end.setblocking(False)
    ours, theirs = ends
    cancellation = SocketCancellation()
    with first, other_end:
        cancellation.hold(first)
        cancellation.hold(ours)
        cancellation.request()
        assert (is_shut(other_end), is_shut(theirs)) == (False, True)
        first.close()
        assert is_shut(other_end)  # no copy of it was left
    cancellation.let_go()


def test_all_sockets_that_are_being_connected_are_shut_down() -> None:
    """All but those it was told to forget, which may have been closed already."""
    cancellation = SocketCancellation()
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(3)]
        for ours, theirs in pairs:
            stack.enter_context(ours)
            stack.enter_context(theirs).setblocking(False)
            cancellation.watch(ours)
        cancellation.forget(pairs[1][0])
        cancellation.request()
        assert [is_shut(theirs) for _, theirs in pairs] == [True, False, True]
        with pytest.raises(OSError, match=r"^cancelled$"):
            cancellation.watch(pairs[1][0])


def test_a_socket_that_was_let_go_is_left_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    """A released socket is not shut down: the code that created it closes it."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.hold(ours)
    cancellation.release()  # the end of a proxy's answer is not that of the connection
    cancellation.let_go()
    cancellation.request()
    assert not is_shut(theirs)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_connection_is_held_until_its_answer_is_over(
    ends: tuple[socket.socket, socket.socket], layers: int
) -> None:
    """The connection knows its owner; with TLS inside TLS, the socket below is shut down."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    held = connection(ours if layers == 1 else SimpleNamespace(socket=ours))
    cancellation.attach(held)
    assert held.owner is cancellation.token
    cancellation.release()
    cancellation.request()
    assert not is_shut(theirs)
    other = SocketCancellation()
    other.attach(held)
    other.request()
    assert (other.requested, is_shut(theirs)) == (True, True)


def test_a_connection_that_comes_too_late_is_shut_down(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Its answer is not needed."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.request()
    cancellation.attach(connection(ours))
    assert is_shut(theirs)


def test_hanging_up_is_not_a_cancellation(ends: tuple[socket.socket, socket.socket]) -> None:
    """The server notices, and nothing else changes."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.attach(connection(ours))
    cancellation.hang_up()
    assert (cancellation.requested, is_shut(theirs)) == (False, True)
    ours.close()
    cancellation.hang_up()  # it may have been closed before
    cancellation.check()


class PassingOn:
    """A socket as eventlet makes them: it wraps a socket, and passes on what it lacks itself."""

    def __init__(self, passed_to: socket.socket) -> None:
        self._passed_to = passed_to

    def __getattr__(self, name: str) -> Any:
        return getattr(self._passed_to, name)


class Decrypting(socket.socket):
    """A socket as ssl makes them: after its own `shutdown()` it does not decrypt."""

    decrypts = True

    def shutdown(self, how: int, /) -> None:
        """Stop decrypting, and shut the socket down."""
        self.decrypts = False
        super().shutdown(how)


def test_a_socket_may_pass_on_what_it_does_not_have(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Its class has no `shutdown()` then."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.attach(connection(PassingOn(ours)))
    cancellation.request()
    assert is_shut(theirs)


def test_tls_is_not_told(ends: tuple[socket.socket, socket.socket]) -> None:
    """The socket below TLS is shut down, or else a reader would get encrypted bytes."""
    ours, theirs = ends
    with Decrypting(fileno=ours.detach()) as sock:
        cancellation = SocketCancellation()
        cancellation.attach(connection(sock))
        cancellation.request()
        assert (sock.decrypts, is_shut(theirs)) == (True, True)


def test_a_child_leaves_the_socket_to_its_parent(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have the same connection."""
    ours, theirs = ends
    cancellation = SocketCancellation()
    cancellation.attach(connection(ours))
    parent = os.getpid()
    of_parent = cancellation.inherited
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert (of_parent, cancellation.inherited) == (False, True)
    cancellation.request()
    assert (cancellation.requested, is_shut(theirs)) == (True, False)


@pytest.mark.parametrize("cancelled", [False, True])
def test_any_other_wait_ends_as_well(*, cancelled: bool) -> None:
    """`wait_for()` ends when its condition is true, or at a cancellation."""
    cancellation = SocketCancellation()
    waiting = threading.Event()
    happened: list[bool] = []

    def end() -> None:
        assert waiting.wait(PATIENCE)
        if cancelled:
            cancellation.request()
        else:
            happened.append(True)
            notify()

    def has_happened() -> bool:
        waiting.set()
        return bool(happened)

    thread = threading.Thread(target=end)
    thread.start()
    assert cancellation.wait_for(has_happened, PATIENCE) is not cancelled
    assert cancellation.requested is cancelled
    thread.join(PATIENCE)


def test_a_wait_ends_in_time() -> None:
    """A pause takes all of it, unless it is cancelled."""
    cancellation = SocketCancellation()
    assert not cancellation.wait_for(lambda: False, 0.001)
    assert cancellation.wait_for(lambda: True, 600)
    begun = time.monotonic()
    at_once(cancellation.pause(0.02))
    assert time.monotonic() >= begun + 0.02
    cancellation.request()
    at_once(cancellation.pause(600))
    assert not cancellation.wait_for(lambda: False, 600)
    with pytest.raises(OSError, match=r"^cancelled$"):
        cancellation.check()
