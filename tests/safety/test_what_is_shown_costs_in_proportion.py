"""Twice as much text, twice the work: what models and recordings say is shown in linear time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from costs import all_calls, peak
from rich.console import Console

from openai_scan.cli import inspect, markdown
from openai_scan.cli.markdown import MAX_OPEN, MarkdownPrinter
from openai_scan.cli.terminal import console
from openai_scan.recording import read_recording, replay
from openai_scan.testing import chat_chunk, event, recorded
from safety.conftest import Terminal

# A little more than twice is noise of caches that fill; four times would be quadratic.
FACTOR = 2.2


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count blocks as too long early, and let no thread draw while the work is counted."""
    monkeypatch.setattr(markdown, "MAX_OPEN", 1024)
    monkeypatch.setattr(markdown, "_SLICE", 256)
    monkeypatch.setattr(markdown, "_FRAMES_PER_SECOND", 0.001)


def render(text: str, size: int = 20) -> str:
    """Return what a terminal gets for *text* that comes in pieces of so many characters."""
    drawn = io.StringIO()
    with MarkdownPrinter(Console(file=drawn, width=80, height=24, force_terminal=True)) as printer:
        for start in range(0, len(text), size):
            printer.write(text[start : start + size])
    return drawn.getvalue()


# Short blocks, of which there are many.
SHORT = {
    "paragraphs": "word *word*\n\n",
    "headings": "# word\n",
    "quotations": "> word\n\n",
    "rules": "***\n",
}

# A block that goes on and on, after its beginning.
LONG = {
    "list": ("", "- item\n"),
    "numbered list": ("", "1. item\n"),
    "loose list": ("", "- item\n\n  more\n\n"),
    "table": ("|a|b|\n|-|-|\n", "|1|x|\n"),
    "code": ("```python\n", "f(x)\n"),
    "code in a longer fence": ("~~~~\n", "~~~\n"),
    "indented code": ("", "    f(x)\n"),
    "quotation": ("", "> word word\n"),
    "paragraph": ("", "word word\n"),
    "one line": ("", "word word "),
    "brackets": ("", "[![]("),
    "stars": ("", "*a **b "),
    "entities": ("", "&amp;&lt;"),
    "HTML": ("<div>\n", "<!-- <b>\n"),
    "definitions": ("", "[a]: http://b\n"),
    "control characters": ("", "\x1b\x9b\u202e\n"),
    "blank lines": ("", "\n\n"),
}


def assert_linear(run: Callable[[str], object], texts: tuple[str, str]) -> None:
    """Fail if the work for the second text grows faster than its length."""
    once, twice = (all_calls(partial(run, text)) for text in texts)
    assert twice * len(texts[0]) < FACTOR / 2 * once * len(texts[1])


