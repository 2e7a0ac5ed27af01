"""Of what a server, model or file says, only text reaches a terminal, a log or a message."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from rich.style import Style
from rich.text import Text

import openai_scan.cli
from openai_scan import APIError, StreamerV2, TransportError
from openai_scan.cli import main
from openai_scan.cli.terminal import console
from openai_scan.cli.writer import TextPrinter
from openai_scan.printable import one_line, printable
from openai_scan.testing import (
    FakeServer,
    Reply,
    Step,
    ToolCall,
    assistant_answer,
    chat_answer,
    chat_calls,
    chat_chunk,
    done,
    error,
    event,
    json_answer,
    response_failure,
    stream_error,
)
from safety.conftest import Terminal

COLOUR = "\x1b[31;42;7m"

# One of each kind: clipboard, title, link, colour, screen, 8-bit codes, going back, hiding.
HOSTILE = (
    "\x1b]52;c;aGk=\x07",
    "\x1b]0;mine\x1b\\",
    "\x1b]8;;http://evil\x1b\\",
    COLOUR,
    "\x1b[2J\x1bc\x1bPq\x1b\\\x1b_x\x1b\\",
    "\x9d0;mine\x9c\x9b2J\x85",
    "\x08\x7f\x00\x05\x0b\x0c",
    "\u202eexe.\u2066hi\u2069",
    "\U000e0041\u2028\u2029\ufff9\u2061",
)
ALL = "".join(HOSTILE)

# What rich tells the terminal itself: colours, the cursor, and the line that is drawn again.
_OWN = re.compile(r"\x1b\[(?:[\d;]*m|\?25[hl]|\d*A|2K)|\r")


def assert_harmless(text: str) -> None:
    """Fail if *text* holds a command that is not rich's own, or a character that hides others."""
    assert COLOUR not in text
    rest = _OWN.sub("", text)
    assert printable(rest) == rest


@pytest.mark.unmeasured
@pytest.mark.parametrize("category", ["Cc", "Cf", "Cs", "Zl", "Zp"])
def test_what_passes_of_a_category(category: str) -> None:
    """Only the characters pass that the docstring of `printable()` names."""
    passing = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) == category and printable(character) == character
    }
    if category == "Cc":
        assert passing == {"\n", "\t"}
    elif category == "Cf":
        names = {unicodedata.name(each, "").partition(" ")[0] for each in passing}
        assert names <= {
            *("ZERO", "LEFT-TO-RIGHT", "RIGHT-TO-LEFT", "ARABIC", "SYRIAC", "KAITHI"),
            "EGYPTIAN",
        }
        assert not passing & set("\u200b\u202a\u202d\u202e\u2066\u2067\u2068\u2069")
    else:
        assert not passing


