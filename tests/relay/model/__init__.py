"""The protocol of the relay as a model, and what checks it."""
