"""The documents: their examples run as printed, and the reference has a place for every name."""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import inspect
import logging
import math
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import doc_server
import pytest
from pages import PAGES, ROOT, blocks_of, write_programs

import openai_scan
from openai_scan import cli
from openai_scan.cli import demo
from openai_scan.client import Client
from openai_scan.demo import ReplayServer

pytestmark = pytest.mark.unmeasured

_COMMAND = "$ python -m openai_scan "


# Pages with an example that needs a library for which Python is too old.
_TOO_OLD = {"docs/how-to/async.md": pytest.mark.skipif(sys.version_info < (3, 11), reason="httpx2")}


def pages_with(language: str, begin: str = "") -> list[object]:
    """Return the pages that have a block of *language* that begins with *begin*."""
    return [
        pytest.param(page, id=str(name), marks=_TOO_OLD.get(name.as_posix(), ()))
        for page, name in ((page, page.relative_to(ROOT)) for page in PAGES)
        if any(b.language == language and b.code.startswith(begin) for b in blocks_of(page))
    ]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What an example finds: a server, a key, and a folder with a recording."""
    shutil.copy(ROOT / "docs/examples/recordings/event-streams.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("OPENAI_SCAN_HOME", str(tmp_path / "home"))
    with mock.patch.dict(os.environ), doc_server.serving() as origin:  # a page may change it
        for name, value in doc_server.environment(origin).items():
            monkeypatch.setenv(name, value)
        yield
        logging.getLogger("openai_scan").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run_as_printed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of a page run in order, and print what the page says they print."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.language == "python":
            # The empty lines make a traceback point into the page.
            code = compile("\n" * (block.line - 1) + block.code, page, "exec", dont_inherit=True)
            exec(code, namespace)
            printed = capsys.readouterr().out
            expected = block.output or ""
            # A page cannot show that the last line has no end.
            assert printed.removesuffix("\n") == expected.removesuffix("\n"), (
                f"{page}, line {block.line}"
            )
    del namespace, code
    gc.collect()  # what a page leaves open is a warning here, and so an error


def test_each_program_of_the_tutorial_runs_alone(tmp_path: Path) -> None:
    """A reader starts the server, takes over what it exports, and saves each block in a file."""
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests/doc_server.py", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        word, *settings = shlex.split(server.stdout.readline())
        assert word == "export"
        environment = os.environ | dict(each.split("=", 1) for each in settings)
        programs = [b for b in blocks_of(ROOT / "docs/tutorial.md") if b.language == "python"]
        program = tmp_path / "step.py"
        for block in programs:
            program.write_text(block.code, encoding="utf-8")
            printed = subprocess.run(
                [sys.executable, program],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert printed.stdout == block.output, printed.stderr
    finally:
        server.terminate()
        server.communicate()
    assert len(programs) == 6


def test_type_checkers_read_the_blocks_at_their_lines(tmp_path: Path) -> None:
    """`make types` checks each page as one program, whose lines are those of the page."""
    (tmp_path / "docs_gone.py").write_text("1 + ''")
    write_programs(tmp_path)
    pages = [page for page in PAGES if any(each.language == "python" for each in blocks_of(page))]
    assert len(pages) == len(list(tmp_path.glob("*.py"))) > 20
    program = (tmp_path / "README.py").read_text("utf-8").splitlines()
    page = (ROOT / "README.md").read_text("utf-8").splitlines()
    same = [ours == theirs for ours, theirs in zip(program, page, strict=False)]
    assert program[0].startswith("# mypy:")
    assert all(same[at] for at, line in enumerate(program) if at and line)
    assert sum(map(bool, program)) > 30


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("page", pages_with("console", _COMMAND))
def test_commands_print_what_the_page_says(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command ends with success and prints what the page says, whatever time it takes."""
    monkeypatch.setattr(demo, "ReplayServer", lambda speed: ReplayServer(speed=speed * math.inf))
    for block in blocks_of(page):
        if block.language == "console" and block.code.startswith(_COMMAND):
            command, _, expected = block.code.partition("\n")
            words = shlex.split(os.path.expandvars(command.removeprefix(_COMMAND)))
            assert cli.main(words) == 0
            printed = capsys.readouterr()
            # What goes to stderr may come before or after the rest.
            printed_either_way = {
                _timeless(printed.out + printed.err),
                _timeless(printed.err + printed.out),
            }
            assert _timeless(expected) in printed_either_way


