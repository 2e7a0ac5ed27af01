"""Image generation and edit: what the events answer, and how the streams end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import (
    Event,
    ImageEditCompleted,
    ImageEditPartialImage,
    ImageGenerationCompleted,
    ImageGenerationPartialImage,
    StreamerV2,
)
from openai_scan.events import decode
from openai_scan.events.images import ImagesInputTokensDetails, ImagesUsage
from openai_scan.sse import RawEvent

FIELDS = {
    "b64_json": "AAE=",
    "created_at": 1,
    "size": "1024x1024",
    "quality": "high",
    "background": "opaque",
    "output_format": "png",
}
USAGE = {
    "total_tokens": 3,
    "input_tokens": 1,
    "output_tokens": 2,
    "input_tokens_details": {"text_tokens": 1, "image_tokens": 0},
}


def event_of(name: str, *, named: bool, **payload: Any) -> Event:
    """Return the event for a payload that came with an `event:` line or without."""
    return decode(RawEvent(name if named else "message", json.dumps({"type": name, **payload})))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("image_generation.partial_image", ImageGenerationPartialImage),
        ("image_edit.partial_image", ImageEditPartialImage),
    ],
)
def test_partial_image_is_reported(
    name: str,
    cls: type[ImageGenerationPartialImage | ImageEditPartialImage],
    named: bool,
) -> None:
    """A partial image is typed, and answers with its bytes."""
    event = event_of(name, named=named, partial_image_index=0, **FIELDS)
    assert event == cls(
        b64_json="AAE=",
        created_at=1,
        size="1024x1024",
        quality="high",
        background="opaque",
        output_format="png",
        partial_image_index=0,
        raw=event.raw,
    )
    assert event.unwrap_partial_image() == b"\x00\x01"
    assert event.unwrap_usage() is None


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("image_generation.completed", ImageGenerationCompleted),
        ("image_edit.completed", ImageEditCompleted),
    ],
)
def test_whole_image_is_reported(
    name: str,
    cls: type[ImageGenerationCompleted | ImageEditCompleted],
    named: bool,
) -> None:
    """A whole image is typed, is not a partial one, and brings the usage."""
    event = event_of(name, named=named, usage=USAGE, **FIELDS)
    usage = ImagesUsage(
        total_tokens=3,
        input_tokens=1,
        output_tokens=2,
        input_tokens_details=ImagesInputTokensDetails(text_tokens=1, image_tokens=0),
    )
    assert event == cls(
        b64_json="AAE=",
        created_at=1,
        size="1024x1024",
        quality="high",
        background="opaque",
        output_format="png",
        usage=usage,
        raw=event.raw,
    )
    assert event.unwrap_partial_image() is None
    assert event.unwrap_usage() == usage


def test_image_that_is_not_base64_is_none() -> None:
    """Data that cannot be decoded count as None, without an error."""
    event = event_of("image_edit.partial_image", named=True, b64_json="not base64")
    assert isinstance(event, ImageEditPartialImage)
    assert event.unwrap_partial_image() is None


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        (["partial_image", "partial_image", "completed"], "completed"),
        (["completed"], "completed"),
        (["partial_image", "completed", "partial_image", "completed"], "completed"),
        (["partial_image"], "truncated"),
        (["partial_image", "completed", "partial_image"], "truncated"),
    ],
)
def test_stream_ends_with_a_whole_image(names: list[str], outcome: str) -> None:
    """A stream is whole if every image that began is complete; it needs no [DONE]."""
    payloads = [{"type": f"image_generation.{name}", "b64_json": "AAE="} for name in names]
    stream = StreamerV2([f"data: {json.dumps(payload)}\n\n".encode() for payload in payloads])
    while stream.next():
        pass
    assert stream.outcome == outcome
    assert stream.notes == {}
