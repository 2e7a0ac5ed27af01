"""The servers that are asked, which count how often: each question would be billed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Protocol

from typing_extensions import Self

from bench import relay_upstream
from bench.relay_upstream import word
from openai_scan.testing import FakeServer, Step, background_responses, delay, response_answer

EVENTS = 60
RATE = 20


class Upstream(Protocol):
    """A server that is asked."""

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        ...

    @property
    def asked(self) -> int:
        """How many answers it was asked for."""
        ...


class ChatUpstream:
    """`bench.relay_upstream`, in a thread of this process. It closes after each answer."""

    def __init__(self) -> None:
        self.asked = 0
        self._port = 0
        self._is_ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self._port}/answer/{EVENTS}/{RATE}"

    async def _run(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._end.wait()
        server.close()
        answers = asyncio.all_tasks() - {asyncio.current_task()}
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked += head.startswith(b"POST ")
            again = asyncio.StreamReader()
            again.feed_data(head + await reader.readexactly(_length(head)))
            await relay_upstream._serve(again, writer)
        writer.close()


def _length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


class BackgroundUpstream:
    """Responses in background mode: the same words, as many a second."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        return self._server.base_url

    @property
    def asked(self) -> int:
        """How many answers it was asked for."""
        return sum(
            each.method == "POST" and each.path.endswith("/responses")
            for each in self._server.requests
        )


@contextlib.contextmanager
def background() -> Iterator[BackgroundUpstream]:
    """Run a server of Responses with an answer for each of some questions."""
    service = background_responses(*([*_paced()] for _ in range(4)))
    with FakeServer(service) as server:
        yield BackgroundUpstream(server)
        service.take_left()  # more than one would be asked for by mistake


def _paced() -> Iterator[Step]:
    for event in response_answer(map(word, range(EVENTS)), background=True):
        yield delay(1 / RATE)
        yield event
