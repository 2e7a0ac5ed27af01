"""The README as a package index shows it: no link and no picture is broken."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from pages import ROOT

pytestmark = pytest.mark.unmeasured

ADDRESS = "https://example.com/owner/name"
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script from its folder, as setup.py does."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("long_description")


@pytest.mark.parametrize(
    ("readme", "without", "with_address"),
    [
        ("[a](docs/a.md)", "a", f"[a]({ADDRESS}/blob/main/docs/a.md)"),
        ('[a](./a.md#b "c") d', "a d", f'[a]({ADDRESS}/blob/main/a.md#b "c") d'),
        ("[`a` b](c)", "`a` b", f"[`a` b]({ADDRESS}/blob/main/c)"),
        ("a\n\n![b](c.svg)\n\nd", "a\n\nd", f"a\n\n![b]({ADDRESS}/raw/main/c.svg)\n\nd"),
        (
            "[![b](c.svg)](d.md)",
            "",
            f"[![b]({ADDRESS}/raw/main/c.svg)]({ADDRESS}/blob/main/d.md)",
        ),
        ("[![b](c.svg)](https://d.e)", "[](https://d.e)", None),
        (
            '<picture>\n<source srcset="dark.svg">\n<img alt="b" src="c.svg"></picture>',
            "",
            f'<img alt="b" src="{ADDRESS}/raw/main/c.svg">',
        ),
        (
            '<picture>\n<img src="a.svg">\n</picture>\n\n[b](c.md)',
            "\n\nb",
            f'<img src="{ADDRESS}/raw/main/a.svg">\n\n[b]({ADDRESS}/blob/main/c.md)',
        ),
        ('<a href="b.md">c</a>', "c", f'<a href="{ADDRESS}/blob/main/b.md">c</a>'),
        *(
            (kept, kept, kept)
            for kept in (
                "[a](https://b.c)",
                "![a](https://b.c/d.png)",
                "[a](#b)",
                "[a](mailto:b@c.d)",
                '<img src="https://b.c">',
                "```text\n[a](b.md)\n```",
                "not a link: [a] (b.md), x[0](1 + 2)",
            )
        ),
    ],
)
def test_what_works_only_in_the_repository_is_replaced(
    readme: str, without: str, with_address: str | None, script: ModuleType
) -> None:
    """With an address links become absolute; without one, a link is its text."""
    assert script.long_description(readme, "") == without
    if with_address is not None:
        assert script.long_description(readme, ADDRESS) == with_address


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_readme_has_no_relative_link_left(address: str, script: ModuleType) -> None:
    """PyPI's renderer finds no relative links in it."""
    markdown = pytest.importorskip("readme_renderer.markdown", reason="twine brings it")
    html = markdown.render(script.long_description(README, address))
    places = re.findall(r'(?:href|src|srcset)="([^"]*)"', html)
    assert places, "the README has links"
    assert [place for place in places if not re.match(r"https?://|mailto:|#", place)] == []
    assert "](" not in re.sub(r"(?s)<pre>.*?</pre>|<code>.*?</code>", "", html)


def test_each_link_of_the_readme_leads_to_a_file(script: ModuleType) -> None:
    """Each absolute link to the repository is that of a file which exists."""
    text = script.long_description(README, ADDRESS)
    base = rf"{re.escape(ADDRESS)}/(?:blob|raw)/main/"
    places = re.findall(rf"{base}([^\s()\"#]+)", text)
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_metadata_has_no_address_that_does_not_exist(script: ModuleType) -> None:
    """No address is made up: there are none until the repository has one."""
    assert script.project_urls("") == {}
    assert script.project_urls(ADDRESS)["Source"] == ADDRESS
    for url in script.project_urls(ADDRESS).values():
        place = url.removeprefix(f"{ADDRESS}/blob/main/")
        assert place.startswith(ADDRESS) or Path(ROOT, place).is_file()
