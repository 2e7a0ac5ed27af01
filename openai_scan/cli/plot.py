"""Draw the times of recorded streams."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from openai_scan.cli.timeline import Figures
from openai_scan.printable import one_line
from openai_scan.recording.new_file import write_whole

_INCHES = (8, 6)
_BINS = 40


def draw(figures: Sequence[Figures], picture: str, *, overwrite: bool) -> None:
    """Draw the timelines and the gaps of streams into a picture.

    Args:
        figures: The streams to draw.
        picture: The file, whose name ends in `.png` or `.svg`.
        overwrite: Whether to replace an existing file.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=_INCHES, layout="constrained")
    timeline, gaps = figure.subplots(2)
    lines = []
    for each in figures:
        times = [t for t, _ in each.timeline.texts]
        characters = itertools.accumulate(length for _, length in each.timeline.texts)
        lines += timeline.step(times, list(characters), where="post")
        milliseconds = [1000 * gap for gap in each.timeline.gaps]
        gaps.hist(milliseconds, bins=_BINS, histtype="step")
    timeline.set_title("Text as it came")
    timeline.set_xlabel("seconds after the request")
    timeline.set_ylabel("characters")
    # matplotlib leaves out labels that begin with "_", and reads "$...$" in a label as a formula.
    legend = timeline.legend(lines, [str(number) for number in range(len(lines))])
    for text, each in zip(legend.get_texts(), figures, strict=True):
        text.set_parse_math(False)
        text.set_text(one_line(each.name.encode(errors="replace").decode()))
    gaps.set_title("Gaps between pieces of text")
    gaps.set_xlabel("milliseconds")
    gaps.set_ylabel("how many")
    # Without a date, the same streams give the same file, byte for byte.
    metadata = {"Date": None} if picture.endswith(".svg") else None
    with warnings.catch_warnings():
        # A character that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        drawn = io.BytesIO()
        figure.savefig(drawn, format=Path(picture).suffix[1:], metadata=metadata)
    write_whole(picture, drawn.getvalue(), overwrite=overwrite, mode=0o666)
