"""openai-node and the AI SDK talk to the fake server; `make clients` runs this."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from openai_scan.testing import (
    FakeServer,
    ToolCall,
    assistant_answer,
    assistant_calls,
    background_responses,
    chat_answer,
    chat_calls,
    error,
    response_answer,
    response_calls,
)

DRIVER = Path(__file__).with_name("drive.mjs")
CALL = ToolCall("weather", {"city": "Oslo"})


def drive(*arguments: str) -> Any:
    """Do something with a client, and return what came of it."""
    ran = subprocess.run(
        ["node", DRIVER, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_chat(openai_server: FakeServer) -> None:
    """openai-node streams, counts and takes a whole answer."""
    openai_server.add(chat_answer("Hi there"), chat_answer("Hi you"))
    assert drive("chat") == ["Hi there", 15, "Hi you"]


def test_responses(openai_server: FakeServer) -> None:
    """So it does with Responses, in the helper that checks every event."""
    openai_server.add(response_answer("Hi there"), response_answer("Hi you"))
    assert drive("responses") == [["Hi", " there"], "Hi there", "Hi you"]


def test_assistants(openai_server: FakeServer) -> None:
    """Its helper reports the steps of a run, and the calls in them."""
    openai_server.add(assistant_calls(CALL), assistant_answer("Hi there"))
    assert drive("assistants") == [
        "messageCreated",
        "messageDone",
        "runStepCreated",
        "runStepDelta",
        "runStepDone",
        "textDone",
        "toolCallCreated",
        "toolCallDelta",
        "toolCallDone",
    ]


def test_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response is asked for until it is complete."""
    with FakeServer(background_responses("Hi there")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        assert drive("background") == [["queued", "in_progress", "completed"], "Hi there"]


def test_error(openai_server: FakeServer) -> None:
    """A refusal is the class that its status has, with type and code."""
    openai_server.add(error(429))
    assert drive("error") == [True, "rate_limit_exceeded", "requests"]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_ai_sdk_streams(openai_server: FakeServer, api: str) -> None:
    """The AI SDK gets text and usage."""
    openai_server.add((chat_answer if api == "chat" else response_answer)("Hi there"))
    assert drive("ai_stream", api) == ["Hi there", 5]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_ai_sdk_calls_tools(openai_server: FakeServer, api: str) -> None:
    """It sends the result of a tool, without a stream."""
    if api == "chat":
        openai_server.add(chat_calls(CALL), chat_answer("It is sunny."))
    else:
        openai_server.add(response_calls(CALL), response_answer("It is sunny."))
    assert drive("ai_tools", api) == ["It is sunny.", 2]
    assert b"sunny in Oslo" in openai_server.requests[1].body
