"""Assistants, transcripts, speech and images: nothing is lost, and nothing is handed out twice."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from folding import calls, wire
from hypothesis import given
from hypothesis import strategies as st

from openai_scan import AssistantsAnswer, DoneEvent, ImagesAnswer, StreamerV2, UnknownToolCall
from openai_scan.events import decode
from openai_scan.events.assistants import ImageFile, ImageFilePart
from openai_scan.events.assistants.arguments import Arguments
from openai_scan.events.assistants.snapshot import AssistantsFold
from openai_scan.events.audio import SpeechUsage
from openai_scan.events.audio.snapshot import AudioFold
from openai_scan.events.images.snapshot import ImagesFold
from openai_scan.sse import RawEvent
from openai_scan.values import Counts, Piece


class Told:
    """What a stream of *payloads* hands out, and the answer that it leaves."""

    def __init__(self, *payloads: Any) -> None:
        self.texts: list[str] = []
        self.pieces: list[Piece] = []
        self.by_event: list[list[Piece]] = []
        self.stream = StreamerV2(wire(*payloads), require_terminal=False)
        while self.stream.next():
            assert (self.stream.text() or "") == self.joined("text", self.stream.pieces())
            self.texts.append(self.stream.text() or "")
            self.by_event.append(list(self.stream.pieces()))
            self.pieces += self.stream.pieces()
        self.answer: Any = self.stream.snapshot()
        self.notes = dict(self.stream.notes)

    @staticmethod
    def joined(kind: str, pieces: Any) -> str:
        """Return the text of the pieces of *kind*."""
        return "".join(piece.text for piece in pieces if piece.kind == kind)

    @property
    def text(self) -> str:
        """The text that was handed out, which is that of the answer."""
        text = self.joined("text", self.pieces)
        assert self.answer.text == text
        return text

    @property
    def calls(self) -> dict[str, tuple[str, str]]:
        """The name and the arguments that were handed out of each call."""
        found: dict[str, tuple[str, str]] = {}
        for piece in self.pieces:
            if piece.kind == "call":
                name, arguments = found.get(piece.call_id, ("", ""))
                assert name in ("", piece.name)
                found[piece.call_id] = (piece.name, arguments + piece.text)
        return found


# Messages.


def part(value: str | None, **more: Any) -> Any:
    """Return a text part."""
    return {"type": "text", "text": {"value": value, "annotations": []}, **more}


def refusal(text: str, **more: Any) -> Any:
    """Return a refusal."""
    return {"type": "refusal", "refusal": text, **more}


def message(name: str, *content: Any, id: str = "m", role: str = "assistant") -> Any:
    """Return an event with a message."""
    status = "in_progress" if name == "created" else name
    payload = {"id": id, "thread_id": "t", "role": role, "status": status}
    return (f"thread.message.{name}", {**payload, "content": list(content)})


def delta(*content: Any, id: str | None = "m", **more: Any) -> Any:
    """Return an event with pieces of a message."""
    named = {} if id is None else {"id": id}
    return ("thread.message.delta", {**named, "delta": {"content": list(content), **more}})


IMAGE = {"type": "image_file", "image_file": {"file_id": "f"}}


@pytest.mark.parametrize("name", ["created", "in_progress", "completed", "incomplete"])
def test_a_message_that_comes_only_as_a_whole_is_reported(name: str) -> None:
    """All its texts and refusals are, by the event that brings it."""
    told = Told(message(name, part("Hel"), part("lo"), refusal("No")))
    assert told.text == "Hello"
    assert told.texts == ["Hello"]
    assert told.pieces[-1] == Piece("refusal", text="No")
    assert told.notes == {}


def test_a_message_is_delivered_once_however_often_it_comes() -> None:
    """Every event has all of it."""
    whole = [part("Hello")]
    told = Told(
        message("created", *whole), message("in_progress", *whole), message("completed", *whole)
    )
    assert told.texts == ["Hello", "", ""]
    assert told.text == "Hello"


def test_what_is_missing_at_the_tail_comes_with_the_end() -> None:
    """The end hands out what each part of each message lacks."""
    told = Told(
        delta(part("Hel", index=0), part("W", index=1)),
        delta(part("Hi", index=0), id="n"),
        message("completed", part("Hello"), part("World"), part("!")),
        message("completed", part("Hi there"), id="n"),
    )
    assert told.texts == ["HelW", "Hi", "loorld!", " there"]
    assert told.answer.text == "HelloWorld!Hi there"
    assert told.notes == {}


@pytest.mark.parametrize(
    ("events", "texts"),
    [
        (["completed", "Hel", "lo"], ["Hello", "", ""]),
        (["created", "Hel", "lo", "completed"], ["Hello", "", "", ""]),
        (["Hel", "in_progress", "lo", "completed"], ["Hel", "lo", "", ""]),
        (["Hel", "completed", "l", "", "o", "!"], ["Hel", "lo", "", "", "", "!"]),
        (["Hel", "completed", "lo!"], ["Hel", "lo", "!"]),
        (["Hel", "completed", "?"], ["Hel", "lo", "?"]),
        (["He", "completed", "l", "", "p"], ["He", "llo", "", "", "lp"]),
        (
            ["He", "completed", "completed", "l", "in_progress", "l", "o!"],
            ["He", "llo", *[""] * 4, "!"],
        ),
    ],
)
def test_deltas_after_the_whole_tell_nothing_twice(events: list[str], texts: list[str]) -> None:
    """They repeat text from where earlier deltas had come to, or continue after the whole."""
    names = ("created", "in_progress", "completed")
    told = Told(
        *[
            message(one, part("Hello"), refusal("No"))
            if one in names
            else delta(part(one, index=0), refusal("", index=1))
            for one in events
        ]
    )
    assert told.texts == texts
    assert told.text == "".join(texts)
    assert told.joined("refusal", told.pieces) == "No"
    assert "text_differs" not in told.notes


def test_what_a_message_announced_continues() -> None:
    """A delta adds to the text that the message was created with."""
    told = Told(
        message("created", part("Hel")),
        delta(part("l", index=0)),
        message("in_progress", part("Hel")),
        message("completed", part("Hello")),
    )
    assert told.texts == ["Hel", "l", "", "o"]
    assert told.text == "Hello"


@pytest.mark.parametrize(
    "content",
    [
        [],
        [part("")],
        [part("Hel")],
        [part("", annotations=[]), part("B")],
        [part("B")],
        [refusal("")],
        [part("Hello")],
    ],
    ids=repr,
)
def test_an_end_with_less_takes_nothing_back(content: Any) -> None:
    """The text stays, whichever part of the message the end leaves out."""
    told = Told(
        delta(part("Hello", index=0)),
        delta(part("B", index=1)),
        message("completed", *content),
    )
    assert told.text == "HelloB"
    assert told.notes == {}


def test_a_part_without_deltas_is_found_between_others() -> None:
    """It is found by its kind, or by an index that had no deltas."""
    told = Told(delta(part("Hi", index=0)), message("completed", IMAGE, part("Hi")))
    assert told.text == "Hi"
    assert told.answer.messages[0].content[0] == ImageFilePart(image_file=ImageFile(file_id="f"))
    told = Told(delta(part("b", index=1)), message("completed", part("a"), part("b")))
    assert told.texts == ["b", "a"]
    assert told.answer.text == "ab"
    told = Told(
        delta(part("b", index=3), part("a", index=1)), message("completed", part("a"), part("bc"))
    )
    assert told.answer.text == "abc"
    assert told.texts == ["ba", "c"]
    told = Told(delta({**IMAGE, "index": 0}, part("a", index=1)), message("completed", part("a")))
    assert told.text == "a"
    told = Told(delta({"type": "image_file", "index": 0}), message("completed", part("a")))
    assert told.text == "a"


def test_a_whole_that_contradicts_is_noted() -> None:
    """It is the text of the answer; what was handed out cannot be taken back."""
    told = Told(delta(part("ab", index=0)), message("completed", part("xy")))
    assert told.texts == ["ab", ""]
    assert told.answer.text == "xy"
    assert told.notes == {"text_differs": 1}


def test_a_character_in_two_halves_is_told_whole() -> None:
    """It is handed out whole, also if the second half comes only with the end."""
    told = Told(delta(part("a\ud83d", index=0)), message("completed", part("a\U0001f600b")))
    assert told.texts == ["a", "\U0001f600b"]
    assert told.text == "a\U0001f600b"


def test_many_deltas_are_delivered_once() -> None:
    """Those that only repeat the one before them with another text take a shorter way."""
    letters = "abcdefghij"
    for role in ("assistant", "user"):
        told = Told(
            message("created", role=role),
            *[delta(part(letter, index=0)) for letter in letters],
            message("completed", part(letters), role=role),
        )
        assert told.text == (letters if role == "assistant" else "")
        assert told.answer.messages[0].content[0].text.value == letters
    told = Told(*map(text_delta, letters), segment("abc"), text_done(f"{letters}k"))
    assert told.texts == [*letters, "", "k"]
    told = Told(text_delta("-"), text_done(f"-{letters}"), *map(text_delta, letters))
    assert told.texts == ["-", letters, *[""] * len(letters)]


def test_the_prompt_is_not_an_answer() -> None:
    """Messages of the user are in the answer, but are no text of it."""
    told = Told(
        message("completed", part("Why?"), id="u", role="user"),
        delta(part("W", index=0), id="v", role="user"),
        delta(part("W", index=0), id="v"),
        delta(part("h", index=0), id="v"),
        message("completed", part("Because"), id="m"),
    )
    assert told.text == "Because"
    assert [one.id for one in told.answer.messages] == ["u", "v", "m"]


@pytest.mark.parametrize("ids", [("", "m"), ("m", ""), (None, "m")])
def test_a_missing_id_means_the_last_message(ids: Any) -> None:
    """The id may be missing in the deltas, or at the end."""
    first, second = ids
    told = Told(
        delta(part("Hel", index=0), id=first),
        message("completed", part("Hello"), id=second),
        delta(part("!", index=0), id=first),
    )
    assert told.text == "Hello!"
    assert len(told.answer.messages) == 1


@pytest.mark.parametrize(
    "content",
    [
        "Hi",
        ["Hi"],
        [{"type": "text", "text": "Hi"}],
        [{"type": "output_text", "text": "Hi", "annotations": [{"odd": 1}]}],
        [{"text": "Hi"}],
        [{"text": {"value": "Hi"}}],
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": {"value": "Hi"}},
        [{"refusal": ""}, "Hi"],
    ],
    ids=repr,
)
def test_text_is_text(content: Any) -> None:
    """Text may replace the parts, a part, or the object in a part, in deltas and in wholes."""
    told = Told(
        ("thread.message.delta", {"id": "m", "delta": {"content": content}}),
        ("thread.message.completed", {"id": "m", "thread_id": "t", "content": content}),
    )
    assert told.texts == ["Hi", ""]
    assert told.text == "Hi"
    assert told.notes == {}
    whole = Told(("thread.message.completed", {"id": "m", "content": content}))
    assert whole.text == "Hi"


def test_a_delta_that_is_text_is_text() -> None:
    """Text may replace the object of the delta."""
    told = Told(("thread.message.delta", {"id": "m", "delta": "Hi"}))
    assert (told.text, told.notes) == ("Hi", {})


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"delta": {"content": 7}}, ""),
        ({"delta": {"content": [7, "Hi"]}}, "Hi"),
        ({"delta": {"content": [{"odd": 1}]}}, ""),
        ({"delta": {"content": None}}, ""),
        ({"delta": {}}, ""),
    ],
    ids=repr,
)
def test_what_is_not_text_is_left_alone(payload: Any, text: str) -> None:
    """It is left out, and the text beside it stays."""
    told = Told(("thread.message.delta", {"id": "m", **payload}))
    assert told.text == text


@pytest.mark.parametrize("payload", ["[]", "7", '{"delta":[]}', '{"delta":7}'])
def test_what_is_not_an_object_does_not_fit(payload: str) -> None:
    """The event has an error that says so."""
    for name in ("delta", "completed"):
        event: Any = decode(RawEvent(f"thread.message.{name}", payload))
        assert event.error is not None


# Run steps.


def function(name: str | None, arguments: Any, id: str | None = None, index: int = 0) -> Any:
    """Return a piece of a function call."""
    known = {"name": name, "arguments": arguments}
    return {"index": index, "id": id, "type": "function", "function": known}


def called(name: str, arguments: Any, id: str, **more: Any) -> Any:
    """Return a whole function call."""
    return {
        "id": id,
        "type": "function",
        "function": {"name": name, "arguments": arguments, **more},
    }


def step(name: str, *tool_calls: Any, id: str = "s") -> Any:
    """Return an event with a run step."""
    details = {"type": "tool_calls", "tool_calls": list(tool_calls)}
    status = "in_progress" if name == "created" else name
    return (f"thread.run.step.{name}", {"id": id, "status": status, "step_details": details})


def step_delta(*tool_calls: Any, id: str = "s") -> Any:
    """Return an event with pieces of tool calls."""
    details = {"type": "tool_calls", "tool_calls": list(tool_calls)}
    return ("thread.run.step.delta", {"id": id, "delta": {"step_details": details}})


def run(status: str, **more: Any) -> Any:
    """Return an event with the run."""
    return (f"thread.run.{status}", {"id": "r", "thread_id": "t", "status": status, **more})


def action(*asked: Any) -> Any:
    """Return the event of a run that waits for the outputs of these calls."""
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": list(asked)}}
    return run("requires_action", required_action=action)


WHOLE = called("f", '{"a":1}', "c")


@pytest.mark.parametrize(
    "events",
    [
        [action(WHOLE)],
        [step("created", WHOLE), action(WHOLE)],
        [step("created"), step_delta(function("f", '{"a":1}', "c")), action(WHOLE)],
        [step("created", WHOLE), step_delta(function("f", '{"a":1}', "c")), action(WHOLE)],
        [step("created", WHOLE), step_delta(function("f", '{"a": 1}', "c")), action(WHOLE)],
        [step_delta(function("f", "", "c")), step_delta(function(None, '{"a":1}')), action(WHOLE)],
        [step_delta(function("f", '{"a"', "c")), step_delta(function(None, ":1}")), action(WHOLE)],
        [step_delta(function("f", '{"a"', "c")), action(WHOLE)],
        [step_delta(function("f", '{"a"', "c")), step("in_progress", WHOLE), action(WHOLE)],
        [step_delta(function(None, '{"a"', "c")), step_delta(function("f", ":1}")), action(WHOLE)],
        [step_delta(function("f", "{}", "c")), step_delta(function("f", '{"a":1}')), action(WHOLE)],
        [step_delta(function("f", '{}{"a":1}', "c")), action(WHOLE)],
        [step_delta(function("f", '{"a":1} {"a":1}', "c")), action(WHOLE)],
        [step_delta(function("f", {"a": 1}, "c")), action(WHOLE)],
        [step_delta(function("f", '{"a":1}', "c")), action(called("f", "", "c"))],
        [step_delta(function("f", '{"a":1}', "c")), action(called("f", None, "c"))],
        [step_delta(function("f", '{"a":1}', "c")), action(called("f", "{}", "c"))],
        [step_delta(function("f", '{"a":1}', "c")), action()],
        [step_delta(function("f", '{"a":1}', "c")), run("requires_action")],
        [step("created", called("f", "{}", "c")), action(WHOLE)],
        [
            step("created", called("f", "", "c")),
            step_delta(function("f", '{"a":1}')),
            action(WHOLE),
        ],
        [action(WHOLE, WHOLE)],
        [action(WHOLE), step("created", WHOLE), step_delta(function("f", '{"a":1}', "c"))],
        [action(WHOLE), step_delta(function("f", '{"a"', "c")), step_delta(function(None, ":1}"))],
        [step_delta(function("f", '{"a"', "c")), action(WHOLE), step_delta(function(None, ":1}"))],
        [
            step_delta(function("f", '{"a"', "c")),
            step("in_progress", called("f", '{"a": 1}', "c")),
            step_delta(function(None, ": ")),
            step_delta(function(None, "1}")),
        ],
        [
            step("created", called("f", '{"a"', "c")),
            step_delta(function(None, ":1}")),
            step_delta(function(None, '{"a":1}')),
        ],
        [action(WHOLE), action()],
        [step("created", WHOLE), step("completed"), action(WHOLE)],
        [step("created", WHOLE), step("completed", WHOLE), action()],
        [action(WHOLE), run("requires_action")],
        [action(WHOLE), action(WHOLE)],
        [action(called("f", {"a": 1}, "c"))],
        [step_delta(function("f", '{"a":1}', "c")), step("in_progress", called("f", '{"a"', "c"))],
        [step_delta(function("f", '{"a":1}', "c")), step("created", {"type": "function"})],
    ],
)
def test_a_call_is_delivered_once(events: Any) -> None:
    """Whichever events bring it: whole, in pieces, twice, or with less at its end."""
    if events[-1][0] != "thread.run.requires_action":
        events = [*events, action()]
    told = Told(run("created"), *events)
    [(id, name, arguments, complete)] = calls(told.answer)
    assert (id, name, json.loads(arguments), complete) == ("c", "f", {"a": 1}, True)
    [(id, (name, arguments))] = told.calls.items()
    assert (id, name, json.loads(arguments)) == ("c", "f", {"a": 1})
    assert told.notes in ({}, {"missing_done": 1})


def test_a_call_grows_piece_by_piece() -> None:
    """Every piece has the id and the name, which the server sends only once."""
    told = Told(
        step_delta(function("f", "", "c"), function("g", "{", "d", index=1)),
        step_delta(function(None, '{"a', None)),
        step_delta(function(None, '": "}{"}', None), function(None, '"b":2}', None, index=1)),
    )
    assert told.by_event == [
        [Piece("call", call_id="c", name="f"), Piece("call", call_id="d", name="g")],
        [Piece("call", text='{"a', call_id="c", name="f")],
        [
            Piece("call", text='": "}{"}', call_id="c", name="f"),
            Piece("call", text='{"b":2}', call_id="d", name="g"),
        ],
    ]
    assert calls(told.answer) == [
        ("c", "f", '{"a": "}{"}', False),
        ("d", "g", '{"b":2}', False),
    ]


def test_the_pieces_of_an_event_by_itself() -> None:
    """They are what the event has of the calls of your functions."""
    name, payload = step_delta(
        function("f", "{", "c"),
        {"index": 1, "type": "function"},
        {"index": 2, "type": "code_interpreter"},
        function(None, None),
    )
    event = decode(RawEvent(name, json.dumps(payload)))
    assert event.pieces() == (
        Piece("call", text="{", call_id="c", name="f"),
        Piece("call"),
    )


@pytest.mark.parametrize("arguments", ["", None, "{}", " { } "])
def test_no_arguments_are_an_empty_object(arguments: Any) -> None:
    """They become one once the run waits for the outputs; that event hands it out."""
    for first in ([], [step_delta(function("f", arguments, "c"))]):
        told = Told(*first, action(called("f", arguments, "c")))
        [(id, name, text, complete)] = calls(told.answer)
        assert (id, name, json.loads(text), complete) == ("c", "f", {}, True)
        assert json.loads(told.calls["c"][1]) == {}


def test_arguments_that_begin_again_replace_the_first() -> None:
    """They replace the first ones only when they are another whole value."""
    told = Told(step_delta(function("f", '{"a":1}', "c")), step_delta(function(None, '{"a":')))
    assert calls(told.answer)[0][2] == '{"a":1}'
    told = Told(
        step_delta(function("f", '{"a":1}', "c")),
        step_delta(function(None, '{"a":')),
        step_delta(function(None, "2}")),
        action(called("f", '{"a":2}', "c")),
    )
    assert calls(told.answer) == [("c", "f", '{"a":2}', True)]
    assert told.notes == {"arguments_restarted": 1, "missing_done": 1}
    told = Told(step_delta(function("f", '{"a":1} no', "c")), action(called("f", "", "c")))
    assert calls(told.answer) == [("c", "f", '{"a":1} no', False)]


def test_a_contradiction_is_noted() -> None:
    """The arguments in the run's required action count."""
    told = Told(step_delta(function("f", '{"a":', "c")), action(called("f", '{"b":2}', "c")))
    assert calls(told.answer) == [("c", "f", '{"b":2}', True)]
    assert told.notes == {"text_differs": 1, "missing_done": 1}


