"""Citations: markers found in an answer, and whether the passages say so."""
