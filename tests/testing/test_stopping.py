"""The fake server stops in bounded time and has its port for itself, on any system."""

from __future__ import annotations

import errno
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from openai_scan import Client
from openai_scan.testing import (
    FakeServer,
    SeenRequest,
    Step,
    chat_answer,
    chat_chunk,
    delay,
    hold,
)
from openai_scan.testing.handler import CONNECTION, Listener
from openai_scan.testing.hold import Hold

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


class DeafSocket(socket.socket):
    """A socket as on Windows: shutting it down does not wake a thread that waits in it."""

    def shutdown(self, how: int) -> None:
        """Do nothing."""


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server accept connections that cannot be woken."""

    def get_request(listener: Listener) -> tuple[socket.socket, Any]:
        accepted, address = listener.socket.accept()
        return DeafSocket(fileno=accepted.detach()), address

    monkeypatch.setattr(Listener, "get_request", get_request)


def connect(server: FakeServer) -> socket.socket:
    """Return a connection to *server*."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def handlers(before: set[threading.Thread]) -> set[threading.Thread]:
    """Return the threads that there were not *before*."""
    return set(threading.enumerate()) - before


def endless() -> Iterator[bytes]:
    """Yield more than any connection takes."""
    while True:
        yield chat_chunk("Hi" * 10_000)


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 10\r\n\r\n{}",
        HEAD + b"Content-Length: 100000\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}",
    ],
    ids=["nothing", "half a head", "half a body", "what is refused", "and reads nothing"],
)
def test_a_client_that_stays_keeps_no_server(sent: bytes) -> None:
    """Whatever the server waits for, its connections end although nothing wakes its threads."""
    before = set(threading.enumerate())
    with FakeServer() as server, connect(server) as connection:
        server.add(endless())
        connection.sendall(sent)
        with connect(server) as other:
            other.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
            assert other.recv(1)  # so the first connection has been accepted too
        server.__exit__()
        assert not handlers(before)


@pytest.mark.usefixtures("deaf")
def test_an_application_that_keeps_its_client_keeps_no_server() -> None:
    """The client keeps its connection for the next request."""
    before = set(threading.enumerate())
    with FakeServer() as server:
        client = Client("k", server.base_url)
        server.add(chat_answer("Hi"))
        stream = client.create_chat_completion_stream(model="m", messages=[])
        assert stream.read() == b"Hi"
    assert not handlers(before)
    client.close()


class Watched(threading.Event):
    """An event that says when other code has looked at it."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Event()

    def is_set(self) -> bool:
        """Return whether it is set."""
        self.looked.set()
        return super().is_set()


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("step", [hold(), delay(3600)], ids=["held", "delayed"])
def test_an_answer_that_waits_keeps_no_server(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client stays connected, and the test never lets the answer continue."""
    monkeypatch.setattr("openai_scan.waiting.SLICE_SECONDS", 0.01)
    before = set(threading.enumerate())
    with FakeServer() as server, connect(server) as connection:
        stopping = server._listener.stopping = Watched()
        server.add([chat_chunk("Hi"), step])
        connection.sendall(HEAD + b'Content-Length: 15\r\n\r\n{"stream":true}')
        with connection.makefile("rb") as file:
            while b"Hi" not in file.readline():
                pass
        if isinstance(step, Hold):
            assert step.reached.wait(60)
            for _ in range(2):  # it looks again and again
                stopping.looked.clear()
                assert stopping.looked.wait(60)
        server.__exit__()
        assert not handlers(before)


def test_an_answer_that_is_stuck_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that never returns does not keep the test or the process from ending."""
    monkeypatch.setattr("openai_scan.testing.handler._MAX_WAIT", 0.01)
    entered, left = threading.Event(), threading.Event()

    def stuck(_: SeenRequest) -> list[bytes]:
        entered.set()
        left.wait(60)
        return chat_answer("Hi")

    before = set(threading.enumerate())
    with FakeServer(stuck) as server, connect(server) as connection:
        connection.sendall(HEAD + b'Content-Length: 15\r\n\r\n{"stream":true}')
        assert entered.wait(60)
    (handler,) = handlers(before)
    assert handler.daemon
    left.set()
    handler.join(60)
    assert not handler.is_alive()


def test_a_slow_client_gets_all_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait in short slices ends neither a request nor an answer."""
    monkeypatch.setattr("openai_scan.waiting.SLICE_SECONDS", 0.001)
    is_full = threading.Event()
    size = 4_000_000

    class Watched(socket.socket):
        def send(self, *args: Any) -> int:
            try:
                return super().send(*args)
            except TimeoutError:
                is_full.set()
                raise

        def recv_into(self, *args: Any) -> int:
            try:
                return super().recv_into(*args)
            except TimeoutError:
                is_empty.set()
                raise

    def get_request(listener: Listener) -> tuple[socket.socket, Any]:
        accepted, address = listener.socket.accept()
        return Watched(fileno=accepted.detach()), address

    is_empty = threading.Event()
    monkeypatch.setattr(Listener, "get_request", get_request)
    with FakeServer() as server, connect(server) as connection:
        server.add([b"x" * size])
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{")
        assert is_empty.wait(60)
        connection.sendall(b"}")
        assert is_full.wait(60)
        file = connection.makefile("rb")
        assert file.read(size).count(b"x") > size / 2
        file.close()
    assert server.requests[0].body == b"{}"


def test_a_client_that_resets_its_connection_is_not_news(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A client may reset its connection between two requests; nothing is printed."""
    before = set(threading.enumerate())
    with FakeServer() as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/v1/models")
        connection.getresponse().read()  # so that the server waits for the next request
        (handler,) = (one for one in handlers(before) if one.name == CONNECTION)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        handler.join(60)
        assert not handler.is_alive()
    assert capfd.readouterr() == ("", "")


def test_an_answer_that_fails_half_way_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """Its connection ends, and the error is printed."""

    def steps() -> Iterator[bytes]:
        yield chat_chunk("Hi")
        raise ValueError("a defect of the test")

    with FakeServer() as server, connect(server) as connection:
        server.add(steps())
        connection.sendall(HEAD + b'Content-Length: 15\r\n\r\n{"stream":true}')
        with connection.makefile("rb") as file:
            assert b"Hi" in file.read()
    assert "ValueError: a defect of the test" in capfd.readouterr().err


def test_a_port_is_taken_by_one_server() -> None:
    """The second server gets an error."""
    with FakeServer() as first, pytest.raises(OSError) as caught:  # noqa: PT011 - its number tells
        FakeServer(port=int(first.url.rpartition(":")[2]))
    assert caught.value.errno == errno.EADDRINUSE


def test_windows_is_asked_for_the_port_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """There SO_REUSEADDR would let the second server take the port of the first."""
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    asked: list[socket.socket] = []
    bind = Listener.server_bind

    def watched(listener: Listener) -> None:
        bind(listener)
        asked.append(listener.socket)

    monkeypatch.setattr(Listener, "server_bind", watched)
    with FakeServer():
        (listening,) = asked
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0


def test_no_name_of_this_machine_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup takes many seconds on some networks, and each test would wait for it."""

    def look_up(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr(socket, "getfqdn", look_up)
    with FakeServer() as server:
        assert server.url.startswith("http://127.0.0.1:")
