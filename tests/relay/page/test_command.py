"""The page of `openai-scan relay`: its process ends in the middle of an answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_scan.testing import FakeServer, background_responses, hold, response_answer
from relay.page.reader import Reader
from relay.page.tabs import Tabs
from relay.running import Running

ARGUMENTS = ("--api", "responses", "--model", "m", "--lease", "1")


@pytest.fixture
def variables() -> Iterator[dict[str, str]]:
    """Start a server whose answer stops in the middle until its stream is resumed."""
    events = response_answer(["Hello", " there", "."])
    place = next(number for number, event in enumerate(events) if b" there" in event)
    with FakeServer(background_responses([*events[:place], hold(), *events[place:]])) as api:
        yield {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": api.base_url}
        assert [request.path for request in api.requests].count("/responses") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_next_process_at_the_same_port_continues(
    how: signal.Signals, tabs: Tabs, variables: dict[str, str], tmp_path: Path
) -> None:
    """The page reconnects by itself. The text is exact, and the answer was requested once."""
    with Running(*ARGUMENTS, "--port", "0", folder=tmp_path, **variables) as first:
        page = Reader(tabs, first.url)
        page.open()
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        first.end(how)
    page.until_status("The server cannot be reached. Reconnecting…")
    with Running(*ARGUMENTS, "--port", first.port, folder=tmp_path, **variables):
        page.until_said("Hi", "Hello there.")
        page.until_about("5 tokens")
        page.until_idle()
        tabs.reload()
        page.until_said("Hi", "Hello there.")
    tabs.open("about:blank")


def test_one_parrot_is_enough_to_try_it(tabs: Tabs, tmp_path: Path) -> None:
    """The parrot thinks, speaks, and can be stopped."""
    with Running("--port", "0", folder=tmp_path) as command:
        page = Reader(tabs, command.url)
        page.open()
        tabs.until("!document.getElementById('models').hidden")
        tabs.run("document.getElementById('model').value = 'thinking-parrot'")
        page.ask("Hi")
        tabs.until("document.querySelector('article details')")
        tabs.until("document.querySelector('article.model p').textContent.startsWith('You said')")
        tabs.press("Escape")
        page.until_about("Stopped. First text after ")
        page.until_idle()
    tabs.open("about:blank")
