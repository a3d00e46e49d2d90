"""Which passages of a source a filter wants: the metadata of its documents, beside its vectors.

A filter is answered by what `types.filters` says of each value, once a distinct value: of a
hundred thousand passages in three languages, three values are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from agent_knowledge.retrieval.reading.fields import read
from agent_knowledge.types.filters import Filter, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = "fields.npy"
_OWNERS = "field_rows.npy"
_KEPT = 64
"""Filters, and fields, that are remembered of a source: a limit of memory."""


class FieldRows:
    """The fields of one source's passages. Immutable; safe to share between threads."""

    def __init__(self, rows: NDArray[np.uint8], owners: NDArray[np.intp]) -> None:
        """Hold what `of` or `load` made.

        Args:
            rows: The fields of each document as a line of JSON, in UTF-8.
            owners: Of each passage, which line its document's is.
        """
        self._rows = rows
        self._owners = owners
        # Not of methods: what an object holds of itself is not released when it is dropped.
        column = lru_cache(_KEPT)(partial(_column_of, rows))
        self.mask = lru_cache(_KEPT)(partial(_mask_of, owners, column))

    @classmethod
    def of(cls, owners: Sequence[int], rows: Sequence[str]) -> FieldRows:
        """Take the rows as a store gives them; see `PassageStore.fields`."""
        text = "".join(f"{row}\n" for row in rows) or "\n"  # no file of nothing can be mapped
        return cls(np.frombuffer(text.encode(), dtype=np.uint8), np.array(owners, dtype=np.intp))

    def save(self, folder: Path) -> None:
        """Write them into a folder as arrays."""
        np.save(folder / _ROWS, self._rows, allow_pickle=False)
        np.save(folder / _OWNERS, self._owners, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> FieldRows | None:
        """Map what `save` wrote, from a folder that was compared with its manifest.

        Returns:
            None where nothing was written.
        """
        if not (folder / _ROWS).exists():
            return None
        rows = np.load(folder / _ROWS, mmap_mode="r", allow_pickle=False)
        return cls(rows, np.load(folder / _OWNERS, allow_pickle=False))


_Column: TypeAlias = "tuple[NDArray[np.int32], Sequence[Value | None]]"


def _mask_of(
    owners: NDArray[np.intp], column: Callable[[str], _Column], wanted: Filter
) -> NDArray[np.bool_]:
    """Of each passage, whether its document's fields are as asked."""
    mask = np.ones(len(owners), dtype=bool)
    for condition in wanted.conditions:
        codes, values = column(condition.field)
        holds = np.array([condition.holds(value) for value in values], dtype=bool)
        mask &= holds[codes[owners]]
    return mask


def _column_of(rows: NDArray[np.uint8], field: str) -> _Column:
    """The distinct values of a field, and of each document, which of them it has."""
    lines = rows.tobytes().decode().split("\n")
    places: dict[str, int] = {}  # by how they are written: 1 is another value than true
    values: list[Value | None] = []
    codes: list[int] = []
    for line in lines[:-1]:
        value = read(line).get(field) if line else None
        place = places.setdefault(repr(value), len(values))
        if place == len(values):
            values.append(value)
        codes.append(place)
    return np.array(codes, dtype=np.int32), values
