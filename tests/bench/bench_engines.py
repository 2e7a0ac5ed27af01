"""CPU of Pyodide for events from memory, in Node.js and in Chromium, against that of CPython."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from web.chromium import Chromium
from web.node import Engine

from bench import in_pyodide, workloads
from bench.results import Figure, figure
from bench.timing import cpu_seconds, ratios, spread
from openai_scan.web.bundle import write_bundle
from openai_scan.web.serving import PageServer

_HERE = Path(__file__).parent

# The target.
_TIMES = 1.7

_FAMILIES = ("chat", "responses")
_EVENTS = 2_000
# In a page, CPU time is counted in steps of 10 ms.
_REPEATED = 30
_SIZES = {"an event at a time": None, "64 KiB at a time": 65536}

_ROUNDS = 5
# Until the engine has compiled what runs often.
_WARM_UP = 1


def measure(site: Path, folder: Path) -> Iterator[Figure]:
    """Yield what an event costs in each engine, against CPython in the same round.

    Args:
        site: The folder of a site with Pyodide and the bundle; the page for it is put there.
        folder: Where the engines may keep what they need.
    """
    if find_spec("msgspec") is not None:
        raise RuntimeError("with msgspec CPython decodes by other code than Pyodide")
    shutil.copy(_HERE.parent / "web/engine.html", site / "engine.html")
    shutil.copy(_HERE / "in_pyodide.py", site / "scenarios.py")
    write_bundle(folder / "bundle.zip")
    with (
        Engine(
            folder / "bundle.zip", scenarios=_HERE / "in_pyodide.py", pyodide=site / "pyodide"
        ) as engine,
        PageServer(str(site), 0) as server,
        Chromium(folder / "profile") as browser,
    ):
        browser.open(f"{server.url}engine.html")
        browser.until("window.isReady")
        found = _measured(engine, browser)
    for row, costs in found.items():
        for name in ("Node.js", "Chromium"):
            yield figure("browser-cpu", row, name, ratios(costs[name], costs["CPython"]), _TIMES)
        for name, seconds in costs.items():
            each = [1e6 * one / _EVENTS / _REPEATED for one in seconds]
            yield figure("browser-cpu", row, f"{name}, µs", spread(each))


def _measured(engine: Engine, browser: Chromium) -> dict[str, dict[str, list[float]]]:
    """Return the CPU seconds of each engine in each round, by what it reads."""
    jobs: dict[str, Callable[[str], float]] = {
        "CPython": _in_cpython,
        "Node.js": functools.partial(_in_node, engine),
        "Chromium": functools.partial(_in_chromium, browser),
    }
    found: dict[str, dict[str, list[float]]] = {}
    for family in _FAMILIES:
        stream = workloads.workload(family, _EVENTS).stream.decode()
        for size_name, size in _SIZES.items():
            key = f"{family}, {size_name}"
            found[key] = {name: [] for name in jobs}
            in_pyodide.keep(key, stream, size)
            engine.run("keep", key=key, stream=stream, size=size)
            _in_page(browser, "keep", key=key, stream=stream, size=size)
    for number in range(_WARM_UP + _ROUNDS):
        sys.stderr.write(f"CPU: round {number + 1} of {_WARM_UP + _ROUNDS}\n")
        for key, costs in found.items():
            for name, run in jobs.items():
                seconds = run(key)
                if number >= _WARM_UP:
                    costs[name].append(seconds)
    return found


def _in_cpython(key: str) -> float:
    return cpu_seconds(lambda: in_pyodide.decode_kept(key, _REPEATED))


def _in_node(engine: Engine, key: str) -> float:
    before: float = engine.run("cpu_seconds")
    engine.run("decode_kept", key=key, times=_REPEATED)
    after: float = engine.run("cpu_seconds")
    return after - before


def _in_chromium(browser: Chromium, key: str) -> float:
    before = browser.cpu_seconds()
    _in_page(browser, "decode_kept", key=key, times=_REPEATED)
    return browser.cpu_seconds() - before


def _in_page(browser: Chromium, name: str, **arguments: Any) -> Any:
    given = json.dumps(json.dumps(arguments))
    outcome = browser.run(f"start({json.dumps(name)}, {given}); finished")
    assert "error" not in outcome, outcome["error"]
    return outcome["value"]
