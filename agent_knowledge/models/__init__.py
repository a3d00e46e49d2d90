"""Models: the packaged extractive one, and endpoints."""
