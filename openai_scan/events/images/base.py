"""The bases of the events of image generation and edit: their answers to `Event`'s questions."""

from __future__ import annotations

from typing import ClassVar

from openai_scan.events.base import Event, StreamPart, from_base64
from openai_scan.events.images.objects import ImagesUsage


class ImageEvent(Event):
    """What all of them have in common."""

    family: ClassVar[str] = "images"


class BringsPartialImage(ImageEvent):
    """Answers for an event with an image so far."""

    b64_json: str

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # Where several images were asked for, the next one begins after one is completed.
        return (("image", None),)

    def unwrap_partial_image(self) -> bytes | None:
        return from_base64(self.b64_json)


class BringsImage(ImageEvent):
    """Answers for an event with a whole image."""

    usage: ImagesUsage | None

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("image", "completed"),)

    def unwrap_usage(self) -> ImagesUsage | None:
        return self.usage
