"""The wire of event loops of asyncio: aiohttp connects and sends, and what arrives is read here.

aiohttp makes the connections (names, Happy Eyeballs, proxies, TLS), keeps them, and sends requests.
Its parser gets no answer to see: if wrong bytes follow an answer, or the events of a stream, in the
same packet, it drops all of them, and it takes a reset for the end of a body without a length. So
answers are read by what reads them for the blocking wire, see `session`: the same heads and bodies
are accepted, with the same errors. docs/explanation/transport.md lists the differences.
"""
