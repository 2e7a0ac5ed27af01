"""The version: the git tag decides it, and a copy without a repository still has one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import ROOT

Git = Callable[..., str]


def version_of(folder: Path) -> str:
    """Return the version that a build in *folder* gets."""
    ran = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "--version"],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("SETUPTOOLS_SCM_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()[-1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with what decides the version, and no repository."""
    folder = tmp_path / "project"
    for name in (
        *(".git_archival.txt", ".gitattributes", "README.md", "openai_scan/_version.py"),
        *("pyproject.toml", "scripts/long_description.py", "setup.cfg", "setup.py"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "openai_scan/__init__.py").touch()
    return folder


@pytest.fixture
def git(project: Path) -> Git:
    """Make the folder a repository with one commit, and return what runs git in it."""
    if shutil.which("git") is None:
        pytest.skip("git is missing")
    named = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "tag.gpgSign=false")

    def run(*arguments: str) -> str:
        command = ["git", *named, "-c", "commit.gpgSign=false", *arguments]
        ran = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
        return ran.stdout

    (project / ".gitignore").write_text("openai_scan/_built.py\n*.egg-info\n__pycache__\n")
    run("init", "--quiet")
    run("add", "--all")
    run("commit", "--quiet", "--message", "one")
    return run


@pytest.mark.unmeasured
def test_a_tag_is_the_version(project: Path, git: Git) -> None:
    """What is built from the tagged commit has the version of the tag."""
    git("tag", "v1.2.3")
    assert version_of(project) == "1.2.3"


@pytest.mark.unmeasured
def test_a_later_commit_is_a_version_before_the_next(project: Path, git: Git) -> None:
    """An index sorts it between the two releases."""
    git("tag", "v1.2.3")
    git("commit", "--quiet", "--allow-empty", "--message", "two")
    assert version_of(project) == "1.2.4.dev1"


@pytest.mark.unmeasured
def test_a_checkout_without_tags_has_a_version(project: Path, git: Git) -> None:
    """It counts the commits."""
    git("commit", "--quiet", "--allow-empty", "--message", "two")
    assert version_of(project) == "0.1.dev2"


@pytest.mark.unmeasured
def test_an_archive_of_a_tag_has_its_version(project: Path, git: Git, tmp_path: Path) -> None:
    """`git archive` fills in a file, as do hosts of repositories."""
    git("tag", "v1.2.3")
    git("archive", "--output", "../archive.tar", "HEAD")
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archive.extractall(tmp_path / "archive", filter="data")
    assert version_of(tmp_path / "archive") == "1.2.3"


@pytest.mark.unmeasured
def test_a_copy_without_a_repository_can_be_built(project: Path) -> None:
    """Such a copy, as in a container image, gets the version 0.0."""
    assert version_of(project) == "0.0"


@pytest.mark.usefixtures("measured_processes")
def test_a_copy_that_was_never_built_can_be_imported() -> None:
    """Without the file that a build writes, the version is 0.0."""
    program = "import sys; sys.modules['openai_scan._built'] = None; import openai_scan as one; \
print(one.__version__)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "0.0\n"
