"""The pictures of the page, as SVG: the same bytes for the same figures.

Each is a card with a background of its own, so it can be read on any page. Its colours follow what
the reader's system prefers, light or dark.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from bench.page import Picture

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT = 16, 16
_TOP = 64  # title and legend are above
_BASE = _HEIGHT - 32  # where bars stand; the names of the groups are below
_GAP = 0.2  # between two groups, as a share of one

# For each bar of a group its colour on light and on dark; all can be distinguished by those who are
# colour-blind.
_COLOURS = (
    ("#8a8f98", "#9aa0a9"),
    ("#0067a5", "#58b4f0"),
    ("#d98200", "#f0ab3c"),
    ("#b5432a", "#ea7a5c"),
)

_STYLE = """
text { font-family: system-ui, sans-serif; font-size: 11px; fill: #1f2328; }
.title { font-size: 14px; font-weight: 600; }
.value { font-size: 10px; text-anchor: middle; }
.group { text-anchor: middle; }
.card { fill: #ffffff; stroke: #d1d9e0; }
.line { stroke: #59636e; }
%(light)s
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.card { fill: #151b23; stroke: #3d444d; }
.line { stroke: #9198a1; }
%(dark)s
}
"""


def draw(picture: Picture, folder: Path) -> None:
    """Draw *picture* into *folder*."""
    (folder / f"{picture.name}.svg").write_text(svg(picture), "utf-8")


def svg(picture: Picture) -> str:
    """Return *picture* as SVG: groups of bars, each with its value above it."""
    names = list(dict.fromkeys(name for bars in picture.groups.values() for name in bars))
    most = max((value for bars in picture.groups.values() for value in bars.values()), default=1.0)
    room = (_WIDTH - _LEFT - _RIGHT) / max(1, len(picture.groups))
    width = room * (1 - _GAP) / max(1, len(names))
    parts = _legend(names)
    for place, (group, bars) in enumerate(picture.groups.items()):
        start = _LEFT + place * room + room * _GAP / 2
        for number, name in enumerate(names):
            if name in bars:
                left = start + number * width
                parts += _bar(left, width, bars[name], most, number)
        middle = start + room * (1 - _GAP) / 2
        parts.append(
            f'<text class="group" x="{middle:.1f}" y="{_BASE + 18}">{escape(group)}</text>'
        )
    size = f'width="{_WIDTH - 1}" height="{_HEIGHT - 1}"'
    line = f'<path class="line" d="M{_LEFT} {_BASE}H{_WIDTH - _RIGHT}"/>'
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">',
        f"<title>{escape(picture.title)}</title>",
        f"<desc>{escape(picture.alt)}</desc>",
        f"<style>{_style()}</style>",
        f'<rect class="card" x="0.5" y="0.5" {size} rx="6"/>',
        f'<text class="title" x="{_LEFT}" y="26">{escape(picture.title)}</text>',
        *parts,
        line,
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _style() -> str:
    fills = [
        "\n".join(f".bar{number} {{ fill: {pair[kind]}; }}" for number, pair in enumerate(_COLOURS))
        for kind in (0, 1)
    ]
    return _STYLE % {"light": fills[0], "dark": fills[1]}


def _legend(names: list[str]) -> list[str]:
    parts = []
    left = _LEFT
    for number, name in enumerate(names):
        parts += [
            f'<rect class="bar{number}" x="{left}" y="38" width="10" height="10"/>',
            f'<text x="{left + 14}" y="47">{escape(name)}</text>',
        ]
        left += 40 + 7 * len(name)
    return parts


def _bar(left: float, width: float, value: float, most: float, number: int) -> list[str]:
    height = (_BASE - _TOP - 12) * value / most
    top = _BASE - height
    shown = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    place = f'x="{left + 1:.1f}" y="{top:.1f}" width="{width - 2:.1f}" height="{height:.1f}"'
    middle = f'x="{left + width / 2:.1f}" y="{top - 4:.1f}"'
    return [
        f'<rect class="bar{number}" {place}/>',
        f'<text class="value" {middle}>{shown}</text>',
    ]
