"""The answer of an Assistants run, which may take several streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import attrs
from attrs import frozen

from openai_scan.events.assistants.base import MessageEvent, RunEvent, RunStepEvent
from openai_scan.events.assistants.events import (
    ThreadCreated,
    ThreadMessageDelta,
    ThreadRunStepDelta,
)
from openai_scan.events.assistants.growing import GrowingMessage
from openai_scan.events.assistants.growing_step import FINAL_STATUSES, GrowingCall, GrowingRunStep
from openai_scan.events.assistants.objects import (
    FunctionCall,
    FunctionCallOutput,
    FunctionToolCall,
    Message,
    RequiredAction,
    Run,
    RunStep,
    RunToolCall,
    RunUsage,
    SubmitToolOutputs,
    TextPart,
    Thread,
    ToolCallsDetails,
)
from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.snapshot import call_of
from openai_scan.surrogates import mend
from openai_scan.values import Call, Counts, Piece, Value

HeadT = TypeVar("HeadT")
GrowingT = TypeVar("GrowingT")

# The statuses that end the stream of a run.
_FINAL = (*FINAL_STATUSES, "requires_action")

# The fields of a run that never change.
_LASTING = ("thread_id", "assistant_id", "created_at", "model", "instructions", "tools", "metadata")


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AssistantsAnswer(Value):
    """The answer of a run, as far as it has arrived.

    Attributes:
        thread: The thread; None unless the stream has created it.
        run: The run as the server showed it last; None before that.
        messages: The messages, in order.
        run_steps: The run steps, in order.
        usage: The token counts of the run; None until it has ended.
        hole: Whether an event that brought a part of the answer could not be read. No call is
            complete then.
    """

    thread: Thread | None = None
    run: Run | None = None
    messages: tuple[Message, ...] = ()
    run_steps: tuple[RunStep, ...] = ()
    usage: RunUsage | None = None
    hole: bool = False

    @property
    def text(self) -> str:
        """The text of all messages that the user did not write, as `text_deltas()` yields it."""
        return mend(
            "".join(
                part.text.value
                for message in self.messages
                if message.role != "user"
                for part in message.content
                if isinstance(part, TextPart)
            )
        )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls whose outputs the run waits for; before that, the calls being written."""
        run = self.run
        waits = run is not None and run.status == "requires_action"
        calls: Iterable[RunToolCall | FunctionToolCall] = ()
        if run is not None and waits and run.required_action is not None:
            calls = run.required_action.submit_tool_outputs.tool_calls
        return tuple(
            self._call(call.id, call.function.name, call.function.arguments, waits=waits)
            for call in calls or self._being_written()
        )

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        usage = self.usage
        if usage is None:
            return None
        prompt, completion = usage.prompt_token_details, usage.completion_tokens_details
        return Counts(
            input=usage.prompt_tokens,
            output=usage.completion_tokens,
            total=usage.total_tokens,
            cached=None if prompt is None else prompt.cached_tokens,
            reasoning=None if completion is None else completion.reasoning_tokens,
        )

    @property
    def finish_reason(self) -> str | None:
        """Why the run is incomplete, or else the status that it ended with; None while it runs."""
        run = self.run
        if run is None or run.status not in _FINAL:
            return None
        details = run.incomplete_details
        return (None if details is None else details.reason) or run.status

    def _being_written(self) -> Iterator[FunctionToolCall]:
        for step in self.run_steps:
            details = step.step_details
            if step.status not in FINAL_STATUSES and isinstance(details, ToolCallsDetails):
                for call in details.tool_calls:
                    if isinstance(call, FunctionToolCall) and call.function.output is None:
                        yield call

    def _call(self, id: str, name: str, arguments: str, *, waits: bool) -> Call:
        return call_of(id=id, name=name, arguments=arguments, finished=waits and not self.hole)