def test_text_passes_unchanged() -> None:
    """Whatever the script, with its spaces, joiners, marks and signs."""
    text = (
        "Grüße, \u05e9\u200f, \u0645\u06cc\u200c\u062e, 👩\u200d🚀, 天\u3000地\u00a0€\ue0b0\tx\ny"
    )
    assert printable(text) == text
    assert one_line(text) == text.replace("\t", " ").replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x7f\x85\x9b", "␡\ufffd\ufffd"),
        ("pay\u200bpal\ufeff\u00ad", "paypal"),
        ("\u202eexe", "\ufffdexe"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_what_is_shown_in_place_of_a_character(text: str, shown: str) -> None:
    """A picture, a replacement character, or nothing."""
    assert printable(text) == shown


def test_an_exception_is_one_line_of_text() -> None:
    """Its attributes keep what was received."""
    refused = APIError(f"a{ALL}\nb", code=ALL, param=ALL, request_id=ALL)
    assert one_line(str(refused)) == str(refused)
    assert refused.message == f"a{ALL}\nb"
    assert refused.code == ALL
    broken = TransportError(f"lost: {ALL}\nopenai-scan: all is well")
    assert one_line(str(broken)) == str(broken)


def test_the_error_of_a_stream_is_one_line_of_text() -> None:
    """Also if the error is an event of the stream, or an event's name is quoted."""
    streamer = StreamerV2([event(ALL.replace("\n", ""), {"a": 1}), stream_error(ALL, f"{ALL}\n!")])
    while streamer.next():
        pass
    message = str(streamer.err())
    assert message
    assert one_line(message) == message


LINKED = "".join(f"<https://a/{quote(each)}> [x](https://b/{quote(each)}) " for each in HOSTILE)
ENTITIES = "".join(f"&#{ord(character)};" for character in ALL)
LAST = [chat_chunk(finish_reason="stop"), done()]


@pytest.mark.unmeasured
@pytest.mark.parametrize("plain", [[], ["--plain"]], ids=["rendered", "plain"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ALL, id="raw"),
        pytest.param(LINKED, id="links"),
        pytest.param(f"![a](https://a/{quote(ALL)} '{ENTITIES}')", id="image"),
        pytest.param(ENTITIES, id="entities"),
        pytest.param(f"[a]\n\n[a]: https://a/{quote(ALL)} '{ENTITIES}'\n", id="reference"),
        pytest.param(f"```{ALL}\n{ALL}\n```\n\n    {ALL}\n", id="code"),
        pytest.param(f"`{ENTITIES}{ALL}`", id="inline code"),
        pytest.param(f"|{ALL}|{ENTITIES}|\n|-|-|\n|{LINKED}|{ALL}|\n", id="table"),
        pytest.param(f"# {ALL}\n\n- {LINKED}\n> {ENTITIES}\n", id="blocks"),
        pytest.param(f"<b title='{ALL}'>{ENTITIES}</b>\n\n<script>{ALL}</script>\n", id="HTML"),
        pytest.param(f"{9000 * 'x'}{ALL}\n{ALL}\n\n{LINKED}", id="long"),
    ],
)
def test_an_answer_tells_the_terminal_nothing(
    plain: list[str], answer: str, server: FakeServer, terminal: Terminal
) -> None:
    """However it is written, decoded once more by the renderer, or split."""
    for pieces in ([answer], list(answer) if len(answer) < 2000 else [answer[:50], answer[50:]]):
        server.add([*(chat_chunk(piece) for piece in pieces), *LAST])
        assert terminal.run("chat", *plain, "Hello") == 0
    assert_harmless(terminal.text)
    assert "\x1b]" not in terminal.text


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(error(400, ALL, type=ALL, code=ALL, param=ALL), id="error"),
        pytest.param(
            Reply(status=400, headers={"x-request-id": "a" + HOSTILE[0]}, body=b"{}"),
            id="request id",
        ),
        pytest.param(
            Reply(status=302, headers={"Location": "http://a/" + HOSTILE[0]}, body=b""),
            id="redirect",
        ),
        pytest.param(
            Reply(headers={"Content-Type": "text/" + HOSTILE[1]}, body=ALL.encode()), id="type"
        ),
        pytest.param(Reply(headers={"Content-Encoding": HOSTILE[3]}, body=b"x"), id="encoding"),
        pytest.param(json_answer({"error": ALL}), id="whole answer"),
        pytest.param([stream_error(ALL, ALL)], id="in the stream"),
        pytest.param([chat_chunk(refusal=ALL), *LAST], id="refusal"),
        pytest.param([event(HOSTILE[0], ALL), event("a", ALL)], id="event"),
        pytest.param(chat_calls(ToolCall(ALL, {ALL: ALL})), id="call"),
        pytest.param(response_failure(ALL, ALL), id="failed response"),
        pytest.param([chat_chunk(ALL, finish_reason=ALL), done()], id="reason"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "JSON"])
def test_what_goes_wrong_tells_the_terminal_nothing(
    arguments: list[str], reply: Reply | Sequence[Step], server: FakeServer, terminal: Terminal
) -> None:
    """Whatever words the message quotes."""
    server.add(reply)
    terminal.run("chat", *arguments, "Hello")
    assert terminal.text
    assert_harmless(terminal.text)


def test_a_server_under_measurement_tells_the_terminal_nothing(
    server: FakeServer, terminal: Terminal
) -> None:
    """The command quotes the first error."""
    server.add(error(400, ALL))
    assert terminal.run("bench", server.base_url, "-n", "1") == 1
    assert_harmless(terminal.text)


def test_an_assistant_tells_the_terminal_nothing(server: FakeServer, terminal: Terminal) -> None:
    """Its text is rendered like any other."""
    server.add(assistant_answer(LINKED))
    assert terminal.run("run", "--assistant", "a", "Hello") == 0
    assert_harmless(terminal.text)


def hostile_recording(folder: Path) -> str:
    """Return the path, itself hostile, of a recording with something hostile in every field."""
    head = {"format": "openai_scan recording", "version": 1}
    about = {"method": ALL, "url": ALL, "status": 200, "request_id": ALL, "t": 0.1}
    failure = {"error": "APIError", "message": ALL, "code": ALL, "param": ALL, "request_id": ALL}
    stream = [
        event("".join(HOSTILE).replace("\n", ""), ALL),
        event("thread.message.delta", {"delta": 1, ALL: ALL}),
        chat_chunk(ALL, reasoning_content=ALL),
        chat_chunk(reasoning_content=ALL),
        chat_chunk(refusal=ALL),
        *chat_calls(ToolCall(ALL, {ALL: ALL}))[:-1],
    ]
    lines = [
        {**head, **about},
        {"t": 0.2, "text": b"".join(stream).decode()},
        {"t": 0.3, "end": "failed", "failure": failure, "notes": {ALL: 1}},
    ]
    file = folder / "an\x1b]0;x\x07\nswer\u202e[red].jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return str(file)


@pytest.mark.parametrize(
    "arguments",
    [["inspect"], ["stats"], ["replay"], ["replay", "--plain"], ["replay", "--json"]],
    ids=" ".join,
)
def test_a_recording_tells_the_terminal_nothing(
    arguments: list[str], tmp_path: Path, terminal: Terminal
) -> None:
    """Neither its content nor its name does."""
    terminal.run(*arguments, hostile_recording(tmp_path))
    assert len(terminal.text) > 100
    assert_harmless(terminal.text)


