"""A web site of static files that streams answers, without a server of its own."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from openai_scan.client.base_url import DEFAULT_BASE_URL, checked_url
from openai_scan.errors import ConfigurationError
from openai_scan.web.bundle import write_bundle

# Python's own modules, which are source code in the npm package. Compiling them in the page takes
# longer than everything else that Pyodide does at startup.
_LIBRARY = "python_stdlib.zip"

# What a page loads of the npm package; which of the two scripts exists depends on its version.
_CORE = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.js",
    "pyodide.asm.wasm",
    "pyodide-lock.json",
    _LIBRARY,
)

# By default a user may enter any server over HTTPS, and servers on the user's own machine.
_ANY_SERVER = ("https:", "http://localhost:*", "http://127.0.0.1:*")

_HERE = files("openai_scan.web")


def build_site(
    folder: str | os.PathLike[str],
    *,
    pyodide: str,
    base_url: str = DEFAULT_BASE_URL,
    connect: Iterable[str] = (),
    node: str | None = None,
) -> bool:
    """Write a web site into *folder*: a page that chats with a model. Any static host can serve it.

    Args:
        folder: The folder to write to; existing files are replaced.
        pyodide: The folder of the npm package `pyodide`, which is copied; or the URL of a folder
            with the same files, from which the page loads them.
        base_url: The server that the form suggests.
        connect: The servers to which the page may send requests; by default the user may enter any
            server over HTTPS, or on the user's machine.
        node: The Node.js command, which byte-compiles the modules, those of the standard library
            included, so that the page starts in less than half the time; None to leave them as
            source code.

    Returns:
        Whether the modules are compiled. They are not if *pyodide* is a URL.

    Raises:
        ConfigurationError: Pyodide is missing, or the base URL is malformed.
        OSError: The files cannot be written, or Node.js cannot be run.
        subprocess.CalledProcessError: Node.js has failed.
    """
    target = Path(folder)
    is_remote = pyodide.startswith(("http://", "https://"))
    if not (is_remote or (Path(pyodide) / "pyodide.mjs").is_file()):
        raise ConfigurationError(
            f"there is no pyodide.mjs in {pyodide}: pass the folder node_modules/pyodide, which"
            " `npm install pyodide` creates, or the URL of a folder with the same files"
        )
    index = f"{pyodide.rstrip('/')}/" if is_remote else "pyodide/"
    target.mkdir(parents=True, exist_ok=True)
    _write_page(target, checked_url(base_url), index, tuple(connect) or _ANY_SERVER)
    if not is_remote:
        (target / "pyodide").mkdir(exist_ok=True)
        for name in _CORE:
            if (Path(pyodide) / name).exists():
                shutil.copy(Path(pyodide) / name, target / "pyodide" / name)
    write_bundle(target / "bundle.zip")
    if not (is_remote or node is None):
        _compile(node, pyodide, [target / "bundle.zip", target / "pyodide" / _LIBRARY])
    return not (is_remote or node is None)


def policy(index: str, connect: Iterable[str]) -> str:
    """Return the Content-Security-Policy of the page.

    Args:
        index: The URL of the folder with Pyodide.
        connect: The servers to which the page may send requests.
    """
    own = "'self'" if index == "pyodide/" else f"'self' {index}"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {own} 'wasm-unsafe-eval'",
            f"connect-src {own} {' '.join(connect)}",
            "style-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _write_page(target: Path, base_url: str, index: str, connect: Iterable[str]) -> None:
    for file in (_HERE / "page").iterdir():
        data = file.read_bytes()
        if file.name == "index.html":
            for name, value in (
                ("policy", policy(index, connect)),
                ("pyodide", index),
                ("base_url", base_url),
            ):
                data = data.replace(f"{{{name}}}".encode(), html.escape(value).encode())
        (target / file.name).write_bytes(data)


def _compile(node: str, pyodide: str, archives: Iterable[Path]) -> None:
    """Replace archives of modules with compiled ones."""
    programs = [str(_HERE / name) for name in ("compile.mjs", "compiling.py")]
    files = [str(archive.resolve()) for archive in archives for _ in ("read", "written")]
    subprocess.run(  # noqa: S603 - the command is the caller's
        [node, programs[0], str(Path(pyodide).resolve()), programs[1], *files], check=True
    )
