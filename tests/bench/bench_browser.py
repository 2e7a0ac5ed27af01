"""What a page costs: bytes, time to the first token, CPU, how late tokens are, how long it freezes.

Run as `python -m bench.bench_browser`, in the environment of the tests, which has Node.js, Pyodide
and what drives the browsers. It writes what it finds into docs/how-to/in-the-browser.md. The
targets are for Chromium; if there is a Firefox, it is measured too.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from web.browser import Browser
from web.chromium import Chromium
from web.firefox import Firefox
from web.node import PYODIDE

from bench import bench_engines, machine, page_server, report
from bench.results import TABLES, Figure, Result, figure
from bench.timing import spread
from openai_scan.web.bundle import write_bundle
from openai_scan.web.serving import PageServer
from openai_scan.web.site import build_site

_ROOT = Path(__file__).parents[2]
_FOUND = _ROOT / "build" / "bench"
_PAGE = _ROOT / "docs" / "how-to" / "in-the-browser.md"
_SCRIPT = Path(__file__).with_name("in_page.js")
_NODE = shutil.which("node", path=str(Path(sys.executable).parent))

_ROUNDS = 5

# The targets.
_BYTES = 420_000
_SECONDS = {"cold": 2.9, "warm": 2.0}
_SPREAD = 80.0
_LATE = 5.0
_FREEZE = 100.0

# The sites.
_SOURCE, _LEAN, _COMPILED = "source", "lean", "compiled"

_EMPTY_PAGE = """<!doctype html>
<title>Empty</title>
<script type="module">
import { loadPyodide } from "./pyodide/pyodide.mjs";
const pyodide = await loadPyodide();
pyodide.runPython("1 + 1");
window.isLoaded = performance.now();
</script>
"""

# What is opened: a page of a site, as a row of the table calls it.
_PAGES = {
    "an empty page that loads Pyodide": (_SOURCE, "empty.html"),
    "the same, Python's own modules compiled": (_COMPILED, "empty.html"),
    "the page as `build` writes it, all compiled": (_COMPILED, ""),
    "the page, only Python's own modules compiled": (_LEAN, ""),
    "the page, built without Node.js": (_SOURCE, ""),
}
_EMPTY, _EMPTY_COMPILED, _BUILT, *_ = _PAGES

# The models of the server, as the tables call their streams.
_STREAMS = {"paced": "a stream", "busy": "a stream after a pause"}

_FACTS = ("Date", "Processor", "System", "Python", "openai-scan", "attrs", "cattrs")

Values: TypeAlias = "dict[tuple[str, str], list[float]]"
"""What was measured in each round, by row and column."""


def measure() -> Result:
    """Measure everything, in one run."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as made, page_server.running() as api:
        sites = build_sites(Path(made))
        figures = [
            *_sizes(sites),
            *_pages(sites, api),
            *bench_engines.measure(sites[_COMPILED], Path(made)),
        ]
        facts = {name: value for name, value in machine.facts().items() if name in _FACTS}
        facts |= _engines(Path(made))
    facts["Load average"] = f"{load:.1f} before, {os.getloadavg()[0]:.1f} after{_priority()}"
    return Result("browser", facts, tuple(figures))


def build_sites(folder: Path) -> dict[str, Path]:
    """Build the sites that are compared, in *folder*."""
    sites = {name: folder / name for name in (_SOURCE, _LEAN, _COMPILED)}
    build_site(sites[_SOURCE], pyodide=str(PYODIDE))
    assert build_site(sites[_COMPILED], pyodide=str(PYODIDE), node=_NODE), "Node.js is missing"
    for site in (sites[_SOURCE], sites[_COMPILED]):
        (site / "empty.html").write_text(_EMPTY_PAGE, "utf-8")
    shutil.copytree(sites[_COMPILED], sites[_LEAN])
    write_bundle(sites[_LEAN] / "bundle.zip")
    return sites


def _sizes(sites: Mapping[str, Path]) -> Iterator[Figure]:
    for row, site in (("source code (lean)", _LEAN), ("compiled", _COMPILED)):
        size = (sites[site] / "bundle.zip").stat().st_size
        yield figure("browser-sizes", f"the bundle, {row}", "zip", spread([float(size)]), _BYTES)
    for row, site in (("", _SOURCE), (", Python's own modules compiled", _COMPILED)):
        files = sorted((sites[site] / "pyodide").iterdir())
        size = sum(map(_compressed, files))
        yield figure("browser-sizes", f"Pyodide{row}", "gzip", spread([float(size)]))


def _compressed(file: Path) -> int:
    """Return how many bytes a static host sends of *file*."""
    data = file.read_bytes()
    return len(data if file.suffix == ".zip" else gzip.compress(data, 9))


def _pages(sites: Mapping[str, Path], api: str) -> Iterator[Figure]:
    """Yield the times to the first token, and everything about the tokens and the freezes."""
    kinds = {kind.__name__: kind for kind in (Chromium, Firefox) if kind.command}
    found: dict[str, Values] = {name: {} for name in kinds}
    with contextlib.ExitStack() as stack:
        urls = {n: stack.enter_context(PageServer(str(site), 0)).url for n, site in sites.items()}
        for number in range(_ROUNDS):
            sys.stderr.write(f"pages: round {number + 1} of {_ROUNDS}\n")
            for name, kind in kinds.items():
                note = functools.partial(_note, found[name])
                for row, (site, path) in _PAGES.items():
                    if kind is not Chromium and row not in (_EMPTY, _BUILT):
                        continue
                    with browser_of(kind) as browser:
                        _open(browser, urls[site] + path, api, row, note)
    for name, values in found.items():
        aims = name == "Chromium"
        yield from _first(name, values, aims=aims)
        yield from _tokens(name, values, aims=aims)
        yield from _freezes(name, values, aims=aims)


