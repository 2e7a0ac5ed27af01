"""What a page does: it reads an event stream, keeps the text, and comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

import requests

from openai_scan.sse import EventTokenizer, RawEvent

# How long a page waits for the next bytes, in seconds.
_PATIENCE = 15

# How often, and with how many seconds in between, a page polls before it begins again.
_POLLS = 20
_PAUSE = 0.2

Dialect: TypeAlias = "Callable[[Browser, RawEvent], None]"
"""What a page does with an event."""


class Browser:
    """A page that shows one answer.

    Args:
        dialect: How it understands events.
        in_pieces: Whether a connection may start inside an event, where the last one ended.

    Attributes:
        text: What it shows.
        told: How the answer ended; "" as long as it was not told.
        cursor: The id of the last event, which an EventSource sends as Last-Event-ID.
        received: How many bytes it got.
        stream: The id of the answer, where answers have ids.
    """

    def __init__(self, dialect: Dialect, *, in_pieces: bool = False) -> None:
        self.text = ""
        self.told = ""
        self.cursor = ""
        self.received = 0
        self.stream = ""
        self._dialect = dialect
        self._in_pieces = in_pieces
        self._tokenizer = EventTokenizer()

    def read(self, method: str, url: str, **request: object) -> Generator[None, None, None]:
        """Send a request and read the response, until it ends or breaks; yield at every piece."""
        if not self._in_pieces:
            self._tokenizer = EventTokenizer()
        try:
            with requests.request(
                method,
                url,
                stream=True,
                timeout=_PATIENCE,
                **request,  # type: ignore[arg-type]
            ) as response:
                if response.status_code != 200:
                    return
                for piece in response.iter_content(None):
                    self.received += len(piece)
                    for event in self._tokenizer.feed(piece):
                        self.cursor = event.last_event_id
                        self._dialect(self, event)
                    yield
                    if self.told:
                        return
        except requests.RequestException:
            return

    def poll(self, url: str, *, headers: Mapping[str, str]) -> Generator[None, None, None]:
        """Ask for a Response again and again, until it has ended; yield each time."""
        for _ in range(_POLLS):
            try:
                with requests.get(url, headers=headers, timeout=_PATIENCE) as response:
                    if response.status_code != 200:
                        return
                    answer = response.json()
            except requests.RequestException:
                return
            parts = [part for item in answer["output"] for part in item.get("content") or ()]
            self.text = "".join(part.get("text", "") for part in parts)
            if answer["status"] not in {"queued", "in_progress"}:
                self.told = answer["status"]
                return
            yield
            time.sleep(_PAUSE)


def plain(browser: Browser, event: RawEvent) -> None:
    """Take what the FastAPI generator and the server of resumable-stream send."""
    if event.type == "done":
        browser.told = "done"
    else:
        browser.text += json.loads(event.data)


def chunks(browser: Browser, event: RawEvent) -> None:
    """Take chunks of Chat Completions."""
    if event.data == "[DONE]":
        browser.told = "done"
    else:
        for choice in json.loads(event.data).get("choices", ()):
            browser.text += choice["delta"].get("content") or ""


def frames(browser: Browser, event: RawEvent) -> None:
    """Take the frames of the relay."""
    data = json.loads(event.data)
    if event.type == "reset":
        browser.text = data["text"]
    elif event.type == "delta":
        browser.text += data.get("text", "")
    elif event.type == "done":
        browser.told = data["status"]
