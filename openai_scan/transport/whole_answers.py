"""Turn a whole answer, which came in place of a stream, into the events of that stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openai_scan import bounded_json
from openai_scan.events import DONE, from_answer
from openai_scan.sse import RawEvent

# What an answer states once for all its images, and a stream in the event of each.
_IMAGE_FACTS = ("size", "quality", "background", "output_format", "usage")


def as_stream(body: bytes) -> list[RawEvent]:
    """Return the events of the whole answer *body*.

    The list is empty for an error, and for anything unknown: `refusals.mismatch()` explains those.
    """
    try:
        payload = bounded_json.loads(body)
    except ValueError:
        return []
    match payload:
        case {"error": error} if error:
            return []
        case {"text": str()} if "object" not in payload:  # whisper-1 does not stream
            return [_typed("transcript.text.done", payload), RawEvent("message", DONE)]
        case {"data": [{"b64_json": str()}, *_] as images}:
            facts = {name: payload[name] for name in _IMAGE_FACTS if name in payload}
            return [_typed("image_generation.completed", {**facts, **image}) for image in images]
        case _:
            return from_answer(payload)


def _typed(name: str, payload: Mapping[str, Any]) -> RawEvent:
    return RawEvent(name, json.dumps({**payload, "type": name}))
