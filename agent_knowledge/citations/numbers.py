"""Numbers as they are written: values, units, dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent_knowledge.text import STOP_WORDS

_DIGITS = re.compile(r"(\d+(?:[.,]\d+)*)([^\W\d_]*)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ORDINALS = frozenset(("st", "nd", "rd", "th"))
_SMALL = {
    word: str(value)
    for value, word in [
        *enumerate("two three four five six seven eight nine ten eleven twelve".split(), start=2),  # noqa: SIM905 - a table of words reads better as words
        *enumerate("third fourth fifth sixth seventh eighth ninth tenth".split(), start=3),  # noqa: SIM905 - as above
        *enumerate("thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(), 13),  # noqa: SIM905 - as above
        *[(0, "zero"), (2, "twice"), (12, "dozen")],
    ]
}
_TENS = {
    word: str(10 * value)
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)  # noqa: SIM905 - as above
}
_ONES = {"one": "1", **{word: value for word, value in _SMALL.items() if len(value) == 1}}
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "bn": 9, "k": 3}
_TABLE = """
second,sec,s=1 minute,min=60 hour,hr,h=3600 day=86400 week=604800 fortnight=1209600 ms=0.001
month=1 year,yr=12 decade=120 century,centuries=1200 millennium,millennia=12000
g,gram,gramme=1 kg,kilogram,kilo=1000 mg=0.001 tonne=1000000 lb,lbs=453.59237 ounce,oz=28.3495
metre,meter,m=1 km,kilometre,kilometer=1000 cm,centimetre,centimeter=0.01
mm,millimetre,millimeter=0.001 mile=1609.344 inch,inches=0.0254 foot,feet,ft=0.3048 yard=0.9144
litre,liter,l=1 ml,millilitre,milliliter=0.001 cl=0.01 gallon=3.785 pint=0.473
byte=1 kb,kilobyte=1000 mb,megabyte=1000000 gb,gigabyte=1000000000 tb,terabyte=1000000000000
cent=1 dollar,usd=100
percent,pct=1
euro,eur=1
pound,gbp=1
yen,jpy=1
token=1
time=1
acre=1 hectare=2.471
"""
"""Units a line for what can be compared: spellings, and how many of a common smallest one."""
_UNITS: dict[str, tuple[str, int, Decimal]] = {
    spelling: (spellings.split(",")[0], line, Decimal(factor))
    for line, units in enumerate(_TABLE.strip().splitlines())
    for spellings, factor in (unit.split("=") for unit in units.split())
    for spelling in spellings.split(",")
}
UNIT_WORDS = frozenset(_UNITS)
_LONGEST_NUMBER = 30
"""Digits; a longer one is kept as it is written. A limit."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number: its value in one spelling, its unit if known, the words that it takes up."""

    value: str
    unit: str
    words: int


def quantity(raw: Sequence[tuple[int, int, str]], place: int, text: str) -> Quantity | None:
    """Read the number that begins at a word, if one does.

    Args:
        raw: The words of a text: first character, the character behind, lower-cased.
        place: Which word.
        text: The text; signs such as $ and % stand between its words.
    """
    start, end, word = raw[place]
    spelt = _SMALL.get(word) or _TENS.get(word)
    written = None if spelt else _DIGITS.fullmatch(word)
    if not spelt and not written:
        return None
    digits, tail = written.groups() if written else (spelt or "", "")
    if tail and tail not in _ORDINALS and tail not in _SCALES and not unit_of(tail):
        return None  # "3b", "4x4": a name
    sign = _SIGNS.get(text[start - 1 : start] or text[start - 2 : start - 1], "")
    used, scale = 1, _scale(text[start:end], tail, sign)
    following = [w for _, _, w in raw[place + 1 : place + 4]]
    if word in _TENS and following and following[0] in _ONES:
        digits, used = str(int(digits) + int(_ONES[following[0]])), 2
    if not tail and len(following) >= used and following[used - 1] in _SCALES:
        scale, used = _SCALES[following[used - 1]], used + 1
    return Quantity(
        _value(digits, scale),
        sign or _unit_behind(text, raw, place, used, tail if not scale else ""),
        used,
    )


