"""The proof that no fault makes the client lie, hang or leak.

`table.py` says what happens in each phase at each fault, and `traps.py` what must happen at byte
sequences that break others; `play.py` plays a cell of the table, with `scripts.py` for the servers,
`obstacles.py` for what else is in the way, and `world.py` for proxies and certificates. `page.py`
prints all of it. `soak.py` reads the `cases.py` that chance makes.
"""
