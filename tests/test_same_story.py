"""Blocking, asynchronous and hand-fed readers of a stream report the same events and errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import properties
import pytest
import strategies
import witnesses
from hypothesis import given
from hypothesis import strategies as st
from witnesses import READERS, Source, Story

from openai_scan import Outcome, ScanError, TransportError, replay

pytestmark = pytest.mark.unmeasured

TESTS = Path(__file__).parent
CORPUS = sorted((TESTS.parent / "fuzz" / "corpus" / "streamer").iterdir())
RECORDED = sorted((TESTS / "recorded").glob("*.jsonl"))

SETTINGS: list[dict[str, Any]] = [
    {},
    {"strict": True},
    {"require_terminal": False},
    {"max_event_bytes": 300},
]


async def tell_of(stream: bytes) -> None:
    """Make sure that all readers agree on *stream*, however it is cut, with all settings."""
    sizes = properties.sizes_from(stream)
    for number, setting in enumerate(SETTINGS):
        chunks = properties.pieces(stream, [size * 8**number for size in sizes])
        story = await witnesses.agree([b"", *chunks], **setting)
        assert story.outcome is not None
    await witnesses.agree_on_text(properties.pieces(stream, sizes))


@pytest.mark.parametrize("first", range(0, len(CORPUS), 50))
def test_of_the_corpus(first: int) -> None:
    """All readers agree on everything that the fuzzer has found."""

    async def main() -> None:
        for path in CORPUS[first : first + 50]:
            await tell_of(path.read_bytes())

    asyncio.run(main())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_of_recordings(path: Path) -> None:
    """All readers agree on what real servers have sent."""
    chunks: list[bytes] = []
    with contextlib.suppress(ScanError):  # some were cut
        chunks.extend(replay(path))

    async def main() -> None:
        for setting in SETTINGS:
            await witnesses.agree(chunks, **setting)
        await witnesses.agree(properties.pieces(b"".join(chunks), [1, 60, 0, 500]))
        await witnesses.agree_on_text(chunks)

    asyncio.run(main())


@given(
    strategies.openai_streams | strategies.streams,
    strategies.chunk_sizes,
    st.sampled_from(SETTINGS),
)
def test_of_any_bytes(stream: bytes, sizes: list[int], setting: dict[str, Any]) -> None:
    """All readers agree on any bytes, split anywhere."""

    async def main() -> None:
        await witnesses.agree(chunks, **setting)
        await witnesses.agree_on_text(chunks)

    chunks = properties.pieces(stream, sizes)
    asyncio.run(main())


# More than bytes: what follows a stream, and who ends it.


def response(number: int, name: str, **more: Any) -> bytes:
    """Return an event of a response that can be resumed."""
    payload = {"type": f"response.{name}", "sequence_number": number, **more}
    return b"data: %b\n\n" % json.dumps(payload).encode()


def whole(status: str) -> dict[str, Any]:
    """Return a response."""
    return {"id": "resp_1", "status": status, "background": True, "output": []}


def delta(number: int, text: str) -> bytes:
    """Return an event that adds *text*."""
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return response(number, "output_text.delta", delta=text, **place)


BUSY = [b'data: {"error": {"message": "busy", "code": "server_error"}}\n\n']
BEGIN = [response(0, "created", response=whole("in_progress")), delta(1, "a"), delta(2, "b")]
REST = [delta(2, "b"), delta(3, "c"), response(4, "completed", response=whole("completed"))]
ANSWER = [*BEGIN, *REST[1:]]
RESET = ConnectionResetError("reset")


def renewed() -> Source:
    """Return a source that is retried, then resumed, all of it with one log."""
    log: list[object] = []
    rest = Source(REST, log=log)
    second = Source(BEGIN, TransportError("cut"), rest=rest, log=log)
    return Source(BUSY, retries=second, log=log)


def successor() -> Callable[[Any, Outcome], Source | Outcome]:
    """Return a successor that continues once, then says how all has ended."""
    answers: list[Source | Outcome] = ["requires_action", Source(ANSWER)]
    return lambda _stream, _outcome: answers.pop()


def followed(stream: Any) -> None:
    """Let another stream follow, and after it what a successor says."""
    stream.chain(Source(ANSWER))
    stream.chain_from(successor())


Do: TypeAlias = Callable[[Any], object]

# A source, what is done after how many events, and how it ends.
SCENES: dict[str, tuple[Callable[[], Source], dict[int, Do], Outcome]] = {
    "retry, resume": (renewed, {}, "completed"),
    "retry, resume, chain, successor": (renewed, {0: followed}, "requires_action"),
    "no resume": (lambda: Source(BEGIN, RESET), {}, "failed"),
    "retries without end": (lambda: Source(BUSY, retries=Source(BUSY)), {}, "failed"),
    "chain": (lambda: Source(ANSWER), {2: lambda s: s.chain(Source(ANSWER))}, "completed"),
    "chain after a cut": (
        lambda: Source(BEGIN),
        {0: lambda s: s.chain(Source(ANSWER))},
        "truncated",
    ),
    "cancel at once": (lambda: Source(ANSWER), {0: lambda s: s.cancel()}, "cancelled"),
    "cancel": (lambda: Source(ANSWER), {2: lambda s: s.cancel()}, "cancelled"),
    "cancel in a chunk": (
        lambda: Source([b"".join(ANSWER)]),
        {2: lambda s: s.cancel()},
        "cancelled",
    ),
    "cancel at the end": (lambda: Source(ANSWER), {5: lambda s: s.cancel()}, "cancelled"),
    "cancel in a chain": (renewed, {0: followed, 7: lambda s: s.cancel()}, "cancelled"),
    "close at once": (lambda: Source(ANSWER), {0: lambda s: s.close()}, "cancelled"),
    "close": (lambda: Source(ANSWER), {2: lambda s: s.close()}, "cancelled"),
    "close at the end": (lambda: Source(ANSWER), {5: lambda s: s.close()}, "completed"),
    "close in a chain": (renewed, {0: followed, 7: lambda s: s.close()}, "cancelled"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_of_what_is_done_to_a_stream(scene: str) -> None:
    """Readers retry, resume, chain, cancel and close alike, and in the same order."""
    make, then, outcome = SCENES[scene]

    async def main() -> list[Story]:
        return [await witnesses.told_by(reader, make(), then) for reader in READERS]

    blocking, *others = asyncio.run(main())
    assert others == [blocking] * 2
    assert blocking.outcome == outcome
