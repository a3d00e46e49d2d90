"""What a search asks PostgreSQL: first for words and names, then, in one statement, for passages.

BM25 is computed here as bm25s' default does ("lucene", k1 1.5, b 0.75), over the same stems, so
that a score means in this store what it means in the embedded one. Everything that comes from
outside is bound as a parameter; what is put together here are texts of this file, and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString, cast

from agent_knowledge.retrieval.names import LEAST_SHARE, MOST_MENTIONS

EXACT_BELOW = 10_000
"""Windows of a source up to which all are compared with a query; more get an index of their own,
which finds most of the nearest. A limit: an index that is kept while rows are added costs 13 ms a
row, and 4,000 rows indexed afterwards take a millisecond each."""
INDEXED_DIMENSIONS = 4_000
"""Numbers in a vector that pgvector can index in half precision; longer ones are all compared."""
BLOCK = 65_536
"""Characters of a document that are kept together, so that a passage of a long one is read without
the rest of it: a limit."""
_WINDOWS = 4
"""Windows looked at for each passage wanted: a passage has one or a few."""

SOURCES: LiteralString = """
SELECT id, name, embedding, dimensions, generation, passages, windows, length, near, near_spread,
       spread, center
FROM sources WHERE tenant IN ('', %(tenant)s) AND name = ANY(%(names)s)"""

PARTS: LiteralString = """
SELECT name, bool_or(tenant = ''), bool_or(tenant <> '') FROM partitions
WHERE name = ANY(%(names)s) GROUP BY name"""
"""Which sources there are; whether they have what belongs to nobody, and to a tenant."""

_WORDS = """
WITH s AS MATERIALIZED (
  SELECT id FROM sources WHERE tenant IN ('', %(tenant)s) AND name = %(source)s){fit}
SELECT st.stem, st.holders, st.stem = ANY(%(own)s) {there}
FROM s JOIN stems st ON st.source = s.id WHERE st.stem = ANY(%(stems)s)"""

_NAMES = f"""
WITH s AS MATERIALIZED (
  SELECT id, passages FROM sources WHERE tenant IN ('', %(tenant)s) AND name = %(source)s){{fit}},
said AS MATERIALIZED (
  SELECT DISTINCT a.text, a.stem FROM unnest(%(texts)s::int[], %(spoken)s::text[]) a(text, stem)),
rare AS MATERIALIZED (
  SELECT d.stem, ln(1 + (s.passages - greatest(st.holders, 1) + 0.5)
                      / (greatest(st.holders, 1) + 0.5)) AS idf
  FROM s CROSS JOIN (SELECT DISTINCT stem FROM said) d
  JOIN stems st ON st.source = s.id AND st.stem = d.stem),
weighed AS (
  SELECT t.text, n.name, sum(r.idf) AS mass FROM s CROSS JOIN said t JOIN rare r USING (stem)
  JOIN name_stems n ON n.source = s.id AND n.stem = t.stem GROUP BY t.text, n.name),
likely AS (
  SELECT w.name, row_number() OVER (PARTITION BY w.text ORDER BY w.mass DESC, w.name) AS place
  FROM weighed w JOIN names n ON n.id = w.name
  WHERE w.mass >= {LEAST_SHARE} * n.total * 0.999 {{there}})
SELECT n.id, n.text, n.stems, n.total,
       ARRAY(SELECT coalesce(st.holders, 0) FROM unnest(n.stems) WITH ORDINALITY u(stem, place)
             LEFT JOIN stems st ON st.source = s.id AND st.stem = u.stem ORDER BY u.place)
