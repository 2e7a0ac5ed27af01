"""The example of the page about Flask, served by a real server to browsers that leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from passing_on import (
    HI,
    LAST,
    THERE,
    browser,
    check_leaving,
    check_outcomes,
    example,
    read_until,
)
from server import CHUNKED, END, PATIENCE, Repeat, ScriptedServer, ch
from werkzeug.serving import WSGIRequestHandler, make_server


class Handler(WSGIRequestHandler):
    """Sends no chunks, since these browsers speak HTTP/1.0."""

    protocol_version = "HTTP/1.0"


@pytest.fixture
def port(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve the application, whose model is *server*."""
    module = example("flask/flask_app.py", server, monkeypatch)
    with (
        module.client,
        make_server(
            "127.0.0.1", 0, module.app, threaded=True, request_handler=Handler
        ) as application,
    ):
        thread = threading.Thread(target=application.serve_forever)
        thread.start()
        yield application.server_port
        application.shutdown()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_text_is_passed_on_as_it_arrives(server: ScriptedServer, port: int) -> None:
    """The browser gets the first piece before the model has sent the second."""
    more = threading.Event()
    server.scripts.append([CHUNKED + ch(HI), more, ch(THERE) + ch(b"".join(LAST)) + END])
    with browser(port, "/text") as received:
        read_until(received, b"\r\n\r\nHi")
        more.set()
        assert received.read() == b" there"


@pytest.mark.parametrize("path", ["/text", "/events"])
def test_a_browser_that_leaves_frees_the_model(
    server: ScriptedServer, port: int, path: str
) -> None:
    """The next piece cannot be sent, so the stream is closed."""
    check_leaving(server, port, path, [Repeat(ch(HI))])


def test_events_end_with_the_outcome(server: ScriptedServer, port: int) -> None:
    """The last event has the outcome of the answer; without an answer, the request fails."""
    assert b"no answer: AuthenticationError" in check_outcomes(server, port)
