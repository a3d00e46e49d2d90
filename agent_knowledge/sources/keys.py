"""What is searched of a passage, and the key that its vector is kept under."""

from __future__ import annotations

import hashlib


def search_text(title: str, keywords: str, text: str) -> str:
    """What both searches read of a passage: its title with heading path, keywords, its text."""
    return "\n".join(part for part in (title, keywords, text) if part)


def passage_key(title: str, keywords: str, text: str) -> str:
    """The key of a passage's vector: a hash of exactly what is embedded.

    An unchanged passage keeps its vector even when its document changed around it, and writing a
    vector twice changes nothing.
    """
    return hashlib.sha256(search_text(title, keywords, text).encode()).hexdigest()[:32]
