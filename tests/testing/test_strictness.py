"""The fake server is as strict as a real one, and no answer of a script passes unnoticed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests

from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    ToolCall,
    agent_answer,
    agent_event,
    agent_failure,
    assistant_answer,
    assistant_calls,
    assistant_failure,
    chat_answer,
    chat_calls,
    chat_chunk,
    chat_usage,
    completion_answer,
    cut,
    data,
    delay,
    done,
    error,
    image_answer,
    json_answer,
    reset,
    response_answer,
    response_failure,
    speech_answer,
    stream_error,
    transcript_answer,
    transcript_delta,
)

NO_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Start a server that has nothing to say yet."""
    with FakeServer() as started:
        yield started


def post(server: FakeServer, path: str, body: Any = None, **more: Any) -> requests.Response:
    """Send a request as any client may."""
    if body is not None:
        more["json"] = body
    return requests.post(f"{server.base_url}{path}", timeout=60, **more)


def get(server: FakeServer, path: str) -> requests.Response:
    """Ask for something."""
    return requests.get(f"{server.base_url}{path}", timeout=60)


def message_of(answer: requests.Response) -> str:
    """Return the words of a refusal."""
    assert answer.status_code == 400
    words: str = answer.json()["error"]["message"]
    return words


class TestWholeAnswers:
    """A request without `stream` does not get a stream."""

    def test_a_chat_completion(self, server: FakeServer) -> None:
        """It has one message for each choice, and the tokens even if they were not requested."""
        second = [
            chat_chunk("Ho", index=1, role="assistant", reasoning_content="H"),
            chat_chunk(" ho", index=1, reasoning_content="m", finish_reason="length"),
        ]
        server.add(chat_answer("Hi there"), [*second, *chat_answer("Hi", usage=True)])
        one = post(server, "/chat/completions", {"model": "m", "messages": []})
        assert one.headers["content-type"] == "application/json"
        assert one.json() == {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "test-model",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hi there", "refusal": None},
                    "finish_reason": "stop",
                    "logprobs": None,
                }
            ],
            "usage": NO_USAGE,
        }
        two = post(server, "/chat/completions", {"stream": False}).json()["choices"]
        assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in two] == [
            (0, "Hi", "stop"),
            (1, "Ho ho", "length"),
        ]
        assert two[1]["message"]["reasoning_content"] == "Hm"

    def test_tool_calls(self, server: FakeServer) -> None:
        """Put together, without the index that only pieces have."""
        server.add(chat_calls(ToolCall("now"), ToolCall("weather", {"city": "Oslo"})))
        (choice,) = post(server, "/chat/completions", {}).json()["choices"]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        assert choice["message"]["tool_calls"] == [
            {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
            {
                "id": "call_2",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
            },
        ]

    def test_lists_and_objects_of_any_kind(self, server: FakeServer) -> None:
        """Items without an index are put one after the other."""
        extra = [{"type": "a", "text": "x"}], {"k": 1}
        server.add(
            [
                chat_chunk("Hi", notes=None, more=None),
                chat_chunk(notes=["n"], details=extra[0], more=extra[1]),
                chat_chunk(notes=["m"], details=extra[0], finish_reason="stop"),
                data("[1]"),
                done(),
            ]
        )
        (choice,) = post(server, "/chat/completions", {}).json()["choices"]
        assert choice["message"]["notes"] == ["n", "m"]
        assert choice["message"]["details"] == [*extra[0], *extra[0]]
        assert choice["message"]["more"] == {"k": 1}

    def test_a_completion(self, server: FakeServer) -> None:
        """The text of a choice."""
        server.add(completion_answer("Hi there"))
        value = post(server, "/completions", {}).json()
        assert value["object"] == "text_completion"
        assert value["choices"] == [
            {"index": 0, "text": "Hi there", "logprobs": None, "finish_reason": "stop"}
        ]
        assert value["usage"] == NO_USAGE

    @pytest.mark.parametrize("ask", ["create", "retrieve", "cancel"])
    def test_a_response(self, server: FakeServer, ask: str) -> None:
        """It is the response as it is at its end."""
        server.add(response_answer("Hi there"))
        if ask == "retrieve":
            value = get(server, "/responses/resp_1").json()
        else:
            value = (
                post(server, "/responses", {})
                if ask == "create"
                else post(server, "/responses/resp_1/cancel")
            ).json()
        assert value["status"] == "completed"
        assert value["output"][0]["content"][0]["text"] == "Hi there"

    def test_a_response_that_fails(self, server: FakeServer) -> None:
        """It is not a refusal of the request, and neither is its stream."""
        server.add(response_failure("server_error"))
        assert post(server, "/responses", {}).json()["error"]["code"] == "server_error"

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (assistant_answer("Hi"), "completed"),
            (assistant_calls(ToolCall("now")), "requires_action"),
            (assistant_failure(), "failed"),
        ],
    )
    def test_a_run(self, server: FakeServer, answer: list[Step], status: str) -> None:
        """The run, even to a client that asks for its progress."""
        server.add(answer, answer)
        assert post(server, "/threads/thread_1/runs", {}).json()["status"] == status
        assert get(server, "/threads/thread_1/runs/run_1").json()["status"] == status

    def test_a_session(self, server: FakeServer) -> None:
        """It is the session as it was made; a failure in it is not a refusal."""
        server.add(agent_answer("Hi"), agent_failure(), [agent_event("idle", 0)])
        for status in ("in_progress", "in_progress", None):
            assert post(server, "/agents/sessions", {}).json().get("status") == status

    def test_what_happens_in_a_session_is_always_streamed(self, server: FakeServer) -> None:
        """The request need not ask for it."""
        server.add(agent_answer("Hi"))
        assert b"turn.output_text.delta" in get(server, "/agents/sessions/s/events").content

    def test_a_transcript(self, server: FakeServer) -> None:
        """A form may ask for a whole transcript or for a stream."""
        server.add(*[transcript_answer("Hi there")] * 2, [transcript_delta("Hi"), done()])
        form: dict[str, Any] = {"files": {"file": b"sound", "model": (None, "m")}}
        value = post(server, "/audio/transcriptions", **form).json()
        assert (value["text"], value["usage"]["total_tokens"]) == ("Hi there", 15)
        form["files"]["stream"] = (None, "true")
        assert b"transcript.text.delta" in post(server, "/audio/transcriptions", **form).content
        form["files"]["stream"] = (None, "false")
        value = post(server, "/audio/transcriptions", **form).json()
        assert value == {"text": "Hi", "usage": None}

    def test_speech(self, server: FakeServer) -> None:
        """It is sound, unless the request asks for events."""
        server.add(*[speech_answer(b"mp", b"3")] * 2)
        sound = post(server, "/audio/speech", {"input": "i"})
        assert (sound.content, sound.headers["content-type"]) == (b"mp3", "audio/mpeg")
        assert (
            b"speech.audio.done" in post(server, "/audio/speech", {"stream_format": "sse"}).content
        )

    def test_an_image(self, server: FakeServer) -> None:
        """It has no partial images."""
        server.add(image_answer(b"png", partial=[b"p"]), image_answer(b"png", edit=True))
        for path in ("/images/generations", "/images/edits"):
            value = post(server, path, {}).json()
            assert [base64.b64decode(one["b64_json"]) for one in value["data"]] == [b"png"]
            assert (value["size"], value["usage"]["total_tokens"]) == ("1024x1024", 15)

    @pytest.mark.parametrize(
        ("failure", "status", "type", "code"),
        [
            (stream_error("server_error", type="t"), 500, "t", "server_error"),
            (
                stream_error("rate_limit_exceeded"),
                429,
                "rate_limit_exceeded",
                "rate_limit_exceeded",
            ),
        ],
    )
    def test_an_error_in_the_stream_is_a_refusal(
        self, server: FakeServer, failure: bytes, status: int, type: str, code: str
    ) -> None:
        """The refusal has the same words."""
        server.add([*chat_answer("Hi")[:-2], failure])
        answer = post(server, "/chat/completions", {})
        assert answer.status_code == status
        assert answer.json()["error"] == {
            "message": "this is a test",
            "type": type,
            "param": None,
            "code": code,
        }

    @pytest.mark.parametrize("step", [cut(), reset()])
    def test_an_answer_that_breaks_off_never_comes(self, server: FakeServer, step: Step) -> None:
        """The connection is lost instead."""
        server.add([chat_chunk("Hi"), step])
        with pytest.raises(requests.ConnectionError):
            post(server, "/chat/completions", {})

    def test_a_late_answer_is_late(self, server: FakeServer) -> None:
        """The pauses come before the whole answer."""
        server.add([delay(0.001), *chat_answer("Hi")])
        answer = post(server, "/chat/completions", {})
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.json()["choices"][0]["message"]["content"] == "Hi"

    def test_what_says_nothing_of_its_api_is_sent_as_it_is(self, server: FakeServer) -> None:
        """So are steps that are made one by one; a request that cannot be read gets a stream."""
        server.add([b"data: x\n\n"], iter(chat_answer("Hi")), chat_answer("Hi"), chat_answer("Hi"))
        assert post(server, "/chat/completions", {}).content == b"data: x\n\n"
        assert post(server, "/chat/completions", {}).content == b"".join(chat_answer("Hi"))
        for body in (b"{", b"[]"):
            answer = post(server, "/chat/completions", data=body)
            assert answer.headers["content-type"].startswith("text/event-stream")


