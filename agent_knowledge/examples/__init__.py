"""Example sets: read from JSON lines, embedded, kept with their vectors."""
