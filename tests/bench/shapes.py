"""The payloads of the streams that are timed, as each API's servers shape them.

The words are made up, the shapes are not: keys, their order, nulls, identifiers and padding are
those that OpenAI's servers send. Each function yields the name on the wire, empty where there is
none, and the payload of so many events, and appends the text of each to *words*.
"""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Payloads: TypeAlias = Iterator[tuple[str, Mapping[str, Any]]]

# A stream of text is a stream of tokens such as these, some of them beyond ASCII.
_TOKENS = (
    *("The", " tide", " turns", " when", " the", " moon", " pulls", " hardest", ",", " and"),
    *(" every", " harbour", " knows", " it", ".", "\n\n", "##", " Caf\u00e9", " hours", ":"),
    *(" 6", "\u2013", "18", " \u2600", " \u20ac", "4", ".50", ' "', "tea", '"'),
)

# How many there are until the first one comes again.
TOKENS = len(_TOKENS)

# Real pictures have a hundred times as much; then nothing would be timed but one long string.
_IMAGE_BYTES = 1536

_COUNTS = {"prompt_tokens": 22, "completion_tokens": 712, "total_tokens": 734}


def _tokens(count: int, words: list[str]) -> Iterator[str]:
    """Yield *count* tokens and note them in *words*."""
    words += itertools.islice(itertools.cycle(_TOKENS), count)
    yield from words


def _paddings() -> Iterator[str]:
    """Yield what OpenAI sends along so that the length of an event does not tell its token."""
    letters = random.Random(20)
    while True:
        size = letters.randint(2, 14)
        yield "".join(letters.choices("abcdefghijkLMNOPQRSTUVWXYZ0123456789", k=size))


