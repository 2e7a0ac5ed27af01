"""A token that arrives in a packet of its own takes few calls of Python functions.

Between two packets all code is cold, so that each function on the way costs several times what it
costs in a loop: the number of calls is most of what a token costs. It is the same on every machine,
however busy. What it costs in time is on the page on performance.
"""

from __future__ import annotations

import queue
from collections.abc import Callable

import pytest
from bench import workloads
from costs import calls
from server import CHUNKED, ch, serving

from openai_scan import Client, StreamerV2

pytestmark = pytest.mark.unmeasured

MOST_CALLS = 40

# Until everything that is made only once is there.
UNCOUNTED = 20

COUNTED = 50


def chat(client: Client) -> StreamerV2:
    """Return a stream of Chat Completions."""
    messages = [{"role": "user", "content": "Count to ten."}]
    return client.create_chat_completion_stream(model="m", messages=messages)


def responses(client: Client) -> StreamerV2:
    """Return a stream of the Responses API."""
    return client.create_response_stream(model="m", input="Count to ten.")


@pytest.mark.parametrize("ask", [chat, responses])
def test_a_token_takes_few_calls(ask: Callable[[Client], StreamerV2]) -> None:
    """Each `next()`, `event()` and `text()` takes at most 40 calls, once the stream is running.

    A chunk is sent only when the token before it has been read, so that every read brings one.
    """
    stream = workloads.workload(ask.__name__, UNCOUNTED + COUNTED + 20).stream
    chunks = iter([ch(block + b"\n\n") for block in stream.split(b"\n\n")])
    to_send: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    texts: list[str | None] = []

    def step() -> None:
        assert s.next()
        s.event()
        texts.append(s.text())

    with serving([CHUNKED, iter(to_send.get, b"")]) as server:
        with Client("k", server.base_url) as client, ask(client) as s:
            for _ in range(UNCOUNTED):
                to_send.put(next(chunks))
                step()
            counts = []
            for _ in range(COUNTED):
                to_send.put(next(chunks))
                counts.append(calls(step, {__file__})[0])
            to_send.put(b"")
    assert all(texts[-COUNTED:]), "these are not tokens"
    assert max(counts) <= MOST_CALLS
