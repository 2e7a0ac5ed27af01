"""Attachments: images, sound and files that are sent with a question, as each API takes them.

| | Chat Completions | Responses |
|---|---|---|
| image: PNG, JPEG, GIF, WebP | the URL, or the file | the URL, or the file |
| sound: WAV, MP3 | the file; from a URL it is fetched | not taken |
| document: PDF, Word, ... | the file; from a URL it is fetched | the URL, or the file |
| text in UTF-8 | as text; from a URL it is fetched | as text; from a URL it is fetched |

A URL that is passed on is opened by the server of the API. Nothing but the URL's own host sees what
is fetched here, and no key is sent there.
"""

from __future__ import annotations

import base64
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import click
from attrs import field, frozen

from openai_scan.errors import TransportError
from openai_scan.schema import API

MAX_BYTES = 50 * 1024 * 1024
"""How many bytes all attachments of a question may have; OpenAI takes no more."""

# Seconds to wait for each piece of what is fetched.
_PATIENCE = 30.0

_CHUNK = 64 * 1024

# How files of these types begin. WebP and WAV say what they are after their length.
_MAGIC: Sequence[tuple[bytes, int, bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", 0, b"", "image/png"),
    (b"\xff\xd8\xff", 0, b"", "image/jpeg"),
    (b"GIF8", 0, b"", "image/gif"),
    (b"RIFF", 8, b"WEBP", "image/webp"),
    (b"RIFF", 8, b"WAVE", "audio/wav"),
    (b"ID3", 0, b"", "audio/mpeg"),
    (b"%PDF-", 0, b"", "application/pdf"),
)

_IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}

# The names of formats in Chat Completions.
_SOUNDS = {"audio/wav": "wav", "audio/mpeg": "mp3"}

