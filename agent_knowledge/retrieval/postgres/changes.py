"""The statements that a change of a source is made of, in their order."""

from __future__ import annotations

from typing import LiteralString

NEW_TABLES: LiteralString = """
CREATE TEMP TABLE new_documents (LIKE documents) ON COMMIT DROP;
CREATE TEMP TABLE new_blocks (LIKE blocks) ON COMMIT DROP;
CREATE TEMP TABLE new_passages (id bigint, document bigint, first int, after int, line int,
  last_line int, title text, length int) ON COMMIT DROP;
CREATE TEMP TABLE new_windows (passage bigint, key text) ON COMMIT DROP;
CREATE TEMP TABLE new_postings (passage bigint, stem text, tf smallint, length smallint)
  ON COMMIT DROP;
CREATE TEMP TABLE new_names (passage bigint, key text, text text, stems text[], small int)
  ON COMMIT DROP;
CREATE TEMP TABLE old_documents (id bigint PRIMARY KEY) ON COMMIT DROP"""

ANALYSE: LiteralString = "ANALYZE new_passages; ANALYZE new_windows; ANALYZE new_postings"

NUMBERS: LiteralString = """
SELECT nextval(pg_get_serial_sequence('agent_knowledge.' || %(table)s, 'id'))
FROM generate_series(1, %(count)s)"""

MISSING: LiteralString = """
SELECT k.key FROM unnest(%(keys)s::text[]) k(key)
WHERE NOT EXISTS (SELECT FROM pending p WHERE p.tenant = %(tenant)s
                  AND p.embedding = %(embedding)s AND p.key = k.key)
AND (%(anew)s OR NOT EXISTS (
  SELECT FROM sources s JOIN windows w ON w.source = s.id WHERE s.name = %(name)s
  AND s.tenant = %(tenant)s AND s.embedding = %(embedding)s AND w.key = k.key))"""

HASHES: LiteralString = "SELECT key, hash FROM documents WHERE source = %(source)s"

NUMBERED: LiteralString = """
SELECT d.key, d.hash, d.id, array_agg(p.id ORDER BY p.first) FROM documents d
JOIN passages p ON p.document = d.id WHERE d.source = %(source)s GROUP BY d.id"""

OLD_PASSAGES: LiteralString = """
SELECT count(*) FROM old_documents d JOIN passages p ON p.document = d.id"""

WINDOWS: LiteralString = "SELECT windows FROM sources WHERE id = %(source)s"

VECTORS: LiteralString = """
SELECT passage, vector FROM windows WHERE source = %(source)s AND passage %% %(every)s = 0
ORDER BY passage, key"""

TIDY: LiteralString = """
VACUUM (ANALYZE) agent_knowledge.sources, agent_knowledge.documents, agent_knowledge.passages,
  agent_knowledge.windows, agent_knowledge.postings, agent_knowledge.stems, agent_knowledge.names,
  agent_knowledge.name_stems, agent_knowledge.name_passages, agent_knowledge.blocks"""

INDEXED: LiteralString = """
SELECT s.windows, s.dimensions, i.indexrelid IS NOT NULL, coalesce(i.indisvalid, false)
FROM sources s LEFT JOIN pg_index i
  ON i.indexrelid = to_regclass('windows_near_' || s.id::text) WHERE s.id = %(source)s"""

INDEX: LiteralString = """
CREATE INDEX CONCURRENTLY {name} ON agent_knowledge.windows
USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WHERE source = {source}"""

FIND_VECTORS: LiteralString = """
CREATE TEMP TABLE found_windows ON COMMIT DROP AS
SELECT n.passage, n.key, coalesce(p.vector, o.vector) AS vector FROM new_windows n
LEFT JOIN pending p ON p.tenant = %(tenant)s AND p.embedding = %(embedding)s AND p.key = n.key
LEFT JOIN LATERAL (SELECT w.vector FROM windows w WHERE w.source = %(source)s AND w.key = n.key
                   LIMIT 1) o ON p.key IS NULL"""

UNSOUND: LiteralString = """
SELECT count(*) FILTER (WHERE vector IS NULL),
       count(*) FILTER (WHERE vector_dims(vector) <> %(dimensions)s) FROM found_windows"""

OLD: LiteralString = """
INSERT INTO old_documents SELECT id FROM documents WHERE source = %(source)s
AND (key = ANY(%(gone)s) OR key IN (SELECT key FROM new_documents))"""

TAKE_AWAY: tuple[LiteralString, ...] = (
    """UPDATE stems s SET holders = s.holders - o.count FROM (
         SELECT o.stem, count(*)::int AS count FROM old_documents d
         JOIN passages p ON p.document = d.id JOIN postings o ON o.passage = p.id GROUP BY o.stem
       ) o WHERE s.source = %(source)s AND s.stem = o.stem""",
    "DELETE FROM documents d USING old_documents o WHERE d.id = o.id",
    "DELETE FROM stems WHERE source = %(source)s AND holders <= 0",
)

