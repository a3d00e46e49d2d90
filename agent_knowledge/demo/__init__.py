"""The sample shop of `agent-knowledge demo` (a fiction)."""
