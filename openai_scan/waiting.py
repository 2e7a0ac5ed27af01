"""Waiting, on systems that wake a waiting thread and on those that do not.

On POSIX, shutting down a socket ends a `recv()` that another thread is waiting in, and Ctrl-C
interrupts every wait. Windows does neither: `recv()` goes on (cpython#91913), and Ctrl-C does not
interrupt `recv()` or, before Python 3.14, waits for locks and events (cpython#85609, #125541).

On Windows every wait is therefore cut into slices. After each slice Python runs its signal
handlers, the waiting code checks for a cancellation, and the wait continues until its time is up.
Elsewhere these functions add no system call.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar, overload

from openai_scan.interruptions import pass_interruption

T = TypeVar("T")

sliced: bool = sys.platform == "win32"
"""Whether waits are cut into slices. Read it at each wait: tests set it."""

LONGEST_WAIT = 20 * 24 * 3600.0
"""In seconds. The system counts the milliseconds of a wait in 31 bits."""

SLICE_SECONDS = 0.2
"""How long a cancellation or Ctrl-C may go unnoticed where the system wakes nobody."""


class Timed(Protocol):
    """A socket, or TLS over one."""

    def settimeout(self, seconds: float, /) -> None:
        """Set how long each later call may wait."""


@overload
def slice_of(seconds: float) -> float: ...
@overload
def slice_of(seconds: None) -> float | None: ...
def slice_of(seconds: float | None) -> float | None:
    """Return how long the next call may wait if *seconds* are left (None: no limit).

    Use it for calls such as `select()` in a loop that checks what it waits for.
    """
    if not sliced:
        return seconds
    return SLICE_SECONDS if seconds is None else min(seconds, SLICE_SECONDS)


def wait(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait for *event*, as its own `wait()` does; return whether it is set.

    Args:
        event: What to wait for.
        seconds: How long at most; None means no limit.
    """
    if not sliced:
        return event.wait(_bounded(seconds))
    return _repeated(event.wait, seconds)


def wait_for(
    condition: threading.Condition, happened: Callable[[], bool], seconds: float | None = None
) -> bool:
    """Wait until *happened* returns True, as the condition's own `wait_for()` does.

    Args:
        condition: It is held by the caller, and notified when *happened* may have changed.
        happened: What to wait for.
        seconds: How long at most; None means no limit.

    Returns:
        What *happened* returned last.
    """
    if not sliced:
        return condition.wait_for(happened, _bounded(seconds))
    return _repeated(lambda left: condition.wait_for(happened, left), seconds)


def in_slices(step: Callable[[], T], sock: Timed, seconds: float, check: Callable[[], object]) -> T:
    """Return what *step* returns, which waits for *sock*, and call it again after each slice.

    Call this only where waits are `sliced`; elsewhere set the timeout and call *step* once.

    Args:
        step: One call on the socket that leaves nothing half done when it times out: `recv()`,
            `recv_into()`, `send()`, `do_handshake()`, and the same over TLS. Not `sendall()`, which
            does not say how much it has sent; nor a read through `makefile()`, whose file refuses
            to be read after it has timed out once.
        sock: What it waits for. Its timeout is that of the last slice afterwards.
        seconds: How long *step* may take in all.
        check: Called after each slice. It raises if there is no reason to go on.

    Raises:
        TimeoutError: The time is up, or the system gave the connection up.
        Exception: Whatever *check* and *step* raise.
    """
    end = time.monotonic() + seconds
    left = seconds
    while True:
        sock.settimeout(min(left, SLICE_SECONDS))
        try:
            return step()
        except TimeoutError as error:
            pass_interruption(error)
            check()
            left = end - time.monotonic()
            # An error with a number is the system's: the peer no longer acknowledges anything.
            if left <= 0 or error.errno is not None:
                raise


def _repeated(wait: Callable[[float], bool], seconds: float | None) -> bool:
    """Call *wait* with slices of *seconds* until it returns True or the time is up."""
    if seconds is None:
        while not wait(SLICE_SECONDS):
            pass
        return True
    end = time.monotonic() + seconds
    left = seconds
    while left > SLICE_SECONDS:
        if wait(SLICE_SECONDS):
            return True
        left = end - time.monotonic()
    return wait(max(left, 0.0))


def _bounded(seconds: float | None) -> float | None:
    """Return *seconds*, or the longest time that the system can count."""
    return None if seconds is None else min(seconds, threading.TIMEOUT_MAX)
