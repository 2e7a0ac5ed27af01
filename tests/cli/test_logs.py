"""`logs`: list, search and export the logged questions and answers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from terminal_session import Session

from openai_scan.cli import log as logs
from openai_scan.cli import main
from openai_scan.cli.log import Ending, Log, Question, log_path


def write(
    prompt: str,
    answer: str | None,
    *,
    conversation: str = "c1",
    model: str = "m",
    outcome: str = "completed",
    error: str | None = None,
    **more: object,
) -> None:
    """Write a row; one without an answer is unfinished."""
    question = {"system": None, "command": "chat", "base_url": "http://a/v1", **more}
    with Log(log_path(), create=True) as log:
        number = log.begin(
            Question(conversation=conversation, model=model, prompt=prompt, **question)  # type: ignore[arg-type] # of each field's own type
        )
        if answer is not None:
            log.finish(number, Ending(answer=answer, items=[], outcome=outcome, error=error))


def prompts(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the questions that `logs` prints as JSON."""
    assert main(["logs", "-n", "0", "--json", *arguments]) == 0
    return [json.loads(line)["prompt"] for line in capsys.readouterr().out.splitlines()]


def test_the_newest_answers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Three are shown by default, the newest last, as Markdown; long texts are cut."""
    for number in range(3):
        write(f"question {number}", f"answer {number}")
    write("long", 301 * "x", model="gpt-5", conversation="c2")
    assert main(["logs"]) == 0
    printed = capsys.readouterr().out
    assert "question 0" not in printed
    assert printed.index("question 1") < printed.index("question 2") < printed.index("long")
    assert f"\n{300 * 'x'}…\n" in printed
    assert "# c2\n\n## " in printed
    assert " UTC, chat gpt-5\n" in printed


def test_an_answer_that_is_not_whole_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Outcome and error are shown, as are attachments, tolerated faults and token counts."""
    write("one", "Once", outcome="failed", error="the connection broke")
    write("two", None)
    write("three", "{}", error="the answer does not match the schema: no name @ $")
    attachments = [{"name": "a.png", "type": "image/png", "bytes": 3, "url": None}]
    with Log(log_path()) as log:
        number = log.begin(
            Question(
                conversation="c4",
                command="respond",
                base_url="http://a/v1",
                model="m",
                system="Be kind.",
                prompt="four",
                attachments=attachments,
            )
        )
        ending = Ending(
            answer="Hi",
            items=[],
            outcome="completed",
            usage={"input": 7, "output": 2},
            notes={"malformed_json": 2},
        )
        log.finish(number, ending)
    assert main(["logs", "-n", "0"]) == 0
    printed = capsys.readouterr().out
    assert "Once\n\n(the answer is not whole (failed): the connection broke)\n" in printed
    assert "two\n\n### Answer\n\n(the answer is not whole (unfinished))\n" in printed
    assert "{}\n\n(the answer does not match the schema: no name @ $)\n" in printed
    assert "System: Be kind.\n\nAttached: a.png (image/png)\n\n### Question\n\nfour\n" in printed
    assert "Hi\n\n(tolerated: malformed_json 2)\n\n(tokens: 7 in, 2 out)\n" in printed


def test_each_line_of_json_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """It says whether the answer is whole."""
    write("one \x7f\x1b", "Hi")
    assert main(["logs", "--json"]) == 0
    printed = capsys.readouterr().out
    assert "\x7f" not in printed
    [line] = printed.splitlines()
    row = json.loads(line)
    assert (row["prompt"], row["answer"], row["whole"]) == ("one \x7f\x1b", "Hi", True)
    assert row["number"] == 1