FROM s CROSS JOIN names n
WHERE n.id IN (SELECT name FROM likely WHERE place <= {MOST_MENTIONS}) ORDER BY n.id"""

OWN_NAMES: LiteralString = """
SELECT passage, name FROM name_passages
WHERE passage = ANY(%(passages)s) AND tenant IN ('', %(tenant)s)"""

COUNT: LiteralString = """
SELECT count(*) FROM documents d JOIN passages p ON p.document = d.id
WHERE d.source = %(source)s AND d.fields @@ %(path)s::jsonpath"""

DOCUMENT: LiteralString = """
SELECT string_agg(b.text, '' ORDER BY b.number) FROM sources s
JOIN documents d ON d.source = s.id JOIN blocks b ON b.document = d.id
WHERE s.tenant IN ('', %(tenant)s) AND s.name = %(source)s AND d.key = %(key)s"""

_PASSAGES = f"""
SELECT p.id, s.name, d.name, p.title, d.uri, d.date, d.hash, p.first, p.after, p.line, p.last_line,
       d.fields -> 'f',
       (SELECT substr(string_agg(b.text, '' ORDER BY b.number),
                      p.first - p.first / {BLOCK} * {BLOCK} + 1, p.after - p.first)
        FROM blocks b WHERE b.document = d.id
        AND b.number BETWEEN p.first / {BLOCK} AND (p.after - 1) / {BLOCK})
