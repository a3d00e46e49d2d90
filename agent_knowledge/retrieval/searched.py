"""What is searched of a passage, and the keys that its vectors are kept under."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from agent_knowledge.retrieval.chunks import even_pieces

WINDOW = 800
"""Characters that one vector stands for. A passage is longer, and as near to a query as the
nearest of its windows: the packaged model reads no more than about a thousand characters, and a
vector of less text says it more clearly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A passage as both searches see it."""

    number: int
    title: str
    keywords: str
    text: str

    @property
    def words(self) -> str:
        """What the lexical search reads: title with heading path, keywords, text."""
        return self._with_title(self.text)

    @property
    def windows(self) -> Mapping[str, str]:
        """What is embedded, by key: each window of the text under the passage's title.

        The key is a hash of exactly what is embedded, so what is unchanged keeps its vector even
        when its document changed around it, and writing a vector twice changes nothing.
        """
        texts = [self._with_title(text) for text in even_pieces(self.text, WINDOW)]
        return {hashlib.sha256(text.encode()).hexdigest()[:32]: text for text in texts}

    def _with_title(self, text: str) -> str:
        return "\n".join(part for part in (self.title, self.keywords, text) if part)
