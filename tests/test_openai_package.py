"""The official client talks to the fake server, as the applications of other people do."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from openai_scan.testing import (
    FakeServer,
    Step,
    ToolCall,
    TurnScript,
    agent_answer,
    agent_failure,
    agent_sessions,
    assistant_answer,
    assistant_calls,
    background_responses,
    chat_answer,
    chat_calls,
    cut,
    error,
    response_answer,
    response_calls,
)

# Its Assistants are deprecated, and say so at each call.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.unmeasured]

WEATHER = ToolCall("weather", {"city": "Oslo"})


@pytest.fixture
def client(openai_server: FakeServer) -> Iterator[openai.OpenAI]:
    """Make an official client, which finds the server by the environment."""
    with openai.OpenAI(max_retries=0) as made:
        yield made


def test_chat(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """It gets the text chunk by chunk, and the usage at the end."""
    openai_server.add(chat_answer("Hi there", usage=True))
    chunks = list(
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "Hi there"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.total_tokens == 15
    assert openai_server.requests[0].json["messages"] == [{"role": "user", "content": "Hello"}]


def test_chat_tool_calls(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Its helper for streams assembles a call from its pieces."""
    openai_server.add(chat_calls(WEATHER))
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city": "Oslo"}')
    ]


def test_responses(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Its helper for streams accepts all events, and returns the response."""
    openai_server.add(response_answer("Hi there"))
    with client.responses.stream(model="m", input="Hello") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == "Hi there"
    assert deltas == ["Hi", " there"]


def test_responses_tool_calls(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """The response at the end of the stream has the call."""
    openai_server.add(response_calls(WEATHER))
    with client.responses.stream(model="m", input="Hello") as stream:
        call: Any = stream.get_final_response().output[0]
    assert (call.name, call.arguments, call.call_id) == ("weather", '{"city": "Oslo"}', "call_1")


def test_assistants(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """It streams a run that waits for a call, submits the output, and gets the answer."""
    openai_server.add(assistant_calls(WEATHER), assistant_answer("It is sunny."))
    with client.beta.threads.runs.stream(thread_id="t1", assistant_id="a1") as stream:
        stream.until_done()
        run = stream.current_run
    assert run is not None
    assert run.required_action is not None
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    with client.beta.threads.runs.submit_tool_outputs_stream(
        thread_id="t1", run_id=run.id, tool_outputs=[{"tool_call_id": call.id, "output": "sun"}]
    ) as stream:
        assert list(stream.text_deltas) == ["It", " is", " sunny."]
        (message,) = stream.get_final_messages()
    content: Any = message.content
    assert content[0].text.value == "It is sunny."
    assert [request.path for request in openai_server.requests] == [
        "/threads/t1/runs",
        "/threads/t1/runs/run_1/submit_tool_outputs",
    ]


class Handler(openai.AssistantEventHandler):  # type: ignore[misc] # mypy does not look into it
    """Notes which of its methods are called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        """Note *name*, if it is a method that reports what happens."""
        if name.startswith("on_") and name not in {"on_event", "on_end"}:
            self.called.append(name)
        return super().__getattribute__(name)


def test_assistants_tell_their_helpers(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Its event handler is notified of the steps of a run, and of each piece of a call or text."""
    openai_server.add(assistant_calls(WEATHER), assistant_answer("Hi there"))
    called = []
    for _ in range(2):
        handler = Handler()
        with client.beta.threads.runs.stream(
            thread_id="t1", assistant_id="a1", event_handler=handler
        ) as stream:
            stream.until_done()
        assert len(stream.get_final_run_steps()) == 1
        called.append(list(dict.fromkeys(handler.called)))
    assert called == [
        [
            "on_run_step_created",
            "on_tool_call_created",
            "on_run_step_delta",
            "on_tool_call_delta",
            "on_tool_call_done",
        ],
        [
            "on_run_step_created",
            "on_message_created",
            "on_text_created",
            "on_text_delta",
            "on_message_delta",
            "on_text_done",
            "on_message_done",
            "on_run_step_done",
        ],
    ]


def test_whole_answers(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Without `stream`, the client gets an answer that it accepts as whole."""
    openai_server.add(chat_calls(WEATHER), response_answer("Hi there"), *[assistant_answer("")] * 2)
    completion = client.chat.completions.create(model="m", messages=[])
    calls: Any = completion.choices[0].message.tool_calls
    assert calls[0].to_dict()["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert client.responses.create(model="m", input="Hello").output_text == "Hi there"
    run = client.beta.threads.runs.create_and_poll(thread_id="t1", assistant_id="a1")
    assert run.status == "completed"


def test_usage_is_counted_if_asked_for(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """With `include_usage`, the last chunk has the usage."""
    openai_server.add(chat_answer("Hi"))
    *chunks, last = client.chat.completions.create(
        model="m", messages=[], stream=True, stream_options={"include_usage": True}
    )
    assert [chunk.usage for chunk in chunks] == [None] * 3
    assert last.usage is not None


class TestAsync:
    """The asynchronous client, on asyncio."""

    @staticmethod
    async def read_all() -> tuple[str, str, str]:
        """Return what a stream of each API says."""
        async with openai.AsyncOpenAI(max_retries=0) as client:
            chat = await client.chat.completions.create(model="m", messages=[], stream=True)
            words = [chunk.choices[0].delta.content or "" async for chunk in chat]
            async with client.responses.stream(model="m", input="Hello") as responses:
                said = (await responses.get_final_response()).output_text
            runs = client.beta.threads.runs.stream(thread_id="t1", assistant_id="a1")
            async with runs as stream:
                deltas = [text async for text in stream.text_deltas]
            return "".join(words), said, "".join(deltas)

    def test_streams(self, openai_server: FakeServer) -> None:
        """The stream of each API arrives whole."""
        openai_server.add(
            chat_answer("Hi"), response_answer("Hi there"), assistant_answer("Hi you")
        )
        assert asyncio.run(self.read_all()) == ("Hi", "Hi there", "Hi you")


def test_errors(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Refused by status, and cut off in the middle: both are errors of that client."""
    openai_server.add(error(429, "slow down", code="rate_limit_exceeded"), [cut()])
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.responses.create(model="m", input="Hello", stream=True)
    with pytest.raises(openai.APIConnectionError):
        client.responses.create(model="m", input="Hello", stream=True)


class TestBackground:
    """The fake server keeps background responses, and the client uses it like the API."""

    def test_sync(self) -> None:
        """It creates, polls, resumes, cancels and deletes background responses."""
        said = response_answer("one two three")
        broken: list[Step] = [*said[:6], cut(), *said[6:]]
        with (
            FakeServer(background_responses("Hi there", broken, "Ho")) as server,
            openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
        ):
            response = client.responses.create(model="m", input="i", background=True)
            while response.status in {"queued", "in_progress"}:
                response = client.responses.retrieve(response.id)
            assert response.output_text == "Hi there"
            seen: list[Any] = []
            stream = client.responses.create(model="m", input="i", background=True, stream=True)
            with pytest.raises(openai.APIConnectionError):
                seen.extend(stream)  # keeps what comes before the error
            last = seen[-1].sequence_number
            seen += client.responses.retrieve("resp_2", stream=True, starting_after=last)
            assert [event.sequence_number for event in seen] == [*range(len(said))]
            assert seen[-1].response.output_text == "one two three"
            response = client.responses.create(model="m", input="i", background=True)
            assert client.responses.cancel(response.id).status == "cancelled"
            client.responses.delete(response.id)
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(response.id)

    def test_async(self) -> None:
        """The asynchronous client polls a response, and streams one with its helper."""

        async def act(url: str) -> tuple[str, str]:
            async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
                response = await client.responses.create(model="m", input="i", background=True)
                while response.status in {"queued", "in_progress"}:
                    response = await client.responses.retrieve(response.id)
                made = client.responses.stream(model="m", input="i", background=True)
                async with made as stream:
                    final = await stream.get_final_response()
                return response.output_text, final.output_text

        with FakeServer(background_responses("Hi", "Ho")) as server:
            assert asyncio.run(act(server.base_url)) == ("Hi", "Ho")


@pytest.mark.skipif(
    importlib.util.find_spec("openai.resources.beta.agents") is None,
    reason="the installed client has no Agents API",
)
class TestAgents:
    """The Agents API: its helpers find every event where they expect it."""

    def test_a_session(self, openai_server: FakeServer, client: openai.OpenAI) -> None:
        """It streams a session while it creates it."""
        openai_server.add(agent_answer("Hi there"))
        stream = client.beta.agents.sessions.create(
            environment={"type": "none"}, agent={"model": "m"}, input="Hello", stream=True
        )
        result = stream.get_final_result()
        assert result.output_text == "Hi there"
        assert result.turn.status == "completed"
        assert openai_server.requests[0].headers["openai-beta"] == "agents=v1"

    def test_a_failure(self, openai_server: FakeServer, client: openai.OpenAI) -> None:
        """A turn that failed raises the client's own error."""
        openai_server.add(agent_failure())
        stream = client.beta.agents.sessions.create(
            environment={"type": "none"}, input="Hello", stream=True
        )
        with pytest.raises(openai.OpenAIError, match="failed"):
            stream.get_final_result()

    def test_turns_and_tools_of_a_service(self) -> None:
        """A session stays open for several turns, and the client answers calls while it streams."""
        turns: list[TurnScript] = ["Hi there", ["Let me see.", WEATHER, "Cold."]]
        with (
            FakeServer(agent_sessions(*turns)) as server,
            openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
        ):
            sessions = client.beta.agents.sessions
            made = sessions.create(environment={"type": "none"})
            assert made.status == "idle"
            with sessions.stream(made.id, input="Hello") as stream:
                assert stream.get_final_result().output_text == "Hi there"
            asked: list[Any] = []

            def weather(arguments: Any) -> str:
                asked.append(arguments)
                return "4 degrees"

            with sessions.stream(
                made.id, input="Weather?", tool_handlers={"weather": weather}
            ) as stream:
                assert stream.get_final_result().output_text == "Let me see.Cold."
            assert asked == [{"city": "Oslo"}]
            items = [item.type for item in sessions.items.list(made.id)]
            assert items == [
                *("message", "message", "message", "message"),
                *("function_call", "function_call_output", "message"),
            ]
            assert [turn.status for turn in sessions.turns.list(made.id)] == ["completed"] * 2
            assert sessions.delete(made.id).deleted
