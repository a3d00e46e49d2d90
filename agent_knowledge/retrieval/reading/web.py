"""Web pages as documents: those of a list, or those that a sitemap names."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from lxml import etree as _etree  # pyright: ignore - compiled, has no stubs

from agent_knowledge import limits
from agent_knowledge.config import SourceConfig
from agent_knowledge.config.files import UnreadableError
from agent_knowledge.errors import SourceError, shown
from agent_knowledge.retrieval.reading import office
from agent_knowledge.retrieval.reading.documents import Document, Failure, Item, Kept, Known, Page
from agent_knowledge.retrieval.reading.fetching import Fetched, Fetcher, address_of, gathered
from agent_knowledge.retrieval.reading.files import read_html
from agent_knowledge.retrieval.reading.parsing import READERS, parsed

_SUFFIXES = {
    "": ".html",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "application/pdf": ".pdf",
    **{kind: suffix for suffix, kind in office.KINDS.items()},
}
"""What reads a page, by its media type."""
_READERS = {**READERS, ".html": partial(read_html, main=True)}
_TEXTS = frozenset({".html", ".md", ".txt"})
_UNSAID = frozenset({"", "text/plain", "application/octet-stream"})
"""Media types that servers tell of what they don't know; the address says more."""
_GONE = frozenset({404, 410})
_DEPTH = 2
"""Sitemaps that name sitemaps, within each other: a limit."""
_SITEMAPS = 1000
"""Sitemaps read for one source: a limit."""
_SITEMAP_BYTES = 50 * 2**20
"""Of a sitemap, unpacked: a limit, the one of the protocol (sitemaps.org)."""
_SITEMAP_ADDRESSES = 50_000
"""Addresses in one sitemap: a limit, the one of the protocol."""
_PARSE_ERROR = cast("type[Exception]", _etree.XMLSyntaxError)
_HOST = re.compile(r"[^/?#]*")
"""Of an address behind its scheme, with the user that it may name."""
_ERROR_CHARACTERS = 200
"""Of an error of others that is told."""
_GZIP = b"\x1f\x8b"


def read_web(
    name: str, spec: SourceConfig, fetcher: Fetcher, held: Mapping[str, Known]
) -> Iterator[Item]:
    """Read the pages of a source; a page's id is its address, as the source gives it.

    A page that its server says is gone (404, 410) yields nothing when it is held, and so is
    deleted. One that cannot be fetched is a `Failure`, and what is stored of it stays.

    Args:
        name: The source's name, for messages.
        spec: What it is read from: `url`, or `sitemap` with `include` and `limit`.
        fetcher: What fetches.
        held: What servers said of the pages that may stay as they are stored, by id.

    Raises:
        SourceError: The sitemap cannot be read.
    """
    if spec.sitemap:
        pages = _Sitemap(name=name, spec=spec, fetcher=fetcher).pages()
    else:
        given = (spec.url,) if isinstance(spec.url, str) else spec.url or ()
        pages = (_Address(url=url, origin=_shown(url)) for url in given)
    for page in pages:
        if isinstance(page, Failure):
            yield page
        else:
            yield from _read(page, fetcher, held.get(page.url))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    """A page to read, and what named it."""

    url: str
    origin: str


def _read(page: _Address, fetcher: Fetcher, held: Known | None) -> Iterator[Item]:
    try:
        found = fetcher.get(page.url, held)
        if found.status == 304 and held:
            yield Kept(id=page.url, known=found.known if found.known != Known() else None)
        elif found.status == 200:
            yield from _documents(page, found)
        elif found.status not in _GONE:
            yield _failure(page, f"answered {found.status}, expected 200 with a page")
        elif held is None:  # without its id: should it be stored, it is deleted
            reason = f"answered {found.status}: there is no such page"
            yield replace(_failure(page, reason), id="")
    except UnreadableError as error:
        yield _failure(page, str(error))
    except Exception as error:  # noqa: BLE001 - what a hostile page provokes ends with that page
        yield _failure(page, f"cannot be read ({_told_of(error)})")


