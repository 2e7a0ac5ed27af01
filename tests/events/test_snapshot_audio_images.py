"""Whole answers of transcription, speech and images."""

from __future__ import annotations

from typing import Any

from folding import answer, texts

from openai_scan import ImagesAnswer, Speech, Transcript
from openai_scan.events.audio import LogProb, SpeechUsage, TranscriptionLanguage, TranscriptUsage
from openai_scan.events.images import ImagesUsage
from openai_scan.events.images.snapshot import Image


def test_transcript() -> None:
    """Deltas build the text, and the last event replaces it."""
    deltas = [
        {"type": "transcript.text.delta", "delta": " Hel", "logprobs": [{"token": "Hel"}]},
        {"type": "transcript.text.delta", "delta": "lo"},
    ]
    end = {
        "type": "transcript.text.done",
        "text": "Hello",
        "languages": [{"code": "en"}],
        "usage": {"type": "tokens", "total_tokens": 3},
    }
    assert texts(*deltas, end) == [" Hel", " Hello", "Hello"]
    found = answer(*deltas, end)
    assert found == Transcript(
        text="Hello",
        languages=(TranscriptionLanguage(code="en"),),
        logprobs=(LogProb(token="Hel"),),
        usage=TranscriptUsage(total_tokens=3),
    )
    assert found.calls == ()


def test_log_probabilities_at_the_end_of_a_transcript() -> None:
    """They replace the ones from deltas."""
    found = answer(
        {"type": "transcript.text.delta", "delta": "Hi", "logprobs": [{"token": "H"}]},
        {"type": "transcript.text.done", "text": "Hi", "logprobs": [{"token": "Hi"}]},
    )
    assert found.logprobs == (LogProb(token="Hi"),)


def test_image_says_when_it_was_made() -> None:
    """It also has its size, quality, background and format."""
    facts: dict[str, Any] = {
        "created_at": 7,
        "size": "auto",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
    }
    found = answer({"type": "image_generation.completed", "b64_json": "QQ==", **facts})
    assert found.images == (Image(b64_json="QQ==", is_partial=False, **facts),)


def test_transcript_without_its_end() -> None:
    """A transcript that is still arriving has no usage yet."""
    found = answer({"type": "transcript.text.delta", "delta": "Hel"})
    assert found == Transcript(text="Hel")


def test_speakers() -> None:
    """Text that a segment repeats after a delta is in the transcript once."""
    found = answer(
        {"type": "transcript.text.delta", "delta": "Hi", "segment_id": "s"},
        {"type": "transcript.text.segment", "id": "s", "text": "Hi", "speaker": "A"},
    )
    assert found.text == "Hi"
    assert [(one.speaker, one.text) for one in found.segments] == [("A", "Hi")]


def test_speech() -> None:
    """The sound is decoded piece by piece, and a piece that is not base64 is left out."""
    found = answer(
        {"type": "speech.audio.delta", "audio": "QQ=="},
        {"type": "speech.audio.delta", "audio": "?"},
        {"type": "speech.audio.delta", "audio": "Qg=="},
        {"type": "speech.audio.done", "usage": {"total_tokens": 3}},
    )
    assert found == Speech(audio=b"AB", usage=SpeechUsage(total_tokens=3))
    assert (found.text, found.calls) == ("", ())


def test_image() -> None:
    """The latest partial image is there until the image is completed."""
    partial = {"type": "image_generation.partial_image", "b64_json": "QQ==", "size": "1x1"}
    whole = {
        "type": "image_generation.completed",
        "b64_json": "Qg==",
        "usage": {"total_tokens": 3},
    }
    found = answer({**partial, "b64_json": "Pz8="}, partial)
    assert found.images == (Image(b64_json="QQ==", size="1x1", is_partial=True),)
    assert found.image.data == b"A"
    found = answer(partial, whole)
    assert found == ImagesAnswer(
        images=(Image(b64_json="Qg=="),), usage=ImagesUsage(total_tokens=3)
    )
    assert (found.text, found.calls, found.image.data) == ("", (), b"B")


def test_several_images() -> None:
    """Images are kept in order, and one that has only begun comes last."""
    whole = {"type": "image_edit.completed", "b64_json": "QQ=="}
    partial = {"type": "image_edit.partial_image", "b64_json": "?"}
    found = answer(whole, whole, partial)
    assert [(one.data, one.is_partial) for one in found.images] == [
        (b"A", False),
        (b"A", False),
        (b"", True),
    ]


def test_no_image() -> None:
    """If an answer has no image, `image` is None."""
    assert ImagesAnswer().image is None
