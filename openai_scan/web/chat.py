"""The Python part of the page: it lists models and holds a conversation. page.mjs shows it.

This module does not know JavaScript. The page calls its methods, and passes a function that shows
text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from attrs import frozen

from openai_scan.client import Client
from openai_scan.errors import ScanError, StreamCancelledError
from openai_scan.observer import Observer
from openai_scan.stats import Stats
from openai_scan.streamer import StreamerV2

# English text has about this many characters per token.
_CHARACTERS_A_TOKEN = 4

Show = Callable[[str], object]
"""Shows a piece of text."""


@frozen
class Result:
    """The result of a call.

    Attributes:
        text: What to show about it; if it failed, why.
        failed: Whether it failed.
        names: The requested names.
    """

    text: str = ""
    failed: bool = False
    names: tuple[str, ...] = ()


class Chat:
    """One conversation. The key is not stored: each call gets it from the form.

    Args:
        note: Shows what the client is waiting for.
    """

    def __init__(self, note: Show) -> None:
        self._note = note
        self._messages: list[Any] = []
        self._stream: StreamerV2[Any, Any] | None = None

    def models(self, url: str, key: str) -> Result:
        """Return the names of the server's models, in order."""
        try:
            with _client(url, key) as client:
                return Result(names=tuple(sorted(model.id for model in client.list_models())))
        except ScanError as error:
            return Result(str(error), failed=True)

    def ask(self, url: str, key: str, model: str, question: str, show: Show) -> Result:
        """Show the answer to *question* as it arrives, and return what to show about it.

        If the answer is not whole, neither it nor the question becomes part of the conversation.
        """
        messages = [*self._messages, {"role": "user", "content": question}]
        try:
            with _client(url, key) as client:
                stream = client.create_chat_completion_stream(model=model, messages=messages)
                self._stream = stream
                with stream:
                    _ = stream.stats  # times are measured from the first access
                    stream.observe(_Attempts(self._note))
                    for text in stream.text_deltas():
                        show(text)
        except StreamCancelledError:
            return Result(f"Stopped: {summary(stream.stats)}")
        except ScanError as error:
            return Result(str(error), failed=True)
        finally:
            self._stream = None
        self._messages = stream.messages()
        return Result(summary(stream.stats))

    def stop(self) -> None:
        """End the current answer, if there is one; called while `ask()` waits."""
        if self._stream is not None:
            self._stream.cancel()

    def forget(self) -> None:
        """Start a new conversation."""
        self._messages.clear()


class _Attempts(Observer):
    """Shows why a request is sent again."""

    def __init__(self, note: Show) -> None:
        self._note = note

    def renewed(self, stream: Any, error: ScanError) -> None:  # noqa: ARG002 - the error says it all
        self._note(f"{error}: retrying")


def summary(stats: Stats) -> str:
    """Return a summary of an answer: its tokens, and how fast they came."""
    # Not every server reports token counts, and some reject requests for them.
    usage = stats.usage
    if usage is None or usage.output is None:
        facts = [f"about {math.ceil(stats.characters / _CHARACTERS_A_TOKEN)} tokens"]
    else:
        facts = [f"{'about ' if usage.estimated else ''}{usage.output} tokens"]
    if stats.to_first_text is not None:
        facts.append(f"first after {stats.to_first_text:.2f} s")
    if stats.seconds is not None:
        facts.append(f"{stats.seconds:.1f} s in all")
    return ", ".join(facts)


def _client(url: str, key: str) -> Client:
    # The user of the page has typed the key in, and only that user sees it.
    return Client(key, url, allow_browser=True)
