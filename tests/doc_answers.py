"""What the server of the documents answers: small streams, hand-made, each as its API sends them.

The question decides which; a page that needs another answer asks another question.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

from openai_scan import replay
from openai_scan.testing import ToolCall, TurnScript

JSON = Mapping[str, Any]

DONE = "data: [DONE]\n\n"

_SKY = ("Air scatters", " blue light", " more than red.")
_SUNSET = ("The light goes", " a longer way", " through the air.")
_THOUGHT = ("The user asks", " about the sky.")
_REFUSAL = ("I cannot", " help with that.")
_CITY = ('{"name": "Os', 'lo", "popul', 'ation": 7', "17710}")
_REPORT = "In Oslo it is "

# How many chunks of a chat completion come from the model `breaks-off`.
_BREAKS_OFF_AFTER = 3

# A call of the function `weather`, as a model writes it: in pieces.
_ARGUMENTS = ('{"city":', ' "Oslo"}')


def _data(payload: JSON, end: str = "\n") -> str:
    """Return an event without a name on the wire."""
    return f"data: {json.dumps(payload)}{end}{end}"


def _named(payload: JSON) -> str:
    """Return an event whose name on the wire is its type."""
    return f"event: {payload['type']}\n{_data(payload)}"


# Chat Completions and Completions.


def chat(request: JSON, *, azure: bool = False) -> Iterator[str]:
    """Answer a request for a chat completion."""
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": request["model"]}
    if azure:
        filters = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
        yield _data({"id": "", "object": "", "choices": [], "prompt_filter_results": filters})
    for number, choice in enumerate(_chat_choices(request)):
        if number == _BREAKS_OFF_AFTER and request["model"] == "breaks-off":
            return
        choice.setdefault("finish_reason", None)
        if azure:
            choice["content_filter_results"] = {}
        yield _data({**facts, "choices": [choice]})
    if azure:  # the asynchronous filter: no delta
        offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 40}
        choice = {"index": 0, "finish_reason": None, "content_filter_offsets": offsets}
        yield _data({"id": "", "object": "", "choices": [choice]})
    if (request.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": 13, "completion_tokens": 9, "total_tokens": 22}
        yield _data({**facts, "choices": [], "usage": usage})
    yield DONE


def _said_to(question: object) -> tuple[str, ...]:
    return _SUNSET if "red" in str(question).split() else _SKY


def _chat_choices(request: JSON) -> Iterator[dict[str, Any]]:
    last = request["messages"][-1]
    if request.get("n") == 2:
        for index, text in ((1, "Wuff"), (0, "Bello"), (1, "i"), (0, " the Brave")):
            yield {"index": index, "delta": {"content": text}}
        yield {"index": 1, "delta": {}, "finish_reason": "stop"}
        yield {"index": 0, "delta": {}, "finish_reason": "length"}
        return
    yield {"index": 0, "delta": {"role": "assistant", "content": ""}}
    finish = "stop"
    if last["role"] == "tool":
        yield from _contents([_REPORT, last["content"], "."])
    elif request.get("tools"):
        call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
        yield _chat_call({**call, "function": {"name": "weather", "arguments": ""}})
        for piece in _ARGUMENTS:
            yield _chat_call({"index": 0, "function": {"arguments": piece}})
        finish = "tool_calls"
    elif request.get("response_format"):
        yield from _contents(_CITY)
    elif "bomb" in last["content"]:
        for piece in _REFUSAL:
            yield {"index": 0, "delta": {"refusal": piece}}
    elif request.get("max_completion_tokens"):
        yield from _contents(_SKY[:2])
        finish = "length"
    else:
        for piece in _THOUGHT if request.get("reasoning_effort") else ():
            yield {"index": 0, "delta": {"reasoning_content": piece}}
        yield from _contents(_said_to(last["content"]))
    yield {"index": 0, "delta": {}, "finish_reason": finish}


def _contents(pieces: Iterable[str]) -> Iterator[dict[str, Any]]:
    for piece in pieces:
        yield {"index": 0, "delta": {"content": piece}}


def _chat_call(call: JSON) -> dict[str, Any]:
    return {"index": 0, "delta": {"tool_calls": [call]}}


def completion(request: JSON) -> Iterator[str]:
    """Answer a request for a completion."""
    facts = {"id": "cmpl-1", "object": "text_completion", "model": request["model"]}
    for text in (" upon", " a time"):
        yield _data({**facts, "choices": [{"index": 0, "text": text, "finish_reason": None}]})
    yield _data({**facts, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    yield DONE


# Responses.


def response(request: JSON, *, starting_after: int = -1, last: int = 1000) -> Iterator[str]:
    """Answer a request for a response: its events from one number to another."""
    for number, event in enumerate(_response_events(request)):
        if starting_after < number <= last:
            yield _named({**event, "sequence_number": number})


def _response_events(request: JSON) -> Iterator[dict[str, Any]]:
    given: Any = request.get("input") or ""
    outputs = [item["output"] for item in given if "output" in item] if given else []
    facts: dict[str, Any] = {
        "id": "resp_2" if outputs else "resp_1",
        "object": "response",
        "model": "gpt-5",
    }
    if request.get("background"):
        facts["background"] = True
    under_way = {**facts, "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": under_way}
    yield {"type": "response.in_progress", "response": under_way}
    items: list[dict[str, Any]] = []
    if request.get("reasoning"):
        yield from _reasoning(items)
    if outputs:
        yield from _message(items, [_REPORT, *outputs, "."])
    elif any(tool["type"] == "function" for tool in request.get("tools") or ()):
        yield from _function_call(items)
    elif any(tool["type"] == "web_search" for tool in request.get("tools") or ()):
        yield from _web_search(items)
        yield from _message(items, _SKY)
    elif "format" in (request.get("text") or {}):
        yield from _message(items, _CITY)
    else:
        yield from _message(items, _said_to(given))
    usage = {"input_tokens": 13, "output_tokens": 9, "total_tokens": 22}
    whole = {**facts, "status": "completed", "output": items, "usage": usage}
    yield {"type": "response.completed", "response": whole}


def _reasoning(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    place = {"output_index": len(items)}
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    part = {**place, "item_id": "rs_1", "summary_index": 0}
    summary = {"type": "summary_text", "text": "".join(_THOUGHT)}
    yield {"type": "response.output_item.added", **place, "item": item}
    empty = {**summary, "text": ""}
    yield {"type": "response.reasoning_summary_part.added", **part, "part": empty}
    for piece in _THOUGHT:
        yield {"type": "response.reasoning_summary_text.delta", **part, "delta": piece}
    yield {"type": "response.reasoning_summary_text.done", **part, "text": summary["text"]}
    yield {"type": "response.reasoning_summary_part.done", **part, "part": summary}
    items.append({**item, "summary": [summary]})
    yield {"type": "response.output_item.done", **place, "item": items[-1]}


def _message(items: list[dict[str, Any]], pieces: Iterable[str]) -> Iterator[dict[str, Any]]:
    place = {"output_index": len(items)}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    part = {**place, "item_id": "msg_1", "content_index": 0}
    text = {"type": "output_text", "text": "".join(pieces), "annotations": []}
    started = {**item, "status": "in_progress"}
    yield {"type": "response.output_item.added", **place, "item": started}
    yield {"type": "response.content_part.added", **part, "part": {**text, "text": ""}}
    for piece in pieces:
        yield {"type": "response.output_text.delta", **part, "delta": piece}
    yield {"type": "response.output_text.done", **part, "text": text["text"]}
    yield {"type": "response.content_part.done", **part, "part": text}
    items.append({**item, "status": "completed", "content": [text]})
    yield {"type": "response.output_item.done", **place, "item": items[-1]}


def _function_call(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    place = {"output_index": len(items)}
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}
    part = {**place, "item_id": "fc_1"}
    arguments = "".join(_ARGUMENTS)
    started = {**item, "arguments": "", "status": "in_progress"}
    yield {"type": "response.output_item.added", **place, "item": started}
    for piece in _ARGUMENTS:
        yield {"type": "response.function_call_arguments.delta", **part, "delta": piece}
    yield {"type": "response.function_call_arguments.done", **part, "arguments": arguments}
    items.append({**item, "arguments": arguments, "status": "completed"})
    yield {"type": "response.output_item.done", **place, "item": items[-1]}


def _web_search(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    place = {"output_index": len(items)}
    part = {**place, "item_id": "ws_1"}
    item = {"type": "web_search_call", "id": "ws_1"}
    started = {**item, "status": "in_progress"}
    yield {"type": "response.output_item.added", **place, "item": started}
    for status in ("in_progress", "searching", "completed"):
        yield {"type": f"response.web_search_call.{status}", **part}
    action = {"type": "search", "query": "why is the sky blue"}
    items.append({**item, "status": "completed", "action": action})
    yield {"type": "response.output_item.done", **place, "item": items[-1]}


# Audio: with CRLF, as OpenAI sends it.


def transcription() -> Iterator[str]:
    """Answer a request for a transcription."""
    words = ("Imagination", " is more important", " than knowledge.")
    for word in words:
        yield _data({"type": "transcript.text.delta", "delta": word}, "\r\n")
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 9, "total_tokens": 23}
    whole = {"type": "transcript.text.done", "text": "".join(words), "usage": usage}
    yield _data(whole, "\r\n")
    yield "data: [DONE]\r\n\r\n"


def speech(request: JSON) -> Iterator[str]:
    """Answer a request for speech: with as many bytes as the text has letters."""
    sound = b"ID3" + request["input"].encode()  # not a sound, but as long as its page says
    for start in range(0, len(sound), 16):
        audio = base64.b64encode(sound[start : start + 16]).decode()
        yield _data({"type": "speech.audio.delta", "audio": audio}, "\r\n")
    usage = {"input_tokens": 5, "output_tokens": 20, "total_tokens": 25}
    yield _data({"type": "speech.audio.done", "usage": usage}, "\r\n")
    yield "data: [DONE]\r\n\r\n"


# Images.


def images(request: JSON, kind: str) -> Iterator[str]:
    """Answer a request for an image: it gets larger until it is whole."""
    partial = int(request.get("partial_images") or 0)
    facts = {"created_at": 1, "size": "8x8", "output_format": "png"}
    for index in range(partial):
        image = {"b64_json": _png(2 << index), "partial_image_index": index}
        yield _named({"type": f"{kind}.partial_image", **facts, **image})
    usage = {"input_tokens": 7, "output_tokens": 64, "total_tokens": 71}
    image = {"b64_json": _png(8), "usage": usage}
    yield _named({"type": f"{kind}.completed", **facts, **image})


def _png(size: int) -> str:
    """Return a blue square as a PNG, in base64."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x40\x80\xff" * size) * size
    chunks = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 0)), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


