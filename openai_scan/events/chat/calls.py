"""The calls of one choice of a chat completion, put together from their pieces.

**Which call a piece belongs to.** Servers number their calls, name them, do both or neither, and
reuse numbers and ids. The index decides; only pieces without one are told apart by their id, and
those without either belong to the last call. A call always starts with the name of its function.
Every call gets an id of its own: one that the server has left out or used before is made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from openai_scan.events.base import Note
from openai_scan.events.chat.arguments import Arguments, is_object
from openai_scan.events.chat.objects import FunctionDelta, ToolCallDelta
from openai_scan.events.decoding.hooks import WholeJSON
from openai_scan.events.snapshot import Pieces
from openai_scan.values import Piece


class GrowingCall:
    """One call as far as it has arrived.

    Attributes:
        index: Its place among the calls.
        id: The id to answer it with.
        sent_id: The id that the server has sent first, or "".
        is_announced: Whether anything has been handed out of it.
        type: What the server calls its kind.
        name: The name of the function or tool.
    """

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.id = ""
        self.sent_id = ""
        self.is_announced = False
        self.type = "function"
        self.name = ""
        self.arguments = Arguments()
        self.input = Pieces()  # of a custom tool; any text

    @property
    def is_custom(self) -> bool:
        return self.type == "custom"

    @property
    def text(self) -> str:
        """The arguments or the input."""
        return str(self.input if self.is_custom else self.arguments)

    def take(self, piece: ToolCallDelta, note: Note, *, whole: bool) -> str:
        """Take a piece of the call, or the *whole* call, and return what is handed out of it."""
        if piece.type != "function":
            self.type = piece.type
        if piece.custom is not None:
            self.type = "custom"
        name, text = name_and_text(piece)
        self.name = self.name or name
        if not text:
            return ""
        if self.is_custom:
            if whole:
                return self.input.complete(text, note)
            self.input.add(text)
            return text
        arguments = self.arguments
        if isinstance(text, WholeJSON) and (not arguments.whole or arguments.fit(text)):
            whole = True
        return (arguments.complete if whole else arguments.add)(text, note)

    def fits(self, text: str) -> bool:
        """Return whether the whole arguments or the whole input may be *text*."""
        if self.is_custom:
            return self.input.missing(text) is not None
        return self.arguments.fit(text)

    def close(self) -> str:
        """Return what was held back, after the last piece."""
        return self.arguments.close() if self.name and not self.is_custom else ""

    def added(self, text: str, choice: int) -> Piece:
        """Return *text* as a piece of this call."""
        self.is_announced = True
        return Piece("call", choice, text, self.id, self.name)


class GrowingCalls:
    """The calls of one choice as far as they have arrived.

    Args:
        choice: The number of the choice.

    Attributes:
        placed: The calls that the pieces of the last event belong to, in the order of the pieces.
    """

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self.placed: list[GrowingCall] = []
        self._calls: list[GrowingCall] = []  # in order of arrival
        self._by_index: dict[int, GrowingCall] = {}  # the latest call of each index
        self._by_id: dict[str, list[GrowingCall]] = {}
        self._by_both: dict[tuple[int, str], GrowingCall] = {}
        self._ids: set[str] = set()  # of all calls
        self._made_up = 0  # the number of the last id that was made up
        self._open: dict[int, GrowingCall] = {}  # those that close() does not know yet

    def in_order(self) -> list[GrowingCall]:
        """Return the calls in the order of their places."""
        return sorted(self._calls, key=lambda call: call.index)

    def take(self, piece: ToolCallDelta, note: Note) -> Iterable[Piece]:
        """Take a piece of a call, and return what is handed out of it."""
        call = self._find(piece, note)
        return self._add(call, piece, note, whole=False)

    def take_whole(self, pieces: Iterable[ToolCallDelta], note: Note) -> Iterable[Piece]:
        """Take all calls of the choice, each of them whole, and return what is new."""
        found: list[Piece] = []
        seen: Counter[str] = Counter()  # how often each id has come in this list
        used: set[int] = set()
        for place, piece in enumerate(pieces):
            call = None
            if piece.id:
                same = self._by_id.get(piece.id, ())
                call = same[seen[piece.id]] if seen[piece.id] < len(same) else None
                seen[piece.id] += 1
            if call is None:
                call = self._at(place)
                if call is not None and (id(call) in used or not _may_be(call, piece)):
                    call = None
            found += self._add(call, piece, note, whole=True)
            used.add(id(call))
        return found

    def close(self) -> Iterable[Piece]:
        """Return what was held back of the calls, after the last piece."""
        texts = [(call, call.close()) for call in self._open.values()]
        self._open = {}
        return [
            call.added(text, self._choice) for call, text in texts if text or not call.is_announced
        ]

    def _add(
        self, call: GrowingCall | None, piece: ToolCallDelta, note: Note, *, whole: bool
    ) -> Iterable[Piece]:
        """Add *piece* to *call*, or to a new one if that is None."""
        if call is None:
            call = self._begin(piece, note)
        known = call.id, call.name
        if piece.id and not call.sent_id:
            self._identify(call, piece.id, note)
        if piece.index is not None and not whole:  # a whole list numbers its calls again
            self._by_index[piece.index] = call
            if piece.id:
                self._by_both[piece.index, piece.id] = call
        self._open[id(call)] = call
        self.placed.append(call)
        text = call.take(piece, note, whole=whole)
        # A call is announced once its id is known, or if its arguments do not wait for that.
        is_news = known != (call.id, call.name) or not call.is_announced
        if text or (is_news and call.sent_id):
            return (call.added(text, self._choice),)
        return ()

    def _begin(self, piece: ToolCallDelta, note: Note) -> GrowingCall:
        place = len(self._calls) if piece.index is None else piece.index
        call = GrowingCall(place)
        if not piece.id:
            note("tool_call_without_id")
            call.id = self._new_id()
        self._calls.append(call)
        return call

    def _identify(self, call: GrowingCall, sent: str, note: Note) -> None:
        """Give *call* the id that the server has *sent*, if no other call has it."""
        call.sent_id = sent
        self._by_id.setdefault(sent, []).append(call)
        if sent in self._ids:
            note("tool_call_id_reused")
            call.id = self._new_id()
        else:
            self._ids.add(sent)
            call.id = sent

    def _new_id(self) -> str:
        """Return an id that no call has. A call without one cannot be answered."""
        number = max(self._made_up, len(self._calls))
        while (made := f"call_{self._choice}_{number}") in self._ids:
            number += 1
        self._made_up = number
        self._ids.add(made)
        return made

    def _at(self, place: int) -> GrowingCall | None:
        """Return the call that a whole message has at *place*."""
        call = self._by_index.get(place)
        return self._calls[place] if call is None and place < len(self._calls) else call

    def _find(self, piece: ToolCallDelta, note: Note) -> GrowingCall | None:
        """Return the call that *piece* belongs to, or None if it starts a new one."""
        name, text = name_and_text(piece)
        same_id = self._by_id.get(piece.id or "", ())
        if piece.index is None:
            note("tool_call_without_index")
            if piece.id:
                last = same_id[-1] if same_id else None
                return None if last is None or _is_another(last, name, text) else last
            call = self._calls[-1] if self._calls else None
        else:
            call = self._by_index.get(piece.index)
            if call is None and same_id and not name:
                return same_id[-1]
        if call is None:
            return None
        renamed = bool(name and call.name and name != call.name)
        if not piece.id or not call.sent_id:
            # Several calls at one index, without ids. A new call has another name, or whole
            # arguments after arguments that were whole already.
            if renamed or (name and call.arguments.whole and is_object(text)):
                note("tool_call_index_reused")
                return None
            return call
        known = self._by_both.get((piece.index or 0, piece.id))
        if known is not None and not (name and known.name and name != known.name):
            return known
        # Some versions of vLLM make up a new id for each piece of a call, so the same call goes on
        # while its arguments are open. With all other servers a new id is a new call.
        if not renamed and call.arguments.is_open:
            note("tool_call_id_changed")
            return call
        note("tool_call_index_reused")
        return None


def name_and_text(piece: ToolCallDelta) -> tuple[str, str]:
    """Return the name in *piece*, and what it has of the arguments or the input; "" for neither."""
    if piece.custom is not None:
        return piece.custom.name or "", piece.custom.input or ""
    function = piece.function or FunctionDelta()
    return function.name or "", function.arguments or ""


def _is_another(call: GrowingCall, name: str, text: str) -> bool:
    """Return whether a piece with the id of *call*, and without index, starts another call."""
    if name and call.name and name != call.name:
        return True
    arguments = call.arguments
    return bool(
        name
        and arguments.whole
        and not arguments.is_empty
        and is_object(text)
        and not arguments.fit(text)
    )


def _may_be(call: GrowingCall, piece: ToolCallDelta) -> bool:
    """Return whether *call* may be the one that *piece*, at its place, has whole."""
    name, text = name_and_text(piece)
    if name and call.name and name != call.name:
        return False
    if not piece.id or not call.sent_id:
        return True
    # Else it is the same call under a new id, if it has the same arguments.
    return bool(name) and call.fits(text)
