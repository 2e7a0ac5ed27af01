"""The page of the relay, in a browser."""
