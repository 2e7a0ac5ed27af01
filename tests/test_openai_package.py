"""The official client talks to the fake server, as the applications of other people do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from openai_scan.testing import (
    FakeServer,
    ToolCall,
    assistant_answer,
    assistant_calls,
    chat_answer,
    chat_calls,
    cut,
    error,
    response_answer,
    response_calls,
)

# Its Assistants are deprecated, and say so at each call.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WEATHER = ToolCall("weather", {"city": "Oslo"})


@pytest.fixture
def client(openai_server: FakeServer) -> Iterator[openai.OpenAI]:
    """Make an official client, which finds the server by the environment."""
    with openai.OpenAI(max_retries=0) as made:
        yield made


def test_chat(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Chunk by chunk, and with the usage at the end."""
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
    """Its helper puts the pieces of a call together."""
    openai_server.add(chat_calls(WEATHER))
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city": "Oslo"}')
    ]


def test_responses(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Its helper makes the response, and finds every event where it expects it."""
    openai_server.add(response_answer("Hi there"))
    with client.responses.stream(model="m", input="Hello") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == "Hi there"
    assert deltas == ["Hi", " there"]


def test_responses_tool_calls(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """A call is in the response at its end."""
    openai_server.add(response_calls(WEATHER))
    with client.responses.stream(model="m", input="Hello") as stream:
        call: Any = stream.get_final_response().output[0]
    assert (call.name, call.arguments, call.call_id) == ("weather", '{"city": "Oslo"}', "call_1")


def test_assistants(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """A run, the call that it waits for, and what it says after that."""
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


def test_errors(openai_server: FakeServer, client: openai.OpenAI) -> None:
    """Refused by status, and cut off in the middle: both are errors of that client."""
    openai_server.add(error(429, "slow down", code="rate_limit_exceeded"), [cut()])
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.responses.create(model="m", input="Hello", stream=True)
    with pytest.raises(openai.APIConnectionError):
        client.responses.create(model="m", input="Hello", stream=True)