class AssistantsFold(Fold):
    """Collects the answer of a run.

    The answer goes on in the next stream of a chain: a run step that calls functions is completed
    there.

    The pieces are text, refusals, and calls of your functions. A message has the id of an image's
    file and not the image itself, so there is no piece for it. What the user wrote, and calls that
    have been answered, are in the answer but are not pieces.
    """

    family = "assistants"
    spans_streams = True

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._run: Run | None = None
        self._usage: RunUsage | None = None
        self._messages = _ById(GrowingMessage, lambda growing: growing.head.id)
        self._waiting: dict[str, GrowingCall] = {}  # calls that the run has asked for, by id
        self._steps: _ById[RunStep, GrowingRunStep] = _ById(
            lambda head: GrowingRunStep(head, self._waiting), lambda growing: growing.head.id
        )

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        match event:
            case ThreadMessageDelta(delta=message_delta, id=id):
                message = self._message(id, message_delta.role)
                pieces = message.add(message_delta.content, note)
                return () if message.is_prompt else pieces
            case ThreadRunStepDelta(delta=step_delta, id=id):
                return list(self._step(id).add(step_delta.step_details, note))
            case MessageEvent(message=head):
                # open-assistant-api sends the usage as a message without a thread.
                if head.thread_id or head.content or head.id in self._messages:
                    message = self._message(head.id, head.role)
                    pieces = message.set_head(head, note)
                    return () if message.is_prompt else pieces
            case RunStepEvent(run_step=step):
                self._usage = step.usage or self._usage
                return list(self._step(step.id).set_head(step, note))
            case RunEvent(run=run):
                return self._take_run(_filled(run, self._run, event.type), note)
            case ThreadCreated():
                self._thread = event.thread
        return ()

    def appender(self, event: Event) -> Append | None:
        match event:
            case ThreadMessageDelta(delta=delta, id=id):
                message = self._message(id, delta.role)
                return None if message.is_prompt else message.appender(delta.content)
        return None

    def _take_run(self, run: Run, note: Note) -> Sequence[Piece]:
        self._usage = run.usage or self._usage
        self._run = run
        if run.status != "requires_action":
            for call in self._waiting.values():
                call.is_answered = True
            self._waiting.clear()
            return ()
        action = run.required_action
        asked = () if action is None else action.submit_tool_outputs.tool_calls
        pieces: list[Piece] = []
        if asked:
            calls = list(self._asked_for(asked, pieces, note))
        else:  # a server that leaves them out means those that it has shown
            self._waiting.update((call.id, call) for call in self._open_calls())
            calls = list(self._waiting.values())
            for call in calls:
                pieces += call.settle(note)
        if calls:
            submit = SubmitToolOutputs(
                tool_calls=tuple(
                    RunToolCall(
                        id=call.id,
                        function=FunctionCall(name=call.name, arguments=str(call.arguments)),
                    )
                    for call in calls
                )
            )
            action = action or RequiredAction(submit_tool_outputs=submit)
            self._run = attrs.evolve(
                run, required_action=attrs.evolve(action, submit_tool_outputs=submit)
            )
        return pieces

    def _asked_for(
        self, asked: Iterable[RunToolCall], pieces: list[Piece], note: Note
    ) -> Iterator[GrowingCall]:
        """Yield the calls that a run asks for, each once; add what is new of them to *pieces*."""
        found = _OpenCalls(self._open_calls())
        known = set(self._waiting)
        for each in asked:
            name, arguments = each.function.name, each.function.arguments
            call = self._waiting.get(each.id) if each.id else None
            if call is None:
                call = found.take(each) or GrowingCall()
                self._waiting[each.id] = call
            elif each.id in known:
                known.discard(each.id)
            else:  # the same call twice
                continue
            function = FunctionCallOutput(name=name, arguments=arguments)
            pieces += call.complete(
                FunctionToolCall(id=each.id, function=function), note, final=True
            )
            pieces += call.settle(note)
            yield call

    def _open_calls(self) -> Iterator[GrowingCall]:
        return (call for step in self._steps.all for call in step.waiting())

    def _message(self, id: str, role: str | None) -> GrowingMessage:
        return self._messages.get(
            id, Message(id=id, role=role or "assistant", status="in_progress")
        )

    def _step(self, id: str) -> GrowingRunStep:
        return self._steps.get(id, RunStep(id=id, status="in_progress"))

    def value(self) -> AssistantsAnswer:
        return AssistantsAnswer(
            thread=self._thread,
            run=self._run,
            messages=tuple(message.value() for message in self._messages.all),
            run_steps=tuple(step.value() for step in self._steps.all),
            usage=self._usage,
            hole=self.hole,
        )


class _ById(Generic[HeadT, GrowingT]):
    """Objects with ids, in order of arrival.

    If a server leaves the ids out, it means the last object.

    Args:
        begin: Begins one from its head.
        id_of: Returns the id of one.

    Attributes:
        all: All of them.
    """

    def __init__(
        self, begin: Callable[[HeadT], GrowingT], id_of: Callable[[GrowingT], str]
    ) -> None:
        self._begin, self._id_of = begin, id_of
        self.all: list[GrowingT] = []
        self._found: dict[str, GrowingT] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._found

    def get(self, id: str, head: HeadT) -> GrowingT:
        """Return the one with *id*, begun with *head* if it is new."""
        found = self._found.get(id)
        if found is None and self.all:
            last = self.all[-1]
            if not id or not self._id_of(last):
                found = self._found[id] = last
        if found is None:
            found = self._found[id] = self._begin(head)
            self.all.append(found)
        return found


class _OpenCalls:
    """The calls of the run steps that a run may ask for, each of which can be taken once."""

    def __init__(self, calls: Iterable[GrowingCall]) -> None:
        self._by_id: dict[str, GrowingCall] = {}
        self._by_name: dict[str, deque[GrowingCall]] = {}
        for call in calls:
            self._by_id[call.id] = call
            self._by_name.setdefault(call.name, deque()).append(call)

    def take(self, asked: RunToolCall) -> GrowingCall | None:
        """Return the call that *asked* is, or None if no step has shown it."""
        name = asked.function.name
        call = self._by_id.pop(asked.id, None) if asked.id else None
        same_name = self._by_name.get(name) or self._by_name.get("") or deque()
        if call is not None:
            if same_name and same_name[0] is call:
                same_name.popleft()
            return call if name in ("", call.name) or not call.name else None
        # supercompat sends a new id with each piece.
        if same_name and same_name[0].arguments.agree(asked.function.arguments):
            return same_name.popleft()
        return None


def _filled(run: Run, known: Run | None, wire_name: str) -> Run:
    """Return *run* with the fields that the server left out, as supercompat does, filled in."""
    missing: dict[str, Any] = {}
    if not run.status:
        missing["status"] = wire_name.rpartition(".")[2]
    if known is not None and known.id == run.id and not run.thread_id:
        missing |= {name: getattr(run, name) or getattr(known, name) for name in _LASTING}
    return attrs.evolve(run, **missing) if missing else run
