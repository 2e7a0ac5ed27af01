"""Recording: what is written, when, and what is not."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import (
    CHUNKED,
    END,
    FIN,
    RST,
    WAIT_FOR_HANG_UP,
    Script,
    ch,
    json_answer,
    serving,
)

from openai_scan import (
    Client,
    ConnectError,
    RateLimitError,
    Recording,
    RecordingError,
    RetryPolicy,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TransportError,
    TruncatedStreamError,
    record,
    replay,
    run_tools,
)
from openai_scan._version import __version__
from openai_scan.events import ErrorEvent
from openai_scan.recording import RecordedSource
from openai_scan.recording.recorded import BaseRecordedSource
from openai_scan.sources import AnsweredSource, RenewableSource, RequestedSource
from openai_scan.sse import EventScanner, LiveSource

pytestmark = pytest.mark.usefixtures("wire")

KEY = "sk-a-key-that-nobody-may-see"

HELLO = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{"content":"H\xc3\xa9"},"finish_reason":null}]}\n\n'
)
STOP = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
DONE = b"data: [DONE]\n\n"


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a recording, with their times taken out after a look at them."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        for name in ("t", "waited"):
            assert 0 <= line.pop(name, 0) < 60
    return lines


def ask(client: Client, path: Path, **params: Any) -> StreamerV2:
    """Return a stream that is recorded."""
    return client.create_chat_completion_stream(
        model="m", messages=[{"role": "user", "content": "the prompt"}], record=path, **params
    )


def record_script(path: Path, *scripts: Script, **params: Any) -> StreamerV2:
    """Record what a server answers, and return the stream at its end."""
    with serving(*scripts) as server, Client(KEY, server.base_url) as client:
        with ask(client, path, **params) as s:
            while s.next():
                pass
            s.err()
    return s


def test_a_stream_is_a_head_its_reads_and_an_end(tmp_path: Path) -> None:
    """Each line has its content; the first one omits secrets."""
    path = tmp_path / "a.jsonl"
    headers = b"X-Request-ID: req_1\r\nSet-Cookie: a=b\r\nOpenAI-Organization: org\r\n"
    script = [
        CHUNKED.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n"),
        ch(HELLO + STOP + DONE) + END,
    ]
    with serving(script) as server, Client(KEY, server.base_url) as client:
        with ask(client, path) as s:
            assert s.read().decode() == "Hé"
        url = server.base_url
        source = s.source
        assert isinstance(source, BaseRecordedSource)
        assert (source.method, source.url) == ("POST", f"{url}/chat/completions")
        assert (source.status, source.headers["x-request-id"]) == (200, "req_1")
        assert source.answered_at is not None
    assert lines_of(path) == [
        {
            "format": "openai_scan recording",
            "version": 1,
            "method": "POST",
            "url": f"{url}/chat/completions",
            "status": 200,
            "headers": {
                "x-request-id": "req_1",
                "content-type": "text/event-stream",
                "transfer-encoding": "chunked",
            },
            "request_id": "req_1",
            "library": f"openai_scan {__version__}",
        },
        {"text": (HELLO + STOP + DONE).decode()},
        {"end": "clean"},
    ]


def test_bytes_that_are_no_text_are_in_base64(tmp_path: Path) -> None:
    """A read that begins or ends in the middle of a character is recorded exactly."""
    with StreamerV2(
        record([b'data: "\xc3', b'\xa9"\n\n', b"data: [DONE]\n\n"], tmp_path / "a")
    ) as s:
        assert [event.raw.data for event in s] == ['"é"', "[DONE]"]
    assert lines_of(tmp_path / "a")[1:-1] == [
        {"base64": "ZGF0YTogIsM="},
        {"base64": "qSIKCg=="},
        {"text": "data: [DONE]\n\n"},
    ]


@pytest.mark.parametrize(
    ("script", "end", "error"),
    [
        pytest.param([CHUNKED + ch(HELLO + STOP + DONE) + END], "clean", None, id="clean"),
        pytest.param([CHUNKED + ch(HELLO) + END], "clean", TruncatedStreamError, id="early"),
        pytest.param([CHUNKED + ch(HELLO), FIN], "cut", TransportError, id="cut"),
        pytest.param([CHUNKED + ch(HELLO), RST], "reset", TransportError, id="reset"),
        pytest.param(
            [CHUNKED + ch(HELLO), WAIT_FOR_HANG_UP], "timeout", StreamTimeoutError, id="timeout"
        ),
        pytest.param(
            [json_answer({"error": {"message": KEY}}, status="429 No")],
            "failed",
            RateLimitError,
            id="refused",
        ),
    ],
)
def test_the_end_is_reported_in_one_word(
    tmp_path: Path, script: Script, end: str, error: type[Exception] | None
) -> None:
    """Whether it ended well, was cut, was reset, took too long or was refused."""
    path = tmp_path / "a.jsonl"
    limit = Timeout(idle=0.2) if end == "timeout" else None
    s = record_script(path, script, timeout=limit, retries=RetryPolicy(attempts=1))
    assert isinstance(s.err(), error or type(None))
    assert lines_of(path)[-1]["end"] == end


def test_no_secret_of_a_header_is_written(tmp_path: Path) -> None:
    """It is hidden as the key is, in the error too."""
    path = tmp_path / "a.jsonl"
    secret = "secret/of+mine"
    script = [json_answer({"error": {"message": f"bad {secret}"}}, status="401 No")]
    s = record_script(path, script, extra_headers={"X-Token": secret})
    assert "bad [key]" in str(s.err())
    assert secret not in path.read_text()


def test_no_secret_is_written(tmp_path: Path) -> None:
    """The key is nowhere, even where the server repeats it; nor is the prompt."""
    path = tmp_path / "a.jsonl"
    echo = b": you are " + KEY.encode() + b"\n\n"
    script = [
        CHUNKED.replace(b"\r\n\r\n", f"\r\nX-Echo: {KEY}\r\nX-Api-Key: {KEY}\r\n\r\n".encode()),
        ch(echo) + END,
    ]
    refusal = [json_answer({"error": {"message": f"bad key {KEY}"}}, status="401 No")]
    record_script(path, script, extra_query={"sig": KEY, "api-version": "v1"})
    record_script(tmp_path / "b.jsonl", refusal)
    head, read, _ = lines_of(path)
    assert head["url"].partition("?")[2] == "sig=[hidden]&api-version=v1"
    assert head["headers"] == {
        "content-type": "text/event-stream",
        "transfer-encoding": "chunked",
        "x-echo": "[key]",
    }
    assert read["text"] == ": you are [key]\n\n"
    _, end = lines_of(tmp_path / "b.jsonl")
    assert end["failure"]["message"] == "bad key [key]"
    assert end["failure"]["body"] == {"error": {"message": "bad key [key]"}}
    for file in (path, tmp_path / "b.jsonl"):
        assert KEY not in file.read_text()
        assert "the prompt" not in file.read_text()


def test_the_request_is_written_if_that_is_asked_for(tmp_path: Path) -> None:
    """With `request=True`, the first line has the body that was sent."""
    path = tmp_path / "a.jsonl"
    script = [CHUNKED + ch(DONE) + END]
    with serving(script) as server, Client(KEY, server.base_url) as client:
        stream = client.create_response_stream(
            model="m", input="the prompt", record=Recording(path, request=True)
        )
        with stream as s:
            assert s.read() == b""
    head = lines_of(path)[0]
    assert head["request"] == {"model": "m", "input": "the prompt", "stream": True}


def test_a_process_that_is_killed_leaves_what_it_had(tmp_path: Path) -> None:
    """The recording of a stream that no one could end is played as far as it goes."""
    script = """