@pytest.mark.parametrize(
    "asked",
    [called("", "{}", "c"), called("f", "{}", ""), {"id": "c", "type": "function"}],
    ids=repr,
)
def test_a_call_without_a_name_is_not_complete(asked: Any) -> None:
    """Without a name there is nothing to run, and without an id nothing to answer."""
    [(*_, complete)] = calls(Told(action(asked)).answer)
    assert not complete


def test_a_name_or_an_id_may_come_from_the_step() -> None:
    """The step has it if the required action leaves it out."""
    told = Told(step_delta(function("f", "{}", "c")), action(called("", "", "c")))
    assert calls(told.answer) == [("c", "f", "{}", True)]
    told = Told(step_delta(function("f", "{}", "c")), action(called("f", "", "")))
    assert calls(told.answer) == [("c", "f", "{}", True)]
    assert told.calls == {"c": ("f", "{}")}


def test_a_call_with_another_id_in_each_event_is_one() -> None:
    """The action has the id to answer to; the arguments show that it is the same call."""
    told = Told(
        step_delta(function("f", '{"a"', "x1"), function("f", '{"b"', "y1", index=1)),
        step_delta(function("f", ":1}", "x2"), function("f", ":2}", "y2", index=1)),
        action(called("f", '{"a":1}', "c"), called("f", '{"b":2}', "d")),
    )
    assert calls(told.answer) == [("c", "f", '{"a":1}', True), ("d", "f", '{"b":2}', True)]
    assert told.calls == {"x1": ("f", '{"a":1}'), "y1": ("f", '{"b":2}')}


