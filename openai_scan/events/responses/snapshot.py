"""The whole answer of a Responses stream, also if reading starts in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from attrs import field, frozen

from openai_scan.events.base import Append, Event, Fold, Note, from_base64
from openai_scan.events.responses import events as e
from openai_scan.events.responses.base import BringsResponse
from openai_scan.events.responses.growing import GrowingItem, Output, id_of, kind_of, new_item
from openai_scan.events.responses.items import (
    CustomToolCall,
    FunctionToolCall,
    OutputContent,
    OutputItem,
    OutputMessage,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
)
from openai_scan.events.responses.objects import Response, ResponseUsage
from openai_scan.events.snapshot import ByIndex, Pieces, call_of
from openai_scan.surrogates import mend
from openai_scan.values import Call, Piece, Value

_NO_TEXT = OutputTextContent(text="")
_NO_REFUSAL = RefusalContent(refusal="")
_NO_REASONING = ReasoningTextContent(text="")

# The fields that a server may leave out when it sends the response again.
_LASTING = ("id", "model", "created_at")


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseAnswer(Value):
    """A response as far as it has arrived.

    Attributes:
        response: The response; `response.output` has its items as far as they have arrived.
        audio: The spoken answer, decoded.
        transcript: The spoken answer as text.
    """

    # A `Response` cannot be the answer itself: its field `text` repeats a setting of the request.
    response: Response
    audio: bytes = field(default=b"", repr=False)
    transcript: str = ""

    @property
    def text(self) -> str:
        """The text of all messages, as `text_deltas()` yields it; or else the transcript."""
        text = "".join(
            part.text
            for item in self.response.output
            if isinstance(item, OutputMessage)
            for part in item.content
            if isinstance(part, OutputTextContent)
        )
        return mend(text) or self.transcript

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions and custom tools, in order."""
        return tuple(
            call_of(
                id=call.call_id,
                name=call.name,
                arguments=call.arguments if isinstance(call, FunctionToolCall) else call.input,
                finished=self._is_finished(call),
                kind="function" if isinstance(call, FunctionToolCall) else "custom",
            )
            for call in self.response.output
            if isinstance(call, FunctionToolCall | CustomToolCall)
        )

    def _is_finished(self, call: FunctionToolCall | CustomToolCall) -> bool:
        """Return whether the server has finished *call*."""
        status = getattr(call, "status", "")
        if status == "incomplete":
            return False
        return self.response.status == "completed" or (
            isinstance(call, FunctionToolCall) and status != "in_progress"
        )

    @property
    def usage(self) -> ResponseUsage | None:
        """The token counts that the server sent last, or None."""
        return self.response.usage


