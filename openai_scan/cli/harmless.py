"""Let no answer tell the terminal what to do."""

from __future__ import annotations

# A terminal obeys control characters, and no model shall tell it what to do.
_HARMLESS: dict[int, int | None] = {code: 0x2400 + code for code in range(0x20)}
_HARMLESS |= dict.fromkeys(range(127, 160), 65533)
_HARMLESS |= {ord("\n"): ord("\n"), ord("\t"): ord("\t"), ord("\r"): None}


def harmless(text: str) -> str:
    """Return *text* with its control characters made visible."""
    return text if text.isprintable() else text.translate(_HARMLESS)
