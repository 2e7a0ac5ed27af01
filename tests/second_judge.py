"""A second opinion on short streams: what each kind of event says, and a judge in a few lines.

The judge knows nothing of the machine. It repeats the rules of docs/explanation/ends.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from openai_scan import StreamerV2

RANKS = ("completed", "requires_action", "incomplete", "cancelled", "failed")


@frozen(kw_only=True)
class Kind:
    """A kind of event.

    Attributes:
        block: The event on the wire, with its blank line; a comment is one too.
        adds: The text that it adds.
        whole: The text that it says is the whole, which brings what has not come yet.
        closes: Whether a text that has come is finished with it, so that only another such event
            adds to it.
        repeats: Whether it is a delta that repeats a whole text that came before it.
        parts: The parts that it names, each with its outcome or None.
        fails: Whether it reports an error.
        hole: Whether it cannot be read.
        rests: Whether nothing comes after it once a part has begun, whether the part ended or not.
        reports: Whether it reports an error that counts only if the answer is not seen to end.
        done: Whether nothing comes after it.
        ends_input: Whether it counts as `[DONE]` if it comes last, as a whole answer does.
        is_event: Whether it is one, and not a comment.
        is_json: Whether it shows where it ends, so that it needs no blank line.
    """

    block: bytes
    adds: str = ""
    whole: str = ""
    closes: bool = False
    repeats: bool = False
    parts: tuple[tuple[object, str | None], ...] = ()
    fails: bool = False
    hole: bool = False
    rests: bool = False
    reports: bool = False
    done: bool = False
    ends_input: bool = False
    is_event: bool = True
    is_json: bool = True


@frozen
class Verdict:
    """What is reported about a stream: how it ended, the class of its error, and the text."""

    outcome: str
    error: str | None
    text: str


def judge(kinds: Sequence[Kind], *, cut: bool) -> Verdict:
    """Return the verdict on a stream of *kinds*, the last of them *cut* in its middle or not."""
    parts: dict[object, str | None] = {}
    text = ahead = said = ""  # the text, what of it may come again as deltas, and what has
    fails = hole = done = closed = lost = reported = False

    def terminal() -> bool:
        return done or fails or (bool(parts) and None not in parts.values())

    for kind in kinds[: len(kinds) - cut]:
        if done:
            break
        hole = hole or (kind.hole and not terminal())
        if not closed:
            if not kind.repeats:
                text += kind.adds
            elif ahead.startswith(kind.adds):
                said += kind.adds
                ahead = ahead.removeprefix(kind.adds)
            else:
                text += (said if ahead else "") + kind.adds
                said = ahead = ""
        if kind.whole.startswith(text) and kind.whole != text:
            ahead += kind.whole[len(text) :]
            text, said = kind.whole, ""
        closed = closed or (kind.closes and bool(text))
        parts.update(kind.parts)
        fails = fails or kind.fails
        reported = reported or kind.reports
        rests = kind.rests and bool(parts)
        lost = rests and None in parts.values()
        done = kind.done or rests
    events = [kind for kind in kinds if kind.is_event]
    done = done or (bool(events) and events[-1].ends_input and not (cut and kinds[-1].is_event))
    if fails or (reported and (lost or not terminal())):
        return Verdict("failed", "APIError", text)
    if not done and ((cut and kinds[-1].is_event) or not terminal()):
        return Verdict("truncated", "TruncatedStreamError", text)
    if lost:
        return Verdict("truncated", "TruncatedStreamError", text)
    if hole:
        return Verdict("failed", "DecodeError", text)
    ended = [outcome for outcome in parts.values() if outcome is not None]
    return Verdict(max(ended, key=RANKS.index, default="completed"), None, text)


def compare(kinds: Sequence[Kind], way: int = 0) -> None:
    """Compare what the package and the judge tell of a stream.

    Args:
        kinds: Its events.
        way: How it ends: whole, without its last blank line, or cut in its last event; modulo 3.
    """
    blocks = [kind.block for kind in kinds]
    cut = False
    if kinds and way % 3:
        last = kinds[-1]
        bare = way % 3 == 1
        blocks[-1] = without_blank_line(last) if bare else middle(last)
        cut = not last.is_json if bare else last.is_event
    expected = judge(kinds, cut=cut)
    s = StreamerV2(blocks)
    text = ""
    while s.next():
        text += s.text() or ""
    error = s.err()
    name = None if error is None else type(error).__name__
    assert Verdict(s.outcome or "", name, text) == expected, blocks
    answer = s.snapshot() if not way % 3 or name == "DecodeError" else None
    if answer is not None:
        assert answer.text == text or s.notes["text_differs"], blocks
        assert name != "DecodeError" or not any(call.complete for call in answer.calls), blocks


def block(payload: Any, name: str = "") -> bytes:
    """Return an event; text is its data as they are."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def middle(kind: Kind) -> bytes:
    """Return the first half of the event, in the middle of its data."""
    start = kind.block.index(b"data: ") + 6 if kind.is_event else 0
    return kind.block[: (start + len(kind.block) - 2) // 2 + 1]


def without_blank_line(kind: Kind) -> bytes:
    """Return the event without the blank line that ends it."""
    return kind.block[:-1]


# What any stream may have in it.
ANYWHERE = {
    "comment": Kind(block=b": keep-alive\n\n", is_event=False),
    "unknown": Kind(block=block({"a": 1}, "brand.new")),
    "error": Kind(block=block({"error": {"message": "too hot"}}), fails=True),
    "done": Kind(block=block("[DONE]"), done=True),
}


def _chat(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return block({"object": "chat.completion.chunk", "id": "c", "choices": [choice]})


_CALL = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}

CHAT = ANYWHERE | {
    "a": Kind(block=_chat({"content": "a"}), adds="a", parts=((0, None),)),
    "b": Kind(block=_chat({"content": "b"}), adds="b", parts=((0, None),)),
    "other choice": Kind(block=_chat({"content": "x"}, index=1), parts=((1, None),)),
    "reasoning": Kind(block=_chat({"reasoning": "r"}), parts=((0, None),)),
    "call": Kind(block=_chat({"tool_calls": [_CALL]}), parts=((0, None),)),
    "stop": Kind(block=_chat({}, "stop"), parts=((0, "completed"),)),
    "length": Kind(block=_chat({"content": "a"}, "length"), adds="a", parts=((0, "incomplete"),)),
    "other stop": Kind(block=_chat({}, "stop", 1), parts=((1, "completed"),)),
    "whole": Kind(
        block=block(
            {
                "object": "chat.completion",
                "choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}],
            }
        ),
        whole="ab",
        parts=((0, "completed"),),
        ends_input=True,
    ),
    "hole": Kind(block=_chat({"content": "a"})[:-9] + b"\n\n", hole=True, is_json=False),
}


def _completion(text: str, finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "text": text, "finish_reason": finish}
    return block({"object": "text_completion", "choices": [choice]})


COMPLETIONS = ANYWHERE | {
    "a": Kind(block=_completion("a"), adds="a", parts=((0, None),)),
    "b": Kind(block=_completion("b"), adds="b", parts=((0, None),)),
    "other choice": Kind(block=_completion("x", index=1), parts=((1, None),)),
    "other stop": Kind(block=_completion("", "stop", 1), parts=((1, "completed"),)),
    "stop": Kind(block=_completion("", "stop"), parts=((0, "completed"),)),
    "length": Kind(block=_completion("", "length"), parts=((0, "incomplete"),)),
    "hole": Kind(block=_completion("a")[:-9] + b"\n\n", hole=True, is_json=False),
}


def _response(name: str, **response: Any) -> bytes:
    return block({"type": f"response.{name}", "response": {"id": "r", "status": name, **response}})


def _text(name: str, **fields: Any) -> bytes:
    return block({"type": name, "output_index": 0, "item_id": "m", "content_index": 0, **fields})


_MESSAGE = {
    "type": "message",
    "id": "m",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "ab"}],
}

