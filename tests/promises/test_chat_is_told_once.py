"""What a chat answer brings is handed out once, in whatever form and however often it comes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from chatting import CALLED, DONE, call, calling, chunk, custom, join, tell, whole
from folding import read, wire
from hypothesis import given
from hypothesis import strategies as st

from openai_scan import ChatCompletion, CompletionAnswer, StreamerV2
from openai_scan.events import decode, from_answer
from openai_scan.events.chat import CitedPage, URLCitation
from openai_scan.events.chat.snapshot import ChatMessage
from openai_scan.events.kept import as_json
from openai_scan.sse import RawEvent
from openai_scan.values import Counts, Piece

STOP = chunk({}, "stop")


def test_whole_answer_after_its_pieces_adds_nothing() -> None:
    """The text is never `HelloHello`."""
    told = tell(
        chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP, whole({"content": "Hello"})
    )
    assert told.texts == ["Hel", "lo"]
    assert told.answer.text == told.streamer.final().text == "Hello"
    assert told.streamer.outcome == "completed"
    assert told.notes == {}


@pytest.mark.parametrize("field", ["content", "refusal", "reasoning"])
def test_whole_text_after_its_pieces_adds_nothing(field: str) -> None:
    """The same text adds nothing; a text that differs replaces the pieces and is noted."""
    pieces = [chunk({field: "Hel"}), chunk({field: "lo"})]
    told = tell(*pieces, whole({field: "Hello"}))
    assert (told.texts, told.notes) == (["Hel", "lo"], {})
    told = tell(*pieces, whole({field: "Bye"}))
    assert (told.texts, told.notes) == (["Hel", "lo"], {"text_differs": 1})
    assert getattr(told.answer.choices[0].message, field) == "Bye"


def test_whole_answer_adds_what_is_missing() -> None:
    """Text, reasoning and refusal are each completed."""
    told = tell(
        chunk({"content": "Hel", "reasoning_content": "h"}),
        whole({"content": "Hello", "reasoning": "hm", "refusal": "No."}),
    )
    assert told.steps[1] == (
        Piece("reasoning", text="m"),
        Piece("text", text="lo"),
        Piece("refusal", text="No."),
    )
    message = told.answer.choices[0].message
    assert (message.content, message.reasoning, message.refusal) == ("Hello", "hm", "No.")


def message(content: Any, finish_reason: str | None = None, **rest: Any) -> Any:
    """Return a choice with a message and without the `object` of a whole answer."""
    said = content if isinstance(content, dict) else {"content": content}
    return {"choices": [{"index": 0, "message": said, "finish_reason": finish_reason}], **rest}


@pytest.mark.parametrize("kind", [None, "chat.completion.chunk", "a.server's.own"])
@pytest.mark.parametrize("reason", [None, "stop"])
def test_message_after_deltas_repeats_them(kind: str | None, reason: str | None) -> None:
    """The event's `object` does not matter; where only messages come, they are the pieces."""
    rest = {} if kind is None else {"object": kind}
    late = message("Hello", reason, **rest)
    hel, lo = chunk({"content": "Hel"}), chunk({"content": "lo"})
    many = [hel, lo, *5 * [late]]
    for payloads in ([hel, lo, STOP, late], [hel, lo, late], [hel, late], [late], many):
        told = tell(*payloads, DONE)
        assert told.answer.text == told.joined() == "Hello"
        assert (told.streamer.outcome, told.notes) == ("completed", {})
    told = tell(
        chunk({"role": "assistant", "content": ""}),
        *(message("ha", **rest) for _ in range(5)),
        message("", reason, **rest),
        DONE,
    )
    assert told.answer.text == told.joined() == "ha" * 5


def test_message_beside_a_delta() -> None:
    """The delta is the piece, unless it is empty and the message has more."""
    both = [
        {"index": 0, "delta": {"role": "assistant", "content": text}, "message": {"content": whole}}
        for text, whole in (("", ""), ("He", "He"), ("ll", "Hell"), ("", "Hello"))
    ]
    told = tell(*({"choices": [one]} for one in both), STOP)
    assert told.answer.text == told.joined() == "Hello"
    assert told.steps[3] == (Piece("text", text="o"),)
    assert tell({"choices": both[3:]}, STOP).answer.text == "Hello"


