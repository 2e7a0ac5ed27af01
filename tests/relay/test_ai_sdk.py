"""Front ends built with the AI SDK, in Node.js: they stream, stop and resume relay answers."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from openai_scan import Client
from openai_scan.relay import ChatUpstream, MemoryLog, Relay, asgi
from openai_scan.relay.entries import Entry, EntryKind, encode_json
from openai_scan.testing import (
    FakeServer,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    done,
    error,
    hold,
)
from relay.memory_store import MemoryStore
from relay.served import Browser, by_header, serving

FOLDER = Path(__file__).parents[2] / "build/web"
SCRIPT = Path(__file__).with_name("front_end.mjs")
CHAT = "chat-0123456789ab"


class FrontEnd:
    """A front end in a process of its own.

    Args:
        module: The version of the AI SDK that it is built with.
    """

    def __init__(self, module: str) -> None:
        node = shutil.which("node", path=str(Path(sys.executable).parent))
        assert node is not None, "there is no Node.js: make .venv/dev installs it"
        assert (FOLDER / "node_modules/ai").is_dir(), "make build/web/ready installs the AI SDK"
        self.module = module
        self._process = subprocess.Popen(
            [node, str(SCRIPT), str(FOLDER), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def run(
        self,
        name: str,
        port: int,
        /,
        on: Mapping[str, Callable[[], object]] | None = None,
        **given: Any,
    ) -> Any:
        """Run a scenario, and return its result.

        Args:
            name: Its name.
            port: The port of the relay.
            on: What to do at each of its notes.
            given: Its arguments.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        scenario = {"name": name, "url": f"http://127.0.0.1:{port}", "given": given}
        self._process.stdin.write(json.dumps(scenario) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            told = json.loads(line)
            if "value" in told:
                return told["value"]
            (on or {}).get(told["note"], lambda: None)()
        raise AssertionError(f"{name} has ended Node.js")


@pytest.fixture(scope="module", params=["ai", "ai5"])
def front_end(request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    """Start a front end with the newest version, and with the oldest that has this protocol."""
    started = FrontEnd(request.param)
    yield started
    started.close()


@pytest.fixture
def port(relay: Relay) -> Iterator[int]:
    """Serve the relay, and return the port."""
    with serving(asgi(relay, by_header), "asgi") as port:
        yield port
        relay.close()


def roles_and_texts(messages: list[Any]) -> list[tuple[str, str]]:
    """Return who has said what."""
    return [
        (message["role"], "".join(part.get("text", "") for part in message["parts"]))
        for message in messages
    ]


def test_an_answer_is_streamed(
    upstream: FakeServer, store: MemoryStore, front_end: FrontEnd, port: int
) -> None:
    """It grows word by word, and its id is that of the stored message."""
    upstream.add(chat_answer("Hello there you"))
    read = front_end.run("read", port, id=CHAT, text="Hi")
    assert [text for text in read["texts"] if text][:3] == [
        "Hello",
        "Hello there",
        "Hello there you",
    ]
    last = read["last"]
    assert last["role"] == "assistant"
    assert last["metadata"] == {
        "status": "completed",
        "usage": {"input": 10, "output": 5, "total": 15},
        "saved": True,
    }
    assert [part["type"] for part in last["parts"]] == ["step-start", "text"]
    message = store.message(last["id"])
    assert message is not None
    assert (message.text, message.conversation) == ("Hello there you", CHAT)
    assert upstream.requests[0].json["messages"] == [{"role": "user", "content": "Hi"}]


def test_a_conversation(upstream: FakeServer, front_end: FrontEnd, port: int) -> None:
    """The relay uses the history that it has stored, not the one that the browser sends."""
    upstream.add(chat_answer("One"), chat_answer("Two"))
    shown = front_end.run("talk", port, id=CHAT, texts=["First", "Second"])
    assert roles_and_texts(shown["messages"]) == [
        ("user", "First"),
        ("assistant", "One"),
        ("user", "Second"),
        ("assistant", "Two"),
    ]
    assert (shown["status"], shown["error"]) == ("ready", None)
    assert upstream.requests[1].json["messages"] == [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "One"},
        {"role": "user", "content": "Second"},
    ]


def test_an_answer_is_asked_for_again(upstream: FakeServer, front_end: FrontEnd, port: int) -> None:
    """The front end shows the new answer; the relay keeps both."""
    upstream.add(chat_answer("One"), chat_answer("Two"))
    shown = front_end.run("regenerate", port, id=CHAT, text="Hi")
    assert roles_and_texts(shown["messages"]) == [("user", "Hi"), ("assistant", "Two")]
    history = Browser(port).get(f"/conversations/{CHAT}").json["messages"]
    assert [message["text"] for message in history] == ["Hi", "One", "Hi", "Two"]


def test_stop(upstream: FakeServer, store: MemoryStore, front_end: FrontEnd, port: int) -> None:
    """The text so far is shown and kept, and the relay disconnects from the model server."""
    upstream.add([chat_chunk("Hel"), hold()])
    shown = front_end.run("stop", port, id=CHAT, text="Hi", until="Hel")
    assert roles_and_texts(shown["messages"]) == [("user", "Hi"), ("assistant", "Hel")]
    assert (shown["status"], shown["error"]) == ("ready", None)
    assert upstream.hung_up.wait(10)
    events = Browser(port).get(f"/streams/{shown['messages'][1]['id']}/events").body
    assert b'"status":"cancelled"' in events
    message = store.message(shown["messages"][1]["id"])
    assert message is not None
    assert (message.status, message.text) == ("cancelled", "Hel")


def test_an_answer_is_resumed(upstream: FakeServer, front_end: FrontEnd, port: int) -> None:
    """A reloaded page gets the whole answer, which was requested once."""
    held = hold()
    upstream.add([chat_chunk("Hel"), held, chat_chunk("lo"), done()])
    shown = front_end.run(
        "reload", port, {"resumed": held.release}, id=CHAT, text="Hi", until="Hel"
    )
    assert roles_and_texts(shown["messages"]) == [("user", "Hi"), ("assistant", "Hello")]
    assert (shown["status"], shown["error"]) == ("ready", None)
    assert len(upstream.requests) == 1


def test_nothing_is_resumed_where_nothing_runs(
    upstream: FakeServer, front_end: FrontEnd, port: int
) -> None:
    """This holds for a missing conversation and for an answer that has ended."""
    assert front_end.run("reconnect", port, id=CHAT) is None
    upstream.add(chat_answer("Hello"))
    front_end.run("talk", port, id=CHAT, texts=["Hi"])
    assert front_end.run("reconnect", port, id=CHAT) is None
    shown = front_end.run("resume", port, id=CHAT)
    assert roles_and_texts(shown["messages"]) == [("user", "Hi"), ("assistant", "Hello")]
    assert (shown["status"], shown["error"]) == ("ready", None)


def test_a_page_begins_with_what_is_stored(
    upstream: FakeServer, front_end: FrontEnd, port: int
) -> None:
    """It then continues the running answer, which it shows once."""
    held = hold()
    upstream.add(
        chat_calls(ToolCall("weather", {"city": "Oslo"})),
        [chat_chunk("Hel"), held, chat_chunk("lo"), done()],
    )
    front_end.run("talk", port, id=CHAT, texts=["Hi"])
    Browser(port).start("Go on", conversation=CHAT)
    shown = front_end.run("resume", port, {"changed": held.release}, id=CHAT)
    assert roles_and_texts(shown["messages"]) == [
        ("user", "Hi"),
        ("assistant", ""),
        ("user", "Go on"),
        ("assistant", "Hello"),
    ]
    assert [part["type"] for part in shown["messages"][1]["parts"]] == ["dynamic-tool"]
    assert (shown["status"], shown["error"]) == ("ready", None)


def test_calls(upstream: FakeServer, front_end: FrontEnd, port: int) -> None:
    """They become dynamic tools, with the arguments as a value."""
    upstream.add(chat_calls(ToolCall("weather", {"city": "Oslo"})))
    shown = front_end.run("talk", port, id=CHAT, texts=["Hi"])
    part = shown["messages"][1]["parts"][-1]
    assert (part["type"], part["toolName"], part["state"], part["input"]) == (
        "dynamic-tool",
        "weather",
        "input-available",
        {"city": "Oslo"},
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (error(401, "no such key: sk-secret"), "The answer has failed."),
        ([chat_chunk("Hel")], "The answer is incomplete."),
    ],
)
def test_an_answer_that_fails(
    upstream: FakeServer, front_end: FrontEnd, port: int, steps: Any, said: str
) -> None:
    """The front end shows an error in the relay's words, not in those of the model server."""
    upstream.add(steps)
    shown = front_end.run("talk", port, id=CHAT, texts=["Hi"])
    assert (shown["status"], shown["error"]) == ("error", said)


