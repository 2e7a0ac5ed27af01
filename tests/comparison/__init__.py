"""What other libraries do with the same streams: `make comparison`."""
