"""`relay`: a chat page in processes that take over from each other."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from relay.running import Running

from openai_scan.cli import main, workers
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    background_responses,
    delay,
    error,
    hold,
    response_answer,
)

# As fast as the parrot, but it takes longer to say all of it.
WORDS = [f"word{number} " for number in range(60)]

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /proc")


@pytest.fixture
def api() -> Iterator[FakeServer]:
    """Start a server whose answer continues without a reader, word by word."""
    paced = [step for event in response_answer(WORDS) for step in (event, delay(0.03))]
    with FakeServer(background_responses(paced)) as server:
        yield server


def asking(api: FakeServer) -> dict[str, Any]:
    """Return the environment variables for using *api*."""
    return {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": api.base_url, "OPENAI_MODEL": "m"}


def made(api: FakeServer) -> int:
    """Return how many responses were created."""
    return [request.path for request in api.requests].count("/responses")


def begin(texts: Iterator[str], length: int = 1) -> None:
    """Read until *length* characters have arrived."""
    while len(next(texts)) < length:
        pass


RESPONSES = ("--api", "responses", "--port", "0", "--lease", "1")


class TestAlone:
    """One process."""

    def test_without_a_key_a_parrot_answers(self, tmp_path: Path) -> None:
        """The page is there, messages are stored in a file, and Ctrl-C ends it."""
        with Running("--port", "0", folder=tmp_path) as command:
            page = requests.get(command.url, timeout=60)
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"
            models = requests.get(f"{command.url}models", timeout=60).json()
            assert models == {"models": ["parrot", "thinking-parrot"]}
            texts = command.follow(command.ask("Hi"))
            while not (text := next(texts)).endswith(" parrot,"):
                pass
            assert text == "You said: Hi\n\nI am a parrot,"
            assert command.end(signal.SIGINT) == 130
        assert command.said == [
            "a parrot answers, because neither OPENAI_API_KEY nor a base URL is set",
            (
                f"the chat is at {command.url}, and its messages are stored in"
                " openai-scan-relay.db; Ctrl-C ends it"
            ),
            "openai-scan: interrupted",
        ]
        assert (tmp_path / "openai-scan-relay.db").exists()

    def test_the_next_process_continues_after_sigterm(
        self, tmp_path: Path, api: FakeServer
    ) -> None:
        """The text is exact, and the answer was asked for once."""
        with Running(*RESPONSES, folder=tmp_path, **asking(api)) as first:
            stream = first.ask("Hi")
            begin(first.follow(stream), 40)
            with Running(*RESPONSES, folder=tmp_path, **asking(api)) as second:
                assert first.end(signal.SIGTERM) == 0
                assert first.said[1:] == []
                *_, text = second.follow(stream)
        assert text == "".join(WORDS)
        assert made(api) == 1

    @pytest.mark.usefixtures("measured_processes")
    def test_what_the_relay_warns_of_is_reported(self, tmp_path: Path) -> None:
        """A line reports each warning, without the server's message."""

        def answer(request: SeenRequest) -> Reply | list[Step]:
            if request.path.endswith("/cancel"):
                return error(400, "a secret")
            return [*response_answer("Hello there", background=True)[:5], hold()]

        with (
            FakeServer(answer) as api,
            Running(*RESPONSES, "--log", "memory", folder=tmp_path, **asking(api)) as command,
        ):
            stream = command.ask("Hi")
            begin(command.follow(stream))
            requests.post(f"{command.url}streams/{stream}/stop", json={}, timeout=60)
            command.until_said("a response could not be cancelled: BadRequestError")
        assert "secret" not in str(command.said)


