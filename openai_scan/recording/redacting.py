"""A recording without what was said, to be sent with a bug report."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from urllib.parse import urlsplit, urlunsplit

import attrs

from openai_scan.recording.covering import Cover, covered
from openai_scan.recording.lines import End, Failure, Head, Read, Section, dump
from openai_scan.recording.new_file import write_whole
from openai_scan.recording.player import sections_of

# Headers of an answer that say how it was sent, and nothing of who asked.
_HEADERS = re.compile(
    r"cache-control|connection|content-(encoding|length|type)|date|keep-alive|openai-"
    r"(processing-ms|version)|retry-after(-ms)?|server|transfer-encoding|vary|x-ratelimit-.*"
    r"|x-should-retry"
)

# The words of the API's paths. What else is in a path is a name or an ID.
_PATH_WORDS = frozenset(
    {"agents", "api", "assistants", "audio", "cancel", "chat", "completions", "deployments"}
    | {"edits", "events", "generations", "images", "messages", "openai", "responses", "runs"}
    | {"sessions", "speech", "steps", "stream", "submit_tool_outputs", "threads"}
    | {"transcriptions", "translations", "v1", "v1beta"}
)

# Errors whose message is this library's own.
_OWN_MESSAGES = frozenset(
    {"EventTooLargeError", "StreamCancelledError", "StreamTimeoutError", "TruncatedStreamError"}
)


def redact_recording(
    file: str | os.PathLike[str] | BinaryIO,
    to: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> None:
    """Write a copy of a recording in which letters are `x`, to be sent with a bug report.

    The copy has the same events in the same reads, at the same times, with the same end. So it
    replays as the recording does, with other words. Text, names, keys that users choose, the host
    and the path of the URL, and messages of errors are replaced; IDs become other IDs. The types of
    events, statuses, models, numbers and times stay.

    Read the copy before you send it: only you can say what is private in it.

    Args:
        file: A recording or a plain event stream: a path, or a binary file, which is closed.
        to: The path of the copy. Only you can read it.
        overwrite: Whether to replace a file that exists.

    Raises:
        RecordingError: It is neither of the two, or a recording of a later version.
        FileExistsError: The file exists, and *overwrite* is false.
        OSError: One of the files cannot be read or written.
    """
    lines = map(dump, _lines(redacted_sections(sections_of(file))))
    write_whole(os.fspath(to), b"".join(lines), overwrite=overwrite)


def redacted_sections(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return *sections* with what was said in them replaced, see `redact_recording()`."""
    cover = Cover()
    return tuple(
        Section(_head(one.head, cover), _reads(one.reads, cover), _end(one.end, cover))
        for one in sections
    )


def _lines(sections: Sequence[Section]) -> Iterator[Head | Read | End]:
    for section in sections:
        yield section.head
        yield from section.reads
        if section.end is not None:
            yield section.end


def _head(head: Head, cover: Cover) -> Head:
    headers = {
        name: value if _HEADERS.fullmatch(name) else covered(value)
        for name, value in head.headers.items()
    }
    return attrs.evolve(
        head,
        url=None if head.url is None else _url(head.url, cover),
        headers=headers,
        request_id=None if head.request_id is None else cover.id(head.request_id),
        request=_value(head.request, cover),
        # A short text can be found by its digest.
        asked={},
    )


def _url(url: str, cover: Cover) -> str:
    scheme, host, path, query, _ = urlsplit(url)
    parts = (
        part if part in _PATH_WORDS or not part else cover.id(part) for part in path.split("/")
    )
    return urlunsplit((scheme, host and "host.invalid", "/".join(parts), query, ""))


def _reads(reads: Sequence[Read], cover: Cover) -> list[Read]:
    """Return the same reads of the covered body: a character may be in two of them."""
    body = cover.body(b"".join(read.data for read in reads))
    redacted, start = [], 0
    for read in reads:
        end = start + len(read.data)
        redacted.append(Read(read.t, body[start:end]))
        start = end
    return redacted


def _end(end: End | None, cover: Cover) -> End | None:
    if end is None or end.failure is None:
        return end
    return attrs.evolve(end, failure=_failure(end.failure, cover))


def _failure(failure: Failure, cover: Cover) -> Failure:
    is_own = failure.error in _OWN_MESSAGES
    return attrs.evolve(
        failure,
        message=failure.message if is_own else covered(failure.message),
        request_id=None if failure.request_id is None else cover.id(failure.request_id),
        body=_value(failure.body, cover),
        type=_plain(failure.type, cover),
        code=_plain(failure.code, cover),
        param=_plain(failure.param, cover),
    )


def _plain(value: str | None, cover: Cover) -> str | None:
    return None if value is None else cover.plain(value)


def _value(value: Any, cover: Cover) -> Any:
    """Return a JSON value, covered."""
    return None if value is None else json.loads(cover.json(json.dumps(value, ensure_ascii=False)))
