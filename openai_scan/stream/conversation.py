"""What a stream provides for the next request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai_scan.stream.machine import StreamMachine
    from openai_scan.values import Answer, Counts


class Conversation(ABC):
    """The part of a stream that continues the conversation."""

    _machine: StreamMachine

    @abstractmethod
    def _final(self) -> Answer:
        """Return the whole answer of a stream that has ended; see `StreamView`."""

    def bookmark(self) -> dict[str, Any] | None:
        """Return where another process can resume the answer, after the current event.

        Pass it to `Client.resume_stream()`, or that of an agent's session to
        `Client.resume_agent_session_stream()`. It is a dict that can be stored as JSON::

            {"format": 1, "answer_id": "resp_1", "position": 7}

        *position* is the server's number of the last event that `next()` stepped to or, in an
        agent's session, the id of that event. It contains no secret and no text of the answer.

        Returns:
            None if the answer cannot be resumed: it is whole, it is neither a background response
            nor the turn of a session, its server does not number the events, or no event has
            arrived.
        """
        return self._machine.bookmark

    def _messages(self, choice: int) -> list[dict[str, Any]]:
        """Return the result of the streamers' `messages()` for a stream that has ended."""
        self._check_family("chat", "messages()")
        return [*self._machine.rounds.messages(), *self._machine.answer.as_sent(choice)]

    def _input_items(self) -> list[dict[str, Any]]:
        """Return the result of the streamers' `input_items()` for a stream that has ended."""
        self._check_family("responses", "input_items()")
        return [*self._machine.rounds.input(), *self._machine.answer.as_sent(0)]

    def total_counts(self) -> Counts | None:
        """Return how many tokens all streams of the chain have used so far, or None if unknown.

        `snapshot().counts` and `snapshot().usage` are those of the last stream only.
        """
        return self._machine.rounds.total_counts(self._machine.answer)

    def _check_family(self, family: str, method: str) -> None:
        self._final()
        if self._machine.answer.family != family:
            raise TypeError(
                f"{method} is not for this API: use messages() with Chat Completions, and"
                " input_items() with Responses"
            )
