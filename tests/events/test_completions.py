"""Completions: chunks of any dialect, what each choice answers, and how the streams end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import Completion, StreamerV2
from openai_scan.events import Outcome, decode
from openai_scan.events.completions import (
    CompletionChoice,
    CompletionLogProbs,
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)
from openai_scan.sse import RawEvent


def completion(*choices: dict[str, Any], **more: Any) -> Completion:
    """Return the event for a chunk with these choices."""
    payload = {"object": "text_completion", "choices": list(choices), **more}
    event = decode(RawEvent("message", json.dumps(payload)))
    assert isinstance(event, Completion)
    return event


def stream(*choices: dict[str, Any]) -> StreamerV2:
    """Return a stream of a chunk for each of these choices, without an end."""
    payloads = [{"object": "text_completion", "choices": [choice]} for choice in choices]
    return StreamerV2([f"data: {json.dumps(payload)}\n\n".encode() for payload in payloads])


def test_chunk_has_every_field_of_the_wire() -> None:
    """The event has all fields that servers send in a chunk."""
    event = completion(
        {
            "index": 0,
            "text": "Hi",
            "finish_reason": None,
            "logprobs": {
                "tokens": ["Hi"],
                "token_logprobs": [-1],
                "text_offset": [0],
                "top_logprobs": [{"Hi": -1}],
            },
        },
        id="cmpl-1",
        created=1,
        model="m",
        system_fingerprint="fp",
        usage={
            "total_tokens": 3,
            "completion_tokens_details": {"reasoning_tokens": 0},
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    )
    log_probs = CompletionLogProbs(
        tokens=("Hi",), token_logprobs=(-1.0,), text_offset=(0,), top_logprobs=({"Hi": -1},)
    )
    assert event == Completion(
        id="cmpl-1",
        created=1,
        model="m",
        system_fingerprint="fp",
        choices=(CompletionChoice(text="Hi", logprobs=log_probs),),
        usage=CompletionUsage(
            total_tokens=3,
            completion_tokens_details=CompletionTokensDetails(reasoning_tokens=0),
            prompt_tokens_details=PromptTokensDetails(cached_tokens=1),
        ),
        raw=event.raw,
    )


def test_each_choice_answers_for_itself() -> None:
    """The index of a choice tells whose text and whose end it is."""
    event = completion(
        {"index": 1, "text": "one", "finish_reason": "stop"}, {"index": 0, "text": "zero"}
    )
    assert event.unwrap_text() == "zero"
    assert event.unwrap_text(1) == "one"
    assert event.unwrap_text(2) is None
    assert event.unwrap_finish_reason() is None
    assert event.unwrap_finish_reason(1) == "stop"
    assert event.stream_parts() == ((1, "completed"), (0, None))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [(None, None), ({}, None), ({"total_tokens": 0}, CompletionUsage(total_tokens=0))],
)
def test_usage_is_reported_if_there_is_any(usage: Any, expected: Any) -> None:
    """Null and an empty object count as None."""
    assert completion(usage=usage).unwrap_usage() == expected


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("stop", "completed"),
        ("length", "incomplete"),
        ("content_filter", "incomplete"),
        ("abort", "cancelled"),
    ],
)
def test_finish_reason_decides_the_outcome(reason: str, outcome: Outcome) -> None:
    """LiteLLM's last chunk has no text, and a usage chunk after it does not reopen the choice."""
    completions = stream({"text": "a"}, {"index": 0, "finish_reason": reason}, {"index": 0})
    assert list(completions.text_deltas()) == ["a"]
    assert completions.outcome == outcome
    assert completions.notes == {"missing_done": 1}


def test_stream_without_an_end_is_truncated() -> None:
    """Text without a finish reason is not the whole text."""
    completions = stream({"index": 0, "text": "a", "finish_reason": None})
    assert completions.next()
    assert not completions.next()
    assert completions.err() is not None
    assert completions.outcome == "truncated"