def test_calls_of_a_message_after_deltas() -> None:
    """The call is there once, with the arguments of the deltas."""
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
    told = tell(
        calling(call('{"a"', id="c", name="f")),
        calling(call(":1}")),
        message({"tool_calls": calls}, "tool_calls"),
    )
    assert (
        [one.arguments for one in told.answer.calls]
        == ['{"a":1}']
        == [told.joined("call", call_id="c")]
    )


@pytest.mark.parametrize("place", ["delta", "message"])
def test_piece_without_choices(place: str) -> None:
    """A delta or message beside `object` is a piece of choice 0."""
    kind = "chat.completion.chunk"
    for piece in ({"content": "Hi"}, "Hi") if place == "delta" else ({"content": "Hi"},):
        told = tell({"object": kind, place: piece}, {"object": kind, "choices": []}, STOP)
        assert told.answer.text == told.joined() == "Hi"
    told = tell({"object": kind, place: {"content": "Hi"}, "finish_reason": "length"}, DONE)
    assert told.streamer.outcome == "incomplete"
    assert tell({"object": kind, "choices": [], place: None}, STOP).answer.text == ""


def test_readers_get_what_is_missing() -> None:
    """A reader of text alone gets all of it, once."""
    source = wire(chunk({"content": "Hel"}), whole({"content": "Hello"}))
    assert list(StreamerV2(source).text_deltas()) == ["Hel", "lo"]
    assert StreamerV2(source).read() == b"Hello"
    stream = StreamerV2(source)
    assert [(stream.text(), stream.reasoning_text()) for _ in iter(stream.next, False)] == [
        ("Hel", None),
        ("lo", None),
        (None, None),
    ]


def test_poorer_whole_answer_takes_nothing_back() -> None:
    """What came as pieces stays, if the whole answer is empty or has less."""
    pieces = [
        chunk({"content": "Hello", "reasoning": "hm"}),
        calling(call('{"x":1}', id="a", name="f")),
        chunk({}, "tool_calls"),
    ]
    for message in (
        {"content": None},
        {"content": "", "reasoning": "", "tool_calls": []},
        {"content": "Hell", "tool_calls": [call("", None, "a", "f")]},
        {"content": "Hello", "tool_calls": [call("{}", None, "a", "f")]},
        {"tool_calls": [call('{"x', None, "a", "f")]},
        {"tool_calls": [call('["x', None, "a", "f")]},
        {"tool_calls": [call('{ "x": 1 }', None, "a", "f")]},
    ):
        told = tell(*pieces, whole(message, finish_reason=None))
        assert told.answer.text == "Hello"
        assert told.answer.choices[0].message.reasoning == "hm"
        assert told.calls == [("a", "f", '{"x":1}', True)]
        assert told.texts == ["hm", "Hello", '{"x":1}']
        assert told.streamer.outcome == "completed"


def test_whole_answer_that_differs_counts_and_is_noted() -> None:
    """What has been handed out stays as it was; the answer is the server's last word."""
    told = tell(
        chunk({"content": "Hallo"}),
        calling(call('{"x":1}', id="a", name="f")),
        calling(custom("ls", 1, "b", "sh")),
        whole(
            {"content": "Hello", "tool_calls": [call('{"y":2}', None, "a"), custom("pwd", id="b")]}
        ),
    )
    assert told.texts == ["Hallo", '{"x":1}', "ls"]
    assert told.answer.text == "Hello"
    assert told.calls == [("a", "f", '{"y":2}', True), ("b", "sh", "pwd", True)]
    assert told.notes == {"text_differs": 3}


@pytest.mark.parametrize("came", ["{x}", '{"x": 1' + " " * 200 + "}"])
def test_whole_arguments_replace_what_is_broken_or_blank(came: str) -> None:
    """Arguments that are not JSON, or have blanks in them, are replaced, and a note says so."""
    told = tell(
        calling(call(came, 0, "a", "f")), whole({"tool_calls": [call('{"x":1}', None, "a", "f")]})
    )
    assert told.calls == [("a", "f", '{"x":1}', True)]
    assert told.notes == {"text_differs": 1}


