"""Sources: documents read, split, indexed and searched."""
