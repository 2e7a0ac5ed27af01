"""End readers when a server is told to shut down, because it waits for them."""

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
    """Close *relay* as soon as the process gets SIGTERM or SIGINT inside the `with` block.

    ::

        @asynccontextmanager
        async def lifespan(app):
            with close_on_signals(relay):
                yield

    uvicorn, like most servers, waits for open streams to end before it notifies an application of
    the shutdown. Closing the relay ends them, and lets other processes continue its answers. The
    server still handles the signal. So enter the block after the server has installed its handlers,
    such as in the lifespan of an application; `asgi()` does so if it is served alone.

    After a signal, leaving the block waits until the relay is closed: when the server has ended,
    its answers may not have been handed over yet.

    Outside the main thread, which gets the signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    closing: list[threading.Thread] = []

    def close(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        # In a thread, because this one may hold the locks that closing needs.
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
        # uvicorn ends the process by the signal as soon as it has nothing more to wait for.
        for thread in closing:
            thread.join()


def _close_and_die(relay: Relay, number: int) -> None:
    """Close the relay, and then let the signal have its default effect."""
    relay.close()
    os.kill(os.getpid(), number)
