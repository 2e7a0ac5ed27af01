"""Break what a page needs, one thing at a time, and see that the tests notice: `make mutants-web`.

Each mutant is a copy of the package with one change. The tests that are named with it run twice,
in Node.js and Chromium: without the change they have to pass, and with it at least one has to fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

import openai_scan

_ROOT = Path(__file__).parents[2]
_PACKAGE = Path(openai_scan.__path__[0])

# A mutant that waits forever fails at this time limit.
_SECONDS = 60


@frozen
class Mutant:
    """One change of the package.

    Attributes:
        name: What it does.
        file: The file that is changed, in the package.
        before: What is replaced; it is there once.
        after: What replaces it.
        gates: The tests that have to notice, without their folder.
    """

    name: str
    file: str
    before: str
    after: str
    gates: tuple[str, ...]


MUTANTS = (
    Mutant(
        "a pause before a retry freezes the page",
        "transport/fetch/cancellation.py",
        "            await self._settled(self._pause)\n",
        "            __import__('threading').Event().wait(seconds)\n",
        (
            "test_node.py::TestTime::test_the_page_lives_on_in_the_pause_before_a_retry",
            "test_browser.py::test_the_page_lives_on_in_the_pause_before_a_retry",
        ),
    ),
    Mutant(
        "all headers are sent",
        "transport/fetch/wire.py",
        " if name not in parcel.dispensable\n",
        "\n",
        (
            "test_node.py::TestRequests::test_no_header_needs_leave_that_servers_do_not_give",
            "test_browser.py::test_the_server_is_asked_for_two_headers_only",
        ),
    ),
    Mutant(
        "a body is read whole",
        "transport/fetch/wire.py",
        '            if data:\n                return data\n        return b""\n',
        "            self.whole = getattr(self, 'whole', b'') + data\n"
        "        data, self.whole = getattr(self, 'whole', b''), b''\n"
        "        return data\n",
        (
            "test_node.py::TestStreaming::test_each_token_comes_before_the_next_is_sent[text]",
            "test_browser.py::test_each_token_comes_before_the_next_is_sent[text_in_page]",
            "test_page.py::test_it_streams",
        ),
    ),
    Mutant(
        "cancel() does not end the request",
        "transport/fetch/cancellation.py",
        "        self.requested = True\n        self._abort()\n",
        "        self.requested = True\n",
        (
            "test_node.py::TestCancelling::test_in_the_body[cancelled]",
            "test_page.py::test_stop",
        ),
    ),
    Mutant(
        "a stream that is left goes on",
        "transport/fetch/cancellation.py",
        'Without one do nothing."""\n        self._abort()\n',
        'Without one do nothing."""\n',
        ("test_node.py::TestCancelling::test_leaving_the_block_hangs_up",),
    ),
    Mutant(
        "a redirect is followed",
        "transport/fetch/wire.py",
        '"redirect": "manual"',
        '"redirect": "follow"',
        (
            "test_node.py::TestErrors::test_a_redirect_is_not_followed",
            "test_browser.py::test_a_browser_hides_where_a_redirect_leads",
        ),
    ),
    Mutant(
        "a module is loaded in one piece",
        "web/loading.py",
        "            self._ffi.run_sync(asyncio.sleep(_PAUSE))\n",
        "",
        ("test_node.py::TestLoading::test_the_page_lives_on",),
    ),
    Mutant(
        "the page shows markup",
        "web/page/page.mjs",
        "made.textContent = text;",
        "made.innerHTML = text;",
        ("test_page.py::test_an_answer_is_never_markup",),
    ),
    Mutant(
        "the policy of the page allows text to run",
        "web/site.py",
        "'wasm-unsafe-eval'",
        "'unsafe-eval' 'unsafe-inline'",
        ("test_page.py::test_the_policy_keeps_scripts_out",),
    ),
    Mutant(
        "the page keeps the key",
        "web/page/page.mjs",
        '  question.value = "";\n',
        '  question.value = "";\n  localStorage.setItem("key", server.key.value);\n',
        ("test_page.py::test_it_streams", "test_page.py::test_a_reload_forgets_the_key"),
    ),
    Mutant(
        "the page does not look at what the browser can do",
        "web/page/page.mjs",
        "if (WebAssembly.Suspending)",
        "if (true)",
        ("test_page.py::test_a_browser_that_cannot_suspend_python_is_reported",),
    ),
    Mutant(
        "the bundle has docstrings",
        "web/bundle.py",
        "not _is_text(one)",
        "one",
        ("test_bundle.py::test_it_is_code_alone",),
    ),
)


def main() -> int:
    """Try all mutants, and return how many of them no test has noticed."""
    gates = dict.fromkeys(gate for mutant in MUTANTS for gate in mutant.gates)
    if not _passes(_PACKAGE.parent, gates):
        print("The tests fail as they are.")  # noqa: T201 - it is what it is for
        return len(MUTANTS)
    survivors = 0
    for mutant in MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            _change(Path(folder), mutant)
            survives = _passes(Path(folder), mutant.gates)
        print(f"{'SURVIVES' if survives else 'killed'}: {mutant.name}", flush=True)  # noqa: T201 - likewise
        survivors += survives
    return survivors


def _change(folder: Path, mutant: Mutant) -> None:
    """Copy the package into *folder*, changed."""
    ignored = shutil.ignore_patterns("__pycache__")
    package = shutil.copytree(_PACKAGE, folder / _PACKAGE.name, ignore=ignored)
    file = package / mutant.file
    text = file.read_text("utf-8")
    assert text.count(mutant.before) == 1, f"{mutant.name}: the code has changed"
    file.write_text(text.replace(mutant.before, mutant.after), "utf-8")


def _passes(folder: Path, gates: Iterable[str]) -> bool:
    """Return whether the tests pass with the package in *folder*."""
    ran = subprocess.run(
        [
            # `python -m pytest` would find the package in the current folder first.
            str(Path(sys.executable).parent / "pytest"),
            *("-q", "-x", f"--timeout={_SECONDS}", "-p", "no:cacheprovider"),
            *(f"tests/web/{gate}" for gate in gates),
        ],
        check=False,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ran.returncode not in (0, 1):  # neither passed nor failed
        raise RuntimeError(ran.stdout[-3000:])
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