# Assistants.

RUN = {"id": "run_1", "object": "thread.run", "thread_id": "thread_1", "assistant_id": "asst_1"}

_WEATHER_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": "".join(_ARGUMENTS)},
}


def event(name: str, payload: Any) -> str:
    """Return an event of an Assistants stream."""
    return f"event: {name}\ndata: {json.dumps(payload)}\n\n"


def message_delta(text: str) -> str:
    """Return the event that adds *text* to a message."""
    part = {"index": 0, "type": "text", "text": {"value": text}}
    delta = {"id": "msg_1", "object": "thread.message.delta", "delta": {"content": [part]}}
    return event("thread.message.delta", delta)


def weather_call() -> Iterator[str]:
    """Ask for a function call."""
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [_WEATHER_CALL]}}
    yield event("thread.run.created", {**RUN, "status": "queued"})
    yield event(
        "thread.run.requires_action",
        {**RUN, "status": "requires_action", "required_action": action},
    )
    yield "event: done\n" + DONE


def weather_report(tool_outputs: list[Any]) -> Iterator[str]:
    """Say what the function has returned."""
    yield event("thread.run.in_progress", {**RUN, "status": "in_progress"})
    for word in (_REPORT, *(output["output"] for output in tool_outputs), "."):
        yield message_delta(word)
    yield event("thread.run.completed", {**RUN, "status": "completed"})
    yield "event: done\n" + DONE


def recorded() -> Iterator[str]:
    """Give the recorded answer of the demo."""
    recording = files("openai_scan.demo").joinpath("assistants.jsonl").read_bytes()
    for chunk in replay(io.BytesIO(recording)):
        yield chunk.decode()


# Agents.


def turns(request: JSON) -> list[TurnScript]:
    """Return what the agent of a new session says in its turns."""
    call = ToolCall("weather", {"city": "Oslo"})
    first: TurnScript = "".join(_SKY)
    if (request.get("agent") or {}).get("tools"):
        first = [call, f"{_REPORT}4 degrees."]
    return [first, "Because of the dust."]
