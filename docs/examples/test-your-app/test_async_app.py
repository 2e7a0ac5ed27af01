"""Tests of an application that awaits."""

from __future__ import annotations

import pytest

from openai_scan import AsyncClient
from openai_scan.testing import FakeServer, chat_answer


@pytest.mark.asyncio
async def test_a_client_of_the_test(
    openai_server: FakeServer, openai_async_client: AsyncClient
) -> None:
    """The answer is what the server was told to say."""
    openai_server.add(chat_answer("Hi there"))
    stream = openai_async_client.create_chat_completion_stream(model="gpt-5", messages=[])
    async with stream as s:
        assert [text async for text in s.text_deltas()] == ["Hi", " there"]


@pytest.mark.asyncio
async def test_a_client_of_the_application(openai_server: FakeServer) -> None:
    """It finds the server by the environment."""
    openai_server.add(chat_answer("Hi there"))
    async with AsyncClient() as client:
        answer = await client.create_chat_completion(model="gpt-5", messages=[])
    assert answer.text == "Hi there"
