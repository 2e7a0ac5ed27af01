"""final() without a loop, and what a stream says of itself at a prompt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from server import CHUNKED, END, ScriptedServer, ch, json_answer

from openai_scan import (
    Answer,
    AsyncStreamerV2,
    Client,
    Outcome,
    StreamerV2,
    TruncatedStreamError,
)

DONE = b"data: [DONE]\n\n"


def chunk(text: str, finish: str | None = None) -> bytes:
    """Return a chunk of choice 0."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    payload = {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(payload).encode()


class TestFinal:
    """A stream that has not ended is read to its end."""

    @pytest.mark.parametrize("steps", [0, 1, 2, 3, 4])
    def test_it_reads_what_is_still_to_come(self, steps: int) -> None:
        """final() reads on from wherever the loop has stopped."""
        streamer = StreamerV2([chunk("a"), chunk("b", "stop"), DONE])
        for _ in range(steps):
            streamer.next()
        assert streamer.final().text == "ab"
        assert (streamer.outcome, streamer.events_read) == ("completed", 3)
        assert not streamer.next()

    def test_it_reads_a_chain_to_its_end(self) -> None:
        """The answer is the last stream's, and a successor may ask for each."""
        answers: list[Answer] = []

        def successor(stream: StreamerV2, outcome: Outcome) -> Outcome:
            answers.append(stream.final())
            return outcome

        streamer = StreamerV2([chunk("a", "stop"), DONE])
        streamer.chain([chunk("b", "stop"), DONE])
        streamer.chain_from(successor)
        assert streamer.final().text == "b"
        assert [answer.text for answer in answers] == ["b"]

    def test_it_refuses_half_an_answer(self) -> None:
        """It raises what ended the stream, with what came until then."""
        with pytest.raises(TruncatedStreamError) as caught:
            StreamerV2([chunk("a")]).final()
        assert caught.value.snapshot is not None
        assert caught.value.snapshot.text == "a"

    def test_what_is_made_of_the_answer_needs_no_loop_either(self) -> None:
        """`final_as()` and `messages()` also read a stream to its end."""
        whole = [chunk('["Rome"]', "stop"), DONE]
        assert StreamerV2(whole).final_as(list[str]) == ["Rome"]
        [message] = StreamerV2(whole).messages()
        assert message["content"] == '["Rome"]'

    def test_the_callers_exceptions_leave_it(self) -> None:
        """Exceptions of the caller's leave final() as they leave next()."""

        def interrupted() -> Iterator[bytes]:
            yield chunk("a")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            StreamerV2(interrupted()).final()


class TestWithoutAStream:
    """Methods of the client that return the whole answer."""

    @pytest.mark.parametrize(
        "ask",
        [
            lambda c: c.create_chat_completion(model="m", messages=[]),
            lambda c: c.create_completion(model="m", prompt="p"),
        ],
    )
    def test_it_is_what_final_returns(
        self, server: ScriptedServer, client: Client, ask: Callable[[Client], Answer]
    ) -> None:
        """The request asks for a stream, which is read to its end; the connection is free then."""
        legacy = (
            b'{"object": "text_completion", "choices": [{"text": "ab", "finish_reason": "stop"}]}'
        )
        chat = ch(chunk("a")) + ch(chunk("b", "stop"))
        for body in (chat, ch(b"data: %b\n\n" % legacy)):
            server.scripts.append([CHUNKED + body + ch(DONE) + END])
        answers = [ask(client), ask(client)]
        assert [answer.text for answer in answers] == ["ab", "ab"]
        assert [request.json()["stream"] for request in server.requests] == [True, True]

    def test_half_an_answer_is_an_error(self, server: ScriptedServer, client: Client) -> None:
        """The method raises an error that has what came as its snapshot."""
        server.scripts.append([CHUNKED + ch(chunk("a")) + END])
        with pytest.raises(TruncatedStreamError) as caught:
            client.create_chat_completion(model="m", messages=[])
        assert caught.value.snapshot is not None
        assert caught.value.snapshot.text == "a"


class TestRepr:
    """It says what the stream is and how far it has come."""

    def test_of_bytes(self) -> None:
        """The repr shows the API, the counts and the outcome at each step."""
        streamer = StreamerV2([chunk("secret", "stop"), DONE])
        assert repr(streamer) == "<StreamerV2: not started>"
        assert streamer.next()
        size = streamer.bytes_read
        assert repr(streamer) == f"<StreamerV2: chat, 1 event, {size} bytes, not ended>"
        streamer.final()
        size += len(DONE)
        assert repr(streamer) == f"<StreamerV2: chat, 2 events, {size} bytes, completed>"

    def test_of_one_byte(self) -> None:
        """One byte is not "1 bytes"."""
        streamer = StreamerV2([b"x"])
        assert not streamer.next()
        assert "0 events, 1 byte, " in repr(streamer)

    def test_of_what_has_no_events(self) -> None:
        """A stream without events shows its outcome."""
        streamer = StreamerV2([])
        assert not streamer.next()
        assert repr(streamer) == "<StreamerV2: 0 events, 0 bytes, truncated>"
        closed = StreamerV2([])
        closed.close()
        assert repr(closed) == "<StreamerV2: cancelled>"

    def test_of_an_asynchronous_stream(self) -> None:
        """The repr has the name of the class."""
        assert repr(AsyncStreamerV2(_nothing())) == "<AsyncStreamerV2: not started>"

    def test_of_a_stream_that_was_refused(self) -> None:
        """A debugger shows one whose constructor has raised an exception."""
        assert repr(StreamerV2.__new__(StreamerV2)) == "<StreamerV2>"

    def test_of_a_client(self, server: ScriptedServer, client: Client) -> None:
        """The request is named by its path; no key, no prompt and no answer is shown."""
        server.scripts.append([json_answer({"error": {"message": "prompt"}}, status="400 Bad")])
        s = client.create_response_stream(model="m", input="prompt")
        assert repr(s) == "<StreamerV2 POST /responses: not started>"
        assert not s.next()
        described = repr(s)
        assert described.startswith("<StreamerV2 POST /responses: 0 events, ")
        assert described.endswith(" bytes, failed with BadRequestError>")
        assert "prompt" not in described


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
