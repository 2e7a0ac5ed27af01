"""From JSON values to objects: types are checked; a misfit is left out or refused."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from typing import Any, Literal

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_scan import DecodeError, StreamerV2, ThreadRunCreated, UnknownEvent, UnknownTool
from openai_scan.events import decode, families
from openai_scan.events.assistants import (
    CodeInterpreterTool,
    FunctionDefinition,
    FunctionTool,
    Message,
    Run,
    RunStep,
    TextDelta,
    ThreadMessageDelta,
)
from openai_scan.events.decoding.converter import MAX_FAULTS
from openai_scan.events.decoding.structure import MAX_NOTE_LENGTH, MAX_NOTES, Structurer
from openai_scan.sse import RawEvent

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@frozen(kw_only=True)
class Round:
    """A part distinguished by its type."""

    radius: float
    type: Literal["round"] = "round"


@frozen(kw_only=True)
class Square:
    """Another part, of two kinds."""

    type: Literal["square", "cube"]
    side: int = 1


@frozen(kw_only=True)
class Sample:
    """One field of each kind."""

    text: str = "default"
    whole: int = 7
    number: float = 0.5
    flag: bool = True
    word: Literal["a", "b"] = "a"
    shape: Round | Square | None = None
    shape_or_text: str | Round | None = None
    labels: dict[str, str] | None = None
    lines: tuple[str, ...] = ()
    shapes: tuple[Round | Square | dict[str, Any], ...] = ()
    closed_shapes: tuple[Round, ...] = ()


@frozen(kw_only=True)
class Needy:
    """Fields that are required."""

    text: str
    shape: Round
    labels: dict[str, int]
    lines: tuple[str, ...]


def tolerant(payload: Any, cls: type[Any] = Sample) -> tuple[Any, dict[str, int]]:
    """Return the object that a tolerant structurer makes of *payload*, and the notes."""
    notes: Counter[str] = Counter()
    return Structurer(notes=notes)(payload, cls), dict(notes)


def fault(payload: Any, cls: type[Any] = Sample, *, strict: bool = True) -> str:
    """Return the message of the error that *payload* raises."""
    with pytest.raises(DecodeError) as caught:
        Structurer(strict=strict)(payload, cls)
    return str(caught.value)


# JSON types are checked, not coerced.


@pytest.mark.parametrize(
    ("field", "value", "typed"),
    [
        ("text", "", ""),
        ("whole", 0, 0),
        ("whole", 1.0, 1),
        ("whole", 10**400, 10**400),
        ("number", 2.5, 2.5),
        ("number", 2, 2.0),
        ("flag", False, False),
        ("word", "b", "b"),
        ("shape", None, None),
        ("shape", {"type": "round", "radius": 1}, Round(radius=1.0)),
        ("shape", {"type": "cube"}, Square(type="cube")),
        ("shape_or_text", "none", "none"),
        ("shape_or_text", {"type": "round", "radius": 1}, Round(radius=1.0)),
        ("labels", {}, {}),
        ("labels", {"a": "b"}, {"a": "b"}),
        ("lines", [], ()),
        ("lines", ["a", "b"], ("a", "b")),
        ("shapes", [{"type": "hole"}], ({"type": "hole"},)),
        ("shapes", [{}], ({},)),
    ],
    ids=repr,
)
def test_fitting_value_is_taken(field: str, value: Any, typed: Any) -> None:
    """A value of the field's JSON type is kept; an int field takes 1.0, a float field takes 2."""
    sample, notes = tolerant({field: value})
    assert sample == Sample(**{field: typed})
    assert type(getattr(sample, field)) is type(typed)
    assert notes == {}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("text", 5, "str"),
        ("text", True, "str"),
        ("text", ["a"], "str"),
        ("whole", "5", "int"),
        ("whole", 1.9, "int"),
        ("whole", True, "int"),
        ("whole", float("inf"), "int"),
        ("whole", float("nan"), "int"),
        ("number", "1.5", "float"),
        ("number", False, "float"),
        ("number", 10**400, "float"),
        ("flag", "false", "bool"),
        ("flag", 0, "bool"),
        ("word", "c", "'a' or 'b'"),
        ("word", ["a"], "'a' or 'b'"),
        ("shape", "round", "Round or Square or NoneType"),
        ("shape", {"type": "hole"}, "Round or Square or NoneType"),
        ("shape", {"type": ["round"]}, "Round or Square or NoneType"),
        ("shape", {"radius": 1}, "Round or Square or NoneType"),
        ("shape_or_text", 5, "str or Round or NoneType"),
        ("labels", [["a", "b"]], "object"),
        ("labels", "ab", "object"),
        ("lines", "ab", "list"),
        ("lines", {"a": "b"}, "list"),
        ("closed_shapes", {}, "list"),
    ],
    ids=repr,
)
def test_unfit_value_is_refused_or_left_out(field: str, value: Any, expected: str) -> None:
    """A value of another JSON type is never converted: it is refused, or left out and noted."""
    assert fault({field: value}) == f"invalid value for type, expected {expected} @ $.{field}"
    assert tolerant({field: value}) == (Sample(), {f"skipped_field: Sample $.{field}": 1})


