"""The images API: generation and edit.

Source: https://platform.openai.com/docs/api-reference/images
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient
from openai_scan.client.params import CreateImage, EditImage
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.images import ImageEvent
    from openai_scan.events.images.snapshot import ImagesAnswer


class ImagesMethods(BaseClient):
    """The methods of `Client` for the images API."""

    def create_image_stream(
        self, **params: Unpack[CreateImage]
    ) -> StreamerV2[ImageEvent, ImagesAnswer]:
        """Generate images and stream them, with as many unfinished versions as `partial_images`."""
        return self._stream("/images/generations", CreateImage, params, stream=True)

    def edit_image_stream(
        self, **params: Unpack[EditImage]
    ) -> StreamerV2[ImageEvent, ImagesAnswer]:
        """Make images from other images, and stream them.

        Raises:
            OSError: A file cannot be read.
        """
        files = ["image", "markup", "mask"]
        return self._stream("/images/edits", EditImage, params, files=files, stream=True)
