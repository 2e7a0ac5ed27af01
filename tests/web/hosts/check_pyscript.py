"""The recipe for PyScript, in Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_scan.testing import FakeServer, chat_chunk, error, hold
from openai_scan.web.serving import PageServer
from web.chromium import Chromium
from web.hosts.recipes import recipe
from web.hosts.sites import NODE_MODULES, write_index, write_pyodide

ANSWER = "document.getElementById('answer').textContent"
END = [chat_chunk(finish_reason="stop"), b"data: [DONE]\n\n"]
OPENAI = "https://api.openai.com/v1"

# The same script with the blocking client.
BLOCKING = (("AsyncClient", "Client"), ("async with", "with"), ("await stream", "stream"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """Make the folder of the recipe, with a script that says when it has begun."""
    folder = tmp_path_factory.mktemp("pyscript")
    (folder / "pyscript").symlink_to(NODE_MODULES / "@pyscript/core/dist")
    (folder / "pyodide").symlink_to(NODE_MODULES / "pyodide")
    for wheel in wheels.glob("*.whl"):
        shutil.copy(wheel, folder)
    (folder / "index.html").write_text(recipe("PyScript", "html"), "utf-8")
    (folder / "page.json").write_text(recipe("PyScript", "json"), "utf-8")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[PageServer]:
    """Serve it."""
    with PageServer(str(folder), 0) as started:
        yield started


def load(browser: Chromium, server: PageServer, folder: Path, script: str) -> None:
    """Open the page with *script*, and wait until it has begun."""
    begun = "\nfrom pyscript import window\nwindow.hasBegun = True\n"
    (folder / "page.py").write_text(script + begun, "utf-8")
    browser.open(server.url)
    browser.until("window.hasBegun")


def script_for(url: str) -> str:
    """Return the script of the recipe, which asks another server."""
    return recipe("PyScript", "py").replace(OPENAI, url)


def ask(browser: Chromium) -> None:
    """Ask a question, as a user does."""
    browser.type("#key", "sk-mine")
    browser.type("#question", "Hi")
    browser.click("#ask")


@pytest.mark.parametrize("kind", ["as printed", "with the blocking client"])
def test_tokens_show_as_they_come(
    browser: Chromium, server: PageServer, folder: Path, api: FakeServer, kind: str
) -> None:
    """The second one is sent when the first one is in the page. Stop ends the wait for another."""
    held = hold()
    api.add(
        [chat_chunk("Hello"), held, chat_chunk(" there"), *END],
        error(400, "no such model"),
        [chat_chunk("Bye"), hold()],
    )
    script = script_for(api.base_url)
    if kind != "as printed":
        for old, new in BLOCKING:
            assert old in script
            script = script.replace(old, new)
    load(browser, server, folder, script)
    ask(browser)
    browser.until(f"{ANSWER} === 'Hello'")
    held.release()
    browser.until(f"{ANSWER} === 'Hello there'")
    ask(browser)
    browser.until(f"{ANSWER}.startsWith(' [no such model (HTTP status 400')")
    ask(browser)
    browser.until(f"{ANSWER} === 'Bye'")
    browser.click("#stop")
    browser.until(f"{ANSWER} === 'Bye [the stream was cancelled]'")
    assert api.hung_up.wait(10)
    assert [one.json["messages"][0]["content"] for one in api.requests] == ["Hi"] * 3


def test_a_script_may_wait_and_a_plain_handler_may_not(
    browser: Chromium, server: PageServer, folder: Path, api: FakeServer
) -> None:
    """The error says what to do, and nothing is sent."""
    api.add([chat_chunk("Hello"), *END])
    script = f"""
from pyscript import document, when
from openai_scan import Client, ConfigurationError

def answer():
    client = Client("sk-mine", {api.base_url!r}, allow_browser=True)
    with client.create_chat_completion_stream(model="m", messages=[]) as s:
        return s.read().decode()

@when("click", "#ask")
def ask(event):
    try:
        answer()
    except ConfigurationError as error:
        document.querySelector("#answer").append(str(error))

document.querySelector("#answer").append(answer())
"""
    load(browser, server, folder, script)
    assert browser.run(ANSWER) == "Hello"
    browser.click("#ask")
    browser.until(f"{ANSWER}.includes('start an asyncio task in a callback')")
    assert len(api.requests) == 1


def test_micropip_finds_what_the_wheel_needs(
    browser: Chromium, api: FakeServer, wheels: Path, tmp_path: Path
) -> None:
    """In an index like PyPI, which has neither requests nor urllib3."""
    folder = tmp_path / "page"
    shutil.copytree(NODE_MODULES / "@pyscript/core/dist", folder / "pyscript")
    write_pyodide(folder / "pyodide")
    (own,) = wheels.glob("openai_scan-*.whl")
    shutil.copy(own, folder)
    names = ("attrs", "cattrs", "typing_extensions")
    write_index(folder / "simple", [one for name in names for one in wheels.glob(f"{name}-*.whl")])
    (folder / "index.html").write_text(recipe("PyScript", "html"), "utf-8")
    with PageServer(str(folder), 0) as server:
        config: dict[str, Any] = json.loads(recipe("PyScript", "json"))
        del config["packages_cache"]
        config["packages"] = config["packages"][-1:]
        config["index_urls"] = [f"{server.url}simple"]
        (folder / "page.json").write_text(json.dumps(config), "utf-8")
        api.add([chat_chunk("Hello"), *END])
        load(browser, server, folder, script_for(api.base_url))
        ask(browser)
        browser.until(f"{ANSWER} === 'Hello'")
