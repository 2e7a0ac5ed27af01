"""Observers: each is notified of every beginning and of its end, and of nothing twice."""

from __future__ import annotations

import pytest
from machines import READER, Diary, Reader

from openai_scan import Event, Observer, TransportError
from openai_scan.observer import Observers
from openai_scan.stream.machine import NO_EVENT

ERROR = TransportError("reset")


def test_all_observers_are_notified_in_turn() -> None:
    """Observers are notified in the order in which they were added."""
    told: list[tuple[str, str, Reader]] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def began(self, stream: Reader) -> None:  # type: ignore[override] # no other stream is used
            told.append((self.name, "began", stream))

        def renewed(self, stream: Reader, error: Exception) -> None:  # type: ignore[override] # likewise
            told.append((self.name, str(error), stream))

        def ended(self, stream: Reader, outcome: str, error: Exception | None) -> None:  # type: ignore[override] # likewise
            told.append((self.name, f"{outcome}: {error}", stream))

    observers = Observers()
    observers.add(Named("a"), READER)
    observers.add(Named("b"), READER)
    observers.began(READER)
    observers.renewed(READER, ERROR)
    observers.ended(READER, "failed", ERROR)
    words = ["began", "reset", "failed: reset"]
    assert told == [(name, word, READER) for word in words for name in "ab"]


def test_an_end_is_reported_once_for_each_beginning() -> None:
    """No observer is notified of an end without a beginning."""
    observers = Observers()
    observers.add(diary := Diary(), READER)
    observers.ended(READER, "cancelled", None)
    assert diary.lines == []
    for _ in range(2):
        observers.began(READER)
        observers.ended(READER, "completed", None)
        observers.ended(READER, "failed", ERROR)
    assert diary.lines == ["began", "completed"] * 2


def test_an_observer_that_comes_late_is_notified_of_an_answer_under_way() -> None:
    """It is not notified of an answer that has ended."""
    observers = Observers()
    observers.add(early := Diary(), READER)
    observers.began(READER)
    observers.add(late := Diary(), READER)
    assert (early.lines, late.lines) == (["began"], ["began"])
    observers.ended(READER, "completed", None)
    observers.add(later := Diary(), READER)
    assert later.lines == []
    assert observers.all == (early, late, later)


def test_an_observer_that_raises_at_the_end_is_not_told_again() -> None:
    """Its error reaches the caller once; it is not notified of a second end."""
    told = []

    class Broken(Observer):
        def ended(self, *_: object) -> None:
            told.append("broken")
            raise ZeroDivisionError

    observers = Observers()
    observers.add(Broken(), READER)
    observers.began(READER)
    with pytest.raises(ZeroDivisionError):
        observers.ended(READER, "completed", None)
    observers.ended(READER, "completed", None)
    assert told == ["broken"]


def test_an_observer_need_not_listen() -> None:
    """Each method does nothing until it is overridden."""
    deaf = Observer()
    observers = Observers()
    observers.add(deaf, READER)
    observers.began(READER)
    deaf.event(READER, Event(raw=NO_EVENT.raw))
    observers.renewed(READER, ERROR)
    observers.ended(READER, "failed", ERROR)
    assert observers.all == (deaf,)
