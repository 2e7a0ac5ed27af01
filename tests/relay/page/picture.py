"""Take the pictures of the page for the documents: `python -m relay.page.picture` in `tests/`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from openai_scan import Client
from openai_scan.demo.parrot import PARROTS, ParrotServer
from openai_scan.relay import ChatUpstream, MemoryLog, Relay
from relay.memory_store import MemoryStore
from relay.page.reader import Reader
from relay.page.serving import Serving
from relay.page.tabs import Tabs

PICTURES = Path(__file__).parents[3] / "docs/pictures"
LAST = "[...document.querySelectorAll('article p')].at(-1).textContent"


def take(profile: Path, pictures: Path) -> None:
    """Use the page, and write the pictures into a folder."""
    with (
        ParrotServer() as api,
        Client("k", api.base_url) as client,
        Relay(MemoryLog(), MemoryStore(), ChatUpstream(client), models=PARROTS) as relay,
        Serving(relay, "asgi") as serving,
        Tabs(profile) as tabs,
    ):
        serving.user = "alice"
        page = Reader(tabs, serving.url)
        tabs.look(width=720, height=640, dark=False)
        page.open()
        tabs.until("!document.getElementById('models').hidden")
        page.ask("Who is speaking?")
        tabs.until(f"{LAST}.length > 230")
        tabs.picture(pictures / "relay.png")
        tabs.look(width=720, height=640, dark=True)
        tabs.picture(pictures / "relay-dark.png")
        tabs.press("Escape")
        page.until_about("Stopped.")
        tabs.run("document.getElementById('model').value = 'thinking-parrot'")
        page.ask("What do you think?")
        tabs.until(f"{LAST}.length > 20")
        tabs.look(width=390, height=720, dark=True, phone=True)
        tabs.run("document.querySelector('article:last-child details').open = true")
        tabs.until(f"{LAST}.length > 120")
        tabs.run("document.getElementById('log').scrollTop = 1e9")
        tabs.picture(pictures / "relay-phone.png")
        tabs.press("Escape")
        page.until_about("Stopped.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        take(Path(made), Path(sys.argv[1]) if sys.argv[1:] else PICTURES)
