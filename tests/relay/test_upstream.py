"""How the relay asks a server, and how it resumes an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openai_scan import Client, RetryPolicy
from openai_scan.relay import ChatUpstream, Question, ResponsesUpstream, StoredMessage
from openai_scan.testing import (
    BackgroundResponses,
    FakeServer,
    background_responses,
    chat_answer,
    error,
)


def message(role: Any, text: str, status: Any = "completed") -> StoredMessage:
    """Return a message of a conversation."""
    return StoredMessage(f"m-{text}", "c", "alice", role, text, status)


QUESTION = Question(
    stream="s",
    conversation="c",
    user="alice",
    model=None,
    messages=[
        message("user", "Hi"),
        message("assistant", "Hello"),
        message("user", "Two at a time"),
        message("assistant", "", "running"),
        message("user", "Call something"),
        message("assistant", "I call", "requires_action"),
        message("user", "And?"),
    ],
)
TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Two at a time"},
    {"role": "user", "content": "Call something"},
    {"role": "user", "content": "And?"},
]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Start a fake server."""
    with FakeServer() as server:
        yield server


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    """Make a client of it."""
    with Client("sk-secret", server.base_url, retries=RetryPolicy(attempts=1)) as client:
        yield client


def test_turns() -> None:
    """Answers without text or with calls are left out, as models refuse them."""
    assert QUESTION.turns() == TURNS
    assert "Hello" not in repr(QUESTION)


class TestChat:
    """Chat Completions."""

    def test_asking(self, client: Client, server: FakeServer) -> None:
        """The conversation is sent with the given settings, and the usage is requested."""
        server.add(chat_answer("a"))
        upstream = ChatUpstream(client, model="m", temperature=0.5)
        stream = upstream.ask(QUESTION)
        assert server.requests == []  # it is sent with the first step
        assert stream.final().text == "a"
        assert server.requests[0].json == {
            "model": "m",
            "temperature": 0.5,
            "messages": TURNS,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def test_a_model_that_was_chosen(self, client: Client, server: FakeServer) -> None:
        """The user's choice takes precedence over `model`, and your settings over the defaults."""
        server.add(chat_answer("a"))
        upstream = ChatUpstream(client, model="m", stream_options={})
        chosen = Question("s", "c", "alice", "n", QUESTION.messages)
        assert upstream.ask(chosen).final().text == "a"
        sent = server.requests[0].json
        assert sent is not None
        assert (sent["model"], sent["stream_options"]) == ("n", {})

    def test_resuming(self, client: Client) -> None:
        """A chat stream cannot be resumed, and cancelling does nothing."""
        upstream = ChatUpstream(client, model="m")
        with pytest.raises(ValueError, match="a chat stream cannot be resumed"):
            upstream.resume({"format": 1})
        upstream.cancel({"format": 1})


class TestResponses:
    """Responses in background mode."""

    @pytest.fixture
    def service(self, server: FakeServer) -> BackgroundResponses:
        """Make the server keep responses in the background."""
        service = background_responses("a b")
        server.always = service
        return service

    @pytest.mark.usefixtures("service")
    def test_asking(self, client: Client, server: FakeServer) -> None:
        """The conversation is sent, and the response is one that outlives its connection."""
        upstream = ResponsesUpstream(client, model="m")
        assert upstream.ask(QUESTION).final().text == "a b"
        assert server.requests[0].json == {
            "model": "m",
            "input": TURNS,
            "background": True,
            "store": True,
            "stream": True,
        }

    @pytest.mark.usefixtures("service")
    def test_resuming(self, client: Client) -> None:
        """The rest of the answer is read."""
        upstream = ResponsesUpstream(client, model="m")
        with upstream.ask(QUESTION) as stream:
            while stream.text() is None:
                assert stream.next()
            bookmark = stream.bookmark()
        assert bookmark is not None
        rest = upstream.resume(bookmark)
        assert list(rest.text_deltas()) == [" b"]

    @pytest.mark.usefixtures("service")
    def test_cancelling(
        self, client: Client, server: FakeServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The server is asked to cancel; a refusal is logged without its message."""
        upstream = ResponsesUpstream(client, model="m")
        upstream.ask(QUESTION).final()
        upstream.cancel({"answer_id": "resp_1"})
        assert server.requests[-1].path == "/responses/resp_1/cancel"
        assert caplog.text == ""
        server.always = error(500, "the key is sk-secret")
        upstream.cancel({"answer_id": "resp_1"})
        assert "InternalServerError" in caplog.text
        assert "secret" not in caplog.text

    def test_without_background(self, client: Client, server: FakeServer) -> None:
        """With `background=False`, there are no bookmarks."""
        server.always = background_responses("a b")
        stream = ResponsesUpstream(client, model="m", background=False).ask(QUESTION)
        assert stream.next()
        assert stream.bookmark() is None
        stream.close()
