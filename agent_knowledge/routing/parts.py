"""The parts of a question that takes more than one look-up.

Questions of two hops put one inside the other by a clause or a preposition ("the director of the
film that ...") or set two things side by side ("A or B"): cut there, each part with words enough
of its own is a query of its own. No model is called, and a part that says nothing costs little:
what it finds counts less than what the whole finds.
"""

from __future__ import annotations

import re

from agent_knowledge.text import content_words

_MOST = 4
_LEAST_WORDS = 2
_SEAM = re.compile(
    r"(?:(?<!\s)\s++)?+[,;]\s++|(?<!\s)\s++(?=(?:that|which|who|whom|whose|where|when|and|or|than|while|during|after"
    r"|before|(?:in|for|of|by|to|from|with) (?:which|whom|whose|the)|in what|both|between)\b)",
    re.IGNORECASE,
)
_JOINT = re.compile(r"^(?:and|or|than|both|between|while|that|which)\s+", re.IGNORECASE)


def sub_queries(question: str) -> tuple[str, ...]:
    """Cut a question at its seams.

    Returns:
        Up to four parts, in their order; empty when the form shows no seam.
    """
    first, *rest = (piece.strip(" ?.,;!") for piece in _SEAM.split(question))
    pieces = [first, *(_JOINT.sub("", piece) for piece in rest)]
    parts = [piece for piece in pieces if len(content_words(piece)) >= _LEAST_WORDS]
    return tuple(dict.fromkeys(parts))[:_MOST] if len(parts) > 1 else ()
