"""Readers of the benchmark data, which is no part of the project: pass its folder."""
