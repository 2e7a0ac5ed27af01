"""The base of all events and of all folds, and the events that belong to no family.

`Event` declares every question that a stream or a user can ask an event, with the answer of most
events: None, "not here". The classes of a family override those that concern them. `Fold` collects
the events of one family into the whole answer. The two refer to each other, so one file has both.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from openai_scan.errors import APIError, DecodeError, error_class
from openai_scan.events.error import Error
from openai_scan.sse import RawEvent
from openai_scan.values import Answer, Piece, Value

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

Note: TypeAlias = Callable[[str], None]
"""Counts one thing that was tolerated."""

Append: TypeAlias = Callable[[str], object]
"""Adds a piece of text to an answer."""

DONE = "[DONE]"
"""The data of the event that ends a stream."""

# The names of events that servers send only to keep the connection alive.
_KEEP_ALIVES = frozenset({"heartbeat", "keep-alive", "keep_alive", "keepalive", "ping"})

FIRST_WORDS = frozenset(
    {
        "agent",
        "chat",
        "image_edit",
        "image_generation",
        "response",
        "speech",
        "text_completion",
        "thread",
        "transcript",
    }
)
"""The first words of the wire names of the families."""

# The last words of the names of events that only report what is being done. If one of them cannot
# be read, no part of the answer is lost.
_STATUSES = frozenset(
    {"cancelling", "created", "generating", "in_progress", "interpreting", "queued", "searching"}
)

# The last words of the names of events that end something, and repeat what it is: an image, a
# message, a whole response. Those of the built-in tools of a response only report their end.
_ENDS = frozenset({"cancelled", "completed", "failed", "incomplete"})
_BUILT_IN = re.compile(r"response\.\w+\.\w+")

# The names of the events of an agent's session that report on its surroundings only.
_SURROUNDINGS = re.compile(r"agent\.session\.(?:environment|subagent)\.\w+")

# The keys that only events with a part of the answer have.
_CONTENT = re.compile(r'"(?:choices|delta)"\s*:')

# The same limit as for the body of an HTTP error.
MAX_ERROR_CHARACTERS = 64 * 1024


@frozen(slots=False, eq=False, repr=False)
class Event(Value):
    """One event of a stream: a frozen value, made to be used with `match`.

    Attributes:
        raw: The event as it was received, with the fields that its class does not have.
        wire_name: A class attribute: the name of such events on the wire; `""` for unknown ones.
        family: A class attribute: the API that has such events, such as `chat`; `""` if every
            stream can have them.
        ends_with_done: A class attribute: whether streams of that API end with `[DONE]`.
        of_session: A class attribute: whether the event can name a session of the Agents API.
        numbered: A class attribute: whether the event can have a `stream_position()`.
        content_places: A class attribute: JSONPaths of the parts of the answer, without indexes.
    """

    wire_name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    ends_with_done: ClassVar[bool] = False
    of_session: ClassVar[bool] = False  # the questions about sessions are left out for the others
    numbered: ClassVar[bool] = False  # likewise the question about the number
    content_places: ClassVar[frozenset[str]] = frozenset()

    raw: RawEvent = field(kw_only=True, eq=False, repr=False)

    @property
    def type(self) -> str:
        """The event's name on the wire, such as `"thread.message.delta"`."""
        return self.wire_name

    # What the event says about the end of the stream.

    def stream_parts(self) -> tuple[StreamPart, ...]:
        """The parts of the stream that this event reports as in progress or ended."""
        return ()

    def stream_begins(self) -> bool:
        """Whether a part that has ended begins again if this event reports it as in progress."""
        return True

    def stream_goes_on(self) -> bool:
        """Whether the event still carries content although it also reports a part as ended."""
        return False

    def stream_error(self) -> APIError | None:
        """The error that this event reports, or None."""
        return None

    def error_is_final(self) -> bool:
        """Whether the stream ended with that error even if the server reports another end."""
        return True

    def stream_rests(self) -> bool:
        """Whether nothing follows for now once no part of the stream is in progress.

        Reading ends there, although the server may keep the connection open.
        """
        return False

    def stream_event_id(self) -> str | None:
        """The server's id of the event, which may be sent again under the same id; or None."""
        return None

    def stream_session_id(self) -> str | None:
        """The server's id of the session that the event is from, or None if it does not have it."""
        return None

    def has_content(self) -> bool:
        """Whether the event brings a part of the answer, or reports something that now exists.

        Until such an event has arrived, a failed request can be retried unnoticed.
        """
        return True

    def stream_position(self) -> int | None:
        """The server's number for the event, after which a stream can be resumed; or None."""
        return None

    def stream_answer_id(self) -> str | None:
        """The server's id of the answer, or None if the event does not have it."""
        return None

    def pieces(self) -> tuple[Piece, ...]:
        """What this event adds to the answer, judged by itself.

        An event that repeats what deltas have brought, such as `response.output_text.done`, adds
        nothing by itself. `pieces()` of a stream knows the earlier events, so it also returns what
        such an event has beyond the deltas.
        """
        text, reasoning = self.unwrap_text(), self.unwrap_reasoning_text()
        refusal = self.unwrap_refusal()
        return (
            *((Piece("text", text=text),) if text else ()),
            *((Piece("reasoning", text=reasoning),) if reasoning else ()),
            *((Piece("refusal", text=refusal),) if refusal else ()),
        )

    # What the event brings. Each method is one question; None means "not here". With several
    # choices (n > 1), *choice* is the number of one; all other streams have only choice 0.

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

    def unwrap_image_file(self) -> Any | None:
        """The `ImageFile` of Assistants that this event adds to the answer, or None."""
        return None

    def unwrap_message(self) -> Any | None:
        """The `Message` of Assistants that this event reports on, or None."""
        return None

    def unwrap_run(self) -> Any | None:
        """The `Run` of Assistants that this event reports on, or None."""
        return None

    def unwrap_run_step(self) -> Any | None:
        """The `RunStep` of Assistants that this event reports on, or None."""
        return None

    def unwrap_required_action(self) -> Any | None:
        """The `RequiredAction` of Assistants that the server waits for from now on, or None."""
        return None

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[Any, ...] | None:  # noqa: ARG002 - likewise
        """The tool calls, or pieces of tool calls, that this event brings, or None."""
        return None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:  # noqa: ARG002 - likewise
        """Why the answer ends with this event, in the server's own word, or None."""
        return None

    def unwrap_usage(self) -> Any | None:
        """The token counts that this event brings, or None."""
        return None

    def unwrap_annotations(self, choice: int = 0) -> tuple[Any, ...] | None:  # noqa: ARG002 - likewise
        """The citations and other annotations that this event adds to the text, or None."""
        return None

    def unwrap_audio(self, choice: int = 0) -> bytes | None:  # noqa: ARG002 - likewise
        """The audio that this event adds to the answer, decoded, or None."""
        return None

    def unwrap_partial_image(self) -> bytes | None:
        """The image as far as it has been drawn, decoded, or None."""
        return None


