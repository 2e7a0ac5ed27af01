"""What hypothesis draws: bytes that look like event streams, their parts, and ways to cut them."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from openai_scan.sse import RawEvent, encode_all

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])

_known_names = st.sampled_from([b"data", b"event", b"id", b"retry", b"error"])
_odd_names = st.sampled_from(
    # The empty name makes a comment; the others are unknown, though some begin like a known one.
    [b"", b"dat", b"datas", b"Data", b" data", b"data ", b"\0data", b"unknown", BYTE_ORDER_MARK]
)

field_values = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.text("0123456789", max_size=8).map(str.encode),
    # Bad UTF-8, a NULL, and line ends to all but the standard.
    st.sampled_from([b"\xf0\x9f\x98", b"\xed\xa0\x80", b"7\0", "a\u2028b\u0085c\x0bd".encode()]),
)

fields = st.builds(
    lambda name, colon, value: name + colon + value if colon else name,
    _known_names | _odd_names,
    st.sampled_from([b":", b": ", b":  ", b""]),
    field_values,
)

lines = st.builds(
    lambda line, end: line + end,
    st.one_of(fields, st.just(b""), st.binary(max_size=10)),
    line_ends,
)

streams = st.builds(
    lambda mark, body, rest: mark + b"".join(body) + rest,
    st.sampled_from([b"", BYTE_ORDER_MARK, BYTE_ORDER_MARK[:2]]),
    st.lists(lines, max_size=20),
    st.one_of(st.just(b""), fields),
)
"""Bytes of event streams, most of them odd, some of them cut off."""

chunk_sizes = st.lists(st.integers(0, 9), max_size=6).map(lambda sizes: [*sizes, 1])
"""What `properties.pieces()` takes."""

# Text that UTF-8 can carry, which halves of surrogate pairs are not.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

one_line_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=10
)

raw_events = st.builds(
    RawEvent,
    type=one_line_texts.map(lambda name: name or "message"),
    data=texts.map(lambda data: data.replace("\r", "\n")),
    last_event_id=one_line_texts.map(lambda id_: id_.replace("\0", "")),
)
"""Raw events that an event stream can carry as they are."""


def _any_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split())


_names = _any_of(
    "message error done thread.created thread.run.created thread.run.requires_action "
    "thread.run.completed thread.run.failed thread.run.step.created thread.run.step.delta "
    "thread.message.created thread.message.delta thread.brand.new"
)
_keys = _any_of(
    "id object type status event data delta content text value annotations index image_file "
    "run_id thread_id error message code step_details tool_calls required_action "
    "submit_tool_outputs function last_error usage metadata created_at"
)
_words = _any_of(
    "thread thread.run thread.message.delta queued completed requires_action failed text "
    "image_file tool_calls function code_interpreter submit_tool_outputs"
)
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2**70), st.floats(), _words, st.text(max_size=5)
)
_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=6)),
    max_leaves=20,
)


def _message_delta(text: str) -> str:
    part = {"index": 0, "type": "text", "text": {"value": text}}
    return json.dumps({"id": "m", "delta": {"content": [part]}})


# Text in JSON may hold halves of surrogate pairs: they are escaped there.
_deltas = st.builds(
    RawEvent, st.just("thread.message.delta"), st.text(max_size=5).map(_message_delta)
) | st.builds(
    RawEvent,
    st.just("thread.message.delta"),
    st.text(st.characters(categories=["Cs"]), max_size=3).map(_message_delta),
)
# An id and a status are what most objects need, so these fit now and then.
_objects = st.builds(
    lambda status, more: {"id": "x", "status": status, **more},
    _words,
    st.dictionaries(_keys, _json, max_size=4),
)
_payloads = st.one_of(
    (_json | _objects).map(json.dumps), st.just("[DONE]"), st.text("[]{}:, ", max_size=5)
)

openai_streams = st.lists(
    st.one_of(st.builds(RawEvent, _names, _payloads), _deltas), max_size=8
).map(lambda events: b"".join(encode_all(events)))
"""Event streams of OpenAI's event names, whose payloads seldom fit them."""
