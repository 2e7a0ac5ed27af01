"""The picture of a stream that is cut: what the server sends, and what each library says of it.

What they say is read off the page, so the picture cannot differ from it.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from comparison.table import LIBRARIES, ROWS, parts_of

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"

_WIDTH, _ROW = 620, 36
_TOP = 136  # the first row
_TEXT, _VERDICT = 160, 280  # where the columns begin
_SENT = (
    'data: {"choices": [{"delta": {"content": "Hello"}, …}]}',
    'data: {"choices": [{"delta": {"content": " wor"}, …}]}',
)

# Light and dark: card, its line, text, faint text, and behind code; then bad and good, each as text
# and as background.
_COLOURS = {
    "": (
        *("#ffffff", "#d1d9e0", "#1f2328", "#59636e", "#f6f8fa"),
        *("#9a3412", "#ffedd5", "#116329", "#dafbe1"),
    ),
    "-dark": (
        *("#151b23", "#3d444d", "#f0f6fc", "#9198a1", "#0d1117"),
        *("#f0ab3c", "#3b2508", "#7ee787", "#0f2e1a"),
    ),
}

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: %s; }
.title { font-size: 15px; font-weight: 600; }
.faint { fill: %s; }
.code { font-family: ui-monospace, monospace; font-size: 12.5px; }
.bad { fill: %s; } .good { fill: %s; }
"""


def pictures(page: str) -> dict[str, str]:
    """Return the pictures by the names of their files, without the end."""
    rows = [line.strip("| ").split(" | ") for line in parts_of(page)["details"].splitlines()]
    (row,) = (cells for cells in rows if cells[0] == ROWS["early"])
    said = dict(zip(LIBRARIES, row[1:], strict=True))
    return {f"cut-stream{end}": _svg(said, *_COLOURS[end]) for end in _COLOURS}


def draw(page: str) -> None:
    """Draw the pictures of *page*."""
    for name, svg in pictures(page).items():
        (PICTURES / f"{name}.svg").write_text(svg, "utf-8")


def _svg(
    said: dict[str, str],
    card: str,
    line: str,
    ink: str,
    faint: str,
    behind: str,
    bad: str,
    behind_bad: str,
    good: str,
    behind_good: str,
) -> str:
    height = _TOP + _ROW * len(said) + 12
    parts = []
    for number, text in enumerate(_SENT):
        parts.append(f'<text class="code" x="32" y="{70 + 20 * number}">{escape(text)}</text>')
    note = "and then the end: no finish reason, no [DONE]"
    parts.append(f'<text class="faint" x="32" y="110">{note}</text>')
    for number, (name, words) in enumerate(said.items()):
        is_error = words.startswith("`")
        shown = words.replace("`", "").removeprefix("openai_scan.")
        kind, colour = ("good", behind_good) if is_error else ("bad", behind_bad)
        middle = _TOP + _ROW * number + _ROW / 2
        shown = f"error: {shown}" if is_error else shown
        place = f'x="{_VERDICT}" y="{middle - 13:g}" width="{_WIDTH - _VERDICT - 24}"'
        above = middle - _ROW / 2
        parts += [
            f'<path d="M24 {above:g}H{_WIDTH - 24}" stroke="{line}"/>',
            f'<text x="32" y="{middle + 5:g}">{escape(name)}</text>',
            f'<text class="code" x="{_TEXT}" y="{middle + 5:g}">“Hello wor”</text>',
            f'<rect {place} height="26" rx="6" fill="{colour}"/>',
            f'<text class="{kind}" x="{_VERDICT + 12}" y="{middle + 5:g}">{escape(shown)}</text>',
        ]
    title = "A chat answer ends too early. What does the reader say?"
    told = "; ".join(f"{name}: {words.replace('`', '')}" for name, words in said.items())
    box = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    size = f'width="{_WIDTH - 1}" height="{height - 1}"'
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">',
        f"<title>{title}</title>",
        f"<desc>{escape(told)}</desc>",
        f"<style>{_STYLE % (ink, faint, bad, good)}</style>",
        f'<rect x="0.5" y="0.5" {size} rx="6" fill="{card}" stroke="{line}"/>',
        f'<text class="title" x="24" y="32">{title}</text>',
        f'<rect x="24" y="48" width="{_WIDTH - 48}" height="76" rx="6" fill="{behind}"/>',
        *parts,
        "</svg>",
    )
    return "\n".join(lines) + "\n"
