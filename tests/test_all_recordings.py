"""Of every recorded stream the events are known, the end is judged right, and the text is whole."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import PurePath
from typing import Any

import pytest
import recordings

from openai_scan import (
    Event,
    ResponseCompleted,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseIncomplete,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    StreamerV2,
    ThreadMessageCompleted,
    TranscriptTextDone,
    UnknownEvent,
)
from openai_scan.events import from_answer
from openai_scan.events.assistants import TextPart
from openai_scan.events.responses import FunctionToolCall, OutputMessage, OutputTextContent
from openai_scan.sse import encode_all, utf8

pytestmark = pytest.mark.unmeasured

# What a server answered instead of a stream, and what is not JSON either: see NEITHER.
STREAM_BEGINS = (b"data:", b"event:", b":")

# How the streams ended that did not end well; all others are completed.
OUTCOMES = {
    # The scenario asks for it: a limit, or a filter.
    "incomplete": """
        aimock_chat_filter aimock_chat_length aimock_responses_length
        litellm_bridge_responses_length litellm_hostedvllm_responses_length
        litellm_upaimock_chat_filter litellm_upaimock_chat_length litellm_upaimock_responses_length
    """
    # The model behind llama.cpp has random weights and talks until its limit.
    """
        litellm_bridge_responses_llama litellm_uphf_chat litellm_upllama_chat
        litellm_upllama_completions llamacpp_chat_err_badmodel llamacpp_chat_logprobs
        llamacpp_chat_long llamacpp_chat_n2 llamacpp_chat_ping llamacpp_chat_text
        llamacpp_chat_timings llamacpp_chat_tool_auto llamacpp_chat_tool_parallel
        llamacpp_chat_tool_required llamacpp_chat_usage llamacpp_completions_logprobs
        llamacpp_completions_text llamacpp_completions_usage
    """,
    # The connection was cut, by the server, by the client, or by a crash.
    "truncated": """
        aimock_chat_clientcut aimock_chat_drop aimock_chat_truncate aimock_responses_drop
        aimock_responses_truncate litellm_chat_disconnect llamacpp_chat_disconnect
        oaa_run_clientcut oaa_run_unicode oaa_run_upstream429 oaa_run_upstream500
        oaa_run_upstreamdrop
    """,
    # LiteLLM reports what it cannot forward; aimock completes a response that has failed.
    "failed": """
        aimock_responses_filter litellm_assistants_run_500 litellm_assistants_run_drop
        litellm_bridge_responses_drop litellm_bridge_responses_unicode
        litellm_hostedvllm_responses_drop litellm_hostedvllm_responses_filter
        litellm_hostedvllm_responses_malformed litellm_hostedvllm_responses_truncate
        litellm_hostedvllm_responses_unicode litellm_responses_text litellm_responses_unicode
        litellm_upaimock_chat_drop litellm_upaimock_chat_truncate litellm_upaimock_chat_unicode
        litellm_upaimock_responses_drop litellm_upaimock_responses_filter
        litellm_upaimock_responses_malformed litellm_upaimock_responses_truncate
        litellm_upaimock_responses_unicode
    """
    # The JSON of one event is cut off, so a part of the answer is lost.
    """
        llmock_chat_malformed
    """,
    "requires_action": """
        Assistants_StreamingToolCall-.1 litellm_assistants_run_tool oaa_run_tools
    """,
}
OUTCOME = {name: outcome for outcome, names in OUTCOMES.items() for name in names.split()}

NO_DONE = {"missing_done": 1}

# What was tolerated; in all others nothing.
NOTES = {
    "aimock_openrouter_ping": {"comment": 1},
    "litellm_ping_chat_stall": {"comment": 11},
    "litellm_ping_responses_stall": {"comment": 10},
    # It puts an output_text into a reasoning item, where only reasoning_text is known.
    "litellm_bridge_responses_reasoning": {
        "skipped_field: ResponseCompleted $.response.output[].content[].type": 1
    },
    # open-assistant-api never sends `done`.
    "oaa_run_long": NO_DONE,
    "oaa_run_slow": NO_DONE,
    "oaa_run_stall": {"comment": 1, **NO_DONE},
    "oaa_run_text": NO_DONE,
    "oaa_run_tools": NO_DONE,
    "oaa_run_usage": NO_DONE,
    "oaa_run_utf8": NO_DONE,
    "oaa_submit_tool_outputs": NO_DONE,
    "devui_responses_workflow": {
        "unknown_event: response.trace.completed": 8,
        "unknown_event: response.workflow_event.completed": 4,
    },
    "llmock_chat_malformed": {"malformed_event": 1},
    # LiteLLM loses the call, and sends an end without an answer.
    "litellm_chat_tool": {"empty_answer": 1},
    "litellm_upaimock_chat_malformed": {"empty_answer": 1},
    # openai-mock-api sends whole tool calls, and does not number them.
    "oma_chat_tool": {"tool_call_without_index": 1},
}

# Bodies that are neither a stream nor JSON: nothing at all, a fault on purpose, a crash.
NEITHER = {
    "aimock_chat_disconnect",
    "aimock_chat_malformed",
    "aimock_responses_disconnect",
    "aimock_responses_malformed",
    "mockllm_chat_err_badjson",
    "mockllm_chat_err_missing",
}

# Events of a server's own, which are unknown.
UNKNOWN = {
    "devui_responses_workflow": {"response.trace.completed", "response.workflow_event.completed"},
    # One payload is cut in the middle; the mock does so on purpose.
    "llmock_chat_malformed": {"message"},
}

# The text comes only as a part of the final event.
WITHOUT_DELTAS = {"devui_responses_workflow"}

# What the tables name of other people's recordings.
OF_OTHERS = {"Assistants_StreamingToolCall-.1"}

RECORDED = {PurePath(name).stem: body for name, body in sorted(recordings.ALL.items())}
STREAMS = [name for name, body in RECORDED.items() if body.startswith(STREAM_BEGINS)]
BODIES = [name for name in RECORDED if name not in STREAMS]


def read(name: str) -> tuple[StreamerV2, list[Event]]:
    """Return the stream of a recording, read to its end, and its events."""
    stream = StreamerV2([RECORDED[name]])
    events = []
    while stream.next():
        events.append(stream.event())
    return stream, events


@pytest.mark.parametrize("name", STREAMS)
def test_all_is_known_and_judged(name: str) -> None:
    """Events are known, the outcome is the scenario's, and every note has its reason."""
    stream, events = read(name)
    unknown = {event.type for event in events if isinstance(event, UnknownEvent)}
    assert unknown == UNKNOWN.get(name, set())
    assert stream.outcome == OUTCOME.get(name, "completed")
    assert (stream.err() is None) == (stream.outcome not in ("truncated", "failed"))
    assert stream.notes == NOTES.get(name, {})


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in WITHOUT_DELTAS])
def test_text_is_what_the_final_event_says(name: str) -> None:
    """The deltas, joined, are the text that the stream itself gives as the whole."""
    _, events = read(name)
    # aimock cuts characters in two; joined, the halves are the character again.
    text = utf8("".join(event.unwrap_text() or "" for event in events)).decode()
    parts: dict[Any, str] = defaultdict(str)
    for event in events:
        match event:
            case ResponseOutputTextDelta():
                parts[event.item_id, event.output_index, event.content_index] += event.delta
            case ResponseOutputTextDone():
                part_text = parts[event.item_id, event.output_index, event.content_index]
                assert utf8(part_text) == utf8(event.text)
            case ResponseCompleted(response=response) | ResponseIncomplete(response=response):
                messages = [item for item in response.output if isinstance(item, OutputMessage)]
                whole = [
                    part.text
                    for message in messages
                    for part in message.content
                    if isinstance(part, OutputTextContent)
                ]
                assert text == "".join(whole)
            case ThreadMessageCompleted(message=message):
                whole = [part.text.value for part in message.content if isinstance(part, TextPart)]
                assert text == "".join(whole)
            case TranscriptTextDone():
                # Diarized segments begin with the space between them.
                assert text.removeprefix(" ") == event.text


