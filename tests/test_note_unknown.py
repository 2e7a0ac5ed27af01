"""With `note_unknown` a stream counts what its classes have no place for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import recordings
from chatting import DONE, chunk
from drivers import SteppedStreamer
from folding import wire

from openai_scan import StreamerV2
from openai_scan.events import decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.decoding.unknown import NotingStructurer
from openai_scan.sse import EventTokenizer


def unknown(*payloads: Any, driver: Any = StreamerV2) -> dict[str, int]:
    """Return the notes of a stream of *payloads* in which unknown keys are noted."""
    streamer = driver(wire(*payloads), require_terminal=False, note_unknown=True)
    while streamer.next():
        pass
    return dict(streamer.notes)


@pytest.mark.parametrize("driver", [StreamerV2, SteppedStreamer])
def test_unknown_keys_are_noted_with_their_places(driver: Any) -> None:
    """Unknown keys are counted at any depth, in each item of a list and in each event."""
    tokens = [{"token": "t", "logprob": -1.5, "shape": "round"}] * 2
    chunks = [chunk({"content": text, "mood": "good"}) for text in "abcdef"]
    for one in chunks:
        one["choices"][0]["logprobs"] = {"content": tokens}
    found = unknown(*({**one, "planet": {"x": 1}} for one in chunks), DONE, driver=driver)
    assert found == {
        "unknown_field: ChatCompletionChunk $.planet": 6,
        "unknown_field: ChatCompletionChunk $.choices[].delta.mood": 6,
        "unknown_field: ChatCompletionChunk $.choices[].logprobs.content[].shape": 12,
    }


def test_nothing_is_noted_unless_it_is_asked_for() -> None:
    """Unknown keys are no fault, and the module that finds them is not loaded."""
    script = """
import sys
from openai_scan import StreamerV2
data = b'data: {"object": "chat.completion.chunk", "choices": [], "planet": 1}\\n\\n'
s = StreamerV2([data, b"data: [DONE]\\n\\n"])
print([e.type for e in s], dict(s.notes), "openai_scan.events.decoding.unknown" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "['chat.completion.chunk', 'done'] {} False\n"


def test_kinds_are_noted() -> None:
    """An object of an unknown type is noted; so is one without a type."""
    output = [
        {"type": "hologram_call", "id": "h"},
        {"id": "nothing"},
        {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "x", "hue": 1}]},
    ]
    response = {"id": "r", "object": "response", "status": "completed", "output": output}
    settings = {"text": {"new": 1}, "instructions": [{"new": 1}], "usage": None}
    found = unknown({"type": "response.completed", "response": {**response, **settings}})
    assert found == {
        "unknown_kind: ResponseCompleted $.response.output[] hologram_call": 1,
        "unknown_kind: ResponseCompleted $.response.output[] None": 1,
        "unknown_field: ResponseCompleted $.response.output[].content[].hue": 1,
    }


def test_what_no_class_has_on_purpose_is_not_noted() -> None:
    """The padding, the tags, and a field that has another name than its key."""
    delta = {"type": "response.output_text.delta", "delta": "x", "obfuscation": "zzz"}
    call = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "async": True}
    done = {"type": "response.output_item.done", "item": {**call, "arguments": "{}"}}
    assert unknown(delta, done) == {}
    thread = ("thread.created", {"id": "t", "object": "thread", "new": 1})
    assert unknown(thread) == {"unknown_field: Thread $.new": 1}


def test_value_of_the_wrong_type_is_not_looked_into() -> None:
    """Such a value is noted as skipped, without its keys."""
    wrong = {"logprobs": {"new": 1}, "item_id": [{"new": 1}]}
    payload = {"type": "response.output_text.delta", "delta": "x", **wrong}
    assert unknown(payload) == {
        "skipped_field: ResponseOutputTextDelta $.logprobs": 1,
        "skipped_field: ResponseOutputTextDelta $.item_id": 1,
    }


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", sorted(recordings.OWN))
def test_events_are_the_same(name: str) -> None:
    """The streams of real servers are decoded as ever, and only these notes are added."""
    plain, noting = Counter[str](), Counter[str]()
    structures = Structurer(notes=plain), NotingStructurer(notes=noting)
    for raw in EventTokenizer().feed(recordings.OWN[name]):
        one, other = (decode(raw, structure) for structure in structures)
        assert one == other
    assert plain == Counter(
        {note: count for note, count in noting.items() if not note.startswith("unknown_")}
    )


@pytest.mark.parametrize("driver", [StreamerV2, SteppedStreamer])
def test_strict_streams_note_as_well(driver: Any) -> None:
    """An unknown key is not an error, however strict the stream is."""
    streamer = driver(wire(chunk({"mood": "good"}), DONE), strict=True, note_unknown=True)
    while streamer.next():
        pass
    assert streamer.err() is None
    assert dict(streamer.notes) == {"unknown_field: ChatCompletionChunk $.choices[].delta.mood": 1}
