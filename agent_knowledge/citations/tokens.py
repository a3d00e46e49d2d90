"""A word of a text, read so that it can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "stop", "name", "number", "negation"]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text.

    Attributes:
        start: Its first character in the text.
        end: The character behind it.
        word: The word, lower-cased, without a possessive.
        stem: What two tokens are compared by: the Snowball stem, or the value of a number ("4.5").
        kind: What it is; a name is a word with a capital that no sentence start explains.
        unit: Of a number, if it has one that we know.
        opens: It has a capital that a sentence start explains, so that it may be a name.
        denied: It says something, and a negation reaches it.
        plain: Its clause denies nothing, by no negation and by no word that may stand for one.
        listed: It is of a list that the words above it deny, which may or may not reach it.
    """

    start: int
    end: int
    word: str
    stem: str
    kind: Kind
    unit: str = ""
    opens: bool = False
    denied: bool = False
    plain: bool = True
    listed: bool = False

    @property
    def is_content(self) -> bool:
        """Whether it says something by itself."""
        return self.kind in {"word", "name", "number"}
