"""A few values kept at hand: those that were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Held = TypeVar("_Held")


class Recent(Generic[_Key, _Held]):
    """A mapping that forgets what was not used for longest; for one thread at a time."""

    def __init__(self, most: int) -> None:
        """Make one that holds so many."""
        self._most = most
        self._held: OrderedDict[_Key, _Held] = OrderedDict()

    def get(self, key: _Key) -> _Held | None:
        """What is held under a key, which is used by that."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: _Key, held: _Held) -> None:
        """Hold a value, perhaps in place of another."""
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > self._most:
            self._held.popitem(last=False)

    def drop(self, key: _Key) -> None:
        """Forget a value, if it is held."""
        self._held.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()
