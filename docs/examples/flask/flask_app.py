"""A server that passes answers on while they arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, request

from openai_scan import Client, StreamerV2

app = Flask(__name__)
client = Client()  # its connections are shared by all threads


def ask(question: str) -> StreamerV2[Any, Any]:
    """Return the answer to *question*, which is not requested yet."""
    messages = [{"role": "user", "content": question}]
    return client.create_chat_completion_stream(model="gpt-5", messages=messages)


@app.get("/text")
def text() -> Response:
    """Answer with text."""
    return Response(deltas(ask(request.args["question"])), mimetype="text/plain")


def deltas(stream: StreamerV2[Any, Any]) -> Iterator[str]:
    """Yield the text, and close the stream when the browser leaves."""
    with stream as s:
        yield from s.text_deltas()


@app.get("/events")
def events() -> Response:
    """Answer with events of your own, and with an HTTP status if there is no answer at all."""
    s = ask(request.args["question"])
    if not s.next():
        abort(502, f"no answer: {type(s.err()).__name__}")
    response = Response(pieces(s), mimetype="text/event-stream")
    response.call_on_close(s.close)  # if the browser leaves before the first piece
    return response


def pieces(s: StreamerV2[Any, Any]) -> Iterator[str]:
    """Yield what each event adds, and at the end how the answer ended."""
    with s:
        while True:
            for piece in s.pieces():
                yield f"data: {json.dumps({'kind': piece.kind, 'text': piece.text})}\n\n"
            if not s.next():
                break
        s.err()  # told below, so that leaving the block does not raise it
        yield f"data: {json.dumps({'outcome': s.outcome})}\n\n"
