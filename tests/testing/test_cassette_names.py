"""Each test has a cassette of its own, on any file system."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.testing.names import cassette_path

SAME_TO_SOME_DISK = [
    ["test_it[GPT]", "test_it[gpt]", "test_it[Gpt]", "test_it[gPT]"],
    ["TestIt::test_it", "Testit::test_it", "testit::test_it", "TestIt::Test_it"],
    ["test_\u00e9", "test_e\u0301", "test_\u00c9", "test_E\u0301", "test_%e9"],
    ["test_it[\u00df]", "test_it[ss]", "test_it[SS]", "test_it[\u1e9e]"],
    ["test_it[\u212b]", "test_it[\u00c5]", "test_it[A\u030a]", "test_it[\u00e5]"],
    ["test_it[\u212a]", "test_it[K]", "test_it[k]"],
    ["test_it[\u017f]", "test_it[s]", "test_it[S]"],
    ["test_it[\ufb01]", "test_it[fi]", "test_it[FI]"],
    ["test_it[\u2013]", "test_it[ 13]", "test_it[%2013]"],
    ["test_it[a::b]", "test_it[a.b]", "test_it[a:b]", "test_it[a/b]", "test_it[a\\b]"],
    ["test_it[" + "a" * 300 + end for end in ("]", "b]", "B]", "]]")],
    ["test_it::a", "test_it.a", "test_it::a[b]", "test_it.a[b]"],
    ["test_it[]", "test_it[ ]", "test_it[.]", "test_it[..]", "test_it"],
]


def disk(name: str) -> set[str]:
    """Return all names that some file system takes for *name*."""
    return {
        unicodedata.normalize(form, case(unicodedata.normalize(form, name)))
        for form in ("NFC", "NFD", "NFKC", "NFKD")
        for case in (str, str.casefold, str.upper, str.lower)
    }


@pytest.mark.parametrize("tests", SAME_TO_SOME_DISK, ids=lambda tests: ascii(tests[0])[:20])
def test_no_disk_takes_two_names_for_one(tests: list[str], tmp_path: Path) -> None:
    """Neither names that differ in case or in code points, nor long ones."""
    names = [cassette_path(tmp_path, test).name for test in tests]
    for one, other in itertools.combinations(names, 2):
        assert disk(one).isdisjoint(disk(other))
    assert names == [cassette_path(tmp_path, test).name for test in tests]


@given(st.lists(st.text("aAbB%~:.[]/\u00e9\u00c9e\u0301 -", max_size=5), unique=True, max_size=20))
def test_no_two_tests_share_a_cassette(tests: list[str]) -> None:
    """Each test has its own, whatever the tests are called."""
    nowhere = Path("no such folder")
    names = [cassette_path(nowhere, test).name for test in tests]
    assert len({name.casefold() for name in names}) == len(names)


@pytest.mark.parametrize(
    "test",
    [
        *("con", "PRN", "aux::test_it", "NUL", "com1", "LPT9::test_it", "Aux::TestIt::test_it"),
        *("test_it[a:b]", 'test_it[<>|?*"]', "test_it[a\\b/c]", "test_it[\x1f\x7f]", "test_it[ ]"),
        *("test_it[\ud83d]", "com\u00b9", "conin$", "", "test_it[" + "\u00e9" * 500 + "]"),
    ],
    ids=lambda test: ascii(test)[:20],
)
def test_every_system_takes_the_name(test: str, tmp_path: Path) -> None:
    """No device of Windows, no character that it forbids, no name that is too long."""
    name = cassette_path(tmp_path, test).name
    assert name.isascii()
    assert name.isprintable()
    assert set(name).isdisjoint('<>:"/\\|?* $')
    assert name.partition(".")[0].casefold().rstrip("0123456789") not in {
        *("con", "prn", "aux", "nul", "com", "lpt")
    }
    assert len(name) < 128
    assert name.endswith(".jsonl")


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("test_it", "test_it.jsonl"),
        ("test_it[a/b-c.d]", "test_it[a%2fb-c.d].jsonl"),
        ("TestIt::test_it", "TestIt.test_it~1a1b88ee.jsonl"),
        ("test_it[GPT]", "test_it[GPT]~edbde673.jsonl"),
        ("aux::test_it", "%61ux.test_it~c7362811.jsonl"),
        ("test_\u65e5", "test_%65e5~c070b390.jsonl"),
    ],
)
def test_names_stay_what_they_are(test: str, name: str, tmp_path: Path) -> None:
    """The next version must find a cassette that is in a repository."""
    assert cassette_path(tmp_path, test).name == name


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("TestIt::test_it", "TestIt.test_it.jsonl"),
        ("test_it[GPT]", "test_it[GPT].jsonl"),
        ("con", "con.jsonl"),
        ("test_\u00e9", "test_\u00e9.jsonl"),
        ("test_it[a:b]", "test_it[a%3ab].jsonl"),
    ],
)
def test_a_cassette_of_an_older_version_is_found(test: str, name: str, tmp_path: Path) -> None:
    """Under its old name, unless there is one with the new name."""
    new = cassette_path(tmp_path, test)
    old = tmp_path / name
    old.touch()
    assert cassette_path(tmp_path, test) == old
    new.touch()
    assert cassette_path(tmp_path, test) == new


@pytest.mark.parametrize("tests", SAME_TO_SOME_DISK, ids=lambda tests: ascii(tests[0])[:20])
@pytest.mark.parametrize("step", [1, -1])
def test_no_test_finds_the_cassette_of_another(tests: list[str], step: int, tmp_path: Path) -> None:
    """Whichever test is recorded first."""
    paths = {}
    for test in tests[::step]:
        paths[test] = cassette_path(tmp_path, test)
        assert not paths[test].exists()
        paths[test].touch()
    assert paths == {test: cassette_path(tmp_path, test) for test in tests}


def test_an_old_cassette_of_another_test_is_left_alone(tmp_path: Path) -> None:
    """Where the file system takes both names for one, the test gets another, and keeps it."""
    plain = cassette_path(tmp_path, "test_it[gpt]")
    (tmp_path / "test_it[GPT].jsonl").touch()
    other = cassette_path(tmp_path, "test_it[gpt]")
    assert other.name.casefold() != plain.name.casefold()
    other.touch()
    assert cassette_path(tmp_path, "test_it[gpt]") == other
