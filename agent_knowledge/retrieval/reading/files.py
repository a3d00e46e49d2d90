"""Files as documents: text, Markdown, HTML and PDF, one document a file, with its front matter."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pypdf
import yaml
from lxml import etree as _etree  # pyright: ignore - compiled, has no stubs
from lxml import html
from pypdf import DocumentInformation

from agent_knowledge.config.files import UTF_16, UnreadableError, decode
from agent_knowledge.retrieval.reading.documents import Page, character_fault, date_of, day_of
from agent_knowledge.retrieval.reading.fields import fields_of, scalar_of
from agent_knowledge.retrieval.reading.headings import headings
from agent_knowledge.types import without_surrogates

_MOST = 64_000
"""Characters that front matter has at most; YAML of that size is read in a seventh of a second."""
_MOST_LABELS = 200
"""Characters of labels, a quarter of what one vector stands for: more would outweigh the text."""
_BLOCK = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_NOT_A_LINE_END = re.compile(r"[^\n]")
_NOTHING = ("", "~", "null", "Null", "NULL")
_LABELS = ("tags", "keywords", "categories", "category")


def read_front_matter(text: str) -> Page:
    """Read the front matter of a Markdown text.

    A block that is no YAML mapping, is never closed or is longer than 64,000 characters is none:
    then it is text like any other.

    Returns:
        Title, date, tags and categories as the block tells them, and all its values and lists as
        fields. In the text the block is blanked: no word of it is found but the labels, and what
        follows keeps its line and its place in the file.
    """
    found = _BLOCK.match(text[:_MOST])
    fields = _parsed(found[1]) if found else None
    if found is None or fields is None:
        return Page(text=text)
    title = fields.get("title")
    return Page(
        title=_one_line(title) if isinstance(title, str) else "",
        date=date_of(fields.items()),
        labels=tuple(_labels(fields)),
        fields=fields_of({name: _typed(_listed(name, value)) for name, value in fields.items()}),
        text=_NOT_A_LINE_END.sub(" ", found[0]) + text[found.end() :],
    )


class _Unquoted(str):
    """A scalar that was written without quotes."""

    __slots__ = ()


class _AsWritten(yaml.BaseLoader):
    """As safe as SafeLoader, and plainer: every scalar stays the text that was written.

    So a date that is none (2026-13-45) does not make the whole block unreadable.
    """

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        text = str(super().construct_scalar(node))
        return text if node.style else _Unquoted(text)


def _parsed(block: str) -> Mapping[str, object] | None:
    """The fields of a block; None when it is no mapping."""
    try:
        found: object = yaml.load(block, Loader=_AsWritten)  # noqa: S506 - safer than SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not block.strip():
        return {}
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else None


def _typed(value: object) -> object:
    """A value with its bare words as what they mean; what is quoted is text."""
    if isinstance(value, list):
        return [_typed(one) for one in cast("list[object]", value) if not _is_blank(one)]
    if _is_blank(value):
        return None
    return scalar_of(str(value)) if isinstance(value, _Unquoted) else value


def _is_blank(value: object) -> bool:
    return isinstance(value, _Unquoted) and value in _NOTHING


def _listed(name: str, value: object) -> object:
    """A value; of tags and the like, which may stand on one line, the list that is meant."""
    if name in _LABELS and isinstance(value, str):
        return [_Unquoted(one.strip()) for one in value.split(",")]
    return value


def _labels(fields: Mapping[str, object]) -> Iterator[str]:
    left = _MOST_LABELS
    for name in _LABELS:
        for item in cast("list[object]", _listed(name, fields.get(name)) or ()):
            label = _one_line(item) if isinstance(item, str) else ""
            left -= len(label)
            if label and left >= 0:
                yield label


def _one_line(text: str) -> str:
    return " ".join(without_surrogates(text).split())


_PARSE_ERROR = cast("type[Exception]", _etree.LxmlError)
_CUT_SHORT = "ERR_RESOURCE_LIMIT"
"""What libxml2 logs when it leaves the rest of a page out."""
_DEEPEST = 2048
"""Elements within each other that libxml2 follows."""
_PAGES_SHOWN = 20
_KEPT_SPACE = "\0"
"""Stands for a space of preformatted text until all others are collapsed; HTML text has no NUL."""
_WHITE_SPACE = re.compile(r"\s+")
# Blanks before a line's end are read from their beginning only: from each takes quadratic time.
_LINE_END = re.compile(r"(?:(?<![ \t])[ \t]++)?+\n[ \t]*+")
_FIRST_BAR = re.compile(r"^\| ", re.MULTILINE)
_EMPTY_ITEM = re.compile(r"\n- *\n+")
_BLANK_LINES = re.compile(r"\n{3,}")
_SKIPPED = frozenset(
    {
        *("script", "style", "head", "nav", "template", "noscript", "svg", "iframe"),
        *("button", "select", "datalist", "textarea"),  # of a form; whole pages stand in one
    }
)
_HEADINGS = {f"h{n}": "#" * n + " " for n in range(1, 7)}
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl"),
        *("dt", "figcaption", "figure", "footer", "header", "hr", "html", "li", "main", "ol", "p"),
        *("pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    }
).union(_HEADINGS)


def read_text(data: bytes) -> Page:
    """Read a text file: UTF-8, line ends as LF, without a byte order mark.

    Raises:
        UnreadableError: It is no UTF-8, or binary.
    """
    if b"\0" in data and not data.startswith(UTF_16):
        msg = "is binary (it has NUL bytes), expected UTF-8 text"
        raise UnreadableError(msg)
    text = decode(data).removeprefix("\ufeff")
    return Page(text=text.replace("\r\n", "\n").replace("\r", "\n"))


def read_markdown(data: bytes) -> Page:
    """Read a Markdown file; its title is that of its front matter, else its first heading.

    Raises:
        UnreadableError: It is no UTF-8, binary, or holds nothing but front matter.
    """
    whole = read_text(data).text
    page = read_front_matter(whole)
    if whole.strip() and not page.text.strip():
        msg = "holds nothing but front matter"
        raise UnreadableError(msg)
    return replace(page, title=page.title or _first_heading(page.text))


def _first_heading(text: str) -> str:
    first = next(headings(text), None)
    return first.title if first else ""


def read_html(data: bytes, *, main: bool = False) -> Page:
    """Turn an HTML page into Markdown-like text with its headings, lists and table rows.

    An article extractor was tried instead: it drops the headings and lists of short pages, which
    in a knowledge base are content.

    Args:
        data: The page.
        main: Of a page that marks its main content (`main`), read that alone: what is around it is
            the same on every page of a site.

    Raises:
        UnreadableError: It cannot be parsed, or is nested more deeply than the parser follows.
    """
    # The HTML standard's default: a page that declares nothing is read as UTF-8 when it can be.
    encoding = "utf-8" if _is_utf8(data) else None
    parser = html.HTMLParser(encoding=encoding, remove_comments=True, huge_tree=True)
    try:
        root = cast("Any", html.document_fromstring(data, parser=parser))
    except (_PARSE_ERROR, ValueError) as error:
        msg = f"is no readable HTML ({error})"
        raise UnreadableError(msg) from error
    log = cast("Iterable[Any]", parser.error_log)
    if any(entry.type_name == _CUT_SHORT for entry in log):
        msg = f"is nested more than {_DEEPEST:,} elements deep"
        raise UnreadableError(msg)
    title = " ".join((root.findtext(".//title") or "").split())
    # What stands behind `</html>` is a tree of its own; browsers show that too.
    text = _text((root, *root.itersiblings()))
    marked: list[Any] = root.xpath("//main | //*[@role='main']") if main else []
    text = (_text(marked) if len(marked) == 1 else "") or text
    return Page(title=title or _first_heading(text), text=text, date=_html_date(root))


def _text(trees: Iterable[Any]) -> str:
    return _tidy("".join(piece for tree in trees for piece in _walk(tree)))


def _html_date(root: Any) -> str | None:
    """The date that a page tells in its `meta` elements, or in a `time` that says what it is of.

    Any other `time` may be that of an event; only one that stands alone is taken for the page's.
    """
    dates: list[tuple[str, object]] = [
        (name, meta.get("content"))
        for meta in root.iter("meta")
        for key in ("name", "property", "itemprop", "http-equiv")
        if (name := meta.get(key))
    ]
    times = [(time, time.get("datetime") or time.text) for time in root.iter("time")]
    for time, day in times:
        marks = f"{time.get('itemprop') or ''} {time.get('class') or ''}".split()
        dates += [(mark.removeprefix("dt-"), day) for mark in marks]
        dates += [("pubdate", day)] if "pubdate" in time.attrib else []
    return date_of(dates) or (day_of(times[0][1]) if len(times) == 1 else None)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _walk(root: Any) -> Iterator[str]:
    """Yield the text of a tree, iteratively: a hostile page may nest deeper than Python's stack."""
    stack: list[Any] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        tag = item.tag if isinstance(item.tag, str) else ""
        if not tag or tag in _SKIPPED:
            continue
        stack.extend(reversed([*_opening(tag), *_inside(item, tag), *_closing(tag)]))