RESPONSES = ANYWHERE | {
    "created": Kind(block=_response("in_progress"), parts=(("response", None),)),
    "a": Kind(block=_text("response.output_text.delta", delta="a"), adds="a"),
    "b": Kind(block=_text("response.output_text.delta", delta="b"), adds="b"),
    "text done": Kind(block=_text("response.output_text.done", text="ab"), whole="ab"),
    "item done": Kind(
        block=block({"type": "response.output_item.done", "output_index": 0, "item": _MESSAGE}),
        whole="ab",
        closes=True,
    ),
    "poor item done": Kind(
        block=block(
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {**_MESSAGE, "content": []},
            }
        ),
        closes=True,
    ),
    "completed": Kind(block=_response("completed"), parts=(("response", "completed"),)),
    "whole": Kind(
        block=_response("completed", output=[_MESSAGE]),
        whole="ab",
        closes=True,
        parts=(("response", "completed"),),
    ),
    "incomplete": Kind(block=_response("incomplete"), parts=(("response", "incomplete"),)),
    "failed": Kind(
        block=_response("failed", error={"code": "x", "message": "y"}),
        fails=True,
        parts=(("response", "failed"),),
    ),
    "hole": Kind(
        block=_text("response.output_text.delta", delta="a")[:-9] + b"\n\n",
        hole=True,
        is_json=False,
    ),
}


