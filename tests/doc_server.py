"""The server that the examples in the documents talk to; `doc_answers` has what it says."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import doc_answers

# A response that was created with `background` breaks off behind this event.
_BREAKS_OFF_AFTER = 5


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
    has_been_busy = False


class _Answers(BaseHTTPRequestHandler):
    """Answers as the APIs do. The key `wrong-key` is refused.

    Of the assistants, `asst_weather` asks for a function call, `asst_essay` begins and never
    ends, and any other gives the recorded answer of the demo.
    """

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5  # for a page that fails and leaves its connection open

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_json = self.headers.get("Content-Type") == "application/json"
        body = json.loads(data) if is_json else _form(data)
        url = urlsplit(self.path)
        azure = url.path.startswith("/openai/")
        with contextlib.suppress(ConnectionError):  # whoever listened has left
            if self.headers.get("Authorization") == "Bearer wrong-key":
                self._send_json(401, {"error": {"message": "no such key", "code": "bad_key"}})
                return
            match url.path.rpartition("/")[2]:
                case "cancel":
                    self._send_json(200, {**doc_answers.RUN, "status": "cancelling"})
                case "submit_tool_outputs":
                    self._send_stream(doc_answers.weather_report(body["tool_outputs"]))
                case "runs":
                    self._send_stream(self._run(body["assistant_id"]))
                case "completions" if self._is_busy(body["model"]):
                    pass
                case "completions" if "/chat/" in url.path:
                    self._send_stream(doc_answers.chat(body, azure=azure))
                case "completions":
                    self._send_stream(doc_answers.completion(body))
                case "responses":
                    last = _BREAKS_OFF_AFTER if body.get("background") else 1000
                    self._send_stream(doc_answers.response(body, last=last))
                case "transcriptions":
                    self._send_stream(doc_answers.transcription())
                case "speech":
                    self._send_stream(doc_answers.speech(body))
                case "generations":
                    self._send_stream(doc_answers.images(body, "image_generation"))
                case _:
                    self._send_stream(doc_answers.images(body, "image_edit"))

    def _is_busy(self, model: str) -> bool:
        """Refuse a model that is busy for now: one of them only the first time."""
        match model:
            case "busy-at-first" if not self.server.has_been_busy:
                self.server.has_been_busy = True
                wish = {"retry-after-ms": "0"}
            case "busy-for-hours":
                wish = {"retry-after": "7200"}
            case _:
                return False
        self._send_json(429, {"error": {"message": "come back later"}}, wish)
        return True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.endswith("/models"):
            models = [{"id": "gpt-5", "object": "model", "created": 1, "owned_by": "openai"}]
            self._send_json(200, {"object": "list", "data": models})
        else:
            after = int(parse_qs(url.query).get("starting_after", ["-1"])[0])
            self._send_stream(doc_answers.response({}, starting_after=after))

    def _run(self, assistant_id: str) -> Iterator[str]:
        match assistant_id:
            case "asst_weather":
                return doc_answers.weather_call()
            case "asst_essay":
                return self._essay()
        return doc_answers.recorded()

    def _essay(self) -> Iterator[str]:
        yield doc_answers.event("thread.run.created", {**doc_answers.RUN, "status": "queued"})
        yield doc_answers.message_delta("It was a dark and stormy night")
        self.connection.recv(1)  # returns when the client leaves

    def _send_json(
        self, status: int, value: Any, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
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


def _form(data: bytes) -> dict[str, Any]:
    """Return the fields of a form that are no files."""
    found = re.findall(rb'name="(\w+)"\r\n\r\n(.*?)\r\n', data)
    return {name.decode(): value.decode() for name, value in found}