class TestUsage:
    """`include_usage` is honoured."""

    def chunks(self, server: FakeServer, path: str, answer: Sequence[Step]) -> list[Any]:
        """Ask for a stream with the count of tokens, and return its chunks."""
        server.add(list(answer))
        body = {"stream": True, "stream_options": {"include_usage": True}}
        lines = post(server, path, body).text.split("\n\n")
        return [json.loads(line[6:]) for line in lines if line and line != "data: [DONE]"]

    def test_tokens_are_counted_if_asked_for(self, server: FakeServer) -> None:
        """The count has a chunk of its own; in the other chunks it is null."""
        *chunks, last = self.chunks(server, "/chat/completions", chat_answer("Hi"))
        assert [chunk["usage"] for chunk in chunks] == [None] * 3
        assert (last["choices"], last["usage"]) == ([], NO_USAGE)
        *chunks, last = self.chunks(server, "/completions", completion_answer("Hi"))
        assert [chunk["usage"] for chunk in chunks] == [None] * 2
        assert (last["choices"], last["usage"]) == ([], NO_USAGE)

    def test_no_user_counts_twice(self, server: FakeServer) -> None:
        """A script that has a count is left as it is, and so is one without an end."""
        answer = [*chat_answer("Hi")[:-1], chat_usage(1, 2), done()]
        chunks = self.chunks(server, "/chat/completions", answer)
        assert [chunk.get("usage", {}).get("total_tokens") for chunk in chunks] == [*[None] * 3, 3]
        chunks = self.chunks(server, "/chat/completions", chat_answer("Hi")[:2])
        assert all("usage" not in chunk for chunk in chunks)

    def test_only_chunks_are_touched(self, server: FakeServer) -> None:
        """Bytes that are not one chunk each stay as they are, and so do pauses."""
        glued = b"".join(chat_answer("Hi")[:-1])
        *chunks, last = self.chunks(
            server, "/chat/completions", [glued, delay(0), chat_chunk(" you", x=1), done()]
        )
        assert ["usage" in chunk for chunk in chunks] == [False, False, False, True]
        assert last["usage"] == NO_USAGE

    def test_nothing_is_reported_unless_asked_for(self, server: FakeServer) -> None:
        """The API does the same."""
        server.add(chat_answer("Hi"), chat_answer("Hi"))
        for options in ({}, {"stream_options": {"include_usage": False}}):
            answer = post(server, "/chat/completions", {"stream": True, **options})
            assert answer.content == b"".join(chat_answer("Hi"))


