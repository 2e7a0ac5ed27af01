"""The API key and other secrets: where they are sent, and how they are kept out of all else."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TypeAlias
from urllib.parse import quote, quote_plus

from openai_scan.errors import ConfigurationError

KeySource: TypeAlias = "str | Callable[[], str]"
"""A key, or a callable that returns the current one."""

AsyncKeySource: TypeAlias = "str | Callable[[], str | Awaitable[str]]"
"""The same for an asynchronous client, which also awaits what the callable returns."""

# Shorter keys are placeholders such as "none"; replacing them would mangle ordinary text.
_SHORTEST_SECRET = 8

# A header or parameter with such a name holds a secret. docs/explanation/transport.md lists them.
_SECRET_NAME = re.compile(
    r"(?<!idempotency-)key(?![a-z])|auth(?!or(?!i))|bearer|cookie|credential|jwt|pass(?:w|phrase|code)"
    r"|pwd|secret|signature|\bsig\b|token",
    re.IGNORECASE,
)


class Key:
    """An API key.

    Args:
        source: The key itself, "" if the server needs none; or a callable that returns it.
        header: The header that carries the key unchanged; None for `Authorization: Bearer`.

    Attributes:
        changes: Whether a callable returns the key for each attempt.
    """

    def __init__(self, source: AsyncKeySource, header: str | None = None) -> None:
        self._source = source
        self._secret = source if isinstance(source, str) else ""
        self._header = header
        self.changes = not isinstance(source, str)

    async def current(self, *, may_wait: bool) -> Key:
        """Return the key for one attempt. Exceptions of the callable are passed on.

        Args:
            may_wait: Whether to await an awaitable, which a blocking client cannot.

        Raises:
            TypeError: The callable returned something that is not a string.
            ConfigurationError: It returned a string that cannot be a key.
        """
        if isinstance(self._source, str):
            return self
        secret = self._source()
        if inspect.isawaitable(secret):
            if not may_wait:
                if inspect.iscoroutine(secret):
                    secret.close()
                raise TypeError(
                    "the callable for the key returned an awaitable: use an asynchronous client, or"
                    " return the key itself"
                )
            secret = await secret
        return Key(_checked(secret), self._header)

    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry the key, an empty mapping if there is no key."""
        if not self._secret:
            return {}
        if self._header is None:
            return {"Authorization": f"Bearer {self._secret}"}
        return {self._header: self._secret}

    def secrets(self) -> Iterator[str]:
        """Yield what must not be shown."""
        yield self._secret


def _checked(secret: object) -> str:
    """Check the result of a callable, and return it; no message shows it."""
    if not isinstance(secret, str):
        raise TypeError(
            f"the callable for the key must return a string, not {type(secret).__name__}"
        )
    if not secret:
        raise ConfigurationError("the callable for the key returned an empty string")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise ConfigurationError(
            "the callable for the key returned a string with characters that no API key has"
        )
    return secret


class Secrets:
    """Texts that must not appear in an error, log line or recording.

    Args:
        texts: The secrets. Those shorter than eight characters are ignored.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        long_enough = (text for text in texts if len(text) >= _SHORTEST_SECRET)
        forms = {form for text in long_enough for form in _forms(text)}
        # A secret may be part of another one, so the longest is replaced first.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def redact(self, text: str) -> str:
        """Return *text* with `[key]` in place of each secret.

        The beginning of a secret at the end of *text* is also replaced, as the text may be cut off.
        """
        for secret in self._forms:
            text = _without(secret, text)
        return text


def secrets_of(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the secrets among headers or query parameters.

    The value of each name that denotes a secret is one, and so are its parts: what follows a
    scheme such as `Bearer`, the password of `Basic`, and the value of each cookie.
    """
    for name, value in pairs:
        if _SECRET_NAME.search(name):
            yield value
            scheme, _, credentials = value.partition(" ")
            yield credentials.strip()
            if scheme.lower() == "basic":
                yield from _of_basic(credentials)
            for cookie in value.split(";"):
                yield cookie.partition("=")[2].strip()


def _of_basic(credentials: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("latin-1")
    except ValueError:
        return
    yield decoded
    yield decoded.partition(":")[2]


def _forms(secret: str) -> Iterator[str]:
    """Yield *secret* as it is, and as it looks in a URL, in JSON, or as bytes read as text."""
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield secret.encode("utf-8", "replace").decode("latin-1")


def _without(secret: str, text: str) -> str:
    text = text.replace(secret, "[key]")
    start = text.find(secret[:_SHORTEST_SECRET], max(0, len(text) - len(secret)))
    while start >= 0:
        if secret.startswith(text[start:]):
            return text[:start] + "[key]"
        start = text.find(secret[:_SHORTEST_SECRET], start + 1)
    return text
