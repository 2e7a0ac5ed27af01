"""A relay, as a server for browsers uses it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from forks import failed, fork
from server import PATIENCE

from openai_scan import Client, EventScanner, RetryPolicy
from openai_scan.errors import ConfigurationError
from openai_scan.relay import (
    ChatUpstream,
    LimitError,
    Limits,
    MemoryLog,
    NewMessage,
    Relay,
    ResponsesUpstream,
    StoredMessage,
    UnavailableError,
    UnknownStreamError,
)
from openai_scan.relay.entries import Entry, encode_json
from openai_scan.testing import (
    FakeServer,
    SeenRequest,
    background_responses,
    chat_answer,
    chat_chunk,
    error,
    hold,
    response_answer,
)

from .memory_store import MemoryStore
from .scripted_upstream import ScriptedUpstream
from .shared_log import Server, SharedLog

STREAM = "stream-0123456789"
CONVERSATION = "conversation-0123"


def events(frames: Iterator[bytes]) -> list[tuple[str, Any]]:
    """Return the type and the data of each event in some frames."""
    scanner, found = EventScanner(frames), []
    while scanner.next():
        found.append((scanner.event().type, json.loads(scanner.event().data)))
    return found


def text_of(relay: Relay, stream: str) -> str:
    """Return the text that a reader has at the end."""
    text = ""
    for kind, data in events(relay.iter(stream)):
        text = data["text"] if kind == "reset" else text + data.get("text", "")
    return text


@pytest.fixture
def store() -> MemoryStore:
    """Make a store."""
    return MemoryStore()


@pytest.fixture
def relay(store: MemoryStore) -> Iterator[Relay]:
    """Make a relay that always gives the same answer."""
    with Relay(MemoryLog(), store, ScriptedUpstream(chat_answer("a b"))) as relay:
        yield relay


@pytest.fixture
def idle(store: MemoryStore) -> Iterator[Relay]:
    """Make a relay that does not work on answers itself."""
    upstream = ScriptedUpstream(chat_answer("a b"))
    with Relay(MemoryLog(), store, upstream, produce=False) as relay:
        yield relay


class TestParts:
    """A relay consists of a log, a store and an upstream, in this order."""

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            ((1, 0, 2), r"the log must be a Log, such as MemoryLog\(\), not MemoryStore"),
            ((0, 2, 1), "the store must have the methods of Store, .*, not ScriptedUpstream"),
            ((0, 1, 1), "the upstream must have the methods of Upstream, .*, not MemoryStore"),
        ],
    )
    def test_swapped(self, store: MemoryStore, order: tuple[int, int, int], words: str) -> None:
        """The message says which argument is wrong, and what it should be."""
        parts: Any = MemoryLog(), store, ScriptedUpstream(chat_answer("a b"))
        with pytest.raises(TypeError, match=words):
            Relay(*(parts[place] for place in order))


class TestStart:
    """A user asks, and gets an answer."""

    def test_a_prompt_that_is_a_list(self, idle: Relay) -> None:
        """Relays take the text of one user, not the messages of a chat."""
        prompt: Any = [{"role": "user", "content": "Hi"}]
        with pytest.raises(TypeError, match="the prompt must be a string, not list"):
            idle.start(prompt, user="alice")

    def test_an_answer(self, relay: Relay, store: MemoryStore) -> None:
        """It is saved before readers get its end."""
        started = relay.start("Hi", user="alice")
        *deltas, (kind, end) = events(relay.iter(started.stream, user="alice"))
        assert deltas == [
            ("reset", {"text": ""}),
            ("delta", {"text": "a"}),
            ("delta", {"text": " b"}),
        ]
        assert kind == "done"
        assert end == {
            "status": "completed",
            "finish_reason": "stop",
            "saved": True,
            "message": started.stream,
        }
        message = store.message(started.stream)
        assert message == StoredMessage(
            started.stream,
            started.conversation,
            "alice",
            "assistant",
            "a b",
            "completed",
            {"finish_reason": "stop"},
        )
        assert "a b" not in repr(message)

    def test_a_conversation(self, relay: Relay) -> None:
        """The model gets each prompt with the messages before it."""
        first = relay.start("Hi", user="alice")
        assert text_of(relay, first.stream) == "a b"
        second = relay.start("And?", user="alice", conversation=first.conversation)
        assert text_of(relay, second.stream) == "a b"
        assert second.conversation == first.conversation
        assert isinstance(relay.upstream, ScriptedUpstream)
        assert relay.upstream.asked[1].turns() == [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "a b"},
            {"role": "user", "content": "And?"},
        ]
        history = relay.history(first.conversation, user="alice")
        assert [message.role for message in history] == ["user", "assistant"] * 2
        assert relay.history(first.conversation, user="bob") == []

    def test_the_same_id_twice(self, relay: Relay) -> None:
        """The second call starts nothing, whether the answer is running or has ended."""
        ids = {"stream": STREAM, "user": "alice"}
        started = relay.start("Hi", **ids)
        assert relay.start("Hi", **ids) == started
        assert text_of(relay, STREAM) == "a b"
        assert relay.start("Hi", conversation="another-0123456789", **ids) == started
        assert isinstance(relay.upstream, ScriptedUpstream)
        assert len(relay.upstream.asked) == 1

    def test_a_row_without_a_job(self, relay: Relay, store: MemoryStore) -> None:
        """If the log could not be reached at the start, the browser's retry adds the job."""
        store.begin(NewMessage(STREAM, CONVERSATION, "alice", "Hi"), Limits())
        assert relay.start("Hi", user="alice", stream=STREAM).conversation == CONVERSATION
        assert text_of(relay, STREAM) == "a b"

    def test_what_is_another_users(self, relay: Relay) -> None:
        """You cannot use an answer or a conversation of another user."""
        started = relay.start("Hi", user="alice")
        with pytest.raises(UnknownStreamError):
            relay.start("Hi", user="bob", stream=started.stream)
        with pytest.raises(UnknownStreamError):
            relay.start("Hi", user="bob", conversation=started.conversation)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"prompt": " \n"}, "the prompt is empty"),
            ({"prompt": ""}, "the prompt is empty"),
            ({"user": ""}, "the user's id is empty"),
            ({"stream": "short"}, "stream must be 16 to 64"),
            ({"stream": "a" * 65}, "stream must be 16 to 64"),
            ({"stream": "stream-0123456789\n"}, "stream must be"),
            ({"conversation": "conversation/0123"}, "conversation must be"),
            ({"conversation": "k\u00f6nversation-0123"}, "conversation must be"),
            ({"model": "m"}, "without models"),
        ],
    )
    def test_what_is_malformed(self, idle: Relay, settings: dict[str, Any], words: str) -> None:
        """It is refused before anything is stored."""
        with pytest.raises(ValueError, match=words):
            idle.start(**{"prompt": "Hi", "user": "alice", **settings})
        assert idle.log.take(1, 0) == []

    def test_limits(self, store: MemoryStore) -> None:
        """The relay itself limits the prompt; the store checks the other limits."""
        limits = Limits(prompt=3, running=1)
        with Relay(MemoryLog(), store, ScriptedUpstream([]), limits=limits, produce=False) as relay:
            with pytest.raises(LimitError, match="more than 3 characters") as long:
                relay.start("long", user="alice")
            assert long.value.is_too_long
            relay.start("Hi", user="alice")
            with pytest.raises(LimitError) as many:
                relay.start("Hi", user="alice")
            assert not many.value.is_too_long

    def test_models(self, store: MemoryStore) -> None:
        """A user chooses one of the list, the first one by default."""
        upstream = ScriptedUpstream(chat_answer("a"))
        with Relay(MemoryLog(), store, upstream, models=["m", "n"]) as relay:
            for model in (None, "n"):
                text_of(relay, relay.start("Hi", user="alice", model=model).stream)
            with pytest.raises(ValueError, match="the model must be one of m, n"):
                relay.start("Hi", user="alice", model="other")
        assert [question.model for question in upstream.asked] == ["m", "n"]

    def test_text_that_not_every_database_can_store(self, idle: Relay) -> None:
        """Half a surrogate pair and NUL are replaced."""
        started = idle.start("a\ud83d\0", user="alice")
        prompt, _ = idle.history(started.conversation, user="alice")
        assert prompt.text == "a\ufffd\ufffd"

    def test_a_relay_that_is_closed(self, idle: Relay, store: MemoryStore) -> None:
        """It starts no answer."""
        idle.close()
        with pytest.raises(UnavailableError, match="the relay is closed"):
            idle.start("Hi", user="alice", stream=STREAM)
        assert store.message(STREAM) is None


