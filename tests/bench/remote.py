"""The readers of streams over HTTP: bare sockets and clients, openai_scan, other libraries.

Run as `python -m bench.remote READER URL` it reads one chat stream to its end, and prints how many
events had a text.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from attrs import frozen

if TYPE_CHECKING:
    import requests

    from openai_scan import Client, StreamerV2


class ReadTexts(Protocol):
    """Asks the server at a URL, and yields the texts of the events, as soon as they are there."""

    def __call__(self, url: str, family: str = "chat") -> Generator[str, None, None]:
        """Read a stream of this family."""
        ...


@frozen
class _Api:
    """Where an API is, and where its events have their text.

    Attributes:
        marker: What precedes the text in the bytes of an event.
        text_of: Returns the text of a parsed payload, or None.
    """

    path: str
    marker: bytes
    text_of: Callable[[dict[str, Any]], str | None]


def _text_of_chat(payload: dict[str, Any]) -> str | None:
    text: str | None = payload["choices"][0]["delta"].get("content") if payload["choices"] else None
    return text


def _text_of_responses(payload: dict[str, Any]) -> str | None:
    return payload["delta"] if payload["type"] == "response.output_text.delta" else None


_APIS = {
    "chat": _Api("chat/completions", b'"content":"', _text_of_chat),
    "responses": _Api("responses", b'"delta":"', _text_of_responses),
}


def bare_socket(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read the socket, and look for nothing but the text."""
    with _connected(url, family) as connection:
        yield from _texts(lambda: connection.recv(65536), family)


def socket_and_json(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read the socket and parse the JSON of each event: the least that any reader needs."""
    text_of = _APIS[family].text_of
    rest = b""
    with _connected(url, family) as connection:
        while chunk := connection.recv(65536):
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                _, found, data = block.partition(b"data: ")
                if found and data != b"[DONE]":
                    text = text_of(json.loads(data))
                    if text is not None:
                        yield text


def bare_requests(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read with `read1` of requests' raw response, and look for nothing but the text."""
    with _session().post(f"{url}/{_APIS[family].path}", stream=True) as response:
        yield from _texts(response.raw.read1, family)


def httpx_and_json(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read with `iter_lines` of httpx, and parse the JSON of each line of data."""
    text_of = _APIS[family].text_of
    with _httpx_client().stream("POST", f"{url}/{_APIS[family].path}") as response:
        for line in response.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                text = text_of(json.loads(line[6:]))
                if text is not None:
                    yield text


def openai_scan(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read with the client of openai_scan, one for all streams."""
    with _our_stream(url, family) as s:
        while s.next():
            s.event()
            text = s.text()
            if text is not None:
                yield text


def our_body(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read what the client reads, unframed bytes, and look for nothing but the text."""
    with _our_stream(url, family) as s:
        chunks = iter(_source(s))
        yield from _texts(lambda: next(chunks, b""), family)


def our_raw_events(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read the same as raw events, and look for nothing but the text in their data."""
    from openai_scan.sse import EventScanner

    marker = _APIS[family].marker.decode()
    with _our_stream(url, family) as s:
        scanner = EventScanner(_source(s))
        while scanner.next():
            _, found, behind = scanner.event().data.partition(marker)
            if found:
                yield behind[: behind.index('"')]


def openai_python(url: str, family: str = "chat") -> Generator[str, None, None]:
    """Read with the client of openai-python, one for all streams."""
    client = _their_client(url)
    if family == "responses":
        with client.responses.create(model="m", input="", stream=True) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    yield event.delta
    else:
        with client.chat.completions.create(model="m", messages=[], stream=True) as stream:
            for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text is not None:
                    yield text


def _our_stream(url: str, family: str) -> StreamerV2:
    client = _our_client(url)
    if family == "responses":
        return client.create_response_stream(model="m", input="")
    return client.create_chat_completion_stream(model="m", messages=_MESSAGES)


def _source(s: StreamerV2) -> Any:
    return s._machine.current.source


_MESSAGES: Any = [{"role": "user", "content": ""}]

# Whose certificate the bare socket and requests trust, where the server has TLS.
CERTIFICATES = "REQUESTS_CA_BUNDLE"


def _connected(url: str, family: str) -> socket.socket:
    """Return a connection to the server at *url* that has asked for a stream."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    connection = socket.create_connection((where.hostname, where.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if where.scheme == "https":
        context = ssl.create_default_context(cafile=os.environ[CERTIFICATES])
        connection = context.wrap_socket(connection, server_hostname=where.hostname)
    request = f"POST {where.path}/{_APIS[family].path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.sendall(request.encode())
    return connection


def _texts(read: Callable[[], bytes], family: str) -> Iterator[str]:
    marker = _APIS[family].marker
    rest = b""
    while chunk := read():
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            _, found, behind = block.partition(marker)
            if found:
                yield behind[: behind.index(b'"')].decode()


@functools.cache
def _session() -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=1_000))
    return session


@functools.cache
def _httpx_client() -> Any:
    import httpx

    return httpx.Client()


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
    "bare socket, json.loads": socket_and_json,
    "bare requests": bare_requests,
    "httpx, json.loads": httpx_and_json,
    "openai_scan": openai_scan,
    "openai-python": openai_python,
}

STEPS: dict[str, ReadTexts] = {
    "openai_scan's body": our_body,
    "openai_scan's raw events": our_raw_events,
}
"""The parts of our way from the socket to the text, each with all before it."""

if __name__ == "__main__":
    _, reader, url = sys.argv
    sys.stdout.write(f"{sum(1 for _ in READERS[reader](url))}\n")