def test_two_calls_of_one_index_are_two() -> None:
    """Their names tell them apart."""
    told = Told(
        step_delta(function("f", '{"a"', "c")),
        step_delta(function(None, ":1}")),
        step_delta(function("g", '{"b"', "d")),
        step_delta(function(None, ":2}")),
        step_delta({"index": 0, "type": "function"}),
    )
    assert calls(told.answer) == [("c", "f", '{"a":1}', False), ("d", "g", '{"b":2}', False)]


def test_another_call_is_not_taken_for_a_known_one() -> None:
    """It has another id and other arguments, or another name; nor is a known one lost."""
    first = step_delta(function("f", '{"a":1}', "c"))
    for other in (called("f", '{"b":2}', "d"), called("g", '{"a":1}', "d")):
        told = Told(first, step("in_progress", other), action(WHOLE, other))
        assert [call.id for call in told.answer.calls] == ["c", "d"]
        assert list(told.calls) == ["c", "d"]
        told = Told(first, action(WHOLE, other))
        assert [call.id for call in told.answer.calls] == ["c", "d"]
        assert told.answer.calls[1].arguments == other["function"]["arguments"]
        assert list(told.calls) == ["c", "d"]
    told = Told(first, action(called("g", '{"a":1}', "c")))
    assert calls(told.answer) == [("c", "g", '{"a":1}', True)]


