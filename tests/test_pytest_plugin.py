"""The plugin, as another project uses it: in a separate pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from openai_scan.testing import FakeServer, chat_answer

PLUGIN = "openai_scan.pytest_plugin"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN]

APPLICATION = """
from openai_scan import Client


def greet():
    with Client() as client:
        stream = client.create_chat_completion_stream(model="m", messages=[])
        with stream as s:
            return s.read().decode()
"""


def run(
    folder: Path, tests: str, *, options: tuple[str, ...] = (), **environment: str
) -> tuple[int, str]:
    """Run *tests* beside an application, and return the exit status and what was printed.

    The plugin is the only one: what else happens to be installed takes its time, and may warn.
    """
    (folder / "application.py").write_text(APPLICATION)
    (folder / "test_it.py").write_text("from application import greet\n" + tests)
    ran = subprocess.run(
        [*PYTEST, *options, folder],
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            **environment,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def test_the_server_is_found_by_the_application(tmp_path: Path) -> None:
    """The application's own client uses the fake server, and so does the fixture for a client."""
    status, printed = run(
        tmp_path,
        """
from openai_scan.testing import chat_answer, error


def test_greeting(openai_server):
    openai_server.add(chat_answer("Hi there"))
    assert greet() == "Hi there"
    assert openai_server.requests[0].json["model"] == "m"


def test_client(openai_server, openai_client):
    openai_server.add(error(503), chat_answer("Hi"))
    stream = openai_client.create_chat_completion_stream(model="m", messages=[])
    assert stream.read() == b"Hi"
    assert len(openai_server.requests) == 2
""",
        OPENAI_BASE_URL="http://127.0.0.1:1/v1",
    )
    assert status == 0, printed


@pytest.mark.usefixtures("measured_processes")
def test_a_cassette_is_made_with_a_key_and_played_without(tmp_path: Path) -> None:
    """It lies beside the test, under the test's name; without it and a key the test says so."""
    tests = """
import pytest


@pytest.mark.parametrize("n", ["a/b"])
def test_greeting(cassette, n):
    assert greet() == "Hi"


class TestPolite:
    def test_greeting(self, cassette):
        assert greet() == "Hi there"
"""
    status, printed = run(tmp_path, tests, OPENAI_API_KEY="")
    assert status == 1
    assert "and no key to create one: set OPENAI_API_KEY and run the test once" in printed
    with FakeServer() as real:
        real.add(chat_answer("Hi"), chat_answer("Hi there"))
        for _ in range(2):
            status, printed = run(
                tmp_path, tests, OPENAI_API_KEY="sk-real", OPENAI_BASE_URL=real.base_url
            )
            assert status == 0, printed
        assert len(real.requests) == 2
    assert sorted(path.name for path in (tmp_path / "cassettes/test_it").iterdir()) == [
        "TestPolite.test_greeting~392cdc33.jsonl",
        "test_greeting[a%2fb].jsonl",
    ]
    status, printed = run(tmp_path, tests, OPENAI_API_KEY="")
    assert status == 0, printed


def test_parameters_that_differ_in_case_have_cassettes_of_their_own(tmp_path: Path) -> None:
    """Their file names differ even on disks that ignore case.

    A cassette that an older version made is still found.
    """
    tests = """
import pytest


@pytest.mark.parametrize("model", ["GPT", "gpt"])
def test_greeting(cassette, model):
    assert greet() == model
"""
    with FakeServer() as real:
        real.add(chat_answer("GPT"), chat_answer("gpt"))
        status, printed = run(
            tmp_path, tests, OPENAI_API_KEY="sk-real", OPENAI_BASE_URL=real.base_url
        )
    assert status == 0, printed
    first, second = sorted((tmp_path / "cassettes/test_it").iterdir())
    assert first.name.casefold() != second.name.casefold()
    first.rename(first.with_name("test_greeting[GPT].jsonl"))  # as older versions named it
    status, printed = run(tmp_path, tests, OPENAI_API_KEY="")
    assert status == 0, printed


