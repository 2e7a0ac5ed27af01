"""What the README claims is what the pages that it links to say, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")

_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def claims() -> list[str]:
    """Return the items of the list that says why one would use the library."""
    section = README.split("## Why use it\n")[1].split("\n## ")[0]
    items = section.split("\n- **")[1:]
    return [item.split("\n\n")[0] for item in items]


def links() -> list[str]:
    """Return the places in the repository that the README links to or shows."""
    found = (one or other for one, other in _LINK.findall(README))
    return sorted({link for link in found if "://" not in link})


def anchors_of(page: str) -> set[str]:
    """Return the anchors of the titles of a page, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.split("**")[0])
def test_a_number_in_a_claim_is_on_a_page_that_it_links_to(claim: str) -> None:
    """A claim cannot differ from what was measured."""
    pages = [link for link in links() if f"]({link})" in claim]
    texts = [(ROOT / link.partition("#")[0]).read_text("utf-8") for link in pages]
    measured = set(_NUMBER.findall(" ".join(texts)))
    # Not those in links and in the names of things.
    words = re.sub(r"\]\([^)]*\)|`[^`]*`", "", claim)
    counted = {"3", "4"} if "of 4 other libraries" in words else set()
    assert pages
    assert set(_NUMBER.findall(words)) - measured - counted == set()


def test_the_libraries_without_an_error_are_counted() -> None:
    """The claim has the number of libraries for which the table says "no error"."""
    (row,) = (
        line for line in README.splitlines() if line.startswith("| The stream ends too early")
    )
    cells = [cell.strip() for cell in row.split("|")[3:-1]]
    assert f"[{cells.count('no error')} of {len(cells)} other libraries]" in README


@pytest.mark.parametrize("link", links())
def test_a_link_leads_somewhere(link: str) -> None:
    """Each link leads to a file in the repository, and to a title in it."""
    path, _, anchor = link.partition("#")
    assert (ROOT / path).is_file()
    if anchor:
        assert anchor in anchors_of((ROOT / path).read_text("utf-8"))


def test_nothing_says_that_an_index_has_the_package() -> None:
    """There is no release, and another project could have the name."""
    for page in (README, (ROOT / "docs/index.md").read_text("utf-8")):
        assert not re.search(r"pip install ['\"]?openai[-_]scan", page)
