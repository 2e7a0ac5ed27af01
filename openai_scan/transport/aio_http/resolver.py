"""Look names up in threads that nothing waits for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class Resolver(AbstractResolver):
    """Looks each name up in a thread of its own.

    aiohttp's own takes a thread of the event loop's pool, which the lookups of one dead name server
    can fill for minutes, and which `asyncio.run()` waits for at its end.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of *host*.

        Raises:
            OSError: The name is not known.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Any] = loop.create_future()

        def look_up() -> None:
            result: Any
            try:
                result = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                result = error
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, found, result)

        try:
            threading.Thread(target=look_up, name="openai_scan-resolver", daemon=True).start()
        except RuntimeError:  # the program ends, or is an isolated subinterpreter
            look_up()
        result = await found
        if isinstance(result, UnicodeError):  # a label that is too long, or empty
            raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a name") from result
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


def _numeric(address: tuple[Any, ...]) -> str:
    """Return the host of *address*, with the zone if it is a link-local one of IPv6."""
    host: str = address[0]
    has_zone = len(address) > 3 and address[3]
    return f"{host}%{address[3]}" if has_zone else host


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():  # whoever waited may have left
        future.set_result(result)
