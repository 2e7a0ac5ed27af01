"""The whole answer of a Responses stream, even if reading starts in the middle.

The fold says which item and which part of it each event is about (`output`, `parts`) and what is
new in it (`texts`). All kinds of text go the same way, so that it does not matter in which form a
server sends them: as deltas, as whole texts, as whole parts or items, or only as a whole response.
New text is handed out once, by the event that brings it.

An event that leaves something out never takes it back, and a late event never changes what has
ended. A delta for an item or part that has ended is dropped and noted as `delta_after_end`. Only a
whole text that goes on from an ended one is taken, since that end was incomplete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.binary import from_base64
from openai_scan.events.responses import events as e
from openai_scan.events.responses.agents import with_agent
from openai_scan.events.responses.answer import (
    ResponseAnswer as ResponseAnswer,  # noqa: PLC0414 - it is public here
)
from openai_scan.events.responses.base import BringsResponse
from openai_scan.events.responses.growing import CommandOutput, GrowingItem
from openai_scan.events.responses.items import FunctionToolCall, ReasoningTextContent
from openai_scan.events.responses.objects import Response, ResponseUsage
from openai_scan.events.responses.output import Output
from openai_scan.events.responses.parts import (
    KINDS,
    NO_REASONING,
    NO_REFUSAL,
    NO_SUMMARY,
    NO_TEXT,
    Content,
    Parts,
    text_of,
)
from openai_scan.events.snapshot import ByIndex, Pieces
from openai_scan.values import Piece

# The fields that a server may leave out when it sends the response again.
_LASTING = ("id", "model", "created_at")


class ResponseFold(Fold):
    """Collects a response."""

    family = "responses"
    needs_content = True

    def __init__(self) -> None:
        self._response = Response(status="in_progress")
        self._is_final = False
        self._usage: ResponseUsage | None = None
        self._output = Output()
        self._audio: list[str] = []  # base64, each piece encoded separately
        self._transcript = Pieces()

    def resumable_id(self) -> str | None:
        return self._response.id if self._response.background else None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        # The most frequent events first.
        match event:
            case e.ResponseOutputTextDelta():
                item = self._output.of("message", event)
                pieces = _delta(item, item.content, event.content_index, NO_TEXT, event.delta, note)
                if event.logprobs and not item.is_closed:
                    item.content.of(
                        event.content_index, "output_text", NO_TEXT
                    ).logprobs += event.logprobs
                return pieces
            case e.ResponseReasoningSummaryTextDelta():
                item = self._output.of("reasoning", event)
                index = event.summary_index
                return _delta(item, item.summary, index, NO_SUMMARY, event.delta, note)
            case e.ResponseFunctionCallArgumentsDelta():
                return self._text_delta("function_call", event, note)
            case e.ResponseCodeInterpreterCallCodeDelta():
                return self._text_delta("code_interpreter_call", event, note)
            case e.ResponseReasoningTextDelta():
                item = self._output.of("reasoning", event)
                index = event.content_index
                return _delta(item, item.content, index, NO_REASONING, event.delta, note)
            case e.ResponseOutputItemAdded(item=item):
                added = with_agent(item, event.agent)
                return self._output.take(added, event.output_index, note, is_whole=False)
            case e.ResponseOutputItemDone(item=item):
                whole = with_agent(item, event.agent)
                return self._output.take(whole, event.output_index, note, is_whole=True)
            case e.ResponseRefusalDelta():
                item = self._output.of("message", event)
                index = event.content_index
                return _delta(item, item.content, index, NO_REFUSAL, event.delta, note)
            case BringsResponse():
                return self._take_response(event, note)
            case e.ResponseMcpCallArgumentsDelta():
                return self._text_delta("mcp_call", event, note)
            case e.ResponseCustomToolCallInputDelta():
                return self._text_delta("custom_tool_call", event, note)
            case e.ResponseApplyPatchCallOperationDiffDelta():
                return self._text_delta("apply_patch_call", event, note)
            case (
                e.ResponseAudioDelta(agent=agent) | e.ResponseAudioTranscriptDelta(agent=agent)
            ) if self._output.agents.is_aside(agent):
                return ()
            case e.ResponseAudioDelta():
                self._audio.append(event.delta)
                return event.pieces()
            case e.ResponseAudioTranscriptDelta():
                self._transcript.add(event.delta)
                return event.pieces()
        return self._take_part(event, note)

    def appender(self, event: Event) -> Append | None:
        match event:
            case e.ResponseOutputTextDelta(logprobs=()):
                item = self._output.of("message", event)
                if not item.is_closed and not item.is_aside:
                    part = item.content.of(event.content_index, "output_text", NO_TEXT)
                    if part.text is not None and part.text.is_open and not part.is_whole:
                        return part.text.add
        return None

    def _text_delta(self, kind: str, event: Any, note: Note) -> Sequence[Piece]:
        """Take a piece of the text that is all of an item."""
        item = self._output.of(kind, event)
        if item.is_closed:
            note("delta_after_end")
            return ()
        said = item.take(event.delta, note)
        if item.speaks:
            return (Piece("call", 0, said, item.call_id, item.name),) if said else ()
        return item.pieces([("call", said)])

    def _take_part(self, event: Event, note: Note) -> Sequence[Piece]:
        """Take an event about a part of an item."""
        match event:
            case (
                e.ResponseContentPartAdded(part=content)
                | e.ResponseReasoningPartAdded(part=content)
            ):
                item = self._holder(content, event)
                return _begin(item, item.content, event.content_index, content, note)
            case (
                e.ResponseContentPartDone(part=content) | e.ResponseReasoningPartDone(part=content)
            ):
                item = self._holder(content, event)
                return _finish(item, item.content, event.content_index, content, note)
            case e.ResponseOutputTextDone(text=text):
                item = self._output.of("message", event)
                return _end(item, item.content, event.content_index, NO_TEXT, text, note, event)
            case e.ResponseRefusalDone(refusal=text):
                item = self._output.of("message", event)
                return _end(item, item.content, event.content_index, NO_REFUSAL, text, note)
            case e.ResponseReasoningTextDone(text=text):
                item = self._output.of("reasoning", event)
                return _end(item, item.content, event.content_index, NO_REASONING, text, note)
            case e.ResponseReasoningSummaryPartAdded(part=content):
                item = self._output.of("reasoning", event)
                return _begin(item, item.summary, event.summary_index, content, note)
            case e.ResponseReasoningSummaryPartDone(part=content):
                item = self._output.of("reasoning", event)
                return _finish(item, item.summary, event.summary_index, content, note)
            case e.ResponseReasoningSummaryTextDone(text=text):
                item = self._output.of("reasoning", event)
                return _end(item, item.summary, event.summary_index, NO_SUMMARY, text, note)
            case e.ResponseOutputTextAnnotationAdded(annotation=annotation):
                if annotation is not None:
                    item = self._output.of("message", event)
                    if not item.is_closed:
                        part = item.content.of(event.content_index, "output_text", NO_TEXT)
                        part.annotations.append(annotation)
                return ()
        return self._take_end(event, note)

    def _take_end(self, event: Event, note: Note) -> Sequence[Piece]:
        """Take an event that ends the text of an item."""
        match event:
            case e.ResponseFunctionCallArgumentsDone(arguments=text):
                item = self._output.of("function_call", event)
                if event.name and isinstance(item.head, FunctionToolCall) and not item.name:
                    item.head = attrs.evolve(item.head, name=event.name)
                    item.name, item.speaks = event.name, False
                return self._finish_text(item, text, note)
            case e.ResponseCustomToolCallInputDone(input=text):
                return self._finish_text(self._output.of("custom_tool_call", event), text, note)
            case e.ResponseMcpCallArgumentsDone(arguments=text):
                return self._output.of("mcp_call", event).end_text(text, note)
            case e.ResponseCodeInterpreterCallCodeDone(code=text):
                return self._output.of("code_interpreter_call", event).end_text(text, note)
            case e.ResponseApplyPatchCallOperationDiffDone(diff=text):
                return self._output.of("apply_patch_call", event).end_text(text, note)
        self._take_rest(event, note)
        return ()

    def _finish_text(self, item: GrowingItem, text: str, note: Note) -> Sequence[Piece]:
        """Take the end of the arguments of a call, or of the input of a custom tool."""
        if not item.is_whole:
            item.is_finished = True
            item.status = "completed"
        return item.end_text(text, note)

    def _take_rest(self, event: Event, note: Note) -> None:
        """Take an event that adds no text to the answer: an image, a command, or a status."""
        match event:
            case e.ResponseImageGenerationCallPartialImage(partial_image_b64=image):
                item = self._output.of("image_generation_call", event)
                if not item.is_whole:
                    item.image = image
            case e.ResponseShellCallCommandAdded():
                item = self._output.of("shell_call", event)
                item.command(event.command_index).begin(event.command, note)
            case e.ResponseShellCallCommandDone():
                item = self._output.of("shell_call", event)
                item.command(event.command_index).end(event.command, note)
            case e.ResponseShellCallCommandDelta():
                item = self._output.of("shell_call", event)
                item.command(event.command_index).take(event.delta, note)
            case e.ResponseShellCallOutputContentDelta():
                outputs = self._output.of("shell_call_output", event).outputs
                index = _index(event.command_index, outputs)
                if index not in outputs:
                    outputs[index] = CommandOutput()
                output = outputs[index]
                if isinstance(output, CommandOutput):
                    output.add(event.delta)
            case e.ResponseShellCallOutputContentDone(output=contents):
                outputs = self._output.of("shell_call_output", event).outputs
                outputs[_index(event.command_index, outputs)] = contents
            case _:  # only its name: `response.<kind>.<status>`
                _, kind, status = event.wire_name.split(".", 2)
                if hasattr(event, "item_id"):  # the events that end audio belong to no item
                    item = self._output.of(kind, event)
                    if not item.is_whole:
                        item.status = status

    def _take_response(self, event: BringsResponse, note: Note) -> Sequence[Piece]:
        response = event.response
        self._output.agents.is_aside(event.agent)  # it may be the first to name the root
        self._usage = response.usage or self._usage
        final = event.final_status()
        if self._is_final and not final:
            return ()
        self._is_final = bool(final)
        missing: dict[str, Any] = {
            name: getattr(self._response, name) for name in _LASTING if not getattr(response, name)
        }
        if not response.status or final == "failed":  # it may be completed and have an error
            missing["status"] = final or "in_progress"
        self._response = attrs.evolve(response, **missing) if any(missing.values()) else response
        is_over = final == "completed"
        pieces = self._output.take_all(
            response.output, note, is_final=self._is_final, is_over=is_over
        )
        return [*pieces, *self._output.leave()] if final else pieces

    def close(self) -> Sequence[Piece]:
        return self._output.leave()

    def _holder(self, content: Content, event: Any) -> GrowingItem:
        """Return the item that *content* is a part of."""
        is_reasoning = isinstance(content, ReasoningTextContent)
        return self._output.of("reasoning" if is_reasoning else "message", event)

    def value(self) -> ResponseAnswer:
        output = tuple(item.value() for item in self._output.in_order())
        response = attrs.evolve(self._response, output=output, usage=self._usage)
        audio = b"".join(from_base64(piece) or b"" for piece in self._audio)
        return ResponseAnswer(
            response=response,
            audio=audio,
            transcript=str(self._transcript),
            hole=self.hole,
            root=self._output.agents.root,
        )


def _delta(  # noqa: PLR0917 - all of one event
    item: GrowingItem, parts: Parts, index: int | None, known: Any, delta: str, note: Note
) -> Sequence[Piece]:
    """Take a piece of the text of a part; return what is new."""
    if not item.is_closed:
        kind = known.type
        part = parts.of(index, kind, known)
        if not part.is_whole:
            text = part.text
            said = parts.take_first(part, delta, note) if text is None else text.take(delta, note)
            return (Piece(KINDS[kind], 0, said),) if said and not item.is_aside else ()
    note("delta_after_end")
    return ()


def _begin(
    item: GrowingItem, parts: Parts, index: int | None, content: Content, note: Note
) -> Sequence[Piece]:
    """Take the beginning of a part; return what is new."""
    if item.is_closed:
        return ()
    return item.pieces(parts.begin(parts.begun(index, content), content, note))


def _end(  # noqa: PLR0917 - all of one event
    item: GrowingItem,
    parts: Parts,
    index: int | None,
    known: Content,
    text: str,
    note: Note,
    event: e.ResponseOutputTextDone | None = None,
) -> Sequence[Piece]:
    """Take the whole text of a part; return what is new."""
    if item.is_closed and not parts.goes_on(index, known, text):
        return ()
    part = parts.ended(index, known, text)
    if event is not None and event.logprobs:
        part.logprobs = list(event.logprobs)
    return item.pieces(parts.end(part, text, note))


def _finish(
    item: GrowingItem, parts: Parts, index: int | None, content: Content, note: Note
) -> Sequence[Piece]:
    """Take a whole part; return what is new."""
    if item.is_closed and not parts.goes_on(index, content, text_of(content)):
        return ()
    part = parts.ended(index, content, text_of(content))
    return item.pieces(parts.finish(part, content, note))


def _index(index: int | None, known: ByIndex[Any]) -> int:
    """Return *index*, or the last known index if the server left it out."""
    return (known.last or 0) if index is None else index
