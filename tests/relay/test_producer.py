"""The work on one answer: what readers get and the row has, and what may go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from openai_scan import StreamerV2
from openai_scan.errors import StreamCancelledError
from openai_scan.relay import Question, StoredMessage, producer, writer
from openai_scan.testing import (
    ToolCall,
    assistant_answer,
    assistant_calls,
    assistant_failure,
    chat_answer,
    chat_calls,
    chat_chunk,
    completion_answer,
    done,
    image_answer,
    response_answer,
    response_calls,
    response_failure,
    speech_answer,
    stream_error,
    transcript_answer,
)

from .lives import CONVERSATION, STREAM, USER, Life, World
from .scripted_upstream import KINDS, ScriptedUpstream

CALL = ToolCall("f", {"a": 1})
TOLD_CALL = {"id": "call_1", "name": "f", "arguments": '{"a": 1}'}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make nothing pause."""
    monkeypatch.setattr(writer, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(writer, "_PATIENCE", 0.0)


def finished(answer: list[bytes], **settings: Any) -> World:
    """Return the world after an answer has been read."""
    world = World(ScriptedUpstream(answer), **settings)
    assert world.run(Life()) == "finished"
    return world


def facts(world: World) -> dict[str, Any]:
    """Return the facts of the row, without the usage."""
    return {key: value for key, value in world.row().facts.items() if key != "usage"}


def chunks(*deltas: Mapping[str, Any], finish_reason: str = "stop") -> list[bytes]:
    """Return a chat completion of some deltas."""
    return [
        *(chat_chunk(**delta) for delta in deltas),
        chat_chunk(finish_reason=finish_reason),
        done(),
    ]


class TestFamilies:
    """Answers of every API are sent and saved in the same form."""

    @pytest.mark.parametrize(
        ("answer", "text", "reason"),
        [
            (chat_answer("a b"), "a b", "stop"),
            (response_answer("a b"), "a b", "completed"),
            (completion_answer("a b"), "a b", "stop"),
            (assistant_answer("a b"), "a b", "completed"),
        ],
        ids=["chat", "responses", "completions", "assistants"],
    )
    def test_text(self, answer: list[bytes], text: str, reason: str) -> None:
        """Readers get a delta for each event, and the row has the whole text."""
        world = finished(answer)
        assert world.entries("delta") == [{"text": "a"}, {"text": " b"}]
        assert (world.row().status, world.row().text) == ("completed", text)
        assert facts(world) == {"finish_reason": reason}
        assert world.entries("reset") == []

    def test_a_transcript(self) -> None:
        """A transcript is saved as text."""
        world = finished(transcript_answer("a b"))
        assert (world.row().status, world.row().text) == ("completed", "a b")

    @pytest.mark.parametrize("answer", [image_answer(b"AA"), speech_answer(b"AA", b"BB")])
    def test_images_and_sound(self, answer: list[bytes]) -> None:
        """They are too large for a log: only the status and the usage are saved."""
        world = finished(answer)
        assert world.entries("delta", "reset") == []
        assert (world.row().status, world.row().text) == ("completed", "")
        assert world.row().facts == {"usage": {"input": 10, "output": 5, "total": 15}}

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (chat_calls(CALL), "tool_calls"),
            (response_calls(CALL), "completed"),
            (assistant_calls(CALL), "requires_action"),
        ],
        ids=["chat", "responses", "assistants"],
    )
    def test_calls(self, answer: list[bytes], reason: str) -> None:
        """Readers get calls piece by piece, and the row has them whole, with `requires_action`."""
        world = finished(answer)
        deltas = world.entries("delta")
        assert {delta["call"] for delta in deltas} == {"call_1"}
        assert "".join(delta["arguments"] for delta in deltas) == '{"a": 1}'
        assert (world.row().status, world.row().text) == ("requires_action", "")
        assert facts(world) == {"finish_reason": reason, "calls": [TOLD_CALL]}
        (end,) = world.entries("done")
        assert (end["status"], end["calls"]) == ("requires_action", [TOLD_CALL])

    def test_reasoning_alone(self) -> None:
        """An answer without text is still complete."""
        world = finished(chunks({"reasoning_content": "So"}, {"reasoning_content": " what"}))
        assert world.entries("delta") == [{"reasoning": "So"}, {"reasoning": " what"}]
        assert (world.row().status, world.row().text) == ("completed", "")
        assert facts(world) == {"finish_reason": "stop", "reasoning": "So what"}
        assert "reasoning" not in world.entries("done")[0]

    def test_a_refusal(self) -> None:
        """A refusal is a fact of the row, not its text."""
        world = finished(chunks({"refusal": "I can"}, {"refusal": "not"}))
        assert (world.row().text, facts(world)["refusal"]) == ("", "I cannot")

    def test_several_choices(self) -> None:
        """Readers get all choices, and the row has the first one."""
        world = finished(
            [
                chat_chunk("a"),
                chat_chunk("b", index=1),
                chat_chunk(finish_reason="stop"),
                chat_chunk(finish_reason="stop", index=1),
                done(),
            ]
        )
        assert world.entries("delta") == [{"text": "a"}, {"text": "b", "choice": 1}]
        assert world.row().text == "a"

    def test_an_answer_that_a_limit_cuts_short(self) -> None:
        """It is incomplete, without an error."""
        world = finished(chunks({"content": "a"}, finish_reason="length"))
        assert (world.row().status, world.row().text) == ("incomplete", "a")
        assert facts(world) == {"finish_reason": "length"}

    def test_a_text_that_is_corrected(self) -> None:
        """If the server's last event changes the text, readers and the row get the new one."""
        answer = response_answer(["a", "b"])
        world = finished([event.replace(b'"text": "ab"', b'"text": "other"') for event in answer])
        assert world.entries("reset") == [{"text": "other"}]
        assert world.row().text == "other"


