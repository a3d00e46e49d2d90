"""Stores and retrievers of others, as indexes that the router can weigh."""
