"""What the methods of all APIs take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from typing_extensions import TypedDict

from openai_scan.recording import RecordTo
from openai_scan.transport import RetryPolicy, Timeout
from openai_scan.values import Value

JSONObject: TypeAlias = Mapping[str, Any] | Value
"""A mapping to send, or an object from an event that can be sent instead."""


class Extras(TypedDict, total=False):
    """What every method takes besides its own arguments.

    Attributes:
        extra_body: More keys for the JSON body: a null, or an argument that this version does not
            know.
        extra_headers: More headers; they replace the client's headers of the same names.
        extra_query: More parameters for the URL; a list is sent as `name[]`.
        timeout: How long to wait, in seconds or as a `Timeout`; None means the client's timeout.
        retries: When to retry; None means the client's policy.
        record: Where to record the stream; only streaming methods take it.
    """

    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, Any] | None
    timeout: Timeout | float | None
    retries: RetryPolicy | None
    record: RecordTo | None


class ListPage(Extras, total=False):
    """Which page of a list to return.

    Attributes:
        limit: How many items to return, 1 to 100; None means the server's default, which is 20.
        order: `"asc"` for the oldest first, or `"desc"` (the default) for the newest first.
        after: The id of the item after which the page starts.
        before: The id of the item before which the page ends.
    """

    limit: int | None
    order: str | None
    after: str | None
    before: str | None


class Inclusion(Extras, total=False):
    """What to include that is left out by default.

    Attributes:
        include: What to add to the answer, such as `"reasoning.encrypted_content"`
            or `"step_details.tool_calls[*].file_search.results[*].content"`.
    """

    include: Sequence[str] | None
