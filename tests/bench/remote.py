"""The readers of chat streams over HTTP: a bare socket, bare requests, openai_scan, openai-python.

Run as `python -m bench.remote READER URL` it reads one stream to its end, and prints the events.
"""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

    from openai_scan import Client

ReadTexts: TypeAlias = Callable[[str], Generator[str, None, None]]
"""Asks the server at a URL, and yields the texts of the events, as soon as they are there."""


def bare_socket(url: str) -> Generator[str, None, None]:
    """Read the socket, and look for nothing but the text."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = f"POST {where.path}/chat/completions HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request.encode())
        yield from _texts(lambda: connection.recv(65536))


def bare_requests(url: str) -> Generator[str, None, None]:
    """Read with `read1` of requests' raw response, and look for nothing but the text."""
    with _session().post(f"{url}/chat/completions", stream=True) as response:
        yield from _texts(response.raw.read1)


def _texts(read: Callable[[], bytes]) -> Iterator[str]:
    rest = b""
    while chunk := read():
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            _, found, behind = block.partition(b'"content":"')
            if found:
                yield behind[: behind.index(b'"')].decode()


def openai_scan(url: str) -> Generator[str, None, None]:
    """Read with the client of openai_scan, one for all streams."""
    messages: Any = [{"role": "user", "content": ""}]
    with _our_client(url).create_chat_completion_stream(model="m", messages=messages) as s:
        while s.next():
            s.event()
            text = s.text()
            if text is not None:
                yield text


def openai_python(url: str) -> Generator[str, None, None]:
    """Read with the client of openai-python, one for all streams."""
    completions = _their_client(url).chat.completions
    with completions.create(model="m", messages=[], stream=True) as stream:
        for chunk in stream:
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text is not None:
                yield text


@functools.cache
def _session() -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=1_000))
    return session


@functools.cache
def _our_client(url: str) -> Client:
    from openai_scan import Client

    return Client(api_key="-", base_url=url)


@functools.cache
def _their_client(url: str) -> Any:
    from openai import OpenAI

    return OpenAI(api_key="-", base_url=url, max_retries=0)


READERS: dict[str, ReadTexts] = {
    "bare socket": bare_socket,
    "bare requests": bare_requests,
    "openai_scan": openai_scan,
    "openai-python": openai_python,
}

if __name__ == "__main__":
    _, reader, url = sys.argv
    sys.stdout.write(f"{sum(1 for _ in READERS[reader](url))}\n")
