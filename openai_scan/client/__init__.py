"""The client: one method per endpoint, typed; those that stream return a `StreamerV2`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from openai_scan.client.agents import AgentsMethods
from openai_scan.client.assistants import AssistantsMethods
from openai_scan.client.audio import AudioMethods
from openai_scan.client.base import (
    Page,
    checked_headers,
    checked_key,
    path_to,
)
from openai_scan.client.base_url import DEFAULT_BASE_URL, checked_endpoint, checked_url
from openai_scan.client.chat import ChatMethods
from openai_scan.client.completions import CompletionsMethods
from openai_scan.client.images import ImagesMethods
from openai_scan.client.models import ModelsMethods
from openai_scan.client.responses import ResponsesMethods
from openai_scan.client.signatures import show_parameters
from openai_scan.errors import ConfigurationError
from openai_scan.observer import Observer
from openai_scan.sse import DEFAULT_MAX_EVENT_BYTES
from openai_scan.transport import RetryPolicy, Timeout, Transport
from openai_scan.transport.key import KeySource

__all__ = ["AzureClient", "Client", "Page", "RetryPolicy", "Timeout"]

# Azure has a path for each deployment for these, by the first word of the usual path.
_BY_DEPLOYMENT = frozenset({"audio", "chat", "completions", "images"})


class Methods(
    AgentsMethods,
    AssistantsMethods,
    AudioMethods,
    ChatMethods,
    CompletionsMethods,
    ImagesMethods,
    ModelsMethods,
    ResponsesMethods,
):
    """The methods of all APIs, for every kind of client."""


show_parameters(Methods)


class Client(Methods):
    """A client of OpenAI's API or a compatible one. Many threads may use it at once.

    It keeps connections open for reuse; `close()` or a `with` block closes them.

    Args:
        api_key: The key; `OPENAI_API_KEY` by default. `""` for a server that needs none. Or a
            callable that returns the key, called for each attempt at a request.
        base_url: Where the API is; `OPENAI_BASE_URL` or OpenAI's own by default.
        organization: The organization to bill; `OPENAI_ORG_ID` by default.
        project: The project to bill; `OPENAI_PROJECT_ID` by default.
        timeout: How long to wait: a `Timeout`, or the seconds to wait for each next event.
        retries: When to retry.
        headers: Headers to send with every request. An `Authorization` among them replaces the key.
        query: Parameters to add to every URL.
        max_event_bytes: See `StreamerV2`.
        strict: See `StreamerV2`.
        require_terminal: See `StreamerV2`.
        note_unknown: See `StreamerV2`.
        observers: Callables that make an observer, such as its class; each is called once per
            stream.
        allow_browser: Whether to accept a key in a web page, where its users can read it.

    Raises:
        ConfigurationError: The key is missing; the key, the URL or a header is malformed; or
            there is a key in a web page without `allow_browser`.
    """

    def __init__(
        self,
        api_key: KeySource | None = None,
        base_url: str | None = None,
        *,
        organization: str | None = None,
        project: str | None = None,
        timeout: Timeout | float | None = None,
        retries: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        strict: bool = False,
        require_terminal: bool = True,
        note_unknown: bool = False,
        observers: Iterable[Callable[[], Observer]] = (),
        allow_browser: bool = False,
    ) -> None:
        who = {
            "OpenAI-Organization": organization or os.environ.get("OPENAI_ORG_ID"),
            "OpenAI-Project": project or os.environ.get("OPENAI_PROJECT_ID"),
        }
        super().__init__(
            Transport(
                checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL),
                key=checked_key(api_key, "OPENAI_API_KEY", allow_browser=allow_browser),
                headers=checked_headers(
                    {name: value for name, value in who.items() if value} | dict(headers or {})
                ),
                query=query,
            ),
            timeout=timeout,
            retries=retries,
            stream_options={
                "max_event_bytes": max_event_bytes,
                "strict": strict,
                "require_terminal": require_terminal,
                "note_unknown": note_unknown,
            },
            observers=observers,
        )


class AzureClient(Methods):
    """A client of Azure OpenAI; otherwise like `Client`.

    `model` is the name of a deployment. Azure's newer endpoint, whose URL ends in `/openai/v1`,
    is like OpenAI's: use `Client` for it.

    Args:
        endpoint: Such as `https://name.openai.azure.com`; `AZURE_OPENAI_ENDPOINT` by default.
        api_version: Such as `2024-05-01-preview`; `OPENAI_API_VERSION` by default.
        api_key: The key; `AZURE_OPENAI_API_KEY` by default.
        ad_token: A Microsoft Entra token, instead of a key. Or a callable that returns one, called
            for each attempt at a request.
        timeout: See `Client`.
        retries: See `Client`.
        headers: See `Client`.
        max_event_bytes: See `StreamerV2`.
        strict: See `StreamerV2`.
        require_terminal: See `StreamerV2`.
        note_unknown: See `StreamerV2`.
        observers: See `Client`.
        allow_browser: See `Client`.

    Raises:
        ConfigurationError: The endpoint, version or key is missing or malformed; a header is
            malformed; or there is a key in a web page without `allow_browser`.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        api_version: str | None = None,
        api_key: KeySource | None = None,
        ad_token: KeySource | None = None,
        timeout: Timeout | float | None = None,
        retries: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        strict: bool = False,
        require_terminal: bool = True,
        note_unknown: bool = False,
        observers: Iterable[Callable[[], Observer]] = (),
        allow_browser: bool = False,
    ) -> None:
        endpoint = endpoint or os.environ.get("AZURE_OPENAI_ENDPOINT")
        if not endpoint:
            raise ConfigurationError("no endpoint: set AZURE_OPENAI_ENDPOINT or pass endpoint")
        api_version = api_version or os.environ.get("OPENAI_API_VERSION")
        if not api_version:
            raise ConfigurationError("no API version: set OPENAI_API_VERSION or pass api_version")
        super().__init__(
            Transport(
                checked_endpoint(endpoint),
                key=checked_key(
                    ad_token or api_key, "AZURE_OPENAI_API_KEY", allow_browser=allow_browser
                ),
                key_header=None if ad_token else "api-key",
                headers=checked_headers(headers or {}),
                query={"api-version": api_version},
            ),
            timeout=timeout,
            retries=retries,
            stream_options={
                "max_event_bytes": max_event_bytes,
                "strict": strict,
                "require_terminal": require_terminal,
                "note_unknown": note_unknown,
            },
            observers=observers,
        )

    def _path(self, path: str, model: str | None) -> str:
        if path.split("/")[1] not in _BY_DEPLOYMENT:
            return path
        if model is None:
            raise TypeError("missing arguments: model (on Azure, the name of the deployment)")
        return path_to("/deployments/{model}", model=model) + path
