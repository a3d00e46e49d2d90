"""Makes the pictures of the docs."""
