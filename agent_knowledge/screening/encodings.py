"""Text that is hidden in an encoding, made readable: what a model could decode, a screen must read.

Each reading is of one spelling that instructions were seen to hide in. A reading is kept only if
what comes out is language, so that hashes, keys, images and plain prose yield nothing.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from agent_knowledge.text import STOP_WORDS, words

_SHORTEST = 12
"""Characters: what is decoded must at least be a short sentence."""
_LETTERS = 0.8
"""Share of letters and spaces: prose has more, random bytes read as Latin-1 have half."""
_MOST_READINGS = 32
"""A limit of one passage; who encodes more is told by what those say."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,4000}+={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){12,4000}+")
_AROUND_HEX = re.compile(r"0x|\\x|[ ,:]")
_ESCAPES = re.compile(r"(?:\\u[0-9A-Fa-f]{4}|&#\d{1,7};|&#x[0-9A-Fa-f]{1,6};){8,4000}+")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|&#(\d{1,7});|&#x([0-9A-Fa-f]{1,6});")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9.,+_~-]){12,4000}+")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .\-_*|/·]{1,4}){8,2000}+[^\W_](?![^\W_])")
_GAP = re.compile(r"(?<=[ ])[ ]{1,3}|[ ]?[_|/][ ]?")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,4000}+")
_PIECE = re.compile(r"[^\n:\"'“”()\[\]]{12,2000}+")
_MIXED = re.compile(r"\b(?=\w{0,20}[A-Za-z@$!])(?=\w{0,20}[013457@$!])[\w@$!]{2,20}\b")
_FEW_MIXED = 3
"""Words of letters and digits that prose may have: names of products, sizes."""
_LEET = str.maketrans("013457@$!", "oieastasi")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏАВЕКМНОРСТУХІЈЅαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhlABEKMHOPCTYXIJSabeiknoptuxABEZHIKMNOPTYX",
)
"""Cyrillic and Greek letters that look like Latin ones (of Unicode's confusables, TR 39)."""
_ROT13 = codecs.getencoder("rot13")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a span of a text says when it is decoded."""

    text: str
    start: int
    end: int


def decoded(text: str) -> list[Decoded]:
    """Everything in a text that turns out to be language when it is decoded.

    Base64, hexadecimal, escapes and percent signs, Unicode tags, spaced letters, letters of another
    script, digits for letters, ROT13 and reversed lines. Linear in the text.
    """
    found: list[Decoded] = []
    for reading in _readings(text):
        found.append(reading)
        if len(found) == _MOST_READINGS:
            break
    return found


def _readings(text: str) -> Iterator[Decoded]:
    for pattern, decode in _SPELLINGS:
        for match in pattern.finditer(text):
            plain = decode(match.group())
            if len(plain) >= _SHORTEST and _is_prose(plain):
                yield Decoded(plain, *match.span())
    for line in _PIECE.finditer(text):
        written = line.group()
        usual = _language(written)
        if usual and written.isascii() and len(_MIXED.findall(written)) < _FEW_MIXED:
            continue
        for recode in _RECODINGS:
            plain = recode(written)
            if plain != written and _language(plain) > usual and _is_prose(plain):
                yield Decoded(plain, *line.span())


def _is_prose(text: str) -> bool:
    """Whether it is made of letters, as keys, hashes and numbers are not when they are decoded."""
    return sum(c.isalpha() or c == " " for c in text) >= _LETTERS * len(text)


def _language(text: str) -> int:
    """How many different very common English words it has."""
    return len(STOP_WORDS.intersection(word for word in words(text) if len(word) > 2))


def _from_base64(found: str) -> str:
    body = found.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return _as_text(base64.b64decode(body + "=" * (-len(body) % 4)))
    except binascii.Error:
        return ""


def _from_hex(found: str) -> str:
    digits = _AROUND_HEX.sub("", found)
    return _as_text(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_escapes(found: str) -> str:
    codes = ((m[1] or m[3], m[2]) for m in _ESCAPE.finditer(found))
    numbers = [int(sixteen, 16) if sixteen else int(ten) for sixteen, ten in codes]
    return "".join(chr(n) for n in numbers if n < 0xD800)


def _from_percent(found: str) -> str:
    return unquote(found.replace("+", " ")) if found.count("%") >= 2 else ""


def _from_spaced(found: str) -> str:
    words_apart = _GAP.split(found)
    return " ".join("".join(c for c in word if c.isalnum()) for word in words_apart)


def _from_tags(found: str) -> str:
    return "".join(chr(ord(c) - 0xE0000) for c in found)


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace").replace("\n", " ").strip()


def _unleet(line: str) -> str:
    many = len(_MIXED.findall(line)) >= _FEW_MIXED
    return line.translate(_LEET) if many else line


def _latin(line: str) -> str:
    return line.translate(_LOOKALIKES)


def _rot13(line: str) -> str:
    return str(_ROT13(line)[0])


def _reversed(line: str) -> str:
    return line[::-1]


_SPELLINGS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_TAGS, _from_tags),
    (_BASE64, _from_base64),
    (_HEX, _from_hex),
    (_ESCAPES, _from_escapes),
    (_PERCENT, _from_percent),
    (_SPACED, _from_spaced),
)
_RECODINGS = (_latin, _unleet, _rot13, _reversed)
