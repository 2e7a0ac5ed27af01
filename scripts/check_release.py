"""Check what is about to be released: `make release` calls this last.

    python scripts/check_release.py dist

It looks at the commit, the changelog and the files in `dist/`, and says everything that is not as
docs/releasing.md describes it. Its exit status is the number of such things.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

_TAG = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")
_SECTION = re.compile(r"^## (\S+) \((\S+)\)$", re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong, and return how many things are."""
    (folder,) = arguments
    problems = [*problems_of(ROOT, ROOT / folder)]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{_git(ROOT, 'describe', '--tags')} is ready: {folder}/ has what to upload")
    return len(problems)


def problems_of(root: Path, dist: Path) -> Iterator[str]:
    """Yield what keeps the commit in *root* and the files in *dist* from being released."""
    if changed := _git(root, "status", "--porcelain", "--untracked-files=no"):
        yield f"some files are changed and not committed:\n{changed}"
    tags = _git(root, "tag", "--points-at", "HEAD").split()
    versions = [found[1] for tag in tags if (found := _TAG.fullmatch(tag))]
    if len(versions) != 1:
        yield f"the commit needs one tag such as v1.2.3, and has {', '.join(tags) or 'none'}"
        return
    (version,) = versions
    yield from _changelog_problems(root, version)
    names = {path.name for path in dist.glob("*")}
    expected = {
        f"openai_scan-{version}-py3-none-any.whl",
        f"openai_scan-{version}.cdx.json",
        f"openai_scan-{version}.tar.gz",
    }
    if names != expected:
        yield f"{dist.name}/ has {sorted(names)}, and not {sorted(expected)}: run `make sbom`"


def _changelog_problems(root: Path, version: str) -> Iterator[str]:
    text = (root / "docs/changelog.md").read_text("utf-8")
    found = _SECTION.search(text)
    if found is None:
        yield "docs/changelog.md has no section such as `## 1.2.3 (2026-12-24)`"
    elif found[1] != version:
        yield f"the first section of docs/changelog.md is about {found[1]}, not {version}"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", found[2]):
        yield f"docs/changelog.md has no date for {version}, but ({found[2]})"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    ran = subprocess.run(  # noqa: S603 - git
        command, capture_output=True, text=True, check=True
    )
    return ran.stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
