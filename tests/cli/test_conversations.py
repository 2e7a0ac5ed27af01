"""Conversations of `chat` and `respond` that are logged and continued later."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.cli.log import Log, Row, log_path
from openai_scan.testing import (
    FakeServer,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    chat_usage,
    cut,
    data,
    done,
    hold,
    response_answer,
    response_calls,
)

MODULE = '''
def forecast(city: str) -> str:
    """Say what the weather will be."""
    return f"rain in {city}"
'''


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the place of a function in the current folder."""
    (tmp_path / "conversation_tools.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return "conversation_tools:forecast"


def logged() -> list[Row]:
    """Return all rows of the log."""
    with Log(log_path()) as log:
        return log.newest(0)


def asked(server: FakeServer) -> list[Any]:
    """Return what each request asked."""
    bodies = [request.json for request in server.requests]
    return [body.get("messages", body.get("input")) for body in bodies]


def test_a_whole_answer_is_logged(server: FakeServer) -> None:
    """The row has the whole request, the answer, and the usage that the server reported."""
    usage = chat_usage(prompt_tokens=7, completion_tokens=3)
    server.add([chat_chunk("Hi"), chat_chunk(finish_reason="stop"), usage, data("odd"), done()])
    arguments = ["chat", "-q", "-s", "Be kind.", "-p", 'stream_options={"include_usage": true}']
    assert main([*arguments, "Hello"]) == 0
    [row] = logged()
    assert (row.command, row.model, row.system) == ("chat", "test-model", "Be kind.")
    assert (row.prompt, row.answer, row.outcome, row.error) == ("Hello", "Hi", "completed", None)
    assert row.is_whole
    assert row.base_url == server.base_url
    assert row.parameters == {"stream_options": {"include_usage": True}}
    assert row.usage is not None
    assert (row.usage["input"], row.usage["output"]) == (7, 3)
    assert row.items == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
    ]
    assert row.seconds is not None


def test_only_the_owner_can_read_the_log(server: FakeServer, home: Path) -> None:
    """Neither the file nor its folder is open to other users."""
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "Hello"]) == 0
    assert log_path() == home / "log.db"
    assert log_path().stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("option", ["-c", "--continue", "--cid"])
def test_a_conversation_is_continued(option: str, server: FakeServer) -> None:
    """The last one or a named one is continued, with its model and system prompt by default."""
    server.add(chat_answer("Hello, Ann"), chat_answer("You are Ann"), chat_answer("Yes"))
    assert main(["chat", "-q", "-m", "m1", "-s", "Be kind.", "I am Ann"]) == 0
    id = logged()[0].conversation
    continued = [option] if option != "--cid" else [option, id[:7]]
    assert main(["chat", "-q", *continued, "Who am I?"]) == 0
    assert main(["chat", "-q", *continued, "-m", "m2", "-s", "Be brief.", "Sure?"]) == 0
    said = [
        {"role": "user", "content": "I am Ann"},
        {"role": "assistant", "content": "Hello, Ann"},
        {"role": "user", "content": "Who am I?"},
        {"role": "assistant", "content": "You are Ann"},
        {"role": "user", "content": "Sure?"},
    ]
    assert asked(server)[1:] == [
        [{"role": "system", "content": "Be kind."}, *said[:3]],
        [{"role": "system", "content": "Be brief."}, *said],
    ]
    assert [request.json["model"] for request in server.requests] == ["m1", "m1", "m2"]
    assert {row.conversation for row in logged()} == {id}


def test_a_response_is_continued_with_its_items(server: FakeServer, tools: str) -> None:
    """Calls and their outputs are sent back unchanged."""
    server.add(
        response_calls(ToolCall("forecast", {"city": "Oslo"})),
        response_answer("Rain"),
        response_answer("Yes"),
    )
    assert main(["respond", "-q", "--tools", tools, "Umbrella?"]) == 0
    assert main(["respond", "-q", "-c", "Sure?"]) == 0
    kinds = [item.get("type", item.get("role")) for item in asked(server)[-1]]
    assert kinds == ["user", "function_call", "function_call_output", "message", "user"]
    assert asked(server)[-1][2]["output"] == "rain in Oslo"