def _run(status: str, outcome: str | None) -> Kind:
    payload = {"id": "run_1", "object": "thread.run", "status": status}
    return Kind(
        block=block(payload, f"thread.run.{status}"),
        parts=(("run_1", outcome),),
        fails=outcome == "failed",
    )


def _piece(text: str) -> Kind:
    part = {"index": 0, "type": "text", "text": {"value": text}}
    payload = {"id": "m", "object": "thread.message.delta", "delta": {"content": [part]}}
    return Kind(block=block(payload, "thread.message.delta"), adds=text, repeats=True)


ASSISTANTS = ANYWHERE | {
    "in progress": _run("in_progress", None),
    "a": _piece("a"),
    "b": _piece("b"),
    "message": Kind(
        block=block(
            {
                "id": "m",
                "object": "thread.message",
                "content": [{"type": "text", "text": {"value": "ab", "annotations": []}}],
            },
            "thread.message.completed",
        ),
        whole="ab",
    ),
    "completed": _run("completed", "completed"),
    "requires action": _run("requires_action", "requires_action"),
    "incomplete": _run("incomplete", "incomplete"),
    "failed": _run("failed", "failed"),
    "hole": Kind(block=_piece("a").block[:-9] + b"\n\n", hole=True, is_json=False),
}


def _session(name: str, outcome: str | None = None, **settings: Any) -> Kind:
    kind = f"agent.session.{name}"
    parts = () if name == "idle" else (("turn", outcome),)
    payload = {"type": kind, "session": {"id": "s"}}
    return Kind(block=block(payload), parts=parts, fails=outcome == "failed", **settings)


def _turn(name: str, outcome: str | None = None, subagent: str | None = None) -> Kind:
    kind = f"agent.session.turn.{name}"
    turn = {"id": subagent or "t", "subagent_id": subagent, "status": name}
    return Kind(
        block=block({"type": kind, "turn_id": turn["id"], "turn": turn}),
        parts=() if subagent else (("turn", outcome),),
        fails=not subagent and outcome == "failed",
    )


def _said(name: str, turn: str = "t", **facts: Any) -> bytes:
    place = {"turn_id": turn, "item_id": f"m{turn}", "output_index": 0, "content_index": 0}
    return block({"type": f"agent.session.turn.{name}", **place, **facts})


AGENTS = ANYWHERE | {
    "began": _turn("created"),
    "a": Kind(block=_said("output_text.delta", delta="a"), adds="a"),
    "b": Kind(block=_said("output_text.delta", delta="b"), adds="b"),
    "whole": Kind(block=_said("output_text.done", text="ab"), whole="ab", closes=True),
    "completed": _turn("completed", "completed"),
    "failed": _turn("failed", "failed"),
    "waits": _session("requires_action", "requires_action", rests=True),
    "session failed": _session("failed", "failed", rests=True),
    "idle": _session("idle", rests=True),
    "subagent failed": _turn("failed", "failed", "sub"),
    "error": Kind(
        block=block({"type": "error", "session_id": "s", "error": {"message": "too hot"}}),
        reports=True,
    ),
    "hole": Kind(
        block=_said("output_text.delta", delta="a")[:-9] + b"\n\n", hole=True, is_json=False
    ),
}

TRANSCRIPT = ANYWHERE | {
    "a": Kind(block=block({"type": "transcript.text.delta", "delta": "a"}), adds="a", repeats=True),
    "b": Kind(block=block({"type": "transcript.text.delta", "delta": "b"}), adds="b", repeats=True),
    "whole": Kind(
        block=block({"type": "transcript.text.done", "text": "ab"}),
        whole="ab",
        parts=(("audio", "completed"),),
    ),
    "poor": Kind(
        block=block({"type": "transcript.text.done", "text": ""}),
        parts=(("audio", "completed"),),
    ),
    "hole": Kind(
        block=block({"type": "transcript.text.delta", "delta": "a"})[:-9] + b"\n\n",
        hole=True,
        is_json=False,
    ),
}

IMAGES = ANYWHERE | {
    "partial": Kind(
        block=block({"type": "image_generation.partial_image", "b64_json": "YQ=="}),
        parts=(("image", None),),
    ),
    "completed": Kind(
        block=block({"type": "image_generation.completed", "b64_json": "YQ=="}),
        parts=(("image", "completed"),),
    ),
    "hole": Kind(
        block=block({"type": "image_generation.partial_image", "b64_json": "YQ=="})[:-9] + b"\n\n",
        hole=True,
        is_json=False,
    ),
}

FAMILIES = {
    "agents": AGENTS,
    "chat": CHAT,
    "completions": COMPLETIONS,
    "responses": RESPONSES,
    "assistants": ASSISTANTS,
    "transcript": TRANSCRIPT,
    "images": IMAGES,
}
