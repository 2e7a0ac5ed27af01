"""The readers of paced streams read what the server sends, and are measured while they do."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench import bench_paced, paced_server, remote, workloads
from bench.remote import READERS

pytestmark = pytest.mark.unmeasured

FEW = 30

# Events a second: fast, so that a test is short. Nothing is timed.
RATE = 2_000

MODULES = {"httpx, json.loads": "httpx", "openai-python": "httpx2"}
INSTALLED = [name for name in READERS if find_spec(MODULES.get(name, "json"))]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the server."""
    with paced_server.running() as url:
        yield url


@pytest.mark.parametrize("family", ["chat", "responses"])
@pytest.mark.parametrize("name", INSTALLED)
def test_every_reader_gets_the_texts(url: str, name: str, family: str) -> None:
    """Each reader returns the workload's texts in order."""
    with contextlib.closing(READERS[name](f"{url}/{family}/{RATE}/v1", family)) as texts:
        found = "".join(islice(texts, FEW))
    # Bare readers leave escapes as they are, and the first line has none.
    line, _, _ = workloads.workload(family, 200).text.partition("\n")
    assert len(line) > FEW
    assert found.startswith(line)


def test_an_event_is_a_chunk(url: str) -> None:
    """The server sends each event as one chunk, as real servers do."""
    where = urlsplit(url)
    with (
        socket.create_connection((where.hostname, where.port)) as connection,
        connection.makefile("rb") as lines,
    ):
        connection.sendall(b"GET /chat/2000/v1/chat/completions HTTP/1.1\r\nHost: h\r\n\r\n")
        while lines.readline() != b"\r\n":
            pass
        for _ in range(3):
            chunk = lines.read(int(lines.readline(), 16))
            assert chunk.startswith(b"data: {")
            assert chunk.index(b"\n\n") == len(chunk) - 2
            assert lines.readline() == b"\r\n"


def test_a_timed_event_tells_when_it_was_sent(url: str) -> None:
    """Its text is the time of sending, by the monotonic clock that both processes share."""
    start = time.monotonic_ns()
    with contextlib.closing(READERS["openai_scan"](f"{url}/timed/{RATE}/v1")) as texts:
        times = [int(text) for text in islice(texts, FEW)]
    assert sorted(times) == times
    assert start < times[0]
    assert times[-1] < time.monotonic_ns()


def test_tls_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The readers accept the certificate that is made for the server."""
    certificate = bench_paced.make_certificate(tmp_path)
    monkeypatch.setenv(remote.CERTIFICATES, str(tmp_path / "authority.pem"))
    with paced_server.running(certificate) as url:
        for name in bench_paced.TLS_READERS:
            with contextlib.closing(READERS[name](f"{url}/chat/{RATE}/v1")) as texts:
                assert len(list(islice(texts, FEW))) == FEW


def test_work_is_what_one_event_takes(url: str) -> None:
    """CPU time and delay are positive, and calls are counted for each event that was asked for."""
    chat = f"{url}/chat/{RATE}/v1"
    cost = bench_paced.cost("openai_scan", chat, "chat", untimed=5, events=20)
    assert 0 < cost["cpu"] < 1
    assert cost["seconds"] > 0
    assert 0 < bench_paced.delay("openai_scan", f"{url}/timed/{RATE}/v1", untimed=5, events=9) < 60
    counts = bench_paced.calls("openai_scan", chat, "chat", untimed=20, events=20)
    assert len(counts) == 20
    # Two events may come in one read here.
    assert all(3 <= python < 100 for python, _ in counts)
    bare = bench_paced.calls("bare socket", chat, "chat", untimed=5, events=20)
    assert {python for python, _ in bare} == {0}
