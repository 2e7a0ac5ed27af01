"""Repetitions: an event built without parsing its payload equals the parsed event."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter
from typing import Any
from unittest import mock

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openai_scan import StreamerV2
from openai_scan.events import Event, UnknownEvent, decode
from openai_scan.events.chat import ChatCompletionChunk, Choice, ChoiceDelta
from openai_scan.events.decoding import repeats
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.responses import ResponseOutputTextDelta
from openai_scan.sse import RawEvent, encode_all

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1770950778,
    "model": "m",
    "service_tier": None,
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
    "obfuscation": "xyz",
}


def chunk(content: Any, **more: Any) -> RawEvent:
    """Return a chunk with this content."""
    return delta_chunk({"content": content}, **more)


def delta_chunk(delta: dict[str, Any], **more: Any) -> RawEvent:
    """Return a chunk with this delta."""
    choice = {**CHUNK["choices"][0], "delta": delta}  # type: ignore[index] # a list
    return RawEvent("message", json.dumps({**CHUNK, "choices": [choice], **more}))


def learned(*raws: RawEvent) -> Structurer:
    """Return a structurer that has decoded these events."""
    structure = Structurer()
    for raw in raws:
        decode(raw, structure)
    return structure


def facts(event: Event) -> tuple[Any, ...]:
    """Return everything observable about an event, including what its equality ignores."""
    error = event.error if isinstance(event, UnknownEvent) else None
    return type(event), repr(event), repr(attrs.asdict(event, filter=_is_no_error)), str(error)


def _is_no_error(field: Any, _: Any) -> bool:
    return bool(field.name != "error")


def alike(raws: list[RawEvent], *, strict: bool = False) -> None:
    """Check that events decoded one after the other equal those of a stream without repetitions."""
    together, each = Counter[str](), Counter[str]()
    structure = Structurer(strict=strict, notes=together)
    apart = Structurer(strict=strict, notes=each)
    for raw in raws:
        event = decode(raw, structure)
        assert event.raw == raw
        apart.repeats = repeats.Repeats()
        assert facts(event) == facts(decode(raw, apart))
    assert together == each


# What is a repetition.


def test_a_third_event_of_the_same_text_is_a_repetition() -> None:
    """Two events show which values change; the next one is not parsed."""
    repeats = learned(chunk("a"), chunk("b", obfuscation="q")).repeats
    raw = chunk('say "caf\N{LATIN SMALL LETTER E WITH ACUTE}"\n', obfuscation="")
    assert repeats.event(raw) == ChatCompletionChunk(
        id="chatcmpl-1",
        created=1770950778,
        model="m",
        choices=(
            Choice(delta=ChoiceDelta(content='say "caf\N{LATIN SMALL LETTER E WITH ACUTE}"\n')),
        ),
        raw=raw,
    )


@pytest.mark.parametrize("text", ["c", " ", "0", "\ud83d", "\n", "null"])
def test_the_text_comes_with_its_event(text: str) -> None:
    """A repetition comes with its text; only an empty one has to be looked up in the event."""

    def spoken(content: str) -> RawEvent:
        return delta_chunk({"content": content, "audio": {"id": "a", "transcript": "spoken"}})

    repeat = learned(spoken("a"), spoken("b")).repeats._by_type["message"]
    assert repeat.adds_text
    made = repeat.make(spoken(text))
    assert made is not None
    assert made[1] == text == made[0].unwrap_text()
    made = repeat.make(spoken(""))
    assert made is not None
    assert (made[1], made[0].unwrap_text()) == ("", "spoken")


def test_an_event_of_more_than_text_comes_without_it() -> None:
    """If other pieces change along with the text, the event has to be asked for each of them."""
    raws = [delta_chunk({"content": one, "reasoning": one * 2}) for one in "abc"]
    made = learned(*raws[:2]).repeats._by_type["message"].make(raws[2])
    assert made is not None
    assert (made[1], made[0].unwrap_text()) == (None, "c")


def test_numbers_and_names_may_change_as_well() -> None:
    """Integers, floats and texts of an event may all differ in the next one."""
    data = (
        '{{"type":"response.output_text.delta","sequence_number":{},"item_id":"{}","delta":"{}",'
        '"logprobs":[{{"token":"a","logprob":{}}}]}}'
    )
    name = "response.output_text.delta"
    repeats = learned(
        RawEvent(name, data.format(8, "msg_1", "a", -0.5)),
        RawEvent(name, data.format(9, "msg_2", "b", -0.25)),
    ).repeats
    event = repeats.event(RawEvent(name, data.format(10, "msg_3", "c", -1e-7)))
    assert isinstance(event, ResponseOutputTextDelta)
    assert (event.sequence_number, event.item_id, event.delta) == (10, "msg_3", "c")
    assert event.logprobs[0].logprob == -1e-7


def test_a_repetition_is_an_event_as_any_other() -> None:
    """It is frozen and hashable, and can be copied, pickled and evolved."""
    event = learned(chunk("a"), chunk("b")).repeats.event(chunk("c"))
    assert isinstance(event, ChatCompletionChunk)
    assert event == decode(chunk("c"))
    assert hash(event) == hash(decode(chunk("c")))
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) == event
    assert attrs.evolve(event, id="other").id == "other"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.id = "other"  # type: ignore[misc] # that it cannot be done is the point
    assert [part.delta.content for part in event.choices] == ["c"]


def test_dicts_are_not_shared() -> None:
    """Changing plain JSON in one event does not change another event."""
    raws = [
        chunk(text, prompt_filter_results=[{"prompt_index": 0, "results": [{"hate": text}]}])
        for text in "abcd"
    ]
    repeats = learned(*raws[:2]).repeats
    first, second = repeats.event(raws[2]), repeats.event(raws[3])
    assert isinstance(first, ChatCompletionChunk)
    assert isinstance(second, ChatCompletionChunk)
    first.prompt_filter_results[0]["results"].append("mine")
    assert second.prompt_filter_results == ({"prompt_index": 0, "results": [{"hate": "d"}]},)


# Events that are not repetitions.


@pytest.mark.parametrize(
    "raw",
    [
        chunk(None),
        chunk(1),
        chunk("c", id="chatcmpl-2"),
        chunk("c", more=1),
        RawEvent("message", chunk("c").data + " "),
        RawEvent("message", chunk("c").data[:-1]),
        RawEvent("message", chunk("c").data.replace('"c"', '"c')),
        RawEvent("message", chunk("c").data.replace('"c"', "")),
        RawEvent("message", chunk("c").data.replace('"c"', "9" * 5000)),
        RawEvent("other", chunk("c").data),
    ],
    ids=lambda raw: raw.data[-80:],
)
def test_anything_else_is_decoded_again(raw: RawEvent) -> None:
    """An event that differs elsewhere than in the values seen to change is not a repetition."""
    assert learned(chunk("a"), chunk("b")).repeats.event(raw) is None
    alike([chunk("a"), chunk("b"), raw])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param("{}", "{}", id="the same, and unknown"),
        pytest.param('{"error":"a"}', '{"error":"b"}', id="an error"),
        pytest.param(chunk("a").data, chunk("a").data, id="nothing changes"),
        pytest.param(chunk(None).data, chunk(True).data, id="null and a boolean"),
        pytest.param(chunk("a", x=[]).data, chunk("a", x={}).data, id="brackets"),
        pytest.param(chunk("a").data, chunk("a").data.replace(" ", "  ", 1), id="spaces"),
        pytest.param(chunk(1).data, chunk(2).data, id="what does not fit its class"),
        pytest.param(chunk("a", k1=1).data, chunk("a", k2=1).data, id="a key"),
        pytest.param(
            '{"object":"chat.completion.chunk","x":"k","k":1}',
            '{"object":"chat.completion.chunk","x":"k","j":1}',
            id="a key that is a value before",
        ),
        pytest.param(
            chunk("a", zzzzz="b").data.replace("zzzzz", "err\\u006fr"),
            chunk("a", zzzzz="").data.replace("zzzzz", "err\\u006fr"),
            id="a telling value behind an escaped key",
        ),
        pytest.param(chunk("a", error="").data, chunk("a", error="b").data, id="a telling value"),
        pytest.param(chunk("a", usage={"total_tokens": 1.0}).data,
                     chunk("a", usage={"total_tokens": 2.0}).data, id="what is refused"),
        pytest.param('{"type":"transcript.text.delta","delta":"a","logprobs":[{"logprob":1}]}',
                     '{"type":"transcript.text.delta","delta":"b","logprobs":[{"logprob":2}]}',
                     id="what is converted"),
        pytest.param(chunk("ab" * 9000).data, chunk("cd" * 9000).data, id="large"),
        pytest.param(
            '{"type":"response.output_item.done","item":{"type":"message","x":"1"}}',
            '{"type":"response.output_item.done","item":{"type":"reasoning","x":"1"}}',
            id="what picks the class",
        ),
        pytest.param(
            chunk("a", x=[f"a{i}" for i in range(9)]).data,
            chunk("a", x=[f"b{i}" for i in range(9)]).data,
            id="more than is worth it",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_relied_on_is_not_learned(one: str, two: str) -> None:
    """Nothing is learned from two events unless they differ in plain values alone."""
    first, second = RawEvent("message", one), RawEvent("message", two)
    structure = learned(first, second)
    assert structure.repeats.event(second) is None
    alike([first, second, first, second])


def test_learning_ends() -> None:
    """Events that never repeat are not compared forever, and the number of names is limited."""
    structure = learned(*(chunk("a" if i % 2 else None, n=[0] * i) for i in range(40)))
    decode(chunk("b"), structure)
    decode(chunk("c"), structure)
    assert structure.repeats.event(chunk("d")) is None
    many = learned(*(RawEvent(f"name.{i}", "{}") for i in range(100)))
    decode(RawEvent("response.output_text.delta", '{"delta":"a"}'), many)
    decode(RawEvent("response.output_text.delta", '{"delta":"b"}'), many)
    assert many.repeats.event(RawEvent("response.output_text.delta", '{"delta":"c"}')) is None


# Any payloads.

_texts = st.text(max_size=5) | st.sampled_from(['"', "\\", "\ud83d", "\n", "\N{GRINNING FACE}", ""])
_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _texts, st.just([]), st.just({"k": 1})
)

BASES: list[tuple[str, dict[str, Any]]] = [
    ("message", CHUNK),
    ("message", {"object": "text_completion", "choices": [{"index": 0, "text": "a"}], "id": "c"}),
    (
        "thread.message.delta",
        {"id": "msg_1", "delta": {"content": [
            {"index": 0, "type": "text", "text": {"value": "a", "annotations": []}}]}},
    ),
    ("response.output_text.delta", {"type": "response.output_text.delta", "delta": "a",
                                    "item_id": "msg_1", "output_index": 0, "logprobs": []}),
    ("message", {"type": "transcript.text.delta", "delta": "a",
                 "logprobs": [{"token": "a", "logprob": -0.5, "bytes": [1, 2]}]}),
    ("message", {"type": "speech.audio.delta", "audio": "AAAA"}),
]  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a JSON value, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += leaves(item, (*path, key))
    return found


def is_text(value: Any, path: tuple[Any, ...]) -> bool:
    """Tell whether *path* leads to the text of one of `BASES`."""
    for key in path:
        value = value[key]
    return value in ("Hi", "a") and path[-1] in ("content", "delta", "text", "value")


@st.composite
def _streams(draw: st.DrawFn) -> list[RawEvent]:
    """Draw events that mostly repeat each other, and are mutated in one or two places."""
    name, base = draw(st.sampled_from(BASES))
    paths = leaves(base)
    usual = draw(st.lists(st.sampled_from(paths), max_size=2))
    if draw(st.booleans()):
        usual = [*[path for path in paths if is_text(base, path)], *usual[1:]]
    raws = []
    for _ in range(draw(st.integers(3, 7))):
        payload = copy.deepcopy(base)
        places = [(path, draw(_texts | st.integers() | st.floats())) for path in usual]
        if draw(st.integers(0, 3)) == 0:
            places.append((draw(st.sampled_from(paths)), draw(_values)))
        for path, value in places:
            place: Any = payload
            try:
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = value
            except (KeyError, TypeError, IndexError):  # another change took it away
                continue
        data = json.dumps(payload, ensure_ascii=draw(st.integers(0, 4)) > 0)
        if draw(st.integers(0, 9)) == 0:
            cut = draw(st.integers(0, len(data)))
            data = (
                data[:cut]
                + draw(st.sampled_from(["", " ", '"', "}", "1", '"id":"x",']))
                + data[cut:]
            )
        raws.append(RawEvent(name, data))
    return raws


@given(_streams(), st.booleans())
@example([chunk("a"), chunk("b"), chunk("\ud83d"), chunk("\ude00"), chunk(1e400)], False)
def test_events_are_the_same_as_without_repetitions(raws: list[RawEvent], strict: bool) -> None:
    """In any stream, events, notes and errors are those of a stream without repetitions."""
    alike(raws, strict=strict)


# Whole streams.


def story(raws: list[RawEvent], *, strict: bool, asks: bool) -> list[Any]:
    """Return everything that a streamer shows of a stream.

    If it *asks*, this includes the snapshot and the partial answer after each event.
    """
    s = StreamerV2(encode_all(raws), strict=strict)
    shown: list[Any] = []
    while s.next():
        shown += [*facts(s.event()), s.text()]
        if asks:
            shown += [s.snapshot(), copy.deepcopy(s.partial())]
    shown += [s.outcome, str(s.err()), s.notes, s.events_read, s.snapshot(), s.partial()]
    return shown


@given(_streams(), st.booleans(), st.booleans())
@example([chunk("a"), chunk("b"), chunk(""), chunk("c"), chunk(None), chunk("d")], False, True)
def test_a_stream_is_the_same_as_without_repetitions(
    raws: list[RawEvent], strict: bool, asks: bool
) -> None:
    """Answer, end, notes and text do not depend on what has been learned on the way."""
    # NaN is not equal to itself, and so are not two snapshots that hold it.
    raws = [attrs.evolve(raw, data=raw.data.replace("NaN", "0.5")) for raw in raws]
    with mock.patch.object(repeats, "_MAX_TRIES", 0):
        expected = story(raws, strict=strict, asks=asks)
    assert story(raws, strict=strict, asks=asks) == expected


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"finish_reason": "stop"}, id="after its end"),
        pytest.param({"logprobs": {"content": [{"token": "a", "logprob": -1.5}]}}, id="logprobs"),
        pytest.param({"delta": {"content": "a", "refusal": "no"}}, id="a refusal"),
        pytest.param({"index": 1}, id="another choice"),
        pytest.param({"delta": {"role": "assistant", "content": "a"}}, id="its role"),
        pytest.param({"delta": {"audio": {"transcript": "a", "data": "AAAA"}}}, id="sound"),
    ],
)
def test_what_comes_with_the_text_is_taken_in_each_time(more: dict[str, Any]) -> None:
    """If repetitions carry more than text, the answer has all of it, as often as it was sent."""
    choice = {"index": 0, "delta": {"content": "a"}, **more}
    data = json.dumps({**CHUNK, "choices": [choice]})
    raws = [RawEvent("message", data.replace('"a"', f'"{text}"')) for text in "abcdef"]
    with mock.patch.object(repeats, "_MAX_TRIES", 0):
        expected = story(raws, strict=True, asks=False)
    assert story(raws, strict=True, asks=False) == expected


def test_annotations_are_taken_in_each_time() -> None:
    """A delta of an Assistants message with annotations is not treated as text alone."""
    annotation = {"index": 0, "type": "file_path", "file_path": {"file_id": "f"}}
    text = {"value": "a", "annotations": [annotation]}
    content = [{"index": 0, "type": "text", "text": text}]
    data = json.dumps({"id": "msg_1", "delta": {"content": content}})
    name = "thread.message.delta"
    raws = [RawEvent(name, data.replace('"a"', f'"{text}"')) for text in "abcde"]
    with mock.patch.object(repeats, "_MAX_TRIES", 0):
        expected = story(raws, strict=True, asks=True)
    assert story(raws, strict=True, asks=True) == expected


def test_text_of_two_streams_is_not_mixed() -> None:
    """A repetition in the next stream of a chain starts a new answer."""
    raws = [chunk(text) for text in "abc"]
    ends = RawEvent("message", "[DONE]")
    s = StreamerV2(encode_all([*raws, ends]))
    s.chain(encode_all([*raws, ends]))
    texts = []
    while s.next():
        answer = s.snapshot()
        assert answer is not None
        texts.append(answer.text)
    assert texts == ["a", "ab", "abc", "abc", "a", "ab", "abc", "abc"]