def _told_of(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:_ERROR_CHARACTERS]}"


def _failure(page: _Address, reason: str) -> Failure:
    return Failure(where=_shown(page.url), reason=reason, origin=page.origin, id=page.url)


def _documents(page: _Address, found: Fetched) -> Iterator[Item]:
    """The document that a page is, and what of it could not be read.

    Raises:
        UnreadableError: It is nothing that is read, or cannot be.
    """
    content = _content(found)
    place = urlsplit(page.url)
    yield Document(
        id=page.url,
        origin=page.origin,
        title=content.title[: limits.TITLE_CHARACTERS]
        or PurePosixPath(unquote(place.path)).stem
        or place.netloc,
        uri=page.url,
        text=content.text,
        date=content.date,
        metadata=content.fields,
        labels=content.labels,
        where=page.url,
        known=found.known,
    )
    if content.left_out:
        yield _failure(page, content.left_out)


def _content(found: Fetched) -> Page:
    suffix = _SUFFIXES.get(found.kind)
    if found.kind in _UNSAID:
        told = PurePosixPath(urlsplit(found.url).path).suffix.lower()
        suffix = told if told in READERS else suffix
    if suffix is None:
        msg = f"is {shown(found.kind)}; expected HTML, Markdown, text, PDF or an office file"
        raise UnreadableError(msg)
    body = found.body
    if suffix in _TEXTS and found.charset not in {"", "utf-8", "punycode"}:
        # Of a charset that is none the page itself may tell one; ValueError is of what Python
        # has among its charsets for other uses, such as "idna".
        with suppress(LookupError, ValueError):
            body = body.decode(found.charset, errors="replace").encode(errors="replace")
    return parsed(body, suffix, _READERS)


def _shown(url: str) -> str:
    """An address without the user and password that it may name."""
    scheme, slashes, rest = url.partition("//")
    place = _HOST.match(rest)
    user, at, host = place[0].rpartition("@") if place else ("", "", "")
    return f"{scheme}{slashes}{host}{rest[len(user + at + host) :]}" if at else url


