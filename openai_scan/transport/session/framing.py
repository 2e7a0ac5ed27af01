"""Where an answer ends, according to its headers alone, and whether that is beyond doubt.

A connection is reused only after an answer whose end is beyond doubt: otherwise the next reader
might get bytes of this answer. RFC 9112, section 6, says how an answer is framed. What it calls an
error is one here. What it merely tolerates is read, and then the connection is closed. The same
applies to anything that another program in between, such as a proxy, may have read differently.
"""

from __future__ import annotations

import http.client
import re

from attrs import frozen

# Up to ten terabytes. Python's int() would also accept `1_0`, `+5` and digits of other scripts.
_LENGTH = re.compile(r"[0-9]{1,13}")

# Neither a continuation of the previous line, nor a carriage return within a line, which some
# programs treat as its end.
_CLEAR_LINE = re.compile(rb"\r?\n|[^\r\n\0 \t][^\r\n\0]*\r?\n")

_NO_BODY = (204, 304)


@frozen
class Framing:
    """How to find the end of a body.

    Attributes:
        length: Its size in bytes; None for chunks, or for a body that ends with the connection.
        chunked: Whether it comes in chunks, the last of which is its end.
        clear: Whether the headers leave no doubt about that.
    """

    length: int | None
    chunked: bool
    clear: bool


def is_clear_line(line: bytes) -> bool:
    """Return whether every program reads *line* as the same single header line."""
    return _CLEAR_LINE.fullmatch(line) is not None


def framing(version: str, status: int, headers: http.client.HTTPMessage) -> Framing:
    """Return how the body of an answer ends.

    Args:
        version: The version of HTTP, as the server states it.
        status: The status, which is not an informational one.
        headers: The headers.

    Raises:
        http.client.HTTPException: Its length is not a number, or there are two that differ.
    """
    codings = _values(headers, "Transfer-Encoding")
    lengths = _values(headers, "Content-Length")
    clear = (
        version == "HTTP/1.1"
        and "close" not in _values(headers, "Connection")
        and not (headers.defects or headers.get_payload())  # a line is not a header
    )
    # Rejected even if none of them counts: one of them may count for another program.
    if len({int(length) for length in lengths if _LENGTH.fullmatch(length)}) > 1:
        raise http.client.HTTPException("the answer has two different Content-Lengths")
    if status in _NO_BODY:
        return Framing(0, chunked=False, clear=clear and not codings and lengths in ([], ["0"]))
    if codings[:1] == ["chunked"]:  # with other codings the exchange rejects it
        return Framing(None, chunked=True, clear=clear and len(codings) == 1 and not lengths)
    if not lengths:
        return Framing(None, chunked=False, clear=False)
    if not all(map(_LENGTH.fullmatch, lengths)):
        raise http.client.HTTPException("its Content-Length is not a number of bytes")
    return Framing(
        int(lengths[0]), chunked=False, clear=clear and not codings and len(lengths) == 1
    )


def _values(headers: http.client.HTTPMessage, name: str) -> list[str]:
    """Return all values of the headers with that name, in lower case."""
    lines = headers.get_all(name, [])
    return [value.strip(" \t").lower() for line in lines for value in str(line).split(",")]
