"""Distinguish the caller's own exceptions from those of the code that they interrupted.

While this library waits, the caller's code may run and raise: a signal handler, such as Celery's
soft time limit, or another greenlet or thread that throws an exception into this one, such as
gevent's `Timeout`. The exception comes out of a system call, or from between any two instructions,
and its class proves nothing: a handler may raise a TimeoutError or a ConnectionResetError. requests
and urllib3 would wrap it as if the network had failed; http.client and this library would retry.
So:

1. If it is not an `Exception`, it is the caller's: no source and no network raises one.
2. Python calls a signal handler with the frame that it interrupts. No other function gets its
   caller's frame as an argument. So if a frame of the traceback has the frame above it as an
   argument, a signal handler raised the exception, whatever its class and however deep in the
   handler. A handler that no longer has that frame is recognized by its code while it is installed.
3. A traceback does not show that a greenlet or thread has thrown an exception in. There the class
   decides, and for a TimeoutError the clock; see `BaseExchange`.

A library that interprets exceptions may also swallow one. So our code, when called by such a
library, raises an `Interruption` instead, which no library catches, and our code that called the
library raises the original exception.
"""

from __future__ import annotations

import functools
import itertools
import signal
from collections.abc import Iterable, Iterator
from traceback import walk_tb
from types import FrameType
from typing import NoReturn

# Most exceptions that are checked come from a payload that is not JSON or does not match. They come
# through our code, the parser and functions that cattrs generates, none of which handles a signal.
_NO_HANDLERS = ("openai_scan.", "json.")
_GENERATED = "<cattrs generated "

# As numbers: making them members of an enum would take three times as long as all the rest. WASI
# cannot list them, and has no handlers.
_SIGNALS = tuple(map(int, signal.valid_signals())) if hasattr(signal, "valid_signals") else ()


class Interruption(BaseException):
    """Carries the caller's own exception through a library that would mistake it for its own.

    Attributes:
        error: The exception.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def is_interruption(error: BaseException) -> bool:
    """Return whether *error* was raised by the caller's code, interrupting ours.

    Call it while *error* is being handled: it examines the traceback.
    """
    if not isinstance(error, Exception):
        return True
    suspects = list(_suspects(error))
    if any(_is_given(frame, above) for above, frame in suspects):
        return True
    handlers = _codes_of_handlers() if suspects else ()
    return any(frame.f_code in handlers for _, frame in suspects)


def pass_interruption(error: Exception) -> None:
    """Raise *error* again if it is an interruption and not what its class suggests."""
    if is_interruption(error):
        leave_with(error)


def carry(error: BaseException) -> None:
    """Raise an `Interruption` with *error* if it is the caller's own and a library may catch it.

    No library catches what is not an `Exception`.
    """
    if isinstance(error, Exception) and is_interruption(error):
        raise Interruption(error)


def interruption_in(errors: Iterable[BaseException]) -> BaseException | None:
    """Return the caller's own exception that *errors* contain or carry, or None.

    Args:
        errors: An exception and its causes. Among the causes only an `Exception` counts: a library
            may have turned its own cancellation into an error.
    """
    for place, error in enumerate(errors):
        if isinstance(error, Interruption):
            return error.error
        if (place == 0 or isinstance(error, Exception)) and is_interruption(error):
            return error
    return None


def leave_with(error: BaseException) -> NoReturn:
    """Raise *error* unchanged: the exception being handled does not become its context."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context


def _suspects(error: BaseException) -> Iterator[tuple[FrameType, FrameType]]:
    """Yield the frames of the traceback that may be a handler's, each after the one above it."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    for above, frame in itertools.pairwise(frames):
        module = f"{frame.f_globals.get('__name__', '')}."
        is_generated = frame.f_code.co_filename.startswith(_GENERATED)
        if not (is_generated or module.startswith(_NO_HANDLERS)):
            yield above, frame


def _is_given(frame: FrameType, above: FrameType) -> bool:
    """Return whether a variable of *frame*, such as an argument, is the frame *above*."""
    return any(
        value is above or (type(value) is tuple and any(one is above for one in value))
        for value in frame.f_locals.values()
    )


def _codes_of_handlers() -> set[object]:
    """Return the code of the signal handlers that are written in Python."""
    codes = set()
    for handler in filter(callable, map(signal.getsignal, _SIGNALS)):
        inner = handler.func if isinstance(handler, functools.partial) else handler
        # A callable object is called through a method of its class.
        of_class = getattr(vars(type(inner)).get("__call__"), "__code__", None)
        codes.add(getattr(inner, "__code__", of_class))
    return codes
