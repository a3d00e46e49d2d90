"""Trials: each rung of the ladder measured, and what follows for cost and training."""
