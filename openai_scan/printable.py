"""Make text safe to show in a terminal, a log or an error message.

A terminal executes some characters as commands: to write the clipboard, to set its title, to move
back and overwrite what is there. Other characters display text in another order than it has, or are
invisible in it. Whatever comes from a server, a model or a file goes through `printable()` or
`one_line()` as the last step before it is shown. A later step, such as rendering Markdown, could
decode more.

What is replaced or removed:

- Control characters (Unicode category Cc), except for the line feed and the tab. U+0000 to U+001F
  and U+007F become their pictures, U+0080 to U+009F become U+FFFD. A carriage return is removed:
  lines end with it, and alone it would let a line be overwritten.
- Characters that reorder their neighbours (U+202A to U+202E, U+2066 to U+2069) become U+FFFD. They
  make `evil.exe` look like `exe.live`, and source code look like other code.
- The other format characters (category Cf), which are invisible, become U+FFFD: hidden text would
  be copied along. Those that only say where a line may be broken are removed (U+00AD, U+180E,
  U+200B, U+2060, U+FEFF).
- Line and paragraph separators (U+2028, U+2029) and lone surrogates become U+FFFD.

These format characters are kept: U+200C and U+200D, which Persian, the scripts of
India and emoji need; the marks U+200E, U+200F and U+061C, which text in two directions needs and
which move no letter; and the signs of Arabic, Syriac, Kaithi and Egyptian that are visible or join
others.

Two different characters may still look alike.
"""

from __future__ import annotations

import re

__all__ = ["one_line", "printable"]

_REMOVED = "\r\u00ad\u180e\u200b\u2060\ufeff"

_UNPRINTABLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
    "]"
)

_BREAKS = str.maketrans("\n\t", "  ")


def printable(text: str) -> str:
    """Return *text* as printable characters, line feeds and tabs."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_picture, text)


def one_line(text: str) -> str:
    """Return *text* as printable characters alone, with spaces for line feeds and tabs."""
    return text if text.isprintable() else printable(text).translate(_BREAKS)


def _picture(found: re.Match[str]) -> str:
    """Return what to show instead of a character."""
    character = found[0]
    if character in _REMOVED:
        return ""
    if character == "\x7f":
        return "\u2421"
    return chr(0x2400 + ord(character)) if character < " " else "\ufffd"
