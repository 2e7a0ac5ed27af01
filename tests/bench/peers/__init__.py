"""The libraries that openai_scan is compared with: an adapter for each, and where it is not there.

An adapter is fed the same chunks from memory, through the library's own HTTP response, and returns
how many events came out, and how many characters of text (typed) or of data (raw, parsed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import TypeAlias

from bench.peers import httpx_lines, httpx_sse, openai_python, sseclient_py

ReadFamily: TypeAlias = Callable[[Iterable[bytes], str], tuple[int, int]]
"""Reads a stream of a family; returns how many events came, and how many characters."""

# By the names under which they are installed; behind each, the module that has to be there. For
# openai-python that is the HTTP client of its newest versions, which is what they are read with.
RAW: dict[str, tuple[str, ReadFamily]] = {
    "httpx-sse": ("httpx_sse", httpx_sse.raw),
    "sseclient-py": ("sseclient", sseclient_py.raw),
    "openai-python's decoder": ("httpx2", openai_python.raw),
}
PARSED: dict[str, tuple[str, ReadFamily]] = {
    "httpx, json.loads": ("httpx", httpx_lines.parsed),
}
TYPED: dict[str, tuple[str, ReadFamily]] = {
    "openai-python": ("httpx2", openai_python.typed),
}


def installed(peers: dict[str, tuple[str, ReadFamily]]) -> dict[str, ReadFamily]:
    """Return those of *peers* that can be used here."""
    return {name: read for name, (module, read) in peers.items() if find_spec(module)}
