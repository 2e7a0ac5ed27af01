"""Clients in Python that are not ours talk to the fake server; `make clients` runs this.

No other target does, since it installs the newest of each, whatever that is today.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import langchain_openai
import litellm
import pydantic_ai
import pytest
from langchain_core.messages import HumanMessage
from llm.default_plugins.openai_models import Chat
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

from openai_scan.testing import (
    Cassette,
    FakeServer,
    ToolCall,
    chat_answer,
    chat_calls,
    error,
    response_answer,
    response_calls,
)

CALL = ToolCall("weather", {"city": "Oslo"})
MESSAGES = [{"role": "user", "content": "Hello"}]


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


class TestLitellm:
    """litellm, for any OpenAI-compatible server."""

    @pytest.mark.parametrize("stream", [True, False])
    def test_chat(self, openai_server: FakeServer, stream: bool) -> None:
        """Streamed, and whole."""
        openai_server.add(chat_answer("Hi there"))
        answer: Any = litellm.completion(
            model="openai/m",
            messages=MESSAGES,
            stream=stream,
            api_base=openai_server.base_url,
            api_key="k",
        )
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content
            assert answer.usage.total_tokens == 15
        assert text == "Hi there"

    def test_usage_and_calls(self, openai_server: FakeServer) -> None:
        """It asks for the count of tokens, and builds the message of the pieces."""
        openai_server.add(chat_calls(CALL))
        chunks = [
            *litellm.completion(
                model="openai/m",
                messages=MESSAGES,
                stream=True,
                stream_options={"include_usage": True},
                api_base=openai_server.base_url,
                api_key="k",
            )
        ]
        built: Any = litellm.stream_chunk_builder(chunks)
        (call,) = built.choices[0].message.tool_calls
        assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Oslo"}')
        assert built.usage.total_tokens == 15

    def test_errors(self, openai_server: FakeServer) -> None:
        """A refusal is the class that its status has."""
        openai_server.add(error(401))
        with pytest.raises(litellm.AuthenticationError):
            litellm.completion(
                model="openai/m",
                messages=MESSAGES,
                api_base=openai_server.base_url,
                api_key="k",
                max_retries=0,
            )


class TestLangChain:
    """`ChatOpenAI`, on Chat Completions and on Responses."""

    @pytest.mark.parametrize("responses", [True, False])
    def test_text(self, openai_server: FakeServer, responses: bool) -> None:
        """Streamed, and whole."""
        made = response_answer if responses else chat_answer
        openai_server.add(made("Hi there"), made("Hi there"))
        model = langchain_openai.ChatOpenAI(
            model="m", use_responses_api=responses, stream_usage=True
        )
        chunks = list(model.stream([HumanMessage("Hello")]))
        total: Any = chunks[0]
        for chunk in chunks[1:]:
            total += chunk
        assert total.text == "Hi there"
        assert total.usage_metadata["total_tokens"] == 15
        whole = model.invoke([HumanMessage("Hello")])
        assert whole.text == "Hi there"

    @pytest.mark.parametrize("responses", [True, False])
    def test_calls(self, openai_server: FakeServer, responses: bool) -> None:
        """The arguments are those of the script."""
        openai_server.add((response_calls if responses else chat_calls)(CALL))
        model = langchain_openai.ChatOpenAI(model="m", use_responses_api=responses)
        answer = model.bind_tools([weather]).invoke("Hello")
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
            ("weather", {"city": "Oslo"})
        ]


class TestPydanticAI:
    """An agent with a tool, on both APIs."""

    @pytest.mark.parametrize("api", ["chat", "responses"])
    def test_agent(self, openai_server: FakeServer, api: str) -> None:
        """It calls the tool, sends the result, and takes the answer."""
        if api == "chat":
            openai_server.add(chat_calls(CALL), chat_answer("It is sunny."))
            agent = pydantic_ai.Agent(OpenAIChatModel("m"), tools=[weather])
        else:
            openai_server.add(response_calls(CALL), response_answer("It is sunny."))
            agent = pydantic_ai.Agent(OpenAIResponsesModel("m"), tools=[weather])
        assert agent.run_sync("Hello").output == "It is sunny."
        assert b"sunny in Oslo" in openai_server.requests[1].body

    @pytest.mark.parametrize("api", ["chat", "responses"])
    def test_stream(self, openai_server: FakeServer, api: str) -> None:
        """Piece by piece, with the usage."""
        model: Any = OpenAIChatModel("m") if api == "chat" else OpenAIResponsesModel("m")
        openai_server.add((chat_answer if api == "chat" else response_answer)("Hi there"))

        async def read() -> tuple[str, int]:
            async with pydantic_ai.Agent(model).run_stream("Hello") as result:
                text = "".join([piece async for piece in result.stream_text(delta=True)])
                usage = result.usage() if callable(result.usage) else result.usage
                return text, usage.output_tokens

        assert asyncio.run(read()) == ("Hi there", 5)


class TestLlm:
    """The command line tool `llm`, as a library."""

    @pytest.mark.parametrize("stream", [True, False])
    def test_prompt(self, openai_server: FakeServer, stream: bool) -> None:
        """Streamed, and whole."""
        openai_server.add(chat_answer("Hi there"))
        model = Chat("m", api_base=openai_server.base_url)
        model.key = "k"
        response: Any = model.prompt("Hello", stream=stream)
        assert response.text() == "Hi there"
        assert (response.input_tokens, response.output_tokens) == (10, 5)


def test_a_cassette_serves_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded through one client, and replayed to it by its request."""
    path = tmp_path / "a.jsonl"
    with FakeServer(chat_answer("Hi there")) as real:
        for _ in range(2):
            with Cassette(path, api_key="sk-real", base_url=real.base_url) as cassette:
                monkeypatch.setenv("OPENAI_BASE_URL", cassette.base_url)
                monkeypatch.setenv("OPENAI_API_KEY", cassette.key)
                model = langchain_openai.ChatOpenAI(model="m")
                assert "".join(chunk.text for chunk in model.stream("Hello")) == "Hi there"
        assert len(real.requests) == 1
