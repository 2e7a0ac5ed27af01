"""What the methods of the images API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Sequence

from typing_extensions import Required

from openai_scan.client.files import File
from openai_scan.client.params.base import Extras


class _ImageSettings(Extras, total=False):
    """What an image is to be like."""

    prompt: Required[str]
    model: str | None
    background: str | None  # "transparent", "opaque" or "auto"
    complexity: str | None  # how much to plan before: "low", "medium" or "high"
    n: int | None  # how many images
    output_compression: int | None  # 0 to 100 percent
    output_format: str | None  # "png", "jpeg" or "webp"
    partial_images: int | None  # how many to send before the whole one: 0 to 3
    quality: str | None  # "low", "medium", "high" or "auto"
    safety_identifier: str | None
    size: str | None  # such as "1024x1024", "auto"
    user: str | None  # superseded by safety_identifier


class CreateImage(_ImageSettings, total=False):
    """A new image."""

    moderation: str | None  # "low" or "auto"
    style: str | None


class EditImage(_ImageSettings, total=False):
    """An image made of others."""

    image: Required[File | Sequence[File]]
    input_fidelity: str | None  # "low" or "high"
    markup: File | None  # a transparent PNG on top of the first image, with hints for the edit
    mask: File | None  # its transparent places are the ones to change
