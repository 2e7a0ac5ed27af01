"""The promises of `properties.py`, for what hypothesis draws and for what the fuzzers found."""

from __future__ import annotations

from pathlib import Path

import properties
import pytest
import strategies
from hypothesis import example, given
from hypothesis import strategies as st

from openai_scan.sse import RawEvent

pytestmark = pytest.mark.unmeasured

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"


def _corpus(harness: str) -> list[Path]:
    return sorted((CORPUS / harness).iterdir())


@given(strategies.streams)
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n")
@example(b"data: A\r\ndata: B\rdata: C\r\n\n")
@example(b"retry: 5\nretry: " + b"9" * 641 + b"\n")
def test_the_tokenizer_follows_the_standard(stream: bytes) -> None:
    """However a stream is cut, the tokenizer and the standard's own rules agree on it."""
    properties.tokens_follow_the_standard(stream)


@given(strategies.streams, strategies.chunk_sizes)
def test_chunks_never_change_the_events(stream: bytes, sizes: list[int]) -> None:
    """Wherever the chunks break, empty ones included, the tokenizer tells the same."""
    chunks = properties.pieces(stream, sizes)
    assert b"".join(chunks) == stream
    assert properties.tokenize(chunks) == properties.tokenize([stream])


@given(strategies.streams, st.integers(1, 40))
@example(b"error: abc\nevent:\nerror: abc\nevent:\nerror: abc\nevent:\nerror: abc\n\n", 12)
def test_the_limit_strikes_at_one_place(stream: bytes, limit: int) -> None:
    """However a stream is cut, the same events come before the limit strikes."""
    properties.limit_is_kept(stream, limit)
    properties.limit_is_kept(stream, limit, event_fields=("error", "unknown"))


@given(strategies.raw_events)
@example(RawEvent("a\0b", "\N{ZERO WIDTH NO-BREAK SPACE} x\n\n", " 7"))
def test_an_encoded_event_reads_as_the_same_event(event: RawEvent) -> None:
    """An event that is encoded and read again is the same event, and the only one."""
    properties.encoding_round_trips(event)


@given(strategies.streams)
def test_any_stream_encodes_again(stream: bytes) -> None:
    """What was read from any stream can be written, and reads the same again."""
    properties.stream_encodes_again(stream)


@given(strategies.openai_streams, st.booleans(), st.booleans())
def test_a_streamer_ends_well(stream: bytes, strict: bool, require_terminal: bool) -> None:
    """Whatever the payloads are, a streamer ends or reports a ScanError, however it is cut."""
    properties.streamer_ends_well(stream, strict=strict, require_terminal=require_terminal)


@given(strategies.streams)
def test_a_streamer_ends_well_on_odd_bytes(stream: bytes) -> None:
    """Whatever the bytes are, a streamer ends or reports a ScanError, however it is cut."""
    properties.streamer_ends_well(stream)


@given(strategies.openai_streams)
# It ends with an error, and its last byte asks for all text at once.
@example(
    b"event: thread.message.delta\n"
    b'data: {"id":"m","delta":{"content":[{"index":0,"type":"text","text":{"value":"Hi"}}]}}\n\n'
    b"data: 0"
)
def test_reading_a_streamer_copies_its_text(stream: bytes) -> None:
    """Reading a streamer as a file gives the text of its events, with halves of pairs joined."""
    properties.text_is_copied(stream)


@pytest.mark.parametrize("path", _corpus("tokenizer"), ids=lambda path: path.name)
def test_the_tokenizer_corpus_keeps_its_promises(path: Path) -> None:
    """What the tokenizer's fuzzer has collected holds all of the tokenizer's promises."""
    stream = path.read_bytes()
    properties.tokens_follow_the_standard(stream)
    properties.stream_encodes_again(stream)
    properties.limit_is_kept(stream, limit=10, event_fields=("error",))


@pytest.mark.parametrize("path", _corpus("cost"), ids=lambda path: path.name)
def test_the_cost_corpus_keeps_its_promises(path: Path) -> None:
    """What the fuzzer repeats takes linear work."""
    properties.work_is_bounded(path.read_bytes())


@pytest.mark.parametrize("path", _corpus("streamer"), ids=lambda path: path.name)
def test_the_streamer_corpus_keeps_its_promises(path: Path) -> None:
    """What the streamer's fuzzer has collected holds all of the streamer's promises."""
    stream = path.read_bytes()
    properties.streamer_ends_well(stream)
    properties.streamer_ends_well(stream, strict=True, require_terminal=False)
    properties.text_is_copied(stream)