class Fold(ABC):
    """Collects the events of one family into the answer.

    Taking an event is O(1), however many came before it: the pieces are joined only when `value()`
    is called.

    Attributes:
        family: The family whose events it takes.
        spans_streams: Whether the answer goes on in the next stream of a chain. If not, the first
            event of the next stream starts a new answer.
        needs_content: Whether an answer without text and calls is strange enough to be noted.
        over: Whether its stream has ended and the next one of the chain has begun.
        done: Whether the server has sent `[DONE]`.
        added: What the last event added.
        hole: Whether an event that brought a part of the answer could not be read. No call of such
            an answer is ever complete.
    """

    family: ClassVar[str]
    spans_streams: bool = False
    needs_content: ClassVar[bool] = False
    over: bool = False
    done: bool = False
    added: Sequence[Piece] = ()
    hole: bool = False

    @abstractmethod
    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        """Take an event of the family; *note* counts each server mistake that is corrected.

        Returns:
            What the event adds to the answer: all of a delta, and of a whole text only the part
            that no earlier event has brought.
        """

    def close(self) -> Sequence[Piece]:
        """Take `[DONE]`, and return what was held back."""
        return ()

    @abstractmethod
    def value(self) -> Answer:
        """Return the answer as far as it has arrived; later events do not change it."""

    def appender(self, event: Event) -> Append | None:  # noqa: ARG002 - for the folds that have one
        """Return a function that adds the text of events that differ from *event* only in text.

        Args:
            event: The event that was taken last.

        Returns:
            None if such events have to be taken like any others.
        """
        return None

    def resumable_id(self) -> str | None:
        """The server's id of the answer if its stream can be resumed, or None."""
        return None


