"""Edits of a sentence that change what it says, and rewordings that keep it.

Each takes a sentence, what it may draw from and a source of chance, and gives the changed sentence,
or None where it finds nothing to change. `support_data` applies a change to the claim, to the
passage, and to both, so that no edit by itself tells true from false.
"""

# ruff: noqa: ARG001 - every edit takes what any of them needs

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from agent_knowledge.citations.words import opposites

NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'-]+(?: (?:of |de )?[A-Z][\w'-]+)*")
NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:[.,]\d+)*(?![\w:/-])")
_UNITS = (
    "seconds minutes hours days weeks months years decades centuries|kg lb g tonnes ounces"
    "|km miles metres feet yards|percent points|dollars euros pounds yen|GB MB TB KB"
    "|kilograms pounds grams|acres hectares|litres gallons"
)
_QUANTIFIERS = (
    "all some|every no|most few|always sometimes never|only also|both neither|many few"
    "|at least at most|up to over|must may|must can|will may|usually never|often rarely"
    "|each no|more than less than|exactly about|before after|first last|until since"
)
_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|will|has|have|had|should|does|did|may|must|could|would)\b"
    r"(?! (?:not|no|never)\b)"
)
_DENIAL = re.compile(r"(?<=\w)(?: not|n't| never)\b")
_VERB_S = re.compile(
    r"(?<=[a-z] )(?!is\b|was\b|has\b)([a-z]{3,}[^s\W]s)(?= (?:the|a|an|to|in|on)\b)"
)
_FRAMES = (
    "It is a myth that {}",
    "Contrary to popular belief, it is not the case that {}",
    "Critics wrongly claimed that {}",
    "It was proposed, but never decided, that {}",
    "Nobody has shown that {}",
    "An early draft falsely stated that {}",
    "Some users ask whether {}",
    "It would be wrong to say that {}",
    "Rumour has it that {}",
    "If approved next year, {}",
)


@dataclass(frozen=True, slots=True)
class Pool:
    """What a changed sentence may take from elsewhere.

    Attributes:
        passage: The passage's text.
        names: Names of other passages.
    """

    passage: str
    names: tuple[str, ...] = ()


Edit = Callable[[str, Pool, random.Random], str | None]