def _scale(written: str, tail: str, sign: str) -> int:
    if tail == "m":
        return 6 if sign or written.endswith("M") else 0
    return _SCALES.get(tail, 0)


def _unit_behind(
    text: str, raw: Sequence[tuple[int, int, str]], place: int, used: int, tail: str
) -> str:
    """The unit of a number; one word may stand between ("five working days")."""
    if tail not in _ORDINALS and unit_of(tail):
        return unit_of(tail)
    end = raw[place + used - 1][1]
    if text[end : end + 2].lstrip()[:1] == "%":
        return "percent"
    if raw[place][2] == "twice":
        return "time"
    near = [w for _, _, w in raw[place + used : place + used + 2]]
    if near and (unit := unit_of(near[0])):
        return unit
    return unit_of(near[1]) if len(near) > 1 and near[0] not in STOP_WORDS else ""


def unit_of(word: str) -> str:
    """The unit that a word names, in one spelling; empty for another word."""
    found = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    return found[0] if found else ""


Amount = tuple[int, Decimal]
"""What is measured, as a line of the table of units, and how much of it."""


def amount(value: str, unit: str) -> Amount | None:
    """A number with a unit as an amount, the same for 14 days and two weeks; None without one."""
    known = _UNITS.get(unit)
    if known is None or value.count(".") > 1 or "," in value:
        return None
    return known[1], Decimal(value) * known[2]


def _value(digits: str, scale: int) -> str:
    """One spelling for a number: "1,000.50" is "1000.5"; versions such as "1.5.9" stay."""
    if len(digits) > _LONGEST_NUMBER:
        return digits
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    elif digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    if digits.count(".") > 1 or "," in digits:
        return digits
    return f"{(Decimal(digits) * 10**scale).normalize():f}"


_MONTH_NAMES = (
    "january february march april may june july august september october november december"
)
_MONTHS = {
    name: number
    for number, month in enumerate(
        _MONTH_NAMES.split(),
        start=1,
    )
    for name in (month, month[:3])
}
_MONTH = rf"(?P<month>{'|'.join(sorted(map(str.title, _MONTHS), key=len, reverse=True))})\.?"
"""With its capital: "may 3 times" is no date."""
_DATES = (
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? (?P<year>\d{{4}}))?(?!\w)"
    ),
    re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?(?!\w)"),
    re.compile(rf"\b{_MONTH},? (?P<year>\d{{4}})\b(?P<day>)"),
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"),
)


@dataclass(frozen=True, slots=True)
class Date:
    """A date, complete or in part; 0 is a part that is not said. Characters `start:end`."""

    year: int
    month: int
    day: int
    start: int
    end: int

    def says(self, other: Date) -> bool:
        """Whether it gives every part that the other gives, and the same."""
        return all(
            mine == its or not its for mine, its in zip(self._parts, other._parts, strict=True)
        )

    def denies(self, other: Date) -> bool:
        """Whether a part that both give differs."""
        pairs = zip(self._parts, other._parts, strict=True)
        return any(mine and its and mine != its for mine, its in pairs)

    @property
    def _parts(self) -> tuple[int, int, int]:
        return self.year, self.month, self.day


def dates(text: str) -> list[Date]:
    """The dates of a text that give a month and more, in any common spelling; none overlap."""
    found: list[Date] = []
    taken: set[int] = set()
    for pattern in _DATES:
        for match in pattern.finditer(text):
            characters = range(*match.span())
            if not taken.isdisjoint(characters):
                continue
            taken.update(characters)
            month = match["month"].lower()
            found.append(
                Date(
                    year=int(match["year"] or 0),
                    month=_MONTHS.get(month) or int(month),
                    day=int(match["day"] or 0),
                    start=match.start(),
                    end=match.end(),
                )
            )
    return found