def test_a_request_that_is_refused(front_end: FrontEnd, port: int) -> None:
    """The front end shows the error that the relay answers with."""
    shown = front_end.run("talk", port, id="short", texts=["Hi"])
    assert shown["status"] == "error"
    assert json.loads(shown["error"])["error"]["code"] == "bad_request"


@contextlib.contextmanager
def written(*entries: tuple[EntryKind, Mapping[str, Any]]) -> Iterator[Relay]:
    """Make a relay with a running answer that has these entries, and that no process works on."""
    with (
        Client("k", "http://127.0.0.1:9/v1") as client,
        Relay(MemoryLog(), MemoryStore(), ChatUpstream(client, model="m"), produce=False) as relay,
    ):
        relay.start("Hi", user="alice", conversation=CHAT)
        (job,) = relay.log.take(1)
        for number, (kind, data) in enumerate(entries):
            relay.log.append(job, [Entry(job.epoch, number, kind, encode_json(data))])
        yield relay


DONE: tuple[EntryKind, Mapping[str, Any]] = ("done", {"status": "completed", "saved": True})


def test_kinds_of_text(front_end: FrontEnd) -> None:
    """Reasoning has a kind of its own; a refusal is text, as the protocol has no kind for it."""
    entries: list[tuple[EntryKind, Mapping[str, Any]]] = [
        ("delta", {"reasoning": "H"}),
        ("delta", {"reasoning": "m"}),
        ("delta", {"text": "Hello"}),
        ("delta", {"refusal": "No"}),
        DONE,
    ]
    with written(*entries) as relay, serving(asgi(relay, by_header), "asgi") as port:
        message = front_end.run("reconnect", port, id=CHAT)
    assert [(part["type"], part.get("text"), part.get("state")) for part in message["parts"]] == [
        ("step-start", None, None),
        ("reasoning", "Hm", "done"),
        ("text", "Hello", "done"),
        ("text", "No", "done"),
    ]


def test_text_that_is_replaced(front_end: FrontEnd) -> None:
    """The newest version replaces the text; the oldest shows an error."""
    entries: list[tuple[EntryKind, Mapping[str, Any]]] = [
        ("delta", {"text": "Hel"}),
        ("reset", {"text": "Bye"}),
        ("delta", {"text": "!"}),
        DONE,
    ]
    with written(*entries) as relay, serving(asgi(relay, by_header), "asgi") as port:
        shown = front_end.run("resume", port, id=CHAT)
    if front_end.module == "ai":
        assert roles_and_texts(shown["messages"]) == [("user", "Hi"), ("assistant", "Bye!")]
        assert (shown["status"], shown["error"]) == ("ready", None)
    else:
        assert shown["status"] == "error"
        assert "reset-step" in shown["error"]
