"""Another process can resume an answer that one has left: nothing twice, nothing lost."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_scan import (
    AzureClient,
    Client,
    EventStreamError,
    NotFoundError,
    RecordingError,
    RetryPolicy,
    StreamerV2,
    TruncatedStreamError,
)
from openai_scan.recording import replay
from openai_scan.sse import RawEvent, encode_all
from openai_scan.testing import FakeServer, Reply, error, json_answer

pytestmark = pytest.mark.usefixtures("wire")

LETTERS = "abcdefgh"
ID = "resp_1"
LAST = len(LETTERS) + 1
"""The number of the last event."""

ITEM = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": LETTERS, "annotations": []}],
}
FACTS = {"id": ID, "object": "response", "model": "m", "background": True}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
WHOLE = {**FACTS, "status": "completed", "output": [ITEM], "usage": USAGE}
RESUMED = "/v1/responses/resp_1?stream=true&starting_after="


def payloads(text: str = LETTERS, **facts: Any) -> list[dict[str, Any]]:
    """Return the events of a response, numbered from 0, with a delta for each letter of *text*."""
    known = {**FACTS, **facts}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**known, "status": "in_progress", "output": []}}
    ]
    events += [{"type": "response.output_text.delta", **place, "delta": letter} for letter in text]
    events.append({"type": "response.completed", "response": {**WHOLE, **facts}})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def raws(*events: dict[str, Any]) -> list[RawEvent]:
    """Return raw events."""
    return [RawEvent(event["type"], json.dumps(event)) for event in events]


def stream_of(*events: dict[str, Any]) -> Reply:
    """Return an answer with these events, which ends after them."""
    return Reply(steps=[*encode_all(raws(*events))])


EVENTS = payloads()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Serve on loopback."""
    with FakeServer(strict=False) as made:
        yield made


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    """Return a client that does not wait between attempts."""
    policy = RetryPolicy(wait_initial=0.0001, wait_max=0.0001)
    with Client("sk-1", server.base_url, retries=policy) as made:
        yield made


def left_after(client: Client, server: FakeServer, count: int) -> tuple[Any, list[RawEvent]]:
    """Return the bookmark of a stream that was left after *count* events, and those events."""
    server.add(stream_of(*EVENTS))
    seen = []
    with client.create_response_stream(model="m", input="Hi", background=True) as s:
        for _ in range(count):
            assert s.next()
            seen.append(s.event().raw)
        bookmark = s.bookmark()
    assert s.bookmark() == bookmark  # also once it is closed
    return bookmark, seen


# Bookmarks.


def test_a_bookmark_says_where_a_stream_is() -> None:
    """It has the answer's id and the number of the current event, and can be stored as JSON."""
    s = StreamerV2([*encode_all(raws(*EVENTS))])
    assert s.bookmark() is None
    for number in range(LAST):
        assert s.next()
        bookmark = s.bookmark()
        assert bookmark == {"format": 1, "answer_id": ID, "position": number}
        assert json.loads(json.dumps(bookmark)) == bookmark
    assert s.next()
    assert s.bookmark() is None  # there is nothing to resume
    assert not s.next()
    assert s.bookmark() is None


@pytest.mark.parametrize(
    "events",
    [
        payloads(background=False),
        [{key: event[key] for key in event if key != "sequence_number"} for event in EVENTS],
        [{"object": "chat.completion.chunk", "type": "", "choices": [{"index": 0, "delta": {}}]}],
        [{"type": "thread.run.created", "id": "r", "status": "queued"}],
    ],
    ids=["not in the background", "no numbers", "chat", "a run"],
)
def test_where_nothing_can_be_resumed_there_is_no_bookmark(events: Any) -> None:
    """A bookmark needs a response in the background, and numbered events."""
    s = StreamerV2([*encode_all(raws(*events[:3]))])
    while s.next():
        assert s.bookmark() is None
    assert s.bookmark() is None


def test_a_stream_that_broke_off_has_a_bookmark() -> None:
    """So has one that an error interrupted, because the answer continues on the server."""
    for end in ([], raws({"type": "error", "message": "overloaded"})):
        s = StreamerV2([*encode_all([*raws(*EVENTS[:4]), *end])])
        while s.next():
            pass
        assert s.err() is not None
        assert s.bookmark() == {"format": 1, "answer_id": ID, "position": 3}


