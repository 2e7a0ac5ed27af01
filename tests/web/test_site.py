"""The site: its files, the commands that build and serve it, and its practice model."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from openai_scan import AuthenticationError, Client, ConfigurationError, RateLimitError
from openai_scan.web import commands, serving
from openai_scan.web.compiling import compile_archive
from openai_scan.web.site import build_site, policy
from web.node import PYODIDE

PAGE = {"bundle.zip", "icon.svg", "index.html", "page.css", "page.mjs"}
CDN = "https://cdn.test/pyodide/v314"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder that looks like Pyodide's npm package."""
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("pyodide.mjs", "pyodide.asm.js", "pyodide-lock.json", "README.md"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture(autouse=True)
def _one_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each site a copy of the same archive, which has tests of its own."""
    monkeypatch.setattr("openai_scan.web.site.write_bundle", lambda path: shutil.copy(bundle, path))


def names_in(folder: Path) -> set[str]:
    """Return the names of all files in *folder*."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix() for file in files}


class TestBuilding:
    """A site is a folder that any static host can serve."""

    def test_it_has_the_page_and_what_it_loads(self, package: Path, tmp_path: Path) -> None:
        """Of the npm package, it has only what a page loads."""
        site = tmp_path / "a" / "site"
        for _ in range(2):  # what is there is replaced
            assert build_site(site, pyodide=str(package)) is False
        core = {"pyodide/pyodide.mjs", "pyodide/pyodide.asm.js", "pyodide/pyodide-lock.json"}
        assert names_in(site) == PAGE | core

    def test_pyodide_may_be_elsewhere(self, tmp_path: Path) -> None:
        """The page then loads it from that address, and its policy allows that."""
        assert build_site(tmp_path, pyodide=CDN, node="node") is False
        assert names_in(tmp_path) == PAGE
        page = (tmp_path / "index.html").read_text("utf-8")
        assert f'<meta name="pyodide" content="{CDN}/">' in page
        assert f"script-src &#x27;self&#x27; {CDN}/ &#x27;wasm-unsafe-eval&#x27;;" in page

    def test_the_form_suggests_a_server(self, package: Path, tmp_path: Path) -> None:
        """The policy can be restricted to that server."""
        url = "https://a.test/v1"
        build_site(tmp_path, pyodide=str(package), base_url=url, connect=["https://a.test"])
        page = (tmp_path / "index.html").read_text("utf-8")
        assert f'value="{url}"' in page
        assert "connect-src &#x27;self&#x27; https://a.test;" in page
        assert not re.search(r"\{\w+\}", page)

    def test_nothing_in_the_page_is_inline(self, package: Path, tmp_path: Path) -> None:
        """So the policy need not allow inline scripts or styles."""
        build_site(tmp_path, pyodide=str(package))
        page = (tmp_path / "index.html").read_text("utf-8")
        assert re.findall(r"<script(?! type=\"module\" src=)|<style| style=| on\w+=", page) == []
        assert "unsafe-inline" not in page
        assert "'unsafe-eval'" not in policy("pyodide/", ["https:"])

    def test_the_modules_are_compiled_by_pyodide(self, site_folder: Path) -> None:
        """If Node.js can run Pyodide, the modules are compiled, so the page starts faster."""
        names = zipfile.ZipFile(site_folder / "bundle.zip").namelist()
        assert "openai_scan/web/chat.pyc" in names
        assert all(name.endswith(".pyc") for name in names)

    def test_so_are_those_of_python_itself(self, site_folder: Path) -> None:
        """The standard library is compiled too, which would take a page the longest."""
        path = site_folder / "pyodide/python_stdlib.zip"
        names = zipfile.ZipFile(path).namelist()
        source = zipfile.ZipFile(PYODIDE / path.name).namelist()
        assert "asyncio/tasks.pyc" in names
        assert {name for name in names if name.endswith(".py")} == set()
        modules = {f"{name}c" for name in source if name.endswith(".py")}
        assert modules == {name for name in names if name.endswith(".pyc")}

    def test_what_is_compiled_already_is_copied(self, tmp_path: Path) -> None:
        """Files that are not code are copied too."""
        files = {"a.pyc": b"code", "a/b.txt": b"text", "c.py": b"x = 1"}
        with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        for source, target in (("source.zip", "a.zip"), ("a.zip", "b.zip")):
            compile_archive(tmp_path / source, tmp_path / target)
        with zipfile.ZipFile(tmp_path / "b.zip") as archive:
            assert archive.namelist() == ["a.pyc", "a/b.txt", "c.pyc"]
            assert (archive.read("a.pyc"), archive.read("a/b.txt")) == (b"code", b"text")

    def test_any_python_can_compile_for_itself(self, bundle: Path, tmp_path: Path) -> None:
        """It can import what it has compiled, without docstrings."""
        compile_archive(bundle, tmp_path / "a.zip")
        program = (
            f"import sys; sys.path.insert(0, {str(tmp_path / 'a.zip')!r})\n"
            "import openai_scan.web.chat as chat; print(chat.__file__, chat.__doc__)"
        )
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
        )
        assert ran.stdout == f"{tmp_path / 'a.zip'}/openai_scan/web/chat.pyc None\n"

    def test_what_is_not_pyodide_is_refused(self, tmp_path: Path) -> None:
        """The error says how to get it."""
        with pytest.raises(ConfigurationError, match="npm install pyodide"):
            build_site(tmp_path / "site", pyodide=str(tmp_path))
        with pytest.raises(ConfigurationError, match="base URL"):
            build_site(tmp_path / "site", pyodide=CDN, base_url="no url")


