"""Training of the packaged weights, one command each."""