def test_the_example_of_a_test_suite_passes(tmp_path: Path) -> None:
    """The project that the page on testing shows runs as it stands, without a key."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "docs/examples/test-your-app", project)
    environment = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    plugins = ["-p", "no:cacheprovider", "-p", "openai_scan.pytest_plugin"]
    plugins += ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins],
        env={**environment, "PYTHONPATH": str(project)},
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "6 passed" in ran.stdout, ran.stdout


def _timeless(output: str) -> str:
    """Return *output* without times, ports, versions, and blanks at the ends of it and its lines.

    Old versions of rich end a progress bar that they do not draw with a blank line.
    """
    output = re.sub(r"\d+\.\d+ s", "… s", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:…", output))
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "…", output)
    output = re.sub(r"^openai_scan .*$", "openai_scan …", output, flags=re.MULTILINE)
    output = re.sub(r"\(BaseHTTP/.*\)", "(…)", output)
    return re.sub(r" +$", "", output, flags=re.MULTILINE).rstrip("\n")


def public_modules() -> list[str]:
    """Return the names of the public modules that say which names of theirs are public."""
    found = pkgutil.walk_packages(openai_scan.__path__, "openai_scan.")
    names = ["openai_scan", *(module.name for module in found if "._" not in module.name)]
    return [name for name in names if hasattr(importlib.import_module(name), "__all__")]


def reference_of(module: str) -> Path:
    """Return the page that describes *module*."""
    return ROOT / "docs/reference" / f"{module.removeprefix('openai_scan.')}.md"


@functools.cache
def described_on(page: Path) -> frozenset[str]:
    """Return the full names that *page* describes by itself; `make docs` proves that they exist."""
    text = page.read_text("utf-8")
    return frozenset(re.findall(r"^\.\. auto(?!module)\w+:: ([\w.]+)$", text, re.MULTILINE))


def linked_on(page: Path) -> set[str]:
    """Return the full names that *page* links to; `make docs` proves that the links lead there."""
    return set(re.findall(r"\{py:\w+\}`(?:[^`<]*<|~?)([\w.]+)>?`", page.read_text("utf-8")))


@pytest.mark.parametrize("module", public_modules())
def test_every_public_name_has_a_place_in_the_reference(module: str) -> None:
    """The page of a module describes each name of its `__all__`, or links to where that is."""
    page = reference_of(module)
    public = set(importlib.import_module(module).__all__)
    named = {name.rpartition(".")[2] for name in described_on(page) | linked_on(page)}
    assert public - named - {"__version__"} == set()


def test_every_link_of_the_reference_leads_to_a_description() -> None:
    """What a page of the reference links to is described on some page of it."""
    pages = sorted((ROOT / "docs/reference").glob("*.md"))
    described = frozenset[str]().union(*map(described_on, pages))
    assert [name for page in pages for name in linked_on(page) - described] == []


def test_every_method_of_the_client_has_a_place_in_the_reference() -> None:
    """The page of the client describes each of its methods, also those that it inherits."""
    methods = {
        f"openai_scan.client.Client.{name}"
        for name, _ in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods - described_on(reference_of("openai_scan.client")) == set()


def test_every_note_is_explained() -> None:
    """The page on tolerance has each note that the code makes, by its first word."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "openai_scan").rglob("*.py"))
    made = set(re.findall(r'(?:note|tolerates)\(f?"(\w+)', code))
    made |= set(re.findall(r'notes\["(\w+)"\] \+=', code))
    page = (ROOT / "docs/explanation/tolerance.md").read_text("utf-8")
    explained = set(re.findall(r"`(\w+)(?::[^`]*)?`", page.split("## The notes")[1]))
    assert len(made) > 25
    assert made - explained == {"recording_truncated"}  # a note of recordings, which have a page


def sentences() -> list[str]:
    """Return the texts in the package's code, with `…` in place of what is put into them."""
    found = []
    for path in (ROOT / "openai_scan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [part.value if isinstance(part, ast.Constant) else "…" for part in parts]
            found.append("".join(text for text in texts if isinstance(text, str)))
    return found


@pytest.mark.unmeasured
def test_the_package_says_what_troubleshooting_quotes() -> None:
    """Each message in the first column, from one `…` to the next, is in the code as quoted."""
    page = (ROOT / "docs/how-to/troubleshooting.md").read_text("utf-8")
    first = "\n".join(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))
    not_ours = {"Connection refused", "Name or service not known", "wrong version number"}
    not_ours |= {"record layer failure", "incomplete", "usage"}
    not_ours |= {"'DoneEvent' object has no attribute 'choices'"}
    not_ours |= {"HTTP status 401", "HTTP status 404", "HTTP status 429"}
    said = sentences()
    quoted = set(re.findall(r"`([^`]+)`", first)) - not_ours
    assert len(quoted) > 40
    pieces = [(quote, piece.strip(" :")) for quote in quoted for piece in quote.split("…")]
    unsaid = [quote for quote, piece in pieces if not any(piece in text for text in said)]
    assert unsaid == []


def places_in_the_layout() -> set[str]:
    """Return the files and folders that the layout in *Contributing* has a line for."""
    (tree,) = (
        block.code for block in blocks_of(ROOT / "docs/contributing.md") if "sse/" in block.code
    )
    places: set[str] = set()
    above: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0].rstrip("/")
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        places.add("/".join(above))
    return places


def test_the_layout_is_complete() -> None:
    """The layout lists the modules of the package, of `events` and of `stream`.

    It also lists every folder of tests that does not mirror one of the package.
    """
    listed = places_in_the_layout()
    families = {path.parent for path in (ROOT / "openai_scan/events").glob("*/events.py")}
    assert len(families) == 7
    left_out = {"__init__.py", "__pycache__", "_built.py", "_version.py"}
    for folder in ("openai_scan", "openai_scan/events", "openai_scan/stream"):
        for path in (ROOT / folder).iterdir():
            if path.name not in left_out and path not in families and path.suffix in {"", ".py"}:
                assert path.relative_to(ROOT).as_posix() in listed
    mirrors = {path.stem for path in (ROOT / "openai_scan").iterdir()}
    for path in (ROOT / "tests").iterdir():
        if path.is_dir() and path.name not in mirrors | left_out:
            assert f"tests/{path.name}" in listed
    for place in listed - {"openai_scan/events/<family>"}:
        assert (ROOT / place).exists(), f"there is no {place}"
