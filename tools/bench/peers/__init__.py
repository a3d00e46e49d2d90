"""What one would use instead of our router, each behind the same small face."""
