"""Events and answers of Assistants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openai_scan.testing.chat import ToolCall, halves
from openai_scan.testing.steps import event, pieces_of

_RUN = {
    "id": "run_1",
    "object": "thread.run",
    "created_at": 1,
    "thread_id": "thread_1",
    "assistant_id": "asst_1",
    "model": "test-model",
    "instructions": "",
    "tools": [],
    "metadata": {},
    "required_action": None,
    "last_error": None,
    "usage": None,
}
_MESSAGE = {
    "id": "msg_1",
    "object": "thread.message",
    "created_at": 1,
    "thread_id": "thread_1",
    "run_id": "run_1",
    "assistant_id": "asst_1",
    "role": "assistant",
    "attachments": [],
    "metadata": {},
}
_STEP = {
    "id": "step_1",
    "object": "thread.run.step",
    "created_at": 1,
    "thread_id": "thread_1",
    "run_id": "run_1",
    "assistant_id": "asst_1",
    "cancelled_at": None,
    "completed_at": None,
    "expired_at": None,
    "failed_at": None,
    "last_error": None,
    "metadata": {},
    "usage": None,
}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def thread_created(thread_id: str = "thread_1") -> bytes:
    """Return `thread.created`, which comes first if the thread is created with the run."""
    return event(
        "thread.created", {"id": thread_id, "object": "thread", "created_at": 1, "metadata": {}}
    )


def thread_run(status: str, *, name: str | None = None, **facts: Any) -> bytes:
    """Return the event of a run that has reached a status.

    Args:
        status: Such as `"in_progress"` for the event `thread.run.in_progress`.
        name: The last word of the event's name if it is not the status, such as `"created"`.
        facts: More fields of the run, such as `required_action` or `last_error`.
    """
    return event(f"thread.run.{name or status}", {**_RUN, "status": status, **facts})


def thread_run_step(
    status: str,
    *,
    name: str | None = None,
    details: Mapping[str, Any] | None = None,
    **facts: Any,
) -> bytes:
    """Return the event of a run step that has reached a status.

    Args:
        status: Such as `"completed"` for the event `thread.run.step.completed`.
        name: The last word of the event's name if it is not the status, such as `"created"`.
        details: What it does, such as `{"type": "tool_calls", "tool_calls": [...]}`; by default it
            creates the message of `thread_message()`.
        facts: More fields of the step, such as `usage` or `last_error`.
    """
    if details is None:
        details = {"type": "message_creation", "message_creation": {"message_id": "msg_1"}}
    step = {**_STEP, "status": status, "type": details["type"], "step_details": details, **facts}
    return event(f"thread.run.step.{name or status}", step)


def thread_run_step_delta(*tool_calls: Mapping[str, Any]) -> bytes:
    """Return the event that adds parts of tool calls to a run step.

    Args:
        tool_calls: The parts, such as `{"index": 0, "type": "function", "function": {...}}`.
    """
    delta = {"step_details": {"type": "tool_calls", "tool_calls": tool_calls}}
    payload = {"id": "step_1", "object": "thread.run.step.delta", "delta": delta}
    return event("thread.run.step.delta", payload)


def thread_message(status: str, text: str | None = None, *, name: str | None = None) -> bytes:
    """Return the event of a message that has reached a status.

    Args:
        status: Such as `"completed"` for the event `thread.message.completed`.
        text: Its text.
        name: The last word of the event's name if it is not the status, such as `"created"`.
    """
    part = {"type": "text", "text": {"value": text, "annotations": []}}
    content = [] if text is None else [part]
    return event(
        f"thread.message.{name or status}", {**_MESSAGE, "status": status, "content": content}
    )


def thread_message_delta(text: str, *, index: int = 0) -> bytes:
    """Return the event that adds *text* to a message.

    Args:
        text: The text to add.
        index: The number of the content part.
    """
    part = {"index": index, "type": "text", "text": {"value": text}}
    delta = {"content": [part]}
    payload = {"id": "msg_1", "object": "thread.message.delta", "delta": delta}
    return event("thread.message.delta", payload)


def thread_done() -> bytes:
    """Return the `done` at the end of the stream."""
    return event("done", "[DONE]")


def assistant_answer(text: str | Iterable[str]) -> list[bytes]:
    """Return the events of a whole run that says *text*, `done` included.

    Args:
        text: A string, which is sent word by word, or the pieces to send.
    """
    pieces = pieces_of(text)
    return [
        *_begun(),
        thread_run_step("in_progress", name="created"),
        thread_run_step("in_progress"),
        thread_message("in_progress", name="created"),
        thread_message("in_progress"),
        *map(thread_message_delta, pieces),
        thread_message("completed", "".join(pieces)),
        thread_run_step("completed", completed_at=1, usage=_USAGE),
        thread_run("completed", usage=_USAGE),
        thread_done(),
    ]


def assistant_calls(*calls: ToolCall) -> list[bytes]:
    """Return the events of a run that waits for the outputs of functions, `done` included."""
    tool_calls: Sequence[Any] = [
        {
            "id": call.named(place),
            "type": "function",
            "function": {"name": call.name, "arguments": call.text},
        }
        for place, call in enumerate(calls)
    ]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": tool_calls}}
    begun = {"type": "tool_calls", "tool_calls": []}
    return [
        *_begun(),
        thread_run_step("in_progress", name="created", details=begun),
        thread_run_step("in_progress", details=begun),
        *(thread_run_step_delta(piece) for piece in _pieces(calls)),
        thread_run("requires_action", required_action=action),
        thread_done(),
    ]


def assistant_failure(code: str = "server_error", message: str = "this is a test") -> list[bytes]:
    """Return the events of a run that fails.

    Args:
        code: Such as `"rate_limit_exceeded"`.
        message: The error message.
    """
    error = {"code": code, "message": message}
    return [*_begun(), thread_run("failed", last_error=error), thread_done()]


def _pieces(calls: Iterable[ToolCall]) -> Iterable[Mapping[str, Any]]:
    """Yield the parts in which the calls arrive."""
    for index, call in enumerate(calls):
        function = {"name": call.name, "arguments": "", "output": None}
        place = {"index": index, "type": "function"}
        yield {**place, "id": call.named(index), "function": function}
        for piece in halves(call.text):
            yield {**place, "function": {"arguments": piece}}


def _begun() -> list[bytes]:
    return [thread_run("queued", name="created"), thread_run("queued"), thread_run("in_progress")]
