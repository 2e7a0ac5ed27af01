"""Which files are part of the page."""

from __future__ import annotations

from pathlib import Path

from openai_scan.relay.page_files import load_page


def test_files_of_known_types(tmp_path: Path) -> None:
    """Each of them has its type; other files are not part of the page."""
    for name in ("index.html", "page.css", "page.mjs", "icon.svg", "notes.txt", "secret", ".env"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.html").mkdir()
    page = load_page(tmp_path)
    assert {name: file.headers["Content-Type"] for name, file in page.items()} == {
        "": "text/html; charset=utf-8",
        "page.css": "text/css; charset=utf-8",
        "page.mjs": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    assert page[""].body == b"index.html"


def test_a_tag_tells_contents_apart(tmp_path: Path) -> None:
    """Files with the same content have the same tag."""
    for name, text in (("a.css", "a"), ("b.css", "b"), ("c.css", "a")):
        (tmp_path / name).write_text(text)
    page = load_page(tmp_path)
    tags = [page[name].headers["ETag"] for name in ("a.css", "b.css", "c.css")]
    assert tags[0] == tags[2] != tags[1]
    assert tags[0].startswith('"')
    assert len(tags[0]) == 34


def test_without_a_folder_there_is_no_page(tmp_path: Path) -> None:
    """A package may leave it out."""
    assert load_page(tmp_path / "missing") == {}
