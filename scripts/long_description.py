"""The README as a package index shows it, and the addresses that the metadata has.

On an index page a relative link such as `docs/tutorial.md` leads nowhere, and a relative picture is
a broken one. With the address of the repository, both become absolute. Without it, a link becomes
its text, and a picture is left out. setup.py calls this when a distribution is built.
"""

from __future__ import annotations

import re

REPOSITORY = ""
"""The address of the repository, such as `https://github.com/OWNER/NAME`, with no slash at its end.

It is empty because the repository has no public address yet. `docs/releasing.md` lists what else to
change when it gets one.
"""

# A block of code, which stays as it is.
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[ ]*$", re.MULTILINE | re.DOTALL)

# A place in the repository. All others have a scheme (`https:`), or are on the same page (`#`).
_HERE = r"(?![a-zA-Z][\w+.-]*:|\#|//)(?P<place>[^\s()<>\"]+)"

_TITLE = r"(?:\s+\"[^\"]*\")?"
_PICTURE = re.compile(rf"!\[[^\[\]]*\]\({_HERE}{_TITLE}\)")
# The text of a link may be a picture.
_TEXT = r"(?P<text>(?:[^\[\]]|!?\[[^\[\]]*\]\([^()]*\))*)"
_LINK = re.compile(rf"(?<!!)\[{_TEXT}\]\({_HERE}{_TITLE}\)")

# The same in HTML. An index drops `picture` and `source`, so only the `img` inside is kept.
_PICTURE_TAG = re.compile(r"[ \t]*<(?:/?picture|source)\b[^>]*>[ \t]*\n?")
_IMAGE_TAG = re.compile(rf"<img\b[^>]*?\bsrc=\"{_HERE}\"[^>]*>")
_LINK_TAG = re.compile(rf"<a\b[^>]*?\bhref=\"{_HERE}\"[^>]*>(?P<text>.*?)</a>", re.DOTALL)

# What remains of a paragraph that only had a picture.
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def project_urls(repository: str) -> dict[str, str]:
    """Return the addresses that an index lists, by their names; none without a repository."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/main/docs/index.md",
        "Changelog": f"{repository}/blob/main/docs/changelog.md",
        "Issues": f"{repository}/issues",
    }


def long_description(readme: str, repository: str) -> str:
    """Return *readme* without links and pictures that work only inside the repository.

    Args:
        readme: Markdown.
        repository: The address of the repository, or an empty text if it has none.
    """
    parts = []
    end = 0
    for fence in _FENCE.finditer(readme):
        parts += [_rewritten(readme[end : fence.start()], repository), fence[0]]
        end = fence.end()
    return "".join([*parts, _rewritten(readme[end:], repository)])


def _rewritten(text: str, repository: str) -> str:
    """Return *text*, which has no block of code."""

    def picture(found: re.Match[str]) -> str:
        return _absolute(found, f"{repository}/raw/main/") if repository else ""

    def link(found: re.Match[str]) -> str:
        return _absolute(found, f"{repository}/blob/main/") if repository else found["text"]

    text = _PICTURE_TAG.sub("", text)
    for form, replaced in (
        (_PICTURE, picture),
        (_IMAGE_TAG, picture),
        (_LINK, link),
        (_LINK_TAG, link),
    ):
        text = form.sub(replaced, text)
    return _EMPTY_LINES.sub("\n\n", text)


def _absolute(found: re.Match[str], base: str) -> str:
    """Return what was *found* with its place below *base*."""
    begin, end = (place - found.start() for place in found.span("place"))
    return found[0][:begin] + base + found["place"].removeprefix("./") + found[0][end:]
