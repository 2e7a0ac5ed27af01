"""Which API a request is for, and which API an answer comes from.

A scripted answer is only bytes, so its API is found from its events: their names, or the `object`
or `type` of their payloads. Answers that show no API, such as custom events, match any request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from openai_scan import bounded_json
from openai_scan.sse import EventTokenizer, RawEvent
from openai_scan.testing.request import SeenRequest

CHAT = "Chat Completions"
COMPLETIONS = "Completions"
RESPONSES = "Responses"
ASSISTANTS = "Assistants"
AGENTS = "Agents"
TRANSCRIPTIONS = "transcriptions"
SPEECH = "speech"
IMAGES = "image generations"
IMAGE_EDITS = "image edits"

_RUN = r"/threads/(?!runs(/|$))[^/]+/runs"
_BY_REQUEST = (
    (re.compile(r"POST /chat/completions"), CHAT),
    (re.compile(r"POST /completions"), COMPLETIONS),
    (re.compile(r"POST /responses(/[^/]+/cancel)?|GET /responses/[^/]+"), RESPONSES),
    (re.compile(rf"POST (/threads/runs|{_RUN}(/[^/]+/(cancel|submit_tool_outputs))?)"), ASSISTANTS),
    (re.compile(rf"(GET|POST) {_RUN}/[^/]+"), ASSISTANTS),
    (re.compile(r"POST /agents/sessions|GET /agents/sessions/[^/]+/events"), AGENTS),
    (re.compile(r"POST /audio/transcriptions"), TRANSCRIPTIONS),
    (re.compile(r"POST /audio/speech"), SPEECH),
    (re.compile(r"POST /images/generations"), IMAGES),
    (re.compile(r"POST /images/edits"), IMAGE_EDITS),
)

_BY_NAME = (
    (re.compile(r"chat\.completion(\.|$)"), CHAT),
    (re.compile(r"text_completion$"), COMPLETIONS),
    (re.compile(r"response(\.|$)"), RESPONSES),
    (re.compile(r"thread\."), ASSISTANTS),
    (re.compile(r"agent\."), AGENTS),
    (re.compile(r"transcript\.text\."), TRANSCRIPTIONS),
    (re.compile(r"speech\.audio\."), SPEECH),
    (re.compile(r"image_generation\."), IMAGES),
    (re.compile(r"image_edit\."), IMAGE_EDITS),
)


def api_asked(request: SeenRequest) -> str | None:
    """Return the API whose stream could answer *request*, or None if no stream could."""
    line = f"{request.method} {request.path}"
    return next((api for pattern, api in _BY_REQUEST if pattern.fullmatch(line)), None)


def api_of(steps: Iterable[object]) -> str | None:
    """Return the API of the first event that shows one, or None."""
    return next(filter(None, map(_api_of_event, raw_events(steps))), None)


def api_of_body(body: bytes) -> str | None:
    """Return the API that a whole answer comes from, or None."""
    return _api_named(_parsed(body).get("object"))


def raw_events(steps: Iterable[object]) -> Iterator[RawEvent]:
    """Yield the events in the bytes among *steps*, which may be split anywhere."""
    tokenizer = EventTokenizer()
    for step in steps:
        if isinstance(step, bytes):
            yield from tokenizer.feed(step)


def payload_of(raw: RawEvent) -> dict[str, Any]:
    """Return the payload of an event; an empty one if it is not a JSON object."""
    return _parsed(raw.data)


def _parsed(text: str | bytes) -> dict[str, Any]:
    value = bounded_json.value_or(text)
    return value if isinstance(value, dict) else {}


def _api_of_event(raw: RawEvent) -> str | None:
    payload = payload_of(raw)
    names = (raw.type, payload.get("type"), payload.get("object"))
    return next(filter(None, map(_api_named, names)), None)


def _api_named(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return next((api for pattern, api in _BY_NAME if pattern.match(name)), None)
