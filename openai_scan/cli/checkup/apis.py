"""All APIs that are looked for, and the checks of those that do not answer with text."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from openai_scan.cli.checkup.findings import (
    Finding,
    Verdict,
    of_end,
    of_endpoint,
    of_error,
    of_notes,
    of_refusal,
    of_streaming,
    of_usage,
    shortened,
)
from openai_scan.cli.checkup.looks import Look
from openai_scan.cli.checkup.server import Server
from openai_scan.cli.checkup.text import CHAT, COMPLETIONS, GREETING, RESPONSES, check_text
from openai_scan.errors import APIError, DecodeError, NotAnEventStreamError, ScanError
from openai_scan.streamer import StreamerV2

_NAME = "openai-scan doctor"


def _check_models(server: Server) -> Iterator[Finding]:
    """Look for the list of models."""
    models = server.call(lambda client: client.list_models())
    if isinstance(models, DecodeError | NotAnEventStreamError):
        yield Finding("models", "endpoint", "no", shortened(str(models)))
    elif isinstance(models, ScanError):
        yield Finding("models", "endpoint", *of_refusal(models))
    else:
        wanted = server.models.text
        has = "is" if any(model.id == wanted for model in models) else "is not"
        listed = "1 model" if len(models) == 1 else f"{len(models)} models"
        yield Finding("models", "endpoint", "ok", f"{listed}; {wanted} {has} among them")


def _check_images(server: Server) -> Iterator[Finding]:
    """Look for the images API."""
    model = server.models.image
    body = {"prompt": "A white square.", "stream": True, "partial_images": 1, "n": 1}
    yield from _check_media("images", "/images/generations", model, body, server)


def _check_speech(server: Server) -> Iterator[Finding]:
    """Look for the API that speaks a text."""
    model = server.models.speech
    body = {"input": "Hello.", "voice": "alloy", "stream_format": "sse"}
    yield from _check_media("speech", "/audio/speech", model, body, server)


def _check_transcription(server: Server) -> Iterator[Finding]:
    """Look for the API that writes down what is said in a file: here, a second of silence."""
    model = server.models.transcription
    if model is None:
        yield _without_model("transcription", "/audio/transcriptions", server)
        return
    file = ("silence.wav", _silence())
    stream = server.client.create_transcription_stream(model=model, file=file)
    yield from _of_stream("transcription", server.read(stream), server)


def _check_media(
    api: str, path: str, model: str | None, body: Mapping[str, Any], server: Server
) -> Iterator[Finding]:
    """Ask for something that costs more than text only if there is a model for it."""
    if model is None:
        yield _without_model(api, path, server)
    else:
        yield from _of_stream(api, server.look(path, {"model": model, **body}), server)


def _without_model(api: str, path: str, server: Server) -> Finding:
    """Find out whether an API is there by a request that it cannot do anything for."""
    look = server.look(path, {})
    error = look.error
    if isinstance(error, APIError) and error.status in {400, 422}:
        words = f"it is there, and was not tried without a model: {of_error(look)[1]}"
        return Finding(api, "endpoint", "ok", words)
    if error is None:
        return Finding(api, "endpoint", "odd", f"HTTP {look.status} for a request without a model")
    return Finding(api, "endpoint", *of_refusal(error))


def _of_stream(api: str, look: Look, server: Server) -> Iterator[Finding]:
    """Yield what a stream shows of an API."""
    found: Verdict = of_endpoint(look)
    yield Finding(api, "endpoint", *found)
    if found[0] in {"ok", "odd"}:
        yield Finding(api, "stream", *of_streaming(look))
        yield Finding(api, "end of stream", *of_end(look))
        yield Finding(api, "usage", *of_usage(look))
        yield Finding(api, "notes", *of_notes(server.notes))


def _silence() -> bytes:
    """Return a second of silence as a WAV file."""
    rate = 16_000
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(2 * rate))
    return file.getvalue()


def _check_assistants(server: Server) -> Iterator[Finding]:
    """Run an assistant on a new thread, and delete both."""
    model = server.models.text
    listed = server.call(lambda client: client.list_assistants(limit=1))
    if isinstance(listed, DecodeError | NotAnEventStreamError):
        yield Finding("assistants", "endpoint", "no", shortened(str(listed)))
        return
    if isinstance(listed, ScanError):
        yield Finding("assistants", "endpoint", *of_refusal(listed))
        return
    made = server.call(lambda client: client.create_assistant(model=model, name=_NAME))
    if isinstance(made, ScanError):
        yield Finding("assistants", "endpoint", *of_refusal(made, has_model=True))
        return
    message = {"role": "user", "content": GREETING}
    body = {"assistant_id": made.id, "thread": {"messages": [message]}, "stream": True}
    stream = server.ask("/threads/runs", body)
    try:
        yield from _of_stream("assistants", server.read(stream), server)
    finally:  # Ctrl-C leaves nothing behind either
        if (thread := _thread_of(stream)) is not None:
            server.call(lambda client: client.delete_thread(thread))
        server.call(lambda client: client.delete_assistant(made.id))


def _thread_of(stream: StreamerV2) -> str | None:
    """Return the id of the thread that a run has made, or None."""
    answer: Any = stream.snapshot()
    run = None if answer is None else answer.run
    return None if run is None else run.thread_id or None


CHECKS: Mapping[str, Callable[[Server], Iterator[Finding]]] = {
    "models": _check_models,
    "chat": partial(check_text, CHAT),
    "completions": partial(check_text, COMPLETIONS),
    "responses": partial(check_text, RESPONSES),
    "images": _check_images,
    "speech": _check_speech,
    "transcription": _check_transcription,
    "assistants": _check_assistants,
}
"""The APIs, in the order in which they are looked for, and what checks them."""

# The most requests of each, those included that are sent again without an option.
_MOST = {
    "models": 1,
    "chat": 9,
    "completions": 5,
    "responses": 12,
    "images": 1,
    "speech": 1,
    "transcription": 1,
    "assistants": 5,
}


def most_requests(apis: Sequence[str]) -> int:
    """Return how many requests the checks of *apis* send at most."""
    return sum(_MOST[api] for api in apis)


def examine(server: Server, apis: Sequence[str]) -> Iterator[Finding]:
    """Yield what is found out about each of *apis*, until the server is lost."""
    for api in apis:
        server.begin()
        for finding in CHECKS[api](server):
            yield finding
            if server.is_lost:
                return
