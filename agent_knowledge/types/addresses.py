"""Where a person finds a document, without a path of this machine.

An address goes to whatever model answers and stands in answers, so a document of a local source is
named by its source and its place in it, as `handbook/refunds.md`.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_LOCAL = re.compile(r"file:|[a-z]:[\\/]|\\\\", re.IGNORECASE)
"""How an address of this machine begins: by its scheme, a Windows drive or a Windows share."""


def relative_address(source: str, file: str, row: str | None = None) -> str:
    """Name a document by its source: a relative address, percent-encoded.

    Args:
        source: Name of the source.
        file: The file's path relative to the source.
        row: The id of the document's row, where the file holds several.

    Returns:
        Such as `handbook/refunds.md` or `faq/faq.jsonl#returns`.
    """
    place = quote("/".join(filter(None, [source, file])), errors="replace")
    return place if row is None else f"{place}#{quote(row, errors='replace')}"


def public_address(uri: str, source: str, document: str) -> str:
    """An address as it may be shown: one that is a path of this machine becomes relative.

    Args:
        uri: As a source, a retriever or an older index has it.
        source: Name of the source.
        document: The document's id in its source; a path where it is a file.
    """
    if not _LOCAL.match(uri):
        return uri
    path, _, row = uri.replace("\\", "/").partition("#")
    path = unquote(path)
    at_end = document and path.endswith(f"/{document}") and not _is_absolute(document)
    return relative_address(
        source, document if at_end else path.rpartition("/")[2], unquote(row) or None
    )


def address_of_place(place: str) -> str:
    """A place that may be a web address or a path: an absolute path as an address with a scheme.

    Document loaders put either under `source`.
    """
    return f"file:{place}" if _is_absolute(place) else place


def _is_absolute(place: str) -> bool:
    return place.startswith("/") and not place.startswith("//")
