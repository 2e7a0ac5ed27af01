"""Recorded answers for the fake server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

from openai_scan.errors import RecordingError
from openai_scan.recording import Section, read_recording
from openai_scan.testing.hold import Hold
from openai_scan.testing.paths import api_path
from openai_scan.testing.steps import Cut, Due, Reply, Reset, Step
from openai_scan.transport.request import check_header

# The server sets headers about the connection, or about this very answer, itself.
_OWN_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "date", "keep-alive", "server"}
    | {"trailer", "transfer-encoding", "upgrade"}
)


def recorded(
    file: str | os.PathLike[str] | BinaryIO, *, speed: float | None = None, strict: bool = False
) -> list[Reply]:
    """Return the answers in a recording, one for each request, with the same reads and end.

    An answer that was cut off or reset is cut off or reset again. If its reader stopped early, it
    is cut off there; if a timeout expired, it is held.

    Args:
        file: A path, or a binary file, which is closed afterwards.
        speed: How much faster than recorded; None for no pauses.
        strict: Whether each answer is only for a request of the recorded method and path.

    Raises:
        RecordingError: It is not a recording, or has a status or header that cannot be sent.
        ValueError: The speed is not above 0.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed must be above 0, not {speed}")
    return [_reply(section, speed, strict=strict) for section in read_recording(file)]


def _reply(section: Section, speed: float | None, *, strict: bool) -> Reply:
    head = section.head
    failure = None if section.end is None else section.end.failure
    body = None
    if failure is not None and failure.body is not None:
        text = failure.body if isinstance(failure.body, str) else json.dumps(failure.body)
        body = text.encode()
    headers = {
        name: value for name, value in head.headers.items() if name.lower() not in _OWN_HEADERS
    }
    try:
        for name, value in headers.items():
            check_header(name, value)
    except ValueError as problem:
        raise RecordingError(f"the recording cannot be served: {problem}") from None
    status = 200 if head.status is None else head.status
    if not 200 <= status < 1000:
        raise RecordingError(f"the recording cannot be served: {status} is not an HTTP status")
    return Reply(
        steps=() if body is not None else tuple(_steps(section, speed)),
        status=status,
        headers=headers,
        body=body,
        asked=(head.method or "", api_path(urlsplit(head.url or "").path)) if strict else None,
    )


def _steps(section: Section, speed: float | None) -> Iterator[Step]:
    """Yield what to send and do, each at its time."""
    for read in section.reads:
        if speed is not None:
            yield Due(read.t / speed)
        yield read.data
    if section.end is None:
        yield Cut()
        return
    if speed is not None:
        yield Due(section.end.t / speed)
    match section.end.end:
        case "clean":
            pass
        case "timeout":
            yield Hold()
        case "cut" | "closed" | "cancelled":
            yield Cut()
        case _:
            yield Reset()
