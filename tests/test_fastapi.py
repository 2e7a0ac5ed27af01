"""The example of the page about FastAPI, served by a real uvicorn to browsers that leave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
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
from server import (
    CHUNKED,
    END,
    PATIENCE,
    WAIT_FOR_HANG_UP,
    Repeat,
    ScriptedServer,
    ch,
)


@pytest.fixture
def port(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve the application, whose model is *server*."""
    module = example("fastapi/pass_on.py", server, monkeypatch)
    # With httptools, uvicorn sends chunks to HTTP/1.0 as well, which is what these browsers speak.
    config = uvicorn.Config(module.app, http="h11", log_level="error", timeout_graceful_shutdown=1)
    application = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=application.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        application.should_exit = True
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
@pytest.mark.parametrize(
    "script",
    [
        pytest.param([WAIT_FOR_HANG_UP], id="silent"),
        pytest.param([Repeat(ch(b": thinking\n\n"))], id="comments"),
        pytest.param([Repeat(ch(HI))], id="busy"),
    ],
)
def test_a_browser_that_leaves_frees_the_model(
    server: ScriptedServer, port: int, path: str, script: list[Any]
) -> None:
    """The model's stream is closed, whether it is silent or busy."""
    check_leaving(server, port, path, script)


def test_it_is_freed_before_its_first_word(server: ScriptedServer, port: int) -> None:
    """This also holds before the model has sent anything."""
    arrived = threading.Event()
    server.scripts.append([arrived.set, WAIT_FOR_HANG_UP])
    with browser(port, "/text"):
        assert arrived.wait(PATIENCE)
    assert server.hung_up.wait(PATIENCE)


def test_events_end_with_the_outcome(server: ScriptedServer, port: int) -> None:
    """The last event has the outcome of the answer; without an answer, the request fails."""
    assert check_outcomes(server, port) == b'{"detail":"no answer: AuthenticationError"}'
