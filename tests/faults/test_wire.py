"""Any bytes at all, over a real socket: the promises of `properties.py` hold there too."""

from __future__ import annotations

from collections.abc import Iterator

import properties
import pytest
import strategies
from hypothesis import example, given, settings
from hypothesis import strategies as st
from server import CHUNKED, CLOSE_DELIMITED, END, FIN, Script, ScriptedServer, ch

from openai_scan import RetryPolicy, Timeout
from openai_scan.transport import Exchange, Request, Transport

pytestmark = [pytest.mark.usefixtures("wire"), pytest.mark.unmeasured]

# A server that sends what it likes sends this in the end.
_ANSWER = CHUNKED + ch(b"data: 1\n\n") + END

_heads = st.sampled_from(
    [
        b"",
        CHUNKED,
        CLOSE_DELIMITED,
        CHUNKED.replace(b"200", b"500"),
        CHUNKED.replace(b"200", b"100"),
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"),
        CHUNKED.replace(b"text/event-stream", b"application/json"),
        b"HTTP/1.0 200\n\n",
    ]
)
_bodies = st.one_of(
    st.binary(max_size=60),
    strategies.streams,
    strategies.streams.map(ch),
    st.sampled_from([b"5\r\ndata", b"fffffffffffffffff\r\n", b"-1\r\n", b"0\r\nX: y\r\n"]),
)


def _cut(answer: bytes, place: int) -> bytes:
    return answer[: place % (len(answer) + 1)]


_answers = st.one_of(
    st.builds(
        lambda head, body, end: head + body + end, _heads, _bodies, st.sampled_from([b"", END])
    ),
    st.builds(_cut, st.just(_ANSWER), st.integers(0, 1000)),
    st.binary(max_size=60),
)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Return a server that all examples ask."""
    with ScriptedServer() as server:
        yield server


def asked(server: ScriptedServer, transport: Transport, script: Script) -> Exchange:
    """Return an exchange that is answered by *script*."""
    server.scripts.append(script)
    request = Request(
        method="POST",
        path="/x",
        body={},
        retries=RetryPolicy(attempts=1),
        timeout=Timeout(first_byte=10, idle=10),
    )
    return transport.stream(request)


@given(answer=_answers, sizes=strategies.chunk_sizes)
@example(answer=CHUNKED + ch(b"data: [DONE]\n\n") + END, sizes=[100])
@settings(max_examples=100)
def test_any_answer_ends_in_an_outcome(
    server: ScriptedServer, answer: bytes, sizes: list[int]
) -> None:
    """Whatever a server sends before it hangs up, nothing but documented exceptions come of it."""
    transport = Transport(server.base_url, key="")
    pieces = properties.pieces(answer, sizes)
    found = properties.story(asked(server, transport, [iter(pieces), FIN]))
    transport.close()
    if found.error is None:
        assert found.outcome in ("completed", "incomplete", "requires_action", "cancelled")
    else:
        assert found.outcome in ("failed", "truncated")


@pytest.mark.further
@given(body=strategies.openai_streams | strategies.streams, sizes=strategies.chunk_sizes)
@settings(max_examples=60)
def test_no_framing_changes_a_stream(server: ScriptedServer, body: bytes, sizes: list[int]) -> None:
    """However a body is framed and cut, it is the same stream as without a network."""
    expected = properties.story([body])
    pieces = [piece for piece in properties.pieces(body, sizes) if piece]
    length = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}"
    framed: list[Script] = [
        [CHUNKED, iter([ch(piece) for piece in pieces]), END],
        [CLOSE_DELIMITED, iter(pieces), FIN],
        [f"{length}\r\n\r\n".encode(), iter(pieces)],
    ]
    transport = Transport(server.base_url, key="")
    for script in framed:
        assert properties.story(asked(server, transport, script)) == expected
    transport.close()
