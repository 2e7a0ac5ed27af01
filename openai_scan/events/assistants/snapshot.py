"""The answer of an Assistants run, which may take several streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from attrs import frozen

from openai_scan.events.assistants.base import MessageEvent, RunEvent, RunStepEvent
from openai_scan.events.assistants.events import (
    ThreadCreated,
    ThreadMessageDelta,
    ThreadRunStepDelta,
)
from openai_scan.events.assistants.growing import FINAL_STATUSES, GrowingMessage, GrowingRunStep
from openai_scan.events.assistants.objects import (
    FunctionToolCall,
    Message,
    Run,
    RunStep,
    RunUsage,
    TextPart,
    Thread,
    ToolCallsDetails,
)
from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.snapshot import call_of
from openai_scan.surrogates import mend
from openai_scan.values import Call, Piece, Value

# The fields of a run that never change.
_LASTING = ("thread_id", "assistant_id", "created_at", "model", "instructions", "tools", "metadata")


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AssistantsAnswer(Value):
    """The answer of a run as far as it has arrived, with messages and run steps in order."""

    thread: Thread | None = None
    run: Run | None = None
    messages: tuple[Message, ...] = ()
    run_steps: tuple[RunStep, ...] = ()
    usage: RunUsage | None = None

    @property
    def text(self) -> str:
        """The text of all messages, as `text_deltas()` yields it."""
        return mend(
            "".join(
                part.text.value
                for message in self.messages
                for part in message.content
                if isinstance(part, TextPart)
            )
        )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls whose outputs the run waits for; before that, the calls being written."""
        run = self.run
        if run is not None and run.status == "requires_action":
            action = run.required_action
            return tuple(
                call_of(
                    id=call.id,
                    name=call.function.name,
                    arguments=call.function.arguments,
                    finished=True,
                )
                for call in (() if action is None else action.submit_tool_outputs.tool_calls)
            )
        return tuple(
            call_of(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                finished=False,
            )
            for step in self.run_steps
            if step.status not in FINAL_STATUSES and isinstance(step.step_details, ToolCallsDetails)
            for call in step.step_details.tool_calls
            if isinstance(call, FunctionToolCall) and call.function.output is None
        )


class AssistantsFold(Fold):
    """Collects the answer of a run.

    The answer goes on in the next stream of a chain: a run step that calls functions is completed
    there.
    """

    family = "assistants"
    spans_streams = True

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._run: Run | None = None
        self._usage: RunUsage | None = None
        self._messages: dict[str, GrowingMessage] = {}
        self._steps: dict[str, GrowingRunStep] = {}

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        match event:
            case ThreadMessageDelta(delta=message_delta, id=id):
                self._message(id, message_delta.role).add(message_delta.content, note)
            case ThreadRunStepDelta(delta=step_delta, id=id):
                self._step(id).add(step_delta.step_details, note)
            case MessageEvent(message=message):
                # open-assistant-api sends the usage as a message without a thread.
                if message.thread_id or message.content or message.id in self._messages:
                    self._message(message.id, message.role).set_head(message)
            case RunStepEvent(run_step=step):
                self._step(step.id).set_head(step)
                self._usage = step.usage or self._usage
            case RunEvent(run=run):
                self._run = _filled(run, self._run, event.type)
                self._usage = run.usage or self._usage
            case ThreadCreated(thread=thread):
                self._thread = thread
        return event.pieces()

    def appender(self, event: Event) -> Append | None:
        match event:
            case ThreadMessageDelta(delta=delta, id=id):
                return self._message(id, delta.role).appender(delta.content)
        return None

    def _message(self, id: str, role: str | None) -> GrowingMessage:
        message = self._messages.get(id)
        if message is None:
            message = self._messages[id] = GrowingMessage(
                Message(id=id, role=role or "assistant", status="in_progress")
            )
        return message

    def _step(self, id: str) -> GrowingRunStep:
        step = self._steps.get(id)
        if step is None:
            step = self._steps[id] = GrowingRunStep(RunStep(id=id, status="in_progress"))
        return step

    def value(self) -> AssistantsAnswer:
        return AssistantsAnswer(
            thread=self._thread,
            run=self._run,
            messages=tuple(message.value() for message in self._messages.values()),
            run_steps=tuple(step.value() for step in self._steps.values()),
            usage=self._usage,
        )


def _filled(run: Run, known: Run | None, wire_name: str) -> Run:
    """Return *run* with the fields that the server left out, as supercompat does, filled in."""
    missing: dict[str, Any] = {}
    if not run.status:
        missing["status"] = wire_name.rpartition(".")[2]
    if known is not None and known.id == run.id and not run.thread_id:
        missing |= {name: getattr(run, name) or getattr(known, name) for name in _LASTING}
    return attrs.evolve(run, **missing) if missing else run
