"""Decide which requests are rejected because of their origin, before anything is looked up.

Two kinds of web pages must not reach a relay: pages of other sites, in a browser that is signed in
here, and pages whose name an attacker has pointed at this machine (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

# The names of this machine, with any port. A page loaded under another name is not ours, whatever
# address that name has.
_LOCAL_HOST = re.compile(
    r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)

# Headers that proxies add. A request with one of them may come from far away.
_OF_PROXIES = frozenset(
    {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
)


def is_local(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from this machine, without a proxy, under one of its names.

    Args:
        peer: The address of the client, if there is one.
        headers: The headers, their names in lower case.
    """
    return (
        _is_loopback(peer or "")
        and _OF_PROXIES.isdisjoint(headers)
        and _LOCAL_HOST.fullmatch(headers.get("host", "")) is not None
    )


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    # A dual-stack socket shows IPv4 addresses as part of IPv6.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another origin has sent a request.

    Browsers send `Sec-Fetch-Site`, or else the origin. Other clients send neither of them, and do
    not have the cookies that an attack would need.

    Args:
        headers: The headers, their names in lower case.

    Source: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    scheme, _, host = origin.partition("://")
    return scheme not in ("http", "https") or host.lower() != headers.get("host", "").lower()


def is_json(headers: Mapping[str, str]) -> bool:
    """Return whether the body of a request is declared as JSON.

    Forms of a foreign page cannot declare that, and its scripts need a preflight, which is
    rejected.
    """
    kind = headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "application/json"
