"""What `run_tools` decides between two streams. The drivers run the functions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
from typing_extensions import Self

from openai_scan import bounded_json
from openai_scan.errors import DecodeError
from openai_scan.events import Outcome
from openai_scan.events.decoding.hooks import UnfitError
from openai_scan.events.decoding.records import is_model
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.responses.waiting import answered_ids, waits_for_others
from openai_scan.events.snapshot import parses
from openai_scan.functions import Function
from openai_scan.interruptions import is_interruption, leave_with
from openai_scan.recording.recorded import BaseRecordedSource
from openai_scan.schema import API
from openai_scan.tools.follow_ups import Answered, ErrorOutput, FollowUp
from openai_scan.transport.ids import is_id
from openai_scan.transport.request import plain
from openai_scan.values import Call

if TYPE_CHECKING:
    from openai_scan.events.agents.snapshot import AgentsAnswer

_log = logging.getLogger("openai_scan")

# The outcomes after which calls are answered. The calls of an answer that was cut short are
# incomplete, and a run shows its calls before it waits for their outputs.
_ANSWERABLE: Mapping[API, tuple[Outcome, ...]] = {
    "agents": ("requires_action",),
    "assistants": ("requires_action",),
    "chat": ("completed", "requires_action"),
    "responses": ("completed", "requires_action"),
}

# An attribute that only the answers of each API have.
_PARTS: Mapping[API, str] = {
    "agents": "turns",
    "assistants": "run",
    "chat": "choices",
    "responses": "response",
}


@attrs.frozen
class Tool:
    """A function and the class of its arguments."""

    function: Function
    arguments: type


@attrs.frozen
class Ready:
    """A function with the arguments from the model."""

    function: Function
    arguments: Mapping[str, Any]

    def __call__(self) -> Any:
        """Call it."""
        return self.function(**self.arguments)


@attrs.frozen
class End:
    """There is nothing to answer: holds what the stream continues with, or its outcome."""

    following: Any


@attrs.define
class Rounds:
    """Decides which calls of an answer to answer, and makes the outputs and what follows."""

    follow_up: FollowUp
    api: API
    tools: Mapping[str, Tool]
    left: int
    max_calls: int
    raises: bool
    error_text: bool
    _sent: set[str] = attrs.field(
        factory=set
    )  # ids of the calls whose outputs were sent to a session

    def begin(self, streamer: Any, outcome: Outcome) -> Sequence[Call] | End:
        """Return the calls to answer after *streamer* has ended with *outcome*."""
        answer = streamer.snapshot()
        # A server may answer in another API than the request's.
        if not hasattr(answer, _PARTS[self.api]) or outcome not in _ANSWERABLE[self.api]:
            return End(outcome)
        others = self.api in _OTHERS and _OTHERS[self.api](answer)
        answered = answered_ids(answer) if self.api == "responses" else self._sent
        calls = _distinct([call for call in answer.calls if call.id not in answered])
        if not calls and not others:
            return End(self._after_old_calls(streamer, outcome))
        if others or not all(map(_is_answerable, calls)):
            return End("requires_action")
        if self.left <= 0 or len(calls) > self.max_calls:
            return End("requires_action")
        if self.api in _NAMED and not _NAMED[self.api](answer):
            error = DecodeError(
                "the id of the run or session that waits for outputs is not a valid id"
            )
            return End(_Broken(error))
        self.left -= 1
        return calls

    def _after_old_calls(self, streamer: Any, outcome: Outcome) -> Any:
        """Return what follows if there is nothing new to answer.

        While functions run, a session may ask for another output and repeat the calls that it still
        waits for. Such an event arrives after the outputs have been sent.
        """
        is_repeat = bool(self._sent) and outcome == "requires_action"
        return streamer if is_repeat and streamer._can_read_on else outcome  # noqa: SLF001 - our own class

    def prepare(self, call: Call) -> Ready | str:
        """Return what to call, or the error for the model if it cannot be called."""
        tool = self.tools.get(call.name)
        if tool is None:
            return ErrorOutput(f"Error: there is no function {call.name!r}")
        try:
            payload = bounded_json.loads_strictly(call.arguments)
            arguments: Any = Structurer(strict=True)(payload, tool.arguments)
        except ValueError:
            return ErrorOutput("Error: the arguments are not JSON")
        except DecodeError as error:
            shown = str(error)
            if not self.error_text and _quotes_code(error.__cause__):
                shown = f"invalid value @ {shown.rpartition(' @ ')[2]}"
            return ErrorOutput(f"Error: the arguments do not match: {shown}")
        names = attrs.fields_dict(tool.arguments)
        return Ready(tool.function, {name: getattr(arguments, name) for name in names})

    def failure(self, call: Call, error: Exception) -> str:
        """Return the output for *error*, which a function raised, or raise it."""
        if self.raises or is_interruption(error):
            leave_with(error)
        _log.debug("%s failed with %s", call.name, type(error).__name__)
        if self.error_text:
            return ErrorOutput(f"Error: {type(error).__name__}: {error}")
        return ErrorOutput(f"Error: {call.name} failed with {type(error).__name__}")

    def follow(self, streamer: Any, answered: Answered) -> Any:
        """Send the outputs to the model, or make the stream that sends them; see `FollowUp`."""
        if self.api == "agents":
            self._sent.update(call.id for call, _ in answered if call.id)
        return self.follow_up(streamer, streamer.snapshot(), answered)

    def joined(self, streamer: Any, onward: Any) -> Any:
        """Return what the streamer continues with: *onward*, recorded if its source was."""
        source = streamer.source
        if onward is streamer or not isinstance(source, BaseRecordedSource):
            return onward
        return source.then(onward.source)


def output_of(result: Any) -> str:
    """Return the result of a function as text for the model."""
    if isinstance(result, str):
        return result
    return bounded_json.dumps(result, default=_plain)


def _plain(result: Any) -> Any:
    """Return the result of a function, or a part of it, as JSON values."""
    if isinstance(result, Enum):
        return result.value
    if is_model(type(result)):
        return result.model_dump(mode="json")
    if is_dataclass(result) and not isinstance(result, type):
        return {one.name: getattr(result, one.name) for one in dataclass_fields(result)}
    return plain(result)


def _distinct(calls: Sequence[Call]) -> list[Call]:
    """Return the calls of one choice, each once, because a call has only one output."""
    by_id = {call.id: call for call in reversed(calls) if call.id}
    choice = calls[0].choice if calls else 0
    return [call for call in calls if call.choice == choice and by_id.get(call.id, call) is call]


def _is_answerable(call: Call) -> bool:
    """Return whether *call* is a complete call of a function.

    A call whose arguments are not JSON counts too: the model learns of its mistake.
    """
    if call.kind != "function" or not call.name:
        return False
    return call.complete or not parses(call.arguments or "{}")


def _quotes_code(error: BaseException | None) -> bool:
    """Return whether *error* quotes an exception raised by one of the arguments' own classes.

    Such a message may contain what the model should not see. Our own messages name only types.
    """
    from cattrs.errors import ClassValidationError, IterableValidationError

    if isinstance(error, ClassValidationError):
        inner, own = error.group_exceptions()
        return bool(own) or any(_quotes_code(each) for each, _ in inner)
    if isinstance(error, IterableValidationError):
        return any(_quotes_code(each) for each, _ in error.group_exceptions()[0])
    return not isinstance(error, UnfitError | KeyError)


def _is_named(answer: Any) -> bool:
    """Return whether outputs can be sent to the run of *answer*, and to nothing else."""
    run = answer.run
    return run is not None and is_id(run.thread_id) and is_id(run.id)


def _is_session(answer: AgentsAnswer) -> bool:
    """Return whether outputs can be sent to the session of *answer*, and to nothing else."""
    return answer.session is not None and is_id(answer.session.id)


def _waits_for_more(answer: AgentsAnswer) -> bool:
    """Return whether a session waits for something other than outputs."""
    from openai_scan.events.agents.objects import FunctionCallAction

    return any(not isinstance(one, FunctionCallAction) for one in answer.required_actions)


# What an answer can wait for besides function calls, and whether the id of what waits is usable.
_OTHERS: Mapping[API, Callable[[Any], bool]] = {
    "agents": _waits_for_more,
    "responses": waits_for_others,
}
_NAMED: Mapping[API, Callable[[Any], bool]] = {"agents": _is_session, "assistants": _is_named}


class _Broken:
    """A source for either driver that yields nothing and ends the stream with an error."""

    def __init__(self, error: DecodeError) -> None:
        self._error = error

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> NoReturn:
        raise self._error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> NoReturn:
        raise self._error
