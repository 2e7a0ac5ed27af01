"""Let readers go when a server is told to end, since it waits for them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from openai_scan.relay.core import Relay

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def close_on_signals(relay: Relay) -> Iterator[None]:
    """Close *relay* as soon as the process gets SIGTERM or SIGINT inside of the `with` block.

    ::

        @asynccontextmanager
        async def lifespan(app):
            with close_on_signals(relay):
                yield

    uvicorn, like most servers, waits for open streams to end before it tells an application of the
    end. Closing the relay ends them, and lets other processes go on with its answers. What the
    server does at the signal, it does as well. So enter the block when the server has installed its
    handlers, such as in the lifespan of an application; `asgi()` does so if it is served by itself.

    If a signal has come, leaving the block waits until the relay is closed: when the server has
    ended, its answers may not have been handed over yet.

    In another thread than the main one, which gets no signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    closing: list[threading.Thread] = []

    def close(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        # In a thread, since this one may hold the locks that closing needs.
        if handler is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            thread = threading.Thread(target=_close_and_die, args=(relay, number))
        else:
            thread = threading.Thread(target=relay.close, name="relay-close")
        thread.start()
        closing.append(thread)
        if callable(handler):
            handler(number, frame)

    for number in _SIGNALS:
        signal.signal(number, close)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is close:
                signal.signal(number, handler)
        # uvicorn ends the process by the signal once it has nothing to wait for any more.
        for thread in closing:
            thread.join()


def _close_and_die(relay: Relay, number: int) -> None:
    """Close the relay, and then do what the system does at a signal."""
    relay.close()
    os.kill(os.getpid(), number)