@pytest.mark.parametrize("field", ["text", "whole", "number", "flag", "word", "lines", "shapes"])
def test_null_is_the_default(field: str) -> None:
    """Null for a field with a default means that default; it is not noted."""
    assert tolerant({field: None}) == (Sample(), {})
    assert Structurer(strict=True)({field: None}, Sample) == Sample()


def test_null_list_is_empty_where_it_is_required() -> None:
    """Null for a list that has no default is an empty list; for other fields it is refused."""
    whole = {"text": "a", "shape": {"radius": 1}, "labels": {}, "lines": None}
    assert tolerant(whole, Needy)[0].lines == ()
    assert fault({**whole, "text": None}, Needy) == "invalid value for type, expected str @ $.text"
    assert fault({**whole, "shape": None}, Needy) == (
        "invalid value for type, expected object @ $.shape"
    )


def test_missing_field_is_the_default() -> None:
    """A missing field gets its default; unknown keys are ignored."""
    assert tolerant({"new": 1, "text": "a"}) == (Sample(text="a"), {})


@pytest.mark.parametrize("payload", [None, 5, "text", [], [{}], True], ids=repr)
def test_payload_that_is_not_an_object_is_refused(payload: Any) -> None:
    """A payload that is not a JSON object is refused even by a tolerant structurer."""
    message = "invalid value for type, expected object @ $"
    assert fault(payload) == message
    assert fault(payload, strict=False) == message


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "required field missing @ $.text"),
        ({"text": 5}, "invalid value for type, expected str @ $.text"),
        ({"text": "a", "shape": {}}, "required field missing @ $.shape.radius"),
        (
            {"text": "a", "shape": {"radius": "1"}},
            "invalid value for type, expected float @ $.shape.radius",
        ),
        (
            {"text": "a", "shape": {"radius": 1}, "labels": {"b": "c"}},
            "invalid value for type, expected int @ $.labels.b",
        ),
        (
            {"text": "a", "shape": {"radius": 1}, "labels": {}, "lines": ["a", 5]},
            "invalid value for type, expected str @ $.lines[1]",
        ),
    ],
    ids=["missing", "wrong", "missing inside", "wrong inside", "in a map", "in a list"],
)
def test_misfit_of_a_needed_field_is_refused(payload: Any, message: str) -> None:
    """A misfit in a required field is always refused, and the path says where it is."""
    assert fault(payload, Needy) == message
    assert fault(payload, Needy, strict=False) == message


# Tolerance.


def test_misfit_deep_inside_costs_the_nearest_optional_field() -> None:
    """What is left out is the innermost optional field around the misfit, and nothing more."""
    run, notes = tolerant(
        {
            "id": "r",
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "prompt_token_details": {"cached_tokens": "many"},
            },
            "last_error": {"code": 5, "message": "no"},
        },
        Run,
    )
    assert run.usage.prompt_token_details.cached_tokens is None
    assert run.usage.total_tokens == 3
    assert (run.last_error.code, run.last_error.message) == (None, "no")
    assert notes == {
        "skipped_field: Run $.usage.prompt_token_details.cached_tokens": 1,
        "skipped_field: Run $.last_error.code": 1,
    }