@pytest.mark.parametrize("name", STREAMS)
def test_arguments_are_what_the_final_event_says(
    name: str,
) -> None:
    """The pieces of a call's arguments, joined, are the arguments of the finished call."""
    _, events = read(name)
    pieces: dict[Any, str] = defaultdict(str)
    ids: dict[Any, str] = {}  # aimock and llama.cpp name an item by its id, others by its place
    for event in events:
        match event:
            case ResponseOutputItemAdded(item=FunctionToolCall(id=str(item_id))):
                ids[event.output_index] = item_id
            case ResponseFunctionCallArgumentsDelta():
                pieces[event.item_id or ids[event.output_index]] += event.delta
            case ResponseFunctionCallArgumentsDone():
                assert pieces[event.item_id or ids[event.output_index]] == event.arguments
            case ResponseOutputItemDone(item=FunctionToolCall(id=str(item_id), arguments=whole)):
                assert pieces[item_id] == whole
    if "_chat_tool" in name and name.startswith(("aimock", "litellm", "oma")):
        # A chat has no final event; these servers play a script with whole arguments.
        chat_pieces: dict[Any, str] = defaultdict(str)
        for event in events:
            for call in event.unwrap_tool_calls() or ():
                chat_pieces[call.index] += call.function.arguments or ""
        assert all(isinstance(json.loads(whole), dict) for whole in chat_pieces.values())


@pytest.mark.parametrize("name", BODIES)
def test_body_that_is_not_a_stream_is_an_answer(name: str) -> None:
    """A recorded error or whole answer can be read as a stream; other bodies are not even JSON."""
    body = RECORDED[name]
    if name in NEITHER:
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(body)
        return
    stream = StreamerV2(encode_all(from_answer(json.loads(body))))
    events = []
    while stream.next():
        events.append(stream.event())
    assert [event for event in events if isinstance(event, UnknownEvent)] == []
    if name.endswith("_nonstream"):
        assert stream.err() is None
        assert stream.outcome in ("completed", "incomplete")
    else:
        assert stream.outcome == "failed"


def test_tables_name_recordings() -> None:
    """The tables list only recordings that exist, except for recordings of other people."""
    assert {*OUTCOME, *NOTES, *UNKNOWN, *WITHOUT_DELTAS} - {*STREAMS} <= OF_OTHERS
    assert NEITHER.issubset(BODIES)
    own = {PurePath(name).stem for name in recordings.OWN}
    assert len(own.intersection(STREAMS)) == 138
