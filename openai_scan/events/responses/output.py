"""The output of a response as far as it has arrived, and which item an event is about.

What tells one item from another, most reliable first:

1. Its kind: an event about arguments is not about a message, whatever its numbers say. Some
   servers count the items of each kind from zero, or do not count.
2. The `call_id` of a call. It is what the call is answered with, so servers keep it, even those
   that send another item id with each event.
3. `output_index`, unless both ids are known and differ: then it is the item with that id, or a
   new one if the item at that index has ended.
4. The item's id.
5. Otherwise it is the item of its kind that has not ended, if there is only one such item and it
   was announced, or if it is the last item and its id is not known. An item whose announcement said
   that it is finished, and what it says, is not ended by one with another id.

A response with its output says once more which items there are. Those that no id tells are matched
by their index, then by their order among the items of their kind. The last such response decides
the order of the output; items that it leaves out stay behind the item that they followed.

Two items with one `call_id` are one call: both stay in the output, one counts. If they are not the
same call, that is noted as `call_id_reused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openai_scan.events.base import Note
from openai_scan.events.responses.agents import Agents, agent_of, name_of_agent, with_agent
from openai_scan.events.responses.growing import GrowingItem
from openai_scan.events.responses.heads import CALLS, call_id_of, id_of, new_item
from openai_scan.events.responses.items import Agent, OutputItem
from openai_scan.values import Piece


class Output:
    """The items of a response, by everything that an event can name them by."""

    def __init__(self) -> None:
        self.items: list[GrowingItem] = []  # in order of arrival
        self._by_kind: dict[str, list[GrowingItem]] = {}
        # Those of a kind and an agent that have not ended.
        self._open: dict[tuple[str, str], dict[GrowingItem, None]] = {}
        self._by_place: dict[tuple[str, int], GrowingItem] = {}  # the latest
        self._places: set[int] = set()
        self._by_id: dict[tuple[str, str], GrowingItem] = {}
        self._by_call: dict[tuple[str, str], GrowingItem] = {}
        self._waiting: list[GrowingItem] = []  # the calls that have not been left
        self._last_word: list[GrowingItem] = []  # the output of the last whole response
        self.agents = Agents()

    # Which item an event is about.

    def of(self, kind: str, event: Any) -> GrowingItem:
        """Return the item that *event* adds to; a new one if there is none."""
        index = event.output_index
        id = getattr(event, "item_id", "")
        agent = event.agent
        if index is not None:
            found = self._by_place.get((kind, index))
            if found is not None and not found.is_from(agent):
                found = None
            if found is not None and (not id or id == found.id):
                return found
            named = self._by_id.get((kind, id)) if id else None
            if found is None:
                found = None if named is None or named.is_whole else named
            elif named is not None or not (found.is_whole and found.id):
                found = named or found  # a server that sends other ids with each event
            else:
                found = None
            return found or self._new(kind, with_agent(new_item(kind, id), agent), index)
        if id and (named := self._by_id.get((kind, id))) is not None:
            return named
        return self._unfinished(kind, id, agent) or self._new(
            kind, with_agent(new_item(kind, id), agent), None
        )

    def _unfinished(self, kind: str, id: str, agent: Agent | None) -> GrowingItem | None:
        """Return the item that an event with an unknown *id*, or "", and no index is about."""
        last = self.items[-1] if self.items else None
        is_like_it = last is not None and last.kind == kind and last.is_from(agent)
        if last is not None and is_like_it and not last.is_whole and not (id and last.id):
            return last
        unfinished = self._open.get((kind, name_of_agent(agent)), ())
        if len(unfinished) != 1:
            return None
        [found] = unfinished
        return found if found.is_announced and (id or found.call_id) else None

    def take(
        self, item: OutputItem, index: int | None, note: Note, *, is_whole: bool
    ) -> list[Piece]:
        """Take an item; return what is new."""
        found = self._find(item, index, note, is_whole=is_whole)
        if found is None:
            found = self._new(item.type, item, index)
        elif found.is_whole and not is_whole:
            return []
        return self._lay(found, item, note, is_whole=is_whole, is_over=True)

    def _lay(
        self, found: GrowingItem, item: OutputItem, note: Note, *, is_whole: bool, is_over: bool
    ) -> list[Piece]:
        kind, id, call_id = found.kind, id_of(item), call_id_of(item)
        said = []
        self._assign(found, item)
        if id:
            other = self._by_id.get((kind, id))
            if other is not None and other is not found and call_id and not other.call_id:
                said += found.absorb(other, note)
                self._open_like(other).pop(other, None)
            self._by_id[kind, id] = found
        if call_id:
            first = self._by_call.setdefault((kind, call_id), found)
            found.is_repeated = first is not found
            if found.is_repeated and is_whole and not first.is_like(item):
                note("call_id_reused")
        if is_whole:
            self._open_like(found).pop(found, None)
            said += found.finish(item, note, is_over=is_over)
        else:
            said += found.begin(item, note)
        return found.pieces(said)

    def _find(
        self, item: OutputItem, index: int | None, note: Note, *, is_whole: bool
    ) -> GrowingItem | None:
        """Return the item that *item* is, or None if it is a new one."""
        kind, id, call_id = item.type, id_of(item), call_id_of(item)
        called = self._by_call.get((kind, call_id)) if call_id else None
        named = self._by_id.get((kind, id)) if id else None
        if index is not None:
            found = self._at(item, index, called, named, is_whole=is_whole)
            if found is None and index in self._places:
                note("item_index_reused")
            return found
        if called is not None:
            return called
        if named is not None and not (call_id and named.call_id):
            return named
        found = self._unfinished(kind, id, agent_of(item))
        if found is None or (call_id and found.call_id) or (found.is_announced and not is_whole):
            return None
        # A server may send an end with another id than the announcement had.
        is_end = is_whole and not found.is_announced_whole and found.agrees(item)
        return None if id and found.id and not is_end else found

    def _at(
        self,
        item: OutputItem,
        index: int,
        called: GrowingItem | None,
        named: GrowingItem | None,
        *,
        is_whole: bool,
    ) -> GrowingItem | None:
        """Return the item that *item* at *index* is, or None if it is a new one.

        Args:
            item: The item.
            index: Its `output_index`.
            called: The item with its `call_id`.
            named: The item with its id.
            is_whole: Whether it has ended.
        """
        id, call_id = id_of(item), call_id_of(item)
        found = self._by_place.get((item.type, index))
        if found is not None and _is_same(found, id, call_id):
            is_known = found in (called, named)
            if is_known or not found.is_whole or (is_whole and found.agrees(item)):
                return found
        is_end = is_whole and called is not None and not called.is_whole
        if called is not None and (found is not None or is_end or called is named):
            return called
        if (
            named is not None
            and _is_same(named, id, call_id)
            and (not named.is_whole or (is_whole and named.agrees(item)))
        ):
            return named
        return found if is_whole and found is not None and not found.is_whole else None

    def _new(self, kind: str, item: OutputItem, index: int | None) -> GrowingItem:
        place = len(self.items) if index is None else index
        made = GrowingItem(place, item, kind)
        self._assign(made, item)
        self.items.append(made)
        self._by_kind.setdefault(kind, []).append(made)
        self._open_like(made)[made] = None
        if kind in CALLS:
            self._waiting.append(made)
        if index is not None:
            self._by_place[kind, index] = made
            self._places.add(index)
        if id := made.id:
            self._by_id[kind, id] = made
        return made

    def _assign(self, found: GrowingItem, item: OutputItem) -> None:
        """Note which agent an item is from, if it says so."""
        agent = agent_of(item)
        if agent is not None and agent != found.agent:
            was_open = found in self._open_like(found)
            self._open_like(found).pop(found, None)
            found.agent = agent
            found.is_aside = self.agents.is_aside(agent)
            if was_open:
                self._open_like(found)[found] = None

    def _open_like(self, item: GrowingItem) -> dict[GrowingItem, None]:
        """Return those of the kind and the agent of *item* that have not ended."""
        return self._open.setdefault((item.kind, name_of_agent(item.agent)), {})

    # A response with its output.

    def take_all(
        self, output: Sequence[OutputItem], note: Note, *, is_final: bool, is_over: bool
    ) -> list[Piece]:
        """Take the items of a response; return what is new.

        Args:
            output: The items.
            note: Counts what differs.
            is_final: Whether they are whole.
            is_over: Whether they are finished unless their status says otherwise.
        """
        matched: dict[int, GrowingItem] = {}  # by their place in *output*
        taken: set[GrowingItem] = set()
        for place, item in enumerate(output):
            kind, id, call_id = item.type, id_of(item), call_id_of(item)
            found = self._by_call.get((kind, call_id)) if call_id else None
            if found is None:
                found = self._by_id.get((kind, id)) if id else None
            if found is not None and found not in taken:
                taken.add(found)
                matched[place] = found
        pieces: list[Piece] = []
        word: list[GrowingItem] = []
        passed: dict[str, int] = {}
        for place, item in enumerate(output):
            found = matched.get(place) or self._next(item, place, taken, passed, is_final=is_final)
            if found is None:
                found = self._new(item.type, item, place)
            taken.add(found)
            word.append(found)
            if is_final or not found.is_whole:
                pieces += self._lay(found, item, note, is_whole=is_final, is_over=is_over)
        if is_final and word:
            self._last_word = word
        return pieces

    def _next(
        self,
        item: OutputItem,
        place: int,
        taken: set[GrowingItem],
        passed: dict[str, int],
        *,
        is_final: bool,
    ) -> GrowingItem | None:
        """Return the item at *place*, or else the next one of its kind that is not *taken*.

        Args:
            item: An item that no id tells.
            place: Its place in the output.
            taken: The items that others in the output are.
            passed: How many items of each kind are known to be taken.
            is_final: Whether *item* is whole.
        """
        kind, id, call_id = item.type, id_of(item), call_id_of(item)
        found = self._by_place.get((kind, place))
        if found is None or found in taken or found.is_absorbed:
            listed = self._by_kind.get(kind, [])
            number = passed.get(kind, 0)
            while number < len(listed) and (listed[number] in taken or listed[number].is_absorbed):
                number += 1
            passed[kind] = number
            if number == len(listed):
                return None
            found = listed[number]
        if call_id and found.call_id:
            return None
        return found if not (id and found.id) or (is_final and found.agrees(item)) else None

    def leave(self) -> list[Piece]:
        """Return the pieces that waited for another event, since there will be none."""
        waiting, self._waiting = self._waiting, []
        return [piece for item in waiting if not item.is_absorbed for piece in item.leave()]

    def in_order(self) -> list[GrowingItem]:
        """Return the items in the order of the output."""
        arrived = sorted(
            (item for item in self.items if not item.is_absorbed), key=lambda item: item.place
        )
        if not self._last_word:
            return arrived
        known = set(self._last_word)
        followers: dict[GrowingItem | None, list[GrowingItem]] = {}
        before = None
        for item in arrived:
            if item in known:
                before = item
            elif item.has_something:
                followers.setdefault(before, []).append(item)
        order = followers.get(None, [])
        for item in self._last_word:
            order += [item, *followers.get(item, ())]
        return order


def _is_same(found: GrowingItem, id: str, call_id: str) -> bool:
    """Return whether nothing says that an item with *id* and *call_id* is another than *found*."""
    if call_id and found.call_id:
        return call_id == found.call_id
    return not (id and found.id) or id == found.id
