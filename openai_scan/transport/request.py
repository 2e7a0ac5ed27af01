"""A request as the client describes it, and as it is sent."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs
from attrs import field, frozen

from openai_scan import bounded_json
from openai_scan.transport.settings import RetryPolicy, Timeout
from openai_scan.values import KEY, UnknownObject

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# All control characters but the tab, which is allowed in a value.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@frozen
class Upload:
    """A file that is sent with a request.

    Attributes:
        field: The name of its field in the form.
        name: Its file name, by which the server detects the format.
        data: Its content.
    """

    field: str
    name: str
    data: bytes = attrs.field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type that its name suggests."""
        import mimetypes  # only uploads need it

        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


@frozen(kw_only=True)
class Request:
    """A request. Its repr shows neither its body nor any header.

    With uploads the body is sent as the fields of a form, otherwise as JSON.

    Attributes:
        method: The method, such as `POST`.
        path: The path below the base URL, such as `/responses`.
        query: The parameters of the query.
        headers: The headers, beside those that the transport adds.
        body: The body; None if it has none.
        uploads: The files to send with it.
        timeout: How long to wait for the answer.
        retries: When it is retried.
        onward: The request for the rest of an answer that broke off, with `{answer_id}` in its
            path; None if such an answer cannot be resumed.
        once_open: The request to send as soon as the answer to this one, a stream, has begun; the
            stream shows its effects. None if there is none.
        may_answer_nothing: Whether an answer without a body is enough, because it means success.
            The value of such an answer is None.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(factory=dict, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    uploads: tuple[Upload, ...] = field(default=(), repr=False)
    timeout: Timeout = field(factory=Timeout, repr=False)
    retries: RetryPolicy = field(factory=RetryPolicy, repr=False)
    onward: Request | None = field(default=None, repr=False)
    once_open: Request | None = field(default=None, repr=False)
    may_answer_nothing: bool = field(default=False, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@frozen(kw_only=True, repr=False)
class Parcel:
    """A request as it is sent: all text and bytes, so that encoding it cannot fail later.

    Attributes:
        method: The HTTP method, such as `"POST"`.
        url: The URL, without the query.
        query: The parameters of the query, not yet percent-encoded.
        headers: All headers that this library sets, the key included. A wire adds those that
            describe the connection and the length of the body, and the type of a form.
        data: The body; with uploads, the other fields of the form; None for no body.
        uploads: The files of a form.
        dispensable: The names of the headers that the server can do without. A browser first asks
            the server whether it allows them (CORS), and many servers do not.
    """

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    data: bytes | tuple[tuple[str, str], ...] | None
    uploads: tuple[Upload, ...]
    dispensable: frozenset[str] = frozenset()


def with_query(url: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return *url*, which has no query yet, with *parameters* percent-encoded."""
    query = urlencode(parameters)
    return f"{url}?{query}" if query else url


def check_header(name: object, value: object) -> None:
    """Reject a header that cannot be sent. The value may be a secret, so no error shows it.

    Raises:
        ValueError: The name or the value is malformed.
        TypeError: One of them is not a string.
    """
    if not (isinstance(name, str) and isinstance(value, str)):
        raise TypeError("the names and values of headers must be strings")
    if not _HEADER_NAME.fullmatch(name):  # not shown: it may be a value passed as the name
        raise ValueError("the name of a header is malformed")
    if value.endswith(("\r", "\n")):
        raise ValueError(f"the header {name} ends with a line break: strip it")
    if value.startswith((" ", "\t")):
        raise ValueError(f"the header {name} begins with a space: strip it")
    if _CONTROL.search(value):
        raise ValueError(f"the header {name} contains a line break or another control character")
    if any(character > "\xff" for character in value):
        raise ValueError(f"the header {name} contains a character that is not Latin-1")


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of all *parts*; later ones replace earlier ones of the same name."""
    by_name = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(by_name.values())


def plain(value: Any) -> Any:
    """Return one of our objects as a dict for JSON, so that what a server sent can be sent back."""
    if isinstance(value, UnknownObject):
        return value.payload
    if isinstance(value, type):
        raise TypeError(
            f"the class {value.__name__} cannot be sent as JSON: for an answer of this class, pass"
            f" json_schema_format({value.__name__})"
        )
    if inspect.isroutine(value):
        raise TypeError(
            f"the function {value.__name__} cannot be sent as JSON: pass tool_of({value.__name__})"
        )
    cls = type(value)
    if not attrs.has(cls):
        raise TypeError(f"{cls.__name__} cannot be sent as JSON")
    items = {one.metadata.get(KEY, one.name): getattr(value, one.name) for one in attrs.fields(cls)}
    return {key: item for key, item in items.items() if item is not None}


def fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield *value* as the fields of a form or a query, which contain only text.

    As in OpenAI's own client, a list is sent as `name[]`, once per item, and a key of an object as
    `name[key]`. A null is omitted.

    Raises:
        ValueError: It is nested too deeply.
        TypeError: Part of it cannot be sent.
    """
    bounded_json.check_value(value, plain)
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            inner = [(f"{name}[{key}]" if name else key, item) for key, item in value.items()]
            waiting += reversed(inner)
        elif isinstance(value, list | tuple):
            waiting += [(f"{name}[]", item) for item in reversed(value)]
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield name, str(value)
        elif value is not None:
            waiting.append((name, plain(value)))