def test_bytes_at_a_terminal_are_made_harmless(tmp_path: Path, terminal: Terminal) -> None:
    """Elsewhere `--raw` prints them as they are."""
    file = tmp_path / "answer.sse"
    file.write_bytes(b": " + ALL.encode("utf-8") + b"\xff\n\ndata: \xe5\xa4\xa9\n\n")
    assert terminal.run("replay", str(file), "--raw") == 0
    assert_harmless(terminal.text)
    assert "␛]52" in terminal.out.text
    assert "天" in terminal.out.text


@pytest.mark.parametrize(
    ("command", "content"),
    [
        (["inspect"], b"oops"),
        (["replay"], b'{"format": "openai_scan recording", "version": "\\u001b[2J"}'),
        (["stats", "--plot", "\x1b]0;x\x07.txt"], b"data: {}\n\n"),
        (["stats", "--plot", "\x1b]0;x\x07/a.png"], b"data: {}\n\n"),
        (["replay", "--exchange", "7"], b"data: {}\n\n"),
    ],
    ids=["no recording", "version", "suffix", "folder", "exchange"],
)
def test_a_complaint_about_a_file_tells_the_terminal_nothing(
    command: list[str], content: bytes, tmp_path: Path, terminal: Terminal
) -> None:
    """The message quotes the name."""
    file = tmp_path / "a\x1b]0;x\x07\u202e.jsonl"
    file.write_bytes(content)
    assert terminal.run(*command, str(file)) == 2
    assert_harmless(terminal.text)
    assert terminal.err.text.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[2J"],
        ["chat", "--\x1b[2J"],
        ["chat", "-p", "\x1b[2J", "x"],
        ["inspect", "\x1b[2J"],
        ["run", "--assistant", "a", "--tools", "\x1b[2J:f", "x"],
        ["chat", "--base-url", "\x1b[2J", "x"],
        ["chat", "--base-url", "http://\x1b[2J", "x"],
    ],
)
def test_a_complaint_about_an_argument_tells_the_terminal_nothing(
    arguments: list[str], server: FakeServer, terminal: Terminal
) -> None:
    """A script may have taken the argument from anywhere."""
    assert terminal.run(*arguments) in {1, 2}
    assert_harmless(terminal.text)


def test_the_answer_is_left_as_it_is_in_a_pipe(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file is not a terminal, and gets every byte of the answer; only stderr is made harmless."""
    server.add(chat_answer([ALL]), chat_calls(ToolCall(ALL, {})))
    assert main(["chat", "-q", "Hello"]) == 0
    assert capsys.readouterr().out == ALL + "\n"
    assert main(["chat", "-q", "Hello"]) == 1
    assert_harmless(capsys.readouterr().err)


def test_what_is_drawn_keeps_its_style_and_loses_its_links(terminal: Terminal) -> None:
    """The style stays; the link does not, and neither does a command in the text."""
    linked = Text("a\x1b[2J", Style(bold=True, link="https://a/\x1b]0;x\x07"))
    with terminal.attached():
        console().print(linked, "b[red]c", sep="")
    assert terminal.out.text == "\x1b[1ma␛[2J\x1b[0mb[red]c\n"


def test_an_answer_without_text_ends_no_line(terminal: Terminal) -> None:
    """There is no line that could be ended."""
    with terminal.attached():
        printer = TextPrinter()
        printer.write("")
        printer.end()
        printer.write("a")
        printer.write("")
        printer.end()
    assert terminal.out.text == "a\n"


CALLED = ("print", "input", "Console", "Live", "Progress")
MODULES = sorted(Path(openai_scan.cli.__file__).parent.glob("*.py"))


@pytest.mark.unmeasured
@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_commands_print_through_the_writer_only(module: Path) -> None:
    """No module prints by itself, makes a console of its own, or uses those of click or rich."""
    tree = ast.parse(module.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name("print" | "input" | "Console" | "Live" | "Progress" as name)
            ):
                found.add(name)
            case ast.Call(
                func=ast.Attribute(ast.Name("click"), "echo" | "secho" | "prompt" as name)
            ):
                found.add(f"click.{name}")
            case ast.Attribute(ast.Name("sys"), "stdout" | "stderr" | "__stdout__" as name):
                found.add(f"sys.{name}")
            case ast.ImportFrom(module="rich", names=names):
                found |= {f"rich.{alias.name}" for alias in names}
            case ast.Attribute(ast.Name("os"), "write"):
                found.add("os.write")
    allowed = {
        "bench": {"Progress"},  # on a console of terminal.py
        "doctor": {"Progress"},  # likewise
        "markdown": {"Live"},  # likewise
        "writer": {"print", "input", "sys.stdout", "sys.stderr"},
    }
    assert found == allowed.get(module.stem, set())


def test_the_guard_of_the_writer_sees_what_it_is_for() -> None:
    """The guard fails for text that was written past the writer."""
    screen = io.StringIO()
    print(ALL, file=screen)
    with pytest.raises(AssertionError):
        assert_harmless(screen.getvalue())
