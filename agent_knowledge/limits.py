"""How large a thing may be that comes from outside; docs/security.md has them as one table.

Each is far above what an honest use takes, and low enough that what is just below it is served in
seconds and in a gigabyte of memory. Beyond a limit nothing is cut in silence: it is an error that
says how large the thing is and what is accepted. Of what a model's server sends, more is not read.
"""

from __future__ import annotations

TASK_CHARACTERS = 4_000_000
"""Of a task: a context of a million tokens."""
HISTORY_CHARACTERS = 4_000_000
"""Of all earlier turns together: as much."""
HISTORY_TURNS = 10_000
PASSAGE_CHARACTERS = 100_000
"""Of a passage that is handed in, by an external retriever or to `verify`, which compares it with
each claim in two thirds of a second. Documents of our own are cut into far shorter ones."""
CHECKED_CHARACTERS = 100_000
"""Of an answer that `verify` is given."""
DOCUMENT_BYTES = 100_000_000
"""Of a file that is one document: a book as PDF with its pictures, or twenty Bibles as text."""
DOCUMENT_CHARACTERS = 100_000_000
"""Of the text of a document, which a PDF holds compressed."""
TITLE_CHARACTERS = 1_000
"""Of an id or a title: both stand beside every passage of their document."""
URI_CHARACTERS = 8_000
"""Of an address; what web servers commonly accept."""
ROW_FIELDS = 1_000
"""Fields of a row, columns of a table."""
LINE_BYTES = 16_000_000
"""Of a line of JSON lines or CSV, wherever such are read."""
JSON_DEPTH = 100
"""Objects and lists within each other; Python's parser ends somewhere below a thousand."""
CONFIG_BYTES = 256_000
"""Of a configuration: thousands of sources. YAML of this size is read in half a second."""
CONFIG_VALUES = 50_000
"""Values of a configuration, each as often as an alias repeats it."""
PROMPT_BYTES = 1_000_000
"""Of a system prompt, a template or a JSON schema."""
EXAMPLES_BYTES = 100_000_000
"""Of the file of an example set, which is kept in memory with its vectors."""
BODY_BYTES = 8 * 2**20
"""Of what a model's server answers whole, or says of an error. The longest answers that models
give, some 128,000 tokens, are half a megabyte of text; the rest is room for what is around it."""
STREAM_BYTES = 64 * 2**20
"""Of all events of a server's stream: 128,000 tokens, each in one of some 350 bytes, are 45 MB."""
ANSWER_CHARACTERS = 1_000_000
"""Of a model's answer, whoever gives it and in whatever way: twice the longest that models give."""
PAGE_BYTES = 2 * 2**20
"""Of what the page is sent at once: a question of a million characters, as a form carries it."""
HELD_PIECES = 32_768
"""Of a stream before it says anything, such as a model's thoughts: some 100 MB of objects."""
QUEUE_PIECES = 1024
"""Of a stream that its taker has not taken yet. An answer of some 800 words fits, so that a slow
taker is not held against the endpoint; the maker of a longer one waits."""
