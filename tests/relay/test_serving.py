"""How readers are released when a server is told to exit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from server import PATIENCE

from openai_scan.relay import Relay, close_on_signals, serving
from openai_scan.testing import FakeServer, chat_chunk, hold
from relay.served import Browser, read_until

TESTS = Path(__file__).parents[1]


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Handle SIGTERM and ignore SIGINT; yield the list of handled signals."""
    got: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_closes_the_relay(
    relay: Relay, handled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own handler is called as well, if it has one."""
    closed = threading.Event()
    monkeypatch.setattr(relay, "close", closed.set)
    for number, expected in ((signal.SIGTERM, [signal.SIGTERM]), (signal.SIGINT, [])):
        closed.clear()
        handled.clear()
        with close_on_signals(relay):
            os.kill(os.getpid(), number)
            assert closed.wait(PATIENCE)
        assert handled == expected


def test_the_block_ends_when_the_relay_is_closed(
    relay: Relay, handled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving the block waits for `close()`, since the process may exit right after it."""
    before = signal.getsignal(signal.SIGTERM)
    closed = threading.Event()

    def close() -> None:
        while signal.getsignal(signal.SIGTERM) is not before:  # the block has not ended yet
            closed.wait(0.001)
        closed.set()

    monkeypatch.setattr(relay, "close", close)
    with close_on_signals(relay):
        signal.raise_signal(signal.SIGTERM)
    assert closed.is_set()
    assert handled == [signal.SIGTERM]


def test_handlers_are_put_back(relay: Relay, handled: list[int]) -> None:
    """A handler that was set meanwhile is not replaced."""
    before = signal.getsignal(signal.SIGTERM)
    with close_on_signals(relay):
        assert signal.getsignal(signal.SIGTERM) is not before
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert not handled


def test_a_signal_that_nothing_handles(
    relay: Relay, handled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal is sent again after the relay is closed, and then takes effect."""
    told: list[Any] = []
    sent = threading.Event()

    def kill(process: int, number: int) -> None:
        told.append((process, number, signal.getsignal(number)))
        sent.set()

    monkeypatch.setattr(serving, "os", SimpleNamespace(kill=kill, getpid=os.getpid))
    monkeypatch.setattr(relay, "close", lambda: told.append("closed"))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with close_on_signals(relay):
        signal.raise_signal(signal.SIGTERM)
        assert sent.wait(PATIENCE)
    assert told == ["closed", (os.getpid(), signal.SIGTERM, signal.SIG_DFL)]
    assert not handled


def test_another_thread_gets_no_signals(relay: Relay, handled: list[int]) -> None:
    """In another thread, no handler is set."""
    before = signal.getsignal(signal.SIGTERM)
    during: list[Any] = []

    def enter() -> None:
        with close_on_signals(relay):
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(PATIENCE)
    assert during == [before]
    assert not handled


DIES = """
import signal, threading
from openai_scan.relay import close_on_signals

class Relay:
    def close(self):
        print("closed", flush=True)

with close_on_signals(Relay()):
    print("ready", flush=True)
    threading.Event().wait()
"""

SERVES = """
import signal, sys
sys.path.insert(0, sys.argv[2])
import uvicorn
from openai_scan import Client
from openai_scan.relay import ChatUpstream, MemoryLog, Relay, asgi
from relay.memory_store import MemoryStore
from relay.served import by_header

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

with (
    Client("k", sys.argv[1]) as client,
    Relay(MemoryLog(), MemoryStore(), ChatUpstream(client, model="m")) as relay,
):
    config = uvicorn.Config(asgi(relay, by_header), port=0, log_config=None)
    Server(config).run()
"""


@contextlib.contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a process of its own, and kill that at the end of the block."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process's output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_where_nothing_handles_a_signal_it_ends_the_process_all_the_same() -> None:
    """It does so only after the relay is closed."""
    with running(DIES) as process:
        assert line_of(process) == "ready"
        process.terminate()
        assert line_of(process) == "closed"
        assert process.wait(PATIENCE) == -signal.SIGTERM


def test_uvicorn_ends_although_a_stream_is_open(upstream: FakeServer) -> None:
    """The signal makes the application close the relay, so the stream ends."""
    upstream.add([chat_chunk("Hel"), hold()])
    with running(SERVES, upstream.base_url, str(TESTS)) as process:
        browser = Browser(int(line_of(process)))
        with browser.open(f"/streams/{browser.start()}/events") as events:
            read_until(events, b"Hel")
            process.terminate()
            assert b"Shutdown" in events.read()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
