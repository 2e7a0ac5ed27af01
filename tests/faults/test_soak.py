"""A small soak, and what the checks of a large one report."""

from __future__ import annotations

import gc
import json
import math
import threading
from pathlib import Path

import pytest
from wires import WIRES

from faults import page, soak
from faults.cases import Expected, Kind, case, expected
from faults.soak import Levels, Seen, Soak, judge, levels_of

pytestmark = pytest.mark.unmeasured

NEEDS_PROC = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="only Linux tells a process so what it holds"
)

SMALL = ["--streams", "120", "--threads", "4", "--seed", "3"]


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the bounds on growth, because a small run does little but warm up."""
    gc.freeze()  # skips what earlier tests hold, which the run would look at ten times
    monkeypatch.setattr(soak, "_MEMORY_SLACK", math.inf)
    monkeypatch.setattr(soak, "_OBJECT_SLACK", math.inf)


@NEEDS_PROC
@pytest.mark.usefixtures("unbounded")
@pytest.mark.parametrize("name", WIRES)
def test_a_small_soak_has_nothing_to_complain_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Every stream ends as it should; the figures are printed, and put into the page."""
    monkeypatch.setattr(page, "FIGURES", tmp_path / "soak.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "faults.md")
    assert soak.main([*SMALL, "--wire", name, "--record"]) == 0
    figures = json.loads(page.FIGURES.read_text())
    assert sum(count for *_, count in figures["endings"]) == 120
    assert [one["streams"] for one in figures["levels"]] == list(range(12, 121, 12))
    cancelled = sum(
        count for _, ended, count in figures["endings"] if ended.startswith("cancelled S")
    )
    assert figures["cancelled"]["streams"] == cancelled > 0
    assert 0 < figures["cancelled"]["median_ms"] <= figures["cancelled"]["longest_ms"]
    printed = capsys.readouterr().out
    assert printed == page.of_soak(figures) + "\n"
    assert printed in page.PAGE.read_text()


@NEEDS_PROC
@pytest.mark.usefixtures("unbounded")
def test_a_wrong_end_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stream is named, so that it can be looked into."""
    monkeypatch.setattr(soak, "judge", lambda *_: "not what I like")
    assert soak.main(["--streams", "10", "--threads", "1", "--seed", "3"]) == 1
    printed = capsys.readouterr().out
    assert "stream 0: not what I like: Case(number=0, " in printed


EXPECTED = Expected((("failed", "TransportError"),), (1, 1), "one ")
ENDING = ("failed", "TransportError")


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (Seen(ENDING, 1, "one "), None),
        (
            Seen(("completed", None), 1, "one "),
            "('completed', None), and not one of (('failed', 'TransportError'),)",
        ),
        (Seen(ENDING, 2, "one "), "2 events, and not 1 to 1"),
        (Seen(ENDING, 1, "two "), "the text 'two ', and not 'one '"),
        (Seen(ENDING, 1, "on"), "the text 'on', and not 'one '"),
    ],
)
def test_each_way_to_be_wrong_is_reported(seen: Seen, complaint: str | None) -> None:
    """The complaint names a wrong end, a wrong number of events, or a wrong text."""
    assert judge(EXPECTED, seen) == complaint


def test_fewer_events_have_the_beginning_of_the_text() -> None:
    """If it is unknown how many events arrive, their text must begin the expected one."""
    vague = Expected((ENDING,), (0, 2), "one two ")
    assert judge(vague, Seen(ENDING, 1, "one ")) is None
    assert judge(vague, Seen(ENDING, 1, "two ")) == "the text 'two ', and not 'one two '"


def test_what_grows_is_reported() -> None:
    """Memory, objects, descriptors and threads have their bounds."""
    run = Soak(seed=1, streams=20, threads=2)
    before = Levels(2, 50_000_000, 1000, 10, 2)
    run.levels += [before, before, Levels(20, 60_000_000, 2000, 19, 3)]
    run.compare()
    assert run.wrong == [
        "memory has grown",
        "there are more objects",
        "there are more descriptors",
        "there are more threads",
    ]


@NEEDS_PROC
def test_a_lookup_that_is_not_waited_for_is_not_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of a lookup ends by itself, and is not counted."""
    go = threading.Event()
    lookup = threading.Thread(target=go.wait, name="openai_scan-resolver")
    before = threading.active_count()
    lookup.start()
    enumerate_ = threading.enumerate

    def then_go() -> list[threading.Thread]:
        found = enumerate_()
        go.set()
        return found

    monkeypatch.setattr(threading, "enumerate", then_go)
    assert levels_of(1).threads == before
    assert not lookup.is_alive()


def test_errors_that_would_be_hidden_are_reported() -> None:
    """An exception in a destructor is reported, although Python itself only prints it."""

    class Unruly:
        def __del__(self) -> None:
            raise ValueError("not so")

    run = Soak(seed=1, streams=1, threads=1)
    with run.no_surprises():
        Unruly()
    assert run.wrong == ["an exception that nobody sees: ValueError('not so')"]


def test_a_case_is_the_same_on_both_sides() -> None:
    """A case follows from the seed and its number, and every kind occurs."""
    cases = [case(3, number) for number in range(300)]
    assert cases == [case(3, number) for number in range(300)]
    assert {one.kind for one in cases} == set(Kind)
    assert [case(4, number) for number in range(300)] != cases
    assert all(expected(one).endings for one in cases)
