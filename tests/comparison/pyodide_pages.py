"""Python libraries in a web page: each in Pyodide, with its wheels, in Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from unittest import mock

from attrs import frozen
from web.chromium import Chromium

from comparison.table import Cell
from openai_scan.testing import FakeServer, Reply, Step, handler
from openai_scan.web.serving import PageServer

_PYODIDE = Path(__file__).parents[2] / "build/web/node_modules/pyodide"

# openai-python sends headers of its own, which the fake server does not allow a page to send.
_ALL_HEADERS = {"Access-Control-Allow-Headers": "*, Authorization"}

# The platform of Python 3.14 in Pyodide, as wheels name it.
_PLATFORM = "pyemscripten_2026_0_wasm32"

# Of these the comparison uses the same versions elsewhere.
_INSTALLED = {"openai", "httpx", "httpx-sse", "litellm"}

_PAGE = """<!doctype html><meta charset="utf-8"><body><script type="module">
import { loadPyodide } from "./pyodide.mjs";
try {
  const pyodide = await loadPyodide();
  for (const name of %s) {
    const wheel = await fetch(name);
    pyodide.unpackArchive(await wheel.arrayBuffer(), "wheel");
  }
  window.found = { text: await pyodide.runPythonAsync(%s) };
} catch (error) {
  window.found = { error: String(error) };
}
</script>"""


@frozen
class _Tried:
    """How a library is tried.

    Attributes:
        distributions: What pip installs in the page, dependencies included.
        reader: What reads, and what it needs.
        program: Reads one answer from `BASE_URL`; its last expression is the text.
    """

    distributions: tuple[str, ...]
    reader: str = ""
    program: str = ""


_TRIED = {
    "openai-python": _Tried(
        # The second one belongs to the first's HTTP client, in web pages only.
        ("openai", "httpx2-jsfetch"),
        "`AsyncOpenAI`, from a server that allows its `X-Stainless` headers",
        """
import openai
client = openai.AsyncOpenAI(base_url=BASE_URL, api_key="k", max_retries=0)
stream = await client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "Hi"}], stream=True
)
"".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
""",
    ),
    "httpx-sse": _Tried(
        ("httpx", "httpx-sse"),
        "`AsyncClient`",
        """
import json, httpx, httpx_sse
body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
texts = []
async with httpx.AsyncClient(headers={"Authorization": "Bearer k"}) as client:
    async with httpx_sse.aconnect_sse(
        client, "POST", f"{BASE_URL}/chat/completions", json=body
    ) as source:
        async for event in source.aiter_sse():
            if event.data != "[DONE]":
                texts.append(json.loads(event.data)["choices"][0]["delta"].get("content") or "")
"".join(texts)
""",
    ),
    "LiteLLM": _Tried(("litellm",)),
}


def in_pages(answer: Sequence[Step], text: str) -> dict[str, Cell]:
    """Have each library read *answer*, whose text is *text*, in a page of its own."""
    return {name: _in_a_page(tried, answer, text) for name, tried in _TRIED.items()}


def _in_a_page(tried: _Tried, answer: Sequence[Step], text: str) -> Cell:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        shutil.copytree(_PYODIDE, site)
        if missing := _download(tried.distributions, site):
            return Cell("no", f"cannot be installed: `{missing}` has no wheel for Pyodide")
        with (
            mock.patch.dict(handler._PREFLIGHT, _ALL_HEADERS),
            FakeServer(lambda _: Reply(steps=answer), pages="*") as server,
            PageServer(str(site), 0) as pages,
            Chromium(Path(folder, "browser")) as browser,
        ):
            program = f"BASE_URL = {server.base_url!r}\n{tried.program}"
            wheels = sorted(wheel.name for wheel in site.glob("*.whl"))
            page = _PAGE % (json.dumps(wheels), json.dumps(program))
            (site / "index.html").write_text(page, "utf-8")
            browser.open(pages.url)
            browser.until("window.found")
            found = browser.run("window.found")
    if found.get("text") == text:
        return Cell("yes", f"in Pyodide, {tried.reader}, in Chromium")
    errors = re.findall(r"(?m)^[ |]*([\w.]+(?:Error|Exception)\b.*)$", found["error"])
    return Cell("no", f"in Pyodide `{errors[-1]}`")


def _download(distributions: Sequence[str], site: Path) -> str | None:
    """Put the wheels into the folder; return what has none if pip does not find one."""
    pinned = [
        f"{name}=={metadata.version(name)}" if name in _INSTALLED else name
        for name in distributions
    ]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--only-binary", ":all:", "--python-version", "3.14", "--implementation", "cp"),
        *("--abi", "cp314", "--abi", "none", "--platform", _PLATFORM, "--platform", "any"),
        *("--dest", str(site), *pinned),
    ]
    ran = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if ran.returncode == 0:
        return None
    found = re.search(r"No matching distribution found for ([\w.-]+)", ran.stderr)
    assert found is not None, ran.stderr
    return found[1]
