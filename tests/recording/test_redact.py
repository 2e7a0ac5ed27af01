"""Redacting: what was said is gone from a recording, and everything else is still there."""

from __future__ import annotations

import io
import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings import ALL

from openai_scan import RecordingError, StreamerV2, replay
from openai_scan.cli import main
from openai_scan.recording import read_recording, redact_recording
from openai_scan.recording.covering import Cover, covered

ROOT = Path(__file__).parents[2]

RECORDINGS = [
    *sorted((ROOT / "tests/recorded").glob("*.jsonl")),
    *sorted((ROOT / "docs/examples").glob("**/*.jsonl")),
]

# Text of which nothing is left: only covered letters, and other characters.
COVERED = re.compile(r"(?:[^\w]|[xX1_\u00e9\u8a9e\U0001f600])*")


def story(*chunks: bytes) -> tuple[list[Any], Any, dict[str, int], str]:
    """Return what happens in a stream: its events, with how much text each has, and its end."""
    events = []
    with StreamerV2(chunks) as s:
        while s.next():
            text = s.text()
            events.append((s.event().type, type(s.event()), text and len(text)))
        return events, s.outcome, dict(s.notes), type(s.err()).__name__


def data(value: Any) -> bytes:
    """Return an event without a name."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ALL)
def test_a_covered_stream_has_the_same_events(name: str) -> None:
    """Each event has as much text; notes and end are the same, whichever server sent it."""
    body = Cover().body(ALL[name])
    assert len(body) == len(ALL[name])
    assert story(body) == story(ALL[name])


def named(call: Any) -> str | None:
    """Return the name of the function that a call of any API is for."""
    name: str | None = getattr(getattr(call, "function", call), "name", None)
    return name


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_left_of_what_was_said(name: str) -> None:
    """Each text, name and argument of the events consists of covered letters."""
    with StreamerV2([Cover().body(ALL[name])]) as s:
        while s.next():
            assert COVERED.fullmatch(s.text() or "")
            for piece in s.pieces():
                if isinstance(words := getattr(piece, "text", None), str):
                    assert COVERED.fullmatch(words)
            for call in s.event().unwrap_tool_calls() or ():
                assert COVERED.fullmatch(named(call) or "")
        s.err()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_a_redacted_recording_has_the_same_reads(path: Path, tmp_path: Path) -> None:
    """They come at the same times, with as many bytes, and the input ends in the same way."""
    redact_recording(path, tmp_path / "copy.jsonl")
    before, after = read_recording(path), read_recording(tmp_path / "copy.jsonl")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert [(read.t, len(read.data)) for read in old.reads] == [
            (read.t, len(read.data)) for read in new.reads
        ]
        assert (old.end and old.end.end) == (new.end and new.end.end)
        assert (old.head.status, old.head.again) == (new.head.status, new.head.again)
        assert story(*(r.data for r in old.reads)) == story(*(r.data for r in new.reads))
    assert (tmp_path / "copy.jsonl").stat().st_mode & 0o077 == 0 or sys.platform == "win32"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Héllo, World 42!\n", "Xéxxx, Xxxxx 11!\n"),
        ("日本 \U0001f389\u00a0ß", "語語 \U0001f600\u00a0é"),
        ("", ""),
    ],
)
def test_letters_become_letters_of_the_same_size(text: str, expected: str) -> None:
    """They take as many bytes in UTF-8, so that each read ends where it did."""
    assert covered(text) == expected
    assert len(expected.encode()) == len(text.encode())


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        # What the API defines stays; a value with a space in it does not.
        (
            r'{"type": "a.b", "role": "a b", "x": "cd"}',
            r'{"type": "a.b", "role": "x x", "x": "xx"}',
        ),
        # An escape stays one of the same kind, so that everything is where it was.
        (
            r'{"x": "a\n\"\u00fc\u0041\ud83d\ude80é\\"}',
            r'{"x": "x\n\"\u00e9\u0058\ud83d\ude00é\\"}',
        ),
        (r'{"x": "\u65e5\ud83d"}', r'{"x": "\u8a9e\ud83d"}'),
        # Numbers stay, but not those that may be the text.
        ('{"n": 12, "bytes": [72, 1.5e3]}', '{"n": 12, "bytes": [11, 1.1e1]}'),
        # Keys that users choose are covered.
        (
            '{"metadata": {"to": "me", "n": [true, 7]}}',
            '{"metadata": {"xx": "xx", "x": [true, 1]}}',
        ),
        ('{"bad key": null, "ok": {}}', '{"xxx xxx": null, "ok": {}}'),
        # IDs stay different from each other; short ones become numbers.
        (
            '[{"id": "run_abcdef", "a_id": "run_abcdeg"}, {"id": "run_abcdef"}, {"id": "0"}]',
            '[{"id": "run_000001", "a_id": "run_000002"}, {"id": "run_000001"}, {"id": "0"}]',
        ),
        ('{"id": "call_ab"}', '{"id": "0000001"}'),
        (r'{"id": "a\nbcd"}', r'{"id": "x\nxxx"}'),
        # Arguments stay JSON.
        (
            r'{"arguments": "{\"a\\\"\\u00e9\": [true, -1.5E7, null], \"b\": \"false\"}"}',
            r'{"arguments": "{\"x\\\"\\u0078\": [true, -1.1E1, null], \"x\": \"xxxxx\"}"}',
        ),
        (r'{"arguments": " truly not"}', r'{"arguments": " xxxxx xxx"}'),
        (r'{"arguments": "{\"a\": troll}"}', r'{"arguments": "{\"x\": trxxx}"}'),
        (r'[{"arguments": "{\"a\": 1}"}]', r'[{"arguments": "{\"x\": 1}"}]'),
        (r'{"arguments": "{\"a\": 1}", b', r'{"arguments": "{\"x\": 1}", x'),
        # What is not JSON is covered as well, and what is half of it stays half.
        ('{"a": secret, "type": "b', '{"a": xxxxxx, "type": "b'),
        ("[DONE]", "[DONE]"),
        ('{"a": 1}]}, "b"', '{"a": 1}]}, "x"'),
        # A key that comes twice; the parser keeps the second one only.
        ('[{"delta": "ab", "delta": "c"}]', '[{"delta": "xx", "delta": "x"}]'),
    ],
)
def test_json_keeps_its_structure(payload: str, expected: str) -> None:
    """Also if only a part of it is JSON."""
    assert Cover().json(payload) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b"\xef\xbb\xbf: ping\r\nevent: a.b\r\nid: abcdef\r\nretry: 10\r\ndata: [DONE]\r\n\r\n",
            b"\xef\xbb\xbf: xxxx\r\nevent: a.b\r\nid: 000001\r\nretry: 10\r\ndata: [DONE]\r\n\r\n",
        ),
        # JSON in two lines, and an event without an end.
        (b'data: {"a":\ndata: "b"}\n\ndata:"c"', b'data: {"a":\ndata: "x"}\n\ndata:"x"'),
        (b"data\nevent: a b\nother: c\n\n", b"data\nevent: x x\nxxxxx: x\n\n"),
        (
            b'{"error": {"message": "No", "code": "c"}}',
            b'{"error": {"message": "Xx", "code": "c"}}',
        ),
        (b"<h1>No</h1>", b"<x1>Xx</x1>"),
        (b'data: {"a": "\xe6\x97', b'data: {"a": "\xff\xff'),
    ],
)
def test_a_body_keeps_its_framing(body: bytes, expected: bytes) -> None:
    """An event stream, JSON, a page, and bytes that are not UTF-8."""
    assert Cover().body(body) == expected


def calls(*pieces: tuple[int, str]) -> bytes:
    """Return a chat stream with a piece of the arguments of a call in each chunk."""
    deltas = (
        {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
        for index, text in pieces
    )
    return b"".join(data({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas)


def arguments_in(body: bytes) -> dict[int, str]:
    """Return the arguments of each call of a chat stream."""
    found: dict[int, str] = {}
    for line in body.splitlines():
        if line:
            payload = json.loads(line.removeprefix(b"data: "))
            (call,) = payload["choices"][0]["delta"]["tool_calls"]
            index = call["index"]
            found[index] = found.get(index, "") + call["function"]["arguments"]
    return found


def test_arguments_that_come_in_pieces_stay_json() -> None:
    """Those of two calls at a time, split within a word, an escape and a number."""
    body = calls(
        (0, '{"a": tr'),
        (1, '{"b": "c\\u00'),
        (0, 'ue, "d": 1'),
        (1, "e9e\\"),
        (0, "2}"),
        (1, '""}'),
    )
    assert arguments_in(Cover().body(body)) == {
        0: '{"x": true, "x": 11}',
        1: '{"x": "x\\u0078x\\""}',
    }


def test_arguments_of_a_response_stay_json() -> None:
    """They come as deltas of the item, and then as a whole."""
    kind = "response.function_call_arguments"
    body = b"".join(
        (
            data({"type": f"{kind}.delta", "item_id": "fc_1", "delta": '{"to": "Bo'}),
            data({"type": f"{kind}.delta", "item_id": "fc_1", "delta": 'b", "n": 5}'}),
            data({"type": f"{kind}.done", "item_id": "fc_1", "arguments": '{"to": "Bob", "n": 5}'}),
            data({"type": "response.output_text.delta", "item_id": "msg_1", "delta": '{"to'}),
        )
    )
    payloads = [json.loads(line[6:]) for line in Cover().body(body).splitlines() if line]
    assert [one.get("delta") or one["arguments"] for one in payloads] == [
        '{"xx": "Xx',
        'x", "x": 1}',
        '{"xx": "Xxx", "x": 1}',
        '{"xx',
    ]


HEAD = {
    "format": "openai_scan recording",
    "version": 1,
    "method": "POST",
    "url": "https://api.acme.test/openai/deployments/acme-prod/chat/completions?api-version=1",
    "status": 429,
    "headers": {"content-type": "application/json", "x-tenant": "Acme 7"},
    "request_id": "req_abcdef",
    "request": {"model": "m", "messages": [{"role": "user", "content": "Who is Bob?"}]},
    "asked": {"model": "0123"},
    "library": "openai_scan 1.0",
}
BODY = '{"error": {"message": "Bob is not here", "code": "rate_limit"}}'


def failure(error: str, message: str, **facts: Any) -> dict[str, Any]:
    """Return the last line of a recording that ends with an error."""
    return {
        "t": 1,
        "end": "failed",
        "failure": {"error": error, "message": message, **facts},
    }


def test_the_head_and_the_error_are_redacted(tmp_path: Path) -> None:
    """The request, the host, the deployment, the tenant and the message are gone."""
    error = failure(
        *("RateLimitError", "Bob is not here"),
        status=429,
        code="rate_limit",
        type="Bob's",
        request_id="req_abcdef",
        body={"message": "Bob is not here"},
    )
    lines = [json.dumps(one) for one in (HEAD, {"t": 0, "text": BODY}, error)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    redact_recording(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    head, read, end = map(json.loads, (tmp_path / "b.jsonl").read_text().splitlines())
    assert head == {
        "format": "openai_scan recording",
        "version": 1,
        "method": "POST",
        "url": "https://host.invalid/openai/deployments/acme-0001/chat/completions?api-version=1",
        "status": 429,
        "headers": {"content-type": "application/json", "x-tenant": "Xxxx 1"},
        "request_id": "req_000002",
        "request": {"model": "m", "messages": [{"role": "user", "content": "Xxx xx Xxx?"}]},
        "library": "openai_scan 1.0",
    }
    assert read == {
        "t": 0.0,
        "text": '{"error": {"message": "Xxx xx xxx xxxx", "code": "rate_limit"}}',
    }
    assert end["failure"] == {
        "error": "RateLimitError",
        "message": "Xxx xx xxx xxxx",
        "status": 429,
        "type": "Xxx'x",
        "code": "rate_limit",
        "request_id": "req_000002",
        "body": {"message": "Xxx xx xxx xxxx"},
    }


def test_a_message_of_this_library_stays(tmp_path: Path) -> None:
    """It has no words of the server or the user."""
    error = failure("StreamTimeoutError", "nothing came for 5 seconds")
    head = {"format": HEAD["format"], "version": 1, "url": "/v1/threads/thread_abcd"}
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(head)}\n{json.dumps(error)}\n")
    redact_recording(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    (section,) = read_recording(tmp_path / "b.jsonl")
    assert section.end is not None
    assert section.end.failure is not None
    assert section.end.failure.message == "nothing came for 5 seconds"
    assert section.head.url == "/v1/threads/thread_0001"


def test_a_recording_without_an_end_has_none(tmp_path: Path) -> None:
    """A crash leaves such a recording, which is worth a report."""
    (tmp_path / "a.jsonl").write_text(f'{json.dumps(HEAD)}\n{{"t": 0, "text": "data: 1"}}\n')
    redact_recording(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    (section,) = read_recording(tmp_path / "b.jsonl")
    assert section.end is None


def test_a_plain_event_stream_becomes_a_recording(tmp_path: Path) -> None:
    """It may be what `curl` has printed."""
    body = data({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    redact_recording(io.BytesIO(body), tmp_path / "a.jsonl")
    with StreamerV2(replay(tmp_path / "a.jsonl")) as s:
        assert s.read() == b"Xx"
        assert s.outcome == "completed"


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """No copy is made."""
    with pytest.raises(RecordingError, match="line 1: this is neither a recording"):
        redact_recording(io.BytesIO(b"Hello"), tmp_path / "a.jsonl")
    assert not (tmp_path / "a.jsonl").exists()


def test_the_command_writes_a_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where the copy is, and reads standard input too."""
    copy = tmp_path / "copy.jsonl"
    assert main(["redact", str(RECORDINGS[0]), str(copy)]) == 0
    assert capsys.readouterr().err == f"redacted in {copy}: read it before you send it\n"
    assert main(["redact", str(RECORDINGS[0]), str(copy)]) == 2
    assert "already exists" in capsys.readouterr().err
    standard_input = io.TextIOWrapper(io.BytesIO(b"data: [DONE]\n\n"))
    monkeypatch.setattr(sys, "stdin", standard_input)
    assert main(["redact", "-", str(copy), "--force"]) == 0
    reads = read_recording(copy)[0].reads
    assert b"".join(read.data for read in reads) == b"data: [DONE]\n\n"
    assert stat.S_ISREG(copy.stat().st_mode)
