"""What is compared: how each server is started, what a page asks it, and what it has stored."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import requests
from attrs import frozen

from bench.field.browser import Browser, chunks, frames, plain
from bench.field.upstream import ChatUpstream, Upstream, background

_SERVERS = Path(__file__).parent / "servers"

# How long a server may take to start, on a busy machine, in seconds.
_STARTING = 240

# After how many seconds a relay takes over from one that has died. The default is 15.
_LEASE = 3

_KEY = "sk-field"
_AUTHORIZED = {"Authorization": f"Bearer {_KEY}"}


@frozen
class Place:
    """What a server is given.

    Attributes:
        folder: Where its files are.
        port: Where it has to listen.
        upstream: The base URL of the server that it asks.
        valkey: The URL of a Valkey; "" if it needs none.
    """

    folder: Path
    port: int
    upstream: str
    valkey: str

    @property
    def url(self) -> str:
        """Where pages find it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """Where it stores messages."""
        return self.folder / "field.db"


@frozen
class Row:
    """An answer in the database.

    Attributes:
        status: What the row says of it; "saved" where rows say nothing.
        text: Its text.
    """

    status: str
    text: str


Pieces: TypeAlias = "Generator[None, None, None]"
"""A page that reads; it yields for each piece that it has got."""


class Candidate:
    """One of those that are compared.

    Attributes:
        name: What the table calls it.
        needs_valkey: Whether it needs a Valkey.
    """

    name = ""
    needs_valkey = False

    def upstream(self) -> AbstractContextManager[Upstream]:
        """Return the server that it asks."""
        return ChatUpstream()

    def prepare(self, place: Place) -> None:
        """Make the table for messages, which the servers here do not make themselves."""
        with contextlib.closing(sqlite3.connect(place.database)) as database:
            database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT)")

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return the command that runs it."""
        raise NotImplementedError

    def variables(self, place: Place) -> Mapping[str, str]:
        """Return variables of its environment."""
        return {"FIELD_UPSTREAM": place.upstream, "FIELD_DB": str(place.database)}

    def browser(self) -> Browser:
        """Return a page."""
        return Browser(plain)

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask, and read."""
        raise NotImplementedError

    def resume(self, place: Place, browser: Browser) -> Pieces:
        """Have a page that comes back read on; it gets nothing where there is no such thing."""
        yield from ()

    def rows(self, place: Place) -> list[Row]:
        """Return the answers in the database."""
        return [Row("saved", text) for (text,) in _select(place, "SELECT content FROM messages")]


