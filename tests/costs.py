"""How much work and memory something takes, counted and not timed.

Work is counted in calls, of Python functions and of built-in ones, and in lines of Python. That is
the same on every machine, and blind to what one built-in function does by itself: see
`tests/safety/test_cost_against_size.py` for what was read instead.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Collection
from cProfile import Profile
from types import FrameType
from typing import Any


def work(action: Callable[[], object]) -> int:
    """Do the *action*; return how many calls and lines of Python it took.

    Under mutmut, which adds some to each call, the test is skipped.
    """
    if "mutmut" in sys.modules:
        import pytest

        pytest.skip("mutmut adds to what is counted")
    lines = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
        return trace

    def traced() -> None:
        tracer = sys.gettrace()
        sys.settrace(trace)
        try:
            action()
        finally:
            sys.settrace(tracer)

    return all_calls(traced) + lines


def calls(action: Callable[[], object], apart: Collection[str]) -> tuple[int, int]:
    """Do the *action*; return how many Python functions it called, and how many built-in ones.

    Only this thread is watched.

    Args:
        action: What to do.
        apart: Files of the caller's own, whose Python functions are not counted.
    """
    # It counts in C. A function for `sys.setprofile` would be called for each call and each return.
    profile = Profile()
    # A collection calls its callbacks whenever it happens to be due.
    collects = gc.isenabled()
    gc.disable()
    profile.enable()
    try:
        action()
    finally:
        profile.disable()
        if collects:
            gc.enable()
    python = builtin = 0
    for called in profile.getstats():
        if isinstance(called.code, str):
            builtin += called.callcount
        elif called.code.co_filename not in apart:
            python += called.callcount
    return python, builtin - 1  # without that of `disable()`


def all_calls(action: Callable[[], object]) -> int:
    """Do the *action*; return how many functions it called, those of C among them."""
    return sum(calls(action, ()))


def peak(action: Callable[[], object]) -> int:
    """Do the *action*; return the most bytes that it had allocated at any time."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
