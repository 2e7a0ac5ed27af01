"""The API key: where it travels in a request, and how it is kept out of everything else."""

from __future__ import annotations

from collections.abc import Mapping

# Shorter keys are placeholders such as "none"; replacing them would mangle ordinary text.
_SHORTEST_SECRET = 8


class Key:
    """An API key.

    Args:
        secret: The key itself; "" if the server needs none.
        header: The header that carries the key unchanged; None for `Authorization: Bearer`.
    """

    def __init__(self, secret: str, header: str | None = None) -> None:
        self._secret = secret
        self._header = header

    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry the key, none if there is no key."""
        if not self._secret:
            return {}
        if self._header is None:
            return {"Authorization": f"Bearer {self._secret}"}
        return {self._header: self._secret}

    def redact(self, text: str) -> str:
        """Return *text* with `[key]` in place of the key.

        The beginning of a key at the end of *text* is replaced too: the text may have been cut off.
        """
        secret = self._secret
        if len(secret) < _SHORTEST_SECRET:
            return text
        text = text.replace(secret, "[key]")
        start = text.find(secret[:_SHORTEST_SECRET], max(0, len(text) - len(secret)))
        while start >= 0:
            if secret.startswith(text[start:]):
                return text[:start] + "[key]"
            start = text.find(secret[:_SHORTEST_SECRET], start + 1)
        return text
