"""Statistics and observers: what can be learned about a stream from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from server import CHUNKED, END, FIN, Script, answer, ch, serving

from openai_scan import (
    APIError,
    Client,
    Event,
    Observer,
    RetryPolicy,
    ScanError,
    StreamerV2,
    TruncatedStreamError,
)
from openai_scan.events import Outcome
from openai_scan.observer import Watched
from openai_scan.stats import Gaps, TokenCount

pytestmark = pytest.mark.usefixtures("wire")

AT_ONCE = RetryPolicy(wait_initial=0, wait_max=0)


def chunk(content: str | None = None, finish_reason: str | None = None, **more: Any) -> bytes:
    """Return an event of a chat completion."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    payload = {"object": "chat.completion.chunk", "id": "c", "choices": [choice], **more}
    return b"data: %s\n\n" % json.dumps(payload).encode()


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_times_are_taken_once_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They count from the first next(), and stand still after the end."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    s = StreamerV2([chunk(), chunk("Hell"), chunk("o"), DONE])
    assert s.stats.seconds is None
    now += 50
    for _ in range(3):
        assert s.next()
        now += 1
    stats = s.stats
    assert (stats.outcome, stats.seconds) == (None, 3.0)
    assert (stats.to_first_event, stats.to_first_text) == (0.0, 1.0)
    assert stats.gaps == Gaps(count=1, median=1.0, p95=1.0, max=1.0)
    while s.next():
        pass
    now += 1
    stats = s.stats
    assert (stats.outcome, stats.seconds) == ("completed", 3.0)
    assert (stats.events, stats.bytes, stats.characters) == (4, s.bytes_read, 5)
    assert (stats.connection_reused, stats.request_id, stats.rate_limits) == (None, None, {})


