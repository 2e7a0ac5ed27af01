"""The events of image generation and edit: one class per wire name, and the match that picks it.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
Their bases are in base.py.

Source: https://platform.openai.com/docs/api-reference/images-streaming
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from openai_scan.events.base import Event
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.images.base import BringsImage, BringsPartialImage
from openai_scan.events.images.objects import ImagesUsage
from openai_scan.sse import RawEvent


@frozen(slots=False, eq=False, repr=False)
class ImageGenerationPartialImage(BringsPartialImage):
    """`image_generation.partial_image`: the image so far; *b64_json* is base64."""

    wire_name: ClassVar[str] = "image_generation.partial_image"

    b64_json: str
    created_at: int | None = None  # Unix seconds
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    partial_image_index: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ImageGenerationCompleted(BringsImage):
    """`image_generation.completed`: the whole image; *b64_json* is base64."""

    wire_name: ClassVar[str] = "image_generation.completed"

    b64_json: str
    created_at: int | None = None  # Unix seconds
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    usage: ImagesUsage | None = None


@frozen(slots=False, eq=False, repr=False)
class ImageEditPartialImage(BringsPartialImage):
    """`image_edit.partial_image`: the edited image so far; *b64_json* is base64."""

    wire_name: ClassVar[str] = "image_edit.partial_image"

    b64_json: str
    created_at: int | None = None  # Unix seconds
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    partial_image_index: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ImageEditCompleted(BringsImage):
    """`image_edit.completed`: the whole edited image; *b64_json* is base64."""

    wire_name: ClassVar[str] = "image_edit.completed"

    b64_json: str
    created_at: int | None = None  # Unix seconds
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    usage: ImagesUsage | None = None


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event that *name* stands for, or None if this version does not know it.

    Raises:
        DecodeError: The payload does not fit the event's class.
    """
    event_class: type[Event]
    match name:
        case "image_generation.partial_image":
            event_class = ImageGenerationPartialImage
        case "image_generation.completed":
            event_class = ImageGenerationCompleted
        case "image_edit.partial_image":
            event_class = ImageEditPartialImage
        case "image_edit.completed":
            event_class = ImageEditCompleted
        case _:
            return None
    return structure.event(payload, event_class, raw)
