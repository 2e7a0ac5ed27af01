"""Completion in the shells that are installed, and what it offers."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from openai_scan.cli import main
from openai_scan.testing import FakeServer, chat_answer, error, hold, json_answer

# The options that keep each shell from reading its settings, and the first lines that are typed:
# what a user's settings would have done, and the line in the reference.
SHELLS = {
    "bash": (
        ["--norc", "--noprofile", "-i"],
        [
            "bind 'set enable-bracketed-paste off'",
            'eval "$(_OPENAI_SCAN_COMPLETE=bash_source openai-scan)"',
        ],
    ),
    "zsh": (
        ["-f", "-i"],
        [
            "autoload -Uz compinit; compinit -u -D",
            'eval "$(_OPENAI_SCAN_COMPLETE=zsh_source openai-scan)"',
        ],
    ),
    "fish": (
        ["--no-config", "--private", "-i"],
        ["_OPENAI_SCAN_COMPLETE=fish_source openai-scan | source"],
    ),
}

MODELS = json_answer({"object": "list", "data": [{"id": "gpt-test"}, {"id": "llama"}]})


@pytest.fixture(params=SHELLS)
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, server: FakeServer
) -> Iterator[pexpect.spawn[str]]:
    """Start a shell that has been told how to complete, in a folder with a recording.

    Without the shell, the test is skipped, but not in `.ci/run`.
    """
    name = request.param
    path = shutil.which(name)
    if path is None and "OPENAI_SCAN_SHELLS" not in os.environ:
        pytest.skip(f"{name} is not installed; `.ci/run` installs it")
    assert path is not None, f"there is no {name} here"
    arguments, first = SHELLS[name]
    (tmp_path / "sky.jsonl").touch()
    commands = str(Path(sys.executable).parent)
    plain = {key: value for key, value in os.environ.items() if key != "OPENAI_MODEL"}
    environment = {
        **plain,
        "HOME": str(tmp_path),
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
    }
    server.always = MODELS
    started = pexpect.spawn(
        path,
        arguments,
        cwd=str(tmp_path),
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 400),
    )
    try:
        for line in [*first, "echo rea''dy"]:
            started.sendline(line)
        started.expect_exact("ready")
        yield started
    finally:
        started.close(force=True)


# What is typed before the tab key, and the line that it becomes.
COMPLETED = {
    "openai-scan rep": "openai-scan replay",
    "openai-scan replay --ser": "openai-scan replay --serve",
    "openai-scan inspect sk": "openai-scan inspect sky.jsonl",
    "openai-scan stats sky.jsonl --plot sk": "openai-scan stats sky.jsonl --plot sky.jsonl",
    "openai-scan bench http://a --api res": "openai-scan bench http://a --api responses",
    "openai-scan record x.jsonl --path /th": "openai-scan record x.jsonl --path /threads/runs",
    "openai-scan doctor http://a --only tr": "openai-scan doctor http://a --only transcription",
    "openai-scan chat -m gp": "openai-scan chat -m gpt-test",
}


def test_the_tab_key(shell: pexpect.spawn[str]) -> None:
    """Commands, options, files, APIs, paths and models are completed as one types."""
    for typed, completed in COMPLETED.items():
        # Turn the completed line into a command that prints it.
        shell.send(f"{typed}\t\x01echo do''ne: \r")
        shell.expect_exact("done: ")
        assert shell.readline().split() == completed.split()


def offered(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Return what is offered for the last of *words*."""
    monkeypatch.setenv("_OPENAI_SCAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return [line.partition(",")[2] for line in printed.out.splitlines() if line]


def test_models_are_those_of_the_server_that_was_named(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server is asked with the headers on the command line."""
    server.always = MODELS
    url = server.base_url
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    words = f"openai-scan chat --base-url {url} --header X-Who=somebody -m "
    assert offered(words, monkeypatch, capsys) == ["gpt-test", "llama"]
    assert server.requests[0].headers["x-who"] == "somebody"
    for words in (f"openai-scan bench {url} -m l", f"openai-scan doctor {url} --speech-model l"):
        assert offered(words, monkeypatch, capsys) == ["llama"]


@pytest.mark.parametrize("problem", ["refused", "silent", "keyless", "malformed"])
def test_no_model_is_offered_if_the_server_does_not_say(
    problem: str,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No error is printed into the line that is being typed."""
    server.strict = False
    server.always = [hold()] if problem == "silent" else error(401)
    monkeypatch.setattr("openai_scan.cli.options._PATIENCE", 0.1)
    if problem == "keyless":
        monkeypatch.delenv("OPENAI_API_KEY")
    url = "http://[::1/v1" if problem == "malformed" else server.base_url
    assert offered(f"openai-scan chat --base-url {url} -m ", monkeypatch, capsys) == []


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (
            "",
            [
                "models",
                "chat",
                "completions",
                "responses",
                "images",
                "speech",
                "transcription",
                "assistants",
            ],
        ),
        (
            "models,",
            [
                "models,models",
                "models,chat",
                "models,completions",
                "models,responses",
                "models,images",
                "models,speech",
                "models,transcription",
                "models,assistants",
            ],
        ),
        ("talk", []),
    ],
)
def test_lists_of_apis_are_completed_one_by_one(
    typed: str,
    completed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each offer includes the APIs that were typed before it."""
    words = f"openai-scan doctor http://a --only {typed}"
    assert offered(words, monkeypatch, capsys) == completed


def test_paths_are_those_of_the_apis(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paths that can be recorded are offered."""
    offers = offered("openai-scan record x.jsonl --path /c", monkeypatch, capsys)
    assert offers == ["/chat/completions", "/completions"]


def test_templates_and_conversations_are_those_that_are_stored(
    server: FakeServer,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those that begin with what was typed are offered; a damaged log offers none."""
    server.always = chat_answer("Hi")
    ids = iter(["aa11", "bb22"])
    monkeypatch.setattr("openai_scan.cli.log.new_id", lambda: next(ids))
    for words in (["One"], ["Two"], ["-c", "Three"]):
        assert main(["chat", "-q", *words]) == 0
    assert main(["templates", "save", "summary", "Hi"]) == 0
    assert main(["templates", "save", "other", "Hi"]) == 0
    capsys.readouterr()
    assert offered("openai-scan chat -t ", monkeypatch, capsys) == ["other", "summary"]
    assert offered("openai-scan templates show s", monkeypatch, capsys) == ["summary"]
    assert offered("openai-scan chat --cid ", monkeypatch, capsys) == ["bb22", "aa11"]
    assert offered("openai-scan logs show a", monkeypatch, capsys) == ["aa11"]
    (home / "log.db").write_text("This is not a database.\n" * 10)
    assert offered("openai-scan chat --cid ", monkeypatch, capsys) == []
