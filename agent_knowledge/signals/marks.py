"""The vocabulary of `structure`: words and patterns, and the feature that each stands for.

A change here changes what the need heads read: train them again (`python -m tools.train.need`).
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERBS: dict[str, frozenset[str]] = {
    "pattern": _words(
        "classify categorize categorise label tag extract identify detect convert transform parse "
        "normalize normalise format reformat map match assign sort annotate transcribe translate "
        "anonymize anonymise mask redact replace capitalize capitalise pluralize conjugate negate "
        "abbreviate tokenize standardize standardise route triage grade score rate judge mark "
        "determine decide predict choose select pick output return fill turn change spell"
    ),
    "rewrite": _words(
        "rewrite rephrase paraphrase reword restate simplify shorten condense correct proofread "
        "edit polish fix improve translate formalize soften convert turn make change"
    ),
    "compose": _words(
        "write compose draft create generate make design craft produce invent tell imagine develop "
        "build come continue complete prepare outline"
    ),
    "ideas": _words(
        "brainstorm suggest recommend propose name think plan give list share advise help"
    ),
    "explain": _words("explain describe discuss elaborate compare contrast define teach outline"),
    "digest": _words("summarize summarise summary read answer based given using consider analyze"),
    "compute": _words(
        "solve calculate compute simplify evaluate prove count add subtract multiply find derive"
    ),
    "code": _words("implement code program debug refactor optimize write script develop"),
    "lookup": _words(
        "find search look lookup get fetch show check provide tell list locate track retrieve know"
    ),
}
"""By kind of order: the verbs that give it at the head of a sentence."""
ASKERS: dict[str, frozenset[str]] = {
    "who_when_where": _words("who whom whose when where"),
    "which": _words("which"),
    "what": _words("what what's whats"),
    "how": _words("how"),
    "why": _words("why"),
    "yes_no": _words(
        "is are was were do does did has have had can could should would will am isn't doesn't"
    ),
    "to": _words("in on at from during for of to by"),
}
"""By kind of question: the words that begin it."""

_I = re.IGNORECASE
MARKS: dict[str, re.Pattern[str]] = {
    # What is asked for: a form, a label, a list.
    "form_named": re.compile(
        r"\b(?:as|in|into|to|using|valid|following|this) (?:a |an |the )?(?:\w+ )?(?:json|csv"
        r"|yaml|xml"
        r"|table|bullet(?:ed)? (?:points?|list)|markdown|format|sql|regex|latex|html|list"
        r"|schema)\b",
        _I,
    ),
    "label_wanted": re.compile(
        r"\b(?:yes or no|true or false|yes/no|positive|negative|sentiment|categor(?:y|ies)|labels?"
        r"|class(?:es)?|tags?|options?|choices?|one of (?:the|these|them)|either)\b",
        _I,
    ),
    "options": re.compile(
        r"(?:\b\w+, ){2,}(?:or|and) \w+|\b\w+ or \w+\?|(?m:^\s*\(?[a-d1-4][.)]\s.+$)"
        r"|\w+(?: ?/ ?\w+){2,}|\[(?:[^\]\n]{1,40}[,|/]){1,12}[^\]\n]{1,40}\]",
        _I,
    ),
    "answer_shape": re.compile(
        r"\b(?:answer|respond|reply|output|return|write|print|give)(?: \w+)? (?:only|just|with"
        r"|using|either"
        r"|exactly|nothing)\b|\bonly (?:the|a|one|with)\b",
        _I,
    ),
    "word_level": re.compile(
        r"\b(?:word|letter|sentence|plural|tense|passive|synonym|antonym|rhyme|verb|noun|adjective"
        r"|pronoun|character|phrase|grammar|spelling|uppercase|lowercase)s?\b",
        _I,
    ),
    "each": re.compile(r"\b(?:each|every|for each|all the|per line|one per)\b", _I),
    "tone": re.compile(
        r"\b(?:tone|style|voice|formal(?:ly)?|casual|friendly|professional|polite|in the style"
        r"|brand|like a pirate|persona)\b",
        _I,
    ),
    "language": re.compile(
        r"\b(?:translat\w+|(?:in|into|to|from) (?:english|french|german|spanish|italian|dutch"
        r"|chinese"
        r"|japanese|portuguese|latin|arabic|hindi|russian|korean|polish|turkish|swedish))\b",
        _I,
    ),
    # What is given.
    "points_at_text": re.compile(
        r"\b(?:the|this|these|that|following|given|above|below|previous) (?:\w+ )?(?:text|passage"
        r"|paragraph|article|sentences?|email|e-mail|message|review|conversation|dialogue|story"
        r"|input|statement|abstract|document|comment|note|tweet|code|table|facts?|context|post"
        r"|ticket|transcript|poem|letter|headline|description|title|words?|clause|function)\b"
        r"|\b(?:following|below|above)\b|\bgiven\b",
        _I,
    ),
    "code": re.compile(
        r"```|\b(?:def|class|return|import|const|function|void|public|select|std)\b\s*[\w({*:<]"
        r"|[;{}]\s*$|=>|==|\w\(\)|</\w+>|#include",
        re.MULTILINE,
    ),
    "record": re.compile(r"[{\[]\s*[\"'{\[]|\|.+\||\t\S+\t|^\w[\w ]{0,20},\w[^,\n]*,\w", re.M),
    "maths": re.compile(
        r"\d\s*[+*/^=×÷]\s*\d|\\(?:frac|int|sum|sqrt)|\b[xy]\s*[=+^]|\bequations?\b|\bprobability\b"
        r"|\bhow (?:many|much) .{0,80}\b(?:left|total|altogether|remain)|\d+ ?%|\bintegral\b"
        r"|\bproof\b",
        _I,
    ),
    "blank": re.compile(r"_{2,}|\[MASK\]|\.{3,}|<\w+>|\{\w+\}"),
    "url": re.compile(r"https?://|\bwww\.|\b[\w-]+\.(?:com|org|net|io|gov|edu|de|uk)\b", _I),
    # Whose matter it is.
    "role_play": re.compile(
        r"\b(?:you are|you're|act as|acting as|pretend|imagine (?:you|that)|role ?play"
        r"|take the role"
        r"|as an? (?:expert|senior|professional|experienced))\b",
        _I,
    ),
    "first_person": re.compile(r"\b(?:i|i'm|i've|my|me|we|our)\b", _I),
    "my_state": re.compile(
        r"\b(?:i feel|i'm feeling|feeling|my (?:boss|friend|wife|husband|girlfriend|boyfriend"
        r"|mother"
        r"|mom|father|dad|son|daughter|team|life|partner|colleague)|stress\w*|sad|lonely)\b",
        _I,
    ),
    "opinion": re.compile(
        r"\b(?:do you think|you think|your (?:opinion|favou?rite|view|thoughts)|would you|what if"
        r"|are you|do you|should i|better|suppose)\b",
        _I,
    ),
    "chat": re.compile(
        r"^\W*(?:hi|hello|hey|thanks|thank you|good (?:morning|evening|night)|lol|ok|cool|bye)\b",
        _I,
    ),
    "invented": re.compile(
        r"\b(?:story|poem|haiku|song|lyrics|joke|essay|blog|slogan|tagline|script|dialogue|novel"
        r"|character|fictional|creative|speech|letter|e-?mail|riddle|limerick|scene|game)\b",
        _I,
    ),
    "ideas_wanted": re.compile(
        r"\b(?:ideas?|tips?|advice|suggestions?|ways to|names? for|brainstorm|checklist|plan"
        r"|outline"
        r"|pros and cons|strategy|strategies|agenda|syllabus)\b",
        _I,
    ),
    "programming": re.compile(
        r"\b(?:python|javascript|java|c\+\+|c#|rust|golang|react|sql|html|css|bash|php|swift|kotlin"
        r"|typescript|code|function|script|algorithm|api|class|program|regex|excel|formula)\b",
        _I,
    ),
    # Facts from outside.
    "how_to": re.compile(r"\bhow (?:do|can|to|should|would|does|did|is|are)\b|\bsteps? to\b", _I),
    "how_much": re.compile(
        r"\bhow (?:many|much|long|old|far|tall|big|often|fast|deep|high|late)\b"
        r"|\bwhat (?:year|day|date|month|percentage|number|age|time)\b",
        _I,
    ),
    "information": re.compile(
        r"\b(?:information|details?|facts?|data|statistics|research|sources?|evidence|history"
        r"|meaning|definition|difference|overview|documentation|manual|policy|requirements?|law"
        r"|legal|regulations?|rules?|symptoms?|side effects?|dosage|treatment|benefits?)\b",
        _I,
    ),
    "shopping": re.compile(
        r"\b(?:buy|cheap\w*|deals?|discounts?|brands?|products?|stores?|shops?|hotels?|flights?"
        r"|restaurants?|tickets?|book|booking|order|coupon|recipe|movies?|travel|trip|visit)\b",
        _I,
    ),
    # Changes with time.
    "now": re.compile(
        r"\b(?:latest|newest|current(?:ly)?|today'?s?|tonight|now|right now|nowadays|recent(?:ly)?"
        r"|this (?:week|month|year|season|morning|weekend|quarter)|tomorrow|yesterday|upcoming|next"
        r"|still|so far|as of|up[- ]to[- ]date|these days|at the moment|live|last (?:week|month"
        r"|year"
        r"|night|season)|ever|yet|most recent|real[- ]time)\b",
        _I,
    ),
    "moving": re.compile(
        r"\b(?:news|headlines?|weather|forecast|temperature|price[sd]?|stocks?|share price|exchange"
        r" rates?|rates?|crypto\w*|bitcoin|score|standings|rank(?:ed|ing)s?|schedule|fixtures?"
        r"|traffic|opening hours|open|available|availability|release[sd]?|version|update[sd]?"
        r"|trending|polls?|inflation|salary|cost|worth|population|market|season|fee|deadline)\b",
        _I,
    ),
    "office": re.compile(
        r"\b(?:president|prime minister|ceo|chancellor|king|queen|governor|mayor|champions?|coach"
        r"|manager|captain|minister|chair(?:man|person)?|head of|leader|holder|owner|director"
        r"|record|winner|won|wins)\b",
        _I,
    ),
    "superlative": re.compile(
        r"\b(?:most|least|best|worst|top|first|last|only|\w{3,}(?<!for)(?<!int)(?<!qu)est)\b", _I
    ),
    "present_is": re.compile(
        r"\b(?:who|what|which|where|how \w+)(?: \w+)? (?:is|are|has|have)\b|'s\b", _I
    ),
    "past": re.compile(r"\b(?:was|were|did|had|born|founded|died|invented|discovered|built)\b", _I),
    "old_year": re.compile(r"\b(?:1\d{3}|200\d|201\d)s?\b"),
    "new_year": re.compile(r"\b20[2-4]\d\b"),
    # Two look-ups.
    "of_chain": re.compile(
        r"\bof (?:the |a |an )?[\w' -]{2,50}? (?:of|in|by|from|that|who|which|whose)\b", _I
    ),
    "relative": re.compile(
        r"\b(?:the|a|an|same) [\w' -]{2,40}?\b(?:that|who|which|whose|where|in which|for which)\b"
        r"|\b(?:directed|written|founded|played|owned|created|named|starring|located|held)\b"
        r"[^.?!]{0,60}\b(?:that|who|which|whose|in|of|by)\b",
        _I,
    ),
    "comparison": re.compile(
        r"\b(?:than|both|compare[ds]?|comparison|versus|vs|differ\w*|older|younger|larger|bigger"
        r"|taller|earlier|longer|more \w+|between .{2,60} and|same .{2,40} as|rank)\b",
        _I,
    ),
    "and_also": re.compile(
        r"\band (?:what|who|where|when|how|which|their|its|his|her|also)\b|, and\b", _I
    ),
    "possessive": re.compile(r"\w['’]s \w+"),
}
"""Each is a feature of its own, 0 or 1, looked for in what asks or orders."""
GIVEN = frozenset({"code", "record", "maths", "blank", "url"})
"""Marks of what is handed over: looked for in all of the opening and the closing."""