def test_calls_of_a_whole_answer_are_those_of_its_pieces() -> None:
    """They are matched by their ids, or else by their places; a new one is added."""
    f, g = '{"x":1}', '{"y":2}'
    begun = [
        calling(call('{"x"', 1, "a", "f"), call(g, 2, "b", "g")),
        chunk({}, "tool_calls"),
    ]
    told = tell(*begun, whole({"tool_calls": [call(f, None, "a", "f"), call(g, None, "b", "g")]}))
    assert told.calls == [("a", "f", f, True), ("b", "g", g, True)]
    assert told.joined("call", call_id="a") == f
    told = tell(*begun, whole({"tool_calls": [call(g, None, "b", "g"), call(f, None, "c", "h")]}))
    assert told.calls == [("a", "f", '{"x"', False), ("c", "h", f, True), ("b", "g", g, True)]


def test_calls_of_a_whole_answer_under_new_ids() -> None:
    """If a gateway makes up new ids, the name and the arguments show that the call is the same."""
    f = '{"x":1}'
    told = tell(
        calling(call('{"x"', 0, "a", "f")), whole({"tool_calls": [call(f, None, "new", "f")]})
    )
    assert told.calls == [("a", "f", f, True)]
    told = tell(
        calling(call(f, 0, "a", "f")), whole({"tool_calls": [call('{"x":2}', None, "b", "f")]})
    )
    assert [(one.id, one.arguments) for one in told.answer.calls] == [("a", f), ("b", '{"x":2}')]
    told = tell(calling(call(f, 0, "a", "f")), whole({"tool_calls": [call(f, None, "b", "g")]}))
    assert [one.name for one in told.answer.calls] == ["f", "g"]
    told = tell(
        calling(custom("ls", 0, "a", "sh")), whole({"tool_calls": [custom("ls", 0, "b", "sh")]})
    )
    assert [one.id for one in told.answer.calls] == ["a"]


def test_calls_of_one_id_are_matched_one_by_one() -> None:
    """The second of an id in the whole answer is the second that came."""
    f, g = '{"x":1}', '{"x":2}'
    message = {
        "tool_calls": [call(f, None, "a", "f"), call(g, None, "a", "f"), call("", None, "a", "g")]
    }
    told = tell(calling(call(f, 0, "a", "f"), call('{"x"', 1, "a", "f")), whole(message))
    assert [(one.name, one.arguments) for one in told.answer.calls] == [
        ("f", f),
        ("f", g),
        ("g", "{}"),
    ]
    assert len({one.id for one in told.answer.calls}) == 3


def test_calls_without_ids_are_matched_by_their_places() -> None:
    """Those that came without an index are matched in the order of arrival."""
    calls = [call('{"x":1}', None, None, "f"), call('{"x":2}', None, None, "f")]
    told = tell(calling(*calls), whole({"tool_calls": calls}))
    assert [one.arguments for one in told.answer.calls] == ['{"x":1}', '{"x":2}']
    assert told.texts == ['{"x":1}', '{"x":2}']


def test_several_choices_are_completed_one_by_one() -> None:
    """Choices of a whole answer without indexes are matched by their places."""
    answer = whole({"content": "ab"}, {"content": "xy"})
    for choice in answer["choices"]:
        del choice["index"]
    told = tell(chunk({"content": "x"}, index=1), answer)
    assert (told.joined(), told.joined(choice=1)) == ("ab", "xy")
    assert [one.message.content for one in told.answer.choices] == ["ab", "xy"]


def test_spoken_answer_is_completed() -> None:
    """Transcript and sound each get what is missing."""
    spoken = {"id": "a", "transcript": "Hello", "data": base64.b64encode(b"ABCD").decode()}
    for came in (b"", b"A", b"ABCD"):
        sound = base64.b64encode(came).decode()
        told = tell(
            chunk({"audio": {"transcript": "Hel", "data": sound}}), whole({"audio": spoken})
        )
        assert told.joined() == told.answer.text == "Hello"
        audio = told.answer.choices[0].message.audio
        assert audio is not None
        assert audio.data == b"ABCD"
        pieces = [one.text for step in told.steps for one in step if one.kind == "audio"]
        assert b"".join(map(base64.b64decode, pieces)) == b"ABCD"
    other = {"data": base64.b64encode(b"XYZ").decode()}
    told = tell(chunk({"audio": {"data": "QUI="}}), whole({"audio": other}))
    assert told.joined("audio") == "QUI="


def test_transcript_beside_text_is_not_a_second_text() -> None:
    """The transcript is not handed out as text if the answer is also written."""
    told = tell(chunk({"content": "Hi"}), chunk({"audio": {"transcript": "Hi", "data": "QQ=="}}))
    assert told.joined() == told.answer.text == "Hi"
    assert told.joined("audio") == "QQ=="


