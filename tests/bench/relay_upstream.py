"""A server of answers of a fixed length, one event at a time, in a process of its own.

`/answer/240/20/...` sends 240 chat events at 20 a second, then the end. The text of event number n
is `word(n)`, so that a reader can tell whether it has got all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator

from bench.serving import END, HEAD, chunk, started
from openai_scan.testing import chat_chunk, chat_usage, done


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run the server, and give its URL."""
    with started("bench.relay_upstream") as port:
        yield f"http://127.0.0.1:{port}"


def word(number: int) -> str:
    """Return the text of an event."""
    return f"word{number} "


def text(events: int) -> str:
    """Return the text of an answer."""
    return "".join(map(word, range(events)))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, events, rate, *_ = head.split(b" ", 2)[1].split(b"/")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        writer.write(HEAD + chunk(chat_chunk("", role="assistant")))
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(int(events)):
            await asyncio.sleep(start + (number + 1) / int(rate) - loop.time())
            writer.write(chunk(chat_chunk(word(number))))
            await writer.drain()
        ending = chat_chunk(finish_reason="stop") + chat_usage() + done()
        writer.write(chunk(ending) + END)
        await writer.drain()
    writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