@pytest.mark.unmeasured
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("block", SHORT.values(), ids=SHORT.keys())
@pytest.mark.parametrize("size", [40, 100_000], ids=["pieces", "at once"])
def test_many_rendered_blocks(block: str, size: int) -> None:
    """The work is linear, whether they come in pieces or at once."""
    render(block, size)  # so that what is loaded and compiled once does not count
    texts = (1_000 // len(block) * block, 2_000 // len(block) * block)
    assert_linear(partial(render, size=size), texts)


@pytest.mark.unmeasured
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(("start", "more"), LONG.values(), ids=LONG.keys())
def test_a_long_rendered_block(start: str, more: str) -> None:
    """The beginning is rendered, and the rest is plain and takes linear work."""
    beginning = start + 1_200 // len(more) * more
    render(beginning, 40)  # so that what is loaded and compiled once does not count
    first, once, twice = (
        all_calls(partial(render, beginning + size // len(more) * more, 40))
        for size in (0, 600, 1_200)
    )
    assert twice - first < FACTOR * (once - first)


def stream_of(size: int) -> bytes:
    """Return many events."""
    return b"".join([chat_chunk("word ")] * size)


def recording_of(streams: int, *, again: str | None = None, notes: int = 0) -> bytes:
    """Return a recording of many streams or, with *again*, of many attempts."""
    head = {"format": "openai_scan recording", "version": 1}
    failure = {"error": "ConnectError", "message": "lost"}
    end = {"t": 0.2, "end": "failed", "failure": failure} if again else {"t": 0.2, "end": "clean"}
    lines = [
        {**head, **({"again": again} if again else {})},
        {"t": 0.1, "text": ": ping\n\n" if again else chat_chunk("a").decode()},
        {**end, "notes": {f"note {number}": 1 for number in range(notes)}},
    ]
    return streams * "".join(f"{json.dumps(line)}\n" for line in lines).encode()


FILES: dict[str, Callable[[int], bytes]] = {
    "events": stream_of,
    "unknown events": lambda n: b"".join(event(f"a{i}", i) for i in range(n)),
    "long text": lambda n: chat_chunk(n * "word word\n"),
    "long line": lambda n: chat_chunk(n * "天地"),
    "long name": lambda n: event(n * "name", 1),
    "streams": lambda n: recording_of(n // 10),
    "attempts": lambda n: recording_of(n, again="retry"),
    "notes": lambda n: recording_of(1, notes=n),
    "blank lines": lambda n: 50 * n * b"\n" + stream_of(1),
    "reads": lambda n: recording_of(1).replace(
        b'{"t": 0.2', n * b'{"t": 0.1, "text": ": a"}\n' + b'{"t": 0.2'
    ),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("command", ["inspect", "stats", "replay --speed inf --plain"])
def test_a_file(
    command: str, file: Callable[[int], bytes], tmp_path: Path, terminal: Terminal
) -> None:
    """Inspecting, measuring or replaying it takes linear work."""
    path = tmp_path / "file"
    words = [*command.split(), str(path)]
    counts = []
    for size in (10, 100, 200):
        path.write_bytes(file(size))
        counts.append(all_calls(lambda: terminal.run(*words)))
    _, once, twice = counts
    assert twice < FACTOR * once


@pytest.mark.unmeasured
def test_many_blank_lines_are_skipped_once() -> None:
    """Single calls of C do the work; if it were quadratic, this would take an hour."""
    data = 3_000_000 * b"\n" + b"data: 1\n\n"
    source = replay(io.BytesIO(data))
    assert sum(map(len, source)) == len(data)


def test_a_byte_order_mark_before_blank_lines_is_skipped() -> None:
    """A replay skips it as the scanner does."""
    assert b"".join(replay(io.BytesIO(b"\xef\xbb\xbf\n \ndata: 1\n\n")))


@pytest.mark.unmeasured
def test_a_long_stream_takes_no_more_memory(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is drawn in parts."""
    monkeypatch.setattr(inspect, "_ROWS", 50)
    path = tmp_path / "file"
    peaks = []
    for size in (10, 100, 400):
        path.write_bytes(stream_of(size))
        peaks.append(peak(lambda: terminal.run("inspect", str(path))))
    # The file stays in memory, with the times of its events. A row of the table takes 4 KiB.
    assert peaks[2] - peaks[1] < 2_500 * 300
    assert terminal.out.text.count("gap") == 1 + 2 + 8


@pytest.mark.unmeasured
@pytest.mark.parametrize("again", [None, "retry"])
def test_a_cassette_of_many_streams_is_read_once(again: str | None) -> None:
    """By `read_recording()`, and by the fake server."""
    files = [recording_of(size, again=again) for size in (10, 200, 400)]
    for read in (read_recording, recorded):
        _, once, twice = (all_calls(partial(read, io.BytesIO(file))) for file in files)
        assert twice < FACTOR * once


# What is rendered, and when it is not rendered any more.


def shown(text: str, size: int = 64) -> list[str]:
    """Return the lines that stay on the screen, without their styles."""
    drawn = io.StringIO()
    screen = Console(file=drawn, width=80, force_terminal=False)
    with MarkdownPrinter(screen) as printer:
        for start in range(0, len(text), size):
            printer.write(text[start : start + size])
    return [line.rstrip() for line in drawn.getvalue().splitlines() if line.strip()]


MANY = MAX_OPEN // 10


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param("".join(f"* item {i:05}\n" for i in range(MANY)), "* item", id="list"),
        pytest.param("|a|\n|-|\n" + "".join(f"|{i:09}|\n" for i in range(MANY)), "|", id="table"),
        pytest.param("```\n" + MANY * "*some* code\n" + "```\n", "*some*", id="code"),
        pytest.param(MANY * "a *long* line\n", "a *long*", id="paragraph"),
    ],
)
def test_a_long_block_continues_as_plain_text(text: str, plain: str) -> None:
    """The block that comes after it is rendered again."""
    lines = shown(f"{text}\nThis is *rendered*.\n\n- an item\n")
    assert lines[-2:] == ["This is rendered.", " • an item"]
    assert not lines[1].startswith(plain) or "code" in plain
    assert lines[-3].startswith(plain) or lines[-3] == "```"
    assert sum(any(map(str.isalnum, line)) for line in lines) >= MANY // 8


@pytest.mark.unmeasured
@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_long_block_of_code_ends_with_its_fence(fence: str) -> None:
    """No other line ends it: no blank one, no other fence, and no fence within a line."""
    inside = ["", "``", f"{fence} x", f"x {fence}", 300 * fence[0] + "x", "* no item", 300 * " "]
    code = f"{fence}\n" + MANY * "some code\n" + "\n".join(inside) + f"\n  {fence}{fence[0]}\n"
    lines = shown(f"{code}* an item\n")
    assert lines[-1] == " • an item"
    assert "* no item" in lines


def test_a_block_of_code_that_has_just_ended_is_over() -> None:
    """What comes after it is rendered, although the block was too long by its last line."""
    code = "```\n" + "x" * (MAX_OPEN - 8) + "\n```\n"
    assert len(code) == MAX_OPEN + 1
    lines = shown(f"{code}* an item\n", size=len(code))
    assert lines[-1] == " • an item"


def test_a_line_without_an_end_is_plain_from_its_beginning() -> None:
    """It cannot be shown in part; after the last piece the line is ended."""
    words = "*word* " * MAX_OPEN
    assert "".join(shown(words)).split() == words.split()
    assert render("x" * 2 * MAX_OPEN).endswith("x\n")
    assert render("x" * 2 * MAX_OPEN + "\n\n\n").count("\n") < 6


def test_a_long_block_at_the_end_has_one_line_end() -> None:
    """Whether or not the block came with one."""
    text = MANY * "a *long* line\n"
    for end in ("", "\n"):
        assert render(text.rstrip() + end, 64).endswith("a *long* line\n")


def test_a_slow_frame_is_not_drawn_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two frames there is a pause, unless something has been cut off or all is there."""
    monkeypatch.setenv("LINES", "24")
    times = iter([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    monkeypatch.setattr("openai_scan.cli.markdown.time.monotonic", lambda: next(times))
    printer = MarkdownPrinter(console())
    screen, block = console(), printer._open

    def frame() -> str:
        return "".join(segment.text for segment in screen.render(block)).strip()

    block.text = "one"
    assert frame() == "one"  # from 0 to 1: another not before 5
    block.text = "one two"
    assert frame() == "one"
    assert frame() == "one two"  # at 10
    assert frame() == "one two"  # nothing is drawn for it
    block.is_whole = True
    block.text = "one two three"
    assert frame() == "one two three"
