"""What happens to an answer when something fails, with real processes and real signals."""
