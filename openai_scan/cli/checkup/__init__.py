"""What `openai-scan doctor` asks a server, and what it makes of the answers."""