def test_gaps_are_counted_between_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gaps` has the median, the 95th percentile and the longest.

    Text per second counts what came after the first text.
    """
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    gaps = [0.1] * 18 + [0.5, 2.0]
    s = StreamerV2([chunk("ab")] * 21 + [chunk(finish_reason="stop"), DONE])
    assert s.stats.gaps is None
    assert s.next()
    for gap in gaps:
        now += gap
        assert s.next()
    now += 10
    while s.next():
        pass
    stats = s.stats
    assert stats.gaps is not None
    assert attrs.astuple(stats.gaps) == (20, *map(pytest.approx, (0.1, 0.5, 2.0)))
    assert stats.text_per_second == pytest.approx(40 / 4.3)
    assert stats.seconds == pytest.approx(14.3)


def test_a_pause_between_two_answers_is_not_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a program takes before it continues does not count."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def next_answer() -> Iterator[bytes]:
        nonlocal now
        now += 60
        yield chunk("b") + chunk(finish_reason="stop") + DONE

    s = StreamerV2([chunk("a"), chunk(finish_reason="stop"), DONE])
    s.chain(next_answer())
    assert s.stats.gaps is None
    while s.next():
        pass
    assert s.err() is None
    assert s.stats.gaps is None
    assert s.stats.characters == 2
    assert s.stats.to_first_text == 0


def test_who_asks_late_gets_what_is_known_anyway() -> None:
    """After the end, counts, headers and usage are known; times are not guessed."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req_7\r\n"
        b"X-RateLimit-Remaining-Tokens: 99\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    whole = ch(chunk("Hi") + chunk(finish_reason="stop", usage=USAGE) + DONE) + END
    with serving([CHUNKED + whole], [head + whole]) as server:
        with Client("k", server.base_url, retries=AT_ONCE) as client:
            for _ in range(2):
                with client.create_chat_completion_stream(model="m", messages=[]) as s:
                    assert s.read() == b"Hi"
            stats = s.stats
    assert stats.request_id == "req_7"
    assert stats.rate_limits == {"x-ratelimit-remaining-tokens": "99"}
    assert stats.connection_reused is True
    assert stats.retries == 0
    assert stats.usage == TokenCount(input=3, output=4, estimated=False)
    assert stats.events == 3
    assert stats.to_headers is not None
    assert stats.to_headers > 0
    assert (stats.seconds, stats.to_first_text, stats.text_per_second) == (None, None, None)


def test_failed_attempts_count_towards_the_time() -> None:
    """They are counted, and the time to the headers begins with the first."""
    whole: Script = [CHUNKED + ch(chunk("Hi") + chunk(finish_reason="stop") + DONE) + END]
    with serving([answer(b"", status="503 Busy")], whole) as server:
        with Client("k", server.base_url, retries=AT_ONCE) as client:
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                assert s.stats.to_headers is None
                s.read()
                source: Any = s.source
                stats = s.stats
    assert stats.retries == 1
    assert stats.to_headers is not None
    assert stats.to_headers > source.answered_at - source.sent_at
    assert stats.connection_reused is not None


def test_a_refusal_has_headers_too() -> None:
    """The time until the headers is known without an event."""
    with serving([answer(b"", status="400 Bad")]) as server:
        with Client("k", server.base_url) as client:
            s = client.create_chat_completion_stream(model="m", messages=[])
            assert s.stats.usage is None
            assert not s.next()
            assert s.err() is not None
            assert s.stats.to_headers is not None
            assert s.stats.to_first_event is None


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ([chunk("Hello world")], TokenCount(input=None, output=3, estimated=True)),
        ([chunk("Hello", usage=USAGE)], TokenCount(input=3, output=4, estimated=True)),
        ([chunk("")], None),
        ([chunk("Hello"), chunk(finish_reason="stop"), DONE], None),
    ],
    ids=["text", "counted so far", "nothing", "whole, and not counted"],
)
def test_tokens_of_a_cut_stream_are_estimated(
    stream: list[bytes], expected: TokenCount | None
) -> None:
    """A quarter of the characters, unless the server has counted so far."""
    s = StreamerV2(stream)
    while s.next():
        pass
    assert s.err() is None or isinstance(s.err(), TruncatedStreamError)
    assert s.stats.usage == expected


class Diary(Observer):
    """Writes down what it is notified of."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, stream: Watched) -> None:
        """Note the beginning."""
        self.lines.append(f"began at {stream.events_read}")

    def event(self, stream: Watched, event: Event) -> None:
        """Note the text."""
        assert stream.event() is event
        self.lines.append(f"event {event.unwrap_text()}")

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """Note the error."""
        self.lines.append(f"renewed after {type(error).__name__}, {stream.outcome}")

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """Note the end."""
        self.lines.append(f"{outcome}: {error!r:.20}, {stream.events_read}")


def test_an_observer_is_notified_of_everything() -> None:
    """It is notified of the beginning, the events, the retries and the end of each answer."""
    whole: Script = [CHUNKED + ch(chunk("Hi", "stop") + DONE) + END]
    diaries: list[Diary] = []

    def make() -> Diary:
        diaries.append(Diary())
        return diaries[-1]

    with serving([answer(b"", status="503 Busy")], whole) as server:
        with Client("k", server.base_url, retries=AT_ONCE, observers=[make, Observer]) as client:
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                s.chain([chunk("!")])
                assert s.next()
                while s.next():
                    pass
                assert isinstance(s.err(), TruncatedStreamError)
    (diary,) = diaries
    assert diary.lines == [
        "began at 0",
        "renewed after InternalServerError, None",
        "event Hi",
        "event None",
        "completed: None, 2",
        "began at 2",
        "event !",
        "truncated: TruncatedStreamError, 3",
    ]


def test_an_observer_may_come_late() -> None:
    """It is notified of the beginning at once, and of what follows."""
    s = StreamerV2([chunk("a"), chunk("b")])
    assert s.next()
    diary = Diary()
    s.observe(diary)
    assert s.next()
    s.close()
    s.close()
    assert diary.lines == ["began at 1", "event b", "cancelled: None, 2"]
    with pytest.raises(
        RuntimeError, match=r"^the stream has ended: call observe\(\) before its end$"
    ):
        s.observe(Diary())


def test_an_observer_is_notified_of_each_answer_of_a_successor() -> None:
    """An end is reported before the successor is asked."""
    s = StreamerV2([chunk("a", "stop"), DONE])
    diary = Diary()
    s.observe(diary)

    def successor(_: StreamerV2, outcome: Outcome) -> Outcome | list[bytes]:
        diary.lines.append(f"asked after {outcome}")
        return outcome if s.events_read > 2 else [chunk("b", "length"), DONE]

    s.chain_from(successor)
    assert s.read() == b"ab"
    assert diary.lines == [
        "began at 0",
        "event a",
        "event None",
        "completed: None, 2",
        "asked after completed",
        "began at 2",
        "event b",
        "event None",
        "incomplete: None, 4",
        "asked after incomplete",
    ]


def test_who_has_read_nothing_has_nothing_to_tell() -> None:
    """If a stream is closed before its first next(), its observer is not notified."""
    diary = Diary()
    with StreamerV2([chunk("a")]) as s:
        s.observe(diary)
    assert diary.lines == []


def test_an_error_of_an_observer_is_not_hidden() -> None:
    """It comes out of next(), and the stream continues if it is asked to."""

    class Broken(Observer):
        def event(self, stream: Watched, event: Event) -> None:
            raise ZeroDivisionError

    s = StreamerV2([chunk("a"), chunk("b", "stop"), DONE])
    s.observe(Broken())
    with pytest.raises(ZeroDivisionError):
        s.next()
    assert s.text() == "a"


def test_an_observer_does_not_see_the_error_for_the_reader() -> None:
    """An observer does not check the error for you: leaving the block raises it."""
    s = StreamerV2([b'data: {"error": {"message": "no"}}\n\n'])
    s.observe(Diary())
    assert s.next()
    assert not s.next()
    with pytest.raises(APIError), s:
        pass


def test_a_server_that_hangs_up_is_told_as_it_is() -> None:
    """The observer is notified of the stream's own outcome and error."""
    with serving([CHUNKED + ch(chunk("Hi")), FIN]) as server:
        with Client("k", server.base_url, retries=RetryPolicy(attempts=1)) as client:
            s = client.create_chat_completion_stream(model="m", messages=[])
            diary = Diary()
            s.observe(diary)
            while s.next():
                pass
            assert s.err() is not None
    assert diary.lines[-1].startswith("failed: TransportError")
