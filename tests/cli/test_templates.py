"""`templates`, and how `chat` and `respond` use them."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.cli.log import Log, log_path
from openai_scan.testing import FakeServer, chat_answer, response_answer


def write(home: Path, name: str, text: str) -> Path:
    """Write the file of a template."""
    path = home / "templates" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_template_is_filled(server: FakeServer, home: Path) -> None:
    """$input is the question; other variables come from `--var`, or have defaults."""
    write(
        home,
        "summary",
        "system: Sum up in $language, for ${reader}s.\nprompt: |\n  Text: $input\n"
        "  That is $$5.\nmodel: gpt-5\ndefaults: {language: English}\noptions: {temperature: 0}\n",
    )
    server.add(chat_answer("Hi"), response_answer("Hi"))
    assert main(["chat", "-q", "-t", "summary", "--var", "reader=child", "A report"]) == 0
    arguments = [
        "respond",
        "-q",
        "-t",
        "summary",
        "--var",
        "reader=a=b",
        "--var",
        "language=French",
    ]
    assert main([*arguments, "-m", "other", "-p", "temperature=1", "A report"]) == 0
    assert server.requests[0].json == {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "Sum up in English, for childs."},
            {"role": "user", "content": "Text: A report\nThat is $5.\n"},
        ],
        "temperature": 0,
        "stream": True,
    }
    assert server.requests[1].json["instructions"] == "Sum up in French, for a=bs."
    assert server.requests[1].json["model"] == "other"
    assert server.requests[1].json["temperature"] == 1


def test_what_is_logged_is_what_was_sent(server: FakeServer, home: Path) -> None:
    """The log has the filled-in texts, so a conversation continues without the template."""
    write(home, "t", "system: Be $how.\nprompt: Say $input!")
    server.add(chat_answer("Hi"), chat_answer("Yes"), chat_answer("No"))
    assert main(["chat", "-q", "-t", "t", "--var", "how=kind", "hi"]) == 0
    with Log(log_path()) as log:
        [row] = log.newest(0)
    assert (row.prompt, row.system) == ("Say hi!", "Be kind.")
    assert main(["chat", "-q", "-c", "Sure?"]) == 0
    assert server.requests[1].json["messages"][0]["content"] == "Be kind."
    arguments = ["chat", "-q", "-c", "-t", "t", "--var", "how=brief"]
    assert main([*arguments, "x"]) == 0
    assert server.requests[2].json["messages"][0]["content"] == "Be brief."
    assert server.requests[2].json["messages"][-1]["content"] == "Say x!"


def test_a_system_prompt_of_the_command_line_takes_precedence(
    server: FakeServer, home: Path
) -> None:
    """It is sent unchanged: a $ in it is not a variable."""
    write(home, "t", "system: Be kind.")
    server.add(chat_answer("Hi"))
    assert main(["chat", "-q", "-t", "t", "-s", "Be $brief.", "hi"]) == 0
    assert server.requests[0].json["messages"][0]["content"] == "Be $brief."


def test_a_template_may_need_no_question(
    server: FakeServer, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without $input, a template takes no question, and standard input is not read."""
    write(home, "joke", "Tell a joke.")
    server.add(chat_answer("Ha"))
    assert main(["chat", "-q", "-t", "joke"]) == 0
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "Tell a joke."}]
    capsys.readouterr()
    assert main(["chat", "-t", "joke", "Really"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: The template has no $input, so it takes no question;"
        " see openai-scan chat --help\n"
    )


def test_a_template_in_a_conversation(server: FakeServer, home: Path) -> None:
    """Each question of the conversation is put into the template."""
    write(home, "t", "prompt: 'Translate: $input'")
    server.always = chat_answer("Hi")
    with Session("chat", "-q", "--plain", "-t", "t") as session:
        for word in ("one", "two"):
            session.wait_for("> ")
            session.type(f"{word}\n")
            session.wait_for("Hi")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    contents = [message["content"] for message in server.requests[-1].json["messages"]]
    assert contents == ["Translate: one", "Hi", "Translate: two"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prompt: [1\n", "{path}, line 2: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("prompt: \x01", "{path}: not YAML: ReaderError"),
        ("prompt: 2024-99-99", "{path}: not YAML: ValueError"),
        ("- 1", "{path}: a template has keys such as prompt and system"),
        ("", "{path}: a template has keys such as prompt and system"),
        (
            "promt: Hi",
            (
                "{path}: unknown key 'promt'; the keys are: prompt, system, model, defaults,"
                " options, schema_object"
            ),
        ),
        ("prompt: 1", "{path}: prompt has to be text"),
        ("defaults: x", "{path}: defaults has to be a mapping of variables to values"),
        (
            "options: {day: 2024-01-01}",
            "{path}: options has a value that JSON does not have, such as a date: put it in quotes",
        ),
        (
            "prompt: It costs $5.",
            "{path}: a $ is not followed by the name of a variable; write $$ for a dollar sign",
        ),
        (
            "schema_object: {type: 1}",
            (
                "the template's schema_object is not a JSON schema: 1 is not valid under any of the"
                " given schemas @ $.type; see openai-scan chat --help"
            ),
        ),
    ],
)
def test_an_invalid_template_is_one_sentence(
    text: str, sentence: str, home: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where the mistake is. Nothing is sent."""
    path = write(home, "t", text)
    assert main(["chat", "-t", "t", "Hi"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence.format(path=path)}\n"
    assert server.requests == []


def test_a_file_that_is_not_text_is_one_sentence(
    home: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent."""
    path = write(home, "t", "")
    path.write_bytes(b"\xff")
    assert main(["chat", "-t", "t", "Hi"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {path} is not text in UTF-8\n"
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-t", "t"], "The template needs --var a=VALUE --var b=VALUE"),
        (
            ["-t", "t", "--var", "a=1", "--var", "b=2", "--var", "c=3"],
            "--var c: the template has no such variable; its variables: a, b",
        ),
        (
            ["-t", "plain", "--var", "c=3"],
            "--var c: the template has no such variable; its variables: none",
        ),
        (["-t", "none"], "There is no template 'none'; the templates are: plain, t"),
        (
            ["-t", "../t"],
            "'../t' is not the name of a template: it has letters, digits, '-', '_' and '.'",
        ),
        (
            ["-t", "t", "--var", "a"],
            "Invalid value for '--var': 'a' is not of the form NAME=VALUE",
        ),
        (["-t", "t", "--var", "a=\udcff"], "Invalid value for '--var': a is not text"),
    ],
)
def test_what_a_template_lacks_is_wrong_usage(
    arguments: list[str],
    sentence: str,
    home: Path,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is sent."""
    write(home, "t", "prompt: $a $b $input")
    write(home, "plain", "Hi")
    words = [] if "plain" in arguments else ["Hi"]
    assert main(["chat", *arguments, *words]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan chat --help\n"
    assert server.requests == []


def test_the_first_template_has_no_others_beside_it(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """If there are no templates, the error says so."""
    assert main(["chat", "-t", "t", "Hi"]) == 2
    assert "There is no template 't'; the templates are: none" in capsys.readouterr().err
    assert server.requests == []


def test_templates_are_saved_and_shown(
    home: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The YAML looks as if written by hand, with text of several lines as a block."""
    arguments = ["templates", "save", "t", "Text:\n$input", "-s", "Be $how.", "--var", "how=kind"]
    assert main([*arguments, "-m", "gpt-5", "-p", "temperature=0", "--schema", "age int"]) == 0
    assert main(["templates", "show", "t"]) == 0
    assert capsys.readouterr().out == (
        "prompt: |-\n  Text:\n  $input\nsystem: Be $how.\nmodel: gpt-5\n"
        "defaults:\n  how: kind\noptions:\n  temperature: 0\n"
        "schema_object:\n  type: object\n  properties:\n    age:\n      type: integer\n"
        "  required:\n  - age\n  additionalProperties: false\n"
    )
    assert (home / "templates" / "t.yaml").stat().st_mode & 0o777 == 0o600
    server.add(chat_answer('{"age": 3}'))
    assert main(["chat", "-q", "-t", "t", "Hi"]) == 0
    body = server.requests[0].json
    assert body["messages"][1] == {"role": "user", "content": "Text:\nHi"}
    assert body["response_format"]["json_schema"]["name"] == "answer"


def test_templates_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line shows the beginning of a template's prompts, or what is wrong with it."""
    assert main(["templates"]) == 0
    assert capsys.readouterr().out == ""
    write(home, "long", f"system: Be kind.\nprompt: {100 * 'x'}\n")
    write(home, "b", "[")
    write(home, "model", "model: gpt-5")
    write(home, "no name", "Hi")
    assert main(["templates", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (
            f"b      ({home}/templates/b.yaml, line 1: not YAML: expected the node content, but"
            " found '<stream end>')"
        ),
        f"long   system: Be kind.  prompt: {34 * 'x'}…",
        "model",
    ]
    assert main(["templates", "path"]) == 0
    assert capsys.readouterr().out == f"{home}/templates\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["t"], "Give the template a PROMPT, a --system prompt, or an option; see {help}"),
        (["t/u", "Hi"], "'t/u' is not the name of a template: {names}; see {help}"),
        (["old", "Hi"], "There is a template old: --force replaces it; see {help}"),
        (["t", "$ 5"], "the template t: a $ is not followed by the name of a variable; {dollar}"),
    ],
)
def test_what_cannot_be_saved_is_wrong_usage(
    arguments: list[str], sentence: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No template is written or replaced."""
    path = write(home, "old", "Hi")
    assert main(["templates", "save", *arguments]) == 2
    words = {
        "help": "openai-scan templates save --help",
        "names": "it has letters, digits, '-', '_' and '.'",
        "dollar": "write $$ for a dollar sign",
    }
    assert capsys.readouterr().err == f"openai-scan: {sentence.format(**words)}\n"
    assert [one.name for one in path.parent.iterdir()] == ["old.yaml"]
    assert path.read_text() == "Hi"


def test_a_template_is_replaced_if_asked_for(home: Path) -> None:
    """The old one is gone."""
    path = write(home, "t", "Hi")
    assert main(["templates", "save", "t", "Hello", "--force"]) == 0
    assert path.read_text() == "prompt: Hello\n"


@pytest.mark.parametrize(
    ("editor", "status", "err", "text"),
    [
        ("sed -i s/Hi/Ho/", 0, "", "Ho\n"),
        ("true", 0, "nothing was changed\n", "Hi\n"),
        (
            "sed -i s/Hi/[/",
            2,
            (
                "openai-scan: saved, but it cannot be used: {path}, line 2: not YAML: expected the"
                " node content, but found '<stream end>'\n"
            ),
            "[\n",
        ),
    ],
)
def test_a_template_is_edited(
    editor: str,
    status: int,
    err: str,
    text: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The user's editor opens it; what was saved is kept, even if it is invalid."""
    monkeypatch.setenv("VISUAL", editor)
    path = write(home, "t", "Hi\n")
    assert main(["templates", "edit", "t"]) == status
    assert capsys.readouterr().err == err.format(path=path)
    assert path.read_text() == text


def test_a_new_template_is_edited(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor starts with a valid template. If the editor fails, no template is made."""
    monkeypatch.setenv("VISUAL", "sed -i s/input/input!/")
    assert main(["templates", "edit", "t"]) == 0
    assert "prompt: |\n  $input!\n" in (home / "templates" / "t.yaml").read_text()
    monkeypatch.setenv("VISUAL", "false")
    assert main(["templates", "edit", "u"]) == 2
    assert not (home / "templates" / "u.yaml").exists()