@dataclass(slots=True, kw_only=True)
class _Sitemap:
    """A source's sitemap, with those that it names, while it is read."""

    name: str
    spec: SourceConfig
    fetcher: Fetcher
    host: str = ""
    _pending: deque[tuple[str, int]] = field(default_factory=deque)
    """Sitemaps to read, each with how deep it is."""
    _seen: set[str] = field(default_factory=set)

    def pages(self) -> Iterator[_Address | Failure]:
        """The pages that it names and the source includes, and what cannot be followed.

        Raises:
            SourceError: It cannot be read.
        """
        first = self.spec.sitemap or ""
        elsewhere = Counter[str]()
        named = 0
        for found in self._addresses(first):
            if isinstance(found, Failure):
                yield found
            elif not fnmatchcase(found.url, self.spec.include or "*"):
                continue
            elif _host(found.url) != self.host:
                elsewhere[_host(found.url)] += 1
            else:
                named += 1
                if named <= self.spec.limit:
                    yield found
        if named > self.spec.limit:
            reason = (
                f"names {named:,} pages, of which the first {self.spec.limit:,} are read; raise "
                f"sources.{self.name}.limit, or narrow sources.{self.name}.include"
            )
            yield self._told(reason)
        for host, count in elsewhere.items():
            yield self._told(
                f"names {count:,} pages of another host, {shown(host)}, which are not read"
            )

    def _told(self, reason: str) -> Failure:
        """What is left out; it has an id, so that it is not taken for a page that failed."""
        where = _shown(self.spec.sitemap or "")
        return Failure(where=where, reason=reason, origin=where, id=where)

    def _addresses(self, first: str) -> Iterator[_Address | Failure]:
        try:
            kind, locations = self._fetched(first, is_first=True)
        except UnreadableError as error:
            msg = (
                f"source {self.name!r}: the sitemap {shown(_shown(first))} {error}. Its index, if "
                "there is one, was left as it is"
            )
            raise SourceError(msg) from error
        yield from self._named(first, kind, locations, depth=0)
        while self._pending:  # each is fetched in its turn, so that one at a time is in memory
            url, depth = self._pending.popleft()
            try:
                kind, locations = self._fetched(url)
            except UnreadableError as error:
                yield Failure(where=_shown(url), reason=str(error), origin=url)
            except Exception as error:  # noqa: BLE001 - what a hostile one provokes ends with it
                reason = f"cannot be read ({_told_of(error)})"
                yield Failure(where=_shown(url), reason=reason, origin=url)
            else:
                yield from self._named(url, kind, locations, depth)

    def _named(
        self, url: str, kind: str, locations: list[str], depth: int
    ) -> Iterator[_Address | Failure]:
        """The pages that a sitemap names; the sitemaps that it names are put in line."""
        if kind == "urlset":
            yield from (_Address(url=location, origin=url) for location in locations)
            return
        for location in locations:
            if location in self._seen:
                continue
            if refused := self._refused(location, depth):
                yield Failure(where=_shown(location), reason=refused, origin=location)
            else:
                self._seen.add(location)
                self._pending.append((location, depth + 1))

    def _refused(self, url: str, depth: int) -> str:
        """Why a sitemap that another names is not read; empty when it is."""
        if depth == _DEPTH or len(self._seen) >= _SITEMAPS:
            return f"is one of more than {_SITEMAPS:,} sitemaps, or more than {_DEPTH} deep"
        if _host(url) != self.host:
            return f"is a sitemap at another host than {self.host}, and is not read"
        return ""

    def _fetched(self, url: str, *, is_first: bool = False) -> tuple[str, list[str]]:
        """What a sitemap is, and the addresses that it names.

        Raises:
            UnreadableError: It cannot be read.
        """
        found = self.fetcher.get(url, most=_SITEMAP_BYTES)
        if found.status != 200:
            msg = f"answered {found.status}, expected 200 with a sitemap"
            raise UnreadableError(msg)
        if is_first:
            self.host = _host(found.url)
            self._seen.add(url)
        data = found.body
        if data.startswith(_GZIP):
            data = gathered([data], _SITEMAP_BYTES, gzipped=True)
        return _parsed_sitemap(data)


def _parsed_sitemap(data: bytes) -> tuple[str, list[str]]:
    """What a sitemap is, `urlset` or `sitemapindex`, and the addresses that it names, once each.

    No entity is resolved, and nothing is loaded for it. Of its tree only the way to the element
    at hand is kept.

    Raises:
        UnreadableError: It is none, or names too many.
    """
    root: Any = None
    found: dict[str, None] = {}
    for element in _elements(data):
        parent = element.getparent()
        if root is None:
            root = element.getroottree().getroot()
            _check_root(root)
        if _local(element) == "loc" and parent is not None and parent.getparent() is root:
            location = " ".join((element.text or "").split())
            found |= {location: None} if location else {}
        if len(found) > _SITEMAP_ADDRESSES:
            msg = f"names more than {_SITEMAP_ADDRESSES:,} addresses, which no sitemap may"
            raise UnreadableError(msg)
        element.clear(keep_tail=True)
        while parent is not None and parent[0] is not element:
            del parent[0]
    return _local(root), list(found)


def _elements(data: bytes) -> Iterator[Any]:
    """The elements of an XML text, each as it ends.

    Raises:
        UnreadableError: It is none.
    """
    events = cast("Any", _etree.iterparse)(
        BytesIO(data),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        yield from (element for _, element in events)
    except (_PARSE_ERROR, ValueError) as error:
        msg = f"is no XML ({str(error)[:_ERROR_CHARACTERS]})"
        raise UnreadableError(msg) from error


def _check_root(root: Any) -> None:
    if _local(root) not in {"urlset", "sitemapindex"}:
        msg = f"is no sitemap: its root is {shown(_local(root))}, expected urlset or sitemapindex"
        raise UnreadableError(msg)


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _host(url: str) -> str:
    try:
        return address_of(url).hostname or ""
    except UnreadableError:
        return ""
