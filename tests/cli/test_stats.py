"""`stats`: how fast recorded streams were."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.testing import assistant_calls, chat_answer, chat_chunk

TIMES = (0.5, 0.75, 0.7505, 1.75, 9.75)


@pytest.fixture
def timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a recording in the current folder whose chunks came at `TIMES`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    head = {"format": "openai_scan recording", "version": 1, "t": 0.25}
    chunks = [chat_chunk(text, finish_reason=end) for text, end in zip("abcde", END, strict=True)]
    lines = [
        head,
        *({"t": t, "text": chunk.decode()} for t, chunk in zip(TIMES, chunks, strict=True)),
        {"t": 10.0, "end": "clean"},
    ]
    Path("timed.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return "timed.jsonl"


END = (None, None, None, None, "stop")


def test_the_times_are_those_of_the_recording(
    timed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is read at full speed; the times and the gaps are the recorded ones."""
    assert main(["stats", timed]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "timed.jsonl",
        "outcome completed",
        "events 5",
        "bytes 887",
        "characters of text 5",
        "tokens of output -",
        "retries 0",
        "until the headers 0.250 s",
        "until the first event 0.500 s",
        "until the first text 0.500 s",
        "in all 10.000 s",
        "gaps: median 0.625 s",
        "gaps: 95 % are below 8.000 s",
        "gaps: longest 8.000 s",
        "characters a second 0",
        "",
        "text as it came, from the request until 9.750 s",
        "timed.jsonl ▄█ ▄ ▄",
        "",
        "gaps between pieces of text",
        "below 1 ms 1 " + 40 * "█",
        "1 to 2 ms 0",
        "2 to 5 ms 0",
        "5 to 10 ms 0",
        "10 to 20 ms 0",
        "20 to 50 ms 0",
        "50 to 100 ms 0",
        "100 to 200 ms 0",
        "200 to 500 ms 1 " + 40 * "█",
        "500 to 1000 ms 1 " + 40 * "█",
        "1000 to 2000 ms 0",
        "2000 to 5000 ms 0",
        "5000 ms and more 1 " + 40 * "█",
    ]


