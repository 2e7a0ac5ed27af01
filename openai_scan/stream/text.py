"""The text of a stream, as strings that can be printed and as bytes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import attrs

from openai_scan.surrogates import REPLACEMENT, mend, split_half
from openai_scan.values import Piece

_TEXT = ("text", 0, "")  # the text of choice 0


class Halves:
    """Joins characters that a server cut in two: a half waits until its other half arrives.

    Each kind of text, each choice and each call waits separately.

    Attributes:
        waiting: The waiting halves, by kind, choice and call.
    """

    def __init__(self) -> None:
        self.waiting: dict[Hashable, str] = {}

    def join(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Return *pieces* with whole characters only; half a character alone becomes empty."""
        if not self.waiting:
            for piece in pieces:
                if not piece.text.isascii():
                    break
            else:
                return pieces
        return tuple(
            attrs.evolve(
                piece, text=self._join(piece.text, (piece.kind, piece.choice, piece.call_id))
            )
            for piece in pieces
        )

    def join_text(self, text: str) -> str:
        """Return *text*, of choice 0, with whole characters only."""
        return self._join(text, _TEXT)

    def flush(self) -> str:
        """Return U+FFFD if half a character of choice 0's text is still waiting, else nothing."""
        return REPLACEMENT if self.waiting.pop(_TEXT, "") else ""

    def _join(self, text: str, key: Hashable) -> str:
        text, half = split_half(self.waiting.pop(key, "") + text)
        if half:
            self.waiting[key] = half
        return mend(text)


class TextBuffer:
    """Text that has arrived and not been returned, as the bytes that a reader asks for.

    It neither steps nor waits: a driver steps to an event and passes its text to `write()`.
    """

    _error_raised: bool = False  # a read without a size has raised the error

    def __init__(self) -> None:
        self._rest = memoryview(b"")
        self._parts: list[bytes | memoryview] = []  # of the current read

    # A read of bytes: `wants()` more text, `write()` it, then `take()`.

    def wants(self, size: int | None) -> bool:
        """Return whether a read of *size* bytes must wait for more text."""
        if size is None or size < 0:
            return True
        return bool(size) and not self._rest and not any(self._parts)

    def write(self, text: str) -> None:
        """Add text of whole characters."""
        if text:  # many empty texts may come in a row
            self._parts.append(text.encode())

    def take(self, size: int | None) -> bytes:
        """Return at most *size* bytes of what has arrived; negative or None for all of it."""
        if self._parts:
            self._rest = memoryview(b"".join([self._rest, *self._parts]))
            self._parts = []
        cut = len(self._rest) if size is None or size < 0 else size
        data, self._rest = bytes(self._rest[:cut]), self._rest[cut:]
        return data

    def reports(self, size: int | None) -> bool:
        """Return whether a read of *size* bytes that reached the end raises the stream's error.

        A read with a size does so after all text has been returned. A read without one does so at
        once, the first time; the next call returns the text.
        """
        if size == 0:
            return False
        if size is None or size < 0:
            first, self._error_raised = not self._error_raised, True
            return first or not (self._rest or any(self._parts))
        return not (self._rest or any(self._parts))
