"""The events of Assistants: one class per wire name, and the match that picks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import frozen

from openai_scan.events.assistants.base import (
    AssistantsBase,
    MessageEvent,
    PartOfCall,
    RunEvent,
    RunStepEvent,
)
from openai_scan.events.assistants.objects import (
    AnnotationDelta,
    FunctionToolCallDelta,
    ImageFile,
    ImageFilePartDelta,
    Message,
    MessageDelta,
    RefusalPartDelta,
    RequiredAction,
    Run,
    RunStep,
    RunStepDelta,
    RunToolCall,
    TextDelta,
    TextPartDelta,
    Thread,
    ToolCallsDetailsDelta,
)
from openai_scan.events.assistants.parts import with_parts, with_parts_in_delta
from openai_scan.events.base import DoneEvent, ErrorEvent, Event, UnknownEvent
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent
from openai_scan.values import Piece, Value


@frozen(slots=False, eq=False, repr=False)
class ThreadCreated(AssistantsBase):
    """`thread.created`: a new thread."""

    wire_name: ClassVar[str] = "thread.created"

    thread: Thread


@frozen(slots=False, eq=False, repr=False)
class ThreadRunCreated(RunEvent):
    """`thread.run.created`: a new run."""

    wire_name: ClassVar[str] = "thread.run.created"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunQueued(RunEvent):
    """`thread.run.queued`: the run is waiting to start."""

    wire_name: ClassVar[str] = "thread.run.queued"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunInProgress(RunEvent):
    """`thread.run.in_progress`: the run is working."""

    wire_name: ClassVar[str] = "thread.run.in_progress"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunRequiresAction(RunEvent):
    """`thread.run.requires_action`: the run waits for the outputs of your functions."""

    wire_name: ClassVar[str] = "thread.run.requires_action"

    # Only this event answers these two questions. A later event may carry the same action again,
    # and a loop that submits outputs for every action it sees must not submit them twice.

    def unwrap_required_action(self) -> RequiredAction | None:
        return self.run.required_action

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[RunToolCall, ...] | None:
        action = self.run.required_action
        return None if choice or action is None else action.submit_tool_outputs.tool_calls or None


@frozen(slots=False, eq=False, repr=False)
class ThreadRunCompleted(RunEvent):
    """`thread.run.completed`: the run has finished."""

    wire_name: ClassVar[str] = "thread.run.completed"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunIncomplete(RunEvent):
    """`thread.run.incomplete`: the run ended early; `run.incomplete_details` says why."""

    wire_name: ClassVar[str] = "thread.run.incomplete"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunFailed(RunEvent):
    """`thread.run.failed`: the run failed; `run.last_error` says why, and so does `err()`."""

    wire_name: ClassVar[str] = "thread.run.failed"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunCancelling(RunEvent):
    """`thread.run.cancelling`: the run is being cancelled."""

    wire_name: ClassVar[str] = "thread.run.cancelling"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunCancelled(RunEvent):
    """`thread.run.cancelled`: the run was cancelled."""

    wire_name: ClassVar[str] = "thread.run.cancelled"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunExpired(RunEvent):
    """`thread.run.expired`: the run took too long; `err()` reports it."""

    wire_name: ClassVar[str] = "thread.run.expired"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepCreated(RunStepEvent):
    """`thread.run.step.created`: a new run step."""

    wire_name: ClassVar[str] = "thread.run.step.created"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepInProgress(RunStepEvent):
    """`thread.run.step.in_progress`: the run step is working."""

    wire_name: ClassVar[str] = "thread.run.step.in_progress"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepDelta(AssistantsBase):
    """`thread.run.step.delta`: pieces of the run step with this *id*."""

    wire_name: ClassVar[str] = "thread.run.step.delta"

    delta: RunStepDelta
    id: str = ""

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        details = self.delta.step_details
        if choice or not isinstance(details, ToolCallsDetailsDelta):
            return None
        return details.tool_calls or None

    def pieces(self) -> tuple[Piece, ...]:
        return tuple(
            Piece(
                "call",
                text=call.function.arguments or "",
                call_id=call.id or "",
                name=call.function.name or "",
            )
            for call in self.unwrap_tool_calls() or ()
            if isinstance(call, FunctionToolCallDelta) and call.function is not None
        )


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepCompleted(RunStepEvent):
    """`thread.run.step.completed`: the run step has finished."""

    wire_name: ClassVar[str] = "thread.run.step.completed"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepFailed(RunStepEvent):
    """`thread.run.step.failed`: the run step failed; `run_step.last_error` says why."""

    wire_name: ClassVar[str] = "thread.run.step.failed"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepCancelled(RunStepEvent):
    """`thread.run.step.cancelled`: the run step was cancelled with its run."""

    wire_name: ClassVar[str] = "thread.run.step.cancelled"


@frozen(slots=False, eq=False, repr=False)
class ThreadRunStepExpired(RunStepEvent):
    """`thread.run.step.expired`: the run step took too long."""

    wire_name: ClassVar[str] = "thread.run.step.expired"


@frozen(slots=False, eq=False, repr=False)
class ThreadMessageCreated(MessageEvent):
    """`thread.message.created`: a new message."""

    wire_name: ClassVar[str] = "thread.message.created"


@frozen(slots=False, eq=False, repr=False)
class ThreadMessageInProgress(MessageEvent):
    """`thread.message.in_progress`: the message is being written."""

    wire_name: ClassVar[str] = "thread.message.in_progress"


@frozen(slots=False, eq=False, repr=False)
class ThreadMessageDelta(AssistantsBase):
    """`thread.message.delta`: pieces of the message with this *id*."""

    wire_name: ClassVar[str] = "thread.message.delta"

    delta: MessageDelta
    id: str = ""

    def unwrap_text(self, choice: int = 0) -> str | None:
        whole: str | None = None
        for part in self.delta.content:
            if isinstance(part, TextPartDelta) and part.text is not None:
                text = part.text.value
                whole = text if whole is None else whole + (text or "")
        return None if choice else whole

    def unwrap_message_delta_text(self) -> str | None:
        return self.unwrap_text()

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        pieces = [
            part.refusal
            for part in self.delta.content
            if isinstance(part, RefusalPartDelta) and part.refusal is not None
        ]
        return "".join(pieces) if pieces and not choice else None

    def unwrap_image_file(self) -> ImageFile | None:
        for part in self.delta.content:
            if isinstance(part, ImageFilePartDelta) and part.image_file is not None:
                return part.image_file
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[AnnotationDelta, ...] | None:
        found: tuple[AnnotationDelta, ...] = sum((text.annotations for text in self._texts()), ())
        return None if choice else found or None

    def _texts(self) -> Iterator[TextDelta]:
        for part in self.delta.content:
            if isinstance(part, TextPartDelta) and part.text is not None:
                yield part.text


@frozen(slots=False, eq=False, repr=False)
class ThreadMessageCompleted(MessageEvent):
    """`thread.message.completed`: the whole message."""

    wire_name: ClassVar[str] = "thread.message.completed"


@frozen(slots=False, eq=False, repr=False)
class ThreadMessageIncomplete(MessageEvent):
    """`thread.message.incomplete`: what was written before its run ended early."""

    wire_name: ClassVar[str] = "thread.message.incomplete"


AssistantEvent: TypeAlias = (
    ThreadCreated
    | ThreadRunCreated
    | ThreadRunQueued
    | ThreadRunInProgress
    | ThreadRunRequiresAction
    | ThreadRunCompleted
    | ThreadRunIncomplete
    | ThreadRunFailed
    | ThreadRunCancelling
    | ThreadRunCancelled
    | ThreadRunExpired
    | ThreadRunStepCreated
    | ThreadRunStepInProgress
    | ThreadRunStepDelta
    | ThreadRunStepCompleted
    | ThreadRunStepFailed
    | ThreadRunStepCancelled
    | ThreadRunStepExpired
    | ThreadMessageCreated
    | ThreadMessageInProgress
    | ThreadMessageDelta
    | ThreadMessageCompleted
    | ThreadMessageIncomplete
    | DoneEvent
    | ErrorEvent
    | UnknownEvent
)
"""Every event of such a stream, so that a `match` can be shown to be complete."""


def name_of(payload: Mapping[str, Any]) -> str:
    """Return the wire name for a payload that came without one, from its `object` and `status`.

    Servers that leave out the names send an object whenever its status changes.
    """
    kind = str(payload["object"])
    if kind == "thread":
        return "thread.created"
    status = payload.get("status")
    return f"{kind}.{status}" if isinstance(status, str) and not kind.endswith(".delta") else kind


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event named *name*, or None if there is no class for it.

    Raises:
        DecodeError: The payload does not match the event's class.
    """
    match name:
        case "thread.message.delta":
            delta = structure(with_parts_in_delta(payload), _MessageDeltaObject)
            return ThreadMessageDelta(delta.delta, delta.id, raw=raw)
        case "thread.run.step.delta":
            step = structure(payload, _RunStepDeltaObject)
            return ThreadRunStepDelta(step.delta, step.id, raw=raw)
        case "thread.created":
            return ThreadCreated(structure(payload, Thread), raw=raw)
        case "thread.run.created":
            return ThreadRunCreated(structure(payload, Run), raw=raw)
        case "thread.run.queued":
            return ThreadRunQueued(structure(payload, Run), raw=raw)
        case "thread.run.in_progress":
            return ThreadRunInProgress(structure(payload, Run), raw=raw)
        case "thread.run.requires_action":
            return ThreadRunRequiresAction(structure(payload, Run), raw=raw)
        case "thread.run.completed":
            return ThreadRunCompleted(structure(payload, Run), raw=raw)
        case "thread.run.incomplete":
            return ThreadRunIncomplete(structure(payload, Run), raw=raw)
        case "thread.run.failed":
            return ThreadRunFailed(structure(payload, Run), raw=raw)
        case "thread.run.cancelling":
            return ThreadRunCancelling(structure(payload, Run), raw=raw)
        case "thread.run.cancelled":
            return ThreadRunCancelled(structure(payload, Run), raw=raw)
        case "thread.run.expired":
            return ThreadRunExpired(structure(payload, Run), raw=raw)
        case "thread.run.step.created":
            return ThreadRunStepCreated(structure(payload, RunStep), raw=raw)
        case "thread.run.step.in_progress":
            return ThreadRunStepInProgress(structure(payload, RunStep), raw=raw)
        case "thread.run.step.completed":
            return ThreadRunStepCompleted(structure(payload, RunStep), raw=raw)
        case "thread.run.step.failed":
            return ThreadRunStepFailed(structure(payload, RunStep), raw=raw)
        case "thread.run.step.cancelled":
            return ThreadRunStepCancelled(structure(payload, RunStep), raw=raw)
        case "thread.run.step.expired":
            return ThreadRunStepExpired(structure(payload, RunStep), raw=raw)
        case "thread.message.created":
            return ThreadMessageCreated(structure(with_parts(payload), Message), raw=raw)
        case "thread.message.in_progress":
            return ThreadMessageInProgress(structure(with_parts(payload), Message), raw=raw)
        case "thread.message.completed":
            return ThreadMessageCompleted(structure(with_parts(payload), Message), raw=raw)
        case "thread.message.incomplete":
            return ThreadMessageIncomplete(structure(with_parts(payload), Message), raw=raw)
        case _:
            return None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class _MessageDeltaObject(Value):
    """The payload of `thread.message.delta`."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.delta.content",
            "$.delta.content[]",
            "$.delta.content[].text",
            "$.delta.content[].text.value",
        }
    )

    delta: MessageDelta
    id: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class _RunStepDeltaObject(Value):
    """The payload of `thread.run.step.delta`."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.delta.step_details",
            "$.delta.step_details.tool_calls",
            "$.delta.step_details.tool_calls[]",
            "$.delta.step_details.tool_calls[].function",
            "$.delta.step_details.tool_calls[].function.arguments",
            "$.delta.step_details.tool_calls[].function.name",
        }
    )

    delta: RunStepDelta
    id: str = ""
