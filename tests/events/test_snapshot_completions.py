"""Whole answers of Completions."""

from __future__ import annotations

from typing import Any

from folding import answer

from openai_scan import CompletionAnswer
from openai_scan.events.completions import CompletionChoice, CompletionLogProbs, CompletionUsage


def chunk(text: str | None, finish_reason: str | None = None, index: int = 0, **rest: Any) -> Any:
    """Return a chunk with one choice."""
    choice = {"index": index, "text": text, "finish_reason": finish_reason}
    return {"object": "text_completion", "choices": [choice], **rest}


def log_probs(token: str, offset: int) -> Any:
    """Return a chunk with *token* and its log-probabilities."""
    known = {
        "tokens": [token],
        "token_logprobs": [-0.5],
        "text_offset": [offset],
        "top_logprobs": [{token: -0.5}],
    }
    return {
        "object": "text_completion",
        "choices": [{"index": 0, "text": token, "finish_reason": None, "logprobs": known}],
    }


def test_whole_answer() -> None:
    """Everything that chunks bring is in the answer, choice by choice."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    found = answer(
        chunk("x", index=1, id="c1", model="m", created=7),
        log_probs("Hi", 0),
        log_probs("!", 2),
        chunk("", "stop", usage=usage, system_fingerprint="fp"),
        chunk(None, usage={}),
        "[DONE]",
    )
    assert found == CompletionAnswer(
        id="c1",
        created=7,
        model="m",
        system_fingerprint="fp",
        usage=CompletionUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
        choices=(
            CompletionChoice(
                index=0,
                text="Hi!",
                finish_reason="stop",
                logprobs=CompletionLogProbs(
                    text_offset=(0, 2),
                    token_logprobs=(-0.5, -0.5),
                    tokens=("Hi", "!"),
                    top_logprobs=({"Hi": -0.5}, {"!": -0.5}),
                ),
            ),
            CompletionChoice(index=1, text="x", finish_reason="", logprobs=None),
        ),
    )
    assert found.text == "Hi!"
    assert found.calls == ()


def test_without_choice_0() -> None:
    """The text is that of choice 0, and empty if it has not come."""
    assert answer(chunk("b", index=1)).text == ""