import sys
from openai_scan import Client

client = Client("k", sys.argv[1])
s = client.create_chat_completion_stream(model="m", messages=[], record=sys.argv[2])
while s.next():
    print(s.text(), flush=True)
"""
    path = tmp_path / "a.jsonl"
    with serving([CHUNKED + ch(HELLO), WAIT_FOR_HANG_UP]) as server:
        command = [sys.executable, "-c", script, server.base_url, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline().decode().strip() == "Hé"
            process.kill()
    with StreamerV2(replay(path)) as s:
        assert s.next()
        assert s.text() == "Hé"
        assert not s.next()
        assert str(s.err()) == f"the recording {path} breaks off before its end"
        assert s.outcome == "truncated"


def test_nothing_is_overwritten_without_being_told(tmp_path: Path) -> None:
    """A file that is there is an error at once; `overwrite=True` replaces it."""
    path = tmp_path / "a.jsonl"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.jsonl"):
        record([b""], path)
    assert path.read_text() == "mine"
    with StreamerV2(record([DONE], Recording(path, overwrite=True))) as s:
        assert s.next()
    assert lines_of(path)[1:] == [{"text": "data: [DONE]\n\n"}, {"end": "clean"}]


def test_a_request_that_is_sent_again_is_a_section_of_its_own(tmp_path: Path) -> None:
    """Each attempt has a first and a last line in the same file."""
    path = tmp_path / "a.jsonl"
    refusal = json_answer(
        {"error": {"message": "busy"}}, status="503 No", headers="retry-after: 0\r\n"
    )
    s = record_script(path, [refusal], [CHUNKED + ch(HELLO + STOP + DONE) + END])
    assert s.err() is None
    facts = [
        (line.get("status"), line.get("again"), line.get("end"), "text" in line)
        for line in lines_of(path)
    ]
    assert facts == [
        (503, None, None, False),
        (None, None, "failed", False),
        (200, "retry", None, False),
        (None, None, None, True),
        (None, None, "clean", False),
    ]


def test_a_stream_that_is_left_is_closed(tmp_path: Path) -> None:
    """Leaving early is distinguished from the end of a stream, and from `cancel()`."""
    path = tmp_path / "a.jsonl"
    with serving([CHUNKED + ch(HELLO), WAIT_FOR_HANG_UP]) as server:
        with Client(KEY, server.base_url) as client, ask(client, path) as s:
            assert s.next()
    assert lines_of(path)[-1] == {"end": "closed"}


def test_a_stream_that_is_cancelled_says_so(tmp_path: Path) -> None:
    """The recording of a cancelled stream ends with the error that its reader got."""
    path = tmp_path / "a.jsonl"
    with serving([CHUNKED + ch(HELLO), WAIT_FOR_HANG_UP]) as server:
        with Client(KEY, server.base_url) as client, ask(client, path) as s:
            assert s.next()
            s.cancel()
            assert not s.next()
            assert isinstance(s.err(), StreamCancelledError)
    failure = {"error": "StreamCancelledError", "message": "the stream was cancelled"}
    assert lines_of(path)[-1] == {"end": "cancelled", "failure": failure}


def test_what_the_source_tolerated_is_written(tmp_path: Path) -> None:
    """The notes of the source are in the end."""
    path = tmp_path / "a.jsonl"
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    whole = {"id": "c", "object": "chat.completion", "choices": [choice]}
    s = record_script(path, [json_answer(whole)])
    assert s.notes["whole_answer"] == 1
    assert lines_of(path)[-1] == {"end": "clean", "notes": {"whole_answer": 1}}


def test_record_is_for_streams(tmp_path: Path) -> None:
    """A method that does not stream refuses it before anything is sent."""
    with Client(KEY, "http://localhost/v1") as client:
        with pytest.raises(TypeError, match="record works with streams only"):
            client.retrieve_response("r", record=tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_tools_are_answered_in_a_recorded_stream(tmp_path: Path) -> None:
    """`run_tools` knows the request of a stream that is being recorded, and records each round."""

    def now() -> str:
        return "noon"

    path = tmp_path / "a.jsonl"
    call = {"index": 0, "id": "1", "function": {"name": "now", "arguments": "{}"}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    calls = b"data: " + json.dumps(chunk).encode() + b"\n\n" + DONE
    scripts = [[CHUNKED + ch(calls) + END], [CHUNKED + ch(HELLO + STOP + DONE) + END]]
    with serving(*scripts) as server, Client(KEY, server.base_url) as client:
        with run_tools(client, ask(client, path), [now]) as s:
            assert s.read().decode() == "Hé"
        assert server.requests[1].json()["messages"][-1]["content"] == "noon"
    assert [line["end"] for line in lines_of(path) if "end" in line] == ["clean", "clean"]
    with StreamerV2(replay(path, exchange=1)) as s:
        assert s.read().decode() == "Hé"


class Plain:
    """A source that is not a connection: it ends as it is told to, and notes that it was closed."""

    closed = False

    def __init__(self, *steps: Any) -> None:
        self.steps = steps

    def __iter__(self) -> Iterator[Any]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step

    def close(self) -> None:
        """Note it."""
        self.closed = True


def test_any_source_can_be_recorded(tmp_path: Path) -> None:
    """The first line is empty for a source that is not an HTTP answer; closing is passed on."""
    source = Plain(b"data: 1\n\n", bytearray(b"data: 2\n\n"))
    recorded = record(source, str(tmp_path / "a.jsonl"))
    assert (recorded.method, recorded.url, recorded.status, recorded.headers) == (
        None,
        None,
        None,
        {},
    )
    assert (recorded.sent_at, recorded.answered_at, recorded.request_id) == (None, None, None)
    assert (recorded.request, recorded.redact("text"), recorded.notes) == (None, "text", Counter())
    recorded.heard()
    recorded.spare(1)
    recorded.expire(None)
    with EventScanner(recorded) as scanner:
        assert scanner.next()
        assert scanner.next()
        assert not scanner.next()
    assert source.closed
    assert lines_of(tmp_path / "a.jsonl") == [
        {"format": "openai_scan recording", "version": 1, "library": f"openai_scan {__version__}"},
        {"text": "data: 1\n\n"},
        {"text": "data: 2\n\n"},
        {"end": "clean"},
    ]


def test_a_recorded_source_can_do_what_a_connection_can(tmp_path: Path) -> None:
    """It has everything that the streamer may ask an exchange for."""
    source = record([DONE], tmp_path / "a.jsonl")
    for protocol in (LiveSource, RequestedSource, RenewableSource, AnsweredSource):
        assert isinstance(source, protocol)
    assert source.retry(TransportError("x")) is None
    assert source.resume(TransportError("x"), "r", 1) is None
    source.close()
    assert (tmp_path / "a.jsonl").read_bytes() == b""  # no one has read it


def test_a_server_that_is_not_there_is_recorded_too(tmp_path: Path) -> None:
    """Without an answer, the first line has the request."""
    with serving() as server:
        url = server.base_url
    once = RetryPolicy(attempts=1)
    with Client(KEY, url, retries=once) as client, ask(client, tmp_path / "a.jsonl") as s:
        assert not s.next()
        assert isinstance(s.err(), ConnectError)
    head, end = lines_of(tmp_path / "a.jsonl")
    assert (head["method"], head["url"]) == ("POST", f"{url}/chat/completions")
    assert "status" not in head
    assert (end["end"], end["failure"]["error"]) == ("failed", "ConnectError")


def test_a_source_may_be_cancelled_by_other_code(tmp_path: Path) -> None:
    """The error of a source that other code has cancelled is recorded as it is."""
    source = record(Plain(StreamCancelledError("gone")), tmp_path / "a.jsonl")
    with pytest.raises(StreamCancelledError, match="gone"):
        next(iter(source))
    source.close()
    assert lines_of(tmp_path / "a.jsonl")[-1]["end"] == "cancelled"


def test_a_list_can_be_cancelled(tmp_path: Path) -> None:
    """A source that cannot be woken up ends with its next chunk."""
    with StreamerV2(record([HELLO, STOP], tmp_path / "a.jsonl")) as s:
        assert s.next()
        s.cancel()
        assert not s.next()
        assert isinstance(s.err(), StreamCancelledError)
    assert lines_of(tmp_path / "a.jsonl")[-1]["end"] == "cancelled"


def test_an_error_of_the_source_is_the_readers_too(tmp_path: Path) -> None:
    """The recording has the error that the scanner raises."""
    with EventScanner(record(Plain(ValueError("odd")), tmp_path / "a.jsonl")) as scanner:
        assert not scanner.next()
    message = "the source broke off: ValueError: odd"
    assert str(scanner.err()) == message
    assert lines_of(tmp_path / "a.jsonl")[-1] == {
        "end": "failed",
        "failure": {"error": "TransportError", "message": message},
    }


def test_what_is_not_a_chunk_is_the_readers_to_refuse(tmp_path: Path) -> None:
    """Text instead of bytes is a TypeError, as it is without a recording."""
    with EventScanner(record(Plain("text"), tmp_path / "a.jsonl")) as scanner:
        with pytest.raises(TypeError, match="a source must yield bytes, not str"):
            scanner.next()


def test_what_is_not_a_source_makes_no_file(tmp_path: Path) -> None:
    """A mistake is reported before a file is made."""
    wrong: Any = 5
    with pytest.raises(TypeError, match="not int"):
        record(wrong, tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", [io.StringIO(), 7])
def test_a_recording_is_binary(file: Any) -> None:
    """A text file, or no file at all, is refused at once."""
    with pytest.raises(TypeError, match='opened in mode "wb"'):
        record([DONE], file)


def test_a_file_of_yours_stays_open(tmp_path: Path) -> None:
    """Several streams can be written to one file, one after the other; each line is flushed."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for _ in range(2):
            with StreamerV2(record([DONE], file)) as s:
                assert s.next()
                assert path.read_bytes().endswith(b'[DONE]\\n\\n"}\n')
    assert [line.get("end") for line in lines_of(path)] == [None, None, "clean"] * 2


