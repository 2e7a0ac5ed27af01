"""The proof that no fault makes the client lie, hang or leak.

`table.py` says what happens in each phase at each fault; `world.py` has the servers, proxies and
certificates; `play.py` plays a cell of the table, and `page.py` prints it.
"""
