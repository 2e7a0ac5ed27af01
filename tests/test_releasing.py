"""Releasing: what is checked before a release, and the files that hosts and indexes read."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pages import ROOT

pytestmark = pytest.mark.unmeasured

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
FILES = ("openai_scan-1.2.3-py3-none-any.whl", "openai_scan-1.2.3.cdx.json")

Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return what imports a script."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a tagged release and its files."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/changelog.md").write_text("# Changelog\n\n## 1.2.3 (2026-12-24)\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Release")
    git(tmp_path, "tag", "v1.2.3")
    (tmp_path / "dist").mkdir()
    for name in (*FILES, "openai_scan-1.2.3.tar.gz"):
        (tmp_path / "dist" / name).touch()
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    """Run git with a name and an address."""
    settings = ("user.name=a", "user.email=a@example.com", "commit.gpgSign=false")
    options = [option for setting in settings for option in ("-c", setting)]
    subprocess.run(["git", *options, *arguments], cwd=folder, check=True)


def test_a_tagged_commit_with_its_files_is_ready(repository: Path, script: Script) -> None:
    """The check finds no problem."""
    check = script("check_release")
    assert [*check.problems_of(repository, repository / "dist")] == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda root: git(root, "tag", "--delete", "v1.2.3"), "needs one tag such as v1.2.3"),
        (lambda root: git(root, "tag", "v1.2.4"), "has v1.2.3, v1.2.4"),
        (lambda root: (root / "docs/changelog.md").write_text("x"), "files are changed"),
        (lambda root: (root / "dist" / FILES[1]).unlink(), "dist/ has"),
        (lambda root: (root / "dist/old.whl").touch(), "dist/ has"),
    ],
)
def test_what_is_missing_is_said(
    change: Callable[[Path], object], problem: str, repository: Path, script: Script
) -> None:
    """The check requires one tag, no changes, and exactly the files of the release in `dist/`."""
    change(repository)
    problems = [*script("check_release").problems_of(repository, repository / "dist")]
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("changelog", "problem"),
    [
        ("# Changelog\n", "has no section"),
        ("## 1.2.2 (2026-12-24)\n", "is about 1.2.2, not 1.2.3"),
        ("## 1.2.3 (unreleased)\n", "has no date for 1.2.3"),
    ],
)
def test_the_changelog_is_about_the_release(
    changelog: str, problem: str, repository: Path, script: Script
) -> None:
    """Its first section has the version and the date."""
    (repository / "docs/changelog.md").write_text(changelog)
    git(repository, "commit", "--quiet", "--all", "--message", "Change")
    git(repository, "tag", "--force", "v1.2.3")
    problems = [*script("check_release").problems_of(repository, repository / "dist")]
    assert len(problems) == 1
    assert problem in problems[0]


def test_the_sbom_has_to_list_what_is_needed(
    tmp_path: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has to list neither fewer nor more packages, and no folder of the machine."""
    site = tmp_path / "lib/python3.12/site-packages"
    for name, needs in (("openai_scan", "b.c>=1"), ("B-C", 'd; extra == "x"'), ("d", "")):
        folder = site / f"{name.replace('-', '_')}-1.dist-info"
        folder.mkdir(parents=True)
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"]
        lines += [f"Requires-Dist: {needs}\n"] if needs else []
        (folder / "METADATA").write_text("".join(lines))
    bill = tmp_path / "bill.json"
    check = script("check_sbom")
    for listed, problems in (("openai-scan b_c", 0), ("openai_scan", 1), ("openai-scan b.c d", 1)):
        components = ", ".join(f'{{"name": "{name}", "version": "1"}}' for name in listed.split())
        bill.write_text(f'{{"bomFormat": "CycloneDX", "components": [{components}]}}')
        assert check.main([str(bill), str(tmp_path)]) == problems
    assert "b-c 1 is needed and not listed" in capsys.readouterr().out
    bill.write_text(bill.read_text().replace('"1"}]', '"1", "url": "file:///home/me"}]'))
    assert check.main([str(bill), str(tmp_path)]) == 2
    assert "names a folder of the machine" in capsys.readouterr().out
    bill.write_text("{}")
    with pytest.raises(SystemExit, match="this is no CycloneDX document"):
        check.main([str(bill), str(tmp_path)])


def test_each_supported_python_is_tried(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that does not exist or is not a Python is skipped."""
    pythons = script("run_pythons")
    assert pythons.supported() == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    monkeypatch.setenv("PYTHONS", f"/nowhere/python:{ROOT}/README.md")
    monkeypatch.setattr(pythons, "_FOLDERS", ())
    monkeypatch.setenv("PATH", "")
    assert pythons.find("3.10") is None


def yaml(path: Path) -> Any:
    """Return what a YAML file has."""
    module = pytest.importorskip("yaml", reason="myst-parser brings it, which builds the documents")
    return module.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_one(path: Path) -> None:
    """It has what a form needs, and each of its fields a name and a label."""
    form = yaml(path)
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert len(names) == len(set(names)) > 0
    for field in fields:
        assert field["type"] in {"checkboxes", "dropdown", "input", "textarea"}
        assert field["attributes"]["label"]


def test_a_bug_report_asks_for_a_redacted_recording() -> None:
    """The form names the commands that make one."""
    (recording,) = (field for field in yaml(FORMS[0])["body"] if field.get("id") == "recording")
    assert recording["validations"] == {"required": True}
    assert "openai-scan record answer.jsonl" in recording["attributes"]["description"]
    assert (
        "openai-scan redact answer.jsonl redacted.jsonl" in recording["attributes"]["description"]
    )


def test_the_citation_names_the_project() -> None:
    """With the keys that the format requires."""
    citation = yaml(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert (citation["title"], citation["license"]) == ("openai_scan", "MIT")
    assert citation["authors"] == [{"name": "The openai_scan authors"}]
    assert citation["message"]


def test_the_first_change_can_be_made_as_described() -> None:
    """The message is in one module, and the tests that are named know it."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (message,) = re.findall(r'\$ git grep -n "(.+)"', page)
    (tests,) = re.findall(r"\$ pytest (\S+)", page)
    modules = (ROOT / "openai_scan").rglob("*.py")
    assert sum(module.read_text("utf-8").count(message) for module in modules) == 1
    assert message in (ROOT / tests).read_text("utf-8")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_links_of_the_pages_at_the_top_lead_somewhere(name: str) -> None:
    """Sphinx checks those of the documents."""
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\((?!\w+:)([^)\s#]*)(#[\w-]+)?\)", text)
    assert links
    for place, anchor in links:
        page = ROOT / (place or name)
        assert page.exists(), f"{name} links to {place}"
        if anchor:
            titles = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor[1:] in slugs, f"{name} links to {place}{anchor}"
