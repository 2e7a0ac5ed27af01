"""Every trap, through a socket in each framing and through the parser byte by byte."""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server import CHUNKED, CLOSE_DELIMITED, END, FIN, Script, ch, serving

from faults.traps import SHOWN_BY, TRAPS, Trap
from openai_scan import Client, RetryPolicy, StreamerV2

pytestmark = [pytest.mark.usefixtures("wire"), pytest.mark.unmeasured]

TESTS = Path(__file__).parents[1]

# The numbers of the list; those that are missing in it were never given.
NUMBERS = [
    *("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B9", "B10", "B11", "B12", "B13", "B15", "B17"),
    *("B18", "B19", "B21", "B22", "B23", "B24", "B25", "B26", "B27", "B30", "B32", "B34", "B35"),
    "B36",
]


@contextlib.contextmanager
def _answered(script: Script) -> Iterator[StreamerV2]:
    with (
        serving(script) as server,
        Client("sk-1", server.base_url, retries=RetryPolicy(attempts=1)) as client,
        client.create_chat_completion_stream(model="m", messages=[]) as s,
    ):
        yield s


def _chunked(body: bytes) -> contextlib.AbstractContextManager[StreamerV2]:
    return _answered([CHUNKED + ch(body) + END])


def _close_delimited(body: bytes) -> contextlib.AbstractContextManager[StreamerV2]:
    return _answered([CLOSE_DELIMITED, body, FIN])


def _byte_by_byte(body: bytes) -> StreamerV2:
    return StreamerV2([bytes([byte]) for byte in body])


@pytest.mark.parametrize("open_stream", [_chunked, _close_delimited, _byte_by_byte])
@pytest.mark.parametrize("trap", TRAPS, ids=[trap.number for trap in TRAPS])
def test_a_trap_is_none(
    trap: Trap, open_stream: Callable[[bytes], contextlib.AbstractContextManager[StreamerV2]]
) -> None:
    """The outcome, the error and the answer are as the trap says, and nothing else happens."""
    with open_stream(trap.body) as s:
        events = list(_events(s))
        error = s.err()
        text = "".join(event.unwrap_text() or "" for event in events)
        answer: Any = s.snapshot()
        found = Trap(
            number=trap.number,
            body=trap.body,
            outcome=str(s.outcome),
            error=None if error is None else type(error).__name__,
            facts={name: getattr(error, name) for name in trap.facts},
            text=text,
            data=trap.data and tuple(event.raw.data for event in events),
            choices=trap.choices and tuple(one.message.content for one in answer.choices),
            calls=_calls(answer),
            usage=trap.usage and _usage(answer),
            events=trap.events and tuple(type(event).__name__ for event in events),
            notes=dict(s.notes),
        )
        assert found == trap
        assert answer is None or answer.text == text
        assert error is None or error.snapshot == answer


def _events(s: StreamerV2) -> Iterator[Any]:
    while s.next():
        yield s.event()


def _calls(answer: Any) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (call.id, call.name, call.arguments)
        for call in (() if answer is None else answer.calls)
        if call.complete
    )


def _usage(answer: Any) -> tuple[int, int, int]:
    usage = answer.usage
    return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens


def test_every_trap_of_the_list_is_here() -> None:
    """A number is that of a trap, or the index says which test shows it."""
    here = {number for trap in TRAPS for number in re.findall(r"B\d+", trap.number)}
    assert sorted({*here, *SHOWN_BY}) == sorted(NUMBERS)


@functools.cache
def _tests_of(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("number", SHOWN_BY)
def test_the_index_names_tests_that_exist(number: str) -> None:
    """No test of a trap has been renamed or dropped."""
    for place in SHOWN_BY[number]:
        path, _, name = place.partition("::")
        assert name in _tests_of(path)