def test_a_chained_stream_has_its_own() -> None:
    """It is None before the first event of the chained stream."""
    s = StreamerV2([*encode_all(raws(*EVENTS))])
    s.chain([*encode_all(raws(*payloads(id="resp_2")[:2]))])
    found = []
    while s.next():
        found.append(s.bookmark())
    assert [mark and mark["answer_id"] for mark in found[-3:]] == [None, "resp_2", "resp_2"]


# Resuming.


@pytest.mark.parametrize("count", [1, 2, 5, LAST])
def test_the_rest_is_handed_out_and_the_answer_is_whole(
    client: Client, server: FakeServer, count: int
) -> None:
    """The other process continues wherever the first one has left the stream."""
    bookmark, seen = left_after(client, server, count)
    bookmark = json.loads(json.dumps(bookmark))
    server.add(stream_of(*EVENTS[count:]))
    with client.resume_stream(bookmark, seen=seen) as s:
        before = s.snapshot()
        assert before is not None
        assert before.text == LETTERS[: count - 1]
        assert s.bookmark() == bookmark
        assert "".join(s.text_deltas()) == LETTERS[count - 1 :]
    assert server.requests[-1].target == f"{RESUMED}{count - 1}"
    assert s.events_read == len(EVENTS) - count
    assert s.outcome == "completed"
    assert (s.final().text, s.final().usage.total_tokens) == (LETTERS, 3)  # type: ignore[union-attr] # there is one
    assert s.notes == {}


def test_seen_events_may_be_kept_in_any_form(
    client: Client, server: FakeServer, tmp_path: Path
) -> None:
    """Raw events, events, a recording, its path, a file, bytes; also an iterator of them."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    raw = raws(*EVENTS[:4])
    body = b"".join(encode_all(raw))
    path = tmp_path / "seen.sse"
    path.write_bytes(body)
    decoded = [*StreamerV2([body], require_terminal=False)]
    forms: list[Any] = [
        raw,
        tuple(raw),
        iter(raw),
        decoded,
        path,
        str(path),
        replay(path),
        io.BytesIO(body),
        [body[:70], body[70:]],
        [bytearray(body)],
    ]
    for seen in forms:
        server.add(stream_of(*EVENTS[4:]))
        with client.resume_stream(bookmark, seen=seen) as s:
            assert s.snapshot().text == "abc"  # type: ignore[union-attr] # there is one
            assert "".join(s.text_deltas()) == "defgh"
        assert s.final().text == LETTERS


def test_a_recording_of_the_first_process_is_seen(
    client: Client, server: FakeServer, tmp_path: Path
) -> None:
    """The recording may have more events than the caller has read."""
    path = tmp_path / "first.jsonl"
    server.add(stream_of(*EVENTS[:7]))
    with client.create_response_stream(model="m", input="Hi", background=True, record=path) as s:
        for _ in range(3):
            s.next()
        bookmark = s.bookmark()
    assert bookmark is not None
    server.add(stream_of(*EVENTS[3:]))
    with client.resume_stream(bookmark, seen=path) as s:
        assert s.snapshot().text == "ab"  # type: ignore[union-attr] # there is one
        assert "".join(s.text_deltas()) == "cdefgh"


def test_the_recording_of_a_stream_that_was_interrupted_is_seen(
    client: Client, server: FakeServer, tmp_path: Path
) -> None:
    """The first process had resumed the stream by itself before it died."""
    path = tmp_path / "first.jsonl"
    server.add(stream_of(*EVENTS[:4]), stream_of(*EVENTS[4:]))
    with client.create_response_stream(model="m", input="Hi", background=True, record=path) as s:
        for _ in range(6):
            assert s.next()
        bookmark = s.bookmark()
    assert bookmark == {"format": 1, "answer_id": ID, "position": 5}
    for seen in (path, replay(path)):
        server.add(stream_of(*EVENTS[6:]))
        with client.resume_stream(bookmark, seen=seen) as s:
            assert s.snapshot().text == "abcde"  # type: ignore[union-attr] # there is one
            assert "".join(s.text_deltas()) == "fgh"


def test_the_recordings_of_several_processes_are_seen(
    client: Client, server: FakeServer, tmp_path: Path
) -> None:
    """They are read in order; a process that died early may have left an empty file."""
    first, second, third = paths = [tmp_path / f"{number}.jsonl" for number in range(3)]
    server.add(stream_of(*EVENTS[:3]), stream_of(*EVENTS[3:5]), stream_of(*EVENTS[5:]))
    stream = client.create_response_stream(model="m", input="Hi", background=True, record=first)
    with stream as s:
        for _ in range(3):
            assert s.next()
        bookmark = s.bookmark()
    assert bookmark is not None
    second.touch()
    with client.resume_stream(bookmark, seen=first, record=third) as s:
        for _ in range(2):
            assert s.next()
        bookmark = s.bookmark()
    assert bookmark is not None
    with client.resume_stream(bookmark, seen=paths) as s:
        assert s.snapshot().text == "abcd"  # type: ignore[union-attr] # there is one
        assert "".join(s.text_deltas()) == "efgh"
    s = client.resume_stream(bookmark, seen=[str(second)])
    assert not s.next()
    assert isinstance(s.err(), RecordingError)


def test_what_is_not_seen_is_refused(client: Client, tmp_path: Path) -> None:
    """Only events are accepted, and a file that does not exist is an error."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    for seen in ([7], [*raws(EVENTS[0]), "text"], [{"type": "response.created"}]):
        with pytest.raises(TypeError, match="seen must contain events or raw events"):
            client.resume_stream(bookmark, seen=seen)  # type: ignore[arg-type] # that is the point
    for wrong in (None, 7, b"data: {}"):
        with pytest.raises(TypeError, match=f"seen must be a list .*, not {type(wrong).__name__}"):
            client.resume_stream(bookmark, seen=wrong)  # type: ignore[arg-type] # likewise
    with pytest.raises(FileNotFoundError):
        client.resume_stream(bookmark, seen=tmp_path / "nothing")


