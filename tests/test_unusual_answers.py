"""Answers that hardly any server sends, and that a proxy or a fault makes one send all the same."""

from __future__ import annotations

import json

import pytest
from server import CHUNKED, END, PATIENCE, WAIT_FOR_HANG_UP, answer, ch, serving

from openai_scan import APIError, BadRequestError, Client, NotAnEventStreamError, StreamerV2

pytestmark = pytest.mark.usefixtures("wire")

CHUNK = {"delta": {"content": "Hi"}, "finish_reason": "stop", "index": 0}
STREAM = json.dumps({"object": "chat.completion.chunk", "choices": [CHUNK]}).encode()


def asked(client: Client) -> StreamerV2:
    """Return a stream that was read to its end."""
    s = client.create_chat_completion_stream(model="m", messages=[])
    while s.next():
        pass
    return s


def test_an_error_page_may_be_in_any_encoding() -> None:
    """What is not UTF-8 is replaced in the message; the rest can be read."""
    page = answer("Café closed".encode("latin-1"), status="400 Bad Request")
    with serving([page]) as server, Client("sk-1", server.base_url) as client:
        error = asked(client).err()
    assert type(error) is BadRequestError
    assert error.message == "Caf\N{REPLACEMENT CHARACTER} closed"


def test_identity_is_not_encoding() -> None:
    """A proxy may declare an uncompressed stream as "identity"."""
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n")
    body = ch(b"data: " + STREAM + b"\n\ndata: [DONE]\n\n")
    with serving([head + body, END]) as server, Client("sk-1", server.base_url) as client:
        s = client.create_chat_completion_stream(model="m", messages=[])
        assert s.read() == b"Hi"
        assert s.err() is None


def test_json_too_deep_to_read_is_not_a_stream() -> None:
    """A whole answer that Python's parser gives up on is refused like any other page."""
    page = answer(b"[" * 200_000, headers="Content-Type: application/json\r\n")
    with serving([page]) as server, Client("sk-1", server.base_url) as client:
        error = asked(client).err()
    assert type(error) is NotAnEventStreamError
    assert str(error).startswith("the server sent application/json instead of text/event-stream: [")


def test_a_call_hangs_up_on_an_endless_error() -> None:
    """It takes the beginning of the page, and does not hold the connection for the rest."""
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000000\r\n\r\n"
    with serving([head, b"x" * 200_000, WAIT_FOR_HANG_UP]) as server:
        with Client("sk-1", server.base_url) as client:
            # A reference to the error keeps the frames of the call alive, and what they refer to.
            with pytest.raises(APIError) as caught:
                client.list_models()
            assert server.hung_up.wait(PATIENCE)
            assert caught.value.status == 400
