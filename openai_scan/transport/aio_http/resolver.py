"""Resolve names for aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from openai_scan.transport.lookups import Address, Found, look_up_in_thread


class Resolver(AbstractResolver):
    """Resolves each name in its own thread.

    aiohttp's resolver uses a thread of the event loop's pool, which lookups at one dead name server
    can block for minutes, and which `asyncio.run()` waits for at its end.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of *host*.

        Raises:
            OSError: The name is unknown.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[Found] | OSError] = loop.create_future()

        def take(result: Sequence[Found] | OSError) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(_settle, found, result)

        look_up_in_thread(host, port, family, take)
        result = await found
        if isinstance(result, OSError):
            raise result
        if not result:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
        return [
            ResolveResult(
                hostname=host,
                host=_numeric(address),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in result
        ]

    async def close(self) -> None:
        """Do nothing: the threads end by themselves."""


def _numeric(address: Address) -> str:
    """Return the host of *address*, with the zone if it is an IPv6 link-local address."""
    host: str = address[0]
    has_zone = len(address) > 3 and address[3]
    return f"{host}%{address[3]}" if has_zone else host


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():  # the task that waited may have been cancelled
        future.set_result(result)