def test_a_chat_is_continued_with_its_calls(server: FakeServer, tools: str) -> None:
    """The calls and their outputs are sent again."""
    server.add(
        chat_calls(ToolCall("forecast", {"city": "Oslo"})), chat_answer("Rain"), chat_answer("Yes")
    )
    assert main(["chat", "-q", "-s", "Be kind.", "--tools", tools, "Umbrella?"]) == 0
    assert main(["chat", "-q", "-c", "Sure?"]) == 0
    roles = [message["role"] for message in asked(server)[-1]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_an_answer_that_was_cut_is_never_logged_as_whole(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its text is sent when the conversation is continued, and the user is told."""
    server.add([chat_chunk("Once upon"), cut()], chat_answer("a time"))
    assert main(["chat", "-q", "A story!"]) == 1
    [row] = logged()
    assert (row.outcome, row.answer, row.is_whole) == ("failed", "Once upon", False)
    assert "the connection broke" in str(row.error)
    capsys.readouterr()
    assert main(["chat", "-c", "Go on."]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "The last answer of this conversation is not whole (failed)."
    assert asked(server)[-1] == [
        {"role": "user", "content": "A story!"},
        {"role": "assistant", "content": "Once upon"},
        {"role": "user", "content": "Go on."},
    ]


def test_a_question_without_an_answer_is_not_sent_again(server: FakeServer) -> None:
    """The log keeps the question and its outcome."""
    server.add([chat_chunk(refusal="No."), chat_chunk(finish_reason="stop"), done()])
    server.add(chat_calls(ToolCall("f")), chat_answer("Hi"))
    assert main(["chat", "-q", "A bomb!"]) == 1
    assert main(["chat", "-q", "-c", "Call!"]) == 1
    assert main(["chat", "-q", "-c", "Hello"]) == 0
    assert [row.outcome for row in logged()] == ["refused", "requires_action", "completed"]
    assert asked(server)[-1] == [{"role": "user", "content": "Hello"}]


def test_calls_that_nothing_has_answered_are_left_out(server: FakeServer) -> None:
    """Servers refuse calls without outputs, so only the text that came with them is sent."""
    server.add([chat_chunk("Let me see."), *chat_calls(ToolCall("f"))], chat_answer("Hi"))
    assert main(["chat", "-q", "Call!"]) == 0
    assert main(["chat", "-q", "-c", "Hello"]) == 0
    assert asked(server)[-1][1] == {"role": "assistant", "content": "Let me see."}


def test_ctrl_c_is_logged_as_an_interruption(server: FakeServer) -> None:
    """The row has the text that had arrived."""
    server.add([chat_chunk("Once upon"), hold()])
    with subprocess.Popen(
        [sys.executable, "-m", "openai_scan", "chat", "-q", "A story!"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(9) == b"Once upon"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    [row] = logged()
    assert (row.outcome, row.answer) == ("interrupted", "Once upon")


def test_the_answer_of_a_process_that_was_killed_is_unfinished(server: FakeServer) -> None:
    """The question is in the log as soon as it is sent, and the log is not damaged."""
    server.add([chat_chunk("Once upon"), hold()], chat_answer("Hi"))
    with subprocess.Popen(
        [sys.executable, "-m", "openai_scan", "chat", "-q", "A story!"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(9) == b"Once upon"
        process.kill()
    [row] = logged()
    assert (row.outcome, row.prompt, row.answer) == ("unfinished", "A story!", "")
    assert main(["chat", "-q", "-c", "Hello"]) == 0
    assert asked(server)[-1] == [{"role": "user", "content": "Hello"}]


def test_several_processes_lose_no_row(server: FakeServer) -> None:
    """They write at once to a log that does not exist yet."""
    server.always = chat_answer("Hi")
    command = [sys.executable, "-m", "openai_scan", "chat", "-q"]
    started = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert sorted(row.prompt for row in logged()) == ["0", "1", "2", "3"]
    assert {row.outcome for row in logged()} == {"completed"}


@pytest.mark.parametrize("option", ["-n", "--no-log"])
def test_an_answer_need_not_be_logged(option: str, server: FakeServer) -> None:
    """No log file is created."""
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", option, "Hello"]) == 0
    assert not log_path().exists()


def test_logging_can_be_turned_off_and_on(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An explicit `--log` is obeyed even while logging is off."""
    server.always = chat_answer("Hi")
    other = tmp_path / "other.db"
    assert main(["logs", "off"]) == 0
    assert main(["chat", "-q", "1"]) == 0
    assert main(["chat", "-q", "--log", str(other), "2"]) == 0
    assert not log_path().exists()
    with Log(other) as log:
        assert [row.prompt for row in log.newest(0)] == ["2"]
    capsys.readouterr()
    assert main(["logs", "status"]) == 0
    assert main(["logs", "on"]) == 0
    assert main(["chat", "-q", "3"]) == 0
    assert main(["logs", "status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "logging is off",
        f"{log_path()}: 0 answers in 0 conversations",
        "Hi",
        "logging is on",
        f"{log_path()}: 1 answer in 1 conversation",
    ]


def test_a_log_that_cannot_be_used_keeps_no_answer_back(
    server: FakeServer, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed, and one line on stderr reports the log."""
    home.mkdir()
    log_path().write_text("This is not a database.\n" * 10)
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi\n"
    assert printed.err == (
        f"openai-scan: nothing is logged: the log {log_path()} cannot be used (file is not a"
        " database): move it away, or name another file with --log or OPENAI_SCAN_LOG\n"
    )
    assert main(["chat", "-q", "-c", "Hello"]) == 2
    assert "file is not a database" in capsys.readouterr().err


def test_a_log_that_cannot_be_made_keeps_no_answer_back(
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The answer is printed even if the log's folder is a file."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPENAI_SCAN_LOG", str(tmp_path / "file" / "log.db"))
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi\n"
    assert printed.err.startswith("openai-scan: nothing is logged: the log ")
    assert printed.err.endswith(": name another file with --log or OPENAI_SCAN_LOG\n")


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [("INSERT", "nothing is logged"), ("UPDATE", "the answer is not logged")],
)
def test_a_full_disk_keeps_no_answer_back(
    statement: str,
    sentence: str,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Answers are printed whether the row fails before or after them; earlier rows are kept."""
    server.always = chat_answer("Hi")
    assert main(["chat", "-q", "1"]) == 0
    with sqlite3.connect(log_path()) as database:
        database.execute(
            f"CREATE TRIGGER full BEFORE {statement} ON answers"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    database.close()
    capsys.readouterr()
    with Session("chat", "-q", "--plain") as session:
        for _ in range(2):
            session.wait_for("> ")
            session.type("2\n")
            session.wait_for("Hi")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    assert f"openai-scan: {sentence}: the log {log_path()} cannot be used" in session.seen
    assert [row.answer for row in logged()][:1] == ["Hi"]


def test_a_log_of_a_newer_version_is_left_alone(
    server: FakeServer, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows may have another meaning, so the command does not use it."""
    home.mkdir()
    with sqlite3.connect(log_path()) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "Hello"]) == 0
    assert "written by another version" in capsys.readouterr().err
    assert main(["logs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["chat", "-c", "Hi"],
            "{path} has no conversation of chat to continue; see openai-scan chat --help",
        ),
        (["chat", "--cid", "ff", "Hi"], "there is no conversation 'ff' in {path}"),
        (
            ["chat", "--cid", "", "Hi"],
            (
                "Invalid value for '--cid' / '--conversation': it is empty;"
                " see openai-scan chat --help"
            ),
        ),
        (
            ["chat", "-c", "--cid", "ff", "Hi"],
            (
                "Either --continue or --conversation: the last one, or that one;"
                " see openai-scan chat --help"
            ),
        ),
        (["chat", "--approve", "Hi"], "--approve is for --tools; see openai-scan chat --help"),
        (["chat", "--var", "a=b", "Hi"], "--var is for a --template; see openai-scan chat --help"),
    ],
)
def test_what_cannot_be_continued_is_wrong_usage(
    arguments: list[str], sentence: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """No question is sent."""
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence.format(path=log_path())}\n"
    assert server.requests == []


def test_a_conversation_belongs_to_one_api(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-c` continues the last conversation of the same command; one of the other is refused."""
    server.add(response_answer("1"), chat_answer("2"), response_answer("3"))
    assert main(["respond", "-q", "One"]) == 0
    assert main(["chat", "-q", "Two"]) == 0
    assert main(["respond", "-q", "-c", "Three"]) == 0
    assert [len(items) for items in asked(server)] == [1, 1, 3]
    id = logged()[1].conversation
    capsys.readouterr()
    assert main(["respond", "-q", "--cid", id, "Four"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: The conversation {id} is one of another API: continue it with openai-scan"
        " chat; see openai-scan respond --help\n"
    )


def test_the_beginning_of_an_id_has_to_be_that_of_one(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An ambiguous id is refused, so that the question does not go into another conversation."""
    ids = iter(["aa11", "aa22"])
    monkeypatch.setattr("openai_scan.cli.log.new_id", lambda: next(ids))
    server.always = chat_answer("Hi")
    assert main(["chat", "-q", "One"]) == 0
    assert main(["chat", "-q", "Two"]) == 0
    capsys.readouterr()
    assert main(["chat", "--cid", "aa", "Three"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: the ids of several conversations begin with aa: say more\n"
    )


@pytest.mark.usefixtures("measured_processes")
def test_a_conversation_is_continued_at_a_terminal(server: FakeServer) -> None:
    """A line shows which conversation continues, and what you type becomes part of it."""
    server.always = chat_answer("Hi")
    long = 100 * "x"
    assert main(["chat", "-q", long]) == 0
    with Session("chat", "--plain", "-c") as session:
        session.wait_for(f"Continues {logged()[0].conversation}: {60 * 'x'}…")
        session.wait_for("> ")
        session.type("One\n")
        session.wait_for("Hi")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    assert [message["content"] for message in asked(server)[-1]] == [long, "Hi", "One"]
    assert len({row.conversation for row in logged()}) == 1


def test_events_as_json_are_logged_too(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output format does not affect the log."""
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "--json", "Hello"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[0])["type"] == "chat.completion.chunk"
    assert logged()[0].answer == "Hi"


def test_the_default_model_is_asked(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is used if the environment names none; without any, the error says how to set one."""
    monkeypatch.delenv("OPENAI_MODEL")
    assert main(["chat", "Hi"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: Say which model: with --model, in OPENAI_MODEL, or for all questions with"
        " openai-scan models default NAME; see openai-scan chat --help\n"
    )
    assert main(["models", "default", "gpt-5"]) == 0
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "Hello"]) == 0
    assert server.requests[0].json["model"] == "gpt-5"
