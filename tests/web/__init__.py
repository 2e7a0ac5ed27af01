"""The client in WebAssembly."""
