"""Do something in a child process."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable


def fork(action: Callable[[], object], *, seconds: int = 60) -> int:
    """Do *action* in a child process, and return the number of the process for `failed()`.

    Args:
        action: What to do. An exception makes the child fail.
        seconds: When the child is killed. If a lock keeps it out, it would wait forever.
    """
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            action()
            status = 0
        os._exit(status)
    return child


def failed(child: int) -> bool:
    """Wait for the end of a child process; return whether its action has failed."""
    _, status = os.waitpid(child, 0)
    return status != 0
