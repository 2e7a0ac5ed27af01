"""The relay in real servers: when tokens arrive, and what happens when a browser leaves."""

from __future__ import annotations

import threading

import pytest
from server import PATIENCE

from openai_scan.relay import Reading, Relay
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, done, hold
from relay.memory_store import MemoryStore
from relay.served import Browser, frames_of, read_until, text_of


def test_an_answer(upstream: FakeServer, browser: Browser) -> None:
    """A browser starts it, follows it to its end, and finds it in the history."""
    upstream.add(chat_answer("Hello there"))
    started = browser.post("/streams", {"prompt": "Hi"})
    assert started.status == 202
    stream, conversation = started.json["stream"], started.json["conversation"]
    assert started.json["events"] == f"streams/{stream}/events"
    events = browser.get("/" + started.json["events"])
    assert (events.status, text_of(events.body)) == (200, "Hello there")
    assert frames_of(events.body)[-1][1] == {
        "status": "completed",
        "finish_reason": "stop",
        "usage": {"input": 10, "output": 5, "total": 15},
        "saved": True,
        "message": stream,
    }
    assert browser.get(f"/conversations/{conversation}").json == {
        "messages": [
            {"id": f"u-{stream}", "role": "user", "text": "Hi", "status": "completed"},
            {
                "finish_reason": "stop",
                "usage": {"input": 10, "output": 5, "total": 15},
                "id": stream,
                "role": "assistant",
                "text": "Hello there",
                "status": "completed",
            },
        ]
    }


def test_each_token_comes_by_itself(upstream: FakeServer, browser: Browser) -> None:
    """Each token is read before the next one is sent: the server holds none back."""
    holds = [hold() for _ in range(5)]
    pieces = [chat_chunk(f"w{number} ") for number in range(5)]
    upstream.add([*(step for pair in zip(pieces, holds, strict=True) for step in pair), done()])
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events") as events:
        for number, held in enumerate(holds):
            seen = read_until(events, b"w%d " % number)
            assert b"w%d" % (number + 1) not in seen
            held.release()
        assert b'"status":"completed"' in events.read()


def test_a_reader_comes_back(upstream: FakeServer, browser: Browser) -> None:
    """It gets what follows its cursor, in a header or the query, and 204 after the end."""
    upstream.add(chat_answer("Hello there"))
    stream = browser.start()
    whole = browser.get(f"/streams/{stream}/events").body
    path = f"/streams/{stream}/events"
    cursors = [line[4:].decode() for line in whole.splitlines() if line.startswith(b"id: ")]
    rest = browser.get(path, last_event_id=cursors[0]).body
    assert text_of(rest) == " there"
    assert browser.get(f"{path}?after={cursors[0]}").body == rest
    assert browser.get(f"{path}?after=1-0", last_event_id=cursors[0]).body == rest
    end = browser.get(path, last_event_id=cursors[-1])
    assert (end.status, end.body) == (204, b"")


def test_stop(upstream: FakeServer, store: MemoryStore, browser: Browser) -> None:
    """The text so far is kept, and the relay disconnects from the model server."""
    upstream.add([chat_chunk("Hel"), hold()])
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events") as events:
        read_until(events, b"Hel")
        stopped = browser.post(f"/streams/{stream}/stop")
        assert (stopped.status, stopped.json) == (202, {"status": "stopping"})
        assert b'"status":"cancelled"' in events.read()
    assert upstream.hung_up.wait(PATIENCE)
    message = store.message(stream)
    assert message is not None
    assert (message.status, message.text) == ("cancelled", "Hel")
    assert browser.post(f"/streams/{stream}/stop").status == 202


def test_a_browser_that_leaves(
    relay: Relay, upstream: FakeServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reading is closed, and the answer continues without it."""
    monkeypatch.setattr(relay, "heartbeat", 0.01)  # by which a blocking server notices
    closed = threading.Event()
    monkeypatch.setattr(Reading, "close", lambda _: closed.set())
    held = hold()
    upstream.add([chat_chunk("Hel"), held, chat_chunk("lo"), done()])
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events") as events:
        read_until(events, b"Hel")
        assert not closed.is_set()
    assert closed.wait(PATIENCE)
    monkeypatch.undo()
    held.release()
    assert text_of(browser.get(f"/streams/{stream}/events").body) == "Hello"


def test_closing_the_relay_lets_readers_go(
    relay: Relay, upstream: FakeServer, browser: Browser
) -> None:
    """An idle stream ends when the relay is closed."""
    upstream.add([chat_chunk("Hel"), hold()])
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events") as events:
        read_until(events, b"Hel")
        relay.close()
        assert b"Shutdown" in events.read()