def test_half_a_character_is_taken_along(client: Client, server: FakeServer) -> None:
    """Its other half comes in the other process."""
    events = payloads("ab")
    events[1]["delta"], events[2]["delta"] = "a\ud83d", "\ude00b"
    bookmark = {"format": 1, "answer_id": ID, "position": 1}
    server.add(stream_of(events[2]))
    with client.resume_stream(bookmark, seen=raws(*events[:2])) as s:
        assert s.next()
        assert s.text() == "\U0001f600b"
        assert s.snapshot().text == "a\U0001f600b"  # type: ignore[union-attr] # there is one


def test_without_seen_events_the_answer_has_what_came_since(
    client: Client, server: FakeServer
) -> None:
    """It has only what came after the bookmark, until the last event brings all of it."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    server.add(stream_of(*EVENTS[4:]))
    with client.resume_stream(bookmark) as s:
        assert s.snapshot() is None
        assert s.bookmark() == bookmark
        assert s.next()
        assert s.bookmark() == {**bookmark, "position": 4}
        assert (s.text(), s.snapshot().text) == ("d", "d")  # type: ignore[union-attr] # there is one


def test_a_resumed_stream_breaks_off_and_continues(client: Client, server: FakeServer) -> None:
    """The client resumes it again by itself, and retries if the server is busy."""
    bookmark, seen = left_after(client, server, 3)
    server.add(
        error(503, "busy"),
        stream_of(*EVENTS[3:5]),
        error(429, "busy", retry_after=0),
        stream_of(*EVENTS[5:]),
    )
    with client.resume_stream(bookmark, seen=seen) as s:
        assert "".join(s.text_deltas()) == "cdefgh"
    assert [request.target for request in server.requests[1:]] == [
        f"{RESUMED}{position}" for position in (2, 2, 4, 4)
    ]
    assert s.final().text == LETTERS


def test_it_is_resumed_a_second_time(client: Client, server: FakeServer) -> None:
    """By a third process, from the bookmark of the second one and all events so far."""
    bookmark, seen = left_after(client, server, 3)
    server.add(stream_of(*EVENTS[3:6]), stream_of(*EVENTS[6:]))
    with client.resume_stream(bookmark, seen=seen) as s:
        for _ in range(3):
            assert s.next()
            seen.append(s.event().raw)
        bookmark = s.bookmark()
    assert bookmark is not None
    with client.resume_stream(bookmark, seen=seen) as s:
        assert "".join(s.text_deltas()) == "fgh"
    assert s.final().text == LETTERS


def test_an_answer_that_is_gone_says_so(client: Client, server: FakeServer) -> None:
    """The server keeps the events for a while only."""
    server.add(error(404, "gone"))
    s = client.resume_stream({"format": 1, "answer_id": ID, "position": 3}, seen=raws(*EVENTS[:4]))
    assert not s.next()
    assert isinstance(s.err(), NotFoundError)
    assert s.err().snapshot.text == "abc"  # type: ignore[union-attr] # what was seen is kept


def test_a_rest_that_does_not_come_is_truncated(client: Client, server: FakeServer) -> None:
    """The stream is truncated, however many events were seen."""
    server.add(*[stream_of()] * 9)
    s = client.resume_stream({"format": 1, "answer_id": ID, "position": 3}, seen=raws(*EVENTS[:4]))
    assert not s.next()
    assert isinstance(s.err(), TruncatedStreamError)


def test_azure_is_asked_likewise(server: FakeServer) -> None:
    """The request goes to Azure's path, with the API version."""
    server.add(stream_of(*EVENTS[4:]))
    with AzureClient(server.url, api_key="k", api_version="v") as client:
        bookmark = {"format": 1, "answer_id": ID, "position": 3}
        with client.resume_stream(bookmark, seen=raws(*EVENTS[:4])) as s:
            assert "".join(s.text_deltas()) == "defgh"
    assert server.requests[0].target == (
        "/openai/responses/resp_1?api-version=v&stream=true&starting_after=3"
    )