class OfNoFamily(Event):
    """The base of the events that any stream can have; they bring no part of an answer."""

    of_session: ClassVar[bool] = True

    def unwrap_tool_calls(self, choice: int = 0) -> None:  # noqa: ARG002 - likewise
        return None

    def unwrap_annotations(self, choice: int = 0) -> None:  # noqa: ARG002 - likewise
        return None


@frozen(slots=False, eq=False, repr=False)
class DoneEvent(OfNoFamily):
    """`done`, or any event whose data are `[DONE]`: the server has sent everything."""

    wire_name: ClassVar[str] = "done"


@frozen(slots=False, eq=False, repr=False)
class ErrorEvent(OfNoFamily):
    """`error`: something went wrong after the answer had begun.

    The stream goes on, since some servers send details afterwards; at its end `err()` returns the
    same error as an `APIError`.

    Attributes:
        error: What the server reports.
    """

    wire_name: ClassVar[str] = "error"

    error: Error

    def has_content(self) -> bool:
        return False

    def stream_event_id(self) -> str | None:
        return self.error.event_id

    def stream_session_id(self) -> str | None:
        return self.error.session_id

    def error_is_final(self) -> bool:
        # In an agent's session it reports that a turn failed, maybe a subagent's. The events of the
        # turns and of the session say how these end.
        return self.error.session_id is None

    def stream_error(self) -> APIError:
        return api_error(
            self.error.message,
            otherwise="the server reported an error and did not say which",
            type=self.error.type,
            code=self.error.code,
            param=self.error.param,
            body=self.raw.data[:MAX_ERROR_CHARACTERS],
        )


@frozen(slots=False, eq=False, repr=False)
class UnknownEvent(OfNoFamily):
    """An event that this version has no class for, or whose payload does not match its class.

    Attributes:
        payload: The JSON value of its data, or the data as text if they are not JSON.
        name: The event's name, if it was found in the payload.
        error: What does not match, if the name is known; None if the name is unknown.
    """

    numbered: ClassVar[bool] = True
    payload: Any = field(default=None, repr=False)
    name: str = field(default="", kw_only=True)
    error: DecodeError | None = field(default=None, kw_only=True, eq=False)

    @property
    def type(self) -> str:
        """The event's name: the one in the payload if there is one, else the one on the wire."""
        return self.name or self.raw.type

    @property
    def is_keep_alive(self) -> bool:
        """Whether the server sent it only to keep the connection alive."""
        if self.type in _KEEP_ALIVES:
            return True
        return isinstance(self.payload, str) and self.payload.strip().lower() in _KEEP_ALIVES

    def stream_session_id(self) -> str | None:
        match self.payload:
            case {"session_id": str(session_id)} if self.type.startswith("agent."):
                return session_id
            case _:
                return None

    @property
    def is_hole(self) -> bool:
        """Whether it may have had a part of the answer, which is then lost.

        That is so if an event with a known name, or without one, cannot be read and does not only
        report a status; and if the data of any event begin as a JSON object but were cut off.
        """
        name, data = self.type, self.raw.data
        is_cut = self.payload == data and data.lstrip()[:1] == "{"
        if is_cut and _CONTENT.search(data):
            return True
        last = name.rpartition(".")[2]
        is_status = last in _STATUSES or (last in _ENDS and _BUILT_IN.fullmatch(name) is not None)
        if self.is_keep_alive or is_status or _SURROUNDINGS.fullmatch(name) is not None:
            return False
        if self.error is not None and (name == "message" or first_word(name) in FIRST_WORDS):
            return True
        return is_cut

    def has_content(self) -> bool:
        return not self.is_keep_alive

    def stream_position(self) -> int | None:
        match self.payload:
            case {"sequence_number": int(position)}:
                return position
            case _:
                return None


def first_word(name: str) -> str:
    """Return the part of a wire name that tells the family."""
    return name.partition(".")[0]


def api_error(
    message: str | None,
    *,
    otherwise: str = "",
    type: str | None = None,
    code: str | None = None,
    **facts: Any,
) -> APIError:
    """Return the error that an event reports, as the subclass that fits its code or type.

    Args:
        message: The server's words, or None.
        otherwise: The words if the server has none.
        type: See `APIError`.
        code: See `APIError`.
        facts: See `APIError`.
    """
    error = error_class(None, code, type)(message or otherwise, type=type, code=code, **facts)
    error.is_explained = bool(message)
    return error