Note: TypeAlias = "Callable[[str, str, float], None]"


def _note(found: Values, row: str, column: str, value: float) -> None:
    found.setdefault((row, column), []).append(value)


@contextlib.contextmanager
def browser_of(kind: type[Browser]) -> Iterator[Browser]:
    """Start a browser with a new profile, whose cache is empty."""
    with tempfile.TemporaryDirectory() as profile, kind(Path(profile)) as browser:
        with browser.prepared(_SCRIPT.read_text("utf-8")):
            yield browser


def _open(browser: Browser, url: str, api: str, row: str, note: Note) -> None:
    """Open a page for the first time and for the second."""
    is_empty = url.endswith("empty.html")
    browser.open(url)
    for when in _SECONDS:
        if when == "warm":
            browser.reload()
        seen = browser.run("empty()" if is_empty else f"ask({json.dumps(api)}, 'at once')")
        note(row, when, seen["ready" if is_empty else "first"] / 1e3)
        note(f"{row}: Pyodide", when, seen["freezeOfPyodide"])
        if not is_empty:
            note(f"{row}: library", when, seen["freezeOfLibrary"])
            note(f"{row}: stream", when, seen["freezeOfStream"])
    if row == _BUILT:
        _stream(browser, api, note)


def _stream(browser: Browser, api: str, note: Note) -> None:
    """Read a stream as it comes, and one after a pause; the page is warm."""
    note("idle", "freeze", browser.run("idle(3)"))
    for model in _STREAMS:
        seen = browser.run(f"ask({json.dumps(api)}, {model!r})")
        shown, sent = seen["shown"], seen["sent"]
        assert len(shown) == page_server.TOKENS
        late = [there - here for there, here in zip(shown, sent, strict=True)]
        note(model, "spread", 100 * (shown[-1] - shown[0]) / (sent[-1] - sent[0]))
        note(model, "late", statistics.median(late))
        note(model, "latest", max(late))
        note(model, "freeze", seen["freezeOfStream"])


def _first(name: str, found: Values, *, aims: bool) -> Iterator[Figure]:
    for row in _PAGES:
        for when, limit in _SECONDS.items():
            if (row, when) in found:
                is_aim = aims and row not in (_EMPTY, _EMPTY_COMPILED)
                values, column = spread(found[row, when]), f"{name}, {when}"
                yield figure("browser-first", row, column, values, limit if is_aim else None)


def _tokens(name: str, found: Values, *, aims: bool) -> Iterator[Figure]:
    for model, stream in _STREAMS.items():
        row = f"{stream}, {name}"
        for table, column, key, limit in (
            ("browser-spread", "% of the server's time", "spread", _SPREAD),
            ("browser-late", "median", "late", _LATE),
            ("browser-late", "at most", "latest", None),
        ):
            values = spread(found[model, key])
            yield figure(table, row, column, values, limit if aims else None)


def _freezes(name: str, found: Values, *, aims: bool) -> Iterator[Figure]:
    table = "browser-freeze"
    column = f"{name}, warm"
    yield figure(table, "while nothing happens", column, spread(found["idle", "freeze"]))
    for model, row in _STREAMS.items():
        values = spread(found[model, "freeze"])
        yield figure(table, f"in {row}", column, values, _FREEZE if aims else None)
    for row, key, is_aim in (
        ("in the first stream", f"{_BUILT}: stream", True),
        ("while the page loads the library", f"{_BUILT}: library", True),
        ("while the page loads Pyodide", f"{_BUILT}: Pyodide", False),
        ("while an empty page loads Pyodide", f"{_EMPTY}: Pyodide", False),
    ):
        for when in _SECONDS:
            values, limit = spread(found[key, when]), _FREEZE if aims and is_aim else None
            yield figure(table, row, f"{name}, {when}", values, limit)


def _engines(folder: Path) -> dict[str, str]:
    about = json.loads((PYODIDE / "package.json").read_text("utf-8"))
    ran = subprocess.run([str(_NODE), "--version"], capture_output=True, text=True, check=True)
    facts = {"Pyodide": about["version"], "Node.js": ran.stdout.strip().removeprefix("v")}
    for kind in (Chromium, Firefox):
        if kind.command:
            with kind(folder / f"profile of {kind.__name__}") as browser:
                facts[kind.__name__] = browser.version.partition("/")[2]
    return facts


def _priority() -> str:
    """Say so if the run had priority, since a load of others hardly matters then."""
    # Linux shares the processors among sessions first, if there is this file, by its last word.
    group = Path("/proc/self/autogroup")
    words = group.read_text("utf-8").split() if group.exists() else ["0"]
    return ", with priority" if min(int(words[-1]), os.getpriority(os.PRIO_PROCESS, 0)) < 0 else ""


def _main() -> None:
    start = time.monotonic()
    result = measure()
    result.save(_FOUND)
    for key in dict.fromkeys(one.table for one in result.figures):
        sys.stdout.write(f"\n{TABLES[key].claim}\n\n{report.table(key, result.figures)}")
    _PAGE.write_text(report.fill_browser(_PAGE.read_text("utf-8"), result), "utf-8")
    sys.stdout.write(f"\n{_PAGE}, after {time.monotonic() - start:.0f} s\n")


if __name__ == "__main__":
    _main()