def test_what_is_not_known_is_left_open(
    recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream without text has no gaps, and the tokens of a stream that was cut are estimated."""
    calls = recording(*assistant_calls(), name="calls.jsonl")
    cut = recording(chat_chunk("Hi there"), name="cut.jsonl")
    assert main(["stats", calls]) == 0
    printed = capsys.readouterr().out
    assert "until the first text" in printed
    assert "gaps between" not in printed
    assert main(["stats", cut]) == 0
    assert "2 (estimated)" in capsys.readouterr().out


def test_streams_stand_side_by_side(
    timed: str, recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Streams of the same file are numbered, and a plain event stream has no times."""
    Path("two.jsonl").write_text(2 * (Path(timed).read_text() + "\n"))
    Path("plain.sse").write_bytes(b"".join(chat_answer("Hi")))
    assert main(["stats", "two.jsonl", "plain.sse"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["two.jsonl", "[0]", "two.jsonl", "[1]", "plain.sse"]
    assert lines[1] == ["outcome", "completed", "completed", "completed"]
    assert lines[7] == ["until", "the", "headers", "0.250", "s", "0.250", "s", "-"]


def test_more_streams_than_fit_are_in_several_tables(
    timed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each figure is on one line, however many streams there are."""
    monkeypatch.setenv("COLUMNS", "80")
    Path("seven.jsonl").write_text(7 * (Path(timed).read_text() + "\n"))
    assert main(["stats", "seven.jsonl"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    outcomes = [line[1:] for line in lines if line[:1] == ["outcome"]]
    assert outcomes == [5 * ["completed"], 2 * ["completed"]]
    assert ["gaps:", "95", "%", "are", "below", *5 * ["8.000", "s"]] in lines
    assert ["seven.jsonl", "[5]", "seven.jsonl", "[6]"] in lines


@pytest.mark.parametrize(("name", "beginning"), [("p.png", b"\x89PNG"), ("p.svg", b"<?xml")])
def test_a_picture_can_be_drawn(
    name: str, beginning: bytes, timed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It replaces the histogram, and overwrites an existing file only with `--force`."""
    assert main(["stats", timed, "--plot", name]) == 0
    printed = capsys.readouterr()
    assert "gaps between" not in printed.out
    assert printed.err == f"drawn into {name}\n"
    assert Path(name).read_bytes().startswith(beginning)
    assert main(["stats", timed, "--plot", name]) == 2
    assert capsys.readouterr().err.startswith(f"openai-scan: {name} already exists")
    assert main(["stats", timed, "--plot", name, "--force"]) == 0


def test_a_picture_is_of_a_known_kind(timed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind depends on the file's name."""
    assert main(["stats", timed, "--plot", "p.xls"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: --plot p.xls: the name must end in .png or .svg; see openai-scan"
        " stats --help\n"
    )


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "name", ["x_$.jsonl", "$_{$.jsonl", "_a.jsonl", "天.jsonl", "\udcff.jsonl"]
)
def test_a_picture_has_any_name(
    name: str, timed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is not read as a formula or left out; what cannot be encoded becomes "?"."""
    from matplotlib.figure import Figure

    legends: list[list[str]] = []
    save = Figure.savefig

    def see(figure: Figure, *arguments: Any, **settings: Any) -> None:
        legend = figure.axes[0].get_legend()
        assert legend is not None
        legends.append([text.get_text() for text in legend.get_texts()])
        save(figure, *arguments, **settings)

    monkeypatch.setattr(Figure, "savefig", see)
    Path(timed).rename(name)
    assert main(["stats", name, name, "--plot", "p.png"]) == 0
    assert capsys.readouterr().err == "drawn into p.png\n"
    assert legends == [2 * [name.replace("\udcff", "?")]]


def test_a_picture_needs_a_folder(timed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing folder is reported before anything is printed."""
    picture = str(Path("nowhere", "p.png"))
    assert main(["stats", timed, "--plot", picture]) == 2
    assert capsys.readouterr() == ("", f"openai-scan: {picture}: No such file or directory\n")


def test_a_recording_can_come_through_a_pipe(
    timed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can be compared with recordings in files."""
    data = Path(timed).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["stats", "-", timed]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["<stdin>", timed]
    assert lines[1] == ["outcome", "completed", "completed"]


def test_a_truncated_recording_is_reported(timed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures cover what is in the file, and stderr reports the cut, as for `inspect`."""
    text = Path(timed).read_text()
    Path(timed).write_text(text[: text.rindex("\n")])
    assert main(["stats", timed]) == 0
    printed = capsys.readouterr()
    assert ["characters", "of", "text", "5"] in [line.split() for line in printed.out.splitlines()]
    assert printed.err == f"openai-scan: the recording {timed} breaks off before its end\n"


@pytest.mark.parametrize("columns", ["0", "30"])
def test_nothing_is_left_out_where_there_is_no_room(
    columns: str, timed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal that is too narrow, or of unknown width, wraps the lines itself."""
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["stats", timed]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["outcome", "completed"]
    assert lines[17] == [timed, "▄█", "▄", "▄"]
    assert lines[-1] == ["5000", "ms", "and", "more", "1", 40 * "█"]


def test_without_the_extra_it_says_what_to_install(timed: str) -> None:
    """Only `--plot` needs the extra. Nothing else is printed, as if the command had worked."""
    script = """
import sys
sys.modules["matplotlib"] = None
from openai_scan.cli import main
sys.exit(main(["stats", "timed.jsonl", "--plot", "p.png"]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "openai-scan: matplotlib is not installed: install openai_scan with its extra 'plot', as in"
        " pip install '.[plot]'\n"
    )


def test_the_figures_at_a_terminal(timed: str) -> None:
    """The table is shown at a terminal as well."""
    with Session("stats", timed) as session:
        assert session.end() == 0
    assert session.lines[1].split() == ["outcome", "completed"]