class TestAnotherApi:
    """An answer is given to the API that it comes from."""

    @pytest.mark.parametrize(
        ("answer", "path", "message"),
        [
            (
                response_answer("Hi"),
                "/chat/completions",
                (
                    "the next answer comes from Responses, but POST /chat/completions is for Chat"
                    " Completions"
                ),
            ),
            (
                chat_answer("Hi"),
                "/threads/runs",
                (
                    "the next answer comes from Chat Completions, but POST /threads/runs is for"
                    " Assistants"
                ),
            ),
            (
                image_answer(b"png", edit=True),
                "/images/generations",
                (
                    "the next answer comes from image edits, but POST /images/generations is for"
                    " image generations"
                ),
            ),
            (
                agent_answer("Hi"),
                "/agents/sessions/s/events",
                (
                    "the next answer is a stream of Agents, which does not answer POST"
                    " /agents/sessions/s/events"
                ),
            ),
            (
                agent_answer("Hi"),
                "/threads/runs",
                "the next answer comes from Agents, but POST /threads/runs is for Assistants",
            ),
            (
                json_answer({"object": "chat.completion"}),
                "/responses",
                "the next answer comes from Chat Completions, but POST /responses is for Responses",
            ),
            (
                Reply(steps=chat_answer("Hi")),
                "/threads",
                (
                    "the next answer is a stream of Chat Completions, which does not answer POST"
                    " /threads"
                ),
            ),
        ],
    )
    def test_it_is_refused_and_left(
        self, server: FakeServer, answer: Any, path: str, message: str
    ) -> None:
        """The message says why, even without `stream`; the answer that is left fails the test."""
        server.add(answer)
        for body in ({"stream": True}, {}):
            assert message_of(post(server, path, body)) == message
        with pytest.raises(AssertionError, match="1 of the scripted answers"):
            server.check()

    def test_a_function_is_held_to_it_too(self, server: FakeServer) -> None:
        """The answer that a function returns is checked too."""
        server.add(lambda _: chat_answer("Hi"))
        assert "comes from Chat" in message_of(post(server, "/responses", {}))

    @pytest.mark.parametrize(
        ("answer", "path"),
        [
            (json_answer({"object": "thread.message"}), "/threads/t/messages"),
            (json_answer([1]), "/responses"),
            (Reply(body=b"<p>", headers={"Content-Type": "text/html"}), "/responses"),
            (Reply(steps=chat_answer("Hi"), headers={"Content-Type": "text/plain"}), "/responses"),
            (error(429), "/responses"),
        ],
    )
    def test_what_belongs_there_or_anywhere_is_sent(
        self, server: FakeServer, answer: Any, path: str
    ) -> None:
        """Other objects, pages and errors are not answers of another API."""
        server.add(answer)
        assert post(server, path, {}).status_code == answer.status