class TestFailures:
    """The text of a failed answer is saved, and of the error only its name."""

    @pytest.mark.parametrize(
        "answer",
        [
            response_failure(message="the key is sk-secret"),
            assistant_failure(message="the key is sk-secret"),
            [chat_chunk("a"), stream_error("server_error", "the key is sk-secret")],
        ],
    )
    def test_an_error_in_the_stream(self, answer: list[bytes]) -> None:
        """Its message is neither in the row nor in the log."""
        world = finished(answer)
        assert world.row().status == "failed"
        assert world.row().facts["error"] == "InternalServerError"
        assert world.entries("done")[0]["error"] == "InternalServerError"
        assert "secret" not in f"{world.row().facts} {world.server.streams}"

    def test_a_stream_that_is_cut(self) -> None:
        """The text so far is saved."""
        world = finished([chat_chunk("a")])
        assert (world.row().status, world.row().text) == ("incomplete", "a")
        assert facts(world) == {"error": "TruncatedStreamError"}

    def test_no_answer(self) -> None:
        """A stream without events is an incomplete answer."""
        world = finished([])
        assert (world.row().status, world.row().text) == ("incomplete", "")

    def test_an_upstream_that_raises(self, caplog: pytest.LogCaptureFixture) -> None:
        """An error of the user's own class is logged, and the answer fails."""

        class Faulty(ScriptedUpstream):
            def ask(self, question: Question) -> StreamerV2[Any, Any]:
                super().ask(question)
                raise KeyError("model")

        world = World(Faulty([]))
        assert world.run(Life()) == "finished"
        assert (world.row().status, facts(world)) == ("failed", {"error": "KeyError"})
        assert "the answer could not be read" in caplog.text

    def test_an_upstream_that_cancels(self) -> None:
        """If the upstream cancels its stream, the answer is cancelled."""

        class Cancelled(ScriptedUpstream):
            def ask(self, question: Question) -> StreamerV2[Any, Any]:
                stream = super().ask(question)
                stream.cancel()
                return stream

        world = World(Cancelled(chat_answer("a")))
        assert world.run(Life()) == "finished"
        assert world.row().status == "cancelled"
        assert facts(world) == {"error": StreamCancelledError.__name__}

    @pytest.mark.parametrize("kind", ["chat", "responses"])
    def test_an_answer_that_is_too_long(self, kind: str) -> None:
        """The rest is not read, and the response is cancelled upstream if it would continue."""
        world = finished([*KINDS[kind].answer], limit=len('{"text":"one","n":4}'))
        assert (world.row().status, world.row().text) == ("incomplete", "one two")
        assert facts(world) == {"error": "TooLong"}
        assert len(world.upstream.cancelled) == (kind == "responses")

    def test_sound_that_is_too_long(self) -> None:
        """Sound counts towards the limit although readers do not get it."""
        world = finished(speech_answer(b"A" * 30, b"B" * 30), limit=50)
        assert facts(world) == {"error": "TooLong"}

    def test_an_upstream_that_cannot_be_cancelled(self, caplog: pytest.LogCaptureFixture) -> None:
        """The failure is logged, and the job is finished."""

        class Faulty(ScriptedUpstream):
            def cancel(self, bookmark: Mapping[str, Any]) -> None:
                super().cancel(bookmark)
                raise OSError("no route")

        world = World(Faulty(KINDS["responses"].answer), limit=5)
        assert world.run(Life()) == "finished"
        assert world.server.jobs == {}
        assert "could not be cancelled upstream" in caplog.text


