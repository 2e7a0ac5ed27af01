"""A request that has arrived at the fake server."""

from __future__ import annotations

from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any

from attrs import field, frozen

from openai_scan import bounded_json


@frozen(kw_only=True)
class SeenRequest:
    """A request that has arrived.

    Attributes:
        method: The HTTP method, such as `"POST"`.
        path: The path after the base URL, such as `"/chat/completions"`.
        target: The path and query as sent.
        query: The parameters of the URL, each with its values.
        headers: The headers by their lower-case names, without the key.
        body: The bytes of the body.
        key: The key of the request, or None. The repr does not show it.
    """

    method: str
    path: str
    target: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def json(self) -> Any:
        """The body as a JSON value; None if it is empty. Raises ValueError if it is not JSON."""
        return bounded_json.loads(self.body) if self.body else None

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a form, files included; empty if the body is not a form."""
        head = f"Content-Type: {self.headers.get('content-type', '')}\r\n\r\n"
        message = BytesParser().parsebytes(head.encode() + self.body)
        parts: Any = message.get_payload() if message.is_multipart() else []
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in parts
        }
