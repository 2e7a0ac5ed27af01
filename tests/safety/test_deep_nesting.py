"""Brackets without end, wherever a stranger can put them, on a thread with a small stack."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from openai_scan import DecodeError, StreamerV2

DEEP = "[" * 100_000
CHUNK = '{"object":"chat.completion.chunk","created":%s,"choices":[{"delta":{"content":%s}}]}'
CALL = (
    '{"object":"chat.completion.chunk","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c",'
    '"function":{"name":"f","arguments":%s}}]},"finish_reason":"tool_calls"}]}'
)


def on_a_small_stack(action: Callable[[], object]) -> None:
    """Do the *action* with a quarter of a megabyte of stack; raise what it raises."""
    raised: list[BaseException] = []

    def act() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the other thread raises it
            raised.append(error)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=act)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    for error in raised:
        raise error


def wire(*events: str) -> bytes:
    """Return *events* as a server sends them."""
    return "".join(f"data: {event}\n\n" for event in events).encode()


TEXT = [CHUNK % (number, json.dumps(f"t{number}")) for number in range(4)]


@pytest.mark.parametrize(
    "events",
    [
        [DEEP],
        ['{"a":' * 100_000],
        [*TEXT, CHUNK % (4, DEEP)],
        [*TEXT, CHUNK % (DEEP, '"t"')],
        [*TEXT, CHUNK % (4, '"t"') + DEEP],
        ["{}" + DEEP],
        ['{"error":{"message":' + DEEP],
        ['{"object":"response","output":' + DEEP],
        [CALL % json.dumps(DEEP)],
    ],
    ids=lambda events: events[-1][:60],
)
def test_event_of_brackets_ends_nothing(events: list[str]) -> None:
    """It is a malformed event among others, what came before it stays, and all can be shown."""

    def read() -> None:
        with StreamerV2([wire(*events, TEXT[0])], require_terminal=False) as s:
            count = 0
            while s.next():
                count += 1
                repr(s.event())
            s.err()
            assert count == len(events) + 1
            answer = s.snapshot()
            assert answer is not None
            assert answer.text == "".join(f"t{number}" for number in range(len(events) - 1)) + "t0"
            assert not any(call.complete for call in answer.calls)
            repr(answer)

    on_a_small_stack(read)


def test_answer_of_brackets_is_no_answer() -> None:
    """Neither as a class nor as a value that grows."""

    def read() -> None:
        with StreamerV2([wire(CHUNK % (0, json.dumps(DEEP)), "[DONE]")]) as s:
            assert s.partial() is None
            while s.next():
                assert repr(s.partial()).count("[") == 128
            with pytest.raises(DecodeError, match="nested more than 128 levels deep"):
                s.final_as(int)
            s.err()

    on_a_small_stack(read)