class TestSeveral:
    """Several processes."""

    @pytest.mark.usefixtures("measured_processes")
    @linux
    def test_workers_that_are_killed_are_replaced(self, tmp_path: Path, api: FakeServer) -> None:
        """The new workers take the answer over, and its text is exact."""
        with Running(*RESPONSES, "--workers", "2", folder=tmp_path, **asking(api)) as command:
            stream = command.ask("Hi")
            texts = command.follow(stream)
            begin(texts, 40)
            killed = command.workers()
            for worker in killed:
                os.kill(worker, signal.SIGKILL)
            for _ in killed:
                command.until_said(
                    "openai-scan: a worker ended with status -9 and is being replaced"
                )
            *_, text = texts
            assert command.end(signal.SIGTERM) == 0
        assert len(killed) == 2
        assert text == "".join(WORDS)
        assert made(api) == 1

    @pytest.mark.usefixtures("measured_processes")
    @linux
    def test_workers_end_with_the_process_that_has_started_them(self, tmp_path: Path) -> None:
        """They end even if that process was killed."""
        with Running("--port", "0", "--workers", "2", folder=tmp_path) as command:
            command.ask("Hi")
            left = command.workers()
            command.end(signal.SIGKILL)
        for worker in left:
            while Path(f"/proc/{worker}").exists():
                pass
        with pytest.raises(requests.ConnectionError):
            requests.get(command.url, timeout=60)

    @pytest.mark.usefixtures("measured_processes")
    def test_ctrl_c_ends_all(self, tmp_path: Path) -> None:
        """The terminal sends it to every process, but only one prints the message."""
        with Running("--port", "0", "--workers", "2", folder=tmp_path) as command:
            begin(command.follow(command.ask("Hi")))
            assert command.end(signal.SIGINT) == 130
        assert command.said[2:] == ["openai-scan: interrupted"]

    def test_a_worker_that_ends_at_once_is_replaced_after_a_pause(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If every worker ended at once, replacing them without a pause would use all CPU time."""
        monkeypatch.setattr(workers, "_SOON", 1000.0)
        monkeypatch.setattr(workers, "_PAUSE", 0.01)
        said: list[str] = []

        def complain(sentence: str) -> None:
            said.append(sentence)
            if len(said) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(workers, "complain", complain)
        with pytest.raises(KeyboardInterrupt):
            workers.keep_running(os.getpid, (), 1)
        assert said == ["a worker ended with status 0 and is being replaced"] * 2

    @pytest.mark.parametrize("comes", [True, False])
    def test_a_signal_is_noted_and_raised_after_it(self, comes: bool) -> None:
        """The signal's handler runs only after the block, as it could break an event loop in it."""
        raised: list[int] = []
        before = signal.signal(signal.SIGTERM, lambda number, _: raised.append(number))
        noted: list[bool] = []
        try:
            with workers.noting_signals(lambda: noted.append(True)):
                if comes:
                    signal.raise_signal(signal.SIGTERM)
                assert raised == []
        finally:
            signal.signal(signal.SIGTERM, before)
        assert noted == [True] * comes
        assert raised == [signal.SIGTERM] * comes

    @pytest.mark.usefixtures("measured_processes")
    def test_one_serves_and_one_reads(self, tmp_path: Path, api: FakeServer) -> None:
        """They share the file. The serving process needs no key, as it does not call the API."""
        variables = asking(api)
        with (
            Running(*RESPONSES, "--produce-only", folder=tmp_path, **variables) as reading,
            Running("--port", "0", "--serve-only", folder=tmp_path) as serving,
        ):
            assert reading.said == ["reading answers for other processes to serve; Ctrl-C ends it"]
            stream = serving.ask("Hi")
            *_, text = serving.follow(stream)
            assert reading.end(signal.SIGTERM) == 0
        assert text == "".join(WORDS)


class TestRefusals:
    """What cannot be served is one sentence."""

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.test", "127.1"])
    def test_other_machines_are_not_served(
        self, host: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The error says how to serve them."""
        assert main(["relay", "--log", "memory", "--db", "sqlite:///no.db", "--host", host]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said == (
            "openai-scan: --host must be an address of this machine only, such as 127.0.0.1 or ::1,"
            f" not {host!r}: the page has no user accounts, so everyone could read and ask"
            " everything. To serve other machines, mount openai_scan.relay.asgi(relay, authorize)"
            " in a server of yours; see openai-scan relay --help"
        )
        assert not Path("no.db").exists()

    def test_a_port_that_is_taken(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The error names the option for another port, and no line says who would answer."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert main(["relay", "--port", port]) == 2
        said = capsys.readouterr().err
        assert "parrot" not in said
        assert said.splitlines()[-1] == (
            f"openai-scan: Port {port} is in use: choose another one with --port; see"
            " openai-scan relay --help"
        )

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                ["--serve-only", "--produce-only"],
                "--serve-only and --produce-only cannot be combined",
            ),
            (["--log", "memory", "--workers", "2"], "--log memory works in a single process"),
            (["--log", "memory", "--serve-only"], "--log memory works in a single process"),
            (["--log", "memory", "--produce-only"], "--log memory works in a single process"),
            (["--log", ""], "Invalid value for '--log': it is empty"),
            (["--db", ""], "Invalid value for '--db': it is empty"),
            (
                ["--lease", "0"],
                "Invalid value for '--lease': it must be a positive number of seconds",
            ),
            (
                ["--base-url", "http://127.0.0.1:1/v1"],
                "There is no model for users to choose: pass --model, or set OPENAI_MODEL",
            ),
            (["-m", "m", "--base-url", "http://[/v1"], "The base URL is malformed"),
            (["-m", "m", "--base-url", "http://127.0.0.1:1/v1"], "no API key: set OPENAI_API_KEY"),
            (
                ["-m", "m", "--base-url", "http://127.0.0.1:1/v1", "--workers", "2"],
                "no API key: set OPENAI_API_KEY",
            ),
            (
                ["--db", "mysql://a:secret@b/c", "--log", "sqlite:///log.db"],
                "the URL of a database must begin with sqlite:///",
            ),
            (["--db", "mysql://a:secret@b/c"], "the URL of a database must begin with sqlite:///"),
            (["--log", "kafka://a:secret@b/c"], "the URL of a log must be memory, or begin with"),
            (["--db", "sqlite:////no/such/folder/x.db"], "/no/such/folder/x.db cannot be opened: "),
        ],
        ids=lambda given: " ".join(given) if isinstance(given, list) else "",
    )
    def test_wrong_usage(
        self,
        arguments: list[str],
        sentence: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The error is one sentence and shows no password, and no file is left."""
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        assert main(["relay", "--port", "0", *arguments]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"openai-scan: {sentence}")
        assert "secret" not in said
        assert [*tmp_path.iterdir()] == []

    @pytest.mark.parametrize("number", ["1", "2"])
    @pytest.mark.parametrize("option", ["--db", "--log"])
    def test_a_server_that_cannot_be_reached(
        self,
        option: str,
        number: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The error shows its address, without the password."""
        monkeypatch.chdir(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        kind = "redis" if option == "--log" else "postgresql"
        url = f"{kind}://me:secret@127.0.0.1:{port}/0"
        assert main(["relay", "--port", "0", option, url, "--workers", number]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert str(port) in said
        assert "secret" not in said

    @pytest.mark.parametrize("missing", ["sqlalchemy", "starlette", "uvicorn"])
    def test_without_the_extra_it_says_what_to_install(self, missing: str, tmp_path: Path) -> None:
        """One sentence, whichever of its packages is missing."""
        script = f"""
import sys
sys.modules[{missing!r}] = None
from openai_scan.cli import main, workers
sys.exit(main(["relay"]))
"""
        ran = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            cwd=tmp_path,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert re.fullmatch(
            rf"openai-scan: (.* needs {missing}, which is not installed: pip install"
            rf" 'openai_scan\[relay\]'|{missing} is not installed: install openai_scan with its"
            r" extra 'relay', as in pip install '\.\[relay\]')\n",
            ran.stderr,
        )
