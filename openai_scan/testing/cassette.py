"""Streams that are recorded from the real API the first time, and replayed from then on."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from attrs import define, frozen
from typing_extensions import Self

from openai_scan import bounded_json
from openai_scan.client.base import checked_key
from openai_scan.client.base_url import DEFAULT_BASE_URL, checked_url
from openai_scan.errors import APIError, RecordingError, ScanError
from openai_scan.recording import RecordedSource, Recording, read_recording
from openai_scan.recording.file import RecordingFile
from openai_scan.recording.new_file import NewFile
from openai_scan.sse.source import write_all
from openai_scan.testing.guard import new_key
from openai_scan.testing.matching import VOLATILE, differences, digests_of, in_short
from openai_scan.testing.recorded import recorded
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.server import FakeServer
from openai_scan.testing.steps import Reply, Step, error, json_answer, reset
from openai_scan.transport import Request, RetryPolicy, Transport

RecordMode: TypeAlias = Literal["none", "once", "new_episodes", "all"]
"""What a cassette may record; the names are those of vcrpy."""

# What of a request's head is for the API; the key is put in anew.
_PASSED_ON = ("openai-beta", "openai-organization", "openai-project")


@define
class _Episode:
    """A recorded answer, and what was asked."""

    reply: Reply
    digests: Mapping[str, str]
    was_played: bool = False


@frozen
class _New:
    """An answer that is being recorded."""

    source: RecordedSource
    lines: io.BytesIO


class Cassette(FakeServer):
    """A server that replays a recording; where there is none, it asks the real API and makes one.

    Whatever client asks it, only streams are recorded. Each recorded answer is given once, to the
    same request: of the same method, path, parameters and body, whatever came before it. A request
    that was not recorded is refused, and the error says what about it is different. The recording
    has a digest of each value of the request, not the value. One of an older version has none; then
    method and path decide.

    While it may record, the cassette spends your real key, so it serves only clients that have the
    key of this very cassette: make yours with `cassette.key`. `FakeServer` says what else is
    refused then. A cassette that only replays serves every client, and never uses the network.

    Args:
        path: The recording.
        mode: What may be recorded. `"once"`: everything, if there is no recording yet; else
            nothing. `"none"`: nothing. `"new_episodes"`: what is not in the recording, which is
            kept. `"all"`: everything; the recording is replaced. If only errors came, as with a
            wrong key, no recording is made or replaced.
        api_key: The key to record with; `OPENAI_API_KEY` by default.
        base_url: Where the real API is; `OPENAI_BASE_URL` or OpenAI's own by default.
        ignore: The parameters, of the body or the query, that may differ.

    Attributes:
        path: The recording.
        key: A key that a client of the cassette can be made with. While the cassette may record no
            other is accepted, and nobody can guess it.
        mode: What may be recorded.
        recording: Whether anything may be recorded now. Without a key `"new_episodes"` only
            replays.

    Raises:
        RecordingError: There is no recording, and no key to make one, or it may not be made; or the
            file is none.
        ValueError: There is no such mode.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: RecordMode = "once",
        api_key: str | None = None,
        base_url: str | None = None,
        ignore: Collection[str] = VOLATILE,
    ) -> None:
        if mode not in get_args(RecordMode):
            modes = ", ".join(get_args(RecordMode))
            raise ValueError(f"the mode is one of {modes}, not {mode!r}")
        if isinstance(ignore, str):
            raise TypeError("ignore is a list of names, not text")
        self.path = Path(path)
        self.mode = mode
        self._ignore = ignore
        self._finding = threading.Lock()
        self._news: list[_New] = []
        is_there = self.path.exists()
        key = api_key or os.environ.get("OPENAI_API_KEY")
        if not is_there and mode == "none":
            raise RecordingError(
                f"there is no recording {self.path}, and the mode none makes none: run the test"
                " once with another"
            )
        if not key and (mode == "all" or not is_there):
            what = f"there is no recording {self.path}, and no key to make one"
            if is_there:
                what = f"there is no key to record {self.path} anew"
            raise RecordingError(f"{what}: set OPENAI_API_KEY and run the test once")
        self.recording = bool(key) and mode != "none" and not (mode == "once" and is_there)
        # Read before anything has to be closed again.
        self._episodes = _episodes(self.path) if is_there and mode != "all" else []
        if key and self.recording:
            self._transport = Transport(
                checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL),
                key=checked_key(key, "OPENAI_API_KEY", allow_browser=True),
            )
        super().__init__(self._answer, key=new_key() if self.recording else None, strict=False)

    def __enter__(self) -> Self:
        if self.recording:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # It gets its name when it is whole, so that a crash leaves no half cassette.
            self._new = NewFile(self.path, overwrite=True)
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        if not self.recording:
            super().__exit__(*exc)
            return
        for new in self._news:
            new.source.cancel()
        super().__exit__(*exc)
        self._transport.close()
        statuses = [new.source.status for new in self._news]
        is_worth_it = any(status is not None and status < 400 for status in statuses)
        try:
            if is_worth_it:
                if self._episodes:
                    write_all(self._new.file, _whole_lines(self.path.read_bytes()))
                for new in self._news:
                    write_all(self._new.file, new.lines.getvalue())
        except BaseException:
            self._new.close(keep=False)
            raise
        self._new.close(keep=is_worth_it)

    def _answer(self, request: SeenRequest) -> Reply:
        """Replay the answer to *request*, or record it, or say why neither can be."""
        digests = digests_of(request, ignore=self._ignore)
        same = [one for one in self._episodes if one.reply.asked == (request.method, request.path)]
        # Those without digests fit any, so they come last.
        fitting = [
            *(one for one in same if one.digests == digests),
            *(one for one in same if not one.digests),
        ]
        with self._finding:
            for episode in fitting:
                if not episode.was_played:
                    episode.was_played = True
                    return episode.reply
        if self.recording:
            return self._ask(request, digests)
        problem = _problem(request, self._episodes, same, digests)
        if self.mode == "new_episodes":
            return error(400, f"{problem}. There is no key to record it with: set OPENAI_API_KEY")
        return error(400, f"{problem}. The mode {self.mode} records nothing new")

    def _ask(self, request: SeenRequest, digests: Mapping[str, str]) -> Reply:
        """Pass *request* on to the real API, and record what comes back."""
        is_json = request.headers.get("content-type", "application/json") == "application/json"
        body = request.json if is_json else None
        asks = request.query.get("stream") == ["true"] or (body or {}).get("stream")
        if request.method == "DELETE" or not asks:
            return error(400, "a cassette records streams only, of requests in JSON")
        # Each has lines of its own, since several may come at the same time.
        lines = io.BytesIO()
        source = RecordedSource(
            self._transport.stream(_passed_on(request, body)),
            RecordingFile(Recording(lines)),
            with_request=False,
            asked=digests,
        )
        self._news.append(_New(source, lines))
        chunks = iter(source)
        try:
            first = next(chunks, b"")
        except APIError as refusal:
            source.close()
            return json_answer(refusal.body, status=refusal.status or 502)
        except ScanError:
            source.close()
            return Reply(steps=[reset()])
        return Reply(steps=_steps(first, chunks, source))


