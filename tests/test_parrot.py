"""The server that answers where there is no model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from openai_scan import Client, NotFoundError
from openai_scan.demo.parrot import PARROTS, ParrotServer

QUESTION: Any = [{"role": "user", "content": "Hi {you}"}]


@pytest.fixture
def client() -> Iterator[Client]:
    """Return a client of a parrot that speaks fast."""
    with ParrotServer(pace=0.0) as server, Client("k", server.base_url) as made:
        yield made


def test_it_repeats_what_it_is_told_word_by_word(client: Client) -> None:
    """It also counts the words, and only its second model streams reasoning."""
    thoughts = []
    for model in PARROTS:
        with client.create_chat_completion_stream(model=model, messages=QUESTION) as s:
            pieces = [piece for event in s for piece in event.pieces()]
            counts = s.final().counts
        texts = [piece.text for piece in pieces if piece.kind == "text"]
        thoughts.append([piece.text for piece in pieces if piece.kind == "reasoning"])
        assert "".join(texts).startswith("You said: Hi {you}\n\nI am a parrot, not a model.")
        assert len(texts) > 50
        assert counts is not None
        assert (counts.input, counts.output) == (2, len(texts) + len(thoughts[-1]))
    assert (thoughts[0], "".join(thoughts[1])[:8]) == ([], "Someone ")


def test_a_response_continues_without_its_reader(client: Client) -> None:
    """Another stream can resume it."""
    asked: Any = {"model": "parrot", "input": QUESTION, "background": True, "store": True}
    with client.create_response_stream(**asked) as s:
        while not s.text():
            assert s.next()
        bookmark = s.bookmark()
        begun = s.snapshot()
    assert bookmark is not None
    assert begun is not None
    with client.resume_stream(bookmark) as rest:
        text = begun.text + "".join(rest.text_deltas())
    assert text.startswith("You said: Hi {you}\n\n")
    assert text.endswith("name the model by --model.")


def test_a_response_can_be_cancelled() -> None:
    """You can cancel a response while the parrot is still sending it."""
    with ParrotServer(pace=60.0) as server, Client("k", server.base_url) as client:
        with client.create_response_stream(
            model="parrot", input=[*QUESTION], background=True, store=True
        ) as s:
            assert s.next()
            bookmark = s.bookmark()
        assert bookmark is not None
        assert client.cancel_response(bookmark["answer_id"]).status == "cancelled"


def test_many_may_talk_to_it_at_once(client: Client) -> None:
    """Each client gets the answer to its own message."""
    heard: dict[str, str] = {}

    def ask(word: str) -> None:
        with client.create_response_stream(
            model="parrot", input=[{"role": "user", "content": word}]
        ) as s:
            heard[word] = "".join(s.text_deltas())

    threads = [threading.Thread(target=ask, args=(f"word-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(text.startswith(f"You said: {word}\n") for word, text in heard.items())
    assert len(heard) == 8


def test_it_knows_nothing_else(client: Client) -> None:
    """Other requests are refused."""
    with pytest.raises(NotFoundError, match="the parrot does not know GET /models"):
        client.list_models()
