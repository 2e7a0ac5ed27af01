"""Where nothing can wake a waiting thread, it waits in slices, and nothing else changes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from server import (
    CHUNKED,
    END,
    PATIENCE,
    TAKE,
    WAIT_FOR_HANG_UP,
    ScriptedServer,
    ch,
    serving,
)

from faults.play import expected, play
from faults.proxies import Proxy
from faults.scripts import DONE, HI, STOP, WHOLE
from faults.table import Cell, Fault, Framing, Play, Route, name_of, plays
from faults.world import bundle, certified, clean
from openai_scan import Client, StreamCancelledError, StreamerV2, TLSError, waiting
from openai_scan.transport.session.cancellation import SocketCancellation

# They are in all phases: what ends a wait from outside, and what only its limit ends.
FAULTS = (Fault.CANCEL, Fault.STALL)


@pytest.fixture(autouse=True)
def nobody_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shutdown do nothing, as on Windows, where the other side would not see it either."""
    monkeypatch.setattr(waiting, "sliced", True)
    monkeypatch.setattr(waiting, "SLICE_SECONDS", 0.005)
    monkeypatch.setattr(SocketCancellation, "_shut_down", lambda _: None)


def _chosen() -> Iterator[Play]:
    """Yield what to play: each cell of these faults once on each route, in whichever framing."""
    seen: set[tuple[Cell, Route]] = set()
    for cell, framing, route in plays():
        if cell.fault in FAULTS and (cell, route) not in seen:
            seen.add((cell, route))
            yield cell, framing, route


CHOSEN = list(_chosen())


@pytest.mark.parametrize(("cell", "framing", "route"), CHOSEN, ids=map(name_of, CHOSEN))
def test_a_cell_is_as_written(cell: Cell, framing: Framing, route: Route) -> None:
    """A wait ends as the table says: at a cancellation, or at its limit."""
    begun = time.monotonic()
    assert play(cell, framing, route) == expected(cell, route)
    # The limits of such a cell are PATIENCE, so it was not a limit that ended the wait.
    assert cell.fault is not Fault.CANCEL or time.monotonic() - begun < PATIENCE / 2


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return an environment that trusts the servers and says nothing of proxies."""
    clean(monkeypatch)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
    return monkeypatch


def asked(client: Client, content: str = "x") -> StreamerV2:
    """Return a stream that has not been read."""
    messages: list[Any] = [{"role": "user", "content": content}]
    return client.create_chat_completion_stream(model="m", messages=messages)


def read_until_cancelled(s: StreamerV2, reached: threading.Event) -> None:
    """Read, and have another thread cancel that when something is reached."""

    def cancel() -> None:
        assert reached.wait(PATIENCE)
        s.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert not s.next()
    canceller.join(PATIENCE)
    assert isinstance(s.err(), StreamCancelledError)


class TestTLSInsideTLS:
    """To a proxy that speaks TLS, for a server that does."""

    def test_answers_come_late(self, environment: pytest.MonkeyPatch) -> None:
        """A read or handshake that outlasts its slice continues, and long requests arrive whole."""
        content = "x" * 8 * 1024 * 1024
        with Proxy(tls=certified()) as proxy:
            environment.setenv("HTTPS_PROXY", proxy.url)
            late = [threading.Event() for _ in range(3)]
            script = [late[1], CHUNKED + ch(HI), late[2], ch(STOP + DONE) + END]
            with serving(script, WHOLE, tls=certified(), handshakes=[[late[0]]]) as server:
                with Client("sk-1", server.base_url) as client, slices_set(environment, late):
                    for _ in range(2):
                        with asked(client, content) as s:
                            assert s.read() == b"Hi"
            assert proxy.connections == 1
            assert [request.json()["messages"][0]["content"] for request in server.requests] == [
                content,
                content,
            ]

    @pytest.mark.parametrize("place", ["handshake", "head"])
    def test_a_cancellation_is_heard(self, environment: pytest.MonkeyPatch, place: str) -> None:
        """During the handshake, and before the response headers."""
        reached = threading.Event()
        handshakes = [[TAKE, reached.set, WAIT_FOR_HANG_UP]] if place == "handshake" else []
        script = [reached.set, WAIT_FOR_HANG_UP]
        serves = serving(script, tls=certified(), handshakes=handshakes)
        with Proxy(tls=certified()) as proxy, serves as server:
            environment.setenv("HTTPS_PROXY", proxy.url)
            with Client("sk-1", server.base_url) as client, asked(client) as s:
                read_until_cancelled(s, reached)
            assert server.hung_up.wait(PATIENCE)


class TestSocks:
    """The bytes that a client sends to a SOCKS proxy."""

    WELCOME = (TAKE, b"\x05\x00", TAKE)

    def test_it_may_take_its_time(self, environment: pytest.MonkeyPatch) -> None:
        """The answers of the proxy come in later slices."""
        late = [threading.Event(), threading.Event()]
        opening = [TAKE, late[0], b"\x05\x00", TAKE, late[1], b"\x05\x00\x00\x01" + bytes(6)]
        with serving(WHOLE, openings=[opening]) as server:
            through(environment, server)
            with Client("sk-1", "http://server.test/v1") as client:
                with slices_set(environment, late), asked(client) as s:
                    assert s.read() == b"Hi"

    def test_a_cancellation_is_heard(self, environment: pytest.MonkeyPatch) -> None:
        """cancel() ends the wait for a proxy that says nothing."""
        reached = threading.Event()
        with serving(openings=[[TAKE, reached.set, WAIT_FOR_HANG_UP]]) as server:
            through(environment, server)
            with Client("sk-1", "http://server.test/v1") as client, asked(client) as s:
                read_until_cancelled(s, reached)
            assert server.hung_up.wait(PATIENCE)


@pytest.mark.parametrize("kind", ["untrusted", "for another name"])
def test_certificates_are_verified(environment: pytest.MonkeyPatch, kind: str) -> None:
    """A certificate that is untrusted, or for another name, is refused in slices as well."""
    with serving(tls=certified(kind)) as server, Client("sk-1", server.base_url) as client:
        with asked(client) as s:
            assert not s.next()
            assert isinstance(s.err(), TLSError)


def through(environment: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """Have *server* be the SOCKS proxy."""
    place = server.base_url.removeprefix("http://").removesuffix("/v1")
    environment.setenv("ALL_PROXY", f"socks5h://{place}")


@contextlib.contextmanager
def slices_set(environment: pytest.MonkeyPatch, late: list[threading.Event]) -> Iterator[None]:
    """Set the next event when a slice ends, so that what waits for it comes in a later one."""
    left = list(late)
    in_slices = waiting.in_slices

    def told(step: Any, sock: Any, seconds: float, check: Any) -> Any:
        def ended() -> None:
            check()
            if left:
                left.pop(0).set()

        return in_slices(step, sock, seconds, ended)

    environment.setattr(waiting, "in_slices", told)
    yield
    assert not left