def test_facts_of_a_whole_answer_are_not_doubled() -> None:
    """Role, log probabilities and annotations are there once."""
    tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.5}]
    notes = [{"type": "url_citation", "url": "1"}, {"type": "url_citation", "url": "2"}]
    first = chunk({"role": "assistant", "content": "a", "annotations": notes[:1]})
    first["choices"][0]["logprobs"] = {"content": tokens[:1]}
    last = whole({"role": "assistant", "content": "ab", "annotations": notes})
    last["choices"][0]["logprobs"] = {"content": tokens}
    [choice] = tell(first, last).answer.choices
    assert choice.logprobs is not None
    assert [one.token for one in choice.logprobs.content] == ["a", "b"]
    assert choice.message.role == "assistant"
    assert choice.message.annotations == tuple(
        URLCitation(url_citation=CitedPage(url=url)) for url in "12"
    )


def test_annotations_of_unknown_kinds_are_not_doubled() -> None:
    """They are compared by all that they have, and so are malformed ones."""
    files = [{"type": "file", "n": 1}, {"type": "file", "n": 2}, {"type": "url_citation"}]
    first = chunk({"content": "a", "annotations": [files[0], files[2]]})
    [choice] = tell(first, whole({"content": "ab", "annotations": files})).answer.choices
    assert [as_json(one) for one in choice.message.annotations] == [files[0], files[2], files[1]]


def test_whole_answer_ends_its_choices() -> None:
    """A choice of a whole answer has ended, even without a finish reason."""
    [event, _] = [decode(raw) for raw in from_answer(whole({"content": "a"}, finish_reason=None))]
    assert event.stream_parts() == ((0, "completed"),)
    [event, _] = [
        decode(raw) for raw in from_answer(whole({"content": "a"}, finish_reason="length"))
    ]
    assert event.stream_parts() == ((0, "incomplete"),)


def test_whole_answer_of_halves() -> None:
    """Two halves of a character count as the whole character in the whole text."""
    told = tell(
        chunk({"content": "\ud83d"}),
        chunk({"content": "\ude00"}),
        whole({"content": "\U0001f600!"}),
    )
    assert told.joined() == told.answer.text == "\U0001f600!"
    told = tell(chunk({"content": "\ud83d"}), whole({"content": "\U0001f600"}))
    assert told.joined() == "\U0001f600"


def test_function_call_in_the_old_form_is_delivered_once() -> None:
    """It may come in pieces, whole, and beside the same call in the new form."""
    pieces = [
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"x":1}'}}),
        chunk({}, "function_call"),
    ]
    told = tell(*pieces, whole({"function_call": {"name": "f", "arguments": '{"x":1}'}}))
    assert told.calls == [("", "f", '{"x":1}', True)]
    assert told.steps[:2] == [
        (Piece("call", name="f"),),
        (Piece("call", text='{"x":1}', name="f"),),
    ]
    assert told.texts == ['{"x":1}']
    assert told.notes == {}
    spaced = whole({"function_call": {"name": "f", "arguments": '{"x": 1}'}})
    told = tell(*pieces, spaced)
    assert (told.texts, told.notes) == (['{"x":1}'], {})
    told = tell(chunk({"function_call": {"name": "f"}}), chunk({}, "function_call"))
    assert told.calls == [("", "f", "{}", True)]
    assert told.texts == ["{}"]
    both = {
        "function_call": {"name": "f", "arguments": "{}"},
        "tool_calls": [call("{}", 0, "a", "f")],
    }
    told = tell(chunk(both), CALLED)
    assert told.calls == [("a", "f", "{}", True)]
    assert {piece.call_id for step in told.steps for piece in step} == {"a"}


# Completions.


