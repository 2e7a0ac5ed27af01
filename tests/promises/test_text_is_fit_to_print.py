"""Text is fit to be printed: no text of an event contains half a character, however it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import StreamerV2
from openai_scan.values import Piece

# One character, cut in two where UTF-16 cuts it.
HIGH, LOW, SMILE = "\ud83d", "\ude00", "\N{GRINNING FACE}"


def chat(**delta: Any) -> bytes:
    """Return a chunk of choice 0, with escapes for what UTF-8 cannot encode."""
    payload = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
    return f"data: {json.dumps(payload)}\n\n".encode()


END = (
    b'data: {"object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


def read(*chunks: bytes) -> StreamerV2:
    """Return a stream of *chunks*."""
    return StreamerV2([*chunks, END])


@pytest.mark.parametrize(("question", "field"), [("text", "content"), ("refusal", "refusal")])
def test_the_loop_of_the_readme_prints_it(question: str, field: str) -> None:
    """What each event adds can be encoded; the half waits for its other half."""
    s = read(*(chat(**{field: text}) for text in ("a" + HIGH, LOW + "b", HIGH, LOW)))
    texts = []
    while s.next():
        text = getattr(s, question)() or ""
        text.encode()
        texts.append(text)
    assert texts[:4] == ["a", SMILE + "b", "", SMILE]


def test_half_a_character_is_not_a_piece() -> None:
    """It cannot be shown or stored, so it waits for its other half."""
    s = read(*(chat(content=text) for text in ("a" + HIGH, LOW, HIGH, LOW)))
    pieces = [[piece.text for piece in s.pieces()] for _ in s]
    assert pieces[:4] == [["a"], [SMILE], [], [SMILE]]


def test_it_is_joined_on_the_short_way_too() -> None:
    """Where events differ in their text only, and are not parsed one by one."""
    s = read(*(chat(content=text) for text in ["a"] * 8 + [HIGH, LOW] * 8))
    texts = []
    while s.next():
        texts.append(s.text() or "")
    assert texts[:24] == ["a"] * 8 + ["", SMILE] * 8


def test_half_a_character_waits_in_the_stream_when_the_reader_changes() -> None:
    """From the loop to the deltas, and on to a file."""
    s = read(chat(content="a" + HIGH), chat(content=LOW + "b" + HIGH), chat(content=LOW))
    assert s.next()
    assert s.text() == "a"
    deltas = s.text_deltas()
    assert next(deltas) == SMILE + "b"
    assert s.read().decode() == SMILE


def test_half_a_character_waits_even_if_the_text_was_not_asked_for() -> None:
    """The half belongs to the text that is read next."""
    s = read(chat(content="a" + HIGH), chat(content=LOW + "b"))
    assert s.next()
    assert s.read().decode() == SMILE + "b"


def test_asking_twice_changes_nothing() -> None:
    """The text of an event is the same however often it is asked for."""
    s = read(chat(content=HIGH), chat(content=LOW))
    assert s.next()
    assert (s.text(), s.text()) == ("", "")
    assert s.next()
    assert (s.text(), s.text(), s.pieces()) == (SMILE, SMILE, (Piece("text", text=SMILE),))


def test_there_is_nothing_without_an_event() -> None:
    """Before the first one and after the last one."""
    s = read(chat(content="a", reasoning="b", refusal="c"))
    assert (s.text(), s.reasoning_text(), s.refusal(), s.pieces()) == (None, None, None, ())
    assert s.next()
    assert (s.text(), s.reasoning_text(), s.refusal()) == ("a", "b", "c")
    assert [piece.kind for piece in s.pieces()] == ["reasoning", "text", "refusal"]
    while s.next():
        pass
    assert (s.text(), s.reasoning_text(), s.refusal(), s.pieces()) == (None, None, None, ())


def test_half_a_character_that_stays_alone_is_replaced() -> None:
    """It becomes U+FFFD, at the end of the text and within it."""
    assert "".join(read(chat(content="a" + HIGH)).text_deltas()) == "a\ufffd"
    assert "".join(read(chat(content=HIGH), chat(content="b")).text_deltas()) == "\ufffdb"
    assert "".join(read(chat(content=LOW + "b")).text_deltas()) == "\ufffdb"


def test_an_answer_of_reasoning_only_is_noted() -> None:
    """It is complete, and probably not what the user wanted."""
    s = read(chat(reasoning="b"))
    while s.next():
        pass
    assert (s.outcome, dict(s.notes)) == ("completed", {"empty_answer": 1})


def test_an_answer_with_text_is_not_noted() -> None:
    """Wherever in the stream its text comes."""
    for chunks in ([chat(content="a")], [chat(content="")] * 5 + [chat(content="a")]):
        s = read(*chunks)
        while s.next():
            pass
        assert dict(s.notes) == {}
