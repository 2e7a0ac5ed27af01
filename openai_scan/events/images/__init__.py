"""The family of image generation and edit: everything that changes when that API changes.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
"""

from openai_scan.events.images.events import (
    ImageEditCompleted,
    ImageEditPartialImage,
    ImageGenerationCompleted,
    ImageGenerationPartialImage,
    decode,
)
from openai_scan.events.images.objects import ImagesInputTokensDetails, ImagesUsage

__all__ = [
    "ImageEditCompleted",
    "ImageEditPartialImage",
    "ImageGenerationCompleted",
    "ImageGenerationPartialImage",
    "ImagesInputTokensDetails",
    "ImagesUsage",
    "decode",
]