def test_each_round_has_its_calls() -> None:
    """The answer has the calls of the last round, even if their ids start again."""
    first, second = called("f", '{"a":1}', "call_0"), called("f", '{"a":2}', "call_0")
    told = Told(
        action(first),
        run("queued"),
        step("completed", called("f", '{"a":1}', "call_0", output="o")),
        action(second),
    )
    assert [piece.text for piece in told.pieces] == ['{"a":1}', '{"a":2}']
    assert calls(told.answer) == [("call_0", "f", '{"a":2}', True)]


def test_a_round_without_its_action_has_its_own_calls() -> None:
    """Not those of the round before, although no step has ended."""
    told = Told(
        step_delta(function("f", '{"a":1}', "call_0")),
        action(called("f", '{"a":1}', "call_0")),
        run("in_progress"),
        step_delta(function("f", '{"a":2}', "call_0"), id="s2"),
        action(called("f", '{"a":2}', "call_0")),
        step_delta(function("f", '{"a":2}', "call_0"), id="s2"),
        step("created", called("f", '{"a":2}', "call_0"), id="s3"),
    )
    assert [piece.text for piece in told.pieces if piece.text][:2] == ['{"a":1}', '{"a":2}']
    assert calls(told.answer) == [("call_0", "f", '{"a":2}', True)]


