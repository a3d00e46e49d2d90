"""The embedded store: one SQLite file, and a snapshot of each source that is searched."""