FROM passages p JOIN documents d ON d.id = p.document JOIN sources s ON s.id = d.source
WHERE p.id = ANY(%(passages)s) AND p.tenant IN ('', %(tenant)s)"""

_WEIGHT = "o.tf / (o.tf + 1.5 * (0.25 + 0.75 * o.length / %(average)s))"


def statement(text: str) -> LiteralString:
    """A statement that is made of texts of this file and of numbers, and of nothing else."""
    return cast("LiteralString", text)


def words(*, filtered: bool) -> LiteralString:
    """Of the stems that a source has, how many passages have each, and which of a turn's are there.

    Which are there is asked within the filter; how rare a word is stays what it is.
    """
    there = (
        "AND EXISTS (SELECT FROM postings o JOIN fit f ON f.id = o.passage"
        " WHERE o.source = s.id AND o.stem = st.stem)"
    )
    return _filled(_WORDS, there, filtered=filtered)


def names(*, filtered: bool) -> LiteralString:
    """The names that any of some texts may mention, and how many passages have each of their words.

    Those are told whose words, as far as a text has them, weigh enough; which of them are meant is
    found in Python.
    """
    there = (
        "AND EXISTS (SELECT FROM name_passages o JOIN fit f ON f.id = o.passage"
        " WHERE o.name = w.name)"
    )
    return _filled(_NAMES, there, filtered=filtered)


def _filled(text: str, there: str, *, filtered: bool) -> LiteralString:
    fit = f", fit AS MATERIALIZED ({_fit('(SELECT id FROM s)')})" if filtered else ""
    return statement(text.replace("{fit}", fit).replace("{there}", there if filtered else ""))


def _fit(source: str) -> str:
    """The passages that a filter finds: told by their documents, which are fewer, and told once."""
    return (
        "SELECT p.id FROM documents d JOIN passages p ON p.document = d.id"
        f" WHERE d.source = {source} AND d.fields @@ %(path)s::jsonpath"
    )


def passages(*, filtered: bool) -> LiteralString:
    """Read passages, each with its text out of the one or two blocks that it stands in."""
    return statement(_PASSAGES + (" AND d.fields @@ %(path)s::jsonpath" if filtered else ""))


def document(*, filtered: bool) -> LiteralString:
    """Read a document's text."""
    return DOCUMENT + (" AND d.fields @@ %(path)s::jsonpath" if filtered else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridSearch:
    """The search: the best by vector, by words and by names together, each with all three.

    Attributes:
        source: Its number, which the planner must see to find its index.
        filtered: Only passages that `path` is true of.
        indexed: How many numbers a vector in the index has; 0 to compare all vectors.
        tail: Other words rank than the turn's own; then the best by those is told, too.
        common: Some words are so common that they choose no passage.
        related: Only what is named, as for a second look-up.
    """

    source: int
    filtered: bool
    indexed: int = 0
    tail: bool = False
    common: bool = False
    related: bool = False

    @property
    def statement(self) -> LiteralString:
        """The statement."""
        given = {"fit": _fit(str(self.source))} if self.filtered else {}
        found = {"named": self._named()}
        if not self.related:
            found |= {"near": self._near(), "said": self._said("lexical", "%(k)s")}
        if self.tail:
            found["told"] = self._said("word", "1")
        ways = " UNION ALL ".join(
            f"SELECT passage, {'false' if name == 'told' else 'true'} AS hit FROM {name}"
            for name in found
        )
        given["scored"] = f"{self._scores('a.looked')} GROUP BY o.passage"
        parts = ",\n".join(
            f"{name} AS MATERIALIZED ({part})" for name, part in (given | found).items()
        )
        rest = f"{self._scores('NOT a.looked')} AND o.passage = p.id GROUP BY o.passage"
        added = ["", "", ""]
        if self.common:
            added = [f" + coalesce(r.{column}, 0)" for column in ("lexical", "word", "terms")]
        return statement(
            f"""
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(%(stems)s::text[], %(ranks)s::float8[], %(words)s::float8[],
                       %(shares)s::float8[], %(looked)s::bool[])
           a(stem, rank, word, share, looked)),
gains AS MATERIALIZED (
  SELECT * FROM unnest(%(names)s::bigint[], %(gains)s::float8[], %(links)s::float8[])
           g(name, gain, link)),
{parts},
found AS MATERIALIZED (SELECT passage, bool_or(hit) AS hit FROM ({ways}) w GROUP BY passage)
SELECT p.id, p.title, p.date, f.hit, m.dense, coalesce(l.lexical, 0){added[0]},
       coalesce(l.word, 0){added[1]}, coalesce(l.terms, 0){added[2]}, n.gain
FROM found f LEFT JOIN scored l ON l.passage = f.passage
CROSS JOIN LATERAL (SELECT p.id, p.title, d.date FROM passages p JOIN documents d
  ON d.id = p.document WHERE p.id = f.passage AND p.source = {self.source}) p
CROSS JOIN LATERAL (SELECT max(-(x.vector <#> %(vector)s::vector)) AS dense
  FROM windows x WHERE x.passage = p.id) m
{f"LEFT JOIN LATERAL ({rest}) r ON true" if self.common else ""}
CROSS JOIN LATERAL (SELECT coalesce(max(g.gain), 0) + coalesce(max(g.link), 0) AS gain
  FROM gains g JOIN name_passages o ON o.name = g.name AND o.passage = p.id) n"""
        )

    def _near(self) -> str:
        """The nearest passages: as near as the nearest of their windows."""
        order = "w.vector <#> %(vector)s::vector"
        only = "JOIN fit f ON f.id = w.passage" if self.filtered else ""
        fits = ""
        if self.indexed:  # it is searched on until enough are found that the row itself says fit
            order = f"w.vector::halfvec({self.indexed}) <=> %(vector)s::halfvec({self.indexed})"
            only, fits = "", "AND w.fields @@ %(path)s::jsonpath" if self.filtered else ""
        return (
            f"SELECT passage FROM (SELECT w.passage, {order} AS far FROM windows w {only}"
            f" WHERE w.source = {self.source} {fits} ORDER BY {order} LIMIT %(k)s * {_WINDOWS}) n"
            " GROUP BY passage ORDER BY min(far), passage LIMIT %(k)s"
        )

    def _scores(self, which: str) -> str:
        """BM25 of passages by some words: those that rank, and the turn's own; and their share."""
        return (
            f"SELECT o.passage, sum(a.rank * {_WEIGHT}) AS lexical,"
            f" sum(a.word * {_WEIGHT}) AS word, sum(a.share) AS terms FROM asked a"
            f" JOIN postings o ON o.source = {self.source} AND o.stem = a.stem WHERE {which}"
        )

    def _said(self, score: str, most: str) -> str:
        """The best by words: a word that many passages have chooses none, but counts for all."""
        return (
            f"SELECT o.passage FROM scored o {self._only} WHERE o.{score} > 0"
            f" ORDER BY o.{score} DESC, o.passage LIMIT {most}"
        )

    def _named(self) -> str:
        linked = "HAVING max(g.link) > 0" if self.related else ""
        return (
            "SELECT o.passage FROM gains g JOIN name_passages o ON o.name = g.name"
            f" {self._only} GROUP BY o.passage {linked}"
            " ORDER BY max(g.gain) + max(g.link) DESC, o.passage LIMIT %(by_name)s"
        )

    @property
    def _only(self) -> str:
        return "JOIN fit f ON f.id = o.passage" if self.filtered else ""