class ResponseFold(Fold):
    """Collects a response."""

    family = "responses"
    needs_content = True

    def __init__(self) -> None:
        self._response = Response(status="in_progress")
        self._is_final = False
        self._usage: ResponseUsage | None = None
        self._items: list[GrowingItem] = []  # in order of arrival
        self._by_index: dict[int, GrowingItem] = {}  # the latest item at each place
        self._by_id: dict[str, GrowingItem] = {}
        self._audio: list[str] = []  # base64, each piece encoded separately
        self._transcript = Pieces()

    def resumable_id(self) -> str | None:
        return self._response.id if self._response.background else None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        match event:
            case e.ResponseOutputTextDelta():
                part = self._item("message", event).part(event.content_index, _NO_TEXT)
                part.text = part.text or Pieces()
                part.text.add(event.delta)
                if event.logprobs:
                    part.logprobs += event.logprobs
            case e.ResponseReasoningSummaryTextDelta():
                self._summary(event).add(event.delta)
            case e.ResponseFunctionCallArgumentsDelta():
                self._add("function_call", event)
            case e.ResponseCodeInterpreterCallCodeDelta():
                self._add("code_interpreter_call", event)
            case e.ResponseReasoningTextDelta():
                part = self._item("reasoning", event).part(event.content_index, _NO_REASONING)
                part.text = part.text or Pieces()
                part.text.add(event.delta)
            case BringsResponse():
                self._take_response(event)
            case e.ResponseOutputItemAdded(item=item):
                self._take_item(item, event.output_index, note, whole=False)
            case e.ResponseOutputItemDone(item=item):
                self._take_item(item, event.output_index, note, whole=True)
            case e.ResponseMcpCallArgumentsDelta():
                self._add("mcp_call", event)
            case e.ResponseCustomToolCallInputDelta():
                self._add("custom_tool_call", event)
            case e.ResponseRefusalDelta():
                part = self._item("message", event).part(event.content_index, _NO_REFUSAL)
                part.text = part.text or Pieces()
                part.text.add(event.delta)
            case e.ResponseAudioDelta():
                self._audio.append(event.delta)
            case e.ResponseAudioTranscriptDelta():
                self._transcript.add(event.delta)
            case _:
                self._take_more(event)
        return event.pieces()

    def appender(self, event: Event) -> Append | None:
        match event:
            case e.ResponseOutputTextDelta(logprobs=()):
                part = self._item("message", event).part(event.content_index, _NO_TEXT)
                return None if part.text is None else part.text.add
        return None

    def _take_more(self, event: Event) -> None:
        """Take the rarer events, and the ones that end what `take()` collects."""
        match event:
            case e.ResponseContentPartAdded(part=content):
                self._content(event, content)
            case e.ResponseContentPartDone(part=content):
                part = self._content(event, content)
                part.known, part.whole = content, True
            case e.ResponseOutputTextDone(text=text):
                part = self._item("message", event).part(event.content_index, _NO_TEXT)
                part.text = Pieces(text)
                part.logprobs = list(event.logprobs) or part.logprobs
            case e.ResponseOutputTextAnnotationAdded(annotation=annotation):
                if annotation is not None:
                    part = self._item("message", event).part(event.content_index, _NO_TEXT)
                    part.annotations.append(annotation)
            case e.ResponseRefusalDone(refusal=text):
                part = self._item("message", event).part(event.content_index, _NO_REFUSAL)
                part.text = Pieces(text)
            case e.ResponseReasoningTextDone(text=text):
                part = self._item("reasoning", event).part(event.content_index, _NO_REASONING)
                part.text = Pieces(text)
            case e.ResponseReasoningSummaryPartAdded(part=summary):
                self._summary(event, new=True).add(summary.text)
            case e.ResponseReasoningSummaryPartDone(part=summary):
                self._set_summary(event, summary.text)
            case e.ResponseReasoningSummaryTextDone(text=text):
                self._set_summary(event, text)
            case e.ResponseFunctionCallArgumentsDone(arguments=text):
                item = self._item("function_call", event)
                item.set_text(text)
                item.status = "completed"
                if event.name and isinstance(item.head, FunctionToolCall) and not item.head.name:
                    item.head = attrs.evolve(item.head, name=event.name)
            case e.ResponseCustomToolCallInputDone(input=text):
                self._item("custom_tool_call", event).set_text(text)
            case e.ResponseMcpCallArgumentsDone(arguments=text):
                self._item("mcp_call", event).set_text(text)
            case e.ResponseCodeInterpreterCallCodeDone(code=text):
                self._item("code_interpreter_call", event).set_text(text)
            case e.ResponseApplyPatchCallOperationDiffDelta():
                self._add("apply_patch_call", event)
            case e.ResponseApplyPatchCallOperationDiffDone(diff=text):
                self._item("apply_patch_call", event).set_text(text)
            case e.ResponseImageGenerationCallPartialImage(partial_image_b64=image):
                self._item("image_generation_call", event).image = image
            case e.ResponseShellCallCommandAdded() | e.ResponseShellCallCommandDone():
                commands = self._item("shell_call", event).commands
                commands[_index(event.command_index, commands)] = Pieces(event.command)
            case e.ResponseShellCallCommandDelta():
                commands = self._item("shell_call", event).commands
                index = _index(event.command_index, commands)
                if index not in commands:
                    commands[index] = Pieces()
                commands[index].add(event.delta)
            case e.ResponseShellCallOutputContentDelta():
                outputs = self._item("shell_call_output", event).outputs
                index = _index(event.command_index, outputs)
                if index not in outputs:
                    outputs[index] = Output()
                output = outputs[index]
                if isinstance(output, Output):
                    output.add(event.delta)
            case e.ResponseShellCallOutputContentDone(output=contents):
                outputs = self._item("shell_call_output", event).outputs
                outputs[_index(event.command_index, outputs)] = contents
            case _:
                self._take_status(event)

    def _take_status(self, event: Event) -> None:
        """Take an event that has only its name: `response.<kind>.<status>`."""
        _, kind, status = event.wire_name.split(".", 2)
        if hasattr(event, "item_id"):  # the events that end audio belong to no item
            self._item(kind, event).status = status

    def _take_response(self, event: BringsResponse) -> None:
        response = event.response
        self._usage = response.usage or self._usage
        final = event.final_status()
        if self._is_final and not final:
            return
        self._is_final = bool(final)
        missing: dict[str, Any] = {
            name: getattr(self._response, name) for name in _LASTING if not getattr(response, name)
        }
        if not response.status:
            missing["status"] = final or "in_progress"
        self._response = attrs.evolve(response, **missing) if any(missing.values()) else response
        if not final:  # the items so far, if reading starts in the middle
            for index, item in enumerate(response.output):
                if index not in self._by_index:
                    self._new(item, index)

    def _take_item(self, item: OutputItem, index: int | None, note: Note, *, whole: bool) -> None:
        kind, id = kind_of(item), id_of(item)
        found = self._find(kind, index, id)
        # Another item with the same index: some servers do not count.
        if found is not None and "" != id != id_of(found.head) != "" and (found.whole or not whole):
            note("item_index_reused")
            found = None
        if found is None:
            found = self._new(item, index)
        elif whole or not found.whole:
            found.head = item
            self._by_id[id] = found
        found.whole = found.whole or whole

    def _item(self, kind: str, event: Any) -> GrowingItem:
        """Return the item that *event* belongs to."""
        index = event.output_index
        id = getattr(event, "item_id", "")
        return self._find(kind, index, id) or self._new(new_item(kind, id), index)

    def _find(self, kind: str, index: int | None, id: str) -> GrowingItem | None:
        """Return the item at *index* or with *id*, or else the last one if it is unfinished."""
        found = None if index is None else self._by_index.get(index)
        if found is None and id:
            found = self._by_id.get(id)
        if found is None and index is None and self._items:
            last = self._items[-1]
            fits = kind_of(last.head) == kind and not (id and id_of(last.head))
            found = last if fits and not last.whole else None
        return found

    def _new(self, item: OutputItem, index: int | None) -> GrowingItem:
        place = len(self._items) if index is None else index
        growing = GrowingItem(place, item)
        self._items.append(growing)
        if index is not None:
            self._by_index[index] = growing
        if id := id_of(item):
            self._by_id[id] = growing
        return growing

    def _add(self, kind: str, event: Any) -> None:
        """Add the delta of *event* to the text of an item."""
        item = self._item(kind, event)
        item.text = item.text or Pieces()
        item.text.add(event.delta)

    def _content(self, event: Any, content: OutputContent) -> Any:
        kind = "reasoning" if isinstance(content, ReasoningTextContent) else "message"
        return self._item(kind, event).part(event.content_index, content)

    def _summary(self, event: Any, *, new: bool = False) -> Pieces:
        summary = self._item("reasoning", event).summary
        index = event.summary_index
        if index is None:
            index = len(summary) if new else max(len(summary) - 1, 0)
        if index not in summary:
            summary[index] = Pieces()
        return summary[index]

    def _set_summary(self, event: Any, text: str) -> None:
        summary = self._item("reasoning", event).summary
        summary[_index(event.summary_index, summary)] = Pieces(text)

    def value(self) -> ResponseAnswer:
        output = self._response.output
        if not (self._is_final and output):  # some servers leave out the output at the end
            items = sorted(self._items, key=_place)
            output = tuple(item.value() for item in items)
        response = attrs.evolve(self._response, output=output, usage=self._usage)
        audio = b"".join(from_base64(piece) or b"" for piece in self._audio)
        return ResponseAnswer(response=response, audio=audio, transcript=str(self._transcript))


def _index(index: int | None, known: ByIndex[Any]) -> int:
    """Return *index*, or the last known index if the server left it out."""
    return (known.last or 0) if index is None else index


def _place(item: GrowingItem) -> int:
    return item.place
