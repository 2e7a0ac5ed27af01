"""Whole answers of a stream: current at every step, final only if whole, and cheap."""

from __future__ import annotations

import functools
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import recordings
from drivers import DRIVERS

from openai_scan import (
    APIError,
    ChatCompletion,
    DoneEvent,
    Event,
    EventStreamError,
    RawEvent,
    ScanError,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    TruncatedStreamError,
    UnknownEvent,
)
from openai_scan.events import Fold, decode, folds
from openai_scan.events.assistants import TextPart, ThreadMessageCompleted
from openai_scan.events.assistants.snapshot import AssistantsFold
from openai_scan.events.audio import TranscriptTextDone
from openai_scan.events.audio.snapshot import AudioFold
from openai_scan.events.chat.fold import ChatFold
from openai_scan.events.completions.snapshot import CompletionFold
from openai_scan.events.images.snapshot import ImagesFold
from openai_scan.events.responses.base import BringsResponse
from openai_scan.events.responses.snapshot import ResponseAnswer, ResponseFold
from openai_scan.surrogates import mend
from openai_scan.values import Answer, Call

DONE = b"data: [DONE]\n\n"


@pytest.fixture(autouse=True)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with both drivers, except those of recordings, which are about the folds."""
    monkeypatch.setitem(globals(), "StreamerV2", DRIVERS[getattr(request, "param", "blocking")])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """See `driver`."""
    if "name" not in metafunc.fixturenames:
        metafunc.parametrize("driver", DRIVERS, indirect=True)


def data(payload: Any) -> bytes:
    """Return the bytes of an event without a name."""
    return b"data: %s\n\n" % json.dumps(payload).encode()


def chunk(content: str, finish_reason: str | None = None) -> bytes:
    """Return the bytes of a chat chunk."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return data({"object": "chat.completion.chunk", "choices": [choice]})


def response(status: str, text: str = "", id: str = "r") -> bytes:
    """Return the bytes of an event with a response."""
    content = [{"type": "output_text", "text": text}]
    item = {"type": "message", "id": "i", "role": "assistant", "content": content}
    payload = {"id": id, "status": status, "output": [item] if text else []}
    name = "in_progress" if status == "in_progress" else "completed"
    return data({"type": f"response.{name}", "response": payload})


def read(source: Iterable[bytes], **settings: Any) -> StreamerV2:
    """Return a streamer that has come to its end."""
    streamer = StreamerV2(source, **settings)
    while streamer.next():
        pass
    return streamer


# What the streamer promises.


def test_no_snapshot_before_an_answer() -> None:
    """There is no snapshot before the first event of an answer."""
    streamer = StreamerV2([data({"type": "strange"}), chunk("a"), DONE])
    assert streamer.snapshot() is None
    assert streamer.next()
    assert streamer.snapshot() is None
    assert streamer.next()
    snapshot = streamer.snapshot()
    assert snapshot is not None
    assert snapshot.text == "a"


def test_earlier_snapshots_stay() -> None:
    """A snapshot does not change when later events come."""
    streamer = StreamerV2([chunk("a"), chunk("b", "stop"), DONE])
    streamer.next()
    first = streamer.snapshot()
    before = repr(first)
    while streamer.next():
        pass
    assert repr(first) == before
    assert streamer.final() != first


def test_final() -> None:
    """The final answer is the last snapshot, also after close()."""
    streamer = read([chunk("a"), chunk("b", "stop"), DONE])
    streamer.close()
    assert streamer.final().text == "ab"
    assert streamer.final() == streamer.snapshot()


def test_final_incomplete() -> None:
    """An answer that a limit has cut short is returned as it is."""
    streamer = read([chunk("a", "length"), DONE])
    assert (streamer.outcome, streamer.final().text) == ("incomplete", "a")


def test_final_requires_action() -> None:
    """A run that waits for tool outputs is returned with its calls."""
    function = {"name": "f", "arguments": '{"x":1}'}
    calls = [{"id": "c", "type": "function", "function": function}]
    run = {"id": "r", "status": "requires_action"}
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    payload = json.dumps({**run, "required_action": action}).encode()
    streamer = read([b"event: thread.run.requires_action\ndata: %s\n\n" % payload])
    assert streamer.outcome == "requires_action"
    assert streamer.final().calls == (Call(id="c", name="f", arguments='{"x":1}', complete=True),)


