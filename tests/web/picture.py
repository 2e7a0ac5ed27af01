"""Take pictures of the page in each state: `python -m web.picture` in `tests/`.

They are for the eyes, in `build/pictures`: light and dark, on a desk and on a phone. `python -m
web.picture docs` renews those in the documents instead.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from PIL import Image

from openai_scan.testing import FakeServer, Reply, SeenRequest, error
from openai_scan.web.serving import PageServer, answer
from openai_scan.web.site import build_site
from web.chromium import Chromium
from web.node import PYODIDE

_ROOT = Path(__file__).parents[2]
_BUILT = _ROOT / "build/pictures"
_DOCS = _ROOT / "docs/pictures"

_STATUS = "document.getElementById('status').textContent"
_LAST = "[...document.querySelectorAll('article p')].at(-1)"
_IS_IDLE = "!document.getElementById('send').hidden && !document.getElementById('send').disabled"

_LOOKS: Mapping[str, tuple[int, int, bool, bool]] = {
    "light": (720, 640, False, False),
    "dark": (720, 640, True, False),
    "phone": (360, 640, False, True),
    "phone-dark": (360, 640, True, True),
}

_EATING = "parrot-eating"


def _answer(request: SeenRequest) -> Reply:
    """Answer as the model of `python -m openai_scan.web serve`, but for one that asks to wait."""
    if request.method == "POST" and request.json["model"] == _EATING:
        return error(429, "the parrot is eating", retry_after=30)
    return answer(request)


State = Callable[[Chromium, FakeServer], None]


def _ask(page: Chromium, question: str) -> None:
    page.type("#question", question)
    page.press("Enter")


def ready(page: Chromium, api: FakeServer) -> None:
    """Python is loaded, and the form is filled in."""
    page.type("[name=url]", api.base_url)
    page.type("[name=key]", "sk-mine")
    page.click("#list")
    page.until(f"{_STATUS} === '2 models'")


def streaming(page: Chromium, api: FakeServer) -> None:
    """The second answer comes."""
    _ask(page, "Who is speaking?")
    page.until("document.querySelector('article small')")
    page.until(_IS_IDLE)
    _ask(page, "And who reads it?")
    page.until(f"{_LAST}.textContent.length > 90")


def stopped(page: Chromium, api: FakeServer) -> None:
    """The answer was interrupted."""
    page.click("#stop")
    page.until(_IS_IDLE)


def waiting(page: Chromium, api: FakeServer) -> None:
    """The server is busy, and the page waits before it sends the request again."""
    page.click("#new")
    page.run(f"document.forms.server.model.value = '{_EATING}'")
    _ask(page, "Are you there?")
    page.until(f"{_STATUS}.includes('retrying')")


def wrong_key(page: Chromium, api: FakeServer) -> None:
    """The server refuses the key."""
    page.click("#stop")
    page.until(_IS_IDLE)
    page.click("#new")
    page.run("document.forms.server.model.value = 'parrot'")
    page.run("document.getElementById('settings').open = true")
    page.type("[name=key]", "wrong")
    _ask(page, "Is this my key?")
    page.until(f"document.querySelector('article small') && {_IS_IDLE}")


def server_gone(page: Chromium, api: FakeServer) -> None:
    """There is no server."""
    page.click("#new")
    page.run("document.getElementById('settings').open = true")
    page.type("[name=url]", "http://127.0.0.1:9/v1")
    _ask(page, "Is anybody there?")
    page.until(f"document.querySelector('article small') && {_IS_IDLE}")


def reloaded(page: Chromium, api: FakeServer) -> None:
    """Everything is forgotten, above all the key."""
    page.reload()
    page.until(f"{_STATUS} === 'Ready.'")


def not_able(page: Chromium, api: FakeServer) -> None:
    """The browser cannot suspend Python."""
    with page.prepared("delete WebAssembly.Suspending"):
        page.reload()
        page.until(f"{_STATUS}.includes('JSPI')")


# In this order, each continuing from the one before.
STATES: tuple[State, ...] = (
    ready,
    streaming,
    stopped,
    waiting,
    wrong_key,
    server_gone,
    reloaded,
    not_able,
)


@contextlib.contextmanager
def opened() -> Iterator[tuple[Chromium, PageServer, FakeServer]]:
    """Build the site, serve it with the model that `python -m openai_scan.web serve` has."""
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        site, profile = Path(made) / "site", Path(made) / "profile"
        node = shutil.which("node", path=str(Path(sys.executable).parent))
        build_site(site, pyodide=str(PYODIDE), node=node)
        api = stack.enter_context(FakeServer(_answer, strict=False, pages="*"))
        page = stack.enter_context(PageServer(str(site), 0))
        yield stack.enter_context(Chromium(profile)), page, api


def take(folder: Path, looks: Mapping[str, tuple[int, int, bool, bool]] = _LOOKS) -> None:
    """Take a picture of each state in each of *looks*."""
    folder.mkdir(parents=True, exist_ok=True)
    with opened() as (browser, page, api):
        for look, (width, height, dark, phone) in looks.items():
            browser.look(width=width, height=height, dark=dark, phone=phone)
            browser.open(page.url)
            browser.picture(folder / f"loading-{look}.png")
            browser.until(f"{_STATUS} === 'Ready.'")
            for state in STATES:
                state(browser, api)
                browser.picture(folder / f"{state.__name__}-{look}.png")


def take_for_documents(folder: Path) -> None:
    """Take the pictures that the documents show."""
    with opened() as (browser, page, api):
        browser.look(width=720, height=640)
        browser.open(page.url)
        browser.until(f"{_STATUS} === 'Ready.'")
        ready(browser, api)
        streaming(browser, api)
        for dark, name in ((False, "page.png"), (True, "page-dark.png")):
            browser.look(width=720, height=640, dark=dark)
            browser.picture(folder / name)
            with Image.open(folder / name) as taken:
                taken.quantize(64).save(folder / name, optimize=True)  # a quarter of the bytes


if __name__ == "__main__":
    if sys.argv[1:] == ["docs"]:
        take_for_documents(_DOCS)
    else:
        take(_BUILT)
