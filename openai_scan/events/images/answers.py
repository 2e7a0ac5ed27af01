"""What the events of image generation and edit answer."""

from __future__ import annotations

from openai_scan.events.base import Event, StreamPart, from_base64
from openai_scan.events.images.objects import ImagesUsage


class BringsPartialImage(Event):
    """Answers for an event with an image so far."""

    __slots__ = ()

    b64_json: str

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # Where several images were asked for, the next one begins after one is completed.
        return (("image", None),)

    def unwrap_partial_image(self) -> bytes | None:
        return from_base64(self.b64_json)


class BringsImage(Event):
    """Answers for an event with a whole image."""

    __slots__ = ()

    usage: ImagesUsage | None

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("image", "completed"),)

    def unwrap_usage(self) -> ImagesUsage | None:
        return self.usage