def test_two_misfits_one_around_the_other() -> None:
    """Leaving out a field also removes a misfit inside it, whichever is found first."""
    usage: dict[str, Any] = {"prompt_tokens": 1, "total_tokens": 2, "prompt_token_details": 5}
    assert tolerant({"id": "r", "usage": usage}, Run) == (
        Run(id="r"),
        {
            "skipped_field: Run $.usage.completion_tokens": 1,
            "skipped_field: Run $.usage.prompt_token_details": 1,
        },
    )
    usage = {"prompt_token_details": 5, "completion_tokens_details": {"reasoning_tokens": "1"}}
    assert tolerant({"id": "r", "usage": usage}, Run)[0] == Run(id="r")


def test_item_that_fits_no_class_stays_a_dict() -> None:
    """A list item of a known kind that does not fit its class stays as the server sent it."""
    bad = {"type": "round", "radius": "big", "note": "kept"}
    sample, notes = tolerant({"shapes": [{"type": "round", "radius": 1}, bad, {"type": "cube"}]})
    assert sample.shapes == (Round(radius=1.0), bad, Square(type="cube"))
    assert type(sample.shapes[1]) is not Round
    assert notes == {"skipped_field: Sample $.shapes[].radius": 1}
    assert fault({"shapes": [bad]}) == (
        "invalid value for type, expected float @ $.shapes[0].radius"
    )


def test_item_that_does_not_fit_keeps_its_payload() -> None:
    """An item with two misfits, one of them optional, keeps both of its fields as they were."""
    function = {"name": 5, "strict": "yes"}
    tools: list[dict[str, Any]] = [{"type": "function", "function": function}, {"type": "function"}]
    run, notes = tolerant({"id": "r", "tools": [*tools, {"type": "code_interpreter"}]}, Run)
    unfit = [UnknownTool("function", None, tool) for tool in tools]
    assert run.tools == (*unfit, CodeInterpreterTool())
    assert [type(tool.payload) for tool in run.tools[:2]] == [dict, dict]
    assert notes == {
        "skipped_field: Run $.tools[].function.name": 1,
        "skipped_field: Run $.tools[].function.strict": 1,
        "skipped_field: Run $.tools[].function": 1,
    }


def test_item_that_is_not_an_object_is_left_out() -> None:
    """A list item that is not an object is left out, and the others stay."""
    items = [None, {"type": "cube"}, 5, "text", [["a", "b"]], {"type": "round"}, {}, True]
    sample, notes = tolerant({"shapes": items})
    assert sample.shapes == (Square(type="cube"), {"type": "round"}, {})
    assert notes == {
        "skipped_field: Sample $.shapes[]": 5,
        "skipped_field: Sample $.shapes[].radius": 1,
    }


def test_list_of_plain_values_goes_as_a_whole() -> None:
    """A list of plain values is left out whole, since removing one would shift the others."""
    assert tolerant({"lines": ["a", None, "b"]}) == (
        Sample(),
        {"skipped_field: Sample $.lines[]": 1},
    )


def test_item_of_a_closed_list_goes_alone() -> None:
    """If the list cannot hold plain dicts, an unfit object is left out, and the others stay."""
    assert tolerant({"closed_shapes": [{"radius": 1}, {}, None], "text": "a"}) == (
        Sample(text="a", closed_shapes=(Round(radius=1.0),)),
        {
            "skipped_field: Sample $.closed_shapes[].radius": 1,
            "skipped_field: Sample $.closed_shapes[]": 1,
        },
    )


def test_map_with_a_misfit_goes_as_a_whole() -> None:
    """A map with one value of the wrong type is left out, and the note names the key."""
    assert tolerant({"labels": {"a": "b", "c": 5}}) == (
        Sample(),
        {"skipped_field: Sample $.labels.c": 1},
    )


def test_payload_is_not_changed() -> None:
    """The caller's payload keeps what is left out of the object."""
    payload = {"id": "r", "model": 5, "tools": [None, {"type": "function"}]}
    tolerant(payload, Run)
    assert payload == {"id": "r", "model": 5, "tools": [None, {"type": "function"}]}