@pytest.mark.parametrize("has_index", [True, False], ids=["FTS5", "without"])
def test_a_search_finds_all_words(
    has_index: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All words must occur in the question or the answer, as parts of words and in any script."""
    if not has_index:
        monkeypatch.setattr(logs, "_SEARCH", "CREATE VIRTUAL TABLE words USING nonsense(text)")
    write("Why is the sky blue?", "Air scatters blue light.")
    write("Was ist \u00fcbrig?", "100% of it_all")
    write("\u5929\u7a7a\u4e3a\u4ec0\u4e48\u662f\u84dd\u8272", 'He said "no" \\ yes')
    write("blue, but not finished", None)
    assert prompts(capsys, "-q", "BLUE sky") == ["Why is the sky blue?"]
    assert prompts(capsys, "-q", "blu") == ["Why is the sky blue?", "blue, but not finished"]
    assert prompts(capsys, "-q", "scatters why") == ["Why is the sky blue?"]
    assert prompts(capsys, "-q", "100%") == ["Was ist \u00fcbrig?"]
    assert prompts(capsys, "-q", "t_a") == ["Was ist \u00fcbrig?"]
    assert len(prompts(capsys, "-q", '"no"')) == 1
    assert len(prompts(capsys, "-q", "\\")) == 1
    assert len(prompts(capsys, "-q", "\u4e3a\u4ec0\u4e48")) == 1
    assert len(prompts(capsys, "-q", "\u84dd\u8272")) == 1
    assert prompts(capsys, "-q", "nothing OR sky") == []
    assert prompts(capsys, "-q", "AND*") == []
    write("blue again", "Yes")
    assert prompts(capsys, "-q", "blue again") == ["blue again"]
    assert len(prompts(capsys, "-q", " ")) == 5


def test_a_search_tells_that_nothing_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A line on stderr says so, also for an empty log."""
    assert main(["logs"]) == 0
    assert capsys.readouterr() == ("", f"{log_path()} is empty\n")
    assert not log_path().exists()
    write("one", "Hi")
    assert main(["logs", "-q", "two"]) == 0
    assert capsys.readouterr() == ("", f"{log_path()} has no such answers\n")


def test_a_search_of_a_damaged_log_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """So is a list of a damaged log."""
    for number in range(100):
        write(f"question {number}", 100 * "x")
    content = bytearray(log_path().read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    log_path().write_bytes(content)
    for arguments in (["logs"], ["logs", "-q", "question"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err == (
            f"openai-scan: the log {log_path()} cannot be used (database disk image is malformed):"
            " move it away, or name another file with --log or OPENAI_SCAN_LOG\n"
        )


def test_another_program_may_be_writing(capsys: pytest.CaptureFixture[str]) -> None:
    """If the index cannot be updated, the search reads the rows themselves."""
    write("one", "blue")
    with Log(log_path()) as log:
        other = sqlite3.connect(log_path(), isolation_level=None)
        log._database.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        assert [row.prompt for row in log.newest(0, words=["blue"])] == ["one"]
        other.close()
    assert prompts(capsys, "-q", "blue") == ["one"]


def test_another_process_may_make_the_table_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do so after this process has found the file empty and before it writes."""
    write("one", "Hi")
    look = Log._version
    seen = iter([0])

    def version(self: Log) -> int:
        return next(seen, look(self))

    monkeypatch.setattr(Log, "_version", version)
    with Log(log_path(), create=True) as log:
        assert [row.prompt for row in log.newest(0)] == ["one"]


def test_answers_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """`-m` shows only the answers of one model."""
    write("one", "Hi", model="m1")
    write("two", "Hi", model="m2")
    assert prompts(capsys, "-m", "m2") == ["two"]


def test_the_last_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """`-r` exits with status 1 if the answer is not whole, or if there is none."""
    assert main(["logs", "-r"]) == 1
    assert capsys.readouterr() == ("", "openai-scan: there is no such answer in the log\n")
    write("one", "Hi")
    assert main(["logs", "-r"]) == 0
    assert capsys.readouterr() == ("Hi\n", "")
    write("two", "Once", outcome="truncated")
    assert main(["logs", "-r"]) == 1
    assert capsys.readouterr() == ("Once\n", "openai-scan: the answer is not whole (truncated)\n")


def test_a_conversation_is_shown_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """The beginning of its id is enough, and its texts are not cut."""
    write("one", 400 * "x", conversation="abc1")
    write("other", "Hi", conversation="def2")
    write("two", "Yes", conversation="abc1")
    assert main(["logs", "show", "abc"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("# abc1\n") == 1
    assert 400 * "x" in printed
    assert "other" not in printed
    assert main(["logs", "show", "abc", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["logs", "show", "x"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: there is no conversation 'x' in {log_path()}\n"
    )
    assert main(["logs", "show", ""]) == 2


def test_all_can_be_exported(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON lines or Markdown, all of it or one conversation."""
    write("one", "Hi", conversation="abc1")
    write("two", "Yes", conversation="def2")
    write("three", "No", conversation="def2")
    assert main(["logs", "export"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == ["one", "two", "three"]
    assert main(["logs", "export", "def", "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# def2\n\n## ")
    assert printed.count("# def2\n") == 1
    assert "### Question\n\nthree\n\n### Answer\n\nNo\n" in printed


def test_where_the_log_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the data folder, unless OPENAI_SCAN_LOG names a file."""
    assert main(["logs", "path"]) == 0
    monkeypatch.setenv("OPENAI_SCAN_LOG", "here.db")
    assert main(["logs", "path"]) == 0
    monkeypatch.delenv("OPENAI_SCAN_LOG")
    monkeypatch.delenv("OPENAI_SCAN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    assert main(["logs", "path"]) == 0
    assert main(["keys", "path"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(home / "log.db"),
        "here.db",
        "/data/openai-scan/log.db",
        "/config/openai-scan/keys.json",
    ]


def test_what_is_shown_at_a_terminal_is_printable() -> None:
    """Control characters of a logged answer are replaced."""
    write("one \x1b[2J", "Hi \x1b]0;title\x07")
    with Session("logs") as session:
        assert session.end() == 0
    assert "\x1b" not in session.seen
    assert "one ␛[2J" in session.seen


@pytest.mark.parametrize("content", ["{", "[]", '{"model": 1}', '{"log": 1}', '{"other": 1}'])
def test_invalid_settings_are_one_sentence(
    content: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file."""
    home.mkdir()
    (home / "settings.json").write_text(content)
    assert main(["logs", "status"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: {home / 'settings.json'} has no valid settings: correct or delete it\n"
    )


def test_settings_that_cannot_be_read_are_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has the operating system's reason."""
    (home / "settings.json").mkdir(parents=True)
    assert main(["logs", "status"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {home / 'settings.json'}: Is a directory\n"


def test_settings_that_cannot_be_written_stay_as_they_were(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No temporary file is left in the folder."""
    assert main(["logs", "off"]) == 0

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "settings.json")

    monkeypatch.setattr(Path, "replace", full)
    assert main(["logs", "on"]) == 2
    assert capsys.readouterr().err == "openai-scan: settings.json: No space left on device\n"
    assert [path.name for path in home.iterdir()] == ["settings.json"]
    assert json.loads((home / "settings.json").read_text())["log"] is False


def test_unknown_commands_of_a_group_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A word after `logs` is a command, not an argument of `logs list`."""
    assert main(["logs", "nonsense"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: No such command 'nonsense'; see openai-scan logs --help\n"
    )