def test_in_another_process(client: Client, server: FakeServer, tmp_path: Path) -> None:
    """The other process has two files: the bookmark, and the events so far."""
    bookmark, seen = left_after(client, server, 4)
    (tmp_path / "bookmark.json").write_text(json.dumps(bookmark))
    (tmp_path / "seen.sse").write_bytes(b"".join(encode_all(seen)))
    server.add(stream_of(*EVENTS[4:]))
    program = """
import json, sys
from openai_scan import Client
with Client("sk-1", sys.argv[1]) as client:
    with client.resume_stream(json.load(open("bookmark.json")), seen="seen.sse") as s:
        print(s.snapshot().text, "".join(s.text_deltas()), s.final().text)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, server.base_url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == (f"abc defgh {LETTERS}\n", "")


# A server that sends more than the rest.


def test_events_from_the_start_are_left_out(client: Client, server: FakeServer) -> None:
    """Events up to the bookmark are left out."""
    server.add(stream_of(*EVENTS))
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    with client.resume_stream(bookmark, seen=raws(*EVENTS[:4])) as s:
        assert "".join(s.text_deltas()) == "defgh"
    assert s.final().text == LETTERS
    assert s.events_read == len(EVENTS) - 4


WHOLES = [
    pytest.param(json_answer(WHOLE), id="JSON"),
    pytest.param(Reply(steps=[f"data: {json.dumps(WHOLE)}\n\n".encode()]), id="JSON as an event"),
    pytest.param(
        stream_of({"type": "response.completed", "response": WHOLE}), id="without numbers"
    ),
    pytest.param(
        stream_of(
            *[
                {key: event[key] for key in event if key != "sequence_number"}
                for event in EVENTS[1:]
            ]
        ),
        id="all without numbers",
    ),
]


@pytest.mark.unmeasured
@pytest.mark.parametrize("whole", WHOLES)
@pytest.mark.parametrize("count", [1, 4, LAST])
def test_a_whole_answer_instead_of_the_rest_gives_what_is_missing(
    client: Client, server: FakeServer, whole: Reply, count: int
) -> None:
    """Another process hands out only what is missing."""
    bookmark, seen = left_after(client, server, count)
    server.add(whole)
    with client.resume_stream(bookmark, seen=seen) as s:
        assert "".join(s.text_deltas()) == LETTERS[count - 1 :]
    assert s.outcome == "completed"
    assert (s.final().text, s.final().usage.total_tokens) == (LETTERS, 3)  # type: ignore[union-attr] # there is one


@pytest.mark.parametrize("whole", WHOLES)
def test_a_whole_answer_instead_of_the_rest_of_a_broken_stream(
    client: Client, server: FakeServer, whole: Reply
) -> None:
    """The process in which the stream broke off hands out only what is missing."""
    server.add(stream_of(*EVENTS[:4]), whole)
    with client.create_response_stream(model="m", input="Hi", background=True) as s:
        assert "".join(s.text_deltas()) == LETTERS
    assert server.requests[1].target == f"{RESUMED}3"
    assert s.outcome == "completed"
    assert s.final().text == LETTERS


def test_an_unfinished_answer_instead_of_the_rest_is_asked_for_again(
    client: Client, server: FakeServer
) -> None:
    """The response is still in progress, so the client asks for the rest once more."""
    unfinished = {**FACTS, "status": "in_progress", "output": []}
    server.add(stream_of(*EVENTS[:4]), json_answer(unfinished), stream_of(*EVENTS[4:]))
    with client.create_response_stream(model="m", input="Hi", background=True) as s:
        assert "".join(s.text_deltas()) == LETTERS
    assert [request.target for request in server.requests[1:]] == [f"{RESUMED}3"] * 2


# What is refused.


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            stream_of(*EVENTS[5:]),
            "events were lost between 3 and 5, where the stream was resumed",
        ),
        (
            stream_of(*payloads(id="resp_2")),
            "the resumed stream contains events of another answer",
        ),
        (
            json_answer({**WHOLE, "id": "resp_2"}),
            "the resumed stream contains events of another answer",
        ),
    ],
    ids=["a gap", "another answer", "another answer as a whole"],
)
def test_a_rest_that_does_not_follow_ends_the_stream(
    client: Client, server: FakeServer, rest: Reply, message: str
) -> None:
    """It fails like a stream that the client resumes by itself, and hands out nothing."""
    server.add(rest)
    s = client.resume_stream({"format": 1, "answer_id": ID, "position": 3}, seen=raws(*EVENTS[:4]))
    assert not s.next()
    assert isinstance(s.err(), EventStreamError)
    assert str(s.err()) == message
    assert s.snapshot().text == "abc"  # type: ignore[union-attr] # there is one


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (EVENTS[:3], "events are missing in seen: after 2, up to 3"),
        ([*EVENTS[:1], *EVENTS[2:4]], "events are missing in seen: after 0, up to 2"),
        ([{"type": "ping"}], "events are missing in seen: at the beginning, up to 3"),
        (EVENTS[5:], "events are missing in seen: at the beginning, up to 3"),
        (EVENTS[1:4], "events are missing in seen: at the beginning, up to 1"),
        (EVENTS[3:], "events are missing in seen: at the beginning, up to 3"),
        (
            payloads(id="resp_2")[:4],
            "the events in seen and the bookmark belong to different answers",
        ),
    ],
    ids=["the last", "one between", "all", "later ones", "the first", "some", "another answer"],
)
def test_seen_events_that_do_not_fit_end_the_stream(
    client: Client, server: FakeServer, seen: Any, message: str
) -> None:
    """Before anything is sent."""
    s = client.resume_stream({"format": 1, "answer_id": ID, "position": 3}, seen=raws(*seen))
    assert not s.next()
    assert isinstance(s.err(), EventStreamError)
    assert str(s.err()) == message
    assert server.requests == []


def test_seen_events_may_come_twice(client: Client, server: FakeServer) -> None:
    """Each event counts once; pings, and events after the bookmark, do not count."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    seen = [RawEvent("ping", ""), *raws(*EVENTS[:3], *EVENTS[1:6]), RawEvent("ping", "{}")]
    server.add(stream_of(*EVENTS[4:]))
    with client.resume_stream(bookmark, seen=seen) as s:
        assert s.snapshot().text == "abc"  # type: ignore[union-attr] # there is one
        assert "".join(s.text_deltas()) == "defgh"


