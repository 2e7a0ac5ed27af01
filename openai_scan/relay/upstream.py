"""The server that answers: how a relay asks it, and resumes an answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from openai_scan.client import Client
from openai_scan.errors import ScanError
from openai_scan.relay.store import StoredMessage
from openai_scan.streamer import StreamerV2

_log = logging.getLogger("openai_scan")


@frozen
class Question:
    """What to ask.

    Attributes:
        stream: The id of the stream and of the message to come.
        conversation: The id of the conversation.
        user: The id of the user.
        model: The model that the user has chosen from the relay's list; None if the relay has no
            list.
        messages: The conversation; the new prompt is last.
    """

    stream: str
    conversation: str
    user: str
    model: str | None
    messages: Sequence[StoredMessage] = field(repr=False)

    def turns(self) -> list[dict[str, Any]]:
        """Return the conversation as `{"role": ..., "content": ...}`.

        Answers without text, such as function calls, are left out.
        """
        return [
            {"role": message.role, "content": message.text}
            for message in self.messages
            if message.text and message.status != "requires_action"
        ]


class Upstream(Protocol):
    """The server that answers. Write a class with these methods to ask in your own way."""

    def ask(self, question: Question) -> StreamerV2[Any, Any]:
        """Return the stream of an answer. It is called at most once for each answer.

        It must not wait for the server: as with a client's streams, the first `next()` sends the
        request, and a stop can interrupt that.
        """
        ...

    def resume(self, bookmark: Mapping[str, Any]) -> StreamerV2[Any, Any]:
        """Return the stream of the rest of an answer: what comes after *bookmark*.

        It is called for answers whose stream had a `bookmark()` with the number of an event.
        """
        ...

    def cancel(self, bookmark: Mapping[str, Any]) -> None:
        """Tell the server that an answer is no longer wanted, if it continues without us.

        It may be called several times for an answer. Readers have received the end by then.
        """
        ...


class ChatUpstream:
    """Chat Completions, whose streams end with their connection.

    If the process that reads one dies, what has arrived is saved as `incomplete`. Nothing is asked,
    or billed, a second time.

    Args:
        client: Sends the requests.
        params: More arguments for `create_chat_completion_stream()`; with `model` if the relay has
            no list of models.
    """

    def __init__(self, client: Client, **params: Any) -> None:
        self._client = client
        self._params = {"stream_options": {"include_usage": True}, **params}

    def ask(self, question: Question) -> StreamerV2[Any, Any]:
        """Return the stream of an answer."""
        params = _with_model(self._params, question.model)
        return self._client.create_chat_completion_stream(messages=question.turns(), **params)

    def resume(self, bookmark: Mapping[str, Any]) -> StreamerV2[Any, Any]:
        """Raise a ValueError: such a stream has no bookmarks."""
        raise ValueError(f"a chat stream cannot be resumed: {dict(bookmark)}")

    def cancel(self, bookmark: Mapping[str, Any]) -> None:
        """Do nothing: the server stops when the connection is closed."""


class ResponsesUpstream:
    """Responses in background mode, which continue without a connection.

    If the process that reads one dies, another one resumes the same answer. In background mode the
    server keeps the answer for some minutes, and the first token comes later.

    Args:
        client: Sends the requests.
        params: More arguments for `create_response_stream()`; with `model` if the relay has no list
            of models. `background=False` means that answers cannot be resumed.
    """

    def __init__(self, client: Client, **params: Any) -> None:
        self._client = client
        self._params = {"background": True, "store": True, **params}

    def ask(self, question: Question) -> StreamerV2[Any, Any]:
        """Return the stream of an answer."""
        params = _with_model(self._params, question.model)
        return self._client.create_response_stream(input=question.turns(), **params)

    def resume(self, bookmark: Mapping[str, Any]) -> StreamerV2[Any, Any]:
        """Return the rest of an answer."""
        return self._client.resume_stream(bookmark)

    def cancel(self, bookmark: Mapping[str, Any]) -> None:
        """Cancel the response. If that fails, the server continues to the end for nothing."""
        try:
            self._client.cancel_response(bookmark["answer_id"])
        except ScanError as error:
            _log.warning("a response could not be cancelled: %s", type(error).__name__)


def _with_model(params: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    return {**params, "model": model} if model is not None else dict(params)
