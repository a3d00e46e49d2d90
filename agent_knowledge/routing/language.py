"""Whether a task is put in a language that the text model, and MiniLM, were not trained on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import cast

from agent_knowledge.routing.wishes import ends
from agent_knowledge.text import STOP_WORDS, words

_LOOKED_AT = 600
_FOREIGN_LETTERS = 0.3
"""From this share of letters of another script on, a text is not English."""
_LEAST_ENGLISH = 0.005
"""Below this probability of English a text is foreign: a little less than the 0.007 that py3langid
gives where it knows nothing. Of 1,036 tasks of seven agents and 3,000 requests to a bank or an
assistant it calls 23 foreign, and all are; of 75 sentences in ten languages it finds 74. Halved,
three of the 23 are missed; doubled, every unknown text is foreign, as "pyenv install 3.13.1"."""
_ENGLISH_WORDS, _ENGLISH_SHARE = 2, 0.25
"""So many stop words, and such a share of them, are English without asking the identifier, which
takes a second to load: none of 123 sentences in sixteen other languages has them."""
_PART = re.compile(r":\s|\n")


def is_foreign(text: str) -> bool:
    """Whether a task asks in another language than English.

    Only what asks or orders is looked at: an English order to translate a German text is English.

    Args:
        text: A task's text.

    Returns:
        True for another script, or where py3langid (Barbaresi 2022, after Lui and Baldwin 2012)
        holds English for unlikely in every part. False when nothing tells.
    """
    request = ends(text)[:_LOOKED_AT]
    if is_other_script(request):
        return True
    parts = [part for part in _PART.split(request) if " " in part.strip()]  # one word tells nothing
    return bool(parts) and not any(
        _has_english_grammar(part) or _is_likely_english(part) for part in parts
    )


def is_other_script(text: str) -> bool:
    """Whether a text is written in letters that the text model, and MiniLM, cannot read."""
    looked_at = text[:_LOOKED_AT]
    if looked_at.isascii():
        return False
    letters = [c for c in looked_at if c.isalpha()]
    others = sum(not unicodedata.name(c, "LATIN").startswith("LATIN") for c in letters)
    return bool(letters) and others >= _FOREIGN_LETTERS * len(letters)


def _has_english_grammar(text: str) -> bool:
    found = words(text)
    known = len([word for word in found if word in STOP_WORDS])
    return known >= _ENGLISH_WORDS and known >= _ENGLISH_SHARE * len(found)


def _is_likely_english(text: str) -> bool:
    return dict(_ranks()(text))["en"] >= _LEAST_ENGLISH


@cache
def _ranks() -> Callable[[str], list[tuple[str, float]]]:
    """What gives the probability of each language, likeliest first; 70 MB once it is loaded."""
    from py3langid import langid  # noqa: PLC0415 - only few tasks take it

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    return cast("Callable[[str], list[tuple[str, float]]]", identifier.rank)