class TestFollow:
    """A reader gets an answer from its log, or from the store."""

    def test_from_a_cursor(self, relay: Relay) -> None:
        """A reader that comes back gets the rest."""
        stream = relay.start("Hi", user="alice").stream
        text_of(relay, stream)
        assert [kind for kind, _ in events(relay.iter(stream, "1-2"))] == ["delta", "done"]

    def test_a_reader_that_has_seen_the_end(self, relay: Relay) -> None:
        """For a cursor of the end, the reading is over at once."""
        stream = relay.start("Hi", user="alice").stream
        with relay.follow(stream) as reading:
            frames = b"".join(reading)
        cursor = frames.partition(b"-end")[0].rpartition(b"id: ")[2].decode() + "-end"
        assert relay.follow(stream, cursor).is_over
        assert not relay.follow(stream, "1-2").is_over

    @pytest.mark.parametrize("user", ["bob", ""])
    def test_another_user(self, relay: Relay, user: str) -> None:
        """To another user, the answer does not seem to exist, in the log or in the store."""
        stream = relay.start("Hi", user="alice").stream
        text_of(relay, stream)
        words = []
        for id in (stream, STREAM):
            with pytest.raises(UnknownStreamError) as caught:
                relay.follow(id, user=user)
            words.append(str(caught.value).replace(id, "..."))
        assert words[0] == words[1]
        assert relay.owner(stream) == "alice"
        assert relay.owner(STREAM) is None
        with pytest.raises(UnknownStreamError):
            relay.message(stream, user=user)
        assert relay.message(stream, user="alice") == relay.message(stream)

    def test_a_prompt_is_not_an_answer(self, relay: Relay) -> None:
        """A prompt's id cannot be followed."""
        stream = relay.start("Hi", user="alice").stream
        with pytest.raises(UnknownStreamError):
            relay.follow(f"u-{stream}")
        assert relay.owner(f"u-{stream}") is None

    def test_a_log_that_has_nothing_any_more(self, store: MemoryStore) -> None:
        """If the log has deleted the stream, the answer comes from the store."""
        with Relay(
            MemoryLog(keep=0.0), store, ScriptedUpstream(chat_answer("a b")), produce=False
        ) as relay:
            stream = relay.start("Hi", user="alice").stream
            assert relay.run_one() == stream
            assert not relay.log.exists(stream)
            assert [kind for kind, _ in events(relay.iter(stream))] == ["reset", "done"]
            assert text_of(relay, stream) == "a b"

    def test_a_log_that_is_down(self, store: MemoryStore) -> None:
        """The store is asked instead; if the answer is still running, the reader reconnects."""
        server = Server()
        with Relay(SharedLog(server), store, ScriptedUpstream([]), produce=False) as relay:
            stream = relay.start("Hi", user="alice").stream
            server.go_down()
            assert b"".join(relay.iter(stream, user="alice")) == b"retry: 1000\n:\n\n"
            store.is_down = True
            with pytest.raises(UnavailableError):
                relay.follow(stream)
            store.is_down = False
            server.come_back()
            assert next(relay.iter(stream)).startswith(b"retry: 1000\nevent: reset")

    def test_a_log_that_was_emptied(self, store: MemoryStore) -> None:
        """Entries that a process writes after that are not mistaken for the whole answer."""
        server = Server()
        log = SharedLog(server)
        with Relay(log, store, ScriptedUpstream([]), produce=False) as relay:
            stream = relay.start("Hi", user="alice").stream
            server.streams[stream] = [Entry(1, 7, "delta", b'{"text":"x"}')]
            assert b"".join(relay.iter(stream)) == b"retry: 1000\n:\n\n"

    def test_a_process_that_lags_behind(
        self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that comes from a faster process gets the rest, not everything again."""
        server = Server()
        log = SharedLog(server)
        with Relay(log, store, ScriptedUpstream([]), produce=False) as relay:
            stream = relay.start("Hi", user="alice").stream
            tail = log.open(stream)
            server.streams[stream] += [Entry(1, 0, "begin"), Entry(1, 1, "delta", b'{"text":"a"}')]
            monkeypatch.setattr(log, "open", lambda _: tail)
            assert next(relay.iter(stream, "1-1")) == b"retry: 1000\n:\n\n"

    def test_tasks(self, relay: Relay) -> None:
        """A server on asyncio gets the same frames."""

        async def main() -> bytes:
            started = await asyncio.to_thread(relay.start, "Hi", user="alice")
            frames = [frame async for frame in relay.aiter(started.stream, user="alice")]
            assert b"".join(frames) == b"".join(relay.iter(started.stream))
            with pytest.raises(UnknownStreamError):
                await anext(relay.aiter(started.stream, user="bob"))
            return frames[-1]

        assert b"event: done" in asyncio.run(main())

    def test_an_encoding(self, relay: Relay) -> None:
        """The encoding that you pass turns entries into frames."""

        class Kinds:
            headers: Mapping[str, str] = {"Content-Type": "text/plain"}
            heartbeat = b"."

            def opening(self, before: object) -> bytes:
                return b"begin "

            def frames(self, entries: Any) -> bytes:
                return b"".join(entry.kind.encode() + b" " for entry in entries)

            def stored(self, message: StoredMessage) -> bytes:
                return message.text.encode()

        stream = relay.start("Hi", user="alice").stream
        reading = relay.follow(stream, encoding=Kinds())
        assert reading.encoding.headers == {"Content-Type": "text/plain"}
        assert b"".join(reading) == b"begin head begin ask delta delta end done "


class TestStops:
    """A stop reaches the process that reads the answer, and the server that generates it."""

    @pytest.fixture
    def server(self) -> Iterator[FakeServer]:
        """Start a fake server."""
        with FakeServer() as server:
            yield server

    @pytest.fixture
    def client(self, server: FakeServer) -> Iterator[Client]:
        """Make a client of it."""
        with Client("sk-secret", server.base_url) as client:
            yield client

    @pytest.mark.parametrize("begins", [[], [chat_chunk("a")]], ids=["silent", "in the middle"])
    def test_chat(self, client: Client, server: FakeServer, begins: list[bytes]) -> None:
        """The connection is closed, whether or not the server has sent anything."""
        asked, store, shared = threading.Event(), MemoryStore(), Server()

        def answer(_: SeenRequest) -> list[Any]:
            asked.set()
            return [*begins, hold()]

        server.add(answer)
        upstream = ChatUpstream(client, model="m")
        with (
            Relay(SharedLog(shared), store, upstream) as producing,
            Relay(SharedLog(shared), store, upstream, produce=False) as serving,
        ):
            stream = serving.start("Hi", user="alice").stream
            assert asked.wait(PATIENCE)
            if begins:
                shared.wait_for(lambda: shared.streams[stream][-1].kind == "delta")
            serving.stop(stream)
            assert text_of(producing, stream) == ("a" if begins else "")
            assert server.hung_up.wait(PATIENCE)
        assert serving.message(stream).status == "cancelled"

    def test_responses(self) -> None:
        """The response is cancelled upstream, as it would continue otherwise."""
        steps = response_answer(["a", "b"])
        store = MemoryStore()
        with (
            FakeServer(background_responses([*steps[:5], hold(), *steps[5:]])) as server,
            Client("sk-secret", server.base_url) as client,
            Relay(MemoryLog(), store, ResponsesUpstream(client, model="m")) as relay,
        ):
            stream = relay.start("Hi", user="alice").stream
            reading = relay.iter(stream)
            while b"delta" not in next(reading):
                pass
            relay.stop(stream)
            (*_, (_, end)) = events(reading)
            assert end["status"] == "cancelled"
            relay.close()
            cancels = [seen for seen in server.requests if seen.path.endswith("/cancel")]
            assert len(cancels) == 1
        assert (relay.message(stream).text, relay.message(stream).status) == ("a", "cancelled")

    def test_before_it_has_begun(self, idle: Relay) -> None:
        """The model is never asked."""
        stream = idle.start("Hi", user="alice").stream
        idle.stop(stream)
        assert idle.run_one() == stream
        assert idle.message(stream).status == "cancelled"
        assert isinstance(idle.upstream, ScriptedUpstream)
        assert idle.upstream.asked == []

    def test_after_it_has_ended(self, relay: Relay) -> None:
        """The answer stays as it is."""
        stream = relay.start("Hi", user="alice").stream
        text_of(relay, stream)
        relay.stop(stream)
        relay.stop("unknown-0123456789")
        assert relay.message(stream).status == "completed"


def test_a_server_that_refuses() -> None:
    """The answer fails, and only the name of the error is stored."""
    store = MemoryStore()
    with (
        FakeServer(always=error(429, "the key is sk-secret")) as server,
        Client("sk-secret", server.base_url, retries=RetryPolicy(attempts=1)) as client,
        Relay(MemoryLog(), store, ChatUpstream(client, model="m")) as relay,
    ):
        stream = relay.start("Hi", user="alice").stream
        assert events(relay.iter(stream))[1:] == [
            (
                "done",
                {"status": "failed", "error": "RateLimitError", "saved": True, "message": stream},
            )
        ]
        assert relay.message(stream).facts == {"error": "RateLimitError"}


class TestSweeping:
    """Answers that no process works on do not stay `running`."""

    def test_an_answer_without_a_log(self, store: MemoryStore) -> None:
        """It is saved as incomplete, once, and `on_finish` is called."""
        told: list[StoredMessage] = []
        store.begin(NewMessage(STREAM, CONVERSATION, "alice", "Hi"), Limits())
        with Relay(
            MemoryLog(), store, ScriptedUpstream([]), produce=False, on_finish=told.append
        ) as relay:
            assert relay.sweep(0.0) == 1
            assert relay.sweep(0.0) == 0
        message = store.message(STREAM)
        assert message is not None
        assert (message.status, message.facts) == ("incomplete", {"error": "LogLost"})
        assert told == [message]

    def test_answers_that_are_worked_on(self, idle: Relay) -> None:
        """They are left alone if they have a log or are too recent."""
        idle.start("Hi", user="alice")
        assert idle.sweep(0.0) == 0
        assert isinstance(idle.store, MemoryStore)
        idle.store.begin(NewMessage(STREAM, CONVERSATION, "alice", "Hi"), Limits())
        assert idle.sweep() == 0

    def test_an_answer_that_this_process_reads(self, store: MemoryStore) -> None:
        """It is left alone even if its log is lost."""
        shared, swept = Server(), []

        class Sweeping(ScriptedUpstream):
            def ask(self, question: Any) -> Any:
                shared.lose_everything()
                swept.append(sweeping.sweep(0.0))
                return super().ask(question)

        upstream = Sweeping(chat_answer("a"))
        with Relay(SharedLog(shared), store, upstream, produce=False) as sweeping:
            stream = sweeping.start("Hi", user="alice").stream
            sweeping.run_one()
        assert swept == [0]
        assert sweeping.message(stream).text == "a"

    def test_answers_that_are_saved_or_deleted_meanwhile(
        self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A saved one does not count as swept, and a deleted one is no error."""
        found = StoredMessage(STREAM, CONVERSATION, "alice", "assistant", "", "running")
        monkeypatch.setattr(store, "running", lambda _: [found])
        with Relay(MemoryLog(), store, ScriptedUpstream([]), produce=False) as relay:
            assert relay.sweep() == 0
            monkeypatch.setattr(store, "finish", lambda *_: True)
            assert relay.sweep() == 1

    def test_a_store_that_cannot_look_for_them(self) -> None:
        """Such a store is not swept."""

        class Plain:
            begin = finish = message = history = None

        with Relay(MemoryLog(), Plain(), ScriptedUpstream([])) as relay:  # type: ignore[arg-type] # nothing calls it
            assert relay.sweep() == 0


class TestForks:
    """A relay can only be used in the process that made it."""

    def test_a_process_that_was_forked(self, idle: Relay) -> None:
        """A forked process cannot use the relay, and closing it there changes nothing."""
        stream = idle.start("Hi", user="alice").stream

        def use() -> None:
            for do in (
                lambda: idle.start("Hi", user="alice"),
                lambda: idle.follow(stream),
                lambda: idle.stop(stream),
                idle.run_one,
                idle.sweep,
            ):
                with pytest.raises(ConfigurationError, match="before this process was forked"):
                    do()
            idle.close()
            assert not idle._workers.is_closing

        assert not failed(fork(use))
        assert idle.run_one() == stream


def test_encoded_heads(idle: Relay) -> None:
    """Readers find a stream's user in the `head` entry that the relay writes at the start."""
    started = idle.start("Hi", user="\u00e4lice")
    (head,) = idle.log.read(started.stream)
    assert head.data == encode_json({"user": "\u00e4lice", "conversation": started.conversation})
    assert next(idle.iter(started.stream, user="\u00e4lice"))
