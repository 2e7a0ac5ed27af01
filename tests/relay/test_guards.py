"""Where a request may come from."""

from __future__ import annotations

import pytest

from openai_scan.relay.guards import is_cross_site, is_json, is_local


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:65535"]
)
def test_this_machine(peer: str, host: str) -> None:
    """A local request is recognized over IPv4 and IPv6, under each local name."""
    assert is_local(peer, {"host": host})


@pytest.mark.parametrize(
    "peer", [None, "", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "localhost", "127.0.0.1 "]
)
def test_other_machines(peer: str | None) -> None:
    """A peer with another address, or none, is not local, whatever Host it sends."""
    assert not is_local(peer, {"host": "localhost"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "attacker.example",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example:80",
        "attacker.example:127.0.0.1",
        "127.0.0.2",
        "localhost:",
        "localhost:123456",
        "localhost\n",
        "localhost, attacker.example",
        "::1",
    ],
)
def test_other_names(host: str) -> None:
    """An attacker can point a domain at this machine, but the browser sends that domain as Host."""
    assert not is_local("127.0.0.1", {"host": host})
    assert not is_local("127.0.0.1", {})


@pytest.mark.parametrize(
    "name",
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"],
)
def test_proxies(name: str) -> None:
    """A request through a proxy may come from anywhere, so it is not local."""
    assert not is_local("127.0.0.1", {"host": "localhost", name: "127.0.0.1"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://chat.example", "host": "10.0.0.1"},
        {"origin": "https://chat.example", "host": "chat.example"},
        {"origin": "http://Chat.example:8000", "host": "chat.Example:8000"},
    ],
)
def test_our_own_pages(headers: dict[str, str]) -> None:
    """Requests of the same origin pass, also through a proxy of another name, and non-browsers."""
    assert not is_cross_site(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "same-origin, cross-site"},
        {"origin": "https://attacker.example", "host": "chat.example"},
        {"origin": "https://chat.example.attacker.example", "host": "chat.example"},
        {"origin": "https://chat.exampl", "host": "chat.example"},
        {"origin": "https://chat.example:8443", "host": "chat.example"},
        {"origin": "null", "host": "chat.example"},
        {"origin": "null", "host": ""},
        {"origin": "", "host": ""},
        {"origin": "https://", "host": "chat.example"},
        {"origin": "https://chat.example"},
        {"origin": "file://", "host": ""},
    ],
)
def test_pages_of_others(headers: dict[str, str]) -> None:
    """Other origins are refused, even on the same site, as are those that hide their origin."""
    assert is_cross_site(headers)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json(kind: str) -> None:
    """Parameters of the type are ignored."""
    assert is_json({"content-type": kind})


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/json, text/plain",
        "application/jsonp",
    ],
)
def test_no_json(kind: str) -> None:
    """A type that a form can send, or no type, is not JSON."""
    assert not is_json({"content-type": kind})
    assert not is_json({})