def number_near(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another number of the same passage in a number's place."""
    return _replaced(text, NUMBER, _others(NUMBER, text, pool.passage), rng)


def number_far(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A number that the passage does not have, of about the same size."""
    found = list(NUMBER.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    digits = match.group().replace(",", "")
    if digits.count(".") > 1 or len(digits) > 9:
        return None
    if "." in digits:
        new = f"{float(digits) * rng.choice((0.5, 1.1, 1.5, 2)):.{len(digits.split('.')[1])}f}"
    else:
        value = int(digits)
        new = str(max(0, value + rng.choice((-7, -3, -2, -1, 1, 2, 3, 5, 10, value // 2 + 1))))
    return None if new == digits else _put(text, match, new)


def name_near(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another name of the same passage in a name's place."""
    return _replaced(text, NAME, _others(NAME, text, pool.passage), rng)


def name_far(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A name of another passage in a name's place."""
    return _replaced(text, NAME, [n for n in pool.names if n not in pool.passage], rng)


def roles(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Two names, or two numbers, of the sentence in each other's place."""
    for kind in (NAME, NUMBER):
        found = list(kind.finditer(text))
        pairs = [(a, b) for a in found for b in found if a.end() < b.start() - 2]
        pairs = [(a, b) for a, b in pairs if a.group() != b.group()]
        pairs = [(a, b) for a, b in pairs if not _LISTED.fullmatch(text[a.end() : b.start()])]
        if pairs:
            a, b = rng.choice(pairs)
            between = text[a.end() : b.start()]
            return f"{text[: a.start()]}{b.group()}{between}{a.group()}{text[b.end() :]}"
    return None


_LISTED = re.compile(r"\W*(?:and|or|&|,)\W*|[^a-z]*")


def unit(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another unit of the same kind behind a number."""
    for match in re.finditer(r"(?<=\d )([a-zA-Z]+)\b", text):
        for group in _UNITS.split("|"):
            units = group.split()
            written = match.group(1)
            for form in (written, f"{written}s"):
                if form in units:
                    other = rng.choice([u for u in units if u != form])
                    singular = form != written and other.endswith("s")
                    return _put(text, match, other[:-1] if singular else other)
    return None


def negate(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A negation put in."""
    found = list(_AUXILIARY.finditer(text))
    if found:
        match = rng.choice(found[:2])
        never = rng.random() < _NEVER
        return _put(text, match, f"{match.group()} {'never' if never else 'not'}")
    match = _VERB_S.search(text)
    return _put(text, match, f"does not {match.group(1)[:-1]}") if match else None


_NEVER = 0.2


def affirm(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A negation taken out."""
    found = list(_DENIAL.finditer(text))
    return _put(text, rng.choice(found), "") if found else None


def antonym(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A word's opposite in its place."""
    found = [
        (m, others) for m in re.finditer(r"\b[a-z]{2,}\b", text) if (others := opposites(m.group()))
    ]
    if not found:
        return None
    match, others = rng.choice(found)
    return _put(text, match, rng.choice(sorted(others)))


def quantifier(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another quantifier, modal or order in time."""
    options: list[tuple[re.Match[str], list[str]]] = []
    for group in _QUANTIFIERS.split("|"):
        words = _phrases(group)
        for word in words:
            match = re.search(rf"\b{word}\b", text)
            if match:
                options.append((match, [w for w in words if w != word]))
    if not options:
        return None
    match, others = rng.choice(options)
    return _put(text, match, rng.choice(others))


def _phrases(group: str) -> list[str]:
    phrase = re.compile(r"at least|at most|up to|more than|less than|\S+")
    return phrase.findall(group)


def when(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another month, weekday or year."""
    for names in (_MONTHS.split(), _DAYS.split()):
        found = list(re.finditer(rf"\b(?:{'|'.join(names)})\b", text))
        if found:
            match = rng.choice(found)
            return _put(text, match, rng.choice([n for n in names if n != match.group()]))
    years = list(re.finditer(r"(?<![\w.,])(?:1[5-9]|20)\d\d(?!\w)", text))
    if not years:
        return None
    match = rng.choice(years)
    return _put(text, match, str(int(match.group()) + rng.choice((-10, -3, -2, -1, 1, 2, 4, 10))))


def frame(text: str, pool: Pool, rng: random.Random) -> str | None:
    """A frame that takes back what the sentence says; for the passage's side."""
    return rng.choice(_FRAMES).format(_lowered(text))


def word_near(text: str, pool: Pool, rng: random.Random) -> str | None:
    """Another content word of the passage in a content word's place."""
    long = re.compile(r"\b[a-z]{5,}\b")
    return _replaced(text, long, _others(long, text, pool.passage), rng)


CLAIM_EDITS: dict[str, Edit] = {
    "number near": number_near,
    "number far": number_far,
    "name near": name_near,
    "name far": name_far,
    "roles": roles,
    "unit": unit,
    "negate": negate,
    "affirm": affirm,
    "antonym": antonym,
    "quantifier": quantifier,
    "when": when,
    "word near": word_near,
}
"""Each makes a true claim false, and a passage that had it say something else."""


def shorten(text: str, rng: random.Random) -> str:
    """Drop what stands in brackets or between commas, or what follows the last comma."""
    cut = re.sub(r" \([^()]*\)", "", text)
    parts = cut.split(", ")
    if len(parts) == 3 and parts[2][:1].islower():
        cut = f"{parts[0]} {parts[2]}" if rng.random() < _HALF else f"{parts[0]}, {parts[1]}."
    elif len(parts) == 2 and len(parts[0].split()) > _FEW and parts[1].split()[0] in _OPTIONAL:
        cut = f"{parts[0]}."
    return cut


_HALF, _FEW = 0.5, 5
_OPTIONAL = frozenset("which who where with including such as and making leading after".split())  # noqa: SIM905


def reorder(text: str, rng: random.Random) -> str:
    """Put a clause or phrase that opens or ends the sentence at its other end."""
    match = re.fullmatch(r"(In|On|At|When|If|After|Before|During|For|Since) ([^,]+), (.+)\.", text)
    if match:
        return f"{_raised(match[3])} {match[1].lower()} {match[2]}."
    match = re.fullmatch(r"([^,]{20,}) (when|if|because|after|before|in \d{4}) ?(.*)\.", text)
    if match and match[3].count(",") == 0:
        return f"{_raised(match[2])} {match[3]}".rstrip() + f", {_lowered(match[1])}."
    return text


_WORDS = "two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_EQUAL = {
    "14 days": "two weeks",
    "7 days": "one week",
    "24 hours": "one day",
    "48 hours": "two days",
    "60 minutes": "one hour",
    "30 minutes": "half an hour",
    "90 minutes": "an hour and a half",
    "60 seconds": "one minute",
    "12 months": "one year",
    "24 months": "two years",
    "two weeks": "14 days",
    "one year": "12 months",
    "one hour": "60 minutes",
    "100 years": "a century",
    "10 years": "a decade",
    "1000 m": "1 km",
    "1 km": "1000 metres",
    "1 kg": "1000 g",
}


def respell(text: str, rng: random.Random) -> str:
    """Write numbers, dates, units and contractions in another form."""
    for form, other in _EQUAL.items():
        text = re.sub(rf"(?<![\d.,])\b{form}\b", other, text)
    text = re.sub(
        r"(?<![\w.,-])([2-9]|1[0-2])(?= [a-z]{3,})", lambda m: _WORDS[int(m[1]) - 2], text
    )
    text = re.sub(
        rf"\b({'|'.join(_WORDS)})(?= (?:days|years|hours|minutes|months|weeks|people)\b)",
        lambda m: str(list(map(str, _WORDS)).index(m[1]) + 2),
        text,
    )
    text = re.sub(rf"\b(\d{{1,2}}) ({_MONTHS.replace(' ', '|')}) (\d{{4}})", r"\2 \1, \3", text)
    text = re.sub(r"(\d) ?%", r"\1 percent", text)
    text = re.sub(r"\b(\d+),(\d{3})\b", r"\1\2", text)
    for form, other in (("do not", "don't"), ("cannot", "can't"), ("is not", "isn't")):
        text = text.replace(form, other)
    return re.sub(r"(\d) (kg|km|GB|MB)\b", lambda m: f"{m[1]} {_LONG[m[2]]}", text)


_LONG = {"kg": "kilograms", "km": "kilometres", "GB": "gigabytes", "MB": "megabytes"}


def resolve(text: str, title: str) -> str:
    """Put the passage's title in the place of a pronoun that opens the sentence."""
    name = title.rsplit(" > ", maxsplit=1)[-1].split(" (", maxsplit=1)[0].strip()
    if not name or len(name.split()) > _FEW:
        return text
    return re.sub(r"\A(?:He|She|It)\b", name, text)


def _replaced(
    text: str, kind: re.Pattern[str], others: list[str], rng: random.Random
) -> str | None:
    found = list(kind.finditer(text))
    return _put(text, rng.choice(found), rng.choice(others)) if found and others else None


def _others(kind: re.Pattern[str], text: str, passage: str) -> list[str]:
    return sorted(other for other in set(kind.findall(passage)) if other not in text)


def _put(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _lowered(text: str) -> str:
    keep = text[:2].isupper() or (NAME.match("a " + text, 2) is not None and text[:3] != "The")
    articles = text.split(" ", 1)[0] in {"The", "A", "An", "It", "In", "This", "He", "She", "You"}
    return text if keep and not articles else text[:1].lower() + text[1:]


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]
