"""The program as a whole: its help, its exit statuses, and its error messages."""

from __future__ import annotations

import errno
import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminal_session import Session
from typing_extensions import Buffer

from openai_scan import __version__
from openai_scan.cli import main, program
from openai_scan.cli.status import MEANINGS
from openai_scan.testing import FakeServer, chat_answer

ROOT = Path(__file__).parents[2]
FILE = str(ROOT / "openai_scan/demo/assistants.jsonl")


def command(*arguments: str) -> list[str]:
    """Return the command as a user types it."""
    return [sys.executable, "-m", "openai_scan", *arguments]


def test_the_version_is_printed() -> None:
    """`python -m openai_scan` is the command."""
    ran = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert ran.stdout == f"openai-scan {__version__}\n"


def test_the_arguments_are_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console script calls `main()` without arguments."""
    monkeypatch.setattr(sys, "argv", ["openai-scan", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"openai-scan {__version__}\n"


def test_help_lists_the_commands_and_the_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists the commands, and the exit statuses for scripts."""
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name, about in program.COMMANDS.items():
        assert re.search(rf"^  {name} +{about}$", printed, re.MULTILINE)
    for status, meaning in MEANINGS.items():
        assert re.search(rf"^  {int(status)} +{meaning}$", printed, re.MULTILINE)


def test_help_loads_no_command() -> None:
    """Help is fast because it imports neither the commands nor their dependencies."""
    script = """
import sys
from openai_scan.cli import main
main(["--help"])
print(*[name for name in sys.modules if name in ("rich", "requests", "openai_scan.cli.chat")])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("name", program.COMMANDS)
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples use only options that the command has."""
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Example:\n    openai-scan {name} " in printed
    examples = re.findall(rf"^ +openai-scan {name} .*$", printed, re.MULTILINE)
    known = printed.partition("Options:")[2].partition("Example:")[0]
    command = importlib.import_module(f"openai_scan.cli.{name}").command
    for inner in getattr(command, "commands", ()):
        assert main([name, inner, "--help"]) == 0
        known += capsys.readouterr().out
    assert {word for line in examples for word in re.findall(r" (--[a-z-]+)", line)} <= set(
        re.findall(r"--[a-z-]+", known)
    )


