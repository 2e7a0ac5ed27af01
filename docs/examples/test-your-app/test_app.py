"""The application's tests: the server is fake, and everything else is real."""

from __future__ import annotations

from app import answer

from openai_scan.testing import Cassette, FakeServer, chat_answer, chat_chunk, cut, error


def test_an_answer_is_whole(openai_server: FakeServer) -> None:
    """What the model says is returned, and the question is what it was asked."""
    openai_server.add(chat_answer("Air scatters blue light."))
    assert answer("Why is the sky blue?") == "Air scatters blue light."
    (request,) = openai_server.requests
    assert request.path == "/chat/completions"
    assert request.json["messages"][0]["content"] == "Why is the sky blue?"


def test_an_answer_that_breaks_off_says_so(openai_server: FakeServer) -> None:
    """The connection is lost in the middle of the answer."""
    openai_server.add([chat_chunk("Air scatters"), cut()])
    assert answer("Why is the sky blue?") == "Air scatters [broken off]"


def test_a_busy_server_is_asked_again(openai_server: FakeServer) -> None:
    """The first try is refused, the second one is answered."""
    openai_server.add(error(429, retry_after=0), chat_answer("Air scatters blue light."))
    assert answer("Why is the sky blue?") == "Air scatters blue light."
    assert len(openai_server.requests) == 2


def test_a_real_answer(cassette: Cassette) -> None:
    """What the server said when this was recorded."""
    assert "blue light" in answer("Why is the sky blue?")
