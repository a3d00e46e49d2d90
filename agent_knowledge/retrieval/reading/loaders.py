"""Documents of LangChain's document loaders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol, cast

from langchain_core.documents import Document as Loaded

from agent_knowledge import limits
from agent_knowledge.config import expand
from agent_knowledge.errors import ConfigError, as_written, without_password
from agent_knowledge.retrieval.reading.documents import Document, Failure, date_of
from agent_knowledge.retrieval.reading.fields import fields_of
from agent_knowledge.types.addresses import address_of_place, public_address

_OWN = frozenset({"id", "title", "uri", "url", "source", "link"})
"""Metadata that says which document it is; the rest is what a filter may ask for."""
_ERROR_CHARACTERS = 200
"""Of a loader's own words."""


class Loads(Protocol):
    """What is asked of a loader; every `BaseLoader` of LangChain has it."""

    def lazy_load(self) -> Iterable[Loaded]:
        """Load documents, one by one."""
        ...


def made_loader(found: object, options: Mapping[str, Any], key: str) -> Loads:
    """The loader that a configuration names.

    Args:
        found: What it named: a class of loaders, a function that makes one, or a loader.
        options: What the class or the function is called with; `${NAME}` in a text of it stands
            for a variable of the environment.
        key: The configuration's key path, for messages.

    Raises:
        ConfigError: It is none, cannot be made with these options, or a variable is not set.
    """
    options = {name: _expanded(value, f"{key}.options.{name}") for name, value in options.items()}
    ready = not isinstance(found, type) and hasattr(found, "lazy_load")
    try:
        made = found if ready else cast("Callable[..., object]", found)(**options)
    except Exception as error:  # whatever a loader raises
        msg = f"{key}.loader: it cannot be made with {key}.options ({_said(error)})"
        raise ConfigError(msg) from error
    if not callable(getattr(made, "lazy_load", None)):
        msg = (
            f"{key}.loader: gave a {type(made).__name__}; expected a LangChain document loader, "
            "which has lazy_load()"
        )
        raise ConfigError(msg)
    return cast("Loads", made)


def _expanded(value: object, key: str) -> object:
    match value:
        case str():
            return expand(value, key)
        case list():
            return [_expanded(one, key) for one in cast("list[object]", value)]
        case dict():
            fields = cast("dict[str, object]", value)
            return {name: _expanded(one, f"{key}.{name}") for name, one in fields.items()}
        case _:
            return value


def read_loader(name: str, loader: Loads) -> Iterator[Document | Failure]:
    """Read what a loader loads.

    A document's id is its own (`id`, or `id` of its metadata), else its place with a number, as
    `handbook.pdf#3`. Where the loader fails on the way, what was stored of the rest is kept.

    Args:
        name: The source's name.
        loader: The loader.
    """
    of_place = Counter[str]()
    number = 0
    try:
        for number, loaded in enumerate(loader.lazy_load(), start=1):  # noqa: B007 - is told
            yield _document(name, loaded, of_place)
    except Exception as error:  # noqa: BLE001 - whatever a loader raises
        reason = f"the loader failed after {number:,} documents ({_said(error)})"
        yield Failure(where=name, reason=reason, origin=name)


def _said(error: Exception) -> str:
    what = without_password(str(error))[:_ERROR_CHARACTERS]
    return as_written(f"{type(error).__name__}: {what}")


def _document(name: str, loaded: object, of_place: Counter[str]) -> Document | Failure:
    if not isinstance(loaded, Loaded):
        kind = type(loaded).__name__
        reason = f"the loader gave a {kind}, expected langchain_core.documents.Document"
        return Failure(where=name, reason=reason, origin=name)
    metadata = cast("Mapping[str, Any]", loaded.metadata)
    place = _first(metadata, "source", "link")
    uri = _first(metadata, "uri", "url") or address_of_place(place)
    uri = public_address(uri, name, "") or name
    of_place[uri] += 1
    return Document(
        id=loaded.id or _first(metadata, "id") or f"{uri}#{of_place[uri]}",
        origin=name,
        title=_first(metadata, "title")[: limits.TITLE_CHARACTERS] or PurePosixPath(place).stem,
        uri=uri,
        text=loaded.page_content,
        date=date_of(metadata.items()),
        metadata=fields_of({key: value for key, value in metadata.items() if key not in _OWN}),
        where=f"{uri} document {of_place[uri]}",
    )


def _first(metadata: Mapping[str, Any], *keys: str) -> str:
    return next((str(metadata[key]) for key in keys if metadata.get(key)), "")
