"""Check base URLs and Azure's endpoints before anything is sent there.

The client appends the path of a request to the base URL. Anything after the URL's own path, even an
invisible character, would change where the key and the prompt go, so it is rejected.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from openai_scan.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.openai.com/v1"

# No URL has these. Braces are left over from a template; some programs read a backslash as a slash.
_NOT_IN_URL = re.compile(r'[ \\<>"{}|^`]')

# The client appends these. Documentation of servers often shows them as part of the address.
_REQUEST_PATH = re.compile(
    r"/(?:(?:chat/)?completions|responses|audio/(?:speech|transcriptions|translations)"
    r"|images/(?:generations|edits|variations)|threads/runs)$",
    re.IGNORECASE,
)

# Azure's portal shows addresses with these parts, which an endpoint must not have.
_NEW_AZURE = re.compile(r"/openai/v1(?:/|$)", re.IGNORECASE)
_DEPLOYMENT = re.compile(r"/openai/deployments(?:/|$)", re.IGNORECASE)


def checked_url(url: str) -> str:
    """Return the base URL without a trailing slash.

    Raises:
        ConfigurationError: It is not the address of an API, or something follows it, such as a
            query or the path of a request. The message shows no password and no query.
    """
    url = _checked(url)
    _check_end(url)
    return url


def checked_endpoint(endpoint: str) -> str:
    """Return the base URL of an Azure endpoint.

    Raises:
        ConfigurationError: See `checked_url()`; or it is an address of another kind on Azure.
    """
    url = _checked(endpoint).removesuffix("/openai")
    if _NEW_AZURE.search(url):
        raise ConfigurationError(
            "an endpoint that ends in /openai/v1 has OpenAI's paths: pass it to Client as base_url"
        )
    if _DEPLOYMENT.search(url):
        raise ConfigurationError(
            "the endpoint contains a deployment: end it before /openai, and pass the name of the"
            " deployment as model"
        )
    _check_end(url)
    return url + "/openai"


def _checked(url: str) -> str:
    """Return *url* without a trailing slash, whatever its path; see `checked_url()`."""
    if url.strip() != url:
        raise ConfigurationError("the base URL begins or ends with a space or line break: strip it")
    if not _is_url(url):
        shown = "the one with an @" if "@" in url else repr(re.split("[?#]", url)[0])
        raise ConfigurationError(
            f"the base URL must look like {DEFAULT_BASE_URL}, not like {shown}"
        )
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(
            "the base URL must not contain a user name or password: pass the key as api_key,"
            " or another Authorization in headers"
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(
            "the base URL must not contain '?' or '#': remove it and what follows, and pass"
            " parameters as query"
        )
    return url.rstrip("/")


def _check_end(url: str) -> None:
    """Raise a ConfigurationError if *url* ends with the path of a request."""
    if path := _REQUEST_PATH.search(url):
        raise ConfigurationError(
            f"the base URL must not end with {path[0]}: remove that, because the client appends the"
            " path of each request"
        )


def _is_url(url: str) -> bool:
    if not url.isprintable() or _NOT_IN_URL.search(url):  # urlsplit() would remove a line break
        return False
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:  # a bracket is not closed, or the port is not a number
        return False
    segments = unquote(parts.path).split("/")
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and has_port
        and not {".", ".."} & set(segments)  # urllib3 would remove them and the segment before
    )