def test_an_empty_object_is_in_the_answer_as_it_came() -> None:
    """The answer has it at once, although it is handed out only when it is certain."""
    for name, arguments in (("created", ""), ("completed", "{}")):
        told = Told(step(name, called("f", "{}", "c")))
        [found] = told.answer.run_steps[0].step_details.tool_calls
        assert found.function.arguments == "{}"
        assert told.calls == {"c": ("f", arguments)}


def test_calls_that_have_been_answered_are_history() -> None:
    """A step that reports them with their outputs asks for nothing."""
    told = Told(step("completed", called("f", "{}", "c", output="1")))
    assert told.pieces == []
    assert told.answer.calls == ()
    assert told.answer.run_steps[0].step_details.tool_calls[0].function.output == "1"
    told = Told(step("completed", WHOLE))
    assert told.calls == {"c": ("f", '{"a":1}')}


def test_a_step_that_ends_without_its_calls_keeps_them() -> None:
    """A call of another tool keeps its code and its outputs as well."""
    logs = {"index": 0, "type": "logs", "logs": "2"}
    code = {"input": "1+1", "outputs": [logs]}
    pieces = [
        function("f", '{"a":1}', "c"),
        {"index": 1, "type": "code_interpreter", "id": "d", "code_interpreter": code},
    ]
    known = Told(step_delta(*pieces)).answer.run_steps[0].step_details
    poorer = [
        [],
        [called("f", "", "c")],
        [called("f", None, "c")],
        [{"id": "d", "type": "code_interpreter", "code_interpreter": {"input": "", "outputs": []}}],
        [WHOLE, {"id": "d", "type": "code_interpreter", "code_interpreter": {}}],
    ]
    for tool_calls in poorer:
        told = Told(step_delta(*pieces), step("completed", *tool_calls))
        [found] = told.answer.run_steps
        assert (found.status, found.step_details) == ("completed", known)
        assert told.calls == {"c": ("f", '{"a":1}')}
    told = Told(step_delta(*pieces), ("thread.run.step.completed", {"id": "s"}))
    assert told.answer.run_steps[0].step_details == known


def test_a_step_that_ends_with_more_has_it() -> None:
    """The code, what it prints, and its images."""
    logs = {"index": 0, "type": "logs", "logs": "22"}
    image = {"index": 1, "type": "image", "image": {"file_id": "f"}}
    begun = {"input": "1", "outputs": [{"index": 0, "type": "logs", "logs": "2"}]}
    ended = {"input": "1+1", "outputs": [logs, image]}
    piece = {"index": 0, "type": "code_interpreter", "id": "d", "code_interpreter": begun}
    whole = {"type": "code_interpreter", "id": "d", "code_interpreter": ended}
    alone = Told(step("completed", whole)).answer
    assert Told(step_delta(piece), step("completed", whole)).answer == alone
    announced = [step("created", whole), step_delta({**piece, "code_interpreter": ended})]
    assert Told(*announced, step("completed", whole)).answer == alone


def test_other_tools_are_as_the_end_has_them() -> None:
    """A file search, and a tool that has no class here."""
    search = {"type": "file_search", "id": "d", "file_search": {}}
    odd = {"type": "telepathy", "id": "e", "thought": 1}
    deltas = step_delta({**search, "index": 0}, {"index": 1, "type": "telepathy", "id": "e"})
    told = Told(deltas, step("completed", search, odd))
    alone = Told(step("completed", search, odd))
    found = told.answer.run_steps[0].step_details.tool_calls
    assert found[0] == alone.answer.run_steps[0].step_details.tool_calls[0]
    assert found[1] == UnknownToolCall("telepathy", "e", {**odd, "index": 1})
    assert told.pieces == []


def test_a_missing_id_means_the_last_step() -> None:
    """A delta without an id belongs to the same step as the next delta."""
    told = Told(
        step_delta(function("f", '{"a"', "c"), id=""), step_delta(function(None, ":1}"), id="s")
    )
    assert told.calls == {"c": ("f", '{"a":1}')}


def test_only_calls_of_functions_without_output_are_asked_for() -> None:
    """If the server leaves out the required action, it waits for these calls."""
    answered = called("f", "{}", "c", output="1")
    code = {"id": "d", "type": "code_interpreter", "code_interpreter": {"input": "1"}}
    shown = step("created", answered, code, called("g", "{}", "e"))
    assert calls(Told(shown).answer) == [("e", "g", "{}", False)]
    told = Told(shown, run("requires_action"))
    assert calls(told.answer) == [("e", "g", "{}", True)]
    assert told.calls == {"e": ("g", "{}")}


def test_events_of_no_family_add_nothing() -> None:
    """A fold ignores an event that belongs to no family."""
    done = DoneEvent(raw=RawEvent("message", "[DONE]"))
    for fold in (AssistantsFold(), AudioFold(), ImagesFold()):
        assert list(fold.take(done, dict[str, Any]().__getitem__)) == []
        assert fold.appender(done) is None


def test_no_call_of_an_answer_with_a_hole_is_complete() -> None:
    """Whatever its arguments are."""
    whole = Told(action(WHOLE)).answer
    holed = AssistantsAnswer(run=whole.run, hole=True)
    assert [call.complete for call in whole.calls] == [True]
    assert [call.complete for call in holed.calls] == [False]
    assert not whole.hole


def test_the_answer_in_the_words_of_every_family() -> None:
    """How many tokens it took, and why it ended."""
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_token_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    told = Told(run("completed", usage=usage)).answer
    assert told.counts == Counts(input=1, output=2, total=3, cached=4, reasoning=5)
    assert told.finish_reason == "completed"
    bare = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    told = Told(run("in_progress", usage=bare)).answer
    assert told.counts == Counts(input=1, output=2, total=3)
    assert told.finish_reason is None
    told = Told(run("incomplete", incomplete_details={"reason": "max_completion_tokens"})).answer
    assert (told.counts, told.finish_reason) == (None, "max_completion_tokens")
    assert Told(run("incomplete", incomplete_details={})).answer.finish_reason == "incomplete"
    assert Told(action(WHOLE)).answer.finish_reason == "requires_action"
    assert AssistantsAnswer().finish_reason is None


