"""Text that comes through a pipe, whoever wrote it."""

from __future__ import annotations

import codecs
import io
import sys

# How a text begins that says how it is encoded, as the editors and shells of Windows write it. The
# longest come first, since UTF-16's is also the beginning of UTF-32's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_piped() -> str:
    """Return all that is on standard input, without a byte order mark.

    Such a mark decides how the text is encoded; without one, the locale does.

    Raises:
        UnicodeError: It is not text.
    """
    file = getattr(sys.stdin, "buffer", None)
    if file is None:  # somebody has put another file in the place of standard input
        text = sys.stdin.read()
    else:
        data = file.read()
        for mark, encoding in _MARKS.items():
            if data.startswith(mark):
                text = data.decode(encoding)
                break
        else:
            text = data.decode(sys.stdin.encoding, sys.stdin.errors or "strict")
    text.encode()  # Python lets everything in where the locale is C
    text = text.lstrip("\ufeff")  # PowerShell puts a mark of its own before that of a file
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)