def test_text_survives_misfits_around_it() -> None:
    """A message delta keeps its text, whatever else in it does not fit."""
    annotations = [{"type": "file_citation", "index": "0"}, None]
    part = {"index": "0", "type": "text", "text": {"value": "a", "annotations": annotations}}
    event = decode(
        RawEvent(
            "thread.message.delta",
            json.dumps({"id": 5, "delta": {"role": 5, "content": [7, part, None]}}),
        )
    )
    assert isinstance(event, ThreadMessageDelta)
    assert event.unwrap_text() == "a"
    assert event.id == ""


def test_floats_for_times_are_whole_numbers() -> None:
    """Open-assistant-api sends times as floats; whole ones are accepted without a note."""
    assert tolerant({"id": "s", "created_at": 1795213640.0}, RunStep) == (
        RunStep(id="s", created_at=1795213640),
        {},
    )
    assert tolerant({"id": "s", "created_at": 1795213640.5}, RunStep)[0].created_at is None


def test_parts_within_parts_are_typed() -> None:
    """Objects in lists in objects become their classes all the way down."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"x": [1, None]}}}]
    run, notes = tolerant({"id": "r", "tools": tools}, Run)
    assert run.tools == (
        FunctionTool(function=FunctionDefinition(name="f", parameters={"x": [1, None]})),
    )
    assert notes == {}


# Events.


def test_misfit_event_is_unknown_and_says_where() -> None:
    """A known event that cannot be read becomes an unknown one; its error has name and path."""
    event = decode(RawEvent("thread.created", '{"id": null, "created_at": 1}'))
    assert isinstance(event, UnknownEvent)
    assert event.type == "thread.created"
    assert event.payload == {"id": None, "created_at": 1}
    assert str(event.error) == "thread.created: invalid value for type, expected str @ $.id"


def test_strict_refuses_what_tolerance_leaves_out() -> None:
    """A strict structurer refuses the whole event because of a misfit in an optional field."""
    raw = RawEvent("thread.run.created", '{"id": "r", "model": 5}')
    event = decode(raw, Structurer(strict=True))
    assert isinstance(event, UnknownEvent)
    assert str(event.error) == "thread.run.created: invalid value for type, expected str @ $.model"
    assert type(decode(raw)) is ThreadRunCreated


def test_deep_nesting_is_not_a_crash() -> None:
    """A payload nested deeper than the interpreter allows is a malformed event."""
    deep = "[" * 100_000 + "]" * 100_000
    for data in (deep, '{"id": "r", "model": 5, "metadata": {"a": ' + deep + "}}"):
        event = decode(RawEvent("thread.run.created", data))
        assert isinstance(event, UnknownEvent)
        assert isinstance(event.error, DecodeError)


def test_misfit_beside_deep_nesting_is_not_a_crash() -> None:
    """A payload that is too deep to be copied is an event all the same."""
    for depth in (100, 300, 500, 700, 900):
        deep = "[" * depth + "]" * depth
        data = '{"id": "r", "model": 5, "tools": [{"type": "new", "x": ' + deep + "}]}"
        event = decode(RawEvent("thread.run.created", data))
        assert event.type == "thread.run.created"


SECRET = "sk-do-not-show"


@pytest.mark.parametrize(
    "payload",
    [
        {"id": [SECRET]},
        {"id": "r", "model": [SECRET]},
        {"id": "r", "metadata": {"a": [SECRET]}},
        {"id": "r", "tools": [{"type": "function", "function": SECRET}]},
        {"id": "r", "tools": [SECRET]},
        {"id": "r", "tool_choice": [SECRET]},
        {"id": "r", "created_at": SECRET},
        {"id": "r", "temperature": SECRET},
        SECRET,
    ],
    ids=[str(number) for number in range(9)],
)
def test_errors_and_notes_never_show_a_value(
    payload: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No message, note or log line repeats a value of the payload: it may be a secret."""
    caplog.set_level(logging.DEBUG, logger="openai_scan")
    raw = RawEvent("thread.run.created", json.dumps(payload))
    event = decode(raw, Structurer(strict=True))
    assert isinstance(event, UnknownEvent)
    error: BaseException | None = event.error
    while error is not None:
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
        error = error.__cause__
    assert SECRET not in repr(event)
    notes: Counter[str] = Counter()
    decode(raw, Structurer(notes=notes))
    assert SECRET not in str(notes)
    assert SECRET not in caplog.text