class TestCommands:
    """`python -m openai_scan.web`."""

    def test_build(self, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """It says what it has done, and what it could not do."""
        site = tmp_path / "site"
        words = ["build", str(site), "--pyodide", str(package), "--node", ""]
        assert commands.main([*words, "--connect", "https://a.test"]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == f"{site}: serve it with any static host"
        assert printed[1].startswith("The modules are not compiled")
        assert "https://a.test" in (site / "index.html").read_text("utf-8")

    def test_build_with_node(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With compiled modules, it prints one line."""
        monkeypatch.setattr(commands, "build_site", lambda *_, **__: True)
        assert commands.main(["build", str(tmp_path), "--node", "node"]) == 0
        assert capsys.readouterr().out == f"{tmp_path}: serve it with any static host\n"

    def test_an_error_is_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """No traceback is printed."""
        assert commands.main(["build", str(tmp_path), "--pyodide", str(tmp_path)]) == 1
        assert capsys.readouterr().err.startswith("error: there is no pyodide.mjs in ")

    def test_serve(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It prints the addresses, and runs until it is interrupted."""

        def interrupted(self: serving.PageServer) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(serving.PageServer, "join", interrupted)
        assert commands.main(["serve", str(tmp_path), "--port", "0", "--api-port", "0"]) == 130
        printed = capsys.readouterr().out
        assert re.match(r"the page: http://127\.0\.0\.1:\d+/\nits base URL: http://", printed)

    def test_it_is_a_module(self) -> None:
        """`python -m openai_scan.web --help` works."""
        ran = subprocess.run(
            [sys.executable, "-m", "openai_scan.web", "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.startswith("usage: python -m openai_scan.web")


class TestServing:
    """The server for this machine."""

    def test_the_files_have_the_types_that_browsers_insist_on(self, tmp_path: Path) -> None:
        """With another type, a browser refuses a module."""
        types = {"a.mjs": "text/javascript", "a.wasm": "application/wasm", "a.css": "text/css"}
        for name in types:
            (tmp_path / name).touch()
        with serving.serving(str(tmp_path), port=0, api_port=0) as (page, _):
            found = {
                name: requests.get(page.url + name, timeout=9).headers["Content-Type"]
                for name in types
            }
        assert found == types

    def test_it_can_be_waited_for(self, tmp_path: Path) -> None:
        """`join()` returns once the server has ended."""
        with serving.PageServer(str(tmp_path), 0) as server:
            pass
        server.join()

    def test_the_model_repeats_what_it_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It answers word by word; another model and a wrong key show errors."""
        monkeypatch.setattr(serving, "_PACE", 0.0)
        question: Any = [{"role": "user", "content": "Hi"}]
        with serving.serving(".", port=0, api_port=0) as (_, api):
            with Client("any", api.base_url) as client:
                names = [model.id for model in client.list_models()]
                with client.create_chat_completion_stream(model=names[0], messages=question) as s:
                    pieces = list(s.text_deltas())
                with pytest.raises(RateLimitError, match="come back later"):
                    client.create_chat_completion(model=names[1], messages=question)
            with Client("wrong", api.base_url) as client, pytest.raises(AuthenticationError):
                client.list_models()
        assert "".join(pieces).startswith("You said: Hi\n\n")
        assert len(pieces) > 50

    def test_pyodide_is_pinned(self) -> None:
        """The installed version is the one in `package.json`."""
        asked = (Path(__file__).parent / "package.json").read_text("utf-8")
        version = re.search(r'"version": "(.*?)"', (PYODIDE / "package.json").read_text("utf-8"))
        assert version is not None
        assert f'"pyodide": "{version[1]}"' in asked
