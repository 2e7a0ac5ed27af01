"""Where a request may come from."""

from __future__ import annotations

import pytest

from openai_scan.relay.guards import is_cross_site, is_json, is_local


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:65535"]
)
def test_this_machine(peer: str, host: str) -> None:
    """By either version of the protocol, under each of its names."""
    assert is_local(peer, {"host": host})


@pytest.mark.parametrize(
    "peer", [None, "", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "localhost", "127.0.0.1 "]
)
def test_other_machines(peer: str | None) -> None:
    """Whatever name they use, and where no address is known."""
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
    """An attacker can have a name point at this machine, but not change what the name is."""
    assert not is_local("127.0.0.1", {"host": host})
    assert not is_local("127.0.0.1", {})


@pytest.mark.parametrize(
    "name",
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"],
)
def test_proxies(name: str) -> None:
    """What comes through one may come from anywhere."""
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
    """Also behind a proxy that has another name, and what is not a browser."""
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
    """Those of the same site too, and those that hide what they are."""
    assert is_cross_site(headers)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json(kind: str) -> None:
    """With parameters or without."""
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
    """What a form can say of itself is none."""
    assert not is_json({"content-type": kind})
    assert not is_json({})
