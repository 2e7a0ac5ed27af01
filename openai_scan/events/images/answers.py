"""What the events of image generation and edit answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai_scan.events.base import Event, StreamPart, from_base64
from openai_scan.events.images.objects import ImagesUsage

if TYPE_CHECKING:
    from openai_scan.events.snapshot import Fold, Note


class ImageEvent(Event):
    """What all of them have in common."""

    def fold(self, state: Fold | None, note: Note) -> Fold:
        if state is None or state.over or state.family != "images":
            from openai_scan.events.images.snapshot import ImagesFold

            state = ImagesFold()
        state.take(self, note)
        return state


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
