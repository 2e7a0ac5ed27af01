"""The benchmarked streams and their readers are what the reports say they are."""

from __future__ import annotations

from collections import Counter

import pytest

from bench import peers, readers, workloads
from bench.workloads import CHUNK_SIZES, FAMILIES, Workload
from openai_scan import StreamerV2

pytestmark = pytest.mark.unmeasured

# Few enough for a fast test, and enough for the text to go through all of its tokens.
EVENTS = 200

# How many events of each class a stream has.
CLASSES: dict[str, dict[str, int]] = {
    "assistants": {
        "ThreadRunCreated": 1,
        "ThreadRunQueued": 1,
        "ThreadRunInProgress": 1,
        "ThreadRunStepCreated": 1,
        "ThreadRunStepInProgress": 1,
        "ThreadMessageCreated": 1,
        "ThreadMessageInProgress": 1,
        "ThreadMessageDelta": 190,
        "ThreadMessageCompleted": 1,
        "ThreadRunStepCompleted": 1,
        "ThreadRunCompleted": 1,
        "DoneEvent": 1,
    },
    "chat": {"ChatCompletionChunk": 200, "DoneEvent": 1},
    "completions": {"Completion": 200, "DoneEvent": 1},
    "responses": {
        "ResponseCreated": 1,
        "ResponseInProgress": 1,
        "ResponseOutputItemAdded": 1,
        "ResponseContentPartAdded": 1,
        "ResponseOutputTextDelta": 192,
        "ResponseOutputTextDone": 1,
        "ResponseContentPartDone": 1,
        "ResponseOutputItemDone": 1,
        "ResponseCompleted": 1,
    },
    "audio": {"TranscriptTextDelta": 199, "TranscriptTextDone": 1, "DoneEvent": 1},
    "images": {"ImageGenerationPartialImage": 150, "ImageGenerationCompleted": 50},
    "recorded": {
        "ThreadRunCreated": 1,
        "ThreadRunQueued": 1,
        "ThreadRunInProgress": 1,
        "ThreadRunStepCreated": 1,
        "ThreadRunStepInProgress": 1,
        "ThreadMessageCreated": 1,
        "ThreadMessageInProgress": 1,
        "ThreadMessageDelta": 13,
        "ThreadMessageCompleted": 1,
        "ThreadRunStepCompleted": 1,
        "ThreadRunCompleted": 1,
    },
}

# The first words of those that have text, and how many characters there are.
TEXTS = {
    "assistants": ("The tide turns when the moon pulls hardest", 683),
    "chat": ("The tide turns when the moon pulls hardest", 711),
    "completions": ("The tide turns when the moon pulls hardest", 716),
    "responses": ("The tide turns when the moon pulls hardest", 697),
    "audio": ("The tide turns when the moon pulls hardest", 722),
    "images": ("", 0),
    "recorded": ("One two three", 49),
}


def made(family: str) -> Workload:
    """Return a small stream of *family*."""
    return workloads.recorded() if family == "recorded" else workloads.workload(family, EVENTS)


@pytest.mark.parametrize("size", [1, *CHUNK_SIZES])
@pytest.mark.parametrize("family", CLASSES)
def test_every_event_of_a_stream_is_understood(family: str, size: int) -> None:
    """A strict reader gets the right events and text, and the stream completes without a note."""
    stream = made(family)
    s = StreamerV2(stream.chunks(size), strict=True)
    classes: Counter[str] = Counter()
    text = ""
    while s.next():
        classes[type(s.event()).__name__] += 1
        text += s.text() or ""
    assert (s.outcome, s.err()) == ("completed", None)
    # The server of the recording never sends `done`.
    assert s.notes == ({"missing_done": 1} if family == "recorded" else {})
    assert dict(classes) == CLASSES[family]
    begin, length = TEXTS[family]
    assert text.startswith(begin)
    assert len(text) == length
    assert text == stream.text
    answer = s.snapshot()
    assert answer is not None
    assert answer.text == text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stream_is_as_long_as_it_is_asked_to_be(family: str) -> None:
    """The requested number excludes `[DONE]`, and the same number always makes the same bytes."""
    stream = workloads.workload(family, 21)
    assert len(stream.payloads) == 21
    assert stream.events == 21 + stream.done
    assert stream == workloads.workload(family, 21)
    assert b"".join(stream.chunks(200)) == stream.stream


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("family", CLASSES)
def test_our_readers_count_what_is_there(family: str, size: int) -> None:
    """Each way of reading gets all events, and all text or all data."""
    stream = made(family)
    chunks = stream.chunks(size)
    text = (stream.events, len(stream.text))
    assert readers.typed(chunks) == text
    assert readers.with_snapshots(chunks) == text
    assert readers.without_answers(chunks) == text
    assert readers.raw(chunks) == _data(stream)
    assert readers.tokens(chunks) == _data(stream)
    readers.loads(stream.payloads)


def test_what_goes_wrong_is_not_timed() -> None:
    """A reader that does not get a whole answer fails, rather than being fast."""
    chunks = made("chat").chunks(200)
    with pytest.raises(ValueError, match="the stream is truncated"):
        readers.typed(chunks[:-40])
    with pytest.raises(ValueError, match="comment"):
        readers.typed([b": hello\n\n", *chunks])


# Of the peers, those that are installed; `make bench` installs all of them.
RAW = peers.installed(peers.RAW) | peers.installed(peers.PARSED)
TYPED = peers.installed(peers.TYPED)


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("family", CLASSES)
@pytest.mark.parametrize("name", RAW)
def test_peers_read_the_same_data(name: str, family: str, size: int) -> None:
    """Other libraries read as many raw events or lines as ours, with as much data."""
    stream = made(family)
    assert RAW[name](stream.chunks(size), family) == _data(stream)


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("family", CLASSES)
@pytest.mark.parametrize("name", TYPED)
def test_peers_read_the_same_text(name: str, family: str, size: int) -> None:
    """Other libraries' typed events have as much text as ours; they do not count `[DONE]`."""
    stream = made(family)
    expected = (len(stream.payloads), len(stream.text))
    assert TYPED[name](stream.chunks(size), family) == expected


def _data(stream: Workload) -> tuple[int, int]:
    """Return how many raw events *stream* has, and how many characters of data."""
    return stream.events, sum(map(len, stream.payloads)) + stream.done * len("[DONE]")