class Late:
    """A source that brings a chunk, and then nothing in time."""

    def __iter__(self) -> Iterator[bytes]:
        yield chunk("a")
        raise StreamTimeoutError("late")


REFUSALS: dict[str, tuple[Iterable[bytes], type[ScanError], str]] = {
    "truncated": ([chunk("a")], TruncatedStreamError, "truncated"),
    "failed": ([chunk("a"), data({"error": {"message": "no"}}), DONE], APIError, "failed"),
    "timed out": (Late(), StreamTimeoutError, "timed_out"),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_final_refuses(how: str) -> None:
    """An answer that is not whole is not given out as final; the error has what came."""
    source, error, outcome = REFUSALS[how]
    streamer = read(source)
    assert streamer.outcome == outcome
    with pytest.raises(error) as caught:
        streamer.final()
    assert caught.value is streamer.err()
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.text == "a"
    snapshot = streamer.snapshot()
    assert snapshot is not None
    assert snapshot.text == "a"


def test_final_after_cancel() -> None:
    """A cancelled stream has no final answer."""
    streamer = StreamerV2([chunk("a"), DONE])
    streamer.next()
    streamer.cancel()
    assert not streamer.next()
    with pytest.raises(StreamCancelledError) as caught:
        streamer.final()
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.text == "a"


@pytest.mark.parametrize("where", ["here", "there"])
def test_final_without_an_error(where: str) -> None:
    """A stream that was left early, or cancelled by the server, has no final answer either."""
    if where == "here":
        streamer = StreamerV2([chunk("a"), DONE])
        streamer.next()
        streamer.close()
    else:
        streamer = read([response("in_progress", "a"), response("cancelled", "a"), DONE])
    assert (streamer.outcome, streamer.err()) == ("cancelled", None)
    with pytest.raises(StreamCancelledError) as caught:
        streamer.final()
    assert str(caught.value) == "the answer was cancelled before it was complete"
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.text == "a"
    assert caught.value.events_read > 0
    assert caught.value.bytes_read > 0


def test_final_of_nothing() -> None:
    """A stream that ended well without an answer has no final answer."""
    with pytest.raises(EventStreamError) as caught:
        read([DONE]).final()
    assert str(caught.value) == "the stream ended without an error but contained no answer"
    assert caught.value.snapshot is None


def test_final_counts_as_asked() -> None:
    """If final() has raised the error, the end of `with` does not raise it again."""
    with StreamerV2([chunk("a")]) as streamer:
        while streamer.next():
            pass
        with pytest.raises(TruncatedStreamError):
            streamer.final()


def test_error_shows_no_answer() -> None:
    """The error carries the answer and does not show it."""
    error = read([chunk("secret")]).err()
    assert error is not None
    assert error.snapshot is not None
    assert "secret" not in str(error) + repr(error)


def test_events_outside_any_family() -> None:
    """Events of no family change nothing."""
    done = DoneEvent(raw=RawEvent("done", "[DONE]"))
    assert folds.fold(done, None, print) is None
    assert folds.fold(Event(raw=RawEvent("message", "")), None, print) is None


def test_a_family_needs_a_fold() -> None:
    """An event of a family that has no fold is a mistake in the family, reported by its name."""

    class PetEvent(Event):
        """An event of an unknown family."""

        family = "pets"

    with pytest.raises(ValueError, match="no fold for the family 'pets'"):
        folds.fold(PetEvent(raw=RawEvent("pet", "{}")), None, print)


@pytest.mark.parametrize(
    "fold",
    [AssistantsFold, AudioFold, ChatFold, CompletionFold, ImagesFold, ResponseFold],
    ids=lambda cls: cls.family,
)
def test_events_of_another_family(fold: Callable[[], Fold]) -> None:
    """A fold that is handed an event of another family leaves it alone."""
    state = fold()
    before = state.value()
    done = DoneEvent(raw=RawEvent("done", "[DONE]"))
    if not isinstance(state, ResponseFold):  # it is handed those of its own family only
        state.take(done, print)
    assert state.appender(done) is None
    assert state.value() == before


# Streams in a chain.

FAMILIES = {
    "chat": [[chunk("a", "stop"), DONE], [chunk("b", "stop"), DONE]],
    "responses": [[response("completed", "a", "1"), DONE], [response("completed", "b", "2"), DONE]],
    "completions": [
        [
            data(
                {"object": "text_completion", "choices": [{"text": text, "finish_reason": "stop"}]}
            ),
            DONE,
        ]
        for text in "ab"
    ],
    "audio": [[data({"type": "transcript.text.done", "text": text}), DONE] for text in "ab"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_chain(family: str) -> None:
    """A new answer in a chain starts empty; until then, the previous one is available."""
    first, second = FAMILIES[family]
    streamer = StreamerV2(first)
    streamer.chain([data({"type": "strange"}), *second])
    texts = []
    while streamer.next():
        snapshot = streamer.snapshot()
        assert snapshot is not None
        texts.append(snapshot.text)
    assert texts == ["a", "a", "a", "b", "b"]
    assert streamer.final().text == "b"


def test_chain_of_images() -> None:
    """The images of another stream of a chain are another answer."""
    image = data({"type": "image_generation.completed", "b64_json": "QQ=="})
    streamer = StreamerV2([image])
    streamer.chain([image])
    while streamer.next():
        pass
    answer: Any = streamer.final()
    assert len(answer.images) == 1


def test_chain_before_any_answer() -> None:
    """A chain may begin with a stream that has no answer."""
    streamer = StreamerV2([DONE])
    streamer.chain([chunk("b", "stop"), DONE])
    while streamer.next():
        pass
    assert streamer.final().text == "b"


# What a call promises.


def test_parsed() -> None:
    """The arguments of a complete call are a Python value."""
    assert Call(id="c", name="f", arguments='{"x": 1}', complete=True).parsed() == {"x": 1}


def test_parsed_too_early() -> None:
    """The arguments of a call that is not complete are not given out as a value."""
    with pytest.raises(ValueError, match="not complete"):
        Call(id="c", name="f", arguments="{}", complete=False).parsed()


# What it costs.


def work(step: Callable[[], object]) -> int:
    """Return how many trace events *step* causes: bytecodes, lines, calls and returns."""
    count = 0

    def trace(frame: Any, _event: str, _arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += 1
        return trace

    before = sys.gettrace()
    gc.disable()  # hypothesis looks on at each collection, and that would count
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def delta(family: str, number: int) -> dict[str, Any]:
    """Return a payload that adds text, tool arguments or the like."""
    match family:
        case "chat":
            call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "1,"}}
            choice: Any = {"index": 0, "delta": {"content": "word ", "tool_calls": [call]}}
            return {"object": "chat.completion.chunk", "id": str(number), "choices": [choice]}
        case "completions":
            return {"object": "text_completion", "choices": [{"index": 0, "text": "word "}]}
        case "responses":
            name = "response.output_text.delta"
            return {"type": name, "output_index": 0, "content_index": 0, "delta": "word "}
        case "assistants":
            part = {"index": 0, "type": "text", "text": {"value": "word "}}
            return {"object": "thread.message.delta", "id": "m", "delta": {"content": [part]}}
        case _:
            return {"type": "transcript.text.delta", "delta": "word "}


@pytest.mark.unmeasured
@pytest.mark.parametrize("family", ["chat", "completions", "responses", "assistants", "audio"])
def test_work_is_flat(family: str) -> None:
    """Taking in event 20,000 is the same work, to the bytecode, as taking in event 1,000."""
    event = decode(RawEvent("message", json.dumps(delta(family, 0))))
    state = folds.fold(event, None, print)
    works = {}
    for number in range(2, 20_001):
        # Python 3.12 traces the instructions of a function only from its second call on.
        if number in (999, 1_000, 20_000):
            works[number] = work(functools.partial(folds.fold, event, state, print))
        else:
            state = folds.fold(event, state, print)
    assert works[1_000] == works[20_000] > 0
    assert works[1_000] < 2_000
    assert state is not None
    assert state.value().text == "word " * 20_000


def test_asking_twice_is_free() -> None:
    """Text that has not changed is not joined again."""
    event = decode(RawEvent("message", json.dumps(delta("chat", 0))))
    state = folds.fold(event, None, print)
    assert state is not None
    assert state.value().text is state.value().text


# All recordings.

NAMES = sorted(recordings.ALL)

# After so many events, and then each time a tenth more have come, the snapshot is compared with
# a fold from scratch; a long recording would take too long otherwise. It is prime, so that it falls
# on every kind of event.
STRIDE = 7


def events_of(name: str) -> list[Event]:
    """Return the events of a recording."""
    streamer = StreamerV2([recordings.ALL[name]])
    events = []
    while streamer.next():
        events.append(streamer.event())
    return events


def fold(events: Iterable[Event]) -> Answer | None:
    """Return what *events* give from scratch."""
    state: Fold | None = None
    hole = False
    for event in events:
        hole = hole or (isinstance(event, UnknownEvent) and event.is_hole)
        state = folds.fold(event, state, Counter[str]().update)
        if state is not None:
            state.hole = hole
    return None if state is None else state.value()


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", NAMES)
def test_snapshots_are_pure(name: str) -> None:
    """A snapshot equals a fold from scratch at any time, and later events do not change it."""
    streamer = StreamerV2([recordings.ALL[name]])
    events: list[Event] = []
    taken: list[tuple[Answer | None, str]] = []
    due = STRIDE
    while streamer.next():
        events.append(streamer.event())
        if len(events) == due:
            due += STRIDE + len(events) // 10
            snapshot = streamer.snapshot()
            assert snapshot == fold(events)
            taken.append((snapshot, repr(snapshot)))
    assert streamer.snapshot() == fold(events)
    assert all(repr(snapshot) == before for snapshot, before in taken)


# The final event has another text than the deltas before it.
OTHER_TEXT = {
    "openai/Transcription_StreamingDiarizedTranscriptionWorks-UsingFilePath-.0.sse": "a blank less",
    "openai/Transcription_StreamingDiarizedTranscriptionWorks-UsingStream-.0.sse": "a blank less",
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", NAMES)
def test_final_event_agrees(name: str) -> None:
    """What the deltas alone give, without any `done`, is what the stream's final events say."""
    events = events_of(name)
    whole = [event for event in events if is_whole(event)]
    ends = (".done", ".completed", ".incomplete")
    from_deltas = fold(event for event in events if not event.type.endswith(ends))
    if name in OTHER_TEXT:
        assert from_deltas is not None
        [end] = whole
        assert from_deltas.text == f" {said(end)}"
    elif from_deltas is None:
        assert not any(event.unwrap_text() for event in events)
    elif whole:
        assert from_deltas.text == mend("".join(map(said, whole)))
        assert arguments(from_deltas) == arguments(fold(events))
    elif isinstance(from_deltas, ChatCompletion):
        # Chat Completions have no final event: each choice is the sum of its deltas.
        for choice in from_deltas.choices:
            pieces = [event.unwrap_text(choice.index) or "" for event in events]
            audio = choice.message.audio
            spoken = "" if audio is None else audio.transcript
            assert (choice.message.content or spoken) == mend("".join(pieces))


def is_whole(event: Event) -> bool:
    """Tell whether *event* repeats the whole text or all calls."""
    match event:
        case BringsResponse(response=one):
            return bool(one.output) and event.final_status() in ("completed", "incomplete")
        case ThreadMessageCompleted() | TranscriptTextDone():
            return True
        case _:
            return False


def said(event: Event) -> str:
    """Return the text that a final event repeats."""
    match event:
        case BringsResponse(response=one):
            return ResponseAnswer(response=one).text
        case ThreadMessageCompleted(message=message):
            return "".join(
                part.text.value for part in message.content if isinstance(part, TextPart)
            )
        case TranscriptTextDone(text=text):
            return text
        case _:
            return ""


def arguments(answer: Answer | None) -> list[tuple[str, str, str]]:
    """Return the calls without their completeness."""
    assert answer is not None
    return [(call.id, call.name, call.arguments) for call in answer.calls]
