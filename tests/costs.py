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
from types import FrameType
from typing import Any


def work(action: Callable[[], object]) -> int:
    """Do the *action*; return how many calls and lines of Python it took.

    Under mutmut, which adds some to each call, the test is skipped.
    """
    if "mutmut" in sys.modules:
        import pytest

        pytest.skip("mutmut adds to what is counted")
    count = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        if event == "line":
            count += 1
        return trace

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    # A collection calls its callbacks whenever it happens to be due.
    collects = gc.isenabled()
    gc.disable()
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
        if collects:
            gc.enable()
    return count


def calls(action: Callable[[], object], apart: Collection[str]) -> tuple[int, int]:
    """Do the *action*; return how many Python functions it called, and how many built-in ones.

    Only this thread is watched.

    Args:
        action: What to do.
        apart: Files of the caller's own, whose Python functions are not counted.
    """
    python = builtin = 0

    def profile(frame: FrameType, event: str, _arg: object) -> None:
        nonlocal python, builtin
        file = frame.f_code.co_filename
        if event == "call" and file not in apart:
            python += 1
        elif event == "c_call" and file != __file__:  # this module's are those that end the count
            builtin += 1

    # A collection calls its callbacks whenever it happens to be due.
    collects = gc.isenabled()
    gc.disable()
    profiler = sys.getprofile()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(profiler)
        if collects:
            gc.enable()
    return python, builtin


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
