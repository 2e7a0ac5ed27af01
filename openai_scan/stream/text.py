"""The text of a stream, as strings that can be encoded and as bytes."""

from __future__ import annotations

from openai_scan.surrogates import REPLACEMENT, mend, split_half


class TextBuffer:
    """Text that has come and not been handed out, with characters that a server cut in two joined.

    It neither steps nor waits: a driver steps to an event and passes its text to `whole()` or
    `write()`.
    """

    _error_raised: bool = False  # a read that asked for everything has reported the error

    def __init__(self) -> None:
        self._half = ""  # half a surrogate pair, until its other half comes with the next text
        self._rest = memoryview(b"")
        self._parts: list[bytes | memoryview] = []  # of the read that is under way

    def whole(self, text: str | None) -> str:
        """Return what can be handed out with *text*: nothing while half a character is missing."""
        text, self._half = split_half(self._half + (text or ""))
        return mend(text)

    def flush(self) -> str:
        """Return what is left at the end: U+FFFD for half a character, else nothing."""
        half, self._half = self._half, ""
        return REPLACEMENT if half else ""

    # A read of bytes: `wants()` more text, `write()` it, then `take()`.

    def wants(self, size: int | None) -> bool:
        """Return whether a read of *size* bytes has to wait for more text."""
        if size is None or size < 0:
            return True
        return bool(size) and not self._rest and not any(self._parts)

    def write(self, text: str) -> None:
        """Add text that `whole()` or `flush()` returned."""
        if text:  # any number of empty ones may come before the next that is not
            self._parts.append(text.encode())

    def take(self, size: int | None) -> bytes:
        """Return at most *size* bytes of what there is; negative or None for all of it."""
        if self._parts:
            self._rest = memoryview(b"".join([self._rest, *self._parts]))
            self._parts = []
        cut = len(self._rest) if size is None or size < 0 else size
        data, self._rest = bytes(self._rest[:cut]), self._rest[cut:]
        return data

    def reports(self, size: int | None) -> bool:
        """Return whether a read of *size* bytes that reached the end raises the stream's error.

        One that asks for a number of bytes does so once all text has been handed out. One that
        asks for everything does so at once, the first time; the text is what the next call
        returns.
        """
        if size == 0:
            return False
        if size is None or size < 0:
            first, self._error_raised = not self._error_raised, True
            return first or not (self._rest or any(self._parts))
        return not (self._rest or any(self._parts))
