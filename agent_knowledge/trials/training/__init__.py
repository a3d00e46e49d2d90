"""Training data for a fine-tune elsewhere: cleaned, split, checked, described."""