def test_a_backslash_at_the_end_of_a_piece() -> None:
    """The character after it is in the next piece."""

    def note(_: str) -> None:
        raise AssertionError("nothing is repaired")

    text = '{"a":"\\"}{\\\\"}'
    for cut in range(len(text)):
        arguments = Arguments()
        handed_out = arguments.add(text[:cut], note) + arguments.add(text[cut:], note)
        assert (handed_out, str(arguments)) == (text, text)
        assert arguments.add(text, note) == ""  # once more
        assert arguments.add(" \n", note) == " \n"
    deep = Arguments()
    deep.add("{" + "[" * 5000, note)
    assert deep.add("]" * 5000 + "}", note) != ""
    assert not deep.agree('{"a":1}')


def test_blanks_are_not_held_back_forever() -> None:
    """Only a possible empty object is held back, and not more than a few blanks of it."""

    def note(_: str) -> None:
        raise AssertionError("nothing is repaired")

    arguments = Arguments()
    assert arguments.add(" " * 10, note) == ""
    assert arguments.add(" " * 10, note) == " " * 20


# Transcripts.


def text_delta(text: str, **more: Any) -> Any:
    """Return an event with a piece of a transcript."""
    return {"type": "transcript.text.delta", "delta": text, **more}


def segment(text: str, id: str = "s", **more: Any) -> Any:
    """Return an event with a segment."""
    return {"type": "transcript.text.segment", "id": id, "text": text, **more}


def text_done(text: Any = None, **more: Any) -> Any:
    """Return the event that ends a transcript; without text if *text* is None."""
    end = {"type": "transcript.text.done", **more}
    return end if text is None else {**end, "text": text}


@pytest.mark.parametrize(
    ("events", "texts"),
    [
        ([text_done("Hello")], ["Hello"]),
        ([text_delta("Hel"), text_done("Hello")], ["Hel", "lo"]),
        ([text_delta("Hello"), text_done("")], ["Hello", ""]),
        ([text_delta("Hello"), text_done()], ["Hello", ""]),
        ([text_delta("Hello"), {"type": "transcript.text.done", "text": None}], ["Hello", ""]),
        ([text_delta("Hello"), text_done("Hel")], ["Hello", ""]),
        ([text_delta("Hello"), text_done("Hello"), text_done("Hello")], ["Hello", "", ""]),
        ([text_delta(""), text_delta("Hello")], ["", "Hello"]),
        ([text_done("Hello"), text_delta("Hel"), text_delta("lo")], ["Hello", "", ""]),
        ([text_delta("Hel"), text_done("Hell"), text_delta("lo")], ["Hel", "l", "o"]),
        # With segments.
        ([segment("Hello"), segment("Hello")], ["Hello", ""]),
        ([segment("Hel"), segment("Hello")], ["Hel", "lo"]),
        ([segment("Hello"), text_delta("Hel"), text_delta("lo")], ["Hello", "", ""]),
        ([segment("Hel"), text_delta("Hel"), text_delta("lo")], ["Hel", "", "lo"]),
        ([segment("Hel"), text_delta("lo")], ["Hel", "lo"]),
        ([segment("Hel", ""), segment("lo", "")], ["Hel", "lo"]),
        ([segment("Hello"), text_delta("Hello", segment_id="s")], ["Hello", ""]),
        ([segment("Hel"), text_delta("Hello", segment_id="s")], ["Hel", "lo"]),
        ([text_delta("", segment_id="s"), segment("Hello")], ["", "Hello"]),
        ([text_delta("Hello"), segment("Hel"), segment("Hel")], ["Hello", "", ""]),
        (
            [
                text_delta("Hel", segment_id="s"),
                text_done("Hello"),
                text_delta("lo", segment_id="s"),
            ],
            ["Hel", "lo", ""],
        ),
        (
            [segment("Hel"), text_done("Hello"), text_delta("Hel", segment_id="s")],
            ["Hel", "lo", ""],
        ),
        ([segment("Hello"), text_done("Hello")], ["Hello", ""]),
        ([segment("Hel", "s"), segment("lo", "t"), text_done("Hello")], ["Hel", "lo", ""]),
        ([segment("Hel"), segment("lo"), text_done("")], ["Hel", "lo", ""]),
        ([segment("Hel"), text_done("Hello")], ["Hel", "lo"]),
        ([segment(""), text_done("Hello")], ["", "Hello"]),
        # With deltas of segments.
        ([text_delta("Hel", segment_id="s"), segment("Hello")], ["Hel", "lo"]),
        ([text_delta("Hel", segment_id="s"), segment("Hello", "")], ["Hel", "lo"]),
        ([text_delta("Hello", segment_id="s"), segment("Hel")], ["Hello", ""]),
        ([text_delta("Hello", segment_id="s"), text_done("Hello")], ["Hello", ""]),
        ([text_delta("Hel", segment_id="s"), text_done("Hello")], ["Hel", "lo"]),
        (
            [text_delta("Hel", segment_id="s"), segment("Hel"), segment("lo", "t")],
            ["Hel", "", "lo"],
        ),
        # With deltas that name no segment.
        ([text_delta("Hello"), segment("Hello"), text_done("Hello")], ["Hello", "", ""]),
        ([text_delta("Hel"), segment("Hello"), text_done("Hello")], ["Hel", "lo", ""]),
        ([text_delta("Hello"), segment("Hel", "s"), segment("lo", "t")], ["Hello", "", ""]),
        (
            [text_delta("Hel"), segment("Hel"), text_delta("lo"), segment("lo")],
            ["Hel", "", "lo", ""],
        ),
        ([text_delta("Hel"), segment("Hel"), segment("lo", "t")], ["Hel", "", "lo"]),
    ],
)
def test_a_transcript_is_delivered_once(events: Any, texts: list[str]) -> None:
    """In deltas, in segments, as a whole, or in several of these; an end only adds."""
    told = Told(*events)
    assert told.texts == texts
    assert told.text == "Hello"
    assert set(told.notes) <= {"missing_done"}