def text(text: Any, finish_reason: str | None = None, index: int = 0, **rest: Any) -> Any:
    """Return a chunk of a completion."""
    choice = {"index": index, "text": text, "finish_reason": finish_reason}
    return {"object": "text_completion", "choices": [choice], **rest}


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (text("Hello", "stop"), ["Hel", "lo"]),
        (text("Hello!", "stop"), ["Hel", "lo", "!"]),
        (text("", "stop"), ["Hel", "lo"]),
        (text(None, "stop"), ["Hel", "lo"]),
        (text("!", "stop"), ["Hel", "lo", "!"]),
        (text("Hello", None), ["Hel", "lo", "Hello"]),
        (text("Goodbye", "stop"), ["Hel", "lo", "Goodbye"]),
    ],
    ids=repr,
)
def test_whole_completion_after_its_pieces(late: Any, expected: list[str]) -> None:
    """Only a text that ends the choice again and begins with all that came is the whole text."""
    payloads = [text("Hel"), text("lo", "stop"), late, DONE]
    assert list(StreamerV2(wire(*payloads)).text_deltas()) == expected
    assert read(*payloads).final().text == "".join(expected)


def test_whole_completion_does_not_double_its_log_probabilities() -> None:
    """Each token is there once."""
    logprobs: Any = {
        "tokens": ["a"],
        "token_logprobs": [-1.5],
        "text_offset": [0],
        "top_logprobs": [{}],
    }
    one = text("a", "stop")
    one["choices"][0]["logprobs"] = logprobs
    answer = read(one, one, DONE).final()
    assert isinstance(answer, CompletionAnswer)
    found = answer.choices[0].logprobs
    assert found is not None
    assert (found.tokens, found.token_logprobs, found.text_offset) == (("a",), (-1.5,), (0,))
    assert answer.text == "a"


def test_pieces_of_a_completion() -> None:
    """They belong to a choice; several of one choice in one event all count."""
    twice = {**text("a"), "choices": [*text("a")["choices"], *text("b", "stop")["choices"]]}
    stream = StreamerV2(wire(twice, text("x", "length", index=1), DONE))
    assert stream.next()
    assert stream.pieces() == (Piece("text", text="a"), Piece("text", text="b"))
    assert stream.event().pieces() == stream.pieces()
    assert (stream.text(), stream.finish_reason()) == ("ab", "stop")
    assert stream.next()
    assert stream.pieces() == (Piece("text", 1, "x"),)
    assert not list(filter(None, [stream.next() and stream.pieces()]))
    answer = stream.snapshot()
    assert isinstance(answer, CompletionAnswer)
    assert (answer.finish_reason, answer.counts) == ("stop", None)
    assert CompletionAnswer().finish_reason is None


# Any answer in any form.

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
SPLITS = st.lists(st.integers(0, 12), max_size=4)
ARGUMENTS = st.dictionaries(
    WORDS, st.one_of(WORDS, st.integers(0, 9), st.lists(st.booleans(), max_size=2))
)
CALL = st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "arguments": ARGUMENTS})
MESSAGE = st.fixed_dictionaries(
    {"text": WORDS, "reasoning": WORDS, "refusal": WORDS, "calls": st.lists(CALL, max_size=3)}
)


def split(data: st.DataObject, whole: str) -> list[str]:
    """Return *whole* in pieces."""
    cuts = sorted(min(cut, len(whole)) for cut in data.draw(SPLITS))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def as_content(data: st.DataObject, text: str) -> Any:
    """Return *text* in one of the forms that a content has."""
    return data.draw(
        st.sampled_from(
            [
                text,
                {"type": "text", "text": text},
                {"text": text},
                [{"type": "output_text", "text": text}],
                [{"type": "text", "text": text[:2]}, text[2:]],
            ]
        )
    )


def as_reasoning(data: st.DataObject, text: str) -> dict[str, Any]:
    """Return the fields of a delta with *text* as reasoning, in one of their forms."""
    return data.draw(
        st.sampled_from(
            [
                {"reasoning_content": text},
                {
                    "reasoning": text,
                    "reasoning_details": [{"type": "reasoning.text", "text": text}],
                },
                {"reasoning_content": text, "reasoning": text},
                {"reasoning_text": text},
                {"thinking": {"type": "thinking", "thinking": text}},
                {"reasoning_content": {"text": text}},
                {"reasoning_details": [{"summary": text}]},
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
                {"content": [{"type": "reasoning", "summary": [{"text": text}]}]},
            ]
        )
    )


