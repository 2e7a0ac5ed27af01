"""The server that is examined: every request to it goes through here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import frozen

from openai_scan.cli.checkup.looks import Look, look_at
from openai_scan.client import Client, RetryPolicy, Timeout
from openai_scan.client.base import headers_for
from openai_scan.errors import ConnectError, ScanError, StreamTimeoutError
from openai_scan.streamer import StreamerV2
from openai_scan.transport import Request

T = TypeVar("T")

# A server that has not answered so often in time will not answer the rest either.
_MOST_TIMEOUTS = 2

# A failure is to be seen, not what a second attempt gets.
ONCE = RetryPolicy(attempts=1)


@frozen(kw_only=True)
class Models:
    """The models to ask.

    Attributes:
        text: The model for chat and other text.
        image: The one for images; None to ask for none.
        speech: The one for speech; None likewise.
        transcription: The one for transcriptions; None likewise.
    """

    text: str
    image: str | None = None
    speech: str | None = None
    transcription: str | None = None


class Server:
    """A server, and how often it was asked.

    Args:
        client: A client of it, which does not retry.
        models: The models to ask.
        timeout: How many seconds to wait for each next event.

    Attributes:
        client: See above.
        models: See above.
        requests: How many requests were sent.
        notes: What was tolerated in the streams since `begin()`.
        name: What the server calls itself, or None.
    """

    def __init__(self, client: Client, models: Models, *, timeout: float) -> None:
        self.client = client
        self.models = models
        self.requests = 0
        self.notes: Counter[str] = Counter()
        self.name: str | None = None
        self._timeout = Timeout(first_byte=timeout, idle=timeout, event_idle=timeout)
        self._timeouts = 0
        self._is_out_of_reach = False

    @property
    def is_lost(self) -> bool:
        """Whether there is no point in another request: it cannot be reached, or never answers."""
        return self._is_out_of_reach or self._timeouts >= _MOST_TIMEOUTS

    def begin(self) -> None:
        """Forget the notes of the API before."""
        self.notes.clear()

    def ask(self, path: str, body: Mapping[str, Any] | None, *, method: str = "POST") -> StreamerV2:
        """Return the stream that a request is answered with; it is not sent yet.

        Args:
            path: The path behind the base URL.
            body: What to send.
            method: The HTTP method.
        """
        request = Request(
            method=method,
            path=path,
            headers=headers_for(path),
            body=body,
            timeout=self._timeout,
            retries=ONCE,
        )
        return self.client.stream(request)

    def look(self, path: str, body: Mapping[str, Any]) -> Look:
        """POST *body* and read the stream that comes to its end."""
        return self.read(self.ask(path, body))

    def read(self, stream: StreamerV2) -> Look:
        """Read *stream* to its end."""
        self.requests += 1
        look = look_at(stream)
        self.notes += look.notes
        self.name = self.name or stream.source.headers.get("Server")
        self._note(look.error)
        return look

    def call(self, ask: Callable[[Client], T]) -> T | ScanError:
        """Return what *ask* returns, which sends a request, or what it failed with."""
        self.requests += 1
        try:
            return ask(self.client)
        except ScanError as error:
            self._note(error)
            return error

    def _note(self, error: ScanError | None) -> None:
        if isinstance(error, ConnectError):
            self._is_out_of_reach = True
        elif isinstance(error, StreamTimeoutError):
            self._timeouts += 1
