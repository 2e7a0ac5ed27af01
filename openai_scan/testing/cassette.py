"""Record streams of the real API the first time, and replay them from then on."""

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

# Request headers to pass on to the API. The key is replaced by the real one.
_PASSED_ON = ("openai-beta", "openai-organization", "openai-project")


@define
class _Episode:
    """A recorded answer, and the request."""

    reply: Reply
    digests: Mapping[str, str]
    was_played: bool = False


@frozen
class _New:
    """An answer that is being recorded."""

    source: RecordedSource
    lines: io.BytesIO


class Cassette(FakeServer):
    """A server that replays a recording. Without one, it forwards to the real API and records.

    It works with any client, but records only streams. Each recorded answer is used once, for the
    same request: with the same method, path, parameters and body, in any order. A request that was
    not recorded is rejected, and the error says how it differs. The recording has a digest of each
    value of the request, not the value itself. Recordings of older versions have no digests; then
    the method and path decide.

    While it may record, the cassette spends your real key, so it serves only clients that have this
    cassette's own key: create yours with `cassette.key`. `FakeServer` describes what else it
    rejects then. A cassette that only replays serves every client and never uses the network.

    Args:
        path: The recording.
        mode: What to record. `"once"`: everything if there is no recording yet, otherwise
            nothing. `"none"`: nothing. `"new_episodes"`: what is not in the recording, which is
            kept. `"all"`: everything; the recording is replaced. If only errors arrived, as with a
            wrong key, no recording is created or replaced.
        api_key: The key to record with; `OPENAI_API_KEY` by default.
        base_url: The URL of the real API; `OPENAI_BASE_URL` or OpenAI's own by default.
        ignore: Parameters of the body or the query that may differ.

    Attributes:
        path: The recording.
        key: A key for clients of the cassette. While it may record, it accepts no other key, and
            this one cannot be guessed.
        mode: What to record.
        recording: Whether it may record now. Without a real key, `"new_episodes"` only
            replays.

    Raises:
        RecordingError: There is no recording and no key to create one, or the mode forbids it; or
            the file is not a recording.
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
            raise ValueError(f"mode must be one of {modes}, not {mode!r}")
        if isinstance(ignore, str):
            raise TypeError("ignore must be a list of names, not a string")
        self.path = Path(path)
        self.mode = mode
        self._ignore = ignore
        self._finding = threading.Lock()
        self._news: list[_New] = []
        is_there = self.path.exists()
        key = api_key or os.environ.get("OPENAI_API_KEY")
        if not is_there and mode == "none":
            raise RecordingError(
                f"there is no recording {self.path}, and the mode 'none' creates none: run the test"
                " once with another mode"
            )
        if not key and (mode == "all" or not is_there):
            what = f"there is no recording {self.path}, and no key to create one"
            if is_there:
                what = f"there is no key to replace the recording {self.path}"
            raise RecordingError(f"{what}: set OPENAI_API_KEY and run the test once")
        self.recording = bool(key) and mode != "none" and not (mode == "once" and is_there)
        # Read before anything is opened that would have to be closed.
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
            # It gets its name when it is complete, so a crash leaves no half cassette.
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
        """Replay the answer to *request*, record it, or return an error that says why not."""
        digests = digests_of(request, ignore=self._ignore)
        same = [one for one in self._episodes if one.reply.asked == (request.method, request.path)]
        # Episodes without digests match any request, so they come last.
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
            return error(400, f"{problem}. To record it, set OPENAI_API_KEY")
        return error(
            400, f"{problem}. The mode {self.mode!r} records nothing new; 'new_episodes' does"
        )

    def _ask(self, request: SeenRequest, digests: Mapping[str, str]) -> Reply:
        """Forward *request* to the real API, and record the answer."""
        is_json = request.headers.get("content-type", "application/json") == "application/json"
        body = request.json if is_json else None
        asks = request.query.get("stream") == ["true"] or (body or {}).get("stream")
        if request.method == "DELETE" or not asks:
            return error(400, "a cassette records only streams of requests with a JSON body")
        # Each request has its own buffer, because several may run at the same time.
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
    """Return the recorded episodes.

    Raises:
        RecordingError: It is not a recording.
    """
    sections = read_recording(path)
    replies = recorded(path, strict=True)
    return [
        _Episode(reply, section.head.asked)
        for section, reply in zip(sections, replies, strict=True)
    ]


def _whole_lines(data: bytes) -> bytes:
    """Return the lines of a recording without an unfinished last line, so that more can follow."""
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
    """Return why no recorded answer matches *request*.

    Args:
        request: The request.
        episodes: All recorded episodes.
        same: The episodes with the same method and path.
        digests: The digests of *request*.
    """
    line = f"{request.method} {request.path}"
    if not same:
        was = dict.fromkeys(" ".join(one.reply.asked or ()) for one in episodes)
        return f"{' and '.join(was) or 'nothing'} was recorded, but {line} was requested"
    found = [differences(one.digests, digests) if one.digests else [] for one in same]
    if not all(found):
        times = "once" if found.count([]) == 1 else f"{found.count([])} times"
        return f"this {line} was recorded {times}, but was requested more often"
    return f"{line} was recorded, but with other values: {in_short(min(found, key=len))}"


def _passed_on(request: SeenRequest, body: Mapping[str, Any] | None) -> Request:
    """Return the request to the real API."""
    return Request(
        method=request.method,
        path=request.path,
        query={name: values[0] for name, values in request.query.items()},
        headers={name: request.headers[name] for name in _PASSED_ON if name in request.headers},
        body=body,
        retries=RetryPolicy(attempts=1),  # the client of the cassette retries
    )


def _steps(first: bytes, chunks: Iterator[bytes], source: RecordedSource) -> Iterator[Step]:
    """Yield the chunks as they arrive."""
    try:
        yield first
        yield from chunks
    except ScanError:
        yield reset()
    finally:
        source.close()
