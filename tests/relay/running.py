"""`openai-scan relay` in a process of its own, and what its readers do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from typing_extensions import Self

# Of the test's own environment nothing is taken over that says whom to ask.
_OF_THE_API = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL")

# Longer than anything here takes on a busy machine, in seconds.
_PATIENCE = 60


class Running:
    """The command, from its first words until a signal ends it; a `with` block ends it anyway.

    Args:
        arguments: The words after `relay`.
        folder: Where it runs.
        variables: Variables of its environment.

    Attributes:
        said: The lines that it has said so far.
        pid: The id of its process.
    """

    def __init__(self, *arguments: str, folder: Path, **variables: str) -> None:
        left = {name: value for name, value in os.environ.items() if name not in _OF_THE_API}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "openai_scan", "relay", *arguments],
            cwd=folder,
            env={**left, "PYTHONPATH": os.pathsep.join(sys.path), "NO_PROXY": "*", **variables},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.said: list[str] = []
        self.until_said("Ctrl-C ends it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGTERM)

    @property
    def url(self) -> str:
        """Where the page is."""
        found = re.search(r"the chat is at (http://\S+/)", "\n".join(self.said))
        assert found is not None, self.said
        return found[1]

    @property
    def port(self) -> str:
        """At which port."""
        return self.url.rstrip("/").rpartition(":")[2]

    def until_said(self, words: str) -> None:
        """Wait until it says a line with these words."""
        stderr = self._process.stderr
        assert stderr is not None
        while not (self.said and words in self.said[-1]):
            line = stderr.readline()
            assert line, self.said
            self.said.append(line.rstrip("\n"))

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and return the status that it ends with."""
        self._process.send_signal(how)
        self.said += self._process.communicate(timeout=_PATIENCE)[1].splitlines()
        return self._process.returncode

    def workers(self) -> list[int]:
        """Return the ids of its worker processes."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [
            int(child)
            for child in children
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    def ask(self, prompt: str) -> str:
        """Ask something, and return the id of the answer."""
        posted = requests.post(f"{self.url}streams", json={"prompt": prompt}, timeout=_PATIENCE)
        posted.raise_for_status()
        return str(posted.json()["stream"])

    def follow(self, stream: str) -> Iterator[str]:
        """Yield the text of an answer so far, after each event, through lost connections."""
        text, cursor = "", ""
        while True:
            for name, id, data in self._frames(stream, cursor):
                cursor = id or cursor
                if name == "reset":
                    text = data["text"]
                elif name == "delta":
                    text += data.get("text", "")
                else:
                    assert data["status"] == "completed", data
                    yield text
                    return
                yield text

    def _frames(self, stream: str, cursor: str) -> Iterator[tuple[str, str, Any]]:
        url = f"{self.url}streams/{stream}/events"
        try:
            with requests.get(
                url, params={"after": cursor}, stream=True, timeout=_PATIENCE
            ) as answer:
                fields: dict[str, str] = {}
                for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                    name, _, value = line.partition(": ")
                    if line:
                        fields[name] = value
                    elif "data" in fields:
                        yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                        fields = {}
                    else:
                        fields = {}
        except requests.RequestException:
            return
