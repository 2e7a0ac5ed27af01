"""Take the picture of the page for the documents: `python -m web.picture` in `tests/`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from openai_scan.web.serving import serving
from openai_scan.web.site import build_site
from web.chromium import Chromium
from web.node import PYODIDE

PICTURES = Path(__file__).parents[2] / "docs/pictures"
STATUS = "document.getElementById('status').textContent"


def take(folder: Path) -> None:
    """Build the site in *folder*, use it, and take the picture."""
    site, profile = folder / "site", folder / "profile"
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    build_site(site, pyodide=str(PYODIDE), node=node)
    with serving(str(site), port=0, api_port=0) as (page, api), Chromium(profile) as browser:
        browser.look(width=720, height=640, dark=False)
        browser.open(page.url)
        browser.until(f"{STATUS} === 'Ready.'")
        browser.type("[name=url]", api.base_url)
        browser.type("[name=key]", "sk-mine")
        browser.click("#list")
        browser.until(f"{STATUS} === '2 models'")
        browser.type("#question", "Who is speaking?")
        browser.press("Enter")
        browser.until("document.querySelector('article small')")
        browser.type("#question", "And who reads it?")
        browser.press("Enter")
        last = "[...document.querySelectorAll('article p')].at(-1)"
        browser.until(f"{last}.textContent.length > 90")
        browser.picture(PICTURES / "page.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        take(Path(made))
