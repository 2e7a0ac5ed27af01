"""The bases of the events of Assistants: their answers to the questions of `Event`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeAlias

import attrs
from attrs import frozen

from openai_scan.errors import APIError
from openai_scan.events.assistants.objects import (
    AnnotationDelta,
    FunctionToolCallDelta,
    ImageFile,
    ImageFilePartDelta,
    LastError,
    Message,
    MessageDelta,
    RefusalPartDelta,
    RequiredAction,
    Run,
    RunStep,
    RunStepDelta,
    RunToolCall,
    RunUsage,
    TextDelta,
    TextPartDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallsDetails,
    ToolCallsDetailsDelta,
)
from openai_scan.events.base import Event, Outcome, StreamPart, api_error
from openai_scan.values import Piece

# The statuses at which a run stops, and the outcome that each gives its stream.
_OUTCOMES: Mapping[str, Outcome] = {
    "completed": "completed",
    "requires_action": "requires_action",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
    "failed": "failed",
    "expired": "failed",
}

PartOfCall: TypeAlias = RunToolCall | ToolCall | ToolCallDelta
"""A call of a tool, or a piece of one."""


@frozen(slots=False, eq=False, repr=False)
class AssistantsBase(Event):
    """The base of all events of Assistants."""

    family: ClassVar[str] = "assistants"

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:  # noqa: ARG002 - for those that answer
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[AnnotationDelta, ...] | None:  # noqa: ARG002 - likewise
        return None


@frozen(slots=False, eq=False, repr=False)
class RunEvent(AssistantsBase):
    """The base of the `thread.run.*` events.

    Attributes:
        run: The run as it is now.
    """

    ends_with_done: ClassVar[bool] = True

    run: Run

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return ((self.run.id, _OUTCOMES.get(self._final_status())),)

    def stream_error(self) -> APIError | None:
        status = self._final_status()
        if _OUTCOMES.get(status) != "failed":
            return None
        error = self.run.last_error or LastError()
        return api_error(
            error.message,
            otherwise=f"the run {status}, and the server did not say why",
            code=error.code or f"run_{status}",
            body=attrs.asdict(error),  # the whole run would show the prompt
        )

    def unwrap_run(self) -> Run:
        return self.run

    def unwrap_usage(self) -> RunUsage | None:
        return self.run.usage

    def _final_status(self) -> str:
        """Return the status that ends the run's stream, or "" if it goes on."""
        # The run's own status comes first: open-assistant-api sends thread.run.completed for a run
        # that requires action. The event's name helps if the status is missing or out of date.
        for status in (self.run.status, self.wire_name.rpartition(".")[2]):
            if status in _OUTCOMES:
                return status
        return ""


@frozen(slots=False, eq=False, repr=False)
class RunStepEvent(AssistantsBase):
    """The base of the `thread.run.step.*` events.

    Attributes:
        run_step: The run step as it is now.
    """

    run_step: RunStep

    def unwrap_run_step(self) -> RunStep:
        return self.run_step

    def unwrap_usage(self) -> RunUsage | None:
        return self.run_step.usage

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        details = self.run_step.step_details
        if choice or not isinstance(details, ToolCallsDetails):
            return None
        return details.tool_calls or None


@frozen(slots=False, eq=False, repr=False)
class MessageEvent(AssistantsBase):
    """The base of the `thread.message.*` events.

    Attributes:
        message: The message as it is now.
    """

    message: Message

    def unwrap_message(self) -> Message:
        return self.message


class AsksForOutputs(RunEvent):
    """The base of the event that asks for the outputs of your functions.

    Only this event answers these two questions. A later event may carry the same action again, and
    a loop that submits outputs for every action it sees must not submit them twice.
    """

    def unwrap_required_action(self) -> RequiredAction | None:
        return self.run.required_action

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[RunToolCall, ...] | None:
        action = self.run.required_action
        return None if choice or action is None else action.submit_tool_outputs.tool_calls or None


class AddsToRunStep(AssistantsBase):
    """The base of the event with pieces of a run step."""

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


class AddsToMessage(AssistantsBase):
    """The base of the event with pieces of a message."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.delta.content",
            "$.delta.content[]",
            "$.delta.content[].text",
            "$.delta.content[].text.value",
        }
    )

    delta: MessageDelta

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