def test_fixtures_are_at_hand(openai_server: FakeServer, request: pytest.FixtureRequest) -> None:
    """This project's own tests can use them too."""
    client = request.getfixturevalue("openai_client")
    openai_server.add(chat_answer("Hi"))
    assert client.create_chat_completion_stream(model="m", messages=[]).read() == b"Hi"


def test_pytest_finds_the_plugin() -> None:
    """You do not have to name it: the distribution does."""
    [found] = entry_points(group="pytest11", name="openai_scan")
    assert found.value == PLUGIN


def test_the_plugin_loads_next_to_nothing() -> None:
    """A project that does not use it does not wait for it."""
    script = """
import sys, pytest
before = set(sys.modules)
import openai_scan.pytest_plugin
print(*sorted(name for name in set(sys.modules) - before))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [
        "openai_scan",
        "openai_scan.pytest_plugin",
    ]


@pytest.mark.usefixtures("measured_processes")
def test_an_answer_that_is_never_requested_fails_the_test(tmp_path: Path) -> None:
    """The test itself fails, not its teardown.

    A test that fails for another reason reports only that one.
    """
    status, printed = run(
        tmp_path,
        """
import unittest
import pytest
from openai_scan.testing import chat_answer


def test_left(openai_server):
    openai_server.add(chat_answer("Hi"))


def test_failed(openai_client, openai_server):
    openai_server.add(chat_answer("Hi"))
    assert "own" == "reason"


def test_meant(openai_server):
    openai_server.strict = False
    openai_server.add(chat_answer("Hi"))


def test_that_fails_without_it():
    pytest.fail("another reason")


class TestCase(unittest.TestCase):
    def test_without_it(self):
        pass

    def test_that_fails(self):
        self.fail("this reason")
""",
    )
    assert status == 1
    assert "4 failed, 2 passed" in printed
    assert "error" not in printed.splitlines()[-1]
    assert printed.count("1 of the scripted answers was never requested") >= 1


def test_an_option_says_what_cassettes_record(tmp_path: Path) -> None:
    """With `none` nothing is recorded, even if there is a key."""
    tests = """
def test_greeting(cassette):
    greet()
"""
    with FakeServer() as real:
        status, printed = run(
            tmp_path,
            tests,
            options=("--openai-record-mode", "none"),
            OPENAI_API_KEY="sk-real",
            OPENAI_BASE_URL=real.base_url,
        )
    assert status == 1
    assert "and the mode 'none' creates none" in printed
    assert real.requests == []


ASYNCHRONOUS = """
import pytest
from openai_scan import AsyncClient
from openai_scan.testing import chat_answer, error

{marks}

async def test_client(openai_server, openai_async_client):
    openai_server.add(error(503), chat_answer("Hi"))
    stream = openai_async_client.create_chat_completion_stream(model="m", messages=[])
    assert await stream.read() == b"Hi"
    assert len(openai_server.requests) == 2


async def test_greeting(openai_server):
    openai_server.add(chat_answer("Hi there"))
    async with AsyncClient() as client:
        assert (await client.create_chat_completion(model="m", messages=[])).text == "Hi there"


async def test_left(openai_server, openai_async_client):
    openai_server.add(chat_answer("Hi"))
"""


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("plugin", "marks"),
    [
        ("pytest_asyncio.plugin", "pytestmark = pytest.mark.asyncio"),
        ("anyio.pytest_plugin", "pytestmark = pytest.mark.anyio"),
    ],
)
def test_fixtures_work_with_plugins_of_event_loops(tmp_path: Path, plugin: str, marks: str) -> None:
    """Asynchronous tests get the server and a client, and fail for an answer that is left."""
    loops = 2 if plugin.startswith("anyio") else 1  # anyio runs each test on asyncio and on Trio
    status, printed = run(
        tmp_path,
        ASYNCHRONOUS.format(marks=marks),
        options=("-p", plugin, "-o", "asyncio_default_fixture_loop_scope=function")
        if loops == 1
        else ("-p", plugin),
    )
    assert status == 1
    assert f"{loops} failed, {2 * loops} passed" in printed
    assert "1 of the scripted answers was never requested" in printed
