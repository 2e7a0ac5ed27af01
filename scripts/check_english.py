"""Checks the English of the documents, docstrings, comments and messages: `make english`.

    python scripts/check_english.py [FILE...]

Prints a line for each finding, and exits with status 1 if there are any. The words to avoid are the
table "Words to avoid" in docs/glossary.md; proselint finds these and what its own checks know.

Proselint sees only prose. Everything else, such as code in backticks, addresses and names, is
replaced by as many letters or blanks, so a finding has its line and column in the file.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from proselint.checks import __register__ as known_checks
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, CheckFlags, CheckResult, engine, types
from proselint.tools import LintFile

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
TITLE = "## Words to avoid"
# Idioms that contain words to avoid.
IDIOMS = ("try again later",)

# Proselint's own checks. Left out are those that mistake technical terms for clichés or jargon
# ("leverage", "interface with", "very first"), and its opinions on typography.
ENABLED = {
    "glossary": True,
    "repeated": True,
    "archaism": True,
    "malapropisms": True,
    "mondegreens": True,
    "needless_variants": True,
    "nonwords": True,
}

# The files that are checked.
DOCUMENTS = ("*.md", "docs/**/*.md", "tests/**/*.md", ".github/**/*.md")
CODE = ("openai_scan/**/*.py", "scripts/*.py", "docs/**/*.py", "fuzz/*.py", "tests/**/*.py")
COMMENTED = ("Makefile", "setup.cfg", "pyproject.toml", ".ci/*", "docs/examples/**/*.toml")


def files() -> Iterator[Path]:
    """Yield every file that is checked."""
    for pattern in (*DOCUMENTS, *CODE, *COMMENTED):
        yield from (file for file in sorted(ROOT.glob(pattern)) if "_build" not in file.parts)


def words_to_avoid() -> dict[str, str]:
    """Return the words to write for each pattern, from the glossary's table.

    A dash in a phrase, such as `try - again`, matches up to three words. Only the first letter may
    be a capital as well: "is None" in a docstring is not "is none".
    """
    rows = GLOSSARY.read_text("utf-8").partition(TITLE)[2].partition("\n#")[0]
    found: dict[str, str] = {}
    for avoided, written in re.findall(r"^\| (`.*?) \| (.*?) \|$", rows, re.MULTILINE):
        for phrase in re.findall(r"`([^`]+)`", avoided):
            words = r"\s+".join(map(re.escape, phrase.split()))
            words = words.replace(r"\s+\-\s+", r"\s+(?:[\w']+\s+){0,3}")
            found[f"[{words[0]}{words[0].upper()}]{words[1:]}"] = written
    if not found:
        raise SystemExit(f'{GLOSSARY} has no table under "{TITLE}"')
    return found


def avoided_words(items: dict[str, str]) -> types.CheckFn:
    """Return a check that finds the patterns of *items* in one pass over a text."""
    # The longest first, or else a phrase would be found as its first words.
    pattern = r"\b(?:" + "|".join(sorted(items, key=len, reverse=True)) + r")\b"

    def check(text: str, check: Check) -> Iterator[CheckResult]:
        for match in check.engine.finditer(pattern, text):
            if text.startswith(IDIOMS, match.start()):
                continue
            words = match.group(0)
            written = next(items[one] for one in items if check.engine.fullmatch(one, words))
            message = f"Instead of '{words}', write: {written}."
            yield CheckResult(check.path, message, match.span(0), written)

    return check


def register_checks() -> None:
    """Tell proselint which checks there are."""
    registry = CheckRegistry()
    registry.checks.clear()
    registry.register_many(known_checks)
    registry.register_many(
        (
            Check(
                check_type=avoided_words(words_to_avoid()),
                path="glossary",
                engine=engine.Fast(engine.RegexOptions(case_insensitive=False)),
                flags=CheckFlags(allow_quotes=True),
            ),
            # Proselint's own check crosses blank lines, titles and the ends of sentences.
            Check(
                check_type=types.ExistenceSimple(r"\b([a-z]+)(?: |\n *)\1\b", ("that that",)),
                path="repeated",
                message="'{}' is repeated.",
                engine=engine.Fancy(engine.RegexOptions(case_insensitive=False)),
            ),
        )
    )


def findings(name: str, prose: str) -> list[tuple[int, int, str]]:
    """Return line, column and message of what proselint finds in *prose*."""
    if not prose.strip():
        return []
    # Most of a module is code: without the blanks after its lines there is less to search.
    prose = re.sub(r"[ \t]+$", "", prose, flags=re.MULTILINE)
    results = LintFile(name, prose).lint({"max_errors": 1000, "checks": ENABLED})
    found = []
    for result in results:
        # LintFile puts a line end before the text, so its lines count from 2.
        start = result.check_result.span[0] - 1
        line = prose.count("\n", 0, start) + 1
        column = start - (prose.rfind("\n", 0, start) + 1) + 1
        message = " ".join(result.check_result.message.split())
        found.append((line, column, f"{message} [{result.check_result.check_path}]"))
    return sorted(found)


def _blank(text: str, filler: str = " ") -> str:
    """Return as many *filler* as *text* is long, with its line ends."""
    return re.sub(r"[^\n]", filler, text)


# What is no prose in Markdown, and likewise in docstrings and comments.
_INLINE = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<comment><!--.*?-->)"
    r"|(?P<link>(?<=\])\([^()\s]*\))"
    r"|(?P<address>\b[a-z]+://[^\s)>]+|<[^<>\s]+>)"
    r"|(?P<role>\{[\w:]+\}(?=`))",
    re.DOTALL,
)
_FENCE = re.compile(
    r"^(?P<fence>(`{3,})(?P<info>[^\n`]*)\n.*?^\2[ \t]*)$", re.MULTILINE | re.DOTALL
)
# Directives whose contents are text, such as `{note}`.
_PROSE_DIRECTIVE = re.compile(r"\{(note|tip|warning|important|grid|card|dropdown|tab)")


def _without_inline(text: str) -> str:
    """Return *text* without what is not prose inside its lines."""
    return _INLINE.sub(lambda m: _blank(m[0], "X" if m["code"] else " "), text)


def prose_of_markdown(text: str) -> str:
    """Return *text* with blanks in place of what is not prose."""
    text = _FENCE.sub(lambda m: m[0] if _PROSE_DIRECTIVE.match(m["info"]) else _blank(m[0]), text)
    return _without_inline(text)


# Ends a statement, or begins one: a string after it is a docstring.
_BOUNDARY = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
_SKIPPED = {tokenize.NL, tokenize.COMMENT}
_PREFIX = re.compile(r"^[a-zA-Z]*(\"\"\"|'''|\"|')")
# What tools read: `noqa`, `type: ignore`, `pragma: no cover`.
_FOR_TOOLS = re.compile(r"#\s*(noqa|type:|pragma|mypy:|pyright:|ruff:|fmt:)[^#]*")
# Escapes and replacement fields.
_IN_STRING = re.compile(r"\\(?:x..|u....|U.{8}|N\{[^}]*\}|.)|\{[^{}]*\}", re.DOTALL)


def prose_of_python(code: str, *, messages: bool) -> str:
    """Return the comments and docstrings of *code*, and its texts of several words.

    Args:
        code: A module.
        messages: Whether texts that are not docstrings count. In tests they are data.
    """
    # Bars for code, so that the comments of two lines do not look like one sentence.
    kept = [list(line) for line in re.sub(r"\S", "|", code).splitlines()]
    fstring = getattr(tokenize, "FSTRING_MIDDLE", -1)
    before = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        text = token.string
        if token.type == tokenize.COMMENT:
            text = _FOR_TOOLS.sub(lambda m: _blank(m[0]), text)
            _keep(kept, token.start, text.replace("#", " "))
        elif token.type == tokenize.STRING and before in _BOUNDARY:
            _keep(kept, token.start, _PREFIX.sub(lambda m: _blank(m[0]), text))
        elif token.type in {tokenize.STRING, fstring} and messages and _is_message(text):
            text = _IN_STRING.sub(lambda m: _blank(m[0]), text)
            _keep(kept, token.start, text)
        if token.type not in _SKIPPED:
            before = token.type
    return _without_inline("\n".join("".join(line) for line in kept))


def _is_message(text: str) -> bool:
    """Whether a string looks like a sentence rather than a key, a pattern or data."""
    return len(re.findall(r"(?<!\S)[a-z']+(?=[\s.,:;!?\"']|$)", text)) > 2


def _keep(kept: list[list[str]], start: tuple[int, int], text: str) -> None:
    """Write *text* into the lines of *kept*, from *start* on."""
    row, column = start
    for line in text.split("\n"):
        kept[row - 1][column : column + len(line)] = line
        row, column = row + 1, 0


def prose_of_comments(text: str) -> str:
    """Return the comments of a Makefile, a script or a file of settings."""
    lines = []
    for line in text.split("\n"):
        comment = re.search(r"(?:^|\s)#", line)
        begin = comment.end() if comment else len(line)
        code = line[: begin - 1] if comment else line
        lines.append(re.sub(r"\S", "|", code) + " " * bool(comment) + line[begin:])
    return _without_inline("\n".join(lines))


def prose_of(file: Path) -> str:
    """Return the prose of *file*, at its lines and columns."""
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        return prose_of_markdown(text)
    if file.suffix == ".py":
        return prose_of_python(text, messages="tests" not in file.parts)
    return prose_of_comments(text)


def main(arguments: Iterable[str]) -> int:
    """Print the findings of the files that *arguments* name, or of all, and return the status."""
    register_checks()
    status = 0
    for file in [Path(name).resolve() for name in arguments] or files():
        for line, column, message in findings(file.name, prose_of(file)):
            print(f"{file.relative_to(ROOT)}:{line}:{column}: {message}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
