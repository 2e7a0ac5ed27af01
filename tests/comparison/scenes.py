"""What each library is put through, and what came of it: a process and a server for each cell."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from comparison import pyodide_pages, table
from comparison.readers import PATIENCE, READERS
from comparison.table import LIBRARIES, Cell
from openai_scan.testing import (
    FakeServer,
    Reply,
    Step,
    background_responses,
    chat_answer,
    chat_chunk,
    cut,
    data,
    delay,
    hold,
    response_answer,
    stream_error,
)
from openai_scan.web.serving import PageServer

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_TEXT = "Hello brave new world"

# How long a process may take, on a busy machine, in seconds; some libraries take long to load.
_RUNNING = 180

# Tokens in the answers that CPU time is measured with, and how many rounds of them.
_BULK = 5000
_PACED = 100
_ROUNDS = 5
_PAUSE = 1 / 50

# What a page of the documentation says of these, from `make field`.
_FIELD = _ROOT / "docs" / "explanation" / "relay-field.md"
_FIELD_ROWS = {
    "openai_scan": "relay, log in Valkey, background Responses",
    "LiteLLM": "LiteLLM proxy, background Responses, polled",
    "AI SDK": "resumable-stream",
}


def _half() -> list[Step]:
    return [chat_chunk("Hello"), chat_chunk(" wor")]


def _wrong() -> bytes:
    delta = {"role": "assistant", "content": 5}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5"}
    return data({**facts, "choices": [choice]})


_ANSWERS: Mapping[str, Callable[[], list[Step]]] = {
    "cut": lambda: [*_half(), cut()],
    "early": _half,
    "failure": lambda: [*_half(), stream_error("server_error")],
    "wrong": lambda: [_wrong(), *chat_answer(" world")],
    "held": lambda: [*chat_answer("Hello world"), hold()],
    "cancel": lambda: [*_half(), hold()],
    # Servers send the end of the body in a packet of its own.
    "reuse": lambda: [*chat_answer("Hello world"), delay(0.05)],
}


def play(scene: str) -> dict[str, Cell]:
    """Play a scene with each library, and return what came of it."""
    match scene:
        case "bulk" | "paced":
            return table.costs(_cpu(scene))
        case "browser":
            return _in_browsers()
        case "leave" | "kill":
            return _relayed(scene)
    return {name: _play(scene, name) for name in LIBRARIES}


def _play(scene: str, library: str) -> Cell:
    match scene:
        case "types":
            answer = response_answer(_TEXT)
            with FakeServer(lambda _: Reply(steps=answer)) as server:
                found = _run(library, "response", server)
            names = {event.partition(b"\n")[0] for event in answer}
            # What is no reader of OpenAI's API alone has events of its own.
            return table.typed(found, len(names), of_its_own=library == "AI SDK")
        case "resume":
            answer = response_answer(_TEXT)
            with FakeServer(background_responses([*answer[:6], cut(), *answer[6:]])) as server:
                return table.resumed(_run(library, "background", server), _TEXT)
    with FakeServer(lambda _: Reply(steps=_ANSWERS[scene]())) as server:
        match scene:
            case "cancel":
                return table.cancelled(_run(library, "cancel", server), PATIENCE)
            case "reuse":
                read = _run(library, "chats", server)["read"]
                assert all(each["error"] is None for each in read)
                return table.reused(server.connections)
            case "held":
                return table.came_back(_run(library, "held", server), PATIENCE)
            case "wrong":
                return table.passed_on(_run(library, "chat", server))
            case _:
                found = _run(library, "chat", server)
                assert "".join(found["texts"]) == "Hello wor"
                return table.ended(found)


def _run(library: str, probe: str, server: FakeServer) -> Any:
    """Let a process read from *server*, and return what it prints."""
    if library in READERS:
        command = [sys.executable, "-m", "comparison.readers", library, probe, server.base_url]
    else:
        command = ["node", str(_HERE / "reader.mjs"), probe, server.base_url]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=_RUNNING, check=True, text=True, env=_environment()
    )
    return json.loads(ran.stdout.splitlines()[-1])


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_HERE.parent), "NO_PROXY": "*"}


# What a token costs.


def _cpu(scene: str) -> dict[str, float]:
    """Return the CPU time of a token, in µs: the median of some rounds, in turns."""
    measured: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for _ in range(_ROUNDS):
        for name, rounds in measured.items():
            # The first answer warms the library up.
            answers = iter([chat_answer("Hello world"), _tokens(scene)])
            with FakeServer(lambda _, each=answers: Reply(steps=next(each))) as server:
                rounds.append(_run(name, "cost", server)["us"])
    return {name: statistics.median(rounds) for name, rounds in measured.items()}


def _tokens(scene: str) -> Iterator[Step]:
    if scene == "bulk":
        tokens = b"".join(chat_chunk(f" token{number}") for number in range(_BULK))
        yield chat_chunk("Hello")
        for start in range(0, len(tokens), 1 << 16):
            yield tokens[start : start + (1 << 16)]
    else:
        yield chat_chunk("Hello")
        for number in range(_PACED):
            yield delay(_PAUSE)
            yield chat_chunk(f" token{number}")
    yield from chat_answer("!")


# In a web page.


def _in_browsers() -> dict[str, Cell]:
    others = pyodide_pages.in_pages(chat_answer(_TEXT), _TEXT)
    return {"openai_scan": _own_page(), **others, "AI SDK": _sdk_page()}


def _own_page() -> Cell:
    """Run the test of a page that streams, which has an environment of its own."""
    test = "tests/web/test_browser.py::test_each_token_comes_before_the_next_is_sent"
    command = [os.environ["COMPARISON_PYTHON"], "-m", "pytest", "--quiet", test]
    environment = {**_environment(), "OPENAI_SCAN_BROWSER": "chromium"}
    ran = subprocess.run(command, cwd=_ROOT, env=environment, stdout=sys.stderr, check=False)
    assert ran.returncode == 0
    return Cell("yes", "in Pyodide, `Client` and `AsyncClient`, in Chromium")


def _sdk_page() -> Cell:
    """Bundle a page with the SDK, and let Chromium show it."""
    modules = Path(os.environ["COMPARISON_NODE"])
    site = modules / "site"
    site.mkdir(exist_ok=True)
    page = modules / "page.mjs"
    page.write_bytes((_HERE / "page.mjs").read_bytes())
    bundle = ["--bundle", "--format=esm", "--log-level=error", f"--outfile={site / 'page.js'}"]
    subprocess.run([modules / "node_modules/.bin/esbuild", page, *bundle], check=True)
    script = '<!doctype html><meta charset="utf-8"><body><script type="module" src="page.js">'
    (site / "index.html").write_text(f"{script}</script>", "utf-8")
    with FakeServer(lambda _: Reply(steps=chat_answer(_TEXT)), pages="*") as server:
        with PageServer(str(site), 0) as pages:
            shown = subprocess.run(
                [
                    *("chromium", "--headless", "--no-sandbox", "--no-proxy-server"),
                    *("--virtual-time-budget=20000", "--dump-dom"),
                    f"{pages.url}?base={server.base_url}",
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
                timeout=60,
            ).stdout
    found = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    if found["error"] is None and "".join(found["texts"]) == _TEXT:
        return Cell("yes", "bundled by esbuild, in Chromium")
    return Cell("no", f"`{found['error']}`")


# What `make field` has found.


def _relayed(scene: str) -> dict[str, Cell]:
    """Read off the page what a browser had at the end; a client alone serves no browser."""
    section = _FIELD.read_text("utf-8").split(f"<!-- field: {scene} -->")[1]
    rows = section.split("<!-- field: end -->")[0].splitlines()
    found = {
        name: table.lost(next(row for row in rows if row.startswith(f"| {candidate} |")))
        for name, candidate in _FIELD_ROWS.items()
    }
    nothing = Cell("not applicable", "it is a client only")
    return {name: found.get(name, nothing) for name in LIBRARIES}
