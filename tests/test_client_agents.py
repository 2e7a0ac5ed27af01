"""The client's methods for the Agents API: what each sends, and what it returns."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from agent_events import SESSION_ID, begun, call, ended, message, part, session, told, turn
from folding import wire as chunks_of
from memory_wire import JSON, Hang, MemoryWire, Reply

from openai_scan import (
    BadRequestError,
    InternalServerError,
    ScanError,
    StreamCancelledError,
    StreamerV2,
    Timeout,
    TransportError,
    TruncatedStreamError,
    UnknownItem,
)
from openai_scan.client import Methods, Page
from openai_scan.client.agents import DeletedAgentSession, SentEvents
from openai_scan.events.agents import (
    AgentSession,
    FunctionCallItem,
    SessionMessage,
    Subagent,
    Turn,
)
from openai_scan.interruptions import is_interruption
from openai_scan.transport import Request, RetryPolicy, Transport
from openai_scan.transport.exchange import AsyncExchange
from openai_scan.transport.transport import AsyncTransport

URL = "http://memory.test/v1"
PATIENCE = 30

ACCEPTED = Reply([], status=202, headers={})
TURN = [*begun(), *told("m1", "Hi"), *ended()]


class Interrupt(BaseException):
    """An exception of a signal handler."""


def client_over(wire: MemoryWire, **settings: Any) -> Methods:
    """Return a client of a wire in memory."""
    known: dict[str, Any] = {
        "timeout": None,
        "retries": None,
        "stream_options": {},
        "observers": (),
    }
    return Methods(Transport(URL, key="k", wire=wire), **{**known, **settings})


def streamed(*payloads: Any) -> Reply:
    """Return an answer that streams *payloads*."""
    return Reply([*chunks_of(*payloads)])


def lines(wire: MemoryWire) -> list[str]:
    """Return the method and the path of each request."""
    return [f"{one.method} {one.url.removeprefix(URL)}" for one in wire.sent]


def body_of(wire: MemoryWire, number: int = -1) -> Any:
    """Return the JSON of the body of a request."""
    data = wire.sent[number].data
    assert isinstance(data, bytes)
    return json.loads(data)


class TestObjects:
    """What the methods return that do not stream."""

    CASES: tuple[tuple[str, Callable[[Methods], Any], Any, Any], ...] = (
        (
            "GET /agents/sessions/s1",
            lambda c: c.retrieve_agent_session("s1"),
            {"id": "s1", "status": "idle"},
            AgentSession(id="s1", status="idle"),
        ),
        (
            "POST /agents/sessions/s1",
            lambda c: c.modify_agent_session("s1", metadata={"a": "b"}),
            {"id": "s1", "metadata": {"a": "b"}},
            AgentSession(id="s1", metadata={"a": "b"}),
        ),
        (
            "POST /agents/sessions",
            lambda c: c.create_agent_session(environment={"type": "none"}, input="Hi"),
            {"id": "s1"},
            AgentSession(id="s1"),
        ),
        (
            "GET /agents/sessions",
            lambda c: c.list_agent_sessions(metadata={"a": "b"}),
            {"data": [{"id": "s1"}, {"id": "s2"}], "has_more": True},
            Page(data=(AgentSession(id="s1"), AgentSession(id="s2")), last_id="s2", has_more=True),
        ),
        (
            "GET /agents/sessions/s1/items",
            lambda c: c.list_agent_session_items("s1"),
            {"data": [message("m1", "Hi"), call("c1")], "last_id": "x"},
            None,
        ),
        (
            "GET /agents/sessions/s1/turns",
            lambda c: c.list_agent_session_turns("s1"),
            {"data": []},
            Page(),
        ),
        (
            "GET /agents/sessions/s1/turns/t1",
            lambda c: c.retrieve_agent_session_turn("s1", "t1"),
            {"id": "t1"},
            Turn(id="t1"),
        ),
        (
            "GET /agents/sessions/s1/turns/t1/items",
            lambda c: c.list_agent_session_turn_items("s1", "t1"),
            {"data": [{"type": "dream"}]},
            None,
        ),
        (
            "GET /agents/sessions/s1/subagents",
            lambda c: c.list_agent_session_subagents("s1"),
            {"data": [{"id": "a1"}]},
            Page(data=(Subagent(id="a1"),), last_id="a1"),
        ),
        (
            "GET /agents/sessions/s1/subagents/a1",
            lambda c: c.retrieve_agent_session_subagent("s1", "a1"),
            {"id": "a1"},
            Subagent(id="a1"),
        ),
        (
            "GET /agents/sessions/s1/subagents/a1/items",
            lambda c: c.list_agent_session_subagent_items("s1", "a1"),
            {"data": []},
            Page(),
        ),
        (
            "GET /agents/sessions/s1/subagents/a1/turns",
            lambda c: c.list_agent_session_subagent_turns("s1", "a1"),
            {"data": [{"id": "t1"}]},
            Page(data=(Turn(id="t1"),), last_id="t1"),
        ),
    )

    @pytest.mark.parametrize(
        ("line", "make", "answer", "expected"), CASES, ids=[c[0] for c in CASES]
    )
    def test_object_is_returned(
        self, line: str, make: Callable[[Methods], Any], answer: Any, expected: Any
    ) -> None:
        """Each method sends its request with the beta header, and returns a typed object."""
        wire = MemoryWire(Reply([json.dumps(answer).encode()], headers=JSON), blocking=True)
        made = make(client_over(wire))
        assert lines(wire) == [line]
        assert wire.sent[0].headers["OpenAI-Beta"] == "agents=v1"
        if expected is not None:
            assert made == expected

    def test_items_are_typed(self) -> None:
        """Items get the class of their kind, and an unknown kind does no harm."""
        data = [message("m1", "Hi"), call("c1"), {"type": "dream"}]
        reply = Reply([json.dumps({"data": data}).encode()], headers=JSON)
        page = client_over(MemoryWire(reply, blocking=True)).list_agent_session_items("s1")
        said, made, unknown = page
        assert isinstance(said, SessionMessage)
        assert isinstance(unknown, UnknownItem)
        assert unknown.type == "dream"
        assert isinstance(made, FunctionCallItem)
        assert made.arguments == "{}"
        assert page.last_id is None

    def test_deletion_needs_no_answer(self) -> None:
        """A deletion that is answered with an empty body has succeeded."""
        wire = MemoryWire(Reply([]), blocking=True)
        made = client_over(wire).delete_agent_session("s1")
        assert made == DeletedAgentSession(id="s1")
        assert lines(wire) == ["DELETE /agents/sessions/s1"]

    def test_events_are_sent(self) -> None:
        """Text is a message of the user, and one event needs no list."""
        wire = MemoryWire(ACCEPTED, ACCEPTED, ACCEPTED, blocking=True)
        client = client_over(wire)
        assert client.send_agent_session_events("s1", "Hi") == SentEvents(session_id="s1")
        content = [{"type": "input_text", "text": "Hi"}]
        event = {
            "type": "agent.session.input.message",
            "input": [{"role": "user", "content": content}],
        }
        assert body_of(wire) == {"events": [event]}
        client.send_agent_session_events("s1", [{"type": "agent.session.input.cancel"}])
        assert body_of(wire) == {"events": [{"type": "agent.session.input.cancel"}]}
        client.send_agent_session_events("s1", {"type": "agent.session.input.cancel"})
        assert body_of(wire) == {"events": [{"type": "agent.session.input.cancel"}]}
        assert "Idempotency-Key" in wire.sent[0].headers


class TestStreams:
    """The methods that stream."""

    def test_session_is_created_and_streamed(self) -> None:
        """A new session is streamed with its first turn."""
        wire = MemoryWire(streamed(*TURN), blocking=True)
        client = client_over(wire)
        with client.create_agent_session_stream(
            environment={"type": "none"}, agent={"model": "m"}, input="Hi"
        ) as s:
            assert "".join(s.text_deltas()) == "Hi"
            assert s.final().text == "Hi"
        assert lines(wire) == ["POST /agents/sessions"]
        assert body_of(wire) == {
            "environment": {"type": "none"},
            "agent": {"model": "m"},
            "input": "Hi",
            "stream": True,
        }

    def test_session_is_followed(self) -> None:
        """The stream of an existing session has what happens from now on."""
        wire = MemoryWire(streamed(session("idle"), *TURN), blocking=True)
        with client_over(wire).retrieve_agent_session_stream("s1", include_obfuscation=False) as s:
            assert s.final().text == "Hi"
        assert lines(wire) == ["GET /agents/sessions/s1/events"]
        assert ("include_obfuscation", "false") in wire.sent[0].query

    def test_method_that_streams_says_so(self) -> None:
        """If you pass `stream`, the error says that the method always streams."""
        with pytest.raises(TypeError, match="this method always streams"):
            client_over(MemoryWire(blocking=True)).retrieve_agent_session_stream(
                "s1",
                stream=True,  # type: ignore[call-arg] # what the test is about
            )


class TestSending:
    """Events that are sent as soon as the stream has begun."""

    def test_events_are_sent_once_the_stream_is_open(self) -> None:
        """The client opens the stream before it sends the events, so that nothing is missed."""
        wire = MemoryWire(streamed(*TURN), ACCEPTED, blocking=True)
        client = client_over(wire)
        stream = client.send_agent_session_events_stream(
            "s1", "Hi", include_obfuscation=False, extra_headers={"X-Trace": "1"}
        )
        assert wire.sent == []
        assert stream.final().text == "Hi"
        events = "/agents/sessions/s1/events"
        assert lines(wire) == [f"GET {events}", f"POST {events}"]
        assert body_of(wire)["events"][0]["type"] == "agent.session.input.message"
        assert wire.sent[1].query == ()
        assert all(one.headers["X-Trace"] == "1" for one in wire.sent)
        assert all(one.headers["OpenAI-Beta"] == "agents=v1" for one in wire.sent)

    def test_refusal_ends_the_stream(self) -> None:
        """If the server refuses the events, the stream ends with its error."""
        refused = Reply([b'{"error": {"message": "busy"}}'], status=400, headers=JSON)
        wire = MemoryWire(streamed(*TURN), refused, blocking=True)
        stream = client_over(wire).send_agent_session_events_stream("s1", "Hi")
        assert not stream.next()
        assert isinstance(stream.err(), BadRequestError)
        assert wire.closed == 1

    def test_events_are_sent_again_under_the_same_key(self) -> None:
        """A temporary refusal is retried while the stream stays open."""
        busy = Reply([b"{}"], status=503, headers=JSON)
        wire = MemoryWire(streamed(*TURN), busy, ACCEPTED, blocking=True)
        assert client_over(wire).send_agent_session_events_stream("s1", "Hi").final().text == "Hi"
        assert [one.method for one in wire.sent] == ["GET", "POST", "POST"]
        assert wire.sent[1].headers["Idempotency-Key"] == wire.sent[2].headers["Idempotency-Key"]

    def test_events_are_never_sent_twice_by_a_retry_of_the_stream(self) -> None:
        """The stream is not retried later, since the server may have accepted the events."""
        busy = Reply([b"{}"], status=503, headers=JSON)
        retries = RetryPolicy(attempts=2)
        wire = MemoryWire(streamed(*TURN), busy, busy, blocking=True)
        stream = client_over(wire, retries=retries).send_agent_session_events_stream("s1", "Hi")
        assert not stream.next()
        assert isinstance(stream.err(), InternalServerError)
        assert [one.method for one in wire.sent] == ["GET", "POST", "POST"]
        broken = Reply([OSError("reset")])
        wire = MemoryWire(broken, ACCEPTED, blocking=True)
        stream = client_over(wire, retries=retries).send_agent_session_events_stream("s1", "Hi")
        assert not stream.next()
        assert isinstance(stream.err(), TransportError)
        assert [one.method for one in wire.sent] == ["GET", "POST"]

    def test_stream_that_cannot_be_opened_is_retried(self) -> None:
        """Nothing has been sent to the session then."""
        busy = Reply([b"{}"], status=503, headers=JSON)
        wire = MemoryWire(busy, streamed(*TURN), ACCEPTED, blocking=True)
        assert client_over(wire).send_agent_session_events_stream("s1", "Hi").final().text == "Hi"
        assert [one.method for one in wire.sent] == ["GET", "GET", "POST"]

    def test_nothing_is_sent_if_the_answer_is_not_a_stream(self) -> None:
        """No events are sent, since their effects could not be seen."""
        wire = MemoryWire(Reply([b'{"id": "s1"}'], headers=JSON), blocking=True)
        stream = client_over(wire).send_agent_session_events_stream("s1", "Hi")
        assert not stream.next()
        assert lines(wire) == ["GET /agents/sessions/s1/events"]

    def test_own_exception_leaves_as_it_is(self) -> None:
        """What a signal handler raises while the events are sent leaves next() unchanged."""
        wire = MemoryWire(streamed(*TURN), Reply(before=[Interrupt()]), blocking=True)
        stream = client_over(wire).send_agent_session_events_stream("s1", "Hi")
        assert is_interruption(Interrupt())
        with pytest.raises(Interrupt):
            stream.next()
        assert stream.outcome == "cancelled"
        assert stream.source.interrupted

    @pytest.mark.parametrize("is_retry", [False, True])
    def test_it_can_be_cancelled_meanwhile(self, *, is_retry: bool) -> None:
        """Another thread can cancel while the events are sent, or sent again after a refusal."""

        async def run() -> None:
            hang = Hang()
            busy = [Reply([b"{}"], status=503, headers=JSON)] if is_retry else []
            wire = MemoryWire(streamed(*TURN), *busy, Reply(before=[hang]))
            post = Request(method="POST", path="/y", may_answer_nothing=True)
            request = Request(method="GET", path="/x", once_open=post)
            exchange = AsyncTransport(URL, key="k", wire=wire).stream(request)
            task = asyncio.ensure_future(first_of(exchange))
            await asyncio.wait_for(hang.reached.wait(), PATIENCE)
            thread = threading.Thread(target=exchange.cancel)
            thread.start()
            with pytest.raises(ScanError):
                await asyncio.wait_for(task, PATIENCE)
            thread.join()

        asyncio.run(run())

    def test_cancelled_before_the_events_are_sent(self) -> None:
        """If the stream is cancelled as it opens, the events are not sent."""

        class CancellingWire(MemoryWire):
            """Cancels the exchange as soon as its answer has begun."""

            async def send(self, parcel: Any, carried: Any) -> Any:
                answer = await super().send(parcel, carried)
                exchange.cancel()
                return answer

        wire = CancellingWire(streamed(*TURN))
        post = Request(method="POST", path="/y", may_answer_nothing=True)
        request = Request(method="GET", path="/x", once_open=post)
        exchange = AsyncTransport(URL, key="k", wire=wire).stream(request)
        with pytest.raises(StreamCancelledError):
            asyncio.run(first_of(exchange))
        assert [one.method for one in wire.sent] == ["GET"]

    def test_it_works_without_blocking(self) -> None:
        """Events are also sent over an asynchronous wire."""

        async def run() -> None:
            wire = MemoryWire(streamed(*TURN), ACCEPTED)
            post = Request(method="POST", path="/y", may_answer_nothing=True)
            request = Request(
                method="GET", path="/x", once_open=post, timeout=Timeout(idle=PATIENCE)
            )
            exchange = AsyncTransport(URL, key="k", wire=wire).stream(request)
            assert await first_of(exchange)
            assert [one.method for one in wire.sent] == ["GET", "POST"]
            await exchange.aclose()

        asyncio.run(run())


async def first_of(exchange: AsyncExchange) -> bytes:
    """Return the first bytes of a stream."""
    return await anext(exchange)


class TestResuming:
    """A turn that another stream started is resumed, as far as the API allows."""

    def test_bookmark_is_the_session_and_the_last_event(self) -> None:
        """There is none before the first event, and none once the turn has ended."""
        streamer = StreamerV2(chunks_of(*TURN))
        assert streamer.bookmark() is None
        marks = []
        while streamer.next():
            marks.append(streamer.bookmark())
        ids = [payload["event_id"] for payload in TURN]
        expected = [{"format": 1, "answer_id": SESSION_ID, "position": id} for id in ids]
        assert marks[: len(TURN) - 2] == expected[: len(TURN) - 2]
        assert marks[len(TURN) - 2 :] == [None, None]

    def test_turn_continues(self) -> None:
        """What came before is not handed out again, and the answer has it all the same."""
        cut = len(TURN) - 4
        seen = StreamerV2(chunks_of(*TURN[:cut]))
        events = [seen.event() for _ in iter(seen.next, False)]
        mark = seen.bookmark()
        assert mark is not None
        wire = MemoryWire(streamed(*TURN[cut - 2 :]), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=[events[0], *events])
        assert [event.type for event in stream] == [one["type"] for one in TURN[cut:]]
        assert stream.final().text == "Hi"
        assert stream.notes["repeated_event"] == 2
        assert lines(wire) == [f"GET /agents/sessions/{SESSION_ID}/events"]

    def test_later_events_in_seen_are_left_out(self) -> None:
        """Of the events in *seen*, those after the bookmark are not used."""
        mark = {"format": 1, "answer_id": SESSION_ID, "position": TURN[4]["event_id"]}
        wire = MemoryWire(streamed(*TURN[5:]), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=chunks_of(*TURN))
        assert [event.type for event in stream] == [one["type"] for one in TURN[5:]]

    def test_nothing_has_to_be_seen(self) -> None:
        """Without *seen*, the answer has what comes from now on.

        The event of the bookmark is not handed out.
        """
        mark = {"format": 1, "answer_id": SESSION_ID, "position": TURN[5]["event_id"]}
        wire = MemoryWire(streamed(*TURN[5:]), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark)
        assert stream.final().text == "Hi"
        assert stream.events_read == len(TURN) - 6

    def test_turn_that_ended_meanwhile_is_not_called_whole(self) -> None:
        """The session is idle, and how the turn ended was not sent again."""
        mark = {"format": 1, "answer_id": SESSION_ID, "position": TURN[3]["event_id"]}
        wire = MemoryWire(streamed(session("idle")), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=chunks_of(*TURN[:4]))
        assert [event.type for event in iter_events(stream)] == ["agent.session.idle"]
        assert isinstance(stream.err(), TruncatedStreamError)

    def test_what_was_missed_is_in_what_repeats_it(self) -> None:
        """A whole message corrects the answer, and nothing is handed out twice."""
        first = [*begun(), part("output_text.delta", "m1", delta="One ")]
        mark = {"format": 1, "answer_id": SESSION_ID, "position": first[-1]["event_id"]}
        rest = [part("output_text.delta", "m1", delta="three"), [*told("m1", "One two three")][-1]]
        wire = MemoryWire(streamed(*rest, *ended()), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=chunks_of(*first))
        assert stream.final().text == "One two three"
        assert stream.notes["text_differs"] == 1

    def test_events_of_another_session_are_refused(self) -> None:
        """If *seen* is from another session than the bookmark, the stream ends with an error."""
        mark = {"format": 1, "answer_id": "sess_2", "position": "event_x"}
        wire = MemoryWire(streamed(*TURN), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=chunks_of(*TURN))
        assert not stream.next()
        assert "different sessions" in str(stream.err())

    def test_stream_of_another_session_is_refused(self) -> None:
        """If the server streams another session, that is an error, even without *seen*."""
        mark = {"format": 1, "answer_id": "sess_2", "position": "event_x"}
        wire = MemoryWire(streamed(*TURN), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark)
        assert not stream.next()
        assert "events of another answer" in str(stream.err())

    def test_events_that_are_missing_are_refused(self) -> None:
        """The answer would have a hole."""
        mark = {"format": 1, "answer_id": SESSION_ID, "position": "event_x"}
        wire = MemoryWire(streamed(*TURN), blocking=True)
        stream = client_over(wire).resume_agent_session_stream(mark, seen=chunks_of(*TURN[:-2]))
        assert not stream.next()
        assert "events are missing in seen" in str(stream.err())

    @pytest.mark.parametrize("position", [7, "", None])
    def test_bookmark_of_a_response_is_refused(self, position: Any) -> None:
        """The position has to be the id of an event: neither a number nor missing."""
        mark = {"format": 1, "answer_id": "resp_1", "position": position}
        client = client_over(MemoryWire(blocking=True))
        with pytest.raises(ValueError, match="must be the id of an event"):
            client.resume_agent_session_stream(mark)

    def test_bookmark_of_a_session_is_not_a_bookmark_of_a_response(self) -> None:
        """The message says which method takes it."""
        mark = {"format": 1, "answer_id": SESSION_ID, "position": "event_1"}
        client = client_over(MemoryWire(blocking=True))
        with pytest.raises(ValueError, match="resume_agent_session_stream"):
            client.resume_stream(mark)


def iter_events(stream: StreamerV2[Any, Any]) -> list[Any]:
    """Return the events of a stream that may end with an error."""
    return [stream.event() for _ in iter(stream.next, False)]


def test_turns_are_values() -> None:
    """Turns are compared by their fields, like all objects of the API."""
    assert attrs.evolve(Turn(id="a"), status="completed") == Turn(id="a", status="completed")
    assert turn("created")["turn"]["status"] == "queued"
