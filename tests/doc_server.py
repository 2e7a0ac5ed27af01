"""The server that the examples in the documents talk to; the assistant decides what it answers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

_RUN = {"id": "run_1", "object": "thread.run", "thread_id": "thread_1", "assistant_id": "asst_1"}

_WEATHER_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve while the block runs; the value is the origin, such as `http://127.0.0.1:80`."""
    server = _Server(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()  # waits for the answers that are under way


class _Server(ThreadingHTTPServer):
    daemon_threads = False


class _Answers(BaseHTTPRequestHandler):
    """Answers as an Assistants server does.

    `asst_weather` asks for a function call, `asst_essay` begins and never ends, and any other
    assistant gives the recorded answer of the demo. The key `wrong-key` is refused.
    """

    protocol_version = "HTTP/1.1"
    timeout = 5  # for a page that fails and leaves its connection open

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        with contextlib.suppress(ConnectionError):  # whoever listened has left
            if self.headers.get("Authorization") == "Bearer wrong-key":
                self._send_json(401, {"error": {"message": "no such key", "code": "bad_key"}})
            elif path.endswith("/cancel"):
                self._send_json(200, {**_RUN, "status": "cancelling"})
            elif path.endswith("/submit_tool_outputs"):
                self._send_stream(_weather_report(body["tool_outputs"]))
            elif body["assistant_id"] == "asst_weather":
                self._send_stream(_weather_call())
            elif body["assistant_id"] == "asst_essay":
                self._send_stream(self._essay())
            else:
                self._send_stream(_recorded())

    def _essay(self) -> Iterator[str]:
        yield _event("thread.run.created", {**_RUN, "status": "queued"})
        yield _delta("It was a dark and stormy night")
        self.connection.recv(1)  # returns when the client leaves

    def _send_json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_stream(self, events: Iterable[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _event(name: str, payload: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(payload)}\n\n"


def _delta(text: str) -> str:
    part = {"index": 0, "type": "text", "text": {"value": text}}
    delta = {"id": "msg_1", "object": "thread.message.delta", "delta": {"content": [part]}}
    return _event("thread.message.delta", delta)


def _weather_call() -> Iterator[str]:
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [_WEATHER_CALL]}}
    yield _event("thread.run.created", {**_RUN, "status": "queued"})
    yield _event(
        "thread.run.requires_action",
        {**_RUN, "status": "requires_action", "required_action": action},
    )
    yield "event: done\ndata: [DONE]\n\n"


def _weather_report(tool_outputs: list[Any]) -> Iterator[str]:
    yield _event("thread.run.in_progress", {**_RUN, "status": "in_progress"})
    for word in ("In Oslo it is ", *(output["output"] for output in tool_outputs), "."):
        yield _delta(word)
    yield _event("thread.run.completed", {**_RUN, "status": "completed"})
    yield "event: done\ndata: [DONE]\n\n"


def _recorded() -> Iterator[str]:
    recording = files("openai_scan.demo").joinpath("assistants.jsonl").read_text("utf-8")
    for line in recording.splitlines():
        data = json.loads(line).get("data")
        if data:
            yield data
