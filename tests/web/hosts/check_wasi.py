"""The recipe for WASI, in CPython built for it."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from test_wasi import MISSING

from openai_scan.testing import chat_chunk
from web.hosts.recipes import recipe
from web.hosts.sites import COMMANDS

HOST = Path(__file__).with_name("run_wasi.py")

LIST_MISSING = """
import importlib

for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        print(name)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """Make the folder of the modules, with the program of the recipe."""
    folder = tmp_path_factory.mktemp("wasi")
    for name in ("attrs", "cattrs", "typing_extensions", "openai_scan"):
        (wheel,) = wheels.glob(f"{name}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    (folder / "ask.py").write_text(recipe("WASI", "py"), "utf-8")
    return folder


def command(folder: Path, *arguments: str) -> list[str]:
    """Return the command that runs Python in WASI."""
    return [str(COMMANDS / "python"), str(HOST), str(folder), *arguments]


def printed_by(folder: Path, program: str) -> str:
    """Run *program*, and return what it prints."""
    ran = subprocess.run(
        command(folder, "-c", program), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_bytes_that_are_passed_in_are_read(folder: Path) -> None:
    """As the page prints it."""
    assert printed_by(folder, recipe("WASI", "python")) == "Hi\n"


def test_tokens_show_as_they_come(folder: Path) -> None:
    """The second one is passed in when the first one has been printed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command(folder, "/lib/ask.py"), stdin=pipe, stdout=pipe) as ran:
        assert ran.stdin is not None
        assert ran.stdout is not None
        for text in ("Hello", " there"):
            ran.stdin.write(chat_chunk(text))
            ran.stdin.flush()
            assert ran.stdout.read(len(text)) == text.encode()
        ran.stdin.write(b"data: [DONE]\n\n")
        ran.stdin.close()
        assert ran.stdout.read() == b""
    assert ran.returncode == 0


def test_a_client_says_that_it_cannot_work(folder: Path) -> None:
    """There are no sockets."""
    program = """
from openai_scan import Client, ConfigurationError

try:
    Client("sk-mine")
except ConfigurationError as error:
    print(error)
"""
    assert printed_by(folder, program).startswith("requests and urllib3 cannot be imported")


def test_what_the_quick_test_does_without_is_not_there(folder: Path) -> None:
    """So `test_wasi.py` does not do without too much."""
    assert printed_by(folder, LIST_MISSING.format(names=MISSING)).split() == list(MISSING)
