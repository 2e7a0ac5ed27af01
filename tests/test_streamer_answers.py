"""The streamer: what comes after a stream, and answers that are JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from drivers import DRIVERS

from openai_scan import (
    DecodeError,
    Outcome,
    StreamerV2,
    TransportError,
    TruncatedStreamError,
    UnknownAnnotation,
)


@pytest.fixture(autouse=True, params=DRIVERS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with both drivers."""
    monkeypatch.setitem(globals(), "StreamerV2", DRIVERS[request.param])


def chat(*pieces: str, finish: str | None = "stop") -> list[bytes]:
    """Return a chat stream that says *pieces*."""
    choices: list[dict[str, Any]] = [{"index": 0, "delta": {"content": piece}} for piece in pieces]
    if finish is not None:
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    payloads = [{"object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    done = [b"data: [DONE]\n\n"] if finish is not None else []
    return [b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads] + done


class TestChainFrom:
    """A successor says what comes next when the chain would end."""

    def test_it_is_asked_at_each_end(self) -> None:
        """It gets the stream that has ended, and what it returns continues in the same loop."""
        seen = []
        left = [chat("c"), StreamerV2(chat("b"))]

        def successor(streamer: StreamerV2, outcome: Outcome) -> Any:
            seen.append((streamer.final().text, outcome))
            return left.pop() if left else outcome

        with StreamerV2(chat("a")) as s:
            s.chain_from(successor)
            assert list(s.text_deltas()) == ["a", "b", "c"]
            assert s.outcome == "completed"
        assert seen == [("a", "completed"), ("b", "completed"), ("c", "completed")]

    def test_it_comes_after_what_was_chained(self) -> None:
        """The successor is asked only when the chained streams have ended."""
        ends = []

        def successor(streamer: StreamerV2, outcome: Outcome) -> Outcome:
            ends.append(streamer.final().text)
            return outcome

        s = StreamerV2(chat("a"))
        s.chain_from(successor)
        s.chain(chat("b"))
        assert s.read() == b"ab"
        assert ends == ["b"]

    def test_it_may_say_how_the_chain_has_ended(self) -> None:
        """It can return another outcome than that of the stream."""
        s = StreamerV2(chat("a"))
        s.chain_from(lambda *_: "requires_action")
        assert s.read() == b"a"
        assert (s.outcome, s.err()) == ("requires_action", None)

    def test_it_is_not_asked_after_an_error(self) -> None:
        """There is nothing to continue from."""
        s = StreamerV2(chat("a", finish=None))
        s.chain_from(lambda *_: pytest.fail("it was asked"))
        assert s.next()
        assert not s.next()
        assert isinstance(s.err(), TruncatedStreamError)

    def test_it_is_not_asked_by_close(self) -> None:
        """close() does not ask the successor, even after a complete answer."""
        s = StreamerV2(chat("a"))
        s.chain_from(lambda *_: pytest.fail("it was asked"))
        for _ in chat("a"):
            assert s.next()
        s.close()
        assert not s.next()
        assert s.outcome == "completed"

    @pytest.mark.parametrize(
        ("successor", "error"),
        [(lambda *_: 1 / 0, ZeroDivisionError), (lambda *_: b"bytes", TypeError)],
    )
    def test_what_it_raises_ends_the_stream(
        self, successor: Callable[..., Any], error: type[Exception]
    ) -> None:
        """next() raises it once, and the outcome is what it would be without the successor."""
        s = StreamerV2(chat("a"))
        s.chain_from(successor)
        for _ in chat("a"):
            assert s.next()
        with pytest.raises(error):
            s.next()
        assert not s.next()
        assert (s.outcome, s.err()) == ("completed", None)

    def test_it_comes_before_the_end(self) -> None:
        """After the end, chain_from() raises a RuntimeError."""
        s = StreamerV2(chat("a"))
        s.read()
        with pytest.raises(RuntimeError) as caught:
            s.chain_from(lambda _, outcome: outcome)
        assert str(caught.value) == ("the stream has ended: call chain_from() before its end")


@attrs.frozen
class City:
    """A city."""

    name: str
    people: int = 0


class TestFinalAs:
    """An answer that is JSON becomes an object."""

    def test_the_answer_becomes_an_object(self) -> None:
        """`final_as()` returns the whole answer as an object."""
        s = StreamerV2(chat('{"name": "Rome", ', '"people": null}'))
        s.read()
        assert s.final_as(City) == City(name="Rome")

    @pytest.mark.parametrize(
        ("text", "finish", "message"),
        [
            ('{"name": 1}', "stop", "invalid value for type, expected str @ $.name"),
            (
                '{"name": "Rome", "people": "many"}',
                "stop",
                "invalid value for type, expected int @ $.people",
            ),
            (
                '{"name": "Ro',
                "length",
                (
                    "the answer is not JSON (outcome: incomplete): Unterminated string starting at:"
                    " line 1 column 10 (char 9)"
                ),
            ),
            (
                "",
                "stop",
                (
                    "the answer is not JSON (outcome: completed): Expecting value:"
                    " line 1 column 1 (char 0)"
                ),
            ),
        ],
    )
    def test_what_does_not_fit_is_a_decode_error(
        self, text: str, finish: str, message: str
    ) -> None:
        """The error says where the answer does not fit, and has the answer as its snapshot."""
        s = StreamerV2(chat(text, finish=finish))
        s.read()
        with pytest.raises(DecodeError) as caught:
            s.final_as(City)
        assert str(caught.value) == message
        assert caught.value.__cause__ is not None
        assert caught.value.snapshot is not None
        assert caught.value.snapshot.text == text

    def test_an_answer_that_is_not_whole_is_refused(self) -> None:
        """`final_as()` raises the error of the stream, as `final()` does."""
        s = StreamerV2(chat('{"name": "Rome"}', finish=None))
        assert s.next()
        assert not s.next()
        with pytest.raises(TruncatedStreamError):
            s.final_as(City)


class TestPartial:
    """An answer that is JSON is a value from its first character on."""

    def test_it_grows_with_the_text(self) -> None:
        """Other events do not change it."""
        seen = []
        with StreamerV2(chat('{"name": "Ro', 'me", "people": 28', "00}")) as s:
            assert s.partial() is None
            while s.next():
                seen.append(dict(s.partial()))
        assert seen == [
            {"name": "Ro"},
            {"name": "Rome"},
            {"name": "Rome", "people": 2800},
            {"name": "Rome", "people": 2800},
            {"name": "Rome", "people": 2800},
        ]

    def test_it_can_be_asked_for_before_there_is_anything(self) -> None:
        """It is None before the answer begins, and the value later."""
        with StreamerV2(chat("4", "2")) as s:
            assert s.partial() is None
            s.read()
            assert s.partial() == 42

    def test_it_can_be_asked_for_at_the_end_only(self) -> None:
        """A number is complete only at the end of the answer."""
        with StreamerV2(chat("4", "2")) as s:
            while s.next():
                pass
            assert s.partial() == 42

    def test_a_chained_stream_has_its_own(self) -> None:
        """The value of a chained stream replaces that of the stream before."""
        with StreamerV2(chat('{"a": 1}')) as s:
            s.chain(chat('{"b": 2}'))
            s.read()
            assert s.partial() == {"b": 2}

    def test_it_stays_after_an_error(self) -> None:
        """After an error, the value is what has come until then."""

        def broken() -> Any:
            yield chat('{"a": "b', finish=None)[0]
            raise OSError

        s = StreamerV2(broken())
        assert s.next()
        assert not s.next()
        assert isinstance(s.err(), TransportError)
        assert s.partial() == {"a": "b"}


class TestChoices:
    """You can ask for one of several choices; the default is number 0."""

    def test_each_question_goes_to_the_choice_that_it_names(self) -> None:
        """Each unwrapper returns its choice's part of an event that has several."""

        def delta(name: str, sound: str) -> dict[str, Any]:
            return {
                "content": name,
                "refusal": f"{name} refuses",
                "reasoning_content": f"{name} thinks",
                "annotations": [{"of": name}],
                "audio": {"id": "a", "data": sound},
            }

        choices = [
            {"index": 0, "delta": delta("zero", "MDA="), "finish_reason": None},
            {"index": 1, "delta": delta("one", "MTE="), "finish_reason": "stop"},
        ]
        payload = {"object": "chat.completion.chunk", "choices": choices}
        s = StreamerV2([b"data: %b\n\n" % json.dumps(payload).encode()])
        assert s.next()
        questions = (
            *(s.text, s.refusal, s.reasoning_text),
            *(s.annotations, s.audio, s.finish_reason),
        )
        cited = [(UnknownAnnotation("", None, {"of": name}),) for name in ("zero", "one")]
        zero = ["zero", "zero refuses", "zero thinks", cited[0], b"00", None]
        one = ["one", "one refuses", "one thinks", cited[1], b"11", "stop"]
        assert [question() for question in questions] == zero
        assert [question(0) for question in questions] == zero
        assert [question(1) for question in questions] == one
        assert [question(choice=1) for question in questions] == one
