"""Package data: tokenizer, trained heads."""
