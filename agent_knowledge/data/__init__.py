"""Package data: what was fitted, and the tokenizer.

Each fitted file says in `provenance` by what command it was made, of what data (by hash) and when,
and how it does on what was left out of it. Weights (`.onnx`) have theirs in the JSON beside them.
The tokenizer is all-MiniLM-L6-v2's own, by the hash in `models/minilm.py`.
"""
