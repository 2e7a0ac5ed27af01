"""What the methods of all APIs take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from typing_extensions import TypedDict

from openai_scan.recording import RecordTo
from openai_scan.transport import RetryPolicy, Timeout

JSONObject: TypeAlias = Mapping[str, Any] | Any
"""A mapping as it is sent, or an attrs object that stands for it."""


class Extras(TypedDict, total=False):
    """What every method takes besides its own arguments."""

    extra_body: Mapping[str, Any] | None  # more keys of the JSON body
    extra_headers: Mapping[str, str] | None  # more headers; they replace the client's own
    extra_query: Mapping[str, Any] | None  # more parameters of the URL; a list is sent as name[]
    timeout: Timeout | float | None  # instead of the client's own
    retries: RetryPolicy | None  # instead of the client's own
    record: RecordTo | None  # where to record the stream; only of methods that stream


class ListPage(Extras, total=False):
    """Which part of a list to return."""

    limit: int | None  # 1 to 100; the server's default is 20
    order: str | None  # "asc" or "desc", by creation time
    after: str | None  # the id to start behind
    before: str | None  # the id to end before


class Inclusion(Extras, total=False):
    """What to include that is left out by default."""

    include: (
        Sequence[str] | None
    )  # such as "step_details.tool_calls[*].file_search.results[*].content"
