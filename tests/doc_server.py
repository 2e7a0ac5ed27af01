"""The server that the examples in the documents talk to; `doc_answers` has what it says.

`python tests/doc_server.py [PORT]` serves it until Ctrl-C, and prints the environment that lets the
examples find it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from typing import Any

import doc_answers

from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    agent_sessions,
    delay,
    error,
    hold,
    json_answer,
)

# A response that was created with `background` breaks off after this event.
_BREAKS_OFF_AFTER = 5

_MODEL = {"id": "gpt-5", "object": "model", "created": 1, "owned_by": "openai"}


# Between two events, in seconds, so that a person can watch.
_PACE = 0.1


@contextlib.contextmanager
def serving(*, port: int = 0, pace: float = 0.0) -> Iterator[str]:
    """Serve while the block runs; the value is the origin, such as `http://127.0.0.1:80`.

    Args:
        port: Where to listen; 0 for any port that is free.
        pace: How many seconds to wait after each event.
    """
    with FakeServer(_Answers(pace), port=port) as server:
        yield server.url


def environment(origin: str) -> dict[str, str]:
    """Return the variables that the examples need, for a server at *origin*."""
    return {
        "OPENAI_BASE_URL": f"{origin}/v1",
        "OPENAI_API_KEY": "sk-1",
        "AZURE_OPENAI_ENDPOINT": origin,
        "AZURE_OPENAI_API_KEY": "azure-1",
        "OPENAI_API_VERSION": "2024-05-01-preview",
        "NO_PROXY": "*",
    }


class _Answers:
    """Answers as the APIs do. The key `wrong-key` is refused.

    The model `busy-for-hours` always refuses, `busy-at-first` refuses the first attempt of each
    call, and `breaks-off` stops in the middle. The assistant `asst_weather` asks for a function
    call, `asst_essay` begins and never ends, and any other gives the recorded answer of the demo.
    There is one session of an agent at a time.
    """

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._sessions = agent_sessions()
        self._calls: set[str | None] = set()  # by the key that all attempts of one call share

    def __call__(self, request: SeenRequest) -> Reply:
        if request.key == "wrong-key":
            return error(401, "no such key", code="bad_key")
        body = _body_of(request)
        match body.get("model"):
            case "busy-at-first" if self._is_new(request):
                return error(429, "come back later", retry_after=0)
            case "busy-for-hours":
                return error(429, "come back later", retry_after=7200)
        match request.path.split("/")[1:]:
            case ["chat", _] if not _are_messages(body.get("messages")):
                return error(400, "messages must be a list of messages, and not empty")
            case ["agents", *_]:
                if request.method == "POST" and request.path == "/agents/sessions":
                    self._sessions = agent_sessions(*doc_answers.turns(body))
                return self._sessions(request)
            case ["models"]:
                return json_answer({"object": "list", "data": [_MODEL]})
            case [*_, "cancel"]:
                return json_answer({**doc_answers.RUN, "status": "cancelling"})
            case ["threads", *_] if body.get("assistant_id") == "asst_essay":
                return Reply(steps=_essay())
        return Reply(steps=self._paced(_answer(request, body)))

    def _is_new(self, request: SeenRequest) -> bool:
        call = request.headers.get("idempotency-key")
        is_new = call not in self._calls
        self._calls.add(call)
        return is_new

    def _paced(self, texts: Iterator[str]) -> Iterator[Step]:
        for text in texts:
            yield text.encode()
            if self._pace:
                yield delay(self._pace)


def _are_messages(value: object) -> bool:
    if not isinstance(value, list):
        return False
    return value != [] and all(isinstance(one, dict) and "role" in one for one in value)


def _answer(request: SeenRequest, body: dict[str, Any]) -> Iterator[str]:
    match request.path.split("/")[1:]:
        case [*_, "submit_tool_outputs"]:
            return doc_answers.weather_report(body["tool_outputs"])
        case ["threads", *_] if body["assistant_id"] == "asst_weather":
            return doc_answers.weather_call()
        case ["threads", *_]:
            return doc_answers.recorded()
        case ["chat", _]:
            return doc_answers.chat(body, azure=request.target.startswith("/openai/"))
        case ["completions"]:
            return doc_answers.completion(body)
        case ["responses"]:
            last = _BREAKS_OFF_AFTER if body.get("background") else 1000
            return doc_answers.response(body, last=last)
        case ["responses", _]:
            after = int(request.query.get("starting_after", ["-1"])[0])
            return doc_answers.response({}, starting_after=after)
        case [_, "transcriptions"]:
            return doc_answers.transcription()
        case [_, "speech"]:
            return doc_answers.speech(body)
        case [_, "generations"]:
            return doc_answers.images(body, "image_generation")
        case _:
            return doc_answers.images(body, "image_edit")


def _essay() -> Iterator[Step]:
    yield doc_answers.event("thread.run.created", {**doc_answers.RUN, "status": "queued"}).encode()
    yield doc_answers.message_delta("It was a dark and stormy night").encode()
    yield hold()  # until the client leaves


def _body_of(request: SeenRequest) -> dict[str, Any]:
    """Return the arguments of a request, which JSON or a form may have."""
    if request.headers.get("content-type") == "application/json":
        body: dict[str, Any] = json.loads(request.body)
        return body
    return {name: value.decode("utf-8", "replace") for name, value in request.form.items()}


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if sys.argv[1:] else 8123
    try:
        with serving(port=chosen, pace=_PACE) as url:
            settings = " ".join(f"{name}={value!r}" for name, value in environment(url).items())
            sys.stdout.write(f"export {settings}\nCtrl-C ends it.\n")
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    except OSError as failure:
        sys.exit(
            f"the server cannot use port {chosen} ({failure.strerror}): choose another one, as in"
            f" `python tests/doc_server.py {chosen + 1}`"
        )
