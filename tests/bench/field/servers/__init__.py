"""The servers that are compared, each as its own documentation shows it."""