def assistants(events: int, words: list[str]) -> Payloads:
    """Yield a run that writes one message."""
    run = {
        "id": "run_b4Wm2QpUuD1sYkXo7RtHn9Ce",
        "object": "thread.run",
        "created_at": 1761861742,
        "assistant_id": "asst_K2vGz8dLqYpT5rJmXw3NbC6h",
        "thread_id": "thread_a9FhVt4ZsMkQ2yUeRw7PxJ1o",
        "status": "queued",
        "started_at": None,
        "expires_at": 1761862342,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": "gpt-4o",
        "instructions": None,
        "tools": [],
        "tool_resources": {"code_interpreter": {"file_ids": []}},
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "reasoning_effort": None,
        "max_completion_tokens": None,
        "max_prompt_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "incomplete_details": None,
        "usage": None,
        "response_format": "auto",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    where = {key: run[key] for key in ("assistant_id", "thread_id")}
    message = {
        "id": "msg_Wn6EcOmjRFQ91oT6CAvLlsCu",
        "object": "thread.message",
        "created_at": 1761861745,
        **where,
        "run_id": run["id"],
        "status": "in_progress",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": None,
        "role": "assistant",
        "content": [],
        "attachments": [],
        "metadata": {},
    }
    step = {
        "id": "step_Yt2QlbphIlMyHW31klqs7kaP",
        "object": "thread.run.step",
        "created_at": 1761861745,
        "run_id": run["id"],
        **where,
        "type": "message_creation",
        "status": "in_progress",
        "cancelled_at": None,
        "completed_at": None,
        "expires_at": 1761862342,
        "failed_at": None,
        "last_error": None,
        "step_details": {
            "type": "message_creation",
            "message_creation": {"message_id": message["id"]},
        },
        "usage": None,
    }
    usage = {"prompt_tokens": 31, "completion_tokens": events - 10, "total_tokens": events + 21}
    yield "thread.run.created", run
    yield "thread.run.queued", run
    yield "thread.run.in_progress", {**run, "status": "in_progress", "started_at": 1761861744}
    yield "thread.run.step.created", step
    yield "thread.run.step.in_progress", step
    yield "thread.message.created", message
    yield "thread.message.in_progress", message
    for token in _tokens(events - 10, words):
        part = {"index": 0, "type": "text", "text": {"value": token}}
        delta = {
            "id": message["id"],
            "object": "thread.message.delta",
            "delta": {"content": [part]},
        }
        yield "thread.message.delta", delta
    text = {"value": "".join(words), "annotations": []}
    ended: dict[str, Any] = {"status": "completed", "completed_at": 1761861747}
    yield (
        "thread.message.completed",
        {**message, **ended, "content": [{"type": "text", "text": text}]},
    )
    yield "thread.run.step.completed", {**step, **ended, "usage": usage}
    yield "thread.run.completed", {**run, **ended, "usage": usage}


def chat(events: int, words: list[str]) -> Payloads:
    """Yield the chunks of one choice, and the usage."""
    paddings = _paddings()

    def chunk(choices: list[Any], usage: Any = None) -> tuple[str, Mapping[str, Any]]:
        return "", {
            "id": "chatcmpl-E9eVBKvzzXyXVGSedv9GC7Wj7zgMv",
            "object": "chat.completion.chunk",
            "created": 1770950778,
            "model": "gpt-4o-mini-2024-07-18",
            "service_tier": "default",
            "system_fingerprint": "fp_484b25fc7a",
            "choices": choices,
            "usage": usage,
            "obfuscation": next(paddings),
        }

    def choice(delta: Mapping[str, Any], finish_reason: str | None = None) -> list[Any]:
        rest = {"delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return [{"index": 0, **rest}]

    yield chunk(choice({"role": "assistant", "content": "", "refusal": None}))
    for token in _tokens(events - 3, words):
        yield chunk(choice({"content": token}))
    yield chunk(choice({}, "stop"))
    yield chunk([], {**_COUNTS, "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}})


def completions(events: int, words: list[str]) -> Payloads:
    """Yield the pieces of one choice, and the usage."""
    facts = {
        "id": "cmpl-7hRw2LkPzXv9QmTnB4sYcD1eJ0uGa",
        "object": "text_completion",
        "created": 1770950778,
    }

    def chunk(choices: list[Any], usage: Any = None) -> tuple[str, Mapping[str, Any]]:
        model = {"model": "gpt-3.5-turbo-instruct:20230824-v2", "usage": usage}
        return "", {**facts, "choices": choices, **model}

    for token in _tokens(events - 2, words):
        yield chunk([{"text": token, "index": 0, "logprobs": None, "finish_reason": None}])
    yield chunk([{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}])
    yield chunk([], _COUNTS)


def responses(events: int, words: list[str]) -> Payloads:
    """Yield a response with one message."""
    numbers = itertools.count()
    paddings = _paddings()
    response = {
        "id": "resp_18361d7d922g18f51170g375dd1cdc9291b488d388b56e55141",
        "object": "response",
        "created_at": 1777493196,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "gpt-4o-mini-2024-07-18",
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "auto",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }
    item: dict[str, Any] = {
        "id": "msg_18361d7d922g18f51170g375de5gd59291bf52dc9be86d48b2",
        "type": "message",
        "status": "in_progress",
        "content": [],
        "role": "assistant",
    }
    place = {"content_index": 0, "item_id": item["id"], "output_index": 0}
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}

    def event(name: str, **payload: Any) -> tuple[str, Mapping[str, Any]]:
        name = f"response.{name}"
        return name, {"type": name, **payload, "sequence_number": next(numbers)}

    yield event("created", response=response)
    yield event("in_progress", response=response)
    yield event("output_item.added", item=item, output_index=0)
    yield event("content_part.added", **place, part=part)
    for token in _tokens(events - 8, words):
        padding = next(paddings)
        yield event("output_text.delta", **place, delta=token, logprobs=[], obfuscation=padding)
    text = "".join(words)
    part = {**part, "text": text}
    item = {**item, "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 31,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": events - 8,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": events + 23,
    }
    whole = {"status": "completed", "completed_at": 1777493203, "output": [item], "usage": usage}
    yield event("output_text.done", **place, text=text, logprobs=[])
    yield event("content_part.done", **place, part=part)
    yield event("output_item.done", item=item, output_index=0)
    yield event("completed", response={**response, **whole})


def audio(events: int, words: list[str]) -> Payloads:
    """Yield a transcription."""
    for token in _tokens(events - 1, words):
        yield "", {"type": "transcript.text.delta", "delta": token}
    usage = {
        "type": "tokens",
        "total_tokens": events + 17,
        "input_tokens": 17,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 17},
        "output_tokens": events,
    }
    yield "", {"type": "transcript.text.done", "text": "".join(words), "usage": usage}


def images(events: int, words: list[str]) -> Payloads:
    """Yield pictures, which have no text, each in three partial ones and then whole."""
    pixels = random.Random(20)
    usage = {
        "input_tokens": 19,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 19},
        "output_tokens": 272,
        "total_tokens": 291,
    }
    for number in range(events):
        partial = number % 4 if number + 1 < events else 3
        name = f"image_generation.{'completed' if partial == 3 else 'partial_image'}"
        rest = {"usage": usage} if partial == 3 else {"partial_image_index": partial}
        picture = base64.b64encode(pixels.randbytes(_IMAGE_BYTES)).decode()
        yield (
            name,
            {
                "type": name,
                "b64_json": picture,
                "created_at": 1762000000,
                "size": "1024x1024",
                "quality": "medium",
                "background": "opaque",
                "output_format": "png",
                **rest,
            },
        )
