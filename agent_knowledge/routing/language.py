"""Whether a task is put in a language that the text model, and MiniLM, were not trained on."""

from __future__ import annotations

import re
import unicodedata

from agent_knowledge.routing.ends import ends

_LOOKED_AT = 600
_FOREIGN_LETTERS = 0.3
"""From this share of letters of another script on, a text is not English."""
_FOREIGN_WORDS = 2
_PART = re.compile(r":\s|\n")
_WORD = re.compile(r"[^\W\d_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the a an of to in is are was were be been do does did can could will would should "
    "have has had i you he she it we they my your his her our their this that these "
    "those what which who how when where why and or but if not no with for from by on "
    "at as about into than then there me us"
)
_OTHERS = (
    # German, Spanish, French, Italian, Portuguese, Dutch: words of grammar that English lacks.
    _words(
        "der die das den dem des ein eine einen einem einer und oder aber nicht kein keine "
        "ist sind war waren wird werden wurde haben hat hatte kann können soll muss mein "
        "meine dein sein ihr ihre wir ich du er sie es wie wann wo warum wer welche welcher "
        "welches mit für von bei auf aus nach über zu zum zur im am bitte mir mich uns"
    ),
    _words(
        "el la los las un una unos unas de del al y o pero no es son era fue ser está están "
        "tiene tengo hay puede puedo quiero mi mis tu su sus nuestro qué cuál quién cómo "
        "cuándo cuánto cuántos dónde por para con sin sobre entre que se lo me te nos como "
        "cuanto"
    ),
    _words(
        "le la les un une des du de et ou mais ne pas est sont était être ai as avons avez "
        "ont peut peux pouvez puis je tu il elle nous vous ils mon ma mes ton votre notre "
        "leur que qui quoi quel quelle quels quelles comment quand où pourquoi combien avec "
        "pour par sur dans sans au aux ce cette ces se me moi"
    ),
    _words(
        "il lo la gli le un uno una di del della dei delle e o ma non è sono era ho hai ha "
        "abbiamo può posso mio mia tuo suo che chi cosa come quando dove perché quanto "
        "quale con per su tra da al alla nel nella mi ti si ci"
    ),
    _words(
        "o a os as um uma de do da dos das e ou mas não é são era foi tem tenho há pode "
        "posso quero meu minha seu sua que quem qual como quando onde por porque quanto com "
        "para sem sobre em no na nos nas ao se me"
    ),
    _words(
        "de het een en of maar niet geen is zijn was wordt heeft heb kan kunnen moet mijn "
        "jouw zijn haar ons wij ik jij hij zij wat wie hoe wanneer waar waarom welke met "
        "voor van bij op uit naar over te dit dat deze die mij"
    ),
)


def is_foreign(text: str) -> bool:
    """Whether a task asks in another language than English.

    Only what asks or orders is looked at: an English order to translate a German text is English.

    Args:
        text: A task's text.

    Returns:
        True for another script, or for more words of another language's grammar than of
        English's. False when nothing tells.
    """
    asked = ends(text)[:_LOOKED_AT]
    if is_other_script(asked):
        return True
    found = [_grammar(part) for part in _PART.split(asked)]
    if any(english and english >= other for english, other in found):
        return False  # an English order, whatever it is given to work on
    return sum(other for _, other in found) >= _FOREIGN_WORDS


def is_other_script(text: str) -> bool:
    """Whether a text is written in letters that the text model, and MiniLM, cannot read."""
    letters = [c for c in text[:_LOOKED_AT] if c.isalpha()]
    others = sum(not unicodedata.name(c, "LATIN").startswith("LATIN") for c in letters)
    return bool(letters) and others >= _FOREIGN_LETTERS * len(letters)


def _grammar(text: str) -> tuple[int, int]:
    """How many words are of English's grammar, and how many of the best other language's."""
    words = [word.lower() for word in _WORD.findall(text)]
    english = sum(word in _ENGLISH for word in words)
    return english, max(sum(word in known for word in words) for known in _OTHERS)
