"""`replay`: print a recording, or serve it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder import Recorder
from terminal_session import Session

from openai_scan import Client, NotFoundError, TransportError, record
from openai_scan.cli import main
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, cut, done

FAST = ("--speed", "inf")


@pytest.mark.parametrize("speed", ["1", "inf"])
def test_the_text_is_printed_as_it_came(
    speed: str, recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server is asked, at any speed."""
    file = recording()
    assert main(["replay", file, "--speed", speed]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi there\n"
    assert printed.err.startswith("6 events, first text after ")
    assert len(recording.server.requests) == 1


def test_the_events_and_the_bytes_can_be_printed(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """The bytes are those that were read."""
    steps = [chat_chunk("Hi"), chat_chunk(finish_reason="stop"), done()]
    file = str(tmp_path / "bytes.jsonl")
    for chunk in (source := record(steps, file)):
        assert chunk
    source.close()
    assert main(["replay", file, *FAST, "--raw"]) == 0
    assert capsysbinary.readouterr().out == b"".join(steps)
    assert main(["replay", file, *FAST, "--json", "-q"]) == 0
    lines = capsysbinary.readouterr().out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == [
        "chat.completion.chunk",
        "chat.completion.chunk",
        "done",
    ]


def test_a_plain_event_stream_can_come_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An event stream without times is played at once."""
    data = b"".join(chat_answer("Hi there"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["replay", "-", "-q"]) == 0
    assert capsys.readouterr() == ("Hi there\n", "")


def test_a_truncated_recording_is_played_up_to_its_cut(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command then reports the cut and exits with status 1."""
    file = Path(recording())
    lines = file.read_bytes().splitlines(keepends=True)
    # The response headers, the chunk with the role, "Hi", and half of the next line.
    text = b"".join(lines)
    file.write_bytes(text[: text.index(b" there") + 3])
    assert main(["replay", str(file), *FAST]) == 1
    assert capsys.readouterr().err == (
        f"openai-scan: the recording {file} breaks off before its end\n"
    )


def test_an_answer_that_broke_off_does_so_again(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The replay ends with the recorded error, also with `--raw`."""
    file = recording(chat_chunk("Hi"), b"\n", cut())
    sentence = "openai-scan: the connection broke during the answer: it was closed before its end\n"
    assert main(["replay", file, *FAST]) == 1
    assert capsys.readouterr() == ("Hi\n", sentence)
    assert main(["replay", file, *FAST, "--raw"]) == 1
    assert capsys.readouterr().err == sentence


@pytest.mark.parametrize("command", ["replay", "inspect", "stats"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1: the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "line 1: this is neither a recording ("),
        (b'{"a": 1}\n', "line 1: this is neither a recording (it is not a line of a recording)"),
        (
            b'{"format": "openai_scan recording", "version": 2}\n',
            "line 1: the recording has version 2, but this library reads only version 1",
        ),
        (
            b'{"format": "openai_scan recording", "version": 1}\noops\n',
            "line 2: the recording is damaged (",
        ),
    ],
    ids=["empty", "binary", "JSON", "future", "damaged"],
)
def test_what_is_not_a_recording_is_one_sentence(
    command: str,
    content: bytes,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It names the file and the line."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert main([command, str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"openai-scan: {file}, {sentence}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--exchange", "1"], "{file} has no exchange 1: it has 1, from 0"),
        (["--serve", "--port", "-1"], "Invalid value for '--port'"),
        (["--serve", "--json"], "--serve cannot be combined with --json, --raw or --exchange"),
        (["--serve", "--raw"], "--serve cannot be combined with --json, --raw or --exchange"),
        (
            ["--serve", "--exchange", "0"],
            "--serve cannot be combined with --json, --raw or --exchange",
        ),
        (["--port", "0"], "--port needs --serve"),
        (["--key", "k"], "--key needs --serve"),
        (["--serve", "--key", ""], "Invalid value for '--key': it is empty"),
        (
            ["--serve", "--key", "a b"],
            "the API key contains characters that no API key has: check --key",
        ),
        (["--json", "--raw"], "--json and --raw cannot be combined"),
    ],
)
def test_what_is_not_there_is_wrong_usage(
    arguments: list[str],
    sentence: str,
    recording: Recorder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A sentence says what is wrong."""
    file = recording()
    assert main(["replay", file, *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"openai-scan: {sentence.format(file=file)}")


def test_standard_input_is_not_served(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard input can be read only once."""
    assert main(["replay", "-", "--serve"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: --serve needs a file: it cannot serve standard input; see openai-scan replay"
        " --help\n"
    )


@contextlib.contextmanager
def served(file: str, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Serve *file* in another process; yield the base URL and a list of what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "openai_scan", "replay", file, "--serve", "--key", "k", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    while (found := re.search(r"at (http://\S+/v1)", "".join(said))) is None:
        said.append(process.stderr.readline())
        assert said[-1]
    try:
        yield found[1], said
    finally:
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[1].splitlines()
        assert process.returncode == 130


def ask(client: Client) -> str:
    """Return the answer to a chat request."""
    with client.create_chat_completion_stream(model="m", messages=[]) as s:
        return s.read().decode()


@pytest.mark.usefixtures("measured_processes")
def test_a_recording_is_served_over_and_over(recording: Recorder) -> None:
    """It is served at its own path and no other until Ctrl-C, at the given port."""
    file = recording()
    with FakeServer() as somewhere:
        port = somewhere.url.rpartition(":")[2]  # free again in a moment
    with served(file, *FAST, "--port", port) as (url, said), Client("k", url) as client:
        assert url == f"http://127.0.0.1:{port}/v1"
        assert [ask(client), ask(client)] == ["Hi there", "Hi there"]
        with pytest.raises(NotFoundError, match="only POST /chat/completions"):
            client.create_response(model="m", input="Hi")
    assert said == [
        f"serving {file} at {url} with the key k; Ctrl-C ends it\n",
        "POST /chat/completions",
        "POST /chat/completions",
        "POST /responses",
        "openai-scan: interrupted",
    ]


def test_a_port_that_is_taken_is_one_sentence(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the option for another port."""
    file, port = recording(), recording.server.url.rpartition(":")[2]
    assert main(["replay", file, "--serve", "--port", port]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: Port {port} is in use: choose another one with --port; see"
        " openai-scan replay --help\n"
    )


@pytest.fixture
def _without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the system refuse every port."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("openai_scan.cli.replay.FakeServer", refuse)


@pytest.mark.usefixtures("_without_permission")
def test_a_port_that_another_program_has_on_windows_is_taken(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows may report a missing permission instead."""
    file = recording()
    assert main(["replay", file, "--serve", "--port", "8000"]) == 2
    assert "Port 8000 is in use: choose another one with --port" in capsys.readouterr().err


@pytest.mark.usefixtures("_without_permission")
def test_a_port_that_is_not_to_be_had_is_one_sentence(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence has the operating system's reason."""
    file = recording()
    assert main(["replay", file, "--serve", "--port", "80"]) == 2
    assert capsys.readouterr().err == "openai-scan: Permission denied\n"


@pytest.mark.usefixtures("measured_processes")
def test_a_truncated_recording_is_served_up_to_its_cut(recording: Recorder) -> None:
    """The cut is reported at the start."""
    file = Path(recording())
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    with served(str(file), *FAST) as (url, said), Client("k", url) as client:
        assert ask(client) == "Hi there"
    assert said[0] == f"openai-scan: the recording {file} breaks off before its end\n"
    assert said[1] == f"serving {file} at {url} with the key k; Ctrl-C ends it\n"


@pytest.mark.usefixtures("measured_processes")
def test_a_plain_event_stream_is_served_at_any_path(tmp_path: Path) -> None:
    """An event stream does not say which path it came from."""
    file = tmp_path / "answer.sse"
    file.write_bytes(b"".join(chat_answer("Hi there")))
    with served(str(file)) as (url, _), Client("k", url) as client:
        assert ask(client) == "Hi there"


def test_a_cut_is_served_too(recording: Recorder) -> None:
    """So you can test how a program handles a broken connection."""
    file = recording(chat_chunk("Hi"), b"\n", cut())
    with served(file, *FAST) as (url, _), Client("k", url) as client:
        with pytest.raises(TransportError):
            ask(client)


def test_a_recording_at_a_terminal(recording: Recorder) -> None:
    """Its text is rendered there."""
    with Session("replay", recording(*chat_answer("It is **blue**.")), "-q") as session:
        assert session.end() == 0
    # How often it is drawn while it arrives depends on the machine.
    assert all("It is blue.".startswith(line) for line in session.lines)
    assert session.lines[-1] == "It is blue."
