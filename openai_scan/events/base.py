"""What every event is, and the questions that one can ask it.

A family's classes answer the questions that concern them; the answer of all others is None, "not
here". So a new family is one folder, and nothing else lists its classes.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from openai_scan.errors import APIError, DecodeError, error_class
from openai_scan.events.error import Error
from openai_scan.events.values import Value
from openai_scan.sse import RawEvent

if TYPE_CHECKING:
    from openai_scan.events.assistants import objects as assistants
    from openai_scan.events.snapshot import Fold, Note

Outcome: TypeAlias = Literal[
    "completed",
    "incomplete",
    "requires_action",
    "failed",
    "truncated",
    "cancelled",
    "timed_out",
]
"""How a stream ended."""

StreamPart: TypeAlias = "tuple[Hashable, Outcome | None]"
"""A part of a stream (a run, a response, one of several choices) and how it ended, or None."""


# What servers call an event that they send so that nobody takes the connection for dead.
_KEEP_ALIVES = frozenset({"heartbeat", "keep-alive", "keep_alive", "keepalive", "ping"})

# As much of an error's text is kept as of an HTTP error's body.
MAX_ERROR_CHARACTERS = 64 * 1024


@frozen(slots=False, eq=False, repr=False)
class Event(Value):
    """One event of a stream: a frozen value, to be told apart by `match`.

    Attributes:
        raw: The event as it came off the wire, with all that its class leaves out.
    """

    wire_name: ClassVar[str] = ""
    ends_with_done: ClassVar[bool] = False  # as the streams of its family do

    raw: RawEvent = field(kw_only=True, eq=False, repr=False)

    @property
    def type(self) -> str:
        """The event's name on the wire, such as `"thread.message.delta"`."""
        return self.wire_name

    # What the event says about the stream's end.

    def stream_parts(self) -> tuple[StreamPart, ...]:
        """The parts of the stream that this event shows to be under way or ended."""
        return ()

    def stream_goes_on(self) -> bool:
        """Whether the event adds to the answer although it shows a part of the stream as ended."""
        return False

    def stream_error(self) -> APIError | None:
        """The error that this event reports, or None."""
        return None

    def has_content(self) -> bool:
        """Whether the event brings a part of the answer, or tells of something that now exists.

        Until such an event has come a request that failed can be made again, and nobody has to
        know.
        """
        return True

    def stream_position(self) -> int | None:
        """The number that the server gave the event, for taking up a stream behind it; or None."""
        return None

    def stream_answer_id(self) -> str | None:
        """The server's name for the answer, where the event has it; or None."""
        return None

    # What the event adds to the whole answer.

    def fold(self, state: Fold | None, note: Note) -> Fold | None:  # noqa: ARG002 - for those that answer
        """Take the event in.

        Args:
            state: What the events before it have given, or None. It belongs to the caller no more.
            note: Counts what had to be mended.

        Returns:
            What all of them give: *state* itself, or a new one where a new answer starts.
        """
        return state

    # What the event brings. Each is one question; None means "not here". Where a server was
    # asked for several answers, *choice* says which; all other streams have only number 0.

    def unwrap_text(self, choice: int = 0) -> str | None:  # noqa: ARG002 - for those that answer
        """The text that this event adds to the answer, or None."""
        return None

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:  # noqa: ARG002 - likewise
        """The text that this event adds to the reasoning before the answer, or None."""
        return None

    def unwrap_refusal(self, choice: int = 0) -> str | None:  # noqa: ARG002 - likewise
        """The text that this event adds to a refusal to answer, or None."""
        return None

    def unwrap_message_delta_text(self) -> str | None:
        """The text of an Assistants message delta, or None."""
        return None

    def unwrap_image_file(self) -> assistants.ImageFile | None:
        """The image file that this event adds to the answer, or None."""
        return None

    def unwrap_message(self) -> assistants.Message | None:
        """The message that this event reports on, or None."""
        return None

    def unwrap_run(self) -> assistants.Run | None:
        """The run that this event reports on, or None."""
        return None

    def unwrap_run_step(self) -> assistants.RunStep | None:
        """The run step that this event reports on, or None."""
        return None

    def unwrap_required_action(self) -> assistants.RequiredAction | None:
        """The action that the server waits for from now on, or None."""
        return None

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[Any, ...] | None:  # noqa: ARG002 - likewise
        """The tool calls, or pieces of tool calls, that this event brings, or None."""
        return None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:  # noqa: ARG002 - likewise
        """Why the answer ends with this event, in the server's word, or None."""
        return None

    def unwrap_usage(self) -> Any | None:
        """The count of tokens that this event brings, or None."""
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[Any, ...] | None:  # noqa: ARG002 - likewise
        """The citations and other annotations that this event adds to the text, or None."""
        return None

    def unwrap_audio(self, choice: int = 0) -> bytes | None:  # noqa: ARG002 - likewise
        """The sound that this event adds to the answer, decoded, or None."""
        return None

    def unwrap_partial_image(self) -> bytes | None:
        """The image as far as it has got, decoded, or None."""
        return None


@frozen(slots=False, eq=False, repr=False)
class DoneEvent(Event):
    """`done`, or data of `[DONE]`: the server has sent all that it will."""

    wire_name: ClassVar[str] = "done"

    def fold(self, state: Fold | None, note: Note) -> Fold | None:  # noqa: ARG002 - as in Event
        if state is not None:
            state.done = True
        return state


@frozen(slots=False, eq=False, repr=False)
class ErrorEvent(Event):
    """`error`: something went wrong while the answer was under way.

    The stream goes on, since some servers tell more afterwards; at its end `err()` returns the
    same error as an `APIError`.
    """

    wire_name: ClassVar[str] = "error"

    error: Error

    def has_content(self) -> bool:
        return False

    def stream_error(self) -> APIError:
        return api_error(
            self.error.message or "the server reported an error and did not say which",
            type=self.error.type,
            code=self.error.code,
            param=self.error.param,
            body=self.raw.data[:MAX_ERROR_CHARACTERS],
        )


@frozen(slots=False, eq=False, repr=False)
class UnknownEvent(Event):
    """An event that this version has no class for, or one whose payload does not fit its class.

    Attributes:
        payload: The JSON value of its data; the data themselves where they are not JSON.
        name: The event's name, where the wire has it in the payload.
        error: What does not fit, for an event of a known name; None for an unknown one.
    """

    payload: Any = field(default=None, repr=False)
    name: str = field(default="", kw_only=True)
    error: DecodeError | None = field(default=None, kw_only=True, eq=False)

    @property
    def type(self) -> str:
        """The event's name: the wire's, or else what the payload says."""
        return self.name or self.raw.type

    @property
    def is_keep_alive(self) -> bool:
        """Whether it says nothing but that the server is still there."""
        return self.type in _KEEP_ALIVES

    def has_content(self) -> bool:
        return not self.is_keep_alive

    def stream_position(self) -> int | None:
        match self.payload:
            case {"sequence_number": int(position)}:
                return position
            case _:
                return None


def api_error(
    message: str, *, type: str | None = None, code: str | None = None, **facts: Any
) -> APIError:
    """Return the error that an event reports, as the subclass that its code or type stands for."""
    return error_class(None, code, type)(message, type=type, code=code, **facts)


def from_base64(data: str | None) -> bytes | None:
    """Return what *data* stand for, or None if there are none, or they are no base64."""
    try:
        return None if data is None else base64.b64decode(data, validate=True)
    except ValueError:
        return None