_OFFICE = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS = {
    ".doc": "application/msword",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pdf": "application/pdf",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}
# Not left to `mimetypes`, which asks the system, and systems differ.
_BY_SUFFIX = _DOCUMENTS | {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webp": "image/webp",
}

_TEXT = "text/plain"

# Other names of the same types.
_ALIASES = {
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
}

_TAKES = {
    "chat": "images (PNG, JPEG, GIF, WebP), sound (WAV, MP3), documents such as PDF, and text",
    "responses": "images (PNG, JPEG, GIF, WebP), documents such as PDF, and text",
}


@frozen
class Attachment:
    """Something to send with a question.

    Attributes:
        name: The name of the file.
        type: Its media type.
        data: What is in it; None if the API opens the URL.
        url: Where it is; None for a file.
    """

    name: str
    type: str
    data: bytes | None = field(repr=False)
    url: str | None = None

    def described(self) -> dict[str, Any]:
        """Return what the log says of it."""
        size = None if self.data is None else len(self.data)
        return {"name": self.name, "type": self.type, "bytes": size, "url": self.url}

    def part(self, api: API) -> dict[str, Any]:
        """Return the part of a message that it is."""
        for_responses = api == "responses"
        if self.type == _TEXT:
            text = f"{self.name}:\n\n{(self.data or b'').decode('utf-8-sig')}"
            return {"type": "input_text" if for_responses else "text", "text": text}
        encoded = base64.b64encode(self.data or b"").decode()
        place = self.url if self.data is None else f"data:{self.type};base64,{encoded}"
        if self.type in _IMAGES:
            if for_responses:
                return {"type": "input_image", "image_url": place}
            return {"type": "image_url", "image_url": {"url": place}}
        if self.type in _SOUNDS:
            sound = {"data": encoded, "format": _SOUNDS[self.type]}
            return {"type": "input_audio", "input_audio": sound}
        if self.data is None:
            return {"type": "input_file", "file_url": place}
        file = {"filename": self.name, "file_data": place}
        return {"type": "input_file", **file} if for_responses else {"type": "file", "file": file}


def text_part(text: str, api: API) -> dict[str, Any]:
    """Return the part of a message that is its text."""
    return {"type": "input_text" if api == "responses" else "text", "text": text}


def attached(places: Sequence[str], api: API) -> list[Attachment]:
    """Return the attachments at *places*: paths, URLs, or `-` for standard input.

    Raises:
        click.UsageError: One cannot be read, is of a type that the API does not take, or all
            together are too large.
        TransportError: One cannot be fetched.
    """
    found: list[Attachment] = []
    left = MAX_BYTES
    for place in places:
        one = _from_url(place, api, left) if _is_url(place) else _from_file(place, api, left)
        left -= len(one.data or b"")
        found.append(one)
    return found


def _from_file(place: str, api: API, limit: int) -> Attachment:
    if place == "-":
        name, data = "standard input", sys.stdin.buffer.read(limit + 1)
    else:
        path = Path(place)
        name = path.name
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except (OSError, ValueError) as error:  # a name may have a NUL in it
            reason = getattr(error, "strerror", None) or error
            raise click.UsageError(f"--attach {place}: {reason}.") from None
    _check_size(place, len(data), limit)
    if not data:
        raise click.UsageError(f"--attach {place}: it is empty.")
    return Attachment(name, _checked_type(place, _type_of(name, data), api), data)


def _from_url(url: str, api: API, limit: int) -> Attachment:
    name = PurePosixPath(unquote(urlsplit(url).path)).name or urlsplit(url).netloc
    kind = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    if kind is not None and _is_passed_on(kind, api):
        return Attachment(name, kind, None, url)
    import requests  # slow to load, and needed only here

    try:
        with requests.get(url, stream=True, timeout=_PATIENCE) as response:
            response.raise_for_status()
            said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            kind = _ALIASES.get(said, said)
            if _is_passed_on(kind, api):
                return Attachment(name, kind, None, url)
            data = bytearray()
            for chunk in response.iter_content(_CHUNK):
                data += chunk
                _check_size(url, len(data), limit)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        reason = type(error).__name__ if status is None else f"HTTP status {status}"
        raise TransportError(f"--attach {url} cannot be fetched: {reason}") from error
    found = _type_of(name, bytes(data))
    return Attachment(name, _checked_type(url, found, api), bytes(data), url)


def _is_url(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


def _is_passed_on(kind: str, api: API) -> bool:
    """Return whether the API opens the URL of such a file itself."""
    return kind in _IMAGES or (api == "responses" and kind in _DOCUMENTS.values())


def _type_of(name: str, data: bytes) -> str:
    """Return the media type of *data*: by how it begins, by its name, or text if it is text."""
    for start, at, then, kind in _MAGIC:
        if data.startswith(start) and data.startswith(then, at):
            return kind
    # An MP3 file without a tag begins with a frame: eleven set bits, then any version, layer III.
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2:
        return "audio/mpeg"
    by_suffix = _DOCUMENTS.get(PurePosixPath(name).suffix.lower())
    if by_suffix is not None:
        return by_suffix
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if b"\0" not in data:
            return _TEXT
    guessed = mimetypes.guess_type(name)[0] or "of an unknown type"
    return "text, but not in UTF-8" if guessed.startswith("text/") else guessed


def _checked_type(place: str, kind: str, api: API) -> str:
    """Return *kind* if the API takes it."""
    is_sound = kind in _SOUNDS
    if is_sound and api == "responses":
        raise click.UsageError(
            f"--attach {place} is sound, which the Responses API does not take: use openai-scan"
            " chat."
        )
    if not (is_sound or kind in _IMAGES or kind in _DOCUMENTS.values() or kind == _TEXT):
        raise click.UsageError(
            f"--attach {place} is {kind}, which the API does not take. It takes {_TAKES[api]}."
        )
    return kind


def _check_size(place: str, size: int, limit: int) -> None:
    if size > limit:
        raise click.UsageError(
            f"--attach {place}: all attachments together may have {MAX_BYTES // 1024**2} MiB."
        )