class TestLeftovers:
    """An answer that no client has requested fails the test."""

    def test_the_end_of_the_block_says_so(self) -> None:
        """The message has the first of them, and what was asked."""
        server = FakeServer()
        server.add(error(500), chat_answer("Hi" * 100))
        with pytest.raises(AssertionError) as caught, server:
            pass
        assert str(caught.value) == (
            "2 of the scripted answers were never requested: the first is"
            f" {repr(error(500))[:100]}…. The server got no request"
        )
        for asked in ("1 request: GET /models", "2 requests, and the last: GET /models"):
            with FakeServer() as server:
                server.add(*[json_answer({})] * int(asked[0]), [cut()])
                for _ in range(int(asked[0])):
                    get(server, "/models")
                with pytest.raises(AssertionError) as caught:
                    server.check()
            assert str(caught.value) == (
                "1 of the scripted answers was never requested: the first is"
                f" Cut(). The server got {asked}"
            )

    def test_it_is_said_once(self, server: FakeServer) -> None:
        """check() reports it once."""
        server.add(chat_answer("Hi"))
        with pytest.raises(AssertionError):
            server.check()
        server.check()

    def test_the_test_s_own_failure_comes_first(self) -> None:
        """The test's own failure is likely to be the cause."""
        server = FakeServer()
        server.add(chat_answer("Hi"))
        with pytest.raises(ZeroDivisionError), server:
            raise ZeroDivisionError

    def test_an_answer_for_whatever_is_left_may_be_left(self) -> None:
        """`always` is not a script."""
        with FakeServer(chat_answer("Hi")):
            pass


def test_strictness_can_be_switched_off() -> None:
    """Each request gets the next answer as it is, and answers may be left over."""

    def echo(request: SeenRequest) -> list[bytes]:
        return response_answer(request.path)

    with FakeServer(strict=False) as server:
        server.add(response_answer("Hi"), chat_answer("Hi"), echo, [cut()])
        body = {"stream_options": {"include_usage": True}}
        for expected in (response_answer("Hi"), chat_answer("Hi"), response_answer("/completions")):
            assert post(server, "/completions", body).content == b"".join(expected)


@pytest.mark.parametrize(
    ("status", "type", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "invalid_request_error", None),
        (429, "requests", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", None),
    ],
)
def test_an_error_has_the_type_and_code_of_its_status(
    server: FakeServer, status: int, type: str, code: str | None
) -> None:
    """Unless the test names others."""
    server.add(error(status), error(status, "m", type="t", code="c", param="p"))
    told = post(server, "/responses", {}).json()["error"]
    assert told == {"message": "this is a test", "type": type, "param": None, "code": code}
    told = post(server, "/responses", {}).json()["error"]
    assert told == {"message": "m", "type": "t", "param": "p", "code": "c"}
