"""The lines of a recording: their content, reading and writing.

::

    {"format": "openai_scan recording", "version": 1, "method": "POST", "status": 200, ...}
    {"t": 0.116375, "text": "data: {...}"}
    {"t": 0.118001, "base64": "/w=="}
    {"t": 0.337997, "end": "clean", "waited": 0.33}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
from attrs import field, frozen

from openai_scan import bounded_json
from openai_scan._version import __version__
from openai_scan.errors import DecodeError, RecordingError
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import BYTE_ORDER_MARK

FORMAT = "openai_scan recording"
VERSION = 1

# A time of more than a year is invalid.
_MAX_SECONDS = 366 * 24 * 3600.0

Cause: TypeAlias = Literal["clean", "cut", "reset", "timeout", "cancelled", "failed", "closed"]
"""Why the input ended.

`clean`: it was complete. `cut`: the other side closed the connection in the middle of the body.
`reset`: the connection was reset. `timeout`: a timeout expired. `cancelled`: by `cancel()`.
`failed`: any other error. `closed`: the reader stopped before the end.
"""


@frozen(kw_only=True)
class Head:
    """The first line of a section: the request and the response headers.

    Attributes:
        method: The HTTP method, such as `"POST"`; None if the source was not an HTTP response.
        url: The URL, without its secrets.
        status: The HTTP status; None if there was no response.
        headers: The response headers that are not secret, by their lower-case names.
        request_id: The server's id of the request.
        t: Seconds from the request to the response headers.
        again: Why there is a section before this one: the request was sent again (retry), or the
            rest of the answer was requested (resume).
        request: The body of the request, if it was recorded.
        asked: A digest of each value of the request, by its place; only cassettes have that.
        library: The library that wrote the recording.
    """

    method: str | None = None
    url: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    request_id: str | None = None
    t: float | None = None
    again: Literal["retry", "resume"] | None = None
    request: Any = None
    asked: Mapping[str, str] = field(factory=dict)
    library: str = f"openai_scan {__version__}"


@frozen
class Read:
    """One read.

    Attributes:
        t: Seconds since the request.
        data: The bytes.
    """

    t: float
    data: bytes


@frozen(kw_only=True)
class Failure:
    """The error that the input ended with; it has the attributes of the exception.

    Attributes:
        error: The name of its class, such as `RateLimitError`.
        message: Its message.
        status: The HTTP status; None if there was none.
        type: The type of an `APIError`, in the server's words; None if it has none.
        code: The code of an `APIError`, in the server's word; None if it has none.
        param: The parameter of the request that is wrong; None if the server named none.
        request_id: The server's id for the request; None if it sent none.
        retry_after: How many seconds the server asks to wait; None if it does not say.
        retryable: Whether a retry may succeed; None if the error does not say.
        limit: The name of the timeout that expired; None for other errors.
        body: What the server sent with the error; None if nothing.
    """

    error: str
    message: str
    status: int | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    retryable: bool | None = None
    limit: str | None = None
    body: Any = None


@frozen(kw_only=True)
class End:
    """The last line of a section.

    Attributes:
        t: Seconds since the request.
        end: Why the input ended.
        waited: How many of these seconds were spent waiting for the source.
        failure: The error, if there was one.
        notes: What the source tolerated, with counts.
    """

    t: float
    end: Cause
    waited: float | None = None
    failure: Failure | None = None
    notes: Mapping[str, int] = field(factory=dict)


@frozen
class Section:
    """One request and its answer, as recorded.

    Attributes:
        head: The first line.
        reads: The reads, in order.
        end: How it ended; None if the recording was cut off before that.
    """

    head: Head
    reads: Sequence[Read] = ()
    end: End | None = None


Line: TypeAlias = Head | Read | End


def dump(line: Line) -> bytes:
    """Return *line* as bytes, with the line end."""
    match line:
        case Head():
            value = {"format": FORMAT, "version": VERSION, **_facts(line)}
        case Read(t=t, data=data):
            value = {"t": t, **_payload(data)}
        case end:
            value = _facts(end)
    # An error message may contain half a surrogate pair, which json.loads() accepts.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def load(name: str, lines: Iterable[bytes]) -> tuple[Section, ...]:
    """Return the sections of a recording; an unfinished last line is ignored.

    Args:
        name: The name of the file for errors.
        lines: Its lines, with their ends.

    Raises:
        RecordingError: It is not a recording, or is of a later version.
    """
    sections: list[Section] = []
    reads: list[Read] = []
    for number, line_read in enumerate(lines, 1):
        # Some Windows editors add one; concatenated files have it in the middle.
        text = line_read.removeprefix(BYTE_ORDER_MARK)
        if not text.strip():
            continue
        place = f"{name}, line {number}"
        try:
            line = _line(text)
        except (ValueError, RecursionError, DecodeError) as cause:
            if sections and not text.endswith(b"\n"):  # the writer was interrupted
                break
            raise RecordingError(
                f"{place}: the recording is damaged ({cause}); delete this line and the rest"
                " to keep what is before it"
                if sections
                else f"{place}: this is neither a recording ({cause}) nor an event stream"
            ) from cause
        except RecordingError as error:
            raise RecordingError(f"{place}: {error}") from None
        match line:
            case Head():
                reads = []
                sections.append(Section(line, reads))
            case _ if not sections or sections[-1].end is not None:
                raise RecordingError(f"{place}: the first line of the recording is missing")
            case Read():
                reads.append(line)
            case end:
                sections[-1] = attrs.evolve(sections[-1], end=end)
    return tuple(sections)


def _facts(line: Head | End) -> dict[str, Any]:
    """Return the fields of *line* that have a value."""
    facts = attrs.asdict(line, filter=lambda _, value: value is not None)
    return {name: value for name, value in facts.items() if value != {}}


def _payload(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:  # a read may begin or end in the middle of a character
        return {"base64": base64.b64encode(data).decode()}


def _line(text: bytes) -> Line:
    """Return *text* as a line.

    Raises:
        RecordingError: It was written by a later version.
        DecodeError: It is JSON, but not such a line.
        ValueError: It is not JSON.
    """
    structure = Structurer(strict=True)
    match bounded_json.loads(text.decode("utf-8", "surrogatepass")):
        case {"format": format, "version": version, **head} if format == FORMAT:
            if version != VERSION:
                raise RecordingError(
                    f"the recording has version {version}, but this library reads only version"
                    f" {VERSION}: upgrade openai_scan"
                )
            return structure(head, Head)
        case {"t": t, "text": str(words)}:
            return Read(_seconds(t), words.encode())
        case {"t": t, "base64": str(coded)}:
            return Read(_seconds(t), base64.b64decode(coded, validate=True))
        case {"t": t, "end": _} as end:
            return structure({**end, "t": _seconds(t)}, End)
        case _:
            raise ValueError("it is not a line of a recording")


def _seconds(value: Any) -> float:
    """Return *value*, which must be a time in seconds."""
    seconds = Structurer(strict=True)(value, float)
    if not 0 <= seconds < _MAX_SECONDS:
        raise ValueError("its time is invalid")
    return seconds
