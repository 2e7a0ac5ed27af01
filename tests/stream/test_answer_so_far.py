"""The answer so far: what the events have built up, and the short way for text."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from openai_scan import ChatCompletionChunk, DoneEvent, ThreadMessageDelta
from openai_scan.events import Event, decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent
from openai_scan.stream.answer_so_far import AnswerSoFar
from openai_scan.stream.continuity import Continuity, EventIds


def chunk(text: str, **more: Any) -> RawEvent:
    """Return the raw event of a chat chunk."""
    piece = {"index": 0, "delta": {"content": text}, **more}
    return RawEvent("message", json.dumps({"object": "chat.completion.chunk", "choices": [piece]}))


def message_delta(text: str) -> RawEvent:
    """Return the raw event of an Assistants message delta."""
    part = {"index": 0, "type": "text", "text": {"value": text}}
    payload = {"id": "msg_1", "delta": {"content": [part]}}
    return RawEvent("thread.message.delta", json.dumps(payload))


PING = decode(RawEvent("ping", "{}"))


class Taker:
    """An answer, and what decodes its events."""

    def __init__(self) -> None:
        self.answer = AnswerSoFar()
        self.notes: Counter[str] = Counter()
        self.structure = Structurer(notes=self.notes)

    def take(self, *raws: RawEvent) -> Event:
        """Take events, as the machine does; return the last of them."""
        for raw in raws:
            event = decode(raw, self.structure)
            self.answer.take(event, self.structure.note)
            repeat = self.structure.repeats.last
            if repeat is not None and repeat.adds_text:
                self.answer.expect_text(event, repeat, EventIds(), Continuity())
        return event

    @property
    def text(self) -> str:
        """The text so far."""
        answer = self.answer.value()
        assert answer is not None
        return answer.text


def test_there_is_no_answer_before_its_first_event() -> None:
    """An event that belongs to no family begins no answer."""
    answer = AnswerSoFar()
    assert (answer.value(), answer.resumable_id(), answer.again) == (None, None, None)
    answer.end_of_stream()
    answer.take(PING, Counter[str]().update)
    assert answer.value() is None
    assert answer.partial(is_over=False) is None
    assert answer.partial(is_over=True) is None


def test_events_build_up_an_answer() -> None:
    """Its value can be asked for at any time, and does not change."""
    taker = Taker()
    taker.take(chunk("a"))
    first = taker.answer.value()
    taker.take(chunk("b"))
    assert first is not None
    assert (first.text, taker.text) == ("a", "ab")


def test_what_had_to_be_repaired_is_noted() -> None:
    """By the function that is passed with the event."""
    taker = Taker()
    call = {"function": {"name": "f", "arguments": "{}"}}
    taker.take(chunk("", delta={"tool_calls": [call]}))
    assert taker.notes == {"tool_call_without_id": 1, "tool_call_without_index": 1}


def test_the_short_way_opens_with_a_repetition_of_text() -> None:
    """Two events show what repeats; after the third the next one need not be decoded."""
    taker = Taker()
    ways = []
    for text in "abc":
        taker.take(chunk(text))
        ways.append(taker.answer.again is not None)
    assert ways == [False, False, True]
    assert taker.answer.again is not None
    made = taker.answer.again(chunk("d"))
    assert made is not None
    assert isinstance(made[0], ChatCompletionChunk)
    assert made[0].unwrap_text() == made[1] == "d"
    assert taker.text == "abc"
    taker.answer.append("d")
    assert taker.text == "abcd"
    assert taker.answer.again(RawEvent("message", "[DONE]")) is None


@pytest.mark.parametrize(
    "more", [{"logprobs": {"content": []}}, {"delta": {"reasoning_content": "x"}}]
)
def test_the_short_way_is_not_for_more_than_text(more: dict[str, Any]) -> None:
    """On the short way, anything else in an event would be lost."""
    taker = Taker()
    taker.take(*(chunk(text, **more) for text in "abcd"))
    assert taker.answer.again is None


def test_the_short_way_needs_an_answer() -> None:
    """It does not open before the answer has taken an event."""
    structure = Structurer()
    events = [decode(chunk(text), structure) for text in "abc"]
    repeat = structure.repeats.last
    assert repeat is not None
    assert repeat.adds_text
    answer = AnswerSoFar()
    answer.expect_text(events[-1], repeat, EventIds(), Continuity())
    assert answer.again is None


def test_the_next_stream_has_an_answer_of_its_own() -> None:
    """It begins with the first event; until then the last answer stays."""
    taker = Taker()
    taker.take(chunk("a"))
    taker.answer.end_of_stream()
    assert taker.text == "a"
    taker.answer.take(PING, Counter[str]().update)
    assert taker.text == "a"
    taker.take(chunk("b"))
    assert taker.text == "b"


def test_the_answer_of_assistants_spans_streams() -> None:
    """The tool outputs are another stream of the same run."""
    taker = Taker()
    assert isinstance(taker.take(message_delta("a")), ThreadMessageDelta)
    taker.answer.end_of_stream()
    taker.take(message_delta("b"))
    assert taker.text == "ab"


def test_only_a_response_in_the_background_can_be_resumed() -> None:
    """The server can be asked for it by its id."""
    for background, expected in ((True, "resp_1"), (False, None), (None, None)):
        taker = Taker()
        body = {"id": "resp_1", "background": background}
        taker.take(RawEvent("response.created", json.dumps({"response": body})))
        assert taker.answer.resumable_id() == expected
    taker = Taker()
    taker.take(chunk("a"))
    assert taker.answer.resumable_id() is None


# The answer as JSON.


def test_nothing_is_parsed_until_it_is_asked_for() -> None:
    """When it is asked for, all the text so far is parsed."""
    taker = Taker()
    taker.take(chunk('{"a"'), chunk(": 1"))
    assert taker.answer.json is None
    assert taker.answer.partial(is_over=False) == {}
    taker.take(chunk(", "))
    assert taker.answer.partial(is_over=False) == {"a": 1}


def test_events_without_text_change_nothing() -> None:
    """A `[DONE]`, say."""
    taker = Taker()
    taker.take(chunk('["a'))
    assert taker.answer.partial(is_over=False) == ["a"]
    assert isinstance(taker.take(RawEvent("message", "[DONE]")), DoneEvent)
    assert taker.answer.partial(is_over=True) == ["a"]


def test_a_number_is_there_when_the_answer_is_over() -> None:
    """Before that it might get more digits."""
    taker = Taker()
    taker.take(chunk("4"))
    assert taker.answer.partial(is_over=False) is None
    taker.take(chunk("2"))
    assert taker.answer.partial(is_over=True) == 42


def test_another_answer_is_parsed_for_itself() -> None:
    """The next answer is parsed from its own beginning."""
    taker = Taker()
    taker.take(chunk("[1, "))
    assert taker.answer.partial(is_over=False) == [1]
    taker.answer.end_of_stream()
    taker.take(chunk('{"a": '), chunk("2}"))
    assert taker.answer.partial(is_over=False) == {"a": 2}
