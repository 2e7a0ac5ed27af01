"""The output items of a response as the server sent them, to be sent back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from openai_scan import bounded_json
from openai_scan.events.base import Event
from openai_scan.events.kept import Kept, as_json, filled
from openai_scan.events.phases import DRAFT, FINAL
from openai_scan.events.responses.agents import Agents, agent_of, messages_of_root
from openai_scan.events.responses.base import BringsItem, BringsResponse
from openai_scan.events.responses.events import ResponseOutputItemAdded
from openai_scan.events.responses.heads import UNDER_WAY, id_of
from openai_scan.events.responses.items import (
    CustomToolCall,
    FunctionToolCall,
    OutputItem,
    OutputMessage,
)
from openai_scan.events.snapshot import has_no_arguments

# Whatever has no value under these names is sent without the name: an empty id is no id.
_NAMES = ("id", "call_id", "status", "phase")


class ResponseKept(Kept):
    """Keeps the data of the events that bring items, and reads them when they are asked for."""

    def __init__(self) -> None:
        self._drafts: set[int | str] = set()  # the indexes and ids of messages that are drafts
        self._finals: set[int | str] = set()  # and of those that are the answer
        self._agents = Agents()
        self._announced: list[str] = []
        self._done: list[str] = []
        self._last = ""  # the data of the last event that brought the response with its output

    def take(self, event: Event, repeat: object) -> bool:  # noqa: ARG002 - no such event repeats
        self.drafts_changed = False
        if isinstance(event, BringsItem):
            announces = isinstance(event, ResponseOutputItemAdded)
            (self._announced if announces else self._done).append(event.raw.data)
            if not self._agents.is_aside(event.agent or agent_of(event.item)):
                self._take_phase(event, announces=announces)
        elif isinstance(event, BringsResponse):
            if event.response.output:
                self._last = event.raw.data
                own = messages_of_root(event.response.output, self._agents.root)
                phases = {message.phase for message in own}
                self.drafts_changed = not phases.isdisjoint((DRAFT, FINAL))
        elif self._drafts or self._finals:
            self._look_at(getattr(event, "output_index", None), getattr(event, "item_id", None))
        return False

    def _take_phase(self, event: BringsItem, *, announces: bool) -> None:
        """Note whether the item of *event* is a draft; what has no phase is what it was."""
        place, id = getattr(event, "output_index", None), id_of(event.item)
        phase, names = (
            _phase_of(event.item),
            {name for name in (place, id) if name not in {None, ""}},
        )
        if phase == DRAFT:
            self.drafts_changed = not announces and id not in self._drafts
            self._drafts |= names
        elif phase == FINAL:
            self.drafts_changed = self._finals.isdisjoint(names)
            self._finals |= names
        for known in (self._drafts, self._finals):
            if id not in known:
                known.discard(place)
        self._look_at(place, id)

    def _look_at(self, place: Any, id: Any) -> None:
        """See whether the item at *place*, or with *id*, is a draft."""
        if self._finals:
            self.drafting = place not in self._finals and id not in self._finals
        else:
            self.drafting = place in self._drafts or id in self._drafts

    def final_text(self, answer: Any) -> str:
        text: str = answer.final_text
        return text

    def as_sent(self, answer: Any, choice: int) -> list[dict[str, Any]]:
        if choice:
            raise ValueError(f"a response has no choice {choice}")
        reports = [_Report(self._output()), _Report(self._items(self._done))]
        announced = _Report(self._items(self._announced))
        items: list[dict[str, Any]] = []
        counted = answer.counted_calls()
        known_calls: set[tuple[str, str]] = set()
        for place, typed in enumerate(answer.response.output):
            known = _without_empty_names(as_json(typed))
            found = [item for report in reports if (item := report.find(known)) is not None]
            item = filled(_more(*found), {**known, "status": None}) if found else known
            item = _more(item, *filter(None, [announced.find(known)]))
            if "status" in item and "status" in known:  # two items may share the id of the reports
                item["status"] = known["status"]
            if item.get("type") == "function_call":  # what has been run is what is sent
                text = known.get("arguments")
                item["arguments"] = "{}" if _is_blank(text) else text
            # A call that comes twice can be answered only once, so it is sent once.
            call = str(known.get("type")), str(known.get("call_id") or "")
            if isinstance(typed, FunctionToolCall | CustomToolCall):
                is_repeated = place not in counted
            else:
                is_repeated = bool(call[1]) and call in known_calls
            if not is_repeated:
                known_calls.add(call)
                items.append(item)
        return items

    def _output(self) -> Iterator[dict[str, Any]]:
        match bounded_json.value_or(self._last):
            case {"response": {"output": list(items)}}:
                yield from (item for item in items if isinstance(item, dict))

    def _items(self, data: list[str]) -> Iterator[dict[str, Any]]:
        for one in data:
            match bounded_json.value_or(one):
                case {"item": dict(item)}:
                    yield item


def _phase_of(item: OutputItem) -> str | None:
    return item.phase if isinstance(item, OutputMessage) else None


class _Report:
    """The items of one report, to be found by their ids, or else in order."""

    def __init__(self, items: Iterator[dict[str, Any]]) -> None:
        self._by_name: dict[tuple[Any, str, Any], dict[str, Any]] = {}
        self._nameless: dict[Any, deque[dict[str, Any]]] = {}
        for item in items:
            names = [(name, item.get(name)) for name in ("call_id", "id")]
            named = [(name, value) for name, value in names if value and isinstance(value, str)]
            kind = str(item.get("type"))
            for name, value in named:
                self._by_name[kind, name, value] = item
            if not named:
                self._nameless.setdefault(kind, deque()).append(item)

    def find(self, known: dict[str, Any]) -> dict[str, Any] | None:
        """Return the item that reports on *known*, or None."""
        kind = str(known.get("type"))
        for name in ("id", "call_id"):
            value = known.get(name)
            found = self._by_name.get((kind, name, value)) if isinstance(value, str) else None
            if found is not None:
                return found
        nameless = self._nameless.get(kind)
        return nameless.popleft() if nameless else None


def _more(item: dict[str, Any], *earlier: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of *item* with the keys that only *earlier* reports on it have."""
    more: dict[str, Any] = {}
    for report in earlier:
        more |= report
    more.pop("status", None)  # it was another one then
    return {**more, **item}


def _is_blank(arguments: Any) -> bool:
    return arguments is None or (isinstance(arguments, str) and has_no_arguments(arguments))


def _without_empty_names(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a typed item, without those that the server has not sent."""
    if item.get("status") == UNDER_WAY:  # an item made of its deltas, and the answer is over
        item = {**item, "status": ""}
    return {key: value for key, value in item.items() if value or key not in _NAMES}
