"""The wire for asyncio: aiohttp connects and sends; the answers are read here.

aiohttp makes the connections (names, Happy Eyeballs, proxies, TLS), keeps them, and sends requests.
Its parser does not see the answers: if wrong bytes follow an answer, or the events of a stream, in
the same packet, it drops all of them, and it accepts a reset as the end of a body without a length.
So answers are read by the code of the blocking wire (see `session`): the same heads and bodies are
accepted, with the same errors. docs/explanation/transport.md lists the differences.
"""
