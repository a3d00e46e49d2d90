"""Structural features of a task's text: what its form says of what it needs.

Cheap and deterministic: no model, no vocabulary beyond the tables of `marks`. Only the head and the
tail of a text are read, so a 50 MB text costs no more than a page. Every feature is within 0..1,
so that a linear head can weigh them without a scaler.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.signals.marks import ASKERS, GIVEN, MARKS, VERBS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD = 2_400
_TAIL = 800
_OPENING = 500
_CLOSING = 300
_SENTENCES = 14


_ORDERING = frozenset[str]().union(*VERBS.values())
_ASKING = frozenset[str]().union(
    *(ASKERS[k] for k in ("who_when_where", "which", "what", "how", "why"))
)
_POLITE = re.compile(
    r"^(?:(?:please|kindly|ok|okay|so|and|then|now|hi|hello|hey|there|chatbot|assistant|also"
    r"|(?:can|could|would|will) (?:you|u|i)|(?:i|we)(?:'d| would)? (?:want|need|like|wish"
    r"|am looking)"
    r"|you (?:to|should|must|will)|your (?:task|job) is|i'm (?:looking|trying)|help me|let's|me|to"
    r"|for|be able|like|give)\b[\s,.!:]*){1,8}",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»\n]{1,400})[\"“”«»]|`([^`\n]{1,200})`")

_NUMBERS = (
    "characters", "paragraphs", "lines", "opening", "after_colon", "quoted", "short_lines",
    "field_lines", "bullets", "names", "numerals", "acronyms", "questions", "sentences",
    "payload_share", "one_paragraph", "ends_question", "ends_colon", "lower_start", "closing_field",
    "told", "told_share", "asked_first", "asked_last", "told_first",
)  # fmt: skip

FEATURE_NAMES: tuple[str, ...] = (
    *_NUMBERS,
    *(f"head_{name}" for name in VERBS),
    *(f"any_{name}" for name in VERBS),
    *(f"ask_{name}" for name in ASKERS),
    *MARKS,
)
"""One name per element of `features`, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A text cut down to what is read of it.

    Attributes:
        text: The whole, or its head and tail when it is long.
        length: Characters of the whole.
        paragraphs: Blocks between empty lines.
        opening: The beginning, where an instruction mostly stands.
        closing: The last paragraph's end, where it stands otherwise.
    """

    text: str
    length: int
    paragraphs: list[str]
    opening: str
    closing: str


def features(text: str) -> NDArray[np.float32]:
    """Read the structure of a task's text.

    Args:
        text: Any text, of any length.

    Returns:
        float32, shape (len(FEATURE_NAMES),), each within 0..1.
    """
    parts = _cut(text)
    sentences = _sentences(parts)
    heads = [_head_word(sentence) for sentence in sentences] or [""]
    asked = [_first_word(sentence) for sentence in sentences] or [""]
    demands = [_is_demand(sentence) for sentence in sentences]
    instruction = _join(parts, sentences, demands)
    material = f"{parts.opening}\n{parts.closing}"
    values = [
        *_numbers(parts, sentences),
        *_told(parts, sentences, demands),
        *(heads[0] in verbs for verbs in VERBS.values()),
        *(any(head in verbs for head in heads) for verbs in VERBS.values()),
        *(any(word in askers for word in asked) for askers in ASKERS.values()),
        *(
            mark.search(material if name in GIVEN else instruction) is not None
            for name, mark in MARKS.items()
        ),
    ]
    return np.array(values, dtype=np.float32)


def demand(text: str) -> str:
    """Take the sentences that ask or order out of a text, without what they are to work on.

    Args:
        text: Any text, of any length.

    Returns:
        Questions and orders of the opening and the closing, a line each, quotations replaced by
        "Q"; the opening where nothing asks. At most a few hundred characters.
    """
    parts = _cut(text)
    sentences = _sentences(parts)
    return _join(parts, sentences, [_is_demand(sentence) for sentence in sentences])


def ends(text: str) -> str:
    """The opening and the closing of a text, where people say what they want, unquoted."""
    parts = _cut(text)
    return "\n".join(_QUOTED.sub("Q", part) for part in (parts.opening, parts.closing) if part)


def _join(parts: _Parts, sentences: list[str], demands: list[bool]) -> str:
    asking = [sentence for sentence, is_one in zip(sentences, demands, strict=True) if is_one]
    return "\n".join(asking) or parts.opening


def _cut(text: str) -> _Parts:
    read = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n\n{text[-_TAIL:]}"
    read = read.strip()
    paragraphs = [block.strip() for block in re.split(r"\n\s*\n", read) if block.strip()] or [""]
    opening = paragraphs[0][:_OPENING]
    rest = paragraphs[-1] if len(paragraphs) > 1 else paragraphs[0][_OPENING:]
    return _Parts(
        text=read,
        length=len(text),
        paragraphs=paragraphs,
        opening=opening,
        closing=rest[-_CLOSING:],
    )


def _sentences(parts: _Parts) -> list[str]:
    """Sentences of the opening, then of the closing, quotations taken out."""
    first, last = (
        [
            sentence.strip()
            for sentence in _SENTENCE.split(_QUOTED.sub("Q", part))
            if sentence.strip()
        ]
        for part in (parts.opening, parts.closing)
    )
    return [*first[: _SENTENCES // 2], *last[-_SENTENCES // 2 :]]


def _first_word(sentence: str) -> str:
    word = _WORD.search(sentence[:60])
    return word[0].lower() if word else ""


def _head_word(sentence: str) -> str:
    """The first word that is no courtesy: "Could you please tag ..." gives "tag"."""
    return _first_word(_POLITE.sub("", sentence.lower()))


def _is_demand(sentence: str) -> bool:
    """Whether a sentence asks or orders, rather than tells: it may be the instruction."""
    return (
        sentence.endswith(("?", ":"))
        or _first_word(sentence) in _ASKING
        or _head_word(sentence) in _ORDERING
    )


def _told(parts: _Parts, sentences: list[str], demands: list[bool]) -> list[float]:
    """How much of the text tells something, and whether the demand stands first or last."""
    demanded = sum(len(s) for s, d in zip(sentences, demands, strict=True) if d)
    told = max(0, len(parts.text) - demanded)
    return [
        _log(told, 3_000),
        told / max(1, len(parts.text)),
        float(bool(demands) and demands[0]),
        float(bool(demands) and demands[-1]),
        float(len(demands) > 1 and not demands[0] and demands[-1]),
    ]


def _log(value: float, most: float) -> float:
    """Squeeze a count into 0..1; `most` and beyond are 1."""
    return min(1.0, math.log1p(value) / math.log1p(most))


def _numbers(parts: _Parts, sentences: list[str]) -> list[float]:
    lines = [line.strip() for line in parts.text.splitlines() if line.strip()]
    colon = parts.text.rfind(": ", 0, _HEAD)
    quoted = sum(len(match[0]) for match in _QUOTED.finditer(parts.text))
    opening = " ".join(sentences)
    words = _WORD.findall(opening)
    starts = {_WORD.search(sentence[:60]) for sentence in sentences}
    initial = sum(1 for match in starts if match and match[0][0].isupper())
    capitals = sum(1 for word in words if word[0].isupper() and word != "I") - initial
    fields = sum(1 for line in lines if re.match(r"[A-Z(\w][\w ()/-]{0,30}:(?:\s|$)", line))
    return [
        _log(parts.length, 4_000),
        _log(len(parts.paragraphs) - 1, 12),
        _log(max(0, len(lines) - 1), 40),
        _log(len(parts.opening), _OPENING),
        _log(len(parts.text) - colon - 2 if colon > 0 else 0, 2_000),
        _log(quoted, 1_000),
        _log(sum(1 for line in lines if len(line) < 40) if len(lines) > 1 else 0, 20),
        _log(fields, 8),
        _log(sum(1 for line in lines if re.match(r"[-*•]|\(?\w{1,2}[.)]\s", line)), 12),
        _log(max(0, capitals), 12),
        _log(len(re.findall(r"\d+", opening)), 12),
        _log(len(re.findall(r"\b[A-Z]{2,6}s?\b", opening)), 6),
        _log(parts.text.count("?"), 6),
        _log(len(sentences), _SENTENCES),
        1.0 - min(1.0, len(parts.opening) / max(1, len(parts.text))),
        float(len(parts.paragraphs) == 1),
        float(parts.text.endswith("?")),
        float(parts.text.endswith(":")),
        float(parts.text[:1].islower()),
        float(bool(re.search(r"(?:^|\n)[A-Z][\w ]{0,20}:\s*$", parts.text))),
    ]
