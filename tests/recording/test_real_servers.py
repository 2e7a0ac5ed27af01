"""Recordings of real servers, replayed: from the file, and over HTTP through the client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openai_scan import Client, RetryPolicy, StreamerV2, UnknownEvent, replay
from openai_scan.testing import FakeServer, recorded

pytestmark = pytest.mark.unmeasured

RECORDED = Path(__file__).parents[1] / "recorded"

Ask = Callable[[Client], StreamerV2]

RUN: Ask = lambda client: client.create_run_stream("thread_1", assistant_id="a")  # noqa: E731 - a table reads better
CHAT: Ask = lambda client: client.create_chat_completion_stream(model="m", messages=[])  # noqa: E731
COMPLETION: Ask = lambda client: client.create_completion_stream(model="m", prompt="p")  # noqa: E731
RESPONSE: Ask = lambda client: client.create_response_stream(model="m", input="q")  # noqa: E731

# What is asked, the events, the outcome, the error, the characters of text.
SERVERS: dict[str, tuple[Ask, int, str, str | None, int]] = {
    "aimock_chat": (CHAT, 16, "completed", None, 49),
    "litellm_chat": (CHAT, 36, "completed", None, 99),
    "litellm_response_failed": (RESPONSE, 14, "failed", "InternalServerError", 160),
    "litellm_run": (RUN, 16, "completed", None, 88),
    "llama.cpp_chat": (CHAT, 15, "incomplete", None, 31),
    "llama.cpp_completion": (COMPLETION, 10, "incomplete", None, 29),
    "llama.cpp_response": (RESPONSE, 48, "completed", None, 34),
    "mockllm_chat": (CHAT, 36, "completed", None, 33),
    "open-assistant-api_run_cut": (RUN, 18, "failed", "TransportError", 220),
    "open-assistant-api_run_stall": (RUN, 14, "completed", None, 71),
    "open-assistant-api_run_tools": (RUN, 8, "requires_action", None, 0),
    "openai-mock-api_chat": (CHAT, 10, "completed", None, 65),
}


def read(s: StreamerV2) -> tuple[int, str | None, str | None, int]:
    """Return the events of *s*, its outcome, its error, and the characters of its text."""
    text = ""
    while s.next():
        assert not isinstance(s.event(), UnknownEvent)
        text += s.text() or ""
    error = s.err()
    return s.events_read, s.outcome, None if error is None else type(error).__name__, len(text)


def test_the_table_names_all() -> None:
    """No recording is left out, and there are at least five servers."""
    names = {path.stem for path in RECORDED.glob("*.jsonl")}
    assert set(SERVERS) == names
    assert len({name.split("_")[0] for name in names}) >= 5


@pytest.mark.parametrize("resplit", [None, 1, 2])
@pytest.mark.parametrize("name", SERVERS)
def test_replayed_from_the_file(name: str, resplit: int | None) -> None:
    """The recording is read as the stream was, however it is split."""
    with StreamerV2(replay(RECORDED / f"{name}.jsonl", resplit=resplit)) as s:
        assert read(s) == SERVERS[name][1:]


@pytest.mark.parametrize("name", SERVERS)
def test_replayed_over_http(name: str) -> None:
    """A server that replays it is understood as the real one was."""
    ask, *expected = SERVERS[name]
    with (
        FakeServer() as server,
        Client("k", server.base_url, retries=RetryPolicy(attempts=1)) as client,
    ):
        server.add(*recorded(RECORDED / f"{name}.jsonl", strict=True))
        with ask(client) as s:
            assert read(s) == tuple(expected)
