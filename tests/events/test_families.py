"""Each stream shows its own family, and no other family is loaded."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import openai_scan
import openai_scan.events
from openai_scan import UnknownEvent
from openai_scan.events import Event, decode, folds
from openai_scan.sse import RawEvent


@pytest.mark.parametrize(
    ("name", "payload", "class_name"),
    [
        ("message", {"object": "chat.completion.chunk"}, "ChatCompletionChunk"),
        ("chat.completion.chunk", {}, "ChatCompletionChunk"),
        ("message", {"object": "", "choices": []}, "ChatCompletionChunk"),
        ("message", {"object": None, "choices": []}, "ChatCompletionChunk"),
        ("message", {"choices": [{"text": "Hi"}], "object": "text_completion"}, "Completion"),
        ("message", {"type": "response.completed", "response": {}}, "ResponseCompleted"),
        ("response.completed", {"response": {}}, "ResponseCompleted"),
        ("message", {"type": "transcript.text.done", "text": ""}, "TranscriptTextDone"),
        ("speech.audio.done", {}, "SpeechAudioDone"),
        ("message", {"type": "image_edit.completed", "b64_json": ""}, "ImageEditCompleted"),
        ("message", {"object": "thread.run", "id": "r", "status": "queued"}, "ThreadRunQueued"),
        ("message", {"event": "thread.created", "data": {"id": "t"}}, "ThreadCreated"),
        ("message", {"error": {"message": "no"}, "object": "chat.completion.chunk"}, "ErrorEvent"),
        ("message", {"error": None, "choices": []}, "ChatCompletionChunk"),
        ("message", {"type": "error", "message": "no"}, "ErrorEvent"),
    ],
    ids=repr,
)
def test_family_is_recognized_by_the_stream(name: str, payload: Any, class_name: str) -> None:
    """The event's name decides, else the payload's type or object, else its choices."""
    assert type(decode(RawEvent(name, json.dumps(payload)))).__name__ == class_name


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"type": "ping"}, "ping"),
        ({"type": "keepalive", "sequence_number": 3}, "keepalive"),
        ({"type": "transcript.text.news"}, "transcript.text.news"),
        ({"type": "speech.audio.news"}, "speech.audio.news"),
        ({"type": "image_edit.news"}, "image_edit.news"),
        ({"object": "text_completion.news"}, "text_completion.news"),
        ({"object": "chat.completion"}, "chat.completion"),
        ({"type": ""}, "message"),
        ({"x": 1}, "message"),
        ([1], "message"),
    ],
    ids=repr,
)
def test_what_is_not_an_event_of_a_family_is_unknown(payload: Any, name: str) -> None:
    """B24: a ping is never taken for a chunk, nor a new event for an old one."""
    event = decode(RawEvent("message", json.dumps(payload)))
    assert isinstance(event, UnknownEvent)
    assert event.type == name
    assert event.payload == payload
    assert event.error is None


@pytest.mark.parametrize(
    ("payload", "family"),
    [
        ({"choices": []}, "chat"),
        ({"object": "text_completion"}, "completions"),
        ({"type": "response.completed", "response": {}}, "responses"),
        ({"type": "speech.audio.done"}, "audio"),
        ({"type": "image_edit.completed", "b64_json": ""}, "images"),
        ({"object": "thread", "id": "t"}, "assistants"),
    ],
    ids=repr,
)
def test_family_is_loaded_with_its_first_event(payload: Any, family: str) -> None:
    """If you read one family, you do not pay for the others."""
    program = (
        "import sys; from openai_scan.events import decode; from openai_scan.sse import RawEvent;"
        f"decode(RawEvent('message', {json.dumps(payload)!r}));"
        "families = {'assistants', 'audio', 'chat', 'completions', 'images', 'responses'};"
        "print(*[one for one in families if 'openai_scan.events.' + one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{family}\n"


@pytest.mark.parametrize(
    "name",
    [
        "ChatCompletionChunk",
        "Completion",
        "ResponseMcpListToolsFailed",
        "TranscriptTextSegment",
        "SpeechAudioDelta",
        "ImageGenerationPartialImage",
        "ThreadRunStepExpired",
    ],
)
def test_event_class_is_public(name: str) -> None:
    """The package has the event classes; classes of payloads are only in their family."""
    assert name in dir(openai_scan)
    assert getattr(openai_scan, name) is getattr(openai_scan.events, name)
    assert not hasattr(openai_scan, "ChoiceDelta")
    assert not hasattr(openai_scan.events, "News")


@pytest.mark.parametrize(
    "family",
    [
        path.name
        for path in sorted(Path(openai_scan.events.__file__).parent.iterdir())
        if (path / "snapshot.py").exists()
    ],
)
def test_every_family_has_a_fold(family: str) -> None:
    """The folder of a family, the `family` of its events and that of its fold are one name."""
    package = importlib.import_module(f"openai_scan.events.{family}")
    classes = [one for one in vars(package).values() if isinstance(one, type)]
    assert {one.family for one in classes if issubclass(one, Event)} == {family}
    assert folds._new_fold(family).family == family
