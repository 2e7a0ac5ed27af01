"""The wire of requests and urllib3, in front of stand-ins for them."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3.connection import HTTPConnection

from openai_scan import NotAnEventStreamError, Timeout
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import wire as session_module
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.connections import WatchedConnection, new_session
from openai_scan.transport.session.wire import SessionAnswer, SessionWire
from openai_scan.transport.wire import at_once

MEBIBYTE = 1024 * 1024


class Raw:
    """Hands over pieces, as urllib3 does.

    Attributes:
        arrived: How many bytes have arrived before they were decompressed.
        asked: The arguments of each `read1()`, and the names of other methods that were called.
    """

    CONTENT_DECODERS = ("gzip",)

    def __init__(self, *pieces: bytes, arrived: int = 0, encoded: bool = True) -> None:
        self.headers = {"Content-Encoding": "gzip"} if encoded else {}
        self.arrived = arrived
        self.asked: list[tuple[int, bool] | str] = []
        self._pieces: Iterator[bytes] = iter(pieces)

    def read1(self, size: int, *, decode_content: bool) -> bytes:
        """Return the next piece."""
        self.asked.append((size, decode_content))
        return next(self._pieces)

    def read(self) -> bytes:
        """Return the next piece, past urllib3."""
        self.asked.append("read")
        return next(self._pieces)

    def close(self) -> None:
        """Release the connection."""
        self.asked.append("close")

    def release_conn(self) -> None:
        """Put the connection back into its pool."""
        self.asked.append("release")

    def tell(self) -> int:
        """Return how many compressed bytes have arrived."""
        return self.arrived


def answered(
    raw: Raw, clock: Clock | None = None, cancellation: SocketCancellation | None = None
) -> SessionAnswer:
    """Return the answer of *raw*, which is also what its socket hands over."""
    response: Any = SimpleNamespace(status_code=200, reason="Fine", headers=raw.headers, raw=raw)
    plain: Any = SimpleNamespace(
        body=SimpleNamespace(read=raw.read), close=raw.close, peek1=lambda: b"\x1f"
    )
    return SessionAnswer(
        response, plain, clock or Clock(Timeout()), cancellation or SocketCancellation()
    )


def test_an_answer_is_that_of_requests() -> None:
    """Its status, its reason and its headers."""
    answer = answered(Raw(b"a"))
    assert (answer.status, answer.reason) == (200, "Fine")
    assert answer.headers == {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("encoding", "known"),
    [("identity", True), ("gzip", True), ("br", False), ("x-new", False), ("", False)],
)
def test_it_decodes_what_urllib3_decodes(encoding: str, known: bool) -> None:
    """The encoding "identity" is known, too."""
    assert answered(Raw(b"a")).decodes(encoding) is known


def test_what_has_arrived_is_read() -> None:
    """The body is read past urllib3, and its end returns the connection to the pool."""
    raw = Raw(b"a", b"", encoded=False)
    answer = answered(raw)
    assert [at_once(answer.read()), at_once(answer.read())] == [b"a", b""]
    assert raw.asked == ["read", "read", "close", "release"]


def test_what_is_compressed_is_decompressed_by_urllib3() -> None:
    """It releases the connection on its own."""
    raw = Raw(b"a", b"")
    answer = answered(raw)
    assert [at_once(answer.read()), at_once(answer.read())] == [b"a", b""]
    assert raw.asked == [(65536, True)] * 2


@pytest.mark.parametrize(
    ("arrived", "most"),
    [(1, 16 * MEBIBYTE), (160_000, 16 * MEBIBYTE), (200_000, 20_000_000)],
)
def test_it_may_become_a_hundred_times_as_large(arrived: int, most: int) -> None:
    """Any answer may expand to 16 MiB; one byte above the limit is an error."""
    answer = answered(Raw(bytes(MEBIBYTE), bytes(most - MEBIBYTE), b"x", arrived=arrived))
    assert len(at_once(answer.read())) + len(at_once(answer.read())) == most
    with pytest.raises(NotAnEventStreamError) as caught:
        at_once(answer.read())
    assert str(caught.value) == (
        "the answer expands to more than 100 times its size when decompressed"
    )


def test_nothing_is_decompressed_after_the_time_or_a_cancellation() -> None:
    """The socket is not looked at while there is something to decompress."""
    raw = Raw(b"a")
    clock = Clock(Timeout())
    clock.end_in(-1)
    with pytest.raises(TimeoutError):
        at_once(answered(raw, clock=clock).read())
    cancellation = SocketCancellation()
    cancellation.request()
    with pytest.raises(OSError, match="cancelled"):
        at_once(answered(raw, cancellation=cancellation).read())
    assert raw.asked == []


@pytest.mark.parametrize(
    ("environment", "verify"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "f", "SSL_CERT_DIR": "d"}, "f"),
        ({"SSL_CERT_DIR": "d"}, "d"),
        ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, True),
    ],
)
def test_the_environment_may_name_certificates(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], verify: str | bool
) -> None:
    """OpenSSL's variables name them, and certificates are always verified."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with new_session() as session:
        assert session.verify == verify


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ConnectionAbortedError(10053, "aborted"),
        ssl.SSLEOFError(8, "EOF"),
        ssl.SSLZeroReturnError(6, "closed"),
    ],
)
def test_sending_to_a_closed_port_raises_a_broken_pipe(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Only after a BrokenPipeError does urllib3 read an answer that may have come."""

    def request(*_: object) -> None:
        raise error

    monkeypatch.setattr(HTTPConnection, "request", request)
    with pytest.raises(BrokenPipeError) as caught:
        WatchedConnection("a.test").request("POST", "/")
    assert caught.value.errno == errno.EPIPE
    assert caught.value.__cause__ is error


def test_what_else_sending_raises_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout, for example, is raised unchanged."""
    error = TimeoutError("late")

    def request(*_: object) -> None:
        raise error

    monkeypatch.setattr(HTTPConnection, "request", request)
    with pytest.raises(TimeoutError) as caught:
        WatchedConnection("a.test").request("POST", "/")
    assert caught.value is error


@pytest.mark.parametrize("own", [True, False])
def test_only_its_own_session_is_closed(monkeypatch: pytest.MonkeyPatch, *, own: bool) -> None:
    """The session is closed once, by the process that made it.

    In a forked child, a thread of the parent may have left locks behind. The parent's session is
    not even dropped, since its pools would be closed with it.
    """
    inherited: list[Any] = []
    monkeypatch.setattr(session_module, "_inherited", inherited)
    closed: list[bool] = []
    wire = SessionWire()
    session: Any = SimpleNamespace(close=lambda: closed.append(True))
    wire._session, wire._session_pid = session, os.getpid() + (not own)
    at_once(wire.aclose())
    at_once(wire.aclose())
    assert closed == [True] * own
    assert inherited == [session] * (not own)
    assert wire._session is None


def test_a_wire_that_was_not_used_can_be_closed() -> None:
    """It has no session yet, and makes one when it is used."""
    wire = SessionWire()
    at_once(wire.aclose())
    session = wire._open_session()
    assert wire._open_session() is session
    at_once(wire.aclose())
    assert wire._open_session() is not session
    at_once(wire.aclose())
