"""The bases of the events of Responses: their answers to the questions of `Event`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, TypeAlias

from openai_scan import bounded_json
from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error
from openai_scan.events.binary import from_base64
from openai_scan.events.error import Error, read_error
from openai_scan.events.responses.items import (
    Agent,
    Annotation,
    CustomToolCall,
    FunctionToolCall,
    OutputItem,
)
from openai_scan.events.responses.objects import Response, ResponseUsage
from openai_scan.values import Piece

# The statuses that a response never leaves, and the outcome that each gives its stream.
_OUTCOMES: Mapping[str | None, Outcome] = {
    "completed": "completed",
    "incomplete": "incomplete",
    "failed": "failed",
    "cancelled": "cancelled",
}

FINAL_STATUSES = frozenset(status for status in _OUTCOMES if status is not None)
"""The statuses that a response never leaves."""

# Whether there is an error that is not null somewhere in the data of an event. An error that does
# not have the shape of the API is not in the event's fields.
_MAY_HAVE_ERROR = re.compile(r'"error"\s*:\s*["{\[]').search

# The codes of what is not an error.
_SUCCESS = frozenset({"0", "200", "none", "ok", "success"})

PartOfCall: TypeAlias = "FunctionToolCall | CustomToolCall | AddsToCall"
"""A call of one of your tools, or an event that is itself a piece of one."""


class ResponsesBase(Event):
    """The base of all events of Responses.

    Attributes:
        sequence_number: The number of the event in its stream; None if missing.
        agent: The agent that it is from; None if the response has only one.
    """

    family: ClassVar[str] = "responses"
    numbered: ClassVar[bool] = True

    sequence_number: int | None
    agent: Agent | None = None

    def stream_position(self) -> int | None:
        return self.sequence_number

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:  # noqa: ARG002 - for those that answer
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[Annotation, ...] | None:  # noqa: ARG002 - likewise
        return None


class BringsResponse(ResponsesBase):
    """The base of an event with the response as it is now."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.response.output",
            "$.response.output[].arguments",
            "$.response.output[].call_id",
            "$.response.output[].content",
            "$.response.output[].content[].refusal",
            "$.response.output[].content[].text",
            "$.response.output[].input",
            "$.response.output[].name",
        }
    )

    response: Response

    def has_content(self) -> bool:
        return self.final_status() not in ("", "failed")

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("response", _OUTCOMES.get(self.final_status())),)

    def stream_error(self) -> APIError | None:
        if self.final_status() != "failed":
            return None
        error = self.reported_error() or Error()
        return api_error(
            error.message,
            otherwise="the response failed, and the server did not say why",
            type=error.type,
            code=error.code or "response_failed",
            param=error.param,
            body=self.raw.data,
        )

    def reported_error(self) -> Error | None:
        """Return the error in the response, in whatever shape the server sent it; None if none."""
        error = self.response.error
        if error is None and not _MAY_HAVE_ERROR(self.raw.data):
            return None
        match bounded_json.value_or(self.raw.data):
            case {"response": {"error": found}} if found:
                read = read_error({"error": found})
                is_success = (read.code or "").lower() in _SUCCESS
                return read if not is_success and (read.message or read.code) else None
        if error is not None and (error.message or error.code):
            return Error(message=error.message or None, code=error.code or None)
        return None

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
                return "failed" if self._is_broken(status) else status or ""
        return ""

    def _is_broken(self, status: str | None) -> bool:
        """Return whether a response with *status* has failed although the status denies it.

        A gateway whose upstream dies may send the error in a response that is completed. If an
        incomplete response has a reason, that is why it ended.
        """
        if status not in ("completed", "incomplete"):
            return False
        details = self.response.incomplete_details
        if status == "incomplete" and details is not None and details.reason:
            return False
        return self.reported_error() is not None


class BringsItem(ResponsesBase):
    """The base of an event with an output item."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.item.arguments",
            "$.item.call_id",
            "$.item.content",
            "$.item.content[].refusal",
            "$.item.content[].text",
            "$.item.input",
            "$.item.name",
        }
    )

    item: OutputItem

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        if isinstance(self.item, FunctionToolCall | CustomToolCall) and not choice:
            return (self.item,)
        return None


class AnnouncesItem(BringsItem):
    """The base of an event with a new output item."""

    def pieces(self) -> tuple[Piece, ...]:
        match self.item:
            case FunctionToolCall() | CustomToolCall() as call:
                return (Piece("call", 0, "", call.call_id, call.name),)
        return ()


class AddsText(ResponsesBase):
    """The base of an event with a piece of the answer."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("text", 0, self.delta),) if self.delta else ()

    def unwrap_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsReasoningText(ResponsesBase):
    """The base of an event with a piece of reasoning, or of its summary."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("reasoning", 0, self.delta),) if self.delta else ()

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsRefusal(ResponsesBase):
    """The base of an event with a piece of a refusal."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("refusal", 0, self.delta),) if self.delta else ()

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsToCall(ResponsesBase):
    """The base of an event that is itself a piece of a call of one of your tools."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("call", 0, self.delta),) if self.delta else ()

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        return None if choice else (self,)


class AddsAnnotation(ResponsesBase):
    """The base of an event with an annotation, such as a citation."""

    annotation: Annotation | None

    def unwrap_annotations(self, choice: int = 0) -> tuple[Annotation, ...] | None:
        return None if choice or self.annotation is None else (self.annotation,)


class AddsAudio(ResponsesBase):
    """The base of an event with a piece of speech."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("audio", 0, self.delta),) if self.delta else ()

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        return None if choice else from_base64(self.delta)


class BringsPartialImage(ResponsesBase):
    """The base of an event with an unfinished image. It is drawn again each time, so no piece."""

    partial_image_b64: str

    def unwrap_partial_image(self) -> bytes | None:
        return from_base64(self.partial_image_b64)