class TestQuestions:
    """Upstream is asked with the conversation before the answer."""

    def test_the_question(self) -> None:
        """It has the prompt and the chosen model."""
        world = finished(chat_answer("a"), model="m")
        (question,) = world.upstream.asked
        assert (question.stream, question.conversation) == (STREAM, CONVERSATION)
        assert (question.user, question.model) == (USER, "m")
        assert question.turns() == [{"role": "user", "content": "Hi"}]

    def test_a_session_of_an_agent(self) -> None:
        """Its bookmarks have no number, so the answer cannot be resumed."""

        class Session(ScriptedUpstream):
            def ask(self, question: Question) -> StreamerV2[Any, Any]:
                stream = super().ask(question)
                mark = {"format": 1, "answer_id": "sess_1", "position": "event_7"}
                stream.bookmark = lambda: mark  # type: ignore[method-assign] # as one has it
                return stream

        world = World(Session(chat_answer("a")))
        assert world.run(Life()) == "finished"
        assert world.entries("mark") == []
        assert world.entries("delta") == [{"text": "a"}]


class TestStores:
    """A store may be down, faulty, or without the row."""

    @pytest.mark.parametrize("call", ["history", "store", "message"])
    def test_it_is_down(self, call: str) -> None:
        """The process retries; readers learn at once that an answer is not saved yet."""
        calls = self.calls()

        def down(life: Life) -> None:
            world.store.is_down = True

        def up(life: Life) -> None:
            world.store.is_down = False

        world = World(ScriptedUpstream(chat_answer("a b")))
        at = calls.index(call) + 1
        life = Life({at: down, at + 3: up})
        assert world.run(life) == "finished"
        assert (world.row().status, world.row().text) == ("completed", "a b")
        (end,) = world.entries("done")
        assert end["saved"] == (call == "history")
        assert world.stored == ["completed"]

    @staticmethod
    def calls() -> list[str]:
        """Return the calls of an undisturbed process."""
        life = Life()
        World(ScriptedUpstream(chat_answer("a b"))).run(life)
        return life.calls

    @pytest.mark.parametrize("number", [1, 7, 13])
    def test_a_message_that_is_deleted(self, number: int, caplog: pytest.LogCaptureFixture) -> None:
        """The answer is still read to its end, but saved nowhere."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        assert world.run(Life({number: lambda _: world.store.delete(STREAM)})) == "finished"
        assert world.store.message(STREAM) is None
        assert world.server.jobs == {}
        (end,) = world.entries("done")
        assert end == {
            "status": "completed",
            "finish_reason": "stop",
            "saved": False,
            "message": STREAM,
        }
        assert world.stored == []
        assert "the message was deleted" in caplog.text

    def test_a_message_that_is_deleted_before_a_takeover(self) -> None:
        """The next process still finishes the answer."""
        world = World(ScriptedUpstream(KINDS["responses"].answer))
        world.run(Life({9: Life.die}))
        world.store.delete(STREAM)
        assert world.run(Life()) == "finished"
        assert not world.entries("done")[0]["saved"]

    def test_a_fault_that_heals(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The user's store may raise any error for a while."""
        world = World(ScriptedUpstream(chat_answer("a")))
        finish, failures = world.store.finish, iter([ValueError("NUL"), OSError("disk")])

        def failing(*args: Any) -> bool:
            for failure in failures:
                raise failure
            return finish(*args)

        monkeypatch.setattr(world.store, "finish", failing)
        assert world.run(Life()) == "finished"
        assert world.row().status == "completed"
        assert not world.entries("done")[0]["saved"]
        assert world.stored == ["completed"]
        assert "ValueError" in caplog.text

    def test_a_fault_that_does_not_heal(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The process gives up: readers have the answer, and no thread is blocked forever."""
        world = World(ScriptedUpstream(chat_answer("a")))
        tries = []

        def failing(*args: Any) -> bool:
            tries.append(args)
            raise ValueError("NUL")

        monkeypatch.setattr(world.store, "finish", failing)
        assert world.run(Life()) == "finished"
        assert len(tries) == producer._MAX_FAULTS + 1
        assert world.row().status == "running"
        assert world.server.jobs == {}
        assert world.entries("done")[0]["status"] == "completed"
        assert f"{STREAM} could not be saved" in caplog.text

    def test_a_store_that_changes_the_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reset gives readers the text that was stored."""
        world = World(ScriptedUpstream(chat_answer("a ")))
        finish = world.store.finish

        def stripping(id: str, epoch: int, status: Any, text: str, facts: Any) -> bool:
            return finish(id, epoch, status, text.strip(), facts)

        monkeypatch.setattr(world.store, "finish", stripping)
        assert world.run(Life()) == "finished"
        assert world.entries("reset") == [{"text": "a"}]

    def test_on_finish_that_raises(self, caplog: pytest.LogCaptureFixture) -> None:
        """The error is logged, and the job is finished."""
        world = World(ScriptedUpstream(chat_answer("a")))
        life = Life()
        working = world.process(life)
        assert working is not None

        def failing(message: StoredMessage) -> None:
            raise RuntimeError(message.id)

        working._on_finish = failing
        assert life.live() == "finished"
        assert world.server.jobs == {}
        assert "on_finish failed" in caplog.text
        working._on_finish = None
        producer.tell(None, world.row())

    def test_a_row_that_was_stored_without_the_log(self) -> None:
        """A process without its log saved the row and died: the next one reports the end."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        calls = self.calls()
        life = Life(
            {
                calls.index("append end"): lambda life: setattr(life.log, "is_cut_off", True),
                calls.index("store") + producer._END_WAITS + 2: Life.die,
            }
        )
        assert world.run(life) == "killed"
        assert world.row().status == "completed"
        assert world.entries("end", "done") == []
        second = Life()
        assert world.run(second) == "finished"
        assert {"ask", "resume"}.isdisjoint(second.calls)
        (end,) = world.entries("done")
        assert (end["status"], end["finish_reason"], end["saved"]) == ("completed", "stop", True)


class TestLogs:
    """A log may be down, or lose the stream."""

    @pytest.mark.parametrize("number", range(1, 14))
    def test_it_loses_everything(self, number: int) -> None:
        """The answer is still saved, if the question was known."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        life = Life({number: lambda _: world.server.lose_everything()})
        assert world.run(life) == "finished"
        row = world.row()
        if "ask" in life.calls:
            assert (row.status, row.text) == ("completed", "a b")
        else:
            assert (row.status, row.facts) == ("incomplete", {"error": "LogLost"})

    @pytest.mark.parametrize("number", range(1, 14))
    def test_it_loses_what_waits_to_be_written(self, number: int) -> None:
        """The process learns of the loss only when it waits for the log."""
        world = World(ScriptedUpstream(chat_answer("a b")), writes_at_once=False)
        life = Life({number: lambda _: world.server.lose_everything()})
        assert world.run(life) == "finished"
        assert world.row().status in ("completed", "incomplete")
        assert (world.row().status == "completed") == ("ask" in life.calls)

    def test_it_is_lost_before_a_takeover(self) -> None:
        """The next process knows nothing of the answer."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        life = Life()
        world.process(life)
        del world.server.streams[STREAM]
        assert life.live() == "finished"
        assert world.row().facts == {"error": "LogLost"}

    @pytest.mark.parametrize("number", range(1, 14))
    def test_it_is_down_for_a_while(self, number: int) -> None:
        """It gets all entries once it is back."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        life = Life(
            {
                number: lambda _: world.server.go_down(),
                number + 3: lambda _: world.server.come_back(),
            }
        )
        assert world.run(life) == "finished"
        assert (world.row().status, world.row().text) == ("completed", "a b")
        assert len(world.entries("done")) == 1

    def test_it_is_down_at_the_end(self) -> None:
        """The row is saved at once; the job is finished when the log is back."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        calls = TestStores.calls()
        at = calls.index("append end") + 1

        def back(_: Life) -> None:
            assert world.row().status == "completed"
            world.server.come_back()

        life = Life({at: lambda _: world.server.go_down(), at + producer._END_WAITS + 6: back})
        assert world.run(life) == "finished"
        assert len(world.entries("done")) == 1


class TestClosing:
    """A process is closed while it waits for something."""

    @staticmethod
    def closing(world: World) -> Callable[[Life], None]:
        """Return an action that takes the log down and closes the process."""

        def close(life: Life) -> None:
            world.server.go_down()
            life.producer.close()

        return close

    def test_while_the_store_is_down(self) -> None:
        """Another process saves the answer from the log."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        at = TestStores.calls().index("store") + 1
        life = Life(
            {
                at: lambda _: setattr(world.store, "is_down", True),
                at + 3: lambda life: life.producer.close(),
            }
        )
        assert world.run(life) == "handed over"
        world.store.is_down = False
        assert world.run(Life()) == "finished"
        assert (world.row().status, world.row().text) == ("completed", "a b")
        assert len(world.entries("done")) == 1
        assert len(world.upstream.asked) == 1

    def test_while_the_log_is_down(self) -> None:
        """The process does not wait for the log."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        life = Life({2: self.closing(world)})
        assert world.run(life) == "handed over"
        world.server.come_back()
        assert world.run(Life()) == "finished"
        assert world.row().status == "completed"

    def test_while_it_finishes(self) -> None:
        """The next process finds everything done."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        at = TestStores.calls().index("append done") + 1
        life = Life({at: self.closing(world)})
        assert world.run(life) == "handed over"
        world.server.come_back()
        assert world.run(Life()) == "finished"
        assert len(world.entries("done")) == 1


class TestTakeovers:
    """What a process does with another one's work; other modules go through all moments."""

    def test_a_process_that_wakes_late(self) -> None:
        """It begins, but reads the log only after another process has begun too."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        second = Life()
        at = TestStores.calls().index("read") + 1
        assert world.run(Life({at: lambda _: world.run(second)})) == "fenced"
        assert (world.row().status, world.row().text) == ("completed", "a b")
        assert len(world.upstream.asked) == 1

    def test_a_job_that_kills(self) -> None:
        """A job that has killed five processes is given up."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        for _ in range(5):
            assert world.run(Life({3: Life.die})) == "killed"
        assert world.run(Life()) == "finished"
        assert (world.row().status, world.row().facts) == ("failed", {"error": "GaveUp"})

    def test_a_hand_over_before_the_question(self) -> None:
        """The process is closed before it has asked, so the next one asks."""
        world = World(ScriptedUpstream(chat_answer("a b")))
        at = TestStores.calls().index("append ask") + 2
        assert world.run(Life({at: lambda life: life.producer.close()})) == "handed over"
        assert world.entries("ask", "leave") == [{}, {"unasked": True}]
        assert world.run(Life()) == "finished"
        assert (world.row().status, world.row().text) == ("completed", "a b")
