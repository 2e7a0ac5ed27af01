"""The wire for systems with sockets: requests and urllib3, over connections of our own.

Nothing else in the package imports requests, urllib3, ssl or socket to reach a server.
docs/explanation/transport.md has the measurements behind what is unusual here.
"""
