"""Waiting in slices, so that a signal or a cancellation always ends a wait.

After each slice Python runs its signal handlers, the waiting code checks for a cancellation, and
the wait continues until its time is up. How long a slice may be depends on what else ends a wait:

- On POSIX, shutting down a socket ends a `recv()` in another thread, and Ctrl-C interrupts a wait.
  But a signal that arrives in the microsecond before the wait, after Python has checked for
  signals, only sets a flag, and the system then waits although the flag is set. Ctrl-C right after
  a token is such a signal: one in eighty was lost. Slices are long.
- Windows does not wake threads: `recv()` continues (cpython#91913), and Ctrl-C does not interrupt
  `recv()` or, before Python 3.14, waits for locks and events (cpython#85609, #125541). Slices are
  short.
- In a web page a wait for a lock or an event blocks the page, and with it whatever would end the
  wait. `time.sleep()` keeps the page responsive if Pyodide can suspend Python. Slices are short.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from openai_scan.interruptions import pass_interruption

T = TypeVar("T")

# By how much a timer may be early; see `is_over()`.
_NEARLY = 0.9
_EARLY_SECONDS = 0.1

sliced: bool = sys.platform in ("win32", "emscripten")
"""Whether the system wakes no threads, so slices are short. Read at each wait: tests set it."""

sleeps: bool = sys.platform == "emscripten"
"""Whether `wait()` sleeps, to keep a web page responsive. Read at each wait: tests set it."""

LONGEST_WAIT = 20 * 24 * 3600.0
"""In seconds. The system counts the milliseconds of a wait in 31 bits."""

SLICE_SECONDS = 0.2
"""How long a cancellation or Ctrl-C may go unnoticed if the system does not wake threads."""

LONG_SLICE_SECONDS = 1.0
"""How long a signal that arrives just before a wait may go unnoticed elsewhere."""


def slice_of(seconds: float | None) -> float:
    """Return how long the next call may wait if *seconds* are left (None: no limit).

    Use it for calls such as `select()` in a loop that checks what it waits for.
    """
    longest = SLICE_SECONDS if sliced else LONG_SLICE_SECONDS
    return longest if seconds is None else min(seconds, longest)


def wait(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait for *event*, as its own `wait()` does; return whether it is set.

    Args:
        event: The event.
        seconds: The maximum time; None means no limit.
    """
    return _repeated(functools.partial(_sleep, event) if sleeps else event.wait, seconds)


def wait_for(
    condition: threading.Condition, happened: Callable[[], bool], seconds: float | None = None
) -> bool:
    """Wait until *happened* returns True, as the condition's own `wait_for()` does.

    Args:
        condition: The caller holds it, and it is notified when *happened* may have changed.
        happened: The condition to wait for.
        seconds: The maximum time; None means no limit.

    Returns:
        The last result of *happened*.
    """
    return _repeated(lambda left: condition.wait_for(happened, left), seconds)


def in_slices(
    step: Callable[[], T],
    limit: Callable[[float], object],
    seconds: float,
    check: Callable[[], object],
) -> T:
    """Return the result of *step*, which waits for a socket; call it again after each slice.

    Args:
        step: One call on the socket that leaves nothing half done when it times out: `recv()`,
            `recv_into()`, `send()`, `do_handshake()`, and the same over TLS. Not `sendall()`, which
            does not say how much it has sent; nor a read through `makefile()`, whose file cannot
            be read again after it has timed out once.
        limit: Sets how many seconds *step* may wait, like the socket's `settimeout()`. Afterwards
            the limit of the last slice stays set.
        seconds: How long *step* may take in total.
        check: Called after each slice. It raises an exception to end the wait.

    Raises:
        TimeoutError: The time is up, or the system gave up the connection.
        Exception: Whatever *check* and *step* raise.
    """
    began = time.monotonic()
    end = began + seconds
    left = seconds
    while True:
        limit(slice_of(left))
        try:
            return step()
        except TimeoutError as error:
            pass_interruption(error)
            if not ends_slice(error, began, left):
                raise
            check()
            began = time.monotonic()
            left = end - began
            if left <= 0:
                raise


def ends_slice(error: TimeoutError, began: float, seconds: float) -> bool:
    """Return whether *error* ends a slice of a wait and not the wait itself.

    An error with a number is the system's: the peer no longer acknowledges anything. An error that
    comes too soon is the caller's: gevent's `Timeout`, for example, may raise any class.

    Args:
        error: What the waiting call raised.
        began: When the wait began, by `time.monotonic()`.
        seconds: How long the wait may take.
    """
    return error.errno is None and is_over(began, slice_of(seconds))


def is_over(began: float, seconds: float) -> bool:
    """Return whether a wait of *seconds* has taken about as long.

    Timers of an event loop such as gevent's count from when it last checked the time.
    """
    return time.monotonic() >= began + _NEARLY * seconds - _EARLY_SECONDS


def _sleep(event: threading.Event, seconds: float) -> bool:
    """Sleep *seconds* unless *event* is set; return whether it is."""
    if not event.is_set():
        time.sleep(seconds)
    return event.is_set()


def _repeated(wait: Callable[[float], bool], seconds: float | None) -> bool:
    """Call *wait* with slices of *seconds* until it returns True or the time is up."""
    end = None if seconds is None else time.monotonic() + seconds
    left = seconds
    while not wait(slice_of(left)):
        left = None if end is None else max(end - time.monotonic(), 0.0)
        if left == 0:
            return False
    return True
