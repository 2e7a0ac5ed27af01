"""`record`: record a stream in a file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.recording import read_recording
from openai_scan.testing import FakeServer, assistant_answer, chat_answer, error

GIVE = (
    """give an object such as '{"model": "gpt-5"}', @FILE for one in a file, or - for standard"""
    " input"
)

FULL = Path("/dev/full")


def test_an_answer_is_printed_and_recorded(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file has the request only with `--with-request`."""
    file = str(tmp_path / "answer.jsonl")
    server.add(chat_answer("Hi there"), chat_answer("Bye"))
    assert main(["record", file, "-s", "Be brief.", "-p", "seed=1", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi there\n"
    assert printed.err.splitlines()[-1] == f"recorded in {file}"
    (section,) = read_recording(file)
    assert section.head.request is None
    assert section.end is not None
    assert section.end.end == "clean"
    assert main(["record", file, "--force", "--with-request", "-s", "Be brief.", "Hello"]) == 0
    (section,) = read_recording(file)
    assert section.head.request == {
        "stream": True,
        "model": "test-model",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
    }


def test_nothing_is_overwritten_without_force(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file stays as it is, and the request is not made."""
    file = tmp_path / "answer.jsonl"
    file.write_text("mine")
    assert main(["record", str(file), "Hello"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: {file} already exists: name another file, or overwrite it with --force\n"
    )
    assert file.read_text() == "mine"
    assert server.requests == []


def test_a_recording_needs_a_file(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer goes to standard output, so "-" is refused, and no file of that name is made."""
    assert main(["record", "-", "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: FILE must be a file: the answer itself is printed on standard output; see"
        " openai-scan record --help\n"
    )
    assert server.requests == []
    assert not Path("-").exists()


def test_an_answer_that_failed_is_recorded_too(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says where, except with `-q`."""
    server.add(error(401, "Wrong key."), error(401, "Wrong key."))
    file = str(tmp_path / "answer.jsonl")
    assert main(["record", file, "Hello"]) == 1
    sentence = "openai-scan: Wrong key. (HTTP status 401, code invalid_api_key)\n"
    assert capsys.readouterr().err == f"recorded in {file}\n{sentence}"
    assert main(["record", "--force", "-q", file, "Hello"]) == 1
    assert capsys.readouterr().err == sentence
    (section,) = read_recording(file)
    assert section.head.status == 401


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_has_no_recording(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command does not claim to have recorded anything."""
    server.add(chat_answer("Hi there"))
    assert main(["record", "--force", str(FULL), "Hello"]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("openai-scan: /dev/full cannot be written")
    assert "recorded in" not in err


BODY = {"assistant_id": "a", "thread": {"messages": []}}


@pytest.mark.parametrize("place", ["argument", "file", "stdin"])
def test_any_path_can_be_asked(
    place: str,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The body comes from an argument, a file or standard input; `stream` is added to it."""
    text = json.dumps(BODY)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    (tmp_path / "body.json").write_text(text)
    given = {"argument": text, "file": f"@{tmp_path / 'body.json'}", "stdin": "-"}[place]
    server.add(assistant_answer("Hi"))
    file = str(tmp_path / "run.jsonl")
    assert main(["record", "-q", file, "--path", "threads/runs", "--body", given]) == 0
    assert capsys.readouterr() == ("Hi\n", "")
    assert server.requests[0].path == "/threads/runs"
    assert server.requests[0].headers["openai-beta"] == "assistants=v2"
    assert server.requests[0].json == {"stream": True, **BODY}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--path", "/responses"], "--path and --body belong together: give both, or neither"),
        (
            ["--path", "/responses", "--body", "{}", "Hello"],
            "--path and --body send a whole body: leave out PROMPT and --system",
        ),
        (["--path", "/responses", "--body", "[]"], f"--body is not a JSON object: {GIVE}"),
        (["--path", "/responses", "--body", ""], f"--body is empty: {GIVE}"),
        (["--path", "/a", "--body", '"\udcff"'], "Invalid value for '--body': it is not text"),
        (
            ["--path", "/responses", "--body", "{"],
            (
                "--body is not JSON (Expecting property name enclosed in double quotes: line 1"
                f" column 2 (char 1)): {GIVE}"
            ),
        ),
        (
            ["--path", "/responses", "--body", "-"],
            (
                "--body is not JSON ('utf-8' codec can't decode byte 0xff in position 1: invalid"
                f" start byte): {GIVE}"
            ),
        ),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    arguments: list[str],
    sentence: str,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No file is made."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"\xff"')))
    file = tmp_path / "answer.jsonl"
    assert main(["record", str(file), *arguments]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan record --help\n"
    assert not file.exists()


def test_a_model_is_needed(
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is named by an option or by the environment."""
    monkeypatch.delenv("OPENAI_MODEL")
    assert main(["record", str(tmp_path / "answer.jsonl"), "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: There is no model: pass --model, or set OPENAI_MODEL; see openai-scan record"
        " --help\n"
    )


def test_a_recording_is_made_at_a_terminal(server: FakeServer, tmp_path: Path) -> None:
    """Without a question, the command exits rather than waiting for you to type one."""
    file = str(tmp_path / "answer.jsonl")
    server.add(chat_answer("It is **blue**."))
    with Session("record", file) as session:
        assert session.end() == 2
    with Session("record", file, "Why?", COLUMNS="200") as session:
        assert session.end() == 0
    assert session.lines[0] == "It is blue."
    assert session.lines[-1] == f"recorded in {file}"
