"""What is lost with the relay and with what people use instead, where a page or a process goes."""
