"""The Python part of the page, without a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from openai_scan import StreamerV2
from openai_scan.stats import TokenCount
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, error, json_answer
from openai_scan.web.chat import Chat, Result, summary


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Start a server."""
    with FakeServer() as started:
        yield started


@pytest.fixture
def noted() -> list[str]:
    """Return the list of notes for the page."""
    return []


@pytest.fixture
def chat(noted: list[str]) -> Chat:
    """Begin a conversation."""
    return Chat(noted.append)


def test_an_answer_is_shown_as_it_comes(server: FakeServer, chat: Chat) -> None:
    """The result is a summary of the answer."""
    server.add(chat_answer("Hi there"))
    shown: list[str] = []
    result = chat.ask(server.base_url, "k", "m", "Hi", shown.append)
    assert shown == ["Hi", " there"]
    assert (result.failed, result.names) == (False, ())
    assert result.text.startswith("about 2 tokens, first after 0.")


def test_a_conversation_has_what_was_said(server: FakeServer, chat: Chat) -> None:
    """A failed answer is not part of it, and `forget()` starts a new one."""
    server.add(chat_answer("A"), error(400, "no"), chat_answer("B"), chat_answer("C"))
    for question in ("1", "2", "3"):
        chat.ask(server.base_url, "k", "m", question, print)
    chat.forget()
    chat.ask(server.base_url, "k", "m", "4", print)
    said = [[one["content"] for one in request.json["messages"]] for request in server.requests]
    assert said == [["1"], ["1", "A", "2"], ["1", "A", "3"], ["4"]]


def test_an_error_is_a_sentence(server: FakeServer, chat: Chat) -> None:
    """It is the library's message."""
    server.add(error(401, "no such key", code="c"), error(401, "no such key", code="c"))
    for result in (
        chat.models(server.base_url, "k"),
        chat.ask(server.base_url, "k", "m", "Hi", print),
    ):
        assert result == Result("no such key (HTTP status 401, code c)", failed=True)
    assert chat.models("no url", "k").text.startswith("the base URL must look like")


def test_a_retry_is_noted(server: FakeServer, chat: Chat, noted: list[str]) -> None:
    """The note has the reason."""
    server.add(error(429, "slow down", retry_after=0), chat_answer("A"))
    assert not chat.ask(server.base_url, "k", "m", "Hi", print).failed
    (note,) = noted
    assert note.startswith("slow down")
    assert note.endswith(": retrying")


def test_an_answer_can_be_stopped(server: FakeServer, chat: Chat) -> None:
    """If no answer is running, `stop()` does nothing."""
    chat.stop()
    server.add([chat_chunk("Hello"), chat_chunk(" there"), b"data: [DONE]\n\n"])
    shown: list[str] = []

    def show(text: str) -> None:
        shown.append(text)
        chat.stop()

    result = chat.ask(server.base_url, "k", "m", "Hi", show)
    assert (shown, result.failed) == (["Hello"], False)
    assert result.text.startswith("Stopped: about 2 tokens")
    chat.stop()


def test_the_models_are_in_order(server: FakeServer, chat: Chat) -> None:
    """They are sorted by name."""
    models = [{"id": name, "object": "model"} for name in ("b", "a")]
    server.add(json_answer({"data": models}))
    assert chat.models(server.base_url, "k") == Result(names=("a", "b"))


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (None, "about 1 tokens"),
        (TokenCount(input=1, output=None, estimated=False), "about 1 tokens"),
        (TokenCount(input=1, output=7, estimated=False), "7 tokens"),
        (TokenCount(input=1, output=7, estimated=True), "about 7 tokens"),
    ],
)
def test_a_server_that_counts_is_believed(usage: Any, text: str) -> None:
    """If the server has not counted, four characters count as a token."""
    with StreamerV2(chat_answer("Hi")) as s:
        stats = attrs.evolve(s.stats, usage=usage, characters=2)
        s.read()
    assert summary(stats) == text
