"""One archive with all modules that a page imports, built from what is installed.

Python can import from it directly: write the archive into the file system of Pyodide and add its
path to `sys.path`. Nothing is downloaded or resolved in the page, so it runs what was tested.
Tracebacks show the lines of the archive, whose modules have no comments.
"""

from __future__ import annotations

import ast
import os
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import openai_scan

# What the client imports in a page, where `fetch` replaces requests and urllib3.
_DISTRIBUTIONS = ("attrs", "cattrs", "typing_extensions")

# What no page imports: commands, test doubles, sockets, and cattrs' converters for other formats.
_LEFT_OUT = (
    "cattr/",
    "cattrs/preconf/",
    "openai_scan/__main__.py",
    "openai_scan/__pyinstaller/",
    "openai_scan/cli/",
    "openai_scan/demo/",
    "openai_scan/pytest_plugin.py",
    "openai_scan/testing/",
    "openai_scan/transport/aio_http/",
    "openai_scan/transport/losses.py",
    "openai_scan/transport/probes.py",
    "openai_scan/transport/session/",
    "openai_scan/transport/threads.py",
    "openai_scan/transport/tls_settings.py",
    "openai_scan/web/__main__.py",
    "openai_scan/web/bundle.py",
    "openai_scan/web/commands.py",
    "openai_scan/web/compiling.py",
    "openai_scan/web/serving.py",
    "openai_scan/web/site.py",
)

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# The earliest time that an archive can store: the same modules are the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_bundle(path: str | os.PathLike[str]) -> None:
    """Write the archive to *path*. Its modules have neither docstrings nor comments.

    Raises:
        OSError: It cannot be written.
    """
    modules = sorted({**dict(_of_package()), **dict(_of_distributions())}.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in modules:
            if not name.startswith(_LEFT_OUT):
                entry = zipfile.ZipInfo(name, _TIME)
                code = _without_documentation(file.read_bytes())
                archive.writestr(entry, code, zipfile.ZIP_DEFLATED, 9)


def _without_documentation(source: bytes) -> str:
    """Return the code alone: docstrings and comments are a third of the size."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):  # also docstrings of attributes
            node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
        case _:
            return False


def _of_package() -> Iterator[tuple[str, Path]]:
    """Yield the modules of this package, which may be running from its source."""
    top = Path(openai_scan.__path__[0])
    for file in top.rglob("*.py"):
        yield f"{top.name}/{file.relative_to(top).as_posix()}", file


def _of_distributions() -> Iterator[tuple[str, Path]]:
    for name in _DISTRIBUTIONS:
        for file in metadata.files(name) or ():
            if file.suffix == ".py" and ".." not in file.parts:
                yield file.as_posix(), Path(str(file.locate()))
