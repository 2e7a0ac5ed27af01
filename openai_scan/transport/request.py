"""What is to be sent, and how long to wait for what comes back."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import field, frozen


@frozen
class Timeout:
    """How long to wait, in seconds; None stands for ever.

    The defaults suit reasoning models, which can be silent for minutes.

    Attributes:
        connect: For a connection, per address tried.
        first_byte: From the request to the first byte of the answer.
        idle: Between two reads while the answer arrives.
        total: From the request to the end of the answer. Until its first byte it limits
            `connect` and `first_byte`, each for itself.
    """

    connect: float | None = 10.0
    first_byte: float | None = 600.0
    idle: float | None = 600.0
    total: float | None = None

    def __attrs_post_init__(self) -> None:
        for name, seconds in attrs.asdict(self).items():
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} must be a positive number of seconds or None")

    def before_the_answer(self) -> tuple[float | None, float | None]:
        """Return the limits for the connection and for the first byte."""

        def within_total(seconds: float | None) -> float | None:
            return min((limit for limit in (seconds, self.total) if limit), default=None)

        return within_total(self.connect), within_total(self.first_byte)


@frozen
class Upload:
    """A file to be sent along.

    Attributes:
        field: The field of the form that it is the value of.
        name: Its name, which tells the server the format.
        data: What is in it.
    """

    field: str
    name: str
    data: bytes = attrs.field(repr=False)

    @property
    def media_type(self) -> str:
        """What kind of file it is, by its name."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


@frozen(kw_only=True)
class Request:
    """What is to be sent. Its repr shows neither what is asked nor any header.

    With uploads the body goes as the fields of a form, otherwise as JSON.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(factory=dict, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    uploads: tuple[Upload, ...] = field(default=(), repr=False)
    timeout: Timeout = field(factory=Timeout, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def plain(value: Any) -> Any:
    """Return one of our own objects as JSON: what a server sent can be sent back."""
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
    return attrs.asdict(value, recurse=False, filter=lambda _, item: item is not None)


def fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield *value* as the fields of a form or a query, which know text only.

    A list is sent as `name[]`, once per item, and a key of an object as `name[key]`: so does
    OpenAI's own client. A null cannot be sent.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from fields(item, f"{name}[{key}]" if name else key)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from fields(item, f"{name}[]")
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield name, str(value)
    elif value is not None:
        yield from fields(plain(value), name)
