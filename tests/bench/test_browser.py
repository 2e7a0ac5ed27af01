"""What the page benchmarks use to measure works: chunks, the decoder, and the paced server."""

from __future__ import annotations

from typing import Any

import pytest

from bench import in_pyodide, page_server, workloads
from openai_scan import Client
from openai_scan.testing import FakeServer

QUESTION: Any = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("family", ["chat", "responses"])
def test_the_same_events_are_read_in_any_chunks(family: str) -> None:
    """One chunk for each event, or chunks of a fixed size with many events in each."""
    stream = workloads.workload(family, 50)
    whole = stream.stream.decode()
    for size, count in ((None, stream.events), (1000, -(-len(stream.stream) // 1000))):
        chunks = in_pyodide.chunks_of(whole, size)
        assert (b"".join(chunks), len(chunks)) == (stream.stream, count)
        assert in_pyodide.keep("a", whole, size) == count
        assert in_pyodide.decode_kept("a", 2) == 2 * stream.events


def test_a_stream_that_is_not_whole_is_not_timed() -> None:
    """A truncated stream takes less time to decode, so it would distort the figures."""
    stream = workloads.workload("chat", 50)
    with pytest.raises(AssertionError, match="ended"):
        in_pyodide.decode(stream.chunks(1000)[:3], 1)


def test_the_server_sends_at_its_pace_and_asks_for_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A paced token is the time at which it was sent. A busy server makes the client retry."""
    monkeypatch.setattr(page_server, "TOKENS", 3)
    monkeypatch.setattr(page_server, "PAUSE", 0.1)
    answer = page_server.Model()
    with FakeServer(answer, strict=False, pages="*") as server, Client("k", server.base_url) as one:
        for model, requests in (("at once", 1), ("paced", 1), ("busy", 2), ("busy", 2)):
            before = len(server.requests)
            with one.create_chat_completion_stream(model=model, messages=QUESTION) as s:
                texts = list(s.text_deltas())
            assert len(server.requests) - before == requests
            if model != "at once":
                sent = [float(text) for text in texts]
                assert len(sent) == 3
                assert sent == sorted(sent)
