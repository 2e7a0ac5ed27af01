"""Closing what was read: everything, in order, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openai_scan.sse.reading import close_all


class Closed:
    """Notes that it was closed, and may fail at it."""

    def __init__(self, closed: list[str], name: str, error: Exception | None = None) -> None:
        self._closed, self._name, self._error = closed, name, error

    def close(self) -> None:
        """Note it; then raise the error, if there is one."""
        self._closed.append(self._name)
        if self._error is not None:
            raise self._error


def test_everything_is_closed_in_order() -> None:
    """What cannot be closed is left alone, and an error is raised when all are closed."""
    closed: list[str] = []
    error = OSError("b")
    things = Closed(closed, "a"), object(), None, Closed(closed, "b", error), Closed(closed, "c")
    with pytest.raises(OSError, match="b") as raised:
        close_all(*things)
    assert raised.value is error
    assert closed == ["a", "b", "c"]


def test_a_generator_that_is_being_read_is_left_alone() -> None:
    """It cannot be closed then; the others are."""
    closed: list[str] = []

    def reading() -> Iterator[bytes]:
        close_all(running, Closed(closed, "a"))
        yield b"a"

    running = reading()
    assert next(running) == b"a"
    assert closed == ["a"]
    close_all(running)
    assert list(running) == []
