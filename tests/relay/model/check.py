"""Let spin look at all that the model of the relay can do, and find what its mutants do wrong.

Run it as `make model`, or `make model MODEL=deep` for what takes minutes. It needs `spin` and a C
compiler. Each configuration has to hold, each mutant has to break the property that is named, and
each statement of the model has to be executed in some configuration.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import field, frozen

MODEL = Path(__file__).with_name("relay.pml")

# What the properties are called that are not in the model itself.
ENDS = "every_job_ends"

# How deep a run may be, and how much memory it may take, in megabytes: far more than any needs.
_DEPTH = 100_000
_MEMORY = 4096


@frozen
class Run:
    """A configuration of the model, or a mutant of it.

    Attributes:
        name: What it is called in the table.
        settings: What is defined for the preprocessor, such as `CRASHES=1 STOP`.
        breaks: The property that has to be broken; None if all have to hold.
        is_live: Whether to look for a run in which the job never ends, instead of a state in which
            something is wrong. It takes longer.
    """

    name: str
    settings: str
    breaks: str | None = None
    is_live: bool = False


@frozen
class Found:
    """What spin has found.

    Attributes:
        run: In which run.
        broken: The property that does not hold; None if all do.
        states: How many states there are, as far as it had to look.
        seconds: How long it took to look at them.
        unreached: The statements that were never executed, by line.
    """

    run: Run
    broken: str | None
    states: int
    seconds: float
    unreached: frozenset[tuple[int, str]] = field(repr=False)

    @property
    def is_expected(self) -> bool:
        """Whether it is what the run has to show."""
        return self.broken == self.run.breaks


HOLDS: Sequence[Run] = (
    Run("crashes", "CRASHES=2 OUTAGES=1"),
    Run("pauses", "PAUSES=2"),
    Run("a pause, a crash", "PAUSES=1 CRASHES=1"),
    Run("a pause, an outage of the store", "PAUSES=1 OUTAGES=1"),
    Run("SIGTERM", "CLOSINGS=2"),
    Run("SIGTERM, a pause", "CLOSINGS=1 PAUSES=1"),
    Run("the log loses everything, a pause", "LOSS PAUSES=1"),
    Run("the log loses everything, a crash", "LOSS CRASHES=1 OUTAGES=1"),
    Run("the answer does not reach the log", "NO_LOG"),
    Run("background: crashes, the stream breaks", "BACKGROUND CRASHES=2 CUTS=1"),
    Run("background: pauses, an outage", "BACKGROUND PAUSES=2 OUTAGES=1"),
    Run("background: a pause, Stop", "BACKGROUND PAUSES=1 STOP"),
    Run("background: SIGTERM, Stop, three pieces", "BACKGROUND CLOSINGS=1 CUTS=1 STOP PIECES=3"),
    Run("background: the job kills its processes", "BACKGROUND CRASHES=2 MAX_ATTEMPTS=1"),
    Run("background: the log loses everything", "BACKGROUND LOSS PAUSES=1"),
    Run("SQL: a pause, a crash", "SQL PAUSES=1 CRASHES=1"),
    Run("SQL, background: pauses", "SQL BACKGROUND PAUSES=2"),
    Run("ends: a crash, an outage", "CRASHES=1 OUTAGES=1", is_live=True),
    Run("ends: a pause", "PAUSES=1", is_live=True),
    Run("ends: SIGTERM", "CLOSINGS=1", is_live=True),
    Run("ends: the job kills its processes", "CRASHES=2 MAX_ATTEMPTS=1", is_live=True),
    Run("ends: the log loses everything", "LOSS CRASHES=1", is_live=True),
    Run("ends: the answer does not reach the log", "NO_LOG", is_live=True),
    Run("ends: a silent upstream, Stop, a crash", "SILENT STOP CRASHES=1", is_live=True),
)
"""What has to hold."""

DEEP: Sequence[Run] = (
    Run("a crash, a pause, an outage", "CRASHES=1 PAUSES=1 OUTAGES=1"),
    Run("SIGTERM, an outage", "CLOSINGS=2 OUTAGES=1"),
    Run("SIGTERM, a pause, an outage", "CLOSINGS=1 PAUSES=1 OUTAGES=1"),
    Run("SIGTERM, a pause, Stop", "CLOSINGS=1 PAUSES=1 STOP"),
    Run("the log loses everything, a crash, a pause", "LOSS CRASHES=1 PAUSES=1"),
    Run("the log loses everything, SIGTERM, Stop", "LOSS CLOSINGS=1 STOP"),
    Run("background: a pause, a crash, Stop", "BACKGROUND PAUSES=1 CRASHES=1 STOP"),
    Run("background: SIGTERM, a pause", "BACKGROUND CLOSINGS=1 PAUSES=1"),
    Run("background: the log is lost, an outage", "BACKGROUND LOSS PAUSES=1 OUTAGES=1"),
    Run("SQL: a crash, a pause, an outage", "SQL CRASHES=1 PAUSES=1 OUTAGES=1"),
    Run("ends: a pause, SIGTERM", "PAUSES=1 CLOSINGS=1", is_live=True),
    Run("ends: a silent Response, Stop", "SILENT STOP BACKGROUND PAUSES=1", is_live=True),
)
"""What has to hold too, and takes minutes."""

MUTANTS: Sequence[Run] = (
    Run("acknowledge before the row is saved", "ACKNOWLEDGE_FIRST CRASHES=1", "saved_first"),
    Run("no fence", "NO_FENCE PAUSES=1", "fence_holds"),
    Run("done before the row", "DONE_FIRST", "done_true"),
    Run("read the log before begin", "READ_FIRST PAUSES=1", "paid_once"),
    Run("do not wait for begin", "BEGIN_UNDRAINED PAUSES=1", "paid_once"),
    Run("ask again after an ask", "ASK_AGAIN CRASHES=1", "paid_once"),
    Run("do not wait for ask", "ASK_UNDRAINED CRASHES=1", "paid_once"),
    Run("save whatever the status", "SAVE_UNGUARDED PAUSES=1", "saved_once"),
    Run("do not read the row back", "ROW_NOT_READ PAUSES=1", "same_text"),
    Run("acknowledge before done", "DONE_UNDRAINED CRASHES=1", "readers_told"),
    Run("hand over what is not written", "HAND_OVER_UNFLUSHED CLOSINGS=1 BACKGROUND", "whole"),
    Run("mark before its delta", "MARK_FIRST CRASHES=1 BACKGROUND", "text_exact"),
    Run("tell readers early after a takeover", "TELL_EARLY PAUSES=1 OUTAGES=1", "same_text"),
    Run("read what a later process wrote", "LATER_ENTRIES_READ PAUSES=1 BACKGROUND", "resumed"),
    Run("ask although the log is lost", "ASK_WITHOUT_LOG LOSS PAUSES=1", "paid_once"),
    Run("leave an ask behind", "ASK_KEPT CLOSINGS=1", "whole"),
    Run("a takeover is a stop", "ABANDON_IS_STOP PAUSES=2 BACKGROUND", "zombie_harmless"),
    Run("a tail ends with its last entry", "LAST_ENTRY_DECIDES CRASHES=1", "readers_told"),
    Run("hand over one's own job", "OWN_JOB MAX_ATTEMPTS=2 PAUSES=1 BACKGROUND", "resumed"),
    Run("sweep what is still read", "SWEEP_EARLY LOSS", "not_swept"),
    Run("no sweeper", "NO_SWEEPER NO_LOG", ENDS, is_live=True),
    Run("a lease without an end", "LEASE_FOREVER CRASHES=1", ENDS, is_live=True),
    Run("tell of a stop before it is there", "NOTIFY_FIRST SILENT STOP", ENDS, is_live=True),
)
"""What has to be found."""

LIMITS: Sequence[Run] = (
    Run("a browser starts an answer again whose log is lost", "START_AGAIN LOSS", "paid_once"),
)
"""What can happen although it should not. The documents say so."""


def search(run: Run) -> Found:
    """Let spin look at everything that can happen in a run.

    Raises:
        RuntimeError: It could not look at everything, or has not understood the model.
    """
    defines = [f"-D{setting}" for setting in run.settings.split()]
    if run.is_live:
        kind, options = ["-DNFAIR=4"], ["-a", "-f"]
    else:
        kind, options = ["-DSAFETY", "-DNOCLAIM"], []
    # Partial order reduction would save a tenth of the states. Without it nothing depends on how it
    # treats processes that can be killed anywhere.
    kind.append("-DNOREDUCE")
    # To compile it better takes longer than to run it, but for the largest.
    speed = "-O2" if run in DEEP else "-O0"
    with tempfile.TemporaryDirectory() as folder:
        _do(["spin", *defines, "-a", str(MODEL)], folder)
        _do(["cc", speed, "-w", *kind, f"-DMEMLIM={_MEMORY}", "-o", "pan", "pan.c"], folder)
        said = _do(["./pan", f"-m{_DEPTH}", *options], folder)
    broken = _broken(said)
    if broken is None and ("Search not completed" in said or "errors: 0" not in said):
        raise RuntimeError(f"{run.name}: spin has not looked at everything:\n{said}")
    return Found(
        run,
        broken,
        int(float(_number(r"([\d.e+]+) states, stored", said))),
        float(_number(r"elapsed time ([\d.e+-]+) seconds", said)),
        frozenset(
            (int(line), statement)
            for line, statement in re.findall(r'relay\.pml:(\d+), state \d+, "(.*)"', said)
            # A process can be killed before each statement, and ends never.
            if statement not in ("(is_killed[me])", "-end-")
        ),
    )


def _do(command: Sequence[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} has failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _broken(said: str) -> str | None:
    """Return the property that is broken."""
    if found := re.search(r"pan:\d+: (.*?) ?\(at depth", said):
        what = found[1].removeprefix("assertion violated ")
        return ENDS if what == "acceptance cycle" else what
    return None


def _number(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"spin has not said {pattern!r}:\n{said}")
    return found[1]


def unreached(all_found: Iterable[Found]) -> Sequence[str]:
    """Return the statements of the model's processes that are executed in no run, with their lines.

    Those of an `inline` are not among them: each is there as many times as the inline is used.
    """
    never = frozenset.intersection(*(found.unreached for found in all_found))
    inlined = _lines_of_inlines()
    return [
        f"relay.pml:{line}: {statement}" for line, statement in sorted(never) if line not in inlined
    ]


def _lines_of_inlines() -> frozenset[int]:
    inlined, is_inside = set(), False
    for number, line in enumerate(MODEL.read_text("utf-8").splitlines(), 1):
        is_inside = is_inside or line.startswith("inline ")
        if is_inside:
            inlined.add(number)
        is_inside = is_inside and line != "}"
    return frozenset(inlined)


def _row(found: Found) -> str:
    verdict = found.broken or "holds"
    if not found.is_expected:
        verdict += f", NOT {found.run.breaks or 'as it has to'}"
    states = f"{found.states:,}"
    return f"{found.run.name:52}  {verdict:16} {states:>10} {found.seconds:6.1f} s"


def main() -> int:
    """Run everything and print it. Return 0 if all is as it has to be, else 1."""
    missing = [command for command in ("spin", "cc") if shutil.which(command) is None]
    if missing:
        print(f"make model needs {' and '.join(missing)}: apt-get install spin gcc libc6-dev")
        return 1
    is_deep = sys.argv[1:] == ["deep"]
    runs = DEEP if is_deep else (*HOLDS, *MUTANTS, *LIMITS)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        all_found = []
        for found in threads.map(search, runs):
            print(_row(found), flush=True)
            all_found.append(found)
    never = () if is_deep else unreached(found for found in all_found if found.run in HOLDS)
    if never:
        print("No run comes to:", *never, sep="\n")
    return int(bool(never) or not all(found.is_expected for found in all_found))


if __name__ == "__main__":
    sys.exit(main())
