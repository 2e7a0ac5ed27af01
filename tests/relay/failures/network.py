"""A connection to Redis that can be cut: by the network itself, where this user may change it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from relay import valkey
from relay.proxy import Proxy

# Addresses for measurements, which no other network has (RFC 2544).
_NETWORK = "198.18.{}.{}"


@frozen
class Network:
    """A server that one process reaches by a link that can go down.

    Attributes:
        url: Where it is for that process.
        other_url: Where it is for the others.
        cut: Take the link down: what is sent vanishes.
        restore: Set it up again.
    """

    url: str
    other_url: str
    cut: Callable[[], None]
    restore: Callable[[], None]


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Start a server behind a network of its own, or behind a proxy if that is not allowed."""
    name = f"scan-{secrets.token_hex(3)}"
    if _may_add(name):
        with _namespace(name) as made:
            yield made
    else:
        with valkey.running() as server, Proxy(server.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            yield Network(url, server.url, proxy.stop, proxy.restore)


def _may_add(name: str) -> bool:
    """Add a network, and return whether that is possible, which it is for root on Linux."""
    if shutil.which("ip") is None:
        return False
    added = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True)
    return added.returncode == 0


@contextlib.contextmanager
def _namespace(name: str) -> Iterator[Network]:
    """Start a server in a network that has two links with this one."""
    folder = Path(tempfile.mkdtemp(prefix="valkey-"))
    links = [f"{name}-{number}" for number in range(2)]
    subnets = [secrets.randbelow(128) * 2 + number for number in range(2)]
    try:
        for link, subnet in zip(links, subnets, strict=True):
            _ip(f"link add {link} type veth peer name {link}p netns {name}")
            _ip(f"address add {_NETWORK.format(subnet, 1)}/24 dev {link}")
            _ip(f"link set {link} up")
            _ip(f"-n {name} address add {_NETWORK.format(subnet, 2)}/24 dev {link}p")
            _ip(f"-n {name} link set {link}p up")
        within = ["ip", "netns", "exec", name]
        server = valkey.Valkey(folder, within=within, bind="0.0.0.0", protected_mode="no")
        server.start()
        try:
            url, other = (f"redis://{_NETWORK.format(s, 2)}:{server.port}" for s in subnets)
            far = f"-n {name} link set {links[0]}p"  # this end still takes what is sent
            yield Network(url, other, lambda: _ip(f"{far} down"), lambda: _ip(f"{far} up"))
        finally:
            server.kill()
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)  # with its links
        shutil.rmtree(folder)


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)
