"""The objects of image generation and edit.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/images-streaming
"""

from __future__ import annotations

from attrs import frozen

from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImagesInputTokensDetails(Value):
    """What the tokens of the input were."""

    text_tokens: int | None = None
    image_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImagesUsage(Value):
    """How many tokens the image took."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: ImagesInputTokensDetails | None = None
