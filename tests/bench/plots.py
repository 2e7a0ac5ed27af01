"""The pictures of the page, the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results import Figure
from bench.workloads import FAMILIES


def draw(figures: Sequence[Figure], folder: Path) -> None:
    """Draw all pictures into *folder*, each as PNG and as SVG."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "openai_scan"
    mpl.rcParams["svg.fonttype"] = "none"  # letters stay letters, and the file small
    mpl.rcParams["font.size"] = 9
    _draw(_costs(figures), "CPU for one event, µs", folder / "performance-costs", log=True)
    _draw(_typed(figures), "typed events, times json.loads", folder / "performance-typed", log=True)


def _costs(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the cost of an event by reader, in the order of the families."""
    cells = [each for each in figures if each.table == "costs" and each.row in FAMILIES]
    readers = dict.fromkeys(each.column for each in cells if not each.column.endswith("json-fast"))
    shown = ("json.loads", "raw", "typed", "typed-fast", "openai-python")
    return {name: [c for c in cells if c.column == name] for name in shown if name in readers}


def _typed(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the ratio of typed events by environment and size of chunks."""
    series = {}
    for table, name in (("typed", "plain"), ("typed-fast", "fast")):
        cells = [each for each in figures if each.table == table and each.row in FAMILIES]
        for column in dict.fromkeys(each.column for each in cells):
            series[f"{name}, {column}"] = [each for each in cells if each.column == column]
    return series


def _draw(series: dict[str, list[Figure]], label: str, path: Path, *, log: bool) -> None:
    """Draw groups of bars, one group for each family, with their quartiles and their limits."""
    import matplotlib.pyplot as plt

    drawing: Any = plt.figure(figsize=(7.2, 3.4), layout="constrained")
    axes: Any = drawing.subplots()
    width = 0.8 / len(series)
    for number, (name, cells) in enumerate(series.items()):
        places = [FAMILIES.index(c.row) + (number + 0.5) * width - 0.4 for c in cells]
        values = [c.value for c in cells]
        spans = [[c.value - c.low for c in cells], [c.high - c.value for c in cells]]
        bars = axes.bar(places, values, width, label=name, yerr=spans, error_kw={"lw": 0.7})
        for place, cell in zip(places, cells, strict=True):
            if cell.limit is not None:
                half = width / 2
                axes.hlines(cell.limit, place - half, place + half, colors="black", lw=1.2)
        bars.set_label(name)
    axes.set_xticks(range(len(FAMILIES)), FAMILIES)
    axes.set_ylabel(label)
    if log:
        axes.set_yscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=3, frameon=False, fontsize=8)
    drawing.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    drawing.savefig(path.with_suffix(".png"), dpi=110, metadata={"Software": None})
    plt.close(drawing)
