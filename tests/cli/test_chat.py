"""`chat` and `respond`: one question, or a conversation."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from rich.console import Console
from terminal_session import Session

from openai_scan import Timeout
from openai_scan.cli import main
from openai_scan.cli.markdown import MarkdownPrinter
from openai_scan.testing import (
    FakeServer,
    Step,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    cut,
    done,
    error,
    event,
    hold,
    response_answer,
    stream_error,
)


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_one_question_prints_the_answer(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stdout has the answer alone, so that it can be piped; the facts go to stderr."""
    server.add(chat_answer("Hi there"))
    arguments = ["chat", "-m", "gpt-5", "-s", "Be brief.", "-p", "temperature=0.5"]
    assert main([*arguments, "-p", "user=me", "Why", "blue?"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hi there\n"
    assert printed.err.startswith("5 events, first text after ")
    assert printed.err.endswith(" s in all, completed\n")
    assert server.requests[0].json == {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why blue?"},
        ],
        "temperature": 0.5,
        "user": "me",
        "stream": True,
    }


def test_the_responses_api_is_asked_likewise(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`respond` works as `chat` does; only the names of the parameters differ."""
    server.add(response_answer("Hi there"))
    assert main(["respond", "-q", "-s", "Be brief.", "Why blue?"]) == 0
    assert capsys.readouterr() == ("Hi there\n", "")
    assert server.requests[0].path == "/responses"
    assert server.requests[0].json == {
        "model": "test-model",
        "input": [{"role": "user", "content": "Why blue?"}],
        "instructions": "Be brief.",
        "stream": True,
    }


@pytest.mark.parametrize(
    ("words", "question"), [([], "a report"), (["Sum up:", "-"], "Sum up: a report")]
)
def test_the_question_can_come_through_a_pipe(
    words: list[str], question: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard input is the whole question, or replaces a dash in it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("a report\n"))
    server.add(chat_answer("Hi"))
    assert main(["chat", *words]) == 0
    assert server.requests[0].json["messages"] == [{"role": "user", "content": question}]


@pytest.mark.parametrize(
    "given",
    [
        b"a r\xc3\xa9port\r\nof two lines\r\n",
        "\ufeffa r\xe9port\nof two lines".encode(),
        "\ufeff\ufeffa r\xe9port\r\nof two lines\r\n".encode(),
        "a r\xe9port\r\nof two lines\r\n".encode("utf-16"),
        "\ufeffa r\xe9port\rof two lines".encode("utf-16-be"),
        "a r\xe9port\nof two lines".encode("utf-32"),
        "\ufeffa r\xe9port\nof two lines".encode("utf-32-be"),
    ],
    ids=ascii,
)
def test_a_byte_order_mark_is_not_part_of_the_question(
    given: bytes, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text from Windows is decoded by its byte order mark; without one, by the locale."""
    stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    server.add(chat_answer("Hi"))
    assert main(["chat", "Sum up:", "-"]) == 0
    [message] = server.requests[0].json["messages"]
    assert message["content"] == "Sum up: a r\xe9port\nof two lines"


def test_a_text_without_a_mark_is_of_the_locale(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locale's encoding is used, as on Windows, where that is a code page."""
    stdin = io.TextIOWrapper(io.BytesIO(b"\x80 or \xef\xbb\xbe"), encoding="cp1252")
    monkeypatch.setattr(sys, "stdin", stdin)
    server.add(chat_answer("Hi"))
    assert main(["chat"]) == 0
    [message] = server.requests[0].json["messages"]
    assert message["content"] == "\u20ac or \xef\xbb\xbe"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b" \n", "Say what to ask, as an argument or on standard input"),
        (b"\xff\xff", "What is on standard input is not text"),
        (b"\xff\xfe\x00\xd8", "What is on standard input is not text"),
        (b"\xff\xfe", "Say what to ask, as an argument or on standard input"),
        (b"\xef\xbb\xbf\r\n", "Say what to ask, as an argument or on standard input"),
    ],
)
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_nothing_to_ask_is_wrong_usage(
    given: bytes,
    sentence: str,
    errors: str,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is sent, with Python's strict decoding as well as with that of the C locale."""
    stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8", errors=errors)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["chat"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan chat --help\n"
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["\udcff"], "The question is not text"),
        (["-s", "\udcff", "Hi"], "Invalid value for '-s' / '--system': it is not text"),
        (["-p", "user=\udcff", "Hi"], "Invalid value for '-p' / '--param': user is not text"),
        (["--base-url", "", "Hi"], "Invalid value for '--base-url': it is empty"),
        (
            ["--base-url", "http://[::1/v1", "Hi"],
            "The base URL is malformed: Invalid IPv6 URL",
        ),
        (
            ["--base-url", "http://a:99999/v1", "Hi"],
            "The base URL is malformed: Port out of range 0-65535",
        ),
        *(
            (
                ["--timeout", wrong, "Hi"],
                (
                    "Invalid value for '--timeout': it must be a positive number of seconds,"
                    f" not '{wrong}'"
                ),
            )
            for wrong in ("nan", "0", "-1", "10s")
        ),
    ],
)
def test_what_cannot_be_asked_or_sent_is_wrong_usage(
    arguments: list[str], sentence: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, neither the key nor the question."""
    assert main(["chat", *arguments]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan chat --help\n"
    assert server.requests == []


def test_a_base_url_of_the_environment_is_looked_at_too(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A malformed `OPENAI_BASE_URL` is wrong usage, like a malformed `--base-url`."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://a:port/v1")
    assert main(["chat", "Hi"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: The base URL is malformed: Port could not be cast to integer value as 'port';"
        " see openai-scan chat --help\n"
    )


def test_a_base_url_of_another_kind_is_one_sentence(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence shows an example of a base URL."""
    assert main(["chat", "--base-url", "ftp://a", "Hi"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: the base URL must look like https://api.openai.com/v1, not like 'ftp://a'\n"
    )


@pytest.mark.parametrize("behind", ["?", "#", "#x", " ", "\n", "?a=b"])
@pytest.mark.parametrize("source", ["argument", "environment"])
def test_nothing_may_follow_a_base_url(
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    behind: str,
) -> None:
    """The command refuses the URL, so that nothing goes to another path of the server."""
    url = server.base_url + behind
    if source == "environment":
        monkeypatch.setenv("OPENAI_BASE_URL", url)
    option = ["--base-url", url] if source == "argument" else []
    assert main(["chat", *option, "Hi"]) == 2
    assert capsys.readouterr().err.startswith("openai-scan: the base URL ")
    assert server.requests == []


def test_a_time_limit_that_was_given_is_named(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the option `--timeout`, as users do not know the library's name for it."""
    server.add([chat_chunk("Hi"), hold()])
    assert main(["chat", "-q", "--timeout", "0.1", "Hello"]) == 1
    assert capsys.readouterr() == (
        "Hi\n",
        "openai-scan: no event arrived for event_idle=0.1 s; a longer --timeout may help\n",
    )


def test_a_time_limit_that_was_not_given_is_the_servers(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a default timeout expires, the error does not name an option that was not given."""
    limit = Timeout(idle=0.1)
    monkeypatch.setattr("openai_scan.client.base.Timeout", lambda: limit)
    server.add([chat_chunk("Hi"), hold()])
    assert main(["chat", "-q", "Hello"]) == 1
    assert capsys.readouterr() == ("Hi\n", "openai-scan: no data arrived for idle=0.1 s\n")


def test_a_terminal_gets_its_cursor_back() -> None:
    """The cursor is shown again even if SIGTERM ends the program while an answer is drawn."""
    drawn = io.StringIO()

    def render() -> None:
        with MarkdownPrinter(Console(file=drawn, force_terminal=True)) as printer:
            printer.write("Once upon")
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        render()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert "Once upon" in drawn.getvalue()
    assert drawn.getvalue().rindex("\x1b[?25h") > drawn.getvalue().rindex("\x1b[?25l")


def test_any_thread_can_render() -> None:
    """Outside the main thread, which alone can set signal handlers, none is set."""
    screen = Console(file=io.StringIO())
    before = signal.getsignal(signal.SIGTERM)

    def render() -> None:
        with MarkdownPrinter(screen) as printer:
            printer.write("Hi")

    thread = threading.Thread(target=render)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert signal.getsignal(signal.SIGTERM) is before


def test_events_are_printed_as_json_lines(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line has the type, text and data; data that are not a JSON object are in `raw`."""
    odd = ("[" * 100_000, '{"a": NaN}', "[1]", "Infinity")
    server.add(
        [
            event("new", {"a": 1}),
            *(event("odd", text) for text in odd),
            chat_chunk("Hi \x7f\u2028"),
            *LAST,
        ]
    )
    assert main(["chat", "--json", "-q", "Hello"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x7f" not in printed
    lines = [strictly(line) for line in printed.splitlines()]
    assert [line["type"] for line in lines] == [
        "new",
        *["odd"] * 4,
        "chat.completion.chunk",
        "chat.completion.chunk",
        "done",
    ]
    assert lines[0] == {"type": "new", "text": None, "data": {"a": 1}}
    assert lines[1:5] == [{"type": "odd", "text": None, "data": None, "raw": text} for text in odd]
    assert lines[5]["data"]["choices"][0]["delta"] == {"content": "Hi \x7f\u2028"}
    assert lines[5]["text"] == "Hi \x7f\u2028"
    assert lines[7] == {"type": "done", "text": None, "data": None, "raw": "[DONE]"}


def strictly(line: str) -> dict[str, Any]:
    """Return the object in *line*, refusing NaN and Infinity, which only Python can read."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    value = json.loads(line, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


@pytest.mark.skipif(shutil.which("jq") is None, reason="it needs jq, which is not installed")
@pytest.mark.parametrize(
    ("wanted", "out"),
    [
        (["-r", ".type"], "chat.completion.chunk\n" * 5 + "done\n"),
        (["-j", ".text // empty"], "Air scatters blue light."),
        (["-j", ".data.choices[0].delta.content // empty"], "Air scatters blue light."),
    ],
)
def test_jq_reads_every_line(
    wanted: list[str], out: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`jq` reads the lines with the filters that the documentation shows."""
    server.add(chat_answer(["Air scatters", " blue", " light."]))
    assert main(["chat", "--json", "-q", "Hello"]) == 0
    lines = capsys.readouterr().out
    read = subprocess.run(["jq", *wanted], input=lines, capture_output=True, text=True, check=True)
    assert read.stdout == out


def test_all_choices_are_printed(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The first one is printed as it arrives, and the others below it."""
    server.add(
        [
            chat_chunk("Wuf", index=1),
            chat_chunk("Bello"),
            chat_chunk("fi", index=1, finish_reason="stop"),
            chat_chunk(finish_reason="stop"),
            done(),
        ]
    )
    assert main(["chat", "-q", "-p", "n=2", "A name?"]) == 0
    assert capsys.readouterr() == ("Bello\n\nAnswer 2:\nWuffi\n", "")
    assert server.requests[0].json["n"] == 2


def test_all_choices_are_printed_as_far_as_they_came(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the connection breaks, the text that has arrived, and been paid for, is printed."""
    server.add([chat_chunk("Wuf", index=1), chat_chunk("Bel"), cut()])
    assert main(["chat", "-q", "-p", "n=2", "A name?"]) == 1
    out, err = capsys.readouterr()
    assert out == "Bel\n\nAnswer 2:\nWuf\n"
    assert err.startswith("openai-scan: the connection broke during the answer")


def test_a_terminal_gets_all_choices_rendered(server: FakeServer) -> None:
    """Each choice is rendered separately: unclosed emphasis in one does not affect the next."""
    server.add([chat_chunk("**Bello"), chat_chunk("*Wuffi*", index=1), *LAST])
    with Session("chat", "-q", "-p", "n=2", "A name?") as session:
        assert session.end() == 0
    assert session.lines[-3:] == ["**Bello", "Answer 2:", "Wuffi"]


@pytest.mark.parametrize("name", ["chat", "respond"])
def test_no_parameter_replaces_the_prompt(
    name: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-p` cannot set the prompt, so the question is never silently dropped."""
    parameter = "messages" if name == "chat" else "input"
    assert main([name, "-p", f"{parameter}=[]", "Hello"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: -p {parameter} would replace the prompt: give the prompt as an argument, or"
        " send a whole body with openai-scan record --path and --body; see"
        f" openai-scan {name} --help\n"
    )
    assert server.requests == []


LAST = [chat_chunk(finish_reason="stop"), done()]


@pytest.mark.parametrize(
    ("steps", "out", "err"),
    [
        pytest.param(
            [chat_chunk("Hi"), b"\n", cut()],
            "Hi\n",
            "the connection broke during the answer: it was closed before its end",
            id="cut",
        ),
        pytest.param(
            [chat_chunk("Hi"), stream_error("server_error", "Out of order.")],
            "Hi\n",
            "Out of order. (code server_error)",
            id="error",
        ),
        pytest.param(
            [chat_chunk("Hi")], "Hi\n", "the stream ended before the answer did", id="truncated"
        ),
        pytest.param(
            [chat_chunk("Hi\n", finish_reason="length"), done()],
            "Hi\n",
            "the answer is incomplete: the server cut it short at a limit",
            id="incomplete",
        ),
        pytest.param(
            chat_calls(ToolCall("f", {})),
            "",
            "the model waits for the outputs of tools that it has called: f({}); --tools"
            " MODULE:FUNCTION gives it some",
            id="calls",
        ),
        pytest.param(
            chat_calls(ToolCall("f\x1b", {"a": 1}), ToolCall("g", {"b": 1000 * "x"})),
            "",
            'the model waits for the outputs of tools that it has called: f␛({"a": 1}), g({"b": "'
            + 477 * "x"
            + "…; --tools MODULE:FUNCTION gives it some",
            id="long calls",
        ),
        pytest.param(
            [chat_chunk(refusal="Not \x1b[31mthat."), *LAST],
            "",
            "the model refused to answer: Not ␛[31mthat.",
            id="refusal",
        ),
    ],
)
def test_an_answer_that_is_not_whole_is_one_sentence_and_status_1(
    steps: list[Step],
    out: str,
    err: str,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text that arrived is printed, and the status tells a script that it is not whole."""
    server.add(steps)
    assert main(["chat", "-q", "Hello"]) == 1
    assert capsys.readouterr() == (out, f"openai-scan: {err}\n")


def test_the_facts_of_an_answer_without_text(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """No time is shown for text that has not arrived."""
    server.add(chat_calls(ToolCall("f", {})))
    assert main(["chat", "Hello"]) == 1
    facts = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(r"\d+ events, \d+\.\d\d s in all, completed", facts)


def test_a_refused_request_is_one_sentence(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the server's own message."""
    server.add(error(401, "Wrong key."))
    assert main(["chat", "Hello"]) == 1
    assert capsys.readouterr() == (
        "",
        "openai-scan: Wrong key. (HTTP status 401, code invalid_api_key)\n",
    )


def test_the_output_may_be_any_text_file(server: FakeServer) -> None:
    """A program that calls `main()` can capture the text in memory."""
    server.add(chat_answer("Hi there"))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["chat", "-q", "Hello"]) == 0
    assert out.getvalue() == "Hi there\n"


def test_ctrl_c_keeps_what_was_printed(server: FakeServer) -> None:
    """One line says that it was interrupted, and the server sees a hang-up."""
    server.add([chat_chunk("Hi"), hold()])
    process = subprocess.Popen(
        [sys.executable, "-m", "openai_scan", "chat", "Hello"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(2) == "Hi"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("\n", "openai-scan: interrupted\n")
    assert process.returncode == 130
    assert server.hung_up.wait(60)


def test_ctrl_c_draws_no_line_twice(server: FakeServer) -> None:
    """The terminal does not echo "^C", which would move the cursor and garble the drawing."""
    server.add([chat_chunk("Once upon a time\n\n- there was\n- a princess"), hold()])
    with Session("chat", "-q", "A story!") as session:
        session.wait_for("a princess")
        session.type("\x03")
        assert session.end() == 130
    assert "^C" not in session.seen
    assert [line for line in session.screen if line] == [
        "Once upon a time",
        " • there was",
        " • a princess",
        "openai-scan: interrupted",
    ]


def test_what_is_typed_during_an_answer_is_asked_next(server: FakeServer) -> None:
    """What you type does not show in the middle of the answer, and is not lost."""
    gate = hold()
    server.add([chat_chunk("Once upon"), gate, chat_chunk(" a time"), *LAST], chat_answer("Bye"))
    with Session("chat", "-q") as session:
        session.wait_for("> ")
        session.type("A story!\n")
        session.wait_for("Once upon")
        session.type("And then?\n")
        gate.release()
        session.wait_for("Bye")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    assert server.requests[1].json["messages"][-1] == {"role": "user", "content": "And then?"}
    assert "Once upon a time" in session.lines


def test_a_terminal_gets_markdown_rendered_while_it_arrives(server: FakeServer) -> None:
    """Text is shown as it arrives, and a finished block is not drawn again."""
    gate = hold()
    server.add(
        [
            chat_chunk("# Sky\n\nIt is **bl"),
            gate,
            chat_chunk("ue**.\n"),
            chat_chunk("And \x07so"),
            *LAST,
        ]
    )
    with Session("chat", "Why?") as session:
        session.wait_for("Sky")
        session.wait_for("**bl")
        gate.release()
        assert session.end() == 0
    before, _, after = session.seen.partition("blue")
    assert "Sky" in before
    assert "Sky" not in after
    assert "\x1b[1mblue\x1b[0m" in session.seen
    assert session.lines[-2:-1] == ["It is blue. And ␇so"]
    assert session.lines[-1].startswith("5 events, first text after ")


def test_a_block_that_is_higher_than_the_screen_is_shown_by_its_end(server: FakeServer) -> None:
    """While it arrives, its end is shown. Afterwards, each line is on the screen once."""
    gate = hold()
    code = "```text\n" + "".join(f"line {number:02}\n" for number in range(60))
    server.add([chat_chunk(code), gate, chat_chunk("```\n"), *LAST])
    with Session("chat", "-q", "Why?") as session:
        session.wait_for("line 59")
        assert "line 30" not in session.seen
        gate.release()
        assert session.end() == 0
    shown = session.lines[-60:]
    assert [line.strip() for line in shown] == [f"line {number:02}" for number in range(60)]


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("arguments", "terminal"), [(["--plain"], "xterm"), ([], "dumb")], ids=["plain", "dumb"]
)
def test_a_terminal_can_have_the_text_as_it_is(
    arguments: list[str], terminal: str, server: FakeServer
) -> None:
    """Markdown is not rendered, but control characters in the answer are still replaced."""
    server.add(chat_answer("It is **blue**, \x1b[2Jsays\r\nthe sky."))
    with Session("chat", "-q", *arguments, "Why?", TERM=terminal) as session:
        assert session.end() == 0
    assert session.seen == "It is **blue**, ␛[2Jsays\r\nthe sky.\r\n"


@pytest.mark.parametrize("typed", ["\x1a", "\x1awords that come too late"])
def test_ctrl_z_ends_a_conversation_too(
    typed: str,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-Z at the start of a line ends it, as on Windows; elsewhere it is a character."""
    lines = iter(["words\x1a", typed])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("openai_scan.cli.options.is_terminal", lambda: True)
    server.add(chat_answer("Hi"))
    assert main(["chat", "--plain", "-q"]) == 0
    assert capsys.readouterr() == ("Hi\n\n", "")
    [request] = server.requests
    assert request.json["messages"] == [{"role": "user", "content": "words\x1a"}]


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize("api", ["chat", "respond"])
def test_a_conversation_remembers_what_was_said(api: str, server: FakeServer) -> None:
    """Each question is sent with everything said before it; Ctrl-D ends with status 0."""
    answer = chat_answer if api == "chat" else response_answer
    server.add(answer("Ann, hello"), answer("You are Ann"))
    with Session(api, "--plain", "-s", "Be kind.") as session:
        session.wait_for("Ctrl-C ends an answer, Ctrl-D the conversation.")
        session.wait_for("> ")
        session.type("I am Ann\n")
        session.wait_for("Ann, hello")
        session.wait_for("> ")
        session.type("\n")
        session.wait_for("> ")
        session.type("Who am I?\n")
        session.wait_for("You are Ann")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    asked = [request.json["messages" if api == "chat" else "input"] for request in server.requests]
    system = [{"role": "system", "content": "Be kind."}] if api == "chat" else []
    first = {"role": "user", "content": "I am Ann"}
    content = {"type": "output_text", "text": "Ann, hello", "annotations": [], "logprobs": []}
    answers: dict[str, dict[str, object]] = {
        "chat": {"role": "assistant", "content": "Ann, hello"},
        "respond": {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [content],
            "status": "completed",
        },
    }
    second = [*system, first, answers[api], {"role": "user", "content": "Who am I?"}]
    assert asked == [[*system, first], second]


@pytest.mark.usefixtures("measured_processes")
def test_a_conversation_survives_what_goes_wrong(server: FakeServer) -> None:
    """Ctrl-C ends an answer and keeps its text so far; a question without an answer is dropped."""
    server.add([chat_chunk("Once upon"), hold()], error(400, "Too long."), chat_answer("Bye"))
    with Session("chat", "-q") as session:
        session.wait_for("> ")
        session.type("A story!\n")
        session.wait_for("Once upon")
        session.type("\x03")
        session.wait_for("openai-scan: the answer was interrupted")
        session.wait_for("> ")
        session.type("Another!\n")
        session.wait_for("openai-scan: Too long. (HTTP status 400)")
        session.wait_for("> ")
        session.type("Bye\n")
        session.wait_for("> ")
        session.type("\x04")
        assert session.end() == 0
    assert [message["content"] for message in server.requests[2].json["messages"]] == [
        "A story!",
        "Once upon",
        "Bye",
    ]
    assert "Traceback" not in session.seen


@pytest.mark.usefixtures("measured_processes")
def test_ctrl_c_at_the_prompt_discards_the_line(server: FakeServer) -> None:
    """This is as in a shell. A second Ctrl-C ends the conversation with status 0."""
    server.add(chat_answer("Hi"))
    with Session("chat", "-q", "--plain") as session:
        session.wait_for("> ")
        session.type("never asked")
        session.wait_for("never asked")
        session.press_ctrl_c()
        session.wait_for("Ctrl-C again, or Ctrl-D, ends the conversation.")
        session.wait_for("> ")
        session.type("Hello\n")
        session.wait_for("Hi")
        session.wait_for("> ")
        session.press_ctrl_c()
        session.wait_for("Ctrl-C again")
        session.wait_for("> ")
        session.press_ctrl_c()
        assert session.end() == 0
    [request] = server.requests
    assert request.json["messages"] == [{"role": "user", "content": "Hello"}]
    assert "interrupted" not in session.seen
