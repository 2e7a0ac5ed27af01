"""What a stream can be asked about its current event, and what it says when asked too late."""

from __future__ import annotations

import json
from typing import Any

import pytest
from drivers import DRIVERS

from openai_scan import Observer, Outcome, ScanError, StreamerV2, TruncatedStreamError
from openai_scan.observer import Watched


@pytest.fixture(autouse=True, params=DRIVERS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with both drivers."""
    monkeypatch.setitem(globals(), "StreamerV2", DRIVERS[request.param])


def stream_of(*deltas: dict[str, Any]) -> StreamerV2:
    """Return a stream that breaks off after events of one delta each, of choice 0."""
    payloads = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return StreamerV2([b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads])


def test_an_event_is_asked_for_only_after_a_step_to_one() -> None:
    """The message says what to call before."""
    s = stream_of({"content": "a"})
    message = "there is no event: call event() only after next() returns True"
    with pytest.raises(RuntimeError) as early:
        s.event()
    assert s.next()
    s.event()
    assert not s.next()
    with pytest.raises(RuntimeError) as late:
        s.event()
    assert str(early.value) == str(late.value) == message


def test_it_is_too_late_to_observe_a_stream_that_has_ended() -> None:
    """The message says when to call it instead."""
    s = stream_of({"content": "a"})
    assert s.next()
    s.observe(Observer())
    assert not s.next()
    advice = "^the stream has ended: call observe\\(\\) before its end$"
    with pytest.raises(RuntimeError, match=advice):
        s.observe(Observer())


@pytest.mark.parametrize(
    ("field", "ask"),
    [
        ("content", StreamerV2.text),
        ("reasoning_content", StreamerV2.reasoning_text),
        ("refusal", StreamerV2.refusal),
    ],
    ids=["text", "reasoning", "refusal"],
)
def test_half_a_character_is_text_that_adds_nothing_yet(field: str, ask: Any) -> None:
    """The answer is empty, and not None: the event has text. Other choices have none."""
    s = stream_of({field: "a"}, {field: "\ud83d"}, {field: "\ude00"}, {"role": "assistant"})
    answers = []
    while s.next():
        answers.append((getattr(s, ask.__name__)(), getattr(s, ask.__name__)(1)))
    assert answers == [("a", None), ("", None), ("\U0001f600", None), (None, None)]


def test_plain_text_is_that_of_choice_0() -> None:
    """Not of any other, even once events that only add text take the short way."""
    s = stream_of(*({"content": letter} for letter in "abcdef"))
    texts = []
    while s.next():
        texts.append((s.text(), s.text(0), s.text(1)))
    assert texts == [(letter, letter, None) for letter in "abcdef"]


def test_calls_are_those_of_one_choice() -> None:
    """Choice 0, if none is named."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    s = stream_of({"tool_calls": [call]})
    assert s.next()
    calls = s.tool_calls()
    assert calls is not None
    assert [each.id for each in calls] == ["c"]
    assert s.tool_calls(0) == calls
    assert s.tool_calls(1) is None


def test_without_an_event_there_are_no_pieces() -> None:
    """Neither before the first event nor after the last."""
    s = stream_of({"content": "a"})
    assert s.pieces() == ()
    assert s.next()
    assert [piece.text for piece in s.pieces()] == ["a"]
    assert not s.next()
    assert s.pieces() == ()


def test_after_the_end_nothing_is_added_again() -> None:
    """What the last event added belongs to that event."""
    s = stream_of({"reasoning_content": "Hm"})
    assert s.next()
    assert s.reasoning_text() == "Hm"
    assert not s.next()
    assert s.reasoning_text() is None


def test_who_observes_later_is_told_at_once_that_the_answer_has_begun() -> None:
    """It gets the stream that it observes."""
    began = []

    class Late(Observer):
        def began(self, stream: Watched) -> None:
            began.append((stream.events_read, stream.text()))

    s = stream_of({"content": "a"})
    assert s.next()
    s.observe(Late())
    assert began == [(1, "a")]


def test_an_observer_is_told_of_each_answer_of_a_chain() -> None:
    """Whether it comes from another source or from the same one."""
    began = []

    class Counting(Observer):
        def began(self, stream: Watched) -> None:
            began.append(stream.events_read)

    done = b"data: [DONE]\n\n"
    s = StreamerV2([done, done])
    left: list[Any] = [[done], s]
    s.observe(Counting())
    s.chain_from(lambda _, outcome: left.pop() if left else outcome)
    while s.next():
        pass
    assert (began, s.events_read) == ([0, 1, 2], 3)


def test_an_observer_is_told_of_the_end_that_close_makes() -> None:
    """It gets the stream; if it raises, the stream is closed nevertheless."""
    ended = []

    class Failing(Observer):
        def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
            ended.append((stream.events_read, outcome, error))
            raise LookupError("mine")

    s = stream_of({"content": "a"}, {"content": "b"})
    s.observe(Failing())
    assert s.next()
    with pytest.raises(LookupError, match="mine"):
        s.close()
    assert ended == [(1, "cancelled", None)]
    assert s.outcome == "cancelled"
    s.close()
    assert not s.next()
    assert len(ended) == 1


def test_a_read_with_a_size_returns_all_text_before_the_error() -> None:
    """A read without one raises the error at once, and then returns the text."""
    s = stream_of({"content": "ab"})
    assert s.read(5) == b"ab"
    with pytest.raises(TruncatedStreamError):
        s.read(5)
    s = stream_of({"content": "\ud83d"})  # the end completes the text
    assert s.read(5) == "\ufffd".encode()
    with pytest.raises(TruncatedStreamError):
        s.read(5)
    s = stream_of({"content": "ab"})
    with pytest.raises(TruncatedStreamError):
        s.read()
    assert s.read() == b"ab"
