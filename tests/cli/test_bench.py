"""`bench`: load a server with many concurrent streams."""

from __future__ import annotations

import threading
from concurrent import futures
from typing import Any

import pytest
from terminal_session import Session

from openai_scan import waiting
from openai_scan.cli import main
from openai_scan.cli.bench import percentile
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    error,
    hold,
    response_answer,
)


def test_streams_are_measured(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Every stream sends the same request; the figures cover all streams."""
    server.add(*[chat_answer("Hi there") for _ in range(3)])
    arguments = ["-n", "3", "-c", "2", "--prompt", "Hello", "-p", "temperature=0"]
    assert main(["bench", server.base_url, *arguments]) == 0
    first, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("3 completed, ")
    assert table[0].split() == ["median", "90", "%", "95", "%", "99", "%", "longest"]
    assert [line.split()[0] for line in table[1:]] == ["first", "gaps"]
    assert all(line.count(" s") == 5 for line in table[1:])
    assert [request.json for request in server.requests] == 3 * [
        {
            "model": "test-model",
            "messages": [{"role": "user", "content": "Hello"}],
            "temperature": 0,
            "stream": True,
        }
    ]


def test_so_many_run_at_once(server: FakeServer) -> None:
    """With `-c 2`, two requests run at once: each is answered only when both have arrived."""
    both = threading.Barrier(2, timeout=60)

    def answer(request: SeenRequest) -> list[Step]:
        both.wait()
        return [*chat_answer("Hi")]

    server.add(answer, answer)
    assert main(["bench", server.base_url, "-n", "2", "-c", "2"]) == 0


def test_streams_that_take_long_are_waited_for_in_slices(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Ctrl-C cannot interrupt a wait, the command waits in short slices."""
    slices: list[object] = []
    gate = hold()

    def wait(pending: Any, *, timeout: float, return_when: str) -> Any:
        slices.append(timeout)
        if len(slices) == 3:
            gate.release()
        return futures.wait(pending, timeout, return_when)

    monkeypatch.setattr(waiting, "sliced", True)
    monkeypatch.setattr(waiting, "SLICE_SECONDS", 0.001)
    monkeypatch.setattr("openai_scan.cli.bench.wait", wait)
    server.add([gate, *chat_answer("Hi")])
    assert main(["bench", server.base_url, "-n", "1"]) == 0
    assert len(slices) >= 3
    assert set(slices) == {0.001}


def test_the_responses_api_can_be_measured(server: FakeServer) -> None:
    """It is asked the default question."""
    server.add(response_answer("Hi there"))
    assert main(["bench", server.base_url, "-n", "1", "--api", "responses"]) == 0
    assert server.requests[0].json["input"] == "Count to ten."


def test_answers_that_are_not_whole_are_status_1(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are counted, not retried, and not measured; the first error is shown."""
    busy = error(503, "Busy.")
    cut = [chat_chunk("Hi", finish_reason="length")]
    server.add(busy, cut, chat_answer("Hi"), busy)
    assert main(["bench", server.base_url, "-n", "4"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("1 completed, 2 failed, 1 incomplete, ")
    assert printed.err.splitlines()[-1] == (
        "openai-scan: 3 of 4 answers were not whole: Busy. (HTTP status 503)"
    )
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Invalid value for 'URL': it is empty"),
        ("http://[::1/v1", "The base URL is malformed: Invalid IPv6 URL"),
    ],
)
def test_a_url_is_needed(
    url: str, sentence: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell variable that is not set does not select another server."""
    assert main(["bench", url]) == 2
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan bench --help\n"
    assert server.requests == []


def test_a_time_limit_can_be_given(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that a server holds open fails after `--timeout`."""
    server.add([chat_chunk("Hi"), hold()])
    assert main(["bench", server.base_url, "-n", "1", "--timeout", "0.1"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "openai-scan: 1 of 1 answers were not whole: no event arrived for event_idle=0.1 s"
    )


@pytest.mark.parametrize(
    "answer", [chat_calls(ToolCall("f")), [chat_chunk("", finish_reason="length")]]
)
def test_nothing_to_measure_is_not_an_error_of_its_own(
    answer: list[bytes], server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """For answers without text, only the line with the outcomes is printed."""
    server.add(answer)
    main(["bench", server.base_url, "-n", "1"])
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.usefixtures("measured_processes")
def test_ctrl_c_shows_what_was_measured(server: FakeServer) -> None:
    """The running streams are cancelled, and no waiting stream is started."""
    gate = hold()
    held: list[Step] = [chat_chunk("Hi"), gate]
    server.add(chat_answer("Hi there"), held)
    with Session("bench", server.base_url, "-n", "9", COLUMNS="100") as session:
        session.wait_for("1/9")
        assert gate.reached.wait(60)
        session.type("\x03")
        assert session.end() == 130
    assert any(line.startswith("1 cancelled, 1 completed, ") for line in session.lines)
    assert session.lines[-1] == "openai-scan: interrupted"
    assert len(server.requests) == 2
    assert "Traceback" not in session.seen


def test_a_stream_that_begins_after_the_end_is_ended_too(server: FakeServer) -> None:
    """A stream that a thread starts after `stop()` is cancelled, so no race leaves one running."""
    from openai_scan import Client
    from openai_scan.cli.bench import Bench

    server.strict = False  # whether it is asked at all depends on the race
    server.add(Reply(steps=[hold()]))
    bench = Bench()
    bench.stop()
    with Client() as client:
        bench.measure(lambda: client.create_chat_completion_stream(model="m", messages=[]))
    assert bench.outcomes == {"cancelled": 1}


def test_percentiles_are_values_that_were_measured() -> None:
    """A percentile is the smallest measured value that at least that share does not exceed."""
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, p) for p in (20, 50, 99, 100)] == [1.0, 3.0, 5.0, 5.0]
    assert percentile([], 50) is None