def deltas_of(data: st.DataObject, number: int, message: Any) -> list[Any]:
    """Return the deltas of one choice."""
    found = [as_reasoning(data, piece) for piece in split(data, message["reasoning"])]
    found += [{"content": as_content(data, piece)} for piece in split(data, message["text"])]
    found += [{"refusal": piece} for piece in split(data, message["refusal"])]
    for place, one in enumerate(message["calls"]):
        arguments = json.dumps(one["arguments"])
        form = data.draw(st.sampled_from(["pieces", "object", "twice", "empty first", "left out"]))
        pieces: list[Any] = split(data, arguments)
        if form == "object":
            pieces = [one["arguments"]]
        elif form == "twice":
            pieces = [*pieces, *split(data, arguments)]
        elif form == "empty first":
            pieces = [*split(data, "{}"), *pieces]
        elif form == "left out" and not one["arguments"]:
            pieces = [data.draw(st.sampled_from(["", None]))]
        begun = call("", place, f"{number}-{place}", one["name"])
        found += [{"tool_calls": [begun]}]
        found += [{"tool_calls": [call(piece, place)]} for piece in pieces]
    return found


def message_of(data: st.DataObject, number: int, message: Any) -> dict[str, Any]:
    """Return the whole message of one choice."""
    calls = [
        {
            "id": f"{number}-{place}",
            "type": "function",
            "function": {
                "name": one["name"],
                "arguments": data.draw(
                    st.sampled_from([json.dumps(one["arguments"]), one["arguments"]])
                ),
            },
        }
        for place, one in enumerate(message["calls"])
    ]
    return {
        "content": as_content(data, message["text"]),
        "reasoning_content": message["reasoning"],
        "refusal": message["refusal"],
        "tool_calls": calls,
    }


def payloads_of(data: st.DataObject, messages: Any, usage: Any, *, ends: str) -> list[Any]:
    """Return the payloads of a stream with this answer."""
    form = data.draw(st.sampled_from(["deltas", "whole", "deltas and whole", "some and whole"]))
    chunks = [
        chunk(delta, index=number)
        for number, message in enumerate(messages)
        for delta in deltas_of(data, number, message)
    ]
    if form == "some and whole":
        chunks = chunks[: data.draw(st.integers(0, len(chunks)))]
    if form != "deltas":
        found = [message_of(data, number, message) for number, message in enumerate(messages)]
        chunks = chunks if form != "whole" else []
        return [*chunks, whole(*found, finish_reason=ends, usage=usage)]
    ended = [chunk({}, ends, index=number) for number in range(len(messages))]
    if data.draw(st.booleans()):  # entries of several chunks in one
        entries = [entry for one in (*chunks, *ended) for entry in one["choices"]]
        size = data.draw(st.integers(1, 3))
        chunks = [
            {"object": "chat.completion.chunk", "choices": entries[at : at + size]}
            for at in range(0, len(entries), size)
        ]
        ended = []
    place = data.draw(st.sampled_from(["usage", "x_groq", "choice"]))
    last: Any = {"object": "chat.completion.chunk", "choices": []}
    if place == "choice":
        last["choices"] = [{"index": 0, "delta": {}, "usage": usage}]
    else:
        last[place] = usage if place == "usage" else {"usage": usage}
    return [*chunks, *ended, last, DONE]


@given(data=st.data(), messages=st.lists(MESSAGE, min_size=1, max_size=2))
def test_any_answer_in_any_form(data: st.DataObject, messages: Any) -> None:
    """Text, reasoning, calls, usage and end are those of the answer, and so are the pieces."""
    ends = data.draw(st.sampled_from(["stop", "length"]))
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    payloads = payloads_of(data, messages, usage, ends=ends)
    source = wire(*payloads)
    if data.draw(st.booleans()):  # glued: without the blank lines between them
        chunks = [one for one in source if b"[DONE]" not in one and b"chunk" in one]
        rest = source[len(chunks) :]
        source = [b"".join(one[:-2] for one in chunks) + b"\n\n", *rest] if chunks else source
    stream = StreamerV2(source)
    told: list[Piece] = []
    while stream.next():
        told += stream.pieces()
    assert stream.outcome == ("completed" if ends == "stop" else "incomplete")
    answer = stream.final()
    assert isinstance(answer, ChatCompletion)
    assert answer.counts == Counts(input=3, output=2, total=5)
    assert answer.finish_reason == ends
    joined = join(told)
    calls = iter(answer.calls)
    for number, (expected, choice) in enumerate(zip(messages, answer.choices, strict=True)):
        assert (choice.message.content or "") == joined["text", number, ""] == expected["text"]
        assert (choice.message.reasoning or "") == expected["reasoning"]
        assert joined["reasoning", number, ""] == expected["reasoning"]
        assert (
            (choice.message.refusal or "") == joined["refusal", number, ""] == expected["refusal"]
        )
        for place, one in enumerate(expected["calls"]):
            found = next(calls)
            assert (found.id, found.name, found.complete) == (
                f"{number}-{place}",
                one["name"],
                True,
            )
            assert found.parsed() == one["arguments"]
            assert joined["call", number, found.id] == found.arguments
    assert not list(calls)


