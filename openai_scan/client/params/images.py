"""What the methods of the images API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Sequence

from typing_extensions import Required

from openai_scan.client.files import File
from openai_scan.client.params.base import Extras


class _ImageSettings(Extras, total=False):
    """What the image should be like.

    Attributes:
        prompt: What the image shows.
        model: The name of the model, such as `"gpt-image-1"`.
        background: `"transparent"`, `"opaque"` or `"auto"` (the default).
        complexity: How much to plan first: `"low"`, `"medium"` or `"high"`.
        n: How many images to generate, 1 to 10.
        output_compression: The quality of a JPEG or WebP image, 0 to 100 percent; 100 by default.
        output_format: `"png"` (the default), `"jpeg"` or `"webp"`.
        partial_images: How many unfinished images to send before each final one, 0 to 3.
        quality: `"low"`, `"medium"`, `"high"` or `"auto"` (the default).
        safety_identifier: An identifier of your user, such as a hash, to trace abuse.
        size: Width and height in pixels, such as `"1024x1024"`, or `"auto"` (the default).
        user: Superseded by `safety_identifier`.
    """

    prompt: Required[str]
    model: str | None
    background: str | None
    complexity: str | None
    n: int | None
    output_compression: int | None
    output_format: str | None
    partial_images: int | None
    quality: str | None
    safety_identifier: str | None
    size: str | None
    user: str | None


class CreateImage(_ImageSettings, total=False):
    """A new image.

    Attributes:
        moderation: How strictly images are checked: `"low"` or `"auto"` (the default).
        style: `"vivid"` or `"natural"`; only for older models.
    """

    moderation: str | None
    style: str | None


class EditImage(_ImageSettings, total=False):
    """An image made from other images.

    Attributes:
        image: The files of the images to work from, each passed as `File` describes.
        input_fidelity: How closely to follow the images, faces included: `"low"` (the default) or
            `"high"`.
        markup: A transparent PNG on top of the first image, with hints for the edit; not together
            with *mask*.
        mask: A PNG whose transparent areas mark what to change in the first image.
    """

    image: Required[File | Sequence[File]]
    input_fidelity: str | None
    markup: File | None
    mask: File | None
