"""The check of the English finds what it is meant to find, in prose and nowhere else."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from pages import ROOT

pytest.importorskip("proselint", reason="the extra `lint` has it, `test` does not")


@pytest.fixture(scope="module")
def english() -> ModuleType:
    """Return the script, with its checks registered."""
    spec = importlib.util.spec_from_file_location("english", ROOT / "scripts/check_english.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["english"] = module
    spec.loader.exec_module(module)
    module.register_checks()
    return module


@pytest.fixture
def found(english: ModuleType, tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Return what finds the faults in a file of a name and a text, as "line:column message"."""

    def check(name: str, text: str) -> list[str]:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return [
            f"{row}:{at} {what}" for row, at, what in english.findings(name, english.prose_of(file))
        ]

    return check


def test_every_phrase_of_the_glossary_is_found(found: Callable[[str, str], list[str]]) -> None:
    """A sentence with any of the words to avoid is a fault, and says what to write instead."""
    rows = (ROOT / "docs/glossary.md").read_text("utf-8").partition("## Words to avoid")[2]
    phrases = [
        (phrase.replace(" - ", " it "), written)
        for avoided, written in re.findall(r"^\| (`.*?) \| (.*?) \|$", rows, re.MULTILINE)
        for phrase in re.findall(r"`([^`]+)`", avoided)
    ]
    assert len(phrases) > 50
    for phrase, written in phrases:
        for words in (phrase, phrase.capitalize()):
            expected = f"1:7 Instead of '{words}', write: {written}. [glossary]"
            assert expected in found("page.md", f"Here, {words} now.\n"), words


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("It waits for ever.\n", "1:10 'for ever' is archaic. [archaism]"),
        ("It says that the\nthe end is near.\n", "1:14 'the the' is repeated. [repeated]"),
        (
            "It tries the request\nagain.\n",
            "1:4 Instead of 'tries the request again', write: retry;",
        ),
    ],
)
def test_a_bad_sentence_is_found(
    found: Callable[[str, str], list[str]], text: str, finding: str
) -> None:
    """Archaic and repeated words are found, also across the end of a line."""
    [fault] = found("page.md", text)
    assert fault.startswith(finding)


@pytest.mark.parametrize(
    "text",
    [
        "The client retries.\n",
        "`nobody` is a user.\n",
        "```text\nnobody\n```\n",
        "[a link](https://example.com/nobody)\n",
        "<!-- nobody -->\n",
        "The value is None, or there are None in it.\n",
        "Run it.\n\nIt ends.\n",
        "The server is busy: try again later.\n",
    ],
)
def test_what_is_not_prose_is_not_read(found: Callable[[str, str], list[str]], text: str) -> None:
    """Code, addresses and hidden comments are left alone, and so are plain sentences."""
    assert found("page.md", text) == []


def test_a_module_is_read_where_a_person_reads_it(
    found: Callable[[str, str], list[str]], english: ModuleType
) -> None:
    """Docstrings, comments and messages are read; names, keys and directives for tools are not."""
    code = '''"""Nobody reads."""
nobody = {"nobody": 1}  # for nobody
other = nobody  # noqa: whoever


def shall(nobody):
    """Say `nobody`.

    Whoever asks.
    """
    raise ValueError(f"there is {nobody} and whoever else is here")
'''
    assert [re.sub(" Instead of '(.*?)'.*", r" \1", fault) for fault in found("a.py", code)] == [
        "1:4 Nobody",
        "2:31 nobody",
        "9:5 Whoever",
        "11:46 whoever",
    ]
    assert "whoever" not in english.prose_of_python(code, messages=False).lower().split("asks")[1]


def test_comments_of_settings_are_read(found: Callable[[str, str], list[str]]) -> None:
    """What follows a `#` is prose in a Makefile, and what comes before it is not."""
    [fault] = found("Makefile", "nobody:\n\ttrue nobody # for nobody\n")
    assert fault.startswith("2:20 Instead of 'nobody'")


def test_a_finding_is_a_failure(
    english: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The script prints file, line and column, and exits with status 1; without faults with 0."""
    monkeypatch.setattr(english, "ROOT", tmp_path)
    bad = tmp_path / "bad.md"
    bad.write_text("Who asks?\n\nNobody.\n", encoding="utf-8")
    good = tmp_path / "good.md"
    good.write_text("You ask.\n", encoding="utf-8")
    assert english.main([str(bad), str(good)]) == 1
    assert capsys.readouterr().out.startswith("bad.md:3:1: Instead of 'Nobody', write: ")
    assert english.main([str(good)]) == 0
    assert capsys.readouterr().out == ""


def test_every_kind_of_file_is_checked(english: ModuleType) -> None:
    """The pages, the package, the tests and the settings are all among the files."""
    names = {str(file.relative_to(ROOT)) for file in english.files()}
    assert {
        "README.md",
        "docs/glossary.md",
        "openai_scan/streamer.py",
        "tests/test_english.py",
    } <= names
    assert {"Makefile", "setup.cfg", ".ci/run"} <= names
