"""Which sources have to be indexed again, as their files change."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from itertools import cycle
from pathlib import Path

from agent_knowledge.build import ConfigLike, read_config
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.reading.walking import Place, place_of

_TICK_MS = 500
"""How long is waited for a change before it is looked whether the web is due again: a limit."""


def watched(
    config: ConfigLike, names: Collection[str] = (), *, every_s: float = 300, settle_ms: int = 1600
) -> Iterator[list[str]]:
    """Wait for changes, for ever.

    Args:
        config: A configuration, or the path of one. A source that is added to it later is not
            watched.
        names: Sources to watch; none for all of them.
        every_s: Seconds after which sources without files, such as web pages, are due again.
        settle_ms: Milliseconds without a change until changes are told.

    Yields:
        The sources to index, each time that there are some; and first of all, as soon as nothing
        is missed any more.

    Raises:
        ConfigError: There is nothing to watch.
        KeyboardInterrupt: Somebody pressed Ctrl-C.
    """
    config = read_config(config)
    places, others = _places(config, names)
    if not places and not others:
        msg = "there is nothing to watch: no source has files that are there, or is on the web"
        raise ConfigError(msg)
    store = config.store_path.resolve()
    due_at = time.monotonic() + every_s
    for number, changes in enumerate(_changes(places.values(), settle_ms)):
        changed = [path for path in changes if not path.is_relative_to(store)]
        due = [name for name, place in places.items() if any(map(place.holds, changed))]
        if others and time.monotonic() >= due_at:
            due_at = time.monotonic() + every_s
            due += others
        if due or not number:
            yield due


def _places(config: KnowledgeConfig, names: Collection[str]) -> tuple[dict[str, Place], list[str]]:
    """Where the files of sources are, and the sources that have none."""
    places: dict[str, Place] = {}
    others: list[str] = []
    for name, spec in config.sources.items():
        if names and name not in names:
            continue
        if spec.path:
            place = place_of(config.resolve(spec.path, f"sources.{name}.path"))
            places |= {name: place} if place else {}
        elif spec.url or spec.sitemap or spec.loader:
            others.append(name)
    return places, others


def _changes(places: Collection[Place], settle_ms: int) -> Iterator[set[Path]]:
    """What changed lately, again and again; often nothing. The first time all are being watched.

    A file is watched through its folder, whose other folders are not: editors write another file
    and rename it.
    """
    from watchfiles import watch

    whole = {place.folder for place in places if place.file is None}
    single = {place.folder for place in places if place.file is not None}
    watchers = [
        watch(
            *folders,
            recursive=recursive,
            debounce=settle_ms,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        for folders, recursive in ((whole, True), (single, False))
        if folders
    ]
    yield {path for watcher in watchers for path in _paths(next(watcher))}
    if not watchers:
        while True:
            time.sleep(_TICK_MS / 1000)
            yield set()
    for watcher in cycle(watchers):
        yield _paths(next(watcher))


def _paths(changes: Iterable[tuple[object, str]]) -> set[Path]:
    return {Path(path) for _, path in changes}