def test_every_command_has_a_section_in_the_reference() -> None:
    """The page has the commands in the order of the help, and the table of statuses."""
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE)[: len(program.COMMANDS)] == list(
        program.COMMANDS
    )
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(str(int(status)), meaning) for status, meaning in MEANINGS.items()]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing command; see openai-scan --help"),
        (["nonsense"], "No such command 'nonsense'; see openai-scan --help"),
        (
            ["run", "Hi"],
            (
                "Say what to run: --assistant, --agent, or the --session of one;"
                " see openai-scan run --help"
            ),
        ),
        (
            ["run", "--agent", "a", "--thread", "t", "Hi"],
            "--thread is that of an --assistant; see openai-scan run --help",
        ),
        (
            ["run", "--agent", "a", "--session", "s", "Hi"],
            (
                "Say what to run: --assistant, --agent, or the --session of one;"
                " see openai-scan run --help"
            ),
        ),
        (
            ["demo", "--speed", "fast"],
            (
                "Invalid value for '--speed': it must be a positive number, not 'fast'; see"
                " openai-scan demo --help"
            ),
        ),
        (
            ["demo", "--speed", "0"],
            (
                "Invalid value for '--speed': it must be a positive number, not '0'; see"
                " openai-scan demo --help"
            ),
        ),
        (
            ["demo", "--speed", "nan"],
            (
                "Invalid value for '--speed': it must be a positive number, not 'nan'; see"
                " openai-scan demo --help"
            ),
        ),
        (
            ["chat", "-m", "m", "-p", "oops", "Hi"],
            (
                "Invalid value for '-p' / '--param': 'oops' is not of the form NAME=VALUE; see"
                " openai-scan chat --help"
            ),
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says which help to read."""
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"openai-scan: {sentence}\n")


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(("missing", "extra"), [("click", "cli"), ("rich", "cli")])
def test_without_the_extra_it_says_what_to_install(missing: str, extra: str) -> None:
    """If the library is installed without the extra, the command prints one sentence."""
    script = f"""
import sys
sys.modules[{missing!r}] = None
from openai_scan.cli import main
sys.exit(main(["inspect", {str(ROOT / "README.md")!r}]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr == (
        f"openai-scan: {missing} is not installed: install openai_scan with its extra {extra!r},"
        f" as in pip install '.[{extra}]'\n"
    )


def test_any_other_missing_module_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the missing module belongs to no extra, the error is not hidden."""
    monkeypatch.setitem(sys.modules, "openai_scan.cli.program", None)
    with pytest.raises(ModuleNotFoundError):
        main(["--help"])


def test_a_missing_key_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to set."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["run", "--assistant", "a", "Hello"]) == 2
    assert capsys.readouterr().err.startswith("openai-scan: no API key: set OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("shell", "beginning"), [("bash", "_openai_scan"), ("zsh", "#compdef"), ("fish", "function")]
)
def test_shells_are_told_how_to_complete(
    shell: str,
    beginning: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each shell gets a completion script of its own."""
    importlib.import_module("click.shell_completion")
    # click asks which bash there is, and some machines have none, or an old one.
    monkeypatch.setattr(
        "click.shell_completion.BashComplete._check_version", staticmethod(lambda: None)
    )
    monkeypatch.setenv("_OPENAI_SCAN_COMPLETE", f"{shell}_source")
    assert main([]) == 0
    assert beginning in capsys.readouterr().out


def test_commands_and_options_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The offers begin with what was typed."""
    monkeypatch.setenv("_OPENAI_SCAN_COMPLETE", "bash_complete")
    for words, completed in (
        ("openai-scan rep", ["plain,replay"]),
        ("openai-scan re", [f"plain,{name}" for name in program.COMMANDS if name[:2] == "re"]),
        ("openai-scan replay --se", ["plain,--serve"]),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert main([]) == 0
        assert capsys.readouterr().out.split() == completed


def test_a_file_that_cannot_be_written_is_one_sentence(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file."""
    file = tmp_path / "nowhere" / "answer.jsonl"
    assert main(["record", str(file), "Hi"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {file}: No such file or directory\n"


@pytest.mark.parametrize("arguments", [["chat", "Hello"], ["chat", "--json", "Hello"]])
def test_a_broken_pipe_is_silent(server: FakeServer, arguments: list[str]) -> None:
    """A reader such as `head` closes the pipe when it has enough."""
    server.add(chat_answer("One\nline\nafter\nthe\nother\n"))
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(command(*arguments), stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert (err, process.returncode) == (b"", 141)


class ClosedPipe(io.RawIOBase):
    """A pipe whose reader is gone, as Windows reports it."""

    is_open = False

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Buffer) -> int:
        """Refuse to write anything."""
        if not self.is_open:
            raise OSError(errno.EINVAL, "Invalid argument")
        return memoryview(data).nbytes


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        ["chat", "Hello"],
        ["chat", "--json", "Hello"],
        ["replay", "--raw", FILE],
        ["inspect", FILE],
        ["stats", FILE],
        ["--help"],
    ],
    ids=" ".join,
)
def test_a_broken_pipe_is_silent_on_windows_too(
    unbuffered: bool,
    arguments: list[str],
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Windows reports it as "Invalid argument"."""
    server.strict = False  # only some of the commands ask
    server.add(chat_answer("Hi"))
    closed = ClosedPipe()
    output = io.TextIOWrapper(io.BufferedWriter(closed), write_through=unbuffered)
    monkeypatch.setattr(sys, "stdout", output)
    assert main(arguments) == 141
    assert capsys.readouterr().err == ""
    closed.is_open = True  # what is buffered is written when the file is collected


def test_an_argument_that_a_file_does_not_like_is_reported(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An "Invalid argument" with the name of a file is reported, not taken for a broken pipe."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", "a:b.jsonl")

    monkeypatch.setattr(os, "open", refuse)
    assert main(["record", "a:b.jsonl", "Hi"]) == 2
    assert capsys.readouterr().err == "openai-scan: a:b.jsonl: Invalid argument\n"
    assert server.requests == []


@pytest.mark.usefixtures("measured_processes")
def test_head_can_leave_a_table() -> None:
    """A table drawn by rich may also lose its reader without a message."""
    left, pipe = os.pipe()
    os.close(left)
    ran = subprocess.run(command("inspect", FILE), stdout=pipe, stderr=subprocess.PIPE, check=False)
    os.close(pipe)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_a_narrow_terminal_loses_no_answer(server: FakeServer) -> None:
    """A character that the output's encoding lacks is replaced."""
    server.add(chat_answer("é!"))
    ran = subprocess.run(
        command("chat", "Hello"),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert ran.stdout == b"?!\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "has_colors"),
    [
        (["inspect", FILE], {}, True),
        (["inspect", FILE], {"NO_COLOR": "1"}, False),
        (["inspect", "--no-color", FILE], {}, False),
        (["--no-color", "inspect", FILE], {}, False),
    ],
)
def test_colours_are_for_those_who_want_them(
    arguments: list[str], environment: dict[str, str], has_colors: bool
) -> None:
    """A terminal gets colours, unless `NO_COLOR` or `--no-color` asks for none."""
    with Session(*arguments, **environment) as session:
        assert session.end() == 0
    assert (re.search(r"\x1b\[(\d+;)?3\dm", session.seen) is not None) == has_colors
    assert "outcome  completed" in session.lines


@pytest.mark.parametrize("arguments", [["--no-color", "inspect"], ["inspect", "--no-color"]])
def test_no_colour_counts_more_than_a_wish_of_the_environment(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--no-color` is the later decision, so `FORCE_COLOR` does not matter."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen = []
    for given in (["inspect"], arguments):
        assert main([*given, FILE]) == 0
        seen.append(re.search(r"\x1b\[(\d+;)?3\dm", capsys.readouterr().out) is not None)
    assert seen == [True, False]


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_replaced_before_anything_uses_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has None in its place."""
    monkeypatch.setattr(sys, name, None)
    assert main(["--version"]) == 0
    replaced = getattr(sys, name)
    assert replaced.name == os.devnull
    replaced.close()


@pytest.mark.parametrize(
    ("arguments", "closed", "status", "out", "err"),
    [
        (["chat", "-q"], "<&-", 2, "", "openai-scan: Say what to ask, as an argument"),
        (["run", "--assistant", "a"], "<&-", 2, "", "openai-scan: Say what to ask, as an"),
        (["replay", "-"], "<&-", 2, "", "openai-scan: /dev/null, line 1: the file is empty"),
        (
            ["record", "no.jsonl", "--path", "/responses", "--body", "-"],
            "<&-",
            2,
            "",
            "openai-scan: --body is empty",
        ),
        (["chat", "-q", "Hello"], ">&-", 0, "", ""),
        (["chat", "-q", "--json", "Hello"], ">&-", 0, "", ""),
        (["replay", FILE, "--speed", "inf", "--raw"], ">&-", 0, "", ""),
        (["inspect", FILE], ">&-", 0, "", ""),
        (["stats", FILE], ">&-", 0, "", ""),
        (["bench", "{url}", "-n", "1"], ">&-", 0, "", ""),
        (["nonsense"], "2>&-", 2, "", ""),
        (["chat", "Hello"], "2>&-", 0, "Hi\n", ""),
    ],
)
def test_a_closed_stream_is_one_without_anything(
    arguments: list[str], closed: str, status: int, out: str, err: str, server: FakeServer
) -> None:
    """A service may lack standard streams: input is then empty, and output is lost."""
    server.strict = False  # only some of the commands ask
    server.add(chat_answer("Hi"))
    words = [word.format(url=server.base_url) for word in arguments]
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *command(*words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (status, out)
    said = ran.stderr.strip()  # some versions of rich end a line that they have not begun
    assert said.startswith(err) if err else said == ""


def test_ctrl_c_at_the_start_is_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Importing the program takes a moment, in which a user may press Ctrl-C."""

    class Finder:
        """Acts as if Ctrl-C were pressed while a module is imported."""

        def find_spec(self, *_: object) -> None:
            """Find nothing."""
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "openai_scan.cli.program")
    monkeypatch.setattr(sys, "meta_path", [Finder()])
    assert main(["--version"]) == 130
    assert capsys.readouterr() == ("", "openai-scan: interrupted\n")
