"""The bases of the events of Responses: their answers to the questions of `Event`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error, from_base64
from openai_scan.events.responses.items import (
    Annotation,
    CustomToolCall,
    FunctionToolCall,
    OutputItem,
)
from openai_scan.events.responses.objects import Response, ResponseError, ResponseUsage

# The statuses that a response never leaves, and the outcome that each gives its stream.
_OUTCOMES: Mapping[str | None, Outcome] = {
    "completed": "completed",
    "incomplete": "incomplete",
    "failed": "failed",
    "cancelled": "cancelled",
}


class ResponsesEvent(Event):
    """The base of all events of the family."""

    family: ClassVar[str] = "responses"

    sequence_number: int | None

    def stream_position(self) -> int | None:
        return self.sequence_number


class BringsResponse(ResponsesEvent):
    """The base of an event with the response as it is now."""

    response: Response

    def has_content(self) -> bool:
        return self.final_status() not in ("", "failed")

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("response", _OUTCOMES.get(self.final_status())),)

    def stream_error(self) -> APIError | None:
        if self.final_status() != "failed":
            return None
        error = self.response.error or ResponseError()
        return api_error(
            error.message or "the response failed, and the server did not say why",
            code=error.code or "response_failed",
            body=self.raw.data,
        )

    def stream_answer_id(self) -> str | None:
        return self.response.id or None

    def unwrap_usage(self) -> ResponseUsage | None:
        return self.response.usage

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        details = self.response.incomplete_details
        reason = None if details is None else details.reason
        return None if choice else reason or self.final_status() or None

    def final_status(self) -> str:
        """Return the status that ends the stream, or "" if the stream goes on."""
        # The response's own status comes first: aimock sends response.completed for a response that
        # is incomplete. The event's name helps if the status is missing or out of date.
        for status in (self.response.status, self.wire_name.rpartition(".")[2]):
            if status in _OUTCOMES:
                return status or ""
        return ""


class BringsItem(ResponsesEvent):
    """The base of an event with an output item."""

    item: OutputItem

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[Any, ...] | None:
        is_call = isinstance(self.item, FunctionToolCall | CustomToolCall)
        return (self.item,) if is_call and not choice else None


class AddsText(ResponsesEvent):
    """The base of an event with a piece of the answer."""

    delta: str

    def unwrap_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsReasoningText(ResponsesEvent):
    """The base of an event with a piece of reasoning, or of its summary."""

    delta: str

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsRefusal(ResponsesEvent):
    """The base of an event with a piece of a refusal."""

    delta: str

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsToCall(ResponsesEvent):
    """The base of an event that is itself a piece of a call of one of your tools."""

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[Any, ...] | None:
        return None if choice else (self,)


class AddsAnnotation(ResponsesEvent):
    """The base of an event with an annotation, such as a citation."""

    annotation: Annotation | None

    def unwrap_annotations(self, choice: int = 0) -> tuple[Any, ...] | None:
        return None if choice or self.annotation is None else (self.annotation,)


class AddsAudio(ResponsesEvent):
    """The base of an event with a piece of speech."""

    delta: str

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        return None if choice else from_base64(self.delta)


class BringsPartialImage(ResponsesEvent):
    """The base of an event with an unfinished image."""

    partial_image_b64: str

    def unwrap_partial_image(self) -> bytes | None:
        return from_base64(self.partial_image_b64)
