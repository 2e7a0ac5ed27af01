"""Parse response headers from the bytes as they arrive, without reading them.

`clocked` reads headers from a socket, for a blocking wire. Here the bytes arrive from outside,
split anywhere, with the same result: the same limits, the same errors, the same doubts about the
end of the answer.
"""

from __future__ import annotations

import email.parser
import http.client

from openai_scan.transport.session.framing import Framing, framing, is_clear_line
from openai_scan.transport.session.head import (
    BLANK,
    MAX_INFORMATIONAL,
    MAX_LINE,
    Bounds,
    endless,
    read_first_line,
)

_INFORMATIONAL = 1


class ArrivingHead:
    """The response headers as they arrive, and those of informational answers before.

    Attributes:
        status: The HTTP status, once the headers are complete.
        reason: The phrase that came with it.
        headers: The headers.
        framing: Where the answer ends. It is not `clear` if there is any doubt about the headers.
    """

    status: int
    reason: str
    headers: http.client.HTTPMessage
    framing: Framing

    def __init__(self) -> None:
        self._bounds = Bounds()
        self._clear = True
        self._kept = b""  # the beginning of a line
        self._lines: list[bytes] = []
        self._first: tuple[str, int, str] | None = None
        self._informational = 0

    def take(self, data: bytes) -> bytes | None:
        """Return what follows the headers in *data*; None if they are not complete yet.

        Raises:
            http.client.HTTPException: It is too large, is not HTTP, or does not say where the
                answer ends.
        """
        data, self._kept = self._kept + data, b""
        position = 0
        while True:
            stop = data.find(b"\n", position, position + MAX_LINE) + 1
            if not stop:
                stop = position + MAX_LINE + 1
                if len(data) < stop:
                    self._kept = data[position:]
                    return None
            line = data[position:stop]
            position = stop
            if self._is_last(line):
                return data[position:]

    def cut(self) -> http.client.HTTPException:
        """Return the error for a connection that ended before the headers were complete."""
        if self._first is None:
            try:
                read_first_line(self._kept)
            except http.client.HTTPException as error:
                return error
        return http.client.IncompleteRead(b"")

    def _is_last(self, line: bytes) -> bool:
        """Process a line; return whether it ends the headers."""
        self._bounds.count(line)
        self._clear = self._clear and is_clear_line(line)
        if self._first is None:
            self._first = read_first_line(line)
            return False
        if line not in BLANK:
            self._lines.append(line)
            return False
        version, status, reason = self._first
        lines, self._lines = self._lines, []
        if status // 100 == _INFORMATIONAL:
            self._first = None
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise endless()
            return False
        self._finish(version, status, reason, lines)
        return True

    def _finish(self, version: str, status: int, reason: str, lines: list[bytes]) -> None:
        if version != "HTTP/0.9" and not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.status, self.reason = status, reason.strip()
        # As http.client does it.
        parser = email.parser.Parser(_class=http.client.HTTPMessage)
        self.headers = parser.parsestr(b"".join(lines).decode("latin-1"))
        found = framing(version, status, self.headers)
        self.framing = Framing(
            found.length, chunked=found.chunked, clear=found.clear and self._clear
        )
