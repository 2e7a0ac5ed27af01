"""`inspect`: list the events of a recording."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from recorder import Recorder
from terminal_session import Session

from openai_scan import Client, RetryPolicy
from openai_scan.cli import inspect, main
from openai_scan.testing import (
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    done,
    error,
    response_answer,
)

HEAD = {"format": "openai_scan recording", "version": 1}
ASKED = {"method": "POST", "url": "http://a/v1/chat/completions"}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make lines wide enough for a whole path."""
    monkeypatch.setenv("COLUMNS", "200")


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was printed, without the spaces at the ends of lines and in between."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_events_have_times_and_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcome and the final answer follow."""
    file = tmp_path / "answer.jsonl"
    odd = "event: odd\ndata: 1\n\n"
    lines = [
        {**HEAD, **ASKED, "status": 200, "t": 0.25, "request_id": "req_1"},
        {"t": 0.5, "text": odd + chat_chunk("Air\n").decode()},
        {"t": 1.75, "text": (chat_chunk(" now", finish_reason="stop") + done()).decode()},
        {"t": 2.0, "end": "clean"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert main(["inspect", str(file)]) == 0
    assert lines_of(capsys) == [
        str(file),
        "POST http://a/v1/chat/completions: status 200",
        "request req_1",
        "",
        "# time gap event bytes text",
        "1 0.500 s 0.500 s odd 1 ! unknown_event: odd",
        "2 0.500 s 0.000 s chat.completion.chunk 173 Air⏎",
        "3 1.750 s 1.250 s chat.completion.chunk 174 ·now",
        "4 1.750 s 0.000 s done 6",
        "",
        "outcome completed",
        "size 4 events, 397 bytes, 1.750 s",
        "notes unknown_event: odd (1)",
        "answer Air",
        "now",
    ]


def test_reasoning_refusals_and_calls_are_shown(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reasoning and refusals are shown with their events, and calls at the end."""
    file = recording(
        chat_chunk(reasoning_content="Hm."),
        chat_chunk(refusal="No."),
        *chat_calls(ToolCall("f", {"a": 1})),
    )
    assert main(["inspect", file]) == 0
    lines = lines_of(capsys)
    assert lines[4].endswith("Hm.")
    assert lines[5].endswith("No.")
    assert 'call f({"a": 1})' in lines


def test_a_recording_without_a_request_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plain event stream is listed without times."""
    file = tmp_path / "answer.sse"
    file.write_bytes(b"".join(chat_answer("Hi there", usage=True)))
    assert main(["inspect", str(file)]) == 0
    lines = lines_of(capsys)
    assert lines[:3] == [str(file), "", "# time gap event bytes text"]
    assert "tokens 10 in, 5 out, as counted by the server" in lines
    assert lines[-1] == "answer Hi there"


def test_a_failure_is_reported(recording: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    """The error and an estimate of the tokens are shown. The status is 0: `inspect` has worked."""
    file = recording(chat_chunk("Hi there"))
    assert main(["inspect", file]) == 0
    lines = lines_of(capsys)
    assert "outcome truncated" in lines
    assert "error the stream ended before the answer did" in lines
    assert "tokens ? in, 2 out, an estimate" in lines


def test_a_truncated_recording_is_listed_up_to_its_cut(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line on stderr reports the cut."""
    file = Path(recording())
    head, read, *_ = file.read_text().splitlines()
    first = json.loads(read)
    first["text"] = first["text"][:300]  # more than an event, and less than the answer
    file.write_text(f"{head}\n{json.dumps(first)}\n")
    assert main(["inspect", str(file)]) == 0
    printed = capsys.readouterr()
    assert "outcome  truncated" in printed.out
    assert printed.err == f"openai-scan: the recording {file} breaks off before its end\n"


@pytest.mark.parametrize("columns", ["0", "20"])
def test_nothing_is_left_out_where_there_is_no_room(
    columns: str,
    recording: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A terminal that is too narrow, or of unknown width, wraps the lines itself."""
    file = recording()
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["inspect", file]) == 0
    lines = lines_of(capsys)
    assert "# time gap event bytes text" in lines
    assert any("chat.completion" in line and line.endswith("Hi") for line in lines)


def test_long_words_are_shown_whole(
    recording: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text without spaces continues in the next line."""
    file = recording(chat_chunk(100 * "天"), *chat_calls(ToolCall("f", {"a": 100 * "x"})))
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["inspect", file]) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    events, _, end = printed.partition("outcome")
    assert events.count("天") == end.count("天") == 100
    assert end.count("x") == 100


def test_a_long_stream_is_listed_in_parts(
    recording: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part is a table with its own header row, and no event is missing."""
    monkeypatch.setattr(inspect, "_ROWS", 2)
    assert main(["inspect", recording(*(chat_chunk(word) for word in "abcde"), done())]) == 0
    lines = lines_of(capsys)
    assert lines.count("# time gap event bytes text") == 3
    assert [line[0] for line in lines if " chat.completion.chunk " in line] == list("12345")


@pytest.mark.parametrize("plain", [False, True], ids=["recording", "plain"])
def test_a_recording_can_come_through_a_pipe(
    plain: bool,
    recording: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command reads standard input once, although it goes over the data several times."""
    answer = b"".join(chat_answer("Hi there"))
    data = answer if plain else 2 * Path(recording()).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["inspect", "-"]) == 0
    lines = lines_of(capsys)
    times = 1 if plain else 2
    assert lines.count("<stdin>") == lines.count("answer Hi there") == times


def test_no_answer_at_all_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the server could not be reached, there is a recording as well."""
    file = tmp_path / "answer.jsonl"
    failure = {"error": "ConnectError", "message": "Nobody."}
    lines = [{**HEAD, **ASKED}, {"t": 0.1, "end": "failed", "failure": failure}]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert main(["inspect", str(file)]) == 0
    shown = lines_of(capsys)
    assert shown[1] == "POST http://a/v1/chat/completions: no answer"
    assert "error Nobody." in shown


def test_all_streams_of_a_file_are_listed(
    recording: Recorder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """They are listed one after the other; a retry is listed with its first attempt."""
    recording.server.add(error(503), chat_answer("One"), response_answer("Two"))
    file = tmp_path / "two.jsonl"
    quick = RetryPolicy(wait_initial=0, wait_max=0)
    with file.open("wb") as opened, Client(retries=quick) as client:
        with client.create_chat_completion_stream(model="m", messages=[], record=opened) as s:
            s.read()
        with client.create_response_stream(model="m", input="Hi", record=opened) as s:
            s.read()
    assert main(["inspect", str(file)]) == 0
    lines = lines_of(capsys)
    assert lines.count(str(file)) == 2
    assert "notes retry: InternalServerError (1)" in lines
    assert "answer One" in lines
    assert "answer Two" in lines


def test_control_characters_are_harmless_at_a_terminal(recording: Recorder) -> None:
    """Control characters in a recording are replaced."""
    with Session("inspect", recording(*chat_answer("Hi\x1b[2J")), COLUMNS="200") as session:
        assert session.end() == 0
    assert session.lines[-1] == "answer   Hi␛[2J"
