"""Ctrl-C does not interrupt a block that must run as a whole."""

from __future__ import annotations

import signal
import threading

import pytest

from openai_scan.cli.interrupts import uninterrupted


def test_ctrl_c_comes_after_the_block() -> None:
    """KeyboardInterrupt is raised after the block, once, however often Ctrl-C was pressed."""
    done = []

    def do() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("all")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        do()
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with uninterrupted():
        done.append("again")
    assert done == ["all", "again"]


def test_a_handler_of_the_callers_own_stays() -> None:
    """If the caller has set a handler for SIGINT, it is called as before."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_is_never_interrupted() -> None:
    """Only the main thread may set a handler, so other threads run the block without one."""
    done: list[str] = []

    def do() -> None:
        with uninterrupted():
            done.append("all")

    thread = threading.Thread(target=do)
    thread.start()
    thread.join(60)
    assert done == ["all"]
