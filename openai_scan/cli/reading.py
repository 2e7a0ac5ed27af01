"""Read text from standard input, in the encoding that its byte order mark names."""

from __future__ import annotations

import codecs
import io
import sys

# The byte order marks that editors and shells of Windows write. The longest come first, since
# UTF-32's begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_piped() -> str:
    """Return all of standard input as text, without a byte order mark.

    A byte order mark decides the encoding; without one, the locale does.

    Raises:
        UnicodeError: It is not text.
    """
    file = getattr(sys.stdin, "buffer", None)
    if file is None:  # standard input was replaced by a file of text
        text = sys.stdin.read()
    else:
        data = file.read()
        for mark, encoding in _MARKS.items():
            if data.startswith(mark):
                text = data.decode(encoding)
                break
        else:
            text = data.decode(sys.stdin.encoding, sys.stdin.errors or "strict")
    text.encode()  # in the C locale Python reads invalid bytes as surrogates
    text = text.lstrip("\ufeff")  # PowerShell adds a mark to that of a file
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)
