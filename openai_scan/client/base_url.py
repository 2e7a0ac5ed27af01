"""Where the API is: base URLs and Azure's endpoints, checked before anything is sent there.

The path of a request is appended to the base URL. Whatever the URL has behind its own path would
swallow or change that path, and the server, or another one, would get the key and the prompt all
the same. So nothing is tolerated there, however invisible it is.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from openai_scan.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.openai.com/v1"

# No URL has these. Braces are what is left of a template; a backslash is a slash to some programs.
_NOT_IN_URL = re.compile(r'[ \\<>"{}|^`]')

# What Azure's endpoints do not have, although their owner may have copied it from a portal.
_NEW_AZURE = re.compile(r"/openai/v1(?:/|$)", re.IGNORECASE)
_DEPLOYMENT = re.compile(r"/openai/deployments(?:/|$)", re.IGNORECASE)


def checked_url(url: str) -> str:
    """Return the base URL without a slash at its end.

    Raises:
        ConfigurationError: It is not the address of an API, or has something behind it. The
            message shows neither a password nor a query.
    """
    if url.strip() != url:
        raise ConfigurationError("the base URL begins or ends with a blank or a line end: strip it")
    if not _is_url(url):
        shown = "the one with an @" if "@" in url else repr(re.split("[?#]", url)[0])
        raise ConfigurationError(
            f"the base URL has to look like {DEFAULT_BASE_URL}, not like {shown}"
        )
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(
            "the base URL has a user's name or a password in it: pass the key as api_key,"
            " or another Authorization in headers"
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(
            "the base URL has a '?' or a '#' in it: remove what begins there, and pass parameters"
            " as query"
        )
    return url.rstrip("/")


def checked_endpoint(endpoint: str) -> str:
    """Return the base URL of an Azure endpoint.

    Raises:
        ConfigurationError: See `checked_url()`; or it is an address of another kind on Azure.
    """
    url = checked_url(endpoint).removesuffix("/openai")
    if _NEW_AZURE.search(url):
        raise ConfigurationError(
            "an endpoint in /openai/v1 has OpenAI's paths: use Client, with it as base_url"
        )
    if _DEPLOYMENT.search(url):
        raise ConfigurationError(
            "the endpoint has a deployment in it: end it before /openai, and pass the name of the"
            " deployment as model"
        )
    return url + "/openai"


def _is_url(url: str) -> bool:
    if not url.isprintable() or _NOT_IN_URL.search(url):  # urlsplit() removes a line end
        return False
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:  # a bracket is not closed, or the port is no number
        return False
    segments = unquote(parts.path).split("/")
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and has_port
        and not {".", ".."} & set(segments)  # urllib3 would remove them, and the one before
    )
