"""`demo` and `run`: run an assistant or an agent, with tools if you like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.demo import ReplayServer
from openai_scan.testing import (
    FakeServer,
    Reply,
    ToolCall,
    agent_answer,
    agent_failure,
    agent_sessions,
    assistant_answer,
    assistant_calls,
    assistant_failure,
    thread_run,
)

TEXT = "One two three four five six seven eight nine ten."

MODULE = '''
def forecast(city: str) -> str:
    """Say what the weather will be."""
    return f"rain in {city}"


def untyped(city):
    """Lack a type."""


number = 1
'''


def test_demo_prints_the_text_and_a_line_of_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded answer is sent over real HTTP, and arrives whole."""
    assert main(["demo", "--speed", "inf"]) == 0
    text, facts = capsys.readouterr().out.splitlines()
    assert text == TEXT
    assert facts.startswith("23 events, first text after ")
    assert facts.endswith(" s in all, completed")


def test_demo_at_a_terminal() -> None:
    """The text looks the same at a terminal."""
    with Session("demo", "--speed", "100") as session:
        assert session.end() == 0
    assert session.lines[-2] == TEXT


def test_run_creates_a_thread_and_prints_the_answer(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the answer is on stdout."""
    server.add(assistant_answer("Hi there"))
    assert main(["run", "--assistant", "a", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi there\n"
    assert printed.err.startswith("13 events, first text after ")
    assert server.requests[0].path == "/threads/runs"
    assert server.requests[0].json == {
        "assistant_id": "a",
        "thread": {"messages": [{"role": "user", "content": "Hello"}]},
        "stream": True,
    }


def test_run_takes_a_thread_that_is_there(server: FakeServer) -> None:
    """The question is added to the thread."""
    server.add(assistant_answer("Hi"))
    assert main(["run", "--assistant", "a", "--thread", "t", "-p", "model=m", "Hello"]) == 0
    assert server.requests[0].path == "/threads/t/runs"
    assert server.requests[0].json == {
        "assistant_id": "a",
        "additional_messages": [{"role": "user", "content": "Hello"}],
        "model": "m",
        "stream": True,
    }


def test_tools_are_offered_and_called(
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A function of a module in this folder answers the assistant's call."""
    (tmp_path / "weather_tools.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    server.add(assistant_calls(ToolCall("forecast", {"city": "Oslo"})), assistant_answer("Rain"))
    arguments = ["run", "-q", "--assistant", "a", "--tools", "weather_tools:forecast"]
    assert main([*arguments, "Umbrella?"]) == 0
    assert capsys.readouterr() == ("Rain\n", "")
    (tool,) = server.requests[0].json["tools"]
    assert tool["function"]["name"] == "forecast"
    assert tool["function"]["description"] == "Say what the weather will be."
    assert server.requests[1].json["tool_outputs"] == [
        {"tool_call_id": "call_1", "output": "rain in Oslo"}
    ]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("nonsense", "--tools nonsense is not of the form MODULE:FUNCTION"),
        (
            "nonsense_tools:f",
            (
                "--tools nonsense_tools:f: nonsense_tools cannot be imported (ModuleNotFoundError:"
                " No module named 'nonsense_tools')"
            ),
        ),
        (
            "exiting_tools:f",
            "--tools exiting_tools:f: exiting_tools cannot be imported (SystemExit: 3)",
        ),
        (
            "weather_tools:nonsense",
            "--tools weather_tools:nonsense: weather_tools has no function 'nonsense'",
        ),
        (
            "weather_tools:number",
            "--tools weather_tools:number: weather_tools has no function 'number'",
        ),
        (
            "weather_tools:untyped",
            "--tools: the parameter city of untyped has no type: annotate it",
        ),
    ],
)
def test_what_is_not_a_tool_is_one_sentence(
    place: str,
    sentence: str,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No request is sent."""
    (tmp_path / "weather_tools.py").write_text(MODULE)
    (tmp_path / "exiting_tools.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--assistant", "a", "--tools", place, "Hello"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan run --help\n"
    assert server.requests == []


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (assistant_failure(message="Out of order."), "Out of order. (code server_error)"),
        ([thread_run("cancelled")], "the answer was cancelled on the server"),
        (
            assistant_calls(ToolCall("f")),
            (
                "the model waits for the outputs of tools that it has called: f({}); --tools"
                " MODULE:FUNCTION gives it some"
            ),
        ),
    ],
    ids=["failed", "cancelled", "calls"],
)
def test_a_run_that_is_not_whole_is_status_1(
    steps: list[bytes],
    sentence: str,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence says why."""
    server.add(steps)
    assert main(["run", "-q", "--assistant", "a", "Hello"]) == 1
    assert capsys.readouterr().err == f"openai-scan: {sentence}\n"


def test_a_run_with_tools_at_a_terminal(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that follows the tool's output is rendered."""
    (tmp_path / "weather_tools.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    calls = assistant_calls(ToolCall("forecast", {"city": "Oslo"}))
    server.add(calls, assistant_answer("There will be **rain**."))
    with Session("run", "--assistant", "a", "--tools", "weather_tools:forecast", "So?") as session:
        assert session.end() == 0
    assert "There will be \x1b[1mrain\x1b[0m." in session.seen
    assert session.lines[-2] == "There will be rain."
    assert session.lines[-1].endswith(" s in all, completed")
    assert server.requests[1].json["tool_outputs"][0]["output"] == "rain in Oslo"


@pytest.mark.usefixtures("measured_processes")
def test_run_needs_something_to_say(server: FakeServer) -> None:
    """A run is not a conversation: at a terminal, the command does not wait for a question."""
    with Session("run", "--assistant", "a") as session:
        assert session.end() == 2
    assert session.lines == [
        (
            "openai-scan: Say what to ask, as an argument or on standard input; "
            "see openai-scan run --help"
        )
    ]


def test_the_replay_server_needs_a_speed() -> None:
    """At speed 0 a replay would never end."""
    with pytest.raises(ValueError, match="speed must be above 0"):
        ReplayServer(speed=0)


def test_the_replay_server_does_not_mind_who_leaves() -> None:
    """A client that hangs up in the middle leaves no trace on the terminal."""
    import requests

    with ReplayServer(speed=float("inf")) as server:
        with requests.post(server.base_url, stream=True, timeout=10) as response:
            assert response.raw.read1(1)


class TestAgents:
    """`--agent` and `--session`: the Agents API."""

    def test_run_creates_a_session(
        self, server: FakeServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It has no environment unless you ask for one."""
        server.add(agent_answer("Hi there"), agent_answer("Hi"))
        assert main(["run", "--agent", "a", "Hello"]) == 0
        printed = capsys.readouterr()
        assert printed.out == "Hi there\n"
        assert printed.err.startswith("13 events, first text after ")
        assert server.requests[0].path == "/agents/sessions"
        assert server.requests[0].json == {
            "agent_id": "a",
            "environment": {"type": "none"},
            "input": "Hello",
            "stream": True,
        }
        environment = {"type": "openai_hosted"}
        setting = f"environment={json.dumps(environment)}"
        assert main(["run", "--agent", "a", "-p", setting, "Hello"]) == 0
        assert server.requests[1].json["environment"] == environment

    def test_run_continues_in_a_session(
        self, server: FakeServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The command opens the stream before it sends anything."""
        server.add(agent_answer("Hi")[1:], Reply(status=202, headers={}, body=b""))
        assert main(["run", "--session", "s", "Hello"]) == 0
        assert capsys.readouterr().out == "Hi\n"
        first, second = server.requests
        assert (first.method, second.method) == ("GET", "POST")
        assert second.json["events"][0]["input"][0]["content"][0]["text"] == "Hello"

    def test_run_answers_the_calls_of_an_agent(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Functions of a module answer them; other settings of the agent are kept."""
        (tmp_path / "agentweather.py").write_text(MODULE, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        call = ToolCall("forecast", {"city": "Oslo"})
        with FakeServer(agent_sessions([call, "Take one."])) as started:
            monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
            tools = ["--tools", "agentweather:forecast"]
            arguments = ["--agent", "a", *tools, "-p", 'agent={"model": "m"}', "Umbrella?"]
            assert main(["run", *arguments]) == 0
            assert capsys.readouterr().out == "Take one.\n"
            first, second = started.requests
            assert first.json["agent"]["model"] == "m"
            assert first.json["agent"]["tools"][0]["name"] == "forecast"
            assert second.json["events"][0]["output"] == "rain in Oslo"

    def test_agent_that_fails(self, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
        """The reason is printed."""
        server.add(agent_failure("server_error", "no luck"))
        assert main(["run", "--agent", "a", "Hello"]) == 1
        assert "no luck" in capsys.readouterr().err
