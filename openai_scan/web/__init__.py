"""What a web page needs to stream with this library, without a server of its own."""