def _inside(element: Any, tag: str) -> Iterator[Any]:
    if tag == "pre":
        yield element.text_content().replace(" ", _KEPT_SPACE)
        return
    yield _collapsed(element.text)
    for child in element:
        yield child
        yield _collapsed(child.tail)


def _opening(tag: str) -> list[str]:
    if tag in _HEADINGS:
        return ["\n\n", _HEADINGS[tag]]
    if tag == "li":
        return ["\n- "]
    if tag in {"td", "th"}:
        return [" | "]
    if tag in {"br", "tr", "dd", "dt"}:
        return ["\n"]
    return ["\n\n"] if tag in _BLOCKS else []


def _closing(tag: str) -> list[str]:
    if tag in {"td", "th", "li", "br", "tr", "dd", "dt"}:
        return []
    return ["\n\n"] if tag in _BLOCKS else []


def _collapsed(text: str | None) -> str:
    return _WHITE_SPACE.sub(" ", text or "")


def _tidy(text: str) -> str:
    text = _LINE_END.sub("\n", text.replace("\xa0", " "))
    text = _EMPTY_ITEM.sub("\n- ", _FIRST_BAR.sub("", text))
    return _BLANK_LINES.sub("\n\n", text).strip().replace(_KEPT_SPACE, " ")


def read_pdf(data: bytes) -> Page:
    """Read the text of a PDF, its pages joined by blank lines, and the date that it was changed.

    Raises:
        UnreadableError: It is broken, encrypted, or holds no text (a scan).
    """
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        pages = [page.extract_text().strip() for page in reader.pages]
        scanned = [n for n, text in enumerate(pages) if not text and _has_pictures(reader.pages[n])]
        metadata = reader.metadata or DocumentInformation()
        title = _storable(str(metadata.title or "")).strip()
        date = day_of(metadata.modification_date_raw) or day_of(metadata.creation_date_raw)
    except Exception as error:  # pypdf raises whatever a broken file provokes
        msg = f"is no readable PDF ({type(error).__name__}: {error})"
        raise UnreadableError(msg) from error
    text = "\n\n".join(page for page in pages if page)
    if not text:
        msg = "holds no text; if it is a scan, run it through OCR first"
        raise UnreadableError(msg)
    text = text if character_fault(text) is None else _storable(text)
    return Page(title=title, text=text, date=date, left_out=_pictures_only(scanned))


def _has_pictures(page: pypdf.PageObject) -> bool:
    resources = cast("Any", page.get("/Resources"))
    drawn = resources.get_object().get("/XObject") if resources is not None else None
    held = drawn.get_object().values() if drawn is not None else ()
    return any(one.get_object().get("/Subtype") == "/Image" for one in held)


def _pictures_only(pages: Sequence[int]) -> str:
    """Say which pages are pictures alone, as scans are; blank pages are none."""
    if not pages:
        return ""
    shown = ", ".join(str(page + 1) for page in pages[:_PAGES_SHOWN])
    more = f" and {len(pages) - _PAGES_SHOWN} more" if len(pages) > _PAGES_SHOWN else ""
    return f"page {shown}{more}: a picture and no text; run it through OCR first"


def _storable(text: str) -> str:
    """A text with what broken fonts give for letters replaced."""
    return text.encode(errors="replace").decode().replace("\0", "�")
