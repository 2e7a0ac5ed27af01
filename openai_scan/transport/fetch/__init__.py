"""The wire for Pyodide: the `fetch` of the browser, of Node.js or of an edge runtime.

There are neither sockets nor threads. A blocking wire suspends the WebAssembly stack while it waits
(JSPI), so the page stays responsive and may call back into Python; an asynchronous one awaits.
docs/explanation/transport.md explains what is unusual here.
"""
