"""The guide's questions about fine-tuning, answered from what is configured and on record."""
