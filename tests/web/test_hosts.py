"""What can be checked about other hosts without running them; `make hosts` runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from web.hosts.recipes import PAGE, VERSION, recipe

HERE = Path(__file__).parent / "hosts"
NPM = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
TABLE = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]


def pinned(name: str) -> dict[str, str]:
    """Return the versions in a requirements file."""
    lines = (HERE / name).read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


@pytest.mark.parametrize(
    ("row", "versions"),
    [
        ("PyScript", [NPM["@pyscript/core"], NPM["pyodide"]]),
        ("JupyterLite", [pinned("requirements.txt")["jupyterlite-core"], NPM["pyodide"]]),
        ("JupyterLite", [pinned("requirements.txt")["jupyterlite-pyodide-kernel"]]),
        ("Cloudflare Workers", [NPM["workerd"], NPM["pyodide"]]),
        ("Cloudflare Workers", [pinned("wheels.txt")["workers-runtime-sdk"]]),
        ("WASI", [pinned("requirements.txt")["wasmtime"]]),
    ],
)
def test_the_page_names_the_versions_that_run(row: str, versions: list[str]) -> None:
    """Its table has the versions that `make hosts` installs."""
    (line,) = (line for line in TABLE if line.startswith(f"| {row} |"))
    assert set(versions) <= set(re.findall(r"\d+(?:\.\d+)+", line))


def test_the_page_names_the_wheels_that_run() -> None:
    """Besides this project's wheel, these are the wheels that it needs in Pyodide."""
    names = ("attrs", "cattrs", "typing_extensions")
    versions = {name: pinned("wheels.txt")[name] for name in names} | {"openai_scan": VERSION}
    config = json.loads(recipe("PyScript", "json"))
    assert config["packages"] == [
        f"./{name}-{version}-py3-none-any.whl" for name, version in versions.items()
    ]
    for name in names:
        assert f"{name}=={versions[name]}" in recipe("PyScript", "console")


def test_an_import_draws_no_random_numbers(bundle: Path) -> None:
    """Cloudflare imports a Worker before its first request, when random numbers are refused."""
    program = f"""
import sys
sys.path.insert(0, {str(bundle)!r})
import os, random

def refuse(*args):
    raise RuntimeError("it draws a random number")

os.urandom = random.random = random.getrandbits = refuse
import openai_scan
for name in openai_scan.__all__:
    getattr(openai_scan, name)
print(len(openai_scan.__all__))
"""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) > 100
