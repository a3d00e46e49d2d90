"""Benches, training and data readers; not part of the package."""
