"""The lines of a recording: what is in them, written and read.

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

# A time of more than a year is none.
_MAX_SECONDS = 366 * 24 * 3600.0

Cause: TypeAlias = Literal["clean", "cut", "reset", "timeout", "cancelled", "failed", "closed"]
"""Why the input ended.

`clean`: it was over. `cut`: the other side closed the connection in the middle of the body.
`reset`: it broke the connection. `timeout`: a time limit ran out. `cancelled`: by `cancel()`.
`failed`: anything else that is an error. `closed`: whoever read it left.
"""


@frozen(kw_only=True)
class Head:
    """The first line of a section: what was asked, and the head of the answer.

    Attributes:
        method: Of the request, such as `"POST"`; None if the source was no HTTP answer.
        url: Where it went, without what is secret in it.
        status: The HTTP status; None if there was no answer.
        headers: Those of the answer that are no secret, by their names in lower case.
        request_id: The server's name for the request.
        t: How many seconds after the request the head of the answer was here.
        again: Why there is another section before this one: the request was sent again, or the
            rest of the answer was asked for.
        request: The body of the request, if that was to be recorded.
        asked: A digest of each value of the request, by its place; only cassettes have that.
        library: What wrote it.
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
        t: How many seconds after the request.
        data: What was read.
    """

    t: float
    data: bytes


@frozen(kw_only=True)
class Failure:
    """The error that the input ended with; its attributes are those of the exception.

    Attributes:
        error: The name of its class.
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
        t: How many seconds after the request.
        end: Why.
        waited: How many of these seconds were spent waiting for the source.
        failure: The error, if it was one.
        notes: What the source tolerated, counted.
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
        head: What came first.
        reads: What was read, in order.
        end: How it ended; None if the recording was cut off before that.
    """

    head: Head
    reads: Sequence[Read] = ()
    end: End | None = None


Line: TypeAlias = Head | Read | End


def dump(line: Line) -> bytes:
    """Return *line* as it is written, line end included."""
    match line:
        case Head():
            value = {"format": FORMAT, "version": VERSION, **_facts(line)}
        case Read(t=t, data=data):
            value = {"t": t, **_payload(data)}
        case end:
            value = _facts(end)
    # An error's message may hold half a surrogate pair, which json.loads() takes as well.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def load(name: str, lines: Iterable[bytes]) -> tuple[Section, ...]:
    """Return the sections of a recording; half a line at its end is as good as none.

    Args:
        name: What the file is called in an error.
        lines: Its lines, with their ends.

    Raises:
        RecordingError: It is no recording, or one of a later version.
    """
    sections: list[Section] = []
    reads: list[Read] = []
    for number, line_read in enumerate(lines, 1):
        # Editors on Windows begin a file with one; so it is in the middle of files put together.
        text = line_read.removeprefix(BYTE_ORDER_MARK)
        if not text.strip():
            continue
        place = f"{name}, line {number}"
        try:
            line = _line(text)
        except (ValueError, RecursionError, DecodeError) as cause:
            if sections and not text.endswith(b"\n"):  # whoever wrote it did not get further
                break
            raise RecordingError(
                f"{place}: the recording is damaged ({cause}); delete this line and what follows"
                " to keep what is before it"
                if sections
                else f"{place}: this is no recording ({cause}), and no event stream either"
            ) from cause
        except RecordingError as error:
            raise RecordingError(f"{place}: {error}") from None
        match line:
            case Head():
                reads = []
                sections.append(Section(line, reads))
            case _ if not sections or sections[-1].end is not None:
                raise RecordingError(f"{place}: the line that a recording begins with is missing")
            case Read():
                reads.append(line)
            case end:
                sections[-1] = attrs.evolve(sections[-1], end=end)
    return tuple(sections)


def _facts(line: Head | End) -> dict[str, Any]:
    """Return what is known of *line*."""
    facts = attrs.asdict(line, filter=lambda _, value: value is not None)
    return {name: value for name, value in facts.items() if value != {}}


def _payload(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:  # it may begin or end in the middle of a character
        return {"base64": base64.b64encode(data).decode()}


def _line(text: bytes) -> Line:
    """Return what *text* says.

    Raises:
        RecordingError: A later version wrote it.
        DecodeError: It is JSON, but of another kind.
        ValueError: It is no JSON.
    """
    structure = Structurer(strict=True)
    match bounded_json.loads(text.decode("utf-8", "surrogatepass")):
        case {"format": format, "version": version, **head} if format == FORMAT:
            if version != VERSION:
                raise RecordingError(
                    f"the recording is of version {version}, and this library reads version"
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
            raise ValueError("it is other JSON")


def _seconds(value: Any) -> float:
    """Return *value*, which is to be a time that can be waited for."""
    seconds = Structurer(strict=True)(value, float)
    if not 0 <= seconds < _MAX_SECONDS:
        raise ValueError("it has no time that can be waited for")
    return seconds
