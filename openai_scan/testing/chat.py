"""Events and answers of Chat Completions and Completions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from openai_scan.testing.steps import data, done, pieces_of

_CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "test-model",
}
_COMPLETION = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "test-model"}


@frozen
class ToolCall:
    """A function call that the model makes.

    Attributes:
        name: The name of the function.
        arguments: The arguments: an object, or text as the model writes it.
        id: The id of the call; by default made from its place, such as `"call_1"`.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(factory=dict)
    id: str | None = None

    @property
    def text(self) -> str:
        """The arguments as text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)

    def named(self, place: int) -> str:
        """Return the call's id, given its place among the calls, from 0."""
        return self.id or f"call_{place + 1}"


def chat_chunk(
    content: str | None = None,
    *,
    finish_reason: str | None = None,
    index: int = 0,
    usage: Mapping[str, int] | None = None,
    **delta: Any,
) -> bytes:
    """Return a chunk of a chat completion.

    Args:
        content: The text to add.
        finish_reason: Why the choice ends with this chunk, such as `"stop"`.
        index: The number of the choice.
        usage: The token counts.
        delta: More to add, such as `role`, `refusal`, `reasoning_content` or `tool_calls`.
    """
    if content is not None:
        delta["content"] = content
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return data({**_CHUNK, "choices": [choice], **_counted(usage)})


def chat_usage(prompt_tokens: int = 10, completion_tokens: int = 5) -> bytes:
    """Return the chunk with the token counts, which comes last if the request asks for it."""
    return data({**_CHUNK, "choices": [], **_counted(_usage(prompt_tokens, completion_tokens))})


def chat_answer(
    text: str | Iterable[str], *, finish_reason: str = "stop", usage: bool = False
) -> list[bytes]:
    """Return the chunks of a whole chat completion, `[DONE]` included.

    Args:
        text: A string, which is sent word by word, or the pieces to send.
        finish_reason: Why it ends.
        usage: Whether to send token counts at the end. A `FakeServer` always sends them if the
            request asks for them with `include_usage`.
    """
    return [
        chat_chunk("", role="assistant"),
        *map(chat_chunk, pieces_of(text)),
        chat_chunk(finish_reason=finish_reason),
        *([chat_usage()] if usage else []),
        done(),
    ]


def chat_calls(*calls: ToolCall) -> list[bytes]:
    """Return the chunks of a whole chat completion that calls functions."""
    chunks = [chat_chunk(role="assistant", content=None)]
    for place, call in enumerate(calls):
        function = {"name": call.name, "arguments": ""}
        begun = {"index": place, "id": call.named(place), "type": "function", "function": function}
        more = [{"index": place, "function": {"arguments": piece}} for piece in halves(call.text)]
        chunks += [chat_chunk(tool_calls=[piece]) for piece in (begun, *more)]
    return [*chunks, chat_chunk(finish_reason="tool_calls"), done()]


def completion_chunk(text: str = "", *, finish_reason: str | None = None, index: int = 0) -> bytes:
    """Return a chunk of a completion.

    Args:
        text: The text to add.
        finish_reason: Why the choice ends with this chunk, such as `"stop"`.
        index: The number of the choice.
    """
    choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return data({**_COMPLETION, "choices": [choice]})


def completion_usage() -> bytes:
    """Return the chunk with the token counts of a completion."""
    return data({**_COMPLETION, "choices": [], **_counted(_usage(10, 5))})


def completion_answer(text: str | Iterable[str], *, finish_reason: str = "stop") -> list[bytes]:
    """Return the chunks of a whole completion, `[DONE]` included."""
    chunks = map(completion_chunk, pieces_of(text))
    return [*chunks, completion_chunk(finish_reason=finish_reason), done()]


def halves(text: str) -> tuple[str, str]:
    """Return *text* in two pieces, as a model sends arguments."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def _usage(prompt: int, completion: int) -> dict[str, int]:
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _counted(usage: Mapping[str, int] | None) -> dict[str, Any]:
    return {} if usage is None else {"usage": usage}