ADD: tuple[LiteralString, ...] = (
    "INSERT INTO documents OVERRIDING SYSTEM VALUE SELECT * FROM new_documents",
    "INSERT INTO blocks SELECT * FROM new_blocks",
    """INSERT INTO passages (id, tenant, source, document, first, after, line, last_line, title,
         length, fields) OVERRIDING SYSTEM VALUE
       SELECT p.id, d.tenant, d.source, p.document, p.first, p.after, p.line, p.last_line, p.title,
         p.length, d.fields FROM new_passages p JOIN new_documents d ON d.id = p.document""",
    """INSERT INTO windows (passage, tenant, source, key, fields, vector)
       SELECT w.passage, %(tenant)s, %(source)s, w.key, d.fields, w.vector FROM found_windows w
       JOIN new_passages p ON p.id = w.passage JOIN new_documents d ON d.id = p.document""",
    """INSERT INTO postings (source, stem, passage, tf, length, tenant)
       SELECT %(source)s, stem, passage, tf, length, %(tenant)s FROM new_postings""",
    """INSERT INTO stems AS s (source, stem, holders, tenant)
       SELECT %(source)s, stem, count(*), %(tenant)s FROM new_postings GROUP BY stem
       ON CONFLICT (source, stem) DO UPDATE SET holders = s.holders + excluded.holders""",
    """INSERT INTO names (tenant, source, key, text, stems, small, total)
       SELECT DISTINCT ON (key) %(tenant)s, %(source)s, key, text, stems, small, 0 FROM new_names
       ORDER BY key, passage ON CONFLICT (source, key) DO NOTHING""",
    """INSERT INTO name_stems (source, stem, name, tenant)
       SELECT DISTINCT n.source, s.stem, n.id, n.tenant FROM names n, unnest(n.stems) s(stem)
       WHERE n.source = %(source)s AND n.key IN (SELECT key FROM new_names)
       ON CONFLICT DO NOTHING""",
    """INSERT INTO name_passages (name, passage, tenant)
       SELECT DISTINCT n.id, m.passage, n.tenant FROM new_names m
       JOIN names n ON n.source = %(source)s AND n.key = m.key""",
)

SETTLE: tuple[LiteralString, ...] = (
    """DELETE FROM names n WHERE n.source = %(source)s
       AND NOT EXISTS (SELECT FROM name_passages p WHERE p.name = n.id)""",
    """UPDATE sources s SET (passages, length) =
         (SELECT count(*), coalesce(avg(length), 0) FROM passages WHERE source = s.id),
         windows = (SELECT count(*) FROM windows WHERE source = s.id),
         moved = s.moved + %(moved)s, generation = greatest(s.generation + 1, %(now)s)
       WHERE s.id = %(source)s""",
    """UPDATE names n SET total = n.small * %(small_word)s + w.total FROM sources s
       CROSS JOIN LATERAL (SELECT m.id, sum(ln(1 + (s.passages - t.held + 0.5) / (t.held + 0.5)))
           AS total FROM names m CROSS JOIN unnest(m.stems) u(stem)
         LEFT JOIN stems st ON st.source = m.source AND st.stem = u.stem
         CROSS JOIN LATERAL (SELECT greatest(coalesce(st.holders, 0), 1)) t(held)
         WHERE m.source = s.id GROUP BY m.id) w
       WHERE s.id = %(source)s AND n.id = w.id AND n.total IS DISTINCT FROM
         n.small * %(small_word)s + w.total""",
    """DELETE FROM pending p USING windows w
       WHERE w.source = %(source)s AND p.tenant = %(tenant)s
         AND p.embedding = %(embedding)s AND p.key = w.key""",
    "DELETE FROM pending WHERE tenant = %(tenant)s AND since < now() - %(kept)s::interval",
    """INSERT INTO partitions (name, tenant, documents)
       SELECT %(name)s, %(tenant)s, count(*) FROM documents WHERE source = %(source)s
       ON CONFLICT (name, tenant) DO UPDATE SET documents = excluded.documents""",
)

CENTER: LiteralString = """
UPDATE sources SET center = (SELECT coalesce(avg(m)::real[], '{}') FROM (
  SELECT avg(vector) AS m FROM windows WHERE source = %(source)s GROUP BY passage) p)
WHERE id = %(source)s"""

DROP: tuple[LiteralString, ...] = (
    "DELETE FROM postings WHERE source = %(source)s",
    "DELETE FROM windows WHERE source = %(source)s",
    "DELETE FROM sources WHERE id = %(source)s",
)
"""Most rows go by the source at once, before the rest goes one by one."""

NOTE: LiteralString = """
UPDATE documents d SET etag = n.etag, modified = n.modified, recipe = n.recipe
FROM unnest(%(keys)s::text[], %(etags)s::text[], %(modified)s::text[], %(recipes)s::text[])
  n(key, etag, modified, recipe)
WHERE d.source = %(source)s AND d.key = n.key"""

NEW_SOURCE: LiteralString = """
INSERT INTO sources (tenant, name, embedding, dimensions, generation, passages, windows, length,
  near, near_spread, spread, center, moved)
VALUES (%(tenant)s, %(name)s, %(embedding)s, %(dimensions)s, %(now)s, 0, 0, 0, 0, 0, 0, '{}', 0)
RETURNING id"""
