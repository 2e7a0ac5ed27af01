"""`--tools` of `chat` and `respond`, whose calls are shown and may need approval."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.testing import (
    FakeServer,
    ToolCall,
    assistant_answer,
    assistant_calls,
    chat_answer,
    chat_calls,
    chat_chunk,
    hold,
    response_answer,
    response_calls,
)

MODULE = '''
def forecast(city: str) -> str:
    """Say what the weather will be."""
    return f"rain in {city}"


async def later(city: str) -> str:
    """Say it later."""
    return "rain"


def untyped(city):
    """Lack a type."""


def fails(city: str) -> str:
    """Fail."""
    raise OSError("secret")
'''

CALL = ToolCall("forecast", {"city": "Oslo"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder of the module the current one."""
    (tmp_path / "shown_tools.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)


def test_calls_are_answered_and_shown(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The calls are shown on stderr, so that the answer can be piped."""
    server.add(chat_calls(CALL), chat_answer("Rain"))
    assert main(["chat", "--tools", "shown_tools:forecast", "Umbrella?"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Rain\n"
    assert printed.err.splitlines()[:2] == [
        "tool call: forecast(city='Oslo')",
        "forecast returned 'rain in Oslo'",
    ]
    [tool] = server.requests[0].json["tools"]
    assert tool["function"]["description"] == "Say what the weather will be."
    assert server.requests[1].json["messages"][-1]["content"] == "rain in Oslo"


def test_responses_call_functions_too(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `-q` the calls are not shown; long arguments and results are cut."""
    long = ToolCall("forecast", {"city": 300 * "x"})
    server.add(response_calls(long), response_answer("Rain"))
    server.add(response_calls(long), response_answer("Rain"))
    assert main(["respond", "-q", "--tools", "shown_tools:forecast", "Umbrella?"]) == 0
    assert capsys.readouterr() == ("Rain\n", "")
    [tool] = server.requests[0].json["tools"]
    assert tool["name"] == "forecast"
    assert main(["respond", "--tools", "shown_tools:forecast", "Umbrella?"]) == 0
    first, second, _ = capsys.readouterr().err.splitlines()
    assert first == f"tool call: forecast(city='{194 * 'x'}…)"
    assert second == f"forecast returned 'rain in {191 * 'x'}…"


def test_a_function_that_fails_is_reported_to_the_model(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model does not get the error's message, which may hold a secret."""
    server.add(chat_calls(ToolCall("fails", {"city": "Oslo"})), chat_answer("Sorry"))
    assert main(["chat", "--tools", "shown_tools:fails", "Umbrella?"]) == 0
    assert "secret" not in json.dumps(server.requests[1].json)
    assert capsys.readouterr().err.startswith("tool call: fails(city='Oslo')\n")


def test_an_assistant_shows_calls_too(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` shows calls as `chat` does."""
    server.add(assistant_calls(CALL), assistant_answer("Rain"))
    arguments = ["run", "--assistant", "a", "--tools", "shown_tools:forecast"]
    assert main([*arguments, "Umbrella?"]) == 0
    assert capsys.readouterr().err.startswith("tool call: forecast(city='Oslo')\n")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("nonsense", "--tools nonsense is not of the form MODULE:FUNCTION"),
        (
            "shown_tools:later",
            "--tools shown_tools:later is asynchronous: wrap it in a plain function",
        ),
        ("shown_tools:untyped", "--tools: the parameter city of untyped has no type"),
        ("shown_tools:none", "--tools shown_tools:none: shown_tools has no function 'none'"),
    ],
)
def test_what_is_no_tool_is_wrong_usage(
    place: str, sentence: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """No question is sent."""
    assert main(["chat", "--tools", place, "Hi"]) == 2
    assert capsys.readouterr().err.startswith(f"openai-scan: {sentence}")
    assert server.requests == []


def test_a_function_can_be_given_once(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model calls functions by name, so two with the same name are refused."""
    twice = 2 * ["--tools", "shown_tools:forecast"]
    assert main(["chat", *twice, "Hi"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: --tools: two functions have the name 'forecast': rename one;"
        " see openai-scan chat --help\n"
    )
    assert server.requests == []


def test_approval_needs_a_terminal(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one, no question is sent."""
    arguments = ["chat", "--approve", "--tools", "shown_tools:forecast"]
    assert main([*arguments, "Hi"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: --approve needs a terminal to ask at; see openai-scan chat --help\n"
    )
    assert server.requests == []


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("typed", "output"),
    [
        ("y\n", "rain in Oslo"),
        ("Yes\n", "rain in Oslo"),
        ("n\n", "Error: the user did not allow this call"),
        ("\n", "Error: the user did not allow this call"),
        ("\x04", "Error: the user did not allow this call"),
    ],
)
def test_a_call_is_approved_or_not(typed: str, output: str, server: FakeServer) -> None:
    """The text so far is finished before the question, and a refusal is reported to the model."""
    server.add([chat_chunk("Let me **see**"), *chat_calls(CALL)], chat_answer("Done"))
    arguments = ["chat", "-q", "--approve", "--tools", "shown_tools:forecast"]
    with Session(*arguments, "Umbrella?") as session:
        session.wait_for("Call forecast(city='Oslo')? [y/N] ")
        session.type(typed)
        assert session.end() == 0
    assert server.requests[1].json["messages"][-1]["content"] == output
    assert "\x1b[1msee\x1b[0m" in session.seen
    assert session.lines[-1] == "Done"
    asked = next(line for line in session.lines if "[y/N]" in line)
    assert asked.startswith("Call ")


def test_ctrl_c_at_that_question_ends_the_answer(server: FakeServer) -> None:
    """The function does not run, and the conversation continues."""
    server.add([chat_chunk("Let me see"), *chat_calls(CALL)], chat_answer("Hi"))
    arguments = ["chat", "-q", "--plain", "--approve", "--tools", "shown_tools:forecast"]
    with Session(*arguments) as session:
        session.wait_for("> ")
        session.type("Umbrella?\n")
        session.wait_for("[y/N] ")
        session.press_ctrl_c()
        session.wait_for("openai-scan: the answer was interrupted")
        session.wait_for("> ")
        session.type("Hello\n")
        session.wait_for("Hi")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    assert len(server.requests) == 2


@pytest.mark.usefixtures("measured_processes")
def test_what_was_typed_before_approves_no_call(server: FakeServer) -> None:
    """Input typed before the question appeared does not count as an answer to it."""
    gate = hold()
    server.add([chat_chunk("Let me see"), gate, *chat_calls(CALL)], chat_answer("Done"))
    arguments = ["chat", "-q", "--plain", "--approve", "--tools", "shown_tools:forecast"]
    with Session(*arguments, "Umbrella?") as session:
        session.wait_for("Let me see")
        session.type("y\n")
        gate.release()
        session.wait_for("[y/N] ")
        session.type("n\n")
        assert session.end() == 0
    output = server.requests[1].json["messages"][-1]["content"]
    assert output == "Error: the user did not allow this call"
