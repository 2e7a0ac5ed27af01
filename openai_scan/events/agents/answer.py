"""The answer of an agent's session, as far as it has arrived."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from openai_scan.events.agents.base import FINAL_STATUSES, finish_reason_of
from openai_scan.events.agents.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    SessionItem,
    SessionMessage,
)
from openai_scan.events.agents.objects import (
    AgentSession,
    EnvironmentState,
    FunctionCallAction,
    RequiredAction,
    Subagent,
    TokenUsage,
    Turn,
)
from openai_scan.events.agents.voices import Voices, is_said, text_of_messages, texts_by_agent
from openai_scan.events.phases import final_of
from openai_scan.events.snapshot import call_of
from openai_scan.values import Call, Counts, Value

# The statuses of a call that no longer waits for its output.
_ANSWERED = frozenset({"completed", "failed", "incomplete"})


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AgentsAnswer(Value):
    """One turn of a session's agent, as far as it has arrived.

    Attributes:
        session: The session as the server showed it last, or None.
        turns: The turns, those of subagents included, in the order in which they began.
        items: What the agents said and did, subagents included, in the order in which it began.
        subagents: The subagents, in the order in which they appeared.
        environment: Where commands run, as the server showed it last, or None.
        usage: The token counts of the agent's turn that the server sent last, or None.
        hole: Whether an event that brought a part of the answer could not be read. No call is
            complete then.
    """

    session: AgentSession | None = None
    turns: tuple[Turn, ...] = ()
    items: tuple[SessionItem, ...] = ()
    subagents: tuple[Subagent, ...] = ()
    environment: EnvironmentState | None = None
    usage: TokenUsage | None = None
    hole: bool = False

    @property
    def turn(self) -> Turn | None:
        """The turn of the root agent, the last one if there are several; or None."""
        return next((turn for turn in reversed(self.turns) if not turn.subagent_id), None)

    @property
    def text(self) -> str:
        """The text of all messages of the root agent, as `text_deltas()` yields it."""
        return text_of_messages(self._messages())

    @property
    def final_text(self) -> str:
        """The text of the final answer, without remarks on the way to it.

        It is that of the messages with the phase `"final_answer"`. If there are none, it is that of
        all messages but those with the phase `"commentary"`.
        """
        return text_of_messages(final_of(self._messages()))

    @property
    def texts(self) -> dict[str, str]:
        """The text of each agent by its name, or by its id if it has no name.

        The root agent is called `root` if the session does not name it.
        """
        return texts_by_agent(Voices(self.turns), self.items, self.subagents, self.session)

    @property
    def required_actions(self) -> tuple[RequiredAction, ...]:
        """What the session waits for: outputs of your functions, approvals, a connection."""
        session = self.session
        waits = session is not None and session.status == "requires_action"
        return session.required_actions if session is not None and waits else ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls whose outputs the session waits for; before that, the calls made so far.

        They include calls of subagents, which you have to answer too.
        """
        asked = list(self._asked_for())
        return tuple(
            call_of(
                id=call.call_id,
                name=call.name,
                arguments=call.arguments,
                finished=bool(asked) and not self.hole,
            )
            for call in asked or self._open_calls()
        )

    def turn_of_call(self, call_id: str) -> str:
        """Return the id of the turn that made a call, to send its output with; or `""`."""
        made = [item for item in self.items if isinstance(item, FunctionCallItem)]
        calls: list[FunctionCallAction | FunctionCallItem] = [*self._asked_for(), *made]
        return next((call.turn_id for call in calls if call.call_id == call_id), "")

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        usage = self.usage
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
        """The status that the turn ended with, or the code of its error; None while it runs.

        It is `requires_action` if the session waits, and `failed` if the session has failed.
        """
        turn, status = self.turn, "" if self.session is None else self.session.status
        if status in {"requires_action", "failed"}:
            return status
        if turn is None or turn.status not in FINAL_STATUSES:
            return None
        return finish_reason_of(turn, turn.status)

    def _messages(self) -> list[SessionMessage]:
        """Return the messages of the root agent."""
        voices = Voices(self.turns)
        return [
            item
            for item in self.items
            if isinstance(item, SessionMessage) and is_said(item)
            if not voices.is_aside(item.turn_id)
        ]

    def _asked_for(self) -> Iterator[FunctionCallAction]:
        return (one for one in self.required_actions if isinstance(one, FunctionCallAction))

    def _open_calls(self) -> Iterator[FunctionCallItem]:
        over = {turn.id for turn in self.turns if turn.status in FINAL_STATUSES}
        answered = {item.call_id for item in self.items if isinstance(item, FunctionCallOutputItem)}
        for item in self.items:
            if (
                isinstance(item, FunctionCallItem)
                and item.status not in _ANSWERED
                and item.turn_id not in over
                and item.call_id not in answered
            ):
                yield item
