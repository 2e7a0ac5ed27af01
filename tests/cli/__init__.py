"""The commands, each by what it prints, and each at a terminal."""
