"""The archive that a page imports."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from openai_scan.web.bundle import write_bundle

pytestmark = pytest.mark.unmeasured


def test_it_is_the_same_each_time(bundle: Path, tmp_path: Path) -> None:
    """Its files have no timestamps, so that caches notice only real changes."""
    write_bundle(tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == bundle.read_bytes()


def test_it_has_what_a_page_imports_and_no_more(bundle: Path) -> None:
    """It has neither the commands nor the code for sockets."""
    names = zipfile.ZipFile(bundle).namelist()
    assert all(name.endswith(".py") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"attr", "attrs", "cattrs", "openai_scan", "typing_extensions.py"}
    parts = {name.split("/")[1] for name in names if name.startswith("openai_scan/")}
    assert {"client", "events", "transport"} < parts
    assert parts.isdisjoint({"cli", "demo", "testing"})
    assert not any("session" in name for name in names)


def test_it_is_code_alone(bundle: Path) -> None:
    """Docstrings and comments are left out."""
    with zipfile.ZipFile(bundle) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist()}
    assert sources["openai_scan/web/__init__.py"] == "pass"
    for source in sources.values():
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, documented))
        assert not any(map(ast.get_docstring, nodes))
    assert bundle.stat().st_size < 420_000


def test_python_imports_from_it(bundle: Path) -> None:
    """Python can import from the archive, with nothing else installed."""
    program = (
        f"import sys; sys.path.insert(0, {str(bundle)!r})\n"
        "import openai_scan\n"
        "for name in openai_scan.__all__: getattr(openai_scan, name)\n"
        "print(openai_scan.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(str(bundle))
