"""The command line: what it prints where, and its exit status."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from server import CHUNKED, END, FIN, WAIT_FOR_HANG_UP, ScriptedServer, ch, json_answer, serving

from openai_scan import cli
from openai_scan.demo import ReplayServer

TEXT = "One two three four five six seven eight nine ten."

DELTA = (
    b"event: thread.message.delta\n"
    b'data: {"id":"m","delta":{"content":[{"index":0,"type":"text","text":{"value":"Hi"}}]}}\n\n'
)
DONE = b"event: done\ndata: [DONE]\n\n"


def run_event(status: str) -> bytes:
    """Return the event of a run with *status*."""
    return f'event: thread.run.{status}\ndata: {{"id":"r","status":"{status}"}}\n\n'.encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Start a server that the environment points to."""
    with serving() as started:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        yield started


def test_demo_prints_the_text_and_a_line_of_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded answer comes over real HTTP, whole."""
    assert cli.main(["demo", "--speed", "1000"]) == 0
    text, facts = capsys.readouterr().out.splitlines()
    assert text == TEXT
    assert facts.startswith("23 events, first text after ")
    assert facts.endswith(" s in all, completed")


def test_the_output_may_be_any_text_file() -> None:
    """A program that calls main() can take the text into memory."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["demo", "--speed", "inf"]) == 0
    assert out.getvalue().startswith(TEXT)


def test_run_creates_a_thread_and_prints_the_answer(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output has the answer alone, so that it can be piped; the facts go to stderr."""
    server.scripts.append([CHUNKED + ch(DELTA + run_event("completed") + DONE) + END])
    assert cli.main(["run", "--assistant", "a", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi\n"
    assert printed.err.startswith("3 events, first text after ")
    assert server.requests[0].line == "POST /v1/threads/runs HTTP/1.1"
    assert server.requests[0].json() == {
        "assistant_id": "a",
        "thread": {"messages": [{"role": "user", "content": "Hello"}]},
        "stream": True,
    }


def test_run_takes_the_prompt_from_standard_input(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dash stands for it; an existing thread can be named."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    server.scripts.append([CHUNKED + ch(run_event("completed")) + END])
    assert cli.main(["run", "--assistant", "a", "--thread", "t", "-"]) == 0
    assert server.requests[0].line == "POST /v1/threads/t/runs HTTP/1.1"
    assert server.requests[0].json() == {
        "assistant_id": "a",
        "additional_messages": [{"role": "user", "content": "from a pipe"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("script", "out", "err"),
    [
        pytest.param(
            [CHUNKED + ch(DELTA) + END],
            "Hi\n",
            "openai_scan: the stream ended before the answer did\n",
            id="cut",
        ),
        pytest.param(
            [CHUNKED + ch(b"event: thread.run.completed\ndata: {oops\n\n") + END],
            "",
            "openai_scan: the stream ended before the answer did\n",
            id="broken JSON",
        ),
        pytest.param(
            [json_answer({"error": {"message": "Wrong key."}}, status="401 No")],
            "",
            "openai_scan: Wrong key. (HTTP status 401)\n",
            id="401",
        ),
        pytest.param(
            [CHUNKED + ch(DELTA), FIN],
            "Hi\n",
            "openai_scan: the connection broke during the answer: it was closed before its end\n",
            id="broken",
        ),
    ],
)
def test_an_error_is_one_sentence_and_status_1(
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    script: list[object],
    out: str,
    err: str,
) -> None:
    """What had arrived is printed before."""
    server.scripts.append(script)
    assert cli.main(["run", "--assistant", "a", "Hello"]) == 1
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("incomplete", "the answer is incomplete: the server cut it short at a limit"),
        (
            "requires_action",
            "the run waits for tool outputs, which this command cannot give",
        ),
        ("cancelled", "the run was cancelled"),
    ],
)
def test_an_answer_that_is_not_whole_is_status_1(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], status: str, sentence: str
) -> None:
    """Nothing went wrong, but a script must not take it for the whole answer."""
    server.scripts.append([CHUNKED + ch(run_event(status)) + END])
    assert cli.main(["run", "--assistant", "a", "Hello"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"openai_scan: {sentence}"


def test_a_missing_key_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to set."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert cli.main(["run", "--assistant", "a", "Hello"]) == 1
    assert capsys.readouterr().err.startswith("openai_scan: no API key: set OPENAI_API_KEY")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run", "Hello"],
        ["nonsense"],
        ["demo", "--speed", "fast"],
        ["demo", "--speed", "0"],
        ["demo", "--speed", "nan"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    """As every command line has it."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def command(*arguments: str) -> list[str]:
    """Return the command as a user types it."""
    return [sys.executable, "-m", "openai_scan", *arguments]


def test_the_version_is_printed() -> None:
    """`python -m openai_scan` is the command."""
    run = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert run.stdout == "openai_scan 0.1.0\n"


def test_ctrl_c_keeps_what_was_printed(server: ScriptedServer) -> None:
    """One line says that it was interrupted, and the server sees a hang-up."""
    server.scripts.append([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP])
    process = subprocess.Popen(
        command("run", "--assistant", "a", "Hello"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(2) == "Hi"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (out, err) == ("\n", "openai_scan: interrupted\n")
    assert process.returncode == 130
    assert server.hung_up.wait(10)


def test_a_broken_pipe_is_silent(server: ScriptedServer) -> None:
    """As `head` leaves when it has enough."""
    server.scripts.append([CHUNKED + ch(DELTA) + ch(DELTA) + ch(DONE) + END])
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        command("run", "--assistant", "a", "Hello"), stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    _, err = process.communicate(timeout=10)
    assert err == b""
    assert process.returncode == 141


def test_a_narrow_terminal_loses_no_answer(server: ScriptedServer) -> None:
    """A character that the terminal does not have is replaced."""
    server.scripts.append([CHUNKED + ch(DELTA.replace(b"Hi", "é!".encode()) + DONE) + END])
    run = subprocess.run(
        command("run", "--assistant", "a", "Hello"),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert run.stdout == b"?!\n"


def test_the_replay_server_needs_a_speed() -> None:
    """At no speed it would never come to an end."""
    with pytest.raises(ValueError, match="speed must be more than 0"):
        ReplayServer(speed=0)


def test_the_replay_server_does_not_mind_who_leaves() -> None:
    """A client that hangs up in the middle leaves no trace on the terminal."""
    import requests

    with ReplayServer(speed=float("inf")) as server:
        with requests.post(server.base_url, stream=True, timeout=10) as response:
            assert response.raw.read1(1)
