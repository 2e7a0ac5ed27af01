"""Events and answers of audio and images."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from openai_scan.testing.steps import data, done, event, pieces_of

_TOKENS = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
_PICTURE = {
    "created_at": 1,
    "size": "1024x1024",
    "quality": "high",
    "background": "opaque",
    "output_format": "png",
}


def transcript_delta(text: str) -> bytes:
    """Return the event that adds *text* to a transcript."""
    return data({"type": "transcript.text.delta", "delta": text})


def transcript_answer(text: str | Iterable[str]) -> list[bytes]:
    """Return the events of a whole transcript, `[DONE]` included.

    Args:
        text: A string, which is sent word by word, or the pieces to send.
    """
    pieces = pieces_of(text)
    usage = {"type": "tokens", **_TOKENS}
    whole = {"type": "transcript.text.done", "text": "".join(pieces), "usage": usage}
    return [*map(transcript_delta, pieces), data(whole), done()]


def speech_delta(sound: bytes) -> bytes:
    """Return the event that adds *sound* to a speech stream."""
    return data({"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()})


def speech_answer(*sounds: bytes) -> list[bytes]:
    """Return the events of a whole speech stream, `[DONE]` included.

    Args:
        sounds: The audio, in the pieces to send.
    """
    usage = data({"type": "speech.audio.done", "usage": _TOKENS})
    return [*map(speech_delta, sounds), usage, done()]


def image_partial(image: bytes, number: int = 0, *, edit: bool = False) -> bytes:
    """Return the event with an unfinished image.

    Args:
        image: The bytes of the image file.
        number: How many unfinished images came before it.
        edit: Whether the image is edited rather than generated.
    """
    return _image("partial_image", edit, image, partial_image_index=number)


def image_answer(image: bytes, *, partial: Iterable[bytes] = (), edit: bool = False) -> list[bytes]:
    """Return the events of a whole image.

    Args:
        image: The bytes of the image file.
        partial: The unfinished images before it.
        edit: Whether the image is edited rather than generated.
    """
    shown = [image_partial(one, number, edit=edit) for number, one in enumerate(partial)]
    return [*shown, _image("completed", edit, image, usage=_TOKENS)]


def _image(name: str, edit: bool, image: bytes, **facts: Any) -> bytes:  # noqa: FBT001 - our own
    wire_name = f"image_{'edit' if edit else 'generation'}.{name}"
    picture = base64.b64encode(image).decode()
    return event(wire_name, {"type": wire_name, **_PICTURE, "b64_json": picture, **facts})