def test_a_server_may_count_from_one(client: Client, server: FakeServer) -> None:
    """The first event is the one that announces the response."""
    events = [{**event, "sequence_number": number} for number, event in enumerate(EVENTS, 1)]
    server.add(stream_of(*events[4:]))
    bookmark = {"format": 1, "answer_id": ID, "position": 4}
    with client.resume_stream(bookmark, seen=raws(*events[:4])) as s:
        assert "".join(s.text_deltas()) == "defgh"


def test_a_hole_among_the_seen_events_stays_a_hole(server: FakeServer) -> None:
    """The answer is not whole, and a strict stream does not even begin."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    broken = RawEvent("response.output_text.delta", '{"type":"response.output_text.delta","del')
    glued = raws(*EVENTS[1:3])
    glued = [RawEvent("message", f"{glued[0].data}\n{glued[1].data}")]
    seen = [*raws(EVENTS[0]), *glued, broken, RawEvent("x", "{}"), *raws(EVENTS[3])]
    for strict in (False, True):
        server.add(stream_of(*EVENTS[4:]))
        with Client("sk-1", server.base_url, strict=strict) as client:
            s = client.resume_stream(bookmark, seen=[seen[0], *glued, *seen[2:]])
            texts = [s.text() for _ in iter(s.next, False)]
            assert s.outcome == "failed"
            assert s.err() is not None
            assert texts == (
                [] if strict else [*"defgh", ""] if texts[-1:] == [""] else [*"defgh", None]
            )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("bookmark", "message"),
    [
        (None, "returns None if the answer is whole or cannot be resumed"),
        ("resp_1", "a bookmark must be a dict, not str"),
        ([], "a bookmark must be a dict, not list"),
        ({}, "this is not a bookmark"),
        ({"answer_id": ID, "position": 3}, "this is not a bookmark"),
        ({"format": 1, "answer_id": ID}, "this is not a bookmark"),
        ({"format": 1, "answer_id": ID, "position": 3, "url": "x"}, "this is not a bookmark"),
        ({"format": 0, "answer_id": ID, "position": 3}, "this is not a bookmark"),
        ({"format": True, "answer_id": ID, "position": 3}, "this is not a bookmark"),
        ({"format": "1", "answer_id": ID, "position": 3}, "this is not a bookmark"),
        ({"format": 2, "answer_id": ID, "position": 3}, "format 2, from a newer version"),
        ({"format": 2, "more": 1}, "format 2, from a newer version"),
        ({"format": 1, "answer_id": 7, "position": 3}, "the answer_id of the bookmark"),
        ({"format": 1, "answer_id": "", "position": 3}, "the answer_id of the bookmark"),
        ({"format": 1, "answer_id": ID, "position": "3"}, "the position of the bookmark"),
        ({"format": 1, "answer_id": ID, "position": True}, "the position of the bookmark"),
        ({"format": 1, "answer_id": ID, "position": 3.0}, "the position of the bookmark"),
        ({"format": 1, "answer_id": ID, "position": None}, "the position of the bookmark"),
        ({"format": 1, "answer_id": ID, "position": 10**400}, "the position of the bookmark"),
        ({"format": 1, "answer_id": "..", "position": 3}, "must be an id"),
        ({"format": 1, "answer_id": "a/b", "position": 3}, "must be an id"),
        ({"format": 1, "answer_id": "a%2Fb", "position": 3}, "must be an id"),
    ],
    ids=repr,
)
def test_what_is_not_a_bookmark_is_refused(
    client: Client, server: FakeServer, bookmark: Any, message: str
) -> None:
    """At once, and nothing is sent."""
    with pytest.raises(ValueError, match=message):
        client.resume_stream(bookmark)
    assert server.requests == []


def test_where_to_continue_is_in_the_bookmark_alone(client: Client) -> None:
    """`starting_after` is refused; other arguments are as for any stream."""
    bookmark = {"format": 1, "answer_id": ID, "position": 3}
    with pytest.raises(TypeError):
        client.resume_stream(bookmark, starting_after=7)  # type: ignore[call-arg] # that is the point
    s = client.resume_stream(bookmark, include=["x"], timeout=7)
    assert s.source.request.query["include"] == ["x"]
