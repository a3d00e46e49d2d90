"""What in a built site leads nowhere, or is fetched from elsewhere: read offline, from its HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import html

_FETCHED = "//script/@src | //img/@src | //source/@srcset | //iframe/@src | //object/@data"
_STYLED = "//link[contains(@rel, 'stylesheet') or contains(@rel, 'icon')]/@href"
_IN_STYLE = re.compile(r"""(?:url\(\s*|@import\s+)["']?(https?:)?//""")


def dead_links(site: Path) -> list[str]:
    """One line a fault: a page, anchor or picture that is missing, or an asset from elsewhere."""
    faults: list[str] = []
    for page in sorted(site.rglob("*.html")):
        if page.name == "404.html":  # its links are from the root of wherever the site is served
            continue
        tree = html.parse(str(page))
        where = page.relative_to(site).as_posix()
        fetched = {str(link) for link in (*tree.xpath(_FETCHED), *tree.xpath(_STYLED))}
        links = sorted({str(link) for link in tree.xpath("//a/@href")} | fetched)
        found = ((link, _fault(link, page, site, asset=link in fetched)) for link in links)
        faults += [f"{where}: {link}: {fault}" for link, fault in found if fault]
    return [*faults, *_from_elsewhere(site)]


def _fault(link: str, page: Path, site: Path, *, asset: bool) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return "is fetched from elsewhere" if asset and parts.scheme != "data" else ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(site.resolve()) or not target.is_file():
        return "is missing"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _ids(target):
        return "has no such anchor"
    return ""


@cache
def _ids(page: Path) -> frozenset[str]:
    return frozenset(map(str, html.parse(str(page)).xpath("//@id | //a/@name")))


def _from_elsewhere(site: Path) -> Iterator[str]:
    for sheet in sorted((*site.rglob("*.css"), *site.rglob("*.svg"))):
        if _IN_STYLE.search(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site)}: fetches from elsewhere"
