"""What Responses streams have gained since OpenAI's schema of August 2026, and vLLM's additions."""

from __future__ import annotations

from typing import Any

from folding import answer, read

from openai_scan import ResponseCompactionCompacting, UnknownItem
from openai_scan.events import decode
from openai_scan.events.responses import (
    Compaction,
    CustomToolCall,
    FunctionToolCall,
    ReasoningItem,
    ReasoningTextContent,
    WebSearchSource,
)
from openai_scan.events.responses.heads import new_item
from openai_scan.sse import RawEvent


def event(name: str, /, **payload: Any) -> Any:
    """Return the event `response.<name>`."""
    return {"type": f"response.{name}", **payload}


def done(item: Any, index: int = 0) -> Any:
    """Return the event with the whole *item*."""
    return event("output_item.done", output_index=index, item=item)


def test_compaction_begins_with_an_event() -> None:
    """The event announces an item; a later event has the whole item."""
    begun = event("compaction.compacting", item_id="c", output_index=0, sequence_number=3)
    whole = {"type": "compaction", "id": "c", "encrypted_content": "x"}
    assert read(begun).notes == {}
    assert answer(begun).response.output == (Compaction(id="c", encrypted_content=""),)
    assert answer(begun, done(whole)).response.output == (
        Compaction(id="c", encrypted_content="x"),
    )
    found = decode(RawEvent("response.compaction.compacting", "{}"))
    assert isinstance(found, ResponseCompactionCompacting)


def test_async_is_read_and_sent_back_under_its_own_name() -> None:
    """`async` is a keyword of Python, so the attribute is called `async_`; the key stays."""
    call = {
        "type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": "{}",
        "status": "completed", "async": True,
    }  # fmt: skip
    custom = {
        "type": "custom_tool_call", "id": "j", "call_id": "d", "name": "g", "input": "x",
        "status": "completed", "async": False,
    }  # fmt: skip
    streamer = read(done(call), done(custom, 1), event("completed", response={"output": []}))
    snapshot: Any = streamer.snapshot()
    first, second = snapshot.response.output
    assert isinstance(first, FunctionToolCall)
    assert isinstance(second, CustomToolCall)
    assert (first.async_, second.async_, second.status) == (True, False, "completed")
    assert streamer.input_items() == [call, custom]
    assert streamer.notes == {}


def test_source_of_a_search_need_not_have_an_address() -> None:
    """A source of live data has the type `api` and a name."""
    sources = [{"type": "url", "url": "https://a.example"}, {"type": "api", "name": "weather"}]
    action = {"type": "search", "query": "q", "sources": sources}
    streamer = read(done({"type": "web_search_call", "id": "w", "action": action}))
    snapshot: Any = streamer.snapshot()
    assert snapshot.response.output[0].action.sources == (
        WebSearchSource(url="https://a.example"),
        WebSearchSource(type="api", name="weather"),
    )
    assert streamer.notes == {}


def test_error_of_a_response_says_more() -> None:
    """It has the parameter, the type, and why the model was stopped."""
    error = {
        "code": "misalignment_policy_violation", "message": "m", "param": "input", "type": "t",
        "misalignment": {"error_type": "other", "steer": {"message": "go on"}},
    }  # fmt: skip
    streamer = read(event("failed", response={"id": "r", "status": "failed", "error": error}))
    snapshot: Any = streamer.snapshot()
    found = snapshot.response.error
    assert (found.param, found.type, found.misalignment.steer.message) == ("input", "t", "go on")


def test_part_of_reasoning_as_vllm_sends_it() -> None:
    """`response.reasoning_part` is to reasoning what `response.content_part` is to a message."""
    place = {"item_id": "r", "output_index": 0, "content_index": 0}

    def part(text: str) -> Any:
        return {"type": "reasoning_text", "text": text}

    events = [
        event("reasoning_part.added", part=part(""), **place),
        event("reasoning_text.delta", delta="So", **place),
        event("reasoning_part.done", part=part("So be it"), **place),
    ]
    streamer = read(*events)
    snapshot: Any = streamer.snapshot()
    assert snapshot.response.output == (
        ReasoningItem(
            id="r", content=(ReasoningTextContent(text="So be it"),), status="in_progress"
        ),
    )
    assert streamer.notes == {}


def test_item_of_a_kind_that_only_its_event_names() -> None:
    """An item of an unknown kind that was not announced is an unknown item."""
    payload = {"type": "hologram_call", "id": "h"}
    assert new_item("hologram_call", "h") == UnknownItem("hologram_call", "h", payload)
