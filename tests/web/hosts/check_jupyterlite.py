"""The recipe for JupyterLite, in Chromium."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from openai_scan.testing import FakeServer, chat_chunk, hold
from openai_scan.web.serving import PageServer
from web.chromium import Chromium
from web.hosts.recipes import recipe
from web.hosts.sites import COMMANDS, write_pyodide

PRINTED = (
    "[...document.querySelectorAll('.jp-OutputArea-output')].map((one) => one.textContent).join('')"
)

AWAITED = """
from openai_scan import AsyncClient

client = AsyncClient("sk-mine", allow_browser=True)
async with client.create_chat_completion_stream(model="m", messages=[]) as s:
    async for text in s.text_deltas():
        print(text, end="", flush=True)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Iterator[PageServer]:
    """Build the site of the recipe, which loads everything from itself, and serve it."""
    folder = tmp_path_factory.mktemp("jupyterlite")
    write_pyodide(folder / "static/pyodide")
    (folder / "pypi").symlink_to(wheels)
    command = recipe("JupyterLite", "console").splitlines()[-1].removeprefix("$ jupyter ")
    ran = subprocess.run(
        [COMMANDS / "jupyter-lite", *command.split()[1:], "--apps", "repl", "--no-sourcemaps"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    with PageServer(str(folder / "site"), 0) as server:
        yield server


@pytest.mark.parametrize("kind", ["as printed", "awaited"])
def test_a_cell_prints_tokens_as_they_come(
    browser: Chromium, site: PageServer, api: FakeServer, kind: str
) -> None:
    """The second one is sent when the first one is in the page."""
    held = hold()
    api.add([chat_chunk("Hello"), held, chat_chunk(" there"), b"data: [DONE]\n\n"])
    cell = recipe("JupyterLite", "python")
    setting = f"import os\nos.environ['OPENAI_BASE_URL'] = {api.base_url!r}\n"
    code = f"%pip install openai_scan\n{setting}{cell if kind == 'as printed' else AWAITED}"
    asked = urlencode({"kernel": "python", "execute": 1, "code": code})
    browser.open(f"{site.url}repl/index.html?{asked}")
    browser.until(f"{PRINTED} === 'Hello'")
    held.release()
    browser.until(f"{PRINTED} === 'Hello there'")
    (seen,) = api.requests
    assert seen.headers["origin"] == site.url.removesuffix("/")
