"""The answer of a Responses stream, as far as it has arrived."""

from __future__ import annotations

from attrs import field, frozen

from openai_scan.events.phases import final_of
from openai_scan.events.responses.agents import (
    messages_of_root,
    text_of_messages,
    texts_by_agent,
)
from openai_scan.events.responses.base import FINAL_STATUSES
from openai_scan.events.responses.heads import UNFINISHED
from openai_scan.events.responses.items import CustomToolCall, FunctionToolCall, OutputMessage
from openai_scan.events.responses.objects import Response, ResponseUsage
from openai_scan.events.snapshot import call_of
from openai_scan.values import Call, Counts, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseAnswer(Value):
    """A response, as far as it has arrived.

    Attributes:
        response: The response; `response.output` has its items as far as they have arrived.
        audio: The spoken answer, decoded; not shown in the `repr`.
        transcript: The spoken answer as text.
        hole: Whether an event that brought a part of the answer could not be read. No call is
            complete then.
        root: The name of the root agent in a response of several agents, else `""`.
    """

    # A `Response` cannot be the answer itself: its field `text` repeats a setting of the request.
    response: Response
    audio: bytes = field(default=b"", repr=False)
    transcript: str = ""
    hole: bool = False
    root: str = ""

    @property
    def text(self) -> str:
        """The text of all messages of the root agent; if there is none, the transcript."""
        return text_of_messages(self._messages()) or self.transcript

    @property
    def texts(self) -> dict[str, str]:
        """The text of the messages of each agent, by its name.

        If no item names the root agent, its name is the first part of its subagents' paths, such as
        `/root` of `/root/critic`. Without such paths it is `root`.
        """
        return texts_by_agent(self.response.output, self.root)

    @property
    def final_text(self) -> str:
        """The text of the final answer, without remarks on the way to it.

        It is that of the messages with the phase `"final_answer"`. If there are none, it is that of
        all messages but those with the phase `"commentary"`.
        """
        return text_of_messages(final_of(self._messages())) or self.transcript

    def _messages(self) -> list[OutputMessage]:
        """Return the messages of the root agent."""
        return messages_of_root(self.response.output, self.root)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions and custom tools, in order.

        Calls with the same id count as one, since they can be answered only once.
        """
        return tuple(self.counted_calls().values())

    def counted_calls(self) -> dict[int, Call]:
        """Return the calls by their places in the output.

        Of several calls with the same id it has the first that is complete, or else the first.
        """
        calls: dict[int, Call] = {}
        places: dict[str, int] = {}
        for place, item in enumerate(self.response.output):
            if not isinstance(item, FunctionToolCall | CustomToolCall):
                continue
            call = self._call(item)
            first = places.setdefault(call.id, place) if call.id else place
            if first == place:
                calls[place] = call
            elif call.complete and not calls[first].complete:
                del calls[first]
                calls[place] = call
                places[call.id] = place
        return calls

    def _call(self, item: FunctionToolCall | CustomToolCall) -> Call:
        arguments = item.input if isinstance(item, CustomToolCall) else item.arguments
        is_finished = item.status not in UNFINISHED
        is_over = self.response.status == "completed" and item.status != "incomplete"
        return call_of(
            id=item.call_id,
            name=item.name,
            arguments=arguments,
            finished=not self.hole and (is_finished or (is_over and bool(arguments))),
            kind="custom" if isinstance(item, CustomToolCall) else "function",
        )

    @property
    def usage(self) -> ResponseUsage | None:
        """The token counts that the server sent last, or None."""
        return self.response.usage

    @property
    def counts(self) -> Counts | None:
        """The same counts in the words of `Counts`, or None."""
        usage = self.response.usage
        if usage is None:
            return None
        read, written = usage.input_tokens_details, usage.output_tokens_details
        return Counts(
            input=usage.input_tokens,
            output=usage.output_tokens,
            total=usage.total_tokens,
            cached=None if read is None else read.cached_tokens,
            reasoning=None if written is None else written.reasoning_tokens,
        )

    @property
    def finish_reason(self) -> str | None:
        """Why the response is incomplete, or the status that it ended with; None while it runs."""
        details = self.response.incomplete_details
        reason = None if details is None else details.reason
        status = self.response.status
        return reason or (status if status in FINAL_STATUSES else None)
