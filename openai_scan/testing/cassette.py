"""Streams that are recorded from the real API the first time, and replayed from then on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import Self

from openai_scan.client.base import checked_key
from openai_scan.client.base_url import DEFAULT_BASE_URL, checked_url
from openai_scan.errors import APIError, RecordingError, ScanError
from openai_scan.recording import RecordedSource, record
from openai_scan.recording.new_file import NewFile
from openai_scan.testing.guard import new_key
from openai_scan.testing.recorded import recorded
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.server import FakeServer
from openai_scan.testing.steps import Reply, Step, error, json_answer, reset
from openai_scan.transport import Request, RetryPolicy, Transport

# What of a request's head is for the API; the key is put in anew.
_PASSED_ON = ("openai-beta", "openai-organization", "openai-project")


class Cassette(FakeServer):
    """A server that replays a recording; where there is none, it asks the real API and makes one.

    Whatever client asks it, only streams are recorded, one after the other. A request of another
    method or path than the recorded one is refused, in words. Delete the file to record anew; there
    is none where nothing but errors came, as with a wrong key.

    While it is being recorded the cassette spends your real key, so it serves only those who have
    the key of this very cassette: make your client with `cassette.key`. `FakeServer` says what else
    is refused then. A recording is played to anybody.

    Args:
        path: The recording.
        api_key: The key to record with; `OPENAI_API_KEY` by default.
        base_url: Where the real API is; `OPENAI_BASE_URL` or OpenAI's own by default.

    Attributes:
        path: The recording.
        key: A key that a client of the cassette can be made with. While the cassette is being
            recorded no other is accepted, and nobody can guess it.
        recording: Whether it is being made.

    Raises:
        RecordingError: There is no recording, and no key to make one; or the file is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.recording = not self.path.exists()
        if not self.recording:
            answers = recorded(self.path, strict=True)  # before anything has to be closed again
            super().__init__(strict=False)
            self.add(*answers)
            return
        key = api_key or os.environ.get("OPENAI_API_KEY")
        if not key:
            raise RecordingError(
                f"there is no recording {self.path}, and no key to make one: set OPENAI_API_KEY"
                " and run the test once"
            )
        self._transport = Transport(
            checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL),
            key=checked_key(key, "OPENAI_API_KEY"),
        )
        super().__init__(self._ask, key=new_key(), strict=False)
        self._sources: list[RecordedSource] = []

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
        for source in self._sources:
            source.cancel()
        super().__exit__(*exc)
        self._transport.close()
        self._new.close(
            keep=any(source.status is not None and source.status < 400 for source in self._sources)
        )

    def _ask(self, request: SeenRequest) -> Reply:
        """Pass *request* on to the real API, and record what comes back."""
        is_json = request.headers.get("content-type", "application/json") == "application/json"
        body = request.json if is_json else None
        asks = request.query.get("stream") == ["true"] or (body or {}).get("stream")
        if request.method == "DELETE" or not asks:
            return error(400, "a cassette records streams only, of requests in JSON")
        source = record(self._transport.stream(_passed_on(request, body)), self._new.file)
        self._sources.append(source)
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
