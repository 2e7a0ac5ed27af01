"""The numbers of an answer's events: where a stream is, and what may come next."""

from __future__ import annotations

import pytest

from openai_scan import EventStreamError, UnknownEvent
from openai_scan.events import Event
from openai_scan.sse import RawEvent
from openai_scan.stream.continuity import Continuity, EventIds

RAW = RawEvent("message", "{}")


class Numbered(Event):
    """An event with a number, and perhaps the id of its answer."""

    def __init__(self, number: int | None, answer_id: str | None = None) -> None:
        super().__init__(raw=RAW)
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "answer_id", answer_id)

    def stream_position(self) -> int | None:
        """Return the number that the test asked for."""
        return self.number  # type: ignore[attr-defined, no-any-return] # set in __init__

    def stream_answer_id(self) -> str | None:
        """Return the id that the test asked for."""
        return self.answer_id  # type: ignore[attr-defined, no-any-return] # likewise


def resumed(position: int) -> Continuity:
    """Return the continuity of an answer `a` that is resumed after *position*."""
    continuity = Continuity()
    continuity.resume("a", position)
    return continuity


@pytest.mark.parametrize(
    ("numbers", "position"),
    [
        ([], None),
        ([None], None),
        ([0], 0),
        ([0, 1, 2], 2),
        ([3, None], 3),
        ([None, 3], 3),
        ([5, 2], 5),
        ([5, 5], 5),
        ([-1, 0], 0),
    ],
)
def test_the_position_is_the_highest_number(
    numbers: list[int | None], position: int | None
) -> None:
    """Events without a number, and servers that count backwards, do not lower it."""
    continuity = Continuity()
    for number in numbers:
        continuity.take(Numbered(number))
    assert continuity.position == position


def test_an_unknown_event_may_have_a_number() -> None:
    """It is in its payload, where text is not a number."""
    event = UnknownEvent({"sequence_number": 4}, raw=RAW)
    continuity = Continuity()
    continuity.take(UnknownEvent({"sequence_number": "4"}, raw=RAW))
    assert continuity.position is None
    continuity.take(event)
    assert continuity.position == 4


def test_an_answer_that_was_not_resumed_has_no_id() -> None:
    """All its events are new."""
    continuity = Continuity()
    assert continuity.answer_id is None
    assert [continuity.is_new(Numbered(number), "a") for number in (7, None, 3)] == [True] * 3
    assert resumed(3).answer_id == "a"


def test_events_up_to_the_position_have_come_before() -> None:
    """The one after it is new, and from then on all are."""
    continuity = resumed(3)
    assert [continuity.is_new(Numbered(number), "a") for number in (0, 3, 2, 4)] == [
        False,
        False,
        False,
        True,
    ]
    assert [continuity.is_new(Numbered(number), "a") for number in (4, 3, 9)] == [True] * 3


def test_an_event_without_a_number_is_new_and_proves_nothing() -> None:
    """The next number must still be the one after the position."""
    continuity = resumed(3)
    assert continuity.is_new(Numbered(None), "a")
    assert not continuity.is_new(Numbered(3), "a")
    with pytest.raises(EventStreamError):
        continuity.is_new(Numbered(5), "a")


def test_a_gap_is_an_error() -> None:
    """Events between the position and the first new one were lost."""
    with pytest.raises(EventStreamError) as caught:
        resumed(3).is_new(Numbered(5), "a")
    assert str(caught.value) == ("events were lost between 3 and 5, where the stream was resumed")


@pytest.mark.parametrize("number", [None, 2, 4])
def test_an_event_of_another_answer_is_an_error(number: int | None) -> None:
    """Whatever its number; events with the id of the answer, or with none, are fine."""
    continuity = resumed(3)
    for _ in range(2):  # also after the first new event
        with pytest.raises(EventStreamError) as caught:
            continuity.is_new(Numbered(number, "b"), "a")
        assert str(caught.value) == "the resumed stream contains events of another answer"
        assert continuity.is_new(Numbered(4, "a"), "a")


def test_an_answer_may_be_resumed_again() -> None:
    """The second time from another position."""
    continuity = resumed(3)
    assert continuity.is_new(Numbered(4), "a")
    continuity.resume("a", 4)
    assert not continuity.is_new(Numbered(4), "a")
    assert continuity.is_new(Numbered(5), "a")


class Named(Event):
    """An event with an id."""

    def __init__(self, id: str | None) -> None:
        super().__init__(raw=RAW)
        object.__setattr__(self, "id", id)

    def stream_event_id(self) -> str | None:
        """Return the id that the test asked for."""
        return self.id  # type: ignore[attr-defined, no-any-return] # set in __init__


class TestIds:
    """Events that are sent again under the same id."""

    def test_event_is_new_once(self) -> None:
        """Other ids, and events without an id, are always new."""
        ids = EventIds()
        assert [ids.is_new(Named(id)) for id in ("a", "b", "a", None, None)] == [
            *(True, True, False, True, True),
        ]
        assert ids.last == "b"

    def test_only_the_last_ones_are_kept(self) -> None:
        """A stream may be endless."""
        ids = EventIds()
        names = [str(number) for number in range(1025)]
        assert all(ids.is_new(Named(name)) for name in names)
        assert ids.is_new(Named("0"))
        assert not ids.is_new(Named("2"))
        assert ids.last == "0"