def test_words_that_begin_like_those_of_the_segment_before() -> None:
    """They wait until they say something else, and are then handed out whole."""
    told = Told(segment("see "), text_delta("s"), text_delta("aid"), segment("said", "t"))
    assert told.texts == ["see ", "", "said", ""]
    assert told.text == "see said"


def test_blanks_do_not_count() -> None:
    """Blanks around segments make no difference; the whole text decides about them."""
    told = Told(segment(" Hi.", "s"), segment(" Bye.", "t"), text_done("Hi. Bye."))
    assert told.texts == [" Hi.", " Bye.", ""]
    assert told.answer.text == "Hi. Bye."
    told = Told(text_delta(" Hi."), text_delta(" Bye"), segment("Hi."), segment("Bye."))
    assert told.texts == [" Hi.", " Bye", "", "."]
    assert told.text == " Hi. Bye."
    told = Told(text_delta(" Hi."), text_done("Hi. Bye."))
    assert told.texts == [" Hi.", " Bye."]
    assert told.answer.text == "Hi. Bye."
    told = Told(text_delta("Hi. "), text_done(" Hi. Bye."))
    assert told.texts == ["Hi. ", "Bye."]
    told = Told(text_delta("  "), text_done(" Hi."))
    assert told.texts == ["  ", "Hi."]
    told = Told(text_delta(" Hi. Bye."), text_done("Hi."), text_delta(" So."))
    assert told.text == " Hi. Bye. So."
    told = Told(text_delta("Hi "), text_done("Hi"))
    assert told.text == "Hi "


def test_a_transcript_that_contradicts_is_noted() -> None:
    """The answer has the text of the whole or of the segment, not that of the deltas."""
    told = Told(text_delta("ab"), text_done("xy"))
    assert (told.texts, told.answer.text) == (["ab", ""], "xy")
    assert told.notes["text_differs"] == 1
    told = Told(text_delta("ab", segment_id="s"), text_delta("cd", segment_id="t"), segment("xy"))
    assert (told.texts, told.answer.text) == (["ab", "cd", ""], "xycd")
    assert told.notes["text_differs"] == 1
    told = Told(text_delta("ab"), segment("xy"), segment("zz"), text_done("xyzz"))
    assert told.texts == ["ab", "", "", ""]
    assert told.answer.text == "xyzz"
    assert told.notes["text_differs"] == 2


def test_half_a_character_waits_for_the_end() -> None:
    """The end hands out the whole character."""
    told = Told(text_delta("a\ud83d"), text_done("a\U0001f600"))
    assert told.texts == ["a", "\U0001f600"]
    assert told.text == "a\U0001f600"


def test_a_long_transcript_costs_what_it_has() -> None:
    """A short end is compared with the beginning only."""
    told = Told(text_delta("a" * 200), segment("a" * 100), text_done("a"), text_done("b"))
    assert told.notes["text_differs"] == 1
    told = Told(segment("a" * 200), segment("b" * 200), text_done("a"))
    assert told.text == "a" * 200 + "b" * 200


