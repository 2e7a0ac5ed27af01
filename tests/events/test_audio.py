"""Transcription and speech: what the events answer, and how the streams end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import (
    Event,
    SpeechAudioDelta,
    SpeechAudioDone,
    StreamerV2,
    TranscriptTextDelta,
    TranscriptTextDone,
    TranscriptTextSegment,
)
from openai_scan.events import decode
from openai_scan.events.audio import (
    InputTokenDetails,
    LogProb,
    SpeechUsage,
    TranscriptionLanguage,
    TranscriptUsage,
)
from openai_scan.sse import RawEvent


def event_of(**payload: Any) -> Event:
    """Return the event for a payload that came without a name."""
    return decode(RawEvent("message", json.dumps(payload)))


def test_events_have_every_field_of_the_wire() -> None:
    """The events have all fields that servers send."""
    delta = event_of(
        type="transcript.text.delta",
        delta="Hi",
        logprobs=[{"token": "Hi", "logprob": -1, "bytes": [72, 105]}],
    )
    log_prob = LogProb(token="Hi", logprob=-1.0, bytes=(72, 105))
    assert delta == TranscriptTextDelta(delta="Hi", logprobs=(log_prob,), raw=delta.raw)
    segment = event_of(
        type="transcript.text.segment", id="s", start=0, end=1.5, text="Hi", speaker="A"
    )
    assert segment == TranscriptTextSegment(
        id="s", start=0.0, end=1.5, text="Hi", speaker="A", raw=segment.raw
    )
    usage = {
        "type": "tokens",
        "input_tokens": 1,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 1},
        "output_tokens": 2,
        "total_tokens": 3,
    }
    done = event_of(type="transcript.text.done", text="Hi", languages=[{"code": "en"}], usage=usage)
    assert isinstance(done, TranscriptTextDone)
    assert done == TranscriptTextDone(
        text="Hi",
        languages=(TranscriptionLanguage(code="en"),),
        usage=TranscriptUsage(
            input_tokens=1,
            input_token_details=InputTokenDetails(text_tokens=0, audio_tokens=1),
            output_tokens=2,
            total_tokens=3,
        ),
        raw=done.raw,
    )
    assert done.unwrap_usage() == done.usage
    speech = event_of(type="speech.audio.delta", audio="AAE=")
    assert speech == SpeechAudioDelta(audio="AAE=", raw=speech.raw)
    end = event_of(type="speech.audio.done", usage={"total_tokens": 3})
    assert end == SpeechAudioDone(usage=SpeechUsage(total_tokens=3), raw=end.raw)
    assert end.unwrap_usage() == SpeechUsage(total_tokens=3)


@pytest.mark.parametrize(
    ("payload", "text", "audio"),
    [
        ({"type": "transcript.text.delta", "delta": "Hi"}, "Hi", None),
        ({"type": "transcript.text.delta", "delta": "Hi", "segment_id": "s"}, None, None),
        ({"type": "transcript.text.segment", "text": "Hi"}, "Hi", None),
        ({"type": "transcript.text.done", "text": "Hi"}, None, None),
        ({"type": "speech.audio.delta", "audio": "AAE="}, None, b"\x00\x01"),
        ({"type": "speech.audio.delta", "audio": "?"}, None, None),
        ({"type": "speech.audio.done"}, None, None),
    ],
    ids=repr,
)
def test_each_text_is_delivered_once(payload: Any, text: str | None, audio: bytes | None) -> None:
    """Text comes from a delta or from its segment; the whole transcript at the end adds none."""
    event = event_of(**payload)
    assert event.unwrap_text() == text
    assert event.unwrap_text(1) is None
    assert event.unwrap_audio() == audio
    assert event.unwrap_audio(1) is None


@pytest.mark.parametrize(
    ("head", "end", "outcome", "notes"),
    [
        ("transcript.text.delta", "data: [DONE]\r\n\r\n", "completed", {}),
        (
            "transcript.text.delta",
            'data: {"type":"transcript.text.done","text":"Hi"}\r\n\r\n',
            "completed",
            {"missing_done": 1},
        ),
        ("transcript.text.delta", "", "truncated", {}),
        ("speech.audio.delta", "data: [DONE]\r\n\r\n", "completed", {}),
        (
            "speech.audio.delta",
            'event: speech.audio.done\r\ndata: {"type":"speech.audio.done"}\r\n\r\n',
            "completed",
            {"missing_done": 1},
        ),
        ("speech.audio.delta", "", "truncated", {}),
    ],
)
def test_stream_ends_with_done_or_its_last_event(
    head: str, end: str, outcome: str, notes: dict[str, int]
) -> None:
    """A stream ends with [DONE] or its last event; otherwise it is truncated."""
    payload = json.dumps({"type": head, "delta": "Hi", "audio": "AAE="})
    stream = StreamerV2([f"data: {payload}\r\n\r\n{end}".encode()])
    while stream.next():
        pass
    assert stream.outcome == outcome
    assert stream.notes == notes


def test_text_of_a_transcript_is_read() -> None:
    """`read()` returns the transcript."""
    stream = StreamerV2(
        [
            b'data: {"type":"transcript.text.delta","delta":"Hel"}\r\n\r\n',
            b'data: {"type":"transcript.text.delta","delta":"lo"}\r\n\r\n',
            b'data: {"type":"transcript.text.done","text":"Hello"}\r\n\r\ndata: [DONE]\r\n\r\n',
        ]
    )
    assert stream.read() == b"Hello"