class FastAPIGenerator(Candidate):
    """The FastAPI generator, read by a page with `fetch`, which does not come back by itself."""

    name = "FastAPI generator, `fetch`"

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return the command that runs it."""
        module = "bench.field.servers.generator:app"
        return [sys.executable, "-m", "uvicorn", module, "--port", str(place.port)]

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        return browser.read("POST", f"{place.url}/chat")


class FastAPIGeneratorAgain(FastAPIGenerator):
    """The same, read by an EventSource, which sends its request again."""

    name = "FastAPI generator, `EventSource`"

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        return browser.read("GET", f"{place.url}/chat")

    def resume(self, place: Place, browser: Browser) -> Pieces:
        """Do what an EventSource does; the server sends no ids, so there is none to come with."""
        return self.ask(place, browser)


class LiteLLM(Candidate):
    """LiteLLM's proxy, with a callback that saves."""

    name = "LiteLLM proxy"

    def prepare(self, place: Place) -> None:
        """Write its configuration, as JSON, which is YAML too."""
        super().prepare(place)
        shutil.copy(_SERVERS / "saving_callback.py", place.folder)
        settings = json.dumps(self.settings(place))
        (place.folder / "config.yaml").write_text(settings, "utf-8")

    def settings(self, place: Place) -> dict[str, Any]:
        """Return its settings."""
        model = {"model": "openai/words", "api_base": place.upstream, "api_key": "none"}
        return {
            "model_list": [{"model_name": "words", "litellm_params": model}],
            "litellm_settings": {"callbacks": "saving_callback.saver"},
            "general_settings": {"master_key": _KEY},
        }

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return the command that runs it."""
        program = Path(sys.executable).with_name("litellm")
        address = ["--host", "127.0.0.1", "--port", str(place.port)]
        return [sys.executable, program, "--config", "config.yaml", *address]

    def variables(self, place: Place) -> Mapping[str, str]:
        """Return variables of its environment; it may not ask for prices in the network."""
        return {**super().variables(place), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}

    def browser(self) -> Browser:
        """Return a page."""
        return Browser(chunks)

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        return browser.read(
            "POST",
            f"{place.url}/v1/chat/completions",
            headers=_AUTHORIZED,
            json={
                "model": "words",
                "stream": True,
                "messages": [{"role": "user", "content": "Go on."}],
            },
        )


class LiteLLMPolled(LiteLLM):
    """The same in its background mode: it reads a stream of Responses into Redis; a page polls."""

    name = "LiteLLM proxy, background Responses, polled"
    needs_valkey = True

    def upstream(self) -> AbstractContextManager[Upstream]:
        """Return the server that it asks."""
        return background()

    def settings(self, place: Place) -> dict[str, Any]:
        """Return those that the background mode needs."""
        settings = super().settings(place)
        host, _, port = place.valkey.removeprefix("redis://").partition(":")
        settings["litellm_settings"] |= {
            "cache": True,
            "cache_params": {"type": "redis", "host": host, "port": port},
            "responses": {"background_mode": {"polling_via_cache": "all"}},
        }
        return settings

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        body = {"model": "words", "input": "Go on.", "background": True}
        posted = requests.post(
            f"{place.url}/v1/responses", json=body, headers=_AUTHORIZED, timeout=_STARTING
        )
        posted.raise_for_status()
        browser.stream = posted.json()["id"]
        return self.resume(place, browser)

    def resume(self, place: Place, browser: Browser) -> Pieces:
        """Have a page poll."""
        return browser.poll(f"{place.url}/v1/responses/{browser.stream}", headers=_AUTHORIZED)


class ResumableStream(Candidate):
    """Vercel's package."""

    name = "resumable-stream"
    needs_valkey = True

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return the command that runs it."""
        return ["node", _SERVERS / "resumable.mjs"]

    def variables(self, place: Place) -> Mapping[str, str]:
        """Return variables of its environment."""
        own = {"FIELD_PORT": str(place.port), "REDIS_URL": place.valkey}
        return {**super().variables(place), **own}

    def browser(self) -> Browser:
        """Return a page, which says how many characters it has got."""
        return Browser(plain, in_pieces=True)

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        return browser.read("POST", f"{place.url}/chat/one")

    def resume(self, place: Place, browser: Browser) -> Pieces:
        """Have a page resume."""
        return browser.read("GET", f"{place.url}/chat/one", params={"resumeAt": browser.received})


class Relay(Candidate):
    """The relay's command.

    Args:
        log: Where its log is: "memory", "SQLite" or "Valkey".
        api: The API that it asks.
    """

    def __init__(self, log: str, api: str) -> None:
        self.name = f"relay, log in {log}, {'chat' if api == 'chat' else 'background Responses'}"
        self.needs_valkey = log == "Valkey"
        self._log = log
        self._api = api

    def upstream(self) -> AbstractContextManager[Upstream]:
        """Return the server that it asks."""
        return ChatUpstream() if self._api == "chat" else background()

    def prepare(self, place: Place) -> None:
        """Do nothing: it makes its tables."""

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return the command that runs it."""
        database = f"sqlite:///{place.database}"
        logs = {"memory": "memory", "SQLite": database, "Valkey": place.valkey}
        options = {
            "port": place.port,
            "model": "words",
            "api": self._api,
            "base-url": place.upstream,
            "db": database,
            "log": logs[self._log],
            "lease": _LEASE,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        return [sys.executable, "-m", "openai_scan", "relay", *words]

    def variables(self, place: Place) -> Mapping[str, str]:
        """Return variables of its environment."""
        return {"OPENAI_API_KEY": "none"}

    def browser(self) -> Browser:
        """Return a page."""
        return Browser(frames)

    def ask(self, place: Place, browser: Browser) -> Pieces:
        """Have a page ask."""
        url = f"{place.url}/streams"
        posted = requests.post(url, json={"prompt": "Go on."}, timeout=_STARTING)
        posted.raise_for_status()
        browser.stream = posted.json()["stream"]
        return self.resume(place, browser)

    def resume(self, place: Place, browser: Browser) -> Pieces:
        """Do what an EventSource does."""
        headers = {"Last-Event-ID": browser.cursor} if browser.cursor else {}
        return browser.read("GET", f"{place.url}/streams/{browser.stream}/events", headers=headers)

    def rows(self, place: Place) -> list[Row]:
        """Return the answers in the database."""
        query = "SELECT status, content FROM messages WHERE role = 'assistant'"
        return [Row(*found) for found in _select(place, query)]


CANDIDATES: Sequence[Candidate] = (
    FastAPIGenerator(),
    FastAPIGeneratorAgain(),
    LiteLLM(),
    LiteLLMPolled(),
    ResumableStream(),
    *(Relay(log, "chat") for log in ("memory", "SQLite", "Valkey")),
    *(Relay(log, "responses") for log in ("memory", "SQLite", "Valkey")),
)


class Server:
    """The server of a candidate, in a process of its own; `start()` it."""

    def __init__(self, candidate: Candidate, place: Place) -> None:
        self._candidate = candidate
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens.

        Raises:
            OSError: It has not started; its output is in the message.
        """
        output = self._place.folder / "output.txt"
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                [*self._candidate.command(self._place)],
                cwd=self._place.folder,
                env={**os.environ, "NO_PROXY": "*", **self._candidate.variables(self._place)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STARTING
        while not _listens(self._place.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OSError(output.read_text("utf-8"))
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, with the processes that it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _select(place: Place, query: str) -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(place.database)) as database:
        return database.execute(query).fetchall()
