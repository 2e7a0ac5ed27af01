"""The client where other people run Python in WebAssembly; `make hosts` runs these checks."""
