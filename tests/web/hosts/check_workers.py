"""The recipe for Cloudflare Workers, in workerd. Pyodide is started by worker.mjs there."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from openai_scan.testing import FakeServer, chat_chunk, delay, error, hold
from openai_scan.web.bundle import write_bundle
from web.hosts.recipes import recipe
from web.hosts.sites import COMMANDS, CORE, NODE_MODULES, write_pyodide

HERE = Path(__file__).parent
END = [chat_chunk(finish_reason="stop"), b"data: [DONE]\n\n"]

# Another Worker: the client is made outside of the class, and waits by suspending Python.
BLOCKING = """
from openai_scan import AsyncClient, Client, ScanError
from workers import Response, WorkerEntrypoint

client = Client("sk-mine")
other = AsyncClient("sk-mine")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        messages = [{"role": "user", "content": await request.text()}]
        try:
            with client.create_chat_completion_stream(model="m", messages=messages) as s:
                return Response(s.final().text)
        except ScanError as error:
            return Response(str(error), status=502)
"""


@frozen
class Worker:
    """A Worker that runs.

    Attributes:
        port: Where it listens.
        api: What it takes for OpenAI.
    """

    port: int
    api: FakeServer

    def ask(self, question: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a question, and return the connection and the response, once it has begun."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", body=question)
        return connection, connection.getresponse()


@pytest.fixture
def api() -> Iterator[FakeServer]:
    """Start a server for whatever is not a web page."""
    with FakeServer() as server:
        yield server


@pytest.fixture
def entry() -> str:
    """Return the Worker of the recipe."""
    return recipe("Cloudflare Workers", "py")


@pytest.fixture
def worker(entry: str, api: FakeServer, wheels: Path, tmp_path: Path) -> Iterator[Worker]:
    """Run the Worker *entry*."""
    write_pyodide(tmp_path / "pyodide")
    for name in (*CORE, "pyodide-lock.json"):
        (tmp_path / "pyodide" / name).rename(tmp_path / name)
    write_bundle(tmp_path / "bundle.zip")
    (sdk,) = wheels.glob("workers_runtime_sdk-*.whl")
    shutil.copy(sdk, tmp_path / "sdk.whl")
    for name in ("worker.mjs", "worker.capnp"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "entry.py").write_text(entry, "utf-8")
    (tmp_path / "base_url").write_text(api.base_url, "utf-8")
    ours, theirs = os.pipe()
    command = [workerd(), "serve", "worker.capnp", "--experimental", f"--control-fd={theirs}"]
    with subprocess.Popen(command, cwd=tmp_path, pass_fds=[theirs]) as process:
        os.close(theirs)
        with os.fdopen(ours) as lines:
            try:
                line = lines.readline()
                assert line, "workerd has ended"
                yield Worker(json.loads(line)["port"], api)
            finally:
                process.kill()


def workerd() -> str:
    """Return the command that Cloudflare runs Workers with."""
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    assert node is not None, "there is no Node.js: make .venv/dev installs it"
    program = "console.log(require('workerd').default)"
    ran = subprocess.run(
        [node, "-e", program], cwd=NODE_MODULES, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_tokens_are_passed_on_as_they_come(worker: Worker) -> None:
    """The second one is sent when the visitor has the first one. The key is the secret."""
    held = hold()
    worker.api.add([chat_chunk("Hällo"), held, chat_chunk(" there"), *END])
    connection, response = worker.ask("Hi")
    assert response.status == 200
    assert response.read1().decode() == "Hällo"
    held.release()
    assert response.read() == b" there"
    connection.close()
    (seen,) = worker.api.requests
    assert (seen.key, seen.json["messages"][0]["content"]) == ("sk-mine", "Hi")
    assert {"cookie", "origin"}.isdisjoint(seen.headers)


def test_an_answer_that_fails_breaks_off(worker: Worker) -> None:
    """The visitor does not take the beginning for the whole."""
    worker.api.add([chat_chunk("Hello"), b"data: [DO"])
    connection, response = worker.ask("Hi")
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert caught.value.partial == b"Hello"
    connection.close()


def test_a_visitor_who_leaves_ends_the_stream(worker: Worker) -> None:
    """The next token cannot be passed on, and the server notices."""
    worker.api.add([step for _ in range(1_000) for step in (chat_chunk("Hi"), delay(0.02))])
    connection, response = worker.ask("Hi")
    assert response.read1().startswith(b"Hi")
    response.close()
    connection.close()
    assert worker.api.hung_up.wait(10)


@pytest.mark.parametrize("entry", [BLOCKING])
def test_a_client_that_blocks_works_as_well(worker: Worker) -> None:
    """It is made before the first request, retries, and explains what a server refuses."""
    worker.api.add(error(429, retry_after=0.1), [chat_chunk("Hello"), *END], error(401, "no"))
    answers = []
    for _ in range(2):
        connection, response = worker.ask("Hi")
        answers.append((response.status, response.read().decode()))
        connection.close()
    assert answers[0] == (200, "Hello")
    assert answers[1][0] == 502
    assert answers[1][1].startswith("no (HTTP status 401")


def test_uv_resolves_what_a_worker_needs(wheels: Path, tmp_path: Path) -> None:
    """As pywrangler has it do: for Pyodide, from the project file of the recipe."""
    (tmp_path / "pyproject.toml").write_text(recipe("Cloudflare Workers", "toml"), "utf-8")
    (tmp_path / "wheels").symlink_to(wheels)
    command = [str(COMMANDS / "uv"), "pip", "compile", "pyproject.toml"]
    source = ["--no-build", "--no-index", "--offline", "--find-links", "wheels"]
    target = ["--python-platform", "wasm32-pyodide2025", "--python-version", "3.14"]
    ran = subprocess.run(
        [*command, *source, *target, "--quiet", "--no-header", "--no-annotate"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = {line.partition("==")[0] for line in ran.stdout.split()}
    (own,) = wheels.glob("openai_scan-*.whl")
    assert found == {"attrs", "cattrs", f"wheels/{own.name}", "typing-extensions"}
