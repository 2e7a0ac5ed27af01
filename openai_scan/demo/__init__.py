"""A server on this machine that replays a recorded stream at its own pace, for the demo.

`assistants.jsonl` was recorded from open-assistant-api, a real Assistants server, in front of a
scripted model: a line for the head of the answer, one per read with the seconds since the request,
and one for the end.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from typing_extensions import Self


class ReplayServer:
    """An HTTP server on a free port of the loopback interface; a `with` block starts and ends it.

    Args:
        speed: How much faster than recorded; infinity for no pauses at all.

    Raises:
        ValueError: The speed is not more than 0.
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be more than 0, not {speed}")
        text = files(__name__).joinpath("assistants.jsonl").read_text("utf-8")
        self._server = _Server(("127.0.0.1", 0), _Replay)
        self._server.head, *self._server.reads = map(json.loads, text.splitlines())
        self._server.speed = speed
        # The interval is how long the end of the block may have to wait.
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """What a `Client` takes as its base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    head: dict[str, Any]
    reads: list[dict[str, Any]]
    speed: float


class _Replay(BaseHTTPRequestHandler):
    """Answers any POST with the recording, chunk by chunk."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Send the recorded stream, each read when its time has come."""
        with contextlib.suppress(ConnectionError):  # whoever listened has left
            self._replay()

    def _replay(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        started = time.monotonic()
        self.send_response(self.server.head["status"])
        for name, value in self.server.head["headers"].items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for read in self.server.reads:
            wait = started + read["t"] / self.server.speed - time.monotonic()
            time.sleep(max(0.0, wait))
            data = read.get("data", "").encode()  # none at the end, which is an empty chunk too
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the demo."""
