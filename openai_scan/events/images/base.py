"""The bases of the events of image generation and edit: their answers to `Event`'s questions."""

from __future__ import annotations

from typing import ClassVar

from openai_scan.events.base import Event, StreamPart
from openai_scan.events.binary import from_base64
from openai_scan.events.images.objects import ImagesUsage
from openai_scan.values import Piece


class ImagesBase(Event):
    """The base of all events of image generation and edit."""

    family: ClassVar[str] = "images"

    b64_json: str
    created_at: int | None
    size: str
    quality: str
    background: str
    output_format: str


class BringsPartialImage(ImagesBase):
    """The base of an event with an unfinished image."""

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # With several images (n > 1), the next one begins after one is completed.
        return (("image", None),)

    def unwrap_partial_image(self) -> bytes | None:
        return from_base64(self.b64_json)


class BringsImage(ImagesBase):
    """The base of an event with a whole image."""

    usage: ImagesUsage | None

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("image", text=self.b64_json),) if self.b64_json else ()

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("image", "completed"),)

    def unwrap_usage(self) -> ImagesUsage | None:
        return self.usage