def _episodes(path: Path) -> list[_Episode]:
    """Return what was recorded.

    Raises:
        RecordingError: It is no recording.
    """
    sections = read_recording(path)
    replies = recorded(path, strict=True)
    return [
        _Episode(reply, section.head.asked)
        for section, reply in zip(sections, replies, strict=True)
    ]


def _whole_lines(data: bytes) -> bytes:
    """Return the lines of a recording; half a line at its end is left out, as others follow it."""
    end = data.rfind(b"\n") + 1
    last = data[end:]
    try:
        bounded_json.loads(last)
    except ValueError:
        return data[:end]
    return data + b"\n"


def _problem(
    request: SeenRequest,
    episodes: list[_Episode],
    same: list[_Episode],
    digests: Mapping[str, str],
) -> str:
    """Return, in words, why no recorded answer belongs to *request*.

    Args:
        request: What is asked.
        episodes: All that was recorded.
        same: What was recorded of the same method and path.
        digests: Those of *request*.
    """
    line = f"{request.method} {request.path}"
    if not same:
        was = dict.fromkeys(" ".join(one.reply.asked or ()) for one in episodes)
        return f"{' and '.join(was) or 'nothing'} was recorded, and {line} was asked"
    found = [differences(one.digests, digests) if one.digests else [] for one in same]
    if not all(found):
        times = "once" if found.count([]) == 1 else f"{found.count([])} times"
        return f"this {line} was recorded {times}, and is asked once more"
    return f"{line} was recorded, but not this one: {in_short(min(found, key=len))}"


def _passed_on(request: SeenRequest, body: Mapping[str, Any] | None) -> Request:
    """Return what to send to the real API."""
    return Request(
        method=request.method,
        path=request.path,
        query={name: values[0] for name, values in request.query.items()},
        headers={name: request.headers[name] for name in _PASSED_ON if name in request.headers},
        body=body,
        retries=RetryPolicy(attempts=1),  # whoever asks tries again
    )


def _steps(first: bytes, chunks: Iterator[bytes], source: RecordedSource) -> Iterator[Step]:
    """Yield what comes, as it comes."""
    try:
        yield first
        yield from chunks
    except ScanError:
        yield reset()
    finally:
        source.close()