def test_skipped_field_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A field that is left out can be found in the debug log, with its index and the reason."""
    caplog.set_level(logging.DEBUG, logger="openai_scan")
    tolerant({"id": "r", "tools": [{"type": "code_interpreter"}, {"type": "function"}]}, Run)
    assert caplog.messages == ["skipped Run $.tools[1].function: required field missing"]


# Notes.


def test_notes_are_counted() -> None:
    """Notes of the same place add up; all items of a list are one place."""
    notes: Counter[str] = Counter()
    structure = Structurer(notes=notes)
    structure({"id": "m", "role": 5, "content": [None, None]}, Message)
    structure({"id": "m", "role": 5}, Message)
    assert notes == {
        "skipped_field: Message $.role": 2,
        "skipped_field: Message $.content[]": 2,
    }


def test_notes_are_bounded() -> None:
    """At most `MAX_NOTES` places are noted; the rest is counted as `other`."""
    notes: Counter[str] = Counter()
    structure = Structurer(notes=notes)
    for number in range(MAX_NOTES + 50):
        structure.note(f"place {number}")
    structure.note("place 3")
    assert len(notes) == MAX_NOTES + 1
    assert notes["place 3"] == 2
    assert notes["other"] == 50


def test_one_note_is_bounded() -> None:
    """A note is cut, so an endless key sent by a server does not make it endless."""
    _, notes = tolerant({"id": "r", "metadata": {"k" * 10_000: 5}}, Run)
    assert notes == {("skipped_field: Run $.metadata." + "k" * 10_000)[:MAX_NOTE_LENGTH]: 1}


def test_without_a_counter_notes_are_dropped() -> None:
    """A structurer without a counter is tolerant as well."""
    assert Structurer()({"value": 5}, TextDelta) == TextDelta()


# Whatever comes.


@settings(deadline=None)
@given(JSON_VALUES)
def test_any_payload_is_an_object_or_a_decode_error(payload: Any) -> None:
    """For any JSON value, the structurer returns an object or raises a DecodeError."""
    for cls in (Sample, Needy, Run, Message):
        for strict in (False, True):
            with contextlib.suppress(DecodeError):
                assert isinstance(Structurer(strict=strict)(payload, cls), cls)


SAMPLES = st.fixed_dictionaries(
    {},
    optional={
        "text": JSON_VALUES,
        "whole": JSON_VALUES,
        "shape": JSON_VALUES | st.fixed_dictionaries({"type": st.just("round")}),
        "labels": st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=3),
        "lines": st.lists(st.text() | st.none(), max_size=3),
        "shapes": st.lists(
            JSON_VALUES
            | st.fixed_dictionaries(
                {"type": st.sampled_from(["round", "cube", "hole"])},
                optional={"radius": JSON_VALUES, "side": JSON_VALUES},
            ),
            max_size=5,
        ),
        "closed_shapes": st.lists(st.fixed_dictionaries({}, optional={"radius": JSON_VALUES})),
    },
)


@settings(deadline=None)
@given(SAMPLES)
def test_tolerance_reads_any_object_without_required_fields(payload: dict[str, Any]) -> None:
    """Without required fields, any object is read; there are notes exactly if strict refuses it."""
    sample, notes = tolerant(payload)
    assert isinstance(sample, Sample)
    assert all(isinstance(shape, Round | Square | dict) for shape in sample.shapes)
    if notes:
        fault(payload)
    else:
        assert Structurer(strict=True)(payload, Sample) == sample


def test_streamer_shows_the_notes() -> None:
    """What the structurer leaves out shows in the notes of the stream."""
    s = StreamerV2([b'event: thread.run.queued\ndata: {"id": "r", "usage": {}}\n\n'])
    assert s.next()
    assert s.usage() is None
    assert s.notes["skipped_field: Run $.usage.prompt_tokens"] == 1


# Payloads of nothing but faults.

CHUNK = '{"object":"chat.completion.chunk","choices":[%s]}'
DELTA = CHUNK % '{"delta":{"content":"Hi","tool_calls":[%s]},"logprobs":{"content":[%s]}}'


def many(*items: str, count: int = 10_000) -> str:
    """Return the inside of a list that repeats *items*."""
    return ",".join(items * (count // len(items)))


@pytest.mark.parametrize("count", [0, 1, MAX_FAULTS, MAX_FAULTS + 1, 10_000])
def test_list_with_more_than_a_hundred_faults_goes_as_a_whole(count: int) -> None:
    """Up to a hundred unfit items are left out one by one; with more, the whole list is."""
    items = [None] * count + [{"type": "cube"}]
    sample, notes = tolerant({"text": "a", "shapes": items})
    assert sample.text == "a"
    if count <= MAX_FAULTS:
        assert sample.shapes == (Square(type="cube"),)
        assert notes == ({"skipped_field: Sample $.shapes[]": count} if count else {})
    else:
        assert sample.shapes == ()
        assert notes == {
            "skipped_field: Sample $.shapes[]": 1,
            "skipped_field: Sample $.shapes": 1,
        }


def test_faults_inside_items_count_too() -> None:
    """The faults inside items add up, and a list that was left out is one fault."""
    bad = {"type": "round", "radius": "big"}
    assert tolerant({"shapes": [bad] * MAX_FAULTS})[0].shapes == (bad,) * MAX_FAULTS
    assert tolerant({"shapes": [bad] * (MAX_FAULTS + 1)})[0].shapes == ()
    event = decode(RawEvent("message", DELTA % (many("1"), many("1"))))
    assert event.unwrap_text() == "Hi"
    assert event.unwrap_tool_calls() is None


def test_many_faults_strictly_are_recognized_by_the_first() -> None:
    """The message of a strict structurer names the first fault."""
    assert fault({"lines": ["a", *[5] * 1000]}) == (
        "invalid value for type, expected str @ $.lines[1]"
    )


def test_many_faults_where_nothing_may_go() -> None:
    """A required list with many faults is refused as a whole."""
    payload = {"text": "a", "shape": {"radius": 1}, "labels": {}, "lines": [5] * 1000}
    assert fault(payload, Needy, strict=False) == (
        "invalid value for type, expected str @ $.lines[0]"
    )


def test_map_with_many_faults_goes_as_a_whole() -> None:
    """A map with many faults is left out, and has few notes."""
    labels = {str(number): number for number in range(1000)}
    assert tolerant({"labels": labels, "text": "a"}) == (
        Sample(text="a"),
        {"skipped_field: Sample $.labels.0": 1, "skipped_field: Sample $.labels": 1},
    )


def test_key_that_never_ends_does_not_fill_a_message() -> None:
    """A path in a message shows only the beginning of a long key."""
    assert len(fault({"labels": {"k" * 1_000_000: 5}})) < 300


def test_what_does_not_fit_keeps_no_frames() -> None:
    """An error that you keep does not keep the objects that were built before it alive."""
    event = decode(RawEvent("thread.run.created", '{"id": 5, "tools": [1, 2]}'))
    assert isinstance(event, UnknownEvent)
    waiting: list[BaseException | None] = [event.error and event.error.__cause__]
    seen = 0
    while waiting:
        error = waiting.pop()
        if error is None:
            continue
        seen += 1
        assert error.__context__ is None or error.__context__ is error.__cause__
        if not isinstance(error, DecodeError):
            assert error.__traceback__ is None
        waiting += [error.__cause__, *getattr(error, "exceptions", ())]
    assert seen > 1


def test_memory_that_runs_out_costs_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload that does not fit into memory becomes a malformed event."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    raw = RawEvent("message", CHUNK % '{"delta":{"content":"Hi"}}')
    with monkeypatch.context() as patched:
        patched.setattr(families, "parse", no_memory)
        parsed = decode(raw)
    with monkeypatch.context() as patched:
        patched.setattr(Structurer, "event", no_memory)
        built = decode(raw)
    for event in (parsed, built):
        assert isinstance(event, UnknownEvent)
        assert isinstance(event.error, DecodeError)
        assert isinstance(event.error.__cause__, MemoryError)
