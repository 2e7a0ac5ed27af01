"""The whole answer of an image generation or edit stream."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs import field, frozen

from openai_scan.events.base import Event, Fold, Note
from openai_scan.events.binary import from_base64
from openai_scan.events.images.base import BringsImage, BringsPartialImage, ImagesBase
from openai_scan.events.images.objects import ImagesUsage
from openai_scan.events.snapshot import WithoutText
from openai_scan.values import Counts, Piece, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Image(Value):
    """An image.

    Attributes:
        b64_json: The image, as base64; not shown in the `repr`.
        created_at: When it was created, in Unix seconds; None if missing.
        size: Its width and height in pixels, such as `1024x1024`; `""` if missing.
        quality: Its quality; `""` if missing.
        background: Its background; `""` if missing.
        output_format: Its format, such as `png`; `""` if missing.
        is_partial: Whether it is not finished.
    """

    b64_json: str = field(default="", repr=False)
    created_at: int | None = None
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    is_partial: bool = False

    @property
    def data(self) -> bytes:
        """The image, decoded; empty if the server did not send base64."""
        return from_base64(self.b64_json) or b""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImagesAnswer(WithoutText, Value):
    """The images that have arrived.

    Attributes:
        images: The images in order; the last one may be partial.
        usage: The token counts that the server sent last; None if it sent none.
    """

    images: tuple[Image, ...] = ()
    usage: ImagesUsage | None = None

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        usage = self.usage
        if usage is None:
            return None
        return Counts(
            input=usage.input_tokens, output=usage.output_tokens, total=usage.total_tokens
        )

    @property
    def finish_reason(self) -> None:
        """Always None, since the server gives no reason for the end."""
        return

    @property
    def image(self) -> Image | None:
        """The last image, or None."""
        return self.images[-1] if self.images else None


class ImagesFold(Fold):
    """Collects the finished images and the last state of the unfinished one.

    The pieces are the finished images, each a choice of its own.
    """

    family = "images"

    def __init__(self) -> None:
        self._images: list[Image] = []
        self._partial: BringsPartialImage | None = None
        self._usage: ImagesUsage | None = None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        match event:
            case BringsPartialImage():
                self._partial = event
            case BringsImage():
                image = _image(event, is_partial=False)
                if not image.b64_json and self._partial is not None:
                    # The end does not take back what came before it.
                    note("image_without_data")
                    image = attrs.evolve(image, b64_json=self._partial.b64_json, is_partial=True)
                self._partial = None
                self._images.append(image)
                self._usage = event.usage or self._usage
                if image.b64_json:
                    return (Piece("image", len(self._images) - 1, image.b64_json),)
        return ()

    def value(self) -> ImagesAnswer:
        images = self._images
        if self._partial is not None:
            images = [*images, _image(self._partial, is_partial=True)]
        return ImagesAnswer(images=tuple(images), usage=self._usage)


def _image(event: ImagesBase, *, is_partial: bool) -> Image:
    return Image(
        b64_json=event.b64_json,
        created_at=event.created_at,
        size=event.size,
        quality=event.quality,
        background=event.background,
        output_format=event.output_format,
        is_partial=is_partial,
    )
