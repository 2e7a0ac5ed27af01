"""The Responses API.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, path_to
from openai_scan.client.later import responses
from openai_scan.client.params import (
    CreateResponse,
    Extras,
    Inclusion,
    ResumeStream,
    RetrieveResponseStream,
)
from openai_scan.client.seen import Seen, raw_events_of
from openai_scan.stream.taking_up import read_bookmark
from openai_scan.streamer import StreamerV2
from openai_scan.transport import Request

if TYPE_CHECKING:
    from openai_scan.events.responses import Response, ResponseEvent
    from openai_scan.events.responses.snapshot import ResponseAnswer

_RESPONSE = "/responses/{response_id}"

# The arguments that also apply to the rest of a response.
_KEPT = ("include", "include_obfuscation", *Extras.__optional_keys__ - {"extra_body", "record"})


# Requests the beta that a parameter belongs to. The rest of its stream needs it too.
_BETA_QUERY = {"beta": "true"}
_BETA_HEADERS = {"OpenAI-Beta": "responses_multi_agent=v1"}


@frozen(kw_only=True)
class DeletedResponse:
    """A response that was deleted.

    Attributes:
        id: The id of the response.
        deleted: Whether it was deleted.
        object: The kind of object: `response`.
    """

    id: str
    deleted: bool = True
    object: str = "response"


class ResponsesMethods(BaseClient):
    """The methods of `Client` for the Responses API."""

    # Streams.

    def create_response_stream(
        self, **params: Unpack[CreateResponse]
    ) -> StreamerV2[ResponseEvent, ResponseAnswer]:
        """Create a response and stream it.

        With `background=True` a stream that breaks off is resumed automatically; see `RetryPolicy`.
        """
        known = _with_beta(params)
        onward = self._onward(known)
        return self._stream("/responses", CreateResponse, known, onward=onward, stream=True)

    def retrieve_response_stream(
        self, response_id: str, **params: Unpack[RetrieveResponseStream]
    ) -> StreamerV2[ResponseEvent, ResponseAnswer]:
        """Stream a response again, from its start or after the event `starting_after`.

        Use it to continue a stream that another process has left. The response must have been
        created with `background=True`, and recently.
        """
        path = path_to(_RESPONSE, response_id=response_id)
        onward = self._onward(params)
        return self._stream(
            path, RetrieveResponseStream, params, method="GET", onward=onward, stream=True
        )

    def resume_stream(
        self, bookmark: Mapping[str, Any], *, seen: Seen = (), **params: Unpack[ResumeStream]
    ) -> StreamerV2[ResponseEvent, ResponseAnswer]:
        """Resume an answer at the `bookmark()` of another stream, in any process.

        The stream continues as that one would have: only events after the bookmark are delivered.
        If the server sends the whole answer instead of the rest, only what is not in *seen* is
        delivered. Missing events, or events of another answer, end the stream with an
        `EventStreamError`.

        Args:
            bookmark: What `bookmark()` returned, perhaps loaded from a JSON file.
            seen: The events before the bookmark, so that `snapshot()` and `final()` have the whole
                answer: raw events (`event.raw`) or events in order, a recording, its path, a
                list of such paths, or another source of their bytes. Events after the bookmark are
                ignored. Without *seen*, the answer has only what arrives now, unless the last event
                repeats it all.
            params: As for `retrieve_response_stream`.

        Raises:
            ValueError: *bookmark* is not a bookmark, is of a newer version, or has an invalid id.
            TypeError: *seen* contains something else.
            RecordingError: *seen* is a recording that cannot be read.
        """
        answer_id, position = read_bookmark(bookmark)
        stream = self.retrieve_response_stream(answer_id, **params, starting_after=position)
        stream._take_up(answer_id, position, raw_events_of(seen))  # noqa: SLF001 - our own class
        return stream

    def _onward(self, params: Mapping[str, Any]) -> Request:
        """Return the request for the rest of a response that breaks off."""
        kept = {name: params[name] for name in _KEPT if name in params}
        path = _RESPONSE.replace("{response_id}", "{answer_id}")
        return self._request("GET", path, RetrieveResponseStream, kept, stream=True)

    # Responses.

    def create_response(self, **params: Unpack[CreateResponse]) -> Response:
        """Create a response without streaming."""
        known = _with_beta(params)
        return self._call(responses.Response, "POST", "/responses", CreateResponse, known)

    def retrieve_response(self, response_id: str, **params: Unpack[Inclusion]) -> Response:
        """Return a response as it is now."""
        path = path_to(_RESPONSE, response_id=response_id)
        return self._call(responses.Response, "GET", path, Inclusion, params)

    def cancel_response(self, response_id: str, **extras: Unpack[Extras]) -> Response:
        """Stop a response that was created with `background=True`, and return it.

        If the server accepts that without returning the response, only the result's `id` is set.
        """
        path = path_to(_RESPONSE + "/cancel", response_id=response_id)
        known = {"id": response_id}
        return self._call(responses.Response, "POST", path, Extras, extras, known=known)

    def delete_response(self, response_id: str, **extras: Unpack[Extras]) -> DeletedResponse:
        """Delete a response."""
        path = path_to(_RESPONSE, response_id=response_id)
        known = {"id": response_id}
        return self._call(DeletedResponse, "DELETE", path, Extras, extras, known=known)


def _with_beta(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *params*, with what requests the multi-agent beta if they need it."""
    if params.get("multi_agent") is None:
        return params
    return {
        **params,
        "extra_query": {**_BETA_QUERY, **(params.get("extra_query") or {})},
        "extra_headers": {**_BETA_HEADERS, **(params.get("extra_headers") or {})},
    }
