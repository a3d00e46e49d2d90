"""Pages of one file that are read without a network: their frame, and their plots."""
