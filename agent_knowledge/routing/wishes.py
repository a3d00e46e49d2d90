"""Whether a task's text itself asks where the answer comes from.

Precision comes first: a wrong yes forces citations on a task that has nothing to cite, and a caller
who always wants them says so (`citations: always`).
"""

from __future__ import annotations

import re

_HEAD = 2_400
_TAIL = 800
_OPENING = 500
_CLOSING = 300
"""Characters read of a text's two ends, and kept of them: limits, which few tasks reach."""
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»\n]{1,400})[\"“”«»]|`([^`\n]{1,200})`")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")

_SOURCES = "(?:sources|references|citations|footnotes|bibliography|works cited)"
_NOT_THOSE = (
    r"(?! (?:of|to|from my|from former|code|letters?|files?"
    r"|for (?:a|my|the) (?:job|tenant|flat))\b)"
)
_RECORD = (
    "(?:(?:employee|staff|user|product|travel|company|style|security|official|api|service|team"
    "|refund|privacy|works|[a-z]+ing) )?(?:handbook|manual|polic(?:y|ies)|documentation|docs"
    "|guidelines?|guide|contract|agreement|terms|wiki|faq|rule ?book|knowledge base|statutes?"
    "|regulations?|literature|specs?|specification|minutes)"
)
_PART = (
    "(?:passages?|clauses?|sections?|pages?|paragraphs?|sentences?|lines?|wording|chapters?"
    f"|articles?|documents?|papers?|stud(?:y|ies)|{_RECORD})"
)
_GIVE = (
    "(?:include|including|provide|give(?: me)?|list|add|show(?: me)?|name|state|share|send(?: me)?"
    "|tell me|post|with)"
)
_WHICH_ONES = (
    "(?:(?:a|an|the|all|any|some|your|its|me|each|every|proper|full|direct|inline|in-text|reliable"
    "|scholarly|apa|mla|at least [a-z]+) ){0,8}"
)
_START = r"(?:^|[.!?,;(]\s*|\n)(?:and )?"
_IT = "(?:it|that|this|these)"

_PATTERNS = {
    "cite them": (
        rf"\bcit(?:e|ing)\b(?!-) (?:[\w'-]+ )?{_WHICH_ONES}(?:[\w'-]+ )?"
        rf"(?:sources?|references?|evidence|historians|literature|it|them|everything|{_PART})\b"
    ),
    "with sources": rf"\b{_GIVE} {_WHICH_ONES}{_SOURCES}\b{_NOT_THOSE}",
    "in-text citations": r"\b(?:use|need|want|include|with) (?:\w+ ){0,3}in-text citations?\b",
    "sources, please": (
        rf"{_START}(?:(?:what(?:'s| is| are) )?(?:your|the) )?(?:source|{_SOURCES})"
        r"(?:,? please\b|\s*\?)"
    ),
    "what is your source": (
        rf"\bwhat(?:'s| is| are| was) (?:your|the) sources? (?:for|of|behind) (?:{_IT}|your"
        r"|the (?:claim|figure|number|statement|quote|answer|information))\b"
    ),
    "according to the handbook": (
        r"\baccording to (?:(?:the|our|your|its|my|their|this|company|official) )*"
        rf"{_RECORD}\b(?! (?:below|above|here|i pasted))"
    ),
    "where does it say": (
        rf"\bwhere (?:exactly )?(?:does|did|do|in) (?:{_IT}|(?:the|our|your|my) {_RECORD})"
        r"(?: \w+)? (?:says?|states?|mentions?|specif(?:y|ies)|is|does|can)\b"
    ),
    "where is it written": (
        rf"\bwhere (?:exactly )?(?:is|was|are) {_IT} (?:written|stated|said|specified|documented"
        r"|laid down|regulated)\b"
    ),
    "where did you get it": (
        r"\bwhere did you (?:get|find|read|take) "
        rf"(?:{_IT}|the (?:figure|number|information))\b"
    ),
    "which page says": (
        r"\b(?:which|what) (?:page|section|clause|paragraph|document|article|policy|chapter) "
        rf"(?:says?|states?|covers?|mentions?|did you|(?:is|does) {_IT})\b"
    ),
    "quote the policy": (
        r"\bquote (?:me )?(?:(?:from )?(?:the|our|your) )+"
        rf"(?:(?:exact|relevant|original|actual) )*{_PART}\b"
    ),
    "link to it": (
        r"\b(?:include|provide|give|show|share|send|post|with) (?:[\w'-]+ ){0,5}(?:links?|urls?) "
        r"to (?:(?:the|your|any|each|every|all|its|our|original|\w+) )?"
        rf"(?:sources?|evidence|originals?|references?|{_PART})\b"
    ),
    "back it up": (
        rf"\bback(?:ed)? (?:(?:{_IT}|everything|each claim) )?up (?:(?:{_IT}|your answer"
        rf"|your claims?|everything) )?(?:with|by) (?:\w+ ){{0,2}}(?:evidence|studies|{_SOURCES})\b"
    ),
    "grounded in sources": rf"\b(?:supported|backed|grounded) (?:by|with|in) (?:\w+ )?{_SOURCES}\b",
}
_ASKS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _PATTERNS.values())
"""By these a text asks for its sources, for `citations-need-retrieval`. Without them no share of
the development agents' tasks routed rightly moves, as they seldom ask (`tools.ablate`, routing);
the tests hold them to sentences that do and don't."""
_REFUSES = re.compile(
    r"\b(?:no|without|skip|omit|leave out|don'?t|do not|never|needn'?t|no need (?:to|for)|not need"
    r"|remove)\b(?: \w+){0,3} (?:cit(?:e|es|ing|ations?)|sources?|references|footnotes|links?)\b",
    re.IGNORECASE,
)
_WORKS_ON = re.compile(
    r"^\W*(?:please |can you |could you )?(?:translate|rewrite|rephrase|paraphrase|correct"
    r"|proofread|classify|label|shorten|simplify|spell[- ]?check|what does)\b[^:\n]{0,200}:.*",
    re.IGNORECASE | re.DOTALL,
)
"""The rest of such a text is material, not a wish."""


def asks_for_sources(text: str) -> bool:
    """Whether the text asks for sources, for the place where something is written, or a quotation.

    Args:
        text: Any text, of any length; its opening and its closing are read, without quotations.

    Returns:
        True for "cite your sources" or "according to our handbook"; False for "source code", for
        a refusal ("no references, please"), and where such words are only material.
    """
    wish = _WORKS_ON.sub("", ends(text))
    if _REFUSES.search(wish):
        return False
    return any(pattern.search(wish) for pattern in _ASKS)


def ends(text: str) -> str:
    """Cut a text down to its opening and its closing, with quotations replaced by "Q".

    Args:
        text: Any text, of any length; a 50 MB text costs no more than a page.
    """
    read = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n\n{text[-_TAIL:]}"
    blocks = [block.strip() for block in _BLANK_LINES.split(read.strip())]
    paragraphs = [block for block in blocks if block] or [""]
    opening = paragraphs[0][:_OPENING]
    rest = paragraphs[-1] if len(paragraphs) > 1 else paragraphs[0][_OPENING:]
    parts = (opening, rest[-_CLOSING:])
    return "\n".join(_QUOTED.sub("Q", part) for part in parts if part)
