"""Read response headers, and trailers, line by line and within limits.

http.client gives up after a hundred lines, a limit for the whole process, and does not limit the
total size. Some gateways send more lines, so these limits are wider. They apply to the headers of
an answer together with the informational ones before it, and to the trailers after the last chunk
of a body.
"""

from __future__ import annotations

import http.client
import io
import re

from openai_scan.transport.session.framing import is_clear_line

# Servers hardly ever send as much as 16 KiB. Anything larger than this is not legitimate.
MAX_LINES = 1_000
MAX_BYTES = 256 * 1024
MAX_LINE = 64 * 1024

# Before one answer. HTTP sets no limit; a server that sends more will not stop.
MAX_INFORMATIONAL = 20

BLANK = (b"\r\n", b"\n")

# The first line of an answer. Python's int() would also accept a status such as `+20`.
_STATUS_LINE = re.compile(r"(HTTP/[0-9.]+)[ \t]+([1-9][0-9]{2})(?:[ \t]+(.*?))?[ \t]*\r?\n?")

_SWITCHING_PROTOCOLS = 101


def read_first_line(line: bytes) -> tuple[str, int, str]:
    """Return version, status and reason from the first line of an answer.

    Args:
        line: The line, or what arrived of it before the connection ended.

    Raises:
        http.client.RemoteDisconnected: Nothing arrived.
        http.client.BadStatusLine: It is not such a line.
        http.client.HTTPException: The server would continue in another protocol.
    """
    text = str(line, "latin-1")
    if not text:
        raise http.client.RemoteDisconnected("the server closed the connection")
    found = _STATUS_LINE.fullmatch(text)
    if found is None:
        raise http.client.BadStatusLine(text)
    status = int(found[2])
    if status == _SWITCHING_PROTOCOLS:
        raise http.client.HTTPException("it switches to a protocol that was not requested")
    return found[1], status, found[3] or ""


def endless() -> http.client.HTTPException:
    """Return the error for more informational answers than `MAX_INFORMATIONAL`."""
    return http.client.HTTPException("its informational answers do not end")


class Bounds:
    """Counts the lines of one head, or of one trailer."""

    def __init__(self) -> None:
        self._lines = 0
        self._bytes = 0

    def count(self, line: bytes) -> None:
        """Count *line*, which may be cut off after `MAX_LINE` bytes.

        Raises:
            http.client.HTTPException: It is too long, or there are too many lines.
        """
        self._lines += 1
        self._bytes += len(line)
        if len(line) > MAX_LINE:
            raise http.client.HTTPException(
                f"the answer has a header line of more than {MAX_LINE // 1024} KiB"
            )
        if self._lines > MAX_LINES:
            raise http.client.HTTPException(f"the answer has more than {MAX_LINES} header lines")
        if self._bytes > MAX_BYTES:
            raise http.client.HTTPException(
                f"the answer has more than {MAX_BYTES // 1024} KiB of headers"
            )


class HeadLines:
    """The lines of response headers, as http.client reads them.

    Attributes:
        clear: Whether all of them are lines beyond doubt.
    """

    clear: bool = True

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._bounds = Bounds()
        self._held: bytes | None = None

    def line(self) -> bytes:
        """Return the next line; `b""` if the connection has ended.

        Raises:
            http.client.HTTPException: See `Bounds`.
        """
        line = self._file.readline(MAX_LINE + 1)
        self._bounds.count(line)
        self.clear = self.clear and is_clear_line(line)
        return line

    def skip(self) -> None:
        """Skip all lines up to a blank one.

        Raises:
            http.client.HTTPException: See `line()`.
            http.client.IncompleteRead: The connection ended first.
        """
        while (line := self.line()) not in BLANK:
            if not line.endswith(b"\n"):
                raise http.client.IncompleteRead(line)

    # Called by http.client.

    def readline(self, _: int = -1, /) -> bytes:
        """Return several lines in one, at most 64 KiB, or the blank line at the end.

        http.client counts the lines it gets, and joins them before it parses the headers.
        """
        block = bytearray()
        while len(block) + len(line := self._next()) <= MAX_LINE:
            if not line or line in BLANK:
                if not block:
                    return line
                break
            block += line
        self._held = line
        return bytes(block)

    def peek(self) -> bytes:
        """Return what the buffer has after the lines that were read."""
        return self._file.peek()

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Close the file that the lines are read from."""
        self._file.close()

    def _next(self) -> bytes:
        held, self._held = self._held, None
        return self.line() if held is None else held
