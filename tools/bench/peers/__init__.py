"""What one would use instead of ours, and models that the benches ask."""
