"""The bases of the events of Assistants: their answers to the questions of `Event`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

import attrs
from attrs import frozen

from openai_scan.errors import APIError
from openai_scan.events.assistants.objects import (
    AnnotationDelta,
    LastError,
    Message,
    Run,
    RunStep,
    RunToolCall,
    RunUsage,
    ToolCall,
    ToolCallDelta,
    ToolCallsDetails,
)
from openai_scan.events.base import Event, Outcome, StreamPart, api_error

# The statuses that a run does not leave by itself, and the outcome that each gives its stream.
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
    """The base of all events of the family."""

    family: ClassVar[str] = "assistants"

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:  # noqa: ARG002 - for those that answer
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[AnnotationDelta, ...] | None:  # noqa: ARG002 - likewise
        return None


@frozen(slots=False, eq=False, repr=False)
class RunEvent(AssistantsBase):
    """The base of the `thread.run.*` events, each with the run as it is now."""

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
    """The base of the `thread.run.step.*` events, each with the run step as it is now."""

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
    """The base of the `thread.message.*` events, each with the message as it is now."""

    message: Message

    def unwrap_message(self) -> Message:
        return self.message
