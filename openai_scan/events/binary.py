"""Bytes that events carry as text: audio and images."""

from __future__ import annotations

import base64


def from_base64(data: str | None) -> bytes | None:
    """Return *data* decoded, or None if they are None or not base64."""
    try:
        return None if data is None else base64.b64decode(data, validate=True)
    except ValueError:
        return None
