"""Decide whether an exception raised by a wire is the network's or the caller's own.

The caller's own exceptions are

- those that `openai_scan.interruptions` recognizes: from a signal handler, and any that is not an
  `Exception`;
- a TimeoutError before any limit has expired, such as that of a greenlet's timeout, unless the
  system raised it, which sets an error number, or this package;
- an exception that neither the wire lists nor Python defines. A network does not raise such an
  exception, and a bug in a library shows up as one of Python's own.

Libraries wrap what they catch, so the whole chain of causes is examined.
"""

from __future__ import annotations

from traceback import walk_tb

from openai_scan.errors import ScanError
from openai_scan.interruptions import interruption_in
from openai_scan.redaction import chained
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock


def callers_own(
    error: BaseException,
    expected: tuple[type[Exception], ...],
    clock: Clock,
    handled: BaseException | None,
) -> BaseException | None:
    """Return the caller's own exception that made a wire raise *error*, or None.

    Args:
        error: What the wire raised, with its traceback.
        expected: What the wire raises if the network fails.
        clock: The time limits.
        handled: The exception that the caller was already handling, if any.
    """
    own = interruption_in(chained(error, handled))
    if own is not None:
        return own
    if not isinstance(error, (ScanError, *expected)):
        return None if type(error).__module__ == "builtins" else error
    if clock.ran_out():
        return None
    return next(filter(_is_thrown_in, causes(error, handled=False)), None)


def _is_thrown_in(error: BaseException) -> bool:
    """Return whether *error* is a TimeoutError raised neither by the system nor by this package."""
    if not isinstance(error, TimeoutError) or error.errno is not None:
        return False
    modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    return bool(modules) and not modules[-1].startswith("openai_scan.")