def test_event_tells_what_it_brings_by_itself() -> None:
    """The pieces of an event do not depend on the events before it."""
    payload = chunk(
        {
            "reasoning": "r",
            "content": "t",
            "refusal": "n",
            "audio": {"data": "QQ=="},
            "tool_calls": [call("{", 0, "a", "f"), custom("ls", 1), {"index": 2}],
        }
    )
    event = decode(RawEvent("message", json.dumps(payload)))
    assert event.pieces() == (
        Piece("reasoning", text="r"),
        Piece("text", text="t"),
        Piece("refusal", text="n"),
        Piece("audio", text="QQ=="),
        Piece("call", text="{", call_id="a", name="f"),
        Piece("call", text="ls"),
        Piece("call"),
    )
    old = chunk({"function_call": {"name": "f", "arguments": "{"}})
    event = decode(RawEvent("message", json.dumps(old)))
    assert event.pieces() == (Piece("call", text="{", name="f"),)


def test_message_of_a_whole_answer_in_parts() -> None:
    """A whole message has its text and its reasoning apart, as its pieces would have."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
        {"type": "text", "text": "Hi"},
    ]
    [choice] = tell(whole({"content": parts})).answer.choices
    assert choice.message == ChatMessage(role="assistant", content="Hi", reasoning="Hm")


@given(
    data=st.data(),
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=1, max_size=3),
)
def test_any_completion_in_any_form(data: st.DataObject, texts: list[str]) -> None:
    """Text, usage and end are those of the answer, and so are the pieces."""
    ends = data.draw(st.sampled_from(["stop", "length"]))
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    form = data.draw(st.sampled_from(["deltas", "whole", "deltas and whole"]))
    payloads: list[Any] = []
    if form != "whole":
        pieces = [
            text(piece, index=number)
            for number, whole_text in enumerate(texts)
            for piece in split(data, whole_text)
        ]
        payloads += [*pieces, *(text("", ends, number) for number in range(len(texts)))]
    if form != "deltas":
        choices = [text(one, ends, number)["choices"][0] for number, one in enumerate(texts)]
        payloads.append({"object": "text_completion", "choices": choices})
    if data.draw(st.booleans()):  # as chunks of another name
        payloads = [{**one, "object": "text_completion.chunk"} for one in payloads]
    payloads.append({"object": "text_completion", "choices": [], "usage": usage})
    source = wire(*payloads, DONE)
    if data.draw(st.booleans()):  # glued: without the blank lines between them
        source = [b"".join(one[:-2] for one in source[:-1]) + b"\n\n", source[-1]]
    stream = StreamerV2(source)
    told: list[Piece] = []
    while stream.next():
        told += stream.pieces()
    assert stream.outcome == ("completed" if ends == "stop" else "incomplete")
    answer = stream.final()
    assert isinstance(answer, CompletionAnswer)
    assert (answer.counts, answer.finish_reason) == (Counts(input=3, output=2, total=5), ends)
    joined = join(told)
    for number, (expected, choice) in enumerate(zip(texts, answer.choices, strict=True)):
        assert choice.text == joined["text", number, ""] == expected


def test_many_choices_can_be_asked_one_by_one() -> None:
    """Each choice has its own text, even if one event has a piece for every choice."""
    deltas = [{"index": index, "delta": {"content": f"<{index}>"}} for index in range(20)]
    s = StreamerV2(
        wire(
            {"object": "chat.completion.chunk", "choices": deltas},
            {"object": "chat.completion.chunk", "choices": deltas[::2]},
        )
    )
    assert s.next()
    assert [s.text(choice) for choice in range(21)] == [*(f"<{n}>" for n in range(20)), None]
    assert s.reasoning_text(3) is None
    assert s.next()
    assert [s.text(choice) for choice in range(4)] == ["<0>", None, "<2>", None]