class FullDisk:
    """A file that takes some lines, and then no more."""

    def __init__(self, lines: int) -> None:
        self.lines = lines

    def write(self, data: bytes) -> None:
        """Take *data*, or complain."""
        self.lines -= 1
        if self.lines < 0:
            raise OSError("no space left")


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_a_full_disk_loses_nothing_that_has_arrived(lines: int) -> None:
    """The chunk that could not be written is handed over, and then comes the error."""
    chunks = [HELLO, STOP] if lines == 3 else [HELLO]
    with EventScanner(record(chunks, FullDisk(lines))) as scanner:
        assert scanner.next()
        while scanner.next():
            pass
        error = scanner.err()
        assert isinstance(error, RecordingError)
        assert str(error) == "the recording cannot be written: no space left"
        assert isinstance(error.__cause__, OSError)
        assert scanner.notes["recording_failed"] == 1


@pytest.mark.wires("blocking")
def test_a_stream_that_is_not_closed_is_recorded_whole(tmp_path: Path) -> None:
    """A stream that was read to its end need not be closed; one left open gives a warning."""
    path = tmp_path / "a.jsonl"
    assert StreamerV2(record([HELLO + STOP + DONE], path)).read() == "Hé".encode()
    gc.collect()
    assert lines_of(path)[-1] == {"end": "clean"}
    source = record([HELLO, STOP], tmp_path / "b.jsonl")
    next(iter(source))
    with pytest.warns(ResourceWarning, match="unclosed file"):
        del source


class Failing:
    """A source whose first event is an error, which can be asked once more."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    def __iter__(self) -> Iterator[bytes]:
        if self.tries:
            yield b'data: {"error": {"message": "busy", "code": "server_error"}}\n\n'
        yield HELLO + STOP + DONE

    def retry(self, error: Exception) -> Failing | None:
        """Return the same source with one retry less."""
        return Failing(self.tries - 1) if self.tries else None

    def resume(self, error: Exception, answer_id: str, position: int) -> None:
        """Return nothing."""


@pytest.mark.wires("blocking")
def test_a_try_that_is_left_in_the_middle_has_an_end(tmp_path: Path) -> None:
    """An error event before any content leads to a retry; the first section ends then."""
    path = tmp_path / "a.jsonl"
    with StreamerV2(record(Failing(1), path)) as s:
        assert [type(event) for event in s].count(ErrorEvent) == 0
    ends = [line["end"] for line in lines_of(path) if "end" in line]
    assert ends == ["closed", "clean"]
    assert isinstance(s.source, RecordedSource)
    assert s.source.resume(TransportError("x"), "r", 1) is None
