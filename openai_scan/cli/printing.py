"""Print a stream as it arrives: its text, rendered on a terminal, or its events."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Protocol

from attrs import field, frozen

from openai_scan import bounded_json
from openai_scan.cli.status import Status
from openai_scan.cli.writer import TextPrinter, complain, is_terminal, say, tell
from openai_scan.events import Event
from openai_scan.observer import Observer, Watched
from openai_scan.stream.described import counted
from openai_scan.streamer import StreamerV2
from openai_scan.values import Answer

# What to say about an answer that is not whole although there was no error.
_OUTCOMES = {
    "incomplete": "the answer is incomplete: the server cut it short at a limit",
    "requires_action": "the model waits for the outputs of tools that it has called{calls};"
    " --tools MODULE:FUNCTION gives it some",
    "cancelled": "the answer was cancelled on the server",
}

# How many characters of these calls are shown.
_CALLS_LENGTH = 500


class Printer(Protocol):
    """Prints text as it arrives."""

    def write(self, text: str) -> None:
        """Print a piece."""

    def pause(self) -> None:
        """Let something else be printed, on a line of its own."""

    def go_on(self) -> None:
        """Print what comes next, after a pause."""


@frozen(kw_only=True)
class Output:
    """How to print an answer.

    Attributes:
        as_json: Whether to print the events as JSON lines.
        plain: Whether to print the text unchanged even on a terminal.
        quiet: Whether to leave out the line of facts.
        facts_on_stdout: Whether to print that line to stdout, as a part of the output.
        colorless: Whether to print without colors.
    """

    as_json: bool = False
    plain: bool = False
    quiet: bool = False
    facts_on_stdout: bool = False
    colorless: bool = False
    _printers: list[Printer] = field(factory=list, init=False, repr=False, eq=False)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Let something else be printed in the block while an answer is being shown."""
        for printer in self._printers:
            printer.pause()
        try:
            yield
        finally:
            for printer in self._printers:
                printer.go_on()

    def show(self, stream: StreamerV2) -> Status:
        """Print *stream* as it arrives, and close it.

        Returns:
            The exit status. If the answer is not whole, the reason has been printed.

        Raises:
            ScanError: The stream ended with an error; everything that arrived has been printed.
        """
        refusal = _Refusal()
        stream.observe(refusal)
        stream.stats  # noqa: B018 - the first access starts the clock
        with stream as s:
            if self.as_json:
                for event in s:
                    say(json_of(event, s.text()))
            else:
                self._print_text(s)
        if not self.quiet:
            tell_facts(s, on_stdout=self.facts_on_stdout)
        return (
            Status.WHOLE if self.as_json and s.outcome == "completed" else _judge(s, refusal.text)
        )

    def _print_text(self, stream: StreamerV2) -> None:
        """Print the first choice as it arrives, and after it the others, which arrive meanwhile."""
        others: dict[int, list[str]] = defaultdict(list)
        try:
            with self._printer() as printer:
                self._printers.append(printer)
                for _ in stream:
                    if text := stream.text():
                        printer.write(text)
                    for piece in stream.pieces():
                        if piece.choice and piece.kind == "text":
                            others[piece.choice].append(piece.text)
        finally:
            self._printers.clear()
            self._print_others(others)

    def _print_others(self, others: Mapping[int, list[str]]) -> None:
        """Print the texts of all choices but the first, each below its number."""
        for choice, pieces in sorted(others.items()):
            say()
            say(f"Answer {choice + 1}:")
            with self._printer() as printer:
                printer.write("".join(pieces))

    @contextlib.contextmanager
    def _printer(self) -> Iterator[Printer]:
        """Yield a printer for the text, and end its last line afterwards."""
        if not self.plain and is_terminal():
            from openai_scan.cli.markdown import MarkdownPrinter
            from openai_scan.cli.terminal import console

            screen = console(colorless=self.colorless)
            if not screen.is_dumb_terminal:
                with MarkdownPrinter(screen) as rendering:
                    yield rendering
                return
        plain = TextPrinter()
        try:
            yield plain
        finally:
            plain.end()


def _judge(stream: StreamerV2, refusal: str) -> Status:
    """Print what is wrong with an answer whose stream ended without an error; return the status."""
    if refusal:
        return complain(f"the model refused to answer: {refusal}")
    outcome, answer = str(stream.outcome), stream.snapshot()
    if outcome == "completed" and answer is not None and answer.calls and not answer.text:
        outcome = "requires_action"  # as other APIs call it
    if outcome == "completed":
        return Status.WHOLE
    return complain(_OUTCOMES[outcome].format(calls="" if answer is None else _listed(answer)))


def _listed(answer: Answer) -> str:
    """Return the calls in *answer* for the end of a sentence; "" if there are none."""
    shown = ", ".join(f"{call.name}({call.arguments})" for call in answer.calls)
    if len(shown) > _CALLS_LENGTH:
        shown = f"{shown[:_CALLS_LENGTH]}…"
    return shown and f": {shown}"


def json_of(event: Event, text: str | None) -> str:
    """Return *event* as a line of JSON.

    `data` is the object that was received, or null if it was none, such as `[DONE]`; then `raw` is
    what was received, as text. So a path such as `.data.choices` can be read from every line.

    Args:
        event: The event.
        text: What it adds to the answer, or None.
    """
    line: dict[str, object] = {"type": event.type, "text": text or None}
    try:
        data = bounded_json.loads_strictly(event.raw.data)
    except ValueError:
        data = None
    if isinstance(data, dict):
        line["data"] = data
    else:
        line |= {"data": None, "raw": event.raw.data}
    # The only character of ASCII that JSON leaves as it is and a terminal does not print.
    return json.dumps(line).replace("\x7f", "\\u007f")


def tell_facts(stream: StreamerV2, *, on_stdout: bool = False) -> None:
    """Print a line of facts about a stream that has ended."""
    stats = stream.stats
    facts = [counted(stats.events, "event")]
    if stats.to_first_text is not None:
        facts.append(f"first text after {stats.to_first_text:.2f} s")
    facts += [f"{stats.seconds or 0:.2f} s in all", str(stats.outcome)]
    if on_stdout:
        say(", ".join(facts))
    else:
        tell(", ".join(facts))


class _Refusal(Observer):
    """Keeps the text of a refusal."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """All that it said."""
        return "".join(self._pieces)

    def event(self, stream: Watched, event: Event) -> None:  # noqa: ARG002 - the event has the text
        """Keep what the event adds."""
        if text := event.unwrap_refusal():
            self._pieces.append(text)
