"""What earlier streams of a chain leave to later ones: the conversation and token counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from openai_scan.events.kept import as_json
from openai_scan.stream.answer_so_far import AnswerSoFar
from openai_scan.values import Counts


class Rounds:
    """The rounds of a chain. The answer of the last one may still be arriving.

    Args:
        source: The source of the first round.
    """

    def __init__(self, source: Any) -> None:
        self._body = _body_of(source)
        self._items: list[
            Any
        ] = []  # of earlier rounds, stored by the server and not in the request
        self._counts: dict[Any, Counts] = {}  # of earlier rounds

    def go_on(self, answer: AnswerSoFar, source: Any) -> None:
        """Begin a round with the source *source*, after *answer*."""
        self._counts |= self._last_counts(answer)
        following = _body_of(source)
        value: Any = answer.value()
        # Only such a request does not repeat the conversation.
        before = following.get("previous_response_id")
        response = getattr(value, "response", None)
        if response is not None and (
            (before is not None and before == response.id)
            or (before is None and following.get("conversation") is not None)
        ):
            self._items = [*self.input(), *answer.as_sent(0)]
        else:
            self._items = []
        self._body = following

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages in the last round's request."""
        return _listed(self._body.get("messages"))

    def input(self) -> list[dict[str, Any]]:
        """Return the items in the last round's request, and those before it."""
        return [*self._items, *_listed(self._body.get("input"))]

    def total_counts(self, answer: AnswerSoFar) -> Counts | None:
        """Return how many tokens all rounds have used, or None if no server has reported any."""
        counts = (self._counts | self._last_counts(answer)).values()
        if not counts:
            return None
        return Counts(
            **{
                field.name: _sum([getattr(one, field.name) for one in counts])
                for field in attrs.fields(Counts)
            }
        )

    def _last_counts(self, answer: AnswerSoFar) -> dict[Any, Counts]:
        """Return the counts of the last round, by the run or answer they belong to."""
        value: Any = None if answer.is_over else answer.value()
        counts = None if value is None else value.counts
        if counts is None:
            return {}
        # The usage of a run covers all streams in which it continues.
        run = getattr(value, "run", None)
        return {len(self._counts) if run is None else run.id: counts}


def _sum(counts: list[int | None]) -> int | None:
    """Return the sum of the known counts, or None if there are none."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _body_of(source: Any) -> Mapping[str, Any]:
    body = getattr(getattr(source, "request", None), "body", None)
    return body if isinstance(body, Mapping) else {}


def _listed(given: Any) -> list[Any]:
    """Return a prompt as a list of messages, each as plain JSON values."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}] if given else []
    listed = as_json(given)
    return listed if isinstance(listed, list) else []