def test_what_a_transcript_took() -> None:
    """The answer has the tokens, and no finish reason."""
    usage = {"type": "tokens", "input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    told = Told(text_done("Hi", usage=usage)).answer
    assert (told.counts, told.finish_reason) == (Counts(input=1, output=2, total=3), None)
    assert Told(text_delta("Hi")).answer.counts is None


# Speech.


def test_speech_is_delivered_once() -> None:
    """Each piece is base64 by itself; what is not base64 is not handed out."""
    told = Told(
        {"type": "speech.audio.delta", "audio": "QQ=="},
        {"type": "speech.audio.delta", "audio": "?"},
        {"type": "speech.audio.delta", "audio": "QkM="},
        {"type": "speech.audio.done", "usage": {"input_tokens": 1}},
    )
    assert told.pieces == [Piece("audio", text="QQ=="), Piece("audio", text="QkM=")]
    assert told.answer.audio == b"ABC"
    assert (told.answer.usage, told.answer.finish_reason) == (SpeechUsage(input_tokens=1), None)
    assert told.answer.counts == Counts(input=1)


# Images.


def image(kind: str, data: str, family: str = "image_generation", **more: Any) -> Any:
    """Return an event with an image."""
    return {"type": f"{family}.{kind}", "b64_json": data, **more}


@pytest.mark.parametrize("family", ["image_generation", "image_edit"])
def test_each_image_is_delivered_once(family: str) -> None:
    """When it is finished, as the piece of a choice of its own."""
    told = Told(
        image("partial_image", "QQ==", family),
        image("completed", "Qg==", family, usage={"input_tokens": 1, "total_tokens": 3}),
        image("partial_image", "QQ==", family),
        image("completed", "Qw==", family),
    )
    assert told.by_event == [
        [],
        [Piece("image", 0, "Qg==")],
        [],
        [Piece("image", 1, "Qw==")],
    ]
    assert [(one.data, one.is_partial) for one in told.answer.images] == [
        (b"B", False),
        (b"C", False),
    ]
    assert told.answer.counts == Counts(input=1, total=3)
    assert told.answer.finish_reason is None
    assert ImagesAnswer().counts is None


def test_an_image_that_ends_empty_keeps_what_came() -> None:
    """The last unfinished one is all there is, and does not look finished."""
    told = Told(image("partial_image", "QQ=="), image("completed", ""))
    assert told.pieces == [Piece("image", 0, "QQ==")]
    assert [(one.data, one.is_partial) for one in told.answer.images] == [(b"A", True)]
    assert told.notes == {"image_without_data": 1}
    assert Told(image("completed", "")).pieces == []


def test_the_pieces_of_events_by_themselves() -> None:
    """Of transcripts, sound and finished images, and no others."""
    found = [
        decode(RawEvent("message", json.dumps(payload))).pieces()
        for payload in (
            text_delta("a"),
            text_delta(""),
            {"type": "speech.audio.delta", "audio": "QQ=="},
            {"type": "speech.audio.delta", "audio": "?"},
            image("partial_image", "QQ=="),
            image("completed", "QQ=="),
            image("completed", ""),
        )
    ]
    piece = (Piece("image", text="QQ=="),)
    said, sound = (Piece("text", text="a"),), (Piece("audio", text="QQ=="),)
    assert found == [said, (), sound, (), (), piece, ()]


# Any answer in any form.

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
# Blanks at the ends are a matter of their own.
words = st.text('abc{}"\\ \U0001f600é', min_size=1, max_size=12)


def cut(draw: Any, text: str) -> list[str]:
    """Return *text* in pieces."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def messages(draw: Any) -> tuple[str, list[Any]]:
    """Draw the text of some messages, and their events in one of the forms that servers have."""
    events: list[Any] = []
    whole = ""
    for number in range(draw(st.integers(1, 3))):
        id = f"m{number}"
        parts = draw(st.lists(texts, min_size=1, max_size=3))
        whole += "".join(parts)
        form = draw(st.sampled_from(["deltas", "both", "whole", "tail", "text"]))
        content: list[Any] = [part(text) for text in parts]
        if form == "text":
            content = draw(st.sampled_from([list(parts), [{"text": one} for one in parts]]))
        announced = draw(st.integers(0, len(parts))) if form == "whole" else 0
        events.append(message("created", *content[:announced], id=id))
        for index, text in enumerate(parts if form != "whole" else ()):
            pieces = cut(draw, text)
            if form == "tail" and index == len(parts) - 1:
                pieces.pop()
            events += [delta(part(piece, index=index), id=id) for piece in pieces]
        end = draw(st.sampled_from(["completed", "incomplete"]))
        kept = len(parts)
        if form in ("deltas", "both"):
            kept = draw(st.sampled_from([0, len(parts)]))
        events.append(message(end, *content[:kept], id=id))
        if draw(st.booleans()):
            events.append(events[-1])
    return whole, events


@given(messages())
def test_messages_in_any_form(drawn: tuple[str, list[Any]]) -> None:
    """The text is that of the answer, as it was handed out."""
    whole, events = drawn
    told = Told(*events)
    assert told.text == whole
    assert told.notes == {}


values = st.dictionaries(words, st.one_of(words, st.integers(), st.lists(words, max_size=2)))


@st.composite
def called_functions(draw: Any) -> tuple[list[tuple[str, str, Any]], list[Any]]:
    """Draw some calls, and the events of the run that makes them in any form."""
    wanted = [
        (f"c{index}", draw(st.sampled_from(["f", "g"])), value)
        for index, value in enumerate(draw(st.lists(values, min_size=1, max_size=3)))
    ]
    dumped = [json.dumps(value) for *_, value in wanted]
    wholes = [called(name, text, id) for (id, name, _), text in zip(wanted, dumped, strict=True)]
    events = []
    if draw(st.booleans()):
        events.append(step("created", *draw(st.sampled_from([[], wholes]))))
    if draw(st.booleans()):
        for index, (id, name, _) in enumerate(wanted):
            pieces = cut(draw, dumped[index])
            if draw(st.booleans()):
                pieces.insert(0, "")
            first = function(name, pieces[0], id, index)
            events.append(step_delta(first))
            events += [step_delta(function(None, piece, None, index)) for piece in pieces[1:]]
        if draw(st.booleans()):
            events.append(step("in_progress", *draw(st.sampled_from([[], wholes]))))
    events.append(action(*wholes))
    if draw(st.booleans()):
        events.append(events[-1])
    return wanted, events


@given(called_functions())
def test_calls_in_any_form(drawn: tuple[list[tuple[str, str, Any]], list[Any]]) -> None:
    """The calls are those of the answer, as they were handed out."""
    wanted, events = drawn
    told = Told(*events)
    found = [(call.id, call.name, call.parsed()) for call in told.answer.calls]
    assert found == wanted
    assert [
        (id, name, json.loads(arguments)) for id, (name, arguments) in told.calls.items()
    ] == wanted


@st.composite
def transcripts(draw: Any) -> tuple[str, list[Any]]:
    """Draw a transcript, and its events in one of the forms that servers have."""
    said = [f"{word}{index} " for index, word in enumerate(draw(st.lists(words, min_size=1)))]
    form = draw(st.sampled_from(["deltas", "segments", "both", "after", "named", "whole"]))
    events: list[Any] = []
    for index, text in enumerate(said):
        named = {"segment_id": f"s{index}"} if form == "named" else {}
        pieces = cut(draw, text)
        if form in ("both", "named") and draw(st.booleans()):
            pieces.pop()
            pieces.append("")
        if form in ("deltas", "both", "after", "named"):
            events += [text_delta(piece, **named) for piece in pieces]
        if form in ("segments", "both", "named"):
            events.append(segment(text, f"s{index}"))
    if form == "after":
        events += [segment(text, f"s{index}") for index, text in enumerate(said)]
    whole = "".join(said)
    ends = [text_done(whole)]
    if form != "whole":
        ends += [text_done(""), text_done(), text_done(whole[: len(whole) // 2])]
    events.append(draw(st.sampled_from(ends)))
    return whole, events


@given(transcripts())
def test_transcripts_in_any_form(drawn: tuple[str, list[Any]]) -> None:
    """Every word is handed out once, in order; blanks between segments may be left out."""
    whole, events = drawn
    told = Told(*events)
    assert "".join(told.joined("text", told.pieces).split()) == "".join(whole.split())
    assert "".join(told.answer.text.split()) == "".join(whole.split())
    assert "text_differs" not in told.notes


@given(st.lists(st.binary(max_size=9)))
def test_speech_in_any_pieces(sound: list[bytes]) -> None:
    """The decoded pieces are the sound."""
    events = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(one).decode()} for one in sound
    ]
    told = Told(*events, {"type": "speech.audio.done"})
    assert b"".join(base64.b64decode(piece.text) for piece in told.pieces) == b"".join(sound)
    assert told.answer.audio == b"".join(sound)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 2))))
def test_images_in_any_number(images: list[tuple[bytes, int]]) -> None:
    """Each is handed out once, however often it was shown unfinished."""
    events = []
    for data, shown in images:
        encoded = base64.b64encode(data).decode()
        events += [image("partial_image", "QQ==")] * shown + [image("completed", encoded)]
    told = Told(*events)
    assert [(piece.choice, base64.b64decode(piece.text)) for piece in told.pieces] == [
        (number, data) for number, (data, _) in enumerate(images)
    ]
