"""The files of the page, read once into a short list, so that a request cannot name other files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

FOLDER = Path(__file__).with_name("page")
"""The folder of the files."""

# The types of the files to serve; others are ignored.
_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Everything comes from this server, no script or style is inline, no other page may frame the page,
# and nothing is revealed to other sites.
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@frozen
class PageFile:
    """A file of the page.

    Attributes:
        body: What it contains.
        headers: The headers of the response, with its `ETag`.
    """

    body: bytes = field(repr=False)
    headers: Mapping[str, str]


def load_page(folder: Path) -> Mapping[str, PageFile]:
    """Return the files in *folder* by name; `index.html` is named `""`."""
    files = {}
    for found in folder.iterdir() if folder.is_dir() else ():
        kind = _TYPES.get(found.suffix)
        if kind is not None and found.is_file():
            body = found.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            name = "" if found.name == "index.html" else found.name
            files[name] = PageFile(body, {**_HEADERS, "Content-Type": kind, "ETag": tag})
    return files
